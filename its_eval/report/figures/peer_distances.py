"""Distances of peers as ranked dots, with the candidates that were set aside among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.peers_data import peer_distances_data
from its_eval.report.figures.rows import stack_rows
from its_eval.report.figures.scales import Limits
from its_eval.report.figures.sheet import Across, EndLabel, Panel, draw_sheet
from its_eval.report.figures.style import INK, NARROW, PEER, PEER_MEAN, QUIET, house_style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.report.figures.labels import FigureLabels

__all__ = ["draw_peer_distances", "peer_distances_data"]

_MARGIN = 1.9
#: So many rows are drawn; the rest is in the table of the figure.
MOST_ROWS = 40


def draw_peer_distances(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the ranked dot plot of distances.

    Parameters
    ----------
    frame : DataFrame
        As ``peer_distances_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.
    """
    shown = frame[frame["distance"].notna()].head(MOST_ROWS)
    peer = shown["peer"].to_numpy(dtype=bool)
    distance = shown["distance"].to_numpy(dtype=np.float64)
    values = [_value(row) for row in shown.to_dict("records")]
    codes = [str(code) for code in shown["candidate"]]
    rows = stack_rows([str(name) for name in shown["name"]], values, _MARGIN - 0.32, codes=codes)

    def draw(axes: Axes) -> None:
        axes.hlines(rows.centres, 0.0, distance, color=PEER, linewidth=1.2, zorder=1)
        for chosen, face, edge, gid in (
            (peer, PEER_MEAN, PEER_MEAN, "peer"),
            (~peer, "white", QUIET, "aside"),
        ):
            if chosen.any():
                axes.plot(
                    distance[chosen],
                    rows.centres[chosen],
                    linestyle="none",
                    marker="o",
                    markersize=8.0,
                    markerfacecolor=face,
                    markeredgecolor=edge,
                    markeredgewidth=1.4,
                    zorder=3,
                    clip_on=False,
                    gid=gid,
                )

    ends = tuple(
        EndLabel(text, float(centre), INK if own else QUIET, tied=False)
        for text, centre, own in zip(values, rows.centres, peer, strict=True)
    )
    heading = f"Distance from {labels.unit_name} in characteristics, and rank in the pool"
    panel = Panel(heading, rows.limits, rows.height, draw, ends, rows.ticks)
    notes = ["Filled points are the peers."]
    if not peer.all():
        notes.append("Hollow points are nearer candidates that cannot be peers, with the reason.")
    left_out = len(frame) - len(shown)
    if left_out:
        notes.append(f"{left_out:,} more are in the table of this figure.")
    limits = Limits(0.0, 1.06 * float(distance.max()) or 1.0)
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


def _value(row: dict[object, object]) -> str:
    """Return the rank, and for a candidate set aside the reason."""
    rank = row["pool_rank"]
    number = "" if rank is None or rank != rank else f"{rank}"  # noqa: PLR0124  (missing)
    return ": ".join(part for part in (number, str(row["reason"])) if part)
