"""First-order Kenward-Roger covariance (KR1) with expected information.

Kenward & Roger 1997, *Biometrics* 53:983, without the second-derivative term -R_ij/4, which depends on the
parametrisation and explodes near a unit root (methods §2). The variance parameters are taken as
``(log sigma_e^2, r_1..r_p)``, so nothing depends on the unit of the outcome. With ``V = sigma_e^2 N^{-1}``,
``M = Q'NQ``, ``M_a = Q'N_a Q``, ``W_ab = Q'N_a N^{-1}N_b Q`` and ``nu = n - k``:

  information    I_00 = nu/2,  I_0a = (tr M^{-1}M_a - (log|N|)_a)/2,
                 I_ab = (tr N_a N^{-1}N_b N^{-1} - 2 tr M^{-1}W_ab + tr M^{-1}M_a M^{-1}M_b)/2,
                 tr N_a N^{-1}N_b N^{-1} = tr N_ab N^{-1} - (log|N|)_ab,
                 tr S_ij N^{-1} = (n - i - j) gamma_{j-i};
  covariance     Phi = sigma_e^2 M^{-1},
                 Phi_A = Phi + 2 sigma_e^2 M^{-1} [sum_ab (I^{-1})_ab (W_ab - M_a M^{-1}M_b)] M^{-1};
  gradients      G_0 = Phi P_0 Phi = -Phi,  G_a = Phi P_a Phi = sigma_e^2 M^{-1}M_a M^{-1}.

The terms of Phi_A that involve sigma_e^2 cancel. N_a Q lies in the span of Z = [Q F], so W_ab needs only
``Z'N_a Q`` and ``Z'N^{-1}Z``, a weighted sum of n fixed matrices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.autoregression import autocovariances, form_pairs
from its_eval.estimate.fit import CovarianceModel, FloatArray
from its_eval.estimate.profile import DesignMatrices, trace_products

if TYPE_CHECKING:
    from its_eval.estimate.reduction import ReducedDesign


def kenward_roger(
    design: ReducedDesign,
    matrices: DesignMatrices,
    partials: FloatArray,
    innovation_variance: FloatArray,
    n_returned: int,
) -> CovarianceModel:
    """Covariance model of the coefficients of X at G points.

    Parameters
    ----------
    design : ReducedDesign
    matrices : DesignMatrices
        At the same G points.
    partials : ndarray, shape (G, p)
    innovation_variance : ndarray, shape (G,)
        ``sigma_e^2``.
    n_returned : int
        Leading columns of X to report; the indicator columns of missing months behind them are dropped.

    Returns
    -------
    CovarianceModel
        Matrices of shape (G, n_returned, n_returned); the p + 1 variance parameters are
        ``(log sigma_e^2, r)``.
    """
    points, order = partials.shape
    gamma = autocovariances(partials, design.n_rows)
    axes_covariance = np.tensordot(gamma, design.lag_products, axes=1)[:, None]
    covered = np.swapaxes(axes_covariance @ matrices.first, 2, 3)
    crossed = covered[:, :, None] @ matrices.first[:, None]
    relative = matrices.inverse[:, None] @ matrices.inner_first
    information = _information(design, matrices, gamma, crossed, relative)
    parameter_covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)

    excess = crossed - matrices.inner_first[:, :, None] @ relative[:, None]
    adjustment = np.einsum("gab,gabij->gij", parameter_covariance[:, 1:, 1:], excess)
    back = np.linalg.inv(design.triangular)[:n_returned]
    half = back @ matrices.inverse
    half_transposed = np.swapaxes(half, 1, 2)
    scale = innovation_variance[:, None, None]
    model = scale * (half @ back.T)
    gradients = np.empty((points, order + 1, n_returned, n_returned))
    gradients[:, 0] = -model
    gradients[:, 1:] = scale[:, None] * (half[:, None] @ matrices.inner_first @ half_transposed[:, None])
    adjusted = model + 2.0 * scale * (half @ adjustment @ half_transposed)
    return CovarianceModel(
        adjusted=(adjusted + np.swapaxes(adjusted, 1, 2)) / 2.0,
        model=model,
        gradients=gradients,
        parameter_covariance=parameter_covariance,
        df_residual=np.full(points, float(design.residual_df)),
    )


def _information(
    design: ReducedDesign,
    matrices: DesignMatrices,
    gamma: FloatArray,
    crossed: FloatArray,
    relative: FloatArray,
) -> FloatArray:
    """Return the expected information of ``(log sigma_e^2, r)``, shape (G, p + 1, p + 1)."""
    terms, order = matrices.terms, design.order
    pairs = form_pairs(order)
    form_traces = np.stack([(design.n_rows - i - j) * gamma[:, j - i] for i, j in pairs], axis=1)
    whole = (terms.second @ form_traces[:, None, :, None])[:, :, :, 0]
    diagonal = np.arange(order)
    whole[:, diagonal, diagonal] -= terms.log_determinant_second
    projected = np.einsum("gij,gabji->gab", matrices.inverse, crossed)

    information = np.empty((gamma.shape[0], order + 1, order + 1))
    information[:, 0, 0] = design.residual_df / 2.0
    scale = (np.einsum("gaii->ga", relative) - terms.log_determinant_first) / 2.0
    information[:, 0, 1:] = information[:, 1:, 0] = scale
    symmetric = projected + np.swapaxes(projected, 1, 2)
    information[:, 1:, 1:] = (whole - symmetric + trace_products(relative)) / 2.0
    return information
