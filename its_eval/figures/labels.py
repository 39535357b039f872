"""The words of all figures but the main one: what a table of numbers cannot say about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.calendar import describe_period, format_period, parse_period
from its_eval.evaluation import COLUMNS
from its_eval.words.labels import estimand_words
from its_eval.words.numbers import measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation


SINGLE = "single"
#: Controlled designs in the order in which one of them speaks for a unit.
CONTROLLED = ("difference", "synthetic", "peer_mean", "stacked")
#: Of these, those that fit the difference from the peers and not the unit's own level.
DIFFERENCES = ("difference", "synthetic")


@dataclass(frozen=True)
class FigureLabels:
    """What a figure says in words.

    Attributes
    ----------
    outcome : str
        Label of the outcome.
    measure : str
        Unit of measurement, such as ``%``; may be blank.
    kind : str
        percentage, rate, count or number.
    unit_name : str
        Name of the unit, or its code; blank for a figure about all units.
    design : str
        ``single``, or a controlled design; blank when the figure is about none.
    interruption : str
        Name of the interruption.
    start_in_words : str
        Its first period; blank when units started at different times, or it is not known.
    frequency : str
        month, quarter, year or week.
    log : bool
        The fit is on logarithms: differences are ratios.
    confidence : float
        Coverage of intervals.
    estimand : str
        The primary estimand; blank when there is no summary.
    ratio : bool
        Its estimates are ratios, shown as per cent changes.
    events : tuple of (str, str)
        Noted events that concern the unit: name and ISO text of the period.
    """

    outcome: str
    measure: str
    kind: str
    unit_name: str
    design: str
    interruption: str
    start_in_words: str
    frequency: str
    log: bool
    confidence: float
    estimand: str
    ratio: bool
    events: tuple[tuple[str, str], ...]

    @property
    def controlled(self) -> bool:
        """Whether peers are part of the fit."""
        return self.design in CONTROLLED

    @property
    def interval(self) -> str:
        """The interval in words: ``95 % interval``."""
        return f"{100.0 * self.confidence:.6g}\N{NO-BREAK SPACE}% interval"

    @property
    def interruption_in_words(self) -> str:
        """The interruption with its first period, where that is the same for all units."""
        return (
            f"{self.interruption}, from {self.start_in_words}" if self.start_in_words else self.interruption
        )

    @property
    def estimand_in_words(self) -> str:
        """The primary estimand, such as ``change of trend, per month``."""
        return estimand_words(self.estimand, {"frequency": self.frequency}) if self.estimand else "effect"

    @property
    def difference_measure(self) -> str:
        """The unit of measurement of an effect; may be blank."""
        row = {
            "scale": "ratio" if self.ratio else "response",
            "estimand": self.estimand,
            "design": self.design,
        }
        return measure(row, {"kind": self.kind, "unit": self.measure})

    def shown(self, estimates: pd.Series | pd.DataFrame) -> NDArray[np.float64]:
        """Return estimates as they are shown: ratios as changes in per cent, others as they are."""
        values = estimates.to_numpy(dtype=np.float64)
        return 100.0 * (values - 1.0) if self.ratio else values


def figure_labels(evaluation: Evaluation, outcome: str, unit: str = "", design: str = "") -> FigureLabels:
    """Return the words for a figure of an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome : str
        Which outcome.
    unit, design : str
        Which unit and design; blank when the figure is about several or none.
    """
    about = evaluation.outcomes[outcome]
    frequency = str(about["frequency"])
    summary = primary_rows(evaluation, outcome, unit, design)
    starts = _starts(evaluation, outcome, unit)
    return FigureLabels(
        outcome=str(about["label"]),
        measure=str(about["unit"] or ""),
        kind=str(about["kind"]),
        unit_name=name_of(evaluation, unit),
        design=design,
        interruption=str(about.get("interruption", "")),
        start_in_words=(
            describe_period(parse_period(starts[0], frequency), frequency) if len(starts) == 1 else ""
        ),
        frequency=frequency,
        log=about["transform"] == "log",
        confidence=float(about["confidence"]),
        estimand="" if summary.empty else str(summary["estimand"].iloc[0]),
        ratio=not summary.empty and bool((summary["scale"] == "ratio").any()),
        events=tuple(
            (str(name), format_period(parse_period(str(date), frequency), frequency))
            for name, date, units in about.get("events", ())
            if not units or unit in units
        ),
    )


def name_of(evaluation: Evaluation, unit: str) -> str:
    """Return the name of a unit, or its code where none is known."""
    return evaluation.unit_names.get(unit) or unit


def primary_rows(evaluation: Evaluation, outcome: str, unit: str = "", design: str = "") -> pd.DataFrame:
    """Return the rows of ``summary`` of an outcome, and of one unit and design where they are given."""
    rows = rows_about(evaluation, "summary", outcome)
    if unit:
        rows = rows[rows["unit"] == unit]
    return rows[rows["design"] == design] if design else rows


def rows_about(evaluation: Evaluation, table: str, outcome: str) -> pd.DataFrame:
    """Return the rows of a table about an outcome; none when the run has no such table."""
    found = evaluation.tables.get(table)
    if found is None:
        found = pd.DataFrame(columns=list(COLUMNS.get(table, ("outcome", "design"))))
    return found[found["outcome"] == outcome]


def _starts(evaluation: Evaluation, outcome: str, unit: str) -> list[str]:
    """Return the first affected periods of the units shown."""
    about = evaluation.outcomes[outcome]
    rows = rows_about(evaluation, "effects", outcome)
    rows = rows[rows["interruption"] == about.get("interruption", "")]
    if unit:
        rows = rows[rows["unit"] == unit]
    return sorted({str(period) for period in rows["interruption_period"] if period})
