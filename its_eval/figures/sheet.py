"""Putting panels on a sheet, beneath each other with marks in time above, or as a grid of small charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from msgspec import Struct

from its_eval.figures.scales import (
    Across,
    Limits,
    Panel,
    Tick,
    dated_ticks,
    round_ticks,
    thinned,
    tick_labels,
)
from its_eval.figures.style import (
    EDGE,
    INK,
    LINE_HEIGHT,
    NARROW,
    QUIET,
    SHADE,
    SHADE_ALPHA,
    WIDTH,
    blank_figure,
    house_style,
    spread,
    text_width,
    wrap,
    write,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


Kind = Literal["interruption", "event", "unused"]

#: Between a mark and its words, in inches.
_PAD = 0.08
#: A label at the right edge of the figure may be this wide, in inches, and one on the left half of it.
_NARROWEST = 2.0


class Mark(Struct, frozen=True):
    """A line or a stretch of the time axis with a label.

    Attributes
    ----------
    words : str
        The label; blank for none.
    left, right : float
        Positions on the time axis, equal for a line.
    kind : {"interruption", "event", "unused"}
        How it is drawn.
    """

    words: str
    left: float
    right: float
    kind: Kind


class PlacedMark(Struct, frozen=True):
    """A mark with the place of its label, in inches from the upper left corner of the axes.

    Attributes
    ----------
    mark : Mark
        Which.
    words : str
        Its label in lines.
    x0, x1, y0, y1 : float
        Box of the label; the mark itself reaches up to `y1`.
    left, right : float
        The mark itself.
    """

    mark: Mark
    words: str
    x0: float
    x1: float
    y0: float
    y1: float
    left: float
    right: float

    def hinders(self, other: PlacedMark) -> bool:
        """Return whether the label of another mark would overlap this label or cross this mark."""
        apart = other.x1 <= self.x0 or other.x0 >= self.x1
        aside = other.x1 <= self.left or other.x0 >= self.right + 1e-9
        return (not apart and other.y0 < self.y1 and other.y1 > self.y0) or (not aside and other.y0 < self.y1)


def place_marks(
    marks: Sequence[Mark], span: tuple[float, float], width: float, room: float
) -> list[PlacedMark]:
    """Return marks with places for their labels that neither overlap nor cross another mark.

    Parameters
    ----------
    marks : sequence of Mark
        In any order.
    span : tuple of float
        Ends of the time axis.
    width : float
        Width of the axes in inches.
    room : float
        Inches from the left edge of the axes to the right edge of the figure.

    Notes
    -----
    From the last mark to the first, each label is put as low as it can be, to the right of its mark or,
    where it would hide no other mark, to the left.
    """
    scale = width / (span[1] - span[0])
    places = [(scale * (mark.left - span[0]), scale * (mark.right - span[0])) for mark in marks]
    order = sorted(
        range(len(marks)), key=lambda index: (marks[index].left, marks[index].kind == "unused"), reverse=True
    )
    placed: list[PlacedMark] = []
    for index in order:
        others = places[:index] + places[index + 1 :]
        boxes = _boxes(marks[index].words, places[index][0], others, room)
        choices = [_lowest(marks[index], places[index], box, placed) for box in boxes]
        placed.append(min(choices, key=lambda label: (label.y1, label.y0)))
    return placed


def _lowest(
    mark: Mark, place: tuple[float, float], box: tuple[str, float, float, float], placed: Sequence[PlacedMark]
) -> PlacedMark:
    """Return a label in the lowest row in which nothing hinders it."""
    words, x0, wide, tall = box
    row = 0.0
    label = PlacedMark(mark, words, x0, x0 + wide, row, row + tall, *place)
    while words and any(other.hinders(label) for other in placed):
        row += LINE_HEIGHT
        label = PlacedMark(mark, words, x0, x0 + wide, row, row + tall, *place)
    return label


def _boxes(
    words: str, left: float, others: Sequence[tuple[float, float]], room: float
) -> list[tuple[str, float, float, float]]:
    """Return the boxes in which a label may stand, to the right and left: words, left edge, width, height."""
    after = wrap(words, max(room - left - _PAD, _NARROWEST))
    boxes = [(after, left + _PAD, *_size(after))]
    overflows = left + _PAD + boxes[0][2] > room + 1e-9
    # to the left, only as far as no other mark would be hidden
    free = left - _PAD - max((high + _PAD for low, high in others if low < left - 1e-9), default=0.0)
    if free >= _NARROWEST / 2.0:
        before = wrap(words, free)
        wide, tall = _size(before)
        boxes.append((before, left - _PAD - wide, wide, tall))
    return boxes[1:] if overflows and len(boxes) > 1 else boxes


def _size(text: str) -> tuple[float, float]:
    lines = text.split("\n")
    return max(text_width(line) for line in lines), LINE_HEIGHT * len(lines) * bool(text)


def draw_marks(axes: Axes, placed: Sequence[PlacedMark], above: float) -> None:
    """Draw marks through a panel.

    Parameters
    ----------
    axes : Axes
        The panel.
    placed : sequence of PlacedMark
        Marks with places.
    above : float
        Height of an inch as a share of the panel, when the marks reach up to their labels; else 0.
    """
    from matplotlib.lines import Line2D  # noqa: PLC0415  (start-up time)
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    across = axes.get_xaxis_transform()
    for label in placed:
        mark, top = label.mark, 1.0 + label.y1 * above
        if mark.kind == "unused":
            box = Rectangle((mark.left, 0.0), mark.right - mark.left, top, transform=across)
            box.set(facecolor=SHADE, alpha=SHADE_ALPHA, edgecolor="none", zorder=0.5, clip_on=False)
            axes.add_patch(box)
        else:
            line = Line2D([mark.left, mark.left], [0.0, top], transform=across, clip_on=False, zorder=2.5)
            line.set(**_LINES[mark.kind])
            axes.add_line(line)


_LINES: dict[str, dict[str, Any]] = {
    "interruption": {"color": INK, "linewidth": 1.4, "linestyle": "-"},
    "event": {"color": QUIET, "linewidth": 1.2, "linestyle": (0, (1.0, 2.0))},
}


#: Width of the margin for labels, and where in it they begin, in inches.
_RIGHT, _INDENT = 2.2, 0.2
_MOST_LINES = 5
#: Between two labels in the margin, in inches.
_BETWEEN = 0.08


@house_style()
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
    pad = 0.015 * (span[1] - span[0])
    ends = (span[0] - pad, span[1] + pad)
    ticks = [_vertical_ticks(panel) for panel in panels]
    lines = [(line, tick.bold) for found in ticks for tick in found for line in tick.words.split("\n")]
    widest = max((text_width(line, bold=bold) for line, bold in lines), default=0.0)
    left = EDGE + widest + 0.12
    width = total_width - left - margin
    placed = place_marks(marks, ends, width, total_width - left - EDGE)
    # beside names of rows there would be little room for sentences
    text_left = left if all(panel.ticks is None for panel in panels) else EDGE
    headings = [wrap(panel.heading, total_width - text_left - EDGE) for panel in panels]
    footer = wrap(" ".join(notes), total_width - text_left - EDGE)
    # the labels of marks stand above the first panel
    strips = [max((label.y1 for label in placed), default=0.0) + 0.06] + [0.06] * (len(panels) - 1)
    tops = [
        EDGE + LINE_HEIGHT * len(heading.split("\n")) * bool(heading) + strip
        for heading, strip in zip(headings, strips, strict=True)
    ]
    footing = wrap(across.footing, width + margin - EDGE) if across else ""
    n_footing, n_notes = (len(text.split("\n")) * bool(text) for text in (footing, footer))
    ticked = 0.1 if across is not None and across.ticks == () else 0.36
    beneath = ticked + LINE_HEIGHT * (n_footing + n_notes) + EDGE + 0.08 * bool(n_footing)
    bottoms = [0.2] * (len(panels) - 1) + [beneath]
    total = sum(tops) + sum(panel.height for panel in panels) + sum(bottoms)
    figure = blank_figure(total_width, total)
    edge = total
    for index, panel in enumerate(panels):
        write(figure, text_left, edge - EDGE, headings[index])
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
    write(figure, text_left, edge + LINE_HEIGHT * n_notes + EDGE, footer)
    return figure


def draw_rows(
    panel: Panel, limits: Limits, notes: Sequence[str], margin: float, marks: Sequence[Mark] = ()
) -> Figure:
    """Return a figure of one panel over a horizontal scale of numbers, for rows or dots.

    Parameters
    ----------
    panel : Panel
        With the names of rows for its ticks, or none.
    limits : Limits
        Of the horizontal scale.
    notes : sequence of str
        Sentences beneath.
    margin : float
        Width of the right margin, in inches.
    marks : sequence of Mark
        Labelled above the panel.
    """
    span = (limits.low, limits.high)
    return draw_sheet(
        [panel], span, marks, notes, across=Across(lines=True), total_width=NARROW, margin=margin
    )


def _vertical_ticks(panel: Panel) -> tuple[Tick, ...]:
    """Return the ticks of a panel: its own, or round numbers."""
    if panel.ticks is not None:
        return panel.ticks
    found = panel.limits.ticks()
    return tuple(Tick(place, words) for place, words in zip(found, tick_labels(found), strict=True))


def _vertical(axes: Axes, panel: Panel, ticks: Sequence[Tick]) -> None:
    axes.set_ylim(panel.limits.low, panel.limits.high)
    axes.set_yticks([tick.position for tick in ticks], [tick.words for tick in ticks])
    axes.yaxis.set_bold([tick.bold for tick in ticks])  # type: ignore[attr-defined]  # of ours


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


def _end_labels(figure: Figure, panel: Panel, right: float, bottom: float, margin: float) -> None:
    """Write labels in the right margin, as near to the ends of their lines as they can be.

    A label that had to move far is tied to the end of its line by a thread.
    """
    from matplotlib.lines import Line2D  # noqa: PLC0415  (start-up time)

    limits, height = panel.limits, panel.height
    room = margin - _INDENT - EDGE
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


#: Between two charts, and beneath a chart above the title of the next, in inches.
_BESIDE, _BENEATH = 0.2, 0.18
#: Room for the words of the horizontal scale, in inches.
_FOOT = 0.3
#: Charts in a row: as few as make a page no taller than a sheet of paper.
_LEAST_COLUMNS, _MOST_COLUMNS = 3, 12
_TALLEST = 2.0**0.5 * WIDTH
#: How far the words of a tick may stick out of the space beneath their chart, in inches.
_OVERHANG = 0.08


class Chart(Struct, frozen=True):
    """One small chart.

    Attributes
    ----------
    title : str
        Above it; each line is cut off where the chart ends.
    draw : callable
        Draws the data on the axes.
    bold : bool
        Weight of the title.
    """

    title: str
    draw: Callable[[Axes], None]
    bold: bool = False


@house_style()
def draw_grid(
    charts: Sequence[Chart],
    span: tuple[float, float],
    limits: Limits,
    *,
    heading: str,
    notes: Sequence[str],
    chart_height: float,
    across: Sequence[Tick] | None = None,
    log_ticks: Sequence[float] | None = None,
    columns: int | None = None,
) -> Figure:
    """Return a page of small charts, row by row.

    Parameters
    ----------
    charts : sequence of Chart
        At least one.
    span : tuple of float
        Ends of the horizontal scale.
    limits : Limits
        Ends of the vertical scale.
    heading : str
        Above all.
    notes : sequence of str
        Sentences beneath all.
    chart_height : float
        Height of a chart, in inches.
    across : sequence of Tick, optional
        Words of the horizontal scale; default dates.
    log_ticks : sequence of float, optional
        Numbers at the vertical scale, which is then logarithmic.
    columns : int, optional
        Charts in a row; default by their number.
    """
    tall = max(len(chart.title.split("\n")) for chart in charts)
    step = LINE_HEIGHT * tall + 0.06 + chart_height + _BENEATH
    wide = columns or _columns(len(charts), step)
    rows = -(-len(charts) // wide)
    ticks = limits.ticks(4) if log_ticks is None else list(log_ticks)
    numbers = tick_labels(ticks) if log_ticks is None else [f"{tick:,g}" for tick in ticks]
    left = EDGE + max(text_width(words) for words in numbers) + 0.12
    width = (WIDTH - left - EDGE - 0.1 - _BESIDE * (wide - 1)) / wide
    top_text = wrap(heading, WIDTH - 2.0 * EDGE)
    foot_text = wrap(" ".join(notes), WIDTH - 2.0 * EDGE)
    top = 2.0 * EDGE + LINE_HEIGHT * len(top_text.split("\n"))
    bottom = _FOOT + LINE_HEIGHT * len(foot_text.split("\n")) * bool(foot_text) + 2.0 * EDGE
    total = top + rows * step - _BENEATH + bottom
    figure = blank_figure(WIDTH, total)
    write(figure, EDGE, total - EDGE, top_text, bold=True)
    pad = 0.03 * (span[1] - span[0])
    ends = (span[0] - pad, span[1] + pad)
    for index, chart in enumerate(charts):
        row, column = divmod(index, wide)
        x = left + column * (width + _BESIDE)
        edge = total - top - row * step
        title = "\n".join(wrap(line, width, bold=chart.bold, most=1) for line in chart.title.split("\n"))
        write(figure, x, edge, title, bold=chart.bold, gid="cell-title")
        low = edge - LINE_HEIGHT * tall - 0.06 - chart_height
        axes = figure.add_axes((x / WIDTH, low / total, width / WIDTH, chart_height / total))
        if log_ticks is not None:
            axes.set_yscale("log")
            axes.minorticks_off()
        axes.set_ylim(limits.low, limits.high)
        axes.set_yticks(ticks, numbers if column == 0 else [""] * len(ticks))
        _foot(axes, ends, width, across, labelled=index + wide >= len(charts))
        chart.draw(axes)
    write(figure, EDGE, bottom - _FOOT - EDGE, foot_text)
    return figure


def _columns(count: int, step: float) -> int:
    """Return how many charts stand in a row when each row needs `step` inches."""
    fitting = (wide for wide in range(_LEAST_COLUMNS, _MOST_COLUMNS) if -(-count // wide) * step <= _TALLEST)
    return min(next(fitting, _MOST_COLUMNS), count)


def _foot(
    axes: Axes, ends: tuple[float, float], width: float, across: Sequence[Tick] | None, *, labelled: bool
) -> None:
    """Put the horizontal scale beneath a chart; words only where no other chart follows below."""
    axes.set_xlim(*ends)
    if across is None:
        positions, texts = dated_ticks(ends)
    else:
        positions, texts = [tick.position for tick in across], [tick.words for tick in across]
    inches = width / (ends[1] - ends[0])
    # words beneath a chart stay away from those of its neighbours
    fitting = []
    for place, (position, text) in enumerate(zip(positions, texts, strict=True)):
        centre, half = (position - ends[0]) * inches, text_width(text) / 2.0
        if centre - half >= -_OVERHANG and centre + half <= width + _OVERHANG:
            fitting.append(place)
    words = [""] * len(texts)
    if fitting:
        kept = thinned([texts[place] for place in fitting], [positions[place] for place in fitting], inches)
        for place, text in zip(fitting, kept, strict=True):
            words[place] = text
    axes.set_xticks(positions, words if labelled else [""] * len(texts))
    axes.tick_params(axis="x", length=3.0 if labelled else 0.0, pad=3.0)
