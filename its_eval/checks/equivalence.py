"""Whether an effect is smaller than what would matter: an interval against a margin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from its_eval.estimate.fit import FloatArray


def equivalence(low: FloatArray, high: FloatArray, margin: float) -> NDArray[np.str_]:
    """Return what intervals say about a margin: ``within``, ``beyond`` or ``inconclusive``.

    An interval of confidence 1 - 2 alpha inside ±margin is Schuirmann's two one-sided tests at level alpha
    (1987, *Journal of Pharmacokinetics and Biopharmaceutics* 15:657): a 95 % interval concludes at 2.5 %.

    Parameters
    ----------
    low, high : ndarray
        Limits; NaN gives ``inconclusive``.
    margin : float
        Largest effect that would not matter, above 0, in the units of the effect.

    Raises
    ------
    ValueError
        If the margin is not a positive number.
    """
    if not margin > 0.0 or not np.isfinite(margin):
        raise ValueError(f"the margin is {margin}; it has to be a positive number in the units of the effect")
    within = (low > -margin) & (high < margin)
    beyond = (low >= margin) | (high <= -margin)
    return np.asarray(np.where(within, "within", np.where(beyond, "beyond", "inconclusive")))
