"""Series that share a design and miss months of their own: the likelihood of all at once.

A missing month is a unit column beside the design (``forms``). With N the precision matrix of the errors and
``P = N - NX(X'NX)^{-1}X'N``, which all series share, the unit columns E of a series add ``|E'PE|`` to the
determinant and take ``(E'Pe)'(E'PE)^{-1}(E'Pe)`` off the residual sum ``e'Pe``: a product and the pivots of a
matrix of the size of its gaps instead of a factor of its own design, at each point of the search.

From the search on, the algebra is that of series with designs of their own (``forms_fit``). It holds for any
basis of the columns, not for an orthonormal one alone: here it is the Q of the whole design beside the unit
columns, so that the forms of a series are taken from those of the design instead of being summed up.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.estimators.fit import (
    Fit,
    FloatArray,
    SingularDesignError,
    degenerate_series,
    missing_patterns,
    precision_lost,
    require_estimable,
    scatter,
)
from its_eval.estimators.patterns import rare_patterns
from its_eval.estimators.reml.error_model import constant_variance
from its_eval.estimators.reml.forms import (
    OrthonormalDesigns,
    SeriesForms,
    optimum,
    pivots,
    starting_points,
)
from its_eval.estimators.reml.forms_fit import blank_forms_fit, chunk_size, fit_at
from its_eval.estimators.reml.isolated import (
    alike,
    around,
    isolated_months,
    lag_pairs,
    symmetric_product,
)
from its_eval.estimators.reml.profile import design_matrices, rss_table
from its_eval.estimators.reml.reduction import ReducedSeries, reduce_design
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.estimators.shared_basis import SharedBasis, by_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray
    from its_eval.estimators.reml.reduction import ReducedDesign

    Months = NDArray[np.intp]

#: Series fitted at a time.
CHUNK = 8192
#: Points of the search at a time, and numbers that the matrices of one piece of series may then hold, those
#: of a processor's cache.
POINTS, CACHED_NUMBERS = 8, 1 << 16


def fit_reml_ar_patterns(X: FloatArray, Y: FloatArray, order: int) -> Fit:
    """Return ``fit_reml_ar``, with series whose missing months few others share fitted together."""
    common, rare = rare_patterns(missing_patterns(Y))
    if not rare.size:
        return fit_reml_ar(X, Y, order)
    if not common:
        return fit_reml_ar_gaps(X, Y, order)
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
    design = GappyDesign(X, order)
    if Y.shape[1] <= CHUNK and design.shared.sound(~np.isnan(Y.T), order + 1).all():
        # as good as always: what is found need not be copied
        return design.fit(Y)
    result = blank_forms_fit(design.model, Y.shape[1], X.shape[1])
    for start in range(0, Y.shape[1], CHUNK):
        some = np.arange(start, min(start + CHUNK, Y.shape[1]))
        observed = ~np.isnan(Y[:, some].T)
        sound = design.shared.sound(observed, order + 1)
        for series in np.flatnonzero(~sound):
            try:
                require_estimable(X, observed[series], order + 1)
            except SingularDesignError as error:
                error.add_note(f"series {some[series]}, counted from 0")
                raise
        if not sound.all():
            scatter(result, some[~sound], fit_reml_ar(X, Y[:, some[~sound]], order))
        scatter(result, some[sound], design.fit(Y[:, some[sound]]))
    return result


class GappyDesign:
    """A design of full rank, and what its series have in common.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all months.
    order : int
        p, 1 or 2.
    """

    def __init__(self, X: FloatArray, order: int) -> None:
        self.X = X
        self.model = model = constant_variance(order, X.shape[0])
        self.shared = SharedBasis(X)
        self.basis, self.triangular = self.shared.basis, self.shared.triangular
        self.forms = np.zeros((model.lags.size, *2 * X.shape[:1]))
        for form, lag, mask in zip(self.forms, model.lags, model.masks, strict=True):
            month = np.flatnonzero(mask)
            form[month, month + lag] += 0.5
            form[month + lag, month] += 0.5

    @cached_property
    def points(self) -> FloatArray:
        """Partial autocorrelations at which every series is searched, shape (G, p)."""
        return starting_points(self.model)

    def fit(self, Y: FloatArray) -> Fit:
        """Fit series (n, S) that are sound."""
        observed = ~np.isnan(Y.T)
        outcomes = np.where(observed, Y.T, 0.0)
        coordinates, residuals = np.empty((Y.shape[1], self.X.shape[1])), np.empty(outcomes.shape)
        length = np.empty(Y.shape[1])
        groups = list(by_count(~observed))
        for places, months in groups:
            parts = self.regress(outcomes[places], months)
            coordinates[places], residuals[places], length[places] = parts
        values = np.empty((len(self.points), Y.shape[1]))
        found = self.search([(months, residuals[places]) for places, months in groups])
        for (places, _), part in zip(groups, found, strict=True):
            values[:, places] = part

        total = np.einsum("st,st->s", outcomes, outcomes)
        lines = degenerate_series(outcomes.T, observed.T, length**2, total)
        result = blank_forms_fit(self.model, Y.shape[1], self.X.shape[1])
        result.params[:] = np.linalg.solve(self.triangular, coordinates.T).T
        result.n_used[:] = observed.sum(axis=1)
        result.covariance.df_residual[:] = result.n_used - self.X.shape[1]
        result.flags["degenerate"][:] = lines
        isolated = isolated_months(observed, self.model.order)
        regular = np.flatnonzero(~lines)
        for places, count, _ in alike(observed[regular], isolated[regular]):
            size = chunk_size(self.model, self.X.shape[1] + count)
            for start in range(0, places.size, size):
                own = regular[places[start : start + size]]
                designs = self._designs(observed[own], isolated[own])
                forms = self._forms(designs, isolated[own], residuals[own])
                series = SeriesForms(forms, length[own], coordinates[own], designs.n_isolated)
                theta = optimum(self.model, series, designs.residual_df, values[:, own].T)
                scatter(result, own, fit_at(self.model, designs, series, theta))
        result.flags["precision_lost"][:] = precision_lost(length**2, total) & ~lines
        return result

    def regress(self, outcomes: FloatArray, months: Months) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return least squares of outcomes (S, n), which are 0 in the missing months (S, m).

        Returns
        -------
        coordinates : ndarray, shape (S, k)
            On Q.
        residuals : ndarray, shape (S, n)
            Of length 1, 0 in the missing months; those of exact zeros stay 0.
        length : ndarray, shape (S,)
            What they were divided by.
        """
        coordinates, residuals = self.shared.regress(outcomes, months)
        length = np.sqrt(np.einsum("st,st->s", residuals, residuals))
        return coordinates, residuals / np.where(length > 0.0, length, 1.0)[:, None], length

    def search(self, groups: list[tuple[Months, FloatArray]]) -> list[FloatArray]:
        """Return the objective at the points of the search, up to a constant of each series.

        Parameters
        ----------
        groups : list of (ndarray, ndarray)
            Missing months (S, m) and residuals (S, n) of series that miss equally many.

        Returns
        -------
        list of ndarray, shape (G, S)
        """
        design = reduce_design(self.X, self.model.order)
        pieces = [
            [_SearchPiece(self, design, months[own], residuals[own]) for own in _slices(*months.shape)]
            for months, residuals in groups
        ]
        for start in range(0, len(self.points), POINTS):
            shared = self._shared(design, self.points[start : start + POINTS])
            for piece in (piece for group in pieces for piece in group):
                piece.values.append(piece.objective(shared))
        return [np.hstack([np.vstack(piece.values) for piece in group]) for group in pieces]

    def _shared(self, design: ReducedDesign, points: FloatArray) -> _SharedPoints:
        """Return what all series have in common at some points."""
        matrices = design_matrices(design, points)
        weights = matrices.terms.weights
        columns = np.tensordot(weights, self.forms @ design.basis, axes=1)
        projected = columns @ matrices.inverse @ np.swapaxes(columns, 1, 2)
        return _SharedPoints(
            weights=weights,
            table=rss_table(design, matrices),
            pull=np.ascontiguousarray(np.moveaxis(columns @ matrices.shift, 2, 0)),
            matrix=np.tensordot(weights, self.forms, axes=1) - projected,
            log_inner=matrices.log_scale * design.residual_df,
        )

    def _designs(self, observed: BoolArray, isolated: BoolArray) -> OrthonormalDesigns:
        """Return Q beside the unit columns of months that are missing and not isolated (S, n)."""
        n_rows, n_terms = self.basis.shape
        series, month = np.nonzero(~(observed | isolated))
        n_series = len(observed)
        size = series.size // n_series
        basis = np.zeros((n_series, n_rows, n_terms + size))
        np.multiply(self.basis, ~isolated[:, :, None], out=basis[:, :, :n_terms])
        basis[series, month, n_terms + np.tile(np.arange(size), n_series)] = 1.0
        return OrthonormalDesigns(basis, self.triangular[None], isolated)

    def _forms(self, designs: OrthonormalDesigns, isolated: BoolArray, residuals: FloatArray) -> FloatArray:
        """Return the forms of Q, unit columns and residual of series, shape (S, m, K + 1, K + 1)."""
        n_series, n_terms, n_columns = len(residuals), self.X.shape[1], designs.basis.shape[2]
        months = designs.basis[:, :, n_terms:].argmax(axis=1)
        gaps = slice(n_terms, n_columns)
        n_forms = len(self.forms) + len(lag_pairs(self.model.order))
        made = np.empty((n_series, n_forms, n_columns + 1, n_columns + 1))
        for place, form in enumerate(self.forms):
            columns, pulled, own = form @ self.basis, residuals @ form, made[:, place]
            own[:, :n_terms, :n_terms] = self.basis.T @ columns
            own[:, gaps, :n_terms] = columns[months]
            own[:, gaps, gaps] = form[months[:, :, None], months[:, None]]
            own[:, -1, :n_terms] = pulled @ self.basis
            own[:, -1, gaps] = np.take_along_axis(pulled, months, axis=1)
            own[:, -1, -1] = np.einsum("st,st->s", pulled, residuals)
            own[:, :n_terms, n_terms:] = np.swapaxes(own[:, n_terms:, :n_terms], 1, 2)
            own[:, gaps, -1] = own[:, -1, gaps]
        self._set_apart(made, isolated, residuals)
        return made

    def _set_apart(self, forms: FloatArray, isolated: BoolArray, residuals: FloatArray) -> None:
        """Take the rows of isolated months out of Q, and add the forms of these months."""
        order, n_terms, n_forms = self.model.order, self.X.shape[1], len(self.forms)
        pairs = [(0, lag) for lag in range(order + 1)] + lag_pairs(order)
        products = np.empty((len(pairs), len(forms), *forms.shape[2:]))
        for series, months in by_count(isolated):
            rows = np.zeros((order + 1, *months.shape, forms.shape[-1]))
            rows[0, :, :, :n_terms] = self.basis[months]
            near = around(residuals[:, :, None], series, months, order)
            for lag, beside in enumerate(near, start=1):
                rows[lag, :, :, :n_terms] = self.basis[months - lag] + self.basis[months + lag]
                rows[lag, :, :, -1] = beside[:, :, 0]
            for product, (one, other) in zip(products, pairs, strict=True):
                product[series] = symmetric_product(rows[one], rows[other])
        for place, lag in enumerate(self.model.lags):
            forms[:, place] -= products[lag]
        forms[:, n_forms:] = np.swapaxes(products[order + 1 :], 0, 1)


