"""The only writer: a result or a page appears whole under its name, or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from its_eval.errors import OutputError
from its_eval.provenance import MANIFEST, foreign_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd


#: Flags of Linux' renameat2(2): paths are relative to the working folder; the two change places.
_WORKING_FOLDER, _EXCHANGE = -100, 2
#: A kernel or a file system that cannot exchange two folders answers with one of these.
_CANNOT = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})
_TOKEN = r"[0-9a-f]{8}"  # noqa: S105  (a pattern)


def hidden_beside(place: Path, ending: str) -> Path:
    """Return a new hidden name beside a folder, on the same file system."""
    return place.parent / f".{place.name}.{secrets.token_hex(4)}.{ending}"


@contextlib.contextmanager
def only_run(place: Path, shown: Path) -> Iterator[None]:
    """Hold a folder as the only run that writes it, and clear away what a killed run left beside it.

    The lock is a hidden file beside the folder. The system lets go of it when the process ends, however that
    happens, so there are no stale locks. A result that a killed run had moved aside goes back to its place.

    Parameters
    ----------
    place : Path
        The folder, resolved; its parent exists.
    shown : Path
        The folder as it was named, for messages.

    Raises
    ------
    OutputError
        When another run holds it, or the system cannot lock.
    """
    lock = place.parent / f".{place.name}.lock"
    handle = _locked(lock, shown)
    try:
        _clear_leftovers(place)
        yield
    finally:
        # removed while it is held: nobody can hold a file that is about to go; one that stays holds nobody up
        with contextlib.suppress(OSError):
            lock.unlink(missing_ok=True)
        os.close(handle)


def _locked(lock: Path, shown: Path) -> int:
    """Return the handle of a lock file that this process holds and that still stands under its name."""
    while True:
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise OutputError(
                f"cannot write to {shown.parent}: {error.strerror}", "choose another --out"
            ) from error
        try:
            _take(handle)
            if lock.exists() and os.path.samestat(os.fstat(handle), lock.stat()):
                return handle
        except BlockingIOError:
            os.close(handle)
            raise OutputError(
                f"another run is writing to {shown}", "wait until it has ended, or choose another --out"
            ) from None
        except OSError as error:
            os.close(handle)
            raise OutputError(f"cannot lock {shown}: {error.strerror}", "choose another --out") from error
        # the run that held it has just removed it: take the next one
        os.close(handle)


if sys.platform == "win32":  # pragma: no cover

    def _take(handle: int) -> None:
        """Lock an open file, or raise BlockingIOError."""
        import msvcrt  # noqa: PLC0415  (exists there alone)

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError from error

else:

    def _take(handle: int) -> None:
        """Lock an open file, or raise BlockingIOError."""
        import fcntl  # noqa: PLC0415  (not on every system)

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _clear_leftovers(place: Path) -> None:
    """Remove half results of killed runs; an old result without a successor goes back to its place."""
    name = re.compile(rf"\.{re.escape(place.name)}\.{_TOKEN}\.(tmp|old)")
    left = sorted(path for path in place.parent.iterdir() if name.fullmatch(path.name))
    for path in left:
        if path.suffix == ".old" and not place.exists():
            path.rename(place)
        else:
            shutil.rmtree(path, ignore_errors=True)


def put_in_place(new: Path, place: Path) -> None:
    """Move a finished folder to its place; what stood there is exchanged in one step and then removed.

    Where the system cannot exchange two folders, the old one is moved aside for the moment that the other
    needs; should that fail it goes back, and should the process be killed right then, the next run puts it
    back.
    """
    if not place.is_dir():
        new.rename(place)
        return
    if _exchange(new, place):
        # under the new one's former name the old one stands now
        shutil.rmtree(new, ignore_errors=True)
        return
    retired = hidden_beside(place, "old")
    try:
        place.rename(retired)
        new.rename(place)
    finally:
        if retired.is_dir() and not place.exists():
            retired.rename(place)
        shutil.rmtree(retired, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system cannot."""
    if not sys.platform.startswith("linux"):  # pragma: no cover
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_WORKING_FOLDER, os.fsencode(one), _WORKING_FOLDER, os.fsencode(other), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code))


#: So many foreign files are named.
SHOWN_FILES = 5


