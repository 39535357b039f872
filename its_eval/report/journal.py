"""The folder of a batch run in the making: files as they come, and a journal of the blocks that are done.

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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from its_eval.errors import OutputError
from its_eval.report.exchange import only_run, put_in_place
from its_eval.report.write import require_free

JOURNAL = "journal.jsonl"
_TABLES = "tables"


@dataclass
class BatchFolder:
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
    require_free(target, force=force)
    place = target.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write to {target.parent}: {error.strerror}", "choose another --out"
        ) from error
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
