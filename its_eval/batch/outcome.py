"""One outcome of a block as a plan, with peers chosen once for outcomes that share them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.data.faults import shorten
from its_eval.data.panel import bounded, lay_out, require_filled
from its_eval.data.validate import impossible_series, impossible_values
from its_eval.design.matrix import Interruption
from its_eval.errors import DataError
from its_eval.peers.select import lifetime_reasons
from its_eval.pipeline.peer_choice import PeerChoice, candidates_of, choose_peers, ineligible
from its_eval.pipeline.plan import (
    OutcomePlan,
    interruptions_of,
    masked_periods,
    season_of,
    starts_outside,
    unit_masked_periods,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.batch.blocks import Block
    from its_eval.calendar import Calendar
    from its_eval.config import Outcome
    from its_eval.data.dataset import CodedRows
    from its_eval.data.panel import Panel
    from its_eval.pipeline.plan import Treatment


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
        treatment: Treatment,
        outcome: Outcome,
        panel: Panel,
        starts: Mapping[str, Interruption],
        masked: NDArray[np.bool_],
    ) -> tuple[object, PeerChoice]:
        """Return the peers of an outcome, and a key that outcomes with the same peers share.

        The reasons for which units were set aside may be those of another outcome; a batch run does not
        write them down.
        """
        config, sources = block.config, block.sources
        if config.peers is None:
            return None, PeerChoice()
        candidates = candidates_of(config, sources, treatment)
        window = (panel.start, panel.start + panel.n_periods - 1)
        lifetimes = lifetime_reasons(sources.lifetimes, window, panel.calendar, combined=False)
        barred = tuple(
            (start, frozenset(ineligible(config, outcome, panel, candidates, start, masked)))
            for start in sorted(set(starts.values()), key=lambda start: (start.start, start.name))
        )
        given = config.peers.given_for(outcome.name)
        key = (treatment.units, panel.units, barred, frozenset(lifetimes), tuple(given.items()))
        if key not in self._known:
            self._known[key] = choose_peers(config, sources, outcome, panel, treatment, starts, masked)
        return key, self._known[key]


class PlannedOutcome(Struct, frozen=True):
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
    calendar = config.data.calendar
    faults = list(_impossible(rows, outcome, calendar))
    whole_series = impossible_series(own, rows.units, outcome, calendar, rows.percentages)
    faults += [(fault.unit, None, fault.message) for fault in whole_series]
    try:
        span = bounded(own.period[treated[own.unit]], outcome.bounds(calendar), calendar)
        require_filled(own.period[~np.isnan(own.values(outcome))], span, calendar)
    except ValueError as error:
        of_treated = [message for unit, _, message in faults if unit in listed]
        raise DataError([*of_treated, f"outcome {outcome.indicator!r}: {error}"]) from None
    panel = lay_out(own, rows.units, outcome, span, config.data.min_denominator, calendar)
    try:
        outside = starts_outside(outcome, panel, treatment)
    except DataError as error:
        inside = [
            message
            for unit, period, message in faults
            if unit in listed and (period is None or span[0] <= period <= span[1])
        ]
        raise DataError([*inside, *error.problems]) from None
    treatment = treatment.without(outside)
    interruptions, _ = interruptions_of(config, outcome, panel, treatment)
    masked, reasons = masked_periods(config, outcome, panel)
    unit_masks = unit_masked_periods(config, outcome, panel)
    panel = panel.without({unit: list(periods) for unit, periods in unit_masks.items()})
    starts = {unit: found[0] for unit, found in interruptions.items()}
    key, choice = (
        memory.choose(block, treatment, outcome, panel, starts, masked)
        if config.peers
        else (None, PeerChoice())
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
        complete_only=config.missing_of(outcome) == "drop_unit",
        trend=outcome.trend,
        min_segment=config.min_segment,
        outside=outside,
    )
    _require_possible(plan, faults)
    if config.missing_of(outcome) == "error":
        _require_complete(plan)
    return PlannedOutcome(plan, key)


#: Unit, period (None for all of the series) and message of what is wrong.
_Fault = tuple[str, int | None, str]


def _impossible(rows: CodedRows, outcome: Outcome, calendar: Calendar) -> Iterator[_Fault]:
    """Yield unit, period and message of each value that no such outcome can have."""
    own = rows.by_indicator[outcome.indicator]
    for fault in impossible_values(own, outcome):
        unit, period = rows.units[own.unit[fault.row]], int(own.period[fault.row])
        yield unit, period, fault.message(outcome.indicator, unit, calendar.format(period))


def _require_possible(plan: OutcomePlan, faults: Sequence[_Fault]) -> None:
    """Raise for impossible values where the plan uses them, as in a whole evaluation."""
    used = set(plan.treated).union(*(peers.peers for peers in plan.peer_sets.values()))
    problems = []
    for unit, period, message in faults:
        if unit in used and period is None:
            problems.append(message)
            continue
        index = -1 if period is None else plan.panel.index_of(period)
        if unit in used and 0 <= index < plan.panel.n_periods:
            usable = plan.usable(plan.interruptions.get(unit, ()))
            if usable[index] and index not in plan.unit_masks.get(unit, ()):
                problems.append(message)
    if problems:
        raise DataError(problems)


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
