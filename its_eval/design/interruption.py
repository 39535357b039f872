"""Interruptions: when and how a series is thought to change, and whether the data can show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from its_eval.errors import NotEstimableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Shape = Literal["step", "slope", "step_and_slope"]

#: Usable periods that a segment needs (methods §11.1).
SEGMENT_FOR_SLOPE = 8
SEGMENT_FOR_STEP = 3


class ShortSegmentError(NotEstimableError):
    """A segment has too few usable periods for the shape of the interruption."""

    reason = "segment_too_short"


@dataclass(frozen=True)
class Interruption:
    """When and how the series is thought to change.

    Attributes
    ----------
    name : str
        What happened.
    start : int
        T0, the first affected period, counted from 0; it belongs to the time after.
    shape : {"step", "slope", "step_and_slope"}
        What may change, relative to the segment before.
    phase_in : int
        Periods from T0 in which the change is under way.
    ramp : bool
        Phase-in as a linear ramp; otherwise its periods are left out (the time gap stays).
    """

    name: str
    start: int
    shape: Shape = "step_and_slope"
    phase_in: int = 0
    ramp: bool = False

    @property
    def full(self) -> int:
        """The first period after the phase-in."""
        return self.start + self.phase_in

    @property
    def first_effect(self) -> int:
        """T1, the first period whose effect counts: T0, or the end of an excluded phase-in."""
        return self.start if self.ramp else self.full


def unused_periods(n: int, interruption: Interruption) -> NDArray[np.bool_]:
    """Return the periods of an excluded phase-in, shape (n,)."""
    time = np.arange(n)
    return (time >= interruption.start) & (time < interruption.first_effect)


def interruption_terms(
    n: int, interruption: Interruption
) -> tuple[list[NDArray[np.float64]], tuple[str, ...]]:
    """Return the columns D and R of an interruption, or the one that its shape has.

    ``D = [t >= T1]`` and ``R = max(t - T1, 0)``; a ramp over m periods is
    ``D = clip((t - T0 + 1) / m, 0, 1)`` with R counted from T0 + m (methods §1).
    """
    time = np.arange(n, dtype=np.float64)
    step = (time >= interruption.full).astype(np.float64)
    if interruption.ramp and interruption.phase_in > 0:
        step = np.clip((time - interruption.start + 1.0) / interruption.phase_in, 0.0, 1.0)
    slope = np.maximum(time - interruption.full, 0.0)
    columns, names = [], []
    if interruption.shape != "slope":
        columns.append(step)
        names.append("level_change")
    if interruption.shape != "step":
        columns.append(slope)
        names.append("slope_change")
    return columns, tuple(names)


def require_segments(interruptions: Sequence[Interruption], used: NDArray[np.bool_]) -> None:
    """Check that each segment has enough observations for the shape (methods §11.1).

    Parameters
    ----------
    interruptions : sequence of Interruption
        All that are fitted, in any order.
    used : ndarray of bool, shape (n,)
        Usable periods with a value.

    Raises
    ------
    ShortSegmentError
        With the counts and what would be possible.
    """
    ordered = sorted(interruptions, key=lambda item: item.start)
    time = np.arange(len(used))
    extend, events = "extend the window", "mask or note one of the events"
    _require(used & (time < ordered[0].start), ordered[0], "before the start of", [extend])
    for number, interruption in enumerate(ordered):
        end = ordered[number + 1].start if number + 1 < len(ordered) else len(used)
        # a slope shows only after a ramp is over
        first = interruption.start if interruption.shape == "step" else interruption.full
        # between two interruptions no longer window helps
        hints = [extend] if end == len(used) else []
        hints += [events] if len(ordered) > 1 else []
        _require(used & (time >= first) & (time < end), interruption, "from the start of", hints)


def _require(segment: NDArray[np.bool_], interruption: Interruption, where: str, hints: list[str]) -> None:
    count = int(segment.sum())
    needed = SEGMENT_FOR_STEP if interruption.shape == "step" else SEGMENT_FOR_SLOPE
    if count >= needed:
        return
    if count >= SEGMENT_FOR_STEP:
        hints = [*hints[:1], "use `shape: step`", *hints[1:]]
    raise ShortSegmentError(
        f"{count} usable periods {where} {interruption.name!r}; "
        f"`shape: {interruption.shape}` needs {needed}: {', or '.join(hints)}"
    )
