"""Series that share a design and miss months of their own: the likelihood of all at once.

A missing month is a unit column beside the design (``forms``). With N the precision matrix of the errors and
``P = N - NX(X'NX)^{-1}X'N``, which all series share, the unit columns E of a series add ``|E'PE|`` to the
determinant and take ``(E'Pe)'(E'PE)^{-1}(E'Pe)`` off the residual sum ``e'Pe``: a product and the pivots of a
matrix of the size of its gaps instead of a factor of its own design, at each point of the search. What
follows the search is that of series with designs of their own (``forms_fit``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimators.fit import (
    RANK_TOLERANCE,
    Fit,
    FloatArray,
    SingularDesignError,
    missing_patterns,
    precision_lost,
    require_estimable,
    scatter,
)
from its_eval.estimators.patterns import rare_patterns
from its_eval.estimators.reml.error_model import ErrorModel, constant_variance
from its_eval.estimators.reml.forms import (
    SeriesForms,
    best_optimum,
    exact_lines,
    orthonormal_designs,
    own_forms,
    residual_coordinates,
    search_grid,
)
from its_eval.estimators.reml.forms_fit import blank_forms_fit, chunk_size, fit_at
from its_eval.estimators.reml.reml_ar import fit_reml_ar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray

#: Series fitted at a time.
CHUNK = 4096
#: Designs of which more than this is left in every column are estimable beyond the doubt of rounding.
ESTIMABLE = 1e2 * RANK_TOLERANCE


def fit_reml_ar_patterns(X: FloatArray, Y: FloatArray, order: int) -> Fit:
    """Return ``fit_reml_ar``, with series whose missing months few others share fitted together."""
    common, rare = rare_patterns(missing_patterns(Y))
    if not rare.size:
        return fit_reml_ar(X, Y, order)
    result = blank_forms_fit(constant_variance(order, Y.shape[0]), Y.shape[1], X.shape[1])
    if common:
        series = np.concatenate([pattern.series for pattern in common])
        scatter(result, series, fit_reml_ar(X, Y[:, series], order))
    scatter(result, rare, fit_reml_ar_gaps(X, Y[:, rare], order))
    return result


def fit_reml_ar_gaps(X: FloatArray, Y: FloatArray, order: int) -> Fit:
    """Fit one design with AR(p) errors to many series, each with missing months of its own.

    The same numbers and flags as ``fit_reml_ar(X, Y, order)``.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all months.
    Y : ndarray, shape (n, S)
        Outcomes, NaN where a month is missing.
    order : int
        p, 1 or 2.

    Raises
    ------
    SingularDesignError
        As ``fit_reml_ar``, for the first series concerned; a note on the error says which it is.
    """
    model = constant_variance(order, Y.shape[0])
    result = blank_forms_fit(model, Y.shape[1], X.shape[1])
    if Y.shape[1] > CHUNK:
        for start in range(0, Y.shape[1], CHUNK):
            some = slice(start, start + CHUNK)
            scatter(result, some, fit_reml_ar_gaps(X, Y[:, some], order))
        return result
    observed = ~np.isnan(Y.T)
    groups = _require_estimable(X, observed, order + 1)
    outcomes = np.where(observed, Y.T, 0.0)
    values = search_values(model, X, outcomes, groups)
    for places, months in groups:
        size = chunk_size(model, X.shape[1] + months.shape[1])
        for start in range(0, places.size, size):
            chunk = places[start : start + size]
            fit = _fit_chunk(model, X, outcomes[chunk], observed[chunk], values[chunk])
            scatter(result, chunk, fit)
    return result


#: Series that miss equally many months, ascending, and the months that each misses, shape (S, m).
Group = tuple["NDArray[np.intp]", "NDArray[np.intp]"]


def _require_estimable(X: FloatArray, observed: BoolArray, minimum_df: int) -> list[Group]:
    """Return series by how many months they miss; raise if the design cannot be estimated for one of them."""
    length = np.linalg.norm(X, axis=0)
    basis, triangular = np.linalg.qr(X / np.where(length > 0.0, length, 1.0))
    left_over = float(np.abs(np.diag(triangular)).min())
    n_missing = (~observed).sum(axis=1)
    doubtful = np.zeros(len(observed), dtype=np.bool_)
    groups = []
    for count in np.unique(n_missing):
        places = np.flatnonzero(n_missing == count)
        months = np.nonzero(~observed[places])[1].reshape(places.size, -1)
        groups.append((places, months))
        doubtful[places] = X.shape[0] - count - X.shape[1] < minimum_df
        if count and left_over > 0.0:
            # what is left of a column shrinks at most by the root of this when rows are taken out
            rows = basis[months]
            kept = np.linalg.eigvalsh(np.eye(count) - rows @ np.swapaxes(rows, 1, 2))[:, 0]
            doubtful[places] |= kept <= (ESTIMABLE / left_over) ** 2
    if left_over <= ESTIMABLE:
        doubtful[:] = True
    for series in np.flatnonzero(doubtful):
        try:
            require_estimable(X, observed[series], minimum_df)
        except SingularDesignError as error:
            error.add_note(f"series {series}, counted from 0")
            raise
    return groups


def search_values(model: ErrorModel, X: FloatArray, outcomes: FloatArray, groups: list[Group]) -> FloatArray:
    """Return the objective of series on ``search_grid``, up to a constant of each, shape (S, G).

    Parameters
    ----------
    model : ErrorModel
        Of constant variance.
    X : ndarray, shape (n, k)
    outcomes : ndarray, shape (S, n)
        With 0 at missing months.
    groups : list of (ndarray, ndarray)
        Series that miss equally many months, and which.
    """
    basis = np.linalg.qr(X)[0]
    order = np.concatenate([places for places, _ in groups])
    residuals = np.vstack([_residuals(basis, outcomes[places], months) for places, months in groups])
    edges = np.cumsum([0, *(places.size for places, _ in groups)]).tolist()
    n_rows, n_terms = X.shape
    terms = model.terms(search_grid(model))
    forms = np.array([_dense(model, form) for form in range(model.lags.size)])
    values = np.empty((len(terms.weights), len(outcomes)))
    pairs = [_pairs(months, n_rows) for _, months in groups]
    pulled = np.empty_like(residuals)
    for point, weights in enumerate(terms.weights):
        precision = np.tensordot(weights, forms, axes=1)
        columns = precision @ basis
        inner = basis.T @ columns
        shared = precision - columns @ np.linalg.solve(inner, columns.T)
        np.matmul(residuals, shared, out=pulled)
        sums = np.einsum("st,st->s", pulled, residuals)
        log_inner = float(np.linalg.slogdet(inner)[1] - terms.log_determinant[point])
        for (_, months), place, first, end in zip(groups, pairs, edges[:-1], edges[1:], strict=True):
            size = months.shape[1]
            bordered = np.empty((size + 1, size + 1, end - first))
            bordered[:size, :size] = shared.ravel()[place]
            bordered[size, :size] = np.take_along_axis(pulled[first:end], months, axis=1).T
            bordered[size, size] = sums[first:end]
            log_gaps, rss = _pivots(bordered)
            df = n_rows - size - n_terms
            rss = np.maximum(rss, np.finfo(np.float64).tiny)
            values[point, first:end] = np.log(rss) + (log_inner + log_gaps) / df
    found = np.empty((len(outcomes), len(terms.weights)))
    found[order] = values.T
    return found


def _residuals(basis: FloatArray, outcomes: FloatArray, months: NDArray[np.intp]) -> FloatArray:
    """Return least-squares residuals of length 1 of series that miss these months, and 0 there, (S, n)."""
    rows, gaps = basis[months], (np.arange(len(outcomes))[:, None], months)
    kept = np.eye(months.shape[1]) - rows @ np.swapaxes(rows, 1, 2)
    residuals = outcomes.copy()
    for _ in range(2):  # a second pass removes what rounding left of a high level
        coordinates = residuals @ basis
        at_gaps = np.linalg.solve(kept, rows @ coordinates[:, :, None])
        coordinates += (np.swapaxes(rows, 1, 2) @ at_gaps)[:, :, 0]
        residuals -= coordinates @ basis.T
        residuals[gaps] = 0.0
    length = np.sqrt(np.einsum("st,st->s", residuals, residuals))
    return residuals / np.where(length > 0.0, length, 1.0)[:, None]


def _pairs(months: NDArray[np.intp], n_rows: int) -> NDArray[np.intp]:
    """Return where the products of two missing months stand in a matrix (n, n) by rows, shape (m, m, S)."""
    return np.asarray((months[:, :, None] * n_rows + months[:, None]).transpose(1, 2, 0))


def _dense(model: ErrorModel, form: int) -> FloatArray:
    """Return ``S_m`` as a matrix (n, n)."""
    month = np.flatnonzero(model.masks[form])
    lag = int(model.lags[form])
    matrix = np.zeros((model.n_rows, model.n_rows))
    matrix[month, month + lag] += 0.5
    matrix[month + lag, month] += 0.5
    return matrix


def _pivots(bordered: FloatArray) -> tuple[FloatArray, FloatArray]:
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


def _fit_chunk(
    model: ErrorModel, X: FloatArray, outcomes: FloatArray, observed: BoolArray, values: FloatArray
) -> Fit:
    """Fit series that miss equally many months, searched already."""
    designs = orthonormal_designs(np.broadcast_to(X, (len(outcomes), *X.shape)), observed)
    coordinates, residuals, length = residual_coordinates(designs, outcomes)
    degenerate = exact_lines(outcomes, observed, length)
    whole = blank_forms_fit(model, len(outcomes), X.shape[1])
    whole.params[:] = np.linalg.solve(designs.triangular, coordinates[:, :, None])[:, :, 0]
    whole.covariance.df_residual[:] = designs.residual_df
    whole.n_used[:] = observed.sum(axis=1)
    regular = np.flatnonzero(~degenerate)
    if regular.size:
        chosen = designs.take(regular)
        forms = own_forms(model, chosen.basis, residuals[regular])
        series = SeriesForms(forms, length[regular], coordinates[regular])
        theta = best_optimum(model, series, designs.residual_df, values[regular])
        scatter(whole, regular, fit_at(model, chosen, series, theta))
    whole.flags["degenerate"][:] = degenerate
    lost = precision_lost(length**2, np.einsum("st,st->s", outcomes, outcomes))
    whole.flags["precision_lost"][:] = lost & ~degenerate
    return whole
