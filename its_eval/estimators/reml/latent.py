"""Restricted maximum likelihood of an AR(1) process under noise of known variance, many series at once.

``V = s^2 R(rho) + N``, N diagonal and different in every period: what a working response of counts or
proportions has (``glm_ar``). N may carry a factor phi or a constant a that is estimated too. At the edge of
rho the process is a random walk: ``s^2 K`` with ``K_st = min(s, t)`` takes the place of ``s^2 R``.

``y'V^{-1}z`` and ``log|V|`` come from the one-step prediction errors of the Kalman filter (Jones 1980,
*Technometrics* 22:389), whose state is one number, at a cost linear in the number of periods; a missing
period is a longer step. All series, and all points at which derivatives are wanted, go through the filter
together. First derivatives come from complex steps (Squire & Trapp 1998, *SIAM Review* 40:110), exact to
rounding; second ones are differences of these, which only the length of a Newton step depends on.

KR1 (``kenward_roger``) is worked out on dense matrices, once a series; parameters on the edge of their range
count as known.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from its_eval.estimators.fit import BoolArray, CovarianceModel, FloatArray
from its_eval.estimators.reml.ar2_search import best_starts
from its_eval.estimators.reml.autoregression import BOUNDS
from its_eval.estimators.reml.error_model import minimise
from its_eval.estimators.reml.forms import axis_minima

#: Imaginary step of first derivatives, and real step of the differences of these that give the second.
COMPLEX_STEP, REAL_STEP = 1e-20, 1e-5
#: Upper bound of the logarithms of variances and factors: out of reach.
FURTHEST_LOG = 30.0
#: A log variance below this is one of zero: the edge.
ZERO = 1e-6
LONGEST_LOG, LONGEST_RHO = 1.5, 0.3
#: Points from which the search starts: rho; s^2, and a or phi - 1, in units of the noise.
RHO_GRID = (-0.8, -0.4, 0.0, 0.3, 0.6, 0.8, 0.93, 0.99)
VARIANCE_GRID = (0.0, 0.1, 0.4, 1.0, 3.0, 10.0, 100.0, 1e4)
EXTRA_GRID = (0.0, 0.5, 3.0)
#: Points of grids that go through the filter together: few series need few passes.
SEARCHED_AT_ONCE = 256

Extra = Literal["", "factor", "constant"]


class LatentModel(Struct, frozen=True):
    """What is estimated of V.

    The parameters theta are ``log(1 + s^2/u)``, u the typical noise of a series; rho, unless the process is a
    random walk; and ``log phi`` or ``log(1 + a/u)``.

    Attributes
    ----------
    extra : {"", "factor", "constant"}
        N is known, or phi times it with phi at least 1, or it plus a, which is at least 0.
    walk : bool
        The process is a random walk, and ``s^2`` the variance of its steps.
    """

    extra: Extra = ""
    walk: bool = False

    @property
    def n_parameters(self) -> int:
        """Number q of variance parameters."""
        return 2 - self.walk + bool(self.extra)

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the least and the largest theta, each of shape (q,)."""
        pairs = [(0.0, FURTHEST_LOG)]
        if not self.walk:
            pairs += BOUNDS[1]
        if self.extra:
            pairs.append((0.0, FURTHEST_LOG))
        low, high = np.array(pairs).T
        return low, high

    def longest(self) -> FloatArray:
        """Return the longest step in each parameter."""
        return np.array([LONGEST_LOG] + [LONGEST_RHO] * (not self.walk) + [LONGEST_LOG] * bool(self.extra))

    def axes(self) -> list[FloatArray]:
        """Return the grid points of each parameter."""
        variances = [np.log1p(np.array(VARIANCE_GRID))]
        rhos = [] if self.walk else [np.array(RHO_GRID)]
        return variances + rhos + ([np.log1p(np.array(EXTRA_GRID))] if self.extra else [])

    def parts(self, series: LatentSeries, which: NDArray[np.intp], theta: Any) -> tuple[Any, Any, Any]:
        """Return s^2 (B,), rho (B,) and the noise (B, n) at points theta (B, q) of the series `which`."""
        unit, noise = series.unit[which], series.noise[which]
        variance = unit * np.expm1(theta[:, 0])
        rho = np.ones_like(variance) if self.walk else theta[:, 1]
        if self.extra == "factor":
            noise = np.exp(theta[:, -1])[:, None] * noise
        elif self.extra == "constant":
            noise = noise + (unit * np.expm1(theta[:, -1]))[:, None]
        return variance, rho, noise


class LatentSeries(Struct, frozen=True):
    """S series over the n periods that all of them have.

    Attributes
    ----------
    basis, triangular : ndarray, shapes (n, k) and (k, k)
        Q and R of the design.
    places : ndarray of int, shape (n,)
        Places of the periods in time.
    values, noise : ndarray, shape (S, n)
        Series, and the diagonal of N.
    unit : ndarray, shape (S,)
        Typical noise, the unit of variances.
    """

    basis: FloatArray
    triangular: FloatArray
    places: NDArray[np.intp]
    values: FloatArray
    noise: FloatArray
    unit: FloatArray

    @property
    def residual_df(self) -> int:
        """Periods minus terms."""
        return int(self.basis.shape[0] - self.basis.shape[1])

    def take(self, pick: NDArray[Any]) -> LatentSeries:
        """Return some of the series."""
        return LatentSeries(
            self.basis, self.triangular, self.places, self.values[pick], self.noise[pick], self.unit[pick]
        )


