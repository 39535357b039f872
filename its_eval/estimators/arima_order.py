"""The order of an ARIMA process by AICc on the time before the first interruption, and the catalogue's entry.

What comes after the start has no say in the order, so that the size of an effect cannot move it. Numbers of
differences change what the likelihood is of: AICc is compared within one of them, and a test of a unit root
chooses between none and one (Hyndman & Khandakar 2008, *Journal of Statistical Software* 27:3).
"""

from __future__ import annotations

import math
import warnings
from itertools import product
from typing import TYPE_CHECKING, cast

import numpy as np
from msgspec.structs import replace

from its_eval.estimators.arima import FLAGS, ErrorProcess, fit_arima, kept_columns, maximise
from its_eval.estimators.fit import (
    SingularDesignError,
    blank_fit,
    missing_patterns,
    require_estimable,
    scatter,
)
from its_eval.estimators.kind import Entry, EstimatorKind, FitContext, ShortSeriesError
from its_eval.estimators.least_squares import line_of_one
from its_eval.estimators.placing import independent_columns, of_unit_length

if TYPE_CHECKING:
    from its_eval.estimators.fit import BoolArray, Fit, FloatArray

    #: (p, d, q), and (P, D, Q, s).
    Order = tuple[int, int, int]
    SeasonalOrder = tuple[int, int, int, int]

#: Largest p and q of the search.
LARGEST = 2
#: Level of the test of stationarity.
LEVEL = "5%"
#: AICc nearer to the smallest than this is the same: the process with fewer parameters is taken.
SAME = 1e-6


def aicc(log_likelihood: float, n_parameters: int, n_effective: int) -> float:
    """Return Akaike's criterion with Hurvich and Tsai's correction; infinite without a degree of freedom."""
    left = n_effective - n_parameters - 1
    if left <= 0:
        return math.inf
    return -2.0 * log_likelihood + 2.0 * n_parameters * (1.0 + (n_parameters + 1.0) / left)


def needs_difference(X: FloatArray, y: FloatArray, seasonal_d: int = 0, season: int = 0) -> bool:
    """Return whether the KPSS test at 5 % rejects that the errors around a design are stationary.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design of full column rank over the usable periods.
    y : ndarray, shape (n,)
        NaN where a period is missing: its residual is left out, and those beside it become neighbours.
    seasonal_d, season : int
        Seasonal differences are taken first.

    Notes
    -----
    Least-squares residuals are tested, around a trend where the design has one and around a level elsewhere,
    with the bandwidth of Hobijn, Franses and Ooms (1998).
    """
    from statsmodels.tsa.stattools import kpss  # noqa: PLC0415 - takes a second to import

    observed = ~np.isnan(y)
    residual = np.full(y.size, np.nan)
    residual[observed] = y[observed] - X[observed] @ np.linalg.lstsq(X[observed], y[observed], rcond=None)[0]
    for _ in range(seasonal_d):
        residual = residual[season:] - residual[:-season]
    time = np.linspace(-1.0, 1.0, y.size)
    left = time - X @ np.linalg.lstsq(X, time, rcond=None)[0]
    around_trend = not seasonal_d and float(left @ left) < 1e-12 * float(time @ time)
    told = residual[~np.isnan(residual)]
    with warnings.catch_warnings():
        # p-values outside its table are cut off there; the statistic is held against the critical value
        warnings.simplefilter("ignore")
        statistic, _, _, critical = kpss(told, regression="ct" if around_trend else "c", nlags="auto")
    return bool(statistic > critical[LEVEL])


def choose_order(
    X: FloatArray, y: FloatArray, seasonal_order: SeasonalOrder = (0, 0, 0, 0), most: int = 2 * LARGEST + 1
) -> Order:
    """Return the order with the smallest AICc among p and q of 0 to 2, by the periods before interruptions.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over these periods; columns that are zero or follow from earlier ones have no part in it.
    y : ndarray, shape (n,)
        NaN where a period is missing.
    seasonal_order : tuple of int
        (P, D, Q, s), of every candidate.
    most : int
        Largest p + d + q.

    Returns
    -------
    tuple of int
        (p, d, q); d is 1 where `needs_difference`, else 0. A candidate without a maximum inside the
        stationary processes is not taken where another has one. Of the same AICc, the one of fewest
        parameters, then smallest p.

    Raises
    ------
    ShortSeriesError
        If there are too few periods for any.
    """
    observed = ~np.isnan(y)
    seasonal_p, seasonal_d, seasonal_q, season = seasonal_order
    design = X[:, independent_columns(of_unit_length(X[observed]))] if observed.any() else X[:, :0]
    # room for one difference too, so that what is too short does not depend on the test
    spent = seasonal_p + seasonal_q + seasonal_d * season + 1
    require_before(int(observed.sum()), design.shape[1] + spent)
    d = int(needs_difference(design, y, seasonal_d, season))
    kept = kept_columns(design, d, seasonal_d, season)
    basis = np.linalg.qr(design[:, kept])[0] * math.sqrt(y.size)
    least_squares = np.linalg.lstsq(design[observed], y[observed], rcond=None)[0]
    residual = y - design @ least_squares
    scaled = residual / math.sqrt(np.nanmean(residual**2))
    pairs = sorted(product(range(LARGEST + 1), repeat=2), key=lambda pair: (sum(pair), pair))
    found: list[tuple[bool, float, Order]] = []
    for p, q in pairs:
        process = ErrorProcess((p, d, q), seasonal_order)
        n_effective = int(observed.sum()) - process.n_diffuse
        n_parameters = kept.size + p + q + seasonal_p + seasonal_q + 1
        if p + d + q > most or not math.isfinite(aicc(0.0, n_parameters, n_effective)):
            continue
        best = maximise(process, scaled, basis)
        found.append(
            (not best.converged, aicc(best.log_likelihood, n_parameters, n_effective), process.order)
        )
    inside = [one for one in found if not one[0]] or found
    smallest = min(value for _, value, _ in inside)
    return next(order for _, value, order in inside if value <= smallest + SAME)


