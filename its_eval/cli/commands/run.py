"""``its-eval run``."""

from __future__ import annotations

import gc
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from its_eval.config import Config
    from its_eval.evaluation import Evaluation
    from its_eval.pipeline.produce import Wanted

#: What ``--fail-on`` can name.
FAULTS = ("data", "fit", "checks")


def run(  # noqa: C901  (an option each)
    configs: Annotated[
        list[Path], typer.Argument(metavar="CONFIG", help="Configs to evaluate.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Result folder; default results/<config name>.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes for figures and batches.")] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Dask cluster for batches: tcp://host:8786."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted batch where it stopped.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be fitted, with which peers; write nothing.")
    ] = False,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Draw nothing.")] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.html.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing result.")] = False,
    if_changed: Annotated[
        bool,
        typer.Option(
            "--if-changed",
            help="Do nothing when config, inputs and version are those of the result; else redo.",
        ),
    ] = False,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="WHAT",
            help="Exit 1 when a result has such faults: data, fit, checks; commas or repeated.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the path of the result, nothing else.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="All estimands in the summary.")] = False,
    format_: Annotated[
        Literal["text", "json"], typer.Option("--format", help="Form of the summary.")
    ] = "text",
) -> int:
    """Evaluate configs: tables, figures and a report.

    Peers are chosen, series fitted and checked; what was found is printed, and written to a folder.

    \b
    Examples:
      its-eval run configs/sample.yaml
      its-eval run configs/*.yaml -o results/all --jobs 2
      its-eval run config.yaml --dry-run
      its-eval run monitor.yaml --jobs 8 --resume
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    # imports stand here for the start-up time
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.pipeline.produce import REPORT, Wanted  # noqa: PLC0415
    from its_eval.report.write import require_free  # noqa: PLC0415

    if quiet and verbose:
        raise UsageError("--quiet and --verbose exclude each other")
    watched = _fail_on(fail_on or [])
    targets = _targets(configs, out)
    loaded = _loaded(configs)
    _require_batch(loaded, configs, scheduler=scheduler, resume=resume)
    if dry_run:
        _show_plans(loaded, configs, targets, format_)
        return 0
    force = force or if_changed
    for target in targets:
        require_free(target, force=force)
    code = 0
    summaries = []
    try:
        for path, config, target in zip(configs, loaded, targets, strict=True):
            if config.output.detail == "estimates":
                # a tenth of a second that a whole evaluation does without
                from its_eval.batch.run import Means  # noqa: PLC0415
                from its_eval.cli.run_text import batch_failures, print_batch, run_one_batch  # noqa: PLC0415

                means = Means(jobs, scheduler, resume=resume, force=force)
                batch = run_one_batch(config, path, target, means=means, if_changed=if_changed, quiet=quiet)
                _tell_path(target / "tables", alone=quiet and format_ == "text")
                if batch is None:
                    code = max(code, _stored_failures(path, target, watched))
                    summaries.append(_unchanged(path, target))
                    continue
                code = max(code, batch_failures(path, batch.failed, batch.flagged, watched))
                summaries.append({"config": str(path), "out": str(target), "batch": batch.to_dict()})
                if format_ == "text" and not quiet:
                    print_batch(batch, target)
                continue
            evaluation = _run_one(
                config,
                path,
                target,
                wanted=Wanted(figures=not no_figures, report=not no_report),
                force=force,
                if_changed=if_changed,
                jobs=jobs,
                quiet=quiet,
            )
            _tell_path(target / ("tables" if no_report else REPORT), alone=quiet and format_ == "text")
            if evaluation is None:
                code = max(code, _stored_failures(path, target, watched))
                summaries.append(_unchanged(path, target))
                continue
            code = max(code, _failures(path, evaluation.faults, watched))
            if format_ == "json":
                summaries.append({"config": str(path), "out": str(target), **evaluation.to_dict()})
            elif not quiet:
                from its_eval.cli.run_text import print_summary  # noqa: PLC0415

                print_summary(evaluation, target, report=not no_report, verbose=verbose)
    finally:
        # what is written is told, even when a later config fails
        if format_ == "json" and summaries:
            _print_json(summaries)
    return code


def _tell_path(path: Path, *, alone: bool) -> None:
    """Print where the result is when nothing else is printed: for a script that goes on with it."""
    if alone:
        typer.echo(path)


def _loaded(paths: list[Path]) -> list[Config]:
    """Return all configs, or the faults of all of them."""
    from its_eval.config import load_config  # noqa: PLC0415
    from its_eval.errors import ConfigError  # noqa: PLC0415

    configs: list[Config] = []
    problems: list[str] = []
    hint: str | None = None
    for path in paths:
        try:
            configs.append(load_config(path))
        except ConfigError as error:
            problems += error.problems
            hint = hint or error.hint
    if problems:
        raise ConfigError(problems, hint)
    return configs


def _require_batch(configs: list[Config], paths: list[Path], *, scheduler: str | None, resume: bool) -> None:
    """Refuse options of a batch run for a config that is none."""
    from its_eval.errors import UsageError  # noqa: PLC0415

    option = "--scheduler" if scheduler is not None else "--resume"
    whole = [str(path) for path, config in zip(paths, configs, strict=True) if config.output.detail == "full"]
    if whole and (scheduler is not None or resume):
        raise UsageError(
            f"{option} is for batch runs, and {', '.join(whole)} is a whole evaluation",
            f"set `output.detail: estimates` there, or leave out {option}",
        )


def _fail_on(texts: list[str]) -> list[str]:
    """Return the kinds of faults that ``--fail-on`` names, in a fixed order."""
    from its_eval.errors import UsageError  # noqa: PLC0415

    named = {word.strip() for text in texts for word in text.split(",")}
    unknown = sorted(named - set(FAULTS))
    if unknown:
        raise UsageError(f"--fail-on {', '.join(map(repr, unknown))}: expected {', '.join(FAULTS)}")
    return [kind for kind in FAULTS if kind in named]


def _targets(configs: list[Path], out: Path | None) -> list[Path]:
    """Return a result folder for each config; two of one name are refused."""
    from its_eval.errors import UsageError  # noqa: PLC0415

    if len(configs) == 1 and out is not None:
        return [out]
    base = out if out is not None else Path("results")
    targets = [base / path.stem for path in configs]
    # two names that differ in case alone are one on many disks
    names = [target.name.casefold() for target in targets]
    repeated = sorted({target.name for target in targets if names.count(target.name.casefold()) > 1})
    if repeated:
        raise UsageError(
            f"several configs are called {', '.join(repeated)}; their results would share a folder",
            "rename one, or run them one by one with --out",
        )
    return targets


def _run_one(
    config: Config,
    path: Path,
    target: Path,
    *,
    wanted: Wanted,
    force: bool,
    if_changed: bool,
    jobs: int,
    quiet: bool,
) -> Evaluation | None:
    from its_eval.cli.console import progress_bar  # noqa: PLC0415
    from its_eval.config import to_yaml  # noqa: PLC0415
    from its_eval.pipeline.produce import produce  # noqa: PLC0415
    from its_eval.pipeline.sources import input_files  # noqa: PLC0415
    from its_eval.provenance import unchanged  # noqa: PLC0415

    # what the libraries made on loading is no garbage: statsmodels asks for whole collections while fitting
    gc.freeze()
    if if_changed and unchanged(
        target,
        path,
        input_files(config),
        resolved=to_yaml(config),
        figures=wanted.figures,
        report=wanted.report,
    ):
        if not quiet:
            typer.echo(f"{target}: unchanged, nothing done", err=True)
        return None
    with progress_bar(quiet=quiet) as progress:
        return produce(
            config,
            path,
            target,
            command=shlex.join(["its-eval", *sys.argv[1:]]),
            wanted=wanted,
            force=force,
            jobs=jobs,
            progress=progress,
        )


def _failures(path: Path, faults: Mapping[str, int], watched: list[str]) -> int:
    """Return 1 when the result has faults of a kind that the caller does not accept."""
    failed, flagged = faults["not_estimated"], faults["flagged_fits"]
    faulty, alarming = faults["faulty_rows"], faults["alarming_checks"]
    counted = {
        "data": (faulty, f"{faulty} faulty rows in data_quality"),
        "fit": (failed + flagged, f"{failed} series not estimated, {flagged} fits with flags"),
        "checks": (alarming, f"{alarming} checks ask for attention"),
    }
    raised = [kind for kind in watched if counted[kind][0]]
    for kind in raised:
        typer.echo(f"its-eval: {path}: --fail-on {kind}: {counted[kind][1]}", err=True)
    return int(bool(raised))


def _stored_failures(path: Path, target: Path, watched: list[str]) -> int:
    """Return the same of a result that stays because nothing has changed: its faults have not gone."""
    from its_eval.cli.run_text import batch_failures  # noqa: PLC0415
    from its_eval.provenance import read_manifest  # noqa: PLC0415

    stored = read_manifest(target) or {}
    if "batch" in stored:
        return batch_failures(path, stored["batch"]["failed"], stored["batch"]["flagged"], watched)
    return _failures(path, stored["faults"], watched)


def _unchanged(path: Path, target: Path) -> dict[str, Any]:
    return {"config": str(path), "out": str(target), "unchanged": True}


def _show_plans(
    loaded: list[Config], configs: list[Path], targets: list[Path], form: Literal["text", "json"]
) -> None:
    """Print what would be done for every config."""
    from its_eval.cli.run_text import planned, planned_batch, print_batch_plan, print_plan  # noqa: PLC0415

    plans = [
        (planned_batch if item[0].output.detail == "estimates" else planned)(*item)
        for item in zip(loaded, configs, targets, strict=True)
    ]
    if form == "json":
        _print_json(plans)
        return
    for position, (config, plan) in enumerate(zip(loaded, plans, strict=True)):
        show = print_batch_plan if config.output.detail == "estimates" else print_plan
        show(config, plan, first=position == 0)


def _print_json(content: list[dict[str, Any]]) -> None:
    json.dump(content, sys.stdout, indent=1, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")
