"""From a config to a result on disk: evaluate, draw, write, all or nothing."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from its_eval.config import to_yaml
from its_eval.evaluation import DEVIATION, DEVIATIONS
from its_eval.pipeline.deviations import Held, held_to
from its_eval.pipeline.frames import written_frames
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.run import evaluate_plan
from its_eval.pipeline.sources import input_files, load_sources
from its_eval.provenance import REPORT, RESOLVED, input_hashes, manifest, output_hashes
from its_eval.report.write import require_free, result_folder, write_manifest, write_tables, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from its_eval.config import Config
    from its_eval.evaluation import Evaluation


Progress = Callable[[str, int, int], None]

WORKBOOK = "results.xlsx"
FIGURES = "figures"
#: All figures for the report, until it is written.
_DRAWN = ".drawn"


@dataclass(frozen=True)
class Wanted:
    """What a result is to hold beside its tables, and what the run is held to.

    Attributes
    ----------
    figures, report : bool
        Whether to draw, and to write the report.
    held : Held or None
        The protocol, if any.
    """

    figures: bool = True
    report: bool = True
    held: Held | None = None


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
            held = wanted.held
            inputs = input_hashes([*input_files(config), *([] if held is None else [held.path])])
            sources = load_sources(config)
            lap("load")
            progress("choosing peers", 0, 0)
            plan = make_plan(config, sources)
            lap("plan")
            evaluation = evaluate_plan(config, sources, plan, lambda phrase: progress(phrase, 0, 0))
            if held is not None:
                evaluation = held_to(held, config, sources, plan, evaluation)
            lap("estimate")
        else:
            evaluation = done
            config, written = written_frames(config, done.made_of[1], folder, target)
            inputs = input_hashes(path for path in input_files(config) if path not in written)
        output = config.output
        write_tables(evaluation.tables, folder / "tables", output.tables, empty=output.which == "all")
        # of a study made in memory no manifest names the folder of its paths
        write_text(folder / RESOLVED, to_yaml(config, as_written=config_path is not None))
        lap("tables")
        if wanted.figures:
            _draw(config, evaluation, folder, report=wanted.report, jobs=jobs, progress=progress)
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
            folder=config.origin.folder,
        )
        content |= {
            "report": wanted.report,
            "faults": evaluation.faults,
            "fault_names": fault_names(evaluation),
            # those without rows are not written
            "tables": {name: len(table) for name, table in sorted(evaluation.tables.items())},
            "outcomes": {name: dict(about) for name, about in evaluation.outcomes.items()},
            "unit_names": dict(evaluation.unit_names),
        }
        if evaluation.conduct:
            content["conduct"] = dict(evaluation.conduct)
        if "xlsx" in output.tables:
            from its_eval.report.workbook import write_workbook  # noqa: PLC0415  (openpyxl is loaded only here)

            write_workbook(evaluation, folder / WORKBOOK)
        if wanted.report:
            progress("writing the report", 0, 0)
            _write_report(config, evaluation, folder, content)
            lap("report")
        shutil.rmtree(folder / _DRAWN, ignore_errors=True)
        content |= {
            "outputs": output_hashes(folder),
            "timings_seconds": {name: round(value, 3) for name, value in timings.items()},
        }
        write_manifest(folder, content)
    return evaluation


def fault_names(evaluation: Evaluation) -> dict[str, dict[str, int]]:
    """Return which faults `Evaluation.faults` counts, by kind and name."""
    tables = evaluation.tables
    quality, checks = tables["data_quality"], tables["checks"]
    named: dict[str, Iterable[str]] = {
        "data": quality.loc[quality["severity"].ne("info"), "check"],
        "not_estimated": tables["not_estimated"]["reason"],
        "fit": [flag for flags in tables["fits"]["flags"] for flag in flags.split("; ") if flag],
        "checks": checks.loc[checks["status"].eq("attention"), "check"],
    }
    found = tables.get(DEVIATIONS)
    if found is not None:
        named[DEVIATIONS] = found.loc[found["severity"].eq(DEVIATION), "item"]
    return {kind: dict(sorted(Counter(names).items())) for kind, names in named.items()}


def _draw(
    config: Config, evaluation: Evaluation, folder: Path, *, report: bool, jobs: int, progress: Progress
) -> None:
    """Draw what the config asks for, and for the report every figure as SVG."""
    # matplotlib is loaded only when something is drawn
    from its_eval.figures.drawing import both, draw_figures, every_figure, main_figures  # noqa: PLC0415

    output = config.output
    chosen = every_figure if output.which == "all" else main_figures
    copies = chosen(evaluation, folder / FIGURES, output.figures)
    if report and not (output.which == "all" and "svg" in output.figures):
        copies = both(copies, every_figure(evaluation, folder / _DRAWN, ("svg",)))
    draw_figures(evaluation, copies, jobs, progress)


def _write_report(config: Config, evaluation: Evaluation, folder: Path, content: dict[str, Any]) -> None:
    """Write the report of a result whose tables and figures have been written."""
    from its_eval.report.checklists import load_answers  # noqa: PLC0415  (jinja2 is loaded only here)
    from its_eval.report.house_style import load_house_style  # noqa: PLC0415
    from its_eval.report.html import render_report  # noqa: PLC0415

    chosen = config.output.report
    drawn = folder / _DRAWN
    page = render_report(
        evaluation,
        drawn if drawn.is_dir() else folder / FIGURES,
        settings=config.model_dump(mode="json", by_alias=True),
        provenance=content,
        style=None if chosen.style is None else load_house_style(chosen.style),
        answers=None if chosen.answers is None else load_answers(chosen.answers),
    )
    write_text(folder / REPORT, page)
