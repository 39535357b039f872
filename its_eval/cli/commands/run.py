"""``its-eval run``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from its_eval.cli.runs import Asked, Task

#: What ``--fail-on`` can name.
FAULTS = ("data", "fit", "checks", "deviations")


def run(
    configs: Annotated[
        list[Path], typer.Argument(metavar="CONFIG", help="Configs to evaluate.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Result folder; default results/<config name>.")
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, help="Processes for configs, fits, figures, batches.")
    ] = 1,
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
            help="Exit 1 when a result has such faults: data, fit, checks, deviations; commas or repeated.",
        ),
    ] = None,
    protocol: Annotated[
        Path | None,
        typer.Option("--protocol", metavar="FILE", help="Hold the run to a protocol: list every deviation."),
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option("--digest", metavar="SHA256", help="Digest of the protocol, as deposited elsewhere."),
    ] = None,
    blind: Annotated[
        bool, typer.Option("--blind", help="Show everything but the effect: nothing of treated units after.")
    ] = False,
    unblind: Annotated[
        bool, typer.Option("--unblind", help="Show the effect after a blind run, and record that and when.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the path of the result, nothing else.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="All estimands in the summary.")] = False,
    format_: Annotated[
        Literal["text", "json", "json-full"],
        typer.Option("--format", help="Form of the summary; json: the verdicts, json-full: all tables."),
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
      its-eval run config.yaml --protocol protocol.yaml --fail-on deviations
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    # imports stand here for the start-up time
    from its_eval.cli.runs import Asked, carry_out, tasks_of  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.report.write import require_free  # noqa: PLC0415

    if quiet and verbose:
        raise UsageError("--quiet and --verbose exclude each other")
    if blind and unblind:
        raise UsageError("--blind and --unblind exclude each other")
    watched = _fail_on(fail_on or [])
    asked = Asked(
        figures=not no_figures,
        report=not no_report,
        form=format_,
        watched=watched,
        jobs=jobs,
        scheduler=scheduler,
        resume=resume,
        force=force or if_changed,
        if_changed=if_changed,
        quiet=quiet,
        verbose=verbose,
        protocol=protocol,
        digest=digest,
        blind=blind,
        unblind=unblind,
    )
    _require_one_protocol(asked, configs)
    look = if_changed and not (dry_run or resume or scheduler is not None)
    tasks = tasks_of(configs, _targets(configs, out), asked, look=look)
    _require_batch(tasks, scheduler=scheduler, resume=resume)
    _require_whole(tasks, asked)
    if dry_run:
        return _show_plans(tasks, format_)
    for task in tasks:
        # what an interrupted batch left is looked at when it goes on
        require_free(task.target, force=asked.force or asked.unblind or resume)
    return carry_out(tasks, asked)


def _require_batch(tasks: Sequence[Task], *, scheduler: str | None, resume: bool) -> None:
    """Refuse options of a batch run for a config that is none."""
    from its_eval.errors import UsageError  # noqa: PLC0415

    option = "--scheduler" if scheduler is not None else "--resume"
    whole = [str(task.path) for task in tasks if task.config and task.config.output.detail == "full"]
    if whole and (scheduler is not None or resume):
        raise UsageError(
            f"{option} is for batch runs, and {', '.join(whole)} is a whole evaluation",
            f"set `output.detail: estimates` there, or leave out {option}",
        )


def _require_one_protocol(asked: Asked, configs: Sequence[Path]) -> None:
    """Refuse options that need a protocol without one, and a protocol for several configs; read it before."""
    from its_eval.errors import UsageError  # noqa: PLC0415

    if asked.protocol is None:
        needing = ["--digest"] if asked.digest is not None else []
        needing += ["--fail-on deviations"] if "deviations" in asked.watched else []
        if needing:
            raise UsageError(
                f"{' and '.join(needing)}: no protocol; expected --protocol FILE",
                "its-eval protocol CONFIG -o FILE writes one",
            )
        return
    if len(configs) > 1:
        raise UsageError(
            f"--protocol with {len(configs)} configs; expected one", "run each with the protocol of its own"
        )
    from its_eval.config.protocol import read_protocol  # noqa: PLC0415  (pydantic, of which others have no need)

    read_protocol(asked.protocol, asked.digest)


def _require_whole(tasks: Sequence[Task], asked: Asked) -> None:
    """Refuse a protocol, and blinding, for a batch run, which has neither verdicts nor a report."""
    from its_eval.errors import UsageError  # noqa: PLC0415

    batches = [str(task.path) for task in tasks if task.config and task.config.output.detail == "estimates"]
    options = {"--protocol": asked.protocol, "--blind": asked.blind, "--unblind": asked.unblind}
    given = [name for name, chosen in options.items() if chosen]
    if batches and given:
        raise UsageError(
            f"{' and '.join(given)} is for whole evaluations, and {', '.join(batches)} is a batch run",
            f"leave out `output.detail: estimates`, or {' and '.join(given)}",
        )


def _fail_on(texts: list[str]) -> tuple[str, ...]:
    """Return the kinds of faults that ``--fail-on`` names, in a fixed order."""
    from its_eval.errors import UsageError  # noqa: PLC0415

    named = {word.strip() for text in texts for word in text.split(",")}
    unknown = sorted(named - set(FAULTS))
    if unknown:
        raise UsageError(f"--fail-on {', '.join(map(repr, unknown))}: expected {', '.join(FAULTS)}")
    return tuple(kind for kind in FAULTS if kind in named)


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


def _show_plans(tasks: Sequence[Task], form: str) -> int:
    """Print what would be done for every config, and return the worst exit code."""
    from its_eval.cli.run_text import planned, planned_batch, print_batch_plan, print_plan  # noqa: PLC0415
    from its_eval.cli.runs import complain  # noqa: PLC0415
    from its_eval.errors import ItsEvalError  # noqa: PLC0415

    codes, plans = [0], []
    for task in tasks:
        try:
            if task.config is None or task.fault is not None:
                raise task.fault or ItsEvalError(f"{task.path}: no settings")
            batch = task.config.output.detail == "estimates"
            plan = (planned_batch if batch else planned)(task.config, task.path, task.target)
        except ItsEvalError as error:
            if len(tasks) == 1:
                raise
            complain(error)
            codes.append(error.exit_code)
            continue
        plans.append(plan)
        if form == "text":
            (print_batch_plan if batch else print_plan)(plan)
    if form != "text":
        json.dump(plans, sys.stdout, indent=1, ensure_ascii=False, allow_nan=False)
        sys.stdout.write("\n")
    return max(codes)
