"""What will be fitted: who is treated from when, what events take out, and the plan of each outcome."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from its_eval.config.outcomes import evaluated_outcomes, listed_as, source_names
from its_eval.design.matrix import Interruption, Season, Trend, build_design, usable_periods
from its_eval.errors import DataError
from its_eval.scales import SCALES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config, Event, Outcome, Seasonality
    from its_eval.data.faults import Finding
    from its_eval.data.load import IndicatorRows
    from its_eval.data.panel import Panel
    from its_eval.design.matrix import Design
    from its_eval.peers.select import PeerSet


@dataclass(frozen=True, eq=False)
class Others(Sequence[str]):
    """Everybody of a pool but one of them: as long as the pool, without a list of its own.

    Attributes
    ----------
    pool : tuple of str
        Shared by all of whom it is the pool.
    unit : str
        Who is left out.
    """

    pool: tuple[str, ...]
    unit: str

    def __len__(self) -> int:
        """Return how many they are."""
        return len(self.pool) - 1

    def __iter__(self) -> Iterator[str]:
        """Yield them in the order of the pool."""
        return (code for code in self.pool if code != self.unit)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        """Return one or some of them."""
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        """Return whether they are those of the same pool."""
        return isinstance(other, Others) and self.pool is other.pool and self.unit == other.unit

    def __hash__(self) -> int:
        """Return a number that does not take reading the pool."""
        return hash((id(self.pool), self.unit))


class Target(Struct, frozen=True):
    """One series to be made: a unit, whom it is compared with, and what interrupts it.

    Attributes
    ----------
    unit : str
        Its code.
    interruptions : tuple of Interruption
        The intervention first, then fitted events.
    peers : tuple of str, or Others
        Empty for the single design.
    """

    unit: str
    interruptions: tuple[Interruption, ...]
    peers: tuple[str, ...] | Others = ()


class OutcomePlan(Struct, frozen=True, dict=True):
    """One outcome, ready to be fitted.

    Attributes
    ----------
    outcome : Outcome
        Its settings.
    treated : tuple of str
        Treated units, in the order of the config.
    panel : Panel
        Its data on the window.
    interruptions : mapping of str to tuple of Interruption
        By treated unit: the intervention first, then fitted events.
    season : Season
        Seasonal form asked for.
    masked : ndarray of bool, shape (n,)
        Periods taken out by events.
    mask_reasons : tuple of str, length n
        The event that takes a period out; blank when none does.
    unit_masks : mapping of str to mapping of int to str
        Periods taken out for one unit alone, with the event's name.
    peer_sets : mapping of str to PeerSet
        By treated unit; empty without peers.
    no_peers : mapping of str to str
        Treated units without peers and why.
    findings : tuple of Finding
        Observations about the data of this outcome.
    covariates : mapping of str to ndarray, shape (n, units)
        By name, for the units of the panel.
    donors : mapping of str to tuple of str
        By treated unit: every unit that may serve as its peer, whether or not it is near.
    weighted : bool
        Whether percentages with denominators are weighted by their sampling variance.
    complete_only : bool
        Whether a unit with a gap in a usable period is left out.
    trend : {"none", "linear", "quadratic"}
        The course of a series without any interruption.
    min_segment : int or None
        Periods of a segment that are enough on purpose, for estimators without a model of the errors.
    outside : mapping of str to str
        Treated units, not among `treated`, that were so throughout the window or not yet, and which it is.
    """

    outcome: Outcome
    treated: tuple[str, ...]
    panel: Panel
    interruptions: Mapping[str, tuple[Interruption, ...]]
    season: Season
    masked: NDArray[np.bool_]
    mask_reasons: tuple[str, ...]
    unit_masks: Mapping[str, Mapping[int, str]]
    peer_sets: Mapping[str, PeerSet]
    no_peers: Mapping[str, str]
    findings: tuple[Finding, ...]
    covariates: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    donors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    weighted: bool = True
    complete_only: bool = False
    trend: Trend = "linear"
    min_segment: int | None = None
    outside: Mapping[str, str] = field(default_factory=dict)

    @property
    def n_asked(self) -> int:
        """How many treated units the config has, whether or not they can be answered."""
        return len(self.treated) + len(self.outside)

    def usable(self, interruptions: tuple[Interruption, ...]) -> NDArray[np.bool_]:
        """Return the periods that may enter a fit: not masked for all units, in no excluded phase-in."""
        return usable_periods(self.panel.n_periods, interruptions, self.masked)

    def design(
        self,
        interruptions: Sequence[Interruption],
        season: Season,
        covariates: NDArray[np.float64] | None = None,
        covariate_names: Sequence[str] = (),
        observed: NDArray[np.bool_] | None = None,
    ) -> Design:
        """Build a design on the window; parameters as for `build_design`."""
        return build_design(
            self.positions,
            self.per_year,
            self.panel.frequency,
            interruptions,
            season,
            self.masked,
            covariates,
            covariate_names,
            trend=self.trend,
            observed=observed,
        )

    @cached_property
    def scaled(self) -> NDArray[np.float64]:
        """Values of all units on the scale of the fit, shape (n, units)."""
        return SCALES[self.outcome.transform].to(self.panel.values, self.panel.denominators)

    def windowed(self, first: int, end: int) -> OutcomePlan:
        """Return the plan on the periods from `first` up to but not including `end`."""
        kept = slice(first, end)
        interruptions = {
            unit: tuple(
                replace(item, start=item.start - first)
                for place, item in enumerate(found)
                # an event before the first period has become part of the level
                if place == 0 or first < item.start < end
            )
            for unit, found in self.interruptions.items()
        }
        return replace(
            self,
            panel=self.panel.windowed(first, end),
            interruptions=interruptions,
            masked=self.masked[kept],
            mask_reasons=self.mask_reasons[kept],
            unit_masks={
                unit: {index - first: name for index, name in masks.items() if first <= index < end}
                for unit, masks in self.unit_masks.items()
            },
            covariates={name: values[kept] for name, values in self.covariates.items()},
        )

    @property
    def staggered(self) -> bool:
        """Whether the treated units start at different times."""
        return len({found[0].start for found in self.interruptions.values()}) > 1

    @property
    def first_start(self) -> int:
        """The earliest T0 of any treated unit."""
        return min(found[0].start for found in self.interruptions.values())

    @property
    def positions(self) -> list[int]:
        """Place of each period in its year."""
        panel = self.panel
        return [panel.calendar.season_position(panel.start + index) for index in range(panel.n_periods)]

    @property
    def per_year(self) -> int:
        """Periods in a year."""
        return self.panel.calendar.per_year

    def period(self, index: int) -> str:
        """Return the ISO text of a period counted from the start of the window."""
        return self.panel.calendar.format(self.panel.start + index)

    def period_in_words(self, index: int) -> str:
        """Return a period for sentences, e.g. ``July 2015``."""
        return self.panel.calendar.describe(self.panel.start + index)

    @property
    def start_period(self) -> str:
        """ISO text of the earliest T0."""
        return self.period(self.first_start)

    @property
    def start_in_words(self) -> str:
        """The earliest T0 for sentences, e.g. ``July 2015``; with staggered starts the span of all."""
        starts = sorted({found[0].start for found in self.interruptions.values()})
        first = self.period_in_words(starts[0])
        return first if len(starts) == 1 else f"{first} to {self.period_in_words(starts[-1])}"


class Plan(Struct, frozen=True):
    """All outcomes of a config and what deserves a reader's attention before any fit.

    Attributes
    ----------
    outcomes : tuple of OutcomePlan
        In the order of the config.
    absent : tuple of str
        Names of outcomes for which no treated unit has data.
    findings : tuple of Finding
        Observations about all data.
    notes : tuple of str
        Sentences for the summary and the manifest.
    treated : tuple of str
        All treated units.
    """

    outcomes: tuple[OutcomePlan, ...]
    absent: tuple[str, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    treated: tuple[str, ...] = ()


class Treatment(Struct, frozen=True):
    """The treated units of a config, resolved against the data.

    Attributes
    ----------
    units : tuple of str
        In the order of the config; for ``treated: each`` every unit of the data, sorted.
    dates : mapping of str to str
        First affected period of each unit.
    each : bool
        Every unit in turn, all others being its donors.
    outside : tuple of str
        Units treated throughout an outcome's window or not yet, which are not among `units` there.
    """

    units: tuple[str, ...]
    dates: Mapping[str, str]
    each: bool = False
    outside: tuple[str, ...] = ()

    @property
    def barred(self) -> frozenset[str]:
        """Units that are never donors: the treated ones, unless every unit is treated in turn."""
        return frozenset() if self.each else frozenset((*self.units, *self.outside))

    def without(self, outside: Collection[str]) -> Treatment:
        """Return the treatment with some units as those that cannot be answered."""
        dates = {unit: date for unit, date in self.dates.items() if unit not in outside}
        return replace(self, units=tuple(dates), dates=dates, outside=tuple(outside))


def treatment_of(config: Config, rows: IndicatorRows) -> Treatment:
    """Resolve the treated units; for ``each``, those with a value of any evaluated indicator."""
    units = config.treated_units
    if config.each:
        wanted = {name for outcome in evaluated_outcomes(config.outcomes) for name in source_names(outcome)}
        units = tuple(sorted(rows.frame.loc[rows.frame["indicator"].isin(wanted), "unit"].unique()))
    common = config.intervention.date or ""
    return Treatment(units, {unit: config.treated_dates.get(unit, common) for unit in units}, config.each)


def masked_periods(
    config: Config, outcome: Outcome, panel: Panel
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Return the periods that events take out for all units, and for each of them the event."""
    reasons = [""] * panel.n_periods
    masked = np.zeros(panel.n_periods, dtype=bool)
    for event in concerning(config, outcome, "mask"):
        if not event.units:
            for index in _event_periods(event, panel):
                masked[index] = True
                reasons[index] = event.name
    return masked, tuple(reasons)


