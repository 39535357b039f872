"""All kinds of figures: which figures a run has, the numbers of each, and how each is drawn."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from its_eval.figures.kinds import FigureKind, FigureTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation

__all__ = [
    "FIGURES",
    "FigureCatalogue",
    "FigureKind",
    "FigureTask",
    "describe",
    "draw",
    "figure_data",
    "figure_tasks",
]


class FigureCatalogue:
    """Kinds of figures by name, in the order of a report.

    Parameters
    ----------
    *entries : str
        Where a kind is: ``module:OBJECT``. It is loaded when a kind is first asked for.
    """

    def __init__(self, *entries: str) -> None:
        self._entries = entries
        self._kinds: dict[str, FigureKind[Any]] = {}

    def _loaded(self) -> dict[str, FigureKind[Any]]:
        for entry in self._entries:
            module, _, name = entry.partition(":")
            self._register(getattr(import_module(module), name))
        self._entries = ()
        return self._kinds

    def _register(self, kind: FigureKind[Any]) -> None:
        clashes = [name for name in self._kinds if _begins(name, kind.name) or _begins(kind.name, name)]
        if clashes:
            raise ValueError(
                f"files of the figure {kind.name!r} could not be told from those of {clashes[0]!r}"
            )
        self._kinds[kind.name] = kind

    def __iter__(self) -> Iterator[FigureKind[Any]]:
        return iter(list(self._loaded().values()))

    def __getitem__(self, name: str) -> FigureKind[Any]:
        return self._loaded()[name]

    def in_section(self, section: str) -> list[FigureKind[Any]]:
        """Return the kinds that stand in a section of the report, in order."""
        return [kind for kind in self if kind.section == section]

    def add(self, kind: FigureKind[Any]) -> None:
        """Add a kind after all others.

        Parameters
        ----------
        kind : FigureKind
            Its name is neither that of another kind nor the beginning of one.

        Raises
        ------
        ValueError
            When the files of two kinds could not be told apart.
        """
        self._loaded()
        self._register(kind)

    @contextmanager
    def added(self, kind: FigureKind[Any]) -> Iterator[None]:
        """Have one kind more for a while."""
        self.add(kind)
        try:
            yield
        finally:
            del self._kinds[kind.name]


def _begins(name: str, other: str) -> bool:
    return f"{other}_".startswith(f"{name}_")


#: In the order of a report.
FIGURES = FigureCatalogue(
    "its_eval.figures.small_multiples:SMALL_MULTIPLES",
    "its_eval.figures.strata_gap:STRATA_GAP",
    "its_eval.figures.main_its:MAIN_ITS",
    "its_eval.figures.against_peers:AGAINST_PEERS",
    "its_eval.figures.cumulative_effect:CUMULATIVE_EFFECT",
    "its_eval.figures.peer_distances:PEER_DISTANCES",
    "its_eval.figures.balance:BALANCE",
    "its_eval.figures.placebo_units:PLACEBO_UNITS",
    "its_eval.figures.placebo_dates:PLACEBO_DATES",
    "its_eval.figures.specification_curve:SPECIFICATION_CURVE",
    "its_eval.figures.forest:FOREST",
    "its_eval.figures.residuals:RESIDUALS",
    "its_eval.figures.power_curve:POWER_CURVE",
    "its_eval.figures.slope_chart:SLOPE_CHART",
)


def figure_tasks(evaluation: Evaluation) -> list[FigureTask]:
    """Return the figures that a run has the numbers for, by kind and sorted.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run. A table that is absent counts as empty.
    """
    return [task for kind in FIGURES for task in kind.tasks(evaluation)]


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
    return FIGURES[task.kind].data(evaluation, task)


def describe(evaluation: Evaluation, task: FigureTask) -> str:
    """Return the alt text of a figure: what it shows, in sentences made from its numbers.

    Parameters
    ----------
    evaluation, task : Evaluation, FigureTask
        As for ``figure_data``.
    """
    kind = FIGURES[task.kind]
    text = kind.alt_text(kind.data(evaluation, task), kind.labels(evaluation, task))
    return text.replace("\N{NO-BREAK SPACE}", " ")


def draw(evaluation: Evaluation, task: FigureTask) -> tuple[Figure, pd.DataFrame, str]:
    """Return a figure, the numbers in it, and the stem of its files.

    Parameters
    ----------
    evaluation, task : Evaluation, FigureTask
        As for ``figure_data``.
    """
    kind = FIGURES[task.kind]
    frame = kind.data(evaluation, task)
    return kind.draw(frame, kind.labels(evaluation, task)), frame, task.stem
