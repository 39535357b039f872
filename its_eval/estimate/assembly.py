"""Putting the fits of groups of series together in the order of the columns of Y."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from its_eval.estimate.fit import BoolArray, CovarianceModel, Fit, FloatArray

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

#: Residuals below this fraction of the variation about the mean leave nothing to estimate a variance from.
NOISE_FLOOR = 1e-10
#: Residuals below this many units of rounding of the outcome itself are rounding.
ROUNDING_UNITS = 64.0
#: Residuals below this fraction of the outcome itself leave fewer than six digits of what is estimated.
PRECISION_FLOOR = 2e-9
#: Beyond these residual sums of squares, powers that the covariances need leave double precision.
SUM_RANGE = (1e-140, 1e140)


def degenerate_series(
    Y: FloatArray, observed: BoolArray, residual_sum: FloatArray, total_sum: FloatArray
) -> BoolArray:
    """Series that the design reproduces up to rounding, shape (S,).

    True where ``e'e <= max(1e-20 sum (y - mean)^2, (64 eps)^2 sum y^2)``: constant series and exact lines,
    whatever their unit and level.

    Parameters
    ----------
    Y : ndarray, shape (n, S)
        Outcomes with 0 at missing months.
    observed : ndarray of bool, shape (n,)
        Months with a value.
    residual_sum, total_sum : ndarray, shape (S,)
        Least-squares residual sum of squares e'e and sum of squares y'y.
    """
    rounding = (ROUNDING_UNITS * np.finfo(np.float64).eps) ** 2
    degenerate: BoolArray = residual_sum <= max(rounding, NOISE_FLOOR**2) * total_sum
    # The sum about the mean is at most the sum about zero, so only these can be degenerate.
    for series in np.flatnonzero(degenerate):
        variation = float(np.sum((Y[observed, series] - Y[observed, series].mean()) ** 2))
        limit = max(NOISE_FLOOR**2 * variation, rounding * float(total_sum[series]))
        degenerate[series] = residual_sum[series] <= limit
    return degenerate


def precision_lost(residual_sum: FloatArray, total_sum: FloatArray) -> BoolArray:
    """Series whose level or unit leaves double precision too few digits for their variation, shape (S,).

    True where ``e'e <= (2e-9)^2 y'y`` (the rounding of y is then above 1e-7 of a residual) or where e'e lies
    outside 1e-140 to 1e140. A series of another unit, or with its level taken off, has no such trouble.

    Parameters
    ----------
    residual_sum, total_sum : ndarray, shape (S,)
        Least-squares residual sum of squares e'e and sum of squares y'y.
    """
    low, high = SUM_RANGE
    lost: BoolArray = residual_sum <= PRECISION_FLOOR**2 * total_sum
    return lost | (residual_sum < low) | (residual_sum > high)


def blank_fit(n_series: int, n_terms: int, n_variance: int, order: int, flags: Iterable[str]) -> Fit:
    """Fit in which every series is degenerate: no uncertainty, no error model, nothing flagged yet.

    Parameters
    ----------
    n_series, n_terms : int
        S and k.
    n_variance : int
        Number q of variance parameters.
    order : int
        Number p of partial autocorrelations.
    flags : iterable of str
        Names of the flags.
    """
    covariance = CovarianceModel(
        adjusted=np.zeros((n_series, n_terms, n_terms)),
        model=np.zeros((n_series, n_terms, n_terms)),
        gradients=np.zeros((n_series, n_variance, n_terms, n_terms)),
        parameter_covariance=np.zeros((n_series, n_variance, n_variance)),
        df_residual=np.zeros(n_series),
    )
    return Fit(
        params=np.zeros((n_series, n_terms)),
        covariance=covariance,
        sigma=np.zeros(n_series),
        partial_autocorrelations=np.zeros((n_series, order)),
        log_likelihood=np.full(n_series, np.inf),
        n_used=np.zeros(n_series, dtype=np.int64),
        flags={flag: np.zeros(n_series, dtype=np.bool_) for flag in flags},
    )


def scatter(whole: Any, series: NDArray[np.intp] | slice, part: Any) -> None:
    """Write the results of some series into their places among the results of all series.

    Parameters
    ----------
    whole, part : ndarray, dict of results, dataclass of results, or None
        Of the same kind (None: a field that this kind of result does not have); arrays have the series on
        their first axis. ``whole`` is changed in place.
    series : ndarray of int or slice
        Where the series of ``part`` belong.
    """
    if part is None:
        return
    if isinstance(part, np.ndarray):
        whole[series] = part
    elif isinstance(part, dict):
        for name, values in part.items():
            scatter(whole[name], series, values)
    else:
        for item in fields(part):
            scatter(getattr(whole, item.name), series, getattr(part, item.name))
