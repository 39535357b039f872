"""What a run will cost, said before it starts, from a trial with two of its treated units."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from its_eval.pipeline.answering import SHARED_STAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from its_eval.pipeline.plan import Plan

T = TypeVar("T")

#: A run of fewer units × outcomes is soon done.
WORTH_A_TRIAL = 16
#: Nothing is said of a run that is expected to take fewer seconds.
SAID_FROM = 30.0
#: Of so many units the trial is: a figure of all units needs two.
TRIED = 2


class Parts(Struct, frozen=True):
    """Seconds or files of a trial: of what a run has once, once an outcome, and for all units tried."""

    once: float
    by_outcome: float
    by_unit: float

    def of(self, outcomes: int, units: int) -> float:
        """Return the same for so many outcomes, and units of all of them."""
        return self.once + outcomes * self.by_outcome + units / TRIED * self.by_unit


class Cost(Struct, frozen=True):
    """What a run is expected to take and to leave.

    Attributes
    ----------
    series : int
        Series to be fitted: units × outcomes × comparisons.
    seconds : float
        Until the result stands.
    files, size : int
        Files of the result, and their bytes.
    """

    series: int
    seconds: float
    files: int
    size: int


def is_worth_a_trial(plan: Plan) -> bool:
    """Return whether a run has so many units that its cost should be known first."""
    return _units(plan) >= WORTH_A_TRIAL


def of_few(plan: Plan) -> Plan:
    """Return the plan of a trial: the first units of the outcome with the most."""
    largest = max(plan.outcomes, key=lambda outcome: len(outcome.treated))
    units = largest.treated[:TRIED]

    def theirs(known: Mapping[str, T]) -> dict[str, T]:
        return {unit: known[unit] for unit in units if unit in known}

    few = replace(
        largest,
        treated=units,
        outside={},
        interruptions=theirs(largest.interruptions),
        peer_sets=theirs(largest.peer_sets),
        donors=theirs(largest.donors),
        no_peers=theirs(largest.no_peers),
    )
    return replace(plan, treated=units, outcomes=(few,), absent=(), findings=())


def expected_cost(plan: Plan, n_designs: int, seconds: Parts, files: Parts, size: int) -> Cost:
    """Return what a run costs when each unit of each outcome costs as much as one of the trial.

    Parameters
    ----------
    plan : Plan
        Of the run.
    n_designs : int
        Comparisons of each unit.
    seconds, files : Parts
        Of the trial.
    size : int
        Bytes that the trial left, nearly all of them about its units.
    """
    outcomes, units = len(plan.outcomes), _units(plan)
    return Cost(
        units * n_designs,
        seconds.of(outcomes, units),
        round(files.of(outcomes, units)),
        round(size * units / TRIED),
    )


def _units(plan: Plan) -> int:
    return sum(len(outcome.treated) for outcome in plan.outcomes)


class StageClock:
    """Seconds of the stages of an evaluation, which it calls with the name of each as it begins.

    Parameters
    ----------
    clock : callable
        Seconds from some moment on.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock, self._stage, self._since = clock, "", clock()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def __call__(self, stage: str) -> None:
        """Begin a stage, named after its outcome and comparison."""
        now = self._clock()
        self._seconds[self._stage] += now - self._since
        self._stage, self._since = stage.rpartition(": ")[2], now

    def parts(self) -> tuple[float, float]:
        """Return the seconds of stages that all units share, and of all others."""
        self("")
        shared = sum(self._seconds[stage] for stage in SHARED_STAGES)
        return shared, sum(self._seconds.values()) - shared
