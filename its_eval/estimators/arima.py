"""Regression with ARIMA errors by exact maximum likelihood, in statsmodels' state space form.

statsmodels' own optimiser stops early on flat likelihoods. Here it only finds the neighbourhood; Newton
steps with complex-step derivatives finish, and convergence is judged by the Newton decrement
``g'(-H)^{-1}g``, twice the log-likelihood that is left to gain.

Missing months are skipped by the Kalman filter and keep their place in time; differencing starts from an
exact diffuse state (Durbin & Koopman 2012, *Time Series Analysis by State Space Methods*, chapter 5), so that
the likelihood is that of the differenced series.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.estimators.error_terms import ProcessTerms, term_names
from its_eval.estimators.fit import (
    blank_fit,
    missing_patterns,
    require_estimable,
)
from its_eval.estimators.least_squares import line_of_one
from its_eval.estimators.placing import independent_columns, of_unit_length, place_line
from its_eval.estimators.reml.reml_ar import NEAR_UNIT_ROOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray, Fit, FloatArray


MAXIMUM_ITERATIONS = 500
NEWTON_STEPS = 8
#: Of the quasi-Newton search: relative change of the log-likelihood in units of rounding, and its gradient.
PRECISION = {"factr": 10.0, "pgtol": 1e-8}
#: Newton decrement from which the last step is the last: it moves no parameter by more than 0.0003 of its
#: standard error.
DECREMENT_TOLERANCE = 1e-7


class ErrorProcess(Struct, frozen=True):
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

    @property
    def words(self) -> str:
        """What it is called: ``ARIMA(1,0,1)``, ``ARIMA(0,1,1)(0,1,1)[12]``."""
        *orders, season = self.seasonal_order
        seasonal = f"({','.join(map(str, orders))})[{season}]" if any(orders) else ""
        return f"ARIMA({','.join(map(str, self.order))}){seasonal}"


class Maximum(Struct, frozen=True):
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
    own : ndarray, shape (q,)
        Parameters of the error process: ar, ma, seasonal ar and ma, variance of the innovations.
    own_errors : ndarray, shape (q,)
        Their standard errors by the observed information of all parameters; NaN without convergence.
    """

    coefficients: FloatArray
    covariance: FloatArray
    partial_autocorrelations: FloatArray
    marginal_variance: float
    log_likelihood: float
    converged: bool
    own: FloatArray
    own_errors: FloatArray


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
    own_errors = np.full(params.size - n_terms, np.nan)
    if covariance is not None and converged:
        own_errors = np.sqrt(np.diag(covariance)[n_terms:])
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
        own=params[n_terms:],
        own_errors=own_errors,
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


FLAGS = ("near_unit_root", "not_converged", "differenced", "degenerate")


