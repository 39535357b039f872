"""The treated units as a set: their mean effect, and its place among sets of other units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.checks.joint_placebo import JointPlacebo, joint_placebo
from its_eval.checks.result import CheckResult
from its_eval.effects.set_effect import UnitPart, set_effect
from its_eval.pipeline.plan import Target, fitted_events
from its_eval.pipeline.primary import (
    PrimaryEstimate,
    contrast_of,
    interruption_number,
    primary_columns,
)
from its_eval.pipeline.set_parts import parts_of

if TYPE_CHECKING:
    from its_eval.comparisons.base import Comparison
    from its_eval.config import Config
    from its_eval.design.matrix import Interruption
    from its_eval.pipeline.estimate import Estimates
    from its_eval.pipeline.placebos import DonorFits
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.primary import Analysis
    from its_eval.pipeline.question import Asked

#: Name of the set in tables that need a unit.
SET = "treated units"


class SetAnswer(Struct, frozen=True):
    """The mean effect of the treated units at one interruption.

    Attributes
    ----------
    key : str
        Of the interruption.
    quantities : mapping of str to PrimaryEstimate
        By name, that of the answer first.
    p_value, p_placebo : float
        Of the question, and among sets of other units; NaN where that could not be said.
    n_units, n_donors : int
        Units averaged, and other units from which sets were drawn.
    compared : bool
        Whether so many sets exist that the level can be reached.
    inference : str
        How it was averaged.
    flags : tuple of str
        Warnings.
    placebo : JointPlacebo or None
        The sets.
    """

    key: str
    quantities: Mapping[str, PrimaryEstimate]
    p_value: float
    p_placebo: float = math.nan
    n_units: int = 0
    n_donors: int = 0
    compared: bool = False
    inference: str = "mean_of_units"
    flags: tuple[str, ...] = ()
    placebo: JointPlacebo | None = None


def set_answer(
    analysis: Analysis, asked: Asked, estimates: Sequence[Estimates], n_treated: int
) -> SetAnswer | None:
    """Return the mean effect of the units that have one; None for fewer than two.

    Parameters
    ----------
    analysis : Analysis
        What is asked.
    asked : Asked
        Of which interruption.
    estimates : sequence of Estimates
        Fits of the treated units.
    n_treated : int
        Treated units as configured.
    """
    names = list(asked.quantities)
    parts = _parts(analysis, asked, names, estimates)
    if len(parts) < 2:
        return None
    found = set_effect(list(parts.values()))
    low, high = found.interval(analysis.confidence)
    example = {name: next(iter(asked.quantities[name])) for name in names}
    quantities = {
        name: PrimaryEstimate(
            target=Target(SET, example[name].target.interruptions),
            estimate=float(found.estimate[place]),
            std_error=float(found.std_error[place]),
            df=float(found.df[place]),
            statistic=float(found.statistic[place]),
            p_value=float(found.p_values[place]),
            conf_low=float(low[place]),
            conf_high=float(high[place]),
            stuck=False,
            scale=example[name].scale,
            estimand=example[name].estimand,
        )
        for place, name in enumerate(names)
    }
    p_terms = [quantities[name].p_value for name in asked.terms]
    p_value = min(1.0, len(p_terms) * min(p_terms))
    flags = ("some_units_missing",) if len(parts) < n_treated else ()
    return SetAnswer(asked.key, quantities, p_value, n_units=len(parts), flags=flags)


def _parts(
    analysis: Analysis, asked: Asked, names: Sequence[str], estimates: Sequence[Estimates]
) -> dict[str, UnitPart]:
    """Return what each unit brings; estimands have other names where series are shorter.

    Of an estimand that is no contrast of the fit it is not known what units share: they are independent.
    """
    found: dict[str, UnitPart] = {}
    separate = []
    for item in estimates:
        number = interruption_number(item.design, asked.key)
        if number is None:
            continue
        shown = (analysis.of_estimand(name).shown_estimand(item.design, number) for name in names)
        wanted = [(number, contrast_of(item, name)) for name in shown]
        if set(wanted) <= set(item.reading.names) and not item.placebo_only:
            found |= parts_of([item], wanted)
        else:
            separate.append(item)
    if separate:
        read = [primary_columns(separate, name, analysis.question, asked.key) for name in names]
        by_unit = [columns.by_unit for columns in read]
        for unit in by_unit[0]:
            own = [columns[unit] for columns in by_unit if unit in columns]
            numbers = np.array([(one.estimate, one.std_error, one.df) for one in own]).T
            if len(own) == len(names) and np.isfinite(numbers).all() and not any(one.stuck for one in own):
                found[unit] = UnitPart.alone(*numbers)
    return found


def beside_sets(
    config: Config,
    plan: OutcomePlan,
    comparison: Comparison,
    analysis: Analysis,
    asked: Asked,
    answer: SetAnswer,
    estimates: Sequence[Estimates],
    fits: Sequence[DonorFits],
) -> SetAnswer:
    """Return the answer with its place among sets of as many of all units.

    Parameters
    ----------
    config, plan, comparison, analysis : Config, OutcomePlan, Comparison, Analysis
        What was planned, and is asked.
    asked, answer : Asked, SetAnswer
        Of which interruption.
    estimates : sequence of Estimates
        Fits of the treated units.
    fits : sequence of DonorFits
        Donors in their places.
    """
    own = _parts(analysis, asked, asked.terms, estimates)
    places: dict[str, Mapping[str, UnitPart]] = {}
    by_start: dict[int, Mapping[str, UnitPart]] = {}
    for part in fits:
        units = [unit for unit in part.units if unit in own]
        if not units:
            continue
        candidates = _parts(analysis, asked, asked.terms, part.estimates)
        # the units of a part share their start
        start = plan.interruptions[units[0]][0]
        if start.start not in by_start:
            moved = [unit for unit in own if plan.interruptions[unit][0].start != start.start]
            others = {unit: own[unit] for unit in own if unit not in moved}
            if moved:
                others |= _moved(config, plan, comparison, analysis, asked, moved, start)
            by_start[start.start] = others
        shared = {**candidates, **by_start[start.start]}
        places |= dict.fromkeys(units, shared)
    if len(places) < answer.n_units:
        return answer
    stream = analysis.stream(plan.outcome.name, comparison.name, asked.key, "joint placebo")
    found = joint_placebo(places, stream)
    return replace(
        answer,
        p_placebo=found.p_value,
        n_donors=found.n_units - answer.n_units,
        compared=found.can_reach(analysis.alpha),
        placebo=found,
    )


def _moved(
    config: Config,
    plan: OutcomePlan,
    comparison: Comparison,
    analysis: Analysis,
    asked: Asked,
    units: Sequence[str],
    start: Interruption,
) -> dict[str, UnitPart]:
    """Return treated units of other starts as if they had begun at this one."""
    targets = []
    for unit in units:
        events = fitted_events(config, plan.outcome, plan.panel, unit)[0]
        targets.append(replace(comparison.target(plan, unit), interruptions=(start, *events)))
    entries = comparison.entries(plan.outcome.estimators)[:1]
    fitted, _ = comparison.estimates(plan, analysis.ask, targets, entries)
    return _parts(analysis, asked, asked.terms, fitted)


def joint_placebo_check(answer: SetAnswer, n_treated: int) -> list[CheckResult]:
    """Return the check ``joint_placebo``: the mean effect of the treated units among those of sets."""
    if answer.placebo is None or math.isnan(answer.p_placebo):
        return []
    found = answer.placebo
    whose = "all treated" if answer.n_units == n_treated else f"{answer.n_units} of {n_treated} treated"
    sets = f"all {found.n_sets:,}" if found.every_set else f"{found.n_sets:,}"
    message = (
        f"The mean change of {whose} units is as large as or larger than that of {1 - found.p_value:.0%} of "
        f"{sets} sets of {answer.n_units} among {found.n_units} units (p = {found.p_value:.4f})."
    )
    return [CheckResult("joint_placebo", found.statistic, found.p_value, "pass", message)]
