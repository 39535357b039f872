"""The error model of a restricted likelihood through quadratic forms, and its optimum inside a box.

``V = sigma_e^2 D N^{-1} D``: N is the precision matrix of a stationary AR(p) process with innovation
variance 1 (``autoregression``), D the identity, or 1 before and ``exp(lambda / 2)`` after an interruption, so
that ``exp(lambda)`` is the variance after over the variance before. In either case the precision matrix is a
weighted sum of fixed 0/1 forms: with S_ij of ``autoregression`` split by where its two months lie,

  ``D^{-1} N D^{-1} = sum_ij w_ij [S_ij(before, before) + e^{-lambda/2} S_ij(across) + e^{-lambda} S_ij(after,
  after)]``,   ``log|D^{-1} N D^{-1}| = log|N| - n_after lambda``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from its_eval.estimators.fit import BoolArray, FloatArray
from its_eval.estimators.reml.autoregression import (
    BOUNDS,
    PrecisionTerms,
    autocovariances,
    bound_arrays,
    form_pairs,
    precision_terms,
)
from its_eval.estimators.reml.profile import evaluate_profile

if TYPE_CHECKING:
    from its_eval.estimators.reml.profile import ProfileValues
    from its_eval.estimators.reml.reduction import ReducedDesign, ReducedSeries


#: The variance may change at most by this factor, in either direction.
LARGEST_RATIO = 100.0
#: Longest Newton step in a partial autocorrelation and in the log ratio: farther than that a quadratic model
#: of the likelihood does not hold.
LONGEST_STEP, LONGEST_RATIO_STEP = 0.3, 1.0


class ErrorModel(Struct, frozen=True, dict=True):
    """AR(p) errors over n months, of constant variance or with one variance per segment.

    The parameters theta are the p partial autocorrelations and, by segment, the log variance ratio behind
    them. Form m is ``v'S_m v = sum_t v_t v_{t + lag_m}`` over the months t of its mask.

    Attributes
    ----------
    order : int
        p, 1 or 2.
    after : ndarray of bool, shape (n,)
        Months with a variance of their own; none for constant variance.
    pairs : ndarray of int, shape (m,)
        Which of ``form_pairs`` a form belongs to.
    lags : ndarray of int, shape (m,)
        Distance between the two months of a form.
    masks : ndarray of bool, shape (m, n)
        Earlier months of a form.
    powers : ndarray, shape (m,)
        The form's weight falls with ``exp(-power lambda)``: 0, 1/2 or 1.
    """

    order: int
    after: BoolArray
    pairs: NDArray[np.intp]
    lags: NDArray[np.intp]
    masks: BoolArray
    powers: FloatArray

    @property
    def n_rows(self) -> int:
        """Number of months n, missing ones included."""
        return int(self.after.size)

    @property
    def by_segment(self) -> bool:
        """Whether there is a variance ratio."""
        return bool(self.after.any())

    @property
    def n_parameters(self) -> int:
        """Number q of parameters theta: p, or p + 1 by segment."""
        return self.order + self.by_segment

    @cached_property
    def reach(self) -> FloatArray:
        """What row t of a form takes from months t - p..t + p, shape (m, 2p + 1, n)."""
        reach = np.zeros((self.lags.size, 2 * self.order + 1, self.n_rows))
        for own, lag, mask in zip(reach, self.lags, self.masks, strict=True):
            month = np.flatnonzero(mask)
            # a form counts a pair of months once; its matrix has half of it on either side of the diagonal
            own[self.order + lag, month] += 0.5
            own[self.order - lag, month + lag] += 0.5
        return reach

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds of theta, each of shape (q,)."""
        lower, upper = bound_arrays(self.order)
        if not self.by_segment:
            return lower, upper
        limit = np.log(LARGEST_RATIO)
        return np.append(lower, -limit), np.append(upper, limit)

    def longest_step(self) -> FloatArray:
        """Longest Newton step in each parameter, shape (q,)."""
        return np.array([LONGEST_STEP] * self.order + [LONGEST_RATIO_STEP] * self.by_segment)

    def terms(self, theta: FloatArray) -> PrecisionTerms:
        """Weights of the forms and the log determinant of the precision matrix, with derivatives by theta.

        Parameters
        ----------
        theta : ndarray, shape (G, q)
        """
        order = self.order
        base = precision_terms(theta[:, :order])
        if not self.by_segment:
            return base
        log_ratio = theta[:, order]
        n_after = float(self.after.sum())
        faded = np.exp(-log_ratio[:, None] * self.powers)
        weights = base.weights[:, self.pairs] * faded
        first = np.empty((len(theta), order + 1, self.pairs.size))
        first[:, :order] = base.first[:, :, self.pairs] * faded[:, None]
        first[:, order] = -self.powers * weights
        second = np.empty((len(theta), order + 1, order + 1, self.pairs.size))
        second[:, :order, :order] = base.second[:, :, :, self.pairs] * faded[:, None, None]
        second[:, order, :] = second[:, :, order] = -self.powers * first
        log_second = np.zeros((len(theta), order + 1, order + 1))
        log_second[:, :order, :order] = base.log_determinant_second
        falls = np.full((len(theta), 1), -n_after)
        return PrecisionTerms(
            weights=weights,
            first=first,
            second=second,
            log_determinant=base.log_determinant - n_after * log_ratio,
            log_determinant_first=np.hstack([base.log_determinant_first, falls]),
            log_determinant_second=log_second,
        )

    def rooted(self, theta: FloatArray, columns: FloatArray) -> FloatArray:
        """``L'x`` with ``LL' = V``, for columns x of months, without the matrix.

        With ``N = B'B`` it is the solution z of ``B'z = x``, from the last month to the first: B has an
        innovation in each row, that of the first months by the lower orders of the process.

        Parameters
        ----------
        theta : ndarray, shape (S, q)
        columns : ndarray, shape (S, n, c)
        """
        rooted = np.ascontiguousarray(np.swapaxes(columns, 0, 1))
        if self.by_segment:
            rooted[self.after] *= np.exp(theta[:, self.order, None] / 2.0)
        partials = theta[:, : self.order, None]
        # what a month has of the one and of the two before it, and its own weight where that is not 1
        root = np.sqrt(1.0 - partials**2)
        one = [partials[:, 0] * (1.0 - (partials[:, 1] if self.order == 2 else 0.0))] * self.n_rows
        own = {0: root.prod(axis=1)}
        if self.order == 2:
            own[1] = root[:, 1]
            one[1] = partials[:, 0] * root[:, 1]
        for month in range(self.n_rows - 1, -1, -1):
            if month + 1 < self.n_rows:
                rooted[month] += one[month + 1] * rooted[month + 1]
            if self.order == 2 and month + 2 < self.n_rows:
                rooted[month] += partials[:, 1] * rooted[month + 2]
            if month in own:
                rooted[month] /= own[month]
        return np.swapaxes(rooted, 0, 1)

    def form_traces(self, theta: FloatArray) -> FloatArray:
        """``tr S_m V``, V as in ``covariances``: the form's months times their covariance, shape (G, m)."""
        gamma = autocovariances(theta[:, : self.order], self.order + 2)
        traces: FloatArray = self.masks.sum(axis=1) * gamma[:, self.lags]
        if self.by_segment:
            traces *= np.exp(theta[:, self.order, None] * self.powers)
        return traces


