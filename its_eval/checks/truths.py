"""Worlds without an effect in which an interval is put to the test: errors as fitted, and as nobody fitted.

Errors have variance 1 on average over the window, so that worlds differ in shape and not in noise; a unit's
own break comes on top of errors of variance 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimators.reml.autoregression import autocovariances, marginal_variance

if TYPE_CHECKING:
    from its_eval.estimators.fit import FloatArray

#: Autoregressive coefficients .3, .3 as partial autocorrelations.
_SECOND_ORDER = np.array([0.3 / 0.7, 0.3])
#: Half of the variance an AR(1) of .7, half white noise.
_NOISY, _SHARE_NOISE = np.array([0.7]), 0.5
#: Variance after the start over that before; the median of real trusts is 2.1 (methods §11.3).
_VARIANCE_RATIO = 2.0
#: Variance of the steps of a local level over that of its noise.
_LEVEL_RATIO = 0.01
#: A break of its own: standard deviations of its level and of its slope per period, in error sds.
_BREAK_LEVEL, _BREAK_SLOPE = 1.0, 0.02


def autoregressive_errors(partials: FloatArray, n: int, reps: int, rng: np.random.Generator) -> FloatArray:
    """Return stationary errors of variance 1, shape (n, reps), by partial autocorrelations (p,)."""
    white = rng.standard_normal((n, reps))
    if partials.size == 0 or not partials.any():
        return white
    points = partials[None]
    gamma = autocovariances(points, n)[0] / marginal_variance(points)[0]
    places = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    return np.asarray(np.linalg.cholesky(gamma[places]) @ white)


def _fitted(partials: FloatArray, n: int, start: int, reps: int, rng: np.random.Generator) -> FloatArray:
    del start
    return autoregressive_errors(partials, n, reps, rng)


def _second_order(
    partials: FloatArray, n: int, start: int, reps: int, rng: np.random.Generator
) -> FloatArray:
    del partials, start
    return autoregressive_errors(_SECOND_ORDER, n, reps, rng)


def _with_noise(partials: FloatArray, n: int, start: int, reps: int, rng: np.random.Generator) -> FloatArray:
    del partials, start
    signal = autoregressive_errors(_NOISY, n, reps, rng)
    return np.asarray(
        np.sqrt(1.0 - _SHARE_NOISE) * signal + np.sqrt(_SHARE_NOISE) * rng.standard_normal((n, reps))
    )


def _variance_break(
    partials: FloatArray, n: int, start: int, reps: int, rng: np.random.Generator
) -> FloatArray:
    spread = np.where(np.arange(n) < start, 1.0, _VARIANCE_RATIO)
    errors = autoregressive_errors(partials, n, reps, rng)
    return np.asarray(np.sqrt(spread / spread.mean())[:, None] * errors)


def _local_level(partials: FloatArray, n: int, start: int, reps: int, rng: np.random.Generator) -> FloatArray:
    del partials, start
    steps = np.sqrt(_LEVEL_RATIO) * rng.standard_normal((n, reps))
    variance = 1.0 + _LEVEL_RATIO * (n + 1) / 2.0
    return np.asarray((np.cumsum(steps, axis=0) + rng.standard_normal((n, reps))) / np.sqrt(variance))


def _own_breaks(partials: FloatArray, n: int, start: int, reps: int, rng: np.random.Generator) -> FloatArray:
    errors = autoregressive_errors(partials, n, reps, rng)
    # in the middle 70 % of the window, and not where the model has its own break
    elsewhere = np.setdiff1d(np.arange(int(0.15 * n), int(0.85 * n) + 1), start)
    dates = rng.choice(elsewhere, reps)
    since = np.arange(n)[:, None] - dates
    level = _BREAK_LEVEL * rng.standard_normal(reps)
    slope = _BREAK_SLOPE * rng.standard_normal(reps)
    return np.asarray(errors + np.where(since >= 0, level + slope * since, 0.0))


Truth = Callable[["FloatArray", int, int, int, np.random.Generator], "FloatArray"]

#: Worlds by name, that of the fit first. Each takes the fitted partial autocorrelations, the number of
#: periods, T0, the number of series and a stream of random numbers, and gives errors of shape (n, reps).
TRUTHS: Mapping[str, Truth] = {
    "as fitted": _fitted,
    "AR(2) .3 .3": _second_order,
    "AR(1) .7 with as much noise": _with_noise,
    "variance doubles at the start": _variance_break,
    "local level, ratio .01": _local_level,
    "a break of its own elsewhere": _own_breaks,
}
