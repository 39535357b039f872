"""Labelled marks in time above a figure: the interruption, noted events, periods that were not used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from its_eval.report.figures.style import INK, LINE_HEIGHT, QUIET, SHADE, SHADE_ALPHA
from its_eval.report.figures.text_layout import text_width, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Kind = Literal["interruption", "event", "unused"]

#: Between a mark and its words, in inches.
_PAD = 0.08
#: A label at the right edge of the figure may be this wide, in inches, and one on the left half of it.
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


def strip_height(placed: Sequence[PlacedMark]) -> float:
    """Return how many inches the labels need above the axes."""
    return max((label.y1 for label in placed), default=0.0)


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
