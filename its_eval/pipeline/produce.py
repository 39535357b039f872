"""From a config to a result on disk: evaluate, draw, write, all or nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from its_eval.config import to_yaml
from its_eval.pipeline.frames import written_frames
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.run import evaluate_plan
from its_eval.pipeline.sources import input_files, load_sources
from its_eval.provenance import RESOLVED, input_hashes, manifest, output_hashes
from its_eval.report.write import require_free, result_folder, write_manifest, write_tables, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from its_eval.config import Config
    from its_eval.evaluation import Evaluation
    from its_eval.figures.catalogue import FigureTask


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
    from its_eval.figures.catalogue import figure_tasks  # noqa: PLC0415  (start-up time)

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
    from its_eval.figures.catalogue import draw  # noqa: PLC0415
    from its_eval.figures.style import save_figure  # noqa: PLC0415

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


REPORT = "report.html"
WORKBOOK = "tables.xlsx"


@dataclass(frozen=True)
class Wanted:
    """What a result is to hold beside its tables.

    Attributes
    ----------
    figures, report : bool
        Whether to draw, and to write the report.
    """

    figures: bool = True
    report: bool = True


def produce(
    config: Config,
    config_path: Path | None,
    target: Path,
    *,
    command: str,
    wanted: Wanted,
    force: bool,
    jobs: int,
    progress: Progress,
    done: Evaluation | None = None,
) -> Evaluation:
    """Evaluate a config and write the whole result folder.

    Parameters
    ----------
    config : Config
        As loaded from `config_path`.
    config_path : Path or None
        For the manifest; None of a study that was made in memory.
    target : Path
        The result folder; it appears at the end, whole.
    command : str
        The command line, for the manifest.
    wanted : Wanted
        What the result is to hold.
    force : bool
        Replace an existing result.
    jobs : int
        Processes for drawing; the files are the same for any number.
    progress : callable
        Called with a phrase, steps done and steps in all (0 when not known).
    done : Evaluation, optional
        What the config was found to give: it is written, and not evaluated again.

    Raises
    ------
    OutputError, DataError, NothingEstimatedError
        See the stages.
    """
    require_free(target, force=force)
    timings: dict[str, float] = {}
    clock = time.perf_counter()

    def lap(stage: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        timings[stage] = now - clock
        clock = now

    # the folder is taken at once, so that a second run into it is refused before it fits for minutes
    with result_folder(target, force=force) as folder:
        progress("loading data", 0, 0)
        if done is None:
            inputs = input_hashes(input_files(config))
            sources = load_sources(config)
            lap("load")
            progress("choosing peers", 0, 0)
            plan = make_plan(config, sources)
            lap("plan")
            evaluation = evaluate_plan(config, sources, plan, lambda phrase: progress(phrase, 0, 0))
            lap("estimate")
        else:
            evaluation = done
            config, written = written_frames(config, done.made_of[1], folder, target)
            inputs = input_hashes(path for path in input_files(config) if path not in written)
        write_tables(evaluation.tables, folder / "tables", config.output.tables)
        write_text(folder / RESOLVED, to_yaml(config))
        lap("tables")
        if wanted.figures:
            draw_figures(evaluation, folder / "figures", config.output.figures, jobs, progress)
            lap("figures")
        fits = evaluation.tables["fits"]
        flagged = fits.loc[fits["flags"].ne(""), ["outcome", "unit", "design", "estimator", "flags"]]
        content = manifest(
            command=command,
            config_path=config_path,
            seed=config.seed,
            inputs=inputs,
            outputs={},
            timings=timings,
            notes=evaluation.notes,
            flags=flagged.to_dict("records"),
            figures=wanted.figures,
        )
        content |= {
            "report": wanted.report,
            "faults": evaluation.faults,
            "outcomes": {name: dict(about) for name, about in evaluation.outcomes.items()},
            "unit_names": dict(evaluation.unit_names),
        }
        if "xlsx" in config.output.tables:
            _write_workbook(config, evaluation, folder, content)
        if wanted.report:
            progress("writing the report", 0, 0)
            _write_report(config, evaluation, folder, content)
            lap("report")
        content |= {
            "outputs": output_hashes(folder),
            "timings_seconds": {name: round(value, 3) for name, value in timings.items()},
        }
        write_manifest(folder, content)
    return evaluation


def _write_report(config: Config, evaluation: Evaluation, folder: Path, content: dict[str, Any]) -> None:
    """Write the report of a result whose tables and figures stand in its folder."""
    from its_eval.report.checklists import load_answers  # noqa: PLC0415  (jinja2 is loaded only here)
    from its_eval.report.house_style import load_house_style  # noqa: PLC0415
    from its_eval.report.html import render_report  # noqa: PLC0415

    chosen = config.output.report
    page = render_report(
        evaluation,
        folder / "figures",
        settings=config.model_dump(mode="json", by_alias=True),
        provenance=content,
        style=None if chosen.style is None else load_house_style(chosen.style),
        answers=None if chosen.answers is None else load_answers(chosen.answers),
    )
    write_text(folder / REPORT, page)


def _write_workbook(config: Config, evaluation: Evaluation, folder: Path, content: dict[str, Any]) -> None:
    """Write all tables as one workbook."""
    from its_eval.report.workbook import write_workbook  # noqa: PLC0415  (openpyxl is loaded only here)

    cover = {
        "Evaluation": config.title,
        "Outcomes": ", ".join(str(about["label"]) for about in evaluation.outcomes.values()),
        "Intervention": f"{config.intervention.name}, from "
        + ", ".join(dict.fromkeys(str(about["start_in_words"]) for about in evaluation.outcomes.values())),
        "Made by": f"{content['program']['name']} {content['program']['version']}",
        # no date of its own: the same run gives the same workbook, byte for byte
        "When": "manifest.json, in the folder above, says when and with which command",
        "Config": str(content["config"]["sha256"]) if content["config"] else "in memory",
    }
    write_workbook(evaluation.tables, folder / "tables" / WORKBOOK, cover)
