"""AR(2) errors in very many series: everything that depends on the design is a table.

After the reduction of a series all else depends on the design and on the two partial autocorrelations, and
smoothly so: on each of some hundreds of cells ``h RSS``, what F'e adds to the contrasts, their standard
errors and their degrees of freedom are polynomials (``ar2_cells``). Series are grouped by the cell of their
starting point; one matrix product a cell gives each series the polynomial of its own ``h RSS``, which
Newton's method minimises, and a second one reads off the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.ar2_cells import cell_geometry, locate, monomials, panels
from its_eval.estimate.ar2_search import ProfileSearch, from_partials, search_points, to_partials, warped_box
from its_eval.estimate.ar2_solver import best_starts
from its_eval.estimate.ar_statistics import ArStatistics, complete_statistics, outcome_flags
from its_eval.estimate.cell_newton import ON_SIDE, minimise_in_cells
from its_eval.estimate.kenward_roger import kenward_roger
from its_eval.estimate.newton import refine
from its_eval.estimate.patterns import augmented_design, require_estimable
from its_eval.estimate.profile import design_matrices, objective_table, rss_table
from its_eval.estimate.reduction import ReducedSeries, reduce_design, reduce_series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from its_eval.estimate.fit import BoolArray, FloatArray
    from its_eval.estimate.reduction import ReducedDesign

#: Series that are searched at a time: their values on the grid should stay in the processor's cache.
SEARCH_SERIES = 1024
#: Series whose polynomials are minimised or read off at a time.
CELL_SERIES = 2048
#: How often a series whose minimum lies outside the cell of its starting point may change the cell.
ROUNDS = 4


class Ar2Tables:
    """Tables of one design, missing pattern and set of contrasts, usable for any number of series.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all months.
    contrasts : ndarray, shape (m, k)
    observed : ndarray of bool, shape (n,), optional
        Months with a value; all by default.

    Raises
    ------
    SingularDesignError
        If the design cannot be estimated from the observed months.
    """

    def __init__(self, X: FloatArray, contrasts: FloatArray, observed: BoolArray | None = None) -> None:
        self.observed = np.ones(X.shape[0], dtype=np.bool_) if observed is None else observed
        require_estimable(X, self.observed, minimum_df=3)
        self.design = design = reduce_design(augmented_design(X, self.observed), order=2)
        n_terms = X.shape[1]
        self.projection = contrasts @ np.linalg.inv(design.triangular)[:n_terms]
        self._search = objective_table(design, search_points())
        tables = [panel.coefficients(self._values(panel.partials, contrasts)) for panel in panels()]
        table = np.concatenate(tables)
        n_moments = self._search.shape[1]
        self._objective = np.ascontiguousarray(table[:, :, :n_moments])
        self._read_off = np.ascontiguousarray(table[:, :, n_moments:].swapaxes(1, 2))

    def _values(self, partials: FloatArray, contrasts: FloatArray) -> FloatArray:
        """All tabulated functions at G points: ``h RSS``, shift, log h, se for RSS = n - k, log df."""
        design, points = self.design, len(partials)
        matrices = design_matrices(design, partials)
        covariance = kenward_roger(design, matrices, partials, np.ones(points), contrasts.shape[1])
        read = covariance.estimate(np.zeros((points, contrasts.shape[1])), contrasts)
        log_scale = matrices.log_scale[:, None]
        objective = np.exp(log_scale) * rss_table(design, matrices)
        shift = (self.projection @ matrices.shift).reshape(points, -1)
        return np.hstack([objective, shift, log_scale, read.std_error, np.log(read.df_unclipped)])

    def evaluate(self, Y: FloatArray) -> ArStatistics:
        """Estimate the contrasts of series of shape (n, S) with 0 at the missing months."""
        search = ProfileSearch(min(SEARCH_SERIES, Y.shape[1]))
        parts, owners, starts = [], [], []
        for begin in range(0, max(Y.shape[1], 1), SEARCH_SERIES):
            part = _reduce(self.design, Y[:, begin : begin + SEARCH_SERIES], self.observed)
            owner, start = search.starts(self._search, part.series.moments())
            regular = ~part.flags["degenerate"][owner]
            parts.append(part)
            owners.append(owner[regular] + begin)
            starts.append(start[:, regular])
        outcomes = _together(parts)
        owner = np.concatenate(owners)
        warped, value = self._minimise(outcomes.series, owner, np.hstack(starts))
        best = best_starts(owner, value)
        return self._read(outcomes, owner[best], warped[:, best], value[best])

    def _minimise(
        self, series: ReducedSeries, owner: NDArray[np.intp], start: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Follow every start to the minimum of ``h RSS``: its place (2, C) and value (C,)."""
        warped, value = start.copy(), np.empty(owner.size)
        open_starts = np.arange(owner.size)
        for _ in range(ROUNDS):
            place, found, settled = self._in_cells(series, owner[open_starts], warped[:, open_starts])
            warped[:, open_starts], value[open_starts] = place, found
            open_starts = open_starts[~settled]
            if open_starts.size == 0:
                return warped, value
        # Where the function is not convex or the minimum wanders from cell to cell: the exact function.
        stray = series.take(owner[open_starts])
        partials, log_value = refine(self.design, stray, to_partials(warped[:, open_starts]))
        warped[:, open_starts], value[open_starts] = from_partials(partials), np.exp(log_value)
        return warped, value

    def _in_cells(
        self, series: ReducedSeries, owner: NDArray[np.intp], start: FloatArray
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Minimise each start's polynomial on its cell: place (2, C), value (C,) and whether that is all."""
        lower, upper = (bound[:, None] for bound in warped_box())
        warped, value = np.empty_like(start), np.empty(owner.size)
        settled = np.empty(owner.size, dtype=np.bool_)
        cell = locate(start)
        for block, groups in _by_cell(cell):
            moments = series.take(owner[block]).moments()
            polynomials = _products(self._objective, moments, groups)
            centre, half = cell_geometry()[:, :, cell[block]]
            low, high = np.maximum((lower - centre) / half, -1.0), np.minimum((upper - centre) / half, 1.0)
            local = np.clip((start[:, block] - centre) / half, low, high)
            local, value[block], convex = minimise_in_cells(polynomials, local, low, high)
            warped[:, block] = np.clip(centre + half * local, lower, upper)
            # On a side of the rectangle that is no bound the minimum lies in another cell.
            settled[block] = convex & (np.abs(local).max(axis=0) < 1.0 - ON_SIDE)
        return warped, value, settled

    def _read(
        self, outcomes: _Outcomes, owner: NDArray[np.intp], warped: FloatArray, value: FloatArray
    ) -> ArStatistics:
        """Read the contrasts off the tables at the place of each series that is not degenerate."""
        design, series, m = self.design, outcomes.series, self.projection.shape[0]
        splits = np.cumsum([m * design.n_reach, 1, m])
        cell = locate(warped)
        # In the order of the cells, and a column of zeros behind for the series that are degenerate.
        found = np.zeros((3, m, owner.size + 1))
        column = np.full(outcomes.size.size, owner.size)
        done = 0
        for block, groups in _by_cell(cell):
            centre, half = cell_geometry()[:, :, cell[block]]
            table = _products(self._read_off, monomials(*(warped[:, block] - centre) / half), groups)
            shift, log_scale, multiplier, log_df = np.split(table, splits)
            rss = np.maximum(value[block] * np.exp(-log_scale[0]), 0.0)
            reach = series.reach.take(owner[block], axis=1)
            added, std_error, df = found[:, :, done : done + block.size]
            np.einsum("mrs,rs->ms", shift.reshape(m, *reach.shape), reach, out=added)
            np.multiply(multiplier, np.sqrt(rss / design.residual_df), out=std_error)
            np.exp(log_df, out=df)
            column[owner[block]] = np.arange(done, done + block.size)
            done += block.size
        added, std_error, df = found.take(column, axis=2)
        added *= outcomes.size
        std_error *= outcomes.size
        added += self.projection @ series.coordinates
        partials = np.zeros((outcomes.size.size, 2))
        partials[owner] = to_partials(warped)
        return complete_statistics(added, std_error, df, partials, outcomes.flags, design.residual_df)


@dataclass(frozen=True)
class _Outcomes:
    """Series after their reduction.

    Attributes
    ----------
    series : ReducedSeries
        With residuals divided by ``size``, so that the polynomials depend on no unit.
    size : ndarray, shape (S,)
        Root of the residual sum of squares of least squares, 1 for degenerate series.
    flags : dict of str to ndarray of bool, shape (S,)
    """

    series: ReducedSeries
    size: FloatArray
    flags: dict[str, BoolArray]


def _reduce(design: ReducedDesign, Y: FloatArray, observed: BoolArray) -> _Outcomes:
    """Reduce outcomes (n, S) with 0 at the missing months."""
    series = reduce_series(design, Y)
    flags = outcome_flags(Y, observed, series)
    size = np.sqrt(np.where(flags["degenerate"], 1.0, series.lag_sums[0]))
    unit = ReducedSeries(series.coordinates, series.reach / size, series.lag_sums / size / size)
    return _Outcomes(unit, size, flags)


def _together(parts: list[_Outcomes]) -> _Outcomes:
    """Put parts of the series beside each other."""
    series = ReducedSeries(
        np.hstack([part.series.coordinates for part in parts]),
        np.hstack([part.series.reach for part in parts]),
        np.hstack([part.series.lag_sums for part in parts]),
    )
    flags = {name: np.concatenate([part.flags[name] for part in parts]) for name in parts[0].flags}
    return _Outcomes(series, np.concatenate([part.size for part in parts]), flags)


def _by_cell(cell: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], list[tuple[int, slice]]]]:
    """Blocks of the starts ordered by cell, each with its cells and where in the block these are."""
    order = np.argsort(cell.astype(np.int16), kind="stable")  # a radix sort for small integers
    for begin in range(0, order.size, CELL_SERIES):
        block = order[begin : begin + CELL_SERIES]
        cells = cell[block]
        edges = [0, *(np.flatnonzero(np.diff(cells)) + 1).tolist(), cells.size]
        yield block, [(int(cells[a]), slice(a, b)) for a, b in pairwise(edges)]


def _products(tables: FloatArray, columns: FloatArray, groups: list[tuple[int, slice]]) -> FloatArray:
    """Each column times the table of its cell."""
    result = np.empty((tables.shape[1], columns.shape[1]))
    for cell, places in groups:
        np.matmul(tables[cell], columns[:, places], out=result[:, places])
    return result
