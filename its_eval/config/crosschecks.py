"""Checks that need more than one key of the config.

Each takes the keys that were found good, None where one was not, and returns faults with their places. A
check that lacks what it needs says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from its_eval.calendar import Calendar
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.config.analysis import (
    OF_A_TERM,
    Estimands,
    Event,
    Intervention,
    Sensitivity,
)
from its_eval.config.data import DataSettings
from its_eval.config.estimators import is_family
from its_eval.config.faults import Fault, KeyPath, did_you_mean, one_of, show
from its_eval.config.outcomes import (
    MOST_HARMONICS,
    SEASON_WORDS,
    Outcome,
    Seasonality,
    gap_estimators_missing,
    season_choices,
)
from its_eval.config.peers import PeerSettings
from its_eval.design.shapes import SHAPES
from its_eval.estimators.catalogue import ESTIMATORS


def _ordinal(text: str | None, calendar: Calendar) -> int | None:
    """Return the ordinal of a period; None when there is none or it cannot be read."""
    try:
        return None if text is None else calendar.parse(text)
    except ValueError:
        return None


def _period_faults(texts: Mapping[KeyPath, str | None], data: DataSettings | None) -> Iterator[Fault]:
    if data is None:
        return
    for path, text in texts.items():
        if text is not None and _ordinal(text, data.calendar) is None:
            expected = f"a {data.frequency} such as {data.calendar.example}"
            yield Fault(path, f"{show(text)} is not a {data.frequency} of the calendar", expected)


def intervention_faults(intervention: Intervention, data: DataSettings | None) -> Iterator[Fault]:
    """Return faults of the date."""
    return _period_faults({("date",): intervention.date}, data)


def treated_faults(
    treated: object, intervention: Intervention | None, data: DataSettings | None
) -> Iterator[Fault]:
    """Return faults of the units' own dates, or of a date that is nowhere."""
    if isinstance(treated, Mapping):
        yield from _period_faults({(unit,): date for unit, date in treated.items()}, data)
    elif intervention is not None and intervention.date is None:
        what = "missing: the treated units have no dates of their own"
        yield Fault(("intervention", "date"), what, "the first affected period, e.g. 2015-07", absolute=True)


def event_faults(
    events: Sequence[Event], data: DataSettings | None, intervention: Intervention | None
) -> Iterator[Fault]:
    """Return faults of the dates, and of an end before the start."""
    shape, fitted_from = "", None
    if intervention is not None and data is not None and SHAPES[intervention.shape].by_period:
        shape, fitted_from = intervention.shape, _ordinal(intervention.date, data.calendar)
    for place, event in enumerate(events):
        if data is not None and fitted_from is not None and event.as_ in SHAPES:
            start = _ordinal(event.date, data.calendar)
            if start is not None and start >= fitted_from:
                what = f"{show(event.as_)}: from the start of the intervention, of shape {shape}, each period"
                expected = "note or mask, or another shape"
                yield Fault((place, "as"), f"{what} has an effect of its own", expected)
        yield from _period_faults({(place, "date"): event.date, (place, "until"): event.until}, data)
        if data is not None:
            start, end = _ordinal(event.date, data.calendar), _ordinal(event.until, data.calendar)
            if start is not None and end is not None and end < start:
                yield Fault(
                    (place, "until"), f"{show(event.until)} is before the date", f"{event.date} or later"
                )


def peer_faults(
    peers: PeerSettings, data: DataSettings | None, treated: Collection[str] | str | None
) -> Iterator[Fault]:
    """Return faults of given peers, and of tables that a search would need.

    `treated` is the units, or their mapping to dates, or the word ``each``.
    """
    if treated is not None and not isinstance(treated, str):
        yield from _given_faults(peers, tuple(treated))
    if data is not None:
        yield from _table_faults(peers, data, treated)


