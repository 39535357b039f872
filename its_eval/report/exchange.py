"""Putting a finished folder in the place of another, and who may do so: one run at a time."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from its_eval.errors import OutputError

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
