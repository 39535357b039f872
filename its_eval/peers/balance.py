"""How alike units are: in characteristics, in type, and in the outcome before the start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.data.attributes import Characteristics
from its_eval.peers.distance import EVERY, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from its_eval.data.attributes import Units
    from its_eval.peers.distance import Scaled
    from its_eval.peers.select import PeerSet


class Contribution(Struct, frozen=True):
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


class Balance(Struct, frozen=True):
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
    peers = [peer for peer in peer_set.peers if peer in scaled.places]
    rows = scaled.rows(peers)
    differences = -scaled.differences(peer_set.unit, rows)
    differences[:, scaled.is_category] *= -1.0
    shares = _shares(scaled, peer_set.unit, rows)
    (own,) = _values(scaled, peer_set.unit, scaled.rows([peer_set.unit])).tolist()
    columns = list(zip(scaled.variables, scaled.weights.tolist(), own, strict=True))
    # lists, not arrays: a number at a time out of an array costs more than all else here
    of_peers = (_values(scaled, peer_set.unit, rows).tolist(), (differences + 0.0).tolist(), shares.tolist())
    for peer, *parts in zip(peers, *of_peers, strict=True):
        for (variable, weight, value), *numbers in zip(columns, *parts, strict=True):
            yield Contribution(peer, variable, weight, value, *numbers)


def largest_shares(peer_set: PeerSet, count: int) -> dict[str, list[tuple[str, float]]]:
    """Return the variables that add most to the distance of each peer with their shares, largest first."""
    scaled = peer_set.scaled
    if scaled is None:
        return {}
    peers = [peer for peer in peer_set.peers if peer in scaled.places]
    by_name = sorted(range(len(scaled.variables)), key=scaled.variables.__getitem__)
    names = [scaled.variables[place] for place in by_name]
    rows = scaled.rows(peers)
    shares = _shares(scaled, peer_set.unit, rows)[:, by_name]
    order = np.argsort(-shares, axis=1, kind="stable")[:, :count]
    largest = np.take_along_axis(shares, order, axis=1)
    return {
        peer: [(names[place], share) for place, share in zip(*pair, strict=True)]
        for peer, *pair in zip(peers, order.tolist(), largest.tolist(), strict=True)
    }


def _shares(scaled: Scaled, unit: str, rows: Rows) -> NDArray[np.float64]:
    """Return which share of its squared distance from a unit each variable adds, shape (rows, variables)."""
    squares = scaled.contributions(unit, rows)
    total = squares.sum(axis=1, keepdims=True)
    shares = np.zeros_like(squares)
    np.divide(squares, total, out=shares, where=total > 0)
    return shares


def balance(peer_set: PeerSet) -> Iterator[Balance]:
    """Yield the balance of every variable that counts in the distance."""
    scaled = peer_set.scaled
    if scaled is None:
        return
    own = scaled.row(peer_set.unit)
    rows = [scaled.row(peer) for peer in peer_set.peers if peer in scaled.places]
    pool = np.flatnonzero(np.arange(len(scaled.units)) != own)
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


def _values(scaled: Scaled, unit: str, rows: Rows = EVERY) -> NDArray[np.float64]:
    """Return the raw values, with 1 or 0 for a category that is or is not the unit's."""
    raw = scaled.raw[rows]
    if not scaled.categories:
        return raw
    differences = scaled.differences(unit, rows)
    alike = np.where(np.isnan(differences), np.nan, differences == 0.0)
    return np.asarray(np.where(scaled.is_category, alike, raw), dtype=np.float64)


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


#: Observations that a mean and a slope need.
LEAST_OBSERVED = 3


