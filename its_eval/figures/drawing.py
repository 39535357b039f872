"""Drawing the figures of a result into folders, in this process or in several."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from its_eval.figures.catalogue import FIGURES, draw, figure_tasks, main_tasks, report_tasks
from its_eval.figures.style import house_style, save_numbers, save_pictures

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureTask


Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Copy:
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


#: The result that a process draws from, handed over once instead of with every figure.
_EVALUATION: list[Evaluation] = []


def draw_figures(evaluation: Evaluation, copies: Copies, jobs: int, progress: Progress) -> None:
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
    """
    if jobs == 1 or len(copies) < 2:
        with house_style():
            for done, (task, places) in enumerate(copies.items()):
                progress("drawing figures", done, len(copies))
                draw_figure(evaluation, task, places)
    else:
        with ProcessPoolExecutor(jobs, initializer=_remember, initargs=(evaluation,)) as pool:
            futures = [pool.submit(_draw_remembered, task, places) for task, places in copies.items()]
            try:
                for done, future in enumerate(futures):
                    progress("drawing figures", done, len(copies))
                    future.result()
            except BaseException:
                # an interrupt, too, need not wait for figures that nobody will see
                pool.shutdown(cancel_futures=True)
                raise
    progress("drawing figures", len(copies), len(copies))


def draw_figure(evaluation: Evaluation, task: FigureTask, places: Sequence[Copy]) -> None:
    """Draw one figure, and write it wherever it goes."""
    with house_style():
        figure, frame, _ = draw(evaluation, task)
        for place in places:
            save_pictures(figure, place.folder, place.stem, place.formats)
            if place.numbers:
                save_numbers(frame, place.folder, place.stem)


def _remember(evaluation: Evaluation) -> None:
    """Keep the result in this process, and end with the one that started it."""
    # Ctrl-C reaches every process of a terminal; the first one decides what becomes of the others
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _EVALUATION[:] = [evaluation]


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: killed, it cannot say so itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _draw_remembered(task: FigureTask, places: Sequence[Copy]) -> None:
    """Draw one figure of the result that this process keeps."""
    draw_figure(_EVALUATION[0], task, places)
