"""Which candidates existed throughout, and have enough data, to serve as peers for one outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.periods import format_period

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from its_eval.data.panel import Panel
    from its_eval.data.successors import Lifetimes


def coverage_reasons(
    panel: Panel, segments: Sequence[NDArray[np.bool_]], min_coverage: float
) -> dict[str, str]:
    """Return the units of a panel with too few observations in a segment, and how few.

    Parameters
    ----------
    panel : Panel
        Data of one outcome.
    segments : sequence of ndarray of bool, shape (n,)
        Usable periods of each segment (before, after); masked periods belong to none.
    min_coverage : float
        Share of a segment's periods that has to be observed; 1 under ``missing: error``.
    """
    reasons: dict[str, str] = {}
    observed = ~np.isnan(panel.values)
    for name, segment in zip(("before", "after"), segments, strict=True):
        counts = observed[segment].sum(axis=0)
        total = int(segment.sum())
        for unit, count in zip(panel.units, counts, strict=True):
            if count < min_coverage * total - 1e-9:
                reasons.setdefault(unit, f"{count} of {total} periods {name} the start observed")
    return reasons


def lifetime_reasons(
    lifetimes: Lifetimes, window: tuple[int, int], frequency: str, *, combined: bool
) -> dict[str, str]:
    """Return the units that opened, closed, merged or were renamed within a window, and when.

    Such a unit has no series of one organisation to compare with, even where its code has data throughout.

    Parameters
    ----------
    lifetimes : Lifetimes
        First and last periods of units, and who went on as whom.
    window : tuple of int
        First and last ordinal, both inclusive.
    frequency : str
        Of the ordinals.
    combined : bool
        Whether the rows of a unit with a successor have been counted as the successor's: then only the old
        codes are set aside, and the successor stands for all of them from the start.
    """
    first, last = window

    def said(ordinal: int) -> str:
        return format_period(ordinal, frequency)

    heirs = set(lifetimes.successors.values()) if combined else set()
    reasons: dict[str, str] = {}
    for unit, opened in lifetimes.opened.items():
        if first < opened and unit not in heirs:
            reasons[unit] = f"opened in {said(opened)}, after the window begins in {said(first)}"
    reasons |= {
        unit: f"closed in {said(closed)}, before the window ends in {said(last)}"
        for unit, closed in lifetimes.closed.items()
        if closed <= last
    }
    if combined:
        return reasons | {
            unit: f"counted as part of its successor {heir}" for unit, heir in lifetimes.successors.items()
        }
    for unit, heir in lifetimes.successors.items():
        closed_in = lifetimes.closed.get(unit)
        if closed_in is None:
            reasons[unit] = f"went on as {heir}, and when is not known"
            reasons.setdefault(heir, f"took over {unit}, and when is not known")
        elif closed_in <= last:
            reasons[unit] = f"went on as {heir} in {said(closed_in)}, before the window ends in {said(last)}"
            if closed_in > first:
                reasons.setdefault(heir, f"took over {unit} in {said(closed_in)}, within the window")
    return reasons