def constant_variance(order: int, n_rows: int) -> ErrorModel:
    """AR(p) errors of the same variance in all of n months."""
    return variance_by_segment(order, np.zeros(n_rows, dtype=np.bool_))


def variance_by_segment(order: int, after: BoolArray) -> ErrorModel:
    """AR(p) errors whose variance changes where ``after`` does.

    Parameters
    ----------
    order : int
        p, 1 or 2.
    after : ndarray of bool, shape (n,)
        True in the months with the second variance; all False is constant variance.

    Raises
    ------
    ValueError
        For any other order.
    """
    if order not in BOUNDS:
        raise ValueError(f"order is {order}; only AR(1) and AR(2) errors are available")
    months = np.arange(after.size)
    pairs, lags, masks, powers = [], [], [], []
    for pair, (i, j) in enumerate(form_pairs(order)):
        lag = j - i
        reached = (months >= i) & (months < after.size - j)
        n_after = after.astype(np.intp)
        n_after[: after.size - lag] += after[lag:]
        for count in (0, 1, 2):
            mask = reached & (n_after == count)
            # Without a second variance there is one form per pair; a month is not across from itself.
            if (count == 0 or after.any()) and not (lag == 0 and count == 1):
                pairs.append(pair)
                lags.append(lag)
                masks.append(mask)
                powers.append(count / 2.0)
    return ErrorModel(order, after, np.array(pairs), np.array(lags), np.array(masks), np.array(powers))


