"""One block of a batch run from data to files: what a worker does, here or on another machine."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field

from its_eval.batch.outcome import PeerMemory, PlannedOutcome, plan_outcome
from its_eval.batch.summary import add_summary, n_interruptions, of_events
from its_eval.columns import TableColumns, Texts
from its_eval.comparisons.base import comparison_of
from its_eval.data.dataset import read_indicators
from its_eval.data.parquet import encode_part
from its_eval.errors import DataError
from its_eval.pipeline.conclude import adjusted_p
from its_eval.pipeline.estimate import Ask, Estimates, estimate
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.sheet import NotEstimated, Sheet
from its_eval.pipeline.tables import (
    Answers,
    add_effects,
    add_fits,
    add_not_estimated,
    answers,
    without_primary,
)
from its_eval.pipeline.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from its_eval.batch.blocks import Block
    from its_eval.config import Estimator
    from its_eval.data.dataset import CodedRows


#: Tables of a batch run; ``peers`` only where there are any.
TABLES = ("summary", "effects", "fits", "not_estimated", "peers")
#: So many reasons why nothing was estimated travel back with a block.
_REASONS_KEPT = 5


class BlockResult(Struct, frozen=True):
    """What came of a block.

    Attributes
    ----------
    number : int
        Which block.
    files : mapping of str to bytes
        By table: its rows as a Parquet file.
    estimated, failed, flagged : int
        Series with and without estimates, and with warnings.
    reasons : tuple of str
        Why some series have none.
    problems : tuple of str
        Faults of the data, which stop the run; then there are no files.
    """

    number: int
    files: Mapping[str, bytes] = field(default_factory=dict)
    estimated: int = 0
    failed: int = 0
    flagged: int = 0
    reasons: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def evaluate_block(block: Block) -> BlockResult:
    """Read the rows of a block, estimate every series of it, and write the tables down."""
    # statsmodels collects garbage at every adjustment of p-values: what is there already is no garbage
    gc.freeze()
    try:
        return _evaluate(block)
    finally:
        gc.unfreeze()


def _evaluate(block: Block) -> BlockResult:
    try:
        rows = read_indicators(block.config.data, [item.indicator for item in block.config.outcomes])
    except DataError as error:
        return BlockResult(block.number, problems=tuple(error.problems))
    planned, failed, problems = _planned(block, rows)
    if problems:
        return BlockResult(block.number, problems=tuple(problems))
    config = block.config
    analysis = Analysis.of(config)
    sheets: list[tuple[Sheet, Sequence[Estimator]]] = []
    for item in planned:
        for name in config.designs:
            comparison = comparison_of(name)
            sheet, lost = comparison.sheet(item.plan, comparison.targets(item.plan))
            failed += [*comparison.outside(item.plan), *lost]
            if sheet.targets:
                # the first estimator alone: a batch answers, and tries nothing else
                sheets.append((sheet, comparison.entries(item.plan.outcome.estimators)[:1]))
    estimates, lost = estimate(sheets, Ask(analysis.question, whole_fits=False, joined=True))
    failed += lost
    tables = {name: TableColumns(name) for name in TABLES}
    for family in _families(analysis, estimates):
        better = family[0].estimates.sheet.plan.outcome.better
        terms = Terms.of(config, better, len(block.treatment.units))
        question = config.estimands.primary
        others = np.empty(0) if terms.each_interruption else of_events(family, question)
        size = terms.size(n_interruptions(family))
        adjusted = adjusted_p(family, question, size, terms, others)
        for answer, p_adjusted in zip(family, adjusted, strict=True):
            add_effects(answer, p_adjusted, config.confidence, tables["effects"])
            add_fits(answer, {}, tables["fits"])
            failed += without_primary(answer)
        add_summary(family, terms, question, others, tables["summary"])
    add_not_estimated(failed, tables["not_estimated"])
    if config.peers is not None:
        _add_peers(planned, tables["peers"])
    else:
        del tables["peers"]
    return BlockResult(
        block.number,
        {name: encode_part(name, columns.columns(), columns.count) for name, columns in tables.items()},
        tables["fits"].count,
        tables["not_estimated"].count,
        tables["fits"].flagged,
        tuple(
            f"{item.outcome}, {item.unit}, {item.design}: {item.message}" for item in failed[:_REASONS_KEPT]
        ),
    )


def _planned(block: Block, rows: CodedRows) -> tuple[list[PlannedOutcome], list[NotEstimated], list[str]]:
    """Return the outcomes as plans, series that no treated unit has, and faults of the data."""
    memory = PeerMemory()
    planned: list[PlannedOutcome] = []
    failed: list[NotEstimated] = []
    problems: list[str] = []
    for outcome in block.config.outcomes:
        try:
            plan = plan_outcome(block, outcome, rows, memory)
        except DataError as error:
            problems += error.problems
            continue
        if plan is None:
            failed += _absent(block, outcome.name)
        else:
            planned.append(plan)
    return planned, failed, problems


def _absent(block: Block, outcome: str) -> list[NotEstimated]:
    """Return every treated unit of an outcome that no treated unit has."""
    return [
        NotEstimated(outcome, unit, design, "", "no_data", f"{unit} has no value of {outcome}")
        for unit in block.treatment.units
        for design in block.config.designs
    ]


def _families(analysis: Analysis, estimates: Sequence[Estimates]) -> list[list[Answers]]:
    """Return the answers of each outcome and design, in a fixed order."""
    families: dict[tuple[str, str], list[Estimates]] = {}
    for item in estimates:
        families.setdefault((item.sheet.plan.outcome.name, item.sheet.comparison), []).append(item)
    return [
        [
            answers(item, analysis, is_first=True)
            for item in sorted(families[key], key=lambda item: int(item.columns[0]))
        ]
        for key in sorted(families)
    ]


def _add_peers(planned: Sequence[PlannedOutcome], into: TableColumns) -> None:
    """Write down peers; those that many outcomes share are put together once."""
    known: dict[object, dict[str, object]] = {}
    for item in planned:
        if item.peers_key not in known:
            sets = [chosen for chosen in item.plan.peer_sets.values() if chosen.peers]
            counts = [len(chosen.peers) for chosen in sets]
            ranks = [np.arange(1, count + 1) for count in counts]
            known[item.peers_key] = {
                "unit": Texts.of(unit for chosen in sets for unit in [chosen.unit] * len(chosen.peers)),
                "peer": Texts.of(peer for chosen in sets for peer in chosen.peers),
                "rank": np.concatenate([*ranks, np.zeros(0, dtype=int)]),
                "distance": np.concatenate([*(chosen.distances for chosen in sets), np.zeros(0)]),
                "pool_rank": np.concatenate(
                    [*(chosen.pool_ranks for chosen in sets), np.zeros(0, dtype=int)]
                ),
            }
        columns = known[item.peers_key]
        rows = len(columns["rank"])  # type: ignore[arg-type]
        if rows:
            into.add(rows, {"outcome": item.plan.outcome.name, **columns})  # type: ignore[dict-item]
