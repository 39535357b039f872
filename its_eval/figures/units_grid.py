"""Small multiples: the series of all units on shared scales, one beside the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from its_eval.figures.forest import LINES
from its_eval.figures.labels import DIFFERENCES, SINGLE
from its_eval.figures.main_its import AFTER, BEFORE
from its_eval.figures.scales import Limits, before_each, day_numbers, reach, thinned, tick_labels
from its_eval.figures.sheet import dated_ticks
from its_eval.figures.style import (
    BAND,
    COUNTERFACTUAL,
    DASHES,
    INK,
    LINE_HEIGHT,
    NARROW,
    QUIET,
    UNIT,
    house_style,
)
from its_eval.figures.text_layout import text_width, told_apart, wrap, write
from its_eval.words.numbers import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from its_eval.figures.labels import FigureLabels

    Values = NDArray[np.float64]


_GRID_COLOUR = "#E3E3E3"
#: How the lines of a kind are drawn.
_STROKES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("grid", {"colors": _GRID_COLOUR, "linewidths": 0.8, "zorder": 0.2}),
    ("base", {"colors": INK, "linewidths": 1.0, "zorder": 1}),
    ("start", {"colors": INK, "linewidths": 1.2, "zorder": 1}),
    ("counterfactual", {"colors": COUNTERFACTUAL, "linewidths": 2.0, "linestyles": [DASHES], "zorder": 3}),
    ("fit", {"colors": UNIT, "linewidths": 2.4, "zorder": 4}),
)


@dataclass(frozen=True)
class Cell:
    """The place of one unit on the sheet, in inches from the lower left corner.

    Attributes
    ----------
    left, bottom, width, height : float
        Of the data.
    span : tuple of float
        Ends of the time axis.
    limits : Limits
        Ends of the vertical scale.
    """

    left: float
    bottom: float
    width: float
    height: float
    span: tuple[float, float]
    limits: Limits

    def x(self, days: Values) -> Values:
        """Return positions in time as inches."""
        return self.left + self.width * (days - self.span[0]) / (self.span[1] - self.span[0])

    def y(self, values: Values) -> Values:
        """Return values as inches; what lies beyond the scale is missing."""
        size = self.limits.high - self.limits.low
        found = self.bottom + self.height * (values - self.limits.low) / size
        slack = 1e-9 * self.height
        beyond = (found < self.bottom - slack) | (found > self.bottom + self.height + slack)
        return np.where(beyond, np.nan, found)

    def edge(self, values: Values) -> Values:
        """Return values as inches, cut off by the ends of the scale."""
        return self.y(np.clip(values, self.limits.low, self.limits.high))


def draw_cells(
    axes: Axes, units: Sequence[pd.DataFrame], cells: Sequence[Cell], ticks: Sequence[float]
) -> None:
    """Draw what is in the cells, each kind of stroke at once.

    Parameters
    ----------
    axes : Axes
        Whose unit is the inch.
    units : sequence of DataFrame
        Rows of ``small_multiples_data``, those of one unit each.
    cells : sequence of Cell
        Their places.
    ticks : sequence of float
        Of the vertical scale.
    """
    strokes: dict[str, list[Values]] = {name: [] for name, _ in _STROKES}
    bands: list[Values] = []
    points: dict[bool, list[Values]] = {True: [], False: []}
    for part, cell in zip(units, cells, strict=True):
        right = cell.left + cell.width
        x = cell.x(day_numbers([str(date) for date in part["date"]]))
        value, fit, line, low, high = (part[name].to_numpy(dtype=np.float64) for name in ("value", *LINES))
        for height in cell.y(np.array(ticks)):
            strokes["grid"].append(np.array([[cell.left, height], [right, height]]))
        strokes["base"].append(np.array([[cell.left, cell.bottom], [right, cell.bottom]]))
        segment = part["segment"].to_numpy()
        affected = np.flatnonzero(segment != BEFORE)
        if affected.size:
            at = before_each(x)[affected[0]]
            strokes["start"].append(np.array([[at, cell.bottom], [at, cell.bottom + cell.height]]))
        for name in (BEFORE, AFTER):
            strokes["fit"].append(_known(x, cell.y(np.where(segment == name, fit, np.nan))))
        strokes["counterfactual"].append(_known(x, cell.y(line)))
        shown = ~np.isnan(low) & ~np.isnan(high)
        if shown.any():
            above = np.column_stack([x[shown], cell.edge(high[shown])])
            below = np.column_stack([x[shown], cell.edge(low[shown])])
            bands.append(np.vstack([above, below[::-1]]))
        used = part["used"].to_numpy(dtype=bool)
        for kind, places in points.items():
            places.append(np.column_stack([x, cell.y(value)])[used == kind])
    size = 3.4 if len(units) <= 4 else 2.6
    axes.add_collection(PolyCollection(bands, facecolor=BAND, edgecolor="none", zorder=0.4, gid="band"))
    for name, style in _STROKES:
        axes.add_collection(LineCollection(strokes[name], gid=name, **style))
    for kind, face, edge, gid in ((True, UNIT, UNIT, "used"), (False, "white", QUIET, "not-used")):
        x, y = np.vstack(points[kind]).T
        axes.plot(
            x,
            y,
            linestyle="none",
            marker="o",
            markersize=size,
            markerfacecolor=face,
            markeredgecolor=edge,
            markeredgewidth=0.0 if kind else 0.8,
            alpha=0.75 if kind else 1.0,
            zorder=2,
            gid=gid,
        )


def _known(x: Values, y: Values) -> Values:
    """Return the points of a line that there are."""
    found = np.column_stack([x, y])
    kept: Values = found[~np.isnan(y)]
    return kept


#: Columns of cells, and the height of a cell in inches, for up to so many units.
_GRIDS = ((1, 1, 3.2), (4, 2, 1.7), (10_000, 3, 1.35))
_EDGE, _GAP, _FOOT = 0.12, 0.26, 0.34
_TITLE_LINES = 3


def draw_small_multiples(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the series of all units on shared scales.

    Parameters
    ----------
    frame : DataFrame
        As ``small_multiples_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.

    Notes
    -----
    All cells are drawn into one set of axes whose unit is the inch, since axes of their own for thirty
    units would take ten times as long.
    """
    units = [part for _, part in frame.groupby("unit", sort=False)]
    _, columns, tall = next(grid for grid in _GRIDS if len(units) <= grid[0])
    days = day_numbers([str(date) for date in frame["date"]])
    span = (float(days.min()), float(days.max()))
    limits = _limits(frame, labels)
    ticks = limits.ticks(4)
    numbers = tick_labels(ticks)
    left = _EDGE + max(text_width(number) for number in numbers) + 0.12
    width = (NARROW - left - 2.0 * _EDGE - _GAP * (columns - 1)) / columns
    names, codes = ([str(part[column].iloc[0]) for part in units] for column in ("name", "unit"))
    titles = [wrap(name, width, most=_TITLE_LINES) for name in told_apart(names, codes, width, _TITLE_LINES)]
    rows = [titles[start : start + columns] for start in range(0, len(titles), columns)]
    heads = [LINE_HEIGHT * max(title.count("\n") + 1 for title in row) + 0.05 for row in rows]
    heading = wrap(_heading(labels), NARROW - 2.0 * _EDGE)
    notes = wrap(" ".join(_notes(frame, labels, limits)), NARROW - 2.0 * _EDGE)
    top = _EDGE + LINE_HEIGHT * (heading.count("\n") + 1) + 0.1
    foot = _FOOT + LINE_HEIGHT * (notes.count("\n") + 1) + _EDGE
    total = top + sum(heads) + tall * len(rows) + _GAP * (len(rows) - 1) + foot
    with house_style():
        figure = Figure(figsize=(NARROW, total))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(0.0, NARROW)
        axes.set_ylim(0.0, total)
        axes.set_axis_off()
        write(figure, _EDGE, total - _EDGE, heading)
        cells: list[Cell] = []
        edge = total - top
        for row, head in enumerate(heads):
            edge -= head + tall
            for column in range(len(rows[row])):
                at = left + column * (width + _GAP)
                cells.append(Cell(at, edge, width, tall, span, limits))
                title = rows[row][column]
                raised = edge + tall + 0.05 + LINE_HEIGHT * (title.count("\n") + 1)
                write(figure, at, raised, title, colour=UNIT, gid="cell-title")
            for tick, number in zip(ticks, numbers, strict=True):
                height = float(cells[-1].y(np.array([tick]))[0])
                write(figure, left - 0.08 - text_width(number), height + 0.5 * LINE_HEIGHT, number)
            edge -= _GAP
        draw_cells(axes, units, cells, ticks)
        _dates(figure, axes, cells[-columns:], span)
        write(figure, _EDGE, foot - _FOOT, notes)
        return figure


