"""Series reduced to quadratic forms, each with its own design, and their profiled restricted likelihood.

With X = QR and e = y - QQ'y, all that the restricted likelihood needs of a series is ``A_m = Z'S_m Z`` for
``Z = [Q, e/|e|]`` and the forms S_m of its error model: (k + 1)^2 numbers a form, whatever the number of
months. Missing months add one unit column each to Q (``patterns``): since the rows of X there can be set to
zero without changing the span, Q is the orthonormal basis of the observed rows beside those unit columns.
Those with no other missing month near them need no column but a few forms more (``isolated``).

With ``A = sum_m w_m(theta) A_m = [[M, c], [c', s]]`` (``series_forms``), up to a constant and the scale of y,

  ``-2 l_R/(n - k) = log RSS + (log|M| - log|N|)/(n - k),   RSS = s - c'M^{-1}c.``

It is evaluated on a grid over the box of parameters; every local minimum of the grid, those on the border
included, is followed to the exact local optimum, and the best is kept.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.estimators.reml.ar1 import to_rho, to_warped
from its_eval.estimators.reml.ar2_search import ProfileSearch, best_starts, search_points, to_partials
from its_eval.estimators.reml.error_model import minimise
from its_eval.estimators.reml.isolated import isolated_forms, isolated_terms, terms_without
from its_eval.estimators.reml.profile import trace_products

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray, FloatArray
    from its_eval.estimators.reml.autoregression import PrecisionTerms
    from its_eval.estimators.reml.error_model import ErrorModel


class OrthonormalDesigns(Struct, frozen=True):
    """Designs of the same size, each with an orthonormal basis.

    Attributes
    ----------
    basis : ndarray, shape (S, n, K)
        Q; its first k columns span the observed rows of X, the others are unit columns of missing months.
    triangular : ndarray, shape (S, k, k), or (1, k, k) where all have the same
        R of the first k columns.
    isolated : ndarray of bool, shape (S, n), or None
        Missing months without a column, where Q is 0; None: there are none.
    """

    basis: FloatArray
    triangular: FloatArray
    isolated: BoolArray | None = None

    @property
    def n_isolated(self) -> NDArray[np.intp] | None:
        """Number of missing months without a column, shape (S,), or None."""
        return None if self.isolated is None else self.isolated.sum(axis=1)

    @property
    def residual_df(self) -> int | NDArray[np.intp]:
        """Usable observations minus terms of X: one number, or where months are isolated one a series."""
        df = int(self.basis.shape[1] - self.basis.shape[2])
        return df if self.n_isolated is None else df - self.n_isolated

    def take(self, series: NDArray[np.intp]) -> OrthonormalDesigns:
        """Return a selection of the designs."""
        isolated = None if self.isolated is None else self.isolated[series]
        triangular = self.triangular if len(self.triangular) == 1 else self.triangular[series]
        return OrthonormalDesigns(self.basis[series], triangular, isolated)


class SeriesForms(Struct, frozen=True):
    """S series that have the same number of months and columns.

    Attributes
    ----------
    forms : ndarray, shape (S, m, K + 1, K + 1)
        ``A_m``; the last row and column belong to the residual of unit length. Where months are isolated,
        their forms are the last ones.
    length : ndarray, shape (S,)
        ``|e|``.
    coordinates : ndarray, shape (S, k)
        ``Q'y`` without the unit columns, where it is 0.
    n_isolated : ndarray of int, shape (S,), or None
        Number of isolated months of each; None: there are none.
    """

    forms: FloatArray
    length: FloatArray
    coordinates: FloatArray
    n_isolated: NDArray[np.intp] | None = None

    @property
    def n_terms(self) -> int:
        """Number K of columns, unit columns included."""
        return int(self.forms.shape[-1]) - 1

    def take(self, series: NDArray[np.intp]) -> SeriesForms:
        """Return a selection of the series, in the given order and with repeats."""
        n_isolated = None if self.n_isolated is None else self.n_isolated[series]
        return SeriesForms(self.forms[series], self.length[series], self.coordinates[series], n_isolated)

    def terms(self, model: ErrorModel, theta: FloatArray) -> PrecisionTerms:
        """Return the weights of the forms at a point of each series, (S, q)."""
        terms = model.terms(theta)
        return terms if self.n_isolated is None else terms_without(terms, self.n_isolated)


def orthonormal_designs(
    X: FloatArray, observed: BoolArray, isolated: BoolArray | None = None
) -> OrthonormalDesigns:
    """Orthonormal bases of designs with equally many missing months that are not isolated.

    Parameters
    ----------
    X : ndarray, shape (S, n, k)
    observed : ndarray of bool, shape (S, n)
        Months with a value.
    isolated : ndarray of bool, shape (S, n), optional
        Missing months that get no column; none by default.
    """
    n_series, n_rows, n_terms = X.shape
    basis, triangular = np.linalg.qr(np.where(observed[:, :, None], X, 0.0))
    series, month = np.nonzero(~observed if isolated is None else ~(observed | isolated))
    n_missing = month.size // max(n_series, 1)
    whole = np.zeros((n_series, n_rows, n_terms + n_missing))
    whole[:, :, :n_terms] = np.where(observed[:, :, None], basis, 0.0)
    whole[series, month, n_terms + np.tile(np.arange(n_missing), n_series)] = 1.0
    return OrthonormalDesigns(whole, triangular, isolated)


def residual_coordinates(
    designs: OrthonormalDesigns, outcomes: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Split outcomes (S, n), 0 at missing months, into coordinates (S, k), residuals (S, n) and lengths (S,).

    Residuals are scaled to length 1; those of exact zeros stay 0.
    """
    n_terms = designs.triangular.shape[-1]
    basis = designs.basis[:, :, :n_terms]
    transposed = np.swapaxes(basis, 1, 2)
    coordinates = transposed @ outcomes[:, :, None]
    residuals = (outcomes[:, :, None] - basis @ coordinates)[:, :, 0]
    length = np.sqrt(np.einsum("st,st->s", residuals, residuals))
    residuals /= np.where(length > 0.0, length, 1.0)[:, None]
    return coordinates[:, :, 0], residuals, length


