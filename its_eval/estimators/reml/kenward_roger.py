"""First-order Kenward-Roger covariance (KR1), expected information, and the joint F of several contrasts.

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

For any other ``V = sigma^2 U(theta)`` the same from dense matrices over the observed months, with variance
parameters ``(log sigma^2, theta)``, ``V_a = dV/dtheta_a`` and ``P = V^{-1} - V^{-1}X Phi X'V^{-1}``:

  ``I_ab = tr(P V_a P V_b)/2``,  ``P_a = -X'V^{-1}V_a V^{-1}X``,
  ``Phi_A = Phi + 2 Phi [sum_ab (I^{-1})_ab (X'V^{-1}V_a V^{-1}V_b V^{-1}X - P_a Phi P_b)] Phi``.

A parameter on the edge of its range is taken as known: it has no part in I.

Kenward & Roger 1997, *Biometrics* 53:983, section 2, with the covariance model of the fit: for l contrasts L,
``Theta = L'(L Phi L')^{-1}L``, ``G_i = Phi P_i Phi`` and W the covariance of the variance parameters,

  ``A1 = sum_ij W_ij tr(Theta G_i) tr(Theta G_j)``,  ``A2 = sum_ij W_ij tr(Theta G_i Theta G_j)``,
  ``B = (A1 + 6 A2) / (2 l)``,  ``g = [(l + 1) A1 - (l + 4) A2] / [(l + 2) A2]``,
  ``c1, c2, c3 = (g, l - g, l + 2 - g) / [3 l + 2 (1 - g)]``,
  ``E = 1 / (1 - A2 / l)``,  ``V = (2 / l) (1 + c1 B) / [(1 - c2 B)^2 (1 - c3 B)]``,
  ``rho = V / (2 E^2)``,  ``m = 4 + (l + 2) / (l rho - 1)``,  ``lambda = m / [E (m - 2)]``,

and ``lambda b'L'(L Phi_A L')^{-1}L b / l`` is compared with F(l, m). For one contrast this is the t test of
``Fit.contrasts``: ``lambda`` = 1 and m the Satterthwaite degrees of freedom. Without variance parameters it
is the ordinary F test.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from scipy import special

from its_eval.estimators.fit import MINIMUM_DF, BoolArray, CovarianceModel, FloatArray
from its_eval.estimators.reml.autoregression import autocovariances, form_pairs
from its_eval.estimators.reml.profile import DesignMatrices, trace_products

if TYPE_CHECKING:
    from collections.abc import Sequence

    from its_eval.estimators.fit import Fit
    from its_eval.estimators.reml.reduction import ReducedDesign


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
    whole -= terms.log_determinant_second
    projected = np.einsum("gij,gabji->gab", matrices.inverse, crossed)

    information = np.empty((gamma.shape[0], order + 1, order + 1))
    information[:, 0, 0] = design.residual_df / 2.0
    scale = (np.einsum("gaii->ga", relative) - terms.log_determinant_first) / 2.0
    information[:, 0, 1:] = information[:, 1:, 0] = scale
    symmetric = projected + np.swapaxes(projected, 1, 2)
    information[:, 1:, 1:] = (whole - symmetric + trace_products(relative)) / 2.0
    return information


def dense_kenward_roger(
    X: FloatArray,
    covariance: FloatArray,
    slopes: Sequence[FloatArray],
    variance: FloatArray,
    known: BoolArray,
) -> CovarianceModel:
    """Covariance model of the coefficients of S series from dense matrices.

    Parameters
    ----------
    X : ndarray, shape (N, k)
        Design over the observed months.
    covariance : ndarray, shape (S, N, N)
        U of each series.
    slopes : sequence of ndarray, shape (S, N, N)
        Its derivative by each parameter.
    variance : ndarray, shape (S,)
        sigma^2.
    known : ndarray of bool, shape (S, 1 + len(slopes))
        Variance parameters that are not estimated, sigma^2 first.

    Returns
    -------
    CovarianceModel
        Rows and columns of parameters that are known are 0 in the covariance of the parameters.
    """
    n_used, n_terms = X.shape
    inverse = np.linalg.inv(covariance)
    half = inverse @ X
    phi = np.linalg.inv(X.T @ half)
    residual = inverse - half @ phi @ np.swapaxes(half, 1, 2)
    products = [residual @ matrix for matrix in slopes]
    information = np.empty((len(variance), 1 + len(slopes), 1 + len(slopes)))
    information[:, 0, 0] = (n_used - n_terms) / 2.0
    for a, left in enumerate(products, start=1):
        information[:, 0, a] = information[:, a, 0] = np.trace(left, axis1=1, axis2=2) / 2.0
        for b, right in enumerate(products[:a], start=1):
            crossed = np.einsum("sij,sji->s", left, right) / 2.0
            information[:, a, b] = information[:, b, a] = crossed
    spread = _inverse_information(information, known)

    carried = [matrix @ half for matrix in slopes]
    pulls = [np.swapaxes(half, 1, 2) @ one for one in carried]
    excess = np.zeros_like(phi)
    for a in range(len(slopes)):
        for b in range(len(slopes)):
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
        df_residual=np.full(len(variance), float(n_used - n_terms)),
    )


def _inverse_information(information: FloatArray, known: BoolArray) -> FloatArray:
    """Return the inverse information of the parameters that are not known, 0 elsewhere."""
    beside = known[:, :, None] | known[:, None]
    # A 1 for each known parameter keeps the matrix invertible and the others as they are.
    kept = np.where(beside, np.eye(known.shape[1]), information)
    scale = np.sqrt(np.einsum("sii->si", kept))
    unit = kept / (scale[:, :, None] * scale[:, None])
    return np.where(beside, 0.0, np.linalg.inv(unit) / (scale[:, :, None] * scale[:, None]))


#: A contrast counts as a combination of others when less than this fraction of its variance is left.
RANK_TOLERANCE = 1e-10


class JointTest(Struct, frozen=True):
    """Test that all of several contrasts are zero.

    Attributes
    ----------
    statistic : float
        Scaled F; NaN where no test is possible.
    df_num : int
        Number of contrasts.
    df_den : float
        Denominator degrees of freedom, at most the residual ones; infinite for a chi-squared test.
    p_value : float
    """

    statistic: float
    df_num: int
    df_den: float
    p_value: float


class JointScale(Struct, frozen=True):
    """What makes an F test of the estimates b of l contrasts, of S series.

    Attributes
    ----------
    root : ndarray, shape (S, l, l)
        ``|root b|^2 / l`` is the Wald statistic.
    factor : ndarray, shape (S,)
        Times it the scaled F; NaN where there is no F distribution.
    df : ndarray, shape (S,)
        Denominator degrees of freedom; infinite for a chi-squared test.
    """

    root: FloatArray
    factor: FloatArray
    df: FloatArray

    def statistic(self, estimates: FloatArray) -> FloatArray:
        """Return the scaled F of estimates, shape (S, l)."""
        projected = (self.root @ estimates[:, :, None])[:, :, 0]
        return np.asarray(self.factor * (projected**2).sum(axis=1) / estimates.shape[1])


def joint_scale(covariance: CovarianceModel, contrasts: FloatArray) -> JointScale:
    """Return what turns estimates of several contrasts into an F test, of every series.

    As in ``Fit.contrasts`` the adjusted covariance never counts as smaller than the model's: in directions
    in which it is, the model's is taken.

    Parameters
    ----------
    covariance : CovarianceModel
        Of S series.
    contrasts : ndarray, shape (l, k)
        Linearly independent rows.

    Returns
    -------
    JointScale
        NaN for a series without uncertainty (a degenerate one).

    Raises
    ------
    ValueError
        If contrasts are linear combinations of others.
    """
    size = contrasts.shape[0]
    model = contrasts @ covariance.model @ contrasts.T
    scale = np.einsum("sll->sl", model)
    regular = np.isfinite(model).all(axis=(1, 2)) & (scale > 0.0).all(axis=1)
    series = np.flatnonzero(regular)
    found = JointScale(
        np.full(model.shape, math.nan), np.full(len(model), math.nan), np.full(len(model), math.nan)
    )
    if not series.size:
        return found
    model, scale = model[series], scale[series]
    correlation = model / np.sqrt(scale[:, :, None] * scale[:, None])
    if (np.linalg.eigvalsh(correlation)[:, 0] < RANK_TOLERANCE).any():
        raise ValueError(
            f"the {size} contrasts are not linearly independent; leave out what follows from others"
        )
    # on the axes the model's covariance is I, and the adjusted one diagonal
    white = np.linalg.inv(np.linalg.cholesky(model))
    adjusted = white @ (contrasts @ covariance.adjusted[series] @ contrasts.T) @ np.swapaxes(white, 1, 2)
    values, vectors = np.linalg.eigh(adjusted)
    axes = np.swapaxes(vectors, 1, 2) @ white
    found.root[series] = axes / np.sqrt(np.maximum(values, 1.0))[:, :, None]
    ceiling = covariance.df_residual[series]
    if covariance.gradients.shape[1] == 0:
        found.factor[series], found.df[series] = 1.0, ceiling
        return found
    rotated = (axes @ contrasts)[:, None]
    first = rotated @ covariance.gradients[series] @ np.swapaxes(rotated, 2, 3)
    factor, df = _scale_and_df(first, covariance.parameter_covariance[series])
    found.factor[series] = factor
    found.df[series] = np.clip(df, MINIMUM_DF, np.maximum(ceiling, MINIMUM_DF))
    return found


def f_tail(statistic: FloatArray, size: int, df: FloatArray) -> FloatArray:
    """Return p-values of scaled F statistics of l contrasts; of chi-squared / l at infinite df."""
    chi_squared = special.chdtrc(size, size * statistic)
    return np.where(
        np.isinf(df), chi_squared, special.fdtrc(size, np.where(np.isinf(df), 1.0, df), statistic)
    )


def joint_f(fit: Fit, series: int, contrasts: FloatArray) -> JointTest:
    """Test several contrasts of one series.

    Parameters
    ----------
    fit : Fit
        By any estimator.
    series : int
        Which of its series.
    contrasts : ndarray, shape (l, k)
        Linearly independent rows.

    Returns
    -------
    JointTest
        All NaN but ``df_num`` where the fit has no uncertainty (a degenerate series), or where the variance
        parameters are so uncertain that the approximation has no F distribution (it needs m above 4).

    Raises
    ------
    ValueError
        If contrasts are linear combinations of others.
    """
    one, size = fit.one(series), contrasts.shape[0]
    scale = joint_scale(one.covariance, contrasts)
    statistic = scale.statistic(one.params @ contrasts.T)
    if math.isnan(statistic[0]):
        return JointTest(math.nan, size, math.nan, math.nan)
    p_value = f_tail(statistic, size, scale.df)
    return JointTest(float(statistic[0]), size, float(scale.df[0]), float(p_value[0]))


def _scale_and_df(gradients: FloatArray, spread: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return lambda and m of S series; NaN where they do not belong to an F distribution.

    Parameters
    ----------
    gradients : ndarray, shape (S, q, l, l)
        ``G_i`` on axes on which ``L Phi L'`` is the identity, so that ``tr(Theta G_i)`` is a trace.
    spread : ndarray, shape (S, q, q)
        W.
    """
    size = gradients.shape[2]
    traces = np.einsum("sqaa->sq", gradients)
    a1 = np.einsum("sp,spq,sq->s", traces, spread, traces)
    a2 = np.einsum("spq,spab,sqba->s", spread, gradients, gradients)
    certain = a2 == 0.0  # nothing about the variance is uncertain
    a2 = np.where(certain, 1.0, a2)
    if size == 1:  # exactly: m = 2 / A2, whatever its size, and lambda = 1
        return np.ones(len(a2)), np.where(certain, math.inf, 2.0 / a2)
    b = (a1 + 6.0 * a2) / (2.0 * size)
    g = ((size + 1) * a1 - (size + 4) * a2) / ((size + 2) * a2)
    c1, c2, c3 = np.array([g, size - g, size + 2 - g]) / (3.0 * size + 2.0 * (1.0 - g))
    there = (a2 < size) & (c3 * b < 1.0) & (1.0 + c1 * b > 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        expectation = 1.0 / (1.0 - a2 / size)
        variance = 2.0 / size * (1.0 + c1 * b) / ((1.0 - c2 * b) ** 2 * (1.0 - c3 * b))
        df = 4.0 + (size + 2.0) / (size * variance / (2.0 * expectation**2) - 1.0)
        factor = df / (expectation * (df - 2.0))
    factor, df = np.where(there, factor, math.nan), np.where(there, df, math.nan)
    return np.where(certain, 1.0, factor), np.where(certain, math.inf, df)
