"""The XmR chart of one series: points with their limits, and beneath them the moving ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.scales import before_each, day_numbers, reach
from its_eval.report.figures.sheet import EndLabel, Panel, draw_sheet
from its_eval.report.figures.style import DASHES, INK, QUIET, house_style
from its_eval.report.figures.time_marks import Mark
from its_eval.report.figures.xmr_strokes import MEANINGS, draw_points, draw_steps, span_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

#: Columns of the points that the chart shows.
SHOWN = [
    *("period", "date", "value", "moving_range", "phase", "in_baseline", "mean", "lower_limit"),
    *("upper_limit", "mean_range", "range_upper_limit", "target", "range_outside", "rules", "variation"),
]


@dataclass(frozen=True)
class XmrLabels:
    """What an XmR chart says in words.

    Attributes
    ----------
    title : str
        Indicator and unit.
    intervention : str
        What began with the first period after the baseline, or blank.
    start : str
        ISO text of the first affected period, or blank.
    message : str
        Why the limits should not be trusted, or blank.
    """

    title: str
    intervention: str = ""
    start: str = ""
    message: str = ""


def xmr_data(points: pd.DataFrame, indicator: str, unit: str) -> pd.DataFrame:
    """Return the points of one series that its chart shows.

    Parameters
    ----------
    points : DataFrame
        The table ``points`` of XmR charts.
    indicator, unit : str
        Which series.
    """
    rows = points[points["indicator"].eq(indicator) & points["unit"].eq(unit)]
    return rows[SHOWN].reset_index(drop=True)


def draw_xmr(frame: pd.DataFrame, labels: XmrLabels) -> Figure:
    """Return the XmR chart of one series.

    Parameters
    ----------
    frame : DataFrame
        As ``xmr_data`` returns it; nothing else is drawn.
    labels : XmrLabels
        Words.
    """
    x = day_numbers([str(date) for date in frame["date"]])
    with house_style():
        panels = [_points_panel(frame, x, labels), _ranges_panel(frame, x)]
        return draw_sheet(panels, span_of(x), _marks(frame, x, labels), _notes(frame, labels))


def _column(frame: pd.DataFrame, name: str) -> Values:
    return frame[name].to_numpy(dtype=np.float64)


def _points_panel(frame: pd.DataFrame, x: Values, labels: XmrLabels) -> Panel:
    names = ("mean", "lower_limit", "upper_limit", "target")
    lines = {name: _column(frame, name) for name in names}
    values = _column(frame, "value")
    phase = _column(frame, "phase")

    def draw(axes: Axes) -> None:
        draw_steps(axes, x, lines["mean"], phase, INK)
        for name in ("lower_limit", "upper_limit"):
            draw_steps(axes, x, lines[name], phase, QUIET, dashes=DASHES)
        draw_steps(axes, x, lines["target"], phase, INK, dashes=(0, (1.0, 1.6)))
        draw_points(axes, x, values, [str(word) for word in frame["variation"]])

    words = (
        ("upper limit", "upper_limit"),
        ("mean", "mean"),
        ("lower limit", "lower_limit"),
        ("target", "target"),
    )
    limits = reach([values, *lines.values()], from_zero=False)
    return Panel(labels.title, limits, 3.4, draw, _end_labels(lines, words))


def _ranges_panel(frame: pd.DataFrame, x: Values) -> Panel:
    lines = {name: _column(frame, name) for name in ("mean_range", "range_upper_limit")}
    ranges = _column(frame, "moving_range")
    phase = _column(frame, "phase")

    def draw(axes: Axes) -> None:
        draw_steps(axes, x, lines["mean_range"], phase, INK)
        draw_steps(axes, x, lines["range_upper_limit"], phase, QUIET, dashes=DASHES)
        outside = frame["range_outside"].to_numpy(dtype=bool)
        draw_points(axes, x, ranges, ["high" if far else "common cause" for far in outside])

    words = (("upper limit", "range_upper_limit"), ("mean", "mean_range"))
    limits = reach([ranges, *lines.values(), np.zeros(1)], from_zero=True)
    return Panel("Moving range: distance from the point before", limits, 1.5, draw, _end_labels(lines, words))


def _end_labels(lines: dict[str, Values], words: tuple[tuple[str, str], ...]) -> tuple[EndLabel, ...]:
    """Return labels with the last value of each line."""
    ends = [(text, float(lines[name][-1])) for text, name in words if np.isfinite(lines[name][-1])]
    return tuple(EndLabel(f"{text} {_number(value, lines)}", value, INK) for text, value in ends)


def _number(value: float, lines: dict[str, Values]) -> str:
    """Return a number with two digits of a third of what the lines are apart."""
    last = [float(line[-1]) for line in lines.values() if np.isfinite(line[-1])]
    apart = (max(last) - min(last)) / 3.0
    decimals = 1 if apart <= 0 else max(0, 1 - int(np.floor(np.log10(apart))))
    return f"{value:,.{decimals}f}".replace("-", "−")


def _marks(frame: pd.DataFrame, x: Values, labels: XmrLabels) -> list[Mark]:
    """Return where an intervention began, the baseline ended or limits were made anew."""
    edges = before_each(x) if len(x) > 1 else x
    periods = [str(period) for period in frame["period"]]
    later = [place for place, period in enumerate(periods) if labels.start and period >= labels.start]
    marks: list[Mark] = []
    taken: set[int] = set()
    if later and later[0] > 0:
        edge = float(edges[later[0]])
        marks.append(Mark(labels.intervention, edge, edge, "interruption"))
        taken.add(later[0])
    phase, base = _column(frame, "phase"), frame["in_baseline"].to_numpy(dtype=bool)
    for place in range(1, len(x)):
        anew = phase[place] != phase[place - 1]
        ends = base[place - 1] and not base[place]
        if (anew or ends) and place not in taken:
            edge = float(edges[place])
            marks.append(Mark("new limits" if anew else "baseline ends", edge, edge, "event"))
    return marks


def _notes(frame: pd.DataFrame, labels: XmrLabels) -> list[str]:
    present = [meaning for name, meaning in MEANINGS.items() if frame["variation"].eq(name).any()]
    notes = [f"{'; '.join(present)}.".capitalize()] if present else []
    if frame["range_outside"].any():
        notes.append("Triangles below: moving ranges beyond their limit.")
    first = frame[frame["phase"].eq(1)]
    base = first["in_baseline"].to_numpy(dtype=bool)
    if base.any() and not base.all():
        last = str(first["period"][base].iloc[-1])
        notes.append(f"The first limits come from the {int(base.sum())} points until {last}.")
    return [*notes, labels.message] if labels.message else notes
