"""Restricted maximum likelihood with AR(2) errors: every local minimum is found and refined.

``h RSS`` on a grid of 16 x 12 points is one matrix product for all series. On every line of constant r1 its
smallest value over r2 is found between the grid points, on the polynomial through the five around it. The
profile over r1 so obtained is smooth, and the global minimum of ``h RSS`` is one of its local minima; these
are read off the Chebyshev interpolant on a finer line. Local minima of the grid itself would not do: they
miss what lies in a flat valley that runs aslant between the points, often from an inner optimum to the upper
bound of r1.

The search works in ``x1 = log((1.4 + r1)/(1.02 - r1))`` and ``x2 = artanh r2``, in which the objective is
smoother than in r.

Every local minimum of the profile of ``ar2_search`` is followed to the exact local optimum; the best is kept.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.polynomial import chebyshev

from its_eval.estimators.reml.ar1 import to_rho, to_warped
from its_eval.estimators.reml.autoregression import bound_arrays
from its_eval.estimators.reml.error_model import STEP_TOLERANCE, refine
from its_eval.estimators.reml.profile import objective_table, objective_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import FloatArray
    from its_eval.estimators.reml.reduction import ReducedDesign, ReducedSeries


#: Distance from a bound of a partial autocorrelation that is rounding.
ON_BOUND = 1e-9
#: Grid points of x1 (Chebyshev-Lobatto) and x2 (equidistant), bounds included.
GRID = (16, 12)
#: Equidistant points of x1 on which the profile is searched for local minima.
FINE_POINTS = 48
#: Points on each side of the lowest in the polynomial over x2.
SIDE = 2
PROFILE_STEPS = 1
#: A minimum among so many of the last fine points makes the upper bound of x1 a starting point too.
UPPER_REACH = 4
#: A start nearer to a bound of x2 than this fraction of the grid's spacing is put on it.
SNAP = 0.01


def unwarp(warped: FloatArray) -> FloatArray:
    """Partial autocorrelations (S, 2) of warped ones (2, S), wherever they are."""
    return np.stack([to_rho(warped[0]), np.tanh(warped[1])], axis=1)


def to_partials(warped: FloatArray) -> FloatArray:
    """Partial autocorrelations (S, 2) of warped ones (2, S); what rounding puts off a bound is on it."""
    partials = unwarp(warped)
    for bound, side in zip(bound_arrays(2), (-1.0, 1.0), strict=True):
        np.copyto(partials, bound, where=side * (partials - bound) > -ON_BOUND)
    return partials


def from_partials(partials: FloatArray) -> FloatArray:
    """Warped partial autocorrelations (2, S) of those of shape (S, 2)."""
    return np.stack([to_warped(partials[:, 0]), np.arctanh(partials[:, 1])])


def warped_box() -> tuple[FloatArray, FloatArray]:
    """Lower and upper bounds of (x1, x2), each of shape (2,)."""
    lower, upper = from_partials(np.array(bound_arrays(2))).T
    return lower, upper


@cache
def _axes() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Grid points of x1 and x2 and the points of x1 on which the profile is searched."""
    lower, upper = warped_box()
    lobatto = -np.cos(np.pi * np.arange(GRID[0]) / (GRID[0] - 1))
    first = (lower[0] + upper[0]) / 2.0 + (upper[0] - lower[0]) / 2.0 * lobatto
    second = np.linspace(lower[1], upper[1], GRID[1])
    return first, second, np.linspace(lower[0], upper[0], FINE_POINTS)


@cache
def _interpolation() -> tuple[FloatArray, FloatArray]:
    """Matrices from values on the grid of x1 to the fine line, and from five values to a polynomial."""
    lobatto = -np.cos(np.pi * np.arange(GRID[0]) / (GRID[0] - 1))
    at_grid = chebyshev.chebvander(lobatto, GRID[0] - 1)
    at_fine = chebyshev.chebvander(np.linspace(-1.0, 1.0, FINE_POINTS), GRID[0] - 1)
    offsets = np.arange(-SIDE, SIDE + 1, dtype=np.float64)
    to_polynomial = np.linalg.inv(np.vander(offsets, increasing=True))
    return at_fine @ np.linalg.inv(at_grid), np.asarray(to_polynomial, dtype=np.float64)


def search_points() -> FloatArray:
    """Partial autocorrelations of the grid, r1 outermost: shape (16 * 12, 2)."""
    first, second, _ = _axes()
    return to_partials(np.stack([axis.ravel() for axis in np.meshgrid(first, second, indexing="ij")]))


