"""Projected Newton iteration on the exact profiled restricted likelihood, many series at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.autoregression import bound_arrays
from its_eval.estimate.profile import evaluate_profile

if TYPE_CHECKING:
    from its_eval.estimate.fit import FloatArray
    from its_eval.estimate.reduction import ReducedDesign, ReducedSeries

#: A series is finished when no partial autocorrelation moves further than this.
STEP_TOLERANCE = 1e-9
#: Increases of the objective up to this size are rounding.
VALUE_TOLERANCE = 1e-13
#: Longest step in a partial autocorrelation: a quarter of the region is farther than a quadratic model holds.
LONGEST_STEP = 0.3
MAXIMUM_ITERATIONS = 100


def refine(design: ReducedDesign, series: ReducedSeries, start: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Follow each series from its start to the local optimum inside the bounds.

    A coordinate at a bound whose gradient points outwards is held there; in the others the step is Newton's
    with the absolute eigenvalues of the Hessian, so that it always descends. A step that does not lower the
    objective is repeated at a quarter of its length.

    Parameters
    ----------
    design : ReducedDesign
    series : ReducedSeries
        S series.
    start : ndarray, shape (S, p)
        Partial autocorrelations.

    Returns
    -------
    partials : ndarray, shape (S, p)
    value : ndarray, shape (S,)
        The objective ``log RSS + log h`` there.
    """
    lower, upper = bound_arrays(design.order)
    partials = np.clip(start, lower, upper)
    current = evaluate_profile(design, series, partials)
    value, gradient, hessian = current.value, current.gradient, current.hessian
    damping = np.ones(len(value))
    active = np.arange(len(value))
    for _ in range(MAXIMUM_ITERATIONS):
        if active.size == 0:
            break
        here = partials[active]
        step = _descent_step(here, gradient[active], hessian[active], lower, upper)
        there = np.clip(here + damping[active, None] * step, lower, upper)
        trial = evaluate_profile(design, series.take(active), there)
        improved = trial.value <= value[active] + VALUE_TOLERANCE
        accepted = active[improved]
        partials[accepted] = there[improved]
        value[accepted] = trial.value[improved]
        gradient[accepted] = trial.gradient[improved]
        hessian[accepted] = trial.hessian[improved]
        damping[active] = np.where(improved, 1.0, damping[active] / 4.0)
        active = active[np.abs(there - here).max(axis=1) >= STEP_TOLERANCE]
    return partials, value


def _descent_step(
    position: FloatArray, gradient: FloatArray, hessian: FloatArray, lower: FloatArray, upper: FloatArray
) -> FloatArray:
    """Newton step (S, p) in the coordinates that are free to move, at most ``LONGEST_STEP`` long."""
    held = ((position <= lower) & (gradient > 0.0)) | ((position >= upper) & (gradient < 0.0))
    free_gradient = np.where(held, 0.0, gradient)
    free_hessian = np.where(held[:, :, None] | held[:, None], 0.0, hessian)
    eigenvalues, eigenvectors = np.linalg.eigh(free_hessian)
    curvature = np.maximum(np.abs(eigenvalues), np.finfo(np.float64).tiny ** 0.25)
    rotated = (np.swapaxes(eigenvectors, 1, 2) @ free_gradient[:, :, None])[:, :, 0] / curvature
    step = -(eigenvectors @ rotated[:, :, None])[:, :, 0]
    length = np.abs(step).max(axis=1, keepdims=True)
    return np.asarray(step * (LONGEST_STEP / np.maximum(length, LONGEST_STEP)))
