"""Labelled marks in time above a figure: the interruption, noted events, periods that were not used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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
    """A mark with the place of its label, in inches from the left edge of the axes and from their top.

    Attributes
    ----------
    mark : Mark
        Which.
    words : str
        Its label in lines.
    x0, x1, y0, y1 : float
        Box of the label.
    after : bool
        The label stands to the right of the mark.
    """

    mark: Mark
    words: str
    x0: float
    x1: float
    y0: float
    y1: float
    after: bool


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

    def inches(position: float) -> float:
        return width * (position - span[0]) / (span[1] - span[0])

    placed: list[PlacedMark] = []
    for mark in sorted(marks, key=lambda mark: (mark.left, mark.kind == "unused"), reverse=True):
        left, right = inches(mark.left), inches(mark.right)
        others = [(inches(other.left), inches(other.right)) for other in marks if other is not mark]
        if not mark.words:
            placed.append(PlacedMark(mark, "", left, left, 0.0, 0.0, after=True))
            continue
        beside = left + _PAD
        words = ruler.wrap(mark.words, max(room - beside, _NARROWEST))
        lines = words.split("\n")
        wide = max(ruler.width(line) for line in lines)
        tall = LINE_HEIGHT * len(lines)
        level = 0.0
        found: PlacedMark | None = None
        while found is None:
            candidates = [PlacedMark(mark, words, beside, beside + wide, level, level + tall, after=True)]
            start = left - _PAD - wide
            if start >= 0.0 and not any(low < left - 1e-9 and high > start for low, high in others):
                candidates.append(PlacedMark(mark, words, start, left - _PAD, level, level + tall, after=False))
            found = next((one for one in candidates if _free(one, placed, inches)), None)
            level += LINE_HEIGHT
        placed.append(found)
    return placed


def _free(label: PlacedMark, placed: Sequence[PlacedMark], inches: object) -> bool:
    raise NotImplementedError
