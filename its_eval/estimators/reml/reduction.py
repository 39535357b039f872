"""Reduce a design and its series to a few numbers, after which no cost depends on the number of months.

With X = QR and e = y - QQ'y, the quadratic forms of ``autoregression`` reach e only through its lag sums
``a_l = sum_t e_t e_{t+l}``, through its first and last p values and through ``Q'lag_l e``. The last two are
contained in ``F'e``, F an orthonormal basis of (I - QQ')[first and last p unit vectors, lag_l Q]; so each
series is described by ``b = Q'y``, ``F'e`` and a_0..a_p, whatever the number of months.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.estimators.reml.autoregression import form_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import FloatArray


#: Directions with a smaller singular value are taken as already inside the span.
SPAN_TOLERANCE = 1e-9


class ReducedDesign(Struct, frozen=True):
    """A design of n rows and k columns in the coordinates Z = [Q F], q = k + r.

    Attributes
    ----------
    order : int
        Order p of the autoregression.
    basis, triangular : ndarray, shapes (n, k) and (k, k)
        Q and R of X = QR.
    reach : ndarray, shape (n, r)
        F, the residual directions that the forms connect to the design.
    forms : ndarray, shape (m, q, q)
        ``Z'S_ij Z``.
    residual_forms : ndarray, shape (m, q, q)
        The same with ``F'(S_ij - lag_{j-i})F`` in the block of F: then, with z the coordinates of a residual
        u = e + Qw, i.e. z = (w, F'e), ``u'S_ij u = a_{j-i} + z' residual_form_ij z``.
    lag_products : ndarray, shape (n, q, q)
        ``sum_t (z_t z_{t+l}' + z_{t+l} z_t')`` (once for l = 0), so that a process with autocovariances
        gamma has ``Z'N^{-1}Z = sum_l gamma_l lag_products_l``.
    """

    order: int
    basis: FloatArray
    triangular: FloatArray
    reach: FloatArray
    forms: FloatArray
    residual_forms: FloatArray
    lag_products: FloatArray

    @property
    def n_rows(self) -> int:
        """Number of months n, missing ones included."""
        return int(self.basis.shape[0])

    @property
    def n_terms(self) -> int:
        """Number of columns k, indicator columns included."""
        return int(self.basis.shape[1])

    @property
    def n_reach(self) -> int:
        """Number r of residual directions."""
        return int(self.reach.shape[1])

    @property
    def residual_df(self) -> int:
        """Rows minus columns n - k: the same with and without indicator columns."""
        return self.n_rows - self.n_terms

    def lag_weights(self, weights: FloatArray) -> FloatArray:
        """Weights (..., m) of the forms added up by lag, (..., p + 1)."""
        lags = np.array([j - i for i, j in form_pairs(self.order)])
        return np.asarray(weights @ np.eye(self.order + 1)[lags])


class ReducedSeries(Struct, frozen=True):
    """What is left of S series.

    Attributes
    ----------
    coordinates : ndarray, shape (k, S)
        ``Q'y``.
    reach : ndarray, shape (r, S)
        ``F'e``.
    lag_sums : ndarray, shape (p + 1, S)
        ``a_l``.
    """

    coordinates: FloatArray
    reach: FloatArray
    lag_sums: FloatArray

    @property
    def total_sum(self) -> FloatArray:
        """Sum of squares ``y'y``, shape (S,)."""
        explained = np.einsum("is,is->s", self.coordinates, self.coordinates)
        return np.asarray(explained + self.lag_sums[0])

    def moments(self) -> FloatArray:
        """Lag sums above the products ``(F'e)_i (F'e)_j``, i <= j: shape (p + 1 + r(r + 1)/2, S).

        The restricted likelihood's profile and score are linear in these.
        """
        n_sums, n_series = self.lag_sums.shape
        n_reach = self.reach.shape[0]
        packed = np.empty((n_sums + n_reach * (n_reach + 1) // 2, n_series))
        packed[:n_sums] = self.lag_sums
        start = n_sums
        for i in range(n_reach):
            stop = start + n_reach - i
            np.multiply(self.reach[i], self.reach[i:], out=packed[start:stop])
            start = stop
        return packed

    def take(self, series: NDArray[np.intp] | slice) -> ReducedSeries:
        """Return a selection of the series, in the given order and with repeats."""
        return ReducedSeries(self.coordinates[:, series], self.reach[:, series], self.lag_sums[:, series])


def pack_symmetric(matrices: FloatArray) -> FloatArray:
    """Coefficients (G, r(r + 1)/2) with which a form z'Az is linear in the products z_i z_j, i <= j."""
    rows, columns = np.triu_indices(matrices.shape[-1])
    return matrices[..., rows, columns] * np.where(rows == columns, 1.0, 2.0)


def reduce_design(X: FloatArray, order: int) -> ReducedDesign:
    """Reduce a design of full column rank.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design, indicator columns of missing months included.
    order : int
        1 or 2.
    """
    basis, triangular = np.linalg.qr(X)
    reach = _reached_directions(basis, order)
    n_terms = basis.shape[1]
    axes = np.hstack([basis, reach])
    pairs = form_pairs(order)
    forms = np.array([_lagged_product(axes, i, j) for i, j in pairs])
    residual_forms = forms.copy()
    for index, (i, j) in enumerate(pairs):
        residual_forms[index, n_terms:, n_terms:] -= _lagged_product(reach, 0, j - i)
    # windows[l] holds z_{t+l} in column t, 0 beyond the last row: all lags are one batch of products.
    n_rows = axes.shape[0]
    padded = np.vstack([axes, np.zeros((n_rows - 1, axes.shape[1]))])
    windows = np.lib.stride_tricks.sliding_window_view(padded, n_rows, axis=0)
    lag_products = windows @ axes
    lag_products = lag_products + np.swapaxes(lag_products, 1, 2)
    lag_products[0] /= 2.0
    return ReducedDesign(order, basis, triangular, reach, forms, residual_forms, lag_products)


def reduce_series(design: ReducedDesign, Y: FloatArray) -> ReducedSeries:
    """Reduce series of shape (n, S) without missing values."""
    n_rows = design.n_rows
    coordinates = design.basis.T @ Y
    residuals = design.basis @ coordinates
    np.subtract(Y, residuals, out=residuals)
    # F'e and not F'y: the two are equal, but the first has no large level to cancel.
    reach = design.reach.T @ residuals
    lag_sums = np.stack(
        [np.einsum("ts,ts->s", residuals[lag:], residuals[: n_rows - lag]) for lag in range(design.order + 1)]
    )
    return ReducedSeries(coordinates, reach, lag_sums)


def _reached_directions(basis: FloatArray, order: int) -> FloatArray:
    """Orthonormal basis F of the residual directions that the forms S_ij connect to the design."""
    n_rows = basis.shape[0]
    ends = np.eye(n_rows)[:, [*range(order), *range(n_rows - order, n_rows)]]
    shifted = [_both_shifts(basis, lag) for lag in range(1, order + 1)]
    directions = np.hstack([ends, *shifted])
    for _ in range(2):  # a second pass removes what rounding left of the first
        directions = directions - basis @ (basis.T @ directions)
    left, singular_values, _ = np.linalg.svd(directions, full_matrices=False)
    return np.ascontiguousarray(left[:, singular_values > SPAN_TOLERANCE])


def _both_shifts(columns: FloatArray, lag: int) -> FloatArray:
    """Return ``columns`` shifted by ``lag`` rows, forwards plus backwards."""
    shifted = np.zeros_like(columns)
    shifted[:-lag] += columns[lag:]
    shifted[lag:] += columns[:-lag]
    return shifted


def _lagged_product(axes: FloatArray, i: int, j: int) -> FloatArray:
    """Symmetric part of ``sum_s axes_{i+s} axes_{j+s}'``, s = 0..n-1-i-j: shape (q, q)."""
    n_rows = axes.shape[0]
    product = axes[i : n_rows - j].T @ axes[j : n_rows - i]
    return np.asarray((product + product.T) / 2.0)