def require_free(target: Path, *, force: bool) -> None:
    """Check that a result may be written to a folder.

    Raises
    ------
    OutputError
        When something stands there already and must not be replaced.
    """
    try:
        place = target.resolve()
        is_folder, exists = place.is_dir(), place.exists()
        empty = not is_folder or not any(place.iterdir())
    except (OSError, RuntimeError) as error:
        # a name that is too long, a folder that may not be looked into, links in a circle
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot use {target}: {reason}", "choose another --out") from error
    if exists and not is_folder:
        raise OutputError(f"{target} is a file, not a folder", "choose another --out")
    if place == Path.cwd() or place in Path.cwd().parents:
        raise OutputError(
            f"{target} is the working folder, or above it; a result is a folder of its own",
            "name a new folder with --out",
        )
    if empty:
        return
    if not force:
        raise OutputError(f"{target} exists already", "use --force to replace it, or choose another --out")
    foreign = foreign_files(place)
    if foreign:
        shown = ", ".join(foreign[:SHOWN_FILES]) + (", …" if len(foreign) > SHOWN_FILES else "")
        raise OutputError(
            f"{target} holds files that are no part of a result of its-eval, so it is not replaced: {shown}",
            "move them elsewhere, or choose another --out",
        )


def free_place(target: Path, *, force: bool) -> Path:
    """Return where a result goes, resolved and free, with the folders above it made.

    Raises
    ------
    OutputError
        As ``require_free``, and when a folder above it cannot be made.
    """
    require_free(target, force=force)
    place = target.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write to {target.parent}: {error.strerror}", "choose another --out"
        ) from error
    return place


@contextlib.contextmanager
def result_folder(target: Path, *, force: bool) -> Iterator[Path]:
    """Give a temporary folder beside the target, and put it in the target's place at the end.

    When the body fails nothing is left behind and an old result stays as it was. A process that is killed
    may leave its hidden temporary folder, which the next run into the same target removes.

    Raises
    ------
    OutputError
        When the target may not be replaced, another run is writing to it, or the disk refuses.
    """
    place = free_place(target, force=force)
    with only_run(place, target):
        require_free(target, force=force)
        temporary = hidden_beside(place, "tmp")
        try:
            temporary.mkdir()
            yield temporary
            require_free(target, force=force)
            put_in_place(temporary, place)
        except OSError as error:
            raise OutputError(f"cannot write the result to {target}: {error.strerror or error}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_tables(
    tables: Mapping[str, pd.DataFrame], folder: Path, formats: Sequence[str], *, empty: bool = True
) -> None:
    """Write tables as CSV (UTF-8, full precision) and Parquet; those without rows only where asked.

    In CSV a text that starts like a spreadsheet formula gets a leading apostrophe; Parquet keeps texts as
    they are.
    """
    from its_eval.result import defused  # noqa: PLC0415  (pandas, of which asking for a place has no need)

    folder.mkdir()
    for name in sorted(name for name, table in tables.items() if empty or len(table)):
        if "csv" in formats:
            defused(tables[name]).to_csv(
                folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8"
            )
        if "parquet" in formats:
            tables[name].to_parquet(folder / f"{name}.parquet", index=False)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with plain line ends on every system."""
    path.write_text(text, encoding="utf-8", newline="\n")


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the manifest last, so that a folder with one is whole; reach the disk before the rename."""
    path = folder / MANIFEST
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        json.dump(content, stream, indent=1, ensure_ascii=False, allow_nan=False)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())


def replace_text(path: Path, text: str) -> None:
    """Write UTF-8 text with plain line ends; what stood there stays until the new text is whole.

    Raises
    ------
    OutputError
        When the disk refuses.
    """
    beside = path.with_name(f".{secrets.token_hex(4)}.tmp")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}", "choose another --out"
        ) from error
    finally:
        # a disk that takes nothing gives nothing back either, and has been told of
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def write_page(path: Path, text: str, *, force: bool) -> Path:
    """Write a page to a file that somebody named, and return the file.

    Raises
    ------
    OutputError
        When something stands there already and must not be replaced, or the disk refuses.
    """
    try:
        is_folder, exists = path.is_dir(), path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}", "choose another --out") from error
    if is_folder:
        raise OutputError(f"{path} is a folder, not a file", f"name a file, e.g. {path / 'report.html'}")
    if exists and not force:
        raise OutputError(f"{path} exists already", "use --force to replace it, or choose another --out")
    replace_text(path, text)
    return path
