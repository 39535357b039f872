"""Contrasts of the parameters that answer what people ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from its_eval.effects.effect import Effect, Scale, contrast_values, exponentiated
from its_eval.effects.relative import relative_effect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.design.matrix import Design
    from its_eval.estimate.fit import Fit

#: Effects that a log scale also shows as ratios.
RATIO_ESTIMANDS = ("pre_slope", "level_change", "slope_change", "post_slope", "average_effect")


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
    single = fit.one(series)
    estimates = single.contrasts(np.array([rows[name] for name in names]))
    low, high = estimates.interval(confidence)
    found: list[Effect] = []
    for index, name in enumerate(names):
        scale: Scale = "link" if log else "response"
        values = contrast_values(estimates, index)
        limits = (float(low[0, index]), float(high[0, index]))
        found.append(
            Effect(name, scale, "identity", values[0], *values[1:5], *limits, df_floor=bool(values[5]))
        )
        if log and (name in RATIO_ESTIMANDS or name.startswith("effect_at_")):
            found.append(exponentiated(found[-1], "ratio"))
    average = next(effect for effect in found if effect.estimand == "average_effect")
    if log:
        found.append(exponentiated(average, "response"))
    else:
        base = design.counterfactual[chosen].mean(axis=0)
        level = 0.0 if offset is None else float(offset[chosen].mean())
        relative = relative_effect(single, rows["average_effect"], base, level, average, confidence)
        found += [] if relative is None else [relative]
    return found
