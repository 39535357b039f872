"""REML with AR(1)-plus-noise errors and KR1 inference, many series at once.

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
evaluation costs a few products of length n, without any n x n matrix.

The covariance of the coefficients is ``dense_kenward_roger`` over the observed months, for the variance
parameters ``(log sigma^2, rho, w)`` of ``V = sigma^2 [(1 - w) I + w R(rho)]``: ``V_rho = w dR/drho``,
``V_w = R - I``. KR1 does not depend on how the variance is parametrised.

A slow autoregressive drift under white noise is what a trust's series often looks like; a pure AR(1) must
split the difference between the two and understates the uncertainty of a trend (methods §2, "AN").
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from its_eval.estimators.fit import (
    BoolArray,
    CovarianceModel,
    Fit,
    FloatArray,
    augmented_design,
    blank_fit,
    degenerate_series,
    missing_patterns,
    require_estimable,
    scatter,
)
from its_eval.estimators.reml.ar1 import to_rho, to_warped
from its_eval.estimators.reml.ar2_search import best_starts
from its_eval.estimators.reml.autoregression import BOUNDS
from its_eval.estimators.reml.complex_steps import StepProfile, profile_by_steps
from its_eval.estimators.reml.error_model import minimise
from its_eval.estimators.reml.kenward_roger import dense_kenward_roger
from its_eval.estimators.reml.reml_ar import FLAGS, autocorrelation_flags


class NoiseDesign(Struct, frozen=True):
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
    return np.asarray(_sine_basis(len(columns)) @ columns)


@cache
def _sine_basis(n_rows: int) -> FloatArray:
    """Return ``sqrt(2/(n+1)) sin(pi i j/(n+1))``: symmetric, and its own inverse (the DST of type 1)."""
    places = np.arange(1, n_rows + 1)
    # the product of places modulo a period of the sine, exactly: no digits are lost in a large argument
    turns = np.outer(places, places) % (2 * (n_rows + 1))
    return np.asarray(np.sqrt(2.0 / (n_rows + 1)) * np.sin(np.pi * turns / (n_rows + 1)))


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


class NoiseForms(Struct, frozen=True):
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


def evaluate_profile(design: NoiseDesign, residuals: FloatArray, points: FloatArray) -> StepProfile:
    """Evaluate the objective and its derivatives at points (S, 2)."""
    return profile_by_steps(lambda stepped: objective(design, residuals, *stepped.T), points)


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
    rho = np.where(np.abs(points[:, 0]) < SMALLEST_RHO, np.copysign(SMALLEST_RHO, points[:, 0]), points[:, 0])
    share = points[:, 1]
    lags = np.abs(months[:, None] - months)
    correlation = rho[:, None, None] ** lags
    slope = lags * rho[:, None, None] ** (lags - 1.0)
    identity = np.eye(len(X))
    weight = share[:, None, None]
    known = np.zeros((len(points), 3), dtype=np.bool_)
    known[:, 2] = share >= 1.0
    covariance = (1.0 - weight) * identity + weight * correlation
    return dense_kenward_roger(X, covariance, (weight * slope, correlation - identity), variance, known)


#: Least share of the innovations in what is new each month; below it rho says nothing.
SMALLEST_SHARE = 1e-4
#: Grid points of rho, and the shares of the grid; the last is the pure AR(1).
N_RHO = 20
SHARES = (SMALLEST_SHARE, 1e-3, 4e-3, 0.012, 0.03, 0.07, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 1.0)
LONGEST_STEPS = np.array([0.2, 0.25])
#: Numbers that the n x n matrices of one chunk of series may hold.
CHUNK_NUMBERS = 4_000_000


def fit_reml_ar_noise(X: FloatArray, Y: FloatArray) -> Fit:
    """Fit one design with AR(1)-plus-noise errors to many series.

    ``V = sigma_n^2 (I + q K(rho))``, K the covariance matrix of an AR(1) process with innovation variance 1;
    rho, within the bounds of ``fit_reml_ar``, and q / (1 + q) in [0.0001, 1] maximise the restricted
    likelihood, every local optimum of a grid being followed to its end; at 1 there is no noise.
    Missing months keep their place in time and equal deleted rows and columns of V.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    Y : ndarray, shape (n, S)
        NaN where a month is missing.

    Returns
    -------
    Fit
        ``variance_ratio`` is q, infinite where the noise vanishes; then everything equals ``fit_reml_ar`` of
        order 1. ``partial_autocorrelations`` is rho. The variance parameters of the covariance model are
        ``(log sigma^2, rho, w)`` of ``noise_covariance``; the log-likelihood has the constants of
        ``fit_reml_ar``. Flags as there; ``near_unit_root`` refers to the autoregressive part.

    Raises
    ------
    SingularDesignError
        As ``fit_reml_ar``, with k + 3 usable months needed.
    """
    n_series, n_terms = Y.shape[1], X.shape[1]
    blank = blank_fit(n_series, n_terms, 3, 1, FLAGS)
    result = replace(blank, variance_ratio=np.zeros(n_series))
    for pattern in missing_patterns(Y):
        prepared = PreparedNoise(X, pattern.observed)
        for chunk in pattern.chunks(prepared.chunk_size):
            scatter(result, chunk.places, prepared.fit(chunk.fill(Y)))
    return result


class PreparedNoise:
    """Tables of one design and missing pattern, usable for any number of series.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all months.
    observed : ndarray of bool, shape (n,)
        Months with a value.

    Attributes
    ----------
    chunk_size : int
        Number of series to hand to ``fit`` at a time to keep memory modest.

    Raises
    ------
    SingularDesignError
        If the design cannot be estimated from the observed months.
    """

    def __init__(self, X: FloatArray, observed: BoolArray) -> None:
        require_estimable(X, observed, minimum_df=3)
        self.observed = observed
        self.X = X
        self.n_used = int(observed.sum())
        self.design = noise_design(augmented_design(X, observed))
        self.chunk_size = max(16, CHUNK_NUMBERS // self.n_used**2)
        self._grid, self._tables = _grid_tables(self.design)

    def fit(self, Y: FloatArray) -> Fit:
        """Fit series of shape (n, S) with 0 at the missing months."""
        design, n_terms = self.design, self.X.shape[1]
        coordinates = design.basis.T @ Y
        residuals = Y - design.basis @ coordinates
        total = np.einsum("ts,ts->s", Y, Y)
        left = np.einsum("ts,ts->s", residuals, residuals)
        degenerate = degenerate_series(Y, self.observed, left, total)
        whole = replace(blank_fit(Y.shape[1], n_terms, 3, 1, FLAGS), variance_ratio=np.zeros(Y.shape[1]))
        whole.params[:] = self._coefficients(coordinates)
        whole.covariance.df_residual[:] = design.residual_df
        whole.n_used[:] = self.n_used
        whole.flags["degenerate"][:] = degenerate
        regular = np.flatnonzero(~degenerate)
        if regular.size:
            scatter(whole, regular, self._fit_regular(coordinates[:, regular], residuals[:, regular]))
        return whole

    def _coefficients(self, coordinates: FloatArray) -> FloatArray:
        """Coefficients of X (S, n_terms) from coordinates on Q (k, S)."""
        solved = np.linalg.solve(self.design.triangular, coordinates)
        return np.asarray(solved[: self.X.shape[1]].T, dtype=np.float64)

    def _fit_regular(self, coordinates: FloatArray, residuals: FloatArray) -> Fit:
        """Fit series that are not degenerate."""
        design = self.design
        turned = np.ascontiguousarray(to_sine_basis(residuals).T)
        points = self._solve(turned)
        rho, share = points.T
        forms = evaluate_forms(design, turned, rho, share)
        shift = np.linalg.solve(forms.inner, forms.link[:, :, None])[:, :, 0]
        variance = (forms.total - np.sum(forms.link * shift, axis=1)) / design.residual_df
        log_scale = 2.0 * np.log(np.abs(np.diag(design.triangular))).sum()
        logs = forms.log_determinant + np.linalg.slogdet(forms.inner)[1] + log_scale
        likelihood = design.residual_df * (np.log(2.0 * np.pi * variance) + 1.0) + logs
        months = np.flatnonzero(self.observed).astype(np.float64)
        ratio = np.divide(share, 1.0 - share, out=np.full(rho.size, np.inf), where=share < 1.0)
        signal, noise = share / (1.0 - rho**2), 1.0 - share
        marginal = variance * (signal + noise)
        autoregressive = np.stack([rho, signal / (signal + noise)], axis=1)
        return Fit(
            params=self._coefficients(coordinates + shift.T),
            covariance=noise_covariance(self.X[self.observed], months, autoregressive, marginal),
            sigma=np.sqrt(marginal),
            partial_autocorrelations=rho[:, None],
            log_likelihood=-likelihood / 2.0,
            n_used=np.full(rho.size, self.n_used, dtype=np.int64),
            flags=autocorrelation_flags(rho[:, None]),
            variance_ratio=ratio,
        )

    def _solve(self, residuals: FloatArray) -> FloatArray:
        """Rho and s of highest restricted likelihood, (S, 2), for residuals (S, n) in the sine basis."""
        weights, functionals, offsets = self._tables
        squared = residuals**2
        values = np.empty((len(self._grid), len(residuals)))
        for node in range(len(self._grid)):
            explained = np.sum((residuals @ functionals[node].T) ** 2, axis=1)
            values[node] = np.log(squared @ weights[node] - explained) + offsets[node]
        shaped = values.reshape(N_RHO, len(SHARES), -1)
        beyond = np.pad(shaped, ((1, 1), (1, 1), (0, 0)), mode="edge")
        lowest = sliding_window_view(beyond, (3, 3), axis=(0, 1)).min(axis=(-2, -1))
        row, column, owner = np.nonzero(shaped == lowest)
        start = self._grid[row * len(SHARES) + column]

        def profile(which: NDArray[np.intp], points: FloatArray) -> StepProfile:
            return evaluate_profile(self.design, residuals[owner[which]], points)

        low, high = BOUNDS[1][0]
        lower, upper = np.array([low, SMALLEST_SHARE]), np.array([high, 1.0])
        points, value = minimise(profile, start, lower, upper, LONGEST_STEPS)
        return points[best_starts(owner, value)]


def _grid_tables(
    design: NoiseDesign,
) -> tuple[FloatArray, tuple[FloatArray, FloatArray, FloatArray]]:
    """Grid (G, 2) and what makes RSS of a series at its points a sum of squares.

    ``RSS = sum_j weights_j e_j^2 - sum_m (functionals_m'e)^2``, and the objective is its logarithm plus
    ``offsets``: the functionals are ``L^{-1}Q'V^{-1}`` with ``LL' = M``, and the two of the ends.
    """
    low, high = BOUNDS[1][0]
    warped_low, warped_high = to_warped(np.array([low, high]))
    axis = np.clip(to_rho(np.linspace(warped_low, warped_high, N_RHO)), low, high)
    grid = np.stack([part.ravel() for part in np.meshgrid(axis, SHARES, indexing="ij")], axis=1)
    rho, share = grid[:, :1], grid[:, 1:]
    precision = 1.0 + rho**2 - 2.0 * rho * design.cosines
    spread = 1.0 / ((1.0 - share) * precision + share)
    weights = precision * spread
    corner = 1.0 - (1.0 - share) * rho**2 * (spread @ design.ends**2)
    root = np.abs(rho) * np.sqrt(share / corner)
    at_ends = root[:, :, None] * spread[:, None] * design.ends.T
    applied = weights[:, :, None] * design.turned
    applied -= np.swapaxes(at_ends, 1, 2) @ (at_ends @ design.turned)
    inner = design.turned.T @ applied
    factor = np.linalg.cholesky(inner)
    linked = np.linalg.solve(factor, np.swapaxes(applied, 1, 2))
    log_inner = 2.0 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    log_determinant = np.log(corner).sum(axis=1) - np.log(spread).sum(axis=1) - np.log(1.0 - rho[:, 0] ** 2)
    functionals = np.concatenate([linked, at_ends], axis=1)
    offsets = (log_inner + log_determinant) / design.residual_df
    return grid, (weights, functionals, offsets)
