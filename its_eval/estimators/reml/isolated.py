"""Missing months that have no other near them: their part of the likelihood without a column for each.

With N the precision matrix of n months and E the unit columns of missing months that are more than p months
apart and p or more away from both ends, ``E'NE`` is s times the identity, whatever the months, and the
precision matrix of the other months is ``N - NEE'N/s``. For columns z that are 0 in the months t of E,

  ``(E'Nz)_t = sum_l n_l (z_{t-l} + z_{t+l}),   s = sum_i w_ii,   n_l = sum_{j-i=l} w_ij / 2,   l = 1..p``:

so all of E is p(p + 1)/2 more forms ``sum_t (z_{t-l} + z_{t+l})(z_{t-m} + z_{t+m})``, of weight ``-n_l^2/s``
where l = m and ``-2 n_l n_m/s`` where l < m, and takes log s for each of its months off ``log|N|``. Matrices
then grow only with missing months that are neighbours or near the ends, as each of these has a column.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.estimators.reml.autoregression import PrecisionTerms, autocovariances, form_pairs
from its_eval.estimators.shared_basis import by_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray, FloatArray
    from its_eval.estimators.reml.error_model import ErrorModel

    Months = NDArray[np.intp]


def isolated_months(observed: BoolArray, order: int) -> BoolArray:
    """Return the missing months of series (S, n) that have no other near them and are near no end."""
    n_rows = observed.shape[1]
    alone = ~observed
    alone[:, :order] = alone[:, max(n_rows - order, 0) :] = False
    for lag in range(1, order + 1):
        alone[:, lag:] &= observed[:, :-lag]
        alone[:, :-lag] &= observed[:, lag:]
    return alone


def lag_pairs(order: int) -> list[tuple[int, int]]:
    """Lags (l, m), l <= m, of the forms of isolated months in the order of every array of them."""
    return list(combinations_with_replacement(range(1, order + 1), 2))


@cache
def _selectors(order: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Matrices from w to ``(s, n_1..n_p)``, from that to n_l and n_m of each pair, and minus its multiple."""
    lags = np.array([j - i for i, j in form_pairs(order)])
    totals = np.eye(order + 1)[lags] * np.where(lags == 0, 1.0, 0.5)[:, None]
    left, right = np.array(lag_pairs(order)).T
    identity = np.eye(order + 1)
    return totals, identity[:, left], identity[:, right], np.where(left == right, -1.0, -2.0)


class IsolatedTerms(Struct, frozen=True):
    """Weights of the forms of isolated months, with derivatives by the partial autocorrelations, at G points.

    Attributes
    ----------
    weights, first, second : ndarray, shapes (G, e), (G, p, e) and (G, p, p, e)
        ``-n_l^2/s`` and ``-2 n_l n_m/s``.
    log_own, log_own_first, log_own_second : ndarray, shapes (G,), (G, p) and (G, p, p)
        ``log s``.
    """

    weights: FloatArray
    first: FloatArray
    second: FloatArray
    log_own: FloatArray
    log_own_first: FloatArray
    log_own_second: FloatArray


def isolated_terms(terms: PrecisionTerms) -> IsolatedTerms:
    """Return the weights of isolated months from those of constant variance."""
    totals, left, right, multiple = _selectors(terms.first.shape[1])
    value, first, second = terms.weights @ totals, terms.first @ totals, terms.second @ totals
    own, slope, curvature = value[:, 0], first[:, :, 0], second[:, :, :, 0]
    relative = slope / own[:, None]
    crossed = relative[:, :, None] * relative[:, None]
    value_l, value_m = value @ left, value @ right
    first_l, first_m = first @ left, first @ right

    # a quotient's derivatives: (f s)' = f's + f s'
    weights = multiple * value_l * value_m / own[:, None]
    product = first_l * value_m[:, None] + value_l[:, None] * first_m
    weights_first = multiple * product / own[:, None, None] - weights[:, None] * relative[:, :, None]
    bent = (second @ left) * value_m[:, None, None] + value_l[:, None, None] * (second @ right)
    mixed = first_l[:, :, None] * first_m[:, None]
    bent += mixed + np.swapaxes(mixed, 1, 2)
    mixed = relative[:, :, None, None] * weights_first[:, None]
    weights_second = multiple * bent / own[:, None, None, None]
    weights_second -= mixed + np.swapaxes(mixed, 1, 2)
    weights_second -= (curvature / own[:, None, None])[:, :, :, None] * weights[:, None, None]
    return IsolatedTerms(
        weights=weights,
        first=weights_first,
        second=weights_second,
        log_own=np.log(own),
        log_own_first=relative,
        log_own_second=curvature / own[:, None, None] - crossed,
    )