def pre_period_characteristics(values: NDArray[np.float64], units: tuple[str, ...]) -> Characteristics:
    """Return level and trend of the outcome before the start, to choose peers by.

    Matching on the outcome itself makes the series look parallel; where units were at a chance extreme it
    picks peers that go on to drift back (Daw & Hatfield 2018, *Health Services Research* 53:4138).

    Parameters
    ----------
    values : ndarray, shape (n0, units)
        The outcome before the start; NaN where missing.
    units : tuple of str
        Labels of the columns.

    Returns
    -------
    Characteristics
        ``pre-period mean`` and ``pre-period slope`` (least squares, per period); NaN for a unit with fewer
        than three observations.
    """
    means, slopes = _means_and_slopes(values)
    return Characteristics(units, ("pre-period mean", "pre-period slope"), np.column_stack([means, slopes]))


def outcome_balance(
    values: NDArray[np.float64], unit: int, peers: Sequence[int], pool: Sequence[int]
) -> list[Balance]:
    """Return how alike the outcome of a unit and of its peers was before the start.

    Three rows: ``pre-period mean``, ``pre-period slope`` (least squares, per period) and ``pre-period
    RMSPE``, the root mean squared difference from the mean of the peers (a peer's: from the other peers)
    after every series has been centred. A constant gap cancels in a comparison of changes and is shown by
    the means; the RMSPE is what the peers fail to follow (Abadie, Diamond & Hainmueller 2010, *JASA* 105:493,
    centred as in Ferman & Pinto 2021, *Quantitative Economics* 12:1197).

    Parameters
    ----------
    values : ndarray, shape (n0, units)
        The outcome before the start; NaN where missing.
    unit : int
        Column of the unit.
    peers, pool : sequence of int
        Columns of its peers and of every other unit.
    """
    means, slopes = _means_and_slopes(values)
    centred = values - means
    errors = _prediction_errors(centred, peers)
    measures = {"mean": means, "slope": slopes, "RMSPE": errors}
    return [
        compared(
            f"pre-period {name}",
            float(values_of_units[unit]),
            values_of_units[list(peers)],
            values_of_units[list(pool)],
        )
        for name, values_of_units in measures.items()
    ]


def _means_and_slopes(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and slope of each column over what is observed of it."""
    observed = ~np.isnan(values)
    counts = observed.sum(axis=0)
    enough = np.where(counts >= LEAST_OBSERVED, counts, np.nan)
    filled = np.where(observed, values, 0.0)
    times = np.where(observed, np.arange(len(values), dtype=np.float64)[:, None], 0.0)
    means = filled.sum(axis=0) / enough
    centred_times = np.where(observed, times - times.sum(axis=0) / enough, 0.0)
    with np.errstate(invalid="ignore"):
        slopes = (centred_times * filled).sum(axis=0) / (centred_times**2).sum(axis=0)
    return means, slopes


def _prediction_errors(centred: NDArray[np.float64], peers: Sequence[int]) -> NDArray[np.float64]:
    """Return the root mean squared gap of each centred series to the mean of the peers without itself."""
    errors = np.full(centred.shape[1], np.nan)
    outside = np.ones(centred.shape[1], dtype=np.bool_)
    outside[list(peers)] = False
    # a peer has others than everybody who is none
    groups = [(np.array([own]), [peer for peer in peers if peer != own]) for own in dict.fromkeys(peers)]
    for columns, others in (*groups, (np.flatnonzero(outside), list(peers))):
        known = ~np.isnan(centred[:, others])
        counts = known.sum(axis=1)
        series = centred[:, columns]
        comparable = (counts > 0)[:, None] & ~np.isnan(series)
        with np.errstate(invalid="ignore"):
            means = np.nansum(centred[:, others], axis=1) / np.where(counts > 0, counts, np.nan)
        _, first, which = np.unique(
            np.packbits(comparable, axis=0), axis=1, return_index=True, return_inverse=True
        )
        for place, pattern in enumerate(comparable.T[first]):
            alike = np.flatnonzero(which.ravel() == place)
            if pattern.any():
                gap = series[np.ix_(pattern, alike)] - means[pattern, None]
                # a series in a row: summed in the order of one alone
                errors[columns[alike]] = np.sqrt(np.mean(np.ascontiguousarray(gap.T) ** 2, axis=1))
    return errors
