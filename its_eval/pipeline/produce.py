"""From a config to a result on disk: evaluate, draw, write, all or nothing."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from its_eval.columns import DEVIATION, DEVIATIONS
from its_eval.config import to_yaml
from its_eval.pipeline.answering import Several, families_of
from its_eval.pipeline.cost import SAID_FROM, Parts, StageClock, expected_cost, is_worth_a_trial, of_few
from its_eval.pipeline.frames import written_frames
from its_eval.pipeline.history import HISTORY, history_text, recorded
from its_eval.pipeline.planning import make_plan, require_detail
from its_eval.pipeline.run import evaluate_plan
from its_eval.pipeline.sources import input_files, load_sources, starts_of
from its_eval.provenance import REPORT, RESOLVED, input_hashes, manifest, now, output_hashes
from its_eval.report.write import require_free, result_folder, write_manifest, write_tables, write_text

if TYPE_CHECKING:
    from its_eval.config import Config
    from its_eval.evaluation import Evaluation
    from its_eval.figures.drawing import Copies
    from its_eval.pipeline.cost import Cost
    from its_eval.pipeline.deviations import Held
    from its_eval.pipeline.plan import Plan
    from its_eval.pipeline.sources import Sources
    from its_eval.report.html import Report
    from its_eval.report.source import ReportSource


Progress = Callable[[str, int, int], None]

WORKBOOK = "results.xlsx"
#: The document of tables and methods, by format.
DOCUMENT = "results"
FIGURES = "figures"
#: All figures for the report, until it is written.
_DRAWN = ".drawn"


class Wanted(Struct, frozen=True):
    """What a result is to hold beside its tables, and what the run is held to.

    Attributes
    ----------
    figures, report : bool
        Whether to draw, and to write the report.
    held : Held or None
        The protocol, if any.
    blind : bool
        Whether everything but the effect is wanted: what treated units did from the start on is not read on.
    unblinded : mapping or None
        What is recorded of a blind result that is followed by this one.
    """

    figures: bool = True
    report: bool = True
    held: Held | None = None
    blind: bool = False
    unblinded: Mapping[str, Any] | None = None


class _Laps(Struct):
    """Seconds of each stage, in the order in which they end."""

    seconds: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)

    def end(self, stage: str) -> None:
        """Say that a stage is over."""
        now = time.perf_counter()
        self.seconds[stage] = now - self._since
        self._since = now


class _Origin(Struct, frozen=True):
    """What the manifest says of how a result came about."""

    command: str
    config_path: Path | None
    inputs: dict[str, str]


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
    foresee: Callable[[Cost], None] | None = None,
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
        Processes for fits, checks and figures; the files are the same for any number.
    progress : callable
        Called with a phrase, steps done and steps in all (0 when not known).
    done : Evaluation, optional
        What the config was found to give: it is written, and not evaluated again.
    foresee : callable, optional
        Called before a long run with what it is expected to cost; without it nothing is tried first.

    Raises
    ------
    OutputError, DataError, NothingEstimatedError
        See the stages.
    """
    require_free(target, force=force)
    _require_libraries(config)
    laps = _Laps()
    # the folder is taken at once, so that a second run into it is refused before it fits for minutes
    with result_folder(target, force=force) as folder:
        progress("loading data", 0, 0)
        if done is None:
            inputs = input_hashes(_files(config, wanted))
            sources = load_sources(config, cut="treated" if wanted.blind else "nobody")
            laps.end("load")
            progress("choosing peers", 0, 0)
            plan = make_plan(config, sources)
            laps.end("plan")
            require_detail(config, plan)
            if foresee is not None and not wanted.blind and is_worth_a_trial(plan):
                progress("trying two units, to say what the run will take", 0, 0)
                cost = _tried(config, sources, plan, wanted, jobs)
                if cost.seconds >= SAID_FROM:
                    foresee(cost)
                laps.end("trial")
            evaluation = _evaluated(config, sources, plan, wanted, lambda what: progress(what, 0, 0), jobs)
            laps.end("estimate")
        else:
            evaluation = done
            config, written = written_frames(config, done.made_of[1], folder, target)
            inputs = input_hashes(path for path in input_files(config) if path not in written)
        evaluation = _remembered(evaluation, target, folder)
        origin = _Origin(command, config_path, inputs)
        _fill(folder, config, evaluation, origin, laps, wanted=wanted, jobs=jobs, progress=progress)
    return evaluation


