"""Restricted maximum likelihood of the autocorrelation of many series with AR(1) errors: one matrix product.

The score ``g = (1 - rho^2)(RSS' + eta RSS)``, ``eta = (log h)'``, is linear in the moments of a series. It is
evaluated at nodes uniform in ``x = log((1.4 + rho)/(1.02 - rho))``, which keeps the poles at |rho| = 1 away;
every sign change from minus to plus brackets a local optimum, found by Newton steps on the polynomial through
the eight nodes around it. A series with several is decided by ``h RSS``, which is linear in the moments too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimators.reml.autoregression import BOUNDS
from its_eval.estimators.reml.error_model import STEP_TOLERANCE, refine
from its_eval.estimators.reml.profile import design_matrices, rss_table
from its_eval.estimators.reml.reduction import ReducedDesign, ReducedSeries, pack_symmetric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray, FloatArray


_POLE_LOW, _POLE_HIGH = 1.4, 1.02
#: Nodes between the bounds, and beyond each of them.
INNER_NODES, OUTER_NODES = 64, 3
#: Points of the polynomial around a cell: three to its left, its two ends, three to its right.
WINDOW = 2 * OUTER_NODES + 2
NEWTON_STEPS = 3
#: A last Newton step longer than this fraction of a cell is not trusted.
UNSETTLED = 1e-4


def to_warped(rho: FloatArray) -> FloatArray:
    """``x = log((1.4 + rho)/(1.02 - rho))``."""
    return np.asarray(np.log((_POLE_LOW + rho) / (_POLE_HIGH - rho)))


def to_rho(warped: FloatArray) -> FloatArray:
    """Inverse of ``to_warped``."""
    return np.asarray(_POLE_HIGH - (_POLE_HIGH + _POLE_LOW) / (1.0 + np.exp(warped)))


def warped_bounds() -> tuple[float, float]:
    """Bounds of rho on the warped scale."""
    low, high = to_warped(np.array(BOUNDS[1][0]))
    return float(low), float(high)


def score_tables(design: ReducedDesign, rho: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Coefficients of the score and of ``h RSS`` in the moments, each of shape (G, n_moments).

    Parameters
    ----------
    design : ReducedDesign
        Of order 1.
    rho : ndarray, shape (G,)
    """
    partials = rho[:, None]
    matrices = design_matrices(design, partials)
    terms, n_terms = matrices.terms, design.n_terms
    relative = matrices.inverse @ matrices.inner_first[:, 0]
    scale_slope = np.trace(relative, axis1=1, axis2=2) - terms.log_determinant_first[:, 0]
    scale_slope = scale_slope[:, None] / design.residual_df

    # d(L M^-1 L') = L_1 A + (L_1 A)' - A'M_1 A with A = M^-1 L'
    turned = matrices.first[:, 0, n_terms:] @ matrices.shift
    squeezed = np.swapaxes(matrices.shift, 1, 2) @ matrices.inner_first[:, 0] @ matrices.shift
    direct = np.tensordot(terms.first[:, 0], design.residual_forms[:, n_terms:, n_terms:], axes=1)
    curvature = direct - turned - np.swapaxes(turned, 1, 2) + squeezed
    rss_slope = np.hstack([design.lag_weights(terms.first[:, 0]), pack_symmetric(curvature)])

    rss = rss_table(design, matrices)
    score = (1.0 - partials**2) * (rss_slope + scale_slope * rss)
    return score, np.exp(matrices.log_scale)[:, None] * rss


