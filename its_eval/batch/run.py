"""A batch run from a config to a result on disk: block by block, interruptible, with a journal.

The folder stands hidden beside the result and is moved to its place when everything is in it. A run that
was interrupted leaves it, so that another can go on where it stopped: a block counts as done when the journal
says so and its files are what the journal says.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from its_eval.batch.blocks import BLOCK_ROWS, BatchPlan, Block, plan_batch
from its_eval.batch.executors import cluster_executor, local_executor
from its_eval.batch.work import BlockResult, evaluate_block
from its_eval.config import to_yaml
from its_eval.data.faults import shorten
from its_eval.data.parquet import fragment_files
from its_eval.errors import DataError, ItsEvalError, NothingEstimatedError, OutputError
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.pipeline.sources import input_files
from its_eval.provenance import RESOLVED, input_hashes, manifest, output_hashes, program_version
from its_eval.report.write import free_place, only_run, put_in_place, require_free, write_manifest, write_text

if TYPE_CHECKING:
    from its_eval.config import Config


JOURNAL = "journal.jsonl"
_TABLES = "tables"


class BatchFolder(Struct):
    """Where a batch run writes.

    Attributes
    ----------
    path : Path
        The folder in the making.
    done : dict of int to mapping
        What the journal says of each block that is done.
    """

    path: Path
    done: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    def add(self, number: int, files: Mapping[str, bytes], about: Mapping[str, Any]) -> None:
        """Write the files of a block, then the line of the journal that makes them count."""
        hashes = {}
        for table, content in sorted(files.items()):
            path = self.path / _part(table, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            hashes[_part(table, number)] = hashlib.sha256(content).hexdigest()
        line = {"block": number, "files": hashes, **about}
        with (self.path / JOURNAL).open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(json.dumps(line) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.done[number] = line


def _part(table: str, number: int) -> str:
    return f"{_TABLES}/{table}.parquet/part-{number:05d}.parquet"


@contextlib.contextmanager
def batch_folder(target: Path, fingerprint: str, *, resume: bool, force: bool) -> Iterator[BatchFolder]:
    """Give the folder of a batch run, and put it in the target's place when the body ends without an error.

    After an interruption or a failure of a worker the folder stays, for ``--resume``; the caller removes it
    with ``discard`` when there is nothing to go on with.

    Parameters
    ----------
    target : Path
        The result folder.
    fingerprint : str
        Of config, data, version and division into blocks: only a run with an equal one can be continued.
    resume : bool
        Go on with what an interrupted run left.
    force : bool
        Replace an existing result, and forget what an interrupted run left.

    Raises
    ------
    OutputError
        When the target may not be replaced, another run is writing to it, an interrupted run is in the way or
        was another one, or the disk refuses.
    """
    place = free_place(target, force=force)
    with only_run(place, target):
        path = place.parent / f".{place.name}.batch"
        try:
            folder = _opened(path, target, fingerprint, resume=resume, force=force)
            yield folder
            require_free(target, force=force)
            (path / JOURNAL).unlink()
            put_in_place(path, place)
        except OSError as error:
            raise OutputError(f"cannot write the result to {target}: {error.strerror or error}") from error


def discard(folder: BatchFolder) -> None:
    """Remove a folder that no run can go on with."""
    shutil.rmtree(folder.path, ignore_errors=True)


def _opened(path: Path, target: Path, fingerprint: str, *, resume: bool, force: bool) -> BatchFolder:
    """Return a new folder, or one that an interrupted run left."""
    left = (path / JOURNAL).is_file()
    if left and resume:
        return _continued(path, target, fingerprint)
    if left and not force:
        raise OutputError(
            f"an interrupted batch run of {target} is in {path}",
            "--resume goes on with it, --force starts anew",
        )
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    line = json.dumps({"fingerprint": fingerprint}) + "\n"
    (path / JOURNAL).write_text(line, encoding="utf-8", newline="\n")
    return BatchFolder(path)


def _continued(path: Path, target: Path, fingerprint: str) -> BatchFolder:
    """Return a folder with the blocks whose files are whole; all else in it is removed."""
    text = (path / JOURNAL).read_text(encoding="utf-8")
    # a line without its end was being written when the run stopped
    head, *lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")] or [
        {}
    ]
    if head.get("fingerprint") != fingerprint:
        raise OutputError(
            f"the interrupted batch run of {target} was of another config, data or version",
            "--force starts anew",
        )
    done = {int(line["block"]): line for line in lines if _whole(path, line)}
    kept = {name for line in done.values() for name in line["files"]}
    for part in sorted((path / _TABLES).rglob("*.parquet")):
        if part.is_file() and part.relative_to(path).as_posix() not in kept:
            part.unlink()
    rewritten = "".join(json.dumps(line) + "\n" for line in (head, *done.values()))
    (path / JOURNAL).write_text(rewritten, encoding="utf-8", newline="\n")
    return BatchFolder(path, done)


def _whole(path: Path, line: Mapping[str, Any]) -> bool:
    return all(
        (path / name).is_file() and hashlib.sha256((path / name).read_bytes()).hexdigest() == value
        for name, value in line["files"].items()
    )


Progress = Callable[[str, int, int], None]

#: Fewer series that are fitted one by one are soon done.
_WORTH_A_TRIAL = 50
#: Units of the trial, against one.
_TRIED = 4


class Means(Struct, frozen=True):
    """With what a batch run is carried out; nothing of it changes a result.

    Attributes
    ----------
    jobs : int
        Processes of this machine.
    scheduler : str or None
        Address of a Dask scheduler, instead.
    resume, force : bool
        Go on with an interrupted run; replace an existing result.
    """

    jobs: int = 1
    scheduler: str | None = None
    resume: bool = False
    force: bool = False


class BatchResult(Struct, frozen=True):
    """What a batch run did.

    Attributes
    ----------
    title : str
        Of the config.
    estimated, failed, flagged : int
        Series with and without estimates, and with warnings.
    blocks, resumed : int
        Blocks in all, and those that an interrupted run had done.
    """

    title: str
    estimated: int
    failed: int
    flagged: int
    blocks: int
    resumed: int

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, ready for JSON."""
        return asdict(self)


