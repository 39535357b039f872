"""One block of a batch run from data to files: what a worker does, here or on another machine."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from its_eval.batch.outcome import PeerMemory, PlannedOutcome, plan_outcome
from its_eval.batch.rows import add_estimates
from its_eval.batch.series import Piece, make_pieces
from its_eval.batch.statistics import Estimated, estimate_pieces
from its_eval.batch.tables import Rows, texts
from its_eval.data.dataset import read_indicators
from its_eval.errors import DataError
from its_eval.pipeline.sheet import NotEstimated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from its_eval.batch.blocks import Block


#: Tables of a batch run; ``peers`` only where there are any.
TABLES = ("summary", "effects", "fits", "not_estimated", "peers")
#: So many reasons why nothing was estimated travel back with a block.
_REASONS_KEPT = 5


@dataclass(frozen=True)
class BlockResult:
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
    memory = PeerMemory()
    planned: list[PlannedOutcome] = []
    failed: list[NotEstimated] = []
    problems: list[str] = []
    for outcome in block.config.outcomes:
        try:
            found = plan_outcome(block, outcome, rows, memory)
        except DataError as error:
            problems += error.problems
            continue
        if found is None:
            failed += _absent(block, outcome.name)
        else:
            planned.append(found)
    if problems:
        return BlockResult(block.number, problems=tuple(problems))
    pieces: list[Piece] = []
    for item in planned:
        for design_name in block.config.designs:
            made, lost = make_pieces(block.config, item.plan, design_name)
            pieces += made
            failed += lost
    tables = {name: Rows(name) for name in TABLES}
    for family in _families(estimate_pieces(pieces)):
        add_estimates(block.config, len(block.treatment.units), family, tables)
    _add_failed(failed, tables["not_estimated"])
    if block.config.peers is not None:
        _add_peers(planned, tables["peers"])
    else:
        del tables["peers"]
    return BlockResult(
        block.number,
        {name: rows.encode() for name, rows in tables.items()},
        tables["fits"].count,
        tables["not_estimated"].count,
        tables["fits"].flagged,
        tuple(
            f"{item.outcome}, {item.unit}, {item.design}: {item.message}" for item in failed[:_REASONS_KEPT]
        ),
    )


def _absent(block: Block, outcome: str) -> list[NotEstimated]:
    """Return every treated unit of an outcome that no treated unit has."""
    return [
        NotEstimated(outcome, unit, design, "", "no_data", f"{unit} has no value of {outcome}")
        for unit in block.treatment.units
        for design in block.config.designs
    ]


def _families(found: Sequence[Estimated]) -> list[list[Estimated]]:
    """Return the pieces of each outcome and design, in a fixed order."""
    families: dict[tuple[str, str], list[Estimated]] = {}
    for item in found:
        families.setdefault((item.piece.plan.outcome.name, item.piece.design_name), []).append(item)
    return [sorted(families[key], key=lambda item: int(item.piece.columns[0])) for key in sorted(families)]


def _add_failed(failed: Sequence[NotEstimated], into: Rows) -> None:
    if failed:
        names = ("outcome", "unit", "design", "estimator", "reason", "message")
        into.add(len(failed), {name: texts(getattr(item, name) for item in failed) for name in names})


def _add_peers(planned: Sequence[PlannedOutcome], into: Rows) -> None:
    """Write down peers; those that many outcomes share are put together once."""
    known: dict[object, dict[str, object]] = {}
    for item in planned:
        if item.peers_key not in known:
            sets = [chosen for chosen in item.plan.peer_sets.values() if chosen.peers]
            counts = [len(chosen.peers) for chosen in sets]
            ranks = [np.arange(1, count + 1) for count in counts]
            known[item.peers_key] = {
                "unit": texts(unit for chosen in sets for unit in [chosen.unit] * len(chosen.peers)),
                "peer": texts(peer for chosen in sets for peer in chosen.peers),
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
