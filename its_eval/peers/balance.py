"""How alike a unit and its peers are, variable by variable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from its_eval.peers.select import PeerSet


@dataclass(frozen=True)
class Contribution:
    """What one variable adds to one distance.

    Attributes
    ----------
    peer, variable : str
        Which pair with the unit, which column.
    weight, unit_value, peer_value : float
        As used.
    scaled_difference : float
        ``(x_i - x_j) / s``, unit minus peer.
    share : float
        Share of the squared distance; the shares of a pair sum to 1.
    """

    peer: str
    variable: str
    weight: float
    unit_value: float
    peer_value: float
    scaled_difference: float
    share: float


@dataclass(frozen=True)
class Balance:
    """A variable of the unit beside its peers and the whole pool.

    Attributes
    ----------
    variable : str
        Column.
    unit_value, peer_mean, pool_mean : float
        The pool is every other unit of the table.
    smd : float
        Standardised mean difference: unit minus peer mean, over the standard deviation of the pool.
    """

    variable: str
    unit_value: float
    peer_mean: float
    pool_mean: float
    smd: float


def contributions(peer_set: PeerSet) -> Iterator[Contribution]:
    """Yield what each variable adds to the distance of each peer, peers in order of rank."""
    scaled = peer_set.scaled
    if scaled is None:
        return
    squares = scaled.contributions(peer_set.unit)
    own = scaled.row(peer_set.unit)
    for peer in peer_set.peers:
        if peer not in scaled.units:
            continue
        row = scaled.row(peer)
        total = squares[row].sum()
        for column, variable in enumerate(scaled.variables):
            yield Contribution(
                peer,
                variable,
                float(scaled.weights[column]),
                float(scaled.raw[own, column]),
                float(scaled.raw[row, column]),
                float(scaled.scaled[own, column] - scaled.scaled[row, column]),
                float(squares[row, column] / total) if total > 0 else 0.0,
            )


def balance(peer_set: PeerSet) -> Iterator[Balance]:
    """Yield the balance of every variable that counts in the distance."""
    scaled = peer_set.scaled
    if scaled is None:
        return
    own = scaled.row(peer_set.unit)
    rows = [scaled.row(peer) for peer in peer_set.peers if peer in scaled.units]
    pool = [row for row in range(len(scaled.units)) if row != own]
    for column, variable in enumerate(scaled.variables):
        values = scaled.raw[:, column]
        known_pool = values[pool][~np.isnan(values[pool])]
        known_peers = values[rows][~np.isnan(values[rows])]
        peer_mean = float(known_peers.mean()) if len(known_peers) else float("nan")
        spread = float(known_pool.std(ddof=1)) if len(known_pool) > 1 else float("nan")
        smd = (float(values[own]) - peer_mean) / spread if spread > 0 else float("nan")
        yield Balance(variable, float(values[own]), peer_mean, float(known_pool.mean()), smd)
