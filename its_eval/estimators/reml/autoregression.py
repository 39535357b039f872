"""A stationary AR(p) process, p = 1 or 2: its precision as a quadratic form, and its innovations.

With innovation variance 1, the inverse covariance matrix N of n consecutive values is exactly
``N = sum_{i <= j} w_ij S_ij`` where, with ``f = (-1, phi_1, ..., phi_p)``, ``w_ii = f_i^2``,
``w_ij = 2 f_i f_j`` and ``v'S_ij v = sum_{s=0}^{n-1-i-j} v_{i+s} v_{j+s}`` (Box & Jenkins, *Time Series
Analysis*, appendix A7.4). Everything is expressed in the partial autocorrelations r, because their
parameter space is a box: ``phi_1 = r_1`` for p = 1; ``phi_1 = r_1 (1 - r_2)``, ``phi_2 = r_2`` for p = 2.

Residuals of autocorrelated errors are autocorrelated whatever the fit; checks need what is left when the
error model is taken out: with ``V = LL'``, ``L^{-1}(y - Xb)`` would be white if the model and its parameters
were exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from scipy import linalg

if TYPE_CHECKING:
    from its_eval.estimators.fit import BoolArray, Fit, FloatArray


#: Admissible partial autocorrelations by order (methods §11.5).
BOUNDS: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((-0.8, 0.99),),
    2: ((-0.5, 0.975), (-0.6, 0.7)),
}


def form_pairs(order: int) -> list[tuple[int, int]]:
    """Index pairs (i, j), i <= j <= p, of the forms S_ij in the order used for every array of forms."""
    return [(i, j) for i in range(order + 1) for j in range(i, order + 1)]


def bound_arrays(order: int) -> tuple[FloatArray, FloatArray]:
    """Lower and upper bounds of the partial autocorrelations, each of shape (p,)."""
    bounds = np.array(BOUNDS[order])
    return bounds[:, 0], bounds[:, 1]


class PrecisionTerms(Struct, frozen=True):
    """Weights of the forms S_ij and log|N|, with derivatives by the partial autocorrelations, at G points.

    Attributes
    ----------
    weights : ndarray, shape (G, m)
        ``w_ij``; m = 3 forms for p = 1 and 6 for p = 2.
    first : ndarray, shape (G, p, m)
        ``dw/dr_a``.
    second : ndarray, shape (G, p, p, m)
        ``d2w/dr_a dr_b``.
    log_determinant : ndarray, shape (G,)
        ``log|N| = sum_j j log(1 - r_j^2)``.
    log_determinant_first, log_determinant_second : ndarray, shapes (G, p) and (G, p, p)
        Its gradient and its Hessian.
    """

    weights: FloatArray
    first: FloatArray
    second: FloatArray
    log_determinant: FloatArray
    log_determinant_first: FloatArray
    log_determinant_second: FloatArray


def precision_terms(partials: FloatArray) -> PrecisionTerms:
    """Evaluate the weights and the determinant of N.

    Parameters
    ----------
    partials : ndarray, shape (G, p)
        Partial autocorrelations, each inside (-1, 1).
    """
    order = partials.shape[1]
    value, first, second = _signed_coefficients(partials)
    left, right, multiplicity = _pair_selectors(order)
    value_i, value_j = value @ left, value @ right
    first_i, first_j = first @ left, first @ right
    curvature = (second @ left) * value_j[:, None, None] + (second @ right) * value_i[:, None, None]
    product = first_i[:, :, None] * first_j[:, None]
    degree = np.arange(1, order + 1)
    spread = 1.0 - partials**2
    return PrecisionTerms(
        weights=multiplicity * value_i * value_j,
        first=multiplicity * (first_i * value_j[:, None] + value_i[:, None] * first_j),
        second=multiplicity * (curvature + product + np.swapaxes(product, 1, 2)),
        log_determinant=np.log(spread) @ degree,
        log_determinant_first=-2.0 * degree * partials / spread,
        log_determinant_second=np.eye(order) * (-2.0 * degree * (1.0 + partials**2) / spread**2)[:, None],
    )


def autocovariances(partials: FloatArray, n_lags: int) -> FloatArray:
    """Autocovariances at lags 0..n_lags - 1 with innovation variance 1, shape (G, n_lags).

    ``gamma_0 = 1 / prod_j (1 - r_j^2)``, ``gamma_1 = r_1 gamma_0``, then the Yule-Walker recursion.
    """
    coefficients = _signed_coefficients(partials)[0].T[1:]
    # lags first: each step of the recursion is one run of memory
    gamma = np.empty((n_lags, partials.shape[0]))
    gamma[0] = marginal_variance(partials)
    gamma[1] = partials[:, 0] * gamma[0]
    for lag in range(2, n_lags):
        np.multiply(coefficients[0], gamma[lag - 1], out=gamma[lag])
        for back, coefficient in enumerate(coefficients[1:], start=2):
            gamma[lag] += coefficient * gamma[lag - back]
    return gamma.T


def marginal_variance(partials: FloatArray) -> FloatArray:
    """Variance of the process over that of its innovations, shape (G,)."""
    return np.asarray(1.0 / np.prod(1.0 - partials**2, axis=1))


def _signed_coefficients(partials: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """``f = (-1, phi)`` with first and second derivatives: shapes (G, p+1), (G, p, p+1), (G, p, p, p+1)."""
    points, order = partials.shape
    value = np.full((points, order + 1), -1.0)
    first = np.zeros((points, order, order + 1))
    second = np.zeros((points, order, order, order + 1))
    if order == 1:
        value[:, 1] = partials[:, 0]
        first[:, 0, 1] = 1.0
        return value, first, second
    r1, r2 = partials.T
    value[:, 1], value[:, 2] = r1 * (1.0 - r2), r2
    first[:, 0, 1] = 1.0 - r2
    first[:, 1, 1] = -r1
    first[:, 1, 2] = 1.0
    second[:, 0, 1, 1] = second[:, 1, 0, 1] = -1.0
    return value, first, second


def _pair_selectors(order: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """0/1 matrices (p+1, m) picking f_i and f_j of each pair, and how often the pair occurs in N, (m,)."""
    rows, columns = np.array(form_pairs(order)).T
    identity = np.eye(order + 1)
    return identity[:, rows], identity[:, columns], np.where(rows == columns, 1.0, 2.0)


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
