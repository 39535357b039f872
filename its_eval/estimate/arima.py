"""Regression with ARIMA errors by exact maximum likelihood, in statsmodels' state space form.

Missing months are skipped by the Kalman filter and keep their place in time; differencing starts from an
exact diffuse state (Durbin & Koopman 2012, *Time Series Analysis by State Space Methods*, chapter 5), so that
the likelihood is that of the differenced series.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.arima_likelihood import ErrorProcess, maximise
from its_eval.estimate.assembly import blank_fit, degenerate_series
from its_eval.estimate.patterns import RANK_TOLERANCE, missing_patterns, require_estimable
from its_eval.estimate.reml_ar import NEAR_UNIT_ROOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimate.fit import BoolArray, Fit, FloatArray

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
    from that of b. Effects, which do not involve these columns, are not touched by this.

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
        ``degenerate`` (as ``fit_ols``).

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
    result = blank_fit(n_series, n_terms, 0, p, FLAGS)
    kept = kept_columns(X, d, seasonal_d, season)
    result.flags["differenced"][:] = kept.size < n_terms
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

    length = np.linalg.norm(X, axis=0)
    scaled = X / np.where(length > 0.0, length, 1.0)
    differenced = np.asarray(diff(scaled, d, seasonal_d, season or 1)) if d or seasonal_d else scaled
    left_over = np.zeros(X.shape[1])
    rows = min(differenced.shape)
    left_over[:rows] = np.abs(np.diag(np.linalg.qr(differenced, mode="r")))
    return np.flatnonzero(left_over > RANK_TOLERANCE)


def _fit_one(
    result: Fit, series: int, X: FloatArray, y: FloatArray, kept: NDArray[np.intp], process: ErrorProcess
) -> None:
    """Fit one series and write it into its place."""
    observed: BoolArray = ~np.isnan(y)
    used, outcome = X[observed], y[observed]
    least_squares = np.linalg.lstsq(used, outcome, rcond=None)[0]
    residual = outcome - used @ least_squares
    sums = np.array([residual @ residual]), np.array([outcome @ outcome])
    if degenerate_series(np.where(observed, y, 0.0)[:, None], observed, *sums)[0]:
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
    coefficients = least_squares.copy()
    coefficients[kept] += back @ best.coefficients
    placing = np.eye(X.shape[1])[:, kept]
    removed = np.setdiff1d(np.arange(X.shape[1]), kept)
    if removed.size:
        onto = np.linalg.lstsq(used[:, removed], used[:, kept], rcond=None)[0]
        placing[removed] = -onto
        left = outcome - used[:, kept] @ coefficients[kept]
        coefficients[removed] = np.linalg.lstsq(used[:, removed], left, rcond=None)[0]
    spread_out = placing @ back
    covariance = spread_out @ best.covariance @ spread_out.T
    result.params[series] = coefficients
    result.covariance.model[series] = result.covariance.adjusted[series] = (covariance + covariance.T) / 2.0
    result.sigma[series] = scale * math.sqrt(best.marginal_variance)
    result.partial_autocorrelations[series] = best.partial_autocorrelations
    n_effective = outcome.size - process.n_diffuse
    result.log_likelihood[series] = best.log_likelihood - n_effective * math.log(scale)
    result.flags["not_converged"][series] = not best.converged
    first = best.partial_autocorrelations[:1]
    result.flags["near_unit_root"][series] = bool((first > NEAR_UNIT_ROOT).any())