def _limits(frame: pd.DataFrame, labels: FigureLabels) -> Limits:
    value, fit, line, low, high = (frame[name].to_numpy(dtype=np.float64) for name in ("value", *LINES))
    whole = np.concatenate([value, fit])
    known = whole[~np.isnan(whole)]
    bounded = labels.kind == "percentage" and labels.design == SINGLE
    bounded = bounded and bool(((known >= 0.0) & (known <= 100.0)).all())
    neutral = 1.0 if labels.log else 0.0
    return reach(
        [value, fit],
        [line],
        [low, high],
        bounds=(0.0, 100.0) if bounded else None,
        from_zero=labels.design == SINGLE or labels.log,
        include=neutral if labels.design in DIFFERENCES else None,
    )


def _dates(figure: Figure, axes: Axes, cells: list[Cell], span: tuple[float, float]) -> None:
    """Write dates beneath the lowest cell of every column."""
    positions, words = dated_ticks(span)
    for cell in cells:
        places = cell.x(np.array(positions))
        shown = thinned(words, list(places), 1.0)
        for place, text in zip(places, shown, strict=True):
            axes.plot([place, place], [cell.bottom, cell.bottom - 0.05], color=INK, linewidth=1.0)
            if text:
                half = 0.5 * text_width(text)
                # beneath the cell even where its tick is at an end
                at = min(max(place, cell.left + half - 0.08), cell.left + cell.width - half + 0.08)
                write(figure, at - half, cell.bottom - 0.07, text)


