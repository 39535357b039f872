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

from its_eval.estimators.fit import (
    RANK_TOLERANCE,
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
from its_eval.estimators.reml.reml_ar import fit_reml_ar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray

    Months = NDArray[np.intp]

#: Series fitted at a time.
CHUNK = 8192
#: Share of a direction of the design that has to be left in the observed months: with less of it the basis of
#: the whole design loses more than four digits.
LEAST_LEFT = 1e-8


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
    design = GappyDesign(X, order)
    result = blank_forms_fit(design.model, Y.shape[1], X.shape[1])
    for start in range(0, Y.shape[1], CHUNK):
        some = np.arange(start, min(start + CHUNK, Y.shape[1]))
        observed = ~np.isnan(Y[:, some].T)
        sound = design.sound(observed)
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
        self.basis, self.triangular = np.linalg.qr(X)
        self.forms = np.zeros((model.lags.size, *2 * X.shape[:1]))
        for form, lag, mask in zip(self.forms, model.lags, model.masks, strict=True):
            month = np.flatnonzero(mask)
            form[month, month + lag] += 0.5
            form[month + lag, month] += 0.5

    @cached_property
    def points(self) -> FloatArray:
        """Partial autocorrelations at which every series is searched, shape (G, p)."""
        return starting_points(self.model)

    def sound(self, observed: BoolArray) -> BoolArray:
        """Return which series (S, n) can be fitted with the basis of the whole design, shape (S,)."""
        length = np.linalg.norm(self.X, axis=0)
        whole = np.linalg.qr(self.X / np.where(length > 0.0, length, 1.0), mode="r")
        # what is left of a column shrinks at most by the root of the smallest share
        least = max(LEAST_LEFT, (RANK_TOLERANCE / np.abs(np.diag(whole)).clip(min=1e-300).min()) ** 2)
        sound = np.empty(len(observed), dtype=np.bool_)
        for places, months in _by_count(observed):
            df = self.X.shape[0] - months.shape[1] - self.X.shape[1]
            sound[places] = df >= self.model.order + 1
            if months.shape[1]:
                sound[places] &= np.linalg.eigvalsh(self._left(months))[:, 0] > least
        return sound

    def _left(self, months: Months) -> FloatArray:
        """Return ``I - Q_m Q_m'`` of the rows of Q in these months, shape (S, m, m)."""
        rows = self.basis[months]
        return np.asarray(np.eye(months.shape[1]) - rows @ np.swapaxes(rows, 1, 2))

    def fit(self, Y: FloatArray) -> Fit:
        """Fit series (n, S) that are sound."""
        observed = ~np.isnan(Y.T)
        outcomes = np.where(observed, Y.T, 0.0)
        groups = [
            (places, months, *self.regress(outcomes[places], months))
            for places, months in _by_count(observed)
        ]
        values = self.search([(months, residuals) for _, months, _, residuals, _ in groups])
        result = blank_forms_fit(self.model, Y.shape[1], self.X.shape[1])
        for (places, months, coordinates, residuals, length), value in zip(groups, values, strict=True):
            size = chunk_size(self.model, self.X.shape[1] + months.shape[1])
            for start in range(0, places.size, size):
                own = slice(start, start + size)
                cells = outcomes[places[own]]
                total = np.einsum("st,st->s", cells, cells)
                lines = degenerate_series(cells.T, observed[places[own]].T, length[own] ** 2, total)
                part = (months[own], coordinates[own], residuals[own], length[own])
                fit = self._fit(*part, value[:, own], lines)
                fit.flags["precision_lost"][:] = precision_lost(length[own] ** 2, total) & ~lines
                scatter(result, places[own], fit)
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
        rows, gaps = self.basis[months], (np.arange(len(outcomes))[:, None], months)
        left = self._left(months)
        residuals, coordinates = outcomes.copy(), np.zeros((len(outcomes), self.X.shape[1]))
        for _ in range(2):  # a second pass removes what rounding left of a high level
            step = residuals @ self.basis
            step += (np.swapaxes(rows, 1, 2) @ np.linalg.solve(left, rows @ step[:, :, None]))[:, :, 0]
            coordinates += step
            residuals -= step @ self.basis.T
            residuals[gaps] = 0.0
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
        n_rows, n_terms = self.X.shape
        terms = self.model.terms(self.points)
        values = [np.empty((len(self.points), len(months))) for months, _ in groups]
        pairs = [(months[:, :, None] * n_rows + months[:, None]).transpose(1, 2, 0) for months, _ in groups]
        for point, weights in enumerate(terms.weights):
            precision = np.tensordot(weights, self.forms, axes=1)
            columns = precision @ self.basis
            inner = self.basis.T @ columns
            shared = precision - columns @ np.linalg.solve(inner, columns.T)
            log_inner = float(np.linalg.slogdet(inner)[1] - terms.log_determinant[point])
            for (months, residuals), places, value in zip(groups, pairs, values, strict=True):
                size = months.shape[1]
                pulled = residuals @ shared
                bordered = np.empty((size + 1, size + 1, len(months)))
                bordered[:size, :size] = shared.ravel()[places]
                bordered[size, :size] = np.take_along_axis(pulled, months, axis=1).T
                bordered[size, size] = np.einsum("st,st->s", pulled, residuals)
                log_gaps, rss = pivots(bordered)
                log_rss = np.log(np.maximum(rss, np.finfo(np.float64).tiny))
                value[point] = log_rss + (log_inner + log_gaps) / (n_rows - size - n_terms)
        return values

    def _fit(
        self,
        months: Months,
        coordinates: FloatArray,
        residuals: FloatArray,
        length: FloatArray,
        values: FloatArray,
        lines: BoolArray,
    ) -> Fit:
        """Fit series that miss equally many months: what of them is no exact line, at its optimum."""
        n_series, n_rows = residuals.shape
        fit = blank_forms_fit(self.model, n_series, self.X.shape[1])
        fit.params[:] = np.linalg.solve(self.triangular, coordinates.T).T
        fit.n_used[:] = n_rows - months.shape[1]
        fit.covariance.df_residual[:] = n_rows - months.shape[1] - self.X.shape[1]
        regular = np.flatnonzero(~lines)
        if regular.size:
            designs = self._designs(months[regular])
            forms = self._forms(months[regular], residuals[regular])
            series = SeriesForms(forms, length[regular], coordinates[regular])
            theta = optimum(self.model, series, designs.residual_df, values[:, regular].T)
            scatter(fit, regular, fit_at(self.model, designs, series, theta))
        fit.flags["degenerate"][:] = lines
        return fit

    def _designs(self, months: Months) -> OrthonormalDesigns:
        """Return Q beside the unit columns of the missing months (S, m)."""
        n_series, size = months.shape
        n_rows, n_terms = self.basis.shape
        basis = np.zeros((n_series, n_rows, n_terms + size))
        basis[:, :, :n_terms] = self.basis
        basis[np.arange(n_series)[:, None], months, n_terms + np.arange(size)] = 1.0
        return OrthonormalDesigns(basis, np.broadcast_to(self.triangular, (n_series, n_terms, n_terms)))

    def _forms(self, months: Months, residuals: FloatArray) -> FloatArray:
        """Return the forms of Q, unit columns and residual of series, shape (S, m, K + 1, K + 1)."""
        n_terms, size = self.X.shape[1], months.shape[1]
        gaps = slice(n_terms, n_terms + size)
        made = np.empty((len(months), len(self.forms), n_terms + size + 1, n_terms + size + 1))
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
        return made


def _by_count(observed: BoolArray) -> list[tuple[NDArray[np.intp], Months]]:
    """Return series (S, n) that miss equally many months, and the months that each of them misses."""
    n_missing = (~observed).sum(axis=1)
    groups = []
    for count in np.unique(n_missing):
        places = np.flatnonzero(n_missing == count)
        groups.append((places, np.nonzero(~observed[places])[1].reshape(places.size, -1)))
    return groups
