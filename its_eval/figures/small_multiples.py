"""Many small charts on one page that share both scales."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.dates import num2date
from matplotlib.figure import Figure

from its_eval.figures.scales import Limits, Tick, day_numbers, thinned, tick_labels, time_ticks
from its_eval.figures.style import LINE_HEIGHT, WIDTH
from its_eval.figures.text_layout import text_width, wrap, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_EDGE = 0.12
#: Between two charts, and beneath a chart above the title of the next, in inches.
_BESIDE, _BENEATH = 0.2, 0.18
#: Room for the words of the horizontal scale, in inches.
_FOOT = 0.3
#: Charts in a row: as few as make a page no taller than a sheet of paper.
_LEAST_COLUMNS, _MOST_COLUMNS = 3, 12
_TALLEST = 2.0**0.5 * WIDTH
#: How far the words of a tick may stick out of the space beneath their chart, in inches.
_OVERHANG = 0.08


@dataclass(frozen=True)
class Cell:
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


def draw_small_multiples(
    cells: Sequence[Cell],
    span: tuple[float, float],
    limits: Limits,
    *,
    heading: str,
    notes: Sequence[str],
    cell_height: float,
    across: Sequence[Tick] | None = None,
    log_ticks: Sequence[float] | None = None,
    columns: int | None = None,
) -> Figure:
    """Return a page of small charts, row by row.

    Parameters
    ----------
    cells : sequence of Cell
        At least one.
    span : tuple of float
        Ends of the horizontal scale.
    limits : Limits
        Ends of the vertical scale.
    heading : str
        Above all.
    notes : sequence of str
        Sentences beneath all.
    cell_height : float
        Height of a chart, in inches.
    across : sequence of Tick, optional
        Words of the horizontal scale; default dates.
    log_ticks : sequence of float, optional
        Numbers at the vertical scale, which is then logarithmic.
    columns : int, optional
        Charts in a row; default by their number.
    """
    tall = max(len(cell.title.split("\n")) for cell in cells)
    step = LINE_HEIGHT * tall + 0.06 + cell_height + _BENEATH
    wide = columns or _columns(len(cells), step)
    rows = -(-len(cells) // wide)
    ticks = limits.ticks(4) if log_ticks is None else list(log_ticks)
    numbers = tick_labels(ticks) if log_ticks is None else [f"{tick:,g}" for tick in ticks]
    left = _EDGE + max(text_width(words) for words in numbers) + 0.12
    width = (WIDTH - left - _EDGE - 0.1 - _BESIDE * (wide - 1)) / wide
    top_text = wrap(heading, WIDTH - 2.0 * _EDGE)
    foot_text = wrap(" ".join(notes), WIDTH - 2.0 * _EDGE)
    top = 2.0 * _EDGE + LINE_HEIGHT * len(top_text.split("\n"))
    bottom = _FOOT + LINE_HEIGHT * len(foot_text.split("\n")) * bool(foot_text) + 2.0 * _EDGE
    total = top + rows * step - _BENEATH + bottom
    figure = Figure(figsize=(WIDTH, total))
    write(figure, _EDGE, total - _EDGE, top_text, bold=True)
    pad = 0.03 * (span[1] - span[0])
    ends = (span[0] - pad, span[1] + pad)
    for index, cell in enumerate(cells):
        row, column = divmod(index, wide)
        x = left + column * (width + _BESIDE)
        edge = total - top - row * step
        title = "\n".join(wrap(line, width, bold=cell.bold, most=1) for line in cell.title.split("\n"))
        write(figure, x, edge, title, bold=cell.bold, gid="cell-title")
        low = edge - LINE_HEIGHT * tall - 0.06 - cell_height
        axes = figure.add_axes((x / WIDTH, low / total, width / WIDTH, cell_height / total))
        if log_ticks is not None:
            axes.set_yscale("log")
            axes.minorticks_off()
        axes.set_ylim(limits.low, limits.high)
        axes.set_yticks(ticks, numbers if column == 0 else [""] * len(ticks))
        _foot(axes, ends, width, across, labelled=index + wide >= len(cells))
        cell.draw(axes)
    write(figure, _EDGE, bottom - _FOOT - _EDGE, foot_text)
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
        days, texts = time_ticks(_day(ends[0]), _day(ends[1]))
        positions = [float(place) for place in day_numbers([day.isoformat() for day in days])]
    else:
        positions, texts = [tick.position for tick in across], [tick.words for tick in across]
    inches = width / (ends[1] - ends[0])
    fitting = [
        place
        for place, (position, text) in enumerate(zip(positions, texts, strict=True))
        if _inside((position - ends[0]) * inches, text_width(text), width)
    ]
    words = [""] * len(texts)
    if fitting:
        kept = thinned([texts[place] for place in fitting], [positions[place] for place in fitting], inches)
        for place, text in zip(fitting, kept, strict=True):
            words[place] = text
    axes.set_xticks(positions, words if labelled else [""] * len(texts))
    axes.tick_params(axis="x", length=3.0 if labelled else 0.0, pad=3.0)


def _inside(centre: float, wide: float, width: float) -> bool:
    """Return whether words beneath a chart stay away from those of its neighbours."""
    return centre - wide / 2.0 >= -_OVERHANG and centre + wide / 2.0 <= width + _OVERHANG


def _day(position: float) -> dt.date:
    day: dt.datetime = num2date(position)  # type: ignore[no-untyped-call]
    return day.date()
