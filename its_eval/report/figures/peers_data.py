"""The numbers of figures about peers: their series, their distances, and how alike they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.report.figures.labels import CONTROLLED, name_of
from its_eval.report.figures.main_its_data import COPIED, GAP, PEER, TREND, main_its_data

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation

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
    peers = {name for name in frame.columns if name.startswith(PEER) and name not in COPIED}
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
