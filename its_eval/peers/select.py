"""Ranking candidates by distance, setting aside those that cannot serve, and how steady the choice is."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from its_eval.errors import DataError
from its_eval.peers.distance import Scaled
from its_eval.peers.recipes import MetricName, ScaleName
from its_eval.peers.scaling import rescaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.calendar import Calendar
    from its_eval.data.attributes import Units
    from its_eval.data.panel import Panel
    from its_eval.data.successors import Lifetimes


@dataclass(frozen=True)
class Exclusion:
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


@dataclass(frozen=True)
class PeerSet:
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
    exclusions : tuple of Exclusion
        In order of distance.
    nearest_kept : int
        How many of the k nearest candidates are among the peers.
    scaled : Scaled or None
        What the distances were made of.
    """

    unit: str
    peers: tuple[str, ...]
    distances: NDArray[np.float64]
    pool_ranks: NDArray[np.int64]
    exclusions: tuple[Exclusion, ...]
    nearest_kept: int
    scaled: Scaled | None


def within_reasons(
    unit: str, candidates: tuple[str, ...], columns: tuple[str, ...], units: Units
) -> dict[str, str]:
    """Return the candidates that differ from the unit in a column on which peers must agree.

    A value that is not known fails, on either side.
    """
    reasons: dict[str, str] = {}
    for name in columns:
        values = units.column(name) or {}
        own = values.get(unit, "")
        for candidate in candidates:
            other = values.get(candidate, "")
            if not own or other != own:
                seen = f"{other!r}" if other else "not known"
                reasons.setdefault(
                    candidate, f"{name} is {seen}, not {own!r}" if own else f"{name} of {unit} is not known"
                )
    return reasons


def select_peers(
    unit: str,
    scaled: Scaled,
    k: int | None,
    ineligible: Mapping[str, str],
    caliper: float | None = None,
) -> PeerSet:
    """Take the k nearest eligible candidates, ties by code.

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
    """
    distances = scaled.distances(unit)
    keys = [
        (float(f"{distance:.12g}") if math.isfinite(distance) else math.inf, code, row)
        for row, (distance, code) in enumerate(zip(distances.tolist(), scaled.units, strict=True))
        if code != unit
    ]
    peers: list[tuple[int, int]] = []
    exclusions: list[Exclusion] = []
    beyond = 0
    for rank, (distance, code, row) in enumerate(sorted(keys), start=1):
        if code in ineligible:
            exclusions.append(Exclusion(code, float(distances[row]), ineligible[code]))
        elif not math.isfinite(distance):
            exclusions.append(Exclusion(code, float("nan"), "too many characteristics missing to compare"))
        elif k is None or len(peers) + beyond < k:
            if caliper is not None and distances[row] > caliper:
                beyond += 1
                reason = f"farther than the caliper: {distance:.4g} is more than {caliper:.4g}"
                exclusions.append(Exclusion(code, float(distances[row]), reason))
            else:
                peers.append((row, rank))
    rows = [row for row, _ in peers]
    ranks = np.array([rank for _, rank in peers], dtype=np.int64)
    return PeerSet(
        unit,
        tuple(scaled.units[row] for row in rows),
        distances[rows],
        ranks,
        tuple(exclusions),
        int((ranks <= len(peers)).sum()),
        scaled,
    )


def given_peers(
    unit: str, peers: tuple[str, ...], scaled: Scaled | None, ineligible: Mapping[str, str]
) -> PeerSet:
    """Return the peers that the config names, less those that cannot serve, in the order given.

    Distances are filled in when characteristics are there.
    """
    kept = tuple(peer for peer in peers if peer not in ineligible)
    comparable = scaled is not None and unit in scaled.units
    distances = np.full(len(kept), np.nan)
    ranks = np.zeros(len(kept), dtype=np.int64)
    every: dict[str, float] = {}
    if scaled is not None and comparable:
        full = select_peers(unit, scaled, None, {})
        every = dict(zip(full.peers, full.distances, strict=True))
        positions = dict(zip(full.peers, full.pool_ranks, strict=True))
        distances = np.array([every.get(peer, np.nan) for peer in kept])
        ranks = np.array([positions.get(peer, 0) for peer in kept], dtype=np.int64)
    exclusions = tuple(
        Exclusion(peer, every.get(peer, float("nan")), ineligible[peer])
        for peer in peers
        if peer in ineligible
    )
    return PeerSet(unit, kept, distances, ranks, exclusions, len(kept), scaled if comparable else None)


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
        for unit, count in zip(panel.units, counts, strict=True):
            if count < min_coverage * total - 1e-9:
                reasons.setdefault(unit, f"{count} of {total} periods {name} the start observed")
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


