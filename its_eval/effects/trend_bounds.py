"""How wrong the straight trend may be before a finding falls: intervals under bounded second differences.

Let the untreated mean depart from what the design can follow by a function d of t = 0..n-1 whose second
differences are at most M in size. A generalised least-squares estimate is ``w'y`` with weights w that are
blind to constant and trend, so its bias is ``w'd``, and over all such d at most

  B(M) = M sum_{j=1}^{n-2} |sum_t w_t (t - j)_+|,

because d is a line plus ``sum_j a_j (t - j)_+`` with ``|a_j| <= M``. The interval ``b +- q s``, q the
quantile of ``|T + B/s|``, covers whatever d is (fixed-length intervals: Armstrong & Kolesar 2018,
*Econometrica* 86:655, and 2020, *Quantitative Economics* 11:1; for deviations from parallel trends Rambachan
& Roth 2023, *Review of Economic Studies* 90:2555).
The **breakdown** is the largest M whose interval still excludes 0. M is told as a bend: the greatest distance
of a parabola with second differences M from its chord over the m periods before, ``M m^2 / 8``.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from scipy import linalg, special

from its_eval.estimators.roots import crossing

if TYPE_CHECKING:
    from its_eval.estimators.fit import BoolArray, FloatArray


def gls_weights(
    matrix: FloatArray, covariance: FloatArray, observed: BoolArray, contrast: FloatArray
) -> FloatArray:
    """Return the weight of every period in an estimate, ``R^{-1}X(X'R^{-1}X)^{-1}c``.

    Parameters
    ----------
    matrix : ndarray, shape (n, k)
        Design X over all periods.
    covariance : ndarray, shape (n_used, n_used)
        R, the covariance of the errors over the used periods, up to a factor.
    observed : ndarray of bool, shape (n,)
        Periods that entered the fit.
    contrast : ndarray, shape (k,)
        c.

    Returns
    -------
    ndarray, shape (n,)
        On the calendar, 0 where a period did not enter.
    """
    used = matrix[observed]
    whitened = linalg.solve(covariance, used, assume_a="pos")
    weights = np.zeros(observed.size)
    weights[observed] = whitened @ np.linalg.solve(used.T @ whitened, contrast)
    return weights


def largest_bias(weights: FloatArray) -> float:
    """Return the largest bias of ``w'y`` under second differences of at most 1 in size.

    Parameters
    ----------
    weights : ndarray, shape (n,)
        On the calendar, with ``sum w = sum w t = 0``.
    """
    time = np.arange(weights.size)
    # sum_t w_t (t - j)_+ for every j, as twice cumulated weights from the end
    above = np.cumsum(weights[::-1])[::-1]
    knots = np.cumsum(above[::-1])[::-1]
    return float(np.abs(knots[2:]).sum()) if time.size > 2 else 0.0


def second_difference(bend: float, n_before: int) -> float:
    """Return the second differences of a parabola that departs so far from its chord."""
    return 8.0 * bend / n_before**2


class TrendBounds(Struct, frozen=True, dict=True):
    """An estimate, and how far the trend may bend.

    Attributes
    ----------
    estimate, std_error, df : float
        On the scale of the fit.
    bias : float
        Largest bias of the estimate for a bend of 1 over the periods before.
    n_before : int
        Periods of the window before the start.
    confidence : float
        Of the intervals.
    """

    estimate: float
    std_error: float
    df: float
    bias: float
    n_before: int
    confidence: float

    def half_width(self, bend: FloatArray | float) -> FloatArray:
        """Return half the length of intervals that allow the trend to bend so far."""
        shift = np.asarray(bend) * self.bias / self.std_error
        widest = shift + float(special.stdtrit(self.df, 0.5 + self.confidence / 2.0))
        quantile = crossing(
            lambda q: self._inside(q, shift) - self.confidence, np.zeros_like(shift), widest + 1.0
        )
        return quantile * self.std_error

    def interval(self, bend: FloatArray | float) -> tuple[FloatArray, FloatArray]:
        """Return intervals that allow the trend to bend so far."""
        half = self.half_width(bend)
        return self.estimate - half, self.estimate + half

    @cached_property
    def breakdown(self) -> float:
        """The largest bend whose interval excludes 0; 0 where the plain interval holds 0."""
        size = abs(self.estimate) / self.std_error
        nothing, reach = np.zeros(()), np.asarray(size)
        if not self._inside(reach, nothing) > self.confidence:
            return 0.0
        # at the breakdown the quantile is |t| itself, so one equation in the shift is left
        shift = crossing(lambda s: self.confidence - self._inside(reach, s), nothing, reach)
        return float(shift) * self.std_error / self.bias

    def _inside(self, size: FloatArray, shift: FloatArray) -> FloatArray:
        """``P(|T + shift| <= size)``."""
        return np.asarray(special.stdtr(self.df, size - shift) - special.stdtr(self.df, -size - shift))


def trend_bounds(
    estimate: float,
    std_error: float,
    df: float,
    weights: FloatArray,
    n_before: int,
    confidence: float = 0.95,
) -> TrendBounds | None:
    """Return how far the trend may bend before an estimate is no longer told from 0.

    Parameters
    ----------
    estimate, std_error, df : float
        Of a contrast of the coefficients, on the scale of the fit.
    weights : ndarray, shape (n,)
        Of every period of the window in the estimate, as ``gls_weights`` gives them.
    n_before : int
        Periods of the window before the start.
    confidence : float
        Of the intervals.

    Returns
    -------
    TrendBounds or None
        None where the estimate has no standard error, or no bend could bias it.
    """
    bias = largest_bias(weights) * second_difference(1.0, n_before)
    if not std_error > 0.0 or not bias > 0.0 or not df > 0.0:
        return None
    return TrendBounds(estimate, std_error, df, bias, n_before, confidence)


def before_square(n_periods: int, start: int) -> FloatArray:
    """Return squared time over the periods before the start, 0 from it on, shape (n,).

    Scaled so that its coefficient is the bend: 1 means that a parabola lies 1 from its chord in the middle.
    From the start on level and slope are free, so that only the time before tells of a bend; season and
    autocorrelation still come from the whole window.
    """
    time = np.arange(n_periods, dtype=np.float64)
    square = (time - (start - 1) / 2.0) ** 2
    return np.where(time < start, second_difference(1.0, start) / 2.0 * square, 0.0)


#: A column with less than this share left after the others is one of theirs.
SPANNED = 1e-8


def bend_design(matrix: FloatArray, start: int, observed: BoolArray) -> FloatArray:
    """Return a design with level and slope free from the start, and the bend before it as its last column.

    Parameters
    ----------
    matrix : ndarray, shape (n, k)
        Design of the fit, its interruption included.
    start : int
        First period of the interruption.
    observed : ndarray of bool, shape (n,)
        Periods that entered the fit.
    """
    n_periods = matrix.shape[0]
    time = np.arange(n_periods, dtype=np.float64)
    after = time >= start
    for column in (after.astype(np.float64), np.where(after, time - start, 0.0)):
        left = column - matrix @ np.linalg.lstsq(matrix[observed], column[observed], rcond=None)[0]
        if np.linalg.norm(left[observed]) > SPANNED * np.linalg.norm(column[observed]):
            matrix = np.column_stack([matrix, column])
    return np.column_stack([matrix, before_square(n_periods, start)])
