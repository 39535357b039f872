"""Restricted maximum likelihood of the partial autocorrelations of series with AR(2) errors, exactly.

Every local minimum of the profile of ``ar2_search`` is followed to the exact local optimum; the best is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.ar2_search import ProfileSearch, search_points, to_partials
from its_eval.estimate.newton import refine
from its_eval.estimate.profile import objective_table, objective_values
from its_eval.estimate.projected_newton import STEP_TOLERANCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimate.fit import FloatArray
    from its_eval.estimate.reduction import ReducedDesign, ReducedSeries

#: Up to so many series the grid is evaluated one by one instead of through tables of the design.
FEW_SERIES = 8


class Ar2Solver:
    """Tables of one design, usable for any number of series.

    Parameters
    ----------
    design : ReducedDesign
        Of order 2.
    """

    def __init__(self, design: ReducedDesign) -> None:
        self.design = design
        self.grid = search_points()
        self._table: FloatArray | None = None

    @property
    def n_points(self) -> int:
        """Grid points at which every series is evaluated."""
        return len(self.grid)

    def solve(self, series: ReducedSeries, tolerance: float = STEP_TOLERANCE) -> FloatArray:
        """Partial autocorrelations (S, 2) of highest restricted likelihood within the bounds."""
        values = self._objective(series)
        owner, warped = ProfileSearch(values.shape[1]).from_values(values)
        partials, value = refine(self.design, series.take(owner), to_partials(warped), tolerance)
        return partials[best_starts(owner, value)]

    def _objective(self, series: ReducedSeries) -> FloatArray:
        """Objective on the grid, or its exponential: shape (grid points, S)."""
        if series.reach.shape[1] <= FEW_SERIES and self._table is None:
            return objective_values(self.design, series, self.grid)
        if self._table is None:
            self._table = objective_table(self.design, self.grid)
        return np.asarray(self._table @ series.moments(), dtype=np.float64)


def best_starts(owner: NDArray[np.intp], value: FloatArray) -> NDArray[np.intp]:
    """Index of the lowest value of each owner, owners ascending; of equal values the first."""
    counts = np.bincount(owner)
    alone = counts[owner] == 1
    best = np.full(counts.size, -1, dtype=np.intp)
    best[owner[alone]] = np.flatnonzero(alone)
    # nearly all have one start; only the others need sorting
    contested = np.flatnonzero(~alone)
    order = contested[np.lexsort((value[contested], owner[contested]))]
    heads = order[np.diff(owner[order], prepend=-1) != 0]
    best[owner[heads]] = heads
    return best[best >= 0]