def _heading(labels: FigureLabels) -> str:
    what = labels.outcome
    if labels.design in DIFFERENCES:
        ratio = labels.log
        whom = "the synthetic control" if labels.design == "synthetic" else "peers"
        between = f"{'ratio to' if ratio else 'difference from'} {whom}"
        measure = "" if ratio else ("percentage points" if labels.measure == "%" else labels.measure)
        what = f"{what}, {between}"
    else:
        measure = labels.measure
    return f"{what}, {measure}" if measure else what


def _notes(frame: pd.DataFrame, labels: FigureLabels, limits: Limits) -> list[str]:
    number = frame["unit"].nunique()
    banded = f", with its {labels.interval}" if frame["counterfactual_low"].notna().any() else ""
    notes = [
        f"{counted(number, 'unit').capitalize()} on the same scales." if number > 1 else "",
        "Points are observations without their season, solid lines the fit.",
        f"Dashed lines are the earlier trend carried on{banded}.",
        f"The vertical line: {labels.interruption_in_words}"
        + ("." if labels.start_in_words else ", from a time of its own in each unit."),
    ]
    if (~frame["used"] & frame["value"].notna()).any():
        notes.append("Hollow points were not used.")
    if labels.design not in DIFFERENCES and limits.low > 0.0:
        notes.append("The scale does not start at zero.")
    return [note for note in notes if note]
