"""Putting panels on a sheet: one horizontal axis, labels at the ends of lines, marks above, notes below."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.dates import num2date
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from its_eval.report.figures.panels import Across, EndLabel, Panel, Tick
from its_eval.report.figures.scales import (
    Limits,
    day_numbers,
    round_ticks,
    thinned,
    tick_labels,
    time_ticks,
)
from its_eval.report.figures.style import LINE_HEIGHT, WIDTH
from its_eval.report.figures.text_layout import spread, text_width, wrap, write
from its_eval.report.figures.time_marks import Mark, draw_marks, place_marks, strip_height

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Across", "EndLabel", "Panel", "Tick", "draw_sheet"]

#: Width of the margin for labels, and where in it they begin, in inches.
_RIGHT, _INDENT = 2.2, 0.2
_EDGE = 0.12
_MOST_LINES = 5
#: Between two labels in the margin, in inches.
_BETWEEN = 0.08


def draw_sheet(
    panels: Sequence[Panel],
    span: tuple[float, float],
    marks: Sequence[Mark],
    notes: Sequence[str],
    *,
    across: Across | None = None,
    total_width: float = WIDTH,
    margin: float = _RIGHT,
) -> Figure:
    """Return a figure of panels beneath each other that share a horizontal axis.

    Parameters
    ----------
    panels : sequence of Panel
        From above.
    span : tuple of float
        First and last position on the horizontal axis.
    marks : sequence of Mark
        Labelled above the first panel, drawn through all.
    notes : sequence of str
        Sentences beneath.
    across : Across, optional
        The horizontal scale; default time, in days.
    total_width : float
        Of the figure, in inches.
    margin : float
        Width of the right margin, in inches.
    """
    figure = Figure(figsize=(total_width, 8.0))
    pad = 0.015 * (span[1] - span[0])
    ends = (span[0] - pad, span[1] + pad)
    ticks = [_vertical_ticks(panel) for panel in panels]
    lines = [(line, tick.bold) for found in ticks for tick in found for line in tick.words.split("\n")]
    widest = max((text_width(line, bold=bold) for line, bold in lines), default=0.0)
    left = _EDGE + widest + 0.12
    width = total_width - left - margin
    placed = place_marks(marks, ends, width, total_width - left - _EDGE)
    # beside names of rows there would be little room for sentences
    text_left = left if all(panel.ticks is None for panel in panels) else _EDGE
    headings = [wrap(panel.heading, total_width - text_left - _EDGE) for panel in panels]
    footer = wrap(" ".join(notes), total_width - text_left - _EDGE)
    strips = [strip_height(placed) + 0.06] + [0.06] * (len(panels) - 1)
    tops = [
        _EDGE + LINE_HEIGHT * len(heading.split("\n")) * bool(heading) + strip
        for heading, strip in zip(headings, strips, strict=True)
    ]
    footing = wrap(across.footing, width + margin - _EDGE) if across else ""
    n_footing = len(footing.split("\n")) * bool(footing)
    n_notes = len(footer.split("\n")) * bool(footer)
    ticked = 0.1 if across is not None and across.ticks == () else 0.36
    beneath = ticked + LINE_HEIGHT * (n_footing + n_notes) + _EDGE + 0.08 * bool(n_footing)
    bottoms = [0.2] * (len(panels) - 1) + [beneath]
    total = sum(tops) + sum(panel.height for panel in panels) + sum(bottoms)
    figure.set_size_inches(total_width, total)
    edge = total
    for index, panel in enumerate(panels):
        write(figure, text_left, edge - _EDGE, headings[index])
        edge -= tops[index] + panel.height
        place = (left / total_width, edge / total, width / total_width, panel.height / total)
        axes = figure.add_axes(place)
        _vertical(axes, panel, ticks[index])
        _horizontal(axes, ends, width, across, labelled=index == len(panels) - 1)
        panel.draw(axes)
        draw_marks(axes, placed, 0.0 if index else 1.0 / panel.height)
        _end_labels(figure, panel, left + width, edge, margin)
        if index == 0:
            for label in placed:
                write(figure, left + label.x0, edge + panel.height + label.y1, label.words, gid="mark")
        edge -= bottoms[index]
    write(figure, left, edge + beneath - ticked, footing, gid="footing")
    write(figure, text_left, edge + LINE_HEIGHT * n_notes + _EDGE, footer)
    return figure


def _vertical_ticks(panel: Panel) -> tuple[Tick, ...]:
    """Return the ticks of a panel: its own, or round numbers."""
    if panel.ticks is not None:
        return panel.ticks
    found = panel.limits.ticks()
    return tuple(Tick(place, words) for place, words in zip(found, tick_labels(found), strict=True))


def _vertical(axes: Axes, panel: Panel, ticks: Sequence[Tick]) -> None:
    axes.set_ylim(panel.limits.low, panel.limits.high)
    axes.set_yticks([tick.position for tick in ticks], [tick.words for tick in ticks])
    for letters, tick in zip(axes.get_yticklabels(), ticks, strict=True):
        letters.set_fontweight("bold" if tick.bold else "normal")


def _horizontal(
    axes: Axes, ends: tuple[float, float], width: float, across: Across | None, *, labelled: bool
) -> None:
    axes.set_xlim(*ends)
    if across is None:
        positions, words = dated_ticks(ends)
        words = thinned(words, positions, width / (ends[1] - ends[0]))
    elif across.ticks is not None:
        positions, words = [tick.position for tick in across.ticks], [tick.words for tick in across.ticks]
    else:
        positions, words = round_ticks(Limits(*ends), width)
    axes.set_xticks(positions, words if labelled else [""] * len(words))
    if not labelled:
        axes.tick_params(axis="x", length=0)
    if across is not None and across.lines:
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")


def dated_ticks(ends: tuple[float, float]) -> tuple[list[float], list[str]]:
    """Return positions and words of ticks at real dates between the ends of a time axis."""
    days, words = time_ticks(_day(ends[0]), _day(ends[1]))
    return [float(place) for place in day_numbers([day.isoformat() for day in days])], words


def _day(position: float) -> dt.date:
    day: dt.datetime = num2date(position)  # type: ignore[no-untyped-call]
    return day.date()


def _end_labels(figure: Figure, panel: Panel, right: float, bottom: float, margin: float) -> None:
    """Write labels in the right margin, as near to the ends of their lines as they can be.

    A label that had to move far is tied to the end of its line by a thread.
    """
    limits, height = panel.limits, panel.height
    room = margin - _INDENT - _EDGE
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
