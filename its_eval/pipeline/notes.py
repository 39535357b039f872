"""Sentences about a plan that no single series shows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from its_eval.calendar import MONTHS
from its_eval.columns import OF_CONFIG
from its_eval.config.data import NHS
from its_eval.config.outcomes import StratumOutcome, evaluated_outcomes, listed_as
from its_eval.data.faults import Finding
from its_eval.data.successions import MEMBER_WITHOUT_ROWS, NHS_UNTIL, SIZE_CHANGE, SPLIT
from its_eval.data.successors import COMBINED, NOT_COMBINED
from its_eval.data.tables import nearest
from its_eval.data.validate import unused_denominators
from its_eval.peers.balance import type_notes
from its_eval.peers.distance import FAR, pool_percentiles
from its_eval.peers.pool import kind_of
from its_eval.peers.recipes import PRESETS
from its_eval.pipeline.plan import concerning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from its_eval.config import Config
    from its_eval.data.attributes import Units
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sources import Sources


#: Shared peers that a note names.
SHOWN = 3


def unknown_names(config: Config, sources: Sources) -> list[str]:
    """Return a note for each unit and outcome that the config names and that nothing is known of."""
    known = set(sources.rows.frame["unit"].unique())
    if sources.scaled is not None:
        known |= set(sources.scaled.units)
    evaluated = evaluated_outcomes(config.outcomes)
    outcomes = {name for outcome in evaluated for name in (listed_as(outcome), outcome.name)}
    lists = config.peers.given_by_outcome if config.peers is not None else {}
    notes = [
        f"peers.given has a list for the outcome {name!r}, which is not evaluated, so that it is not used; "
        f"{nearest(name, sorted(outcomes))}"
        for name in lists
        if name not in outcomes
    ]
    listed = [("peers.exclude", unit) for unit in (config.peers.exclude if config.peers is not None else ())]
    listed += [(f"the event {event.name!r}", unit) for event in config.events for unit in event.units]
    notes += [
        f"{where} names {unit!r}, which is in no table and so has no effect; {nearest(unit, sorted(known))}"
        for where, unit in listed
        if unit not in known
    ]
    return notes


def config_findings(config: Config, sources: Sources, outcomes: Sequence[OutcomePlan]) -> Iterator[Finding]:
    """Yield what the config asks for and the data do not have.

    Events, given peers, values of numerators, variables that tell units apart.
    """
    _, outside, given_peer, denominators, constant = OF_CONFIG
    for said in sources.scaled.constant if sources.scaled is not None else ():
        yield Finding("", "", constant, "", "", "info", said)
    for event, said in events_outside(config, outcomes):
        yield Finding("", "", outside, "", event, "warning", said)
    for plan in outcomes:
        outcome = plan.outcome
        if said := unused_denominators(sources.rows, outcome):
            yield Finding(outcome.indicator, "", denominators, "", "", "info", said)
        lists = config.peers.given_for(listed_as(outcome), outcome.name) if config.peers is not None else {}
        for unit, chosen in plan.peer_sets.items():
            for item in (chosen.given_aside or ()) if unit in lists else ():
                said = f"{outcome.label}, {unit}: the given peer {item.candidate} is left out: {item.reason}"
                yield Finding(outcome.indicator, unit, given_peer, "", item.candidate, "info", said)


def events_outside(config: Config, outcomes: Sequence[OutcomePlan]) -> list[tuple[str, str]]:
    """Return each event that is to change something and lies in no outcome's window, and that in words."""
    found = []
    for event in config.events:
        spans = [
            (plan.panel.start, plan.panel.start + plan.panel.n_periods - 1)
            for plan in outcomes
            if not event.outcomes or listed_as(plan.outcome) in event.outcomes
        ]
        calendar = config.data.calendar
        first = calendar.parse(event.date)
        last = first if event.until is None else calendar.parse(event.until)
        if event.as_ != "note" and not any(first <= end and last >= start for start, end in spans):
            said = f"The event {event.name!r} ({event.date}) lies outside the data and has no effect."
            found.append((event.name, said))
    return found


