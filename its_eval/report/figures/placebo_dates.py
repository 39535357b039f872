"""Is the start special? The effect at the real start beside those at dates before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.placebo_data import placebo_dates_data
from its_eval.report.figures.scales import day_numbers, reach
from its_eval.report.figures.sheet import EndLabel, Panel, draw_sheet
from its_eval.report.figures.style import NARROW, QUIET, UNIT, house_style
from its_eval.report.figures.words import t_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.report.figures.labels import FigureLabels

__all__ = ["draw_placebo_dates", "placebo_dates_data"]

_HEIGHT, _MARGIN = 3.0, 2.0
#: About what chance alone exceeds once in twenty.
_USUAL = 2.0


def draw_placebo_dates(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the effects at the real start and at placebo dates.

    Parameters
    ----------
    frame : DataFrame
        As ``placebo_dates_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.
    """
    x = day_numbers([str(date) for date in frame["date"]])
    t = frame["statistic"].to_numpy(dtype=np.float64)
    actual = frame["actual"].to_numpy(dtype=bool)
    limits = reach([t, np.array([-_USUAL, _USUAL])])

    def draw(axes: Axes) -> None:
        axes.axhline(0.0, color=QUIET, linewidth=1.0, zorder=0.8)
        for edge in (-_USUAL, _USUAL):
            axes.axhline(edge, color=QUIET, linewidth=1.2, linestyle=(0.0, (1.0, 2.0)), zorder=0.9)
        shown = np.clip(t, limits.low, limits.high)
        axes.plot(
            x[~actual],
            shown[~actual],
            linestyle="none",
            marker="o",
            markersize=6.0,
            color=QUIET,
            clip_on=False,
            zorder=3,
            gid="placebo",
        )
        axes.plot(
            x[actual],
            shown[actual],
            linestyle="none",
            marker="D",
            markersize=10.0,
            color=UNIT,
            clip_on=False,
            zorder=4,
            gid="unit",
        )

    own = float(t[actual][0])
    start = f"{labels.start_in_words}, " if labels.start_in_words else ""
    ends = (
        EndLabel(
            f"the real start, {start}{t_text(own)}",
            own if np.isfinite(own) else 0.0,
            UNIT,
            bold=True,
            tied=False,
        ),
    )
    what = labels.estimand_in_words
    heading = f"{what[:1].upper()}{what[1:]}, in standard errors (t), by supposed start"
    notes = [
        "Dots are dates at which nothing began, estimated from the time before the real start.",
        "By chance alone about one in twenty lies beyond the dotted lines.",
    ]
    with house_style():
        return draw_sheet(
            [Panel(heading, limits, _HEIGHT, draw, ends)],
            (float(x[0]), float(x[-1]) if len(x) > 1 else float(x[0]) + 1.0),
            [],
            notes,
            total_width=NARROW,
            margin=_MARGIN,
        )
