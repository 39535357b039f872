"""Refinement of partial autocorrelations on the exact profiled restricted likelihood, many series at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.autoregression import bound_arrays
from its_eval.estimate.profile import evaluate_profile
from its_eval.estimate.projected_newton import STEP_TOLERANCE, minimise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimate.fit import FloatArray
    from its_eval.estimate.profile import ProfileValues
    from its_eval.estimate.reduction import ReducedDesign, ReducedSeries

#: Longest step in a partial autocorrelation: a quarter of the region is farther than a quadratic model holds.
LONGEST_STEP = 0.3


def refine(
    design: ReducedDesign, series: ReducedSeries, start: FloatArray, tolerance: float = STEP_TOLERANCE
) -> tuple[FloatArray, FloatArray]:
    """Follow each series from its start to the local optimum inside the bounds (``projected_newton``).

    Parameters
    ----------
    design : ReducedDesign
    series : ReducedSeries
        S series.
    start : ndarray, shape (S, p)
        Partial autocorrelations.
    tolerance : float
        As for ``minimise``.

    Returns
    -------
    partials : ndarray, shape (S, p)
    value : ndarray, shape (S,)
        The objective ``log RSS + log h`` there.
    """

    def evaluate(chosen: NDArray[np.intp], partials: FloatArray) -> ProfileValues:
        return evaluate_profile(design, series.take(chosen), partials)

    longest = np.full(design.order, LONGEST_STEP)
    return minimise(evaluate, start, *bound_arrays(design.order), longest, tolerance)
