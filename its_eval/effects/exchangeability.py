"""Whether a treated unit could be one of the donors, and how many donors there are in effect."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from its_eval.estimators.fit import FloatArray

#: Percentiles among the donors outside which a treated unit is unlike them.
USUAL = (5.0, 95.0)
#: Values that a series needs before the start for a level, a trend and a variance about it.
FEWEST_VALUES = 3


class Percentiles(Struct, frozen=True):
    """Place of a treated unit among its donors before the start, in per cent.

    Attributes
    ----------
    level, trend, variance : float
        Of the mean of its values, the slope of a line through them, and the variance about that line. NaN
        where the unit or every donor has fewer than three values.
    """

    level: float
    trend: float
    variance: float

    @property
    def unusual(self) -> tuple[str, ...]:
        """Names of those outside 5 to 95."""
        return tuple(name for name, place in asdict(self).items() if place < USUAL[0] or place > USUAL[1])


def percentiles(own: FloatArray, donors: FloatArray) -> Percentiles:
    """Return the place of a treated unit among its donors before the start.

    That it could be one of them is what its attribution assumes. A percentile counts the donors below, and
    half of those equal to it.

    Parameters
    ----------
    own : ndarray, shape (n,)
        Values before the start, on the scale of the analysis; NaN where one is missing.
    donors : ndarray, shape (n, J)

    Examples
    --------
    >>> t = np.arange(24.0)[:, None]
    >>> donors = 80 + np.arange(1.0, 10.0) + np.linspace(-0.1, 0.1, 9) * t + np.cos(t) * np.linspace(1, 2, 9)
    >>> percentiles(donors[:, 4] + 20, donors).unusual
    ('level',)
    """
    mine, others = _portrait(own[:, None])[:, 0], _portrait(donors)
    places = []
    for value, drawn in zip(mine, others, strict=True):
        known = drawn[np.isfinite(drawn)]
        if not np.isfinite(value) or known.size == 0:
            places.append(np.nan)
            continue
        close = np.isclose(known, value, rtol=1e-9, atol=0.0)
        places.append(100.0 * float(np.mean(np.where(close, 0.5, known < value))))
    return Percentiles(*places)


def _portrait(Y: FloatArray) -> FloatArray:
    """Return mean, slope and variance about the line for each series, shape (3, S)."""
    seen = np.isfinite(Y)
    count = seen.sum(axis=0)
    enough = count >= FEWEST_VALUES
    values, time = np.where(seen, Y, 0.0), np.arange(Y.shape[0])[:, None] * np.ones(Y.shape[1])
    found = np.full((3, Y.shape[1]), np.nan)
    if not enough.any():
        return found
    count, seen, values, time = count[enough], seen[:, enough], values[:, enough], time[:, enough]
    mean = values.sum(axis=0) / count
    moved = np.where(seen, time - (time * seen).sum(axis=0) / count, 0.0)
    slope = (moved * values).sum(axis=0) / (moved**2).sum(axis=0)
    residuals = np.where(seen, values - mean - slope * moved, 0.0)
    found[:, enough] = mean, slope, (residuals**2).sum(axis=0) / (count - 2)
    return found


def effective_donors(weights: FloatArray) -> float:
    """Return how many independent donors know as much of the spread of changes as these do together.

    Donors share peers, and are peers of each other. With units that are independent and equally variable, and
    donor j's series ``sum_i w_ji y_i``, the correlation of two donors' series is
    ``c_jl = w_j'w_l / sqrt(w_j'w_j w_l'w_l)``. The mean of the squares of J such normal changes has the
    variance ``2 sum_jl c_jl^2 / J^2``, that of ``J^2 / sum_jl c_jl^2`` independent ones (Satterthwaite's
    degrees of freedom, Box 1954, *Annals of Mathematical Statistics* 25:290, theorem 3.1).

    Parameters
    ----------
    weights : ndarray, shape (J, N)
        Row j holds 1 for the donor itself and -1/k for each of its k peers.

    Examples
    --------
    >>> effective_donors(np.eye(4)), round(effective_donors(np.ones((4, 2))), 9)
    (4.0, 1.0)
    """
    unit = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    # sum_jl c_jl^2 is the squared norm of either product; the smaller one is formed
    product = unit @ unit.T if unit.shape[0] <= unit.shape[1] else unit.T @ unit
    return float(unit.shape[0] ** 2 / np.sum(product**2))
