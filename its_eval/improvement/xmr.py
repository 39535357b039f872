"""XmR charts: limits, the stretches that share them, and rules for special causes."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from msgspec import Struct, field

from its_eval.calendar import MONTHS, Calendar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Signs = NDArray[np.int8]


#: Three standard deviations in mean moving ranges: 3 / d2 with d2 = 1.128, rounded as all NHS tools do.
LIMIT_FACTOR = 2.66
#: Upper limit of moving ranges in mean moving ranges: D4 for pairs.
RANGE_FACTOR = 3.267
#: Limits of fewer points change with every further one.
FEWEST_POINTS = 12


class ControlLimits(Struct, frozen=True):
    """Lines of an XmR chart.

    Attributes
    ----------
    n : int
        Points that they come from.
    mean : float
        Centre line.
    mean_range : float
        Mean moving range, after screening if there was any.
    lower, upper : float
        Process limits.
    near_lower, near_upper : float
        Two thirds of the way to them.
    range_upper : float
        Upper limit of the moving ranges.
    """

    n: int
    mean: float
    mean_range: float
    lower: float
    upper: float
    near_lower: float
    near_upper: float
    range_upper: float


def moving_ranges(values: Values) -> Values:
    """Return the distance of each value from the one before it; NaN for the first."""
    return np.concatenate([np.full(min(len(values), 1), np.nan), np.abs(np.diff(values))])


def xmr_limits(values: Values, *, screen: bool = False) -> ControlLimits:
    """Return the limits that a baseline gives.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Points of the baseline in order of time, none missing.
    screen : bool
        Leave out moving ranges at or above their own upper limit once and take the mean of the rest
        (Nelson 1982, *Journal of Quality Technology* 14:172), as the R package NHSRplotthedots does unless
        told otherwise; the Excel tools of NHS England do not.

    Notes
    -----
    Mean ± 2.66 mean moving ranges (Wheeler 1993, *Understanding Variation*). The limits are NaN for fewer
    than two points.

    Examples
    --------
    >>> found = xmr_limits(np.array([4.0, 6.0, 5.0, 5.0]))
    >>> found.mean, found.mean_range, round(found.upper, 2)
    (5.0, 1.0, 7.66)
    """
    ranges = moving_ranges(values)[1:]
    mean = float(values.mean()) if len(values) else np.nan
    mean_range = float(ranges.mean()) if len(ranges) else np.nan
    if screen and len(ranges):
        kept = ranges[ranges < RANGE_FACTOR * mean_range]
        # of ranges that are all zero none lies below the limit, and none is an outlier
        mean_range = float(kept.mean()) if len(kept) else mean_range
    half = LIMIT_FACTOR * mean_range
    near = 2.0 * half / 3.0
    return ControlLimits(
        n=len(values),
        mean=mean,
        mean_range=mean_range,
        lower=mean - half,
        upper=mean + half,
        near_lower=mean - near,
        near_upper=mean + near,
        range_upper=RANGE_FACTOR * mean_range,
    )


Rule = Literal["outside", "trend", "two-of-three", "shift"]
#: All rules; where several hold for a point, the first decides which way it points.
RULES: tuple[Rule, ...] = ("outside", "trend", "two-of-three", "shift")


class RuleSettings(Struct, frozen=True):
    """Which rules hold, and their variants.

    Attributes
    ----------
    rules : tuple of str
        Those that hold, of ``RULES``.
    shift : int
        So many consecutive points strictly on one side of the mean.
    trend : int
        So many consecutive points strictly rising or falling: 6 or 7 in the Excel tools, 7 in the R package.
    outside_counts : bool
        Whether a point beyond the limits counts as one of the two of three (so since November 2023).
    """

    rules: tuple[Rule, ...] = RULES
    shift: int = 7
    trend: int = 6
    outside_counts: bool = True


def outside_limits(values: Values, limits: ControlLimits) -> Signs:
    """Return points strictly beyond the process limits."""
    return _signs(values > limits.upper, values < limits.lower)


def shifts(values: Values, mean: float, length: int) -> Signs:
    """Return every point of a run on one side of the mean; a point on the mean ends the run."""
    sides = np.sign(values - mean)
    return _signs(_in_run(sides == 1, length), _in_run(sides == -1, length))


def trends(values: Values, length: int) -> Signs:
    """Return every point of a stretch that strictly rises or falls.

    Where one stretch ends and another begins, the point between them belongs to the later one.
    """
    steps = np.sign(np.diff(values))
    signs = np.zeros(len(values), dtype=np.int8)
    for first, last, step in _stretches(steps):
        # a stretch of m steps joins m + 1 points
        if step and last - first + 2 >= length:
            signs[first : last + 2] = step
    return signs


def two_of_three(values: Values, limits: ControlLimits, *, outside_counts: bool) -> Signs:
    """Return points beyond the near limits where two of three neighbours are, all three on one side.

    Only points beyond a near limit are returned, not the third of their window.
    """
    signs = np.zeros(len(values), dtype=np.int8)
    for side, near, far in ((1, limits.near_upper, limits.upper), (-1, limits.near_lower, limits.lower)):
        beyond = side * (values - near) > 0
        if not outside_counts:
            beyond &= ~(side * (values - far) > 0)
        same_side = side * (values - limits.mean) > 0
        for start in range(len(values) - 2):
            window = slice(start, start + 3)
            if same_side[window].all() and beyond[window].sum() >= 2:
                signs[window][beyond[window]] = side
    return signs


def special_causes(values: Values, limits: ControlLimits, settings: RuleSettings) -> dict[Rule, Signs]:
    """Return what each rule says of each point.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Points in order of time, none missing.
    limits : ControlLimits
        Lines that hold for all of them.
    settings : RuleSettings
        Rules and their variants; a rule that does not hold finds nothing.

    Notes
    -----
    The rules of NHS England's *Making Data Count*. Neighbours are neighbouring points, also across a gap in
    the calendar. Without limits no rule finds anything.
    """
    by_rule: dict[Rule, Signs] = {
        "outside": outside_limits(values, limits),
        "trend": trends(values, settings.trend),
        "two-of-three": two_of_three(values, limits, outside_counts=settings.outside_counts),
        "shift": shifts(values, limits.mean, settings.shift),
    }
    # without limits there is no common variation to tell from
    holding = () if math.isnan(limits.upper) else settings.rules
    return {rule: signs if rule in holding else np.zeros_like(signs) for rule, signs in by_rule.items()}


def deciding(by_rule: dict[Rule, Signs]) -> Signs:
    """Return which way each point is special, by the first rule that finds it so.

    The order is that of the R package NHSRplotthedots: outside the limits, trend, two of three, shift.
    """
    decided = np.zeros_like(by_rule["outside"])
    for rule in RULES:
        decided = np.where(decided == 0, by_rule[rule], decided)
    return decided


def _signs(high: NDArray[np.bool_], low: NDArray[np.bool_]) -> Signs:
    return high.astype(np.int8) - low.astype(np.int8)


def _in_run(holds: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Return where something holds for at least so many points in a row."""
    inside = np.zeros(len(holds), dtype=bool)
    for first, last, value in _stretches(holds.astype(np.float64)):
        if value and last - first + 1 >= length:
            inside[first : last + 1] = True
    return inside


