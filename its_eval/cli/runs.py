"""Carrying out configs, one after the other or side by side: a faulty one is named, and the others go on."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from msgspec import Struct
from msgspec.structs import replace

from its_eval.cli.system import stopping_cleanly
from its_eval.config.named_files import files_named
from its_eval.errors import ItsEvalError, UsageError
from its_eval.provenance import REPORT, RESOLVED, read_manifest, surely_unchanged, unchanged
from its_eval.side_by_side import end_with_parent

if TYPE_CHECKING:
    from its_eval.config import Config
    from its_eval.evaluation import Evaluation
    from its_eval.pipeline.cost import Cost

Form = Literal["text", "json", "json-full"]


class Asked(Struct, frozen=True):
    """What the command line asks of every config.

    Attributes
    ----------
    figures, report : bool
        What a result is to hold beside its tables.
    form : {"text", "json", "json-full"}
        How results are printed.
    watched : tuple of str
        Kinds of faults after which the exit code is 1.
    jobs : int
        Processes.
    scheduler : str or None
        Of a batch.
    resume, force, if_changed : bool
        What becomes of an older result.
    quiet, verbose : bool
        How much is printed.
    protocol : Path or None
        What the run is held to.
    digest : str or None
        Of the protocol, as it was deposited elsewhere.
    blind, unblind : bool
        Whether the effect is withheld, or shown after it was.
    """

    figures: bool
    report: bool
    form: Form
    watched: tuple[str, ...]
    jobs: int
    scheduler: str | None
    resume: bool
    force: bool
    if_changed: bool
    quiet: bool
    verbose: bool
    protocol: Path | None = None
    digest: str | None = None
    blind: bool = False
    unblind: bool = False


class Done(Struct, frozen=True):
    """What became of one config: its part of the exit code, its entry in JSON, and what it printed."""

    code: int
    entry: dict[str, Any]
    out: str = ""
    err: str = ""


class Task(Struct, frozen=True):
    """A config, where its result goes, and its settings: None where it is faulty, or its result stands."""

    path: Path
    target: Path
    config: Config | None
    fault: ItsEvalError | None = None


def tasks_of(paths: Sequence[Path], targets: Sequence[Path], asked: Asked, *, look: bool) -> list[Task]:
    """Return a task for each config; one that cannot be read has its fault.

    Parameters
    ----------
    paths, targets : sequence of Path
        Configs and their result folders.
    asked : Asked
        What is wanted of each.
    look : bool
        Whether to look first for a result that stands: then the settings are not read.
    """
    tasks = []
    for path, target in zip(paths, targets, strict=True):
        try:
            wanted = {"figures": asked.figures, "report": asked.report}
            if look and asked.protocol is None and surely_unchanged(target, path, files_named, **wanted):
                tasks.append(Task(path, target, None))
                continue
            # the libraries of a run, of which a result that stands has no need
            from its_eval.config import load_config  # noqa: PLC0415

            tasks.append(Task(path, target, load_config(path)))
        except ItsEvalError as error:
            tasks.append(Task(path, target, None, error))
    return tasks


def complain(error: ItsEvalError) -> None:
    """Print an expected error on stderr: what was wrong, and what to do."""
    typer.echo(f"its-eval: {error.message}", err=True)
    if error.hint:
        typer.echo(f"  hint: {error.hint}", err=True)


def carry_out(tasks: Sequence[Task], asked: Asked) -> int:
    """Carry out configs, print what each says, and return the worst exit code.

    Raises
    ------
    ItsEvalError
        When there is one config, and it has a fault.
    """
    if len(tasks) == 1 and tasks[0].fault is not None:
        raise tasks[0].fault
    done: list[Done] = []
    try:
        for one in _side_by_side(tasks, asked) if _can_share(tasks, asked) else _in_turn(tasks, asked):
            done.append(one)
            sys.stderr.write(one.err)
            sys.stdout.write(one.out)
    finally:
        # what is written is told, even when the program is stopped
        if asked.form != "text" and any("out" in one.entry for one in done):
            print_entries([one.entry for one in done])
    failed = sum("error" in one.entry for one in done)
    if failed and not asked.quiet:
        typer.echo(f"its-eval: {failed} of {len(tasks)} configs failed, see above", err=True)
    return max(one.code for one in done)


def _in_turn(tasks: Sequence[Task], asked: Asked) -> Iterator[Done]:
    if len(tasks) == 1:
        yield _carried_out(tasks[0], asked)
    else:
        yield from (_attempted(task, asked) for task in tasks)


def _can_share(tasks: Sequence[Task], asked: Asked) -> bool:
    """Return whether configs get a process each; a batch uses the processes itself."""
    read = [task.config for task in tasks if task.config is not None]
    batch = any(config.output.detail == "estimates" for config in read)
    return len(read) > 1 and asked.jobs > 1 and not batch


def _side_by_side(tasks: Sequence[Task], asked: Asked) -> Iterator[Done]:
    """Yield what becomes of each config, in their order."""
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415  (start-up time)

    pool = ProcessPoolExecutor(min(asked.jobs, len(tasks)), initializer=end_with_parent)
    one_process = replace(asked, jobs=1)
    try:
        futures = [pool.submit(_captured, task, one_process) for task in tasks]
        for future in futures:
            yield future.result()
    except BaseException:
        for process in list(pool._processes.values()):  # noqa: SLF001  (there is no other way to stop one)
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _captured(task: Task, asked: Asked) -> Done:
    """Carry out one config in a process of its own, and hand over what it prints."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), stopping_cleanly():
        done = _attempted(task, asked)
    return replace(done, out=out.getvalue(), err=err.getvalue())


