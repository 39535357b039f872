"""Putting panels on a sheet: one time axis, labels at the ends of lines, marks above, notes below."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.dates import num2date
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from its_eval.report.figures.scales import Limits, day_numbers, tick_labels, time_ticks
from its_eval.report.figures.style import LINE_HEIGHT, WIDTH
from its_eval.report.figures.text_layout import spread, text_width, wrap, write
from its_eval.report.figures.time_marks import Mark, draw_marks, place_marks, strip_height

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Width of the margin for labels, and where in it they begin, in inches.
_RIGHT, _INDENT = 2.2, 0.2
_EDGE = 0.12
_MOST_LINES = 5
#: Between two labels in the margin, in inches.
_BETWEEN = 0.08


@dataclass(frozen=True)
class EndLabel:
    """A label at the end of a line.

    Attributes
    ----------
    words : str
        What it says.
    y : float
        Where the line ends.
    colour : str
        Colour of the words.
    bold : bool
        For the unit itself.
    line_colour : str
        Colour of the line, for the thread to a label that had to move; default the colour of the words.
    tied : bool
        The line reaches the right margin, so that a thread may go on from its end.
    """

    words: str
    y: float
    colour: str
    bold: bool = False
    line_colour: str = ""
    tied: bool = True


@dataclass(frozen=True)
class Panel:
    """One set of axes on the sheet.

    Attributes
    ----------
    heading : str
        What is measured, and in what.
    limits : Limits
        Reach of the vertical scale.
    height : float
        In inches.
    draw : callable
        Draws the data on the axes.
    labels : tuple of EndLabel
        For the right margin.
    """

    heading: str
    limits: Limits
    height: float
    draw: Callable[[Axes], None]
    labels: tuple[EndLabel, ...]


def draw_sheet(
    panels: Sequence[Panel], span: tuple[float, float], marks: Sequence[Mark], notes: Sequence[str]
) -> Figure:
    """Return a figure of panels beneath each other that share a time axis.

    Parameters
    ----------
    panels : sequence of Panel
        From above.
    span : tuple of float
        First and last position on the time axis.
    marks : sequence of Mark
        Labelled above the first panel, drawn through all.
    notes : sequence of str
        Sentences beneath.
    """
    figure = Figure(figsize=(WIDTH, 8.0))
    pad = 0.015 * (span[1] - span[0])
    ends = (span[0] - pad, span[1] + pad)
    ticks = [panel.limits.ticks() for panel in panels]
    widest = max(text_width(words) for found in ticks for words in tick_labels(found))
    left = _EDGE + widest + 0.12
    width = WIDTH - left - _RIGHT
    placed = place_marks(marks, ends, width, WIDTH - left - _EDGE)
    headings = [wrap(panel.heading, WIDTH - left - _EDGE) for panel in panels]
    footer = wrap(" ".join(notes), WIDTH - left - _EDGE)
    strips = [strip_height(placed) + 0.06] + [0.06] * (len(panels) - 1)
    tops = [
        _EDGE + LINE_HEIGHT * len(heading.split("\n")) + strip
        for heading, strip in zip(headings, strips, strict=True)
    ]
    n_notes = len(footer.split("\n")) * bool(footer)
    bottoms = [0.2] * (len(panels) - 1) + [0.36 + LINE_HEIGHT * n_notes + _EDGE]
    total = sum(tops) + sum(panel.height for panel in panels) + sum(bottoms)
    figure.set_size_inches(WIDTH, total)
    edge = total
    for index, panel in enumerate(panels):
        write(figure, left, edge - _EDGE, headings[index])
        edge -= tops[index] + panel.height
        axes = figure.add_axes((left / WIDTH, edge / total, width / WIDTH, panel.height / total))
        _scales(axes, panel.limits, ticks[index], ends, dated=index == len(panels) - 1)
        panel.draw(axes)
        draw_marks(axes, placed, 0.0 if index else 1.0 / panel.height)
        _end_labels(figure, panel, left + width, edge)
        if index == 0:
            for label in placed:
                write(figure, left + label.x0, edge + panel.height + label.y1, label.words, gid="mark")
        edge -= bottoms[index]
    write(figure, left, edge + LINE_HEIGHT * n_notes + _EDGE, footer)
    return figure


def _scales(
    axes: Axes, limits: Limits, ticks: Sequence[float], ends: tuple[float, float], *, dated: bool
) -> None:
    axes.set_xlim(*ends)
    axes.set_ylim(limits.low, limits.high)
    axes.set_yticks(ticks, tick_labels(ticks))
    first, last = (_day(end) for end in ends)
    days, words = time_ticks(first, last)
    axes.set_xticks(day_numbers([day.isoformat() for day in days]), words if dated else [""] * len(words))
    if not dated:
        axes.tick_params(axis="x", length=0)


def _day(position: float) -> dt.date:
    day: dt.datetime = num2date(position)  # type: ignore[no-untyped-call]
    return day.date()


def _end_labels(figure: Figure, panel: Panel, right: float, bottom: float) -> None:
    """Write labels in the right margin, as near to the ends of their lines as they can be.

    A label that had to move far is tied to the end of its line by a thread.
    """
    limits, height = panel.limits, panel.height
    room = _RIGHT - _INDENT - _EDGE
    texts = [wrap(label.words, room, bold=label.bold, most=_MOST_LINES) for label in panel.labels]
    heights = [LINE_HEIGHT * len(text.split("\n")) + _BETWEEN for text in texts]
    scale = height / (limits.high - limits.low)
    wanted = [min(max((label.y - limits.low) * scale, 0.0), height) for label in panel.labels]
    centres = spread(wanted, heights, -0.1, height + 0.1)
    size = figure.get_size_inches()
    for label, text, tall, want, centre in zip(panel.labels, texts, heights, wanted, centres, strict=True):
        top = bottom + centre + 0.5 * (tall - _BETWEEN)
        write(figure, right + _INDENT, top, text, colour=label.colour, bold=label.bold, gid="end-label")
        if label.tied and abs(centre - want) > 0.5 * tall:
            ends = np.array([[right, bottom + want], [right + _INDENT - 0.04, bottom + centre]]) / size
            colour = label.line_colour or label.colour
            figure.add_artist(Line2D(ends[:, 0], ends[:, 1], color=colour, linewidth=1.0, gid="thread"))