def _given_faults(peers: PeerSettings, treated: Sequence[str]) -> Iterator[Fault]:
    for unit, given in peers.given.items():
        if unit not in treated:
            guess = did_you_mean(unit, treated)
            yield Fault(("given", unit), f"{show(unit)} is not a treated unit{guess}", one_of(treated))
        for place, peer in enumerate(given):
            if peer in treated:
                yield Fault(("given", unit, place), f"{show(peer)} is treated itself", "an untreated unit")


def _table_faults(
    peers: PeerSettings, data: DataSettings, treated: Collection[str] | str | None
) -> Iterator[Fault]:
    searched = treated is not None and (isinstance(treated, str) or not set(treated) <= set(peers.given))
    # every other unit is a peer whatever it is like
    every = peers.k == "all" and peers.preset is None and not peers.variables
    if searched and peers.match == "characteristics" and data.characteristics is None and not every:
        what = "peers cannot be searched without data.characteristics"
        yield Fault((), what, "that table, `given` for every treated unit, or `k: all`")
    if data.units is None:
        for place, column in enumerate(peers.within):
            if column.casefold().startswith("units."):
                what = f"{show(column)} is a column of data.units, which is left out"
                yield Fault(("within", place), what, "that table, or a column of data.characteristics")


def outcome_faults(
    outcomes: Sequence[Outcome], inherited: Sequence[AbstractSet[str]], validated: Mapping[str, Any]
) -> Iterator[Fault]:
    """Return faults of resolved outcomes.

    Parameters
    ----------
    outcomes : sequence of Outcome
        With everything filled in.
    inherited : sequence of set of str
        The keys that each outcome took from `outcome_defaults`, where their faults are shown.
    validated : mapping
        The keys of the config that were found good so far.
    """
    seen: set[tuple[KeyPath, str]] = set()
    data: DataSettings | None = validated.get("data")
    intervention: Intervention | None = validated.get("intervention")
    indicators: set[str] = set()
    labels: set[str] = set()
    for place, outcome in enumerate(outcomes):
        faults = [*_repeated(outcome, indicators, labels), *_kind_faults(outcome), *_control_faults(outcome)]
        indicators.add(outcome.indicator)
        labels.add(outcome.label)
        if data is not None:
            dates = _first_periods(intervention, validated.get("treated"))
            faults += [
                *_window_faults(outcome, data, dates),
                *_season_faults(outcome.seasonality, data.frequency, ("seasonality",)),
            ]
        for fault in faults:
            path: KeyPath = ("outcomes", place, *fault.path)
            if fault.path[0] in inherited[place]:
                path = ("outcome_defaults", *fault.path)
            # a faulty default is one fault, however many outcomes take it
            if (path, fault.what) not in seen:
                seen.add((path, fault.what))
                yield Fault(path, fault.what, fault.expected, absolute=True)
    names = [outcome.name for outcome in outcomes]
    for place, event in enumerate(validated.get("events", ())):
        for position, name in enumerate(event.outcomes):
            if name not in names:
                what = f"{show(name)} is not an outcome{did_you_mean(name, names)}"
                yield Fault(("events", place, "outcomes", position), what, one_of(names), absolute=True)


def _repeated(outcome: Outcome, indicators: set[str], labels: set[str]) -> Iterator[Fault]:
    """Yield the fault of an outcome whose indicator, or else whose label, one before it has."""
    if outcome.indicator in indicators:
        yield Fault(
            ("indicator",), f"{show(outcome.indicator)} has an outcome already", "one outcome per indicator"
        )
    elif outcome.label in labels:
        yield Fault(
            ("label",), f"{show(outcome.label)} is the label of another outcome", "a label of its own"
        )


def _control_faults(outcome: Outcome) -> Iterator[Fault]:
    """Yield faults of control outcomes that are none, or that have no series like those of the outcome."""
    if outcome.controls and outcome.strata is not None:
        what = "an outcome with strata has no control outcomes"
        yield Fault(("controls",), what, "either of the two")
    for position, name in enumerate(outcome.controls):
        if name == outcome.indicator:
            what = f"{show(name)} is the outcome itself"
            yield Fault(("controls", position), what, "an indicator that should not have changed")


