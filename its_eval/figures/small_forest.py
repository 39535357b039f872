"""Small forests of the answer: one interval a unit, those that changed first, for each interruption."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.columns import THE_SET
from its_eval.evaluation import records
from its_eval.figures.scales import interval_reach, tick_labels
from its_eval.words.board import (
    interruptions,
    interval_caption,
    interval_note,
    interval_of,
    most_changed_first,
    short_verdict,
    side_words,
)
from its_eval.words.numbers import null_of, printed, signed, units_of
from its_eval.words.verdicts import answers_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from its_eval.evaluation import Evaluation, Row
    from its_eval.figures.scales import Limits

#: Numbers beneath a small forest.
_MOST_TICKS = 4
#: What is said of all treated units together.
TOGETHER = "All together"


class ForestLine(Struct, frozen=True):
    """One interval.

    Attributes
    ----------
    unit, name : str
        Code and name; the code is blank for all units together.
    text : str
        Estimate and interval in words.
    verdict : str
        What is concluded, in few words.
    estimate, low, high : float
        Limits are NaN where there are none.
    """

    unit: str
    name: str
    text: str
    verdict: str
    estimate: float
    low: float
    high: float

    @property
    def together(self) -> bool:
        """Whether it is about all units."""
        return not self.unit

    @property
    def bounded(self) -> bool:
        """Whether it has limits."""
        return math.isfinite(self.low) and math.isfinite(self.high)


class SmallForest(Struct, frozen=True):
    """Intervals beneath each other.

    Attributes
    ----------
    began : str
        Which interruption they are about; blank where there is only one.
    caption, note : str
        What they measure, and what kind of intervals they are.
    sides : tuple of str
        What lies to the left and to the right of no change.
    null : float
        No change.
    limits : Limits
        Ends of the scale.
    ticks : tuple of (float, str)
        Numbers of the scale with their words, no change among them.
    lines : tuple of ForestLine
        All units together first, then those that changed, then the largest.
    left_out : int
        Units for which there was no room.
    """

    began: str
    caption: str
    note: str
    sides: tuple[str, str]
    null: float
    limits: Limits
    ticks: tuple[tuple[float, str], ...]
    lines: tuple[ForestLine, ...]
    left_out: int


def small_forests(evaluation: Evaluation, outcome: str, design: str, most: int) -> list[SmallForest]:
    """Return one interval a unit, for each interruption; none of a single unit.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, design : str
        Of which outcome, and the comparison that answers.
    most : int
        Greatest number of units in each.
    """
    rows, sets = answers_of(evaluation, outcome), answers_of(evaluation, outcome, THE_SET)
    about = evaluation.outcomes[outcome]
    every = interruptions(rows, str(about["interruption"]))
    found = []
    for began in every:
        parts = [
            [row for _, row in records(part[part["design"].eq(design) & part["interruption"].eq(began)])]
            for part in (sets, rows)
        ]
        together, units = ([row for row in part if math.isfinite(row["estimate"])] for part in parts)
        if len(units) > 1:
            ordered = most_changed_first(units)
            shown = [*together, *ordered[:most]]
            heading = began if len(every) > 1 else ""
            found.append(_forest(evaluation, about, heading, shown, ordered, len(ordered) - most))
    return found


def forest_of_one(evaluation: Evaluation, outcome: str, design: str) -> SmallForest | None:
    """Return the interval of the only unit: a line for each interruption; None where units are several.

    Parameters
    ----------
    evaluation, outcome, design : Evaluation, str, str
        As for ``small_forests``.
    """
    rows = answers_of(evaluation, outcome)
    about = evaluation.outcomes[outcome]
    every = interruptions(rows, str(about["interruption"]))
    rows = rows[rows["design"].eq(design) & rows["interruption"].isin(every)]
    known = [row for _, row in records(rows) if math.isfinite(row["estimate"])]
    if not known or rows["unit"].nunique() > 1:
        return None
    known.sort(key=lambda row: every.index(str(row["interruption"])))
    forest = _forest(evaluation, about, "", known, known, 0)
    if len(known) == 1:
        return forest
    named = (
        replace(line, name=str(row["interruption"])) for line, row in zip(forest.lines, known, strict=True)
    )
    return replace(forest, lines=tuple(named))


def _forest(
    evaluation: Evaluation,
    about: Mapping[str, Any],
    began: str,
    shown: Sequence[Row],
    units: Sequence[Row],
    left_out: int,
) -> SmallForest:
    first = units[0]
    lines = tuple(_line(evaluation, about, row) for row in shown)
    estimate, low, high = (
        np.array([getattr(line, name) for line in lines]) for name in ("estimate", "low", "high")
    )
    null = null_of(first)
    limits = interval_reach(estimate, low, high, include=null)
    every = [tick for tick in limits.ticks() if limits.low <= tick <= limits.high]
    # no change stays among them
    step = -(-len(every) // _MOST_TICKS)
    start = min(range(len(every)), key=lambda place: abs(every[place] - null))
    ticks = every[start % step :: step]
    ratio = first["scale"] == "ratio"
    words = tick_labels([100.0 * (tick - 1.0) if ratio else tick for tick in ticks])
    return SmallForest(
        began,
        interval_caption(first, about, several=len({str(row["unit"]) for row in units}) > 1),
        interval_note(about, units),
        side_words(about),
        null,
        limits,
        tuple(zip(ticks, words, strict=True)),
        lines,
        max(left_out, 0),
    )


def _line(evaluation: Evaluation, about: Mapping[str, Any], row: Row) -> ForestLine:
    low, high = interval_of(row)
    bounded = math.isfinite(low) and math.isfinite(high)
    text = f"{signed(row['estimate'], row)} {units_of(row, about)}".strip()
    text += f", from {printed(low, row)} to {printed(high, row)}" if bounded else ", no interval"
    unit = "" if row["unit"] == THE_SET else str(row["unit"])
    name = evaluation.unit_names.get(unit, "") or unit
    return ForestLine(unit, name or TOGETHER, text, short_verdict(row), float(row["estimate"]), low, high)
