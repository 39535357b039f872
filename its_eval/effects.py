"""From fitted parameters to the quantities people ask about, each with one interval and one p-value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from its_eval.estimate.fit import DF_FLOOR, ContrastEstimates, Fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.design.matrix import Design

Scale = Literal["response", "link", "ratio"]
InferenceScale = Literal["identity", "log", "fieller"]

#: Below this many standard errors from zero a denominator is too uncertain for the delta method.
FIELLER_BELOW = 4.0
#: Effects that a log scale also shows as ratios.
RATIO_ESTIMANDS = ("pre_slope", "level_change", "slope_change", "post_slope", "average_effect")


@dataclass(frozen=True)
class Effect:
    """One estimand of one series.

    Attributes
    ----------
    estimand : str
        A name of the contract, e.g. ``slope_change``; slopes are per period.
    scale : {"response", "link", "ratio"}
        Outcome units, log units, or a ratio.
    inference_scale : {"identity", "log", "fieller"}
        Where ``estimate ± t(df) std_error`` is the interval: on the row's own scale, on its logarithm (for
        a per cent change: of 1 + estimate/100), or nowhere (Fieller's theorem).
    estimate, std_error, df, statistic, p_value, conf_low, conf_high : float
        `std_error` is on the inference scale. Limits may be infinite under Fieller's theorem.
    df_floor : bool
        Unclipped degrees of freedom below 3: the estimand is not estimable (methods §11.6).
    """

    estimand: str
    scale: Scale
    inference_scale: InferenceScale
    estimate: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    df_floor: bool


@dataclass(frozen=True)
class Bands:
    """Fitted values and the counterfactual of one series, on the link scale.

    Attributes
    ----------
    fitted, season, counterfactual : ndarray, shape (n,)
        Fit, its seasonal part, and the fit with the interruption switched off.
    confidence, prediction : tuple of ndarray, shape (n,)
        Lower and upper limits for the counterfactual's mean and for a single observation; NaN before T0.
    """

    fitted: NDArray[np.float64]
    season: NDArray[np.float64]
    counterfactual: NDArray[np.float64]
    confidence: tuple[NDArray[np.float64], NDArray[np.float64]]
    prediction: tuple[NDArray[np.float64], NDArray[np.float64]]


def linear_contrasts(
    design: Design, observed: NDArray[np.bool_], at: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Return the estimands that are linear in the parameters, as rows over the terms.

    Parameters
    ----------
    design : Design
        The design.
    observed : ndarray of bool, shape (n,)
        Periods that entered the fit; averages run over those from T1 on.
    at : sequence of int
        k of ``effect_at_k``: periods after the first full post period. One beyond the window is left out,
        because the data cannot show it.
    """
    k = len(design.terms)
    unit_rows = np.eye(k)
    rows: dict[str, NDArray[np.float64]] = {
        term: unit_rows[design.column(term)]
        for term in ("counterfactual_at_start", "pre_slope", "level_change", "slope_change")
        if term in design.terms
    }
    if "slope_change" in rows:
        rows["post_slope"] = rows["pre_slope"] + rows["slope_change"]
    difference = design.matrix - design.counterfactual
    for after in at:
        index = design.interruption.full + after
        if index < design.n_periods:
            rows[f"effect_at_{after}"] = difference[index]
    rows["average_effect"] = difference[design.effect_periods() & observed].mean(axis=0)
    return rows


def effects(
    design: Design,
    fit: Fit,
    series: int,
    observed: NDArray[np.bool_],
    *,
    at: Sequence[int],
    confidence: float,
    log: bool,
    offset: NDArray[np.float64] | None,
    weights: NDArray[np.float64] | None,
) -> list[Effect]:
    """Return every estimand of one series (methods §4 and §11.2).

    Parameters
    ----------
    design, fit : Design, Fit
        What was fitted, to all series of a block.
    series : int
        Which of them.
    observed : ndarray of bool, shape (n,)
        Periods that entered the fit.
    at : sequence of int
        k of ``effect_at_k``.
    confidence : float
        Coverage of the intervals.
    log : bool
        The series is a logarithm; effects are then also given as ratios and per cent.
    offset : ndarray, shape (n,), or None
        Known part of the counterfactual level, on the link scale: the peer mean of a difference series.
    weights : ndarray, shape (n,), or None
        Multiplies the effect of each period in the cumulative effect (denominators of a percentage,
        as hundreds); None: the effect has no cumulative form.
    """
    rows = linear_contrasts(design, observed, at)
    chosen = design.effect_periods() & observed
    if weights is not None and not log:
        difference = (design.matrix - design.counterfactual)[chosen]
        rows["cumulative_effect"] = np.nan_to_num(weights[chosen]) @ difference
    names = list(rows)
    single = _one_series(fit, series)
    estimates = single.contrasts(np.array([rows[name] for name in names]))
    low, high = estimates.interval(confidence)
    found: list[Effect] = []
    for index, name in enumerate(names):
        scale: Scale = "link" if log else "response"
        values = _values(estimates, index)
        limits = (float(low[0, index]), float(high[0, index]))
        found.append(
            Effect(name, scale, "identity", values[0], *values[1:5], *limits, df_floor=bool(values[5]))
        )
        if log and (name in RATIO_ESTIMANDS or name.startswith("effect_at_")):
            found.append(_exponentiated(found[-1], "ratio"))
    average = next(effect for effect in found if effect.estimand == "average_effect")
    if log:
        found.append(_exponentiated(average, "response"))
    else:
        base = design.counterfactual[chosen].mean(axis=0)
        level = 0.0 if offset is None else float(offset[chosen].mean())
        relative = _relative(single, rows["average_effect"], base, level, average, confidence)
        found += [] if relative is None else [relative]
    return found


def _one_series(fit: Fit, series: int) -> Fit:
    """Return the fit of one series alone, so that contrasts of its own cost nothing for the others."""
    pick = slice(series, series + 1)
    covariance = fit.covariance
    return Fit(
        fit.params[pick],
        type(covariance)(
            covariance.adjusted[pick],
            covariance.model[pick],
            covariance.gradients[pick],
            covariance.parameter_covariance[pick],
            covariance.df_residual[pick],
        ),
        fit.sigma[pick],
        fit.partial_autocorrelations[pick],
        fit.log_likelihood[pick],
        fit.n_used[pick],
    )


def _values(estimates: ContrastEstimates, index: int) -> tuple[float, float, float, float, float, bool]:
    return (
        float(estimates.estimate[0, index]),
        float(estimates.std_error[0, index]),
        float(estimates.df[0, index]),
        float(estimates.statistic[0, index]),
        float(estimates.p_value[0, index]),
        bool(estimates.df_unclipped[0, index] < DF_FLOOR),
    )


def _exponentiated(effect: Effect, scale: Scale) -> Effect:
    """Return a log effect as a ratio, or as the per cent change that the ratio means."""
    point, low, high = (np.exp(value) for value in (effect.estimate, effect.conf_low, effect.conf_high))
    name = effect.estimand
    if scale == "response":
        point, low, high = (100.0 * (value - 1.0) for value in (point, low, high))
        name = "relative_average_effect"
    return Effect(
        name,
        scale,
        "log",
        float(point),
        effect.std_error,
        effect.df,
        effect.statistic,
        effect.p_value,
        float(low),
        float(high),
        effect.df_floor,
    )


def _relative(
    fit: Fit,
    effect_row: NDArray[np.float64],
    base_row: NDArray[np.float64],
    level: float,
    average: Effect,
    confidence: float,
) -> Effect | None:
    """Return the average effect in per cent of the average counterfactual; None when that is zero.

    Delta method with gradient ``(100 / mu0) (c - (Delta / mu0) c0)``; where the counterfactual mean is
    within four standard errors of zero, Fieller's theorem (Fieller 1954, JRSS B 16:175), whose set may be
    unbounded.
    """
    both = fit.contrasts(np.array([effect_row, base_row]))
    delta, base = float(both.estimate[0, 0]), float(both.estimate[0, 1]) + level
    if base == 0.0:
        return None
    ratio = delta / base
    gradient = (100.0 / base) * (effect_row - ratio * base_row)
    spread = fit.contrasts(gradient[None, :])
    std_error, df = float(spread.std_error[0, 0]), float(spread.df[0, 0])
    if abs(base) >= FIELLER_BELOW * float(both.std_error[0, 1]):
        moved = ContrastEstimates(
            np.array([[100.0 * ratio]]), spread.std_error, spread.df, spread.df_unclipped
        )
        low, high = (float(limit[0, 0]) for limit in moved.interval(confidence))
        values = _values(moved, 0)
        return Effect(
            "relative_average_effect", "response", "identity", values[0], *values[1:5], low, high, values[5]
        )
    covariance = fit.covariance.adjusted[0]
    quantile = float((average.conf_high - average.estimate) / average.std_error)
    low, high = fieller_limits(
        delta,
        base,
        float(effect_row @ covariance @ effect_row),
        float(effect_row @ covariance @ base_row),
        float(base_row @ covariance @ base_row),
        quantile,
    )
    return Effect(
        "relative_average_effect",
        "response",
        "fieller",
        100.0 * ratio,
        std_error,
        df,
        average.statistic,
        average.p_value,
        100.0 * low,
        100.0 * high,
        average.df_floor,
    )


def fieller_limits(
    numerator: float,
    denominator: float,
    var_numerator: float,
    covariance: float,
    var_denominator: float,
    quantile: float,
) -> tuple[float, float]:
    """Return Fieller's confidence limits for a ratio; infinite when the denominator may be zero.

    The set of all r with ``(a - r b)^2 <= t^2 (v_aa - 2 r v_ab + r^2 v_bb)``.
    """
    square = quantile**2
    leading = denominator**2 - square * var_denominator
    if leading <= 0:
        return -np.inf, np.inf
    middle = numerator * denominator - square * covariance
    constant = numerator**2 - square * var_numerator
    root = float(np.sqrt(max(middle**2 - leading * constant, 0.0)))
    return (middle - root) / leading, (middle + root) / leading


def bands(
    design: Design,
    fit: Fit,
    series: int,
    confidence: float,
    relative_variance: NDArray[np.float64] | None = None,
) -> Bands:
    """Return fitted values and the counterfactual with its bands (methods §11.10).

    The prediction band adds the error variance of the period (`relative_variance`, shape (n,), times
    sigma squared) to that of the mean, and keeps the same degrees of freedom.
    """
    single = _one_series(fit, series)
    params = single.params[0]
    after = np.arange(design.n_periods) >= design.interruption.start
    mean = single.contrasts(design.counterfactual[after])
    variance = np.full(design.n_periods, single.sigma[0] ** 2)
    if relative_variance is not None:
        variance = variance * relative_variance
    wider = ContrastEstimates(
        mean.estimate, np.sqrt(mean.std_error**2 + variance[after]), mean.df, mean.df_unclipped
    )
    limits = [np.full(design.n_periods, np.nan) for _ in range(4)]
    for target, source in zip(limits, (*mean.interval(confidence), *wider.interval(confidence)), strict=True):
        target[after] = source[0]
    season = design.season_columns
    return Bands(
        design.matrix @ params,
        design.matrix[:, season] @ params[season],
        design.counterfactual @ params,
        (limits[0], limits[1]),
        (limits[2], limits[3]),
    )