def unit_masked_periods(config: Config, outcome: Outcome, panel: Panel) -> dict[str, dict[int, str]]:
    """Return the periods that events take out for single units."""
    found: dict[str, dict[int, str]] = {}
    for event in concerning(config, outcome, "mask"):
        for unit in event.units:
            if unit in panel.units:
                found.setdefault(unit, {}).update(dict.fromkeys(_event_periods(event, panel), event.name))
    return found


def fitted_events(
    config: Config, outcome: Outcome, panel: Panel, unit: str
) -> tuple[tuple[Interruption, ...], tuple[str, ...]]:
    """Return the events that interrupt a unit's series within the window, and the names of those outside."""
    inside: list[Interruption] = []
    outside: list[str] = []
    for event in concerning(config, outcome, "step", "slope", "step_and_slope"):
        if event.units and unit not in event.units:
            continue
        start = panel.index_of(panel.calendar.parse(event.date))
        if 0 < start < panel.n_periods:
            inside.append(Interruption(event.name, start, event.as_, key="as"))
        else:
            outside.append(event.name)
    return tuple(inside), tuple(outside)


def interruptions_of(
    config: Config, outcome: Outcome, panel: Panel, treatment: Treatment
) -> tuple[dict[str, tuple[Interruption, ...]], tuple[str, ...]]:
    """Return what interrupts each treated unit, and the fitted events that lie outside the window.

    Units to which the same happened share one object.
    """
    settings = config.intervention
    named = {unit for event in config.events for unit in event.units}
    made: dict[tuple[str, str], tuple[Interruption, ...]] = {}
    interruptions: dict[str, tuple[Interruption, ...]] = {}
    outside: list[str] = []
    for unit, date in treatment.dates.items():
        key = (date, unit if unit in named else "")
        if key not in made:
            main = Interruption(
                settings.name,
                panel.index_of(panel.calendar.parse(date)),
                settings.shape,
                settings.phase_in.periods,
                settings.phase_in.as_ == "ramp",
                settings.length or 0.0,
            )
            events, missed = fitted_events(config, outcome, panel, unit)
            made[key] = (main, *events)
            outside += missed
        interruptions[unit] = made[key]
    return interruptions, tuple(dict.fromkeys(outside))


