"""Ordinary least squares and Newey-West, in the conventions of Stata's regress and newey."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.estimators.fit import (
    BoolArray,
    ContrastEstimates,
    FloatArray,
    blank_fit,
    degenerate_series,
    missing_patterns,
    require_estimable,
    scatter,
)
from its_eval.estimators.kind import Entry, EstimatorKind, FitContext, Statistics

if TYPE_CHECKING:
    from its_eval.estimators.fit import Fit


FLAGS = ("degenerate",)


def newey_west_lags(n_used: int) -> int:
    """Default truncation lag ``floor(4 (n/100)^(2/9))`` (Newey & West 1994; methods §2)."""
    return math.floor(4.0 * math.pow(n_used / 100.0, 2.0 / 9.0))


def line_of_one(X: FloatArray, outcome: FloatArray) -> tuple[FloatArray, FloatArray, bool]:
    """Return coefficients and residuals of one series, and whether the design reproduces it up to rounding.

    Where fits of one series at a time begin.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over the used periods.
    outcome : ndarray, shape (n,)
        Without gaps.
    """
    coefficients = np.asarray(np.linalg.lstsq(X, outcome, rcond=None)[0], dtype=np.float64)
    residual = outcome - X @ coefficients
    sums = np.array([residual @ residual]), np.array([outcome @ outcome])
    degenerate = degenerate_series(outcome[:, None], np.ones(outcome.size, dtype=np.bool_), *sums)
    return coefficients, residual, bool(degenerate[0])


def fit_ols(X: FloatArray, Y: FloatArray) -> Fit:
    """Fit one design to many series by ordinary least squares, t(n - k).

    The log-likelihood is Gaussian at the maximum likelihood variance e'e/n, as ``logLik(lm)`` in R; sigma is
    ``sqrt(e'e/(n - k))``.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    Y : ndarray, shape (n, S)
        NaN where a month is missing.

    Returns
    -------
    Fit
        Without variance parameters (q = 0) and partial autocorrelations. Flag ``degenerate``: the residuals
        are rounding; covariance and sigma are 0, the log-likelihood is infinite.

    Raises
    ------
    SingularDesignError
        If X is rank deficient over the usable months of some series or these are fewer than k + 1.
    """
    return _fit(X, Y, newey_west=False, lags=None)


def fit_newey_west(X: FloatArray, Y: FloatArray, lags: int | None = None) -> Fit:
    """Fit by least squares with the Newey-West covariance of Stata's ``newey``.

    ``n/(n-k) (X'X)^{-1} [S_0 + sum_{l=1}^L (1 - l/(L+1)) (S_l + S_l')] (X'X)^{-1}`` with
    ``S_l = sum_t e_t e_{t-l} x_t x_{t-l}'``, t(n - k). Lags are calendar lags: a missing month contributes
    nothing, but keeps its neighbours apart.

    Parameters
    ----------
    X, Y : ndarray
        As for ``fit_ols``.
    lags : int, optional
        L; ``newey_west_lags`` of the usable observations by default.

    Raises
    ------
    SingularDesignError
        As ``fit_ols``.
    """
    if lags is not None and lags < 0:
        raise ValueError(f"lags is {lags}; it has to be 0 or more")
    return _fit(X, Y, newey_west=True, lags=lags)


def _fit(X: FloatArray, Y: FloatArray, *, newey_west: bool, lags: int | None) -> Fit:
    """Fit series by series; estimates and log-likelihood are those of least squares in either case."""
    n_terms = X.shape[1]
    result = blank_fit(Y.shape[1], n_terms, 0, 0, FLAGS)
    for pattern in missing_patterns(Y):
        observed, n_used = pattern.observed, pattern.n_used
        require_estimable(X, observed)
        n_lags = newey_west_lags(n_used) if lags is None else lags
        result.n_used[pattern.series] = n_used
        result.covariance.df_residual[pattern.series] = n_used - n_terms
        design = X[observed]
        basis, triangular = np.linalg.qr(design)
        bread = np.linalg.inv(triangular.T @ triangular)
        for series in pattern.series:
            outcome = Y[observed, series]
            params = np.linalg.solve(triangular, basis.T @ outcome)
            residuals = outcome - design @ params
            residual_sum = residuals @ residuals
            result.params[series] = params
            filled = np.where(observed, Y[:, series], 0.0)[:, None]
            sums = np.array([residual_sum]), np.array([outcome @ outcome])
            if degenerate_series(filled, observed, *sums)[0]:
                result.flags["degenerate"][series] = True
                continue
            variance = residual_sum / (n_used - n_terms)
            covariance = bread * variance
            if newey_west:
                scores = np.zeros_like(X)
                scores[observed] = design * residuals[:, None]
                covariance = n_used / (n_used - n_terms) * bread @ _summed_scores(scores, n_lags) @ bread
            result.covariance.model[series] = result.covariance.adjusted[series] = covariance
            result.sigma[series] = math.sqrt(variance)
            half = n_used / 2.0
            result.log_likelihood[series] = (
                -half * np.log(2.0 * np.pi) - half * np.log(np.sum(residuals**2) / n_used) - half
            )
    return result


def _summed_scores(scores: FloatArray, n_lags: int) -> FloatArray:
    """Return ``S_0 + sum_{l=1}^L (1 - l/(L+1)) (S_l + S_l')`` of scores (n, k)."""
    total = np.asarray(scores.T @ scores)
    for lag, weight in enumerate(1.0 - np.arange(n_lags + 1) / (n_lags + 1.0)):
        if lag:
            lagged = scores[lag:].T @ scores[:-lag]
            total += weight * (lagged + lagged.T)
    return total


class OlsStatistics(Struct, frozen=True):
    """Contrasts of S series by least squares.

    Attributes
    ----------
    estimates : ContrastEstimates
        Shape (S, m).
    sigma, log_likelihood : ndarray, shape (S,)
        As those of ``fit_ols``.
    flags : dict of str to ndarray of bool, shape (S,)
        ``degenerate``, as that of ``fit_ols``.
    """

    estimates: ContrastEstimates
    sigma: FloatArray
    log_likelihood: FloatArray
    flags: dict[str, BoolArray]


def ols_statistics(X: FloatArray, Y: FloatArray, contrasts: FloatArray) -> OlsStatistics:
    """Estimate fixed contrasts of many series by least squares, with t(n - k) inference.

    The same numbers as ``fit_ols(X, Y).contrasts(contrasts)``: with ``X = QR``, a contrast c has the estimate
    ``c'R^{-1}Q'y`` and the standard error ``sqrt(e'e / (n - k)) |c'R^{-1}|``.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    Y : ndarray, shape (n, S)
        NaN where a month is missing.
    contrasts : ndarray, shape (m, k)

    Raises
    ------
    SingularDesignError
        If X is rank deficient over the usable months of some series or these are fewer than k + 1.
    """
    n_series, n_contrasts = Y.shape[1], contrasts.shape[0]
    whole = OlsStatistics(
        ContrastEstimates(*np.empty((4, n_series, n_contrasts))),
        np.empty(n_series),
        np.empty(n_series),
        {"degenerate": np.empty(n_series, dtype=np.bool_)},
    )
    for pattern in missing_patterns(Y):
        require_estimable(X, pattern.observed)
        scatter(whole, pattern.places, _complete(X, pattern.fill(Y), contrasts, pattern.observed))
    return whole


def _complete(X: FloatArray, Y: FloatArray, contrasts: FloatArray, observed: BoolArray) -> OlsStatistics:
    """Estimate series that miss the same months, with 0 there."""
    basis, triangular = np.linalg.qr(np.where(observed[:, None], X, 0.0))
    coordinates = basis.T @ Y
    residual_sum = np.sum((Y - basis @ coordinates) ** 2, axis=0)
    degenerate = degenerate_series(Y, observed, residual_sum, np.sum(Y**2, axis=0))
    n_used = int(observed.sum())
    residual_df = n_used - X.shape[1]
    projection = np.linalg.solve(triangular.T, contrasts.T).T
    sigma = np.where(degenerate, 0.0, np.sqrt(residual_sum / residual_df))
    estimate = (projection @ coordinates).T
    df = np.full(estimate.shape, float(residual_df))
    with np.errstate(divide="ignore"):
        log_likelihood = -n_used / 2.0 * (np.log(2.0 * np.pi * residual_sum / n_used) + 1.0)
    return OlsStatistics(
        ContrastEstimates(estimate, np.outer(sigma, np.linalg.norm(projection, axis=1)), df, df),
        sigma,
        np.where(degenerate, np.inf, log_likelihood),
        {"degenerate": degenerate},
    )


def _read_ols(
    X: FloatArray, Y: FloatArray, contrasts: FloatArray, _estimator: Entry, _context: FitContext
) -> Statistics:
    read = ols_statistics(X, Y, contrasts)
    return Statistics(read.estimates, np.empty((Y.shape[1], 0)), read.flags, read.sigma, read.log_likelihood)


LEAST_SQUARES = EstimatorKind(
    "ols",
    "least squares, periods taken as independent",
    "independent errors; understates uncertainty when months resemble their neighbours",
    lambda X, Y, _estimator, _context: fit_ols(X, Y),
    _read_ols,
    whitenable=True,
    predicts=True,
    of_several_series=True,
)
NEWEY_WEST = EstimatorKind(
    "newey_west",
    "least squares with Newey–West standard errors",
    "autocorrelation that fades within the lags; understates uncertainty in short series",
    lambda X, Y, estimator, _context: fit_newey_west(X, Y, estimator.lags),
    options=("lags",),
    whitenable=True,
    of_several_series=True,
    slow=True,
)
