"""What can be said of counts where nothing happens before the start, or from it on: a difference of means.

A rate of 0 has no logarithm, so that a model on the scale of the link has no finite estimate. The rates of
the two segments themselves differ by something finite, with an interval from the exact limits of either rate
(Garwood 1936, *Biometrika* 28:437; Clopper & Pearson 1934, *Biometrika* 26:404), put together by recovering
variances from them (Donner & Zou 2012, *Statistical Methods in Medical Research* 21:347). Counts that vary
more than their mean says count for less, by Pearson's dispersion of the segment that has events. Neither
trend nor season nor autocorrelation is allowed for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]


class MeanDifference(Struct, frozen=True):
    """Rate from the start on minus rate before it.

    Attributes
    ----------
    estimate, low, high : float
        In events per unit of exposure, or as a share of the trials.
    p_value : float
        Twice the probability, rates being equal, that all events fall into the segment that has them.
    size : float
        Exposure or trials from the start on.
    """

    estimate: float
    low: float
    high: float
    p_value: float
    size: float


def rate_limits(count: float, size: float, alpha: float, *, binomial: bool) -> tuple[float, float]:
    """Return exact limits at 1 - alpha of a rate, or of a share of trials."""
    if not binomial:
        low = special.gammaincinv(count, alpha / 2.0) if count > 0.0 else 0.0
        return float(low / size), float(special.gammainccinv(count + 1.0, alpha / 2.0) / size)
    rest = size - count
    low = special.betaincinv(count, rest + 1.0, alpha / 2.0) if count > 0.0 else 0.0
    high = special.betaincinv(count + 1.0, rest, 1.0 - alpha / 2.0) if rest > 0.0 else 1.0
    return float(low), float(high)


def mean_difference(
    counts: FloatArray, sizes: FloatArray, after: BoolArray, confidence: float, *, binomial: bool
) -> MeanDifference | None:
    """Return the difference of the rates of two segments of which one has no events (or nothing else).

    Parameters
    ----------
    counts, sizes : ndarray, shape (n,)
        Counts with their exposure or trials, of the periods that are used.
    after : ndarray of bool, shape (n,)
        Periods from the start on.
    confidence : float
        Of the interval.
    binomial : bool
        Whether sizes are trials.

    Returns
    -------
    MeanDifference or None
        None unless exactly one of the segments is without events.
    """
    if binomial and counts.sum() > sizes.sum() / 2.0:
        # everybody in one of the segments: the others are what is counted
        found = mean_difference(sizes - counts, sizes, after, confidence, binomial=True)
        if found is None:
            return None
        return MeanDifference(-found.estimate, -found.high, -found.low, found.p_value, found.size)
    total = [float(counts[part].sum()) for part in (~after, after)]
    size = [float(sizes[part].sum()) for part in (~after, after)]
    if (total[0] > 0.0) == (total[1] > 0.0):
        return None
    eventful = after if total[1] > 0.0 else ~after
    factor = _dispersion(counts[eventful], sizes[eventful], binomial=binomial)
    rates = [events / people for events, people in zip(total, size, strict=True)]
    alpha = 1.0 - confidence
    (low_0, high_0), (low_1, high_1) = (
        rate_limits(events / factor, people / factor, alpha, binomial=binomial)
        for events, people in zip(total, size, strict=True)
    )
    estimate = rates[1] - rates[0]
    events, people = sum(total) / factor, sum(size) / factor
    own = size[int(total[1] > 0.0)] / factor
    if binomial:
        chance = _log_choose(own, events) - _log_choose(people, events)
    else:
        chance = events * np.log(own / people)
    return MeanDifference(
        estimate,
        estimate - float(np.hypot(rates[1] - low_1, high_0 - rates[0])),
        estimate + float(np.hypot(high_1 - rates[1], rates[0] - low_0)),
        min(1.0, 2.0 * float(np.exp(chance))),
        size[1],
    )


def _log_choose(size: float, count: float) -> float:
    """Return the logarithm of a binomial coefficient."""
    return float(
        special.gammaln(size + 1.0) - special.gammaln(count + 1.0) - special.gammaln(size - count + 1.0)
    )


def _dispersion(counts: FloatArray, sizes: FloatArray, *, binomial: bool) -> float:
    """Return Pearson's chi-squared over its degrees of freedom about one common rate, at least 1."""
    if counts.size < 2:
        return 1.0
    mean = sizes * counts.sum() / sizes.sum()
    variance = mean * (1.0 - mean / sizes) if binomial else mean
    if not (variance > 0.0).all():
        return 1.0
    return max(1.0, float(np.sum((counts - mean) ** 2 / variance)) / (counts.size - 1))
