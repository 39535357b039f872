"""Charts of rows: a name to the left, a point with an interval, numbers to the right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.figures.scales import Limits, Tick, reach
from its_eval.figures.style import INK, LINE_HEIGHT
from its_eval.figures.text_layout import told_apart, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


#: Greatest width of a name, in inches, and its greatest number of lines.
_NAME_WIDTH, _NAME_LINES = 2.3, 3
#: Free space of a row, beyond its text, in inches.
AIR = 0.12
#: An interval may reach so many times its median half-width beyond the estimates before it is cut.
_MOST_HALF_WIDTHS = 4.0


@dataclass(frozen=True)
class Rows:
    """Places of rows beneath each other.

    Attributes
    ----------
    ticks : tuple of Tick
        Names at their rows.
    centres : ndarray
        Positions of the rows: inches beneath the upper edge, negative.
    limits : Limits
        Of the vertical scale.
    """

    ticks: tuple[Tick, ...]
    centres: Values
    limits: Limits

    @property
    def height(self) -> float:
        """Height of all rows in inches."""
        return self.limits.high - self.limits.low


def stack_rows(
    names: Sequence[str],
    values: Sequence[str] = (),
    value_width: float = 0.0,
    *,
    codes: Sequence[str] = (),
    bold: Sequence[bool] = (),
    gap_before: int | None = None,
    air: float = AIR,
) -> Rows:
    """Return places for rows, each as high as its text.

    Parameters
    ----------
    names : sequence of str
        To the left.
    values : sequence of str
        To the right, wrapped to `value_width` inches.
    value_width : float
        Width of the column of values.
    codes : sequence of str
        Put in front of names that could not be told apart otherwise; blank for none.
    bold : sequence of bool
        Which names are bold; default none.
    gap_before : int, optional
        A row that stands a little apart from the one above.
    air : float
        Free space of a row beyond its text, in inches.
    """
    if codes:
        names = told_apart(names, codes, _NAME_WIDTH, _NAME_LINES)
    texts = [
        wrap(name, _NAME_WIDTH, bold=heavy, most=_NAME_LINES)
        for name, heavy in zip(names, bold or [False] * len(names), strict=True)
    ]
    lines = np.array([text.count("\n") + 1 for text in texts])
    if values:
        right = [wrap(value, value_width, most=_NAME_LINES).count("\n") + 1 for value in values]
        lines = np.maximum(lines, right)
    heights = LINE_HEIGHT * lines + air
    gaps = np.zeros(len(names))
    if gap_before is not None and 0 < gap_before < len(names):
        gaps[gap_before] = LINE_HEIGHT
    centres = -(np.cumsum(heights + gaps) - heights / 2.0)
    ticks = tuple(
        Tick(float(centre), text, heavy)
        for centre, text, heavy in zip(centres, texts, bold or [False] * len(names), strict=True)
    )
    return Rows(ticks, centres, Limits(-float((heights + gaps).sum()), 0.0))


def interval_reach(estimates: Values, low: Values, high: Values, include: float = 0.0) -> Limits:
    """Return a scale for estimates with intervals, on which a few very wide ones are cut off.

    Parameters
    ----------
    estimates, low, high : ndarray
        Estimates and their limits; any may be missing or infinite.
    include : float
        The value that stands for no effect, always shown.
    """
    half = (high - low) / 2.0
    half = half[np.isfinite(half)]
    known = estimates[np.isfinite(estimates)]
    if known.size == 0 or half.size == 0:
        return reach([known, np.array([include])])
    most = _MOST_HALF_WIDTHS * float(np.median(half))
    lowest, highest = float(known.min()) - most, float(known.max()) + most
    ends = np.concatenate([low[np.isfinite(low)], high[np.isfinite(high)]])
    return reach([known, np.clip(ends, lowest, highest), np.array([include])])


def draw_intervals(
    axes: Axes,
    centres: Values,
    low: Values,
    high: Values,
    limits: Limits,
    *,
    colour: str = INK,
    width: float = 2.0,
    linestyle: str | tuple[float, tuple[float, ...]] = "-",
    gid: str = "interval",
) -> None:
    """Draw horizontal intervals; one that is cut off by the scale ends in an arrowhead."""
    left, right = limits.low, limits.high
    for centre, start, end in zip(centres, low, high, strict=True):
        if np.isnan(start) or np.isnan(end):
            continue
        ends = [max(start, left), min(end, right)]
        axes.plot(
            ends, [centre, centre], color=colour, linewidth=width, linestyle=linestyle, zorder=2, gid=gid
        )
        for cut, place, marker in ((start < left, left, "<"), (end > right, right, ">")):
            if cut:
                axes.plot(
                    [place],
                    [centre],
                    color=colour,
                    marker=marker,
                    markersize=7.0,
                    clip_on=False,
                    zorder=3,
                    gid="beyond",
                )