def _attempted(task: Task, asked: Asked) -> Done:
    """Carry out one of several configs; an expected error is told, and is no reason to stop."""
    try:
        if task.fault is not None:
            raise task.fault
        return _carried_out(task, asked)
    except ItsEvalError as error:
        if str(task.path) not in error.message:
            typer.echo(f"its-eval: {task.path}:", err=True)
        complain(error)
        fault = {"exit_code": error.exit_code, "message": error.message, "hint": error.hint}
        return Done(error.exit_code, {"config": str(task.path), "error": fault})


def _carried_out(task: Task, asked: Asked) -> Done:
    config = task.config
    if config is None or ((asked.if_changed or asked.resume) and _stands(config, task, asked)):
        return _left(task, asked)
    if config.output.detail == "estimates":
        return _batch(config, task, asked)
    from its_eval.pipeline.produce import fault_names  # noqa: PLC0415  (not for a result that stands)
    from its_eval.result import jsonable_tables  # noqa: PLC0415

    path, target = task.path, task.target
    evaluation = _evaluated(config, task, asked)
    _tell_path(target / (REPORT if asked.report else "tables"), asked)
    entry: dict[str, Any] = {"config": str(path), "out": str(target)}
    if asked.blind:
        entry["blind"] = True
    if asked.form == "json":
        verdicts = jsonable_tables({"verdicts": evaluation.tables["verdicts"]})
        entry |= {"title": evaluation.title, "faults": evaluation.faults, **verdicts}
    elif asked.form == "json-full":
        entry |= evaluation.to_dict()
    elif not asked.quiet:
        # a tenth of a second that JSON does without
        from its_eval.cli.run_text import print_summary  # noqa: PLC0415

        print_summary(evaluation, target, report=asked.report, verbose=asked.verbose)
    return Done(failures(path, evaluation.faults, fault_names(evaluation), asked.watched), entry)