def _fill(
    folder: Path,
    config: Config,
    evaluation: Evaluation,
    origin: _Origin,
    laps: _Laps,
    *,
    wanted: Wanted,
    jobs: int,
    progress: Progress,
) -> None:
    """Write everything that a result holds."""
    output = config.output
    write_tables(evaluation.tables, folder / "tables", output.tables, empty=output.which == "all")
    # of a study made in memory no manifest names the folder of its paths
    write_text(folder / RESOLVED, to_yaml(config, as_written=origin.config_path is not None))
    laps.end("tables")
    content = _content(config, evaluation, origin, wanted)
    figures = folder / FIGURES
    copies: Copies = {}
    if wanted.figures and not wanted.blind:
        figures, copies = _asked_figures(config, evaluation, folder, report=wanted.report)
    # read once, by report and documents
    source = cache(lambda: _source(config, evaluation, figures, copies, content))
    reports: list[Report] = []

    def write() -> None:
        if wanted.report:
            reports.append(_report(config, source()))

    if copies:
        # matplotlib is loaded only when something is drawn
        from its_eval.figures.drawing import draw_figures  # noqa: PLC0415

        # the words of the report are put together while others draw its figures
        draw_figures(evaluation, copies, jobs, progress, write)
        laps.end("figures")
    else:
        write()
    if not wanted.blind:
        _write_documents(config, evaluation, folder, source)
    for report in reports:
        progress("writing the report", 0, 0)
        write_text(folder / REPORT, report.html())
        laps.end("report")
    shutil.rmtree(folder / _DRAWN, ignore_errors=True)
    content |= {
        "finished": now(),
        "outputs": output_hashes(folder),
        "timings_seconds": {name: round(value, 3) for name, value in laps.seconds.items()},
    }
    write_manifest(folder, content)


def report_page(evaluation: Evaluation, *, command: str) -> str:
    """Return the report of a result in memory as HTML; nothing but its figures is made for it.

    Parameters
    ----------
    evaluation : Evaluation
        With what it was made of.
    command : str
        What was called, for the origin.
    """
    from its_eval.figures.drawing import draw_figures, figures_of_the_report  # noqa: PLC0415  (matplotlib)

    config, frames = evaluation.made_of
    # what is in memory has a name where a file has its path
    inputs = input_hashes(path for path in input_files(config) if path not in frames.tables)
    content = _content(config, evaluation, _Origin(command, None, inputs), Wanted())
    # no manifest stands beside it
    del content["outputs"]
    with tempfile.TemporaryDirectory(prefix="its-eval-") as drawn:
        copies = figures_of_the_report(evaluation, Path(drawn))
        report = _report(config, _source(config, evaluation, Path(drawn), copies, content))
        draw_figures(evaluation, copies, 1, lambda *_: None)
        return report.html()


def _tried(config: Config, sources: Sources, plan: Plan, wanted: Wanted, jobs: int) -> Cost:
    """Produce the result of a few units where nobody sees it, and return what the whole run will cost."""
    few, laps, stages = of_few(plan), _Laps(), StageClock()
    with tempfile.TemporaryDirectory(prefix="its-eval-") as name:
        folder = Path(name)
        evaluation = evaluate_plan(config, sources, few, stages)
        shared, own = stages.parts()
        origin, nobody = _Origin("", None, {}), lambda *_: None
        laps.end("estimate")
        _fill(folder, config, evaluation, origin, laps, wanted=wanted, jobs=jobs, progress=nobody)
        files = [path for path in folder.rglob("*") if path.is_file()]
        drawn = Counter[bool]()
        for task, copies in (_kept(config, evaluation, folder) if wanted.figures else {}).items():
            drawn[bool(task.unit)] += sum(len(copy.formats) + copy.numbers for copy in copies)
        size = sum(path.stat().st_size for path in files)
    written = sum(laps.seconds.values()) - laps.seconds["estimate"]
    # the run answers its questions side by side, the trial one after the other
    beside = min(jobs, len(families_of(config, plan)))
    return expected_cost(
        plan,
        len(config.designs),
        Parts(0.0, shared / beside, own / beside + written),
        Parts(len(files) - drawn.total(), drawn[False], drawn[True]),
        size,
    )


def _files(config: Config, wanted: Wanted) -> list[Path]:
    """Return the files whose hashes are written down.

    The hash of a whole table of indicators would tell of a blind run whether later values are what they were.
    """
    files = input_files(config)
    if wanted.blind:
        tables = {table.path for table in config.data.indicators}
        files = [path for path in files if tables.isdisjoint((path, *path.parents))]
    return [*files, *([] if wanted.held is None else [wanted.held.path])]


def _evaluated(
    config: Config,
    sources: Sources,
    plan: Plan,
    wanted: Wanted,
    progress: Callable[[str], None],
    jobs: int,
) -> Evaluation:
    """Evaluate a plan, blind or not, and hold it to its protocol."""
    # most runs are neither blind nor held to a protocol, and start sooner without these
    if wanted.blind:
        from its_eval.pipeline.blind import evaluate_blind  # noqa: PLC0415
        from its_eval.pipeline.protocol import fingerprints  # noqa: PLC0415

        before = fingerprints(config, sources, starts_of(config))
        known = {name: item.model_dump(mode="json") for name, item in before.items()}
        evaluation = evaluate_blind(config, sources, plan, progress)
        evaluation = replace(evaluation, conduct={"blind": {"data": known}})
    else:
        levels = None if wanted.held is None else wanted.held.levels_for(config)
        several = Several(jobs, lambda: _load_what_follows(wanted))
        evaluation = evaluate_plan(config, sources, plan, progress, levels, several)
    if wanted.unblinded is not None:
        evaluation = replace(evaluation, conduct={**evaluation.conduct, "unblinded": dict(wanted.unblinded)})
    if wanted.held is None:
        return evaluation
    from its_eval.pipeline.deviations import held_to  # noqa: PLC0415

    return held_to(wanted.held, config, sources, plan, evaluation)


