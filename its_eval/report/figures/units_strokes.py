"""The strokes of small multiples: every unit in its place on one set of axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection

from its_eval.report.figures.across_units_data import LINES
from its_eval.report.figures.main_its_data import AFTER, BEFORE
from its_eval.report.figures.scales import Limits, before_each, day_numbers
from its_eval.report.figures.style import BAND, COUNTERFACTUAL, DASHES, INK, QUIET, UNIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

_GRID_COLOUR = "#E3E3E3"
#: How the lines of a kind are drawn.
_STROKES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("grid", {"colors": _GRID_COLOUR, "linewidths": 0.8, "zorder": 0.2}),
    ("base", {"colors": INK, "linewidths": 1.0, "zorder": 1}),
    ("start", {"colors": INK, "linewidths": 1.2, "zorder": 1}),
    ("counterfactual", {"colors": COUNTERFACTUAL, "linewidths": 2.0, "linestyles": [DASHES], "zorder": 3}),
    ("fit", {"colors": UNIT, "linewidths": 2.4, "zorder": 4}),
)


@dataclass(frozen=True)
class Cell:
    """The place of one unit on the sheet, in inches from the lower left corner.

    Attributes
    ----------
    left, bottom, width, height : float
        Of the data.
    span : tuple of float
        Ends of the time axis.
    limits : Limits
        Ends of the vertical scale.
    """

    left: float
    bottom: float
    width: float
    height: float
    span: tuple[float, float]
    limits: Limits

    def x(self, days: Values) -> Values:
        """Return positions in time as inches."""
        return self.left + self.width * (days - self.span[0]) / (self.span[1] - self.span[0])

    def y(self, values: Values) -> Values:
        """Return values as inches; what lies beyond the scale is missing."""
        size = self.limits.high - self.limits.low
        found = self.bottom + self.height * (values - self.limits.low) / size
        slack = 1e-9 * self.height
        beyond = (found < self.bottom - slack) | (found > self.bottom + self.height + slack)
        return np.where(beyond, np.nan, found)

    def edge(self, values: Values) -> Values:
        """Return values as inches, cut off by the ends of the scale."""
        return self.y(np.clip(values, self.limits.low, self.limits.high))


def draw_cells(
    axes: Axes, units: Sequence[pd.DataFrame], cells: Sequence[Cell], ticks: Sequence[float]
) -> None:
    """Draw what is in the cells, each kind of stroke at once.

    Parameters
    ----------
    axes : Axes
        Whose unit is the inch.
    units : sequence of DataFrame
        Rows of ``small_multiples_data``, those of one unit each.
    cells : sequence of Cell
        Their places.
    ticks : sequence of float
        Of the vertical scale.
    """
    strokes: dict[str, list[Values]] = {name: [] for name, _ in _STROKES}
    bands: list[Values] = []
    points: dict[bool, list[Values]] = {True: [], False: []}
    for part, cell in zip(units, cells, strict=True):
        right = cell.left + cell.width
        x = cell.x(day_numbers([str(date) for date in part["date"]]))
        value, fit, line, low, high = (part[name].to_numpy(dtype=np.float64) for name in ("value", *LINES))
        for height in cell.y(np.array(ticks)):
            strokes["grid"].append(np.array([[cell.left, height], [right, height]]))
        strokes["base"].append(np.array([[cell.left, cell.bottom], [right, cell.bottom]]))
        segment = part["segment"].to_numpy()
        affected = np.flatnonzero(segment != BEFORE)
        if affected.size:
            at = before_each(x)[affected[0]]
            strokes["start"].append(np.array([[at, cell.bottom], [at, cell.bottom + cell.height]]))
        for name in (BEFORE, AFTER):
            strokes["fit"].append(_known(x, cell.y(np.where(segment == name, fit, np.nan))))
        strokes["counterfactual"].append(_known(x, cell.y(line)))
        shown = ~np.isnan(low) & ~np.isnan(high)
        if shown.any():
            above = np.column_stack([x[shown], cell.edge(high[shown])])
            below = np.column_stack([x[shown], cell.edge(low[shown])])
            bands.append(np.vstack([above, below[::-1]]))
        used = part["used"].to_numpy(dtype=bool)
        for kind, places in points.items():
            places.append(np.column_stack([x, cell.y(value)])[used == kind])
    size = 3.4 if len(units) <= 4 else 2.6
    axes.add_collection(PolyCollection(bands, facecolor=BAND, edgecolor="none", zorder=0.4, gid="band"))
    for name, style in _STROKES:
        axes.add_collection(LineCollection(strokes[name], gid=name, **style))
    for kind, face, edge, gid in ((True, UNIT, UNIT, "used"), (False, "white", QUIET, "not-used")):
        x, y = np.vstack(points[kind]).T
        axes.plot(
            x,
            y,
            linestyle="none",
            marker="o",
            markersize=size,
            markerfacecolor=face,
            markeredgecolor=edge,
            markeredgewidth=0.0 if kind else 0.8,
            alpha=0.75 if kind else 1.0,
            zorder=2,
            gid=gid,
        )


def _known(x: Values, y: Values) -> Values:
    """Return the points of a line that there are."""
    found = np.column_stack([x, y])
    kept: Values = found[~np.isnan(y)]
    return kept
