"""How alike units were before the start, and the mixture of donors that moved like one."""

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
        compared(
            f"pre-period {name}",
            float(values_of_units[unit]),
            values_of_units[list(peers)],
            values_of_units[list(pool)],
        )
        for name, values_of_units in measures.items()
    ]


def _means_and_slopes(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and slope of each column over what is observed of it."""
    observed = ~np.isnan(values)
    counts = observed.sum(axis=0)
    enough = np.where(counts >= LEAST_OBSERVED, counts, np.nan)
    filled = np.where(observed, values, 0.0)
    times = np.where(observed, np.arange(len(values), dtype=np.float64)[:, None], 0.0)
    means = filled.sum(axis=0) / enough
    centred_times = np.where(observed, times - times.sum(axis=0) / enough, 0.0)
    with np.errstate(invalid="ignore"):
        slopes = (centred_times * filled).sum(axis=0) / (centred_times**2).sum(axis=0)
    return means, slopes


def _prediction_error(centred: NDArray[np.float64], column: int, peers: Sequence[int]) -> float:
    """Return the root mean squared gap of one centred series to the mean of the peers without itself."""
    others = centred[:, [peer for peer in peers if peer != column]]
    counts = (~np.isnan(others)).sum(axis=1)
    comparable = (counts > 0) & ~np.isnan(centred[:, column])
    if not comparable.any():
        return float("nan")
    gap = centred[comparable, column] - np.nansum(others[comparable], axis=1) / counts[comparable]
    return float(np.sqrt(np.mean(gap**2)))


#: Weight of the row that makes the weights sum to 1, in units of the largest singular value.
SUM_WEIGHT = 1e4
#: Ridge penalty in units of the mean variance of the donors: it picks one of many equal mixtures.
RIDGE = 1e-3


def synthetic_weights(
    unit: NDArray[np.float64], donors: NDArray[np.float64], ridge: float = RIDGE
) -> tuple[NDArray[np.float64], float]:
    """Return simplex weights and the level difference that fit a unit before the start.

    Minimises ``sum_t (y_t - sum_j w_j y_jt - a)^2 + ridge * v ||w||^2`` over w >= 0, sum w = 1 and a, v the
    mean variance of the donors times the number of periods (methods §7; Abadie, Diamond & Hainmueller 2010,
    JASA 105:493; the intercept after Doudchenko & Imbens 2016, NBER 22791).

    Parameters
    ----------
    unit : ndarray, shape (n0,)
        Periods before the start, without gaps.
    donors : ndarray, shape (n0, J)
        The same periods.
    ridge : float
        Penalty.

    Returns
    -------
    weights : ndarray, shape (J,)
        At least 0, summing to 1.
    level : float
        a.
    """
    from scipy.optimize import nnls  # noqa: PLC0415  (start-up time)

    centre = donors.mean(axis=0)
    centred = donors - centre
    scale = max(float(np.mean(centred**2)), np.finfo(float).tiny)
    penalty = np.sqrt(ridge * scale * len(unit))
    strong = SUM_WEIGHT * np.sqrt(scale * len(unit))
    J = donors.shape[1]
    rows = np.vstack([centred, penalty * np.eye(J), np.full((1, J), strong)])
    target = np.concatenate([unit - unit.mean(), np.zeros(J), [strong]])
    weights = nnls(rows, target)[0]
    weights /= weights.sum()
    return weights, float(unit.mean() - centre @ weights)
