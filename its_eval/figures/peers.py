"""Figures about peers: their series, their distances, and how alike they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.figures.labels import CONTROLLED, name_of
from its_eval.figures.main_its import BEFORE, COPIED, GAP, PEER_COLUMN, TREND, main_its_data
from its_eval.figures.rows import stack_rows
from its_eval.figures.scales import Across, EndLabel, Limits, Panel, day_numbers, reach
from its_eval.figures.sheet import draw_sheet, last_known, start_marks
from its_eval.figures.style import INK, NARROW, PEER, PEER_MEAN, QUIET, UNIT, house_style
from its_eval.words.numbers import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation
    from its_eval.figures.labels import FigureLabels


_NOT_SHOWN = {*COPIED, *TREND, *GAP} - {"unit_value", "peer_mean"}


def against_peers_data(evaluation: Evaluation, outcome: str, unit: str) -> pd.DataFrame:
    """Return the values of a unit and of its peers, one row per period.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, unit : str
        Which unit of it.

    Returns
    -------
    DataFrame
        ``period``, ``date``, ``segment``, ``unit_value``, ``peer_mean``, and ``peer_<code>`` for each peer
        whose values are on the same scale.

    Raises
    ------
    KeyError
        When no controlled design has a series of this unit.
    """
    design = controlled_design(evaluation, outcome, unit)
    if not design:
        raise KeyError(f"the table `series` has no peers of {outcome}, {unit}")
    frame = main_its_data(evaluation, outcome, unit, design)
    peers = {name for name in frame.columns if name.startswith(PEER_COLUMN) and name not in COPIED}
    return frame[[name for name in frame.columns if name in peers or name not in _NOT_SHOWN]]


def controlled_design(evaluation: Evaluation, outcome: str, unit: str) -> str:
    """Return the first controlled design with a series of a unit beside its peers; blank for none."""
    rows = evaluation.rows_of("series", outcome, unit)
    designs = set(rows.loc[rows["peer_mean"].notna(), "design"])
    return next((design for design in CONTROLLED if design in designs), "")


def peer_distances_data(evaluation: Evaluation, outcome: str, unit: str) -> pd.DataFrame:
    """Return the peers of a unit and the candidates set aside on the way to the last of them.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, unit : str
        Which unit of it.

    Returns
    -------
    DataFrame
        ``candidate``, ``name``, ``distance``, ``pool_rank`` (missing where not known), ``peer``,
        ``reason`` (why it was set aside), nearest first, peers without a distance last.
    """
    peers = evaluation.rows_of("peers", outcome, unit)
    aside = evaluation.rows_of("peer_exclusions", outcome, unit)
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


def balance_data(evaluation: Evaluation, outcome: str, unit: str) -> pd.DataFrame:
    """Return how far a unit lies from its peers and from the whole pool in each characteristic.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, unit : str
        Which unit of it.

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
    rows = evaluation.rows_of("balance", outcome, unit)
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


_MARGIN_BALANCE = 0.5


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
            margin=_MARGIN_BALANCE,
        )


_HEIGHT, _MARGIN_AGAINST_PEERS = 3.6, 2.0


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
    names = [name for name in frame.columns if name.startswith(PEER_COLUMN) and name != "peer_mean"]
    peers = frame[names].to_numpy(dtype=np.float64)
    bounds = (0.0, 100.0) if labels.kind == "percentage" and _within(unit, mean, peers) else None
    limits = reach([unit, mean, peers], bounds=bounds, from_zero=True)

    def draw(axes: Axes) -> None:
        for column in range(peers.shape[1] if len(names) > 1 else 0):
            axes.plot(x, peers[:, column], color=PEER, linewidth=0.9, zorder=1, gid="peer")
        axes.plot(x, mean, color=PEER_MEAN, linewidth=2.2, zorder=2, gid="peer-mean")
        axes.plot(x, unit, color=UNIT, linewidth=2.6, marker="o", markersize=3.5, zorder=3, gid="unit")

    average = "geometric mean" if labels.log else "mean"
    whose = f"{average} of {counted(len(names), 'peer') if names else 'the peers'}"
    if len(names) == 1:
        whose = f"{names[0].removeprefix(PEER_COLUMN)}, the only peer"
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
            margin=_MARGIN_AGAINST_PEERS,
        )


def _within(*values: np.ndarray) -> bool:
    """Return whether everything lies between 0 and 100."""
    joined = np.concatenate([part.ravel() for part in values])
    known = joined[~np.isnan(joined)]
    return bool(((known >= 0.0) & (known <= 100.0)).all())
