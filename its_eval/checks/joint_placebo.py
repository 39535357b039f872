"""Joint placebo: how often a set of as many other units shows as much as the set of the treated.

The statistic of a set is that of its mean effect with the variance of that very set (``effects.set_effect``),
so that sets whose units share peers or shocks are compared on equal terms. The sets come from all units, the
treated included: without them the reference is that of other units, and the test too liberal. Each drawn unit
stands in the place, and at the start, of a treated one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.checks.result import count_at_least
from its_eval.effects.set_effect import PartStack, UnitPart
from its_eval.effects.several_units import reaches

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import FloatArray

    Sets = NDArray[np.intp]

#: Random sets; where no more exist, each is taken once.
DRAWS = 9_999
#: Units whose covariances are held at a time: with all others, or with those of the same set.
BLOCK_UNITS = 1_000
#: Moves between two sets of the Markov chain, for each place.
MOVES = 20
#: Nodes visited for each set wanted before a list of all sets is given up.
NODES = 100


class JointPlacebo(Struct, frozen=True):
    """The set of the treated units among sets of all units.

    Attributes
    ----------
    statistic : float
        T of the treated, the largest ``|mean b| / sqrt(V)`` over the terms of the question.
    p_value : float
        Share of the sets whose statistic is as large, the treated among them; NaN without a statistic.
    n_sets : int
        Sets that were compared: all that exist, or the random ones and that of the treated.
    every_set : bool
        Whether these are all that exist.
    n_units : int
        Units from which sets were made, J + K.
    """

    statistic: float
    p_value: float
    n_sets: int
    every_set: bool
    n_units: int

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that so many sets allow."""
        return 1.0 / self.n_sets

    def can_reach(self, alpha: float) -> bool:
        """Return whether any effect could be labelled at this level."""
        return bool(reaches(np.array(self.smallest_p), alpha))


def joint_placebo(
    places: Mapping[str, Mapping[str, UnitPart]], rng: np.random.Generator, draws: int = DRAWS
) -> JointPlacebo:
    """Compare the set of the treated units with sets of as many from all units.

    Parameters
    ----------
    places : mapping of str to mapping of str to UnitPart
        For each treated unit, everyone who may stand in its place with the estimates that it has there, at
        the start and by the design of that place: donors, the unit itself, and other treated units that may.
        Units that could not be fitted there are left out. Places with the same start and the same candidates
        share one mapping; their order within a set does not matter.
    rng : numpy.random.Generator
    draws : int
        Random sets, all equally likely; if no more exist, each is taken once.

    Raises
    ------
    ValueError
        For no places, or a treated unit that does not stand in its own.
    """
    if not places or any(unit not in candidates for unit, candidates in places.items()):
        raise ValueError("each treated unit needs the estimates in its own place")
    everyone = list(dict.fromkeys(unit for candidates in places.values() for unit in candidates))
    number = {unit: place for place, unit in enumerate(everyone)}
    distinct = list({id(candidates): candidates for candidates in places.values()}.values())
    group = [next(g for g, item in enumerate(distinct) if item is own) for own in places.values()]
    eligible = [np.sort([number[unit] for unit in candidates]) for candidates in distinct]
    observed = np.array([[number[unit] for unit in places]])
    stacks = []
    for candidates in distinct:
        local = np.full(len(everyone), -1)
        local[[number[unit] for unit in candidates]] = np.arange(len(candidates))
        stacks.append((PartStack.of(list(candidates.values())), local))
    (statistic,) = set_statistics(stacks, group, observed)
    sets = every_set([eligible[g] for g in group], group, draws)
    listed = sets is not None
    if sets is None and all(item.size == len(everyone) for item in eligible):
        sets = random_sets(len(everyone), len(group), draws, rng)
    elif sets is None:
        sets = eligible_sets([eligible[g] for g in group], observed[0], draws, rng)
    as_large = count_at_least(float(statistic), set_statistics(stacks, group, sets))
    n_sets = len(sets) + (not listed)
    p_value = math.nan if math.isnan(statistic) else (as_large + (not listed)) / n_sets
    return JointPlacebo(float(statistic), p_value, n_sets, listed, len(everyone))


def set_statistics(stacks: Sequence[tuple[PartStack, Sets]], group: Sequence[int], sets: Sets) -> FloatArray:
    """Return the statistic of each set, shape (B,); NaN where no term has a variance.

    Parameters
    ----------
    stacks : sequence of (PartStack, ndarray of int, shape (N,))
        The candidates for each kind of place, and where among them each of all N units is.
    group : sequence of int, length K
        The kind of each place.
    sets : ndarray of int, shape (B, K)
        Units in the order of the places.
    """
    local = np.column_stack([stacks[g][1][sets[:, k]] for k, g in enumerate(group)])
    total, variance = np.zeros((2, stacks[0][0].estimate.shape[0], len(sets)))
    for k, g in enumerate(group):
        total += stacks[g][0].estimate[:, local[:, k]]
        variance += stacks[g][0].std_error[:, local[:, k]] ** 2
    by_kind: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for first, second in combinations(sorted(range(len(group)), key=group.__getitem__), 2):
        by_kind.setdefault((group[first], group[second]), []).append((first, second))
    n_most = max(stack.estimate.shape[1] for stack, _ in stacks)
    if len(by_kind) * n_most**2 > local.size * len(group):
        # most pairs of units stand in no set: only those that do are worked out
        variance += _drawn_covariances([stacks[g][0] for g in group], local)
    else:
        for (left, right), pairs in by_kind.items():
            _add_covariances(variance, stacks[left][0], stacks[right][0], pairs, local)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistics = np.abs(total) / np.sqrt(np.maximum(variance, 0.0))
    return np.asarray(np.fmax.reduce(statistics, axis=0))


