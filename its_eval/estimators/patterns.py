"""Missing months: series grouped by pattern, and the design that makes a gap equal to a deleted row.

A month without a value keeps its place in time. One indicator column per missing month, with the outcome
set to 0 there, gives the same restricted likelihood, parameters and covariance as deleting the rows and
columns of the covariance matrix: the error contrasts of the augmented design vanish on the missing rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.errors import NotEstimableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray, FloatArray


#: A column counts as a combination of earlier ones when less than this fraction of its length is left.
RANK_TOLERANCE = 1e-10


class SingularDesignError(NotEstimableError):
    """The design cannot be estimated from the usable observations.

    Attributes
    ----------
    terms : tuple of int
        Columns that are linear combinations of earlier ones; empty when observations are too few.
    n_used, n_terms : int
        Usable observations and columns of the design.
    """

    reason = "singular_design"

    def __init__(self, message: str, *, terms: tuple[int, ...], n_used: int, n_terms: int) -> None:
        super().__init__(message)
        self.terms = terms
        self.n_used = n_used
        self.n_terms = n_terms


@dataclass(frozen=True)
class MissingPattern:
    """Series that miss the same months.

    Attributes
    ----------
    observed : ndarray of bool, shape (n,)
        Months with a value.
    series : ndarray of int
        Columns of Y that have this pattern, ascending.
    """

    observed: BoolArray
    series: NDArray[np.intp]

    @property
    def n_used(self) -> int:
        """Number of months with a value."""
        return int(self.observed.sum())

    @property
    def span(self) -> slice:
        """Rows from the first month with a value to the last; those outside are no gaps, and cost nothing."""
        months = np.flatnonzero(self.observed)
        return slice(int(months[0]), int(months[-1]) + 1) if months.size else slice(0, 0)

    @property
    def places(self) -> NDArray[np.intp] | slice:
        """The series as an index; a slice, which costs no copy, where they are neighbours."""
        first, last = int(self.series[0]), int(self.series[-1])
        return slice(first, last + 1) if last - first + 1 == self.series.size else self.series

    def chunks(self, size: int) -> Iterator[MissingPattern]:
        """Split the series into groups of at most ``size``."""
        for start in range(0, self.series.size, size):
            yield MissingPattern(self.observed, self.series[start : start + size])

    def fill(self, Y: FloatArray) -> FloatArray:
        """Outcomes of this pattern's series with 0 at the missing months, shape (n, len(series)).

        A view of Y when nothing is missing and the series are neighbours, otherwise a copy.
        """
        if self.observed.all():
            return Y[:, self.places]
        outcomes = Y[:, self.series]
        outcomes[~self.observed] = 0.0
        return outcomes


def missing_patterns(Y: FloatArray) -> list[MissingPattern]:
    """Group the columns of Y by the months they miss.

    Parameters
    ----------
    Y : ndarray, shape (n, S)
        Outcomes, one series a column, NaN where a month is missing.

    Returns
    -------
    list of MissingPattern
        In the order in which the patterns first occur in Y.
    """
    missing = np.isnan(Y)
    n_series = Y.shape[1]
    if not missing.any():
        return [MissingPattern(np.ones(Y.shape[0], dtype=np.bool_), np.arange(n_series))] if n_series else []
    bits = np.packbits(missing, axis=0)
    _, first, group = np.unique(bits, axis=1, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return [MissingPattern(~missing[:, first[g]], np.flatnonzero(group == g)) for g in order]


def augmented_design(X: FloatArray, observed: BoolArray) -> FloatArray:
    """Design with one indicator column per missing month behind the k columns of X."""
    return np.hstack([X, np.eye(X.shape[0])[:, ~observed]])


def require_estimable(X: FloatArray, observed: BoolArray, minimum_df: int = 1) -> None:
    """Raise unless X has full column rank and degrees of freedom over the observed months.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design without indicator columns.
    observed : ndarray of bool, shape (n,)
        Months with a value.
    minimum_df : int
        Fewest acceptable observations minus terms.

    Raises
    ------
    SingularDesignError
    """
    used = X[observed]
    n_used, n_terms = used.shape
    if n_used - n_terms < minimum_df:
        message = (
            f"{n_used} usable observations are too few for {n_terms} terms: "
            f"at least {n_terms + minimum_df} are needed"
        )
        raise SingularDesignError(message, terms=(), n_used=n_used, n_terms=n_terms)
    length = np.linalg.norm(used, axis=0)
    left_over = np.abs(np.diag(np.linalg.qr(used / np.where(length > 0.0, length, 1.0), mode="r")))
    terms = tuple(int(column) for column in np.flatnonzero(left_over < RANK_TOLERANCE))
    if terms:
        listed = ", ".join(str(column) for column in terms)
        message = (
            f"the design is rank deficient over the {n_used} usable observations: column(s) {listed} "
            f"(counted from 0) are linear combinations of earlier columns"
        )
        raise SingularDesignError(message, terms=terms, n_used=n_used, n_terms=n_terms)