def terms_without(terms: PrecisionTerms, n_isolated: NDArray[np.intp]) -> PrecisionTerms:
    """Return the terms of S series that miss so many isolated months (S,), at a point each."""
    more, count = isolated_terms(terms), n_isolated.astype(np.float64)
    return PrecisionTerms(
        weights=np.concatenate([terms.weights, more.weights], axis=-1),
        first=np.concatenate([terms.first, more.first], axis=-1),
        second=np.concatenate([terms.second, more.second], axis=-1),
        log_determinant=terms.log_determinant - count * more.log_own,
        log_determinant_first=terms.log_determinant_first - count[:, None] * more.log_own_first,
        log_determinant_second=terms.log_determinant_second - count[:, None, None] * more.log_own_second,
    )


def traces_without(model: ErrorModel, theta: FloatArray, n_isolated: NDArray[np.intp]) -> FloatArray:
    """Return ``tr S_m V`` over the other months for every form, those of isolated months last, (S, m + e)."""
    gamma = autocovariances(theta[:, : model.order], 2 * model.order + 1)
    count = n_isolated[:, None]
    # a month is part of one product with itself and of two with months at a distance
    months = model.masks.sum(axis=1) - count * np.where(model.lags == 0, 1, 2)
    lags = np.array(lag_pairs(model.order))
    near = 2.0 * count * (gamma[:, lags[:, 1] - lags[:, 0]] + gamma[:, lags.sum(axis=1)])
    return np.concatenate([months * gamma[:, model.lags], near], axis=1)


def alike(observed: BoolArray, isolated: BoolArray) -> Iterator[tuple[NDArray[np.intp], int, bool]]:
    """Yield series (S, n) to be fitted together, their number of unit columns, and whether they have gaps.

    Those have equally many missing months that are not isolated; complete ones are by themselves, so that
    they are fitted without forms of isolated months, whoever else is fitted.
    """
    n_columns = np.where(observed.all(axis=1), -1, (~(observed | isolated)).sum(axis=1))
    for count in np.unique(n_columns):
        yield np.flatnonzero(n_columns == count), max(int(count), 0), bool(count >= 0)


def around(columns: FloatArray, series: NDArray[np.intp], months: Months, order: int) -> list[FloatArray]:
    """Return ``z_{t-l} + z_{t+l}``, l = 1..p, of columns (S, n, c) in months (N, m) of some series (N,)."""
    place = series[:, None]
    return [columns[place, months - lag] + columns[place, months + lag] for lag in range(1, order + 1)]


def symmetric_product(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the symmetric part of ``sum_t left_t right_t'`` of rows (S, m, c), shape (S, c, c)."""
    product = np.swapaxes(left, 1, 2) @ right
    return np.asarray((product + np.swapaxes(product, 1, 2)) / 2.0)


def isolated_forms(axes: FloatArray, isolated: BoolArray, order: int) -> FloatArray:
    """Return the forms of isolated months of columns (S, n, c) that are 0 there, shape (S, e, c, c)."""
    forms = np.zeros((len(axes), len(lag_pairs(order)), *2 * axes.shape[2:]))
    for series, months in by_count(isolated):
        if months.shape[1]:
            near = around(axes, series, months, order)
            for place, (one, other) in enumerate(lag_pairs(order)):
                forms[series, place] = symmetric_product(near[one - 1], near[other - 1])
    return forms


def add_isolated(columns: FloatArray, basis: FloatArray, isolated: BoolArray, weights: FloatArray) -> None:
    """Add the part of isolated months to products of weighted forms with bases.

    Parameters
    ----------
    columns : ndarray, shape (S, a, n, K)
        Of the other forms; changed in place, and 0 in isolated months thereafter.
    basis : ndarray, shape (S, n, K)
        0 in isolated months.
    isolated : ndarray of bool, shape (S, n)
    weights : ndarray, shape (S, a, e)
        Of the forms of isolated months.
    """
    order = {1: 1, 3: 2}[weights.shape[2]]
    series, months = np.nonzero(isolated)
    place = np.arange(series.size) - np.searchsorted(series, series)
    for number in range(int(place.max(initial=-1)) + 1):
        # one month of each series at a time: no row is written to twice
        chosen = place == number
        own, month = series[chosen], months[chosen]
        near = [rows[:, 0] for rows in around(basis, own, month[:, None], order)]
        pulled = np.zeros((order, own.size, columns.shape[1], columns.shape[3]))
        for weight, (one, other) in zip(np.moveaxis(weights[own], 2, 0), lag_pairs(order), strict=True):
            # the form is the symmetric part of its product: half of it on either side
            half = weight[:, :, None] / 2.0
            pulled[one - 1] += half * near[other - 1][:, None]
            pulled[other - 1] += half * near[one - 1][:, None]
        for lag, rows in enumerate(pulled, start=1):
            columns[own, :, month - lag] += rows
            columns[own, :, month + lag] += rows
        columns[own, :, month] = 0.0
