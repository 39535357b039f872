"""Synthetic control weights: the mixture of donors that moved like the unit before the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