#: So many units with the same fault are named.
_SHOWN_UNITS = 6
_OUTSIDE = "correct the date, or take the unit out of `treated`"


def starts_outside(
    outcome: Outcome, panel: Panel, treatment: Treatment, *, before_alone: bool = False
) -> dict[str, str]:
    """Return the units whose intervention has no period before it or lies outside the window, and which.

    `before_alone` is for data that end before the start: it may lie after the window.

    Raises
    ------
    DataError
        When it is so of all of them, with a problem for each date.
    """
    span = " to ".join(panel.calendar.format(panel.start + index) for index in (0, panel.n_periods - 1))
    found: dict[str, str] = {}
    for unit, date in treatment.dates.items():
        start = panel.index_of(panel.calendar.parse(date))
        if not 0 < start < (max(start + 1, panel.n_periods) if before_alone else panel.n_periods):
            where = "leaves no period before it in" if start == 0 else "lies outside"
            found[unit] = f"the intervention {date} {where} its data, {span}"
    if len(found) < len(treatment.dates):
        return {unit: f"{said}: {_OUTSIDE}" for unit, said in found.items()}
    problems = []
    for said in sorted(set(found.values())):
        units = [unit for unit, own in found.items() if own == said]
        named = ", ".join(units[:_SHOWN_UNITS]) + (", …" if len(units) > _SHOWN_UNITS else "")
        which = f" (of {named}): {_OUTSIDE}" if len(units) < len(found) else ""
        problems.append(f"outcome {outcome.indicator!r}: {said}{which}")
    raise DataError(problems)


