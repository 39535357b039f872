"""Writing an imported table: whole under its name, or not at all."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from its_eval.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

SUFFIXES = (".parquet", ".csv")


def require_free_file(target: Path, *, force: bool) -> None:
    """Check that a table may be written to a file.

    Raises
    ------
    OutputError
        When the name has another ending than `SUFFIXES`, its folder is not there, or something stands there
        already and must not be replaced.
    """
    if target.suffix not in SUFFIXES:
        raise OutputError(
            f"{target}: {target.suffix!r} is no kind of table that is written",
            f"end in {' or '.join(SUFFIXES)}",
        )
    if target.is_dir():
        raise OutputError(f"{target} is a folder, not a file", "choose another --out")
    if target.exists() and not force:
        raise OutputError(f"{target} exists already", "use --force to replace it, or choose another --out")
    if not target.parent.is_dir():
        raise OutputError(f"there is no folder {target.parent}", "make it, or choose another --out")


def write_table(table: pd.DataFrame, target: Path, *, force: bool = False) -> None:
    """Write a table as Parquet or CSV (UTF-8, full precision), by the ending of the file name.

    It is written beside its place first and renamed at the end: a failure leaves nothing behind, and an old
    file as it was.

    Raises
    ------
    OutputError
        When it may not be written there, or the disk refuses.
    """
    require_free_file(target, force=force)
    temporary = target.parent / f".{target.name}.{secrets.token_hex(4)}.tmp"
    try:
        with temporary.open("wb") as stream:
            if target.suffix == ".csv":
                table.to_csv(stream, index=False, lineterminator="\n", encoding="utf-8")
            else:
                # nobody searches a table of this size by its statistics, and making them takes a third
                table.to_parquet(stream, index=False, write_statistics=False)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError as error:
        raise OutputError(
            f"cannot write {target}: {error.strerror or error}", "choose another --out"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