class ProfileSearch:
    """Finds starting points for the exact minimisation of series, some at a time, in arrays allocated once.

    Fresh arrays of this size would cost more than what is done with them: the operating system hands them
    out page by page.

    Parameters
    ----------
    capacity : int
        Largest number of series at a time.
    """

    def __init__(self, capacity: int) -> None:
        rows, columns = GRID
        self._floats = np.empty(capacity * (4 * SIDE + 7) * rows)
        self._fine = np.empty(capacity * FINE_POINTS)
        self._values = np.empty(capacity * rows * columns)
        self._flat = np.empty(capacity * rows, dtype=np.intp)
        self._bytes = np.empty(capacity * rows * columns, dtype=np.uint8)

    def starts(self, table: FloatArray, moments: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
        """Return one starting point near every local minimum of the profile of each series.

        Parameters
        ----------
        table : ndarray, shape (16 * 12, n_moments)
            Coefficients of the objective at ``search_points``.
        moments : ndarray, shape (n_moments, S)

        Returns
        -------
        As ``from_values``.
        """
        shape = table.shape[0], moments.shape[1]
        values = self._values[: shape[0] * shape[1]].reshape(shape)
        return self.from_values(np.matmul(table, moments, out=values))

    def from_values(self, values: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
        """Return one starting point near every local minimum of the profile of each series.

        Parameters
        ----------
        values : ndarray, shape (16 * 12, S)
            Objective at ``search_points``, or its logarithm.

        Returns
        -------
        owner : ndarray of int, shape (C,)
            Series of each starting point.
        warped : ndarray, shape (2, C)
            (x1, x2), good to about a hundredth where the objective has curvature.
        """
        _, second, fine = _axes()
        to_fine, _ = _interpolation()
        n_series = values.shape[1]
        profile = self._fine[: FINE_POINTS * n_series].reshape(FINE_POINTS, n_series)
        lowest, place = self._lines(values)
        np.matmul(to_fine, lowest, out=profile)
        # A plateau of equal values, as of a series of zeros, has one minimum: its last point.
        rises = np.ones((FINE_POINTS + 1, n_series), dtype=np.bool_)
        np.less(profile[:-1], profile[1:], out=rises[1:-1])
        falls = ~rises
        falls[0] = True
        lowest_here = falls[:-1] & rises[1:]
        # Two minima this close to each other are met at the upper bound of x1 only: it is a start of its own.
        lowest_here[-1] |= lowest_here[-UPPER_REACH:-1].any(axis=0)
        row, owner = np.divmod(np.flatnonzero(lowest_here), n_series)

        inner = np.clip(row, 1, FINE_POINTS - 2)
        left, middle, right = (profile[inner + step, owner] for step in (-1, 0, 1))
        curvature = left - 2.0 * middle + right
        offset = np.divide((left - right) / 2.0, curvature, out=np.zeros_like(middle), where=curvature > 0.0)
        offset = np.where(row == inner, np.clip(offset, -0.5, 0.5), 0.0)
        # Where the minimum over x2 lies, by the same interpolation and linearly between two fine points.
        weight = np.abs(offset)[:, None]
        weights = (1.0 - weight) * to_fine[row] + weight * to_fine[row + np.sign(offset).astype(np.intp)]
        across = np.einsum("cl,lc->c", weights, place.take(owner, axis=1))
        last = GRID[1] - 1.0
        snapped = np.where(across < SNAP, 0.0, np.where(across > last - SNAP, last, across))
        x1 = fine[row] + offset * (fine[1] - fine[0])
        return owner, np.stack([x1, second[0] + snapped * (second[1] - second[0])])

    def _lines(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lowest value on each line of constant x1, and where in units of the spacing of x2: (16, S) each."""
        rows, columns = GRID
        n_series, points = values.shape[1], 2 * SIDE + 1
        arrays = self._floats[: (2 * points + 5) * rows * n_series].reshape(2 * points + 5, rows, n_series)
        window, polynomial = arrays[:points], arrays[points : 2 * points]
        lowest, offset, value, slope, half_curvature = arrays[2 * points :]

        lines = values.reshape(rows, columns, n_series)
        np.minimum.reduce(lines, axis=1, out=lowest)
        # The place of the lowest value, in bytes: much faster than argmin over an axis that is not the last.
        places = self._bytes[: values.size].reshape(lines.shape)
        np.equal(lines, lowest[:, None], out=places.view(np.bool_))
        places *= np.arange(columns, dtype=np.uint8)[:, None]
        column = np.maximum.reduce(places, axis=1)
        centre = np.clip(column, SIDE, columns - 1 - SIDE)

        flat = self._flat[: rows * n_series].reshape(rows, n_series)
        np.multiply(centre, n_series, out=flat, dtype=np.intp)
        flat += np.arange(rows)[:, None] * (columns * n_series) + np.arange(n_series) - SIDE * n_series
        for point in window:
            point[:] = values.reshape(-1).take(flat)
            flat += n_series
        size = rows * n_series
        np.matmul(_interpolation()[1], window.reshape(points, size), out=polynomial.reshape(points, size))

        np.subtract(column, centre, out=offset, dtype=np.float64)
        for _ in range(PROFILE_STEPS):
            _quartic_derivatives(polynomial, offset, value, slope, half_curvature)
            half_curvature *= 2.0
            # A step of at most one spacing; with too little curvature, or the wrong one, just that, downhill.
            np.maximum(half_curvature, np.abs(slope, out=value), out=half_curvature)
            half_curvature += np.finfo(np.float64).tiny
            slope /= half_curvature
            offset -= slope
            np.clip(offset, -SIDE, SIDE, out=offset)
        value[:] = polynomial[4]
        for coefficient in polynomial[3::-1]:
            value *= offset
            value += coefficient
        # On a line that is not smooth enough for the polynomial the grid's own value is kept.
        np.minimum(value, lowest, out=value)
        offset += centre
        return value, offset


def _quartic_derivatives(
    polynomial: FloatArray,
    position: FloatArray,
    work: FloatArray,
    slope: FloatArray,
    half_curvature: FloatArray,
) -> None:
    """Slope and half the curvature of quartics (5, ...), ascending, by repeated synthetic division."""
    np.multiply(polynomial[4], position, out=half_curvature)
    np.add(half_curvature, polynomial[3], out=work)
    np.add(half_curvature, work, out=slope)
    half_curvature += slope
    work *= position
    work += polynomial[2]
    slope *= position
    slope += work
    half_curvature *= position
    half_curvature += slope
    work *= position
    work += polynomial[1]
    slope *= position
    slope += work


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
