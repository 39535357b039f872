"""Writing one file in the place of another: the whole file, or none of it."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from its_eval.errors import OutputError


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
