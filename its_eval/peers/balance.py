"""How alike a unit and its peers are, variable by variable and in type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.data.attributes import Units
    from its_eval.peers.distance import Scaled
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
        Column; of a category ``column = text`` of the unit, with 1 for the unit and shares of the others.
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
    place = {unit: row for row, unit in enumerate(scaled.units)}
    peers = [peer for peer in peer_set.peers if peer in place]
    rows = [place[peer] for peer in peers]
    values = _values(scaled, peer_set.unit)
    differences = -scaled.differences(peer_set.unit)[rows]
    differences[:, scaled.is_category] *= -1.0
    squares = scaled.contributions(peer_set.unit)[rows]
    total = squares.sum(axis=1, keepdims=True)
    shares = np.divide(squares, total, out=np.zeros_like(squares), where=total > 0)
    own = values[place[peer_set.unit]].tolist()
    columns = list(zip(scaled.variables, scaled.weights.tolist(), own, strict=True))
    # lists, not arrays: a number at a time out of an array costs more than all else here
    of_peers = (values[rows].tolist(), (differences + 0.0).tolist(), shares.tolist())
    for peer, *parts in zip(peers, *of_peers, strict=True):
        for (variable, weight, value), *numbers in zip(columns, *parts, strict=True):
            yield Contribution(peer, variable, weight, value, *numbers)


def balance(peer_set: PeerSet) -> Iterator[Balance]:
    """Yield the balance of every variable that counts in the distance."""
    scaled = peer_set.scaled
    if scaled is None:
        return
    own = scaled.row(peer_set.unit)
    rows = [scaled.row(peer) for peer in peer_set.peers if peer in scaled.units]
    pool = [row for row in range(len(scaled.units)) if row != own]
    for variable, values in zip(scaled.variables, _values(scaled, peer_set.unit).T, strict=True):
        value = f"{variable} = {scaled.cell(peer_set.unit, variable)}"
        yield compared(
            value if variable in scaled.categories else variable,
            float(values[own]),
            values[rows],
            values[pool],
        )


def compared(variable: str, own: float, peers: NDArray[np.float64], pool: NDArray[np.float64]) -> Balance:
    """Return one row from the value of the unit and those of peers and pool, NaN where not known."""
    known_pool, known_peers = pool[~np.isnan(pool)], peers[~np.isnan(peers)]
    peer_mean = float(known_peers.mean()) if len(known_peers) else float("nan")
    pool_mean = float(known_pool.mean()) if len(known_pool) else float("nan")
    spread = float(known_pool.std(ddof=1)) if len(known_pool) > 1 else float("nan")
    smd = (own - peer_mean) / spread if spread > 0 else float("nan")
    return Balance(variable, own, peer_mean, pool_mean, smd)


def _values(scaled: Scaled, unit: str) -> NDArray[np.float64]:
    """Return the raw values, with 1 or 0 for a category that is or is not the unit's."""
    if not scaled.categories:
        return scaled.raw
    alike = np.where(np.isnan(scaled.differences(unit)), np.nan, scaled.differences(unit) == 0.0)
    return np.asarray(np.where(scaled.is_category, alike, scaled.raw), dtype=np.float64)


def type_notes(label: str, chosen: PeerSet, units: Units) -> list[str]:
    """Return a note when peers are of another type than the unit, which characteristics alone do not prevent.

    Parameters
    ----------
    label : str
        How the sentence begins.
    chosen : PeerSet
        Peers of the unit.
    units : Units
        Where the types are, in the column ``type``; blank where not known.
    """
    types = units.column("type") or {}
    own = types.get(chosen.unit, "")
    others = [types[peer] for peer in chosen.peers if types.get(peer) and types[peer] != own]
    if not own or not others:
        return []
    counts = sorted(Counter(others).items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{count} {kind}" for kind, count in counts)
    share = f"{len(others)} of the {len(chosen.peers)} peers are of another type than {own} ({named})"
    return [f"{label}: {share}; `within` keeps to one type."]
