"""What will be fitted: the window, the usable periods and the peers of every outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.panel import Panel, build_panel, window
from its_eval.data.periods import (
    PERIODS_PER_YEAR,
    describe_period,
    format_period,
    parse_period,
    period_start,
    season_position,
)
from its_eval.data.tables import nearest
from its_eval.data.validate import ALL_PERIODS, concerns_run, missing_findings, row_findings, shorten
from its_eval.design.matrix import Interruption, Season, usable_periods
from its_eval.errors import DataError
from its_eval.peers.eligibility import coverage_reasons
from its_eval.peers.presets import PRESETS
from its_eval.peers.select import PeerSet, given_peers, select_peers, within_reasons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from its_eval.config import Config, Event, Outcome
    from its_eval.data.faults import Finding
    from its_eval.pipeline.sources import Sources


@dataclass(frozen=True)
class OutcomePlan:
    """One outcome, ready to be fitted.

    Attributes
    ----------
    outcome : Outcome
        Its settings.
    treated : tuple of str
        Treated units, in the order of the config.
    panel : Panel
        Its data on the window.
    interruption : Interruption
        T0 within the window.
    season : Season
        Seasonal form asked for.
    masked : ndarray of bool, shape (n,)
        Periods taken out by events.
    mask_reasons : tuple of str, length n
        Why a period is not used; blank when it is.
    unit_masks : mapping of str to mapping of int to str
        Periods taken out for one unit alone, with the event's name.
    peer_sets : mapping of str to PeerSet
        By treated unit; empty without peers.
    no_peers : mapping of str to str
        Treated units without peers and why.
    findings : tuple of Finding
        Observations about the data of this outcome.
    """

    outcome: Outcome
    treated: tuple[str, ...]
    panel: Panel
    interruption: Interruption
    season: Season
    masked: NDArray[np.bool_]
    mask_reasons: tuple[str, ...]
    unit_masks: Mapping[str, Mapping[int, str]]
    peer_sets: Mapping[str, PeerSet]
    no_peers: Mapping[str, str]
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Periods that may enter a fit: not masked for all units and not in an excluded phase-in."""
        return usable_periods(self.panel.n_periods, self.interruption, self.masked)

    @property
    def positions(self) -> list[int]:
        """Place of each period in its year."""
        panel = self.panel
        return [season_position(panel.start + index, panel.frequency) for index in range(panel.n_periods)]

    @property
    def per_year(self) -> int:
        """Periods in a year."""
        return PERIODS_PER_YEAR[self.panel.frequency]

    @property
    def start_period(self) -> str:
        """ISO text of T0."""
        return format_period(self.panel.start + self.interruption.start, self.panel.frequency)

    @property
    def start_in_words(self) -> str:
        """T0 for sentences, e.g. ``July 2015``."""
        return describe_period(self.panel.start + self.interruption.start, self.panel.frequency)