def _load_what_follows(wanted: Wanted) -> None:
    """Load the libraries of figures and report, which the processes that draw then have from this one."""
    if wanted.figures:
        import its_eval.figures.writing  # noqa: PLC0415  (matplotlib)
    if wanted.report:
        import its_eval.report.html  # noqa: F401, PLC0415  (jinja2)


def _remembered(evaluation: Evaluation, target: Path, folder: Path) -> Evaluation:
    """Return an evaluation beside earlier runs into the same folder, and write their history."""
    found = recorded(evaluation, target)
    history = history_text(found)
    if history:
        write_text(folder / HISTORY, history)
    elif (target / HISTORY).is_file():
        # a run that answers nothing, such as a blind one, adds nothing and takes nothing away
        shutil.copyfile(target / HISTORY, folder / HISTORY)
    return found


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


def _asked_figures(
    config: Config, evaluation: Evaluation, folder: Path, *, report: bool
) -> tuple[Path, Copies]:
    """Return where the figures of the report go, and all that are drawn: those, and what the config wants."""
    from its_eval.figures import drawing  # noqa: PLC0415  (matplotlib)

    output = config.output
    copies = _kept(config, evaluation, folder)
    if not report or (output.which == "all" and "svg" in output.figures):
        return folder / FIGURES, copies
    drawn = folder / _DRAWN
    return drawn, drawing.both(copies, drawing.figures_of_the_report(evaluation, drawn))


def _kept(config: Config, evaluation: Evaluation, folder: Path) -> Copies:
    """Return the figures that stay in the folder."""
    from its_eval.figures import drawing  # noqa: PLC0415

    output = config.output
    chosen = {"main": drawing.main_figures, "board": drawing.board_figures, "all": drawing.every_figure}
    return chosen[output.which](evaluation, folder / FIGURES, output.figures)


def _content(config: Config, evaluation: Evaluation, origin: _Origin, wanted: Wanted) -> dict[str, Any]:
    """Return the manifest of a result, without the hashes of its files and without timings."""
    fits = evaluation.tables["fits"]
    flagged = fits.loc[fits["flags"].ne(""), ["outcome", "unit", "design", "estimator", "flags"]]
    content = manifest(
        command=origin.command,
        config_path=origin.config_path,
        seed=config.seed,
        inputs=origin.inputs,
        outputs={},
        timings={},
        notes=evaluation.notes,
        flags=flagged.to_dict("records"),
        figures=wanted.figures and not wanted.blind,
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
    if "unblinded" in evaluation.conduct:
        # times stand in the manifest alone
        content["conduct"]["unblinded"] = {
            "when": content["finished"],
            **evaluation.conduct["unblinded"],
        }
    return content


def _require_libraries(config: Config) -> None:
    """Refuse at once what would lack a library at the end of a run."""
    if "docx" in config.output.tables:
        from its_eval.report.word import require_word  # noqa: PLC0415  (what few ask for)

        require_word()


def _write_documents(
    config: Config, evaluation: Evaluation, folder: Path, source: Callable[[], ReportSource]
) -> None:
    """Write the workbook and the documents of a result whose tables and figures have been written."""
    if "xlsx" in config.output.tables:
        from its_eval.report.workbook import write_workbook  # noqa: PLC0415  (openpyxl is loaded only here)

        write_workbook(evaluation, folder / WORKBOOK)
    formats = [form for form in config.output.tables if form in ("docx", "tex")]
    if not formats:
        return
    from its_eval.report.latex import write_latex  # noqa: PLC0415  (jinja2 is loaded only here)
    from its_eval.report.word import write_word  # noqa: PLC0415

    writers = {"docx": write_word, "tex": write_latex}
    for form in formats:
        writers[form](source(), folder / f"{DOCUMENT}.{form}")


def _source(
    config: Config, evaluation: Evaluation, figures: Path, copies: Copies, content: dict[str, Any]
) -> ReportSource:
    """Return what report and documents are written from; figures are going to be drawn into a folder."""
    from its_eval.report.embedding import awaited_figures  # noqa: PLC0415  (jinja2 is loaded only here)
    from its_eval.report.html import source_of  # noqa: PLC0415

    settings, answers = _told(config)
    awaited = awaited_figures(evaluation, copies, figures)
    return source_of(evaluation, awaited, settings, content, answers)


def _report(config: Config, source: ReportSource) -> Report:
    """Return the report, in the looks that the config asks for."""
    from its_eval.report.house_style import load_house_style  # noqa: PLC0415  (jinja2 is loaded only here)
    from its_eval.report.html import written_report  # noqa: PLC0415

    style = config.output.report.style
    return written_report(source, None if style is None else load_house_style(style))


def _told(config: Config) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    """Return every setting as plain values, and what people answered to the checklists."""
    from its_eval.report.checklists import load_answers  # noqa: PLC0415  (not for a result without report)

    answers = config.output.report.answers
    return config.model_dump(mode="json", by_alias=True), None if answers is None else load_answers(answers)
