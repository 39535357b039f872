"""A figure from outside: how many values each year lacks."""

import numpy as np

from its_eval.figures.catalogue import FigureKind
from its_eval.figures.kinds import figure_labels
from its_eval.figures.scales import Panel, reach
from its_eval.figures.sheet import draw_sheet


def missing_data(evaluation, task):
    """Return how many values each year lacks."""
    rows = evaluation.rows_of("series", task.outcome, task.unit).drop_duplicates("period")
    years = rows["period"].str[:4].astype(int)
    return rows["observed"].isna().groupby(years).sum().rename("missing").rename_axis("year").reset_index()


def draw_missing(frame, labels):
    """Return a bar per year."""
    year, missing = (frame[name].to_numpy(dtype=np.float64) for name in ("year", "missing"))
    limits = reach([missing, np.zeros(1), np.ones(1)])
    panel = Panel(f"{labels.outcome}, values missing", limits, 2.0, lambda axes: axes.bar(year, missing), ())
    return draw_sheet([panel], (year.min() - 0.5, year.max() + 0.5), [], ["A bar a year."])


def missing_text(frame, labels):
    return f"{labels.outcome} of {labels.unit_name}: {frame['missing'].sum()} values missing."


GAPS_BY_YEAR = FigureKind(
    name="gaps_by_year",
    caption="How many values each year lacks",
    about=("unit",),
    rows=lambda evaluation, outcome: evaluation.rows_of("series", outcome),
    data=missing_data,
    labels=figure_labels,
    draw=draw_missing,
    alt_text=missing_text,
    section="units",
)
