"""Evaluating a config from start to end."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec.structs import replace

from its_eval.columns import COLUMNS, TableColumns, Texts, make_table
from its_eval.config.outcomes import listed_as, strata_of_gap
from its_eval.data.faults import findings_table
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.evaluation import Evaluation
from its_eval.pipeline.answering import (
    BY_COLUMNS,
    Asker,
    Levels,
    Progress,
    Several,
    families_of,
    silent,
    told_of,
)
from its_eval.pipeline.conclude import summary_rows
from its_eval.pipeline.disclosed import disclosed
from its_eval.pipeline.foresight import require_something, without_data
from its_eval.pipeline.frames import settled
from its_eval.pipeline.history import LookPlace, with_looks
from its_eval.pipeline.notes import characteristics_dated, events_near
from its_eval.pipeline.plan import OutcomePlan, Plan
from its_eval.pipeline.planning import make_plan, on_rows, require_detail
from its_eval.pipeline.sources import load_sources, origin_of
from its_eval.pipeline.tables import add_not_estimated, peer_rows

if TYPE_CHECKING:
    from its_eval.config import Config
    from its_eval.data.frames import Indicators
    from its_eval.pipeline.frames import Source
    from its_eval.pipeline.sources import Sources


def evaluate(
    config: Source,
    progress: Progress = silent,
    *,
    indicators: Indicators | None = None,
    characteristics: pd.DataFrame | None = None,
) -> Evaluation:
    """Load, plan, fit and tabulate one config.

    Parameters
    ----------
    config : str, Path, mapping or Config
        The file, a dictionary of what would stand in it, or what ``load_config`` returns. Paths in a
        dictionary are relative to the working folder.
    progress : callable
        Called with a phrase before each stage.
    indicators : DataFrame or mapping of str to DataFrame, optional
        In the place of the files under `data.indicators`, which then need no `path`: a row per indicator,
        unit and period with the columns of a file; or a column per unit with the periods in the index; or
        such a frame for each indicator, by name.
    characteristics : DataFrame, optional
        In the place of the file under `data.characteristics`: a row per unit, its code in the column of
        units or in the index.

    Raises
    ------
    ConfigError
        When the config is faulty.
    DataError
        When the data cannot answer the question.
    NothingEstimatedError
        When no series could be estimated.

    Examples
    --------
    >>> periods = [f"{2013 + month // 12}-{month % 12 + 1:02d}" for month in range(48)]
    >>> values = [50.0 + (7 * month) % 5 + 6 * (month >= 24) for month in range(48)]
    >>> beds = pd.DataFrame({"A": values}, periods)
    >>> study = {
    ...     "version": 1,
    ...     "intervention": {"name": "New ward", "date": "2015-01"},
    ...     "treated": ["A"],
    ...     "outcomes": [{"indicator": "beds", "kind": "number"}],
    ... }
    >>> evaluate(study, indicators=beds).tidy("summary")["label"].tolist()
    ['changed']
    """
    settings, frames = settled(config, indicators, characteristics)
    progress("loading data")
    sources = load_sources(settings, frames.read)
    progress("choosing peers")
    plan = make_plan(settings, sources)
    found = evaluate_plan(settings, sources, plan, progress)
    return dataclasses.replace(found, origin=origin_of(settings, frames.tables), made_of=(settings, frames))


def evaluate_plan(
    config: Config,
    sources: Sources,
    plan: Plan,
    progress: Progress = silent,
    levels: Levels | None = None,
    several: Several | None = None,
) -> Evaluation:
    """Fit and tabulate what has been planned, its counts protected where the config asks for it.

    Levels of declared looks that a protocol has sealed are not simulated again. The numbers are the same for
    any number of processes.
    """
    require_detail(config, plan)
    levels, several = levels or {}, several or Several()
    evaluation = _evaluated(config, sources, plan, levels, progress, several)
    if sources.disclosed is None:
        return evaluation
    true = None
    if sources.disclosed.true is not None:
        # the same units, periods and peers, on the true counts
        behind = replace(sources, rows=sources.disclosed.true, disclosed=None)
        outcomes = tuple(on_rows(config, behind.rows, outcome) for outcome in plan.outcomes)
        true = _evaluated(config, behind, replace(plan, outcomes=outcomes), levels, progress, several)
    return disclosed(config, sources.disclosed, plan, evaluation, true)


def _evaluated(
    config: Config, sources: Sources, plan: Plan, levels: Levels, progress: Progress, several: Several
) -> Evaluation:
    tables = {name: TableColumns(name) for name in BY_COLUMNS}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS if name not in BY_COLUMNS}
    crawford: dict[tuple[str, str, str], float] = {}
    failed = without_data(config, plan)
    for outcome in plan.outcomes:
        for name, some in peer_rows(outcome).items():
            rows[name] += some
        add_peer_series(outcome, tables["peer_series"])
    places: dict[str, LookPlace] = {}
    asker = Asker(config, sources, plan, levels)
    for part in told_of(asker, families_of(config, plan), progress, several):
        places |= part.places
        failed += part.failed
        crawford |= part.crawford
        for name, columns in part.tables.items():
            tables[name].extend(columns)
        for name, some in part.rows.items():
            rows[name] += some
    add_not_estimated(failed, tables["not_estimated"])
    require_something(tables["effects"].count, failed)
    evaluation = evaluation_of(config, sources, plan, rows, tables)
    told = summary_rows(evaluation.tables["verdicts"], config.intervention.name, crawford)
    evaluation = dataclasses.replace(
        evaluation, tables={**evaluation.tables, "summary": make_table("summary", told)}
    )
    evaluation = with_looks(evaluation, places)
    if sources.workshops is None:
        return evaluation
    from its_eval.pipeline.workshops import with_workshops  # noqa: PLC0415  (start-up time)

    return with_workshops(config, sources.workshops, evaluation)


def evaluation_of(
    config: Config,
    sources: Sources,
    plan: Plan,
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    columns: Mapping[str, TableColumns],
) -> Evaluation:
    """Return what was found of a plan, from rows of some tables and columns of the others."""
    tables = {
        name: columns[name].frame() if name in columns else make_table(name, rows[name]) for name in COLUMNS
    }
    tables["data_quality"] = findings_table(plan.findings)
    # peers of several outcomes have the same distances
    told = {(row["unit"], row["peer"], row["variable"]): row for row in rows["peer_contributions"]}
    tables["peer_contributions"] = make_table("peer_contributions", told.values())
    return Evaluation(
        config.title,
        tables,
        plan.notes,
        {outcome.outcome.name: outcome_facts(config, outcome) for outcome in plan.outcomes},
        dict(sources.units.names),
        origin_of(config),
    )


def outcome_facts(config: Config, plan: OutcomePlan) -> dict[str, Any]:
    """Return what tables cannot say about an outcome."""
    outcome = plan.outcome
    strata = tuple((part.name, part.stratum) for part in strata_of_gap(outcome))
    return ({"gap_of": strata} if strata else {}) | {
        "label": outcome.label,
        "unit": outcome.unit,
        "kind": outcome.kind,
        "counted": outcome.counted,
        "chosen": config.intervention.chosen,
        "delivered": config.intervention.delivered,
        "per_year": plan.per_year,
        "question": config.estimands.primary,
        "question_stated": "primary" in config.estimands.model_fields_set,
        "characteristics_dated": characteristics_dated(config, plan),
        "events_near": events_near(config, plan),
        "better": outcome.better,
        "transform": outcome.transform,
        "link": ESTIMATORS[outcome.estimators[0].name].link,
        "frequency": plan.panel.frequency,
        "interruption": config.intervention.name,
        "shapes": {found.name: found.shape for fitted in plan.interruptions.values() for found in fitted},
        "interruption_period": plan.start_period,
        "start_in_words": plan.start_in_words,
        "confidence": config.confidence,
        "starts": {
            unit: (plan.period(found[0].start), plan.period_in_words(found[0].start))
            for unit, found in plan.interruptions.items()
        },
        "events": tuple(
            (event.name, event.date, event.units)
            for event in config.events
            if event.as_ != "mask" and (not event.outcomes or listed_as(outcome) in event.outcomes)
        ),
    }


def add_peer_series(plan: OutcomePlan, into: TableColumns) -> None:
    """Add a row for every peer of an outcome and period: its value on the response scale, and of how many."""
    peers = sorted({peer for peers in plan.peer_sets.values() for peer in peers.peers})
    if not peers:
        return
    panel, columns = plan.panel, plan.panel.columns(peers)
    n = panel.n_periods
    into.add(
        len(peers) * n,
        {
            "outcome": plan.outcome.name,
            "unit": Texts(np.repeat(np.arange(len(peers)), n), peers),
            "period": Texts(np.tile(np.arange(n), len(peers)), panel.periods),
            "value": panel.values[:, columns].T.ravel(),
            "denominator": panel.denominators[:, columns].T.ravel(),
        },
    )
