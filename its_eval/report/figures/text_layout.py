"""Measuring, wrapping and spreading text, so that labels never overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.font_manager import FontProperties

from its_eval.report.figures.style import FONT_SIZE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Letters differ a little in width between resolutions.
_SLACK = 1.02


class Ruler:
    """Measures text on a figure, in inches.

    Parameters
    ----------
    figure : Figure
        Where the text will stand.
    """

    def __init__(self, figure: Figure) -> None:
        self._renderer = FigureCanvasAgg(figure).get_renderer()
        self._dpi = figure.dpi
        self._known: dict[tuple[str, str], float] = {}

    def width(self, text: str, weight: str = "normal") -> float:
        """Return the width of one line of text."""
        key = (text, weight)
        if key not in self._known:
            font = FontProperties(size=FONT_SIZE, weight=weight)
            pixels = self._renderer.get_text_width_height_descent(text, font, ismath=False)[0]
            self._known[key] = _SLACK * float(pixels) / self._dpi
        return self._known[key]

    def wrap(self, text: str, width: float, weight: str = "normal", most: int | None = None) -> str:
        """Return text broken into lines.

        Parameters
        ----------
        text : str
            Words; line breaks count as spaces.
        width : float
            Greatest width in inches; a word that alone is wider is broken.
        weight : str
            Weight of the font.
        most : int, optional
            Greatest number of lines; the last one then ends in an ellipsis.
        """
        lines = [""]
        for word in self._pieces(text, width, weight):
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and self.width(longer, weight) > width:
                lines.append(word)
            else:
                lines[-1] = longer
        if most is not None and len(lines) > most:
            lines = lines[:most]
            while lines[-1] and self.width(f"{lines[-1]}…", weight) > width:
                lines[-1] = lines[-1][:-1]
            lines[-1] = f"{lines[-1].rstrip()}…"
        return "\n".join(lines)

    def _pieces(self, text: str, width: float, weight: str) -> list[str]:
        """Return the words, those too wide for a line in parts."""
        pieces = []
        for whole in text.split():
            word = whole
            while self.width(word, weight) > width and len(word) > 1:
                end = len(word) - 1
                while end > 1 and self.width(word[:end], weight) > width:
                    end -= 1
                pieces.append(word[:end])
                word = word[end:]
            pieces.append(word)
        return pieces


def spread(wanted: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Return centres near the wanted ones at which boxes do not overlap.

    Parameters
    ----------
    wanted : sequence of float
        Where each box would best be centred; the order along the axis is kept.
    heights : sequence of float
        Height of each box.
    low, high : float
        Room for all boxes. When they do not fit, they are stacked from `high` down.

    Notes
    -----
    Least squares under the constraints: boxes in the way of each other become one stack, centred where its
    members would on average want it (pool adjacent violators).

    Examples
    --------
    >>> spread([1.0, 1.2], [1.0, 1.0], 0.0, 10.0)
    [0.6, 1.6]
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    # a stack: its members, its height, and the sum of where its lower edge would be for each of them
    stacks: list[tuple[list[int], float, float]] = []

    def bottom(stack: tuple[list[int], float, float]) -> float:
        members, height, total = stack
        return max(low, min(total / len(members), high - height))

    for index in order:
        stack = ([index], heights[index], wanted[index] - heights[index] / 2.0)
        while stacks and bottom(stacks[-1]) + stacks[-1][1] > bottom(stack):
            members, height, total = stacks.pop()
            stack = (members + stack[0], height + stack[1], total + stack[2] - len(stack[0]) * height)
        stacks.append(stack)
    centres = np.zeros(len(wanted))
    for stack in stacks:
        edge = bottom(stack) if stack[1] <= high - low else high - stack[1]
        for index in stack[0]:
            centres[index] = edge + heights[index] / 2.0
            edge += heights[index]
    return [float(centre) for centre in centres]
