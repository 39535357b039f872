"""REML of an AR(1) process beside a second component of known shape, with KR1 inference, many series at once.

``V = sigma^2 [(1 - w) R(rho) + w B]`` over the observed months: R the correlations of a stationary AR(1), B
the covariance matrix of the other component, of mean variance 1, so that sigma^2 is the mean variance of a
month and w the share of the other component. B is that of a random walk (``local_level``) or of sampling
(``sampling_noise``).

Both have tridiagonal inverses, with months missing too: an AR(1) and a random walk seen at some months are
Markov processes. With ``N = R^{-1}``, ``C = B^{-1}`` and ``T = (1 - w) C + w N``, also tridiagonal,

  ``V^{-1} = N T^{-1} C / sigma^2``,   ``log|V| = log|T| - log|N| - log|C|   (+ n log sigma^2)``,

so an evaluation costs a number of operations that grows with n. The tridiagonal matrices of all series and
points stand along the diagonal of a single one for LAPACK.

The restricted likelihood is evaluated on a grid; every local minimum, those on the border included, is
followed to the exact local optimum, and the best is kept. Parameters on an edge of their range are taken as
known by the covariance model, and rho also where w = 1 leaves nothing autoregressive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.estimators.fit import (
    Fit,
    FloatArray,
    blank_fit,
    degenerate_series,
    precision_lost,
    require_estimable,
    scatter,
)
from its_eval.estimators.reml.ar2_search import best_starts
from its_eval.estimators.reml.complex_steps import StepProfile, profile_by_steps
from its_eval.estimators.reml.error_model import minimise
from its_eval.estimators.reml.forms import axis_minima
from its_eval.estimators.reml.kenward_roger import dense_kenward_roger
from its_eval.estimators.reml.reml_ar import FLAGS, NEAR_UNIT_ROOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray, CovarianceModel


class Tridiagonal(Struct, frozen=True):
    """Symmetric tridiagonal matrices, real or complex.

    Attributes
    ----------
    diagonal, beside : ndarray, shapes (S, n) and (S, n - 1)
    log_determinant : ndarray, shape (S,)
        Of the matrices that these are the inverses of.
    """

    diagonal: NDArray[Any]
    beside: NDArray[Any]
    log_determinant: NDArray[Any]

    def take(self, series: NDArray[np.intp]) -> Tridiagonal:
        """Return a selection of the matrices."""
        return Tridiagonal(self.diagonal[series], self.beside[series], self.log_determinant[series])

    def times(self, columns: NDArray[Any]) -> NDArray[Any]:
        """Products with columns (..., S, n)."""
        product: NDArray[Any] = self.diagonal * columns
        product[..., 1:] += self.beside * columns[..., :-1]
        product[..., :-1] += self.beside * columns[..., 1:]
        return product


class Component(Struct, frozen=True):
    """The other component, of one series or of all.

    Attributes
    ----------
    inverse : Tridiagonal
        C: one for all series, or S.
    dense : ndarray, shape (1 or S, n, n)
        B.
    rho, shares : tuple of float
        Grid of rho and w; the first and the last value are the bounds.
    smallest_rho : float
        Derivatives are taken at least this far from rho = 0, for a component that is not told from an AR(1)
        there.
    """

    inverse: Tridiagonal
    dense: FloatArray
    rho: tuple[float, ...]
    shares: tuple[float, ...]
    smallest_rho: float = 0.0

    @property
    def is_shared(self) -> bool:
        """Whether all series have the same one."""
        return len(self.dense) == 1

    def take(self, series: NDArray[np.intp]) -> Component:
        """Return that of some series."""
        if self.is_shared:
            return self
        return replace(self, inverse=self.inverse.take(series), dense=self.dense[series])


def autoregression(rho: NDArray[Any], gaps: FloatArray) -> Tridiagonal:
    """Inverse correlation matrices of AR(1) processes, each with a rho of its own (S,), seen with gaps.

    Parameters
    ----------
    rho : ndarray, shape (S,)
        Real, or complex with an imaginary part so small that its square is nothing.
    gaps : ndarray, shape (n - 1,)
        Whole months between neighbours.
    """
    # A complex power goes by a logarithm, whose branch at negative numbers would swamp so small a step.
    step = rho.real[:, None]
    power: NDArray[Any] = step**gaps
    if np.iscomplexobj(rho):
        power = power + 1j * rho.imag[:, None] * gaps * step ** (gaps - 1.0)
    left = 1.0 - power**2
    diagonal = np.ones((len(rho), gaps.size + 1), dtype=power.dtype)
    diagonal[:, 1:] += 1.0 / left - 1.0
    diagonal[:, :-1] += 1.0 / left - 1.0
    return Tridiagonal(diagonal, -power / left, np.log(left).sum(axis=1))


def solve_tridiagonal(
    diagonal: NDArray[Any], beside: NDArray[Any], columns: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Solve S symmetric positive definite systems at once; complex ones are so but for a tiny step.

    Parameters
    ----------
    diagonal, beside : ndarray, shapes (S, n) and (S, n - 1)
    columns : ndarray, shape (m, S, n)
        Right-hand sides.

    Returns
    -------
    solved : ndarray, shape (m, S, n)
    log_determinant : ndarray, shape (S,)
    """
    from scipy.linalg import get_lapack_funcs  # noqa: PLC0415  (start-up time)

    n_series, n_rows = diagonal.shape
    off = np.zeros((n_series, n_rows), dtype=diagonal.dtype)
    off[:, :-1] = beside
    off = off.ravel()[:-1]
    lapack: Any = get_lapack_funcs(("gttrf", "gttrs"), (diagonal,))
    factorise, solve = lapack
    lower, pivots, upper, second, swaps, _ = factorise(off, diagonal.ravel(), off)
    right = columns.astype(diagonal.dtype, copy=False).reshape(len(columns), -1).T
    solved, _ = solve(lower, pivots, upper, second, swaps, right)
    # Rows that were exchanged change the sign of a pivot and not the determinant's size.
    logs = np.log(np.where(pivots.real < 0.0, -pivots, pivots)).reshape(n_series, n_rows)
    return solved.T.reshape(columns.shape), logs.sum(axis=1)


