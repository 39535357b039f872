"""Whether points are independent, as XmR limits take for granted: autocorrelation and season."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

#: Fewer points say nothing about their independence.
FEWEST_POINTS = 12


def autocorrelation(values: Values) -> tuple[float, float]:
    """Return the lag-one autocorrelation of a series and its p-value.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Distances from the centre line, in order of time, none missing.

    Returns
    -------
    tuple of float
        r = Σ x_t x_{t+1} / Σ x_t² about the mean, and the two-sided p-value of "the order means nothing";
        NaN for fewer than 12 points or a series that does not vary.

    Notes
    -----
    Under any order r has mean −1/n, and for normal points variance (n − 2)² / (n² (n − 1)) (Moran 1948,
    *Biometrika* 35:255); the p-value is the normal approximation.
    """
    from scipy import special  # noqa: PLC0415  (start-up time)

    n = len(values)
    centred = values - values.mean() if n else values
    total = float(centred @ centred)
    if n < FEWEST_POINTS or total <= 0.0:
        return math.nan, math.nan
    r = float(centred[:-1] @ centred[1:]) / total
    z = (r + 1.0 / n) / ((n - 2.0) / (n * math.sqrt(n - 1.0)))
    return r, 2.0 * float(special.ndtr(-abs(z)))


def season_p(values: Values, places: NDArray[np.int64], per_year: int) -> float:
    """Return the p-value of "the place within the year means nothing".

    Parameters
    ----------
    values : ndarray, shape (n,)
        Distances from the centre line, in order of time.
    places : ndarray of int, shape (n,)
        Place of each within its year.
    per_year : int
        Places that a year has.

    Notes
    -----
    Kruskal–Wallis test on what is left after a straight line, as for stable season in X-12 (Lothian & Morry
    1978). NaN for yearly data, for less than two years, or where some place was seen only once.
    """
    from scipy import stats  # noqa: PLC0415  (start-up time)

    if per_year < 2 or len(values) < 2 * per_year:
        return math.nan
    groups = [np.flatnonzero(places == place) for place in np.unique(places)]
    if min(len(group) for group in groups) < 2:
        return math.nan
    order = np.arange(len(values), dtype=np.float64)
    left = values - np.polyval(np.polyfit(order, values, 1), order)
    if not np.ptp(left) > 1e-9 * max(float(np.abs(values).max()), 1e-300):
        return math.nan
    return float(stats.kruskal(*(left[group] for group in groups)).pvalue)


def limit_share(r: float) -> float:
    """Return how far XmR limits of an autocorrelated series reach, as a share of three standard deviations.

    For a stationary normal series the mean moving range is 2σ√((1 − ρ)/π), so limits made of it lie at
    √(1 − ρ) of the distance at which they would lie for independent points.

    Examples
    --------
    >>> round(limit_share(0.75), 2)
    0.5
    """
    return math.sqrt(max(1.0 - r, 0.0))
