"""From a config to a result on disk: evaluate, draw, write, all or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from its_eval.config import to_yaml
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.run import evaluate_plan
from its_eval.pipeline.sources import input_files, load_sources
from its_eval.provenance import RESOLVED, input_hashes, manifest, output_hashes
from its_eval.report.write import require_free, result_folder, write_manifest, write_tables, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from its_eval.config import Config
    from its_eval.evaluation import Evaluation

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class FigureTask:
    """One figure to draw: outcome, unit and design of a main ITS figure."""

    outcome: str
    unit: str
    design: str


def figure_tasks(evaluation: Evaluation) -> list[FigureTask]:
    """Return the figures of a result, one for every series of the primary estimator."""
    series = evaluation.tables["series"][["outcome", "unit", "design"]].drop_duplicates()
    return [FigureTask(*map(str, row)) for row in series.itertuples(index=False)]


def draw_figure(evaluation: Evaluation, task: FigureTask, folder: Path, formats: tuple[str, ...]) -> None:
    """Draw and save one figure with its numbers."""
    # matplotlib is loaded only when something is drawn
    from its_eval.report.figures.main_its import (  # noqa: PLC0415
        draw_main_its,
        main_its_data,
        main_its_labels,
    )
    from its_eval.report.figures.save import figure_stem, save_figure  # noqa: PLC0415

    key = (task.outcome, task.unit, task.design)
    frame = main_its_data(evaluation, *key)
    save_figure(
        draw_main_its(frame, main_its_labels(evaluation, *key)), frame, folder, figure_stem(*key), formats
    )


def _draw_all(
    evaluation: Evaluation, folder: Path, formats: tuple[str, ...], jobs: int, progress: Progress
) -> None:
    tasks = figure_tasks(evaluation)
    folder.mkdir()
    pool: Executor | None = ProcessPoolExecutor(jobs) if jobs > 1 and len(tasks) > 1 else None
    with pool if pool is not None else nullcontext():
        if pool is None:
            for done, task in enumerate(tasks):
                progress("drawing figures", done, len(tasks))
                draw_figure(evaluation, task, folder, formats)
        else:
            futures = [pool.submit(draw_figure, evaluation, task, folder, formats) for task in tasks]
            for done, future in enumerate(futures):
                progress("drawing figures", done, len(tasks))
                future.result()
    progress("drawing figures", len(tasks), len(tasks))


def produce(
    config: Config,
    config_path: Path,
    target: Path,
    *,
    command: str,
    figures: bool,
    force: bool,
    jobs: int,
    progress: Progress,
) -> Evaluation:
    """Evaluate a config and write the whole result folder.

    Parameters
    ----------
    config : Config
        As loaded from `config_path`.
    config_path : Path
        For the manifest.
    target : Path
        The result folder; it appears at the end, whole.
    command : str
        The command line, for the manifest.
    figures : bool
        Whether to draw.
    force : bool
        Replace an existing result.
    jobs : int
        Processes for drawing; the files are the same for any number.
    progress : callable
        Called with a phrase, steps done and steps in all (0 when not known).

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

    progress("loading data", 0, 0)
    inputs = input_hashes(path for path in input_files(config) if path.is_file())
    sources = load_sources(config)
    lap("load")
    progress("choosing peers", 0, 0)
    plan = make_plan(config, sources)
    lap("plan")
    evaluation = evaluate_plan(config, sources, plan, lambda phrase: progress(phrase, 0, 0))
    lap("estimate")
    with result_folder(target, force=force) as folder:
        write_tables(evaluation.tables, folder / "tables", config.output.tables)
        write_text(folder / RESOLVED, to_yaml(config))
        lap("tables")
        if figures:
            _draw_all(evaluation, folder / "figures", config.output.figures, jobs, progress)
            lap("figures")
        fits = evaluation.tables["fits"]
        flagged = fits.loc[fits["flags"].ne(""), ["outcome", "unit", "design", "estimator", "flags"]]
        write_manifest(
            folder,
            manifest(
                command=command,
                config_path=config_path,
                seed=config.seed,
                inputs=inputs,
                outputs=output_hashes(folder),
                timings=timings,
                notes=evaluation.notes,
                flags=flagged.to_dict("records"),
                figures=figures,
            ),
        )
    return evaluation