class ObservedDesign(Struct, frozen=True):
    """A design over its observed months.

    Attributes
    ----------
    X : ndarray, shape (n, k)
    basis, triangular : ndarray, shapes (n, k) and (k, k)
        Q and R of X = QR.
    months : ndarray, shape (n,)
        Places in time.
    """

    X: FloatArray
    basis: FloatArray
    triangular: FloatArray
    months: FloatArray

    @property
    def residual_df(self) -> int:
        """Rows minus columns."""
        return int(self.X.shape[0] - self.X.shape[1])


def observed_design(X: FloatArray, observed: BoolArray) -> ObservedDesign:
    """Return the observed months of a design.

    Raises
    ------
    SingularDesignError
        Where its coefficients and three variance parameters cannot be estimated from them.
    """
    require_estimable(X, observed, minimum_df=3)
    used = X[observed]
    return ObservedDesign(used, *np.linalg.qr(used), np.flatnonzero(observed).astype(np.float64))


class InverseForms(Struct, frozen=True):
    """Quadratic forms in the inverse of V for sigma = 1, at P points (real, or complex for derivatives).

    Attributes
    ----------
    inner : ndarray, shape (P, k, k)
        ``M = Q'V^{-1}Q``.
    shift : ndarray, shape (P, k, r)
        ``M^{-1}Q'V^{-1}e``, e the least-squares residuals.
    rss : ndarray, shape (P, r)
        Generalised residual sum of squares.
    logs : ndarray, shape (P,)
        ``log|V| + log|M|``.
    """

    inner: NDArray[Any]
    shift: NDArray[Any]
    rss: NDArray[Any]
    logs: NDArray[Any]

    def objective(self, residual_df: int) -> NDArray[Any]:
        """``log RSS + (log|V| + log|M|)/(n - k)``, which REML minimises, shape (P, r)."""
        return np.asarray(np.log(self.rss) + self.logs[:, None] / residual_df)