class Ar1Solver:
    """Tables of one design, usable for any number of series.

    Parameters
    ----------
    design : ReducedDesign
        Of order 1.
    """

    def __init__(self, design: ReducedDesign) -> None:
        self.design = design
        self.low, self.high = warped_bounds()
        self.width = (self.high - self.low) / (INNER_NODES - 1)
        steps = np.arange(-OUTER_NODES, INNER_NODES + OUTER_NODES, dtype=np.float64)
        nodes = self.low + self.width * steps
        self.score, self.objective = score_tables(design, to_rho(nodes))
        offsets = np.arange(WINDOW) - float(OUTER_NODES)
        self.interpolation = np.linalg.inv(np.vander(offsets, increasing=True))

    @property
    def n_points(self) -> int:
        """Nodes at which every series is evaluated."""
        return len(self.objective)

    def solve(self, series: ReducedSeries, tolerance: float = STEP_TOLERANCE) -> FloatArray:
        """Autocorrelations (S, 1) of highest restricted likelihood within the bounds, to about 1e-9."""
        rho = to_rho(self.solve_warped(series.moments()))
        return refine(self.design, series, rho[:, None], tolerance)[0]

    def solve_warped(self, moments: FloatArray) -> FloatArray:
        """Warped autocorrelations (S,) from the tables alone, to about 1e-7 on the scale of rho.

        Parameters
        ----------
        moments : ndarray, shape (n_moments, S)
        """
        scores = self.score @ moments
        falling = scores[OUTER_NODES:-OUTER_NODES] < 0.0
        n_falling = falling.sum(axis=0)
        cell = np.clip(n_falling - 1, 0, INNER_NODES - 2)
        position, settled = self._cell_root(scores, cell, np.arange(cell.size))
        warped: FloatArray = self.low + self.width * (cell + position)
        at_low, at_high = n_falling == 0, n_falling == INNER_NODES
        warped[at_low], warped[at_high] = self.low, self.high
        # With one optimum the score is negative up to it and positive after it.
        several = (falling[1:] & ~falling[:-1]).any(axis=0)
        doubtful = np.flatnonzero(several | ~(settled | at_low | at_high))
        if doubtful.size:
            warped[doubtful] = self._best_of_several(
                scores[:, doubtful], falling[:, doubtful], self.objective @ moments[:, doubtful]
            )
        return warped

    def _best_of_several(self, scores: FloatArray, falling: BoolArray, objective: FloatArray) -> FloatArray:
        """Refine every local optimum of each series, bounds included, and keep the best."""
        low = np.flatnonzero(~falling[0])
        high = np.flatnonzero(falling[-1])
        cell, inside = np.nonzero(falling[:-1] & ~falling[1:])
        position, settled = self._cell_root(scores, cell, inside)
        stray = np.flatnonzero(~settled)
        position[stray] = _bisect(self._polynomials(scores, cell[stray], inside[stray]))
        inner_value = _horner(self._polynomials(objective, cell, inside), position)[0]

        owner = np.concatenate([low, high, inside])
        warped = np.concatenate(
            [
                np.full(low.size, self.low),
                np.full(high.size, self.high),
                self.low + self.width * (cell + position),
            ]
        )
        value = np.concatenate([objective[OUTER_NODES, low], objective[-OUTER_NODES - 1, high], inner_value])
        order = np.lexsort((value, owner))
        _, first = np.unique(owner[order], return_index=True)
        return warped[order][first]

    def _cell_root(
        self, scores: FloatArray, cell: NDArray[np.intp], series: NDArray[np.intp]
    ) -> tuple[FloatArray, BoolArray]:
        """Root of the score in the given cells as a fraction of the cell, and whether Newton settled."""
        left, right = scores[cell + OUTER_NODES, series], scores[cell + OUTER_NODES + 1, series]
        polynomials = self._polynomials(scores, cell, series)
        # Cells without a sign change belong to series at a bound, whose root is not used.
        gap = left - right
        position = np.clip(left / np.where(gap == 0.0, 1.0, gap), 0.0, 1.0)
        change = np.full_like(position, np.inf)
        for _ in range(NEWTON_STEPS):
            value, slope = _horner(polynomials, position)
            change = np.divide(value, slope, out=np.full_like(value, np.inf), where=slope != 0.0)
            position = np.clip(position - change, 0.0, 1.0)
        return position, np.abs(change) <= UNSETTLED

    def _polynomials(
        self, values: FloatArray, cell: NDArray[np.intp], series: NDArray[np.intp]
    ) -> FloatArray:
        """Coefficients (WINDOW, cells), ascending, of the interpolant in the fraction of the cell."""
        n_series = values.shape[1]
        start = cell * n_series + series
        window = values.ravel()[start + n_series * np.arange(WINDOW)[:, None]]
        return np.asarray(self.interpolation @ window)


def _horner(coefficients: FloatArray, position: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Value and derivative of polynomials with ascending coefficients (degree + 1, S) at one point each."""
    value = coefficients[-1].copy()
    slope = np.zeros_like(value)
    for coefficient in coefficients[-2::-1]:
        slope *= position
        slope += value
        value *= position
        value += coefficient
    return value, slope


def _bisect(coefficients: FloatArray) -> FloatArray:
    """Root in [0, 1] of polynomials that are negative at 0 and positive at 1."""
    low, high = np.zeros(coefficients.shape[1]), np.ones(coefficients.shape[1])
    for _ in range(50):
        middle = (low + high) / 2.0
        negative = _horner(coefficients, middle)[0] < 0.0
        low, high = np.where(negative, middle, low), np.where(negative, high, middle)
    return (low + high) / 2.0
