"""The precision matrix of a stationary AR(p) process, p = 1 or 2, as a quadratic form in its coefficients.

With innovation variance 1, the inverse covariance matrix N of n consecutive values is exactly
``N = sum_{i <= j} w_ij S_ij`` where, with ``f = (-1, phi_1, ..., phi_p)``, ``w_ii = f_i^2``,
``w_ij = 2 f_i f_j`` and ``v'S_ij v = sum_{s=0}^{n-1-i-j} v_{i+s} v_{j+s}`` (Box & Jenkins, *Time Series
Analysis*, appendix A7.4). Everything is expressed in the partial autocorrelations r, because their
parameter space is a box: ``phi_1 = r_1`` for p = 1; ``phi_1 = r_1 (1 - r_2)``, ``phi_2 = r_2`` for p = 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from its_eval.estimate.fit import FloatArray

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


@dataclass(frozen=True)
class PrecisionTerms:
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
    log_determinant_first, log_determinant_second : ndarray, shape (G, p)
        Its gradient and the diagonal of its Hessian, which has nothing off the diagonal.
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
        log_determinant_second=-2.0 * degree * (1.0 + partials**2) / spread**2,
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
