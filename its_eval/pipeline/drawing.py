"""Drawing the figures of a result, on one process or several; the files are the same for any number."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from its_eval.evaluation import Evaluation
    from its_eval.report.figures.catalogue import FigureTask

Progress = Callable[[str, int, int], None]

#: The result that a process draws from, handed over once instead of with every figure.
_EVALUATION: list[Evaluation] = []


def draw_figures(
    evaluation: Evaluation, folder: Path, formats: tuple[str, ...], jobs: int, progress: Progress
) -> None:
    """Draw every figure that a result has the numbers for.

    Parameters
    ----------
    evaluation : Evaluation
        The result.
    folder : Path
        A folder that does not exist yet.
    formats : tuple of str
        ``svg``, ``png``; the numbers are written whatever they are.
    jobs : int
        Processes.
    progress : callable
        Called with a phrase, figures drawn and figures in all.
    """
    from its_eval.report.figures.catalogue import figure_tasks  # noqa: PLC0415  (start-up time)

    tasks = figure_tasks(evaluation)
    folder.mkdir()
    if jobs == 1 or len(tasks) < 2:
        for done, task in enumerate(tasks):
            progress("drawing figures", done, len(tasks))
            draw_figure(evaluation, task, folder, formats)
    else:
        with ProcessPoolExecutor(jobs, initializer=_remember, initargs=(evaluation,)) as pool:
            futures = [pool.submit(_draw_remembered, task, folder, formats) for task in tasks]
            try:
                for done, future in enumerate(futures):
                    progress("drawing figures", done, len(tasks))
                    future.result()
            except BaseException:
                # an interrupt, too, need not wait for figures that nobody will see
                pool.shutdown(cancel_futures=True)
                raise
    progress("drawing figures", len(tasks), len(tasks))


def draw_figure(evaluation: Evaluation, task: FigureTask, folder: Path, formats: Sequence[str]) -> None:
    """Draw and save one figure with its numbers."""
    # matplotlib is loaded only when something is drawn
    from its_eval.report.figures.catalogue import draw  # noqa: PLC0415
    from its_eval.report.figures.save import save_figure  # noqa: PLC0415

    figure, frame, stem = draw(evaluation, task)
    save_figure(figure, frame, folder, stem, tuple(formats))


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


def _draw_remembered(task: FigureTask, folder: Path, formats: Sequence[str]) -> None:
    """Draw one figure of the result that this process keeps."""
    draw_figure(_EVALUATION[0], task, folder, formats)
