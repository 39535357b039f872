"""Weights of other units that make a series follow a unit before the start, and of the periods before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Weight of the row that makes the weights sum to 1, in units of the largest singular value.
SUM_WEIGHT = 1e4
#: Ridge penalty in units of the mean variance of the donors: it picks one of many equal mixtures.
RIDGE = 1e-3
#: Penalty of period weights in standard deviations of first differences: it makes them unique.
PERIOD_PENALTY = 1e-6
#: Ratio of the smallest to the largest ridge penalty that is tried, and how many steps lie between.
SMALLEST_PENALTY, PENALTY_STEPS = 1e-8, 20


def simplex_weights(
    target: FloatArray, columns: FloatArray, penalty: float, *, level: bool = True
) -> tuple[FloatArray, float]:
    """Return the weights of columns, at least 0 and summing to 1, whose mixture is nearest to a target.

    Minimises ``sum_t (y_t - sum_j w_j x_tj - a)^2 + penalty ||w||^2`` by non-negative least squares (Lawson &
    Hanson 1974, *Solving Least Squares Problems*, chapter 23), the sum of the weights as a row of its own.

    Parameters
    ----------
    target : ndarray, shape (n,)
    columns : ndarray, shape (n, J)
    penalty : float
        At least 0.
    level : bool
        Whether a is free; otherwise it is 0.

    Returns
    -------
    weights : ndarray, shape (J,)
    level : float
        a.
    """
    from scipy.optimize import nnls  # noqa: PLC0415  (start-up time)

    n, J = columns.shape
    centre = columns.mean(axis=0) if level else np.zeros(J)
    mean = float(target.mean()) if level else 0.0
    centred = columns - centre
    scale = max(float(np.mean(centred**2)), np.finfo(float).tiny)
    # a target that varies beyond all measure of the columns must not outweigh the sum, nor a penalty
    strong = SUM_WEIGHT * np.sqrt(max(scale, 1e-6 * float(np.var(target)), penalty / n) * n)
    rows = np.vstack([centred, np.sqrt(penalty) * np.eye(J), np.full((1, J), strong)])
    weights = nnls(rows, np.concatenate([target - mean, np.zeros(J), [strong]]))[0]
    weights /= weights.sum()
    return weights, float(mean - centre @ weights)


def synthetic_weights(
    unit: FloatArray, donors: FloatArray, ridge: float = RIDGE, *, level: bool = True
) -> tuple[FloatArray, float]:
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
    level : bool
        Whether a is free; otherwise it is 0.

    Returns
    -------
    weights : ndarray, shape (J,)
        At least 0, summing to 1.
    level : float
        a.
    """
    scale = max(float(np.mean((donors - donors.mean(axis=0)) ** 2)), np.finfo(float).tiny)
    return simplex_weights(unit, donors, ridge * scale * len(unit), level=level)


class DoubleWeights(Struct, frozen=True):
    """Weights of units and of periods before the start, for a weighted double difference.

    Attributes
    ----------
    units : ndarray, shape (J,)
        omega: at least 0, summing to 1.
    periods : ndarray, shape (n0,)
        lambda: at least 0, summing to 1.
    noise : float
        Standard deviation of the donors' first differences before the start.
    zeta : float
        ``(n1)^(1/4) noise``; ``zeta^2 n0`` penalises omega.
    """

    units: FloatArray
    periods: FloatArray
    noise: float
    zeta: float


def double_weights(
    unit: FloatArray, before: FloatArray, after: FloatArray, noise: float | None = None
) -> DoubleWeights:
    """Return the weights of synthetic difference in differences with one treated unit.

    Unit weights make the mixture of donors run parallel to the unit before the start:
    ``min sum_t (y_t - sum_j omega_j y_jt - a)^2 + zeta^2 n0 ||omega||^2``. Period weights make the weighted
    mean of earlier periods resemble the mean of later ones among the donors:
    ``min sum_j (ybar_j - sum_t lambda_t y_jt - b)^2 + (1e-6 noise)^2 J ||lambda||^2``. Both are at least 0
    and sum to 1 (Arkhangelsky, Athey, Hirshberg, Imbens & Wager 2021, *American Economic Review* 111:4088,
    equations 4 to 6, and the penalty of lambda and the divisor n - 1 of the authors' program ``synthdid``).

    Parameters
    ----------
    unit : ndarray, shape (n0,)
        The treated unit before the start, without gaps.
    before, after : ndarray, shape (n0, J) and (n1, J)
        Donors in the same periods, and in those with an effect.
    noise : float, optional
        As for `DoubleWeights`; by default that of these donors, between neighbouring periods given here.
    """
    n0, J = before.shape
    if noise is None:
        noise = float(np.diff(before, axis=0).std(ddof=1))
    zeta = len(after) ** 0.25 * noise
    units, _ = simplex_weights(unit, before, zeta**2 * n0)
    periods, _ = simplex_weights(after.mean(axis=0), before.T, (PERIOD_PENALTY * noise) ** 2 * J)
    return DoubleWeights(units, periods, noise, zeta)


