"""What a sheet is made of: panels, the ticks beside them, labels at the ends of lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from its_eval.report.figures.scales import Limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
class Tick:
    """A place on a scale with words.

    Attributes
    ----------
    position : float
        On the scale.
    words : str
        Lines of text, already broken.
    bold : bool
        Weight of the letters.
    """

    position: float
    words: str
    bold: bool = False


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
    ticks : tuple of Tick, optional
        Words beside the vertical scale, such as the names of rows; default round numbers.
    """

    heading: str
    limits: Limits
    height: float
    draw: Callable[[Axes], None]
    labels: tuple[EndLabel, ...]
    ticks: tuple[Tick, ...] | None = None


@dataclass(frozen=True)
class Across:
    """A horizontal scale of something other than time.

    Attributes
    ----------
    footing : str
        What it measures, written beneath its numbers; may be blank.
    ticks : tuple of Tick, optional
        Default: as many round numbers as there is room for.
    lines : bool
        Pale vertical lines at the ticks in place of horizontal ones.
    """

    footing: str = ""
    ticks: tuple[Tick, ...] | None = None
    lines: bool = False
