"""Placebo in space: every eligible donor in the place of a treated unit, and the checks made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.conclusion import enough_donors
from its_eval.checks.placebo import Placebo, joint_placebo, placebo
from its_eval.checks.result import CheckResult
from its_eval.pipeline.donors import targets_of_donors
from its_eval.pipeline.primary import Analysis, PrimaryColumns, PrimaryEstimate

if TYPE_CHECKING:
    from its_eval.comparisons.base import Comparison
    from its_eval.config import Config
    from its_eval.pipeline.estimate import Estimates
    from its_eval.pipeline.plan import OutcomePlan, Target
    from its_eval.pipeline.sources import Sources


Row = dict[str, object]


@dataclass(frozen=True)
class UnitPlacebos:
    """The placebos of one treated unit.

    Attributes
    ----------
    donors : tuple of str
        Everyone who takes its place.
    statistics : ndarray, shape (J,)
        Their studentised primary estimand (synthetic control: ratio of prediction errors); NaN unfitted.
    estimates : ndarray, shape (J,)
        Their primary estimand, on the scale of the fit.
    own : float
        Statistic of the treated unit.
    rank : Placebo
        What comes of it.
    """

    donors: tuple[str, ...]
    statistics: np.ndarray
    estimates: np.ndarray
    own: float
    rank: Placebo


@dataclass(frozen=True)
class DesignPlacebos:
    """The placebos of one outcome and design.

    Attributes
    ----------
    units : mapping of str to UnitPlacebos
        By treated unit.
    joint : float
        p-value of the mean statistic of the treated units that have placebos; NaN with fewer donors than
        units.
    rows : list of dict
        Rows of ``placebo_units``.
    """

    units: Mapping[str, UnitPlacebos] = field(default_factory=dict)
    joint: float = np.nan
    rows: Sequence[Row] = ()


def placebos_in_space(
    config: Config,
    sources: Sources,
    plan: OutcomePlan,
    comparison: Comparison,
    own: PrimaryColumns,
    estimates: Sequence[Estimates],
) -> DesignPlacebos:
    """Fit every donor as if it were treated, and rank the treated units among them.

    Parameters
    ----------
    config, sources, plan : Config, Sources, OutcomePlan
        What was planned.
    comparison : Comparison
        A controlled one.
    own, estimates : PrimaryColumns, sequence of Estimates
        The primary estimand of the treated units, and the fits it comes from.
    """
    analysis = Analysis.of(config)
    by_unit = own.by_unit()
    targets = targets_of_donors(config, sources, plan, [unit for unit in plan.treated if unit in by_unit])
    # units whose donors, peers of these or start differ ask for other placebos; others share one object
    fitted: dict[int, dict[str, tuple[float, float]]] = {}
    units: dict[str, UnitPlacebos] = {}
    ratios = comparison.ranks(estimates)
    for unit in plan.treated:
        if unit not in by_unit:
            continue
        pool = plan.donors.get(unit, ())
        asked = targets[unit]
        if id(asked) not in fitted:
            if comparison.takes_all_donors:
                asked = tuple(replace(item, peers=_others(pool, item.unit)) for item in asked)
            fitted[id(targets[unit])] = _fit_donors(analysis, plan, comparison, asked)
        found = fitted[id(targets[unit])]
        values = np.array([found.get(donor, (np.nan, np.nan)) for donor in pool]).reshape(-1, 2)
        if np.isnan(values[:, 1]).all():
            # a rank among donors none of which could be fitted would say nothing
            continue
        statistic = ratios[unit] if ratios is not None else by_unit[unit].statistic
        units[unit] = UnitPlacebos(
            pool, values[:, 1], values[:, 0], statistic, placebo(statistic, values[:, 1])
        )
    joint = _joint(analysis, plan, comparison.name, units)
    return DesignPlacebos(units, joint, _rows(analysis, plan, comparison.name, units, by_unit))


def _others(pool: tuple[str, ...], donor: str) -> tuple[str, ...]:
    return tuple(code for code in pool if code != donor)


def _fit_donors(
    analysis: Analysis, plan: OutcomePlan, comparison: Comparison, targets: Sequence[Target]
) -> dict[str, tuple[float, float]]:
    """Return estimate and statistic by donor."""
    entries = comparison.entries(plan.outcome.estimators)[:1]
    estimates, _ = comparison.estimates(plan, analysis.ask, targets, entries)
    primary = analysis.primary(estimates)
    ratios = comparison.ranks(estimates)
    return {
        item.unit: (item.estimate, item.statistic if ratios is None else ratios[item.unit])
        for item in primary
    }


def _joint(
    analysis: Analysis, plan: OutcomePlan, design_name: str, units: Mapping[str, UnitPlacebos]
) -> float:
    """Return the joint p-value of those treated units that have placebos."""
    if not units:
        return np.nan
    everyone = list(dict.fromkeys(donor for item in units.values() for donor in item.donors))
    rows = {donor: row for row, donor in enumerate(everyone)}
    own = np.array([item.own for item in units.values()])
    together = np.full((len(everyone), len(units)), np.nan)
    eligible = np.zeros(together.shape, dtype=np.bool_)
    for column, item in enumerate(units.values()):
        places = [rows[donor] for donor in item.donors]
        together[places, column] = item.statistics
        eligible[places, column] = True
    same = all(np.array_equal(together[:, 0], column, equal_nan=True) for column in together.T)
    stream = analysis.stream(plan.outcome.name, design_name, "joint placebo")
    if same and eligible.all():
        return joint_placebo(own, together[:, 0], stream)
    return joint_placebo(own, together, stream, eligible=eligible)


def _rows(
    analysis: Analysis,
    plan: OutcomePlan,
    design_name: str,
    units: Mapping[str, UnitPlacebos],
    own: Mapping[str, PrimaryEstimate],
) -> list[Row]:
    rows: list[Row] = []
    for unit, item in units.items():
        keys = {"outcome": plan.outcome.name, "unit": unit, "estimand": analysis.estimand}
        keys["design"] = design_name
        values = zip(
            (*item.donors, unit),
            (*item.estimates, own[unit].estimate),
            (*item.statistics, item.own),
            strict=True,
        )
        for code, estimate, statistic in values:
            shown = {"placebo": code, "estimate": own[unit].shown(estimate), "statistic": statistic}
            rows.append({**keys, **shown})
    return rows


def placebo_check(found: UnitPlacebos) -> CheckResult:
    """Return the check ``placebo_units``: the place of a unit among the donors."""
    rank, n_donors = found.rank, len(found.donors)
    message = (
        f"Among {n_donors} units without the intervention and itself, its change is number {rank.rank} from "
        f"the most extreme (p = {rank.p_value:.3f}; no smaller p than {1 / (n_donors + 1):.3f} is possible)."
    )
    return CheckResult("placebo_units", float(rank.rank), rank.p_value, "pass", message)


def joint_placebo_check(placebos: DesignPlacebos, n_treated: int) -> list[CheckResult]:
    """Return the check ``joint_placebo``: the mean statistic of the treated units among those of sets.

    Parameters
    ----------
    placebos : DesignPlacebos
    n_treated : int
        Treated units; those without a statistic are not in the mean, and the message says so.
    """
    if math.isnan(placebos.joint):
        return []
    own = np.array([item.own for item in placebos.units.values()])
    n_donors = len({donor for item in placebos.units.values() for donor in item.donors})
    size = int((~np.isnan(own)).sum())
    whose = "the treated" if size == n_treated else f"the {size} of {n_treated} treated that have one"
    message = (
        f"Among sets of {size} of the {n_donors} units without the intervention, a mean change as extreme as "
        f"that of {whose} has p = {placebos.joint:.4f}."
    )
    return [CheckResult("joint_placebo", float(np.nanmean(own)), placebos.joint, "pass", message)]


def donors_check(n_donors: int, n_treated: int, alpha: float) -> list[CheckResult]:
    """Return the check ``donors`` where they are too few to label single units (methods §11.8)."""
    if enough_donors(n_donors, n_treated, alpha):
        return []
    message = (
        f"{n_donors} donors are too few to label {n_treated} single units at level {alpha:g} "
        f"({math.ceil(n_treated / alpha * (1.0 - 1e-9)) - 1} would do); the label is given for the set."
    )
    return [CheckResult("donors", float(n_donors), np.nan, "attention", message)]