class Regression(Struct, frozen=True):
    """Generalised least squares at B points (complex for derivatives).

    Attributes
    ----------
    value : ndarray, shape (B,)
        ``(log|V| + log|M| + e'Pe)/(n - k)``, which restricted maximum likelihood minimises.
    inner : ndarray, shape (B, k, k)
        ``M = Q'V^{-1}Q``.
    shift : ndarray, shape (B, k)
        Coordinates of the estimate on Q.
    """

    value: NDArray[Any]
    inner: NDArray[Any]
    shift: NDArray[Any]


def regress(model: LatentModel, series: LatentSeries, which: NDArray[np.intp], theta: Any) -> Regression:
    """Evaluate the objective and the generalised least-squares estimates.

    Parameters
    ----------
    model : LatentModel
    series : LatentSeries
        S series.
    which : ndarray of int, shape (B,)
        The series of each point.
    theta : ndarray, shape (B, q)
        Real or complex.
    """
    n_periods, n_terms = series.basis.shape
    variance, rho, noise = model.parts(series, which, theta)
    # what a series has on Q is put back at the end: its size would cost digits of the residual
    coordinates = series.values @ series.basis
    residuals = (series.values - coordinates @ series.basis.T)[which].T
    noise = np.ascontiguousarray(noise.T)
    state = np.zeros((n_terms + 1, which.size), dtype=variance.dtype)
    spread = np.zeros_like(variance) if model.walk else variance
    scaled = np.empty((n_periods, n_terms + 1, which.size), dtype=variance.dtype)
    log_determinant = np.zeros_like(variance)
    steps = np.diff(series.places, prepend=series.places[0])
    for period, step in enumerate(steps.tolist()):
        if step and model.walk:
            spread = spread + step * variance
        elif step:
            decay = rho**step
            state = decay * state
            spread = decay**2 * spread + (1.0 - decay**2) * variance
        total = spread + noise[period]
        surprise = -state
        surprise[:n_terms] += series.basis[period][:, None]
        surprise[n_terms] += residuals[period]
        gain = spread / total
        state = state + gain * surprise
        spread = gain * noise[period]
        scaled[period] = surprise / np.sqrt(total)
        log_determinant = log_determinant + np.log(total)
    columns = np.ascontiguousarray(scaled.transpose(2, 0, 1))
    products = np.swapaxes(columns, 1, 2) @ columns
    inner, border = products[:, :n_terms, :n_terms], products[:, :n_terms, n_terms]
    shift = np.linalg.solve(inner, border[:, :, None])[:, :, 0]
    rss = products[:, n_terms, n_terms] - np.sum(border * shift, axis=1)
    sign, log_inner = np.linalg.slogdet(inner)
    # the sign of a complex determinant carries the imaginary part of its logarithm
    value = (log_determinant + log_inner + np.log(sign) + rss) / series.residual_df
    return Regression(value, inner, shift + coordinates[which])


class _Profile(Struct, frozen=True):
    """The objective with its derivatives, as ``minimise`` wants it."""

    value: FloatArray
    gradient: FloatArray
    hessian: FloatArray


def _profile(
    model: LatentModel, series: LatentSeries, which: NDArray[np.intp], theta: FloatArray
) -> _Profile:
    """Evaluate the objective with derivatives: every point needed goes through the filter at once."""
    size = model.n_parameters
    moves = np.concatenate([np.zeros((1, size)), REAL_STEP * np.eye(size)])
    points = (theta[:, None, None] + moves[:, None] + 1j * COMPLEX_STEP * np.eye(size)).reshape(-1, size)
    value = regress(model, series, np.repeat(which, (size + 1) * size), points).value
    value = value.reshape(len(theta), size + 1, size)
    slopes = value.imag / COMPLEX_STEP
    hessian = (slopes[:, 1:] - slopes[:, :1]) / REAL_STEP
    return _Profile(value[:, 0, 0].real, slopes[:, 0], (hessian + np.swapaxes(hessian, 1, 2)) / 2.0)


