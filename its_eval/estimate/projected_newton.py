"""Projected Newton iteration inside a box, many functions at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from its_eval.estimate.fit import FloatArray

#: A function is finished when none of its parameters moves further than this.
STEP_TOLERANCE = 1e-9
#: Increases up to this size are rounding: Newton's step is trusted, which goes by the exact gradient.
VALUE_TOLERANCE = 1e-11
MAXIMUM_ITERATIONS = 200


class SecondOrder(Protocol):
    """Values (S,), gradients (S, q) and Hessians (S, q, q) of S functions, each at a point of its own."""

    @property
    def value(self) -> FloatArray:
        """Values, shape (S,)."""
        ...

    @property
    def gradient(self) -> FloatArray:
        """Gradients, shape (S, q)."""
        ...

    @property
    def hessian(self) -> FloatArray:
        """Hessians, shape (S, q, q)."""
        ...


Evaluate = Callable[[NDArray[np.intp], FloatArray], SecondOrder]


def minimise(
    evaluate: Evaluate,
    start: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    longest: FloatArray,
    tolerance: float = STEP_TOLERANCE,
) -> tuple[FloatArray, FloatArray]:
    """Follow each function from its start to the local minimum inside the bounds.

    The step is Newton's (``box_step``); one that does not lower the function is repeated at a quarter of its
    length.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(functions, points)`` for an index array of functions and one point (row) for each.
    start : ndarray, shape (S, q)
    lower, upper : ndarray, shape (q,)
    longest : ndarray, shape (q,)
        Longest step in each coordinate.
    tolerance : float
        A function is finished after a step in which no parameter moves further; what is left is about the
        square of that.

    Returns
    -------
    points : ndarray, shape (S, q)
    values : ndarray, shape (S,)
    """
    points = np.clip(start, lower, upper)
    active = np.arange(len(points))
    current = evaluate(active, points)
    value, gradient, hessian = current.value, current.gradient, current.hessian
    damping = np.ones(len(value))
    for _ in range(MAXIMUM_ITERATIONS):
        if active.size == 0:
            break
        here = points[active]
        step = box_step(gradient[active], hessian[active], lower - here, upper - here)
        step /= np.maximum((np.abs(step) / longest).max(axis=1, keepdims=True), 1.0)
        there = np.clip(here + damping[active, None] * step, lower, upper)
        trial = evaluate(active, there)
        improved = trial.value <= value[active] + VALUE_TOLERANCE
        accepted = active[improved]
        points[accepted] = there[improved]
        value[accepted] = trial.value[improved]
        gradient[accepted] = trial.gradient[improved]
        hessian[accepted] = trial.hessian[improved]
        damping[active] = np.where(improved, 1.0, damping[active] / 4.0)
        # A bound just reached may leave the others something to do.
        arrived = ((there <= lower) & (here > lower)) | ((there >= upper) & (here < upper))
        active = active[(np.abs(there - here) >= tolerance).any(axis=1) | arrived.any(axis=1)]
    return points, value


def box_step(gradient: FloatArray, hessian: FloatArray, below: FloatArray, above: FloatArray) -> FloatArray:
    """Newton steps (S, q) that stay inside the box.

    A coordinate at a bound whose gradient points outwards stays there. One whose step would leave the box
    goes to its bound, and the step of the others is worked out again given that. Eigenvalues of the Hessian
    of the free coordinates are taken absolutely. Where the result does not descend nevertheless, because the
    bounds cut off the part that did, every coordinate follows its own slope, which always descends.

    Parameters
    ----------
    gradient, hessian : ndarray, shapes (S, q) and (S, q, q)
    below, above : ndarray, shape (S, q)
        Distances to the bounds: none of the first is positive, none of the second negative.
    """
    bound = ((below >= 0.0) & (gradient > 0.0)) | ((above <= 0.0) & (gradient < 0.0))
    step = np.zeros_like(gradient)
    n_coordinates = gradient.shape[1]
    for _ in range(n_coordinates):
        fixed = np.where(bound, step, 0.0)
        slope = np.where(bound, 0.0, gradient + (hessian @ fixed[:, :, None])[:, :, 0])
        # A 1 for each bound coordinate: with a 0 the rounding of the eigenvectors would be divided by it.
        free = np.where(bound[:, :, None] | bound[:, None], np.eye(n_coordinates), hessian)
        eigenvalues, eigenvectors = np.linalg.eigh(free)
        curvature = np.maximum(np.abs(eigenvalues), np.finfo(np.float64).tiny ** 0.25)
        rotated = (np.swapaxes(eigenvectors, 1, 2) @ slope[:, :, None])[:, :, 0] / curvature
        step = np.where(bound, fixed, -(eigenvectors @ rotated[:, :, None])[:, :, 0])
        leaving = (step < below) | (step > above)
        if not leaving.any():
            break
        step = np.clip(step, below, above)
        bound |= leaving
    steepness = np.abs(hessian).sum(axis=2).max(axis=1, keepdims=True)
    own_slope = np.clip(-gradient / np.maximum(steepness, np.finfo(np.float64).tiny), below, above)
    descends = np.sum(gradient * step, axis=1, keepdims=True) < 0.0
    return np.where(descends, step, own_slope)
