"""How near the peers of a unit are, and which nearer candidates were set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.figures.kinds import FigureKind, figure_labels, name_of
from its_eval.figures.scales import EndLabel, Limits, Panel, stack_rows
from its_eval.figures.sheet import draw_rows
from its_eval.figures.style import INK, PEER, PEER_MEAN, QUIET, draw_dots
from its_eval.words.numbers import counted, rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels, FigureTask


def peer_distances_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the peers of a unit and the candidates set aside on the way to the last of them.

    Returns
    -------
    DataFrame
        ``candidate``, ``name``, ``distance``, ``pool_rank`` (missing where not known), ``peer``,
        ``reason`` (why it was set aside), nearest first, peers without a distance last.
    """
    peers = evaluation.rows_of("peers", task.outcome, task.unit)
    aside = evaluation.rows_of("peer_exclusions", task.outcome, task.unit)
    farthest = peers["distance"].max()
    aside = aside[aside["distance"] <= farthest]
    rows = [
        {"candidate": row.peer, "distance": row.distance, "pool_rank": row.pool_rank}
        | {"peer": True, "reason": ""}
        for row in peers.itertuples()
    ]
    free = _free_ranks(peers["pool_rank"], len(aside))
    nearest_first = aside.sort_values(["distance", "candidate"], kind="stable").itertuples()
    rows += [
        {"candidate": row.candidate, "distance": row.distance, "pool_rank": rank}
        | {"peer": False, "reason": row.reason}
        for row, rank in zip(nearest_first, free, strict=True)
    ]
    columns = ["candidate", "name", "distance", "pool_rank", "peer", "reason"]
    frame = pd.DataFrame.from_records(rows, columns=columns)
    frame["name"] = [name_of(evaluation, str(code)) for code in frame["candidate"]]
    frame["pool_rank"] = frame["pool_rank"].astype("Int64")
    return frame.sort_values(["distance", "candidate"], kind="stable", na_position="last").reset_index(
        drop=True
    )


def _free_ranks(taken: pd.Series, count: int) -> list[int | None]:
    """Return the ranks of the pool that peers leave free, provided that just these are set aside."""
    known = {int(rank) for rank in taken.dropna()}
    free = sorted(set(range(1, max(known, default=0) + 1)) - known)
    return list(free) if len(free) == count else [None] * count


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
                at, centres = distance[chosen], rows.centres[chosen]
                draw_dots(axes, at, centres, 8.0, face, edge, edge_width=1.4, clip=False, gid=gid)

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
    return draw_rows(panel, limits, notes, _MARGIN)


def _value(row: dict[object, object]) -> str:
    """Return the rank, and for a candidate set aside the reason."""
    rank = row["pool_rank"]
    number = "" if rank is None or rank != rank else f"{rank}"  # noqa: PLR0124  (missing)
    return ": ".join(part for part in (number, str(row["reason"])) if part)


def peer_distances_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: the nearest and the farthest peer."""
    peers = frame[frame["peer"] & frame["distance"].notna()]
    aside = int((~frame["peer"]).sum())
    passed = f" {counted(aside, 'nearer candidate').capitalize()} cannot be peers." if aside else ""
    return (
        f"Peers of {labels.unit_name} by distance: {counted(len(peers), 'peer')} from "
        f"{rounded(float(peers['distance'].min()))} ({peers['name'].iloc[0]}) to "
        f"{rounded(float(peers['distance'].max()))} ({peers['name'].iloc[-1]}).{passed}"
    )


PEER_DISTANCES = FigureKind(
    name="peer_distances",
    caption="How near the peers are",
    about=("unit",),
    rows=lambda evaluation, outcome: evaluation.rows_of("peers", outcome).dropna(subset="distance"),
    data=peer_distances_data,
    labels=figure_labels,
    draw=draw_peer_distances,
    alt_text=peer_distances_text,
    section="peers",
)