def _evaluated(config: Config, task: Task, asked: Asked) -> Evaluation:
    """Evaluate a config into its folder."""
    from its_eval.cli.progress import progress_bar  # noqa: PLC0415
    from its_eval.pipeline.produce import Wanted, produce  # noqa: PLC0415

    def foresee(cost: Cost) -> None:
        from its_eval.cli.run_text import cost_sentences  # noqa: PLC0415

        typer.echo(f"{task.path}: {cost_sentences(cost)}", err=True)

    # what the libraries made on loading is no garbage: statsmodels asks for whole collections while fitting
    gc.freeze()
    held = None
    if asked.protocol is not None:
        from its_eval.config import load_config  # noqa: PLC0415
        from its_eval.config.protocol import read_protocol  # noqa: PLC0415
        from its_eval.pipeline.deviations import Held  # noqa: PLC0415

        protocol, digest = read_protocol(asked.protocol, asked.digest)
        sealed = load_config(protocol.config)
        held = Held(asked.protocol, protocol, digest, sealed, asked.digest is not None)
    unblinded = unblinding(config, task.target, asked)
    with progress_bar(quiet=asked.quiet) as progress:
        return produce(
            config,
            task.path,
            task.target,
            command=shlex.join(["its-eval", *sys.argv[1:]]),
            wanted=Wanted(asked.figures, asked.report, held, blind=asked.blind, unblinded=unblinded),
            force=asked.force or asked.unblind,
            jobs=asked.jobs,
            progress=progress,
            foresee=None if asked.quiet else foresee,
        )


def unblinding(config: Config, target: Path, asked: Asked) -> dict[str, Any] | None:
    """Return what is recorded of a result that was blind before; None where there is nothing.

    Raises
    ------
    UsageError
        When the effect would be shown without a record, or there is no blind result to be followed.
    """
    from its_eval.config import to_yaml  # noqa: PLC0415  (not for a result that stands)

    stored = read_manifest(target) or {}
    conduct = stored.get("conduct") or {}
    earlier: dict[str, Any] | None = conduct.get("unblinded")
    if asked.unblind and "blind" not in conduct:
        raise UsageError(
            f"--unblind: {target} holds no blind result; expected one of `its-eval run --blind`",
            "run it without --unblind",
        )
    if "blind" not in conduct or asked.blind:
        return earlier
    if not asked.unblind:
        raise UsageError(
            f"{target} holds a blind result, and this run would show the effect without a record",
            "--unblind shows it and records that; --blind --force renews the blind result",
        )
    resolved = target / RESOLVED
    written = resolved.read_text(encoding="utf-8") if resolved.is_file() else ""
    changed = written != to_yaml(config, as_written=True)
    return earlier or {"blind_finished": stored.get("finished"), "config_changed": changed}


def _stands(config: Config, task: Task, asked: Asked) -> bool:
    """Return whether the result is there already and nothing has changed; a batch has tables alone."""
    from its_eval.config import to_yaml  # noqa: PLC0415  (not for a result that stands)
    from its_eval.pipeline.sources import input_files  # noqa: PLC0415

    whole = config.output.detail == "full"
    return unchanged(
        task.target,
        task.path,
        [*input_files(config), *([] if asked.protocol is None else [asked.protocol])],
        resolved=to_yaml(config, as_written=True),
        figures=asked.figures and whole,
        report=asked.report and whole,
    )


def _left(task: Task, asked: Asked) -> Done:
    """Say that a result stays as it is, and what is wrong with it."""
    path, target = task.path, task.target
    batch = "batch" in (read_manifest(target) or {})
    _tell_path(target / (REPORT if asked.report and not batch else "tables"), asked)
    if not asked.quiet:
        typer.echo(f"{target}: unchanged, nothing done", err=True)
    entry = {"config": str(path), "out": str(target), "unchanged": True}
    return Done(stored_failures(path, target, asked.watched), entry)


def _batch(config: Config, task: Task, asked: Asked) -> Done:
    """Carry out a batch."""
    # a tenth of a second that a whole evaluation does without
    from its_eval.batch.run import Means, run_batch  # noqa: PLC0415
    from its_eval.cli.run_text import duration, print_batch, series_bar  # noqa: PLC0415

    path, target = task.path, task.target
    entry: dict[str, Any] = {"config": str(path), "out": str(target)}
    _tell_path(target / "tables", asked)

    def foresee(seconds: float) -> None:
        what = "its estimator takes series one by one; the others take many at once (docs/scaling.md)"
        typer.echo(f"{path}: {duration(seconds)} are to be expected: {what}", err=True)

    means = Means(asked.jobs, asked.scheduler, resume=asked.resume, force=asked.force)
    command = shlex.join(["its-eval", *sys.argv[1:]])
    try:
        with series_bar(quiet=asked.quiet) as progress:
            batch = run_batch(
                config,
                path,
                target,
                command=command,
                means=means,
                progress=progress,
                foresee=None if asked.quiet else foresee,
            )
    except KeyboardInterrupt:
        typer.echo(f"its-eval: the blocks of {target} that are done stay; --resume goes on", err=True)
        raise
    if asked.form == "text" and not asked.quiet:
        print_batch(batch, target)
    code = batch_failures(path, batch.failed, batch.flagged, asked.watched)
    return Done(code, entry | {"batch": batch.to_dict()})


