"""The restricted likelihood of an AR(1) process observed with white noise, exact and cheap for many series.

The errors have covariance matrix ``V = (1 - s) I + s K`` times a variance, K that of an AR(1) process with
innovation variance 1; s = q / (1 + q) is the share of the innovations in what is new each month: s = 1 is a
pure AR(1), s = 0 white noise. With ``N = K^{-1}``, ``V = T N^{-1}`` where ``T = (1 - s) N + s I``. N is
``(1 + rho^2) I - rho C`` but for its two corners. C, ones at lag 1, is diagonal in the sine basis, with
eigenvalues ``2 cos(pi j / (n + 1))`` (Anderson 1971, *The Statistical Analysis of Time Series*, section
6.5.4). So, for vectors in that basis, with ``D_N = 1 + rho^2 - 2 rho cos``, ``D_T = (1 - s) D_N + s`` and u
the two combinations ``(e_1 +- e_n)/sqrt(2)`` of the ends, which are orthogonal in every diagonal weighting of
the basis,

  ``y'V^{-1}z = sum y z D_N / D_T - rho^2 s sum_u h_u (sum y u / D_T)(sum z u / D_T)``,
  ``log|V| = sum log D_T + sum_u log[1 - (1 - s) rho^2 m_u] - log(1 - rho^2)``,

``m_u = sum u^2 / D_T``, ``h_u = 1 / [1 - (1 - s) rho^2 m_u]`` (Woodbury's identity for the corners). An
evaluation costs a few products of length n, without any n x n matrix. Derivatives come from complex steps
(Squire & Trapp 1998, *SIAM Review* 40:110), which are exact to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimate.fit import FloatArray

#: Imaginary step of first derivatives, and real step of the differences of these that give the second.
COMPLEX_STEP, REAL_STEP = 1e-20, 1e-5


@dataclass(frozen=True)
class NoiseDesign:
    """A design of n rows and k columns, indicator columns of missing months included, in the sine basis.

    Attributes
    ----------
    basis, triangular : ndarray, shapes (n, k) and (k, k)
        Q and R of X = QR.
    cosines : ndarray, shape (n,)
        ``cos(pi j / (n + 1))``.
    turned : ndarray, shape (n, k)
        Q in the sine basis.
    ends : ndarray, shape (n, 2)
        The two vectors u in the sine basis.
    """

    basis: FloatArray
    triangular: FloatArray
    cosines: FloatArray
    turned: FloatArray
    ends: FloatArray

    @property
    def residual_df(self) -> int:
        """Rows minus columns."""
        return int(self.basis.shape[0] - self.basis.shape[1])


def to_sine_basis(columns: FloatArray) -> FloatArray:
    """Coordinates of columns (n, m) in the orthonormal sine basis."""
    from scipy.fft import dst  # noqa: PLC0415 - only this estimator needs it

    return np.asarray(dst(columns, type=1, axis=0, norm="ortho"))


def noise_design(X: FloatArray) -> NoiseDesign:
    """Turn a design of full column rank into the sine basis."""
    n_rows = X.shape[0]
    basis, triangular = np.linalg.qr(X)
    ends = np.zeros((n_rows, 2))
    ends[0] = 1.0
    ends[-1] = 1.0, -1.0
    return NoiseDesign(
        basis=basis,
        triangular=triangular,
        cosines=np.cos(np.pi * np.arange(1, n_rows + 1) / (n_rows + 1)),
        turned=to_sine_basis(basis),
        ends=to_sine_basis(ends / np.sqrt(2.0)),
    )


@dataclass(frozen=True)
class NoiseForms:
    """Quadratic forms in ``V^{-1}`` at S points, one for each series (real, or complex for derivatives).

    Attributes
    ----------
    inner : ndarray, shape (S, k, k)
        ``M = Q'V^{-1}Q``.
    link : ndarray, shape (S, k)
        ``Q'V^{-1}e``, e the least-squares residuals.
    total : ndarray, shape (S,)
        ``e'V^{-1}e``.
    log_determinant : ndarray, shape (S,)
        ``log|V|``.
    """

    inner: NDArray[Any]
    link: NDArray[Any]
    total: NDArray[Any]
    log_determinant: NDArray[Any]


def evaluate_forms(design: NoiseDesign, residuals: FloatArray, rho: Any, share: Any) -> NoiseForms:
    """Evaluate the forms.

    Parameters
    ----------
    design : NoiseDesign
    residuals : ndarray, shape (S, n)
        Least-squares residuals in the sine basis, one series a row.
    rho, share : ndarray, shape (S,)
    """
    n_rows, n_terms = design.turned.shape
    rho, share = rho[:, None], share[:, None]
    precision = 1.0 + rho**2 - 2.0 * rho * design.cosines
    spread = 1.0 / ((1.0 - share) * precision + share)
    weight = precision * spread
    corner = 1.0 - (1.0 - share) * rho**2 * (spread @ design.ends**2)
    pull = -(rho**2) * share / corner

    squares = (design.turned[:, :, None] * design.turned[:, None]).reshape(n_rows, n_terms**2)
    crossed = (design.ends[:, :, None] * design.turned[:, None]).reshape(n_rows, 2 * n_terms)
    at_ends = (spread @ crossed).reshape(-1, 2, n_terms)
    residual_ends = (spread * residuals) @ design.ends
    inner = (weight @ squares).reshape(-1, n_terms, n_terms)
    inner = inner + np.einsum("su,sui,suj->sij", pull, at_ends, at_ends)
    link = (weight * residuals) @ design.turned + np.einsum("su,sui,su->si", pull, at_ends, residual_ends)
    total = np.sum(weight * residuals**2, axis=1) + np.sum(pull * residual_ends**2, axis=1)
    log_determinant = np.sum(np.log(corner), axis=1) - np.sum(np.log(spread), axis=1)
    return NoiseForms(inner, link, total, log_determinant - np.log(1.0 - rho[:, 0] ** 2))


def objective(design: NoiseDesign, residuals: FloatArray, rho: Any, share: Any) -> Any:
    """``log RSS + (log|V| + log|M|)/(n - k)``, which restricted maximum likelihood minimises, shape (S,)."""
    forms = evaluate_forms(design, residuals, rho, share)
    shift = np.linalg.solve(forms.inner, forms.link[:, :, None])[:, :, 0]
    rss = forms.total - np.sum(forms.link * shift, axis=1)
    sign, log_inner = np.linalg.slogdet(forms.inner)
    # The sign of a complex determinant carries the imaginary part of its logarithm.
    return np.log(rss) + (forms.log_determinant + log_inner + np.log(sign)) / design.residual_df


@dataclass(frozen=True)
class NoiseProfile:
    """The objective of S series with derivatives by (rho, s), as ``projected_newton`` wants it."""

    value: FloatArray
    gradient: FloatArray
    hessian: FloatArray


def evaluate_profile(design: NoiseDesign, residuals: FloatArray, points: FloatArray) -> NoiseProfile:
    """Evaluate the objective and its derivatives at points (S, 2).

    First derivatives are exact; second ones are central differences of them, which only the length of a
    Newton step depends on.
    """
    value, gradient = _gradient(design, residuals, points)
    hessian = np.empty((*gradient.shape, 2))
    for axis in range(2):
        offset = np.zeros(2)
        offset[axis] = REAL_STEP
        above, below = (_gradient(design, residuals, points + sign * offset)[1] for sign in (1.0, -1.0))
        hessian[:, axis] = (above - below) / (2.0 * REAL_STEP)
    return NoiseProfile(value, gradient, (hessian + np.swapaxes(hessian, 1, 2)) / 2.0)


def _gradient(
    design: NoiseDesign, residuals: FloatArray, points: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Objective (S,) and its gradient (S, 2)."""
    gradient = np.empty(points.shape)
    for axis in range(2):
        stepped = points.astype(np.complex128)
        stepped[:, axis] += 1j * COMPLEX_STEP
        value = objective(design, residuals, stepped[:, 0], stepped[:, 1])
        gradient[:, axis] = value.imag / COMPLEX_STEP
    return np.asarray(value.real), gradient
