"""The cumulative effect since the start, with the interval of the total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.figures.kinds import (
    FigureKind,
    figure_labels,
    first_days,
    frequency_of,
    in_words,
    measured,
    with_interval,
)
from its_eval.figures.scales import EndLabel, Panel, before_each, day_numbers, reach
from its_eval.figures.series import in_phase_in, series_of, start_index
from its_eval.figures.sheet import Mark, draw_sheet
from its_eval.figures.style import INK, NARROW, QUIET, UNIT, draw_dots, text_width
from its_eval.words.labels import fits_gap
from its_eval.words.numbers import digits_for, rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels, FigureTask


CUMULATIVE = "cumulative_effect"


def cumulative_effect_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the sum of the effect up to each period from the start, and the total.

    Returns
    -------
    DataFrame
        ``period``, ``date``, ``used``, ``weight`` (what an effect is multiplied with), ``observed`` and
        ``fitted`` (the sums up to this period of observation, or fit, minus counterfactual); in the last
        row also ``total``, ``conf_low``, ``conf_high`` from ``effects``.

    Raises
    ------
    KeyError
        When there is no such series, or no cumulative effect of it.

    Notes
    -----
    A period that was not used adds nothing, nor does an excluded phase-in. For a percentage the weights
    are hundredths of the denominator, so that the sum is of cases; for a count that was fitted per
    denominator, a multiple of it. For a model that is linear in its
    parameters the fitted sum ends at the total; its limits belong to the total alone, because limits of
    single periods do not add up.
    """
    totals = _totals(evaluation, task.outcome)
    totals = totals[(totals["unit"] == task.unit) & (totals["design"] == task.design)]
    if totals.empty:
        raise KeyError(
            f"the table `effects` has no cumulative effect of {task.outcome}, {task.unit}, {task.design}"
        )
    rows = series_of(evaluation, task)
    rows = rows.iloc[start_index(rows) :].reset_index(drop=True)
    kind = evaluation.outcomes[task.outcome]["kind"]
    counted = rows["used"].to_numpy(dtype=bool) & ~in_phase_in(rows)
    here = totals[totals["interruption_period"] == rows["period"].iloc[0]]
    total = (totals if here.empty else here).iloc[0]
    steps = (rows["fitted"] - rows["counterfactual"]).to_numpy(dtype=np.float64)
    denominator = rows["denominator"].to_numpy(dtype=np.float64)
    weight = np.ones(len(rows))
    if kind == "percentage":
        weight = denominator / 100.0
    elif kind == "count" and not np.isnan(denominator[counted]).any():
        # a count was fitted per so many of its denominator; how many, the total itself says
        whole = float(np.sum((denominator * steps)[counted]))
        weight = denominator * (float(total["estimate"]) / whole if whole else 1.0)
    frame = pd.DataFrame(
        {
            "period": rows["period"],
            "date": first_days(rows["period"], frequency_of(evaluation, task.outcome)),
            "used": counted,
            "weight": weight,
        }
    )
    for name in ("observed", "fitted"):
        distance = (rows[name] - rows["counterfactual"]).to_numpy(dtype=np.float64)
        sums = np.cumsum(np.where(counted, weight * distance, 0.0))
        frame[name] = np.where(counted, sums, np.nan) if name == "observed" else sums
    for name, source in (("total", "estimate"), ("conf_low", "conf_low"), ("conf_high", "conf_high")):
        frame[name] = np.nan
        frame.loc[len(frame) - 1, name] = float(total[source])
    return frame


_HEIGHT = 3.4
#: Least and greatest width of the total beside the bar, and what the margin has beside it, in inches.
_NARROWEST, _WIDEST, _BESIDE = 1.4, 2.4, 0.34


