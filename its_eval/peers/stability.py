"""How steady a choice of peers is: who would be near under other choices that an analyst might have made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, get_args

from msgspec import Struct

from its_eval.errors import DataError
from its_eval.peers.distance import Scaled
from its_eval.peers.recipes import MetricName, ScaleName
from its_eval.peers.scaling import rescaled
from its_eval.peers.select import nearest_codes

if TYPE_CHECKING:
    from its_eval.peers.pool import Pool
    from its_eval.peers.select import PeerSet


#: So many peers more and fewer are tried.
STEP = 5

#: Dimension, choice, and the characteristics scaled so.
Scaling = tuple[str, str, Scaled]


class Choice(Struct, frozen=True):
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


class Alternative(Struct, frozen=True):
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
    # of histories the variables are periods, and no single one is a choice
    droppable = () if scaled.metric == "correlation" else scaled.variables
    for name in droppable if len(droppable) > 1 else ():
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
        if scale not in (scaled.scale, "none") and scaled.metric != "correlation"
    ]
    return metrics + scales


def stability(sets: Sequence[PeerSet], scalings: Iterable[Scaling] = ()) -> list[tuple[Alternative, ...]]:
    """Return the peers of units under other choices, among the same eligible candidates.

    A caliper is not applied: the question is who is nearest.

    Parameters
    ----------
    sets : sequence of PeerSet
        The peers as chosen, each with characteristics.
    scalings : iterable of Scaling
        As for `other_choices`.
    """
    changed = list(scalings)
    alike: dict[tuple[int, int, Pool], list[int]] = {}
    for place, chosen in enumerate(sets):
        alike.setdefault((id(chosen.scaled), len(chosen.peers), chosen.pool), []).append(place)
    found: dict[int, list[Alternative]] = {place: [] for place in range(len(sets))}
    for (_, k, pool), places in alike.items():
        scaled = sets[places[0]].scaled
        if scaled is None:
            continue
        units = [sets[place].unit for place in places]
        for choice in other_choices(scaled, k, changed):
            try:
                every = nearest_codes(units, choice.scaled, choice.k, pool)
            except DataError as error:
                # one metric that these data do not have is an answer about that metric, not about the others
                obstacle = Alternative(choice.dimension, choice.choice, (), 0, (), (), error.message)
                for place in places:
                    found[place].append(obstacle)
                continue
            for place, peers in zip(places, every, strict=True):
                found[place].append(_alternative(sets[place].peers, choice, peers))
    return [tuple(found[place]) for place in range(len(sets))]


def _alternative(chosen: tuple[str, ...], choice: Choice, peers: tuple[str, ...]) -> Alternative:
    new, old = set(peers), set(chosen)
    return Alternative(
        choice.dimension,
        choice.choice,
        peers,
        len(new & old),
        tuple(peer for peer in chosen if peer not in new),
        tuple(peer for peer in peers if peer not in old),
    )


def steadiness(chosen: PeerSet, alternatives: Sequence[Alternative]) -> tuple[dict[str, int], int]:
    """Return in how many alternatives each chosen peer stays, and of how many.

    Fewer or more peers say nothing new about who is near, so that those alternatives do not count.
    """
    counted = [item for item in alternatives if item.dimension != "k" and not item.obstacle]
    return {peer: sum(peer in item.peers for item in counted) for peer in chosen.peers}, len(counted)
