"""Process limits of an XmR chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

#: Three standard deviations in mean moving ranges: 3 / d2 with d2 = 1.128, rounded as all NHS tools do.
LIMIT_FACTOR = 2.66
#: Upper limit of moving ranges in mean moving ranges: D4 for pairs.
RANGE_FACTOR = 3.267
#: Limits of fewer points change with every further one.
FEWEST_POINTS = 12


@dataclass(frozen=True)
class Limits:
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


def xmr_limits(values: Values, *, screen: bool = False) -> Limits:
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
    return Limits(
        n=len(values),
        mean=mean,
        mean_range=mean_range,
        lower=mean - half,
        upper=mean + half,
        near_lower=mean - near,
        near_upper=mean + near,
        range_upper=RANGE_FACTOR * mean_range,
    )