def evaluate_forms(
    design: ObservedDesign, inverse: Tridiagonal, residuals: FloatArray, points: NDArray[Any]
) -> InverseForms:
    """Evaluate the forms.

    Parameters
    ----------
    design : ObservedDesign
    inverse : Tridiagonal
        C of each point, or one for all.
    residuals : ndarray, shape (r, P, n) or (r, 1, n)
        Least-squares residuals of r series at every point.
    points : ndarray, shape (P, 2)
        rho and w.
    """
    n_points, n_terms = len(points), design.basis.shape[1]
    rho, share = points[:, 0], points[:, 1, None]
    own = autoregression(rho, np.diff(design.months))
    columns = np.concatenate(
        [
            np.broadcast_to(inverse.times(part), (len(part), n_points, part.shape[2]))
            for part in (design.basis.T[:, None], residuals)
        ]
    )
    diagonal = (1.0 - share) * inverse.diagonal + share * own.diagonal
    beside = (1.0 - share) * inverse.beside + share * own.beside
    solved, log_determinant = solve_tridiagonal(diagonal, beside, columns)
    applied = own.times(solved)
    on_basis = applied @ design.basis
    inner = np.swapaxes(on_basis[:n_terms], 0, 1)
    link = np.moveaxis(on_basis[n_terms:], 0, 2)
    shift = np.linalg.solve(inner, link)
    total = np.sum(residuals * applied[n_terms:], axis=2).T
    sign, log_inner = np.linalg.slogdet(inner)
    # The sign of a complex determinant carries the imaginary part of its logarithm.
    logs = log_determinant + own.log_determinant + inverse.log_determinant + log_inner + np.log(sign)
    return InverseForms(inner, shift, total - np.sum(link * shift, axis=1), logs)


#: Longest Newton steps in rho and w.
LONGEST_STEPS = np.array([0.2, 0.25])
#: Numbers that the working arrays of one chunk of series may hold, about 60 MB.
CHUNK_NUMBERS = 8_000_000