def require_before(n_used: int, n_spent: int) -> None:
    """Raise unless there are enough usable periods before the first interruption to compare orders."""
    needed = n_spent + 3
    if n_used < needed:
        raise ShortSeriesError(
            f"{n_used} usable observations before the first interruption are too few to choose an order by "
            f"AICc: at least {needed} are needed. Name the order, such as [1, 0, 0]"
        )


def fit_chosen_arima(
    X: FloatArray, Y: FloatArray, before: BoolArray, seasonal_order: SeasonalOrder = (0, 0, 0, 0)
) -> Fit:
    """Choose an order for each series on the time before the start, and fit the whole series with it.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    Y : ndarray, shape (n, S)
        NaN where a period is missing.
    before : ndarray of bool, shape (n,)
        Periods before the first interruption.
    seasonal_order : tuple of int
        (P, D, Q, s), as configured.

    Returns
    -------
    Fit
        As that of ``fit_arima`` with the order chosen. Partial autocorrelations beyond the order are NaN, and
        ``no_estimate`` has a row for each series. Neither errors nor p-values allow for the choice.

    Raises
    ------
    ShortSeriesError, SingularDesignError
        If there is too little before the start to choose, or too little altogether.
    """
    n_series, n_terms = Y.shape[1], X.shape[1]
    orders = _orders(X, Y, before, seasonal_order)
    blank = blank_fit(n_series, n_terms, 0, max((p for p, _, _ in orders), default=0), FLAGS)
    result = replace(
        blank,
        no_estimate=np.zeros((n_series, n_terms), dtype=np.bool_),
        processes=np.full(n_series, None, dtype=np.object_),
    )
    result.partial_autocorrelations[:] = np.nan
    for order in sorted(set(orders)):
        places = np.array([place for place, own in enumerate(orders) if own == order], dtype=np.intp)
        part = fit_arima(X, Y[:, places], order, seasonal_order)
        for name in ("params", "covariance", "sigma", "log_likelihood", "n_used", "flags"):
            scatter(getattr(result, name), places, getattr(part, name))
        result.partial_autocorrelations[places, : order[0]] = part.partial_autocorrelations
        if result.no_estimate is not None and part.no_estimate is not None:
            result.no_estimate[places] = part.no_estimate
        for place, terms in zip(places, part.processes if part.processes is not None else (), strict=True):
            if result.processes is not None and terms is not None:
                result.processes[place] = replace(terms, by_data=True)
    return result


def _orders(X: FloatArray, Y: FloatArray, before: BoolArray, seasonal_order: SeasonalOrder) -> list[Order]:
    """Return the order of each series; of one that does not vary around its line the simplest."""
    seasonal_p, seasonal_d, seasonal_q, season = seasonal_order
    orders: list[Order] = [(0, 0, 0)] * Y.shape[1]
    for pattern in missing_patterns(Y):
        observed = pattern.observed
        spent = seasonal_p + seasonal_q + seasonal_d * season
        require_estimable(X, observed, minimum_df=spent + 2)
        most = pattern.n_used - X.shape[1] - spent - 1
        early = X[before]
        for series in pattern.series:
            y = Y[before, series]
            if not (_is_line(X, Y[:, series]) or _is_line(early, y)):
                orders[series] = choose_order(early, y, seasonal_order, most)
    return orders


def _is_line(X: FloatArray, y: FloatArray) -> bool:
    """Return whether a design reproduces a series up to rounding."""
    observed = ~np.isnan(y)
    used, outcome = X[observed], y[observed]
    if outcome.size <= np.linalg.matrix_rank(of_unit_length(used)):
        # too few to vary: what is too short is refused in words
        return False
    return line_of_one(used, outcome)[2]


def _fit_entry(X: FloatArray, Y: FloatArray, estimator: Entry, context: FitContext) -> Fit:
    """Fit an entry of the config, whose season is that of the frequency."""
    if any(estimator.seasonal_order) and context.per_year < 2:
        message = "a seasonal order needs at least 2 periods a year"
        raise SingularDesignError(message, terms=(), n_used=context.n_used, n_terms=X.shape[1])
    seasonal = (*estimator.seasonal_order, context.per_year if any(estimator.seasonal_order) else 0)
    if estimator.order == "aicc":
        return fit_chosen_arima(X, Y, context.before_any, seasonal)
    return fit_arima(X, Y, cast("Order", estimator.order), seasonal)


ARIMA = EstimatorKind(
    "arima",
    "ARIMA errors, maximum likelihood",
    "an ARIMA process, by maximum likelihood and the normal distribution; too narrow in short series",
    _fit_entry,
    options=("order", "seasonal_order"),
    has_error_model=True,
    slow=True,
    has_own_refusals=True,
)
