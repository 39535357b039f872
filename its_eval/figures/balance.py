"""How alike a unit and its peers are, characteristic by characteristic: the love plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from its_eval.figures.kinds import FigureKind, figure_labels
from its_eval.figures.scales import Panel, reach, stack_rows
from its_eval.figures.sheet import draw_rows
from its_eval.figures.style import QUIET, UNIT, draw_dots
from its_eval.words.numbers import counted, rounded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels, FigureTask


def balance_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return how far a unit lies from its peers and from the whole pool in each characteristic.

    Returns
    -------
    DataFrame
        ``variable``, ``unit_value``, ``peer_mean``, ``pool_mean``, ``smd_peers``, ``smd_pool``: the unit
        minus the mean of the peers and of the pool, in standard deviations of the pool. The largest
        distance from the pool comes first.

    Notes
    -----
    The standard deviation follows from the columns of ``balance``; where the unit equals its peers'
    mean it cannot be had, and ``smd_pool`` is missing unless the table has that column itself.
    """
    rows = evaluation.rows_of("balance", task.outcome, task.unit)
    from_peers = (rows["unit_value"] - rows["peer_mean"]).to_numpy(dtype=np.float64)
    from_pool = (rows["unit_value"] - rows["pool_mean"]).to_numpy(dtype=np.float64)
    smd = rows["smd"].to_numpy(dtype=np.float64)
    known = (from_peers != 0.0) & (smd != 0.0)
    derived = np.where(known, smd * from_pool / np.where(known, from_peers, 1.0), np.nan)
    frame = rows[["variable", "unit_value", "peer_mean", "pool_mean"]].copy()
    frame["smd_peers"] = smd
    frame["smd_pool"] = rows["smd_pool"] if "smd_pool" in rows.columns else derived
    order = frame.assign(size=-frame["smd_pool"].abs())
    order = order.sort_values(["size", "variable"], kind="stable", na_position="last")
    return frame.loc[order.index].reset_index(drop=True)


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
            edge_width = 1.4 if face == "white" else 0.6
            look: dict[str, Any] = {"edge_width": edge_width, "marker": marker, "gid": gid}
            draw_dots(axes, values, rows.centres, size, face, edge, **look)

    heading = f"{labels.unit_name} compared with others, in standard deviations of the pool"
    panel = Panel(heading, rows.limits, rows.height, draw, (), rows.ticks)
    notes = [
        "Filled dots: the unit minus the mean of its peers.",
        "Hollow diamonds: the unit minus the mean of all others.",
        "The nearer a dot to zero, the more alike the peers.",
    ]
    if np.isnan(peers).any():
        notes.append("Where the unit's own value is missing there is no dot.")
    return draw_rows(panel, limits, notes, _MARGIN)


def balance_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: the greatest distances from peers and pool."""
    parts = []
    for column, whom in (("smd_peers", "its peers"), ("smd_pool", "the pool")):
        known = frame[frame[column].notna()]
        if not known.empty:
            row = known.iloc[int(known[column].abs().to_numpy().argmax())]
            parts.append(f"from {whom} by at most {rounded(abs(float(row[column])))} ({row['variable']})")
    number, differs = counted(len(frame), "characteristic"), " and ".join(parts)
    return f"{labels.unit_name} in {number}, in standard deviations of the pool: it differs {differs}."


BALANCE = FigureKind(
    name="balance",
    caption="How far the unit is from its peers and from all others, characteristic by characteristic",
    about=("unit",),
    rows=lambda evaluation, outcome: evaluation.rows_of("balance", outcome).dropna(subset="smd"),
    data=balance_data,
    labels=figure_labels,
    draw=draw_balance,
    alt_text=balance_text,
    section="peers",
)