#: So many peers more and fewer are tried.
STEP = 5

#: Dimension, choice, and the characteristics scaled so.
Scaling = tuple[str, str, Scaled]


@dataclass(frozen=True)
class Choice:
    """Another way to choose peers.

    Attributes
    ----------
    dimension, choice : str
        What differs, and what it is instead.
    scaled : Scaled
        What distances are made of.
    k : int
        Number of peers.
    """

    dimension: str
    choice: str
    scaled: Scaled
    k: int


@dataclass(frozen=True)
class Alternative:
    """The peers under another choice, beside those that were chosen.

    Attributes
    ----------
    dimension, choice : str
        As of the choice.
    peers : tuple of str
        Nearest first; none where the choice cannot be made.
    kept : int
        How many of the chosen peers are among them.
    left, entered : tuple of str
        Chosen peers that are not among them, and those that are new, nearest first.
    obstacle : str
        Why the choice cannot be made; blank when it can.
    """

    dimension: str
    choice: str
    peers: tuple[str, ...]
    kept: int
    left: tuple[str, ...]
    entered: tuple[str, ...]
    obstacle: str = ""


def other_choices(scaled: Scaled, k: int, scalings: Iterable[Scaling] = ()) -> Iterator[Choice]:
    """Yield the choices that an analyst might as well have made, one thing changed at a time.

    Five peers fewer and more, each characteristic left out, the other metric, the other scalings (not
    ``none``), and equal weights where they differ.

    Parameters
    ----------
    scaled : Scaled
        As chosen.
    k : int
        Number of peers.
    scalings : iterable of Scaling
        The same characteristics under another metric or scale, such as `other_scalings` gives.
    """
    for number in (k - STEP, k + STEP):
        if number > 0:
            yield Choice("k", str(number), scaled, number)
    for name in scaled.variables if len(scaled.variables) > 1 else ():
        yield Choice("drop_characteristic", " ".join(name.split()), scaled.without(name), k)
    for dimension, choice, changed in scalings:
        yield Choice(dimension, choice, changed, k)
    if (scaled.weights != scaled.weights[0]).any():
        yield Choice("weights", "equal", scaled.equally_weighted(), k)


def other_scalings(scaled: Scaled) -> list[Scaling]:
    """Return the other metric and the other scalings, made once for all units that share the table."""
    metrics: list[Scaling] = [
        ("metric", metric, rescaled(scaled, metric=metric))
        for metric in get_args(MetricName)
        if metric != scaled.metric
    ]
    # without a scale the variable with the largest numbers decides alone
    scales: list[Scaling] = [
        ("scale", scale, rescaled(scaled, scale=scale))
        for scale in get_args(ScaleName)
        if scale not in (scaled.scale, "none")
    ]
    return metrics + scales


def stability(chosen: PeerSet, choices: Iterable[Choice], eligible: Collection[str]) -> list[Alternative]:
    """Return the peers of a unit under other choices, among the same eligible candidates.

    Parameters
    ----------
    chosen : PeerSet
        The peers as chosen.
    choices : iterable of Choice
        Such as ``other_choices`` gives.
    eligible : collection of str
        Candidates that may serve. A caliper is not applied: the question is who is nearest.
    """
    return [_alternative(chosen, choice, set(eligible)) for choice in choices]


def _alternative(chosen: PeerSet, choice: Choice, eligible: set[str]) -> Alternative:
    reasons = {code: "not eligible" for code in choice.scaled.units if code not in eligible}
    try:
        peers = select_peers(chosen.unit, choice.scaled, choice.k, reasons).peers
    except DataError as error:
        # one metric that these data do not have is an answer about that metric, not about the others
        return Alternative(choice.dimension, choice.choice, (), 0, (), (), error.message)
    return Alternative(
        choice.dimension,
        choice.choice,
        peers,
        len(set(peers) & set(chosen.peers)),
        tuple(peer for peer in chosen.peers if peer not in peers),
        tuple(peer for peer in peers if peer not in chosen.peers),
    )


def steadiness(chosen: PeerSet, alternatives: Sequence[Alternative]) -> tuple[dict[str, int], int]:
    """Return in how many alternatives each chosen peer stays, and of how many.

    Fewer or more peers say nothing new about who is near, so that those alternatives do not count.
    """
    counted = [item for item in alternatives if item.dimension != "k" and not item.obstacle]
    return {peer: sum(peer in item.peers for item in counted) for peer in chosen.peers}, len(counted)
