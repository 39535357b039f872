"""The love plot: how far a unit lies from its peers, and from the whole pool, in each characteristic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.peers_data import balance_data
from its_eval.report.figures.rows import stack_rows
from its_eval.report.figures.scales import reach
from its_eval.report.figures.sheet import Across, Panel, draw_sheet
from its_eval.report.figures.style import NARROW, QUIET, UNIT, house_style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.report.figures.labels import FigureLabels

__all__ = ["balance_data", "draw_balance"]

_MARGIN = 0.5


def draw_balance(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the love plot.

    Parameters
    ----------
    frame : DataFrame
        As ``balance_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.

    Notes
    -----
    Differences keep their sign, so that it can be seen what kind of unit it is.
    """
    rows = stack_rows([str(name) for name in frame["variable"]])
    peers, pool = (frame[name].to_numpy(dtype=np.float64) for name in ("smd_peers", "smd_pool"))
    limits = reach([peers, pool, np.zeros(1)])

    def draw(axes: Axes) -> None:
        axes.axvline(0.0, color=QUIET, linewidth=1.2, zorder=1)
        axes.hlines(rows.centres, peers, pool, color=QUIET, linewidth=1.0, zorder=2)
        for values, marker, size, face, edge, gid in (
            (pool, "D", 7.5, "white", QUIET, "pool"),
            (peers, "o", 8.5, UNIT, "white", "peers"),
        ):
            axes.plot(
                values,
                rows.centres,
                linestyle="none",
                marker=marker,
                markersize=size,
                markerfacecolor=face,
                markeredgecolor=edge,
                markeredgewidth=1.4 if face == "white" else 0.6,
                zorder=3,
                gid=gid,
            )

    heading = f"{labels.unit_name} compared with others, in standard deviations of the pool"
    panel = Panel(heading, rows.limits, rows.height, draw, (), rows.ticks)
    notes = [
        "Filled dots: the unit minus the mean of its peers.",
        "Hollow diamonds: the unit minus the mean of all others.",
        "The nearer a dot to zero, the more alike the peers.",
    ]
    if np.isnan(peers).any():
        notes.append("Where the unit's own value is missing there is no dot.")
    with house_style():
        return draw_sheet(
            [panel],
            (limits.low, limits.high),
            [],
            notes,
            across=Across(lines=True),
            total_width=NARROW,
            margin=_MARGIN,
        )
