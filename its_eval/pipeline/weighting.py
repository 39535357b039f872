"""Which series are weighted by their sampling variance, and with what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.config.stratified import strata_of_gap
from its_eval.design.matrix import build_design
from its_eval.estimate.sampling_variance import binomial_variance, relative_variance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Estimator
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
