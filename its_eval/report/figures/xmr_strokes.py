"""The strokes of XmR charts: points with their meaning, lines in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from its_eval.report.figures.style import COUNTERFACTUAL, INK, PEER, QUIET, UNIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

#: How a point is drawn by what it means: never by colour alone.
_MARKERS: dict[str, dict[str, Any]] = {
    "common cause": {"marker": "o", "color": QUIET},
    "improvement": {"marker": "o", "color": UNIT},
    "concern": {"marker": "D", "color": COUNTERFACTUAL},
    "high": {"marker": "^", "color": UNIT},
    "low": {"marker": "v", "color": COUNTERFACTUAL},
}
#: The same in words.
MEANINGS = {
    "common cause": "small grey points: common variation",
    "improvement": "dark blue circles: special cause, improvement",
    "concern": "orange diamonds: special cause, concern",
    "high": "dark blue triangles pointing up: special cause, high or rising",
    "low": "orange triangles pointing down: special cause, low or falling",
}


def span_of(x: Values) -> tuple[float, float]:
    """Return the ends of the time axis; a month around a single point."""
    low, high = float(x.min()), float(x.max())
    return (low, high) if high > low else (low - 15.0, high + 15.0)


def draw_points(
    axes: Axes, x: Values, values: Values, meanings: Sequence[str], *, size: float = 6.0, line: float = 1.0
) -> None:
    """Draw points by what they mean, joined by a thin line that makes runs and trends visible.

    Parameters
    ----------
    axes : Axes
        Where.
    x, values : ndarray, shape (n,)
        Places and values; a NaN is not drawn.
    meanings : sequence of str
        What each means, as the column ``variation`` says.
    size : float
        Diameter of a special point, in points.
    line : float
        Width of the line.
    """
    axes.plot(x, values, color=PEER, linewidth=line, zorder=2.0, gid="path")
    for name, look in _MARKERS.items():
        chosen = np.array([meaning == name for meaning in meanings], dtype=bool)
        if not chosen.any():
            continue
        diameter = 0.65 * size if name == "common cause" else 0.9 * size if look["marker"] == "D" else size
        axes.plot(
            x[chosen], values[chosen], linestyle="none", markersize=diameter, zorder=3.0, gid=name, **look
        )


def draw_steps(
    axes: Axes,
    x: Values,
    values: Values,
    phase: Values,
    colour: str = INK,
    *,
    dashes: Any = "-",
    width: float = 1.4,
) -> None:
    """Draw a line that breaks where limits were made anew.

    Parameters
    ----------
    axes : Axes
        Where.
    x, values : ndarray, shape (n,)
        Places and heights.
    phase : ndarray, shape (n,)
        Number of the stretch that a point belongs to.
    colour : str
        Of the line.
    dashes : str or tuple
        Its pattern.
    width : float
        Its width.
    """
    for number in np.unique(phase):
        chosen = phase == number
        if np.isfinite(values[chosen]).any():
            axes.plot(x[chosen], values[chosen], color=colour, linestyle=dashes, linewidth=width, zorder=1.5)
