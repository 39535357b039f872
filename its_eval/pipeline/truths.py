"""Worlds without an effect in which an interval is put to the test: errors as fitted, and as nobody fitted.

Errors have variance 1 on average over the window, so that worlds differ in shape and not in noise; a unit's
own break and a trend that bends come on top of errors of variance 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

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
#: Variance of the steps of a drift over that of the AR(1) errors around it.
_DRIFTING, _DRIFT_RATIO = np.array([0.4]), 0.02
#: A break of its own: standard deviations of its level and of its slope per period, in error sds.
_BREAK_LEVEL, _BREAK_SLOPE = 1.0, 0.02
#: How far a trend departs from its chord over the time before the start, in error sds.
_BEND = 1.0


def autoregressive_factor(partials: FloatArray, n: int) -> FloatArray:
    """Return the Cholesky factor of stationary errors of variance 1, shape (n, n).

    Parameters
    ----------
    partials : ndarray, shape (p,)
        Partial autocorrelations.
    n : int
        Periods.
    """
    points = partials[None]
    gamma = autocovariances(points, n)[0] / marginal_variance(points)[0]
    places = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    return np.asarray(np.linalg.cholesky(gamma[places]))


def autoregressive_errors(partials: FloatArray, n: int, reps: int, rng: np.random.Generator) -> FloatArray:
    """Return stationary errors of variance 1, shape (n, reps), by partial autocorrelations (p,)."""
    white = rng.standard_normal((n, reps))
    if partials.size == 0 or not partials.any():
        return white
    return np.asarray(autoregressive_factor(partials, n) @ white)


class Errors(Struct, frozen=True):
    """The errors of a fit, from which worlds start.

    Attributes
    ----------
    n, start : int
        Periods, and the first of the intervention.
    factor : ndarray, shape (n, m)
        Times its transpose their covariance, of variance 1 on average over the used periods.
    """

    n: int
    start: int
    factor: FloatArray

    def draw(self, reps: int, rng: np.random.Generator) -> FloatArray:
        """Return errors as fitted, shape (n, reps)."""
        return np.asarray(self.factor @ rng.standard_normal((self.factor.shape[1], reps)))


def _second_order(of: Errors, reps: int, rng: np.random.Generator) -> FloatArray:
    return autoregressive_errors(_SECOND_ORDER, of.n, reps, rng)


def _with_noise(of: Errors, reps: int, rng: np.random.Generator) -> FloatArray:
    signal = autoregressive_errors(_NOISY, of.n, reps, rng)
    white = rng.standard_normal((of.n, reps))
    return np.asarray(np.sqrt(1.0 - _SHARE_NOISE) * signal + np.sqrt(_SHARE_NOISE) * white)


def _variance_break(of: Errors, reps: int, rng: np.random.Generator) -> FloatArray:
    spread = np.where(np.arange(of.n) < of.start, 1.0, _VARIANCE_RATIO)
    return np.asarray(np.sqrt(spread / spread.mean())[:, None] * of.draw(reps, rng))


def _around_walk(
    partials: FloatArray, ratio: float, of: Errors, reps: int, rng: np.random.Generator
) -> FloatArray:
    steps = np.sqrt(ratio) * rng.standard_normal((of.n, reps))
    around = autoregressive_errors(partials, of.n, reps, rng)
    return np.asarray((np.cumsum(steps, axis=0) + around) / np.sqrt(1.0 + ratio * (of.n + 1) / 2.0))


def _local_level(of: Errors, reps: int, rng: np.random.Generator) -> FloatArray:
    return _around_walk(np.empty(0), _LEVEL_RATIO, of, reps, rng)


def _drift(of: Errors, reps: int, rng: np.random.Generator) -> FloatArray:
    return _around_walk(_DRIFTING, _DRIFT_RATIO, of, reps, rng)


def _own_breaks(of: Errors, reps: int, rng: np.random.Generator) -> FloatArray:
    errors = of.draw(reps, rng)
    # in the middle 70 % of the window, and not where the model has its own break
    elsewhere = np.setdiff1d(np.arange(int(0.15 * of.n), int(0.85 * of.n) + 1), of.start)
    dates = rng.choice(elsewhere, reps)
    since = np.arange(of.n)[:, None] - dates
    level = _BREAK_LEVEL * rng.standard_normal(reps)
    slope = _BREAK_SLOPE * rng.standard_normal(reps)
    return np.asarray(errors + np.where(since >= 0, level + slope * since, 0.0))


def _bend(of: Errors, reps: int, rng: np.random.Generator) -> FloatArray:
    # a parabola of second difference M departs from its chord over m periods by M m^2 / 8
    curve = 4.0 * _BEND * ((np.arange(of.n) - of.start) / max(of.start, 1)) ** 2
    return np.asarray(of.draw(reps, rng) + curve[:, None])


Truth = Callable[[Errors, int, np.random.Generator], "FloatArray"]

#: Worlds by name, that of the fit first: errors of shape (n, reps).
TRUTHS: Mapping[str, Truth] = {
    "as fitted": Errors.draw,
    "AR(2) .3 .3": _second_order,
    "AR(1) .7 with as much noise": _with_noise,
    "variance doubles at the start": _variance_break,
    "local level, ratio .01": _local_level,
    "AR(1) .4 on a drift": _drift,
    "a break of its own elsewhere": _own_breaks,
    "the trend bends by one sd": _bend,
}
