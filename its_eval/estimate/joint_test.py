"""Several contrasts at once: the scaled F test of Kenward & Roger.

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
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, special

from its_eval.estimate.fit import MINIMUM_DF

if TYPE_CHECKING:
    from its_eval.estimate.fit import Fit, FloatArray

#: A contrast counts as a combination of others when less than this fraction of its variance is left.
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True)
class JointTest:
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


def joint_f(fit: Fit, series: int, contrasts: FloatArray) -> JointTest:
    """Test several contrasts of one series.

    As in ``Fit.contrasts`` the adjusted covariance never counts as smaller than the model's: in directions
    in which it is, the model's is taken.

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
    one = fit.one(series)
    covariance = one.covariance
    size = contrasts.shape[0]
    nothing = JointTest(math.nan, size, math.nan, math.nan)
    model = contrasts @ covariance.model[0] @ contrasts.T
    scale = np.diag(model)
    if not (np.isfinite(model).all() and np.isfinite(one.params).all() and (scale > 0.0).all()):
        return nothing
    correlation = model / np.sqrt(np.outer(scale, scale))
    if np.linalg.eigvalsh(correlation)[0] < RANK_TOLERANCE:
        raise ValueError(
            f"the {size} contrasts are not linearly independent; leave out what follows from others"
        )

    adjusted = contrasts @ covariance.adjusted[0] @ contrasts.T
    values, axes = linalg.eigh(adjusted, model)
    # eigh makes axes'(model) axes = I: along an axis the adjusted variance is its value times the model's.
    projected = axes.T @ (contrasts @ one.params[0])
    wald = float(np.sum(projected**2 / np.maximum(values, 1.0))) / size
    ceiling = float(covariance.df_residual[0])
    factor, df = 1.0, ceiling
    if covariance.gradients.shape[1] > 0:
        rotated = axes.T @ contrasts
        first = np.einsum("ai,qij,bj->qab", rotated, covariance.gradients[0], rotated)
        found = _scale_and_df(first, covariance.parameter_covariance[0])
        if found is None:
            return nothing
        factor, df = found
        df = min(max(df, MINIMUM_DF), max(ceiling, MINIMUM_DF))
    statistic = factor * wald
    p_value = special.chdtrc(size, size * statistic) if math.isinf(df) else special.fdtrc(size, df, statistic)
    return JointTest(statistic, size, df, float(p_value))


def _scale_and_df(gradients: FloatArray, spread: FloatArray) -> tuple[float, float] | None:
    """Return lambda and m; None where they do not belong to an F distribution.

    Parameters
    ----------
    gradients : ndarray, shape (q, l, l)
        ``G_i`` on axes on which ``L Phi L'`` is the identity, so that ``tr(Theta G_i)`` is a trace.
    spread : ndarray, shape (q, q)
        W.
    """
    size = gradients.shape[1]
    traces = np.einsum("qaa->q", gradients)
    a1 = float(traces @ spread @ traces)
    a2 = float(np.einsum("pq,pab,qba->", spread, gradients, gradients))
    if a2 == 0.0:  # nothing about the variance is uncertain
        return 1.0, math.inf
    if size == 1:  # exactly: m = 2 / A2, whatever its size, and lambda = 1
        return 1.0, 2.0 / a2
    b = (a1 + 6.0 * a2) / (2.0 * size)
    g = ((size + 1) * a1 - (size + 4) * a2) / ((size + 2) * a2)
    c1, c2, c3 = np.array([g, size - g, size + 2 - g]) / (3.0 * size + 2.0 * (1.0 - g))
    if not (a2 < size and c3 * b < 1.0 and 1.0 + c1 * b > 0.0):
        return None
    expectation = 1.0 / (1.0 - a2 / size)
    variance = 2.0 / size * (1.0 + c1 * b) / ((1.0 - c2 * b) ** 2 * (1.0 - c3 * b))
    df = 4.0 + (size + 2.0) / (size * variance / (2.0 * expectation**2) - 1.0)
    return df / (expectation * (df - 2.0)), df
