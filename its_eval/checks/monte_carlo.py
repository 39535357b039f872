"""p-values from simulated or permuted statistics.

With B draws under the null hypothesis, p = (1 + number as extreme as observed) / (1 + B): exact where the
statistic's null distribution has no unknown parameter (Dufour 2006, *Journal of Econometrics* 133:443).
"""

from __future__ import annotations

import math

import numpy as np

from its_eval.estimate.fit import FloatArray

#: Statistics this close, relative to the observed one, count as tied, and ties as at least as extreme.
TIE_TOLERANCE = 1e-9


def count_at_least(observed: float, drawn: FloatArray) -> int:
    """Return how many draws are as large as the observed value; ties and NaN (not computable) count.

    Parameters
    ----------
    observed : float
    drawn : ndarray, shape (B,)
    """
    threshold = observed - TIE_TOLERANCE * abs(observed)
    return int(np.sum(~(drawn < threshold)))


def upper_p(observed: float, drawn: FloatArray) -> float:
    """Return the p-value of a statistic that is suspicious when large; NaN for a statistic of NaN."""
    if math.isnan(observed):
        return math.nan
    return (1 + count_at_least(observed, drawn)) / (1 + drawn.size)


def two_sided_p(observed: float, drawn: FloatArray) -> float:
    """Return twice the smaller tail, at most 1: for a null that is neither centred nor symmetric."""
    return min(1.0, 2.0 * min(upper_p(observed, drawn), upper_p(-observed, -drawn)))
