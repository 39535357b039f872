"""The real start among placebos: the effect estimated at dates at which nothing began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.figures.kinds import FigureKind, answering, figure_labels, first_days, frequency_of
from its_eval.figures.placebo_units import placebos_of, t_text
from its_eval.figures.scales import EndLabel, Panel, day_numbers, reach
from its_eval.figures.sheet import draw_sheet
from its_eval.figures.style import NARROW, QUIET, UNIT, draw_dots
from its_eval.words.labels import capitalised
from its_eval.words.numbers import counted, rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels, FigureTask


def placebo_dates_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the effect estimated at the real start and at dates before it.

    Returns
    -------
    DataFrame
        ``period``, ``date`` (its first day), ``actual`` (the real start), ``estimand``, ``estimate``,
        ``statistic`` (in standard errors), in order of time.

    Raises
    ------
    KeyError
        As for ``placebo_units_data``.
    """
    rows, own, estimand = placebos_of(evaluation, "placebo_dates", task)
    start = str(own["interruption_period"])
    rows = rows[rows["placebo"] != start]
    periods = [*rows["placebo"].astype(str), start]
    frame = pd.DataFrame(
        {
            "period": periods,
            "date": first_days(periods, frequency_of(evaluation, task.outcome)),
            "actual": [False] * len(rows) + [True],
            "estimand": estimand,
            "estimate": [*rows["estimate"], own["estimate"]],
            "statistic": [*rows["statistic"], own["statistic"]],
        }
    )
    return frame.sort_values("date", kind="stable").reset_index(drop=True)


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
        for chosen, marker, size, colour, zorder, gid in (
            (~actual, "o", 6.0, QUIET, 3, "placebo"),
            (actual, "D", 10.0, UNIT, 4, "unit"),
        ):
            look: dict[str, Any] = {"marker": marker, "zorder": zorder, "gid": gid}
            at, height = x[chosen], shown[chosen]
            draw_dots(axes, at, height, size, colour, colour, edge_width=1.0, clip=False, **look)

    own = float(t[actual][0])
    start = f"{labels.start_in_words}, " if labels.start_in_words else ""
    words, at = f"the real start, {start}{t_text(own)}", own if np.isfinite(own) else 0.0
    ends = (EndLabel(words, at, UNIT, bold=True, tied=False),)
    heading = f"{capitalised(labels.estimand_in_words)}, in standard errors (t), by supposed start"
    notes = [
        "Dots are dates at which nothing began, estimated from the time before the real start.",
        "By chance alone about one in twenty lies beyond the dotted lines.",
    ]
    panel = Panel(heading, limits, _HEIGHT, draw, ends)
    span = (float(x[0]), float(x[-1]) if len(x) > 1 else float(x[0]) + 1.0)
    return draw_sheet([panel], span, [], notes, total_width=NARROW, margin=_MARGIN)


def placebo_dates_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: how far the real start is from the others."""
    own = float(frame.loc[frame["actual"], "statistic"].iloc[0])
    others = frame.loc[~frame["actual"], "statistic"]
    known = others.dropna()
    between = f", where t lies from {rounded(known.min())} to {rounded(known.max())}" if len(known) else ""
    what = f"{capitalised(labels.estimand_in_words)}, of {labels.unit_name}"
    earlier = counted(len(others), "earlier date")
    return f"{what} at the real start ({t_text(own)}) and at {earlier}{between}."


PLACEBO_DATES = FigureKind(
    name="placebo_dates",
    caption="The start among dates at which nothing happened",
    about=("unit", "design"),
    rows=lambda evaluation, outcome: answering(evaluation, "placebo_dates", outcome),
    data=placebo_dates_data,
    labels=figure_labels,
    draw=draw_placebo_dates,
    alt_text=placebo_dates_text,
    section="dates",
)
