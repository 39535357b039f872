"""Series reduced to quadratic forms, when every series may have a design of its own.

With X = QR and e = y - QQ'y, all that the restricted likelihood needs of a series is ``A_m = Z'S_m Z`` for
``Z = [Q, e/|e|]`` and the forms S_m of its error model: (k + 1)^2 numbers a form, whatever the number of
months. Missing months add one unit column each to Q (``patterns``): since the rows of X there can be set to
zero without changing the span, Q is the orthonormal basis of the observed rows beside those unit columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.assembly import degenerate_series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimate.error_model import ErrorModel
    from its_eval.estimate.fit import BoolArray, FloatArray


@dataclass(frozen=True)
class OrthonormalDesigns:
    """Designs of the same size, each with an orthonormal basis.

    Attributes
    ----------
    basis : ndarray, shape (S, n, K)
        Q; its first k columns span the observed rows of X, the others are unit columns of missing months.
    triangular : ndarray, shape (S, k, k)
        R of the first k columns.
    """

    basis: FloatArray
    triangular: FloatArray

    @property
    def residual_df(self) -> int:
        """Rows minus columns: usable observations minus terms of X."""
        return int(self.basis.shape[1] - self.basis.shape[2])

    def take(self, series: NDArray[np.intp]) -> OrthonormalDesigns:
        """Return a selection of the designs."""
        return OrthonormalDesigns(self.basis[series], self.triangular[series])


@dataclass(frozen=True)
class SeriesForms:
    """S series that have the same number of months and columns.

    Attributes
    ----------
    forms : ndarray, shape (S, m, K + 1, K + 1)
        ``A_m``; the last row and column belong to the residual of unit length.
    length : ndarray, shape (S,)
        ``|e|``.
    coordinates : ndarray, shape (S, k)
        ``Q'y`` without the unit columns, where it is 0.
    """

    forms: FloatArray
    length: FloatArray
    coordinates: FloatArray

    @property
    def n_terms(self) -> int:
        """Number K of columns, unit columns included."""
        return int(self.forms.shape[-1]) - 1

    def take(self, series: NDArray[np.intp]) -> SeriesForms:
        """Return a selection of the series, in the given order and with repeats."""
        return SeriesForms(self.forms[series], self.length[series], self.coordinates[series])


def orthonormal_designs(X: FloatArray, observed: BoolArray) -> OrthonormalDesigns:
    """Orthonormal bases of designs that miss equally many months.

    Parameters
    ----------
    X : ndarray, shape (S, n, k)
    observed : ndarray of bool, shape (S, n)
        Months with a value.
    """
    n_series, n_rows, n_terms = X.shape
    basis, triangular = np.linalg.qr(np.where(observed[:, :, None], X, 0.0))
    series, month = np.nonzero(~observed)
    n_missing = month.size // max(n_series, 1)
    whole = np.zeros((n_series, n_rows, n_terms + n_missing))
    whole[:, :, :n_terms] = np.where(observed[:, :, None], basis, 0.0)
    whole[series, month, n_terms + np.tile(np.arange(n_missing), n_series)] = 1.0
    return OrthonormalDesigns(whole, triangular)


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


def exact_lines(outcomes: FloatArray, observed: BoolArray, length: FloatArray) -> BoolArray:
    """Series (S,) whose residuals are rounding (``assembly.degenerate_series``).

    Parameters
    ----------
    outcomes, observed : ndarray, shape (S, n)
    length : ndarray, shape (S,)
        Of the least-squares residuals.
    """
    total = np.einsum("st,st->s", outcomes, outcomes)
    found = [
        degenerate_series(outcomes[s, :, None], observed[s], length[[s]] ** 2, total[[s]])[0]
        for s in range(len(length))
    ]
    return np.array(found, dtype=np.bool_)


def own_forms(model: ErrorModel, basis: FloatArray, residuals: FloatArray) -> FloatArray:
    """Return ``A_m`` of series (S, n) with a basis each (S, n, K), shape (S, m, K + 1, K + 1)."""
    axes = np.concatenate([basis, residuals[:, :, None]], axis=2)
    size = axes.shape[2]
    forms = np.empty((len(axes), model.lags.size, size, size))
    for form, (lag, mask) in enumerate(zip(model.lags, model.masks, strict=True)):
        month = np.flatnonzero(mask)
        product = np.swapaxes(axes[:, month], 1, 2) @ axes[:, month + lag]
        forms[:, form] = (product + np.swapaxes(product, 1, 2)) / 2.0
    return forms


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
    """``sum_m weights_m S_m Q`` for weights (S, a, m) and bases (S, n, K), shape (S, a, n, K)."""
    n_rows = model.n_rows
    columns = np.zeros((*weights.shape[:2], *basis.shape[1:]))
    for lag in range(model.order + 1):
        at_lag = model.lags == lag
        # A form counts a pair of months once; the matrix holds half of it on either side of the diagonal.
        band = (weights[:, :, at_lag] / 2.0 @ model.masks[at_lag])[:, :, : n_rows - lag, None]
        columns[:, :, : n_rows - lag] += band * basis[:, None, lag:]
        columns[:, :, lag:] += band * basis[:, None, : n_rows - lag]
    return columns
