"""Is it unusual for a unit? Its effect among those estimated for units without an intervention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.placebo_data import placebo_units_data
from its_eval.report.figures.scales import Limits
from its_eval.report.figures.sheet import Across, Panel, draw_sheet
from its_eval.report.figures.style import INK, NARROW, QUIET, SHADE, SHADE_ALPHA, UNIT, house_style
from its_eval.report.figures.time_marks import Mark
from its_eval.report.figures.words import placebo_sentences, t_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from its_eval.report.figures.labels import FigureLabels

    Values = NDArray[np.float64]

__all__ = ["draw_placebo_units", "placebo_units_data"]

#: Diameters of a dot that are tried, and the greatest height of all dots, in inches.
_DIAMETERS = (0.15, 0.11, 0.08, 0.06, 0.04)
_TALLEST = 3.0
#: Room for the unit's own mark beneath the dots, and for margins, in inches.
_LANE, _EDGES = 0.32, 0.9
_ARROWS = {-1: "<", 1: ">"}


def draw_placebo_units(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the placebo distribution, a dot per unit, with the unit itself marked.

    Parameters
    ----------
    frame : DataFrame
        As ``placebo_units_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.

    Notes
    -----
    After the dot plot of Wilkinson (1999): dots of one bin are stacked. A placebo far beyond all others
    is drawn at the edge of the scale as an arrowhead.
    """
    own = float(frame.loc[frame["treated"], "statistic"].iloc[0])
    others = frame[~frame["treated"] & frame["statistic"].notna()]
    limits = _reach(own, others["statistic"].to_numpy(dtype=np.float64))
    values = np.clip(others["statistic"].to_numpy(dtype=np.float64), limits.low, limits.high)
    beyond = np.sign(others["statistic"].to_numpy(dtype=np.float64) - values).astype(int)
    width = NARROW - _EDGES
    x, level, diameter = _stack(values, limits, width)
    height = _LANE + max(diameter * (level.max(initial=0) + 1.5), 0.9)
    extreme = others["as_extreme"].to_numpy(dtype=bool)

    def draw(axes: Axes) -> None:
        if np.isfinite(own):
            ends = axes.get_xlim()
            for left, right in ((ends[0], -abs(own)), (abs(own), ends[1])):
                axes.axvspan(
                    left, right, color=SHADE, alpha=SHADE_ALPHA, linewidth=0.0, zorder=0.2, gid="tail"
                )
        axes.axvline(0.0, color=QUIET, linewidth=1.0, zorder=0.8)
        y = _LANE + diameter * (level + 0.5)
        size = 72.0 * diameter * 0.82
        for side in (-1, 0, 1):
            for chosen, face, gid in ((extreme, "white", "as-extreme"), (~extreme, QUIET, "placebo")):
                those = chosen & (beyond == side)
                if those.any():
                    axes.plot(
                        x[those],
                        y[those],
                        linestyle="none",
                        marker=_ARROWS.get(side, "o"),
                        markersize=size,
                        markerfacecolor=face,
                        markeredgecolor=INK if face == "white" else face,
                        markeredgewidth=min(1.3, size / 5.0),
                        clip_on=False,
                        zorder=3,
                        gid=gid,
                    )
        if not np.isnan(own):
            axes.plot(
                [min(max(own, limits.low), limits.high)],
                [_LANE / 2.0],
                color=UNIT,
                marker="D",
                markersize=10.0,
                clip_on=False,
                zorder=5,
                gid="unit",
            )

    place = min(max(own, limits.low), limits.high) if not np.isnan(own) else 0.0
    marks = [Mark(f"{labels.unit_name}, {t_text(own)}", place, place, "interruption")]
    what = labels.estimand_in_words
    heading = f"{what[:1].upper()}{what[1:]}, in standard errors (t)"
    with house_style():
        return draw_sheet(
            [Panel(heading, Limits(0.0, height), height, draw, (), ())],
            (limits.low, limits.high),
            marks,
            ["Each dot is a unit without the intervention.", *placebo_sentences(frame)],
            across=Across(lines=True),
            total_width=NARROW,
            margin=_EDGES - 0.24,
        )


def _reach(own: float, values: Values) -> Limits:
    """Return a scale with the unit, and all placebos but those far beyond the others."""
    known = np.abs(values[np.isfinite(values)])
    most = 1.5 * float(np.quantile(known, 0.95)) if known.size else 1.0
    size = max(float(known[known <= most].max(initial=1.0)), abs(own) if np.isfinite(own) else 0.0)
    return Limits(-1.08 * size, 1.08 * size)


def _stack(values: Values, limits: Limits, width: float) -> tuple[Values, NDArray[np.int_], float]:
    """Return positions of dots, their places in their stacks, and their diameter in inches."""
    for diameter in _DIAMETERS:
        step = diameter * (limits.high - limits.low) / width
        bins = np.round(values / step).astype(int)
        level = np.zeros(len(values), dtype=int)
        for found in np.unique(bins):
            members = bins == found
            level[members] = np.arange(members.sum())
        if diameter * (level.max(initial=0) + 1) <= _TALLEST:
            break
    return bins * step, level, diameter
