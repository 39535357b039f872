"""The peers that a run of a config would use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.cli.peer_search import Answer
from its_eval.config import load_config
from its_eval.data.tables import nearest
from its_eval.errors import UsageError
from its_eval.peers.types import type_notes
from its_eval.pipeline.notes import dated_after
from its_eval.pipeline.peer_stability import peer_stability
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.sources import load_sources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from its_eval.pipeline.plan import OutcomePlan


def peers_of_config(source: Path, wanted: Sequence[str], *, stability: bool) -> Answer:
    """Return the peers that a run of a config would use, those of its first outcome with data.

    Raises
    ------
    UsageError
        When the config has no peers, or a unit is not treated.
    """
    config = load_config(source)
    if config.peers is None:
        raise UsageError(f"{source} has no `peers`", "add `peers:` to the config")
    sources = load_sources(config)
    plan = make_plan(config, sources)
    codes = list(plan.treated) if list(wanted) == ["all"] else list(dict.fromkeys(wanted))
    sets = []
    for code in codes:
        if code not in plan.treated:
            raise UsageError(f"--unit {code!r} is not treated in {source}; {nearest(code, plan.treated)}")
        sets += [found for outcome in plan.outcomes[:1] if (found := outcome.peer_sets.get(code)) is not None]
    k = None if config.peers.k == "all" else int(config.peers.k)
    cautions = _cautions(plan.outcomes, codes)
    notes = list(dict.fromkeys(note for chosen in sets if chosen.scaled for note in chosen.scaled.notes))
    notes += dated_after(config, plan.outcomes)
    notes += [note for chosen in sets for note in type_notes(chosen.unit, chosen, sources.units)]
    answer = Answer(sets, sources.units, k, [*cautions, *notes], cautions=cautions)
    if stability:
        answer.stability.extend(peer_stability(config, sources, plan.outcomes[0], codes))
    return answer


def _cautions(outcomes: Sequence[OutcomePlan], codes: Sequence[str]) -> list[str]:
    """Return the units that have no peers, and the outcomes for which peers are others than those shown."""
    first, *others = outcomes
    found = []
    for code in codes:
        if code not in first.peer_sets or not first.peer_sets[code].peers:
            why = first.no_peers.get(code, f"{code} has no data for {first.outcome.indicator}")
            found.append(f"{first.outcome.label}, {code}: {why}.")
    differing = [
        outcome.outcome.label
        for outcome in others
        if any(_peers(outcome, code) != _peers(first, code) for code in codes)
    ]
    if differing:
        named = ", ".join(differing)
        found.append(
            f"These are the peers for {first.outcome.label}. For {named} some are others; "
            "the table `peers` of a run has those of every outcome."
        )
    return found


def _peers(outcome: OutcomePlan, code: str) -> tuple[str, ...]:
    chosen = outcome.peer_sets.get(code)
    return () if chosen is None else chosen.peers