def concerning(config: Config, outcome: Outcome, *kinds: str) -> list[Event]:
    """Return the events of some kinds that concern an outcome."""
    return [
        event
        for event in config.events
        if event.as_ in kinds and (not event.outcomes or listed_as(outcome) in event.outcomes)
    ]


def _event_periods(event: Event, panel: Panel) -> range:
    first = panel.index_of(panel.calendar.parse(event.date))
    last = first if event.until is None else panel.index_of(panel.calendar.parse(event.until))
    return range(max(first, 0), min(last + 1, panel.n_periods))


def season_of(chosen: Seasonality, frequency: str) -> Season:
    """Return the seasonal form that a setting asks for."""
    if chosen.kind == "harmonics":
        return Season("harmonics", chosen.harmonics or 1)
    if chosen.kind in ("months", "quarters", "weeks"):
        return Season("dummies")
    return Season("auto" if chosen.kind == "auto" and frequency != "year" else "none")


def windows_missing(config: Config) -> list[str]:
    """Return a problem for each outcome whose periods cannot be counted without data."""
    return [
        f"outcomes[{place}]: {item.indicator} needs `start` and `end`, so that the periods can be counted "
        "without data"
        for place, item in enumerate(config.outcomes)
        if item.start is None or item.end is None
    ]


def planned_treatment(config: Config) -> Treatment:
    """Return the treated units before any data exist; one without a name for ``treated: each``."""
    units = config.treated_units or ("",)
    common = str(config.intervention.date)
    return Treatment(units, {unit: config.treated_dates.get(unit, common) for unit in units})


def planned_designs(
    config: Config, outcome: Outcome, treatment: Treatment, panel: Panel
) -> Iterator[tuple[Design, NDArray[np.bool_], list[str]]]:
    """Yield the designs on a window with the periods that have a value, and the units that have them.

    Parameters
    ----------
    config, outcome, treatment
        What is asked.
    panel : Panel
        The window; of its values nothing is read.
    """
    calendar = panel.calendar
    found, _ = interruptions_of(config, outcome, panel, treatment)
    masked, _ = masked_periods(config, outcome, panel)
    unit_masks = unit_masked_periods(config, outcome, panel)
    groups: dict[tuple[tuple[Interruption, ...], tuple[int, ...]], list[str]] = {}
    for unit in treatment.units:
        groups.setdefault((found[unit], tuple(sorted(unit_masks.get(unit, ())))), []).append(unit)
    positions = [calendar.season_position(panel.start + index) for index in range(panel.n_periods)]
    for (interruptions, lost), units in groups.items():
        if 0 < interruptions[0].start < panel.n_periods:
            with_value = ~np.isin(np.arange(panel.n_periods), lost)
            design = build_design(
                positions,
                calendar.per_year,
                panel.frequency,
                interruptions,
                season_of(outcome.seasonality, calendar.frequency),
                masked,
                trend=outcome.trend,
                observed=with_value,
            )
            yield design, design.usable & with_value, units
