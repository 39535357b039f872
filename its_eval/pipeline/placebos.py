"""Placebo in space: every eligible donor in the place of a treated unit, and the checks made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.conclusion import enough_donors
from its_eval.checks.placebo import Placebo, joint_placebo, placebo
from its_eval.checks.result import CheckResult
from its_eval.comparisons.synthetic import prediction_error_ratio
from its_eval.peers.select import select_peers, within_reasons
from its_eval.pipeline.designs import design_estimators, fit_design
from its_eval.pipeline.plan import Target, fitted_events
from its_eval.pipeline.tables import PrimaryEstimate, on_summary_scale, primary_estimates, random_stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from its_eval.config import Config
    from its_eval.peers.distance import Scaled
    from its_eval.pipeline.estimate import Block
    from its_eval.pipeline.plan import OutcomePlan
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


def donor_targets(config: Config, sources: Sources, plan: OutcomePlan, unit: str) -> list[Target]:
    """Return the donors of a treated unit as if they had been treated at its start.

    Each has as many peers as the unit, its own nearest among the donors; without characteristics, where peers
    are given, all other donors. Treated units are never among them.
    """
    start = plan.interruptions[unit][0]
    pool = plan.donors.get(unit, ())
    chosen = plan.peer_sets.get(unit)
    if chosen is None:
        return []
    settings = config.peers
    wanted = None if settings is not None and settings.k == "all" else len(chosen.peers)
    return [
        Target(
            donor,
            (start, *fitted_events(config, plan.outcome, plan.panel, donor)[0]),
            donor_peers(config, sources, chosen.scaled or sources.scaled, pool, donor, wanted),
        )
        for donor in pool
    ]


def donor_peers(
    config: Config,
    sources: Sources,
    scaled: Scaled | None,
    pool: tuple[str, ...],
    donor: str,
    wanted: int | None,
) -> tuple[str, ...]:
    """Return the peers of a donor: its nearest in the pool, or all others without characteristics."""
    others = tuple(code for code in pool if code != donor)
    if scaled is None or donor not in scaled.units:
        return others
    within = config.peers.within if config.peers is not None else ()
    reasons = within_reasons(donor, others, within, sources.units)
    reasons |= {code: "not a donor" for code in scaled.units if code not in others}
    return select_peers(donor, scaled, wanted, reasons).peers or others


def placebos_in_space(
    config: Config, sources: Sources, plan: OutcomePlan, design_name: str, blocks: Sequence[Block]
) -> DesignPlacebos:
    """Fit every donor as if it were treated, and rank the treated units among them.

    Parameters
    ----------
    config, sources, plan : Config, Sources, OutcomePlan
        What was planned.
    design_name : str
        A controlled design.
    blocks : sequence of Block
        Fits of the treated units by the primary estimator.
    """
    own = {item.unit: item for item in primary_estimates(config, plan, blocks)}
    fitted: dict[tuple[Target, ...], dict[str, tuple[float, float]]] = {}
    found: dict[str, UnitPlacebos] = {}
    ratios = _error_ratios(blocks) if design_name == "synthetic" else {}
    for unit in plan.treated:
        if unit not in own:
            continue
        pool = plan.donors.get(unit, ())
        # units whose donors, peers of these or start differ ask for other placebos
        asked = _asked(config, sources, plan, design_name, unit)
        if asked not in fitted:
            fitted[asked] = _fit_donors(config, plan, design_name, asked)
        values = np.array([fitted[asked].get(donor, (np.nan, np.nan)) for donor in pool]).reshape(-1, 2)
        if np.isnan(values[:, 1]).all():
            # a rank among donors none of which could be fitted would say nothing
            continue
        statistic = ratios[unit] if design_name == "synthetic" else own[unit].statistic
        found[unit] = UnitPlacebos(
            pool, values[:, 1], values[:, 0], statistic, placebo(statistic, values[:, 1])
        )
    joint = _joint(config, plan, design_name, found)
    return DesignPlacebos(found, joint, _rows(config, plan, design_name, found, own))


def _asked(
    config: Config, sources: Sources, plan: OutcomePlan, design_name: str, unit: str
) -> tuple[Target, ...]:
    """Return the donors of a treated unit as the design takes them."""
    targets = donor_targets(config, sources, plan, unit)
    if design_name == "synthetic":
        pool = plan.donors[unit]
        targets = [
            Target(target.unit, target.interruptions, tuple(code for code in pool if code != target.unit))
            for target in targets
        ]
    return tuple(targets)


def _fit_donors(
    config: Config, plan: OutcomePlan, design_name: str, targets: Sequence[Target]
) -> dict[str, tuple[float, float]]:
    """Return estimate and statistic by donor."""
    blocks, _ = fit_design(plan, design_name, targets, design_estimators(plan, design_name)[:1])
    estimates = primary_estimates(config, plan, blocks)
    if design_name == "synthetic":
        ratios = _error_ratios(blocks)
        return {item.unit: (item.estimate, ratios[item.unit]) for item in estimates}
    return {item.unit: (item.estimate, item.statistic) for item in estimates}


def _error_ratios(blocks: Sequence[Block]) -> dict[str, float]:
    """Return the ratio of prediction errors after and before, by unit."""
    ratios = {}
    for block in blocks:
        before, after = block.design.segments()
        for column in block.columns:
            gap = block.series.values[:, column]
            ratios[block.series.units[column]] = prediction_error_ratio(gap, before, after)
    return ratios


def _joint(config: Config, plan: OutcomePlan, design_name: str, found: Mapping[str, UnitPlacebos]) -> float:
    """Return the joint p-value of those treated units that have placebos."""
    if not found:
        return np.nan
    everyone = list(dict.fromkeys(donor for item in found.values() for donor in item.donors))
    rows = {donor: row for row, donor in enumerate(everyone)}
    own = np.array([item.own for item in found.values()])
    together = np.full((len(everyone), len(found)), np.nan)
    eligible = np.zeros(together.shape, dtype=np.bool_)
    for column, item in enumerate(found.values()):
        places = [rows[donor] for donor in item.donors]
        together[places, column] = item.statistics
        eligible[places, column] = True
    same = all(np.array_equal(together[:, 0], column, equal_nan=True) for column in together.T)
    stream = random_stream(config, plan.outcome.name, design_name, "joint placebo")
    if same and eligible.all():
        return joint_placebo(own, together[:, 0], stream)
    return joint_placebo(own, together, stream, eligible=eligible)


def _rows(
    config: Config,
    plan: OutcomePlan,
    design_name: str,
    found: Mapping[str, UnitPlacebos],
    own: Mapping[str, PrimaryEstimate],
) -> list[Row]:
    rows: list[Row] = []
    for unit, item in found.items():
        keys = {"outcome": plan.outcome.name, "unit": unit, "estimand": config.estimands.primary}
        keys["design"] = design_name
        values = zip(item.donors, item.estimates, item.statistics, strict=True)
        for donor, estimate, statistic in values:
            rows.append(
                {
                    **keys,
                    "placebo": donor,
                    "estimate": on_summary_scale(estimate, own[unit].link),
                    "statistic": statistic,
                }
            )
        treated = {"estimate": on_summary_scale(own[unit].estimate, own[unit].link), "statistic": item.own}
        rows.append({**keys, "placebo": unit, **treated})
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
