"""A unit's own line among the lines of its peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.main_its_data import BEFORE, PEER
from its_eval.report.figures.peers_data import against_peers_data
from its_eval.report.figures.scales import day_numbers, reach
from its_eval.report.figures.sheet import EndLabel, Panel, draw_sheet
from its_eval.report.figures.style import NARROW, PEER_MEAN, UNIT, house_style
from its_eval.report.figures.style import PEER as PEER_COLOUR
from its_eval.report.figures.time_axis import last_known, start_marks
from its_eval.report.figures.words import counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.report.figures.labels import FigureLabels

__all__ = ["against_peers_data", "draw_against_peers"]

_HEIGHT, _MARGIN = 3.6, 2.0


def draw_against_peers(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the lines of a unit and of its peers.

    Parameters
    ----------
    frame : DataFrame
        As ``against_peers_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.
    """
    x = day_numbers([str(date) for date in frame["date"]])
    unit, mean = (frame[name].to_numpy(dtype=np.float64) for name in ("unit_value", "peer_mean"))
    names = [name for name in frame.columns if name.startswith(PEER) and name != "peer_mean"]
    peers = frame[names].to_numpy(dtype=np.float64)
    bounds = (0.0, 100.0) if labels.kind == "percentage" and _within(unit, mean, peers) else None
    limits = reach([unit, mean, peers], bounds=bounds, from_zero=True)

    def draw(axes: Axes) -> None:
        for column in range(peers.shape[1] if len(names) > 1 else 0):
            axes.plot(x, peers[:, column], color=PEER_COLOUR, linewidth=0.9, zorder=1, gid="peer")
        axes.plot(x, mean, color=PEER_MEAN, linewidth=2.2, zorder=2, gid="peer-mean")
        axes.plot(x, unit, color=UNIT, linewidth=2.6, marker="o", markersize=3.5, zorder=3, gid="unit")

    average = "geometric mean" if labels.log else "mean"
    whose = f"{average} of {counted(len(names), 'peer') if names else 'the peers'}"
    if len(names) == 1:
        whose = f"{names[0].removeprefix(PEER)}, the only peer"
    ends = (
        EndLabel(labels.unit_name, last_known(unit), UNIT, bold=True),
        EndLabel(whose, last_known(mean), PEER_MEAN),
    )
    heading = f"{labels.outcome}, {labels.measure}" if labels.measure else labels.outcome
    notes = ["Thin lines are single peers."] if len(names) > 1 else []
    if limits.low > 0.0:
        notes.append("The scale does not start at zero.")
    start = int(np.flatnonzero(frame["segment"] != BEFORE)[0])
    marks = start_marks(labels, x, [str(period) for period in frame["period"]], start)
    with house_style():
        return draw_sheet(
            [Panel(heading, limits, _HEIGHT, draw, ends)],
            (float(x[0]), float(x[-1])),
            marks,
            notes,
            total_width=NARROW,
            margin=_MARGIN,
        )


def _within(*values: np.ndarray) -> bool:
    """Return whether everything lies between 0 and 100."""
    joined = np.concatenate([part.ravel() for part in values])
    known = joined[~np.isnan(joined)]
    return bool(((known >= 0.0) & (known <= 100.0)).all())