def follow(
    model: LatentModel,
    series: LatentSeries,
    start: FloatArray,
    which: NDArray[np.intp] | None = None,
    *,
    independent: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Follow starts (B, q) to the local optima, and return these with the objective there (B,).

    Parameters
    ----------
    model, series : LatentModel, LatentSeries
    start : ndarray, shape (B, q)
    which : ndarray of int, shape (B,), optional
        The series of each start; one a series by default.
    independent : bool
        Hold rho at 0.
    """
    owner = np.arange(len(start)) if which is None else which
    low, high = model.bounds()
    if independent:
        low[1] = high[1] = 0.0

    def evaluate(chosen: NDArray[np.intp], points: FloatArray) -> _Profile:
        return _profile(model, series, owner[chosen], points)

    return minimise(evaluate, start, low, high, model.longest())


def search(
    model: LatentModel, series: LatentSeries, *, independent: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Return theta (S, q) of highest restricted likelihood, and the objective there (S,).

    Every local minimum of a grid is followed to the local optimum. With ``independent`` rho is held at 0.
    """
    axes = model.axes()
    if independent:
        axes[1] = np.zeros(1)
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    n_series, shape = len(series.values), [axis.size for axis in axes]
    every = np.arange(n_series)
    at_once = max(1, SEARCHED_AT_ONCE // n_series)
    parts = [
        regress(model, series, np.tile(every, len(some)), np.repeat(some, n_series, axis=0)).value
        for some in np.array_split(grid, -(-len(grid) // at_once))
    ]
    values = np.concatenate(parts).reshape(len(grid), n_series).T
    owner, *places = np.nonzero(axis_minima(values.reshape(n_series, *shape)))
    start = np.stack([axis[place] for axis, place in zip(axes, places, strict=True)], axis=1)
    theta, value = follow(model, series, start, owner, independent=independent)
    best = best_starts(owner, value)
    return theta[best], value[best]


def on_edge(model: LatentModel, theta: FloatArray) -> BoolArray:
    """Return which parameters (S, q) lie on the edge of their range, and count as known."""
    low, high = model.bounds()
    return np.asarray((theta <= low + ZERO) | (theta >= high - ZERO))


def latent_covariance(model: LatentModel, series: LatentSeries, theta: FloatArray) -> CovarianceModel:
    """Covariance model (KR1) of the coefficients of S series.

    The variance parameters are s^2, rho and phi or a, of which those on an edge count as known; a random walk
    has no rho. KR1 does not depend on how the variance is parametrised.

    Parameters
    ----------
    model : LatentModel
    series : LatentSeries
    theta : ndarray, shape (S, q)
    """
    n_series, n_periods = len(theta), series.basis.shape[0]
    variance, rho, noise = model.parts(series, np.arange(n_series), theta)
    identity = np.eye(n_periods)
    if model.walk:
        since = series.places - series.places[0]
        process = np.broadcast_to(np.minimum.outer(since, since) * 1.0, (n_series, n_periods, n_periods))
        first = [process]
    else:
        lags = np.abs(np.subtract.outer(series.places, series.places))
        powers = rho[:, None] ** np.arange(lags.max() + 1)
        process = powers[:, lags]
        slope = np.where(lags > 0, lags * powers[:, np.maximum(lags - 1, 0)], 0.0)
        first = [process, variance[:, None, None] * slope]
    if model.extra == "factor":
        first.append(series.noise[:, :, None] * identity)
    elif model.extra == "constant":
        first.append(np.broadcast_to(identity, process.shape))
    inverse = np.linalg.inv(variance[:, None, None] * process + noise[:, :, None] * identity)

    half = inverse @ series.basis
    turned = np.swapaxes(half, 1, 2)
    phi = np.linalg.inv(series.basis.T @ half)
    projector = inverse - half @ phi @ turned
    products = [projector @ matrix for matrix in first]
    information = np.array(
        [[np.einsum("sij,sji->s", left, right) / 2.0 for left in products] for right in products]
    )
    spread = _inverse_information(np.moveaxis(information, 2, 0), ~on_edge(model, theta))

    carried = [matrix @ half for matrix in first]
    pulls = [turned @ one for one in carried]
    excess = np.zeros_like(phi)
    for a, left in enumerate(carried):
        for b, right in enumerate(carried):
            crossed = np.swapaxes(left, 1, 2) @ inverse @ right - pulls[a] @ phi @ pulls[b]
            excess += spread[:, a, b, None, None] * crossed
    back = np.linalg.inv(series.triangular)
    covariance = back @ phi @ back.T
    adjusted = covariance + 2.0 * back @ (phi @ excess @ phi) @ back.T
    gradients = np.stack([-back @ (phi @ pull @ phi) @ back.T for pull in pulls], axis=1)
    return CovarianceModel(
        adjusted=(adjusted + np.swapaxes(adjusted, 1, 2)) / 2.0,
        model=(covariance + np.swapaxes(covariance, 1, 2)) / 2.0,
        gradients=gradients,
        parameter_covariance=spread,
        df_residual=np.full(n_series, float(series.residual_df)),
    )


def _inverse_information(information: FloatArray, estimated: BoolArray) -> FloatArray:
    """Inverse of information (S, q, q); 0 in rows and columns of what is not estimated (S, q)."""
    scale = np.sqrt(np.maximum(np.einsum("sii->si", information), np.finfo(np.float64).tiny))
    both = estimated[:, :, None] & estimated[:, None]
    unit = np.where(both, information / (scale[:, :, None] * scale[:, None]), np.eye(information.shape[1]))
    return np.where(both, np.linalg.pinv(unit, hermitian=True) / (scale[:, :, None] * scale[:, None]), 0.0)
