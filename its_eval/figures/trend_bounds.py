"""How far the trend may bend: the interval of the effect by the bend it allows, and bends that were seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.figures.kinds import FigureKind, figure_labels, measured, required_rows
from its_eval.figures.scales import Across, EndLabel, Panel, reach
from its_eval.figures.sheet import Mark, draw_sheet
from its_eval.figures.style import NARROW, QUIET, UNIT
from its_eval.words.labels import capitalised, estimand_words
from its_eval.words.numbers import counted, rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels, FigureTask

#: Facts of a series, the same in all its rows.
_FACTS = ("breakdown_bend", "bend_before", "donor_bend_median", "donor_bend_p90", "n_donors", "n_before")


def trend_bounds_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the interval of the effect by the bend that it allows.

    Returns
    -------
    DataFrame
        ``estimand``, ``bend``, ``estimate``, ``conf_low``, ``conf_high``, ``breakdown_bend``,
        ``bend_before``, ``donor_bend_median``, ``donor_bend_p90``, ``n_donors``, ``n_before``, as in the
        table ``trend_bounds``, sorted.

    Raises
    ------
    KeyError
        When the table has no such rows.
    """
    rows = required_rows(evaluation, "trend_bounds", task)
    columns = ["estimand", "bend", "estimate", "conf_low", "conf_high", *_FACTS]
    return rows.sort_values(["estimand", "bend"], kind="stable")[columns].reset_index(drop=True)


_HEIGHT, _MARGIN = 2.6, 1.4


def draw_trend_bounds(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return the interval of the effect against the bend that it allows, a panel per estimand.

    Parameters
    ----------
    frame : DataFrame
        As ``trend_bounds_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.
    """
    factor, unit = bend_scale(labels)
    parts = [part for _, part in frame.groupby("estimand", sort=True)]
    facts = frame.iloc[0]
    seen = {
        "this series, before": factor * abs(float(facts["bend_before"])),
        "half of the others": factor * float(facts["donor_bend_median"]),
        "nine in ten of them": factor * float(facts["donor_bend_p90"]),
    }
    marks = [Mark(words, at, at, "event") for words, at in seen.items() if np.isfinite(at)]
    falls = factor * float(frame["breakdown_bend"].max())
    if falls > 0.0:
        marks.append(Mark("the finding falls", falls, falls, "interruption"))
    before = counted(int(facts["n_before"]), labels.frequency)
    notes = [
        f"A bend is how far the trend leaves a straight line over the {before} before the start.",
        "Bends that were seen are for comparison: what the trend would have done is not known.",
    ]
    footing = measured("allowed bend of the trend", unit)
    span = (0.0, factor * float(frame["bend"].max()))
    panels = [_panel(part, labels, factor) for part in parts]
    return draw_sheet(
        panels, span, marks, notes, across=Across(footing=footing), total_width=NARROW, margin=_MARGIN
    )


def _panel(rows: pd.DataFrame, labels: FigureLabels, factor: float) -> Panel:
    """Return the interval of one estimand."""
    bend = factor * rows["bend"].to_numpy(dtype=np.float64)
    estimate, low, high = (labels.shown(rows[name]) for name in ("estimate", "conf_low", "conf_high"))
    limits = reach([low, high, np.zeros(1)])

    def draw(axes: Axes) -> None:
        axes.axhline(0.0, color=QUIET, linewidth=1.0, zorder=0.8)
        axes.fill_between(bend, low, high, color=UNIT, alpha=0.15, linewidth=0.0, gid="interval")
        for edge in (low, high):
            axes.plot(bend, edge, color=UNIT, linewidth=1.4)
        axes.plot(bend, estimate, color=UNIT, linewidth=2.2, gid="estimate")

    what = capitalised(estimand_words(str(rows["estimand"].iloc[0]), {"frequency": labels.frequency}))
    ends = (
        EndLabel("estimate", float(estimate[-1]), UNIT, bold=True),
        EndLabel(labels.interval, float(high[-1]), UNIT),
    )
    return Panel(measured(what, labels.difference_measure), limits, _HEIGHT, draw, ends)


def bend_scale(labels: FigureLabels) -> tuple[float, str]:
    """Return what bends are multiplied by to be shown, and their unit of measurement."""
    if labels.log:
        return 100.0, "%"
    return (1.0, "log odds") if labels.ratio else (1.0, labels.points)


def trend_bounds_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: where the finding falls, and how far trends bend."""
    factor, unit = bend_scale(labels)
    facts = frame.iloc[0]

    def told(bend: float) -> str:
        return f"{rounded(factor * bend)}{f' {unit}' if unit else ''}"

    breakdown = float(frame["breakdown_bend"].max())
    falls = (
        f"it includes no change once the trend may bend by {told(breakdown)}"
        if breakdown > 0.0
        else "it includes no change already with a straight trend"
    )
    seen = []
    if np.isfinite(facts["bend_before"]):
        seen.append(f"this series bends by {told(abs(float(facts['bend_before'])))} before the start")
    if int(facts["n_donors"]):
        middle, far = told(float(facts["donor_bend_median"])), told(float(facts["donor_bend_p90"]))
        seen.append(
            f"half of {int(facts['n_donors'])} others by more than {middle}, one in ten by more than {far}"
        )
    beside = f"; {', '.join(seen)}" if seen else ""
    return f"Interval of the effect on {labels.unit_name} by allowed bend of the trend: {falls}{beside}."


TREND_BOUNDS = FigureKind(
    name="trend_bounds",
    caption="How far the trend would have to bend to undo the finding",
    about=("unit", "design"),
    rows=lambda evaluation, outcome: evaluation.rows_of("trend_bounds", outcome),
    data=trend_bounds_data,
    labels=figure_labels,
    draw=draw_trend_bounds,
    alt_text=trend_bounds_text,
    section="choices",
)
