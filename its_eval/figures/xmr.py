"""XmR charts: points with their limits, moving ranges beneath, one series or many on a page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from its_eval.figures.scales import EndLabel, Panel, before_each, day_numbers, reach
from its_eval.figures.sheet import Chart, Mark, draw_grid, draw_sheet
from its_eval.figures.style import COUNTERFACTUAL, DASHES, INK, PEER, QUIET, UNIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


#: How a point is drawn by what it means: never by colour alone.
_MARKERS: dict[str, dict[str, Any]] = {
    "common cause": {"marker": "o", "color": QUIET},
    "improvement": {"marker": "o", "color": UNIT},
    "concern": {"marker": "D", "color": COUNTERFACTUAL},
    "high": {"marker": "^", "color": UNIT},
    "low": {"marker": "v", "color": COUNTERFACTUAL},
}
#: The same in words.
MEANINGS = {
    "common cause": "small grey points: common variation",
    "improvement": "dark blue circles: special cause, improvement",
    "concern": "orange diamonds: special cause, concern",
    "high": "dark blue triangles pointing up: special cause, high or rising",
    "low": "orange triangles pointing down: special cause, low or falling",
}


def span_of(x: Values) -> tuple[float, float]:
    """Return the ends of the time axis; a month around a single point."""
    low, high = float(x.min()), float(x.max())
    return (low, high) if high > low else (low - 15.0, high + 15.0)


def draw_points(
    axes: Axes, x: Values, values: Values, meanings: Sequence[str], *, size: float = 6.0, line: float = 1.0
) -> None:
    """Draw points by what they mean, joined by a thin line that makes runs and trends visible.

    Parameters
    ----------
    axes : Axes
        Where.
    x, values : ndarray, shape (n,)
        Places and values; a NaN is not drawn.
    meanings : sequence of str
        What each means, as the column ``variation`` says.
    size : float
        Diameter of a special point, in points.
    line : float
        Width of the line.
    """
    axes.plot(x, values, color=PEER, linewidth=line, zorder=2.0, gid="path")
    for name, look in _MARKERS.items():
        chosen = np.array([meaning == name for meaning in meanings], dtype=bool)
        if not chosen.any():
            continue
        diameter = 0.65 * size if name == "common cause" else 0.9 * size if look["marker"] == "D" else size
        axes.plot(
            x[chosen], values[chosen], linestyle="none", markersize=diameter, zorder=3.0, gid=name, **look
        )


def draw_steps(
    axes: Axes,
    x: Values,
    values: Values,
    phase: Values,
    colour: str = INK,
    *,
    dashes: Any = "-",
    width: float = 1.4,
) -> None:
    """Draw a line that breaks where limits were made anew.

    Parameters
    ----------
    axes : Axes
        Where.
    x, values : ndarray, shape (n,)
        Places and heights.
    phase : ndarray, shape (n,)
        Number of the stretch that a point belongs to.
    colour : str
        Of the line.
    dashes : str or tuple
        Its pattern.
    width : float
        Its width.
    """
    for number in np.unique(phase):
        chosen = phase == number
        if np.isfinite(values[chosen]).any():
            axes.plot(x[chosen], values[chosen], color=colour, linestyle=dashes, linewidth=width, zorder=1.5)


#: Columns of the points that the chart shows.
CHART_COLUMNS = [
    *("period", "date", "value", "moving_range", "phase", "in_baseline", "mean", "lower_limit"),
    *("upper_limit", "mean_range", "range_upper_limit", "target", "range_outside", "rules", "variation"),
]


class XmrLabels(Struct, frozen=True):
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
    return rows[CHART_COLUMNS].reset_index(drop=True)


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


GRID_COLUMNS = [
    *("unit", "period", "date", "value", "phase", "mean", "lower_limit", "upper_limit", "target"),
    "variation",
]
#: Height of a chart in inches, by how many there are at most.
_HEIGHTS = ((6, 1.4), (24, 0.9), (10**9, 0.6))
#: Grey of the room between the limits.
_BETWEEN = "#EDEDED"


def xmr_grid_data(points: pd.DataFrame, indicator: str) -> pd.DataFrame:
    """Return the points of all units that the page of one indicator shows.

    Parameters
    ----------
    points : DataFrame
        The table ``points`` of XmR charts.
    indicator : str
        Which.
    """
    return points.loc[points["indicator"].eq(indicator), GRID_COLUMNS].reset_index(drop=True)


def draw_xmr_grid(frame: pd.DataFrame, title: str, start: str = "", words: str = "") -> Figure:
    """Return one page with a small XmR chart for every unit, in the order of their codes.

    Parameters
    ----------
    frame : DataFrame
        As ``xmr_grid_data`` returns it; nothing else is drawn.
    title : str
        What is measured.
    start, words : str
        First period of an intervention and what it is called; blank without one.

    Notes
    -----
    All charts share both scales, so that levels can be compared; the moving ranges are left out.
    """
    x = day_numbers([str(date) for date in frame["date"]])
    charts = [
        Chart(str(unit), partial(_draw, rows, x[rows.index.to_numpy()], _edge(frame, x, start)))
        for unit, rows in frame.groupby("unit", sort=True)
    ]
    drawn = [frame[name].to_numpy(dtype=np.float64) for name in ("value", "mean", "target")]
    lines = [frame[name].to_numpy(dtype=np.float64) for name in ("lower_limit", "upper_limit")]
    present = [meaning for name, meaning in MEANINGS.items() if frame["variation"].eq(name).any()]
    target = "; dotted: target" if frame["target"].notna().any() else ""
    notes = [
        f"{'; '.join(present)}.".capitalize(),
        f"Pale grey: between the process limits; line: mean{target}.",
        *([f"Upright line: {words}."] if _edge(frame, x, start) is not None else []),
    ]
    span = f"{frame['period'].min()} to {frame['period'].max()}"
    return draw_grid(
        charts,
        span_of(x),
        reach(drawn, lines),
        heading=f"{title}, {span}",
        notes=notes,
        chart_height=next(inches for most, inches in _HEIGHTS if len(charts) <= most),
    )


def _edge(frame: pd.DataFrame, x: Values, start: str) -> float | None:
    """Return where the line of an intervention stands; None where all points lie on one side of it."""
    after = np.array([bool(start) and str(period) >= start for period in frame["period"]])
    if after.all() or not after.any():
        return None
    return float((x[~after].max() + x[after].min()) / 2.0)


def _draw(rows: pd.DataFrame, x: Values, edge: float | None, axes: Axes) -> None:
    column = {name: rows[name].to_numpy(dtype=np.float64) for name in GRID_COLUMNS[3:9]}
    for number in np.unique(column["phase"]):
        chosen = column["phase"] == number
        low, high = column["lower_limit"][chosen], column["upper_limit"][chosen]
        axes.fill_between(x[chosen], low, high, color=_BETWEEN, linewidth=0.0, zorder=0.6)
    if edge is not None:
        axes.axvline(edge, color=INK, linewidth=0.8, zorder=1.5, gid="interruption")
    draw_steps(axes, x, column["mean"], column["phase"], INK, width=0.8)
    draw_steps(axes, x, column["target"], column["phase"], INK, dashes=(0, (1.0, 1.6)), width=1.0)
    draw_points(axes, x, column["value"], [str(word) for word in rows["variation"]], size=2.6, line=0.5)
