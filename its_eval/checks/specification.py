"""What a specification curve says: how far an estimate depends on choices that might have been others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from its_eval.checks.placebo import Placebo, placebo
from its_eval.estimators.fit import FloatArray


@dataclass(frozen=True)
class SpecificationSummary:
    """Summary of one curve of S specifications.

    Attributes
    ----------
    n_specifications, n_unfitted : int
        Specifications with an estimate, and those without.
    median, lower_quartile, upper_quartile : float
        Of the estimates.
    share_same_sign : float
        Share of the estimates with the sign of their median.
    share_excluding_zero : float
        Share of the intervals on one side of zero.
    median_statistic : float
        Median |t|.
    joint : Placebo or None
        Rank of ``median_statistic`` among donors with the identical curve; None without donors.
    """

    n_specifications: int
    n_unfitted: int
    median: float
    lower_quartile: float
    upper_quartile: float
    share_same_sign: float
    share_excluding_zero: float
    median_statistic: float
    joint: Placebo | None


def median_statistics(statistics: FloatArray) -> FloatArray:
    """Return the median |t| over the specifications (..., S) of each curve.

    A specification that could not be fitted (NaN) counts as infinitely extreme: it can only make the treated
    trust look less unusual among the donors.
    """
    sizes = np.where(np.isnan(statistics), np.inf, np.abs(statistics))
    middle = np.sort(sizes, axis=-1)
    n = sizes.shape[-1]
    low, high = middle[..., (n - 1) // 2], middle[..., n // 2]
    infinite = np.isinf(high)
    half = np.where(infinite, 0.0, low) / 2.0 + np.where(infinite, 0.0, high) / 2.0
    return np.asarray(np.where(infinite, np.inf, half))


def summarise_specifications(
    estimates: FloatArray,
    low: FloatArray,
    high: FloatArray,
    statistics: FloatArray,
    donors: FloatArray | None = None,
) -> SpecificationSummary:
    """Summarise the specification curve of a treated trust.

    The joint p-value asks how often a donor, run through the very same specifications, has as large a median
    |t|: the inference of specification curves (Simonsohn, Simmons & Nelson 2020, *Nature Human Behaviour*
    4:1208) with placebo trusts in the place of shuffled data. The specifications are not independent, which a
    count of significant ones ignores and this rank does not.

    Parameters
    ----------
    estimates, low, high, statistics : ndarray, shape (S,)
        Estimates of one estimand with intervals and t; NaN where a specification could not be fitted.
    donors : ndarray, shape (J, S), optional
        t of the donors under the same specifications, NaN likewise. Specifications without an estimate for
        the treated trust are left out for all.
    """
    known = ~np.isnan(estimates)
    count = int(known.sum())
    if count == 0:
        nan = math.nan
        return SpecificationSummary(0, estimates.size, nan, nan, nan, nan, nan, nan, None)
    lower, median, upper = (float(value) for value in np.quantile(estimates[known], [0.25, 0.5, 0.75]))
    apart = (low[known] > 0.0) | (high[known] < 0.0)
    own = float(median_statistics(statistics[known]))
    joint = None if donors is None else placebo(own, median_statistics(donors[:, known]))
    return SpecificationSummary(
        n_specifications=count,
        n_unfitted=estimates.size - count,
        median=median,
        lower_quartile=lower,
        upper_quartile=upper,
        share_same_sign=float(np.mean(np.sign(estimates[known]) == np.sign(median))),
        share_excluding_zero=float(np.mean(apart)),
        median_statistic=own,
        joint=joint,
    )
