"""What tests together allow to say: the labels of a family of questions, their direction, and of a curve.

Two nulls are tested of every unit. That of its own series says that nothing changed; that of the other units
says that it changed no more than such units do by themselves. Holm's method (Holm 1979, *Scandinavian Journal
of Statistics* 6:65) is applied to the first, and to the larger of the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.checks.placebo import Placebo, placebo
from its_eval.effects.several_units import Method, adjust, reaches
from its_eval.estimators.fit import FloatArray
from its_eval.evaluation import (
    BETTER_BY,
    CHANGED,
    CHANGED_MORE,
    NO_CLEAR_CHANGE,
    NO_WORSE,
    NOT_ANSWERED,
    NOT_CLEARLY_MORE,
    UNDECIDED,
    WORSE_BY,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Conclusions(Struct, frozen=True):
    """Labels of one family: units and interruptions of one outcome and design.

    Attributes
    ----------
    labels : tuple of str, length M
    p_adjusted, p_both : ndarray, shape (M,)
        Adjusted p-value of the change, and of the larger of the two p-values; NaN where there is none.
    attribution_only : ndarray of bool, shape (M,)
        The change is unusual among other units, but not clear in the unit's own series.
    """

    labels: tuple[str, ...]
    p_adjusted: FloatArray
    p_both: FloatArray
    attribution_only: NDArray[np.bool_]

    def first(self, count: int) -> Conclusions:
        """Return those of the first questions."""
        return Conclusions(
            self.labels[:count], self.p_adjusted[:count], self.p_both[:count], self.attribution_only[:count]
        )


def conclude_families(
    p_gap: FloatArray,
    p_attribution: FloatArray,
    compared: NDArray[np.bool_],
    *,
    keys: Sequence[str],
    size: int,
    alpha: float = 0.05,
    method: Method = "holm",
) -> Conclusions:
    """Label the questions of several families of one size, each by itself.

    Parameters
    ----------
    p_gap, p_attribution, compared, size, alpha, method
        As for `conclude`.
    keys : sequence of str, length M
        The family of each question.
    """
    names = np.array(keys, dtype=object)
    labels = np.full(p_gap.shape, "", dtype=object)
    p_adjusted, p_both = np.full(p_gap.shape, np.nan), np.full(p_gap.shape, np.nan)
    alone = np.zeros(p_gap.shape, dtype=np.bool_)
    for key in dict.fromkeys(keys):
        here = names == key
        own = conclude(
            p_gap[here], p_attribution[here], compared[here], size=size, alpha=alpha, method=method
        )
        labels[here] = own.labels
        p_adjusted[here], p_both[here], alone[here] = own.p_adjusted, own.p_both, own.attribution_only
    return Conclusions(tuple(labels.tolist()), p_adjusted, p_both, alone)


def conclude(
    p_gap: FloatArray,
    p_attribution: FloatArray,
    compared: NDArray[np.bool_],
    *,
    size: int,
    alpha: float = 0.05,
    method: Method = "holm",
) -> Conclusions:
    """Label the questions of one family.

    Parameters
    ----------
    p_gap : ndarray, shape (M,)
        Of the question, in the unit's own series or gap; NaN where it is not answered.
    p_attribution : ndarray, shape (M,)
        Of the change beside those of other units; NaN without them.
    compared : ndarray of bool, shape (M,)
        Whether other units are enough to say whether a change is unusual.
    size : int
        Size of the family as configured: a question that was lost counts as one with a p-value of 1.
    alpha : float
        Level.
    method : {"holm", "bh", "none"}
        Method of adjustment.
    """
    answered = ~np.isnan(p_gap)
    own = np.where(answered, p_gap, 1.0)
    either = np.where(answered & ~np.isnan(p_attribution), np.fmax(own, p_attribution), 1.0)
    p_adjusted, p_both = adjust(own, method, size), adjust(either, method, size)
    changed, unusual = reaches(p_adjusted, alpha) & answered, reaches(p_both, alpha)
    alone = adjust(np.where(np.isnan(p_attribution), 1.0, p_attribution), method, size)
    labels = []
    for place in range(p_gap.size):
        if not answered[place]:
            labels.append(NOT_ANSWERED)
        elif not changed[place]:
            labels.append(NO_CLEAR_CHANGE)
        elif not compared[place]:
            labels.append(CHANGED)
        else:
            labels.append(CHANGED_MORE if unusual[place] else NOT_CLEARLY_MORE)
    return Conclusions(
        tuple(labels),
        np.where(answered, p_adjusted, np.nan),
        np.where(answered & ~np.isnan(p_attribution), p_both, np.nan),
        compared & answered & ~changed & reaches(alone, alpha),
    )


def set_label(p_set: float, p_placebo: float, *, compared: bool, alpha: float = 0.05) -> str:
    """Label all treated units together, the primary hypothesis: no adjustment.

    Parameters
    ----------
    p_set, p_placebo : float
        Of their mean effect, and of its place among sets of other units; NaN where there is none.
    compared : bool
        Whether enough sets of other units exist for the level to be reached.
    alpha : float
        Level.
    """
    if math.isnan(p_set):
        return NOT_ANSWERED
    if not reaches(np.array(p_set), alpha):
        return NO_CLEAR_CHANGE
    if not compared or math.isnan(p_placebo):
        return CHANGED
    return CHANGED_MORE if reaches(np.array(p_placebo), alpha) else NOT_CLEARLY_MORE


def direction(
    better: str | None,
    *,
    clear: bool,
    intervals: list[tuple[float, float]],
    otherwise: tuple[float, float] | None = None,
) -> str:
    """Return which way something changed: better, worse, mixed or unclear.

    Parameters
    ----------
    better : {"higher", "lower"} or None
        Which way is better; None: nobody said.
    clear : bool
        Whether the adjusted p-value reaches the level: otherwise nothing is said of a direction.
    intervals : list of (float, float)
        At the level of the family: of what is shown as the answer first, then of what stands for it, such as
        the level change for a change whose effect after a year is unclear.
    otherwise : (float, float), optional
        That of the trend, which tells where none of them does.
    """
    signs = [_side(interval) for interval in intervals]
    if 1 in signs and -1 in signs and clear and better is not None:
        return "mixed"
    sign = next((one for one in signs if one), 0 if otherwise is None else _side(otherwise))
    if not clear or better is None or not sign:
        return "unclear"
    return "better" if (sign > 0) == (better == "higher") else "worse"


def decide(
    better: str | None, interval: tuple[float, float], gain: float | None, loss: float | None
) -> tuple[str, float]:
    """Return what an interval decides, and the margin by which; a blank and NaN where nothing can be.

    A two-sided interval at level alpha beyond a margin rejects, at alpha/2, that the effect is smaller: the
    tests of superiority and of non-inferiority by a margin (ICH E9, 1998, section 3.3.2).

    Parameters
    ----------
    better : {"higher", "lower"} or None
        Which way is better; None: nobody said.
    interval : (float, float)
        Of the effect.
    gain, loss : float or None
        The least gain that would be enough, and the loss that would be accepted.
    """
    low, high = interval if better == "higher" else (-interval[1], -interval[0])
    nearest = gain if loss is None else loss
    if better is None or nearest is None or math.isnan(low) or math.isnan(high):
        return "", math.nan
    if gain is not None and low >= gain:
        return BETTER_BY, gain
    if loss is not None and high <= -loss:
        return WORSE_BY, loss
    if loss is not None and low > -loss:
        return NO_WORSE, loss
    return UNDECIDED, nearest


def _side(interval: tuple[float, float]) -> int:
    """Return on which side of no change an interval lies, 0 for both."""
    return int(interval[0] > 0.0) - int(interval[1] < 0.0)


class SpecificationSummary(Struct, frozen=True):
    """Summary of one curve of S specifications.

    Attributes
    ----------
    n_specifications, n_unfitted : int
        Specifications with an estimate, and those without.
    median, lower_quartile, upper_quartile : float
        Of the estimates.
    share_same_sign : float
        Share of the estimates with the sign of their median.
    share_excluding_zero : float
        Share of the intervals on one side of zero.
    median_statistic : float
        Median |t|.
    joint : Placebo or None
        Rank of ``median_statistic`` among donors with the identical curve; None without donors.
    """

    n_specifications: int
    n_unfitted: int
    median: float
    lower_quartile: float
    upper_quartile: float
    share_same_sign: float
    share_excluding_zero: float
    median_statistic: float
    joint: Placebo | None


def median_statistics(statistics: FloatArray) -> FloatArray:
    """Return the median |t| over the specifications (..., S) of each curve.

    A specification that could not be fitted (NaN) counts as infinitely extreme: it can only make the treated
    trust look less unusual among the donors.
    """
    sizes = np.where(np.isnan(statistics), np.inf, np.abs(statistics))
    middle = np.sort(sizes, axis=-1)
    n = sizes.shape[-1]
    low, high = middle[..., (n - 1) // 2], middle[..., n // 2]
    infinite = np.isinf(high)
    half = np.where(infinite, 0.0, low) / 2.0 + np.where(infinite, 0.0, high) / 2.0
    return np.asarray(np.where(infinite, np.inf, half))


def summarise_specifications(
    estimates: FloatArray,
    low: FloatArray,
    high: FloatArray,
    statistics: FloatArray,
    donors: FloatArray | None = None,
) -> SpecificationSummary:
    """Summarise the specification curve of a treated trust.

    The joint p-value asks how often a donor, run through the very same specifications, has as large a median
    |t|: the inference of specification curves (Simonsohn, Simmons & Nelson 2020, *Nature Human Behaviour*
    4:1208) with placebo trusts in the place of shuffled data. The specifications are not independent, which a
    count of significant ones ignores and this rank does not.

    Parameters
    ----------
    estimates, low, high, statistics : ndarray, shape (S,)
        Estimates of one estimand with intervals and t; NaN where a specification could not be fitted.
    donors : ndarray, shape (J, S), optional
        t of the donors under the same specifications, NaN likewise. Specifications without an estimate for
        the treated trust are left out for all.
    """
    known = ~np.isnan(estimates)
    count = int(known.sum())
    if count == 0:
        nan = math.nan
        return SpecificationSummary(0, estimates.size, nan, nan, nan, nan, nan, nan, None)
    lower, median, upper = (float(value) for value in np.quantile(estimates[known], [0.25, 0.5, 0.75]))
    apart = (low[known] > 0.0) | (high[known] < 0.0)
    own = float(median_statistics(statistics[known]))
    joint = None if donors is None else placebo(own, median_statistics(donors[:, known]))
    return SpecificationSummary(
        n_specifications=count,
        n_unfitted=estimates.size - count,
        median=median,
        lower_quartile=lower,
        upper_quartile=upper,
        share_same_sign=float(np.mean(np.sign(estimates[known]) == np.sign(median))),
        share_excluding_zero=float(np.mean(apart)),
        median_statistic=own,
        joint=joint,
    )
