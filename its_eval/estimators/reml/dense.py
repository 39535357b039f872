"""Restricted maximum likelihood of single series from dense matrices, for covariances without a faster form.

With N an orthonormal basis of what a design leaves free, ``z = N'y`` and ``S = N'VN``, m = n - k,

  ``-2 l = m log 2 pi + log|S| + log|X'X| + z'S^{-1}z``,
  ``dl/dtheta_a = -(tr S^{-1}S_a - z'S^{-1}S_a S^{-1}z) / 2``,  ``I_ab = tr(S^{-1}S_a S^{-1}S_b) / 2``

(Patterson & Thompson 1971, *Biometrika* 58:545; Harville 1977, *JASA* 72:320). ``log|X'X|`` makes it the
likelihood of ``fit_reml_ar``. Where the scale sigma^2 of V is apart from theta it is ``z'S^{-1}z / m`` at
every theta, and I loses what is known of it. A quasi-Newton search within bounds from the best point of a
grid finds the neighbourhood, Fisher scoring of what does not sit on a bound the maximum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from msgspec import Struct
from scipy import linalg

from its_eval.estimators.fit import BoolArray, FloatArray

#: ``N'VN`` at theta, and its derivative by each part of theta, which may be made when they are asked for.
Covariance = Callable[[FloatArray], tuple[FloatArray, Iterable[FloatArray]]]

SCORING_STEPS = 50
#: Twice the log-likelihood that is left to gain, at which scoring ends: no parameter moves by more than
#: 0.00001 of its standard error.
DECREMENT = 1e-10
#: Decrement up to which a likelihood so flat that scoring cannot end counts as at its maximum.
SETTLED = 1e-6


class RestrictedMaximum(Struct, frozen=True):
    """Where a restricted likelihood is largest within its bounds.

    Attributes
    ----------
    theta : ndarray, shape (q,)
    on_bound : ndarray of bool, shape (q,)
        Parameters that sit on a bound.
    scale : float
        sigma^2; 1 where theta holds the scale.
    log_likelihood : float
    converged : bool
    """

    theta: FloatArray
    on_bound: BoolArray
    scale: float
    log_likelihood: float
    converged: bool


class _Point(Struct, frozen=True):
    """Log-likelihood without constants, its gradient (q,), the expected information (q, q) and the scale."""

    value: float
    gradient: FloatArray
    information: FloatArray
    scale: float


class RestrictedLikelihood:
    """The restricted likelihood of series that share a design and their used periods.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over the used periods, of full rank.
    covariance : callable
        Takes N (n, m) and returns what gives ``N'VN`` and its derivatives at theta, each (m, m).
    bounds : ndarray, shape (q, 2)
        Least and largest value of each parameter; infinite for none.
    own_scale : bool
        V has a factor sigma^2 that theta does not hold.
    """

    def __init__(
        self,
        X: FloatArray,
        covariance: Callable[[FloatArray], Covariance],
        bounds: FloatArray,
        *,
        own_scale: bool,
    ) -> None:
        basis, triangular = np.linalg.qr(X, mode="complete")
        self.free = basis[:, X.shape[1] :]
        self.constant = 2.0 * float(np.log(np.abs(np.diag(triangular))).sum())
        self.covariance = covariance(self.free)
        self.bounds = bounds
        self.own_scale = own_scale

    def maximise(self, y: FloatArray, starts: Sequence[FloatArray]) -> RestrictedMaximum:
        """Maximise the likelihood of one series.

        Parameters
        ----------
        y : ndarray, shape (n,)
            Of order one.
        starts : sequence of ndarray, shape (q,)
            Points of which the best is gone on from, and the best of those with the largest first parameter.
        """
        from scipy import optimize  # noqa: PLC0415  (start-up time)

        z = self.free.T @ y

        def loss(theta: FloatArray) -> tuple[float, FloatArray]:
            at = self._at(theta, z)
            return -at.value, -at.gradient

        ordered = sorted(starts, key=lambda theta: -self._at(theta, z, slopes=False).value)
        # some likelihoods have a second maximum at the edge
        edge = max(theta[0] for theta in ordered)
        tried = [ordered[0], *[theta for theta in ordered[1:] if theta[0] == edge > ordered[0][0]][:1]]
        found = min(
            (
                optimize.minimize(
                    loss,
                    theta,
                    jac=True,
                    method="L-BFGS-B",
                    bounds=[tuple(pair) for pair in self.bounds],
                    options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500},
                )
                for theta in tried
            ),
            key=lambda result: result.fun,
        )
        theta, at, converged = self._scored(np.asarray(found.x, dtype=np.float64), z)
        total = z.size * math.log(2.0 * math.pi) + self.constant
        return RestrictedMaximum(theta, self._on_bound(theta), at.scale, at.value - total / 2.0, converged)

    def _on_bound(self, theta: FloatArray) -> BoolArray:
        return np.asarray((theta <= self.bounds[:, 0]) | (theta >= self.bounds[:, 1]))

    def _scored(self, theta: FloatArray, z: FloatArray) -> tuple[FloatArray, _Point, bool]:
        """Return the maximum near a point: Fisher scoring of the parameters that are off their bounds."""
        at = self._at(theta, z)
        left = math.inf
        for _ in range(SCORING_STEPS):
            # one that the likelihood pulls away from its bound is free again
            outwards = np.where(theta <= self.bounds[:, 0], at.gradient <= 0.0, at.gradient >= 0.0)
            free = np.flatnonzero(~(self._on_bound(theta) & outwards))
            if not free.size:
                return theta, at, True
            step = np.zeros_like(theta)
            step[free] = np.linalg.solve(at.information[np.ix_(free, free)], at.gradient[free])
            left = float(at.gradient[free] @ step[free])
            if left < DECREMENT:
                return theta, at, True
            for _halving in range(30):
                there = np.clip(theta + step, self.bounds[:, 0], self.bounds[:, 1])
                reached = self._at(there, z)
                if reached.value >= at.value:
                    break
                step /= 2.0
            else:
                break
            theta, at = there, reached
        return theta, at, left < SETTLED

    def _at(self, theta: FloatArray, z: FloatArray, *, slopes: bool = True) -> _Point:
        """Evaluate at a point."""
        S, by_theta = self.covariance(theta)
        nothing = np.zeros_like(theta)
        try:
            factor = linalg.cho_factor(S, lower=True)
        except linalg.LinAlgError:
            return _Point(-math.inf, nothing, np.eye(theta.size), 1.0)
        weighed = linalg.cho_solve(factor, z)
        sum_of_squares = float(z @ weighed)
        scale = sum_of_squares / z.size if self.own_scale else 1.0
        log_determinant = 2.0 * float(np.log(np.diag(factor[0])).sum())
        value = -(z.size * math.log(scale) + log_determinant + sum_of_squares / scale) / 2.0
        if not slopes:
            return _Point(value, nothing, np.eye(theta.size), scale)
        pulled = [linalg.cho_solve(factor, one) for one in by_theta]
        traces = np.array([np.trace(one) for one in pulled])
        squares = np.array([z @ one @ weighed for one in pulled])
        information = np.array([[np.sum(one * other.T) for other in pulled] for one in pulled]) / 2.0
        if self.own_scale:
            information -= np.outer(traces, traces) / (2.0 * z.size)
        return _Point(value, -(traces - squares / scale) / 2.0, information, scale)