def draw_cumulative_effect(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the cumulative effect.

    Parameters
    ----------
    frame : DataFrame
        As ``cumulative_effect_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.
    """
    x = day_numbers([str(date) for date in frame["date"]])
    edge = float(before_each(x)[0])
    observed, fitted = (frame[name].to_numpy(dtype=np.float64) for name in ("observed", "fitted"))
    last = frame.iloc[-1]
    total = np.array([float(last[name]) for name in ("total", "conf_low", "conf_high")])
    limits = reach([observed, fitted, total, np.zeros(1)])
    # a little beyond the last period, so that the bar does not hide it
    at = float(x[-1] + 0.02 * (x[-1] - edge))

    def draw(axes: Axes) -> None:
        low, high = limits.low, limits.high
        axes.axhline(0.0, color=QUIET, linewidth=1.0, zorder=0.8)
        draw_dots(axes, x, observed, 4.5, gid="observed")
        axes.plot(np.r_[edge, x], np.r_[0.0, fitted], color=UNIT, linewidth=2.6, zorder=4, gid="fitted")
        if not np.isnan(total).any():
            ends = np.clip(total[1:], low, high)
            axes.plot([at, at], ends, color=INK, linewidth=2.2, zorder=5, gid="interval")
            axes.plot([at], [total[0]], color=INK, marker="D", markersize=7.0, zorder=6, gid="total")
            for limit, end, marker in zip(total[1:], ends, ("v", "^"), strict=True):
                shape = "_" if limit == end else marker
                axes.plot([at], [end], color=INK, marker=shape, markersize=9.0, markeredgewidth=2.0, zorder=5)

    words = total_text(last.to_dict(), labels)
    # the widest part that no line may be broken in
    widest = max(text_width(part, bold=True) for part in words.split(" "))
    ends = (EndLabel(words, float(total[0]), INK, bold=True, tied=False),)
    heading = measured(f"{labels.outcome}: sum of the distances from the {_against(labels)}", _unit(labels))
    explained = (
        f"Points sum up the observations, the line the fit. The bar is the {labels.interval} of the total; "
        "sums on the way have none."
    )
    notes = [explained, *([] if frame["used"].all() else ["Periods that were not used add nothing."])]
    panel = Panel(heading, limits, _HEIGHT, draw, ends)
    marks = [Mark(labels.interruption_in_words, edge, edge, "interruption")]
    margin = min(max(widest, _NARROWEST), _WIDEST) + _BESIDE
    return draw_sheet([panel], (edge, at), marks, notes, total_width=NARROW, margin=margin)


def _against(labels: FigureLabels) -> str:
    if labels.mixture:
        return f"earlier gap to {labels.whom}"
    return "earlier gap to the peers" if fits_gap(labels.design) else "earlier trend"


def _unit(labels: FigureLabels) -> str:
    """Return the unit of measurement of a sum over periods; may be blank."""
    return labels.counted if labels.kind == "percentage" else labels.measure


def total_text(row: Mapping[Any, Any], labels: FigureLabels) -> str:
    """Return a cumulative effect with its interval and unit.

    Parameters
    ----------
    row : mapping
        With ``total``, ``conf_low`` and ``conf_high``.
    labels : FigureLabels
        Words.
    """
    digits = digits_for({**row, "scale": "response"})
    numbers = (rounded(row[name], digits) for name in ("total", "conf_low", "conf_high"))
    return f"{with_interval(*numbers)} {_unit(labels)}".strip()


def cumulative_effect_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: the total with its interval."""
    last = frame.iloc[-1]
    return (
        f"Sum of the distances of {labels.outcome} from the {_against(labels)}, {labels.unit_name}, by "
        f"{in_words(last['period'], labels.frequency)}: {total_text(last.to_dict(), labels)}, with its "
        f"{labels.interval} in brackets."
    )


def _totals(evaluation: Evaluation, outcome: str) -> pd.DataFrame:
    """Return the rows of ``effects`` with the total by the primary estimator."""
    effects = evaluation.rows_of("effects", outcome)
    primary = evaluation.primary_estimators(outcome)
    return effects[(effects["estimand"] == CUMULATIVE) & effects["estimator"].isin(primary)]


CUMULATIVE_EFFECT = FigureKind(
    name=CUMULATIVE,
    caption="The difference from what was expected, added up",
    about=("unit", "design"),
    rows=_totals,
    data=cumulative_effect_data,
    labels=figure_labels,
    draw=draw_cumulative_effect,
    alt_text=cumulative_effect_text,
    section="units",
)
