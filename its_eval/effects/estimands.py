"""Contrasts of the parameters that answer what people ask, in outcome units and in per cent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.effects.effect import Effect, Scale, contrast_values, exponentiated
from its_eval.estimators.fit import ContrastEstimates, Fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.design.matrix import Design


#: Below this many standard errors from zero a denominator is too uncertain for the delta method.
FIELLER_BELOW = 4.0


def relative_effect(
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
    unbounded: a set that leaves out an interval only, which may be one around 0, has infinite limits too.
    """
    both = fit.contrasts(np.array([effect_row, base_row]))
    delta, base = float(both.estimate[0, 0]), float(both.estimate[0, 1]) + level
    if base == 0.0:
        return None
    ratio = delta / base
    gradient = (100.0 / base) * (effect_row - ratio * base_row)
    spread = fit.contrasts(gradient[None, :])
    std_error, df = float(spread.std_error[0, 0]), float(spread.df[0, 0])
    if not abs(base) < FIELLER_BELOW * float(both.std_error[0, 1]):
        moved = ContrastEstimates(
            np.array([[100.0 * ratio]]), spread.std_error, spread.df, spread.df_unclipped
        )
        low, high = (float(limit[0, 0]) for limit in moved.interval(confidence))
        values = contrast_values(moved, 0)
        return Effect(
            "relative_average_effect", "response", "identity", values[0], *values[1:5], low, high, values[5]
        )
    # the covariance behind the standard error of the average, so that limits and p-value agree
    both_kinds = (fit.covariance.adjusted[0], fit.covariance.model[0])
    covariance = max(both_kinds, key=lambda matrix: float(effect_row @ matrix @ effect_row))
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


