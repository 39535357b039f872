"""Choosing the peers of an outcome: who may serve, who is set aside and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.peers.eligibility import coverage_reasons
from its_eval.peers.select import PeerSet, given_peers, select_peers, within_reasons

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config, Outcome
    from its_eval.data.panel import Panel
    from its_eval.design.matrix import Interruption
    from its_eval.pipeline.sources import Sources


def donor_pool(config: Config, sources: Sources) -> set[str]:
    """Return every unit that may serve as a peer."""
    if config.peers is None:
        return set()
    pool = {peer for peers in config.peers.given.values() for peer in peers}
    if sources.scaled is not None and set(config.treated) - set(config.peers.given):
        pool |= set(sources.scaled.units)
    return pool - set(config.treated)


def choose_peers(
    config: Config,
    sources: Sources,
    outcome: Outcome,
    panel: Panel,
    usable: NDArray[np.bool_],
    interruption: Interruption,
) -> tuple[dict[str, PeerSet], dict[str, str]]:
    """Return the peers of every treated unit of an outcome, and the units without peers with the reason."""
    settings = config.peers
    if settings is None:
        return {}, {}
    after = np.arange(panel.n_periods) >= interruption.start
    coverage = 1.0 if config.data.missing == "error" else settings.min_coverage
    thin = coverage_reasons(panel, (usable & ~after, usable & after), coverage)
    candidates = tuple(sorted(donor_pool(config, sources) | set(config.treated)))
    base = {unit: f"no data for {outcome.indicator}" for unit in candidates if unit not in panel.units}
    base |= thin
    if outcome.transform == "log":
        for unit in panel.units:
            if (panel.values[usable, panel.column(unit)] <= 0).any():
                base[unit] = "a value of zero or less has no logarithm"
    base |= dict.fromkeys(settings.exclude, "excluded by the config")
    base |= dict.fromkeys(config.treated, "treated itself")
    peer_sets: dict[str, PeerSet] = {}
    missing: dict[str, str] = {}
    for unit in config.treated:
        if unit not in panel.units:
            continue
        reasons = within_reasons(unit, candidates, settings.within, sources.units) | base
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
    return peer_sets, missing
