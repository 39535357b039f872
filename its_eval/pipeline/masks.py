"""What events do to a series: periods taken out for all units or for one, and further interruptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.config.stratified import listed_as
from its_eval.data.periods import parse_period
from its_eval.design.interruption import Interruption

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config, Event, Outcome
    from its_eval.data.panel import Panel


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
        start = panel.index_of(parse_period(event.date, panel.frequency))
        if 0 < start < panel.n_periods:
            inside.append(Interruption(event.name, start, event.as_))  # type: ignore[arg-type]
        else:
            outside.append(event.name)
    return tuple(inside), tuple(outside)


def concerning(config: Config, outcome: Outcome, *kinds: str) -> list[Event]:
    """Return the events of some kinds that concern an outcome."""
    return [
        event
        for event in config.events
        if event.as_ in kinds and (not event.outcomes or listed_as(outcome) in event.outcomes)
    ]


def _event_periods(event: Event, panel: Panel) -> range:
    first = panel.index_of(parse_period(event.date, panel.frequency))
    last = first if event.until is None else panel.index_of(parse_period(event.until, panel.frequency))
    return range(max(first, 0), min(last + 1, panel.n_periods))
