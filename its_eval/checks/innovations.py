"""Whitened residuals of a fit with AR errors, and what they look like when the fit is right.

With V = L L' the covariance of the errors over the observed periods, the innovations are e = L^{-1}(y - Xb):
one number a period, uncorrelated with equal variance if the error model holds. The textbook limits for them
ignore that k coefficients and the autocorrelation were estimated; with month dummies and 83 periods a quarter
of clean series would be flagged. So every p-value comes from series simulated under the fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimators.fit import BoolArray, FloatArray
from its_eval.estimators.patterns import require_estimable
from its_eval.estimators.reml.autoregression import autocovariances
from its_eval.estimators.reml.reml_ar import reml_point_estimates

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Simulated series for a p-value.
DRAWS = 999


def ar_coefficients(partials: FloatArray) -> FloatArray:
    """Return phi_1 and phi_2 (S, 2) of partial autocorrelations (S, p), p = 0, 1 or 2; absent ones are 0."""
    padded = np.zeros((partials.shape[0], 2))
    padded[:, : partials.shape[1]] = partials
    return np.column_stack([padded[:, 0] * (1.0 - padded[:, 1]), padded[:, 1]])


def innovations(errors: FloatArray, partials: FloatArray, observed: BoolArray) -> FloatArray:
    """Return ``L^{-1} u`` of error series, each with an autoregression of its own.

    The one-step prediction errors of the Kalman filter, divided by their standard deviations (Jones 1980,
    *Technometrics* 22:389): the same numbers as with a Cholesky factor of the covariance matrix of the
    observed periods, at a cost linear in n.

    Parameters
    ----------
    errors : ndarray, shape (n, S)
        Values in unobserved periods are ignored.
    partials : ndarray, shape (S, p) or (1, p)
        Partial autocorrelations, p = 0, 1 or 2.
    observed : ndarray of bool, shape (n,)

    Returns
    -------
    ndarray, shape (n_used, S)
        In units of the innovation variance: a stationary series without gaps starts at variance 1 too.
    """
    first, second = ar_coefficients(partials).T
    n_models = first.size
    moments = autocovariances(partials, 2) if partials.shape[1] else np.tile([1.0, 0.0], (n_models, 1))
    variance, lagged_variance = moments[:, 0].copy(), moments[:, 0].copy()
    covariance = moments[:, 1].copy()
    level, lagged = np.zeros((2, errors.shape[1]))
    rows = []
    for period, seen in enumerate(observed):
        if seen:
            surprise = errors[period] - level
            rows.append(surprise / np.sqrt(variance))
            lagged = lagged + covariance / variance * surprise
            level = errors[period]
            lagged_variance = lagged_variance - covariance**2 / variance
            variance, covariance = np.zeros(n_models), np.zeros(n_models)
        level, lagged = first * level + second * lagged, level
        ahead = first**2 * variance + 2.0 * first * second * covariance + second**2 * lagged_variance + 1.0
        covariance, lagged_variance = first * variance + second * covariance, variance
        variance = ahead
    return np.array(rows).reshape(len(rows), errors.shape[1])


@dataclass(frozen=True)
class Whitening:
    """Generalised least squares of one design at given partial autocorrelations, over the observed periods.

    Attributes
    ----------
    matrix : ndarray, shape (n, k)
        X, its rows already divided by the roots of the weights where a series is weighted.
    partials : ndarray, shape (p,)
        Partial autocorrelations; empty for least squares or for rows whitened beforehand.
    observed : ndarray of bool, shape (n,)
        Periods that entered the fit.
    """

    matrix: FloatArray
    partials: FloatArray
    observed: BoolArray

    def __post_init__(self) -> None:
        if self.partials.size > 2:
            raise ValueError(f"errors are AR({self.partials.size}); whitening is for AR(0) to AR(2)")
        require_estimable(self.matrix, self.observed, minimum_df=max(2, self.partials.size + 1))

    @property
    def positions(self) -> NDArray[np.intp]:
        """Calendar positions of the observed periods, shape (n_used,)."""
        return np.flatnonzero(self.observed)

    @property
    def residual_df(self) -> int:
        """Observed periods minus terms."""
        return int(self.observed.sum()) - int(self.matrix.shape[1])

    @cached_property
    def inverse_factor(self) -> FloatArray:
        """``L^{-1}``, shape (n_used, n_used), for innovation variance 1."""
        unit = np.eye(self.observed.size)[:, self.observed]
        return innovations(unit, self.partials[None], self.observed)

    @cached_property
    def factored(self) -> tuple[FloatArray, FloatArray]:
        """Q (n_used, k) and R (k, k) of the whitened design ``L^{-1}X``."""
        basis, triangular = np.linalg.qr(innovations(self.matrix, self.partials[None], self.observed))
        return basis, triangular

    def residuals(self, Y: FloatArray) -> FloatArray:
        """Return the whitened residuals (n_used, S) of outcomes (n, S), NaN allowed where not observed."""
        return self.project(innovations(Y, self.partials[None], self.observed))

    def project(self, whitened: FloatArray) -> FloatArray:
        """Return whitened outcomes (n_used, S) without what the design explains."""
        basis = self.factored[0]
        # twice, so that a high level costs no digits
        once = whitened - basis @ (basis.T @ whitened)
        return np.asarray(once - basis @ (basis.T @ once))


@dataclass(frozen=True)
class SimulatedResiduals:
    """What whitened residuals look like when the fit is right: one set for all residual checks.

    Attributes
    ----------
    refitted : ndarray, shape (n_used, B)
        Innovations of simulated series, each whitened with the autocorrelation estimated from itself. Only
        the autocorrelation they were simulated with is plugged in. If it was taken as known in the whitening
        too, a portmanteau test of AR(2) residuals would reject 1 % of clean series where it claims 5 %.
    known : ndarray, shape (n_used, B)
        The same series whitened with the autocorrelation they were simulated with: ``(I - QQ')z``. For
        statistics of single periods, on which estimating the autocorrelation has little effect.
    """

    refitted: FloatArray
    known: FloatArray


def simulate_residuals(
    whitening: Whitening, rng: np.random.Generator, draws: int = DRAWS
) -> SimulatedResiduals:
    """Simulate Gaussian series under a fit, fit each again, and return their residuals.

    Coefficients and variance need no simulation: the residuals do not depend on the first and no statistic
    of them on the second.

    Parameters
    ----------
    whitening : Whitening
        The fit.
    rng : numpy.random.Generator
    draws : int
        B.
    """
    observed, order = whitening.observed, whitening.partials.size
    noise = rng.standard_normal((int(observed.sum()), draws))
    known = whitening.project(noise)
    if order == 0:
        return SimulatedResiduals(known, known)
    series = np.full((observed.size, draws), np.nan)
    series[observed] = np.linalg.solve(whitening.inverse_factor, noise)
    params, partials = reml_point_estimates(whitening.matrix, series, order)
    errors = series - whitening.matrix @ params.T
    return SimulatedResiduals(innovations(errors, partials, observed), known)
