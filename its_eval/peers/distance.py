"""Distances between units on scaled characteristics, and what each variable adds to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from its_eval.peers.mahalanobis import mahalanobis_parts, shrunk_covariance
from its_eval.peers.pool import nearest_distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.peers.recipe import MetricName, ScaleName

#: A pair of units is comparable when variables with this share of the total weight are known for both.
MINIMUM_SHARED_WEIGHT = 0.7


@dataclass(frozen=True)
class Scaled:
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
    metric : {"euclidean", "mahalanobis"}
        Kind of distance.
    categories : mapping of str to tuple of str
        For each variable that is a category: the texts that the numbers stand for.
    scale : str
        What the variables were divided by.
    notes : tuple of str
        What a reader has to know about the scaling.
    """

    units: tuple[str, ...]
    variables: tuple[str, ...]
    raw: NDArray[np.float64]
    scaled: NDArray[np.float64]
    weights: NDArray[np.float64]
    metric: MetricName = "euclidean"
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scale: ScaleName = "zscore"
    notes: tuple[str, ...] = ()
    _nearest: dict[int, NDArray[np.float64]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

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
        if k not in self._nearest:
            self._nearest[k] = nearest_distances(self, k)
        return self._nearest[k]

    def row(self, unit: str) -> int:
        """Return the row of a unit."""
        return self.units.index(unit)

    def cell(self, unit: str, variable: str) -> float | str:
        """Return a value as it stands in the table: a number, or the text of a category; NaN if missing."""
        value = float(self.raw[self.row(unit), self.variables.index(variable)])
        texts = self.categories.get(variable)
        return value if texts is None or np.isnan(value) else texts[int(value)]

    def differences(self, unit: str) -> NDArray[np.float64]:
        """Return scaled differences from one unit, shape (units, variables); NaN where not known.

        That of two different categories is 1 / sqrt(2), so that a category adds half its weight.
        """
        found = self.scaled - self.scaled[self.row(unit)]
        if self.categories:
            unlike = np.where(np.isnan(found), np.nan, (found != 0) / np.sqrt(2.0))
            found = np.where(self.is_category, unlike, found)
        return np.asarray(found, dtype=np.float64)

    def contributions(self, unit: str) -> NDArray[np.float64]:
        """Return what each variable adds to the squared distances from one unit.

        Returns
        -------
        ndarray, shape (units, variables)
            ``w_f ((x_if - x_jf) / s_f)^2``, or the parts of ``mahalanobis_parts`` for the numeric variables;
            re-weighted for missing cells so that each row sums to the squared distance; NaN rows where too
            little is known of the pair.
        """
        difference = self.differences(unit)
        known = ~np.isnan(difference)
        total = self.weights.sum()
        shared = known @ self.weights
        with np.errstate(divide="ignore", invalid="ignore"):
            enough = shared >= MINIMUM_SHARED_WEIGHT * total * (1.0 - 1e-12)
            correction = np.where(enough, total / shared, np.nan)
        squares = np.where(known, self.weights * np.where(known, difference, 0.0) ** 2, 0.0)
        if self.metric == "mahalanobis" and not self.is_category.all():
            number = ~self.is_category
            squares[:, number] = mahalanobis_parts(
                difference[:, number], self.weights[number], self.covariance
            )
        return np.asarray(squares * correction[:, None], dtype=np.float64)

    def distances(self, unit: str) -> NDArray[np.float64]:
        """Return the distance of every unit from one unit, shape (units,); NaN where not comparable."""
        # parts of a Mahalanobis distance may cancel to a tiny negative sum
        squared = np.maximum(self.contributions(unit).sum(axis=1), 0.0)
        return np.asarray(np.sqrt(squared), dtype=np.float64)

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
