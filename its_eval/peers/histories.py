"""Distances between histories of the outcome: how closely two units moved together before the start."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.attributes import Characteristics
from its_eval.peers.balance import LEAST_OBSERVED, pre_period_characteristics
from its_eval.peers.distance import EVERY, Rows, Scaled, Unscaled
from its_eval.peers.recipes import DistanceRecipe
from its_eval.peers.scaling import varies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]
    Places = NDArray[np.intp]

#: Share of its own variance below which a history does not vary over the periods that a pair shares.
LEAST_VARIANCE = 1e-8
#: How far a squared distance by matrix products may be off, beside a history that hardly varies.
SLACK = 1e-6


class Histories(Scaled, frozen=True, eq=False):
    """Histories of the outcome, a variable for each period, apart by ``sqrt(2 (1 - r))``.

    r is the correlation of two histories over the periods in which both have a value. That is the distance
    between them when each is standardised there, per period: 0 for the same course at any level and scale,
    1.41 for unrelated ones, 2 for opposite ones.
    """

    @property
    def incomparable(self) -> str:
        """Why two units cannot be compared."""
        return "too few periods in common, or a history that does not vary"

    def _apart(self, one: int | Rows, other: Rows) -> FloatArray:
        own, others = np.broadcast_arrays(np.atleast_2d(self.scaled[one]), self.scaled[other])
        known = ~np.isnan(own) & ~np.isnan(others)
        return _standardised(others, known) - _standardised(own, known)

    def enough(self, shared: FloatArray) -> BoolArray:
        """Return whether two units share most periods, and enough of them for a correlation."""
        return super().enough(shared) & (shared * len(self.weights) > LEAST_OBSERVED - 0.5)

    def coordinates(self) -> FloatArray | None:
        """Return standardised histories; None when a value is missing, or a history does not vary."""
        if np.isnan(self.scaled).any():
            return None
        points = _standardised(self.scaled, np.ones(self.scaled.shape, dtype=np.bool_))
        return None if np.isnan(points).any() else points * np.sqrt(self.weights)

    def products(self) -> _Correlations | None:
        """Return squared distances by matrix products where histories have gaps."""
        return None if self.coordinates() is not None else _Correlations(self)


def _standardised(values: FloatArray, known: BoolArray) -> FloatArray:
    """Return rows less their mean over their standard deviation (divisor n) where both of a pair are known.

    NaN elsewhere, and throughout a row that does not vary there.
    """
    counts = np.maximum(known.sum(axis=1, keepdims=True), 1)
    filled = np.where(known, values, 0.0)
    means = filled.sum(axis=1, keepdims=True) / counts
    centred = np.where(known, values - means, 0.0)
    variance = (centred**2).sum(axis=1, keepdims=True) / counts
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = centred / np.sqrt(variance)
    return np.where(known & (variance > LEAST_VARIANCE), scores, np.nan)


def histories(values: FloatArray, units: tuple[str, ...], periods: tuple[str, ...], where: str) -> Histories:
    """Return the histories of units before a start, to choose peers by their correlation.

    Parameters
    ----------
    values : ndarray, shape (n0, units)
        The outcome before the start; NaN where missing.
    units, periods : tuple of str
        Labels of columns and rows.
    where : str
        Name of the table for messages.

    Notes
    -----
    Histories are held in their own standard deviations, about their own mean, so that rounding does not
    depend on their level.
    """
    known = ~np.isnan(values.T)
    own = np.full(values.T.shape, np.nan)
    for place, history in enumerate(values.T):
        if varies(history):
            # a constant has no standard deviation
            own[place] = (history - np.nanmean(history)) / np.nanstd(history)
    # level and trend are what another metric would compare
    table = pre_period_characteristics(values, units)
    return Histories(
        units,
        periods,
        values.T,
        np.where(known, np.where(np.isnan(own), 0.0, own), np.nan),
        np.full(len(periods), 1.0 / len(periods)),
        Unscaled(Characteristics(units, table.variables, table.values), DistanceRecipe(), where),
        "correlation",
    )


class _Correlations:
    """Squared distances of histories with gaps by matrix products: nearly right, and how nearly."""

    points = None

    def __init__(self, of: Histories) -> None:
        self._of = of
        self._known = (~np.isnan(of.scaled)).astype(np.float64)
        self._values = np.nan_to_num(of.scaled)

    @cached_property
    def _squares(self) -> FloatArray:
        return np.asarray(self._values**2)

    def slack(self, rows: Places) -> FloatArray:
        """Return how far a squared distance of each row may be off by rounding, shape (rows,)."""
        return np.full(len(rows), SLACK)

    def blocks(self, rows: Places, places: Places, size: int) -> Iterator[Places]:  # noqa: ARG002
        """Yield some places among rows in blocks."""
        yield from (places[first : first + size] for first in range(0, len(places), size))

    def block(self, rows: Places, columns: Places | None) -> tuple[FloatArray, FloatArray]:
        """Return squared distances of rows and columns, infinite where not comparable, and their slack."""
        chosen = EVERY if columns is None else columns
        known, values, squares = self._known[chosen].T, self._values[chosen].T, self._squares[chosen].T
        own, own_known = self._values[rows], self._known[rows]
        count = own_known @ known
        with np.errstate(invalid="ignore", divide="ignore"):
            mean, other = own @ known / count, own_known @ values / count
            variance = self._squares[rows] @ known / count - mean**2
            variances = own_known @ squares / count - other**2
            correlation = (own @ values / count - mean * other) / np.sqrt(variance * variances)
        apart = np.maximum(2.0 * (1.0 - correlation), 0.0)
        comparable = self._of.enough(count / len(self._known[0]))
        comparable &= (variance > LEAST_VARIANCE) & (variances > LEAST_VARIANCE)
        return np.where(comparable, apart, np.inf), self.slack(rows)
