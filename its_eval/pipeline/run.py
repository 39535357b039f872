"""Evaluating a config from start to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from its_eval.config.stratified import listed_as, strata_of_gap
from its_eval.data.faults import findings_table
from its_eval.errors import NothingEstimatedError
from its_eval.evaluation import COLUMNS, Evaluation, make_table
from its_eval.pipeline.conclude import adjust_primary, power_rows, summary_rows, verdict_records
from its_eval.pipeline.credibility import Credibility, examine
from its_eval.pipeline.designs import fit_design, primary_label
from its_eval.pipeline.plan import OutcomePlan, Plan
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.sheet import NotEstimated
from its_eval.pipeline.sources import load_sources, with_workshops
from its_eval.pipeline.specifications import curve_checks, sensitivity_rows
from its_eval.pipeline.tables import (
    NO_INFERENCE,
    block_keys,
    coefficient_rows,
    effect_rows,
    fit_rows,
    peer_rows,
    series_rows,
)

if TYPE_CHECKING:
    from its_eval.config import Config
    from its_eval.pipeline.estimate import Block
    from its_eval.pipeline.sources import Sources


Progress = Callable[[str], None]


def _silent(_: str) -> None:
    """Report progress to nobody."""


def evaluate(config: Config, progress: Progress = _silent) -> Evaluation:
    """Load, plan, fit and tabulate one config.

    Parameters
    ----------
    config : Config
        As ``load_config`` returns it.
    progress : callable
        Called with a phrase before each stage.

    Raises
    ------
    DataError
        When the data cannot answer the question.
    NothingEstimatedError
        When no series could be estimated.
    """
    progress("loading data")
    sources = load_sources(config)
    progress("choosing peers")
    plan = make_plan(config, sources)
    return evaluate_plan(config, sources, plan, progress)


def evaluate_plan(config: Config, sources: Sources, plan: Plan, progress: Progress = _silent) -> Evaluation:
    """Fit and tabulate what has been planned."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
    stuck: set[tuple[str, str, str, str]] = set()
    found: dict[tuple[str, str], Credibility] = {}
    rows["not_estimated"] += [
        vars(NotEstimated(name, unit, design, "", "no_data", f"{unit} has no value of {name}"))
        for name in plan.absent
        for unit in plan.treated
        for design in config.designs
    ]
    for outcome in plan.outcomes:
        progress(f"fitting {outcome.outcome.label}")
        for name, some in peer_rows(outcome).items():
            rows[name] += some
        for design_name in config.designs:
            found[outcome.outcome.name, design_name] = _evaluate_design(
                config, sources, outcome, design_name, rows, stuck
            )
    if not rows["effects"]:
        reasons = [
            f"{row['outcome']}, {row['unit']}, {row['design']}: {row['message']}"
            for row in rows["not_estimated"]
        ]
        raise NothingEstimatedError("\n".join(["no series could be estimated", *dict.fromkeys(reasons)]))
    adjust_primary(config, rows["effects"], stuck, len(plan.treated))
    better: dict[str, str | None] = {
        outcome.outcome.name: outcome.outcome.better for outcome in plan.outcomes
    }
    rows["summary"] = summary_rows(config, rows["effects"], stuck, better, found)
    rows["power"] = power_rows(config, rows["effects"], stuck)
    for credibility in found.values():
        for name, some in credibility.rows.items():
            rows[name] += some
    rows["verdicts"] = [vars(verdict) for verdict in verdict_records(config, rows, better, found)]
    rows["peer_contributions"] = list(
        {(row["unit"], row["peer"], row["variable"]): row for row in rows["peer_contributions"]}.values()
    )
    tables = {
        name: make_table(name, [{key: row.get(key) for key in columns} for row in rows[name]])
        for name, columns in COLUMNS.items()
    }
    tables["data_quality"] = findings_table(plan.findings)
    evaluation = Evaluation(
        config.title,
        tables,
        (*plan.notes, *(note for credibility in found.values() for note in credibility.notes)),
        {outcome.outcome.name: _about(config, outcome) for outcome in plan.outcomes},
        dict(sources.units.names),
        {outcome.outcome.name: _peer_values(outcome) for outcome in plan.outcomes},
    )
    return with_workshops(config, sources.workshops, evaluation)