def _stretches(values: Values) -> list[tuple[int, int, int]]:
    """Return first and last place and value of every stretch of equal values."""
    if not len(values):
        return []
    starts = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1, [len(values)]])
    return [(int(first), int(after) - 1, int(values[first])) for first, after in pairwise(starts)]


Better = Literal["higher", "lower", "neither"]


class ChartSettings(Struct, frozen=True):
    """How charts are made; the same for every series.

    Attributes
    ----------
    calendar : Calendar
        What ordinals of periods count.
    better : {"higher", "lower", "neither"}
        Which direction is an improvement.
    baseline_last : int, optional
        Last period of the baseline: the limits come from it and the points before, and hold from then on.
        Without it all points of a phase make its limits.
    recalculate : tuple of int
        First periods of new limits, made of all points up to the next of them.
    screen : bool
        Leave outlying moving ranges out of the limits.
    rules : RuleSettings
        Rules for special causes.
    """

    calendar: Calendar = MONTHS
    better: Better = "neither"
    baseline_last: int | None = None
    recalculate: tuple[int, ...] = ()
    screen: bool = False
    rules: RuleSettings = field(default_factory=RuleSettings)


class Phase(Struct, frozen=True):
    """Points that share limits.

    Attributes
    ----------
    places : slice
        Which points of the series.
    baseline : ndarray of bool
        Which of them make the limits.
    limits : ControlLimits
        Their lines.
    found : dict
        What each rule says of each of them.
    """

    places: slice
    baseline: NDArray[np.bool_]
    limits: ControlLimits
    found: dict[Rule, Signs]


def phases_of(values: Values, periods: NDArray[np.int64], settings: ChartSettings) -> list[Phase]:
    """Return the stretches of points with limits of their own.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Points in order of time, none missing, at least one.
    periods : ndarray of int, shape (n,)
        Their ordinals.
    settings : ChartSettings
        How charts are made.
    """
    edges = np.unique(np.searchsorted(periods, [*settings.recalculate]))
    starts = [0, *(int(edge) for edge in edges if 0 < edge < len(values))]
    phases = []
    for first, after in zip(starts, [*starts[1:], len(values)], strict=True):
        places = slice(first, after)
        baseline = np.ones(after - first, dtype=bool)
        if settings.baseline_last is not None and first == 0:
            baseline = periods[places] <= settings.baseline_last
        limits = xmr_limits(values[places][baseline], screen=settings.screen)
        phases.append(Phase(places, baseline, limits, special_causes(values[places], limits, settings.rules)))
    return phases
