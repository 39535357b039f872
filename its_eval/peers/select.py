"""Choosing peers by distance, and who is set aside and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.peers.pool import Group, Pool, kind_of
from its_eval.peers.search import Neighbours, tie_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.calendar import Calendar
    from its_eval.data.panel import Panel
    from its_eval.data.successors import Lifetimes
    from its_eval.peers.distance import Scaled


class Exclusion(Struct, frozen=True):
    """A candidate that was set aside.

    Attributes
    ----------
    candidate : str
        Its code.
    distance : float
        NaN when it cannot be compared.
    reason : str
        In words.
    """

    candidate: str
    distance: float
    reason: str


class PeerSet(Struct, frozen=True):
    """The peers of one unit.

    Attributes
    ----------
    unit : str
        The treated unit.
    peers : tuple of str
        Nearest first.
    distances : ndarray, shape (peers,)
        NaN for given peers without characteristics.
    pool_ranks : ndarray of int, shape (peers,)
        Rank among all candidates before exclusions, 1 for the nearest; 0 when not known.
    nearest_kept : int
        How many of the k nearest candidates are among the peers.
    scaled : Scaled or None
        What the distances were made of.
    pool : Pool
        Who may serve.
    given_aside : tuple of Exclusion, or None
        Of given peers those that cannot serve; None for a search.
    beyond : tuple of int, or None
        Rows beyond the caliper that would be peers but for it; None where all within it are peers.
    caliper : float or None
        Largest distance of a peer.
    """

    unit: str
    peers: tuple[str, ...]
    distances: NDArray[np.float64]
    pool_ranks: NDArray[np.int64]
    nearest_kept: int
    scaled: Scaled | None
    pool: Pool
    given_aside: tuple[Exclusion, ...] | None = None
    beyond: tuple[int, ...] | None = ()
    caliper: float | None = None

    def set_aside(self) -> tuple[tuple[Exclusion, ...], dict[str, int]]:
        """Return who is set aside: one by one on the way to the last peer, and how many others.

        Worked out anew each time: they may be nearly the whole table.

        Returns
        -------
        exclusions : tuple of Exclusion
            Candidates nearer than the last peer, nearest first; behind them whoever would be a peer but for
            the caliper. Given peers that cannot serve.
        others : dict of str to int
            How many others for each kind of reason, the commonest first.
        """
        if self.given_aside is not None or self.scaled is None:
            return self.given_aside or (), {}
        scaled, own = self.scaled, self.scaled.row(self.unit)
        distances = scaled.distances(self.unit)
        free = self.pool.eligible(self.pool.group(self.unit), scaled.units).copy()
        free[own] = False
        passed, beyond = self._passed_over(scaled, distances, free), list(self.beyond or ())
        codes = [scaled.units[row] for row in (*passed, *beyond)]
        rows = np.array([*passed, *beyond], dtype=np.intp)
        measured = scaled.between(np.full_like(rows, own), rows).tolist()
        against = self.pool.reasons_against(self.unit, codes[: len(passed)])
        reasons = [against[code] for code in codes[: len(passed)]]
        reasons += [
            f"{_TOO_FAR}: {distance:.4g} is more than {self.caliper:.4g}"
            for distance in measured[len(passed) :]
        ]
        counts = self.pool.counts_against(self.unit, scaled.units)
        counts.subtract(map(kind_of, against.values()))
        counts[scaled.incomparable] += int((free & np.isnan(distances)).sum())
        if self.beyond is None and self.caliper is not None:
            counts[_TOO_FAR] += int((free & (distances > self.caliper)).sum())
        every = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        named = tuple(map(Exclusion, codes, measured, reasons))
        return named, {reason: count for reason, count in every if count}

    def _passed_over(
        self, scaled: Scaled, distances: NDArray[np.float64], free: NDArray[np.bool_]
    ) -> list[int]:
        """Return the rows of barred candidates before the last peer, in order."""
        if not self.peers or self.pool_ranks[-1] == len(self.peers):
            return []
        last = float(self.distances[-1])
        near = distances <= last * (1.0 + 1e-11)
        near &= ~free
        near[scaled.row(self.unit)] = False
        rows = np.flatnonzero(near)
        end = (float(f"{last:.12g}"), self.peers[-1])
        keys = tie_keys(distances[rows]).tolist()
        keyed = sorted((key, scaled.units[row], row) for key, row in zip(keys, rows.tolist(), strict=True))
        return [row for key, code, row in keyed if (key, code) < end]


#: Why a candidate is set aside that is not barred.
_TOO_FAR = "farther than the caliper"


def select_peers(
    unit: str,
    scaled: Scaled,
    k: int | None,
    ineligible: Mapping[str, str],
    caliper: float | None = None,
) -> PeerSet:
    """Take the k nearest eligible candidates of one unit, ties by code.

    Parameters
    ----------
    unit : str
        For whom; has to be a row of `scaled`.
    scaled : Scaled
        Standardised characteristics of all units.
    k : int or None
        How many; None for every eligible candidate.
    ineligible : mapping of str to str
        Candidates set aside and why.
    caliper : float, optional
        Largest distance of a peer. Those that would be peers but for it are set aside.

    Notes
    -----
    Distances equal to twelve digits count as a tie: they differ by rounding alone.

    Examples
    --------
    >>> from its_eval.data.attributes import Characteristics
    >>> from its_eval.peers.recipes import DistanceRecipe
    >>> from its_eval.peers.scaling import scale_characteristics
    >>> beds = np.array([[500.0], [520.0], [900.0], [480.0]])
    >>> table = Characteristics(("P", "Q", "R", "S"), ("beds",), beds)
    >>> scaled = scale_characteristics(table, DistanceRecipe(), "trusts")
    >>> select_peers("P", scaled, 2, {"Q": "merged in 2014"}).peers
    ('S', 'R')
    """
    return select_all([unit], scaled, k, Pool(ineligible), [caliper])[0]


def select_all(
    units: Sequence[str],
    scaled: Scaled,
    k: int | None,
    pool: Pool,
    calipers: Sequence[float | None] | None = None,
) -> list[PeerSet]:
    """Take the k nearest eligible candidates of each of many units, as `select_peers` does of one.

    Parameters
    ----------
    units : sequence of str
        For whom.
    scaled, k : Scaled, int or None
        As for one unit.
    pool : Pool
        Who may serve them.
    calipers : sequence of (float or None), optional
        Largest distance for each unit.
    """
    chosen: list[PeerSet] = []
    limits = calipers or [None] * len(units)
    for places, found in _found(units, scaled, k, pool):
        for place, rows, distances, ranks in zip(
            places, found.rows, found.distances, found.ranks, strict=True
        ):
            limit = limits[place]
            count = int((rows >= 0).sum())
            kept = count if limit is None else int((distances[:count] <= limit).sum())
            peers = tuple(scaled.units[row] for row in rows[:kept].tolist())
            chosen.append(
                PeerSet(
                    units[place],
                    peers,
                    distances[:kept],
                    ranks[:kept],
                    int((ranks[:kept] <= kept).sum()),
                    scaled,
                    pool,
                    beyond=None if k is None else tuple(rows[kept:count].tolist()),
                    caliper=limit,
                )
            )
    order = {item.unit: item for item in chosen}
    return [order[unit] for unit in units]


#: Columns of a list of peers, as it is written and read back.
PEER_COLUMNS = ("unit", "rank", "peer", "distance")


def peer_rows(sets: Sequence[PeerSet]) -> Iterator[tuple[str, int, str, float]]:
    """Yield `PEER_COLUMNS` of every peer; the distance is NaN where it is not known."""
    for found in sets:
        for rank, (peer, distance) in enumerate(zip(found.peers, found.distances.tolist(), strict=True), 1):
            yield found.unit, rank, peer, distance


def nearest_codes(units: Sequence[str], scaled: Scaled, k: int, pool: Pool) -> list[tuple[str, ...]]:
    """Return the codes of the k nearest eligible candidates of each of many units, nearest first."""
    codes: dict[int, tuple[str, ...]] = {}
    for places, found in _found(units, scaled, k, pool, ranks=False):
        for place, rows in zip(places, found.rows.tolist(), strict=True):
            codes[place] = tuple(scaled.units[row] for row in rows if row >= 0)
    return [codes[place] for place in range(len(units))]


def _found(
    units: Sequence[str], scaled: Scaled, k: int | None, pool: Pool, *, ranks: bool = True
) -> Iterator[tuple[list[int], Neighbours]]:
    """Yield places among the units with their neighbours; those that share their candidates at once."""
    groups: dict[Group, list[int]] = {}
    for place, unit in enumerate(units):
        groups.setdefault(pool.group(unit), []).append(place)
    others = len(scaled.units) - 1
    for group, places in groups.items():
        eligible = pool.eligible(group, scaled.units)
        rows = scaled.rows(units[place] for place in places)
        if k is not None:
            yield places, scaled.search.nearest(rows, min(k, others), eligible, ranks=ranks)
            continue
        for place, row in zip(places, rows, strict=True):
            yield [place], scaled.search.nearest(np.array([row]), others, eligible, ranks=ranks)


def given_peers(unit: str, peers: tuple[str, ...], scaled: Scaled | None, pool: Pool) -> PeerSet:
    """Return the peers that the config names, less those that cannot serve, in the order given.

    Distances are filled in when characteristics are there.
    """
    against = pool.reasons_against(unit, peers)
    kept = tuple(peer for peer in peers if peer not in against)
    comparable = scaled is not None and unit in scaled.places
    found: dict[str, tuple[float, int]] = {}
    if scaled is not None and comparable:
        there = [peer for peer in dict.fromkeys(peers) if peer in scaled.places and peer != unit]
        measured = scaled.search.ranked(scaled.row(unit), scaled.rows(there))
        found = dict(zip(there, zip(*(values.tolist() for values in measured), strict=True), strict=True))
    nothing = (float("nan"), 0)
    aside = tuple(
        Exclusion(peer, found.get(peer, nothing)[0], against[peer]) for peer in peers if peer in against
    )
    return PeerSet(
        unit,
        kept,
        np.array([found.get(peer, nothing)[0] for peer in kept], dtype=np.float64),
        np.array([found.get(peer, nothing)[1] for peer in kept], dtype=np.int64),
        len(kept),
        scaled if comparable else None,
        pool,
        given_aside=aside,
    )


def coverage_reasons(
    panel: Panel, segments: Sequence[NDArray[np.bool_]], min_coverage: float
) -> dict[str, str]:
    """Return the units of a panel with too few observations in a segment, and how few.

    Parameters
    ----------
    panel : Panel
        Data of one outcome.
    segments : sequence of ndarray of bool, shape (n,)
        Usable periods of each segment (before, after); masked periods belong to none.
    min_coverage : float
        Share of a segment's periods that has to be observed; 1 under ``missing: error``.
    """
    reasons: dict[str, str] = {}
    observed = ~np.isnan(panel.values)
    for name, segment in zip(("before", "after"), segments, strict=True):
        counts = observed[segment].sum(axis=0)
        total = int(segment.sum())
        for place in np.flatnonzero(counts < min_coverage * total - 1e-9).tolist():
            reason = f"{counts[place]} of {total} periods {name} the start observed"
            reasons.setdefault(panel.units[place], reason)
    return reasons


def lifetime_reasons(
    lifetimes: Lifetimes, window: tuple[int, int], calendar: Calendar, *, combined: bool
) -> dict[str, str]:
    """Return the units that opened, closed, merged or were renamed within a window, and when.

    Such a unit has no series of one organisation to compare with, even where its code has data throughout.

    Parameters
    ----------
    lifetimes : Lifetimes
        First and last periods of units, and who went on as whom.
    window : tuple of int
        First and last ordinal, both inclusive.
    calendar : Calendar
        Of the ordinals.
    combined : bool
        Whether the rows of a unit with a successor have been counted as the successor's: then only the old
        codes are set aside, and the successor stands for all of them from the start.
    """
    first, last = window

    def said(ordinal: int) -> str:
        return calendar.format(ordinal)

    heirs = set(lifetimes.successors.values()) if combined else set()
    reasons: dict[str, str] = {}
    for unit, opened in lifetimes.opened.items():
        if first < opened and unit not in heirs:
            reasons[unit] = f"opened in {said(opened)}, after the window begins in {said(first)}"
    reasons |= {
        unit: f"closed in {said(closed)}, before the window ends in {said(last)}"
        for unit, closed in lifetimes.closed.items()
        if closed <= last
    }
    if combined:
        return reasons | {
            unit: f"counted as part of its successor {heir}" for unit, heir in lifetimes.successors.items()
        }
    for unit, heir in lifetimes.successors.items():
        closed_in = lifetimes.closed.get(unit)
        if closed_in is None:
            reasons[unit] = f"went on as {heir}, and when is not known"
            reasons.setdefault(heir, f"took over {unit}, and when is not known")
        elif closed_in <= last:
            reasons[unit] = f"went on as {heir} in {said(closed_in)}, before the window ends in {said(last)}"
            if closed_in > first:
                reasons.setdefault(heir, f"took over {unit} in {said(closed_in)}, within the window")
    return reasons


def peer_overlap(peers: Mapping[str, AbstractSet[str]]) -> NDArray[np.float64]:
    """Return which share of each trust's peers are also peers of each other trust, shape (K, K).

    Row i, column j: the share of i's peers that j has too; 1 on the diagonal. Symmetric when all have as many
    peers. What happens to a shared peer moves both estimates the same way.

    Parameters
    ----------
    peers : mapping of str to set of str
        The peers of each treated trust, at least one each.

    Raises
    ------
    ValueError
        If a trust has no peers.
    """
    alone = [unit for unit, chosen in peers.items() if not chosen]
    if alone:
        raise ValueError(f"no peers for {', '.join(alone)}: their overlap with others is not defined")
    sets = list(peers.values())
    return np.array([[len(own & other) / len(own) for other in sets] for own in sets], dtype=np.float64)