@dataclass(frozen=True)
class Plan:
    """All outcomes of a config and what deserves a reader's attention before any fit.

    Attributes
    ----------
    outcomes : tuple of OutcomePlan
        In the order of the config.
    findings : tuple of Finding
        Observations about all data.
    notes : tuple of str
        Sentences for the summary and the manifest.
    """

    outcomes: tuple[OutcomePlan, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def make_plan(config: Config, sources: Sources) -> Plan:
    """Plan every outcome, collecting the faults of all of them.

    Raises
    ------
    DataError
        When rows that the run uses are faulty, a treated unit is nowhere in the data, or the interruption
        lies outside the window.
    """
    problems = [*_unknown_units(config, sources), *_unknown_columns(config, sources)]
    outcomes: list[OutcomePlan] = []
    findings: list[Finding] = list(sources.rows.findings)
    indicators = set(sources.rows.frame["indicator"])
    for outcome in config.outcomes:
        if outcome.indicator not in indicators:
            problems.append(
                f"outcome {outcome.indicator!r}: the data have no such indicator; "
                f"{nearest(outcome.indicator, sorted(indicators))}"
            )
            continue
        try:
            plan = _plan_outcome(config, sources, outcome)
        except DataError as error:
            problems += error.problems
            continue
        outcomes.append(plan)
        findings += plan.findings
    if problems:
        raise DataError(
            shorten(list(dict.fromkeys(problems))), "its-eval validate shows all faults of config and data"
        )
    notes = [*_unknown_names(config, sources), *_notes(config, outcomes)]
    return Plan(tuple(outcomes), tuple(findings), tuple(notes))


def _unknown_units(config: Config, sources: Sources) -> list[str]:
    known = sorted(set(sources.rows.frame["unit"]))
    problems = [
        f"treated unit {unit!r} is not in the indicator data; {nearest(unit, known)}"
        for unit in config.treated
        if unit not in known
    ]
    if config.peers is not None:
        listed = {peer for peers in config.peers.given.values() for peer in peers}
        problems += [
            f"peers.given names {peer!r}, which is not in the indicator data; {nearest(peer, known)}"
            for peer in sorted(listed - set(known))
        ]
    return problems


def _unknown_names(config: Config, sources: Sources) -> list[str]:
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


def _unknown_columns(config: Config, sources: Sources) -> list[str]:
    """Return a problem for each column of ``peers.within`` that the units table does not have."""
    wanted = config.peers.within if config.peers is not None else ()
    return [
        f"peers.within: the units table has no column {name!r}; "
        f"{nearest(name.removeprefix('units.'), sources.units.columns)}"
        for name in wanted
        if sources.units.column(name) is None
    ]


def _pool(config: Config, sources: Sources) -> set[str]:
    """Return every unit that may serve as a peer."""
    if config.peers is None:
        return set()
    pool = {peer for peers in config.peers.given.values() for peer in peers}
    if sources.scaled is not None and set(config.treated) - set(config.peers.given):
        pool |= set(sources.scaled.units)
    return pool - set(config.treated)


def _plan_outcome(config: Config, sources: Sources, outcome: Outcome) -> OutcomePlan:
    frequency = config.data.frequency
    rows = sources.rows
    if not (rows.frame["indicator"].eq(outcome.indicator) & rows.frame["unit"].isin(config.treated)).any():
        raise DataError([f"outcome {outcome.indicator!r}: no treated unit has data for it"])
    bounds = (
        None if outcome.start is None else parse_period(outcome.start, frequency),
        None if outcome.end is None else parse_period(outcome.end, frequency),
    )
    date = config.intervention.date
    pool = _pool(config, sources)
    excluded = config.peers.exclude if config.peers is not None else ()
    used_units = (pool - set(excluded)) | set(config.treated)
    found = [*rows.findings, *row_findings(rows, outcome)]
    try:
        span = window(rows, outcome, config.treated, bounds)
    except ValueError as error:
        concerned = [item for item in found if concerns_run(item, used_units, ALL_PERIODS, outcome.indicator)]
        messages = [item.message for item in concerned if item.severity == "error"]
        raise DataError([*messages, f"outcome {outcome.indicator!r}: {error}"]) from None
    span_text = (format_period(span[0], frequency), format_period(span[1], frequency))
    panel = build_panel(rows, outcome, span, config.data.min_denominator)
    start = panel.index_of(parse_period(date, frequency))
    interruption = Interruption(
        config.intervention.name,
        start,
        config.intervention.shape,
        config.intervention.phase_in.periods,
        config.intervention.phase_in.as_ == "ramp",
    )
    masked, reasons = _masked(config, outcome, panel, interruption)
    unit_masks = _unit_masks(config, outcome, panel)
    usable = usable_periods(panel.n_periods, interruption, masked)
    gaps = missing_findings(
        panel,
        outcome,
        used_units,
        gaps_are_errors=config.data.missing == "error",
        treated=config.treated,
        unused={unit: {*np.flatnonzero(~usable).tolist(), *unit_masks.get(unit, ())} for unit in panel.units},
    )
    problems = [
        item.message
        for item in found
        if item.severity == "error"
        and concerns_run(item, used_units, span_text, outcome.indicator)
        and not _is_masked(item, panel, usable, unit_masks)
    ]
    problems += [item.message for item in gaps if item.severity == "error"]
    if not 0 < start < panel.n_periods:
        where = "leaves no period before it in" if start == 0 else "lies outside"
        problems.append(
            f"outcome {outcome.indicator!r}: the intervention {date} {where} "
            f"its data, {span_text[0]} to {span_text[1]}"
        )
    if problems:
        raise DataError(problems)
    panel = panel.without({unit: list(periods) for unit, periods in unit_masks.items()})
    peer_sets, no_peers = _peers(config, sources, outcome, panel, usable, interruption)
    return OutcomePlan(
        outcome,
        config.treated,
        panel,
        interruption,
        _season(outcome, frequency),
        masked,
        reasons,
        unit_masks,
        peer_sets,
        no_peers,
        (*row_findings(rows, outcome), *gaps),
    )


def _is_masked(
    item: Finding, panel: Panel, usable: NDArray[np.bool_], unit_masks: Mapping[str, Mapping[int, str]]
) -> bool:
    """Return whether a finding stands in a period of the window that is not used."""
    if not item.period:
        return False
    index = panel.index_of(parse_period(item.period, panel.frequency))
    return not usable[index] or index in unit_masks.get(item.unit, {})


def _season(outcome: Outcome, frequency: str) -> Season:
    chosen = outcome.seasonality
    if chosen.kind == "harmonics":
        return Season("harmonics", chosen.harmonics or 1)
    if chosen.kind in ("months", "quarters"):
        return Season("dummies")
    return Season("auto" if chosen.kind == "auto" and frequency != "year" else "none")


def _masked(
    config: Config, outcome: Outcome, panel: Panel, interruption: Interruption
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Return the periods that events take out, and for every unused period the reason."""
    reasons = [""] * panel.n_periods
    for index in range(max(interruption.start, 0), min(interruption.first_effect, panel.n_periods)):
        reasons[index] = f"phase-in of {interruption.name}"
    masked = np.zeros(panel.n_periods, dtype=bool)
    for event in _masks(config, outcome):
        if not event.units:
            for index in _event_periods(event, panel):
                masked[index] = True
                reasons[index] = event.name
    return masked, tuple(reasons)


def _masks(config: Config, outcome: Outcome) -> list[Event]:
    """Return the events that take periods out of this outcome."""
    return [
        event
        for event in config.events
        if event.as_ == "mask" and (not event.outcomes or outcome.indicator in event.outcomes)
    ]


def _event_periods(event: Event, panel: Panel) -> range:
    first = panel.index_of(parse_period(event.date, panel.frequency))
    last = first if event.until is None else panel.index_of(parse_period(event.until, panel.frequency))
    return range(max(first, 0), min(last + 1, panel.n_periods))


def _unit_masks(config: Config, outcome: Outcome, panel: Panel) -> dict[str, dict[int, str]]:
    """Return the periods that events take out for single units."""
    found: dict[str, dict[int, str]] = {}
    for event in _masks(config, outcome):
        for unit in event.units:
            if unit in panel.units:
                found.setdefault(unit, {}).update(dict.fromkeys(_event_periods(event, panel), event.name))
    return found


def _peers(
    config: Config,
    sources: Sources,
    outcome: Outcome,
    panel: Panel,
    usable: NDArray[np.bool_],
    interruption: Interruption,
) -> tuple[dict[str, PeerSet], dict[str, str]]:
    settings = config.peers
    if settings is None:
        return {}, {}
    after = np.arange(panel.n_periods) >= interruption.start
    coverage = 1.0 if config.data.missing == "error" else settings.min_coverage
    thin = coverage_reasons(panel, (usable & ~after, usable & after), coverage)
    candidates = tuple(sorted(_pool(config, sources) | set(config.treated)))
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


def _notes(config: Config, outcomes: list[OutcomePlan]) -> list[str]:
    notes = []
    settings = config.peers
    if settings is not None and settings.preset is not None and outcomes:
        preset = PRESETS[settings.preset]
        first = outcomes[0]
        year = period_start(first.panel.start + first.interruption.start, first.panel.frequency).year
        if preset.dated and int(preset.dated) >= year:
            notes.append(
                f"The characteristics of the {preset.title} describe {preset.dated}, after the start in "
                f"{first.start_in_words}: peers are matched on values that the intervention may have changed."
            )
    for plan in outcomes:
        sets = [
            peers
            for peers in plan.peer_sets.values()
            if peers.scaled is not None and (peers.pool_ranks > 0).all()
        ]
        asked = sum(len(peers.peers) for peers in sets)
        kept = sum(peers.nearest_kept for peers in sets)
        if asked and kept < asked:
            notes.append(
                f"{plan.outcome.label}: {kept} of the {asked} nearest candidates are eligible peers; "
                f"the next nearest fill up the other {asked - kept} places. "
                "The table peer_exclusions gives each reason."
            )
    return notes
