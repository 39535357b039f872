"""Sentences about a plan that no single series shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.data.periods import period_start
from its_eval.data.tables import nearest
from its_eval.peers.presets import PRESETS

if TYPE_CHECKING:
    from its_eval.config import Config
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sources import Sources


def unknown_names(config: Config, sources: Sources) -> list[str]:
    """Return a note for each unit that the config sets aside or masks and that no table knows."""
    known = set(sources.rows.frame["unit"])
    if sources.scaled is not None:
        known |= set(sources.scaled.units)
    listed = [("peers.exclude", unit) for unit in (config.peers.exclude if config.peers is not None else ())]
    listed += [(f"the event {event.name!r}", unit) for event in config.events for unit in event.units]
    return [
        f"{where} names {unit!r}, which is in no table and so has no effect; {nearest(unit, sorted(known))}"
        for where, unit in listed
        if unit not in known
    ]


def plan_notes(config: Config, outcomes: list[OutcomePlan]) -> list[str]:
    """Return what a reader has to know about the peers before any number: their date, and who filled up."""
    notes = []
    settings = config.peers
    if settings is not None and settings.preset is not None and outcomes:
        preset = PRESETS[settings.preset]
        first = outcomes[0]
        year = period_start(first.panel.start + first.first_start, first.panel.frequency).year
        if preset.dated and int(preset.dated) >= year:
            notes.append(
                f"The characteristics of the {preset.title} describe {preset.dated}, after the start in "
                f"{first.start_in_words}: peers are matched on values that the intervention may have changed."
            )
    for plan in outcomes:
        notes += _few_peers(config, plan)
        sets = [
            peers
            for peers in plan.peer_sets.values()
            if peers.scaled is not None and (peers.pool_ranks > 0).all()
        ]
        asked = sum(len(peers.peers) for peers in sets)
        kept = sum(peers.nearest_kept for peers in sets)
        if asked and kept < asked:
            others = "place" if asked - kept == 1 else f"{asked - kept} places"
            notes.append(
                f"{plan.outcome.label}: {kept} of the {asked} nearest candidates are eligible peers; "
                f"the next nearest fill up the other {others}. "
                "The table peer_exclusions gives each reason."
            )
    return notes


def _few_peers(config: Config, plan: OutcomePlan) -> list[str]:
    """Return a note for each unit that has fewer peers than were asked for."""
    settings = config.peers
    if settings is None or settings.k == "all":
        return []
    wanted = int(settings.k)
    return [
        f"{plan.outcome.label}, {unit}: {len(chosen.peers)} of the {wanted} peers asked for; "
        "no more candidates are eligible."
        for unit, chosen in plan.peer_sets.items()
        if unit not in settings.given and 0 < len(chosen.peers) < wanted
    ]
