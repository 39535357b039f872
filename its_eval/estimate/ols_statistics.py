"""Fixed contrasts of very many series by ordinary least squares, one factorisation for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from its_eval.estimate.assembly import degenerate_series, scatter
from its_eval.estimate.fit import BoolArray, ContrastEstimates, FloatArray
from its_eval.estimate.patterns import missing_patterns, require_estimable


@dataclass(frozen=True)
class OlsStatistics:
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
