"""The forest plot: the estimate of every unit, and pooled ones beneath."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.across_units_data import POOLED, forest_data
from its_eval.report.figures.rows import draw_intervals, interval_reach, stack_rows
from its_eval.report.figures.sheet import Across, EndLabel, Panel, draw_sheet
from its_eval.report.figures.style import COUNTERFACTUAL_TEXT, INK, NARROW, QUIET, UNIT, house_style
from its_eval.report.figures.text_layout import text_width
from its_eval.report.figures.words import heading_of_effect, interval_text, sentence

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.report.figures.labels import FigureLabels

__all__ = ["draw_forest", "forest_data"]

#: Greatest width of the numbers to the right, and what the margin has beside them, in inches.
_VALUE_WIDTH, _BESIDE = 2.3, 0.34
_DOTTED = (0.0, (1.0, 1.6))


def draw_forest(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the forest plot.

    Parameters
    ----------
    frame : DataFrame
        As ``forest_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.
    """
    values = [interval_text(row, labels) for row in frame.to_dict("records")]
    pooled = (frame["row"] == POOLED).to_numpy()
    first_pooled = int(np.flatnonzero(pooled)[0]) if pooled.any() else None
    width = min(max(text_width(value, bold=True) for value in values), _VALUE_WIDTH)
    rows = stack_rows(
        [str(name) for name in frame["name"]],
        values,
        width,
        codes=[str(code) for code in frame["unit"]],
        bold=[bool(heavy) for heavy in pooled],
        gap_before=first_pooled,
    )
    estimate, low, high = (labels.shown(frame[name]) for name in ("estimate", "conf_low", "conf_high"))
    ahead = [labels.shown(frame[name]) for name in ("prediction_low", "prediction_high")]
    limits = interval_reach(
        np.concatenate([estimate, estimate[pooled]]),
        np.concatenate([low, ahead[0][pooled]]),
        np.concatenate([high, ahead[1][pooled]]),
    )

    def draw(axes: Axes) -> None:
        axes.axvline(0.0, color=QUIET, linewidth=1.2, zorder=1, gid="none")
        draw_intervals(
            axes,
            rows.centres,
            ahead[0],
            ahead[1],
            limits,
            colour=COUNTERFACTUAL_TEXT,
            width=2.0,
            linestyle=_DOTTED,
            gid="prediction",
        )
        draw_intervals(axes, rows.centres, low, high, limits, colour=INK, width=2.0)
        for chosen, marker, size, colour, gid in (
            (~pooled, "o", 8.0, UNIT, "estimate"),
            (pooled, "D", 8.5, INK, "pooled"),
        ):
            axes.plot(
                estimate[chosen],
                rows.centres[chosen],
                linestyle="none",
                marker=marker,
                markersize=size,
                markerfacecolor=colour,
                markeredgecolor="white",
                markeredgewidth=0.6,
                zorder=4,
                gid=gid,
            )

    ends = [
        EndLabel(text, float(centre), INK, bold=bool(heavy), tied=False)
        for text, centre, heavy in zip(values, rows.centres, pooled, strict=True)
    ]
    panel = Panel(heading_of_effect(labels), rows.limits, rows.height, draw, tuple(ends), rows.ticks)
    notes = [
        sentence(f"dots are estimates for single units, lines their {labels.interval}s"),
        *(["Diamonds are pooled estimates."] if pooled.any() else []),
        *_left_out(frame),
        *(
            ["The dotted line is where the effect in a further unit would be expected."]
            if frame["prediction_low"].notna().any()
            else []
        ),
        *(
            ["An arrowhead marks an interval that goes on beyond the scale."]
            if limits.leaves_out(low, high, *ahead)
            else []
        ),
    ]
    with house_style():
        return draw_sheet(
            [panel],
            (limits.low, limits.high),
            [],
            notes,
            across=Across(lines=True),
            total_width=NARROW,
            margin=width + _BESIDE,
        )


def _left_out(frame: pd.DataFrame) -> list[str]:
    """Say how many of the units drawn are in the pooled estimates, where some are not."""
    n_drawn = int((frame["row"] != POOLED).sum())
    counts = frame.loc[frame["row"] == POOLED, "n_units"]
    fewest = int(counts.min()) if len(counts) else n_drawn
    if fewest >= n_drawn:
        return []
    return [f"Random and fixed effects are of {fewest} of the {n_drawn} units: those that have a p-value."]