def _add_covariances(
    variance: FloatArray, left: PartStack, right: PartStack, pairs: Sequence[tuple[int, int]], local: Sets
) -> None:
    """Add twice the covariances of pairs of places to the variances of the sums, shape (m, B), in place."""
    n_left = left.estimate.shape[1]
    for start in range(0, n_left, BLOCK_UNITS):
        block = left.covariances(right, slice(start, start + BLOCK_UNITS))
        for k, other in pairs:
            row = local[:, k] - start
            if n_left <= BLOCK_UNITS:
                variance += 2.0 * block[:, row, local[:, other]]
                continue
            inside = np.flatnonzero((row >= 0) & (row < block.shape[1]))
            variance[:, inside] += 2.0 * block[:, row[inside], local[inside, other]]


def _drawn_covariances(stacks: Sequence[PartStack], local: Sets) -> FloatArray:
    """Return twice the covariances of the units of each set, shape (m, B), from those units alone.

    Parameters
    ----------
    stacks : sequence of PartStack, length K
        The candidates for each place.
    local : ndarray of int, shape (B, K)
        Where among them each unit is.
    """
    found = []
    step = max(1, BLOCK_UNITS // len(stacks))
    for block in (local[start : start + step].T for start in range(0, len(local), step)):
        chosen = list(zip(stacks, block, strict=True))
        residuals = np.stack([stack.residuals[units] for stack, units in chosen], axis=1)
        weights = np.stack([stack.weights[:, units] for stack, units in chosen], axis=2)
        covariances = (weights @ np.swapaxes(weights, 2, 3)) * (residuals @ np.swapaxes(residuals, 1, 2))
        found.append(2.0 * np.triu(covariances, 1).sum(axis=(2, 3)))
    return np.concatenate(found, axis=1)


def every_set(eligible: Sequence[Sets], group: Sequence[int], most: int) -> Sets | None:
    """Return all sets there are, shape (C, K), or None for more than `most`.

    Parameters
    ----------
    eligible : sequence of ndarray of int
        Units that may stand in each place, ascending.
    group : sequence of int
        Places of the same group are alike, and a set is one whatever their order.
    most : int
    """
    sizes = Counter(group).values()
    shared = eligible[0]
    if all(np.array_equal(item, shared) for item in eligible):
        count = math.perm(shared.size, len(group)) // math.prod(math.factorial(size) for size in sizes)
        if count > most:
            return None
    found = list(islice(_assignments(eligible, group, most), most + 1))
    return None if len(found) > most or not found[-1] else np.array(found)


def _assignments(eligible: Sequence[Sets], group: Sequence[int], most: int) -> Iterator[tuple[int, ...]]:
    """Yield all sets depth first; an empty one in place of those that would take too long to find."""
    later = [group[place + 1 :].count(own) for place, own in enumerate(group)]
    partial: list[tuple[int, ...]] = [()]
    for _ in range(NODES * (most + 1)):
        if not partial:
            return
        chosen = partial.pop()
        place = len(chosen)
        if place == len(group):
            yield chosen
            continue
        alike = [unit for unit, own in zip(chosen, group, strict=False) if own == group[place]]
        above = eligible[place][np.searchsorted(eligible[place], max(alike, default=-1), side="right") :]
        # those that leave enough above them for the places alike that are still empty
        last = max(len(above) - later[place], 0)
        partial += [(*chosen, unit) for unit in above[:last].tolist()[::-1] if unit not in chosen]
    yield ()


def random_sets(n_units: int, size: int, draws: int, rng: np.random.Generator) -> Sets:
    """Return random ordered sets (draws, size) of units without repeats, all equally likely."""
    sets = np.empty((draws, size), dtype=np.intp)
    for place in range(size):
        drawn = rng.integers(0, n_units - place, draws)
        # the number among those left, made a number among all
        for taken in np.sort(sets[:, :place], axis=1).T:
            drawn += drawn >= taken
        sets[:, place] = drawn
    return sets


def eligible_sets(eligible: Sequence[Sets], observed: Sets, draws: int, rng: np.random.Generator) -> Sets:
    """Return random sets (draws, size) without repeats, each unit in a place that it may take.

    Drawing place after place would not make all sets equally likely where candidates overlap in part. A
    Markov chain does that puts a random candidate in a random place, and lets two units change places. From
    the observed set it goes to a hidden one and from there, each time afresh, to those returned: the observed
    set is one like them, and the p-value is exact however many moves are made (Besag & Clifford 1989,
    *Biometrika* 76:633).

    Parameters
    ----------
    eligible : sequence of ndarray of int
        Units that may stand in each place.
    observed : ndarray of int, shape (size,)
    draws : int
    rng : numpy.random.Generator
    """
    size = len(eligible)
    count = np.array([item.size for item in eligible])
    units = np.zeros((size, count.max()), dtype=np.intp)
    may = np.zeros((size, max(int(item.max()) for item in eligible) + 1), dtype=np.bool_)
    for place, item in enumerate(eligible):
        units[place, : item.size] = item
        may[place, item] = True

    def moved(sets: Sets) -> Sets:
        sets, rows = sets.copy(), np.arange(len(sets))
        for _ in range(MOVES * size):
            place = rng.integers(0, size, len(sets))
            entering = units[place, rng.integers(0, count[place])]
            leaving = sets[rows, place]
            stands = sets == entering[:, None]
            taken, elsewhere = stands.any(axis=1), stands.argmax(axis=1)
            go = ~taken | may[elsewhere, leaving]
            swap = taken & go
            sets[rows[swap], elsewhere[swap]] = leaving[swap]
            sets[rows[go], place[go]] = entering[go]
        return sets

    hidden = moved(observed[None])
    return moved(np.repeat(hidden, draws, axis=0))