#: A function is finished when none of its parameters moves further than this: after such a step, which is
#: taken, about its square is left.
STEP_TOLERANCE = 1e-7
#: Increases up to this size are rounding: Newton's step is trusted, which goes by the exact gradient.
VALUE_TOLERANCE = 1e-11
MAXIMUM_ITERATIONS = 200


class SecondOrder(Protocol):
    """Values (S,), gradients (S, q) and Hessians (S, q, q) of S functions, each at a point of its own."""

    @property
    def value(self) -> FloatArray:
        """Values, shape (S,)."""
        ...

    @property
    def gradient(self) -> FloatArray:
        """Gradients, shape (S, q)."""
        ...

    @property
    def hessian(self) -> FloatArray:
        """Hessians, shape (S, q, q)."""
        ...


Evaluate = Callable[[NDArray[np.intp], FloatArray], SecondOrder]


def minimise(
    evaluate: Evaluate,
    start: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    longest: FloatArray,
    tolerance: float = STEP_TOLERANCE,
) -> tuple[FloatArray, FloatArray]:
    """Follow each function from its start to the local minimum inside the bounds.

    The step is Newton's (``box_step``); one that does not lower the function is repeated at a quarter of its
    length.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(functions, points)`` for an index array of functions and one point (row) for each.
    start : ndarray, shape (S, q)
    lower, upper : ndarray, shape (q,)
    longest : ndarray, shape (q,)
        Longest step in each coordinate.
    tolerance : float
        A function is finished after a step in which no parameter moves further; what is left is about the
        square of that.

    Returns
    -------
    points : ndarray, shape (S, q)
    values : ndarray, shape (S,)
    """
    points = np.clip(start, lower, upper)
    active = np.arange(len(points))
    current = evaluate(active, points)
    value, gradient, hessian = current.value, current.gradient, current.hessian
    damping = np.ones(len(value))
    for _ in range(MAXIMUM_ITERATIONS):
        if active.size == 0:
            break
        here = points[active]
        step = box_step(gradient[active], hessian[active], lower - here, upper - here)
        step /= np.maximum((np.abs(step) / longest).max(axis=1, keepdims=True), 1.0)
        there = np.clip(here + damping[active, None] * step, lower, upper)
        # A bound just reached may leave the others something to do.
        arrived = ((there <= lower) & (here > lower)) | ((there >= upper) & (here < upper))
        moving = np.asarray((np.abs(there - here) >= tolerance).any(axis=1) | arrived.any(axis=1))
        # What a whole step this short leads to is known to rounding without evaluating it.
        settled = ~moving & (damping[active] == 1.0)
        last, step = active[settled], (there - here)[settled]
        points[last] = there[settled]
        slope = gradient[last] + (hessian[last] @ step[:, :, None])[:, :, 0] / 2.0
        value[last] += np.sum(slope * step, axis=1)
        active, there, moving = active[~settled], there[~settled], moving[~settled]
        if active.size == 0:
            break
        trial = evaluate(active, there)
        improved = trial.value <= value[active] + VALUE_TOLERANCE
        accepted = active[improved]
        points[accepted] = there[improved]
        value[accepted] = trial.value[improved]
        gradient[accepted] = trial.gradient[improved]
        hessian[accepted] = trial.hessian[improved]
        damping[active] = np.where(improved, 1.0, damping[active] / 4.0)
        active = active[moving]
    return points, value


