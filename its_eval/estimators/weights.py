"""Weights for percentages: a month with few answers says less than a month with many.

A percentage of n_t answers varies for two reasons: the underlying level moves (latent variance, the same in
every period) and only n_t people were asked (binomial variance, known). Their sum v_t is the variance of a
period; dividing rows of outcome and design by its root makes all periods comparable (methods §11.4).
"""

from __future__ import annotations

import numpy as np

from its_eval.estimators.fit import BoolArray, FloatArray, missing_patterns


def binomial_variance(X: FloatArray, percentages: FloatArray, denominators: FloatArray) -> FloatArray:
    """Return the sampling variance of percentages, in squared percentage points.

    ``b_t = 10^4 pi_t (1 - pi_t) / n_t`` with pi_t the least-squares fit of the series, kept within
    ``[1/(2 n_t), 1 - 1/(2 n_t)]``: the fit and not the observed share, because a month that is low by
    chance must not count as more precise.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design.
    percentages, denominators : ndarray, shape (n, S)
        Series in per cent, with the numbers of answers; NaN where missing.

    Returns
    -------
    ndarray, shape (n, S)
        NaN where the percentage or the denominator is missing.
    """
    variance = np.full(percentages.shape, np.nan)
    known = ~np.isnan(percentages) & (denominators > 0)
    for pattern in missing_patterns(np.where(known, 0.0, np.nan)):
        if not pattern.n_used:
            continue
        cells = np.ix_(pattern.observed, pattern.series)
        used, count = X[pattern.observed], denominators[cells]
        fitted = used @ np.linalg.lstsq(used, percentages[cells] / 100.0, rcond=None)[0]
        fitted = np.clip(fitted, 0.5 / count, 1.0 - 0.5 / count)
        variance[cells] = 1e4 * fitted * (1.0 - fitted) / count
    return variance


def relative_variance(X: FloatArray, y: FloatArray, sampling: FloatArray, observed: BoolArray) -> FloatArray:
    """Return v_t over its geometric mean: sampling variance plus latent variance, from one pilot fit.

    The latent variance is what the least-squares residual variance leaves after the mean sampling variance,
    at least zero. The geometric mean over the observed periods is 1, so that the likelihood of the weighted
    series is that of the series itself.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design.
    y : ndarray, shape (n,) or (n, S)
        Series; only observed periods are read.
    sampling : ndarray, of the shape of y
        Its sampling variance.
    observed : ndarray of bool, shape (n,)
        Periods that enter the fit; each needs a sampling variance.

    Returns
    -------
    ndarray, of the shape of y
        1 where the sampling variance is not known.
    """
    used = X[observed]
    residual = y[observed] - used @ np.linalg.lstsq(used, y[observed], rcond=None)[0]
    free = max(int(observed.sum()) - X.shape[1], 1)
    latent = np.maximum(0.0, (residual**2).sum(axis=0) / free - sampling[observed].mean(axis=0))
    variance = latent + sampling
    variance = variance / np.exp(np.log(variance[observed]).mean(axis=0))
    return np.where(np.isnan(variance), 1.0, variance)