def plan_notes(
    config: Config, outcomes: list[OutcomePlan], units: Units | None = None, findings: Iterable[Finding] = ()
) -> list[str]:
    """Return what a reader has to know about the peers before any number: their date, and who filled up."""
    notes = [*dated_after(config, outcomes)]
    notes += _successions(config, outcomes, findings)
    # what is true of the scaling is true of every outcome
    scalings = [peers.scaled.notes for plan in outcomes for peers in plan.peer_sets.values() if peers.scaled]
    notes += dict.fromkeys(note for found in scalings for note in found)
    for plan in outcomes:
        notes += _no_peers(plan)
        notes += _unsuppressed(plan)
        notes += _few_peers(config, plan)
        notes += _far_peers(config, plan)
        notes += _shared_peers(plan)
        notes += _other_types(plan, units)
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


def _successions(config: Config, outcomes: Sequence[OutcomePlan], findings: Iterable[Finding]) -> list[str]:
    """Return who is counted as one unit, what could not be, and how far the list goes."""
    if not config.data.successions:
        return []
    treated = {unit for plan in outcomes for unit in plan.treated}
    notes = []
    summed = {item.unit: item.value for item in findings if item.check == COMBINED}
    if summed:
        counted = "; ".join(f"{unit} with {codes}" for unit, codes in sorted(summed.items()))
        notes.append(f"Counted as one unit throughout, by data.successions: {counted}.")
    for unit in sorted(treated.intersection(summed)):
        notes.append(
            f"{unit} is treated and became one with {summed[unit]} within the window: what the merger itself "
            "changed cannot be told from what the intervention did."
        )
    told = {NOT_COMBINED, MEMBER_WITHOUT_ROWS, SPLIT, SIZE_CHANGE}
    notes += dict.fromkeys(
        f"{item.message}."
        for item in findings
        if item.check == NOT_COMBINED or (item.check in told and item.unit in treated)
    )
    ends = [
        (plan, plan.panel.calendar.first_day(plan.panel.start + plan.panel.n_periods - 1))
        for plan in outcomes
    ]
    late = [f"{plan.outcome.label} to {plan.panel.periods[-1]}" for plan, day in ends if day > NHS_UNTIL]
    until = MONTHS.describe(MONTHS.containing(NHS_UNTIL))
    if late and NHS in config.data.successions:
        notes.append(
            f"The list of changes in the NHS ends in {until}, before the data do "
            f"({', '.join(late)}): put later mergers into a table of your own under data.successions."
        )
    return notes


def _unsuppressed(plan: OutcomePlan) -> list[str]:
    """Return a note where the rule about small strata has no denominators to go by."""
    outcome = plan.outcome
    if not isinstance(outcome, StratumOutcome) or not outcome.stratum or outcome.least <= 0.0:
        return []
    used = {*plan.peer_sets, *(peer for chosen in plan.peer_sets.values() for peer in chosen.peers)}
    columns = [place for place, unit in enumerate(plan.panel.units) if unit in used | set(plan.treated)]
    known = ~np.isnan(plan.panel.values[:, columns])
    unknown = known & np.isnan(plan.panel.denominators[:, columns])
    if not unknown.any():
        return []
    counts = f"{int(unknown.sum()):,} of {int(known.sum()):,} values have no denominator"
    rule = f"min_denominator ({outcome.least:g}) cannot suppress them: take small groups out beforehand"
    return [f"{outcome.label}: {counts}, so {rule}."]


def characteristics_dated(config: Config, plan: OutcomePlan) -> str:
    """Return what the characteristics describe where that may be after the first start; else blank."""
    settings, table = config.peers, config.data.characteristics
    if settings is None or settings.match == "pre_period" or table is None:
        return ""
    preset = PRESETS[settings.preset] if settings.preset is not None else None
    dated = table.dated or (preset.dated if preset is not None else "")
    if not dated or not any(peers.scaled for peers in plan.peer_sets.values()):
        return ""
    start = plan.panel.calendar.first_day(plan.panel.start + plan.first_start)
    # a year describes anything up to its December
    last_month = MONTHS.parse(dated if "-" in dated else f"{dated}-12")
    return "" if last_month < start.year * 12 + start.month - 1 else dated


def events_near(config: Config, plan: OutcomePlan) -> tuple[str, ...]:
    """Return the events noted, not fitted, within half a year of the first start."""
    near = []
    for event in concerning(config, plan.outcome, "note"):
        index = plan.panel.index_of(plan.panel.calendar.parse(event.date))
        if abs(index - plan.first_start) <= plan.per_year // 2:
            near.append(event.name)
    return tuple(near)


