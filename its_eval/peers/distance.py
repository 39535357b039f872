"""Distances between units on scaled characteristics, what each variable adds, and how far is far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace
from numpy.typing import NDArray

from its_eval.errors import DataError
from its_eval.peers.search import Search

if TYPE_CHECKING:
    from its_eval.data.attributes import Characteristics
    from its_eval.peers.recipes import DistanceRecipe, MetricName, ScaleName
    from its_eval.peers.search import Products


#: Units with every characteristic known that a covariance needs.
LEAST_COMPLETE = 3
#: Condition number beyond which the inverse of a covariance is rounding error.
WORST_CONDITION = 1e12


def shrunk_covariance(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the covariance of scaled characteristics, shrunk towards a multiple of the identity.

    With few units for many variables the plain covariance is nearly singular and its inverse is noise; the
    shrinkage of Ledoit & Wolf 2004, *Journal of Multivariate Analysis* 88:365, is the one that is expected to
    come nearest to the truth, and needs no setting.

    Parameters
    ----------
    values : ndarray, shape (units, variables)
        Scaled; only units without a missing value count.

    Raises
    ------
    DataError
        When fewer than three units are complete, or some variables are a sum of others.
    """
    from sklearn.covariance import LedoitWolf  # noqa: PLC0415  (start-up time)

    complete = values[~np.isnan(values).any(axis=1)]
    if len(complete) < LEAST_COMPLETE:
        what = f"every characteristic is known for {len(complete)} units"
        raise DataError(
            [f"metric mahalanobis: {what}; expected at least {LEAST_COMPLETE}"],
            "leave out the variables that are often missing, or use metric euclidean",
        )
    covariance = np.asarray(LedoitWolf().fit(complete).covariance_, dtype=np.float64)
    if not np.linalg.cond(covariance) < WORST_CONDITION:
        raise DataError(
            ["metric mahalanobis: the characteristics determine one another among the complete units"],
            "leave one of them out, or use metric euclidean",
        )
    return covariance


