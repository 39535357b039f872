"""Who may be a peer of whom: reasons that hold for every unit, and columns on which unit and peer agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field

from its_eval.data.attributes import Units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


#: The values on which units agree; a unit of which one is not known, and blank, agrees with nobody.
Group = tuple[str, ...]


class Pool(Struct, frozen=True, eq=False, dict=True):
    """Who may serve as a peer of some units.

    Attributes
    ----------
    reasons : mapping of str to str
        Candidates that serve nobody, and why.
    within : tuple of str
        Columns of `units` in which a peer has to have the value of its unit.
    units : Units
        Where the values are; blank where not known.
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    units: Units = field(default_factory=Units)

    @cached_property
    def _columns(self) -> list[Mapping[str, str]]:
        return [self.units.column(name) or {} for name in self.within]

    @cached_property
    def _laid(self) -> dict[int, _Laid]:
        return {}

    def group(self, unit: str) -> Group:
        """Return the values that peers of a unit have to have, blank where one is not known."""
        return tuple(values.get(unit, "") for values in self._columns)

    def _lay(self, candidates: Sequence[str]) -> _Laid:
        """Return what is the same for all units of some candidates, once for each such object."""
        laid = self._laid.get(id(candidates))
        if laid is None or laid.candidates is not candidates:
            free = np.array([code not in self.reasons for code in candidates], dtype=np.bool_)
            numbers: dict[Group, int] = {}
            groups = np.array(
                [numbers.setdefault(self.group(code), len(numbers)) for code in candidates], dtype=np.int64
            )
            first = np.unique(groups, return_index=True)[1].tolist()
            sizes = np.bincount(groups[free], minlength=len(numbers)).tolist()
            kinds = Counter(kind_of(self.reasons[code]) for code in candidates if code in self.reasons)
            laid = _Laid(candidates, free, groups, numbers, first, sizes, kinds)
            self._laid[id(candidates)] = laid
        return laid

    def eligible(self, group: Group, candidates: Sequence[str]) -> NDArray[np.bool_]:
        """Return who of some candidates may serve the units of a group, shape (candidates,)."""
        laid = self._lay(candidates)
        if not self.within:
            return laid.free
        if not all(group):
            return np.zeros(len(candidates), dtype=np.bool_)
        return np.asarray(laid.free & (laid.groups == laid.numbers.get(group, -1)))

    def reasons_against(self, unit: str, candidates: Sequence[str]) -> dict[str, str]:
        """Return those of some candidates that cannot serve a unit, and why.

        What holds for every unit goes before what they have to agree on.
        """
        reasons = within_reasons(unit, candidates, self.within, self.units)
        return reasons | {code: self.reasons[code] for code in candidates if code in self.reasons}

    def counts_against(self, unit: str, candidates: Sequence[str]) -> Counter[str]:
        """Return how many of some candidates, the unit itself left out, cannot serve it for which reason."""
        laid = self._lay(candidates)
        counts = Counter(laid.kinds)
        if unit in self.reasons:
            counts[kind_of(self.reasons[unit])] -= 1
        if self.within:
            own = self.group(unit)
            for group, number in laid.numbers.items():
                of_one = within_reasons(unit, [candidates[laid.first[number]]], self.within, self.units)
                for reason in of_one.values():
                    counts[kind_of(reason)] += laid.sizes[number] - (
                        group == own and unit not in self.reasons
                    )
        return counts


class _Laid(Struct, frozen=True):
    """Candidates, who of them is free to serve, their groups by number, and why the others are not.

    Of each group the place of its first candidate and how many are free.
    """

    candidates: Sequence[str]
    free: NDArray[np.bool_]
    groups: NDArray[np.int64]
    numbers: Mapping[Group, int]
    first: Sequence[int]
    sizes: Sequence[int]
    kinds: Counter[str]


def kind_of(reason: str) -> str:
    """Return a reason without what concerns one candidate, such as its distance, which follows a colon."""
    return reason.partition(":")[0]


class Donors(Mapping[str, tuple[str, ...]]):
    """Everybody who may serve as a peer, by treated unit, sorted; alike units share one tuple.

    Parameters
    ----------
    pools : mapping of str to Pool
        By treated unit.
    candidates : tuple of str
        Sorted.
    """

    def __init__(self, pools: Mapping[str, Pool], candidates: tuple[str, ...]) -> None:
        self._pools, self._candidates = pools, candidates
        self._shared: dict[tuple[Pool, Group], tuple[str, ...]] = {}

    def __getitem__(self, unit: str) -> tuple[str, ...]:
        """Return the donors of a unit; it is none of them."""
        pool = self._pools[unit]
        group = pool.group(unit)
        if (pool, group) not in self._shared:
            places = np.flatnonzero(pool.eligible(group, self._candidates)).tolist()
            self._shared[pool, group] = tuple(self._candidates[place] for place in places)
        shared = self._shared[pool, group]
        if unit in pool.reasons:
            return shared
        return tuple(code for code in shared if code != unit)

    def __iter__(self) -> Iterator[str]:
        """Yield the treated units."""
        return iter(self._pools)

    def __len__(self) -> int:
        """Return how many treated units there are."""
        return len(self._pools)


def within_reasons(
    unit: str, candidates: Sequence[str], columns: tuple[str, ...], units: Units
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
