"""Where monotone functions cross zero, for many numbers at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from its_eval.estimators.fit import FloatArray


def crossing(function: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray) -> FloatArray:
    """Return where a function of numbers, rising in each, crosses zero, by halving down to rounding.

    SciPy's root finders take one number at a time and an eighth of a second to import.

    Parameters
    ----------
    function : callable
        From an array to one of its shape.
    low, high : ndarray
        Below 0 at the first and above at the second.
    """
    low, high = (np.array(bound, dtype=np.float64) for bound in np.broadcast_arrays(low, high))
    while True:
        middle = 0.5 * (low + high)
        # of a bound that is not known the middle is not known either
        if not ((middle > low) & (middle < high)).any():
            return middle
        above = function(middle) > 0.0
        high = np.where(above, middle, high)
        low = np.where(above, low, middle)