def own_forms(
    model: ErrorModel, basis: FloatArray, residuals: FloatArray, isolated: BoolArray | None = None
) -> FloatArray:
    """Return ``A_m`` of series (S, n) with a basis each (S, n, K), shape (S, m, K + 1, K + 1).

    Both are 0 in isolated months (S, n), of which there are none by default.
    """
    axes = np.concatenate([basis, residuals[:, :, None]], axis=2)
    size = axes.shape[2]
    forms = np.empty((len(axes), model.lags.size, size, size))
    for form, (lag, mask) in enumerate(zip(model.lags, model.masks, strict=True)):
        month = np.flatnonzero(mask)
        product = np.swapaxes(axes[:, month], 1, 2) @ axes[:, month + lag]
        forms[:, form] = (product + np.swapaxes(product, 1, 2)) / 2.0
    if isolated is None:
        return forms
    return np.concatenate([forms, isolated_forms(axes, isolated, model.order)], axis=1)


def shared_forms(model: ErrorModel, basis: FloatArray, residuals: FloatArray) -> FloatArray:
    """Return the same for series (S, n) with one basis (n, K), whose own part is worked out once."""
    n_terms = basis.shape[1]
    inner = own_forms(model, basis[None], np.zeros((1, basis.shape[0])))[0]
    forms = np.empty((len(residuals), *inner.shape))
    forms[:] = inner
    for form, (lag, mask) in enumerate(zip(model.lags, model.masks, strict=True)):
        month = np.flatnonzero(mask)
        before, later = residuals[:, month], residuals[:, month + lag]
        border = (before @ basis[month + lag] + later @ basis[month]) / 2.0
        forms[:, form, n_terms, :n_terms] = forms[:, form, :n_terms, n_terms] = border
        forms[:, form, n_terms, n_terms] = np.einsum("st,st->s", before, later)
    return forms


def weighted_columns(model: ErrorModel, weights: FloatArray, basis: FloatArray) -> FloatArray:
    """``sum_m weights_m S_m Q`` for weights (S, a, m) and bases (S, n, K), shape (S, a, n, K).

    Months are the first axis in memory, as ``ErrorModel.rooted`` wants them.
    """
    n_series, n_rows, n_terms = basis.shape
    order, reach = model.order, model.reach
    shifted = np.zeros((n_series, 2 * order + 1, n_rows, n_terms))
    for place, shift in enumerate(range(-order, order + 1)):
        kept = slice(max(-shift, 0), n_rows - max(shift, 0))
        shifted[:, place, kept] = basis[:, max(shift, 0) : n_rows + min(shift, 0)]
    columns = np.empty((n_rows, n_series, weights.shape[1], n_terms))
    # one product for all neighbouring months whose weights are the same
    changes = np.flatnonzero((reach[:, :, 1:] != reach[:, :, :-1]).any(axis=(0, 1))) + 1
    for start, stop in pairwise([0, *changes.tolist(), n_rows]):
        around = shifted[:, :, start:stop].reshape(n_series, 2 * order + 1, -1)
        product = weights @ reach[:, :, start] @ around
        product = product.reshape(n_series, weights.shape[1], stop - start, n_terms)
        columns[start:stop] = np.moveaxis(product, 2, 0)
    return np.moveaxis(columns, 0, 2)