def mean_and_slope(linear: NDArray[np.float64], link: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean in outcome units (per cent for ``logit``) and its derivative, each of shape (n,)."""
    if link == "log":
        mean = np.exp(linear)
        return mean, mean
    share = 1.0 / (1.0 + np.exp(-linear))
    return 100.0 * share, 100.0 * share * (1.0 - share)


def standardised_effects(
    fit: Fit,
    matrices: tuple[NDArray[np.float64], NDArray[np.float64]],
    chosen: NDArray[np.bool_],
    *,
    link: str,
    offset: NDArray[np.float64] | None,
    weights: NDArray[np.float64] | None,
    at: Mapping[int, int],
    confidence: float,
) -> list[Effect]:
    """Return average, cumulative and relative effects in outcome units, and those at single periods.

    With mu_1t and mu_0t the means with and without the interruption, ``mean_P (mu_1t - mu_0t)`` has the
    gradient ``mean_P (mu'_1t x_1t - mu'_0t x_0t)`` (marginal standardisation, methods §3 and §11.2); its
    standard error is by the delta method, its degrees of freedom those of the gradient as a contrast.

    Parameters
    ----------
    fit : Fit
        Of one series.
    matrices : tuple of ndarray, shape (n, k)
        The design as it was and with the interruption switched off.
    chosen : ndarray of bool, shape (n,)
        P, the periods over which effects are averaged.
    link : {"log", "logit"}
        Scale of the fit.
    offset : ndarray, shape (n,), or None
        Known part of the linear predictor: the peer mean of a difference series.
    weights : ndarray, shape (n,), or None
        Weight of each period in the cumulative effect; None: it has none.
    at : mapping of int to int
        Period of each k of ``effect_at_k``.
    confidence : float
        Coverage of the intervals.
    """
    known = np.zeros(len(chosen)) if offset is None else offset
    params = fit.params[0]
    (with_it, without) = matrices
    mean_1, slope_1 = mean_and_slope(with_it @ params + known, link)
    mean_0, slope_0 = mean_and_slope(without @ params + known, link)
    change = mean_1 - mean_0
    gradient = slope_1[:, None] * with_it - slope_0[:, None] * without
    base_gradient = slope_0[:, None] * without

    asked: list[tuple[str, float, NDArray[np.float64]]] = [
        (f"effect_at_{k}", float(change[index]), gradient[index])
        for k, index in at.items()
        if index < len(chosen) and np.isfinite(change[index]) and gradient[index].any()
    ]
    asked.append(("average_effect", float(change[chosen].mean()), gradient[chosen].mean(axis=0)))
    if weights is not None:
        weight = np.nan_to_num(weights[chosen])
        asked.append(("cumulative_effect", float(weight @ change[chosen]), weight @ gradient[chosen]))
    total, base = float(change[chosen].mean()), float(mean_0[chosen].mean())
    if base > 0:
        ratio = total / base
        row = gradient[chosen].mean(axis=0) - ratio * base_gradient[chosen].mean(axis=0)
        asked.append(("relative_average_effect", 100.0 * ratio, 100.0 / base * row))
    spread = fit.contrasts(np.array([row for _, _, row in asked]))
    estimate = np.array([[value for _, value, _ in asked]])
    moved = ContrastEstimates(estimate, spread.std_error, spread.df, spread.df_unclipped)
    low, high = moved.interval(confidence)
    found = []
    for index, (name, _, _) in enumerate(asked):
        values = contrast_values(moved, index)
        limits = (float(low[0, index]), float(high[0, index]))
        found.append(
            Effect(name, "response", "identity", values[0], *values[1:5], *limits, df_floor=bool(values[5]))
        )
    return found


#: Effects that a log or logit scale also shows as ratios.
RATIO_ESTIMANDS = ("pre_slope", "level_change", "slope_change", "post_slope", "average_effect")


@dataclass(frozen=True)
class Question:
    """What is asked of a fit.

    Attributes
    ----------
    at : tuple of int
        k of ``effect_at_k``: periods after the first full post period.
    confidence : float
        Coverage of the intervals.
    """

    at: tuple[int, ...]
    confidence: float


@dataclass(frozen=True)
class Setting:
    """How one series was fitted.

    Attributes
    ----------
    observed : ndarray of bool, shape (n,)
        Periods that entered the fit.
    link : {"none", "log", "logit"}
        Scale of the fit.
    is_family : bool
        A generalised linear model: its mean, not its median, is on the response scale.
    offset : ndarray, shape (n,), or None
        Known part of the counterfactual level, on the link scale: the peer mean of a difference series.
    weights : ndarray, shape (n,), or None
        Multiplies the effect of each period in the cumulative effect (denominators of a percentage, as
        hundreds); None: the effect has no cumulative form.
    """

    observed: NDArray[np.bool_]
    link: str = "none"
    is_family: bool = False
    offset: NDArray[np.float64] | None = None
    weights: NDArray[np.float64] | None = None


def linear_contrasts(
    design: Design, observed: NDArray[np.bool_], at: Sequence[int], number: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Return the estimands of an interruption that are linear in the parameters, as rows over the terms.

    Parameters
    ----------
    design : Design
        The design.
    observed : ndarray of bool, shape (n,)
        Periods that entered the fit; averages run over those from T1 on.
    at : sequence of int
        k of ``effect_at_k``. One beyond the window is left out, because the data cannot show it, and one
        that the shape makes 0.
    number : int
        Which interruption; its effects are relative to the segment before, all others staying on.
    """
    own = design.interruptions[number]
    switched_off = design.without(number)
    start = switched_off[own.start].copy()
    start[list(design.nuisance)] = 0.0
    rows: dict[str, NDArray[np.float64]] = {"counterfactual_at_start": start}
    trend = np.zeros(len(design.terms))
    trend[design.column("pre_slope")] = 1.0
    for other, columns in zip(design.interruptions, design.columns, strict=True):
        if other.start < own.start and other.shape != "step":
            trend[columns[-1]] = 1.0
    rows["pre_slope"] = trend
    unit_rows = np.eye(len(design.terms))
    columns = design.columns[number]
    if own.shape != "slope":
        rows["level_change"] = unit_rows[columns[0]]
    if own.shape != "step":
        rows["slope_change"] = unit_rows[columns[-1]]
        rows["post_slope"] = trend + rows["slope_change"]
    difference = design.matrix - switched_off
    for after in at:
        index = own.full + after
        # that of a slope is 0 at its own start, which no data can contradict
        if index < design.n_periods and difference[index].any():
            rows[f"effect_at_{after}"] = difference[index]
    chosen = design.effect_periods(number) & observed
    if chosen.any():
        rows["average_effect"] = difference[chosen].mean(axis=0)
    return rows


def effects(
    design: Design, fit: Fit, series: int, setting: Setting, question: Question, number: int = 0
) -> list[Effect]:
    """Return every estimand of one interruption of one series (methods §4 and §11.2).

    Parameters
    ----------
    design, fit : Design, Fit
        What was fitted, to all series of a block.
    series : int
        Which of them.
    setting : Setting
        How it was fitted.
    question : Question
        What is asked.
    number : int
        Which interruption.
    """
    rows = linear_contrasts(design, setting.observed, question.at, number)
    chosen = design.effect_periods(number) & setting.observed
    switched_off = design.without(number)
    plain = setting.link == "none"
    if plain and setting.weights is not None and chosen.any():
        difference = (design.matrix - switched_off)[chosen]
        rows["cumulative_effect"] = np.nan_to_num(setting.weights[chosen]) @ difference
    names = list(rows)
    single = fit.one(series)
    estimates = single.contrasts(np.array([rows[name] for name in names]))
    low, high = estimates.interval(question.confidence)
    found: list[Effect] = []
    for index, name in enumerate(names):
        scale: Scale = "response" if plain else "link"
        values = contrast_values(estimates, index)
        limits = (float(low[0, index]), float(high[0, index]))
        found.append(
            Effect(name, scale, "identity", values[0], *values[1:5], *limits, df_floor=bool(values[5]))
        )
        if not plain and (name in RATIO_ESTIMANDS or name.startswith("effect_at_")):
            found.append(exponentiated(found[-1], "ratio"))
    average = next((effect for effect in found if effect.estimand == "average_effect"), None)
    if average is None:
        return _numbered(found, number)
    if setting.link == "log" and not setting.is_family:
        found.append(exponentiated(average, "response"))
    elif plain:
        base = switched_off[chosen].mean(axis=0)
        level = 0.0 if setting.offset is None else float(setting.offset[chosen].mean())
        relative = relative_effect(single, rows["average_effect"], base, level, average, question.confidence)
        found += [] if relative is None else [relative]
    else:
        found += standardised_effects(
            single,
            (design.matrix, switched_off),
            chosen,
            link=setting.link,
            offset=setting.offset,
            weights=setting.weights,
            at={k: design.interruptions[number].full + k for k in question.at},
            confidence=question.confidence,
        )
    return _numbered(found, number)


def _numbered(found: list[Effect], number: int) -> list[Effect]:
    return found if number == 0 else [replace(effect, interruption=number) for effect in found]
