"""How alike the outcome of units was before the start: for balance, and as something to match on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.attributes import Characteristics
from its_eval.peers.balance import Balance, compared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Observations that a mean and a slope need.
LEAST_OBSERVED = 3


def pre_period_characteristics(values: NDArray[np.float64], units: tuple[str, ...]) -> Characteristics:
    """Return level and trend of the outcome before the start, to choose peers by.

    Matching on the outcome itself makes the series look parallel; where units were at a chance extreme it
    picks peers that go on to drift back (Daw & Hatfield 2018, *Health Services Research* 53:4138).

    Parameters
    ----------
    values : ndarray, shape (n0, units)
        The outcome before the start; NaN where missing.
    units : tuple of str
        Labels of the columns.

    Returns
    -------
    Characteristics
        ``pre-period mean`` and ``pre-period slope`` (least squares, per period); NaN for a unit with fewer
        than three observations.
    """
    means, slopes = _means_and_slopes(values)
    return Characteristics(units, ("pre-period mean", "pre-period slope"), np.column_stack([means, slopes]))


def outcome_balance(
    values: NDArray[np.float64], unit: int, peers: Sequence[int], pool: Sequence[int]
) -> list[Balance]:
    """Return how alike the outcome of a unit and of its peers was before the start.

    Three rows: ``pre-period mean``, ``pre-period slope`` (least squares, per period) and ``pre-period
    RMSPE``, the root mean squared difference from the mean of the peers (a peer's: from the other peers)
    after every series has been centred. A constant gap cancels in a comparison of changes and is shown by
    the means; the RMSPE is what the peers fail to follow (Abadie, Diamond & Hainmueller 2010, *JASA* 105:493,
    centred as in Ferman & Pinto 2021, *Quantitative Economics* 12:1197).

    Parameters
    ----------
    values : ndarray, shape (n0, units)
        The outcome before the start; NaN where missing.
    unit : int
        Column of the unit.
    peers, pool : sequence of int
        Columns of its peers and of every other unit.
    """
    means, slopes = _means_and_slopes(values)
    centred = values - means
    errors = np.array([_prediction_error(centred, column, peers) for column in range(values.shape[1])])
    measures = {"mean": means, "slope": slopes, "RMSPE": errors}
    return [
        compared(f"pre-period {name}", float(found[unit]), found[list(peers)], found[list(pool)])
        for name, found in measures.items()
    ]


def _means_and_slopes(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and slope of each column over what is observed of it."""
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    enough = np.where(counts >= LEAST_OBSERVED, counts, np.nan)
    filled = np.where(known, values, 0.0)
    times = np.where(known, np.arange(len(values), dtype=np.float64)[:, None], 0.0)
    means = filled.sum(axis=0) / enough
    centred_times = np.where(known, times - times.sum(axis=0) / enough, 0.0)
    with np.errstate(invalid="ignore"):
        slopes = (centred_times * filled).sum(axis=0) / (centred_times**2).sum(axis=0)
    return means, slopes


def _prediction_error(centred: NDArray[np.float64], column: int, peers: Sequence[int]) -> float:
    """Return the root mean squared gap of one centred series to the mean of the peers without itself."""
    others = centred[:, [peer for peer in peers if peer != column]]
    counts = (~np.isnan(others)).sum(axis=1)
    known = (counts > 0) & ~np.isnan(centred[:, column])
    if not known.any():
        return float("nan")
    gap = centred[known, column] - np.nansum(others[known], axis=1) / counts[known]
    return float(np.sqrt(np.mean(gap**2)))
