"""Least squares of many series that share a design and miss periods of their own.

With X = QR over all periods, the fit to a series that misses the periods m is that of all periods to the
series with the missing ones filled in by the fit itself: ``Q'y`` gains ``Q_m'(I - Q_m Q_m')^{-1} Q_m Q'y``
where y is 0 in m. That is a system of the size of the gaps in place of a factor of each series' own rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimators.fit import RANK_TOLERANCE, missing_patterns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray, FloatArray

    Periods = NDArray[np.intp]

#: Share of a direction of the design that has to be left in the observed periods: with less of it the basis
#: of the whole design loses more than four digits.
LEAST_LEFT = 1e-8


def by_count(chosen: BoolArray) -> Iterator[tuple[NDArray[np.intp], Periods]]:
    """Yield the series (S, n) of which equally many periods are chosen, with the periods of each (S, m)."""
    counts = chosen.sum(axis=1)
    for count in np.unique(counts):
        places = np.flatnonzero(counts == count)
        yield places, np.nonzero(chosen[places])[1].reshape(places.size, -1)


class SharedBasis:
    """An orthonormal basis of a design.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all periods.

    Attributes
    ----------
    basis, triangular : ndarray, shapes (n, k) and (k, k)
        Q and R.
    """

    def __init__(self, X: FloatArray) -> None:
        self.X = X
        self.basis, self.triangular = np.linalg.qr(X)

    def sound(self, observed: BoolArray, minimum_df: int) -> BoolArray:
        """Return which series (S, n) this basis serves: with enough observations and digits, shape (S,)."""
        length = np.linalg.norm(self.X, axis=0)
        whole = np.linalg.qr(self.X / np.where(length > 0.0, length, 1.0), mode="r")
        # what is left of a column shrinks at most by the root of the smallest share
        smallest = np.abs(np.diag(whole)).min(initial=1.0)
        sound = np.zeros(len(observed), dtype=np.bool_)
        if smallest < RANK_TOLERANCE:
            return sound
        least = max(LEAST_LEFT, (RANK_TOLERANCE / smallest) ** 2)
        for places, periods in by_count(~observed):
            df = self.X.shape[0] - periods.shape[1] - self.X.shape[1]
            sound[places] = df >= minimum_df
            if periods.shape[1]:
                sound[places] &= np.linalg.eigvalsh(self._left(periods))[:, 0] > least
        return sound

    def _left(self, periods: Periods) -> FloatArray:
        """Return ``I - Q_m Q_m'`` of the rows of Q in these periods, shape (S, m, m)."""
        rows = self.basis[periods]
        return np.asarray(np.eye(periods.shape[1]) - rows @ np.swapaxes(rows, 1, 2))

    def regress(self, outcomes: FloatArray, periods: Periods) -> tuple[FloatArray, FloatArray]:
        """Return least squares of sound series (S, n), which are 0 in the missing periods (S, m).

        Returns
        -------
        coordinates : ndarray, shape (S, k)
            On Q.
        residuals : ndarray, shape (S, n)
            0 in the missing periods.
        """
        rows, gaps = self.basis[periods], (np.arange(len(outcomes))[:, None], periods)
        left = self._left(periods)
        residuals, coordinates = outcomes.copy(), np.zeros((len(outcomes), self.X.shape[1]))
        for _ in range(2):  # a second pass removes what rounding left of a high level
            # a product for each series: how many there are must not move a digit of any
            step = (residuals[:, None] @ self.basis)[:, 0]
            step += (np.swapaxes(rows, 1, 2) @ np.linalg.solve(left, rows @ step[:, :, None]))[:, :, 0]
            coordinates += step
            residuals -= (step[:, None] @ self.basis.T)[:, 0]
            residuals[gaps] = 0.0
        return coordinates, residuals


def fitted_values(X: FloatArray, Y: FloatArray) -> FloatArray:
    """Return the least-squares fits (n, S) of series that share a design, in all periods.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        May be singular.
    Y : ndarray, shape (n, S)
        NaN where missing; 0 is the fit of a series without any value.
    """
    design, observed = SharedBasis(X), ~np.isnan(Y.T)
    fitted = np.empty(Y.shape)
    sound = design.sound(observed, minimum_df=0)
    outcomes = np.where(observed, Y.T, 0.0)
    for series, periods in by_count(~observed[sound]):
        own = np.flatnonzero(sound)[series]
        coordinates, _ = design.regress(outcomes[own], periods)
        fitted[:, own] = (coordinates[:, None] @ design.basis.T)[:, 0].T
    left = np.flatnonzero(~sound)
    for pattern in missing_patterns(Y[:, left]):
        own = left[pattern.series]
        known = np.ix_(pattern.observed, own)
        fitted[:, own] = (
            X @ np.linalg.lstsq(X[pattern.observed], Y[known], rcond=None)[0] if pattern.n_used else 0.0
        )
    return fitted