def _kind_faults(outcome: Outcome) -> Iterator[Fault]:
    if outcome.per is not None and outcome.kind not in ("rate", "count"):
        what = f"{show(outcome.per)}: an outcome of kind {outcome.kind} is not shown per anything"
        yield Fault(("per",), what, "kind rate or count, or this key left out")


def _first_periods(intervention: Intervention | None, treated: object) -> list[str]:
    """Return the first affected periods of all treated units."""
    if isinstance(treated, Mapping):
        return sorted(set(treated.values()))
    return [] if intervention is None or intervention.date is None else [intervention.date]


def _window_faults(outcome: Outcome, data: DataSettings, dates: Sequence[str]) -> Iterator[Fault]:
    yield from _period_faults({("start",): outcome.start, ("end",): outcome.end}, data)
    start, end = _ordinal(outcome.start, data.calendar), _ordinal(outcome.end, data.calendar)
    if start is not None and end is not None and start >= end:
        yield Fault(
            ("end",), f"{show(outcome.end)} is not after the start", f"a period after {outcome.start}"
        )
        return
    starts = [(date, text) for text in dates if (date := _ordinal(text, data.calendar)) is not None]
    if not starts:
        return
    (first, first_text), (last, last_text) = min(starts), max(starts)
    if start is not None and start >= first:
        what = f"{show(outcome.start)} leaves no period before the intervention"
        yield Fault(("start",), what, f"a period before {first_text}")
    if end is not None and end < last:
        what = f"{show(outcome.end)} leaves no period after the intervention"
        yield Fault(("end",), what, f"{last_text} or later")


def _season_faults(season: Seasonality, frequency: str, path: KeyPath) -> Iterator[Fault]:
    """Return a fault when a series of this frequency cannot have such a season."""
    if season.kind == "harmonics":
        good = (season.harmonics or 0) <= MOST_HARMONICS[frequency]
        written = f"{{harmonics: {season.harmonics}}}"
    else:
        good = season.kind in SEASON_WORDS[frequency]
        written = show(season.kind)
    if not good:
        what = f"{written} does not go with frequency {frequency}"
        yield Fault(path, what, season_choices(frequency))


def design_faults(designs: Sequence[str], *, has_peers: bool) -> Iterator[Fault]:
    """Return a fault for each design that needs peers when there are none."""
    if not has_peers:
        for place, design in enumerate(designs):
            if design != "single":
                yield Fault(
                    (place,), f"{show(design)} needs peers, and `peers` is left out", "single, or `peers`"
                )


def estimand_faults(estimands: Estimands, shape: str) -> Iterator[Fault]:
    """Return a fault when the primary estimand is a term that the shape does not have."""
    terms = SHAPES[shape].terms
    if OF_A_TERM.get(estimands.primary, terms[0]) not in terms:
        has = [name for name in estimands.names if OF_A_TERM.get(name, terms[0]) in terms]
        yield Fault(
            ("primary",), f"{show(estimands.primary)} is not an estimand of shape {shape}", one_of(has)
        )


#: Choices that are about peers.
_OF_PEERS = ("k", "metric", "scale", "drop_characteristic", "random_donors")


def estimator_faults(outcomes: Sequence[Outcome], designs: Sequence[str], shape: str) -> Iterator[Fault]:
    """Return faults of estimators that cannot answer what is asked of an outcome.

    Parameters
    ----------
    outcomes : sequence of Outcome
        With their estimators settled.
    designs : sequence of str
        Designs of the config.
    shape : str
        Of the intervention.
    """
    if SHAPES[shape].by_period:
        yield from _prediction_faults(outcomes, designs, shape)
    controlled = [design for design in designs if COMPARISONS[design].is_controlled]
    for place, outcome in enumerate(outcomes):
        path = ("outcomes", place, "estimators")
        names = [estimator.name for estimator in outcome.estimators]
        for name in names:
            if is_family(name):
                yield from _family_faults(outcome, name, path)
        if outcome.controls and is_family(names[0]):
            what = f"{show(names[0])}: control outcomes are fitted and subtracted by linear models"
            yield Fault(path, what, "reml_ar first, or `controls` left out", absolute=True)
        if controlled and is_family(names[0]):
            what = f"{show(names[0])}: a family is for the design single, not for {controlled[0]}"
            yield Fault(path, what, "reml_ar first, or `designs: [single]`", absolute=True)
        if gap_estimators_missing(outcome):
            what = f"{', '.join(names)}: families are of counts, and a gap between strata has none"
            yield Fault(path, what, "reml_ar among them, or `strata` without `gap`", absolute=True)
        for design in designs:
            comparison = COMPARISONS[design]
            if comparison.one_model and not comparison.entries(outcome.estimators):
                what = f"{', '.join(names)}: none is for the design {design}"
                yield Fault(path, what, "newey_west or ols among them", absolute=True)


