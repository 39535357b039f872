"""Labelled marks in time above a figure: the interruption, noted events, periods that were not used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from its_eval.report.figures.style import INK, LINE_HEIGHT, QUIET, SHADE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from its_eval.report.figures.text_layout import Ruler

Kind = Literal["interruption", "event", "unused"]

#: Between a mark and its words, in inches.
_PAD = 0.08
#: A label is not broken as long as it is at most this wide, in inches.
_NARROWEST = 2.0


@dataclass(frozen=True)
class Mark:
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


@dataclass(frozen=True)
class PlacedMark:
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
    marks: Sequence[Mark], span: tuple[float, float], width: float, room: float, ruler: Ruler
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
    ruler : Ruler
        Measures text.

    Notes
    -----
    From the last mark to the first, each label takes the lowest row that is free, to the right of its mark
    or, where it would hide no other mark, to the left.
    """
    scale = width / (span[1] - span[0])
    places = [(scale * (mark.left - span[0]), scale * (mark.right - span[0])) for mark in marks]
    order = sorted(
        range(len(marks)), key=lambda index: (marks[index].left, marks[index].kind == "unused"), reverse=True
    )
    placed: list[PlacedMark] = []
    for index in order:
        left, right = places[index]
        beside = left + _PAD
        words = ruler.wrap(marks[index].words, max(room - beside, _NARROWEST))
        lines = words.split("\n")
        wide, tall = max(ruler.width(line) for line in lines), LINE_HEIGHT * len(lines) * bool(words)
        start = left - _PAD - wide
        others = places[:index] + places[index + 1 :]
        clear = start >= 0.0 and not any(low < left - 1e-9 and high > start for low, high in others)
        sides = [beside, start] if clear else [beside]
        rows = (LINE_HEIGHT * row for row in range(1000))
        placed.append(
            next(
                label
                for row in rows
                for side in sides
                for label in [
                    PlacedMark(marks[index], words, side, side + wide, row, row + tall, left, right)
                ]
                if not words or not any(other.hinders(label) for other in placed)
            )
        )
    return placed


def strip_height(placed: Sequence[PlacedMark]) -> float:
    """Return how many inches the labels need above the axes."""
    return max((label.y1 for label in placed), default=0.0)


def draw_marks(
    axes: Axes, placed: Sequence[PlacedMark], width: float, height: float, *, labelled: bool
) -> None:
    """Draw marks through a panel and, above the uppermost one, their labels.

    Parameters
    ----------
    axes : Axes
        The panel.
    placed : sequence of PlacedMark
        Marks with places.
    width, height : float
        Size of the panel in inches.
    labelled : bool
        Whether the labels stand above this panel.
    """
    across = axes.get_xaxis_transform()
    for label in placed:
        mark = label.mark
        top = 1.0 + (label.y1 / height if labelled else 0.0)
        if mark.kind == "unused":
            box = Rectangle((mark.left, 0.0), mark.right - mark.left, top, transform=across)
            box.set(facecolor=SHADE, edgecolor="none", zorder=0.1, clip_on=False)
            axes.add_patch(box)
        else:
            line = Line2D([mark.left, mark.left], [0.0, top], transform=across, clip_on=False, zorder=2.5)
            line.set(**_LINES[mark.kind])
            axes.add_line(line)
        if labelled and label.words:
            axes.text(
                label.x0 / width,
                1.0 + label.y0 / height + 0.02 / height,
                label.words,
                transform=axes.transAxes,
                ha="left",
                va="bottom",
                linespacing=1.0,
                color=INK,
                gid=f"mark-{mark.kind}",
            )


_LINES: dict[str, dict[str, Any]] = {
    "interruption": {"color": INK, "linewidth": 1.4, "linestyle": "-"},
    "event": {"color": QUIET, "linewidth": 1.2, "linestyle": (0, (1.0, 2.0))},
}
