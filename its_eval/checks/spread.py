"""Whether the whitened residuals have one variance and a normal shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.result import (
    ATTENTION_LEVEL,
    CheckResult,
    judged,
    not_applicable,
    number,
    p_text,
    two_sided_p,
    upper_p,
)
from its_eval.estimators.fit import BoolArray, FloatArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Ratios of the variances after and before within which one common variance does little harm (methods §11.3).
HARMLESS = (0.6, 1.7)
#: Fewest pairs of neighbours, or residuals, for a check of this module.
FEWEST = 8


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
    alpha: float = ATTENTION_LEVEL,
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
    residuals: FloatArray, simulated: FloatArray, positions: NDArray[np.intp], alpha: float = ATTENTION_LEVEL
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
    residuals: FloatArray, simulated: FloatArray, after: BoolArray, leverage: FloatArray
) -> CheckResult:
    """Check ``variance_ratio``: residual variance from the interruption on over that before it.

    ``(sum_post e^2 / sum_post (1 - h)) / (sum_pre e^2 / sum_pre (1 - h))`` with h the leverages in the
    whitened regression, so that it is about 1 when the variance is the same. ``attention`` goes by its size
    and not by its p-value: outside 0.6 to 1.7 the interval of a common variance is too narrow or too wide,
    and a short series cannot be relied on to show that.

    Parameters
    ----------
    residuals, simulated, after : ndarray
        As for ``heteroscedasticity``.
    leverage : ndarray, shape (n_used,)
        ``diag(QQ')``.
    """
    if min(after.sum(), (~after).sum()) < FEWEST:
        reason = f"Fewer than {FEWEST} periods before or from the interruption: too few to compare variances."
        return not_applicable("variance_ratio", reason)
    freedom = float(np.sum(1.0 - leverage[after]) / np.sum(1.0 - leverage[~after]))

    def ratio(series: FloatArray) -> FloatArray:
        return np.asarray(np.sum(series[after] ** 2, axis=0) / np.sum(series[~after] ** 2, axis=0) / freedom)

    statistic = float(ratio(residuals[:, None])[0])
    p_value = two_sided_p(statistic, ratio(simulated))
    found = f"The variance from the interruption on is {number(statistic)} times that before"
    if HARMLESS[0] <= statistic <= HARMLESS[1]:
        message = (
            f"{found} ({p_text(p_value)}), within {HARMLESS[0]} to {HARMLESS[1]}, where one variance for "
            "both does little harm; nothing needs to be done."
        )
        return CheckResult("variance_ratio", statistic, p_value, "pass", message)
    message = (
        f"{found} ({p_text(p_value)}), outside {HARMLESS[0]} to {HARMLESS[1]}: compare the estimate with a "
        "variance for each segment before trusting its interval."
    )
    return CheckResult("variance_ratio", statistic, p_value, "attention", message)


def normality(residuals: FloatArray, simulated: FloatArray, alpha: float = ATTENTION_LEVEL) -> CheckResult:
    """Check ``normality``: Shapiro-Wilk of the residuals (Royston 1995, as in scipy).

    The statistic is W, suspicious when small. Parameters as for ``heteroscedasticity``.
    """
    if residuals.size < FEWEST:
        return not_applicable("normality", f"{residuals.size} residuals are too few to judge their shape.")
    from scipy import stats  # noqa: PLC0415  (start-up time)

    statistic = float(stats.shapiro(residuals).statistic)
    drawn = np.asarray(stats.shapiro(simulated, axis=0).statistic)
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