def _evaluate_design(
    config: Config,
    sources: Sources,
    plan: OutcomePlan,
    design_name: str,
    rows: dict[str, list[dict[str, Any]]],
    stuck: set[tuple[str, str, str, str]],
) -> Credibility:
    """Fit one design of one outcome, check it, and write everything down as rows."""
    first = primary_label(plan, design_name)
    blocks, failed = fit_design(plan, design_name)
    rows["not_estimated"] += [vars(item) for item in failed]
    primary = [block for block in blocks if block.estimator == first]
    credibility = examine(config, sources, plan, design_name, primary)
    sensitivity = sensitivity_rows(config, sources, plan, design_name, primary)
    rows["sensitivity"] += sensitivity
    for unit, check in curve_checks(config, sources, plan, design_name, sensitivity):
        credibility.add(plan, design_name, unit, [check])
    for block in blocks:
        found = list(effect_rows(config, plan, block, first))
        rows["effects"] += found
        rows["coefficients"] += coefficient_rows(config, plan, block)
        flags = _outside_flags(plan, block, found)
        if block.estimator == first:
            for position, column in enumerate(block.columns):
                flags.setdefault(position, set()).update(
                    credibility.flags.get(block.series.units[column], set())
                )
        rows["fits"] += fit_rows(plan, block, flags)
        for position in range(len(block.columns)):
            raised = {name for name, flag in block.fit.flags.items() if flag[position]}
            if raised & NO_INFERENCE:
                keys = block_keys(plan, block, position)
                stuck.add((keys["outcome"], keys["unit"], keys["design"], keys["estimator"]))
        if block.estimator == first:
            rows["series"] += series_rows(config, plan, block)
            rows["not_estimated"] += _without_primary(config, plan, block, found)
    return credibility


def _without_primary(
    config: Config, plan: OutcomePlan, block: Block, found: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the series of the first estimator whose primary estimand the data do not have."""
    primary = config.estimands.primary
    have = {row["unit"] for row in found if row["estimand"] == primary}
    message = (
        f"{primary} cannot be had from these data: an effect at k periods has to lie within the window, a "
        "cumulative effect needs denominators and no logarithm, a relative effect a level other than zero"
    )
    every = [block_keys(plan, block, position) for position in range(len(block.columns))]
    return [
        keys | {"reason": "no_primary_estimand", "message": message}
        for keys in every
        if keys["unit"] not in have
    ]


def _outside_flags(plan: OutcomePlan, block: Block, found: list[dict[str, Any]]) -> dict[int, set[str]]:
    """Return the warnings that only effects and bands can show, by position in the block."""
    flags: dict[int, set[str]] = {}
    units = [block.series.units[column] for column in block.columns]
    for row in found:
        if row["df_floor"] and row["role"] == "primary":
            flags.setdefault(units.index(row["unit"]), set()).add("df_floor")
    if plan.outcome.kind == "percentage" and block.link == "none":
        after = block.design.effect_periods()
        for position, column in enumerate(block.columns):
            level = block.design.counterfactual[after] @ block.fit.params[position]
            if not block.own_level:
                level = level + block.series.peer_means[after, column]
            if (level < 0).any() or (level > 100).any():
                flags.setdefault(position, set()).add("counterfactual_outside_range")
    return flags


def _about(config: Config, plan: OutcomePlan) -> dict[str, Any]:
    outcome = plan.outcome
    strata = tuple((part.name, part.stratum) for part in strata_of_gap(outcome))
    return ({"gap_of": strata} if strata else {}) | {
        "label": outcome.label,
        "unit": outcome.unit,
        "kind": outcome.kind,
        "better": outcome.better,
        "transform": outcome.transform,
        "frequency": plan.panel.frequency,
        "interruption": config.intervention.name,
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


def _peer_values(plan: OutcomePlan) -> pd.DataFrame:
    """Return the values of all peers of an outcome, periods × units."""
    peers = sorted({peer for peers in plan.peer_sets.values() for peer in peers.peers})
    columns = [plan.panel.column(peer) for peer in peers]
    return pd.DataFrame(plan.panel.values[:, columns], index=plan.panel.periods, columns=peers)