def _tell_path(path: Path, asked: Asked) -> None:
    """Print where the result is when nothing else is printed: for a script that goes on with it."""
    if asked.quiet and asked.form == "text":
        typer.echo(path)


def failures(
    path: Path, faults: Mapping[str, int], names: Mapping[str, Mapping[str, int]], watched: Sequence[str]
) -> int:
    """Return 1 when the result has faults of a kind that the caller does not accept, and say which.

    Parameters
    ----------
    path : Path
        The config.
    faults, names : mapping
        As `Evaluation.faults` and `fault_names`.
    watched : sequence of {"data", "fit", "checks", "deviations"}
        What is not accepted.
    """
    failed, flagged = faults["not_estimated"], faults["flagged_fits"]
    faulty, alarming = faults["faulty_rows"], faults["alarming_checks"]
    departed = faults.get("deviations", 0)
    counted = {
        "data": (faulty, f"{faulty} faulty rows in data_quality{_named(names.get('data'))}"),
        "fit": (
            failed + flagged,
            (
                f"{failed} series not estimated{_named(names.get('not_estimated'))}, "
                f"{flagged} fits with flags{_named(names.get('fit'))}"
            ),
        ),
        "checks": (alarming, f"{alarming} checks ask for attention{_named(names.get('checks'))}"),
        "deviations": (
            departed,
            f"{departed} deviations from the protocol ({', '.join(names.get('deviations') or ())})",
        ),
    }
    raised = [kind for kind in watched if counted[kind][0]]
    for kind in raised:
        typer.echo(f"its-eval: {path}: --fail-on {kind}: {counted[kind][1]}", err=True)
    return int(bool(raised))


def _named(counts: Mapping[str, int] | None) -> str:
    """Return names with how often they occur, in brackets; blank without any."""
    listed = ", ".join(f"{name} {count}" for name, count in (counts or {}).items())
    return f" ({listed})" if listed else ""


def stored_failures(path: Path, target: Path, watched: Sequence[str]) -> int:
    """Return the same of a result that stays because nothing has changed: its faults have not gone."""
    stored = read_manifest(target) or {}
    if "batch" in stored:
        return batch_failures(path, stored["batch"]["failed"], stored["batch"]["flagged"], watched)
    return failures(path, stored["faults"], stored.get("fault_names") or {}, watched)


def batch_failures(path: Path, failed: int, flagged: int, watched: Sequence[str]) -> int:
    """Return 1 when series of a batch run have no estimate or a warning, and the caller watches for that."""
    if "fit" not in watched or not failed + flagged:
        return 0
    found = f"{failed} series not estimated, {flagged} fits with flags"
    typer.echo(f"its-eval: {path}: --fail-on fit: {found} (`flags` of the table fits)", err=True)
    return 1


def print_entries(entries: Sequence[Mapping[str, Any]]) -> None:
    """Print what became of the configs as JSON: a line a verdict, whole tables indented."""
    parts = []
    for entry in entries:
        verdicts = entry.get("verdicts")
        if verdicts is None:
            parts.append(json.dumps(entry, indent=1, ensure_ascii=False, allow_nan=False))
            continue
        rest = {name: value for name, value in entry.items() if name != "verdicts"}
        rows = ",\n  ".join(map(_on_one_line, verdicts))
        parts.append(f'{_on_one_line(rest)[:-1]},"verdicts":[\n  {rows}\n]}}')
    sys.stdout.write("[\n" + ",\n".join(parts) + "\n]\n")


def _on_one_line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
