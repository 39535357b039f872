"""All figures of a run: which there are, the numbers of each, and how each is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from its_eval.evaluation import EVERYBODY
from its_eval.figures import alt_text as alt
from its_eval.figures import forest as across_units
from its_eval.figures.cumulative import CUMULATIVE, cumulative_effect_data, draw_cumulative_effect
from its_eval.figures.forest import draw_forest
from its_eval.figures.labels import CONTROLLED, figure_labels, rows_about
from its_eval.figures.main_its import main_its_data, main_its_labels
from its_eval.figures.main_its_drawing import draw_main_its
from its_eval.figures.peers import (
    against_peers_data,
    balance_data,
    draw_against_peers,
    draw_balance,
    draw_peer_distances,
    peer_distances_data,
)
from its_eval.figures.placebos import (
    draw_placebo_dates,
    draw_placebo_units,
    placebo_dates_data,
    placebo_units_data,
)
from its_eval.figures.power import draw_power_curve, power_curve_data
from its_eval.figures.residuals import draw_residuals, residuals_data
from its_eval.figures.slope_chart import SLOPE_CHART, measures, slope_data, slope_text, slope_times
from its_eval.figures.specification import PRIMARY, draw_specification_curve, specification_curve_data
from its_eval.figures.strata_gap import draw_strata_gap, strata_gap_data, strata_gap_text
from its_eval.figures.style import figure_stem
from its_eval.figures.units_grid import draw_small_multiples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation
    from its_eval.figures.labels import FigureLabels
    from its_eval.figures.main_its import MainItsLabels


#: Kinds of figures in the order of a report. None begins with another one and an underscore.
KINDS = (
    "main_its",
    "small_multiples",
    "strata_gap",
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
    "slope_chart",
)


@dataclass(frozen=True, order=True)
class FigureTask:
    """One figure to draw.

    Attributes
    ----------
    kind : str
        One of ``KINDS``.
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


def figure_tasks(evaluation: Evaluation) -> list[FigureTask]:
    """Return the figures that a run has the numbers for, by kind and sorted.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run. A table that is absent counts as empty.
    """
    found = {task for outcome in evaluation.outcomes for task in _tasks(evaluation, outcome)}
    found |= {FigureTask(SLOPE_CHART, measure) for measure in measures(evaluation)}
    return sorted(found, key=lambda task: (KINDS.index(task.kind), task))


def _tasks(evaluation: Evaluation, outcome: str) -> Iterator[FigureTask]:
    """Yield the figures of one outcome."""
    rows = {name: rows_about(evaluation, name, outcome) for name in _TABLES}
    series, effects, summary = rows["series"], rows["effects"], rows["summary"]
    primary = set(effects.loc[effects["role"] == "primary", "estimator"])
    totals = effects[(effects["estimand"] == CUMULATIVE) & effects["estimator"].isin(primary)]
    beside = series[series["peer_mean"].notna() & series["design"].isin(CONTROLLED)]
    residuals, curve = rows["residuals"], rows["sensitivity"]
    by_unit = {
        "against_peers": beside,
        "peer_distances": rows["peers"][rows["peers"]["distance"].notna()],
        "balance": rows["balance"][rows["balance"]["smd"].notna()],
    }
    by_series = {
        "main_its": series,
        "strata_gap": series if evaluation.outcomes[outcome].get("gap_of") else series.iloc[:0],
        "cumulative_effect": totals,
        "placebo_units": _answers(rows["placebo_units"], summary),
        "placebo_dates": _answers(rows["placebo_dates"], summary),
        "specification_curve": _answers(curve[curve["dimension"] != PRIMARY], summary),
        "residuals": residuals[residuals["innovation"].notna()],
    }
    by_design = {
        "small_multiples": _several(series),
        "forest": _several(summary),
        "power_curve": rows["power_curve"],
    }
    for kind, found in by_unit.items():
        yield from (FigureTask(kind, outcome, unit) for (unit,) in _keys(found, "unit"))
    for kind, found in by_series.items():
        yield from (FigureTask(kind, outcome, *key) for key in _keys(found, "unit", "design"))
    for kind, found in by_design.items():
        yield from (FigureTask(kind, outcome, "", design) for (design,) in _keys(found, "design"))


#: Tables that figures are drawn from.
_TABLES = (
    *("series", "effects", "summary", "peers", "balance", "placebo_units", "placebo_dates", "sensitivity"),
    *("residuals", "power_curve"),
)


