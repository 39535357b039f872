"""What a fit says about how the errors of a series hang together, and the innovations that follow from it.

Residuals of autocorrelated errors are autocorrelated whatever the fit; checks need what is left when the
error model is taken out: with ``V = LL'``, ``L^{-1}(y - Xb)`` would be white if the model and its parameters
were exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from its_eval.estimate.autoregression import autocovariances

if TYPE_CHECKING:
    from its_eval.estimate.fit import BoolArray, Fit, FloatArray

#: Estimators whose errors are independent and of equal variance by assumption or for want of a model.
UNCORRELATED = ("ols", "newey_west")
AUTOREGRESSIVE = ("reml_ar", "prais_winsten")
NAMES = (*UNCORRELATED, *AUTOREGRESSIVE, "reml_ar_noise")


def error_correlation(
    name: str, fit: Fit, series: int, n_rows: int, after: BoolArray | None = None
) -> FloatArray:
    """Return the error covariance of one series over all months, relative to the variance of the first.

    Parameters
    ----------
    name : str
        Estimator: ols, newey_west, reml_ar, prais_winsten or reml_ar_noise.
    fit : Fit
        By that estimator.
    series : int
    n_rows : int
        Number of months n, missing ones included.
    after : ndarray of bool, shape (n,), optional
        Months with the second variance, for a ``reml_ar`` by segment.

    Returns
    -------
    ndarray, shape (n, n)
        A correlation matrix, except by segment: rows and columns after the interruption are scaled by the
        root of the variance ratio.

    Raises
    ------
    ValueError
        For another estimator, or a variance ratio without the months it holds for.
    """
    if name not in NAMES:
        raise ValueError(
            f"{name} has no error model with a covariance matrix; those of {', '.join(NAMES)} have"
        )
    if name in UNCORRELATED:
        return np.eye(n_rows)
    ratio = None if fit.variance_ratio is None else float(fit.variance_ratio[series])
    partials = fit.partial_autocorrelations[series : series + 1]
    gamma = autocovariances(partials, max(n_rows, 2))[0]
    correlation = linalg.toeplitz(gamma[:n_rows] / gamma[0])
    if ratio is None:
        return np.asarray(correlation)
    if name == "reml_ar_noise":
        share = signal_share(ratio, float(partials[0, 0]))
        return np.asarray(share * correlation + (1.0 - share) * np.eye(n_rows))
    if after is None:
        raise ValueError("a fit with a variance for each segment needs the months after the interruption")
    root = np.where(after, np.sqrt(ratio), 1.0)
    return np.asarray(correlation * np.outer(root, root))


def signal_share(ratio: float, rho: float) -> float:
    """Share of the variance that is autoregressive, for innovations of ``ratio`` times the noise variance.

    ``q / (q + 1 - rho^2)``; 1 without noise, where q is infinite.
    """
    return 1.0 if np.isinf(ratio) else ratio / (ratio + 1.0 - rho**2)


def innovations(covariance: FloatArray, residuals: FloatArray) -> FloatArray:
    """Whiten residuals.

    Parameters
    ----------
    covariance : ndarray, shape (n, n)
        As of ``error_correlation``.
    residuals : ndarray, shape (n,)
        ``y - Xb``, NaN where a month is missing: its row and column are deleted.

    Returns
    -------
    ndarray, shape (n,)
        ``L^{-1}(y - Xb)``, NaN at missing months. Each is what a month adds to what earlier ones predict, in
        units in which its own variance is that of the first month.
    """
    observed = ~np.isnan(residuals)
    white = np.full(residuals.shape, np.nan)
    factor = np.linalg.cholesky(covariance[np.ix_(observed, observed)])
    white[observed] = linalg.solve_triangular(factor, residuals[observed], lower=True)
    return white
