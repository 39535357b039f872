"""The strokes of the main figure: points, fitted lines, the counterfactual with its band, peers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.main_its_data import AFTER, BEFORE, COPIED, GAP, PEER, TREND
from its_eval.report.figures.scales import day_numbers
from its_eval.report.figures.style import BAND, COUNTERFACTUAL, DASHES, PEER_MEAN, QUIET, UNIT
from its_eval.report.figures.style import PEER as PEER_COLOUR

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from its_eval.report.figures.main_its_labels import MainItsLabels

    Values = NDArray[np.float64]

_NOT_PEERS = {"period", "date", "segment", *COPIED, *TREND, *GAP}
#: Diameter of a point, in points, for up to so many periods.
_POINT_SIZES = ((100, 5.5), (200, 4.5), (400, 3.5))


class Series:
    """Numbers and words of one series, ready to be drawn.

    Parameters
    ----------
    frame : DataFrame
        As ``main_its_data`` returns it.
    labels : MainItsLabels
        Words.
    """

    def __init__(self, frame: pd.DataFrame, labels: MainItsLabels) -> None:
        self.frame, self.labels = frame, labels
        self.x = day_numbers([str(date) for date in frame["date"]])
        self.periods = [str(period) for period in frame["period"]]

    def __getitem__(self, column: str) -> Values:
        """Return a column as numbers."""
        return self.frame[column].to_numpy(dtype=np.float64)

    @cached_property
    def used(self) -> NDArray[np.bool_]:
        """Periods that entered the fit."""
        return self.frame["used"].to_numpy(dtype=bool)

    @cached_property
    def peers(self) -> Values:
        """Values of single peers, one column each."""
        names = [name for name in self.frame.columns if name.startswith(PEER) and name not in _NOT_PEERS]
        return self.frame[names].to_numpy(dtype=np.float64)

    @cached_property
    def seasonal(self) -> bool:
        """Whether the fit has a season."""
        away = np.abs(self["season"] - (1.0 if self.labels.log else 0.0))
        return bool(np.nanmax(away, initial=0.0) > 1e-9)

    def segment(self, name: str) -> NDArray[np.bool_]:
        """Return the periods of a segment."""
        return (self.frame["segment"] == name).to_numpy(dtype=bool)


def draw_points(axes: Axes, series: Series, values: Values) -> None:
    """Draw observations, unjoined; those that were not used are hollow."""
    n = len(series.x)
    size = next((size for most, size in _POINT_SIZES if n <= most), 2.5)
    used = series.used
    axes.plot(
        series.x[used],
        values[used],
        linestyle="none",
        marker="o",
        markersize=size,
        markerfacecolor=UNIT,
        markeredgecolor="white",
        markeredgewidth=0.5,
        zorder=3,
        clip_on=False,
        gid="used",
    )
    hollow = ~used & ~np.isnan(values)
    if hollow.any():
        axes.plot(
            series.x[hollow],
            values[hollow],
            linestyle="none",
            marker="o",
            markersize=size,
            markerfacecolor="white",
            markeredgecolor=QUIET,
            markeredgewidth=1.2,
            zorder=3,
            clip_on=False,
            gid="not-used",
        )


def draw_fit(axes: Axes, series: Series, values: Values) -> None:
    """Draw the fit as a solid line before and another one after the interruption."""
    for name in (BEFORE, AFTER):
        part = series.segment(name)
        if not np.isnan(values[part]).all():
            axes.plot(series.x[part], values[part], color=UNIT, linewidth=3.2, zorder=4, gid=f"fit-{name}")


def draw_counterfactual(axes: Axes, series: Series, line: Values, low: Values, high: Values) -> None:
    """Draw what was expected without the interruption, dashed, with its interval cut off by the scale."""
    bottom, top = axes.get_ylim()
    shown = ~np.isnan(low)
    edges = (np.clip(low, bottom, top), np.clip(high, bottom, top))
    axes.fill_between(
        series.x, *edges, where=shown.tolist(), facecolor=BAND, edgecolor="none", zorder=0.3, gid="band"
    )
    for edge in (low, high):
        axes.plot(series.x, edge, color=COUNTERFACTUAL, linewidth=0.8, zorder=0.7)
    axes.plot(
        series.x, line, color=COUNTERFACTUAL, linewidth=2.6, linestyle=DASHES, zorder=5, gid="counterfactual"
    )


def draw_peers(axes: Axes, series: Series) -> None:
    """Draw single peers as thin lines and their mean as a bold one, less so where it is only background."""
    width = 2.4 if series.labels.controlled else 1.8
    peers = series.peers
    if peers.shape[1] > 1:
        for column in range(peers.shape[1]):
            axes.plot(series.x, peers[:, column], color=PEER_COLOUR, linewidth=0.9, zorder=1)
    mean = series["peer_mean"]
    if not np.isnan(mean).all():
        axes.plot(series.x, mean, color=PEER_MEAN, linewidth=width, zorder=2, gid="peer-mean")


def draw_reference(axes: Axes, value: float) -> None:
    """Draw a value that stands for no difference."""
    axes.axhline(value, color=QUIET, linewidth=1.0, zorder=0.8)
