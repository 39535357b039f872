"""One outcome of a block as a plan, with peers chosen once for outcomes that share them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.calendar import format_period, parse_period
from its_eval.data.dataset import coded_panel, coded_values, coded_window
from its_eval.data.faults import shorten
from its_eval.data.panel import require_filled
from its_eval.design.interruption import Interruption
from its_eval.errors import DataError
from its_eval.peers.select import lifetime_reasons
from its_eval.pipeline.peer_choice import PeerChoice, choose_peers, donor_pool, ineligible
from its_eval.pipeline.plan import OutcomePlan, fitted_events, masked_periods, unit_masked_periods
from its_eval.pipeline.planning import season_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.batch.blocks import Block
    from its_eval.config import Config, Outcome
    from its_eval.data.dataset import CodedRows, IndicatorArrays
    from its_eval.data.panel import Panel


class PeerMemory:
    """Choices of peers made so far in a block.

    Distances are between units, so the peers of two outcomes differ only where another set of units has
    enough data, or where the config gives them.
    """

    def __init__(self) -> None:
        self._known: dict[object, PeerChoice] = {}

    def choose(
        self,
        block: Block,
        outcome: Outcome,
        panel: Panel,
        starts: Mapping[str, Interruption],
        masked: NDArray[np.bool_],
    ) -> tuple[object, PeerChoice]:
        """Return the peers of an outcome, and a key that outcomes with the same peers share.

        The reasons for which units were set aside may be those of another outcome; a batch run does not
        write them down.
        """
        config, treatment, sources = block.config, block.treatment, block.sources
        if config.peers is None:
            return None, PeerChoice()
        candidates = tuple(sorted(donor_pool(config, sources, treatment) | set(treatment.units)))
        window = (panel.start, panel.start + panel.n_periods - 1)
        lifetimes = lifetime_reasons(sources.lifetimes, window, panel.calendar, combined=False)
        barred = tuple(
            (start, frozenset(ineligible(config, outcome, panel, candidates, start, masked)))
            for start in sorted(set(starts.values()), key=lambda start: (start.start, start.name))
        )
        given = config.peers.given_for(outcome.name)
        key = (panel.units, barred, frozenset(lifetimes), tuple(given.items()))
        if key not in self._known:
            self._known[key] = choose_peers(config, sources, outcome, panel, treatment, starts, masked)
        return key, self._known[key]


@dataclass(frozen=True)
class PlannedOutcome:
    """An outcome ready to be estimated.

    Attributes
    ----------
    plan : OutcomePlan
        As a whole evaluation would plan it, but for findings and covariates.
    peers_key : object
        Outcomes with equal keys have the same peers.
    """

    plan: OutcomePlan
    peers_key: object


def plan_outcome(
    block: Block, outcome: Outcome, rows: CodedRows, memory: PeerMemory
) -> PlannedOutcome | None:
    """Plan an outcome; None when no treated unit has a row of it.

    Raises
    ------
    DataError
        When values are impossible, or an intervention lies outside the window.
    """
    config, treatment = block.config, block.treatment
    own = rows.by_indicator.get(outcome.indicator)
    listed = set(treatment.units)
    treated = np.array([unit in listed for unit in rows.units], dtype=bool)
    if own is None or not treated[own.unit].any():
        return None
    frequency = config.data.frequency
    problems = _impossible(own, outcome, rows.units, frequency)
    bounds = (
        None if outcome.start is None else parse_period(outcome.start, frequency),
        None if outcome.end is None else parse_period(outcome.end, frequency),
    )
    try:
        span = coded_window(own, treated, bounds, frequency)
        require_filled(own.period[~np.isnan(coded_values(own, outcome, frequency))], span, frequency)
    except ValueError as error:
        raise DataError([*problems, f"outcome {outcome.indicator!r}: {error}"]) from None
    panel = coded_panel(rows, outcome, span, config.data.min_denominator, frequency)
    problems += _outside(outcome, panel, block)
    if problems:
        raise DataError(problems)
    interruptions = _interruptions(config, outcome, panel, block)
    masked, reasons = masked_periods(config, outcome, panel)
    unit_masks = unit_masked_periods(config, outcome, panel)
    panel = panel.without({unit: list(periods) for unit, periods in unit_masks.items()})
    starts = {unit: found[0] for unit, found in interruptions.items()}
    key, choice = (
        memory.choose(block, outcome, panel, starts, masked) if config.peers else (None, PeerChoice())
    )
    plan = OutcomePlan(
        outcome,
        treatment.units,
        panel,
        interruptions,
        season_of(outcome.seasonality, config.data.frequency),
        masked,
        reasons,
        unit_masks,
        choice.peer_sets,
        choice.missing,
        (),
        donors=choice.donors,
        complete_only=config.data.missing == "drop_unit",
    )
    if config.data.missing == "error":
        _require_complete(plan)
    return PlannedOutcome(plan, key)


def _impossible(rows: IndicatorArrays, outcome: Outcome, units: tuple[str, ...], frequency: str) -> list[str]:
    """Return a problem for each value that no such outcome can have."""
    value = coded_values(rows, outcome, frequency)
    checks = []
    if rows.denominator is not None:
        checks.append((rows.denominator < 0, rows.denominator, "denominator", "it cannot be negative"))
    if outcome.kind == "percentage":
        checks.append(((value < 0) | (value > 100), value, "value", "a percentage lies between 0 and 100"))
    elif outcome.kind in ("count", "rate"):
        checks.append((value < 0, value, "value", f"a {outcome.kind} cannot be negative"))
    problems = []
    for faulty, numbers, name, reason in checks:
        for row in np.flatnonzero(faulty):
            where = f"{units[rows.unit[row]]}, {format_period(int(rows.period[row]), frequency)}"
            problems.append(f"{outcome.indicator}, {where}: {name} {numbers[row]}: {reason}")
    return problems


def _outside(outcome: Outcome, panel: Panel, block: Block) -> list[str]:
    """Return a problem for each date of the intervention without a period before it or outside the window."""
    first, last = (format_period(panel.start + index, panel.frequency) for index in (0, panel.n_periods - 1))
    problems = []
    for date in sorted(set(block.treatment.dates.values())):
        start = panel.index_of(parse_period(date, panel.frequency))
        if not 0 < start < panel.n_periods:
            where = "leaves no period before it in" if start == 0 else "lies outside"
            problems.append(
                f"outcome {outcome.indicator!r}: the intervention {date} {where} its data, {first} to {last}"
            )
    return problems


def _interruptions(
    config: Config, outcome: Outcome, panel: Panel, block: Block
) -> dict[str, tuple[Interruption, ...]]:
    """Return what interrupts each treated unit; units to which the same happened share one object."""
    settings = config.intervention
    named = {unit for event in config.events for unit in event.units}
    made: dict[tuple[str, str], tuple[Interruption, ...]] = {}
    found = {}
    for unit, date in block.treatment.dates.items():
        key = (date, unit if unit in named else "")
        if key not in made:
            main = Interruption(
                settings.name,
                panel.index_of(parse_period(date, panel.frequency)),
                settings.shape,
                settings.phase_in.periods,
                settings.phase_in.as_ == "ramp",
            )
            made[key] = (main, *fitted_events(config, outcome, panel, unit)[0])
        found[unit] = made[key]
    return found


def _require_complete(plan: OutcomePlan) -> None:
    """Raise for the gaps of treated units, under ``missing: error``."""
    panel, problems = plan.panel, []
    for unit in sorted(set(plan.treated) & set(panel.units)):
        usable = plan.usable(plan.interruptions[unit])
        column = panel.column(unit)
        gaps = usable & np.isnan(panel.values[:, column]) & ~panel.small_denominator[:, column]
        gaps[list(plan.unit_masks.get(unit, ()))] = False
        if gaps.any():
            first = plan.period(int(np.flatnonzero(gaps)[0]))
            problems.append(
                f"{plan.outcome.indicator}, {unit}: {int(gaps.sum())} of {panel.n_periods} periods missing, "
                f"the first {first}; `missing: mask` would leave them out and keep the time gap"
            )
    if problems:
        raise DataError(shorten(problems))
