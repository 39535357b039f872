"""All kinds of figures: which figures a run has, the numbers of each, and how each is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from its_eval.catalogue import Catalogue
from its_eval.figures.kinds import SINGLE, FigureKind, FigureTask
from its_eval.figures.style import main_stem

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation

__all__ = [
    "FIGURES",
    "FigureKind",
    "FigureTask",
    "describe",
    "draw",
    "figure_data",
    "figure_tasks",
    "in_section",
    "main_tasks",
    "remember_description",
    "report_tasks",
]


#: By name, in the order of a report.
FIGURES: Catalogue[FigureKind[Any]] = Catalogue(
    "a figure",
    {
        "together": "its_eval.figures.together:TOGETHER",
        "small_multiples": "its_eval.figures.small_multiples:SMALL_MULTIPLES",
        "strata_gap": "its_eval.figures.strata_gap:STRATA_GAP",
        "main_its": "its_eval.figures.main_its:MAIN_ITS",
        "against_peers": "its_eval.figures.against_peers:AGAINST_PEERS",
        "cumulative_effect": "its_eval.figures.cumulative_effect:CUMULATIVE_EFFECT",
        "peer_distances": "its_eval.figures.peer_distances:PEER_DISTANCES",
        "balance": "its_eval.figures.balance:BALANCE",
        "donor_weights": "its_eval.figures.donor_weights:DONOR_WEIGHTS",
        "placebo_units": "its_eval.figures.placebo_units:PLACEBO_UNITS",
        "placebo_dates": "its_eval.figures.placebo_dates:PLACEBO_DATES",
        "trend_bounds": "its_eval.figures.trend_bounds:TREND_BOUNDS",
        "specification_curve": "its_eval.figures.specification_curve:SPECIFICATION_CURVE",
        "forest": "its_eval.figures.forest:FOREST",
        "residuals": "its_eval.figures.residuals:RESIDUALS",
        "looks": "its_eval.figures.looks:LOOKS_FIGURE",
        "power_curve": "its_eval.figures.power_curve:POWER_CURVE",
        "slope_chart": "its_eval.figures.slope_chart:SLOPE_CHART",
        "board": "its_eval.figures.board:BOARD",
    },
)


def in_section(section: str) -> list[FigureKind[Any]]:
    """Return the kinds of figures that stand in a section of the report, in order."""
    return [kind for kind in FIGURES.values() if kind.section == section]


def figure_tasks(evaluation: Evaluation) -> list[FigureTask]:
    """Return the figures that a run has the numbers for, by kind and sorted.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run. A table that is absent counts as empty.
    """
    return [task for kind in FIGURES.values() for task in kind.tasks(evaluation)]


def report_tasks(evaluation: Evaluation) -> list[FigureTask]:
    """Return those of `figure_tasks` that the report shows."""
    return [task for task in figure_tasks(evaluation) if FIGURES[task.kind].in_report]


def main_tasks(evaluation: Evaluation) -> dict[FigureTask, str]:
    """Return the figure that answers best of every outcome and unit, and of all units, with their stems.

    It is the first wide one of those that stand beside the unit in the report, with peers where there are
    some; of several units together the first there.

    Parameters
    ----------
    evaluation : Evaluation
        As for ``figure_tasks``.
    """
    found: dict[tuple[str, str], FigureTask] = {}
    tasks = [task for kind in in_section("units") for task in kind.tasks(evaluation)]
    for task in tasks:
        if not task.unit or FIGURES[task.kind].wide:
            best = found.setdefault((task.outcome, task.unit), task)
            if best.kind == task.kind and best.design == SINGLE:
                found[task.outcome, task.unit] = task
    return {task: main_stem(outcome, unit or None) for (outcome, unit), task in found.items()}


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
    return _drawn_from(evaluation, task)[0]


def _drawn_from(evaluation: Evaluation, task: FigureTask) -> tuple[pd.DataFrame, Any]:
    """Return numbers and labels of a figure, worked out once for its drawing, its table and its words."""
    known = _kept(evaluation, task)
    if known is None:
        kind = FIGURES[task.kind]
        known = kind.data(evaluation, task), kind.labels(evaluation, task)
        _keep(evaluation, task, known)
    frame, labels = known
    return frame.copy(deep=False), labels


def _kept(evaluation: Evaluation, key: object) -> Any:
    """Return what was worked out from the tables of a run; None when it was not, or from other tables."""
    tables, known = evaluation.kept.get(key, ((), None))
    # a table that took the place of another since is another table, however like it
    same = [id(table) for table in tables] == [id(table) for table in evaluation.tables.values()]
    return known if same else None


def _keep(evaluation: Evaluation, key: object, found: object) -> None:
    evaluation.kept[key] = [*evaluation.tables.values()], found


def describe(evaluation: Evaluation, task: FigureTask) -> str:
    """Return the alt text of a figure: what it shows, in sentences made from its numbers.

    Parameters
    ----------
    evaluation, task : Evaluation, FigureTask
        As for ``figure_data``.
    """
    known = _kept(evaluation, (task, "described"))
    if known is None:
        text = FIGURES[task.kind].alt_text(*_drawn_from(evaluation, task))
        known = text.replace("\N{NO-BREAK SPACE}", " ")
        remember_description(evaluation, task, known)
    return str(known)


def remember_description(evaluation: Evaluation, task: FigureTask, text: str) -> None:
    """Keep what `describe` returns, as another process worked it out from the same tables."""
    _keep(evaluation, (task, "described"), text)


def draw(evaluation: Evaluation, task: FigureTask) -> tuple[Figure, pd.DataFrame, str]:
    """Return a figure, the numbers in it, and the stem of its files.

    Parameters
    ----------
    evaluation, task : Evaluation, FigureTask
        As for ``figure_data``.
    """
    frame, labels = _drawn_from(evaluation, task)
    return FIGURES[task.kind].draw(frame, labels), frame, task.stem