#: Grid points of each parameter, by number of partial autocorrelations and presence of a variance ratio. Two
#: thirds as many in each direction find the same optima of thousands of random walks and other series.
GRID: dict[tuple[int, bool], tuple[int, ...]] = {
    (1, False): (48,),
    (2, False): (24, 16),
    (1, True): (32, 33),
    (2, True): (16, 8, 21),
}
#: Parts into which interpolation divides the intervals of the grid in search of local minima, by number of
#: parameters.
FINER = {1: 3, 2: 3, 3: 2}
#: Points of the interpolating polynomials.
WINDOW = 8


class FormsProfile(Struct, frozen=True):
    """The objective of S series, each at parameters theta (q,) of its own.

    Attributes
    ----------
    value, rss : ndarray, shape (S,)
        Objective, and generalised residual sum of squares over that of least squares.
    gradient, hessian : ndarray, shapes (S, q) and (S, q, q)
        Derivatives of the objective.
    terms : PrecisionTerms
        Weights of the forms.
    inverse : ndarray, shape (S, K, K)
        ``M^{-1}``.
    inner_first : ndarray, shape (S, q, K, K)
        ``dM/dtheta_a``.
    shift : ndarray, shape (S, K)
        ``M^{-1}c``.
    """

    value: FloatArray
    rss: FloatArray
    gradient: FloatArray
    hessian: FloatArray
    terms: PrecisionTerms
    inverse: FloatArray
    inner_first: FloatArray
    shift: FloatArray


def evaluate_forms(
    model: ErrorModel, series: SeriesForms, residual_df: int | NDArray[np.intp], theta: FloatArray
) -> FormsProfile:
    """Evaluate the objective exactly, with derivatives, by the formulas of ``profile.evaluate_profile``.

    Parameters
    ----------
    model : ErrorModel
    series : SeriesForms
        S series.
    residual_df : int or ndarray of int, shape (S,)
        n - k.
    theta : ndarray, shape (S, q)
    """
    n_terms = series.n_terms
    terms = series.terms(model, theta)
    df = np.broadcast_to(residual_df, theta.shape[:1])
    n_series, n_forms, size, _ = series.forms.shape
    flat = series.forms.reshape(n_series, n_forms, size**2)
    weighted = np.concatenate([terms.weights[:, None], terms.first], axis=1) @ flat
    weighted = weighted.reshape(n_series, -1, size, size)
    inner_first = weighted[:, 1:, :n_terms, :n_terms]
    inner, border = weighted[:, 0, :n_terms, :n_terms], weighted[:, 0, :n_terms, n_terms]
    inverse = np.linalg.inv(inner)
    shift = (inverse @ border[:, :, None])[:, :, 0]
    residual = np.concatenate([-shift, np.ones((n_series, 1))], axis=1)
    pulled = (series.forms.reshape(n_series, -1, size) @ residual[:, :, None]).reshape(n_series, -1, size)
    sums = (pulled @ residual[:, :, None])[:, :, 0]

    rss = np.sum(terms.weights * sums, axis=1)
    slope = terms.first @ pulled[:, :, :n_terms]
    rss_second = (terms.second @ sums[:, None, :, None])[:, :, :, 0]
    rss_second = rss_second - 2.0 * slope @ inverse @ np.swapaxes(slope, 1, 2)
    bordered = np.zeros((n_series, size, size))
    bordered[:, :n_terms, :n_terms] = inverse
    traces = (flat @ bordered.reshape(n_series, -1, 1))[:, :, 0]
    relative = inverse[:, None] @ inner_first
    scale_first = (terms.first @ traces[:, :, None])[:, :, 0] - terms.log_determinant_first
    scale_second = (terms.second @ traces[:, None, :, None])[:, :, :, 0] - trace_products(relative)
    scale_second -= terms.log_determinant_second

    log_inner = np.linalg.slogdet(inner)[1]
    relative_first = (terms.first @ sums[:, :, None])[:, :, 0] / rss[:, None]
    gradient = relative_first + scale_first / df[:, None]
    hessian = rss_second / rss[:, None, None] + scale_second / df[:, None, None]
    hessian -= relative_first[:, :, None] * relative_first[:, None]
    value = np.log(rss) + (log_inner - terms.log_determinant) / df
    return FormsProfile(value, rss, gradient, hessian, terms, np.asarray(inverse), inner_first, shift)


