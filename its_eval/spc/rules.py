"""Rules that tell a special cause from common variation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.spc.limits import Limits

    Values = NDArray[np.float64]
    #: +1 high or rising, −1 low or falling, 0 nothing special.
    Signs = NDArray[np.int8]

Rule = Literal["outside", "trend", "two-of-three", "shift"]
#: All rules; where several hold for a point, the first decides which way it points.
RULES: tuple[Rule, ...] = ("outside", "trend", "two-of-three", "shift")


@dataclass(frozen=True)
class RuleSettings:
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


def outside_limits(values: Values, limits: Limits) -> Signs:
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


def two_of_three(values: Values, limits: Limits, *, outside_counts: bool) -> Signs:
    """Return points beyond the near limits where two of three neighbours are, all three on one side.

    Only points beyond a near limit are returned, not the third of their window.
    """
    found = np.zeros(len(values), dtype=np.int8)
    for side, near, far in ((1, limits.near_upper, limits.upper), (-1, limits.near_lower, limits.lower)):
        beyond = side * (values - near) > 0
        if not outside_counts:
            beyond &= ~(side * (values - far) > 0)
        same_side = side * (values - limits.mean) > 0
        for start in range(len(values) - 2):
            window = slice(start, start + 3)
            if same_side[window].all() and beyond[window].sum() >= 2:
                found[window][beyond[window]] = side
    return found


def special_causes(values: Values, limits: Limits, settings: RuleSettings) -> dict[Rule, Signs]:
    """Return what each rule says of each point.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Points in order of time, none missing.
    limits : Limits
        Lines that hold for all of them.
    settings : RuleSettings
        Rules and their variants; a rule that does not hold finds nothing.

    Notes
    -----
    The rules of NHS England's *Making Data Count*. Neighbours are neighbouring points, also across a gap in
    the calendar. Without limits no rule finds anything.
    """
    found: dict[Rule, Signs] = {
        "outside": outside_limits(values, limits),
        "trend": trends(values, settings.trend),
        "two-of-three": two_of_three(values, limits, outside_counts=settings.outside_counts),
        "shift": shifts(values, limits.mean, settings.shift),
    }
    # without limits there is no common variation to tell from
    holding = () if math.isnan(limits.upper) else settings.rules
    return {rule: signs if rule in holding else np.zeros_like(signs) for rule, signs in found.items()}


def deciding(found: dict[Rule, Signs]) -> Signs:
    """Return which way each point is special, by the first rule that finds it so.

    The order is that of the R package NHSRplotthedots: outside the limits, trend, two of three, shift.
    """
    decided = np.zeros_like(found["outside"])
    for rule in RULES:
        decided = np.where(decided == 0, found[rule], decided)
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
