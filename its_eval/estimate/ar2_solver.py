"""Restricted maximum likelihood of the partial autocorrelations of many series with AR(2) errors.

``h RSS`` on a grid over the box of partial autocorrelations is one matrix product for all series. Every local
minimum of the grid, those on the border included, is followed to the exact local optimum; the best is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.ar1_solver import to_rho, to_warped
from its_eval.estimate.autoregression import BOUNDS
from its_eval.estimate.newton import refine
from its_eval.estimate.profile import objective_table, objective_values

if TYPE_CHECKING:
    from its_eval.estimate.fit import FloatArray
    from its_eval.estimate.reduction import ReducedDesign, ReducedSeries

#: Up to so many series the grid is evaluated one by one instead of through tables of the design.
FEW_SERIES = 8
#: Grid points of r1 and r2.
GRID = (48, 32)


def partial_grid() -> FloatArray:
    """Grid points (48 * 32, 2), bounds included, closer together where |r| is near 1."""
    (low_1, high_1), (low_2, high_2) = BOUNDS[2]
    warped_low, warped_high = to_warped(np.array([low_1, high_1]))
    r1 = np.clip(to_rho(np.linspace(warped_low, warped_high, GRID[0])), low_1, high_1)
    r2 = np.clip(np.tanh(np.linspace(np.arctanh(low_2), np.arctanh(high_2), GRID[1])), low_2, high_2)
    return np.stack([axis.ravel() for axis in np.meshgrid(r1, r2, indexing="ij")], axis=1)


class Ar2Solver:
    """Tables of one design, usable for any number of series.

    Parameters
    ----------
    design : ReducedDesign
        Of order 2.
    """

    def __init__(self, design: ReducedDesign) -> None:
        self.design = design
        self.grid = partial_grid()
        self._table: FloatArray | None = None

    @property
    def n_points(self) -> int:
        """Grid points at which every series is evaluated."""
        return len(self.grid)

    def solve(self, series: ReducedSeries) -> FloatArray:
        """Partial autocorrelations (S, 2) of highest restricted likelihood within the bounds."""
        values = self._objective(series).reshape(*GRID, -1)
        row, column, owner = np.nonzero(values == lowest_neighbour(values))
        start = self.grid[row * GRID[1] + column]
        partials, value = refine(self.design, series.take(owner), start)
        order = np.lexsort((value, owner))
        _, first = np.unique(owner[order], return_index=True)
        return partials[order][first]

    def _objective(self, series: ReducedSeries) -> FloatArray:
        """Objective on the grid, or its exponential: shape (grid points, S)."""
        if series.reach.shape[1] <= FEW_SERIES and self._table is None:
            return objective_values(self.design, series, self.grid)
        if self._table is None:
            self._table = objective_table(self.design, self.grid)
        return np.asarray(self._table @ series.moments(), dtype=np.float64)


def lowest_neighbour(values: FloatArray) -> FloatArray:
    """Smallest value among a grid point and its eight neighbours, for grids of shape (rows, columns, S)."""
    by_row = values.copy()
    np.minimum(by_row[1:], values[:-1], out=by_row[1:])
    np.minimum(by_row[:-1], values[1:], out=by_row[:-1])
    lowest = by_row.copy()
    np.minimum(lowest[:, 1:], by_row[:, :-1], out=lowest[:, 1:])
    np.minimum(lowest[:, :-1], by_row[:, 1:], out=lowest[:, :-1])
    return lowest