class WorkerLostError(ItsEvalError):
    """A process of a batch run ended before its time."""

    exit_code = 70


def run_batch(
    config: Config,
    config_path: Path,
    target: Path,
    *,
    command: str,
    means: Means,
    progress: Progress,
    foresee: Callable[[float], None] | None = None,
    block_rows: int = BLOCK_ROWS,
) -> BatchResult:
    """Estimate every series of a dataset and write the tables as they come.

    Parameters
    ----------
    config : Config
        With ``output.detail: estimates``.
    config_path : Path
        For the manifest.
    target : Path
        The result folder; it appears at the end, whole.
    command : str
        The command line, for the manifest.
    means : Means
        Processes or cluster; whether to go on with an interrupted run.
    progress : callable
        Called with a phrase, series done and series in all.
    foresee : callable, optional
        Called first with the seconds that series will take which are fitted one by one, where there are many.
    block_rows : int
        Rows of data a block; another number gives other files, with the same rows in the same order.

    Raises
    ------
    OutputError, UsageError, DataError, NothingEstimatedError
        See the stages.
    WorkerLostError
        When a process was killed; what is done stays for ``--resume``.
    """
    started = time.perf_counter()
    opened = local_executor(means.jobs) if means.scheduler is None else cluster_executor(means.scheduler)
    with opened as (executor, width):
        progress("looking over the data", 0, 0)
        plan = plan_batch(config, block_rows)
        inputs, mark = _inputs(config)
        planned = time.perf_counter()
        fingerprint = _fingerprint(config, [inputs, mark], block_rows)
        with batch_folder(target, fingerprint, resume=means.resume, force=means.force) as folder:
            resumed = len(folder.done)
            if foresee is not None and not resumed and (seconds := seconds_one_by_one(plan)):
                foresee(seconds / (means.jobs if means.scheduler is None else width))
            reasons = _work(executor, width, plan.blocks, folder, plan.n_series, progress)
            result = _counted(config, folder, len(plan.blocks), resumed)
            if not result.estimated:
                discard(folder)
                raise NothingEstimatedError("\n".join(["no series could be estimated", *reasons]))
            estimated = time.perf_counter()
            write_text(folder.path / RESOLVED, to_yaml(config, as_written=True))
            content = manifest(
                command=command,
                config_path=config_path,
                seed=config.seed,
                inputs=inputs,
                outputs={},
                timings={"plan": planned - started, "estimate": estimated - planned},
                notes=(),
                flags=(),
                figures=False,
                folder=config.origin.folder,
            )
            content |= {"batch": result.to_dict(), "report": False, "dataset": mark}
            outputs = output_hashes(folder.path)
            del outputs[JOURNAL]
            write_manifest(folder.path, content | {"outputs": outputs})
    return result


