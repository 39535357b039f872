"""What a kind of figure is, and what kinds share: their words, and rows of the tables of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import pandas as pd
from msgspec import Struct

from its_eval.calendar import describe_period, format_period, parse_period, period_start
from its_eval.evaluation import interval_level
from its_eval.figures.style import FIRM, figure_stem
from its_eval.words.labels import (
    capitalised,
    course_words,
    estimand_words,
    is_controlled,
    mixture_words,
)
from its_eval.words.numbers import measure, printed
from its_eval.words.verdicts import effects_by_period

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation


Labels = TypeVar("Labels")

SINGLE = "single"


class FigureTask(Struct, frozen=True, order=True):
    """One figure to draw.

    Attributes
    ----------
    kind : str
        Name of its kind.
    outcome : str
        Which outcome; of a slope chart the measure.
    unit, design : str
        Which unit and design; blank where the figure is about all units, or about no design.
    """

    kind: str
    outcome: str
    unit: str = ""
    design: str = ""

    @property
    def stem(self) -> str:
        """File name without extension."""
        return figure_stem(self.outcome, self.unit or None, self.design or None, self.kind)


def _outcomes(evaluation: Evaluation) -> Iterable[str]:
    """Return the outcomes of a run."""
    return evaluation.outcomes


class FigureKind(Struct, Generic[Labels], frozen=True):
    """A kind of figure: of what there is one, its numbers, its words and how it is drawn.

    Attributes
    ----------
    name : str
        What tasks and files call it. None begins with another one and an underscore.
    caption : str
        What it shows, for the line beneath it.
    about : tuple of {"unit", "design"}
        What there is a figure for each of, besides the outcome.
    rows : callable
        From a run and one of its outcomes, the rows of a table that make the figure possible, with the
        columns `about`: there is a figure for each of their combinations, and none without rows.
    data : callable
        From a run and a task, the numbers drawn, without drawing them; a ``KeyError`` when the tables have
        none.
    labels : callable
        From a run and a task, what the numbers cannot say about themselves.
    draw : callable
        From numbers and labels, the picture; nothing else is drawn.
    alt_text : callable
        From numbers and labels, what the figure shows, in sentences.
    section : str
        Section of the report in which it stands; blank for none.
    wide : bool
        Whether it takes the whole width of a page.
    in_report : bool
        Whether the report shows it; otherwise it stands among the files of a run alone.
    subjects : callable
        From a run, what a task of this kind may have for its outcome; default the outcomes of the run.
    """

    name: str
    caption: str
    about: tuple[str, ...]
    rows: Callable[[Evaluation, str], pd.DataFrame]
    data: Callable[[Evaluation, FigureTask], pd.DataFrame]
    labels: Callable[[Evaluation, FigureTask], Labels]
    draw: Callable[[pd.DataFrame, Labels], Figure]
    alt_text: Callable[[pd.DataFrame, Labels], str]
    section: str = ""
    wide: bool = False
    in_report: bool = True
    subjects: Callable[[Evaluation], Iterable[str]] = _outcomes

    def tasks(self, evaluation: Evaluation) -> list[FigureTask]:
        """Return the figures of this kind that a run has the numbers for, sorted.

        Parameters
        ----------
        evaluation : Evaluation
            The result of a run. A table that is absent counts as empty.
        """
        return sorted(
            FigureTask(self.name, subject, **dict(zip(self.about, key, strict=True)))
            for subject in self.subjects(evaluation)
            for key in distinct(self.rows(evaluation, subject), *self.about)
        )


def distinct(rows: pd.DataFrame, *columns: str) -> set[tuple[str, ...]]:
    """Return what occurs together in columns of rows; of no columns the empty tuple, if there are rows."""
    if not columns:
        return set() if rows.empty else {()}
    return set(zip(*(rows[name].astype(str) for name in columns), strict=True))


def answering(evaluation: Evaluation, table: str, outcome: str) -> pd.DataFrame:
    """Return the rows of a table about what the summary of an outcome is about."""
    keys = ("unit", "design", "estimand")
    asked = distinct(evaluation.rows_of("summary", outcome), *keys)
    rows = evaluation.rows_of(table, outcome)
    asks = [key in asked for key in zip(*(rows[name].astype(str) for name in keys), strict=True)]
    return rows[pd.Series(asks, index=rows.index, dtype=bool)]


def of_several(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the designs that have more than one unit."""
    units = rows[["design", "unit"]].drop_duplicates()
    return rows[rows["design"].isin(units.loc[units["design"].duplicated(), "design"])]


