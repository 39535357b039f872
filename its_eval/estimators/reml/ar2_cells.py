"""Functions of the two partial autocorrelations as polynomials on small cells, and their minima.

The functions are evaluated at Chebyshev points of two panels of the warped region, which determine their
interpolant; every cell then has a polynomial of total degree 7 of its own. The panel next to the lower bound
of r2 is divided more finely: a cycle of frequency w makes the likelihood singular at
``r1 = cos w - i (1 + r2)/(1 - r2) sin w``, which comes close to the real line as r2 falls.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.polynomial import chebyshev

from its_eval.estimators.reml.ar2_search import unwarp, warped_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray, FloatArray


#: x2 at which the two panels meet.
PANEL_EDGE = -0.25
#: Points in x1 and x2 of the lower and the upper panel.
PANEL_POINTS = ((66, 14), (44, 22))
#: Cells in x1 and x2 of the lower and the upper panel.
PANEL_CELLS = ((34, 4), (24, 8))
#: Total degree of the polynomial on a cell.
DEGREE = 7
#: How far a polynomial reaches beyond its cell, as a fraction of the cell's half width.
OVERLAP = 0.15
#: Exponents (a, c) of the monomials u^a v^c of a cell, a outermost.
EXPONENTS = tuple((a, c) for a in range(DEGREE + 1) for c in range(DEGREE + 1 - a))


class Panel(Struct, frozen=True):
    """A rectangle of cells.

    Attributes
    ----------
    points : tuple of ndarray
        Chebyshev points in x1 and x2.
    centres : tuple of ndarray
        Centres of the cells in x1 and x2.
    half : ndarray, shape (2,)
        Half widths on which a cell's polynomial is good: (u, v) = (x - centre)/half is in [-1, 1].
    to_cells : tuple of ndarray, shapes (cells, DEGREE + 1, points)
        From values at the points of an axis to the Chebyshev coefficients of each cell.
    """

    points: tuple[FloatArray, FloatArray]
    centres: tuple[FloatArray, FloatArray]
    half: FloatArray
    to_cells: tuple[FloatArray, FloatArray]

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.centres[0].size * self.centres[1].size

    @property
    def partials(self) -> FloatArray:
        """Partial autocorrelations of the points, r1 outermost: shape (points, 2)."""
        return unwarp(np.stack([axis.ravel() for axis in np.meshgrid(*self.points, indexing="ij")]))

    def coefficients(self, values: FloatArray) -> FloatArray:
        """Polynomials of the cells, x1 outermost: (cells, monomials, f) from values (points, f)."""
        first, second = self.to_cells
        (rows, size, n_first), (columns, _, n_second) = first.shape, second.shape
        across = second.reshape(-1, n_second) @ values.reshape(n_first, n_second, -1)
        across = across.reshape(n_first, columns, size, -1)
        whole = np.empty((rows, columns, len(EXPONENTS), values.shape[1]))
        for c in range(size):
            # The terms of too high a degree are left out as Chebyshev polynomials, where they are small.
            matrix = first[:, : size - c].reshape(-1, n_first)
            product = matrix @ across[:, :, c].reshape(n_first, -1)
            ranks = [rank for rank, exponents in enumerate(EXPONENTS) if exponents[1] == c]
            whole[:, :, ranks] = product.reshape(rows, size - c, columns, -1).swapaxes(1, 2)
        return np.asarray(_to_monomials() @ whole.reshape(self.n_cells, len(EXPONENTS), -1))


@cache
def panels() -> tuple[Panel, Panel]:
    """Return the lower and the upper panel."""
    lower, upper = warped_box()
    edges = (lower[1], PANEL_EDGE, upper[1])
    found = []
    for index, (points, cells) in enumerate(zip(PANEL_POINTS, PANEL_CELLS, strict=True)):
        first = _axis(lower[0], upper[0], points[0], cells[0])
        second = _axis(edges[index], edges[index + 1], points[1], cells[1])
        half = np.array([first[2], second[2]])
        found.append(Panel((first[0], second[0]), (first[1], second[1]), half, (first[3], second[3])))
    return found[0], found[1]


@cache
def cell_geometry() -> FloatArray:
    """Centres and half widths of all cells, shape (2, 2, cells)."""
    centres = [
        np.stack([axis.ravel() for axis in np.meshgrid(*panel.centres, indexing="ij")]) for panel in panels()
    ]
    halves = [np.repeat(panel.half[:, None], panel.n_cells, axis=1) for panel in panels()]
    return np.stack([np.hstack(centres), np.hstack(halves)])


def locate(warped: FloatArray) -> NDArray[np.intp]:
    """Cell (S,) in which each of the points (2, S) of the region lies."""
    cell = np.empty(warped.shape[1], dtype=np.intp)
    before = 0
    upper = warped[1] >= PANEL_EDGE
    for panel, chosen in zip(panels(), (~upper, upper), strict=True):
        places = [_place(axis, warped[i, chosen]) for i, axis in enumerate(panel.centres)]
        cell[chosen] = before + places[0] * panel.centres[1].size + places[1]
        before += panel.n_cells
    return cell


def monomials(u: FloatArray, v: FloatArray) -> FloatArray:
    """Monomials u^a v^c in the order of ``EXPONENTS``: shape (36, S)."""
    powers = np.empty((len(EXPONENTS), u.size))
    powers[0] = 1.0
    for c in range(1, DEGREE + 1):
        np.multiply(powers[c - 1], v, out=powers[c])
    start = 0
    for a in range(1, DEGREE + 1):
        size = DEGREE + 1 - a
        np.multiply(powers[start : start + size], u, out=powers[start + size + 1 : start + 2 * size + 1])
        start += size + 1
    return powers


def derivatives(coefficients: FloatArray, u: FloatArray, v: FloatArray) -> FloatArray:
    """Value, f_u, f_v, f_uu, f_uv and f_vv of one polynomial (36, S) per point: shape (6, S)."""
    result = np.zeros((6, u.size))
    value, f_u, f_v, f_uu, f_uv, f_vv = result
    inner = np.empty((3, u.size))
    h, h_v, h_vv = inner
    stop = len(EXPONENTS)
    for a in range(DEGREE, -1, -1):
        row = coefficients[stop - (DEGREE + 1 - a) : stop]
        stop -= DEGREE + 1 - a
        h[:] = row[-1]
        h_v[:] = 0.0
        h_vv[:] = 0.0
        for c in range(DEGREE - a - 1, -1, -1):
            if c < DEGREE - a - 1:
                h_vv *= v
                h_vv += h_v
            h_v *= v
            h_v += h
            h *= v
            h += row[c]
        if a < DEGREE - 1:
            f_uu *= u
            f_uu += f_u
        if a < DEGREE:
            f_u *= u
            f_u += value
            f_uv *= u
            f_uv += f_v
            value *= u
            f_v *= u
            f_vv *= u
        value += h
        f_v += h_v
        f_vv += h_vv
    f_uu *= 2.0
    f_vv *= 2.0
    return result


def _axis(
    low: float, high: float, n_points: int, n_cells: int
) -> tuple[FloatArray, FloatArray, float, FloatArray]:
    """Chebyshev points, centres of cells, half width with overlap and matrices to the cells of an axis."""
    half = (high - low) / n_cells / 2.0
    centres = low + half * (2.0 * np.arange(n_cells) + 1.0)
    reach = half * (1.0 + OVERLAP)
    middle, radius = (low + high) / 2.0, (high - low) / 2.0 + half * OVERLAP
    nodes, to_coefficients = _chebyshev(n_points)
    # Two points more than needed on a cell: what they resolve does not end up in the lower degrees.
    local, to_local = _chebyshev(DEGREE + 3)
    positions = (centres[:, None] + reach * local - middle) / radius
    at_local = chebyshev.chebvander(positions, n_points - 1) @ to_coefficients
    to_cells = np.asarray(to_local[: DEGREE + 1] @ at_local, dtype=np.float64)
    return middle + radius * nodes, np.asarray(centres, dtype=np.float64), reach, to_cells


def _chebyshev(count: int) -> tuple[FloatArray, FloatArray]:
    """Chebyshev points on [-1, 1] and the matrix from values there to Chebyshev coefficients."""
    nodes = chebyshev.chebpts1(count)
    inverse = np.linalg.inv(chebyshev.chebvander(nodes, count - 1))
    return nodes, np.asarray(inverse, dtype=np.float64)


@cache
def _to_monomials() -> FloatArray:
    """Matrix (36, 36) from products of Chebyshev polynomials to monomials."""
    columns = [chebyshev.cheb2poly(row) for row in np.eye(DEGREE + 1)]
    ascending = np.array([np.pad(column, (0, DEGREE + 1 - len(column))) for column in columns]).T
    a, c = np.array(EXPONENTS).T
    return np.asarray(ascending[np.ix_(a, a)] * ascending[np.ix_(c, c)])


def _place(centres: FloatArray, position: FloatArray) -> NDArray[np.intp]:
    """Index of the nearest of some equidistant centres."""
    nearest = np.rint((position - centres[0]) / (centres[1] - centres[0])).astype(np.intp)
    return np.asarray(np.clip(nearest, 0, centres.size - 1), dtype=np.intp)


NEWTON_STEPS = 3
#: A last step longer than this, in half widths of a cell, is not trusted.
UNSETTLED = 1e-5
#: Distance from a side of the rectangle that is rounding.
ON_SIDE = 1e-12
#: Keeps the curvature of flat polynomials away from 0.
SMALLEST = np.finfo(np.float64).tiny ** 0.25


def minimise_in_cells(
    coefficients: FloatArray, start: FloatArray, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Take a few Newton steps in each cell.

    Parameters
    ----------
    coefficients : ndarray, shape (36, S)
        In the order of ``ar2_cells.EXPONENTS``.
    start : ndarray, shape (2, S)
        Inside the rectangles.
    low, high : ndarray, shape (2, S)
        The rectangles.

    Returns
    -------
    position : ndarray, shape (2, S)
    value : ndarray, shape (S,)
        The polynomial there, by its second-order expansion about the point before.
    settled : ndarray of bool, shape (S,)
        Whether the function was convex there and the last step short.
    """
    position = start
    for _ in range(NEWTON_STEPS):
        found = derivatives(coefficients, *position)
        step, convex = _bounded_step(found, position, low, high)
        position = position + step
    value = found[0] + _change(found[1:], step)
    return position, value, convex & (np.abs(step).max(axis=0) <= UNSETTLED)


