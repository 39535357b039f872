"""XmR charts of many units on one page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.scales import day_numbers, reach
from its_eval.report.figures.small_multiples import Cell, draw_small_multiples
from its_eval.report.figures.style import INK, house_style
from its_eval.report.figures.xmr_strokes import MEANINGS, draw_points, draw_steps, span_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

SHOWN = [
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
    return points.loc[points["indicator"].eq(indicator), SHOWN].reset_index(drop=True)


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
    cells = [
        Cell(str(unit), partial(_draw, rows, x[rows.index.to_numpy()], _edge(frame, x, start)))
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
    with house_style():
        return draw_small_multiples(
            cells,
            span_of(x),
            reach(drawn, lines),
            heading=f"{title}, {span}",
            notes=notes,
            cell_height=next(inches for most, inches in _HEIGHTS if len(cells) <= most),
        )


def _edge(frame: pd.DataFrame, x: Values, start: str) -> float | None:
    """Return where the line of an intervention stands; None where all points lie on one side of it."""
    after = np.array([bool(start) and str(period) >= start for period in frame["period"]])
    if after.all() or not after.any():
        return None
    return float((x[~after].max() + x[after].min()) / 2.0)


def _draw(rows: pd.DataFrame, x: Values, edge: float | None, axes: Axes) -> None:
    column = {name: rows[name].to_numpy(dtype=np.float64) for name in SHOWN[3:9]}
    for number in np.unique(column["phase"]):
        chosen = column["phase"] == number
        low, high = column["lower_limit"][chosen], column["upper_limit"][chosen]
        axes.fill_between(x[chosen], low, high, color=_BETWEEN, linewidth=0.0, zorder=0.6)
    if edge is not None:
        axes.axvline(edge, color=INK, linewidth=0.8, zorder=1.5, gid="interruption")
    draw_steps(axes, x, column["mean"], column["phase"], INK, width=0.8)
    draw_steps(axes, x, column["target"], column["phase"], INK, dashes=(0, (1.0, 1.6)), width=1.0)
    draw_points(axes, x, column["value"], [str(word) for word in rows["variation"]], size=2.6, line=0.5)