def primary_rows(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the rows of ``summary`` about an outcome, and the unit and design that a task names."""
    return evaluation.rows_of("summary", task.outcome, task.unit or None, task.design or None)


def rows_for(evaluation: Evaluation, table: str, task: FigureTask) -> pd.DataFrame:
    """Return the rows of a table about the outcome, unit and design of a task."""
    return evaluation.rows_of(table, task.outcome, task.unit, task.design)


def required_rows(evaluation: Evaluation, table: str, task: FigureTask) -> pd.DataFrame:
    """Return the rows of `rows_for`, of which there is at least one.

    Raises
    ------
    KeyError
        When the table has no such rows.
    """
    rows = rows_for(evaluation, table, task)
    if rows.empty:
        raise KeyError(f"the table `{table}` has no rows of {task.outcome}, {task.unit}, {task.design}")
    return rows


def name_of(evaluation: Evaluation, unit: str) -> str:
    """Return the name of a unit, or its code where none is known."""
    return evaluation.unit_names.get(unit) or unit


def frequency_of(evaluation: Evaluation, outcome: str) -> str:
    """Return how often an outcome is measured: month, quarter, year or week."""
    return str(evaluation.outcomes[outcome]["frequency"])


def first_days(periods: Iterable[str], frequency: str) -> list[str]:
    """Return the first days of periods as ISO texts."""
    return [period_start(parse_period(str(period), frequency), frequency).isoformat() for period in periods]


def in_words(period: str, frequency: str) -> str:
    """Return a period for readers, such as ``July 2015``."""
    return describe_period(parse_period(str(period), frequency), frequency)


def span_in_words(frame: pd.DataFrame, frequency: str) -> str:
    """Return the first and last period of numbers for readers."""
    first, last = (in_words(frame["period"].iloc[place], frequency) for place in (0, -1))
    return f"{first} to {last}"


class FigureLabels(Struct, frozen=True, kw_only=True):
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
        Other events that concern the unit: name and ISO text of the period, in order of time.
    fitted : frozenset of str
        Names of those that are fitted, as the interruption is.
    counted : str
        What a percentage counts.
    predicted : bool
        Whether later periods are held against predictions, each with an effect of its own.
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
    fitted: frozenset[str]
    predicted: bool
    counted: str = "cases"

    @property
    def band(self) -> str:
        """The interval of what was expected, in words."""
        return self.interval.replace("interval", "prediction interval") if self.predicted else self.interval

    @property
    def without(self) -> str:
        """What the line of the expected shows, in words: others that are fitted stay in it."""
        return f"without {self.interruption}" if self.fitted else f"had the {self.course} gone on"

    @property
    def course(self) -> str:
        """What is expected to go on: the earlier trend, or the earlier difference."""
        return course_words(self.design)

    @property
    def controlled(self) -> bool:
        """Whether peers are part of the fit."""
        return is_controlled(self.design)

    @property
    def mixture(self) -> str:
        """What the weighted mean of other units is called; blank where the comparison is with peers."""
        return mixture_words(self.design)

    @property
    def whom(self) -> str:
        """What the unit is compared with."""
        return f"the {self.mixture}" if self.mixture else "peers"

    @property
    def interval(self) -> str:
        """The interval in words: ``95 % interval``."""
        return interval_level(self.confidence).replace(" %", f"{FIRM}%")

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

    @property
    def points(self) -> str:
        """The unit of measurement of a difference between levels; may be blank."""
        return "percentage points" if self.measure == "%" else self.measure

    @property
    def heading_of_effect(self) -> str:
        """What an effect measures, and in what: ``Change of trend, per month, percentage points``."""
        return measured(capitalised(self.estimand_in_words), self.difference_measure)

    def shown(self, estimates: pd.Series | pd.DataFrame) -> NDArray[np.float64]:
        """Return estimates as they are shown: ratios as changes in per cent, others as they are."""
        values = estimates.to_numpy(dtype=np.float64)
        return 100.0 * (values - 1.0) if self.ratio else values

    def interval_text(self, row: Mapping[Any, Any]) -> str:
        """Return an estimate with its interval, rounded as in the sentences of the report.

        Parameters
        ----------
        row : mapping
            With ``estimate``, ``conf_low`` and ``conf_high`` as in a table.
        """
        scaled = {**row, "scale": "ratio" if self.ratio else "response"}
        return with_interval(*(printed(row[name], scaled) for name in ("estimate", "conf_low", "conf_high")))


def measured(what: str, unit: str) -> str:
    """Return what is measured, and in what if that has a name."""
    return f"{what}, {unit}" if unit else what


def with_interval(middle: str, low: str, high: str) -> str:
    """Return a printed estimate with its interval, which is not broken over lines."""
    return f"{middle} ({low}{FIRM}to{FIRM}{high})"


def figure_labels(evaluation: Evaluation, task: FigureTask) -> FigureLabels:
    """Return the words for a figure of an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    task : FigureTask
        Which figure.
    """
    about = evaluation.outcomes[task.outcome]
    frequency = str(about["frequency"])
    summary = primary_rows(evaluation, task)
    starts = _starts(evaluation, task)
    events = (
        (str(name), format_period(parse_period(str(date), frequency), frequency))
        for name, date, units in about.get("events", ())
        if not units or task.unit in units
    )
    return FigureLabels(
        outcome=str(about["label"]),
        measure=str(about["unit"] or ""),
        kind=str(about["kind"]),
        unit_name=name_of(evaluation, task.unit),
        design=task.design,
        interruption=str(about.get("interruption", "")),
        start_in_words=next(iter(starts)) if len(starts) == 1 else "",
        frequency=frequency,
        counted=str(about.get("counted", "cases")),
        log=about["transform"] == "log",
        confidence=float(about["confidence"]),
        estimand="" if summary.empty else str(summary["estimand"].iloc[0]),
        ratio=bool((summary["scale"] == "ratio").any()),
        events=tuple(sorted(events, key=lambda event: (event[1], event[0]))),
        fitted=frozenset(evaluation.rows_of("effects", task.outcome)["interruption"])
        - {str(about.get("interruption", ""))},
        predicted=effects_by_period(about),
    )


def _starts(evaluation: Evaluation, task: FigureTask) -> set[str]:
    """Return the first affected periods of the units shown, in words."""
    starts = evaluation.outcomes[task.outcome].get("starts", {})
    units = {task.unit} if task.unit else set(evaluation.rows_of("effects", task.outcome)["unit"])
    return {str(starts[unit][1]) for unit in units if unit in starts}