def _bounded_step(
    found: FloatArray, position: FloatArray, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Step (2, S) to the minimum of the quadratic model within the rectangle; 0 where the model has none."""
    _, f_u, f_v, f_uu, f_uv, f_vv = found
    gradient = found[1:3]
    below, above = low - position, high - position
    # A coordinate that its gradient pushes against a side of the rectangle stays there.
    held = ((below >= -ON_SIDE) & (gradient > 0.0)) | ((above <= ON_SIDE) & (gradient < 0.0))
    if held.any():
        f_u, f_v = np.where(held, 0.0, gradient)
        f_uu, f_vv = np.where(held, 1.0, found[3:6:2])
        f_uv = np.where(held.any(axis=0), 0.0, f_uv)
    determinant = f_uu * f_vv - f_uv**2
    convex: BoolArray = (f_uu > 0.0) & (determinant > 0.0)
    if not convex.all():
        # Anywhere else the step is that of the quadratic with |f_uu| + |f_uv| and |f_vv| + |f_uv|: downhill.
        size = np.abs(f_uv) + SMALLEST
        f_uu = np.where(convex, f_uu, np.abs(f_uu) + size)
        f_vv = np.where(convex, f_vv, np.abs(f_vv) + size)
        f_uv = np.where(convex, f_uv, 0.0)
        determinant = f_uu * f_vv - f_uv**2
    free = np.stack([f_uv * f_v - f_vv * f_u, f_uv * f_u - f_uu * f_v])
    free /= determinant
    step = np.clip(free, below, above)
    cut = np.flatnonzero((step != free).any(axis=0))
    if cut.size:
        model = np.stack([f_u, f_v, f_uu, f_uv, f_vv])[:, cut]
        step[:, cut] = _on_the_side(model, step[:, cut], below[:, cut], above[:, cut])
    return step, convex


def _on_the_side(model: FloatArray, clipped: FloatArray, below: FloatArray, above: FloatArray) -> FloatArray:
    """Minimum of convex quadratics within rectangles that do not contain their free minimum.

    It lies on a side that the way to the free minimum crosses: the better of the two is taken, the other
    coordinate being free to move along it.
    """
    f_u, f_v, f_uu, f_uv, f_vv = model
    u, v = clipped
    along_v = np.clip(-(f_v + f_uv * u) / f_vv, below[1], above[1])
    along_u = np.clip(-(f_u + f_uv * v) / f_uu, below[0], above[0])
    on_u, on_v = np.stack([u, along_v]), np.stack([along_u, v])
    return np.where(_change(model, on_u) <= _change(model, on_v), on_u, on_v)


def _change(model: FloatArray, step: FloatArray) -> FloatArray:
    """Return what a step adds to the value of a quadratic."""
    f_u, f_v, f_uu, f_uv, f_vv = model
    u, v = step
    return np.asarray(u * (f_u + f_uv * v + f_uu * u / 2.0) + v * (f_v + f_vv * v / 2.0))
