"""The differenced model: errors that are a random walk, for series whose autocorrelation sits on its bound.

``V = sigma^2 K`` with ``K_st = min(s, t)``, counted from the first used period. The root of ``K^{-1}``
takes consecutive used periods g apart, differences outcome and design, and divides by the root of g; the
first row stays as it is. So generalised least squares is ordinary least squares of the differences, and the
intercept, which differences do not have, makes the fit go through the first observation. Inference is exact:
t on n - k degrees of freedom (inference P1).

A weighted series has noise of known relative size besides, ``V = sigma_u^2 K + sigma_e^2 W^{-1}``. Written as
``sigma^2 C``, ``C = (1 - w) W^{-1} + w K / k``, k the mean of the diagonal of K, the share w in [0, 1]
maximises the restricted likelihood (Patterson & Thompson 1971). In the basis in which
``W^{1/2} K W^{1/2}`` is diagonal C is diagonal for every w, so that a likelihood costs a few products of
length n. The covariance is first-order Kenward-Roger (``reml.dense``); a share of 0 or 1 is on its edge and
counts as known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.estimators.fit import (
    BoolArray,
    ContrastEstimates,
    CovarianceModel,
    Fit,
    FloatArray,
    blank_fit,
    degenerate_series,
    missing_patterns,
    require_estimable,
    scatter,
)
from its_eval.estimators.kind import Statistics
from its_eval.estimators.reml.kenward_roger import dense_kenward_roger

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLAGS = ("degenerate", "independent_errors")
#: Shares of the walk at which the likelihood of a weighted series is looked at before its best is refined.
SHARES = np.concatenate([[0.0], 1.0 / (1.0 + np.exp(-np.linspace(-12.0, 9.0, 43))), [1.0]])
#: An edge is taken unless the inside is better by so much in twice the log-likelihood.
EDGE_GAIN = 1e-9


def walk_positions(observed: BoolArray) -> FloatArray:
    """Return the diagonal of K over all periods, shape (n,): 1 up to the first used period, then counting."""
    first = int(np.argmax(observed))
    return np.maximum(np.arange(observed.size) - first, 0) + 1.0


def walk_covariance(observed: BoolArray) -> FloatArray:
    """Return K over the used periods, shape (n_used, n_used)."""
    positions = walk_positions(observed)[observed]
    return np.minimum(positions[:, None], positions)


def differences(columns: FloatArray, observed: BoolArray) -> FloatArray:
    """Return the rows of used periods times the root of ``K^{-1}``, shape (n_used, m).

    Parameters
    ----------
    columns : ndarray, shape (n, m)
        What is differenced, over all periods.
    observed : ndarray of bool, shape (n,)
        Used periods.
    """
    used = columns[observed]
    apart = np.diff(np.flatnonzero(observed))
    steps = np.diff(used, axis=0) / np.sqrt(apart)[:, None]
    return np.concatenate([used[:1], steps])


class _Regression(Struct, frozen=True):
    """Least squares of the differences of S series that miss the same periods.

    Attributes
    ----------
    triangular : ndarray, shape (k, k)
        R of the differenced design.
    coordinates : ndarray, shape (k, S)
        Differenced outcomes on its Q.
    degenerate : ndarray of bool, shape (S,)
        Residuals are rounding.
    sigma : ndarray, shape (S,)
        Standard deviation of a step; 0 where degenerate.
    log_likelihood : ndarray, shape (S,)
        Restricted, with the constants of ``fit_reml_ar``; infinite where degenerate.
    residual_df : int
    """

    triangular: FloatArray
    coordinates: FloatArray
    degenerate: BoolArray
    sigma: FloatArray
    log_likelihood: FloatArray
    residual_df: int


def _regress(X: FloatArray, Y: FloatArray, observed: BoolArray) -> _Regression:
    """Regress the differences of series (n, S) on those of the design."""
    require_estimable(X, observed)
    basis, triangular = np.linalg.qr(differences(X, observed))
    outcomes = differences(Y, observed)
    coordinates = basis.T @ outcomes
    residual_sum = np.sum((outcomes - basis @ coordinates) ** 2, axis=0)
    degenerate = degenerate_series(Y, observed, residual_sum, np.sum(Y[observed] ** 2, axis=0))
    df = basis.shape[0] - basis.shape[1]
    sigma = np.where(degenerate, 0.0, np.sqrt(residual_sum / df))
    constant = np.log(np.diff(np.flatnonzero(observed))).sum() + _log_square(triangular)
    with np.errstate(divide="ignore"):
        likelihood = -(df * (2.0 * np.log(sigma) + np.log(2.0 * np.pi) + 1.0) + constant) / 2.0
    return _Regression(triangular, coordinates, degenerate, sigma, likelihood, df)


def _log_square(triangular: FloatArray) -> float:
    return float(2.0 * np.log(np.abs(np.diag(triangular))).sum())


def fit_random_walk(X: FloatArray, Y: FloatArray, relative_variance: FloatArray | None = None) -> Fit:
    """Fit one design with random-walk errors to many series.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all periods, in its usual parameters: the intercept is that of the first used period.
    Y : ndarray, shape (n, S)
        NaN where a period is missing.
    relative_variance : ndarray, shape (n, S), optional
        Variance of the noise of each period over its geometric mean, for weighted series; without it there
        is no noise.

    Returns
    -------
    Fit
        ``walk_variances`` are those of steps and noise, sigma the standard deviation of the error of the
        first used period at a relative variance of 1 (without noise that of a step). No variance parameters
        (q = 0, residual degrees of freedom), for weighted series ``(log sigma^2, w)``. Flags: ``degenerate``,
        and ``independent_errors`` where a weighted series has no walk: an ordinary weighted fit.

    Raises
    ------
    SingularDesignError
        If X is rank deficient over the usable periods of some series or these are fewer than k + 1.
    """
    n_series, n_terms = Y.shape[1], X.shape[1]
    blank = blank_fit(n_series, n_terms, 0 if relative_variance is None else 2, 0, FLAGS)
    result = replace(blank, walk_variances=np.zeros((n_series, 2)))
    for pattern in missing_patterns(Y):
        if relative_variance is None:
            found = _plain_fit(X, pattern.fill(Y), pattern.observed)
            scatter(result, pattern.places, found)
            continue
        require_estimable(X, pattern.observed)
        # simulated series share the weights of the one that they stand for
        weights = np.broadcast_to(relative_variance, Y.shape)
        solver = _WeightedWalk(X, pattern.observed)
        for series in pattern.series:
            one = slice(series, series + 1)
            scatter(result, one, solver.fit(Y[:, one], weights[:, series]))
    return result


def _plain_fit(X: FloatArray, Y: FloatArray, observed: BoolArray) -> Fit:
    """Fit series without noise that miss the same periods."""
    found = _regress(X, Y, observed)
    n_series, n_terms = Y.shape[1], X.shape[1]
    inverse = np.linalg.inv(found.triangular)
    model = (found.sigma**2)[:, None, None] * (inverse @ inverse.T)
    return Fit(
        params=np.asarray((inverse @ found.coordinates).T),
        covariance=CovarianceModel(
            model,
            model,
            np.empty((n_series, 0, n_terms, n_terms)),
            np.empty((n_series, 0, 0)),
            np.full(n_series, float(found.residual_df)),
        ),
        sigma=found.sigma,
        partial_autocorrelations=np.empty((n_series, 0)),
        log_likelihood=found.log_likelihood,
        n_used=np.full(n_series, int(observed.sum()), dtype=np.int64),
        flags={"degenerate": found.degenerate, "independent_errors": np.zeros(n_series, dtype=np.bool_)},
        walk_variances=np.column_stack([found.sigma**2, np.zeros(n_series)]),
    )


class _WeightedWalk:
    """One design and missing pattern, for weighted series one after the other.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    observed : ndarray of bool, shape (n,)
    """

    def __init__(self, X: FloatArray, observed: BoolArray) -> None:
        self.observed = observed
        self.X = X[observed]
        self.df = self.X.shape[0] - self.X.shape[1]
        covariance = walk_covariance(observed)
        self.mean = float(np.diag(covariance).mean())
        self.walk = covariance / self.mean

    def fit(self, y: FloatArray, relative: FloatArray) -> Fit:
        """Fit one series (n, 1), whose noise has relative variance (n,)."""
        noise = relative[self.observed]
        root = np.sqrt(noise)
        spread, axes = np.linalg.eigh(self.walk / np.outer(root, root))
        basis, triangular = np.linalg.qr(axes.T @ (self.X / root[:, None]))
        outcome = axes.T @ (y[self.observed, 0] / root)
        share = self._share(spread, basis, outcome)
        objective, residual_sum, coordinates = self._evaluate(np.array([share]), spread, basis, outcome)
        parts = np.array([share / self.mean, 1.0 - share])
        # on the scale of the first used period, which is that of a fit without weights
        left = residual_sum * parts.sum()
        degenerate = degenerate_series(y, self.observed, left, np.array([np.sum(outcome**2)]))
        variance = np.where(degenerate, 0.0, residual_sum / self.df)
        correlation = (1.0 - share) * np.diag(noise) + share * self.walk
        known = np.array([[False, share in (0.0, 1.0)]])
        slopes = [(self.walk - np.diag(noise))[None]]
        covariance = dense_kenward_roger(self.X, correlation[None], slopes, variance, known)
        constant = self.df * (np.log(2.0 * np.pi / self.df) + 1.0) + np.log(noise).sum()
        return Fit(
            params=np.linalg.solve(triangular, coordinates.T).T,
            covariance=covariance,
            sigma=np.sqrt(variance * parts.sum()),
            partial_autocorrelations=np.empty((1, 0)),
            log_likelihood=np.where(
                degenerate, np.inf, -(objective + constant + _log_square(triangular)) / 2.0
            ),
            n_used=np.array([len(noise)], dtype=np.int64),
            flags={"degenerate": degenerate, "independent_errors": np.array([share == 0.0])},
            walk_variances=variance[:, None] * parts,
        )

    def _share(self, spread: FloatArray, basis: FloatArray, outcome: FloatArray) -> float:
        """Return the share of the walk that maximises the restricted likelihood."""
        from scipy import optimize  # noqa: PLC0415  (start-up time)

        values = self._evaluate(SHARES, spread, basis, outcome)[0]
        best = int(np.argmin(values))
        low, high = SHARES[max(best - 1, 0)], SHARES[min(best + 1, SHARES.size - 1)]
        found = optimize.minimize_scalar(
            lambda share: float(self._evaluate(np.array([share]), spread, basis, outcome)[0][0]),
            bounds=(low, high),
            method="bounded",
            options={"xatol": 1e-12},
        )
        if values[best] <= found.fun + EDGE_GAIN and best in (0, SHARES.size - 1):
            return float(SHARES[best])
        return float(found.x)

    def _evaluate(
        self, shares: FloatArray, spread: FloatArray, basis: FloatArray, outcome: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return -2 times the log-likelihood, residual sums and coordinates at G shares of the walk."""
        diagonal = (1.0 - shares)[:, None] + shares[:, None] * spread
        weights = 1.0 / diagonal
        inner = np.einsum("gn,ni,nj->gij", weights, basis, basis)
        coordinates = np.linalg.solve(inner, ((weights * outcome) @ basis)[:, :, None])[:, :, 0]
        residual_sum = np.sum(weights * (outcome - coordinates @ basis.T) ** 2, axis=1)
        log_determinant = np.log(diagonal).sum(axis=1) + np.linalg.slogdet(inner)[1]
        with np.errstate(divide="ignore"):
            return self.df * np.log(residual_sum) + log_determinant, residual_sum, coordinates


