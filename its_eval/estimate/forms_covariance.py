"""First-order Kenward-Roger covariance (KR1) of series reduced to quadratic forms.

The algebra is that of ``kenward_roger``, for any error model whose precision matrix is a weighted sum of
forms, and with the covariance matrix V itself between the columns ``N_a Q``: ``W_ab = (N_a Q)'V (N_b Q)``.
The variance parameters are ``(log sigma_e^2, theta)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.fit import CovarianceModel, FloatArray
from its_eval.estimate.profile import trace_products
from its_eval.estimate.series_forms import weighted_columns

if TYPE_CHECKING:
    from its_eval.estimate.error_model import ErrorModel
    from its_eval.estimate.forms_profile import FormsProfile
    from its_eval.estimate.series_forms import OrthonormalDesigns


def forms_kenward_roger(
    model: ErrorModel,
    designs: OrthonormalDesigns,
    profile: FormsProfile,
    theta: FloatArray,
    innovation_variance: FloatArray,
) -> CovarianceModel:
    """Covariance model of the coefficients of X.

    Parameters
    ----------
    model : ErrorModel
    designs : OrthonormalDesigns
        One for each of S series, or a single one for all.
    profile : FormsProfile
        At theta.
    theta : ndarray, shape (S, q)
    innovation_variance : ndarray, shape (S,)
        ``sigma_e^2``, before the interruption.

    Returns
    -------
    CovarianceModel
        Matrices of shape (S, k, k), unit columns of missing months dropped; q + 1 variance parameters.
    """
    n_series, n_free = theta.shape
    n_terms = designs.triangular.shape[-1]
    moved = weighted_columns(model, profile.terms.first, designs.basis)
    n_rows, n_columns = moved.shape[2:]
    beside = np.swapaxes(moved, 1, 2).reshape(n_series, n_rows, n_free * n_columns)
    covered = np.swapaxes(beside, 1, 2) @ (model.covariances(theta) @ beside)
    crossed = np.swapaxes(covered.reshape(n_series, n_free, n_columns, n_free, n_columns), 2, 3)
    relative = profile.inverse[:, None] @ profile.inner_first
    information = _information(model, designs, profile, theta, crossed, relative)
    parameter_covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)

    excess = crossed - profile.inner_first[:, :, None] @ relative[:, None]
    adjustment = np.einsum("sab,sabij->sij", parameter_covariance[:, 1:, 1:], excess)
    # Of the rows of Q-coordinates only those of X's own columns are reported.
    half = np.linalg.inv(designs.triangular) @ profile.inverse[:, :n_terms]
    back = np.swapaxes(np.linalg.inv(designs.triangular), 1, 2)
    half_transposed = np.swapaxes(half, 1, 2)
    scale = innovation_variance[:, None, None]
    covariance = scale * (half[:, :, :n_terms] @ back)
    covariance = (covariance + np.swapaxes(covariance, 1, 2)) / 2.0
    gradients = np.empty((n_series, n_free + 1, n_terms, n_terms))
    gradients[:, 0] = -covariance
    gradients[:, 1:] = scale[:, None] * (half[:, None] @ profile.inner_first @ half_transposed[:, None])
    adjusted = covariance + 2.0 * scale * (half @ adjustment @ half_transposed)
    return CovarianceModel(
        adjusted=(adjusted + np.swapaxes(adjusted, 1, 2)) / 2.0,
        model=covariance,
        gradients=gradients,
        parameter_covariance=parameter_covariance,
        df_residual=np.full(n_series, float(designs.residual_df)),
    )


def _information(
    model: ErrorModel,
    designs: OrthonormalDesigns,
    profile: FormsProfile,
    theta: FloatArray,
    crossed: FloatArray,
    relative: FloatArray,
) -> FloatArray:
    """Return the expected information of ``(log sigma_e^2, theta)``, shape (S, q + 1, q + 1)."""
    terms = profile.terms
    n_series, n_free = theta.shape
    traces = model.form_traces(theta)
    whole = (terms.second @ traces[:, None, :, None])[:, :, :, 0]
    diagonal = np.arange(n_free)
    whole[:, diagonal, diagonal] -= terms.log_determinant_second
    projected = np.einsum("sij,sabji->sab", profile.inverse, crossed)

    information = np.empty((n_series, n_free + 1, n_free + 1))
    information[:, 0, 0] = designs.residual_df / 2.0
    scale = (np.einsum("saii->sa", relative) - terms.log_determinant_first) / 2.0
    information[:, 0, 1:] = information[:, 1:, 0] = scale
    symmetric = projected + np.swapaxes(projected, 1, 2)
    information[:, 1:, 1:] = (whole - symmetric + trace_products(relative)) / 2.0
    return information