def mahalanobis_parts(
    differences: NDArray[np.float64], weights: NDArray[np.float64], covariance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what each variable adds to squared Mahalanobis distances.

    With ``z = sqrt(w) d`` the parts are ``z_f (S^-1 z)_f``: they add up to the distance ``z' S^-1 z``. A part
    is negative where a variable differs less than the correlated ones would make expect. For a pair with
    missing values S is that of the variables known for both.

    Parameters
    ----------
    differences : ndarray, shape (units, variables)
        Scaled differences, NaN where not known.
    weights : ndarray, shape (variables,)
        Stretch the differences, not the covariance: otherwise they would cancel.
    covariance : ndarray, shape (variables, variables)
        Of the scaled variables.

    Returns
    -------
    ndarray, shape (units, variables)
        0 where not known.
    """
    stretched = np.sqrt(weights) * differences
    is_known = ~np.isnan(stretched)
    parts = np.zeros_like(stretched)
    patterns, which = np.unique(is_known, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if not pattern.any():
            continue
        rows = np.flatnonzero(which.ravel() == number)
        some = stretched[np.ix_(rows, pattern)]
        # a single right side is solved in another order of operations than several
        right = np.repeat(some, 2, axis=0) if len(some) == 1 else some
        solved = np.linalg.solve(covariance[np.ix_(pattern, pattern)], right.T).T[: len(some)]
        parts[np.ix_(rows, pattern)] = some * solved
    return parts


#: Percentile of the pool beyond which the last peer is called far.
FAR = 90.0


def nearest_distances(scaled: Scaled, k: int) -> NDArray[np.float64]:
    """Return the distance of every unit to its k-th nearest other unit.

    Parameters
    ----------
    scaled : Scaled
        All units of the table.
    k : int
        At least 1; cut to the number of other units.

    Returns
    -------
    ndarray, shape (units,)
        NaN for a unit that can be compared with fewer than k others.
    """
    reach = min(k, len(scaled.units) - 1)
    return scaled.search.everyone(reach).distances[:, reach - 1]


def others_nearest(scaled: Scaled, unit: str, k: int) -> NDArray[np.float64]:
    """Return the known distances of all units but one to their k-th nearest, sorted."""
    every, own = scaled.nearest_sorted(k), scaled.nearest(k)[scaled.row(unit)]
    return every if np.isnan(own) else np.delete(every, np.searchsorted(every, own))


def pool_percentiles(
    scaled: Scaled, unit: str, k: int, distances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return, for each distance, which share of the other units has its k-th nearest nearer than that.

    A peer at 95 % lies farther away than the last peer of nearly every other unit: the unit is a rare one.

    Parameters
    ----------
    scaled : Scaled
        All units.
    unit : str
        The unit whose peers these are; it does not count itself.
    k : int
        Number of peers.
    distances : ndarray
        Distances from the unit.

    Returns
    -------
    ndarray
        Per cent, of the shape of `distances`; NaN where the distance is.
    """
    every, own = scaled.nearest_sorted(k), scaled.nearest(k)[scaled.row(unit)]
    others = len(every) - (not np.isnan(own))
    if not others:
        return np.full(distances.shape, np.nan)
    below = np.searchsorted(every, distances, side="left") - (own < distances)
    below = 100.0 * below / others
    return np.asarray(np.where(np.isnan(distances), np.nan, below), dtype=np.float64)


def caliper_distance(caliper: float | str | None, scaled: Scaled, unit: str, k: int | None) -> float | None:
    """Return the largest distance that a caliper allows.

    Parameters
    ----------
    caliper : float, str or None
        A distance, or ``p90`` for the 90th percentile of what ``others_nearest`` returns (linear between
        ranks); None for no limit.
    scaled : Scaled
        All units.
    unit : str
        For whose peers.
    k : int or None
        Number of peers; a percentile needs one.

    Raises
    ------
    ValueError
        For a percentile without a number of peers.
    """
    if caliper is None or not isinstance(caliper, str):
        return caliper
    if k is None:
        raise ValueError("a percentile of the k-th-nearest distances needs a number of peers")
    others = others_nearest(scaled, unit, k)
    return float(np.percentile(others, float(caliper[1:]))) if len(others) else None


#: Rows of a table; all of them.
Rows = slice | NDArray[np.intp]
EVERY = slice(None)
#: A pair of units is comparable when variables with this share of the total weight are known for both.
MINIMUM_SHARED_WEIGHT = 0.7


class Unscaled(Struct, frozen=True):
    """What scaled characteristics were made of.

    Attributes
    ----------
    table : Characteristics
        All units.
    recipe : DistanceRecipe
        What counts and how.
    where : str
        Name of the table for messages.
    """

    table: Characteristics
    recipe: DistanceRecipe
    where: str


class Scaled(Struct, frozen=True, eq=False, dict=True):
    """Characteristics divided by their spread over all rows of the table.

    Attributes
    ----------
    units, variables : tuple of str
        Labels of rows and columns.
    raw, scaled : ndarray, shape (units, variables)
        Values as read (or zero for missing under that rule) and divided by the scale; NaN where missing. Of a
        category both hold the number of its text.
    weights : ndarray, shape (variables,)
        Weight of each variable.
    made_of : Unscaled
        From which they can be scaled in another way.
    metric : {"euclidean", "mahalanobis", "correlation"}
        Kind of distance; the last is that of `its_eval.peers.histories.Histories`.
    categories : mapping of str to tuple of str
        For each variable that is a category: the texts that the numbers stand for.
    scale : str
        What the variables were divided by.
    notes : tuple of str
        What a reader has to know about the scaling.
    constant : tuple of str
        Each variable that was asked for and is the same for every unit, in a sentence.
    """

    units: tuple[str, ...]
    variables: tuple[str, ...]
    raw: NDArray[np.float64]
    scaled: NDArray[np.float64]
    weights: NDArray[np.float64]
    made_of: Unscaled
    metric: MetricName | Literal["correlation"] = "euclidean"
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scale: ScaleName = "zscore"
    notes: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()

    @cached_property
    def _nearest(self) -> dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        return {}

    @cached_property
    def places(self) -> dict[str, int]:
        """The row of each unit."""
        return {unit: row for row, unit in enumerate(self.units)}

    @cached_property
    def search(self) -> Search:
        """Searches among all units."""
        return Search(self)

    @property
    def incomparable(self) -> str:
        """Why two units cannot be compared."""
        return "too many characteristics missing to compare"

    def products(self) -> Products | None:
        """Return squared distances by matrix products of its own; None for those of characteristics."""
        return None

    @cached_property
    def is_category(self) -> NDArray[np.bool_]:
        """Which variables are categories, shape (variables,)."""
        return np.array([name in self.categories for name in self.variables], dtype=bool)

    @cached_property
    def covariance(self) -> NDArray[np.float64]:
        """Shrunk covariance of the numeric variables."""
        return shrunk_covariance(self.scaled[:, ~self.is_category])

    def without(self, variable: str) -> Scaled:
        """Return the same without one variable."""
        kept = [place for place, name in enumerate(self.variables) if name != variable]
        return replace(
            self,
            variables=tuple(self.variables[place] for place in kept),
            raw=self.raw[:, kept],
            scaled=self.scaled[:, kept],
            weights=self.weights[kept],
        )

    def equally_weighted(self) -> Scaled:
        """Return the same with every weight 1."""
        return replace(self, weights=np.ones_like(self.weights))

    def nearest(self, k: int) -> NDArray[np.float64]:
        """Return the distance of every unit to its k-th nearest, worked out once."""
        return self._kth(k)[0]

    def nearest_sorted(self, k: int) -> NDArray[np.float64]:
        """Return the known ones among those distances, sorted."""
        return self._kth(k)[1]

    def _kth(self, k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if k not in self._nearest:
            found = nearest_distances(self, k)
            self._nearest[k] = (found, np.sort(found[~np.isnan(found)]))
        return self._nearest[k]

    def row(self, unit: str) -> int:
        """Return the row of a unit."""
        return self.places[unit]

    def rows(self, units: Iterable[str]) -> NDArray[np.intp]:
        """Return the rows of some units."""
        return np.array([self.places[unit] for unit in units], dtype=np.intp)

    def cell(self, unit: str, variable: str) -> float | str:
        """Return a value as it stands in the table: a number, or the text of a category; NaN if missing."""
        value = float(self.raw[self.row(unit), self.variables.index(variable)])
        texts = self.categories.get(variable)
        return value if texts is None or np.isnan(value) else texts[int(value)]

    def differences(self, unit: str, rows: Rows = EVERY) -> NDArray[np.float64]:
        """Return scaled differences of all or some units from one, shape (units, variables); NaN not known.

        That of two different categories is 1 / sqrt(2), so that a category adds half its weight.
        """
        return self._apart(self.row(unit), rows)

    def _apart(self, one: int | Rows, other: Rows) -> NDArray[np.float64]:
        differences = self.scaled[other] - self.scaled[one]
        if self.categories:
            unlike = np.where(np.isnan(differences), np.nan, (differences != 0) / np.sqrt(2.0))
            differences = np.where(self.is_category, unlike, differences)
        return np.asarray(differences, dtype=np.float64)

    def enough(self, shared: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether so much weight of the variables known for both makes a pair comparable."""
        return np.asarray(shared >= MINIMUM_SHARED_WEIGHT * self.weights.sum() * (1.0 - 1e-12))

    def contributions(self, unit: str, rows: Rows = EVERY) -> NDArray[np.float64]:
        """Return what each variable adds to the squared distances of all or some units from one.

        Returns
        -------
        ndarray, shape (units, variables)
            ``w_f ((x_if - x_jf) / s_f)^2``, or the parts of ``mahalanobis_parts`` for the numeric variables;
            re-weighted for missing cells so that each row sums to the squared distance; NaN rows where too
            little is known of the pair.
        """
        return self._squares(self.differences(unit, rows))

    def _squares(self, difference: NDArray[np.float64]) -> NDArray[np.float64]:
        is_known = ~np.isnan(difference)
        shared = np.zeros(len(difference))
        for column, weight in zip(is_known.T, self.weights.tolist(), strict=True):
            shared += column * weight
        total = self.weights.sum()
        # however the sum of all weights is rounded, nothing is corrected where nothing is missing
        shared[is_known.all(axis=1)] = total
        enough = self.enough(shared)
        with np.errstate(divide="ignore", invalid="ignore"):
            correction = np.where(enough, total / shared, np.nan)
        squares = np.where(is_known, self.weights * np.where(is_known, difference, 0.0) ** 2, 0.0)
        if self.metric == "mahalanobis" and not self.is_category.all():
            number = ~self.is_category
            squares[:, number] = mahalanobis_parts(
                difference[:, number], self.weights[number], self.covariance
            )
        return np.asarray(squares * correction[:, None], dtype=np.float64)

    def distances(self, unit: str) -> NDArray[np.float64]:
        """Return the distance of every unit from one unit, shape (units,); NaN where not comparable."""
        return _root(self.contributions(unit))

    def between(self, one: Rows, other: Rows) -> NDArray[np.float64]:
        """Return the distances of pairs of rows, shape (pairs,); NaN where not comparable."""
        return _root(self._squares(self._apart(one, other)))

    def compares_all(self, units: Iterable[str]) -> bool:
        """Return whether some units are all in the table and can all be compared."""
        return not np.isnan(self.scaled).any() and all(unit in self.places for unit in units)

    def coordinates(self) -> NDArray[np.float64] | None:
        """Return points whose straight-line distances are the distances; None when a cell is missing."""
        if np.isnan(self.scaled).any():
            return None
        points = self.scaled[:, ~self.is_category] * np.sqrt(self.weights[~self.is_category])
        if self.metric == "mahalanobis" and points.shape[1]:
            points = np.linalg.solve(np.linalg.cholesky(self.covariance), points.T).T
        parts = [points]
        for column in np.flatnonzero(self.is_category):
            codes = self.scaled[:, column]
            parts.append(0.5 * np.sqrt(self.weights[column]) * (codes[:, None] == np.unique(codes)))
        return np.hstack(parts)


def _root(contributions: NDArray[np.float64]) -> NDArray[np.float64]:
    squared = np.zeros(len(contributions))
    # variable by variable, in whatever way the array is laid out: the digits are those of the pair alone
    for column in contributions.T:
        squared += column
    # parts of a Mahalanobis distance may cancel to a tiny negative sum
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)), dtype=np.float64)
