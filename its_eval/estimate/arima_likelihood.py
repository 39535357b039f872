"""The exact likelihood of a regression with ARIMA errors, maximised: statsmodels' SARIMAX plus Newton steps.

statsmodels' own optimiser stops early on flat likelihoods. Here it only finds the neighbourhood; Newton
steps with complex-step derivatives finish, and convergence is judged by the Newton decrement
``g'(-H)^{-1}g``, twice the log-likelihood that is left to gain.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from its_eval.estimate.fit import FloatArray

MAXIMUM_ITERATIONS = 500
NEWTON_STEPS = 8
#: Of the quasi-Newton search: relative change of the log-likelihood in units of rounding, and its gradient.
PRECISION = {"factr": 10.0, "pgtol": 1e-8}
#: Newton decrement from which the last step is the last: it moves no parameter by more than 0.0003 of its
#: standard error.
DECREMENT_TOLERANCE = 1e-7


@dataclass(frozen=True)
class ErrorProcess:
    """Orders of an ARIMA process.

    Attributes
    ----------
    order : tuple of int
        (p, d, q).
    seasonal_order : tuple of int
        (P, D, Q, s).
    """

    order: tuple[int, int, int]
    seasonal_order: tuple[int, int, int, int]

    @property
    def n_diffuse(self) -> int:
        """Observations that determine the starting level instead of entering the likelihood."""
        return self.order[1] + self.seasonal_order[1] * self.seasonal_order[3]


@dataclass(frozen=True)
class Maximum:
    """Where the likelihood of one series is largest.

    Attributes
    ----------
    coefficients : ndarray, shape (k,)
    covariance : ndarray, shape (k, k)
        Their block of the inverse observed information; without convergence the inverse of their block of
        the information, which takes the error process as known.
    partial_autocorrelations : ndarray, shape (p,)
        Of the autoregressive polynomial without its seasonal factor.
    marginal_variance : float
        Of the errors, differenced where they are.
    log_likelihood : float
    converged : bool
    """

    coefficients: FloatArray
    covariance: FloatArray
    partial_autocorrelations: FloatArray
    marginal_variance: float
    log_likelihood: float
    converged: bool


def maximise(process: ErrorProcess, y: FloatArray, columns: FloatArray) -> Maximum:
    """Maximise the likelihood of one series.

    Parameters
    ----------
    process : ErrorProcess
    y : ndarray, shape (n,)
        Of order one; NaN where a month is missing.
    columns : ndarray, shape (n, k)
        Regressors of order one, linearly independent after differencing; k may be 0.
    """
    from statsmodels.tsa.arima_process import ArmaProcess  # noqa: PLC0415 - takes a second to import

    n_terms = columns.shape[1]
    model = _model(process, y, columns)
    params, curvature, converged = _polish(model, _neighbourhood(model))
    covariance = _inverse(-curvature)
    if covariance is None:
        # With the error process taken as known the information is X'V^-1 X, whatever the state of the rest.
        n_averaged = model.nobs - model.loglikelihood_burn
        known = -n_averaged * model.hessian(params, method="oim")[:n_terms, :n_terms]
        covariance = np.linalg.pinv(known)
    autoregressive, whole, moving_average = _polynomials(process, params[n_terms:])
    p = process.order[0]
    return Maximum(
        coefficients=params[:n_terms],
        covariance=covariance[:n_terms, :n_terms],
        partial_autocorrelations=ArmaProcess(autoregressive).pacf(p + 1)[1:] if p else np.zeros(0),
        marginal_variance=float(ArmaProcess(whole, moving_average).acovf(1)[0] * params[-1]),
        log_likelihood=_log_likelihood(model, params) + process.n_diffuse * math.log(2.0 * math.pi) / 2.0,
        converged=converged,
    )


def _model(process: ErrorProcess, y: FloatArray, columns: FloatArray) -> Any:
    """Return the state space model; its parameters are coefficients, ar, ma, seasonal ar and ma, variance."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX  # noqa: PLC0415 - takes a second to import

    with warnings.catch_warnings():
        # Unsuitable starting values are replaced by zeros; where the search ends is judged in _polish.
        warnings.simplefilter("ignore", UserWarning)
        return SARIMAX(
            y,
            exog=columns if columns.shape[1] else None,
            order=process.order,
            seasonal_order=process.seasonal_order if process.seasonal_order[3] else (0, 0, 0, 0),
            trend="n",
            use_exact_diffuse=True,
        )


def _neighbourhood(model: Any) -> FloatArray:
    """Return where statsmodels' quasi-Newton search ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = model.fit(
            method="lbfgs", maxiter=MAXIMUM_ITERATIONS, disp=False, return_params=True, **PRECISION
        )
    return np.asarray(found, dtype=np.float64)


def _polish(model: Any, params: FloatArray) -> tuple[FloatArray, FloatArray, bool]:
    """Take Newton steps to the maximum.

    Returns
    -------
    params : ndarray, shape (q,)
    curvature : ndarray, shape (q, q)
        Hessian of the log-likelihood there.
    converged : bool
    """
    from statsmodels.tools.numdiff import approx_hess_cs  # noqa: PLC0415 - takes a second to import

    def complex_likelihood(point: FloatArray) -> Any:
        return model.loglike(point, complex_step=True)

    value = _log_likelihood(model, params)
    for _ in range(NEWTON_STEPS):
        curvature = np.asarray(approx_hess_cs(params, complex_likelihood), dtype=np.float64)
        inverse = _inverse(-curvature)
        if inverse is None:
            return params, curvature, False
        score = np.asarray(model.score(params), dtype=np.float64)
        step = inverse @ score
        reached = _log_likelihood(model, params + step)
        if not reached >= value - DECREMENT_TOLERANCE:
            return params, curvature, False
        params, value = params + step, reached
        if score @ step < DECREMENT_TOLERANCE:
            return params, curvature, True
    return params, curvature, False


def _log_likelihood(model: Any, params: FloatArray) -> float:
    """Log-likelihood; minus infinity where the process is not stationary or the variance not positive."""
    if not params[-1] > 0.0:
        return -math.inf
    with np.errstate(all="ignore"):
        value = float(model.loglike(params))
    return value if math.isfinite(value) else -math.inf


def _inverse(matrix: FloatArray) -> FloatArray | None:
    """Inverse of a positive definite matrix; None for any other."""
    if not np.isfinite(matrix).all() or np.linalg.eigvalsh(matrix)[0] <= 0.0:
        return None
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _polynomials(process: ErrorProcess, params: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Autoregressive polynomial without and with its seasonal factor, and the whole moving average one."""
    (p, _, q), (seasonal_p, _, seasonal_q, season) = process.order, process.seasonal_order
    ar, ma, seasonal_ar, seasonal_ma = np.split(params[:-1], np.cumsum([p, q, seasonal_p]))
    plain = np.concatenate([[1.0], -ar])
    seasonal = np.zeros(seasonal_p * season + 1)
    seasonal[:: max(season, 1)] = np.concatenate([[1.0], -seasonal_ar])
    moving = np.zeros(seasonal_q * season + 1)
    moving[:: max(season, 1)] = np.concatenate([[1.0], seasonal_ma])
    return plain, np.convolve(plain, seasonal), np.convolve(np.concatenate([[1.0], ma]), moving)
