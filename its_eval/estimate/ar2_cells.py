"""Functions of the two partial autocorrelations as polynomials on small cells, and minima of such functions.

The functions are evaluated once at Chebyshev points of two panels of the warped region, which determines
their interpolant; every cell then has its own polynomial of total degree 7. The panel next to the lower bound
of r2 is divided more finely: a cycle of frequency w makes the likelihood singular at
``r1 = cos w - i (1 + r2)/(1 - r2) sin w``, which comes close to the real line as r2 falls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.polynomial import chebyshev

from its_eval.estimate.ar2_search import to_partials, warped_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimate.fit import BoolArray, FloatArray

#: Upper edge in x2, points in (x1, x2) and cells in (x1, x2) of each panel, from the lowest r2 upwards.
PANELS: tuple[tuple[float | None, tuple[int, int], tuple[int, int]], ...] = (
    (-0.25, (60, 12), (22, 2)),
    (None, (38, 18), (15, 5)),
)
#: Total degree of the polynomial on a cell.
DEGREE = 7
#: By how much a polynomial is good beyond its cell, in half widths of the cell.
OVERLAP = 0.15
NEWTON_STEPS = 3
#: A last Newton step longer than this, in half widths, is not trusted.
UNSETTLED = 1e-4


@dataclass(frozen=True)
class Panel:
    """A rectangle of cells.

    Attributes
    ----------
    low, width : ndarray, shape (2,)
        Lower left corner and size of a cell.
    cells : tuple of int
        Number of cells in x1 and x2.
    first_cell : int
        Index of its first cell.
    points : tuple of ndarray
        Chebyshev points in x1 and x2.
    to_cells : tuple of ndarray, shapes (cells, DEGREE + 1, points)
        From values at the points of an axis to the ascending coefficients of each cell.
    """

    low: FloatArray
    width: FloatArray
    cells: tuple[int, int]
    first_cell: int
    points: tuple[FloatArray, FloatArray]
    to_cells: tuple[FloatArray, FloatArray]

    @property
    def partials(self) -> FloatArray:
        """Partial autocorrelations of the points, r1 outermost: shape (points, 2)."""
        return to_partials(np.stack([axis.ravel() for axis in np.meshgrid(*self.points, indexing="ij")]))
