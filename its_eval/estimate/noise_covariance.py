"""First-order Kenward-Roger covariance (KR1) of a regression with AR(1)-plus-noise errors.

The formulas of ``kenward_roger`` on dense matrices over the observed months, for the variance parameters
``(log sigma^2, rho, w)`` of ``V = sigma^2 [(1 - w) I + w R(rho)]``: ``V_rho = w dR/drho``, ``V_w = R - I``,
``I_ij = tr(P V_i P V_j)/2``, ``Q_ij = X'V^{-1}V_i V^{-1}V_j V^{-1}X``. KR1 does not depend on how the
variance is parametrised.
"""

from __future__ import annotations

import numpy as np

from its_eval.estimate.fit import BoolArray, CovarianceModel, FloatArray

#: w says nothing at rho = 0, where signal and noise are the same: derivatives are taken this far from it.
SMALLEST_RHO = 0.01


def noise_covariance(
    X: FloatArray, months: FloatArray, points: FloatArray, variance: FloatArray
) -> CovarianceModel:
    """Covariance model of the coefficients of S series.

    Parameters
    ----------
    X : ndarray, shape (N, k)
        Design over the observed months.
    months : ndarray, shape (N,)
        Their places in time.
    points : ndarray, shape (S, 2)
        rho and w of each series. A series with w = 1 has no noise: w is not estimated then but on its edge,
        and the covariance is that of a pure AR(1).
    variance : ndarray, shape (S,)
        sigma^2, the marginal variance of the errors.
    """
    n_used, n_terms = X.shape
    n_series = len(points)
    rho = np.where(np.abs(points[:, 0]) < SMALLEST_RHO, np.copysign(SMALLEST_RHO, points[:, 0]), points[:, 0])
    share = points[:, 1]
    lags = np.abs(months[:, None] - months)
    correlation = rho[:, None, None] ** lags
    slope = lags * rho[:, None, None] ** (lags - 1.0)
    identity = np.eye(n_used)
    weight = share[:, None, None]
    inverse = np.linalg.inv((1.0 - weight) * identity + weight * correlation)
    first = (weight * slope, correlation - identity)

    half = inverse @ X
    phi = np.linalg.inv(X.T @ half)
    residual = inverse - half @ phi @ np.swapaxes(half, 1, 2)
    products = [residual @ matrix for matrix in first]
    information = np.empty((n_series, 3, 3))
    information[:, 0, 0] = (n_used - n_terms) / 2.0
    for a, left in enumerate(products, start=1):
        information[:, 0, a] = information[:, a, 0] = np.trace(left, axis1=1, axis2=2) / 2.0
        for b, right in enumerate(products, start=1):
            information[:, a, b] = np.einsum("sij,sji->s", left, right) / 2.0
    spread = _parameter_covariance(information, pure=share >= 1.0)

    carried = [matrix @ half for matrix in first]
    pulls = [np.swapaxes(half, 1, 2) @ one for one in carried]
    excess = np.zeros_like(phi)
    for a in range(2):
        for b in range(2):
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


def _parameter_covariance(information: FloatArray, pure: BoolArray) -> FloatArray:
    """Inverse information of ``(log sigma^2, rho, w)``; w is known (row and column 0) where ``pure``."""
    scale = np.sqrt(np.einsum("sii->si", information))
    unit = information / (scale[:, :, None] * scale[:, None])
    spread = np.zeros_like(information)
    both = ~pure
    spread[both] = np.linalg.inv(unit[both])
    spread[pure, :2, :2] = np.linalg.inv(unit[pure, :2, :2])
    return np.asarray(spread / (scale[:, :, None] * scale[:, None]))
