"""Whitened residuals of a fit with AR errors, and whether autocorrelation is left in them.

With V = L L' the covariance of the errors over the observed periods, the innovations are e = L^{-1}(y - Xb):
one number a period, uncorrelated with equal variance if the error model holds. The textbook limits for them
ignore that k coefficients and the autocorrelation were estimated; with month dummies and 83 periods a quarter
of clean series would be flagged. So every p-value comes from series simulated under the fit.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.checks.result import (
    DRAWS,
    NOTE_LEVEL,
    CheckResult,
    judged,
    not_applicable,
    number,
    p_text,
    two_sided_p,
    upper_p,
)
from its_eval.estimators.fit import BoolArray, FloatArray, require_estimable
from its_eval.estimators.reml.autoregression import autocovariances
from its_eval.estimators.reml.reml_ar import reml_point_estimates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


#: Most lags of the Ljung-Box statistic.
MOST_LAGS = 24


def ljung_box_lags(n_used: int) -> int:
    """Return the number of lags h = min(24, floor(n / 5))."""
    return min(MOST_LAGS, n_used // 5)


def autocorrelations(residuals: FloatArray, positions: NDArray[np.intp], n_lags: int) -> FloatArray:
    """Return ``r_l = sum_t e_t e_{t+l} / sum_t e_t^2`` at calendar lags 1..n_lags, shape (n_lags, S).

    A missing period contributes nothing, but keeps its neighbours apart. Residuals are not centred: those of
    a fit have no level of their own.

    Parameters
    ----------
    residuals : ndarray, shape (n_used, S)
    positions : ndarray of int, shape (n_used,)
        Their calendar positions, ascending.
    n_lags : int
    """
    calendar = np.zeros((int(positions[-1]) + 1 + n_lags, residuals.shape[1]))
    calendar[positions] = residuals
    stop = calendar.shape[0] - n_lags
    sums = [np.einsum("ts,ts->s", calendar[:stop], calendar[lag : stop + lag]) for lag in range(n_lags + 1)]
    return np.asarray(np.array(sums[1:]).reshape(n_lags, -1) / sums[0])


def ljung_box_statistic(residuals: FloatArray, positions: NDArray[np.intp], n_lags: int) -> FloatArray:
    """Return ``Q = n (n + 2) sum_{l=1}^h r_l^2 / (n - l)``, shape (S,).

    Ljung & Box 1978, *Biometrika* 65:297. Parameters as for ``autocorrelations``.
    """
    n_used = residuals.shape[0]
    weights = n_used * (n_used + 2.0) / (n_used - np.arange(1.0, n_lags + 1.0))
    return np.asarray(weights @ autocorrelations(residuals, positions, n_lags) ** 2)


class Correlogram(Struct, frozen=True):
    """Autocorrelations of the residuals with what a right model would show.

    Attributes
    ----------
    lags : ndarray of int, shape (h,)
    values : ndarray, shape (h,)
    low, high : ndarray, shape (h,)
        The central 95 % of the simulated residuals, lag by lag.
    """

    lags: NDArray[np.intp]
    values: FloatArray
    low: FloatArray
    high: FloatArray


def correlogram(
    residuals: FloatArray, simulated: FloatArray, positions: NDArray[np.intp], n_lags: int
) -> Correlogram:
    """Return the correlogram of residuals (n_used,) beside that of simulated ones (n_used, B)."""
    low, high = np.quantile(autocorrelations(simulated, positions, n_lags), [0.025, 0.975], axis=1)
    values = autocorrelations(residuals[:, None], positions, n_lags)[:, 0]
    return Correlogram(np.arange(1, n_lags + 1), values, low, high)


def ljung_box(
    residuals: FloatArray, simulated: FloatArray, positions: NDArray[np.intp], alpha: float = NOTE_LEVEL
) -> CheckResult:
    """Check ``ljung_box``: autocorrelation over the first h lags together.

    Parameters
    ----------
    residuals : ndarray, shape (n_used,)
    simulated : ndarray, shape (n_used, B)
        The same under the fit, ``SimulatedResiduals.refitted``.
    positions : ndarray of int, shape (n_used,)
    """
    n_lags = ljung_box_lags(residuals.size)
    if n_lags == 0:
        return not_applicable(
            "ljung_box", f"{residuals.size} periods are too few to look for autocorrelation."
        )
    statistic = float(ljung_box_statistic(residuals[:, None], positions, n_lags)[0])
    p_value = upper_p(statistic, ljung_box_statistic(simulated, positions, n_lags))
    detail = f"(Ljung–Box over {n_lags} lags, {p_text(p_value)})"
    return judged(
        "ljung_box",
        statistic,
        p_value,
        f"Autocorrelation is left in the residuals {detail}: see whether the effect holds with the other "
        "order of autoregression and with added noise.",
        f"No autocorrelation is seen in the residuals {detail}; nothing needs to be done.",
        alpha=alpha,
    )


def seasonal_autocorrelation(
    residuals: FloatArray,
    simulated: FloatArray,
    positions: NDArray[np.intp],
    per_year: int,
    alpha: float = NOTE_LEVEL,
) -> CheckResult:
    """Check ``seasonal_autocorrelation``: residuals one year apart (lag 12 for months).

    Its null distribution is not centred at zero: dummies for the months take out the mean of each month and
    leave negative correlations behind. Parameters as for ``ljung_box``, with the periods of a year.
    """
    name = "seasonal_autocorrelation"
    if per_year == 1:
        return not_applicable(name, "Yearly data have no season.")
    if positions[-1] - positions[0] <= per_year:
        return not_applicable(name, f"The series is not longer than a year of {per_year} periods.")
    statistic = float(autocorrelations(residuals[:, None], positions, per_year)[-1, 0])
    p_value = two_sided_p(statistic, autocorrelations(simulated, positions, per_year)[-1])
    detail = f"(autocorrelation {number(statistic)} at lag {per_year}, {p_text(p_value)})"
    return judged(
        name,
        statistic,
        p_value,
        f"Residuals a year apart are related {detail}: the season changes or is not of the fitted form, so "
        "compare the other seasonal forms.",
        f"No relation of residuals a year apart is seen {detail}; nothing needs to be done.",
        alpha=alpha,
    )


def durbin_watson(X: FloatArray, y: FloatArray) -> CheckResult:
    """Describe ``durbin_watson`` of the least-squares residuals, as older reports quote it.

    ``sum (e_t - e_{t-1})^2 / sum e_t^2``. It describes the series, not the fit, and never chooses a model.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    y : ndarray, shape (n,)
        NaN where a period is missing: then neighbours are not neighbours in time and it does not apply.
    """
    if np.isnan(y).any():
        return not_applicable("durbin_watson", "Durbin–Watson needs a series without missing periods.")
    residuals = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    statistic = float(np.sum(np.diff(residuals) ** 2) / np.sum(residuals**2))
    message = (
        f"Durbin–Watson of the least-squares residuals is {statistic:.2f} (2 means no autocorrelation): a "
        "description for comparison with older reports, since the error model allows for autocorrelation."
    )
    return CheckResult("durbin_watson", statistic, math.nan, "pass", message)


def breusch_godfrey(X: FloatArray, y: FloatArray, n_lags: int) -> CheckResult:
    """Describe ``breusch_godfrey``: n R^2 of the least-squares residuals on X and their own first lags.

    Under homoscedastic least squares the same as the Cumby-Huizinga test of Stata's ``actest``. Its p-value
    is that of chi-squared(h): it describes the series and never chooses a model. The design has a constant.
    Parameters as for ``durbin_watson``.
    """
    if np.isnan(y).any():
        return not_applicable("breusch_godfrey", "Breusch–Godfrey needs a series without missing periods.")
    if y.size - X.shape[1] - n_lags < 1:
        return not_applicable(
            "breusch_godfrey", f"{y.size} periods are too few for {n_lags} lags beside the terms."
        )
    from scipy import special  # noqa: PLC0415  (start-up time)

    residuals = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    lagged = np.column_stack([np.r_[np.zeros(lag), residuals[:-lag]] for lag in range(1, n_lags + 1)])
    columns = np.hstack([X, lagged])
    left = residuals - columns @ np.linalg.lstsq(columns, residuals, rcond=None)[0]
    statistic = float(y.size * (1.0 - np.sum(left**2) / np.sum(residuals**2)))
    p_value = float(special.chdtrc(n_lags, statistic))
    message = (
        f"Breusch–Godfrey over {n_lags} lags of the least-squares residuals gives {p_text(p_value)}: "
        "a description for comparison with older reports, since the error model allows for autocorrelation."
    )
    return CheckResult("breusch_godfrey", statistic, p_value, "pass", message)


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


class Whitening(Struct, frozen=True, dict=True):
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

    def errors(self, noise: FloatArray) -> FloatArray:
        """Return error series (n, S) of standard normal innovations (n_used, S), NaN where not observed."""
        series = np.full((self.observed.size, noise.shape[1]), np.nan)
        series[self.observed] = np.linalg.solve(self.inverse_factor, noise)
        return series

    def coefficients(self, Y: FloatArray) -> FloatArray:
        """Return the generalised least-squares coefficients (k, S) of outcomes (n, S)."""
        basis, triangular = self.factored
        white = innovations(Y, self.partials[None], self.observed)
        return np.asarray(np.linalg.solve(triangular, basis.T @ white))

    def project(self, whitened: FloatArray) -> FloatArray:
        """Return whitened outcomes (n_used, S) without what the design explains."""
        basis = self.factored[0]
        # twice, so that a high level costs no digits
        once = whitened - basis @ (basis.T @ whitened)
        return np.asarray(once - basis @ (basis.T @ once))


class SimulatedResiduals(Struct, frozen=True):
    """What whitened residuals look like when the fit is right: one set for all checks of a series.

    Attributes
    ----------
    noise : ndarray, shape (n_used, B)
        The standard normal innovations that were drawn.
    errors : ndarray, shape (n, B)
        The error series they make, NaN where not observed: the fit plus these is a simulated series.
    refitted : ndarray, shape (n_used, B)
        Innovations of simulated series, each whitened with the autocorrelation estimated from itself. Only
        the autocorrelation they were simulated with is plugged in. If it was taken as known in the whitening
        too, a portmanteau test of AR(2) residuals would reject 1 % of clean series where it claims 5 %.
    known : ndarray, shape (n_used, B)
        The same series whitened with the autocorrelation they were simulated with: ``(I - QQ')z``. For
        statistics of single periods, on which estimating the autocorrelation has little effect.
    """

    noise: FloatArray
    errors: FloatArray
    refitted: FloatArray
    known: FloatArray


#: Series that are simulated and fitted at a time: more, and their arrays leave the cache.
SERIES_AT_A_TIME = 8


def simulate_residuals(
    whitenings: Sequence[Whitening], streams: Sequence[np.random.Generator], draws: int = DRAWS
) -> list[SimulatedResiduals]:
    """Simulate Gaussian series under some fits, fit each again, and return their residuals.

    Coefficients and variance need no simulation: the residuals do not depend on the first and no statistic
    of them on the second. Draws of fits with one design, missing periods and order are fitted together.

    Parameters
    ----------
    whitenings : sequence of Whitening
        The fits.
    streams : sequence of numpy.random.Generator
        Of each.
    draws : int
        B.
    """
    noises = [
        stream.standard_normal((int(whitening.observed.sum()), draws))
        for whitening, stream in zip(whitenings, streams, strict=True)
    ]
    alike: dict[tuple[bytes, bytes, int], list[int]] = {}
    for place, whitening in enumerate(whitenings):
        key = (whitening.matrix.tobytes(), whitening.observed.tobytes(), whitening.partials.size)
        alike.setdefault(key, []).append(place)
    found: dict[int, SimulatedResiduals] = {}
    for places in alike.values():
        made = _simulated([whitenings[place] for place in places], [noises[place] for place in places])
        found |= dict(zip(places, made, strict=True))
    return [found[place] for place in range(len(whitenings))]


def _simulated(whitenings: Sequence[Whitening], noises: Sequence[FloatArray]) -> list[SimulatedResiduals]:
    """Simulate fits with one design."""
    first, draws = whitenings[0], noises[0].shape[1]
    every = np.hstack([item.errors(noise) for item, noise in zip(whitenings, noises, strict=True)])
    refitted = every[first.observed]
    if first.partials.size:
        params, partials = reml_point_estimates(first.matrix, every, first.partials.size)
        refitted = innovations(every - first.matrix @ params.T, partials, first.observed)
    parts = []
    for place, (whitening, noise) in enumerate(zip(whitenings, noises, strict=True)):
        own, known = slice(place * draws, (place + 1) * draws), whitening.project(noise)
        again = refitted[:, own] if first.partials.size else known
        parts.append(SimulatedResiduals(noise, every[:, own], again, known))
    return parts