def dated_after(config: Config, outcomes: Sequence[OutcomePlan]) -> list[str]:
    """Return a note when the characteristics may have been measured after the first start."""
    first = next((plan for plan in outcomes if characteristics_dated(config, plan)), None)
    if first is None or config.peers is None:
        return []
    dated = characteristics_dated(config, first)
    preset = PRESETS[config.peers.preset] if config.peers.preset is not None else None
    start = first.panel.calendar.first_day(first.panel.start + first.first_start)
    what = f"The characteristics of the {preset.title}" if preset is not None else "The characteristics"
    when = "not clearly before" if dated == str(start.year) else "after"
    why = "peers are matched on values that the intervention may have changed"
    return [f"{what} describe {dated}, {when} the start in {first.start_in_words}: {why}."]


def _far_peers(config: Config, plan: OutcomePlan) -> list[str]:
    """Return a note about the units whose last peer is far for this pool."""
    settings = config.peers
    far: dict[str, float] = {}
    for unit, chosen in plan.peer_sets.items():
        if settings is None or settings.k == "all" or chosen.scaled is None or not chosen.peers:
            continue
        (share,) = pool_percentiles(chosen.scaled, unit, int(settings.k), chosen.distances[-1:])
        if share > FAR:
            far[unit] = float(share)
    if not far:
        return []
    most = sorted(far, key=lambda unit: (-far[unit], unit))[:SHOWN]
    # rounded down: "all other units" is said only where it is so
    named = ", ".join(f"{unit} ({int(far[unit])} % of the others)" for unit in most)
    named += f" and {len(far) - len(most)} more" if len(far) > len(most) else ""
    why = "so many other units have a last peer that is nearer"
    return [f"{plan.outcome.label}: few units are like {named}; {why}."]


def _shared_peers(plan: OutcomePlan) -> list[str]:
    """Return a note when a peer serves several treated units: their estimates then move together."""
    serves: dict[str, list[str]] = {}
    for unit, chosen in plan.peer_sets.items():
        for peer in chosen.peers:
            serves.setdefault(peer, []).append(unit)
    shared = {peer: units for peer, units in sorted(serves.items()) if len(units) > 1}
    if not shared:
        return []
    most = sorted(shared, key=lambda peer: (-len(shared[peer]), peer))[:SHOWN]
    named = "; ".join(f"{peer} of {', '.join(shared[peer])}" for peer in most)
    more = len(shared) - len(most)
    named += f"; and {more} more" if more else ""
    counts = f"{len(shared)} of the {len(serves)} peers serve more than one treated unit ({named})"
    return [f"{plan.outcome.label}: {counts}, so their estimates are not independent."]


def _other_types(plan: OutcomePlan, units: Units | None) -> list[str]:
    """Return the notes about types, of the first few units that have one."""
    if units is None:
        return []
    found = [
        note
        for unit, chosen in plan.peer_sets.items()
        for note in type_notes(f"{plan.outcome.label}, {unit}", chosen, units)
    ]
    more = len(found) - SHOWN
    return [*found[:SHOWN], *([f"{plan.outcome.label}: the same of {more} more."] if more > 0 else [])]


def _no_peers(plan: OutcomePlan) -> list[str]:
    """Return notes about the first units that nobody can be compared with, and the commonest reason."""
    found = []
    for unit, why in list(plan.no_peers.items())[:SHOWN]:
        chosen = plan.peer_sets.get(unit)
        reasons: Counter[str] = Counter()
        if chosen is not None:
            exclusions, others = chosen.set_aside()
            reasons.update(others)
            reasons.update(kind_of(item.reason) for item in exclusions)
        often = ""
        if reasons:
            reason, count = min(reasons.items(), key=lambda item: (-item[1], item[0]))
            often = f". Of {reasons.total()} set aside, {count}: {reason}"
        found.append(f"{plan.outcome.label}, {unit}: {why}{often}.")
    more = len(plan.no_peers) - SHOWN
    return [*found, *([f"{plan.outcome.label}: the same of {more} more."] if more > 0 else [])]


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
        if unit not in settings.given_for(listed_as(plan.outcome), plan.outcome.name)
        and 0 < len(chosen.peers) < wanted
    ]
