"""All residual checks of one fitted series, those of one variance and a normal shape among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from scipy import special

from its_eval.checks.autocorrelation import (
    Correlogram,
    SimulatedResiduals,
    Whitening,
    correlogram,
    ljung_box,
    ljung_box_lags,
    seasonal_autocorrelation,
)
from its_eval.checks.influence import Deletion, Influence, Outliers, Refit, influence, outliers
from its_eval.checks.result import (
    NOTE_LEVEL,
    CheckResult,
    judged,
    not_applicable,
    number,
    p_text,
    upper_p,
)
from its_eval.effects.several_units import reaches
from its_eval.estimators.fit import BoolArray, FloatArray, degenerate_series

if TYPE_CHECKING:
    from numpy.typing import NDArray


#: Ratios of the variances after and before within which one common variance does little harm (methods §11.3).
HARMLESS = (0.6, 1.7)
#: Fewest pairs of neighbours, or residuals, for a check of this module.
FEWEST = 8
#: Polynomials in the root of 1/n of the largest weights of Shapiro and Wilk's statistic, highest power first.
ROYSTON = (
    (-2.706056, 4.434685, -2.07119, -0.147981, 0.221157, 0.0),
    (-3.582633, 5.682633, -1.752461, -0.293762, 0.042981, 0.0),
)


def explained_share(values: FloatArray, regressors: FloatArray) -> FloatArray:
    """Return R^2 of series (n, S) on a constant and regressors (n, q), collinear ones allowed, shape (S,)."""
    centred = values - values.mean(axis=0)
    columns = regressors - regressors.mean(axis=0)
    length = np.linalg.norm(columns, axis=0)
    left, singular, _ = np.linalg.svd(columns / np.where(length > 0.0, length, 1.0), full_matrices=False)
    basis = left[:, singular > 1e-10]
    return np.asarray(np.sum((basis.T @ centred) ** 2, axis=0) / np.sum(centred**2, axis=0))


def breusch_pagan_statistic(residuals: FloatArray, regressors: FloatArray) -> FloatArray:
    """Return ``n R^2`` of squared residuals (n, S) on a constant and regressors (n, q), shape (S,).

    Breusch & Pagan 1979, studentised by Koenker 1981, *Journal of Econometrics* 17:107.
    """
    return np.asarray(residuals.shape[0] * explained_share(residuals**2, regressors))


def arch_statistic(residuals: FloatArray, neighbours: BoolArray) -> FloatArray:
    """Return ``n R^2`` of squared residuals on those of the period before (Engle 1982), shape (S,).

    Parameters
    ----------
    residuals : ndarray, shape (n, S)
    neighbours : ndarray of bool, shape (n - 1,)
        Whether residual i + 1 is of the period right after that of residual i.
    """
    before, after = residuals[:-1][neighbours] ** 2, residuals[1:][neighbours] ** 2
    before, after = before - before.mean(axis=0), after - after.mean(axis=0)
    products = np.sum(before * after, axis=0) ** 2
    share = products / (np.sum(before**2, axis=0) * np.sum(after**2, axis=0))
    return np.asarray(neighbours.sum() * share)


def heteroscedasticity(
    residuals: FloatArray,
    simulated: FloatArray,
    time: FloatArray,
    after: BoolArray,
    denominators: FloatArray | None = None,
    alpha: float = NOTE_LEVEL,
) -> CheckResult:
    """Check ``heteroscedasticity``: Breusch-Pagan on time, the interruption and 1/denominator.

    Parameters
    ----------
    residuals : ndarray, shape (n_used,)
    simulated : ndarray, shape (n_used, B)
    time : ndarray, shape (n_used,)
        Calendar positions.
    after : ndarray of bool, shape (n_used,)
        Periods from the interruption on.
    denominators : ndarray, shape (n_used,), optional
        People behind each value.
    """
    columns = [time, after.astype(np.float64)]
    if denominators is not None:
        columns.append(1.0 / denominators)
    regressors = np.column_stack(columns)
    statistic = float(breusch_pagan_statistic(residuals[:, None], regressors)[0])
    p_value = upper_p(statistic, breusch_pagan_statistic(simulated, regressors))
    causes = "time, the interruption or the number of people" if denominators is not None else (
        "time or the interruption"
    )  # fmt: skip
    detail = f"(Breusch–Pagan {number(statistic)}, {p_text(p_value)})"
    return judged(
        "heteroscedasticity",
        statistic,
        p_value,
        f"The spread of the residuals changes with {causes} {detail}: compare the estimate with weights and "
        "with a variance for each segment.",
        f"No change of the residuals' spread with {causes} is seen {detail}; nothing needs to be done.",
        alpha=alpha,
    )


def arch(
    residuals: FloatArray, simulated: FloatArray, positions: NDArray[np.intp], alpha: float = NOTE_LEVEL
) -> CheckResult:
    """Check ``arch``: whether a large residual follows a large one, whatever the sign.

    Parameters as for ``heteroscedasticity``; positions are calendar positions.
    """
    neighbours = np.diff(positions) == 1
    if neighbours.sum() < FEWEST:
        return not_applicable("arch", f"Only {neighbours.sum()} pairs of neighbouring periods are observed.")
    statistic = float(arch_statistic(residuals[:, None], neighbours)[0])
    p_value = upper_p(statistic, arch_statistic(simulated, neighbours))
    detail = f"(ARCH {number(statistic)}, {p_text(p_value)})"
    return judged(
        "arch",
        statistic,
        p_value,
        f"Turbulent periods come together {detail}: look at what happened in them, and compare the estimate "
        "without them.",
        f"No clustering of turbulent periods is seen {detail}; nothing needs to be done.",
        alpha=alpha,
    )


def variance_ratio(
    residuals: FloatArray,
    simulated: FloatArray,
    after: BoolArray,
    leverage: FloatArray,
    alpha: float = NOTE_LEVEL,
) -> CheckResult:
    """Check ``variance_ratio``: residual variance from the interruption on over that before it.

    ``(sum_post e^2 / sum_post (1 - h)) / (sum_pre e^2 / sum_pre (1 - h))`` with h the leverages in the
    whitened regression, so that it is about 1 when the variance is the same. Within 0.6 to 1.7 one variance
    for both does little harm: the test is whether the ratio lies outside. Its interval at 1 - 2 alpha is the
    ratio over the simulated ratios of a common variance, and asks for ``attention`` where all of it does.

    Parameters
    ----------
    residuals, simulated, after : ndarray
        As for ``heteroscedasticity``.
    leverage : ndarray, shape (n_used,)
        ``diag(QQ')``.
    alpha : float
        Level of the test.
    """
    if min(after.sum(), (~after).sum()) < FEWEST:
        reason = f"Fewer than {FEWEST} periods before or from the interruption: too few to compare variances."
        return not_applicable("variance_ratio", reason)
    freedom = float(np.sum(1.0 - leverage[after]) / np.sum(1.0 - leverage[~after]))

    def ratio(series: FloatArray) -> FloatArray:
        return np.asarray(np.sum(series[after] ** 2, axis=0) / np.sum(series[~after] ** 2, axis=0) / freedom)

    statistic, drawn = float(ratio(residuals[:, None])[0]), ratio(simulated)
    p_value = 1.0
    if statistic > HARMLESS[1]:
        p_value = upper_p(statistic, HARMLESS[1] * drawn)
    elif statistic < HARMLESS[0]:
        p_value = upper_p(-statistic, -HARMLESS[0] * drawn)
    low, high = statistic / np.quantile(drawn, [1.0 - alpha, alpha])
    found = (
        f"The variance from the interruption on is {number(statistic)} times that before "
        f"({number(low)} to {number(high)}"
    )
    if not reaches(np.array(p_value), alpha):
        message = (
            f"{found}), not clearly outside {HARMLESS[0]} to {HARMLESS[1]}, where one variance for both does "
            "little harm; nothing needs to be done."
        )
        return CheckResult("variance_ratio", statistic, p_value, "pass", message)
    message = (
        f"{found}, {p_text(p_value)}), outside {HARMLESS[0]} to {HARMLESS[1]}: compare the estimate with a "
        "variance for each segment before trusting its interval."
    )
    return CheckResult("variance_ratio", statistic, p_value, "attention", message)


def shapiro_wilk(values: FloatArray) -> FloatArray:
    """Return the statistic W of samples of at least six numbers, shape (S,).

    Weights by Royston's approximation (1995, *Applied Statistics* 44:547, algorithm AS R94), as in
    `scipy.stats.shapiro`, which takes one sample at a time and half a second to import.

    Parameters
    ----------
    values : ndarray, shape (n, S)
    """
    n = len(values)
    upper = special.ndtri((np.arange(n, n // 2, -1) - 0.375) / (n + 0.25))
    squares = 2.0 * float(np.sum(upper**2))
    ends = np.array([np.polyval(row, 1.0 / np.sqrt(n)) for row in ROYSTON]) + upper[:2] / np.sqrt(squares)
    rest = (squares - 2.0 * np.sum(upper[:2] ** 2)) / (1.0 - 2.0 * np.sum(ends**2))
    weights = np.concatenate([ends, upper[2:] / np.sqrt(rest)])
    ordered = np.sort(values - values.mean(axis=0), axis=0)
    spread = ordered[: -len(weights) - 1 : -1] - ordered[: len(weights)]
    return np.asarray((weights @ spread) ** 2 / np.sum(ordered**2, axis=0))


def normality(residuals: FloatArray, simulated: FloatArray, alpha: float = NOTE_LEVEL) -> CheckResult:
    """Check ``normality``: Shapiro-Wilk of the residuals (Royston 1995, as in scipy).

    The statistic is W, suspicious when small. Parameters as for ``heteroscedasticity``.
    """
    if residuals.size < FEWEST:
        return not_applicable("normality", f"{residuals.size} residuals are too few to judge their shape.")
    statistic = float(shapiro_wilk(residuals[:, None])[0])
    drawn = shapiro_wilk(simulated)
    p_value = upper_p(-statistic, -drawn)
    detail = f"(Shapiro–Wilk W = {statistic:.3f}, {p_text(p_value)})"
    return judged(
        "normality",
        statistic,
        p_value,
        f"The residuals are not normally distributed {detail}: look for outlying periods; intervals of "
        "effects tolerate this, the band around single periods does not.",
        f"No departure from a normal shape is seen {detail}; nothing needs to be done.",
        alpha=alpha,
    )


class FittedSeries(Struct, frozen=True, dict=True):
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
        p-values up to this are a note.
    """

    matrix: FloatArray
    outcome: FloatArray
    partials: FloatArray
    after: BoolArray
    periods: Sequence[str]
    per_year: int
    denominators: FloatArray | None = None
    alpha: float = NOTE_LEVEL

    @cached_property
    def observed(self) -> BoolArray:
        """Periods that entered the fit, shape (n,)."""
        return ~np.isnan(self.outcome)

    @cached_property
    def whitening(self) -> Whitening:
        """The fit at its partial autocorrelations.

        Raises
        ------
        SingularDesignError
            If the design cannot be estimated from the observed periods.
        """
        return Whitening(self.matrix, self.partials, self.observed)

    @cached_property
    def fits_exactly(self) -> bool:
        """Whether least squares leaves nothing but rounding (flag ``degenerate`` of the fit)."""
        matrix, outcome = self.matrix[self.observed], self.outcome[self.observed]
        left = outcome - matrix @ np.linalg.lstsq(matrix, outcome, rcond=None)[0]
        filled = np.where(self.observed, self.outcome, 0.0)[:, None]
        sums = np.array([left @ left]), np.array([outcome @ outcome])
        return bool(degenerate_series(filled, self.observed, *sums)[0])


class Diagnostics(Struct, frozen=True):
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
    simulated: SimulatedResiduals,
) -> Diagnostics:
    """Make every residual check of one series.

    Parameters
    ----------
    series : FittedSeries
    estimands : mapping of str to (ndarray of shape (k,), float)
        Contrast and estimate of each effect whose dependence on single periods is wanted.
    refit : callable
        As for ``influence.outliers``.
    simulated : SimulatedResiduals
        Of ``series.whitening``.

    Raises
    ------
    ValueError
        If the design reproduces the series up to rounding.
    """
    if series.fits_exactly:
        raise ValueError("the design reproduces the series exactly: there are no residuals to check")
    observed, whitening = series.observed, series.whitening
    residuals = whitening.residuals(series.outcome[:, None])[:, 0]
    positions, after = whitening.positions, series.after[observed]
    people = None if series.denominators is None else series.denominators[observed]
    leverage = np.sum(whitening.factored[0] ** 2, axis=1)
    deletion = Deletion(whitening)
    effects = {name: estimate for name, (_, estimate) in estimands.items()}
    null, alpha = simulated.refitted, series.alpha
    apart = outliers(deletion, series.outcome, simulated.known, series.periods, refit, effects, alpha)
    leaning = {
        name: influence(
            deletion, series.outcome, simulated.known, contrast, name, estimate, series.periods, alpha
        )
        for name, (contrast, estimate) in estimands.items()
    }
    left = ljung_box(residuals, null, positions, alpha)
    if not series.partials.size and left.status == "note":
        # a fit without a model of autocorrelation has no other defence against it
        left = replace(left, status="attention")
    checks = (
        left,
        seasonal_autocorrelation(residuals, null, positions, series.per_year, alpha),
        heteroscedasticity(residuals, null, positions.astype(np.float64), after, people, alpha),
        arch(residuals, null, positions, alpha),
        variance_ratio(residuals, null, after, leverage, alpha),
        normality(residuals, null, alpha),
        apart.check,
        *(found.check for found in leaning.values()),
    )
    n_lags = min(max(ljung_box_lags(residuals.size), series.per_year), residuals.size - 1)
    return Diagnostics(checks, correlogram(residuals, null, positions, n_lags), apart, leaning, residuals)
