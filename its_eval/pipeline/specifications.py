"""The specification curve: the primary estimate under other choices, each alone or in every combination."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from its_eval.pipeline.designs import design_estimators, fit_design
from its_eval.pipeline.plan import Target
from its_eval.pipeline.primary import on_summary_scale, primary_estimates
from its_eval.pipeline.variants import Variant, standard_variants, variants

if TYPE_CHECKING:
    from its_eval.config import Config, Estimator
    from its_eval.pipeline.estimation import Block
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.primary import PrimaryEstimate
    from its_eval.pipeline.sources import Sources

#: Dimension of the rows in which every combination of choices is tried, and of single peers left out.
CROSSED = "combination"
LEAVE_ONE_OUT = "leave_one_peer_out"

Row = dict[str, object]


@dataclass(frozen=True)
class Specification:
    """One specification: some choices that differ from the config.

    Attributes
    ----------
    dimension, choice : str
        As they stand in the table ``sensitivity``.
    parts : tuple of Variant
        What differs.
    """

    dimension: str
    choice: str
    parts: tuple[Variant, ...]


def specifications(
    config: Config, sources: Sources, plan: OutcomePlan, design_name: str
) -> list[Specification]:
    """Return every specification that the config asks for, in a fixed order, without its own.

    The standard ones stand alone, whether or not the others are crossed.
    """
    found = variants(config, sources, plan, design_name)
    single = [Specification(part.dimension, part.choice, (part,)) for part in found]
    known = {(item.dimension, item.choice) for item in single}
    standard = [
        Specification(part.dimension, part.choice, (part,))
        for part in (standard_variants(plan, design_name) if config.sensitivity.standard else [])
        if (part.dimension, part.choice) not in known
    ]
    if not config.sensitivity.cross:
        return [*single, *standard]
    dimensions: dict[str, list[Variant]] = {}
    for part in found:
        dimensions.setdefault(part.dimension, []).append(part)
    crossed = []
    for combination in product(*([None, *parts] for parts in dimensions.values())):
        parts = tuple(part for part in combination if part is not None)
        if parts:
            choice = "; ".join(f"{part.dimension}={part.choice}" for part in parts)
            crossed.append(Specification(CROSSED, choice, parts))
    return [*crossed, *standard]


def sensitivity_rows(
    config: Config, sources: Sources, plan: OutcomePlan, design_name: str, blocks: Sequence[Block]
) -> list[Row]:
    """Return the rows of ``sensitivity`` of one outcome and design.

    Parameters
    ----------
    config, sources, plan : Config, Sources, OutcomePlan
        What was planned.
    design_name : str
        Which design.
    blocks : sequence of Block
        Fits of its primary estimator: their estimates stand first, as ``primary``.
    """
    rows = [
        _row(config, plan, design_name, "primary", "as configured", item)
        for item in primary_estimates(config, plan, blocks)
    ]
    if not rows or design_name == "synthetic":
        return []
    if config.checks.leave_one_peer_out and design_name != "single":
        rows += _leave_one_out(config, plan, design_name)
    for specification in specifications(config, sources, plan, design_name):
        changed, targets, estimators = apply(specification, plan, design_name)
        fitted, _ = fit_design(changed, design_name, targets, estimators)
        rows += [
            _row(config, changed, design_name, specification.dimension, specification.choice, item)
            for item in primary_estimates(config, changed, fitted)
        ]
    return rows if len(rows) > len({row["unit"] for row in rows}) else []


def apply(
    specification: Specification, plan: OutcomePlan, design_name: str
) -> tuple[OutcomePlan, list[Target], list[Estimator]]:
    """Return the plan, the treated units' targets and the estimator of a specification."""
    estimators = list(design_estimators(plan, design_name)[:1])
    changed = plan
    for part in specification.parts:
        changed = part.change_plan(changed)
        estimators = [part.change_estimator(item) for item in estimators]
    targets = []
    for unit in plan.treated:
        if design_name != "single" and unit not in plan.peer_sets:
            continue
        target = changed.target(unit, design_name)
        for part in specification.parts:
            target = part.change_target(target, plan.donors.get(unit, ()))
        targets.append(target)
    return changed, targets, estimators


def _leave_one_out(config: Config, plan: OutcomePlan, design_name: str) -> Iterator[Row]:
    """Yield the estimates without each peer in turn; units with a single peer have none."""
    targets: list[Target] = []
    left: list[str] = []
    for unit, chosen in plan.peer_sets.items():
        if len(chosen.peers) < 2:
            continue
        whole = plan.target(unit, design_name)
        for peer in chosen.peers:
            targets.append(replace(whole, peers=tuple(code for code in chosen.peers if code != peer)))
            left.append(peer)
    # one call for all: the series are columns of one matrix
    by_series = {(item.unit, item.peers): peer for item, peer in zip(targets, left, strict=True)}
    blocks, _ = fit_design(plan, design_name, targets, design_estimators(plan, design_name)[:1])
    for block in blocks:
        for item in primary_estimates(config, plan, [block]):
            peer = by_series[item.unit, block.series.peers[item.column]]
            yield _row(config, plan, design_name, LEAVE_ONE_OUT, peer, item)


def _row(
    config: Config,
    plan: OutcomePlan,
    design_name: str,
    dimension: str,
    choice: str,
    item: PrimaryEstimate,
) -> Row:
    return {
        "outcome": plan.outcome.name,
        "unit": item.unit,
        "design": design_name,
        "dimension": dimension,
        "choice": choice,
        "estimand": config.estimands.primary,
        "estimate": on_summary_scale(item.estimate, item.link),
        "std_error": item.std_error,
        "df": item.df,
        "p_value": np.nan if item.stuck else item.p_value,
        "conf_low": on_summary_scale(item.conf_low, item.link),
        "conf_high": on_summary_scale(item.conf_high, item.link),
        # not a column of the table, but how to come back from the scale of the summary
        "link": item.link,
    }
