"""Drawing the figures of a result into folders, in this process or in several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from its_eval.figures.catalogue import (
    FIGURES,
    describe,
    draw,
    figure_tasks,
    main_tasks,
    remember_description,
    report_tasks,
)
from its_eval.figures.style import house_style, save_numbers, save_pictures
from its_eval.side_by_side import side_by_side

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureTask


Progress = Callable[[str, int, int], None]


class Copy(Struct, frozen=True):
    """Where a figure goes.

    Attributes
    ----------
    folder : Path
        Made if need be.
    stem : str
        File name without extension.
    formats : tuple of {"svg", "png"}
        Picture files wanted.
    numbers : bool
        Whether the numbers drawn stand beside them, as CSV.
    """

    folder: Path
    stem: str
    formats: tuple[str, ...]
    numbers: bool = True


Copies = Mapping["FigureTask", Sequence[Copy]]


def every_figure(evaluation: Evaluation, folder: Path, formats: tuple[str, ...]) -> Copies:
    """Return all figures that a result has the numbers for, each with its numbers, under its own stem."""
    return {task: (Copy(folder, task.stem, formats),) for task in figure_tasks(evaluation)}


def figures_of_the_report(evaluation: Evaluation, folder: Path) -> Copies:
    """Return the figures that the report shows, as drawings with their numbers, under their own stems."""
    return {task: (Copy(folder, task.stem, ("svg",)),) for task in report_tasks(evaluation)}


def board_figures(evaluation: Evaluation, folder: Path, formats: tuple[str, ...]) -> Copies:
    """Return the main figures, and the page for a board of every outcome."""
    pages = FIGURES["board"].tasks(evaluation) if formats else []
    boards = {task: (Copy(folder, task.stem, formats, numbers=False),) for task in pages}
    return both(main_figures(evaluation, folder, formats), boards)


def main_figures(evaluation: Evaluation, folder: Path, formats: tuple[str, ...]) -> Copies:
    """Return the main figure of every outcome and unit, and of all units, under short names."""
    stems = main_tasks(evaluation) if formats else {}
    return {task: (Copy(folder, stem, formats, numbers=False),) for task, stem in stems.items()}


def both(one: Copies, other: Copies) -> Copies:
    """Return what two sets of figures want, so that each figure is drawn once."""
    return {task: (*one.get(task, ()), *other.get(task, ())) for task in (*one, *other)}


def draw_figures(
    evaluation: Evaluation,
    copies: Copies,
    jobs: int,
    progress: Progress,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Draw figures.

    Parameters
    ----------
    evaluation : Evaluation
        The result.
    copies : mapping of FigureTask to sequence of Copy
        Which figures, and where each goes.
    jobs : int
        Processes; the files are the same for any number.
    progress : callable
        Called with a phrase, figures drawn and figures in all.
    meanwhile : callable
        What this process does while others draw; before it draws when it is alone.
    """
    places = list(copies.items())
    if jobs == 1 or len(copies) < 2:
        meanwhile()
        with house_style():
            for done, place in enumerate(places):
                progress("drawing figures", done, len(copies))
                draw_figure(evaluation, *place)
    else:
        progress("drawing figures", 0, len(copies))
        drawn = side_by_side(_drawn_and_described, evaluation, places, jobs, meanwhile)
        for done, ((task, _), words) in enumerate(zip(places, drawn, strict=True), start=1):
            remember_description(evaluation, task, words)
            progress("drawing figures", done, len(copies))
    progress("drawing figures", len(copies), len(copies))


def draw_figure(evaluation: Evaluation, task: FigureTask, places: Sequence[Copy]) -> None:
    """Draw one figure, and write it wherever it goes."""
    with house_style():
        figure, frame, _ = draw(evaluation, task)
        for place in places:
            save_pictures(figure, place.folder, place.stem, place.formats)
            if place.numbers:
                save_numbers(frame, place.folder, place.stem)


def _drawn_and_described(evaluation: Evaluation, place: tuple[FigureTask, Sequence[Copy]]) -> str:
    """Draw one figure and return its alt text, for which its numbers are at hand here."""
    draw_figure(evaluation, *place)
    return describe(evaluation, place[0])
