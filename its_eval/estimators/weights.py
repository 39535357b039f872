"""Weights for percentages: a month with few answers says less than a month with many.

A percentage of n_t answers varies for two reasons: the underlying level moves (latent variance, the same in
every period) and only n_t people were asked (binomial variance, known). Their sum v_t is the variance of a
period; dividing rows of outcome and design by its root makes all periods comparable (methods §11.4).
"""

from __future__ import annotations

import numpy as np

from its_eval.estimators.fit import BoolArray, FloatArray
from its_eval.estimators.shared_basis import fitted_values


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
    share = np.where(denominators > 0, percentages / 100.0, np.nan)
    count = np.where(np.isnan(share), 1.0, denominators)
    fitted = fitted_values(X, share)
    fitted = np.clip(fitted, 0.5 / count, 1.0 - 0.5 / count)
    variance = 1e4 * fitted * (1.0 - fitted) / count
    return np.where(np.isnan(share), np.nan, variance)


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
    observed : ndarray of bool, shape (n,) or of the shape of y
        Periods that enter the fit; each needs a sampling variance.

    Returns
    -------
    ndarray, of the shape of y
        1 where the sampling variance is not known.
    """
    whole = y.reshape(len(y), -1)
    used = np.broadcast_to(observed.reshape(len(y), -1), whole.shape)
    own = np.where(used, sampling.reshape(whole.shape), np.nan)
    known = np.where(used, whole, np.nan)
    residual = known - fitted_values(X, known)
    free = np.maximum(used.sum(axis=0) - X.shape[1], 1)
    latent = np.maximum(0.0, np.nansum(residual**2, axis=0) / free - np.nanmean(own, axis=0))
    scale = np.exp(np.nanmean(np.log(latent + own), axis=0))
    variance = (latent + sampling.reshape(whole.shape)) / scale
    return np.where(np.isnan(variance), 1.0, variance).reshape(y.shape)
