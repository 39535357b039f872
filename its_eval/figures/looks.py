"""The course over repeated looks: the estimate with its interval, and p beside the level of the look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.columns import LOOKS, THE_SET
from its_eval.figures.kinds import FigureKind, figure_labels, first_days, frequency_of, in_words
from its_eval.figures.scales import EndLabel, Limits, Panel, Tick, day_numbers, reach
from its_eval.figures.sheet import draw_sheet
from its_eval.figures.style import NARROW, QUIET, UNIT, draw_dots
from its_eval.words.labels import capitalised
from its_eval.words.numbers import counted, p_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels, FigureTask


def _rows(evaluation: Evaluation, outcome: str) -> pd.DataFrame:
    """Return the answers of units about the intervention; those of the set and of events are in the table."""
    rows = evaluation.tables.get(LOOKS)
    if rows is None:
        return pd.DataFrame(columns=["unit", "design"])
    about = str(evaluation.outcomes.get(outcome, {}).get("interruption", ""))
    return rows[rows["outcome"].eq(outcome) & rows["interruption"].eq(about) & rows["unit"].ne(THE_SET)]


def looks_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return what was said of a unit at each look, the last run of each last period.

    Returns
    -------
    DataFrame
        ``period`` (the last with data), ``date`` (its first day), ``look`` (missing where it was not
        declared), ``estimand``, ``estimate``, ``conf_low``, ``conf_high``, ``p_value``, ``level``,
        in order of time.

    Raises
    ------
    KeyError
        When the table has no such rows.
    """
    rows = _rows(evaluation, task.outcome)
    rows = rows[rows["unit"].eq(task.unit) & rows["design"].eq(task.design)]
    if rows.empty:
        raise KeyError(f"the table `{LOOKS}` has no rows of {task.outcome}, {task.unit}, {task.design}")
    frame = rows.rename(columns={"end": "period"}).drop_duplicates("period", keep="last")
    frame["date"] = first_days(frame["period"].astype(str), frequency_of(evaluation, task.outcome))
    columns = ["period", "date", "look", "estimand", "estimate", "conf_low", "conf_high", "p_value", "level"]
    return frame.sort_values("date", kind="stable")[columns].reset_index(drop=True)


_HEIGHT, _MARGIN = 2.2, 2.0
#: The vertical scale of p is logarithmic, and ends here.
_LEAST_P = 1e-4
_P_TICKS = (1.0, 0.1, 0.01, 0.001, _LEAST_P)


def draw_looks(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the course of estimate and p over the looks.

    Parameters
    ----------
    frame : DataFrame
        As ``looks_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.
    """
    x = day_numbers([str(date) for date in frame["date"]])
    middle, low, high = (labels.shown(frame[name]) for name in ("estimate", "conf_low", "conf_high"))
    p = np.log10(np.maximum(frame["p_value"].to_numpy(dtype=np.float64), _LEAST_P))
    level = np.log10(np.maximum(frame["level"].to_numpy(dtype=np.float64), _LEAST_P))
    limits = reach([middle, low, high, np.zeros(1)])
    span = (float(x[0]), float(x[-1]) if len(x) > 1 else float(x[0]) + 1.0)

    def draw_estimates(axes: Axes) -> None:
        axes.axhline(0.0, color=QUIET, linewidth=1.0, zorder=0.8)
        axes.vlines(
            x,
            np.maximum(low, limits.low),
            np.minimum(high, limits.high),
            color=UNIT,
            linewidth=1.6,
            gid="interval",
        )
        draw_dots(
            axes, x, middle, 7.0, UNIT, UNIT, edge_width=1.0, clip=False, marker="o", zorder=3, gid="unit"
        )

    def draw_p(axes: Axes) -> None:
        # from edge to edge, so that a single look has its level too
        across, held = [span[0], *x, span[1]], [level[0], *level, level[-1]]
        axes.plot(across, held, color=QUIET, linewidth=1.4, drawstyle="steps-mid", gid="level")
        draw_dots(axes, x, p, 7.0, UNIT, UNIT, edge_width=1.0, clip=False, marker="o", zorder=3, gid="unit")

    panels = [
        Panel(
            labels.heading_of_effect,
            limits,
            _HEIGHT,
            draw_estimates,
            (EndLabel("estimate with its interval", float(middle[-1]), UNIT, bold=True, tied=False),),
        ),
        Panel(
            "p-value at each look",
            Limits(float(np.log10(_LEAST_P)), 0.0),
            _HEIGHT,
            draw_p,
            (
                EndLabel("p-value", float(p[-1]), UNIT, bold=True, tied=False),
                EndLabel("level of a look", float(level[-1]), QUIET),
            ),
            tuple(Tick(float(np.log10(value)), f"{value:g}") for value in _P_TICKS),
        ),
    ]
    notes = [
        "Each dot is a look at data up to that period; one below the line counts as a change.",
        "Intervals are at the level of a look.",
    ]
    if len(set(frame["estimand"])) > 1:
        notes.append("Early looks show the effect in their last period.")
    return draw_sheet(panels, span, [], notes, total_width=NARROW, margin=_MARGIN)


def looks_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: how many looks there were, and what the last said."""
    last = frame.iloc[-1].to_dict()
    below = int((frame["p_value"] <= frame["level"]).sum())
    until = in_words(str(last["period"]), labels.frequency)
    found = (
        f"{counted(below, 'of them', 'of them')} found a change" if below else "none of them found a change"
    )
    return (
        f"{capitalised(labels.estimand_in_words)} of {labels.unit_name} at "
        f"{counted(len(frame), 'look')}; {found}. With data to {until}: "
        f"{labels.interval_text(last)}, {p_words(last['p_value'])}, at a level of {last['level']:.2g}."
    )


LOOKS_FIGURE = FigureKind(
    name=LOOKS,
    caption="What was said at each look",
    about=("unit", "design"),
    rows=_rows,
    data=looks_data,
    labels=figure_labels,
    draw=draw_looks,
    alt_text=looks_text,
    section="looks",
)