def random_walk_statistics(X: FloatArray, Y: FloatArray, contrasts: FloatArray) -> Statistics:
    """Return contrasts of series without weights, from the regression of the differences.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all periods.
    Y : ndarray, shape (n, S)
        Series, NaN where a period is missing.
    contrasts : ndarray, shape (m, k)
    """
    n_series = Y.shape[1]
    estimates = ContrastEstimates(*np.empty((4, n_series, len(contrasts))))
    sigma, likelihood = np.empty(n_series), np.empty(n_series)
    degenerate = np.empty(n_series, dtype=np.bool_)
    for pattern in missing_patterns(Y):
        found = _regress(X, pattern.fill(Y), pattern.observed)
        projection = np.linalg.solve(found.triangular.T, contrasts.T).T
        here: NDArray[np.intp] | slice = pattern.places
        estimates.estimate[here] = (projection @ found.coordinates).T
        estimates.std_error[here] = np.outer(found.sigma, np.linalg.norm(projection, axis=1))
        estimates.df[here] = estimates.df_unclipped[here] = float(found.residual_df)
        sigma[here], degenerate[here] = found.sigma, found.degenerate
        likelihood[here] = found.log_likelihood
    return Statistics(estimates, np.empty((n_series, 0)), {"degenerate": degenerate}, sigma, likelihood)
