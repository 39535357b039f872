"""Choosing the peers of an outcome: who may serve, who is set aside and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from its_eval.design.matrix import usable_periods
from its_eval.design.transform import scale_obstacle
from its_eval.peers.eligibility import coverage_reasons
from its_eval.peers.select import PeerSet, given_peers, select_peers, within_reasons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from its_eval.config import Config, Outcome
    from its_eval.data.panel import Panel
    from its_eval.design.interruption import Interruption
    from its_eval.pipeline.sources import Sources
    from its_eval.pipeline.treatment import Treatment


@dataclass(frozen=True)
class PeerChoice:
    """Peers of the treated units of one outcome.

    Attributes
    ----------
    peer_sets : mapping of str to PeerSet
        By treated unit.
    missing : mapping of str to str
        Treated units without peers and why.
    donors : mapping of str to tuple of str
        By treated unit: every candidate that may serve, sorted.
    """

    peer_sets: Mapping[str, PeerSet] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    donors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def donor_pool(config: Config, sources: Sources, treatment: Treatment) -> set[str]:
    """Return every unit that may serve as a peer."""
    if config.peers is None:
        return set()
    pool = {peer for peers in config.peers.given.values() for peer in peers}
    if sources.scaled is not None and set(treatment.units) - set(config.peers.given):
        pool |= set(sources.scaled.units)
    return pool - treatment.barred


def choose_peers(
    config: Config,
    sources: Sources,
    outcome: Outcome,
    panel: Panel,
    treatment: Treatment,
    interruptions: Mapping[str, Interruption],
    masked: NDArray[np.bool_],
) -> PeerChoice:
    """Choose the peers of every treated unit of an outcome.

    `interruptions` holds T0 of every treated unit: with staggered starts, a candidate needs data before and
    after the start of the unit that it would be a peer of.
    """
    settings = config.peers
    if settings is None:
        return PeerChoice()
    candidates = tuple(sorted(donor_pool(config, sources, treatment) | set(treatment.units)))
    by_start: dict[Interruption, dict[str, str]] = {}
    peer_sets: dict[str, PeerSet] = {}
    missing: dict[str, str] = {}
    donors: dict[str, tuple[str, ...]] = {}
    for unit in treatment.units:
        if unit not in panel.units:
            continue
        start = interruptions[unit]
        if start not in by_start:
            by_start[start] = ineligible(config, outcome, panel, candidates, start, masked)
        base = by_start[start] | dict.fromkeys(treatment.barred, "treated itself")
        reasons = within_reasons(unit, candidates, settings.within, sources.units) | base
        donors[unit] = tuple(code for code in candidates if code not in reasons and code != unit)
        if unit in settings.given:
            chosen = given_peers(unit, settings.given[unit], sources.scaled, reasons)
        elif sources.scaled is None or unit not in sources.scaled.units:
            missing[unit] = (
                f"{unit} is not in the characteristics table, so it has no peers; list them under peers.given"
            )
            continue
        else:
            k = None if settings.k == "all" else int(settings.k)
            chosen = select_peers(unit, sources.scaled, k, reasons)
        if not chosen.peers:
            missing[unit] = f"no candidate can serve as a peer of {unit}; see peer_exclusions"
        peer_sets[unit] = chosen
    return PeerChoice(peer_sets, missing, donors)


def ineligible(
    config: Config,
    outcome: Outcome,
    panel: Panel,
    candidates: Sequence[str],
    start: Interruption,
    masked: NDArray[np.bool_],
) -> dict[str, str]:
    """Return the candidates that cannot serve as donors of a unit with this start, and why.

    Reasons that do not depend on the unit: no data or too few, a value that has no logarithm, the config.
    """
    settings = config.peers
    usable = usable_periods(panel.n_periods, (start,), masked)
    after = np.arange(panel.n_periods) >= start.start
    coverage = settings.min_coverage if settings is not None else 1.0
    if config.data.missing != "mask":
        coverage = 1.0
    reasons = {unit: f"no data for {outcome.indicator}" for unit in candidates if unit not in panel.units}
    reasons |= coverage_reasons(panel, (usable & ~after, usable & after), coverage)
    for unit in panel.units:
        obstacle = scale_obstacle(
            panel.values[usable, panel.column(unit)],
            panel.denominators[usable, panel.column(unit)],
            outcome.transform,
        )
        if obstacle:
            reasons[unit] = obstacle
    return reasons | dict.fromkeys(() if settings is None else settings.exclude, "excluded by the config")
