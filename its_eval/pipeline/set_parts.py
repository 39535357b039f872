"""What every fitted unit brings to the mean effect of a set: its estimates and its whitened errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, special

from its_eval.checks.autocorrelation import innovations
from its_eval.effects.set_effect import UnitPart, whitened_parts
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.random_walk import differences
from its_eval.estimators.reml import autoregression
from its_eval.pipeline.error_model import error_covariance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray, FloatArray
    from its_eval.pipeline.estimate import Estimates

#: Numbers that are whitened at a time.
CHUNK_NUMBERS = 4_000_000
#: The answer of a fit at a bound: that of the differenced model.
RANDOM_WALK = "random_walk"


def parts_of(estimates: Sequence[Estimates], names: Sequence[tuple[int, str]]) -> dict[str, UnitPart]:
    """Return the parts of every unit that has an estimate and a standard error of each estimand.

    Errors are whitened by the model that the estimator has of them: autoregressive ones, with their weights
    or variances by segment; those of the differenced model by differences; counts and proportions by the
    variance of their family, as independent. Where single periods have no covariance (ARIMA, comparative
    models of several series) the residuals are those of least squares, for a comparative model of the
    difference from the peers. Standard errors that have no meaning (synthetic controls) or are rounding give
    no part.

    Parameters
    ----------
    estimates : sequence of Estimates
        By one estimator. Variances by segment, noise and families need whole fits.
    names : sequence of (int, str)
        Interruption and estimand of each term, linear in the parameters.
    """
    found: dict[str, UnitPart] = {}
    for item in estimates:
        if item.placebo_only or not set(names) <= set(item.reading.names):
            continue
        places = [item.reading.names.index(name) for name in names]
        read, rows = item.statistics.estimates, item.reading.rows[..., places, :]
        every = (read.estimate, read.std_error, read.df, read.df_unclipped)
        unknown = np.isnan(read.estimate + read.std_error)[:, places].any(axis=1)
        known = np.flatnonzero(~(unknown | item.stuck))
        n_numbers = item.design.matrix.size + item.design.n_periods
        for start in range(0, known.size, max(CHUNK_NUMBERS // n_numbers, 1)):
            chosen = known[start : start + max(CHUNK_NUMBERS // n_numbers, 1)]
            numbers = ContrastEstimates(*(array[chosen][:, places] for array in every))
            own = rows if rows.ndim == 2 else rows[chosen]
            parts = whitened_parts(*_whitened(item, chosen), item.observed, own, numbers)
            found |= {item.units[series]: part for series, part in zip(chosen, parts, strict=True)}
    return found


def _whitened(item: Estimates, chosen: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
    """Return whitened designs (S, n_used, k) and values (S, n_used) of some of the series."""
    sheet, columns, observed, X = item.sheet, item.columns[chosen], item.observed, item.design.matrix
    if item.is_family:
        return _of_a_family(item, chosen)
    if item.kind is None:
        gap = (sheet.unit_values - sheet.peer_means)[:, columns]
        return autoregressive(X, gap, observed, np.empty((chosen.size, 0)))
    Y = sheet.values[:, columns]
    walks, weighted = item.inference == RANDOM_WALK, item.relative_variance is not None
    if walks and not weighted:
        return differenced(X, Y, observed)
    if item.whitenable and not walks:
        scale = None
        if weighted or (item.entry is not None and item.entry.variance != "constant"):
            scale = np.sqrt(item.period_variance[chosen])
        return autoregressive(X, Y, observed, item.statistics.partial_autocorrelations[chosen], scale)
    if not walks and item.kind.name not in autoregression.NAMES:
        return autoregressive(X, Y, observed, np.empty((chosen.size, 0)))
    both = np.concatenate([np.broadcast_to(X, (chosen.size, *X.shape)), Y.T[:, :, None]], axis=2)[:, observed]
    for place, series in enumerate(chosen):
        factor = np.linalg.cholesky(error_covariance(item, int(series)))
        both[place] = linalg.solve_triangular(factor, both[place], lower=True)
    return both[:, :, :-1], both[:, :, -1]


def autoregressive(
    X: FloatArray,
    Y: FloatArray,
    observed: BoolArray,
    partials: FloatArray,
    scale: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Whiten one design and S series by autoregressions of their own.

    Parameters
    ----------
    X, Y : ndarray, shapes (n, k) and (n, S)
    observed : ndarray of bool, shape (n,)
        Periods that entered the fits.
    partials : ndarray, shape (S, p)
        Partial autocorrelations, p = 0, 1 or 2.
    scale : ndarray, shape (S, n), optional
        Standard deviation of each period's error, up to a factor.

    Returns
    -------
    X, y : ndarray, shapes (S, n_used, k) and (S, n_used)
    """
    n, k, n_series = *X.shape, Y.shape[1]
    both = np.concatenate([np.broadcast_to(X[:, None], (n, n_series, k)), Y[:, :, None]], axis=2)
    if scale is not None:
        both /= scale.T[:, :, None]
    if partials.shape[1] == 0:
        white = both[observed]
    else:
        models = np.repeat(partials, k + 1, axis=0)
        white = innovations(both.reshape(n, -1), models, observed).reshape(-1, n_series, k + 1)
    white = np.swapaxes(white, 0, 1)
    return white[:, :, :-1], white[:, :, -1]


def differenced(X: FloatArray, Y: FloatArray, observed: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Whiten by a random walk, whose covariance is ``K_st = min(s, t)``: shapes as of `autoregressive`.

    The first used period stands for the level, and each later one is its difference from the one before over
    the root of the periods between them.
    """
    both = np.concatenate(
        [np.broadcast_to(X[:, None], (len(X), Y.shape[1], X.shape[1])), Y[:, :, None]], axis=2
    )
    white = differences(both.reshape(len(X), -1), observed).reshape(-1, *both.shape[1:])
    white = np.swapaxes(white, 0, 1)
    return white[:, :, :-1], white[:, :, -1]


def _of_a_family(item: Estimates, chosen: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
    """Return design and working response of a generalised linear model, over the root of its variance.

    The residuals are Pearson's.
    """
    observed, fit = item.observed, item.whole
    counts, sizes = (
        array[np.ix_(chosen, np.flatnonzero(observed))]
        for array in item.sheet.family_counts(item.columns, observed)
    )
    X = item.design.matrix[observed]
    linear = fit.params[chosen] @ X.T
    if item.scale.name == "logit":
        mean = sizes * special.expit(linear)
        slope = variance = mean * special.expit(-linear)
    else:
        slope = mean = sizes * np.exp(linear)
        variance = mean
        if fit.dispersion is not None and item.kind is not None and item.kind.name == "negative_binomial":
            variance = mean + fit.dispersion[chosen, None] * mean**2
    root = np.sqrt(variance)
    return X * (slope / root)[:, :, None], (counts - mean + slope * linear) / root