def seconds_one_by_one(plan: BatchPlan) -> float:
    """Return what estimators will take that fit one series after the other, from a trial with few units.

    Estimators that fit many series at once take next to nothing beside them.
    """
    looped = [
        (block, outcome)
        for block in plan.blocks
        for outcome in block.config.outcomes
        if ESTIMATORS[outcome.estimators[0].name].read_many is None
    ]
    if len(looped) * plan.n_units < _WORTH_A_TRIAL:
        return 0.0
    block, outcome = looped[0]
    units = block.treatment.units

    def tried(count: int) -> float:
        config = block.config.model_copy(update={"outcomes": (outcome,)})
        few = replace(block.treatment, units=units[:count])
        started = time.perf_counter()
        evaluate_block(replace(block, config=config, treatment=few))
        return time.perf_counter() - started

    # the first fit of a process loads what it needs
    tried(1)
    one, more = tried(1), tried(_TRIED)
    return max(more - one, 0.0) / (_TRIED - 1) * plan.n_units * len(looped)


def _work(
    executor: Executor,
    width: int,
    blocks: Sequence[Block],
    folder: BatchFolder,
    n_series: int,
    progress: Progress,
) -> list[str]:
    """Have all blocks done that are not yet, writing each as it comes; return why series have no estimate."""
    waiting = [block for block in blocks if block.number not in folder.done]
    per_outcome = n_series // max(sum(block.n_outcomes for block in blocks), 1)
    sizes = {block.number: block.n_outcomes * per_outcome for block in blocks}
    done = sum(sizes[number] for number in folder.done)
    progress("estimating series", done, n_series)
    problems: list[str] = []
    reasons: list[str] = []
    for result in _results(executor, width, waiting):
        problems += result.problems
        reasons += result.reasons
        if not problems:
            counts = {"estimated": result.estimated, "failed": result.failed, "flagged": result.flagged}
            folder.add(result.number, result.files, counts)
        done += sizes[result.number]
        progress("estimating series", done, n_series)
    if problems:
        discard(folder)
        raise DataError(
            shorten(list(dict.fromkeys(sorted(problems)))),
            "correct the rows of data.indicators, or leave them out",
        )
    return sorted(dict.fromkeys(reasons))


def _results(executor: Executor, width: int, blocks: Sequence[Block]) -> Iterator[BlockResult]:
    """Yield results as they come; few enough blocks are under way for memory to stay small."""
    left = iter(blocks)
    pending: set[Future[BlockResult]] = set()
    try:
        while True:
            for block in left:
                pending.add(executor.submit(evaluate_block, block))
                if len(pending) >= width:
                    break
            if not pending:
                return
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    except BrokenProcessPool:
        raise WorkerLostError(
            "a process of the batch run was ended from outside, e.g. for want of memory",
            "--resume goes on with the blocks that are not done; fewer --jobs need less memory",
        ) from None


def _inputs(config: Config) -> tuple[dict[str, str], list[list[Any]]]:
    """Return hashes of all local inputs, and name and size of every file of the dataset."""
    return input_hashes(input_files(config)), [[name, size] for name, size in fragment_files(config.data)]


def _fingerprint(config: Config, inputs: object, block_rows: int) -> str:
    """Return what two runs have in common when one can go on with the other."""
    settings = config.model_dump_json(by_alias=True)
    text = json.dumps([settings, inputs, program_version(), block_rows])
    return hashlib.sha256(text.encode()).hexdigest()


def _counted(config: Config, folder: BatchFolder, blocks: int, resumed: int) -> BatchResult:
    totals = {
        name: sum(int(line[name]) for line in folder.done.values())
        for name in ("estimated", "failed", "flagged")
    }
    return BatchResult(config.title, **totals, blocks=blocks, resumed=resumed)
