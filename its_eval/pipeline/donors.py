"""Donors in the place of treated units: who they are, and whom each of them is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.pipeline.plan import Others, Target, fitted_events

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from its_eval.config import Config
    from its_eval.design.matrix import Interruption
    from its_eval.peers.distance import Scaled
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sources import Sources


def targets_of_donors(
    config: Config, sources: Sources, plan: OutcomePlan, units: Iterable[str]
) -> dict[str, tuple[Target, ...]]:
    """Return, for some treated units, their donors as if they had been treated at its start.

    Each has as many peers as the unit, its own nearest among the donors; without characteristics, where peers
    are given, all other donors. Treated units are never among them.

    Returns
    -------
    dict of str to tuple of Target
        By treated unit, donors in their order; units that ask for the same share one tuple. Units without
        peers have none.
    """
    settings = config.peers
    every = settings is not None and settings.k == "all"
    pools: dict[int, tuple[str, ...]] = {}
    made: dict[Hashable, tuple[Target, ...]] = {}
    found: dict[str, tuple[Target, ...]] = {}
    for unit in units:
        chosen = plan.peer_sets.get(unit)
        if chosen is None:
            found[unit] = ()
            continue
        # the pool is kept, so that no other one has its address
        pool = plan.donors.get(unit, ())
        pools[id(pool)] = pool
        start = plan.interruptions[unit][0]
        wanted = None if every else len(chosen.peers)
        scaled = chosen.scaled or sources.scaled
        key = (id(pool), id(scaled), wanted, start)
        if key not in made:
            peers = donor_peers(scaled, pool, wanted)
            made[key] = _targets(config, plan, start, pool, peers)
        found[unit] = made[key]
    return found


def donor_targets(config: Config, sources: Sources, plan: OutcomePlan, unit: str) -> list[Target]:
    """Return the donors of one treated unit as `targets_of_donors` does."""
    return list(targets_of_donors(config, sources, plan, [unit])[unit])


def _targets(
    config: Config,
    plan: OutcomePlan,
    start: Interruption,
    pool: Sequence[str],
    peers: Mapping[str, tuple[str, ...] | Others],
) -> tuple[Target, ...]:
    """Return donors interrupted at a start and by their events; those with the same ones share a tuple."""
    named = {unit for event in config.events for unit in event.units}
    events: dict[str, tuple[Interruption, ...]] = {}
    targets = []
    for donor in pool:
        key = donor if donor in named else ""
        if key not in events:
            events[key] = (start, *fitted_events(config, plan.outcome, plan.panel, donor)[0])
        targets.append(Target(donor, events[key], peers[donor]))
    return tuple(targets)


def donor_peers(
    scaled: Scaled | None, pool: tuple[str, ...], wanted: int | None
) -> dict[str, tuple[str, ...] | Others]:
    """Return the peers of each donor: its nearest in the pool, or all others without characteristics.

    All others, too, where all are wanted and nobody lacks what it would be compared by.
    """
    found: dict[str, tuple[str, ...]] = {}
    if scaled is not None and (wanted is not None or not scaled.compares_all(pool)):
        found = nearest_donors(scaled, pool, len(pool) if wanted is None else wanted)
    return {donor: found.get(donor) or Others(pool, donor) for donor in pool}


def nearest_donors(
    scaled: Scaled, pool: tuple[str, ...], k: int, units: Sequence[str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Return the k nearest of a pool for some units, nearest first, never the unit itself.

    Parameters
    ----------
    scaled : Scaled
        What distances are made of.
    pool : tuple of str
        Donors; those without characteristics are nobody's nearest.
    k : int
        How many.
    units : sequence of str, optional
        Whose; by default those of the donors that have characteristics.
    """
    places = scaled.places
    members = np.zeros(len(scaled.units), dtype=np.bool_)
    members[[places[code] for code in pool if code in places]] = True
    reach = min(k, int(members.sum()))
    if units is None:
        rows = np.flatnonzero(members)
        found = scaled.search.within(members, reach)
    else:
        rows = np.array([places[unit] for unit in units], dtype=np.intp)
        found = scaled.search.nearest(rows, reach, members, ranks=False)
    codes = scaled.units
    return {
        codes[row]: tuple(codes[place] for place in nearest if place >= 0)
        for row, nearest in zip(rows.tolist(), found.rows.tolist(), strict=True)
    }