def _prediction_faults(outcomes: Sequence[Outcome], designs: Sequence[str], shape: str) -> Iterator[Fault]:
    """Yield faults of estimators and designs whose term of a single period is not its prediction error."""
    able = [name for name, kind in ESTIMATORS.items() if kind.predicts]
    for place, outcome in enumerate(outcomes):
        for estimator in outcome.estimators:
            by_segment = estimator.variance != "constant"
            if by_segment or estimator.name not in able:
                told = (
                    f"{estimator.name} with variance {estimator.variance}" if by_segment else estimator.name
                )
                what = f"{told} does not say how far single periods vary, which shape {shape} needs"
                yield Fault(("outcomes", place, "estimators"), what, one_of(able), absolute=True)
    for place, design in enumerate(designs):
        if COMPARISONS[design].one_model:
            what = f"{show(design)} is not for shape {shape}"
            fit = [name for name, item in COMPARISONS.items() if not item.one_model]
            yield Fault(("designs", place), what, one_of(fit), absolute=True)


def _family_faults(outcome: Outcome, name: str, path: tuple[str | int, ...]) -> Iterator[Fault]:
    kind = ESTIMATORS[name].of_kind
    if outcome.kind != kind:
        what = f"{show(name)} does not go with an outcome of kind {outcome.kind}"
        yield Fault(path, what, f"kind {kind}, or another estimator", absolute=True)


def history_faults(sensitivity: Sensitivity, peers: PeerSettings | None) -> Iterator[Fault]:
    """Return faults of choices that peers by the correlation of outcomes do not have."""
    if peers is None or peers.metric != "correlation":
        return
    for key, what in (("scale", "scale"), ("drop_characteristic", "characteristic to leave out")):
        if getattr(sensitivity, key):
            found = f"{show(getattr(sensitivity, key))}: metric correlation has no {what}"
            yield Fault((key,), found, "this key left out, or another peers.metric")


def sensitivity_faults(
    sensitivity: Sensitivity,
    data: DataSettings | None,
    intervention: Intervention | None,
    *,
    has_peers: bool,
) -> Iterator[Fault]:
    """Return faults of the choices to be tried."""
    if intervention is not None and sensitivity.length and not SHAPES[intervention.shape].length:
        what = f"shape {intervention.shape} has no length"
        having = one_of([name for name, shape in SHAPES.items() if shape.length])
        yield Fault(("length",), what, f"this key left out, or intervention.shape {having}")
    if intervention is not None and SHAPES[intervention.shape].by_period:
        for place, variance in enumerate(sensitivity.variance):
            if variance != "constant":
                what = f"{show(variance)}: shape {intervention.shape} leaves no variance after the start"
                yield Fault(("variance", place), what, "constant, or this key left out")
    if not has_peers:
        for name in _OF_PEERS:
            if getattr(sensitivity, name):
                yield Fault(
                    (name,), "peers are needed, and `peers` is left out", "this key left out, or `peers`"
                )
    if data is None:
        return
    for place, season in enumerate(sensitivity.season):
        yield from _season_faults(season, data.frequency, ("season", place))
    yield from _period_faults({("end", place): text for place, text in enumerate(sensitivity.end)}, data)
