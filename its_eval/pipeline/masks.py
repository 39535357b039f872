"""Periods that are taken out: masked by events, for all units or for one, or in an excluded phase-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.periods import parse_period

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config, Event, Outcome
    from its_eval.data.panel import Panel
    from its_eval.design.matrix import Interruption


def masked_periods(
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


def unit_masked_periods(config: Config, outcome: Outcome, panel: Panel) -> dict[str, dict[int, str]]:
    """Return the periods that events take out for single units."""
    found: dict[str, dict[int, str]] = {}
    for event in _masks(config, outcome):
        for unit in event.units:
            if unit in panel.units:
                found.setdefault(unit, {}).update(dict.fromkeys(_event_periods(event, panel), event.name))
    return found


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
