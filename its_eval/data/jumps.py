"""Jumps in the size of a unit beside the others: perhaps a merger, or another way of counting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

#: Periods on either side of a jump that are compared, and how many of them must be known.
_SIDE, _FEWEST = 6, 3
#: A jump is at least so large, as a ratio, and so many times the usual difference of the series.
_RATIO, _TIMES = 1.15, 4.0
#: With fewer units what is common to all cannot be told from what is one unit's own.
_FEWEST_UNITS = 5
#: Standard deviation of a normal distribution over its median absolute deviation.
_NORMAL_MAD = 1.4826


def jumps(sizes: Values) -> Values:
    """Return the ratio after / before at each period in which a series jumps, NaN elsewhere.

    Parameters
    ----------
    sizes : ndarray, shape (periods, units)
        Something that grows with the unit, such as attendances or responses; NaN where not known.

    Notes
    -----
    On the logarithmic scale, the median of up to six periods from one on minus the median of up to six before
    it, at least three known on either side. What happens to all units at once (a season, a pandemic) is taken
    out as the median over units, when there are five or more. A jump is at least 15 per cent, at least four
    times the usual size of the difference in this series (1.4826 × its median absolute value), and the
    largest within six periods. It is dated to the largest change from one period to the next among those
    within six periods at which the difference is at least half of the largest.
    """
    logs = np.log(np.where(sizes > 0, sizes, np.nan))
    difference = _around(logs, _SIDE, _FEWEST)
    steps = np.abs(_around(logs, 1, 1))
    size = np.abs(np.nan_to_num(difference))
    found = np.full(sizes.shape, np.nan)
    for unit in np.flatnonzero((size >= np.log(_RATIO)).any(axis=0)):
        usual = _NORMAL_MAD * float(np.nanmedian(np.abs(difference[:, unit])))
        for highest in np.flatnonzero(size[:, unit] >= max(np.log(_RATIO), _TIMES * usual)):
            near = np.arange(max(0, int(highest) - _SIDE), min(int(highest) + _SIDE + 1, len(size)))
            if highest != near[np.argmax(size[near, unit])]:
                continue
            likely = near[size[near, unit] >= 0.5 * size[highest, unit]]
            start = likely[np.argmax(np.nan_to_num(steps[likely, unit]))]
            found[start, unit] = np.exp(difference[highest, unit])
    return found


def _around(logs: Values, side: int, fewest: int) -> Values:
    """Return the median after minus the median before each period, less what is common to all units."""
    difference = np.full(logs.shape, np.nan)
    for start in range(1, len(logs)):
        before, after = logs[max(0, start - side) : start], logs[start : start + side]
        usable = ((~np.isnan(before)).sum(axis=0) >= fewest) & ((~np.isnan(after)).sum(axis=0) >= fewest)
        if usable.any():
            step = np.nanmedian(after[:, usable], axis=0) - np.nanmedian(before[:, usable], axis=0)
            difference[start, usable] = step - (np.median(step) if usable.sum() >= _FEWEST_UNITS else 0.0)
    return difference
