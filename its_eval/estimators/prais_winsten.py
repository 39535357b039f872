"""Prais-Winsten: feasible generalised least squares with AR(1) errors, in the convention of Stata's prais.

Prais & Winsten 1954, Cowles Commission discussion paper 383; Stata *Time-Series Reference Manual*, ``prais``.
The errors' autocorrelation rho is estimated from the residuals of the untransformed equation, the equation
is transformed, least squares is run, and so on until rho moves by less than 1e-6. The transformed cross
products are those of the precision matrix ``N(rho) = I + rho^2 B - rho C`` (C: ones at lag 1; B: the identity
without its two corners), so one pass over all series is a few matrix products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from its_eval.errors import NotEstimableError
from its_eval.estimators.fit import (
    CovarianceModel,
    Fit,
    blank_fit,
    degenerate_series,
    missing_patterns,
    require_estimable,
    scatter,
)
from its_eval.estimators.kind import EstimatorKind
from its_eval.estimators.reml.reml_ar import NEAR_UNIT_ROOT

if TYPE_CHECKING:
    from its_eval.estimators.fit import BoolArray, FloatArray


Rho = Literal["regress", "tscorr", "dw"]

#: Stata's tolerance for the change of rho.
TOLERANCE = 1e-6
MAXIMUM_ITERATIONS = 500
#: An estimate of rho beyond this is held here: from 1 on there is no stationary first row.
LARGEST_RHO = 0.9999
FLAGS = ("at_bound", "near_unit_root", "not_converged", "degenerate")


class GapError(NotEstimableError):
    """A series has missing months between its first and last: the transformation needs neighbours."""

    reason = "gaps"


def fit_prais_winsten(X: FloatArray, Y: FloatArray, rho: Rho = "regress", *, iterate: bool = True) -> Fit:
    """Fit one design to many series by Prais-Winsten.

    With e the residuals ``y - Xb`` of the latest estimate, rho is

    - ``regress``: ``sum e_t e_{t-1} / sum e_{t-1}^2`` (Stata's default),
    - ``tscorr``: ``sum e_t e_{t-1} / sum e_t^2``,
    - ``dw``: ``1 - DW/2``, DW the Durbin-Watson statistic of e.

    Rows are ``y_t - rho y_{t-1}``, the first ``sqrt(1 - rho^2) y_1``; standard errors are those of least
    squares on the transformed rows, with t(n - k). That treats rho as known: see ``fit_reml_ar`` for
    intervals that do not.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    Y : ndarray, shape (n, S)
        NaN where a month is missing, which may only be at the ends of a series.
    rho : {"regress", "tscorr", "dw"}
        How the autocorrelation is estimated from residuals.
    iterate : bool
        Until rho settles; otherwise once (Stata's ``twostep``).

    Returns
    -------
    Fit
        Without variance parameters (q = 0); ``partial_autocorrelations`` is rho, sigma the marginal standard
        deviation ``s / sqrt(1 - rho^2)``, the log-likelihood the Gaussian one of AR(1) errors at these
        estimates and the maximum likelihood variance. Flags: ``not_converged`` (rho still moved after 500
        rounds), ``at_bound`` (rho was held at +-0.9999), ``near_unit_root`` (rho above 0.9), ``degenerate``
        (as ``fit_ols``).

    Raises
    ------
    GapError
        If a series misses a month between its first and last.
    SingularDesignError
        As ``fit_ols``.
    ValueError
        For any other ``rho``.
    """
    if rho not in get_args(Rho):
        raise ValueError(f"rho is {rho!r}; it has to be one of {', '.join(get_args(Rho))}")
    result = blank_fit(Y.shape[1], X.shape[1], 0, 1, FLAGS)
    for pattern in missing_patterns(Y):
        months = np.flatnonzero(pattern.observed)
        if months.size and months[-1] - months[0] + 1 != months.size:
            gap = months[-1] - months[0] + 1 - months.size
            raise GapError(
                f"{gap} of the periods between the first and the last {'is' if gap == 1 else 'are'} missing; "
                "Prais-Winsten transforms neighbouring periods and cannot bridge a gap: use reml_ar"
            )
        require_estimable(X, pattern.observed)
        rows = slice(months[0], months[-1] + 1)
        scatter(result, pattern.series, _fit_complete(X[rows], Y[rows, pattern.series], rho, iterate))
    return result


def _fit_complete(X: FloatArray, Y: FloatArray, rho: Rho, iterate: bool) -> Fit:
    """Fit series without missing months."""
    n_rows, n_terms = X.shape
    n_series, df = Y.shape[1], n_rows - n_terms
    basis, triangular = np.linalg.qr(X)
    coordinates = basis.T @ Y
    least_squares = Y - basis @ coordinates
    total = np.einsum("ts,ts->s", Y, Y)
    degenerate = degenerate_series(
        Y, np.ones(n_rows, dtype=np.bool_), np.einsum("ts,ts->s", least_squares, least_squares), total
    )

    whole = blank_fit(n_series, n_terms, 0, 1, FLAGS)
    whole.n_used[:] = n_rows
    whole.covariance.df_residual[:] = df
    whole.flags["degenerate"][:] = degenerate
    back = np.linalg.inv(triangular)
    whole.params[:] = (back @ coordinates).T
    regular = np.flatnonzero(~degenerate)
    if not regular.size:
        return whole

    residuals = least_squares[:, regular]
    shift, rho_hat, converged = _settle(basis, residuals, rho, iterate)
    inner = _inner(basis, rho_hat)
    left = residuals - basis @ shift
    rss = _quadratic(left, left, rho_hat)
    variance = rss / df
    covariance = variance[:, None, None] * (back @ np.linalg.inv(inner) @ back.T)
    model = (covariance + np.swapaxes(covariance, 1, 2)) / 2.0
    likelihood = n_rows * (np.log(2.0 * np.pi * rss / n_rows) + 1.0) - np.log1p(-(rho_hat**2))
    part = Fit(
        params=(back @ (coordinates[:, regular] + shift)).T,
        covariance=CovarianceModel(
            adjusted=model,
            model=model,
            gradients=np.zeros((regular.size, 0, n_terms, n_terms)),
            parameter_covariance=np.zeros((regular.size, 0, 0)),
            df_residual=np.full(regular.size, float(df)),
        ),
        sigma=np.sqrt(variance / (1.0 - rho_hat**2)),
        partial_autocorrelations=rho_hat[:, None],
        log_likelihood=-likelihood / 2.0,
        n_used=np.full(regular.size, n_rows, dtype=np.int64),
        flags={
            "at_bound": np.abs(rho_hat) >= LARGEST_RHO,
            "near_unit_root": rho_hat > NEAR_UNIT_ROOT,
            "not_converged": ~converged,
            "degenerate": np.zeros(regular.size, dtype=np.bool_),
        },
    )
    scatter(whole, regular, part)
    return whole


def _settle(
    basis: FloatArray, residuals: FloatArray, rho: Rho, iterate: bool
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Alternate between rho and the coefficients.

    Returns
    -------
    shift : ndarray, shape (k, S)
        What the transformed equation adds to the least-squares coordinates on the basis.
    rho : ndarray, shape (S,)
    converged : ndarray of bool, shape (S,)
    """
    n_series = residuals.shape[1]
    shift = np.zeros((basis.shape[1], n_series))
    value = np.zeros(n_series)
    converged = np.full(n_series, not iterate)
    active = np.arange(n_series)
    for _ in range(MAXIMUM_ITERATIONS if iterate else 1):
        here = residuals[:, active]
        estimate = np.clip(_autocorrelation(here - basis @ shift[:, active], rho), -LARGEST_RHO, LARGEST_RHO)
        right = (basis.T @ _weigh(here, estimate)).T[:, :, None]
        shift[:, active] = np.linalg.solve(_inner(basis, estimate), right)[:, :, 0].T
        settled = np.abs(estimate - value[active]) < TOLERANCE
        value[active] = estimate
        converged[active[settled]] = True
        active = active[~settled]
        if not active.size:
            break
    return shift, value, converged


def _autocorrelation(residuals: FloatArray, rho: Rho) -> FloatArray:
    """Return rho of residuals (n, S) by one of the three rules."""
    products = np.einsum("ts,ts->s", residuals[1:], residuals[:-1])
    if rho == "regress":
        return np.asarray(products / np.einsum("ts,ts->s", residuals[:-1], residuals[:-1]))
    whole = np.einsum("ts,ts->s", residuals, residuals)
    if rho == "tscorr":
        return np.asarray(products / whole)
    steps = np.diff(residuals, axis=0)
    return np.asarray(1.0 - np.einsum("ts,ts->s", steps, steps) / whole / 2.0)


def _weigh(columns: FloatArray, rho: FloatArray) -> FloatArray:
    """``N(rho_s) v_s`` for columns v_s of an (n, S) array."""
    weighed = columns.copy()
    weighed[1:-1] += rho**2 * columns[1:-1]
    weighed[1:] -= rho * columns[:-1]
    weighed[:-1] -= rho * columns[1:]
    return weighed


def _quadratic(left: FloatArray, right: FloatArray, rho: FloatArray) -> FloatArray:
    """``u_s' N(rho_s) v_s``, shape (S,)."""
    return np.asarray(np.einsum("ts,ts->s", left, _weigh(right, rho)))


def _inner(basis: FloatArray, rho: FloatArray) -> FloatArray:
    """``Q'N(rho)Q``, shape (S, k, k)."""
    inside = basis[1:-1].T @ basis[1:-1]
    across = basis[1:].T @ basis[:-1]
    weight = rho[:, None, None]
    return np.asarray(np.eye(basis.shape[1]) + weight**2 * inside - weight * (across + across.T))


PRAIS_WINSTEN = EstimatorKind(
    "prais_winsten",
    "Prais–Winsten",
    "first-order autoregressive errors whose autocorrelation is known; it is estimated, and intervals are "
    "too narrow in short series",
    lambda X, Y, estimator, _context: fit_prais_winsten(X, Y, estimator.rho),
    options=("rho",),
    has_error_model=True,
    whitenable=True,
    predicts=True,
    has_own_refusals=True,
)