def box_step(gradient: FloatArray, hessian: FloatArray, below: FloatArray, above: FloatArray) -> FloatArray:
    """Newton steps (S, q) that stay inside the box.

    A coordinate at a bound whose gradient points outwards stays there. One whose step would leave the box
    goes to its bound, and the step of the others is worked out again given that. Eigenvalues of the Hessian
    of the free coordinates are taken absolutely. Where the result does not descend nevertheless, because the
    bounds cut off the part that did, every coordinate follows its own slope, which always descends.

    Parameters
    ----------
    gradient, hessian : ndarray, shapes (S, q) and (S, q, q)
    below, above : ndarray, shape (S, q)
        Distances to the bounds: none of the first is positive, none of the second negative.
    """
    bound = ((below >= 0.0) & (gradient > 0.0)) | ((above <= 0.0) & (gradient < 0.0))
    step = np.zeros_like(gradient)
    n_coordinates = gradient.shape[1]
    for _ in range(n_coordinates):
        fixed = np.where(bound, step, 0.0)
        slope = np.where(bound, 0.0, gradient + (hessian @ fixed[:, :, None])[:, :, 0])
        # A 1 for each bound coordinate: with a 0 the rounding of the eigenvectors would be divided by it.
        free = np.where(bound[:, :, None] | bound[:, None], np.eye(n_coordinates), hessian)
        eigenvalues, eigenvectors = np.linalg.eigh(free)
        curvature = np.maximum(np.abs(eigenvalues), np.finfo(np.float64).tiny ** 0.25)
        rotated = (np.swapaxes(eigenvectors, 1, 2) @ slope[:, :, None])[:, :, 0] / curvature
        step = np.where(bound, fixed, -(eigenvectors @ rotated[:, :, None])[:, :, 0])
        leaving = (step < below) | (step > above)
        if not leaving.any():
            break
        step = np.clip(step, below, above)
        bound |= leaving
    steepness = np.abs(hessian).sum(axis=2).max(axis=1, keepdims=True)
    own_slope = np.clip(-gradient / np.maximum(steepness, np.finfo(np.float64).tiny), below, above)
    descends = np.sum(gradient * step, axis=1, keepdims=True) < 0.0
    return np.where(descends, step, own_slope)


#: Longest step in a partial autocorrelation: a quarter of the region is farther than a quadratic model holds.
LONGEST_STEP_NEWTON = 0.3


def refine(
    design: ReducedDesign, series: ReducedSeries, start: FloatArray, tolerance: float = STEP_TOLERANCE
) -> tuple[FloatArray, FloatArray]:
    """Follow each series from its start to the local optimum inside the bounds (``projected_newton``).

    Parameters
    ----------
    design : ReducedDesign
    series : ReducedSeries
        S series.
    start : ndarray, shape (S, p)
        Partial autocorrelations.
    tolerance : float
        As for ``minimise``.

    Returns
    -------
    partials : ndarray, shape (S, p)
    value : ndarray, shape (S,)
        The objective ``log RSS + log h`` there.
    """

    def evaluate(chosen: NDArray[np.intp], partials: FloatArray) -> ProfileValues:
        return evaluate_profile(design, series.take(chosen), partials)

    longest = np.full(design.order, LONGEST_STEP_NEWTON)
    return minimise(evaluate, start, *bound_arrays(design.order), longest, tolerance)
