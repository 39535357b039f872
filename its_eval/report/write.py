"""The only writer: a result appears whole under its name, or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from its_eval.errors import OutputError
from its_eval.provenance import MANIFEST, foreign_files
from its_eval.report.exchange import hidden_beside, only_run, put_in_place
from its_eval.report.spreadsheet import defused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

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
    require_free(target, force=force)
    place = target.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write to {target.parent}: {error.strerror}", "choose another --out"
        ) from error
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


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path, formats: Sequence[str]) -> None:
    """Write every table as CSV (UTF-8, full precision) and Parquet.

    In CSV a text that starts like a spreadsheet formula gets a leading apostrophe; Parquet keeps texts as
    they are.
    """
    folder.mkdir()
    for name in sorted(tables):
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