class _SharedPoints(Struct, frozen=True):
    """What all series have in common at some points of the search.

    Attributes
    ----------
    weights : ndarray, shape (B, m)
        Of the forms.
    table : ndarray, shape (B, n_moments)
        Coefficients of ``e'Pe`` in the moments of a series.
    pull : ndarray, shape (r, B, n)
        What ``NX(X'NX)^{-1}X'Ne`` has of each of ``F'e``.
    matrix : ndarray, shape (B, n, n)
        P.
    log_inner : ndarray, shape (B,)
        ``log|X'NX| - log|N|``.
    """

    weights: FloatArray
    table: FloatArray
    pull: FloatArray
    matrix: FloatArray
    log_inner: FloatArray


class _SearchPiece:
    """Series that miss equally many months, of which as many are searched at a time as stay in the cache."""

    def __init__(
        self, design: GappyDesign, reduced: ReducedDesign, months: Months, residuals: FloatArray
    ) -> None:
        n_rows = residuals.shape[1]
        self.months = months
        lag_sums = [
            np.einsum("st,st->s", residuals[:, lag:], residuals[:, : n_rows - lag])
            for lag in range(design.model.order + 1)
        ]
        self.reach = residuals @ reduced.reach
        series = ReducedSeries(np.empty((0, len(months))), self.reach.T, np.stack(lag_sums))
        self.moments = series.moments()
        near = [np.take_along_axis(residuals @ form, months, axis=1).T for form in design.forms]
        self.near = np.stack(near).reshape(len(near), -1)
        self.below, self.across = np.tril_indices(months.shape[1])
        self.pairs = months.T[self.below] * n_rows + months.T[self.across]
        self.df = n_rows - months.shape[1] - design.X.shape[1]
        self.values: list[FloatArray] = []

    def objective(self, shared: _SharedPoints) -> FloatArray:
        """Return the objective at some points, shape (B, S)."""
        n_series, size = self.months.shape
        n_reach, n_points, n_rows = shared.pull.shape
        bordered = np.empty((size + 1, size + 1, n_points, n_series))
        bordered[size, size] = shared.table @ self.moments
        if size:
            crossed = shared.matrix.reshape(n_points, -1).take(self.pairs, axis=1)
            bordered[self.below, self.across] = np.swapaxes(crossed, 0, 1)
            pulled = (self.reach @ shared.pull.reshape(n_reach, -1)).reshape(n_series, n_points, n_rows)
            own = np.take_along_axis(pulled, self.months[:, None], axis=2)
            near = (shared.weights @ self.near).reshape(n_points, size, n_series)
            bordered[size, :size] = np.swapaxes(near, 0, 1) - own.transpose(2, 1, 0)
        log_gaps, rss = pivots(bordered.reshape(size + 1, size + 1, -1))
        log_rss = np.log(np.maximum(rss, np.finfo(np.float64).tiny)).reshape(n_points, n_series)
        return np.asarray(log_rss + (shared.log_inner[:, None] + log_gaps.reshape(log_rss.shape)) / self.df)


def _slices(n_series: int, size: int) -> Iterator[slice]:
    """Divide series that miss so many months into pieces."""
    step = max(1, CACHED_NUMBERS // (POINTS * (size + 1) ** 2))
    for start in range(0, n_series, step):
        yield slice(start, start + step)