class AugmentedWeights(Struct, frozen=True):
    """Weights of a synthetic control that ridge regression has corrected.

    Attributes
    ----------
    weights : ndarray, shape (J,)
        They sum to 1, and may be negative.
    level : float
        Difference in level from their mixture.
    penalty : float
        Of the ridge regression.
    left_out : ndarray, shape (n0,)
        What the unit has more than is predicted for each period from the others.
    """

    weights: FloatArray
    level: float
    penalty: float
    left_out: FloatArray


def augmented_weights(
    unit: FloatArray,
    donors: FloatArray,
    penalty: float | None = None,
    *,
    ridge: float = RIDGE,
    level: bool = True,
) -> AugmentedWeights:
    """Return the weights of a ridge-augmented synthetic control.

    The synthetic control gamma leaves differences ``r = y - X gamma - a`` before the start. A ridge
    regression over the donors says what such differences mean for later periods, which is the same as
    adding ``Xc' (Xc Xc' + penalty I)^-1 r`` to the weights, Xc the donors less their mean in each period
    (Ben-Michael, Feller & Rothstein 2021, *JASA* 116:1789, lemma 1).

    The penalty is the largest whose mean squared error is at most one standard error above the smallest,
    when each period before the start is predicted from the others (their section 5.3), among 21 penalties
    from the largest squared singular value of Xc down to 1e-8 of it, as in the authors' program ``augsynth``.
    Unlike there the level is estimated anew without the period: a mean over all of them gives it away.

    Parameters
    ----------
    unit : ndarray, shape (n0,)
        Periods before the start, without gaps; at least 3.
    donors : ndarray, shape (n0, J)
        The same periods.
    penalty : float, optional
        In the place of the one that is chosen.
    ridge : float
        Of the synthetic control, as for `synthetic_weights`.
    level : bool
        Whether levels may differ; otherwise a is 0.
    """
    control, _ = synthetic_weights(unit, donors, ridge, level=level)
    centred = donors - donors.mean(axis=1, keepdims=True)
    if level:
        centred -= centred.mean(axis=0)
    gap = unit - donors @ control
    gap = gap - gap.mean() if level else gap
    penalties, errors = left_out_errors(unit, donors, penalty, ridge=ridge, level=level)
    chosen = one_standard_error(errors)
    size = float(penalties[chosen])
    inner = centred @ centred.T + size * np.eye(len(unit))
    more = centred.T @ np.linalg.solve(inner, gap) if size > 0.0 else np.zeros_like(control)
    weights = control + more
    above = float(np.mean(unit - donors @ weights)) if level else 0.0
    return AugmentedWeights(weights, above, size, errors[:, chosen])


def left_out_errors(
    unit: FloatArray,
    donors: FloatArray,
    penalty: float | None = None,
    *,
    ridge: float = RIDGE,
    level: bool = True,
) -> tuple[FloatArray, FloatArray]:
    """Return penalties, the largest first, and the error of each period that is predicted from the others.

    The synthetic control is fitted anew without the period. The ridge regression that corrects it is linear,
    so that its error is the residual over one minus the leverage (Allen 1974, *Technometrics* 16:125).

    Parameters
    ----------
    unit, donors, penalty, ridge, level
        As for `augmented_weights`.

    Returns
    -------
    penalties : ndarray, shape (L,)
    errors : ndarray, shape (n0, L)
    """
    n = len(unit)
    centred = donors - donors.mean(axis=1, keepdims=True)
    gram = centred @ centred.T
    if level:
        middle = np.eye(n) - 1.0 / n
        gram = middle @ gram @ middle
    # a level is a direction of its own, beyond all others, that leaves nothing over
    largest = float(np.linalg.eigvalsh(gram)[-1])
    size, directions = np.linalg.eigh(gram + 2.0 * largest / n if level else gram)
    if level:
        size, directions = size[:-1], directions[:, :-1]
    size = np.maximum(size, 0.0)
    penalties = largest * SMALLEST_PENALTY ** (np.arange(PENALTY_STEPS + 1) / PENALTY_STEPS)
    if penalty is not None:
        penalties = np.array([penalty])
    if largest <= np.finfo(float).eps * float(np.sum(donors**2)):
        # all donors move alike: there is nothing that could correct
        penalties = np.zeros(1)
    gaps = np.empty((n, n))
    for period in range(n):
        others = np.arange(n) != period
        weights, _ = synthetic_weights(unit[others], donors[others], ridge, level=level)
        gaps[:, period] = unit - donors @ weights
    if not penalties[0]:
        own = np.diag(gaps)
        means = (gaps.sum(axis=0) - own) / (n - 1.0) if level else 0.0
        return penalties, (own - means)[:, None]
    left = penalties / (size[:, None] + penalties)
    residuals = (directions * (directions.T @ gaps).T) @ left
    return penalties, residuals / (directions**2 @ left)


def one_standard_error(errors: FloatArray) -> int:
    """Return the first column of errors whose mean square is within a standard error of the smallest.

    Parameters
    ----------
    errors : ndarray, shape (n, L)
        By penalty, the largest first.
    """
    squares = errors**2
    means = squares.mean(axis=0)
    least = int(np.argmin(means))
    margin = float(squares[:, least].std(ddof=1)) / np.sqrt(len(errors))
    return int(np.flatnonzero(means <= means[least] + margin)[0])
