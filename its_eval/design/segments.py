"""Whether every segment of a design has enough periods for the shape of its interruption (methods §11.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.design.shapes import FOR_A_LEVEL, FOR_A_SLOPE
from its_eval.errors import NotEstimableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.design.matrix import Interruption


class ShortSegmentError(NotEstimableError):
    """A segment has too few usable periods for the shape of the interruption."""

    reason = "segment_too_short"


class _Segment(Struct, frozen=True):
    """Periods of which an interruption needs some.

    Attributes
    ----------
    interruption : Interruption
    periods : ndarray of bool, shape (n,)
    needed : int
        How many of them have to be usable.
    where : str
        In words; blank for the periods in which the interruption lasts.
    hints : tuple of str
        What would be possible.
    """

    interruption: Interruption
    periods: NDArray[np.bool_]
    needed: int
    where: str = ""
    hints: tuple[str, ...] = ()

    def error(self, count: int) -> ShortSegmentError:
        """Return what to say of a series with so many usable periods here."""
        item, hints = self.interruption, list(self.hints)
        if not self.where:
            return ShortSegmentError(
                f"no usable period while {item.name!r} lasts; `{item.key}: {item.shape}` needs one"
            )
        if count >= FOR_A_LEVEL and not item.form.by_period:
            hints[1:1] = [f"use `{item.key}: step`"]
        return ShortSegmentError(
            f"{count} usable periods {self.where} {item.name!r}; "
            f"`{item.key}: {item.shape}` needs {self.needed}: {', or '.join(hints)}"
        )


def _segments(interruptions: Sequence[Interruption], n: int, least: int | None) -> list[_Segment]:
    """Return the segments of n periods, in time."""
    ordered = sorted(interruptions, key=lambda item: item.start)
    time = np.arange(n)
    extend, events = "extend the window", "mask or note one of the events"
    needed = min(ordered[0].form.needs, least or FOR_A_SLOPE)
    found = [_Segment(ordered[0], time < ordered[0].start, needed, "before the start of", (extend,))]
    for number, interruption in enumerate(ordered):
        end = ordered[number + 1].start if number + 1 < len(ordered) else n
        # a slope shows only after a ramp is over
        first = interruption.full if interruption.form.has_slope else interruption.start
        # between two interruptions no longer window helps
        hints = [extend] if end == n else []
        hints += [events] if len(ordered) > 1 else []
        if np.isfinite(interruption.end):
            lasting = (time >= interruption.full) & (time < interruption.end)
            found.append(_Segment(interruption, lasting, 1))
        segment = (time >= first) & (time < end)
        needed = 1 if interruption.form.by_period else min(interruption.form.needs, least or FOR_A_SLOPE)
        found.append(_Segment(interruption, segment, needed, "from the start of", tuple(hints)))
    return found


def require_segments(
    interruptions: Sequence[Interruption], used: NDArray[np.bool_], least: int | None = None
) -> None:
    """Check that each segment has enough observations for the shape.

    Parameters
    ----------
    interruptions : sequence of Interruption
        All that are fitted, in any order.
    used : ndarray of bool, shape (n,)
        Usable periods with a value.
    least : int, optional
        Fewer periods than the shape needs that are enough on purpose.

    Raises
    ------
    ShortSegmentError
        With the counts and what would be possible.
    """
    for segment in _segments(interruptions, len(used), least):
        count = int((used & segment.periods).sum())
        if count < segment.needed:
            raise segment.error(count)


def short_segments(
    interruptions: Sequence[Interruption], used: NDArray[np.bool_], least: int | None = None
) -> NDArray[np.bool_]:
    """Return of which series (S, n) `require_segments` would raise an error, shape (S,)."""
    short = np.zeros(len(used), dtype=np.bool_)
    for segment in _segments(interruptions, used.shape[1], least):
        short |= used[:, segment.periods].sum(axis=1) < segment.needed
    return short