def _answers(rows: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return the rows about what the summary is about."""
    keys = ["unit", "design", "estimand"]
    asked = set(_keys(summary, *keys))
    asks = [key in asked for key in rows[keys].astype(str).itertuples(index=False, name=None)]
    return rows[pd.Series(asks, index=rows.index, dtype=bool)]


def _several(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the designs that have more than one unit."""
    units = rows[["design", "unit"]].drop_duplicates()
    return rows[rows["design"].isin(units.loc[units["design"].duplicated(), "design"])]


def _keys(rows: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    """Return what occurs together in columns, each once."""
    distinct = rows[list(columns)].drop_duplicates()
    return [tuple(str(value) for value in row) for row in distinct.itertuples(index=False)]


def figure_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return the numbers of a figure, without drawing it.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    task : FigureTask
        One of ``figure_tasks``.

    Raises
    ------
    KeyError
        When the tables have no such numbers.
    """
    if task.kind == SLOPE_CHART:
        return slope_data(evaluation, task.outcome)
    names = [name for name in (task.unit, task.design) if name]
    return _DATA[task.kind](evaluation, task.outcome, *names)


def describe(evaluation: Evaluation, task: FigureTask) -> str:
    """Return the alt text of a figure: what it shows, in sentences made from its numbers.

    Parameters
    ----------
    evaluation, task : Evaluation, FigureTask
        As for ``figure_data``.
    """
    frame = figure_data(evaluation, task)
    if task.kind in _IN_TIME:
        labels = main_its_labels(evaluation, task.outcome, task.unit, task.design)
        text = _IN_TIME[task.kind](frame, labels)
    elif task.kind == SLOPE_CHART:
        text = slope_text(frame, task.outcome)
    else:
        text = alt.ALT_TEXTS[task.kind](frame, _labels(evaluation, task))
    return text.replace("\N{NO-BREAK SPACE}", " ")


def draw(evaluation: Evaluation, task: FigureTask) -> tuple[Figure, pd.DataFrame, str]:
    """Return a figure, the numbers in it, and the stem of its files.

    Parameters
    ----------
    evaluation, task : Evaluation, FigureTask
        As for ``figure_data``.
    """
    frame = figure_data(evaluation, task)
    if task.kind in _IN_TIME:
        # matplotlib is loaded only when something is drawn

        labels = main_its_labels(evaluation, task.outcome, task.unit, task.design)
        return IN_TIME[task.kind](frame, labels), frame, task.stem
    if task.kind == SLOPE_CHART:
        from its_eval.figures.slope_chart import SlopeLabels, draw_slope_chart  # noqa: PLC0415

        slopes = SlopeLabels(task.outcome, slope_times(frame), bool(frame["unit"].ne(EVERYBODY).any()))
        return draw_slope_chart(frame, slopes), frame, task.stem
    return DRAWINGS[task.kind](frame, _labels(evaluation, task)), frame, task.stem


def _labels(evaluation: Evaluation, task: FigureTask) -> FigureLabels:
    return figure_labels(evaluation, task.outcome, task.unit, task.design)


#: Alt texts of the kinds with a fit in time, which share the words of the main figure.
_IN_TIME: dict[str, Callable[[pd.DataFrame, MainItsLabels], str]] = {
    "main_its": alt.main_its,
    "strata_gap": strata_gap_text,
}
#: Of each kind: its numbers from a run, an outcome, and the unit and design it is about.
_DATA: dict[str, Callable[..., pd.DataFrame]] = {
    "main_its": main_its_data,
    "strata_gap": strata_gap_data,
    "small_multiples": across_units.small_multiples_data,
    "against_peers": against_peers_data,
    "cumulative_effect": cumulative_effect_data,
    "peer_distances": peer_distances_data,
    "balance": balance_data,
    "placebo_units": placebo_units_data,
    "placebo_dates": placebo_dates_data,
    "specification_curve": specification_curve_data,
    "forest": across_units.forest_data,
    "residuals": residuals_data,
    "power_curve": power_curve_data,
}


#: Kinds with a fit in time, which share the words of the main figure.
IN_TIME: dict[str, Callable[[pd.DataFrame, MainItsLabels], Figure]] = {
    "main_its": draw_main_its,
    "strata_gap": draw_strata_gap,
}
#: All others.
DRAWINGS: dict[str, Callable[[pd.DataFrame, FigureLabels], Figure]] = {
    "small_multiples": draw_small_multiples,
    "against_peers": draw_against_peers,
    "cumulative_effect": draw_cumulative_effect,
    "peer_distances": draw_peer_distances,
    "balance": draw_balance,
    "placebo_units": draw_placebo_units,
    "placebo_dates": draw_placebo_dates,
    "specification_curve": draw_specification_curve,
    "forest": draw_forest,
    "residuals": draw_residuals,
    "power_curve": draw_power_curve,
}
