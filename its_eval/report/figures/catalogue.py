"""All figures of a run: which there are, the numbers of each, and how each is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from its_eval.report.figures.alt_text import alt_text
from its_eval.report.figures.cumulative_data import CUMULATIVE
from its_eval.report.figures.labels import CONTROLLED, FigureLabels, figure_labels, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation

#: Kinds of figures in the order of a report. None begins with another one and an underscore.
KINDS = (
    "main_its",
    "small_multiples",
    "against_peers",
    "cumulative_effect",
    "peer_distances",
    "balance",
    "placebo_units",
    "placebo_dates",
    "specification_curve",
    "forest",
    "residuals",
    "power_curve",
)


@dataclass(frozen=True, order=True)
class FigureTask:
    """One figure to draw.

    Attributes
    ----------
    kind : str
        One of ``KINDS``.
    outcome : str
        Which outcome.
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
        from its_eval.report.figures.save import figure_stem  # noqa: PLC0415  (loads matplotlib)

        return figure_stem(self.outcome, self.unit or None, self.design or None, self.kind)


def figure_tasks(evaluation: Evaluation) -> list[FigureTask]:
    """Return the figures that a run has the numbers for, by kind and sorted.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run. A table that is absent counts as empty.
    """
    found = {task for outcome in evaluation.outcomes for task in _tasks(evaluation, outcome)}
    return sorted(found, key=lambda task: (KINDS.index(task.kind), task))


def _tasks(evaluation: Evaluation, outcome: str) -> Iterator[FigureTask]:
    """Yield the figures of one outcome."""
    series = _rows(evaluation, "series", outcome)
    for unit, design in _keys(series, "unit", "design"):
        yield FigureTask("main_its", outcome, unit, design)
    for (design,) in _keys(series, "design"):
        if series.loc[series["design"] == design, "unit"].nunique() > 1:
            yield FigureTask("small_multiples", outcome, design=design)
    beside = series[series["peer_mean"].notna() & series["design"].isin(CONTROLLED)]
    for (unit,) in _keys(beside, "unit"):
        yield FigureTask("against_peers", outcome, unit)
    effects = _rows(evaluation, "effects", outcome)
    primary = evaluation.primary_estimators(outcome)
    totals = effects[(effects["estimand"] == CUMULATIVE) & effects["estimator"].isin(primary)]
    for unit, design in _keys(totals, "unit", "design"):
        yield FigureTask("cumulative_effect", outcome, unit, design)
    for table, column, kind in (("peers", "distance", "peer_distances"), ("balance", "smd", "balance")):
        rows = _rows(evaluation, table, outcome)
        for (unit,) in _keys(rows[rows[column].notna()], "unit"):
            yield FigureTask(kind, outcome, unit)
    summary = _rows(evaluation, "summary", outcome)
    questions = {
        (str(row.unit), str(row.design), str(row.estimand)) for row in summary.itertuples()
    }
    for table, kind in (
        ("placebo_units", "placebo_units"),
        ("placebo_dates", "placebo_dates"),
        ("sensitivity", "specification_curve"),
    ):
        for key in _keys(_rows(evaluation, table, outcome), "unit", "design", "estimand"):
            if key in questions:
                yield FigureTask(kind, outcome, key[0], key[1])
    for (design,) in _keys(summary, "design"):
        if (summary["design"] == design).sum() > 1:
            yield FigureTask("forest", outcome, design=design)
    residuals = _rows(evaluation, "residuals", outcome)
    for unit, design in _keys(residuals[residuals["innovation"].notna()], "unit", "design"):
        yield FigureTask("residuals", outcome, unit, design)
    for (design,) in _keys(_rows(evaluation, "power_curve", outcome), "design"):
        yield FigureTask("power_curve", outcome, design=design)


def _rows(evaluation: Evaluation, table: str, outcome: str) -> pd.DataFrame:
    """Return the rows of a table about an outcome; none when the run has no such table."""
    found = table_of(evaluation, table)
    return found[found["outcome"] == outcome]


def _keys(rows: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    """Return what occurs together in columns, each once."""
    distinct = rows[list(columns)].drop_duplicates()
    return [tuple(str(value) for value in row) for row in distinct.itertuples(index=False)]
