"""The cumulative effect since the start, with the interval of the total."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.cumulative_data import CUMULATIVE, cumulative_effect_data
from its_eval.report.figures.labels import DIFFERENCES
from its_eval.report.figures.scales import before_each, day_numbers, reach
from its_eval.report.figures.sheet import EndLabel, Panel, draw_sheet
from its_eval.report.figures.style import INK, NARROW, QUIET, UNIT, house_style
from its_eval.report.figures.text_layout import text_width
from its_eval.report.figures.time_marks import Mark
from its_eval.report.figures.words import total_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.report.figures.labels import FigureLabels

__all__ = ["CUMULATIVE", "cumulative_effect_data", "draw_cumulative_effect"]

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
        axes.plot(
            x,
            observed,
            linestyle="none",
            marker="o",
            markersize=4.5,
            markerfacecolor=UNIT,
            markeredgecolor="white",
            markeredgewidth=0.5,
            zorder=3,
            gid="observed",
        )
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
    measure = "people" if labels.kind == "percentage" else labels.measure
    against = "earlier gap to the peers" if labels.design in DIFFERENCES else "earlier trend"
    heading = f"{labels.outcome}: sum of the distances from the {against}"
    explained = (
        f"Points sum up the observations, the line the fit. The bar is the {labels.interval} of the total; "
        "sums on the way have none."
    )
    notes = [explained, *([] if frame["used"].all() else ["Periods that were not used add nothing."])]
    with house_style():
        return draw_sheet(
            [Panel(f"{heading}, {measure}" if measure else heading, limits, _HEIGHT, draw, ends)],
            (edge, at),
            [Mark(labels.interruption_in_words, edge, edge, "interruption")],
            notes,
            total_width=NARROW,
            margin=min(max(widest, _NARROWEST), _WIDEST) + _BESIDE,
        )