def fit_components(X: FloatArray, Y: FloatArray, observed: BoolArray, component: Component) -> Fit:
    """Fit series that miss the same months.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all months.
    Y : ndarray, shape (n, S)
        Outcomes; only observed months are read.
    observed : ndarray of bool, shape (n,)
        Months with a value.
    component : Component
        Over the observed months.

    Returns
    -------
    Fit
        ``variance_ratio`` is the autoregressive variance over the other one, infinite where w = 0; sigma the
        root of the mean variance. ``partial_autocorrelations`` is rho, 0 where nothing is autoregressive.
        The variance parameters of the covariance model are ``(log sigma^2, rho, w)``; the log-likelihood has
        the constants of ``fit_reml_ar``. Flags as there; ``at_bound`` is never raised, since a parameter on
        an edge is taken as known.

    Raises
    ------
    SingularDesignError
        As ``fit_reml_ar``, with k + 3 usable months needed.
    """
    design = observed_design(X, observed)
    size = max(4, CHUNK_NUMBERS // (10 * len(design.months) ** 2 + 2 * _grid(component).size * len(X)))
    whole = blank_components_fit(Y.shape[1], X.shape[1])
    for start in range(0, Y.shape[1], size):
        chunk = np.arange(start, min(start + size, Y.shape[1]))
        scatter(whole, chunk, _fit_chunk(design, Y[np.ix_(observed, chunk)], component.take(chunk)))
    return whole


def blank_components_fit(n_series: int, n_terms: int) -> Fit:
    """Return ``fit.blank_fit`` for these models."""
    return replace(blank_fit(n_series, n_terms, 3, 1, FLAGS), variance_ratio=np.zeros(n_series))


def _fit_chunk(design: ObservedDesign, Y: FloatArray, component: Component) -> Fit:
    """Fit series (n, S) over the observed months."""
    coordinates = design.basis.T @ Y
    residuals = Y - design.basis @ coordinates
    total, left = np.einsum("ts,ts->s", Y, Y), np.einsum("ts,ts->s", residuals, residuals)
    degenerate = degenerate_series(Y, np.ones(len(Y), dtype=np.bool_), left, total)
    whole = blank_components_fit(Y.shape[1], design.X.shape[1])
    whole.params[:] = np.linalg.solve(design.triangular, coordinates).T
    whole.covariance.df_residual[:] = design.residual_df
    whole.n_used[:] = len(Y)
    whole.flags["degenerate"][:] = degenerate
    whole.flags["precision_lost"][:] = precision_lost(left, total) & ~degenerate
    regular = np.flatnonzero(~degenerate)
    if regular.size:
        chosen = component.take(regular)
        part = _fit_regular(design, coordinates[:, regular], residuals[:, regular].T, chosen)
        scatter(whole, regular, part)
    return whole


def _fit_regular(
    design: ObservedDesign, coordinates: FloatArray, residuals: FloatArray, component: Component
) -> Fit:
    """Fit series with coordinates (k, S) on Q and residuals (S, n), none of them degenerate."""
    df = design.residual_df
    points = _solve(design, residuals, component)
    forms = evaluate_forms(design, component.inverse, residuals[None], points)
    variance = forms.rss[:, 0] / df
    log_scale = 2.0 * np.log(np.abs(np.diag(design.triangular))).sum()
    likelihood = df * (np.log(2.0 * np.pi * variance) + 1.0) + forms.logs + log_scale
    rho, share = points.T
    alone = share >= 1.0
    partials = np.where(alone, 0.0, rho)[:, None]
    ratio = np.divide(1.0 - share, share, out=np.full(rho.size, np.inf), where=share > 0.0)
    return Fit(
        params=np.linalg.solve(design.triangular, coordinates + forms.shift[:, :, 0].T).T,
        covariance=_covariance(design, component, points, variance),
        sigma=np.sqrt(variance),
        partial_autocorrelations=partials,
        log_likelihood=-likelihood / 2.0,
        n_used=np.full(rho.size, len(design.months), dtype=np.int64),
        flags={"near_unit_root": partials[:, 0] > NEAR_UNIT_ROOT},
        variance_ratio=ratio,
    )


def _grid(component: Component) -> FloatArray:
    """Grid points (G, 2) of rho and w, w running fastest."""
    axes = np.meshgrid(np.array(component.rho), np.array(component.shares), indexing="ij")
    return np.stack([axis.ravel() for axis in axes], axis=1)


def _solve(design: ObservedDesign, residuals: FloatArray, component: Component) -> FloatArray:
    """Rho and w of highest restricted likelihood, (S, 2), for residuals (S, n)."""
    grid = _grid(component)
    lower, upper = grid[0], grid[-1]
    if component.is_shared:
        values = _grid_values(design, component, residuals, grid)
    else:
        one_by_one = (
            _grid_values(design, component.take(series), residuals[series], grid)
            for series in np.arange(len(residuals))[:, None]
        )
        values = np.concatenate(list(one_by_one))
    lowest = axis_minima(values.reshape(-1, len(component.rho), len(component.shares)))
    # Where w = 1 leaves nothing autoregressive, rho is free: one of its values is enough.
    alone = lowest[:, :, -1]
    alone &= np.cumsum(alone, axis=1) == 1
    owner, place = np.nonzero(lowest.reshape(values.shape))
    start = grid[place]

    def profile(which: NDArray[np.intp], points: FloatArray) -> StepProfile:
        series = owner[which]
        inverse = component.take(series).inverse
        rows = residuals[None, series]

        def objective(stepped: Any) -> Any:
            return evaluate_forms(design, inverse, rows, stepped).objective(design.residual_df)[:, 0]

        return _bounded(profile_by_steps(objective, points, (lower, upper)), points, lower, upper)

    points, value = minimise(profile, start, lower, upper, LONGEST_STEPS)
    return points[best_starts(owner, value)]


def _bounded(profile: StepProfile, points: FloatArray, lower: FloatArray, upper: FloatArray) -> StepProfile:
    """Return a profile whose Newton steps suit curved valleys in which the likelihood is nearly flat.

    No step is longer than the longest along any axis of the Hessian, and none leaves the box in both
    parameters, which would end in a corner: it ends where it leaves in the first. Where w = 1 leaves nothing
    autoregressive, what derivatives by rho hold is rounding.
    """
    gradient = profile.gradient.copy()
    gradient[points[:, 1] >= 1.0, 0] = 0.0
    held = ((points <= lower) & (gradient > 0.0)) | ((points >= upper) & (gradient < 0.0))
    held[points[:, 1] >= 1.0, 0] = True
    own = np.abs(np.einsum("sii->si", profile.hessian))
    own = np.where(points[:, 1:] >= 1.0, 1.0, own)[:, :, None] * np.eye(2)
    for _ in range(2):
        free = np.where(held, 0.0, gradient)
        hessian = np.where(held[:, :, None] | held[:, None], own, profile.hessian)
        values, axes = np.linalg.eigh(LONGEST_STEPS[:, None] * hessian * LONGEST_STEPS)
        along = np.einsum("sij,si->sj", axes, LONGEST_STEPS * free)
        values = np.maximum(np.abs(values), np.maximum(np.abs(along), np.finfo(np.float64).tiny ** 0.25))
        step = -LONGEST_STEPS * np.einsum("sij,sj->si", axes, along / values)
        room = np.where(step > 0.0, upper - points, points - lower)
        share = np.divide(room, np.abs(step), out=np.full(step.shape, np.inf), where=step != 0.0)
        stuck = share <= 0.0
        if not stuck.any():
            break
        held |= stuck
    both = share.max(axis=1) < 1.0
    values[both] /= share[both].min(axis=1, keepdims=True)
    scaled = (axes * values[:, None]) @ np.swapaxes(axes, 1, 2)
    return StepProfile(profile.value, gradient, scaled / np.outer(LONGEST_STEPS, LONGEST_STEPS))


def _grid_values(
    design: ObservedDesign, component: Component, residuals: FloatArray, grid: FloatArray
) -> FloatArray:
    """Objective (S, G) of series that share the component."""
    forms = evaluate_forms(design, component.inverse, residuals[:, None], grid)
    return np.asarray(forms.objective(design.residual_df).T)


def _covariance(
    design: ObservedDesign, component: Component, points: FloatArray, variance: FloatArray
) -> CovarianceModel:
    """Covariance model of the coefficients at points (S, 2)."""
    rho = points[:, 0]
    near = np.abs(rho) < component.smallest_rho
    rho = np.where(near, np.copysign(component.smallest_rho, rho), rho)[:, None, None]
    share = points[:, 1, None, None]
    lags = np.abs(design.months[:, None] - design.months)
    correlation = rho**lags
    slope = (1.0 - share) * lags * rho ** np.maximum(lags - 1.0, 0.0)
    edges = np.array(
        [component.rho[:: len(component.rho) - 1], component.shares[:: len(component.shares) - 1]]
    )
    known = np.zeros((len(points), 3), dtype=np.bool_)
    known[:, 1:] = (points <= edges[:, 0]) | (points >= edges[:, 1])
    known[:, 1] |= points[:, 1] >= 1.0
    whole = (1.0 - share) * correlation + share * component.dense
    return dense_kenward_roger(design.X, whole, (slope, component.dense - correlation), variance, known)