def search_axes(model: ErrorModel, finer: int = 1) -> list[FloatArray]:
    """Grid points of each parameter, bounds included, closer together where |r| is near 1.

    Parameters
    ----------
    model : ErrorModel
    finer : int
        Parts into which each interval of the search grid is divided.
    """
    sizes = [finer * (size - 1) + 1 for size in GRID[model.order, model.by_segment]]
    lower, upper = model.bounds()
    warped = to_warped(np.array([lower[0], upper[0]]))
    axes = [to_rho(np.linspace(warped[0], warped[1], sizes[0]))]
    if model.order == 2:
        axes.append(np.tanh(np.linspace(np.arctanh(lower[1]), np.arctanh(upper[1]), sizes[1])))
    if model.by_segment:
        axes.append(np.linspace(lower[-1], upper[-1], sizes[-1]))
    for axis, low, high in zip(axes, lower, upper, strict=True):
        axis[[0, -1]] = low, high  # not beside them by rounding
    return axes


def search_grid(model: ErrorModel) -> FloatArray:
    """Grid points (G, q) of theta, the last parameter running fastest."""
    return np.stack([axis.ravel() for axis in np.meshgrid(*search_axes(model), indexing="ij")], axis=1)


def interpolate(values: FloatArray, finer: int) -> FloatArray:
    """Values between the points of a grid (S, G_1, ..., G_q), by polynomials along each axis but the first.

    Every interval is divided into ``finer`` parts; the polynomial goes through the ``WINDOW`` points around.
    """
    nodes = np.arange(float(WINDOW))
    for axis in range(1, values.ndim):
        size = values.shape[axis]
        place = np.arange(finer * (size - 1) + 1) / finer
        start = np.clip(place.astype(np.intp) - (WINDOW - 1) // 2, 0, size - WINDOW)
        weights = np.zeros((place.size, size))
        columns = start[:, None] + np.arange(WINDOW)
        # Lagrange's basis polynomials as products: an inverse Vandermonde matrix would cost three digits
        apart = (place - start)[:, None] - nodes
        others = [np.flatnonzero(nodes != node) for node in nodes]
        factors = [np.prod(apart[:, some] / (nodes[k] - some), axis=1) for k, some in enumerate(others)]
        around = np.stack(factors, axis=1)
        np.put_along_axis(weights, columns, around, axis=1)
        values = np.moveaxis(np.tensordot(values, weights, axes=(axis, 1)), -1, axis)
    return values


#: Numbers that the matrices of one block of the search may hold: those of a processor's cache.
BLOCK_NUMBERS = 1 << 18


def grid_objective(
    series: SeriesForms, residual_df: int | NDArray[np.intp], terms: PrecisionTerms
) -> FloatArray:
    """Objective of each series at every one of G points, shape (S, G), from the pivots of ``A``.

    The first K pivots multiply to |M|, and the last is RSS. Terms are those of the error model.
    """
    n_points, size = len(terms.weights), series.n_terms + 1
    weights, logs = terms.weights, terms.log_determinant[None]
    if series.n_isolated is not None:
        more = isolated_terms(terms)
        weights = np.hstack([weights, more.weights])
        logs = logs - series.n_isolated[:, None] * more.log_own
    logs = np.broadcast_to(logs, (len(series.forms), n_points))
    df = np.broadcast_to(residual_df, (len(series.forms),))[:, None]
    below, across = np.tril_indices(size)
    values = np.empty((len(series.forms), n_points))
    step = max(1, BLOCK_NUMBERS // (size**2 * n_points))
    for start in range(0, len(values), step):
        some = slice(start, start + step)
        packed = series.forms[some][:, :, below, across]
        weighted = np.swapaxes(packed, 1, 2) @ weights.T
        bordered = np.empty((size, size, len(packed) * n_points))
        bordered[below, across] = np.swapaxes(weighted, 0, 1).reshape(below.size, -1)
        log_inner, rss = pivots(bordered)
        log_rss = np.log(np.maximum(rss, np.finfo(np.float64).tiny)).reshape(-1, n_points)
        values[some] = log_rss + (log_inner.reshape(-1, n_points) - logs[some]) / df[some]
    return values


def pivots(bordered: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eliminate all but the last row of S symmetric matrices (m + 1, m + 1, S), whose lower half is read.

    Returns
    -------
    log_determinant : ndarray, shape (S,)
        Sum of the logarithms of the pivots.
    rest : ndarray, shape (S,)
        What is left in the last place.
    """
    size = len(bordered) - 1
    log_determinant = np.zeros(bordered.shape[2])
    for step in range(size):
        pivot = bordered[step, step]
        log_determinant += np.log(pivot)
        column = bordered[step + 1 :, step]
        scaled = column / pivot
        for row in range(size - step):
            # the lower half is enough
            bordered[step + 1 + row, step + 1 : step + 2 + row] -= column[row] * scaled[: row + 1]
    return log_determinant, bordered[size, size]


def starting_points(model: ErrorModel) -> FloatArray:
    """Parameters (G, q) at which the objective is wanted for ``optimum``."""
    return search_grid(model) if model.by_segment or model.order == 1 else search_points()


def optimum(
    model: ErrorModel, series: SeriesForms, residual_df: int | NDArray[np.intp], values: FloatArray
) -> FloatArray:
    """Parameters (S, q) of highest restricted likelihood, from the objective at ``starting_points``.

    With two parameters that are partial autocorrelations the search of ``ar2_search`` needs half the points.
    """
    if model.by_segment or model.order == 1:
        return best_optimum(model, series, residual_df, values)
    owner, warped = ProfileSearch(len(values)).from_values(np.ascontiguousarray(values.T))
    return best_from(model, series, residual_df, owner, to_partials(warped))


def best_optimum(
    model: ErrorModel, series: SeriesForms, residual_df: int | NDArray[np.intp], values: FloatArray
) -> FloatArray:
    """Parameters (S, q) of highest restricted likelihood within the bounds.

    Parameters
    ----------
    model : ErrorModel
    series : SeriesForms
        S series.
    residual_df : int or ndarray of int, shape (S,)
        n - k.
    values : ndarray, shape (S, G)
        Objective on the points of ``search_grid``, or an increasing function of it.
    """
    finer = FINER[model.n_parameters]
    grid = interpolate(values.reshape(-1, *GRID[model.order, model.by_segment]), finer)
    owner, *places = np.nonzero(axis_minima(grid))
    axes = search_axes(model, finer)
    start = np.stack([axis[place] for axis, place in zip(axes, places, strict=True)], axis=1)
    return best_from(model, series, residual_df, owner, start)


def best_from(
    model: ErrorModel,
    series: SeriesForms,
    residual_df: int | NDArray[np.intp],
    owner: NDArray[np.intp],
    start: FloatArray,
) -> FloatArray:
    """Follow starting points to local optima, and return the best of each series, shape (S, q).

    Parameters
    ----------
    model, series, residual_df
        As for ``best_optimum``.
    owner : ndarray of int, shape (C,)
        Series of each starting point; every series has one.
    start : ndarray, shape (C, q)
    """
    df = np.broadcast_to(residual_df, series.length.shape)

    def evaluate(chosen: NDArray[np.intp], points: FloatArray) -> FormsProfile:
        own = owner[chosen]
        return evaluate_forms(model, series.take(own), df[own], points)

    theta, value = minimise(evaluate, start, *model.bounds(), model.longest_step())
    return theta[best_starts(owner, value)]


def axis_minima(values: FloatArray) -> BoolArray:
    """Grid points no higher than their neighbours along each axis but the first.

    Neighbours across a corner are not looked at: of two optima in adjoining cells one would hide the other.
    """
    lowest = np.ones(values.shape, dtype=np.bool_)
    for axis in range(1, values.ndim):
        along, kept = np.moveaxis(values, axis, 0), np.moveaxis(lowest, axis, 0)
        kept[1:] &= along[1:] <= along[:-1]
        kept[:-1] &= along[:-1] <= along[1:]
    return lowest
