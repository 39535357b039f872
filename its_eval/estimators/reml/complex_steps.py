"""Derivatives of a restricted likelihood in two parameters, by complex steps.

First derivatives come from complex steps (Squire & Trapp 1998, *SIAM Review* 40:110), which are exact to
rounding; second ones are central differences of them, which only the length of a Newton step depends on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct

from its_eval.estimators.fit import FloatArray

#: Imaginary step of first derivatives, and real step of the differences of these that give the second.
COMPLEX_STEP, REAL_STEP = 1e-20, 1e-5

#: S values at complex points (S, q), analytic in them.
Objective = Callable[[Any], Any]


class StepProfile(Struct, frozen=True):
    """Values (S,), gradients (S, q) and Hessians (S, q, q), as ``error_model.minimise`` wants them."""

    value: FloatArray
    gradient: FloatArray
    hessian: FloatArray


def profile_by_steps(
    objective: Objective, points: FloatArray, within: tuple[FloatArray, FloatArray] | None = None
) -> StepProfile:
    """Evaluate an objective and its derivatives.

    Parameters
    ----------
    objective : callable
    points : ndarray, shape (S, q)
    within : tuple of ndarray, shape (q,), optional
        Lower and upper bounds, outside of which the objective need not exist.
    """
    value, gradient = _gradient(objective, points)
    if within is not None:
        points = np.clip(points, within[0] + REAL_STEP, within[1] - REAL_STEP)
    hessian = np.empty((*gradient.shape, points.shape[1]))
    for axis in range(points.shape[1]):
        offset = np.zeros(points.shape[1])
        offset[axis] = REAL_STEP
        above, below = (_gradient(objective, points + sign * offset)[1] for sign in (1.0, -1.0))
        hessian[:, axis] = (above - below) / (2.0 * REAL_STEP)
    return StepProfile(value, gradient, (hessian + np.swapaxes(hessian, 1, 2)) / 2.0)


def _gradient(objective: Objective, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Objective (S,) and its gradient (S, q)."""
    gradient = np.empty(points.shape)
    for axis in range(points.shape[1]):
        stepped = points.astype(np.complex128)
        stepped[:, axis] += 1j * COMPLEX_STEP
        value = objective(stepped)
        gradient[:, axis] = value.imag / COMPLEX_STEP
    return np.asarray(value.real), gradient
