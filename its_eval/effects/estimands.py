"""Contrasts of the parameters that answer what people ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.effects.effect import Effect, Scale, contrast_values, exponentiated
from its_eval.effects.relative import relative_effect
from its_eval.effects.standardised import standardised_effects

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.design.matrix import Design
    from its_eval.estimate.fit import Fit

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
