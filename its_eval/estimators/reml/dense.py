"""First-order Kenward-Roger covariance from dense matrices, for error models without a fast form.

The formulas of ``kenward_roger`` for ``V = sigma^2 C(theta)`` and the variance parameters
``(log sigma^2, theta)``: ``V_a = sigma^2 C_a``, ``I_ij = tr(P V_i P V_j)/2``,
``Q_ij = X'V^{-1}V_i V^{-1}V_j V^{-1}X``. KR1 does not depend on how the variance is parametrised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimators.fit import BoolArray, CovarianceModel, FloatArray

if TYPE_CHECKING:
    from collections.abc import Sequence


def dense_covariance(
    X: FloatArray, inverse: FloatArray, first: Sequence[FloatArray], variance: FloatArray, known: BoolArray
) -> CovarianceModel:
    """Covariance model of the coefficients of S series.

    Parameters
    ----------
    X : ndarray, shape (N, k)
        Design over the observed months.
    inverse : ndarray, shape (S, N, N)
        ``C^{-1}``.
    first : sequence of q ndarrays, each of shape (S, N, N) or (N, N)
        ``C_a``, the derivatives of C by theta.
    variance : ndarray, shape (S,)
        sigma^2.
    known : ndarray of bool, shape (S, q)
        Parameters that are not estimated but lie on an edge: they add no uncertainty.
    """
    n_used, n_terms = X.shape
    n_series, count = known.shape
    half = inverse @ X
    phi = np.linalg.inv(X.T @ half)
    residual = inverse - half @ phi @ np.swapaxes(half, 1, 2)
    products = [residual @ matrix for matrix in first]
    information = np.empty((n_series, count + 1, count + 1))
    information[:, 0, 0] = (n_used - n_terms) / 2.0
    for a, left in enumerate(products, start=1):
        information[:, 0, a] = information[:, a, 0] = np.trace(left, axis1=1, axis2=2) / 2.0
        for b, right in enumerate(products, start=1):
            information[:, a, b] = np.einsum("sij,sji->s", left, right) / 2.0
    spread = _parameter_covariance(information, known)

    carried = [matrix @ half for matrix in first]
    pulls = [np.swapaxes(half, 1, 2) @ one for one in carried]
    excess = np.zeros_like(phi)
    for a in range(count):
        for b in range(count):
            crossed = np.swapaxes(carried[a], 1, 2) @ inverse @ carried[b] - pulls[a] @ phi @ pulls[b]
            excess += spread[:, a + 1, b + 1, None, None] * crossed
    scale = variance[:, None, None]
    model = scale * phi
    adjusted = model + 2.0 * scale * (phi @ excess @ phi)
    gradients = np.stack([-model, *(-scale * (phi @ pull @ phi) for pull in pulls)], axis=1)
    return CovarianceModel(
        adjusted=(adjusted + np.swapaxes(adjusted, 1, 2)) / 2.0,
        model=(model + np.swapaxes(model, 1, 2)) / 2.0,
        gradients=gradients,
        parameter_covariance=spread,
        df_residual=np.full(n_series, float(n_used - n_terms)),
    )


def _parameter_covariance(information: FloatArray, known: BoolArray) -> FloatArray:
    """Inverse information of ``(log sigma^2, theta)``; row and column 0 for what is known."""
    scale = np.sqrt(np.einsum("sii->si", information))
    unit = information / (scale[:, :, None] * scale[:, None])
    spread = np.zeros_like(information)
    for pattern in np.unique(known, axis=0):
        alike = (known == pattern).all(axis=1)
        free = np.flatnonzero(np.append(True, ~pattern))
        spread[np.ix_(alike, free, free)] = np.linalg.inv(unit[np.ix_(alike, free, free)])
    return np.asarray(spread / (scale[:, :, None] * scale[:, None]))
