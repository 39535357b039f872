"""The series of one outcome and design: what is fitted, what it was made of, and how it is weighted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.comparisons.peer_mean import peer_mean
from its_eval.config.stratified import strata_of_gap
from its_eval.design.matrix import build_design
from its_eval.estimators.sampling_variance import binomial_variance, relative_variance
from its_eval.scales import scale_obstacle, to_link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Estimator
    from its_eval.design.interruption import Interruption
    from its_eval.design.matrix import Design
    from its_eval.pipeline.plan import OutcomePlan, Target


#: Estimators with an error model that the weights belong to. Least squares and Newey-West are shown to
#: reproduce older reports, which did not weight.
WEIGHTED_ESTIMATORS = frozenset({"reml_ar"})


def is_weighted(estimator: Estimator) -> bool:
    """Return whether an estimator takes sampling variances: one variance of its own at a time."""
    return estimator.name in WEIGHTED_ESTIMATORS and estimator.variance == "constant"


def sampling_variance(plan: OutcomePlan, target: Target) -> NDArray[np.float64]:
    """Return the sampling variance of a unit, or of its difference from the mean of its peers.

    ``b_T + k_t^-2 sum_j b_j`` over the k_t peers observed at t (methods §11.4). On the logit scale b is
    ``1 / (n pi (1 - pi))``, by the delta method. That of a gap is the sum of those of its two strata,
    which are of different people.

    Parameters
    ----------
    plan : OutcomePlan
        The outcome.
    target : Target
        The unit and its peers, none for the single design.

    Returns
    -------
    ndarray, shape (n,)
        NaN where a value or a denominator is missing, and throughout for anything but a percentage on its
        own or the logit scale.
    """
    panel, peers = plan.panel, target.peers
    parts = zip(strata_of_gap(plan.outcome), panel.parts, strict=True)
    of_strata = [
        sampling_variance(replace(plan, outcome=stratum, panel=part), target) for stratum, part in parts
    ]
    if of_strata:
        return np.asarray(np.sum(of_strata, axis=0))
    nothing = np.full(panel.n_periods, np.nan)
    if not plan.weighted or plan.outcome.kind != "percentage" or plan.outcome.transform == "log":
        return nothing
    columns = [panel.column(code) for code in (target.unit, *peers)]
    if np.isnan(panel.denominators[:, columns]).all():
        return nothing
    usable = plan.usable(target.interruptions)
    season = plan.season.resolve(int(usable.sum()), plan.per_year)
    design = build_design(
        plan.positions, plan.per_year, panel.frequency, target.interruptions, season, plan.masked
    )
    variance = binomial_variance(
        design.matrix,
        np.where(usable[:, None], panel.values[:, columns], np.nan),
        panel.denominators[:, columns],
    )
    if plan.outcome.transform == "logit":
        variance = 1e4 / (variance * panel.denominators[:, columns] ** 2)
    if not peers:
        return variance[:, 0]
    others = variance[:, 1:]
    complete = ~(np.isnan(others) & ~np.isnan(panel.values[:, columns[1:]])).any(axis=1)
    count = (~np.isnan(others)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.nansum(others, axis=1) / count**2
    return np.where(complete & (count > 0), variance[:, 0] + mean, np.nan)


def weighting_groups(
    values: NDArray[np.float64],
    sampling: NDArray[np.float64],
    columns: tuple[int, ...],
    observed: NDArray[np.bool_],
    design: Design,
    estimator: Estimator,
) -> Iterator[tuple[tuple[int, ...], NDArray[np.float64] | None]]:
    """Split series that miss the same periods into those fitted as they are and the weighted ones.

    Parameters
    ----------
    values, sampling : ndarray, shape (n, S)
        Series and their sampling variances.
    columns : tuple of int
        The series that miss the same periods.
    observed : ndarray of bool, shape (n,)
        Periods that enter the fit.
    design, estimator : Design, Estimator
        What is fitted.

    Yields
    ------
    columns : tuple of int
        Series of the group.
    relative : ndarray, shape (n, group), or None
        Variance of each period over its geometric mean; None for unweighted series.
    """
    weighted: tuple[int, ...] = ()
    if is_weighted(estimator):
        weighted = tuple(column for column in columns if not np.isnan(sampling[observed, column]).any())
    plain = tuple(column for column in columns if column not in weighted)
    if plain:
        yield plain, None
    if weighted:
        yield (
            weighted,
            np.column_stack(
                [
                    relative_variance(design.matrix, values[:, column], sampling[:, column], observed)
                    for column in weighted
                ]
            ),
        )


#: Why a series has no place on the scale of the fit, by that scale.
SCALE_REASONS = {"log": "not_positive", "logit": "no_logit"}
#: A covariate whose difference from the peers is no larger than this share of itself is the same for all: the
#: mean of equal numbers is theirs up to rounding only.
ROUNDING = 1e-10


@dataclass(frozen=True)
class SeriesSet:
    """The series of one outcome and design, on the scale that is fitted.

    Attributes
    ----------
    design_name : str
        ``single``, ``difference``, ``peer_mean``, ``stacked`` or ``synthetic``.
    units : tuple of str
        One series each.
    values : ndarray, shape (n, units)
        What is fitted; NaN where missing or not used.
    observed : ndarray, shape (n, units)
        The same before unused periods were taken out.
    unit_values, peer_means, denominators : ndarray, shape (n, units)
        What it was made of, on the fitted scale (denominators as they are); peer means NaN for ``single``.
    sampling : ndarray, shape (n, units)
        Sampling variance of percentages with denominators; NaN where it is not known.
    counts : ndarray, shape (n, units)
        Numerators, for count and binomial families.
    interruptions : tuple of tuple of Interruption
        Of each series.
    peers : tuple of tuple of str
        Of each series; empty for ``single``.
    covariates : tuple of ndarray, shape (n, q), or None
        Of each series; None without covariates.
    covariate_names : tuple of tuple of str
        Of each series.
    transform : {"none", "log", "logit"}
        Scale of the values.
    """

    design_name: str
    units: tuple[str, ...]
    values: NDArray[np.float64]
    observed: NDArray[np.float64]
    unit_values: NDArray[np.float64]
    peer_means: NDArray[np.float64]
    denominators: NDArray[np.float64]
    sampling: NDArray[np.float64]
    counts: NDArray[np.float64]
    interruptions: tuple[tuple[Interruption, ...], ...]
    peers: tuple[tuple[str, ...], ...]
    covariates: tuple[NDArray[np.float64] | None, ...]
    covariate_names: tuple[tuple[str, ...], ...]
    transform: str = "none"


@dataclass(frozen=True)
class NotEstimated:
    """A series without an estimate.

    Attributes
    ----------
    outcome, unit, design, estimator : str
        Which; `estimator` is blank when no estimator was reached.
    reason : str
        A fixed word.
    message : str
        One sentence.
    """

    outcome: str
    unit: str
    design: str
    estimator: str
    reason: str
    message: str


def make_series(
    plan: OutcomePlan, design_name: str, targets: Sequence[Target] | None = None
) -> tuple[SeriesSet, list[NotEstimated]]:
    """Make the series of a design for every target that has what it needs.

    Parameters
    ----------
    plan : OutcomePlan
        The outcome.
    design_name : str
        A design of the contract.
    targets : sequence of Target, optional
        The treated units with their peers by default; donors as if they were treated, for placebos.
    """
    if targets is None:
        targets = [plan.target(unit, design_name) for unit in plan.treated]
    panel = plan.panel
    scaled = to_link(panel.values, plan.outcome.transform, panel.denominators)
    kept: list[Target] = []
    columns: list[tuple[NDArray[np.float64], ...]] = []
    covariates: list[tuple[NDArray[np.float64] | None, tuple[str, ...]]] = []
    failed: list[NotEstimated] = []
    for target in targets:
        unit, peers = target.unit, target.peers
        usable = plan.usable(target.interruptions)
        reason, message = _obstacle(plan, design_name, target, usable)
        if reason:
            failed.append(NotEstimated(plan.outcome.name, unit, design_name, "", reason, message))
            continue
        own = scaled[:, panel.column(unit)]
        mean = np.full(panel.n_periods, np.nan)
        observed = own
        if peers and design_name != "synthetic":
            mean = peer_mean(scaled[:, [panel.column(peer) for peer in peers]], usable)
            observed = own - mean if design_name == "difference" else own
        kept.append(target)
        covariates.append(comparative_covariates(plan, target, usable))
        columns.append(
            (
                np.where(usable, observed, np.nan),
                observed,
                own,
                mean,
                panel.denominators[:, panel.column(unit)],
                sampling_variance(plan, target),
                panel.counts[:, panel.column(unit)],
            )
        )
    empty = np.empty((panel.n_periods, 0))
    stacked = [np.column_stack(part) for part in zip(*columns, strict=True)] if columns else [empty] * 7
    values, observed, unit_values, peer_means, denominators, sampling, counts = stacked
    series = SeriesSet(
        design_name,
        tuple(target.unit for target in kept),
        values,
        observed,
        unit_values,
        peer_means,
        denominators,
        sampling,
        counts,
        tuple(target.interruptions for target in kept),
        tuple(target.peers for target in kept),
        tuple(values for values, _ in covariates),
        tuple(names for _, names in covariates),
        plan.outcome.transform,
    )
    return series, failed


def comparative_covariates(
    plan: OutcomePlan,
    target: Target,
    usable: NDArray[np.bool_],
    mixture: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """Return the covariates of a target, those of a difference minus the mean of its peers'.

    One that all units share cancels in a difference and is left out.

    Parameters
    ----------
    plan, target : OutcomePlan, Target
        The outcome, and the unit with its peers.
    usable : ndarray of bool, shape (n,)
        Periods that may enter a fit.
    mixture : ndarray, shape (peers,), optional
        Weights of the peers instead of their mean.

    Returns
    -------
    covariates : ndarray, shape (n, q), or None
    names : tuple of str
    """
    panel = plan.panel
    columns, names = [], []
    for name, values in plan.covariates.items():
        own = values[:, panel.column(target.unit)]
        if target.peers:
            size = np.nanmax(np.abs(own), initial=0.0)
            others = values[:, [panel.column(peer) for peer in target.peers]]
            own = own - (peer_mean(others, usable) if mixture is None else others @ mixture)
            if np.nanmax(np.abs(own), initial=0.0) <= ROUNDING * size:
                continue
        columns.append(own)
        names.append(name)
    return (np.column_stack(columns) if columns else None), tuple(names)


def _obstacle(
    plan: OutcomePlan, design_name: str, target: Target, usable: NDArray[np.bool_]
) -> tuple[str, str]:
    """Return why a unit has no series of this design; two blanks when nothing stands in the way."""
    panel, unit = plan.panel, target.unit
    if unit not in panel.units or np.isnan(panel.values[:, panel.column(unit)]).all():
        return "no_data", f"{unit} has no value of {plan.outcome.indicator} in the window"
    values = panel.values[usable, panel.column(unit)]
    obstacle = scale_obstacle(values, panel.denominators[usable, panel.column(unit)], plan.outcome.transform)
    if obstacle:
        other = ", or a count family such as quasi_poisson" if plan.outcome.kind == "count" else ""
        return SCALE_REASONS[plan.outcome.transform], f"{unit} has {obstacle}; use `transform: none`{other}"
    gaps = int(np.isnan(values).sum())
    if plan.complete_only and gaps:
        return (
            "dropped",
            f"{unit} misses {gaps} usable periods, and `missing: drop_unit` leaves such units out",
        )
    if design_name != "single" and unit in plan.no_peers:
        return "no_peers", plan.no_peers[unit]
    if design_name not in ("single", "synthetic") and not target.peers:
        return "no_peers", f"there is no other donor that {unit} could be compared with"
    return "", ""
