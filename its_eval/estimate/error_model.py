"""The error model of a restricted likelihood that is evaluated through quadratic forms of single series.

``V = sigma_e^2 D N^{-1} D``: N is the precision matrix of a stationary AR(p) process with innovation
variance 1 (``autoregression``), D the identity, or 1 before and ``exp(lambda / 2)`` after an interruption, so
that ``exp(lambda)`` is the variance after over the variance before. In either case the precision matrix is a
weighted sum of fixed 0/1 forms: with S_ij of ``autoregression`` split by where its two months lie,

  ``D^{-1} N D^{-1} = sum_ij w_ij [S_ij(before, before) + e^{-lambda/2} S_ij(across) + e^{-lambda} S_ij(after,
  after)]``,   ``log|D^{-1} N D^{-1}| = log|N| - n_after lambda``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from its_eval.estimate.autoregression import (
    BOUNDS,
    PrecisionTerms,
    autocovariances,
    bound_arrays,
    form_pairs,
    precision_terms,
)
from its_eval.estimate.fit import BoolArray, FloatArray

#: The variance may change at most by this factor, in either direction.
LARGEST_RATIO = 100.0
#: Longest Newton step in a partial autocorrelation and in the log ratio: farther than that a quadratic model
#: of the likelihood does not hold.
LONGEST_STEP, LONGEST_RATIO_STEP = 0.3, 1.0


@dataclass(frozen=True)
class ErrorModel:
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
        zero = np.zeros((len(theta), 1))
        return PrecisionTerms(
            weights=weights,
            first=first,
            second=second,
            log_determinant=base.log_determinant - n_after * log_ratio,
            log_determinant_first=np.hstack([base.log_determinant_first, zero - n_after]),
            log_determinant_second=np.hstack([base.log_determinant_second, zero]),
        )

    def covariances(self, theta: FloatArray) -> FloatArray:
        """Covariance matrices with innovation variance 1 before the interruption, shape (G, n, n)."""
        months = np.arange(self.n_rows)
        gamma = autocovariances(theta[:, : self.order], self.n_rows)
        dense = gamma[:, np.abs(months[:, None] - months)]
        if self.by_segment:
            scale = np.exp(theta[:, self.order, None] / 2.0 * self.after)
            dense *= scale[:, :, None]
            dense *= scale[:, None]
        return dense

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
