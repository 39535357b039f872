"""All residual checks of one fitted series, from one simulated set of residuals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from its_eval.checks.autocorrelation import (
    Correlogram,
    correlogram,
    ljung_box,
    ljung_box_lags,
    seasonal_autocorrelation,
)
from its_eval.checks.influence import Deletion, Influence, Outliers, Refit, influence, outliers
from its_eval.checks.innovations import DRAWS, Whitening, simulate_residuals
from its_eval.checks.result import ATTENTION_LEVEL, CheckResult
from its_eval.checks.spread import arch, heteroscedasticity, normality, variance_ratio
from its_eval.estimators.fit import BoolArray, FloatArray, degenerate_series


@dataclass(frozen=True)
class FittedSeries:
    """One series as it was fitted.

    Attributes
    ----------
    matrix : ndarray, shape (n, k)
        Design over the window; rows divided by the roots of the weights where there are weights.
    outcome : ndarray, shape (n,)
        Values, divided likewise; NaN where a period did not enter the fit.
    partials : ndarray, shape (p,)
        Estimated partial autocorrelations, p = 0, 1 or 2.
    after : ndarray of bool, shape (n,)
        Periods from the interruption on.
    periods : sequence of str, length n
        Names of the periods.
    per_year : int
        Periods of a year.
    denominators : ndarray, shape (n,), or None
        People behind each value.
    alpha : float
        p-values up to this ask for attention.
    """

    matrix: FloatArray
    outcome: FloatArray
    partials: FloatArray
    after: BoolArray
    periods: Sequence[str]
    per_year: int
    denominators: FloatArray | None = None
    alpha: float = ATTENTION_LEVEL


@dataclass(frozen=True)
class Diagnostics:
    """What the residual checks of a series gave.

    Attributes
    ----------
    checks : tuple of CheckResult
    correlogram : Correlogram
        Residual autocorrelations, for a figure.
    outliers : Outliers
    influence : dict of str to Influence
        By estimand.
    residuals : ndarray, shape (n_used,)
        Whitened residuals, in calendar order.
    """

    checks: tuple[CheckResult, ...]
    correlogram: Correlogram
    outliers: Outliers
    influence: dict[str, Influence]
    residuals: FloatArray


def diagnose(
    series: FittedSeries,
    estimands: Mapping[str, tuple[FloatArray, float]],
    refit: Refit,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Diagnostics:
    """Make every residual check of one series.

    Parameters
    ----------
    series : FittedSeries
    estimands : mapping of str to (ndarray of shape (k,), float)
        Contrast and estimate of each effect whose dependence on single periods is wanted.
    refit : callable
        As for ``influence.outliers``.
    rng : numpy.random.Generator
    draws : int
        Simulated series.

    Raises
    ------
    SingularDesignError
        If the design cannot be estimated from the observed periods.
    ValueError
        If the design reproduces the series up to rounding (flag ``degenerate`` of the fit).
    """
    observed = ~np.isnan(series.outcome)
    whitening = Whitening(series.matrix, series.partials, observed)
    if _fits_exactly(series, observed):
        raise ValueError("the design reproduces the series exactly: there are no residuals to check")
    simulated = simulate_residuals(whitening, rng, draws)
    residuals = whitening.residuals(series.outcome[:, None])[:, 0]
    positions, after = whitening.positions, series.after[observed]
    people = None if series.denominators is None else series.denominators[observed]
    leverage = np.sum(whitening.factored[0] ** 2, axis=1)
    deletion = Deletion(whitening)
    effects = {name: estimate for name, (_, estimate) in estimands.items()}
    apart = outliers(deletion, series.outcome, simulated.known, series.periods, refit, effects)
    leaning = {
        name: influence(
            deletion, series.outcome, simulated.known, contrast, name, estimate, series.periods, series.alpha
        )
        for name, (contrast, estimate) in estimands.items()
    }
    null, alpha = simulated.refitted, series.alpha
    checks = (
        ljung_box(residuals, null, positions, alpha),
        seasonal_autocorrelation(residuals, null, positions, series.per_year, alpha),
        heteroscedasticity(residuals, null, positions.astype(np.float64), after, people, alpha),
        arch(residuals, null, positions, alpha),
        variance_ratio(residuals, null, after, leverage),
        normality(residuals, null, alpha),
        apart.check,
        *(found.check for found in leaning.values()),
    )
    n_lags = min(max(ljung_box_lags(residuals.size), series.per_year), residuals.size - 1)
    return Diagnostics(checks, correlogram(residuals, null, positions, n_lags), apart, leaning, residuals)


def _fits_exactly(series: FittedSeries, observed: BoolArray) -> bool:
    """Whether least squares leaves nothing but rounding."""
    matrix, outcome = series.matrix[observed], series.outcome[observed]
    left = outcome - matrix @ np.linalg.lstsq(matrix, outcome, rcond=None)[0]
    filled = np.where(observed, series.outcome, 0.0)[:, None]
    sums = np.array([left @ left]), np.array([outcome @ outcome])
    return bool(degenerate_series(filled, observed, *sums)[0])