def fit_arima(
    X: FloatArray,
    Y: FloatArray,
    order: tuple[int, int, int],
    seasonal_order: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> Fit:
    """Fit one design with ARIMA errors to many series.

    Standard errors come from the observed information of all parameters, as those of R's ``arima``; the
    reference distribution is the normal one, which shows as infinite degrees of freedom. Neither allows for
    the autocorrelation being estimated: see ``fit_reml_ar`` for intervals that do.

    Differencing removes columns of the design (the constant; with two differences the trend; with a seasonal
    one the season). Such a column has no coefficient in the likelihood, because an integrated series has no
    expected level: what is returned puts the line through the observed series,
    ``(A'A)^{-1}A'(y - Kb)`` with A the removed and K the kept columns, and its covariance is what follows
    from that of b. It serves to draw a line: contrasts of removed columns have no estimate (``no_estimate``).
    Effects, which do not involve these columns, are not touched by this.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    Y : ndarray, shape (n, S)
        NaN where a month is missing.
    order : tuple of int
        (p, d, q).
    seasonal_order : tuple of int
        (P, D, Q, s), s the number of months in a season; 0 without one.

    Returns
    -------
    Fit
        Without variance parameters (q = 0). ``partial_autocorrelations`` are those of the autoregressive
        polynomial without its seasonal factor; sigma is the marginal standard deviation of the errors, of the
        differenced errors where they are differenced. Flags: ``not_converged`` (there is likelihood left to
        gain or no maximum; standard errors then take the error process as known where they have to),
        ``near_unit_root`` (first partial autocorrelation above 0.9), ``differenced`` (columns were removed),
        ``degenerate`` (as ``fit_ols``). ``processes`` has the coefficients of the error process.

    Raises
    ------
    SingularDesignError
        If X is rank deficient over the usable months of some series, or these leave fewer than one degree of
        freedom beyond the parameters of the error process and the months lost by differencing.
    ValueError
        If an order is negative, or a seasonal order comes without a season of at least 2 months.
    """
    _check_orders(order, seasonal_order)
    p, d, q = order
    seasonal_p, seasonal_d, seasonal_q, season = seasonal_order
    process = ErrorProcess(order, seasonal_order)
    n_series, n_terms = Y.shape[1], X.shape[1]
    result = replace(
        blank_fit(n_series, n_terms, 0, p, FLAGS), processes=np.full(n_series, None, dtype=np.object_)
    )
    kept = kept_columns(X, d, seasonal_d, season)
    if kept.size < n_terms:
        result.flags["differenced"][:] = True
        result = replace(result, no_estimate=~np.isin(np.arange(n_terms), kept))
    spent = p + q + seasonal_p + seasonal_q + d + seasonal_d * season
    for pattern in missing_patterns(Y):
        observed = pattern.observed
        require_estimable(X, observed, minimum_df=spent + 1)
        result.n_used[pattern.series] = pattern.n_used
        result.covariance.df_residual[pattern.series] = math.inf
        for series in pattern.series:
            _fit_one(result, int(series), X, Y[:, series], kept, process)
    return result


def _check_orders(order: tuple[int, int, int], seasonal_order: tuple[int, int, int, int]) -> None:
    """Raise unless the orders describe a process."""
    if min(*order, *seasonal_order) < 0:
        raise ValueError(f"order {order} and seasonal order {seasonal_order} have to be 0 or more")
    if any(seasonal_order[:3]) and seasonal_order[3] < 2:
        raise ValueError(
            f"seasonal order {seasonal_order} needs a season of at least 2 months as its fourth number"
        )


def kept_columns(X: FloatArray, d: int, seasonal_d: int, season: int) -> NDArray[np.intp]:
    """Columns of a design (n, k) that differencing leaves linearly independent of earlier ones."""
    from statsmodels.tsa.statespace.tools import diff  # noqa: PLC0415 - takes a second to import

    scaled = of_unit_length(X)
    return independent_columns(diff(scaled, d, seasonal_d, season or 1) if d or seasonal_d else scaled)


def _fit_one(
    result: Fit, series: int, X: FloatArray, y: FloatArray, kept: NDArray[np.intp], process: ErrorProcess
) -> None:
    """Fit one series and write it into its place."""
    observed: BoolArray = ~np.isnan(y)
    used, outcome = X[observed], y[observed]
    least_squares, residual, degenerate = line_of_one(used, outcome)
    if degenerate:
        result.flags["degenerate"][series] = True
        result.params[series] = least_squares
        return

    # Around the least-squares fit, in its residual standard deviations and on orthonormal columns, all
    # parameters are of order one, which the optimiser needs.
    basis, triangular = np.linalg.qr(X[:, kept])
    scale = math.sqrt(residual @ residual / outcome.size)
    spread = math.sqrt(X.shape[0])
    best = maximise(process, (y - X @ least_squares) / scale, basis * spread)
    back = np.linalg.inv(triangular) * scale * spread
    coefficients, placing = place_line(used, outcome, kept, least_squares[kept] + back @ best.coefficients)
    spread_out = placing @ back
    covariance = spread_out @ best.covariance @ spread_out.T
    result.params[series] = coefficients
    result.covariance.model[series] = result.covariance.adjusted[series] = (covariance + covariance.T) / 2.0
    result.sigma[series] = scale * math.sqrt(best.marginal_variance)
    if result.processes is not None:
        result.processes[series] = _terms(process, best, scale)
    result.partial_autocorrelations[series] = best.partial_autocorrelations
    n_effective = outcome.size - process.n_diffuse
    result.log_likelihood[series] = best.log_likelihood - n_effective * math.log(scale)
    result.flags["not_converged"][series] = not best.converged
    first = best.partial_autocorrelations[:1]
    result.flags["near_unit_root"][series] = bool((first > NEAR_UNIT_ROOT).any())


def _terms(process: ErrorProcess, best: Maximum, scale: float) -> ProcessTerms:
    """Return the coefficients of the error process; the variance of the innovations in the series' unit."""
    (p, _, q), (seasonal_p, _, seasonal_q, _) = process.order, process.seasonal_order
    units = np.ones(best.own.size)
    units[-1] = scale**2
    return ProcessTerms(
        process.words,
        by_data=False,
        terms=term_names(p, q, seasonal_p, seasonal_q),
        estimate=tuple((best.own * units).tolist()),
        std_error=tuple((best.own_errors * units).tolist()),
    )
