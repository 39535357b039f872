"""Newton's method for minima of polynomials of two variables within rectangles, one polynomial a series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.ar2_cells import derivatives

if TYPE_CHECKING:
    from its_eval.estimate.fit import BoolArray, FloatArray

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
