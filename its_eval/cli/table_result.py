"""What the commands that read one table share: columns by role, JSON or CSV, and a result folder."""

from __future__ import annotations

import json
import math
import shlex
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


def print_json(tables: Mapping[str, Any], notes: Sequence[str]) -> None:
    """Print tables as lists of rows, and the notes; what is not known is null.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By name.
    notes : sequence of str
        Sentences.
    """
    content = {
        "tables": {
            name: [{key: _known(value) for key, value in row.items()} for row in table.to_dict("records")]
            for name, table in tables.items()
        },
        "notes": list(notes),
    }
    json.dump(content, sys.stdout, indent=1, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def _known(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def deliver(
    tables: Mapping[str, Any],
    notes: Sequence[str],
    *,
    source: Path,
    out: Path | None,
    draw: Callable[[Path], None] | None,
    form: str,
    show: Callable[[], None],
    force: bool,
) -> None:
    """Write the tables to a folder, where one is named, and print them in the form asked for.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By name; the first is the one that is printed as CSV.
    notes : sequence of str
        Sentences.
    source : Path
        The table or config that was read.
    out : Path, optional
        The folder.
    draw : callable, optional
        Draws into a folder; none for no figures.
    form : {"text", "csv", "json"}
        How they are printed.
    show : callable
        Prints them as text for people.
    force : bool
        Replace an existing result.
    """
    if out is not None:
        write_result(out, source, tables, notes, draw, force=force)
    if form == "json":
        print_json(tables, notes)
    elif form == "csv":
        next(iter(tables.values())).to_csv(sys.stdout, index=False, lineterminator="\n")
    else:
        show()


def write_result(
    target: Path,
    source: Path,
    tables: Mapping[str, Any],
    notes: Sequence[str],
    draw: Callable[[Path], None] | None,
    *,
    force: bool,
) -> None:
    """Write a result folder: tables, figures, manifest; whole or not at all.

    Parameters
    ----------
    target : Path
        The folder.
    source : Path
        The table that was read.
    tables : mapping of str to DataFrame
        By name.
    notes : sequence of str
        Sentences for the manifest.
    draw : callable, optional
        Draws into a folder; none for no figures.
    force : bool
        Replace an existing result.

    Raises
    ------
    OutputError
        When the target may not be replaced, or the disk refuses.
    """
    from its_eval.provenance import input_hashes, manifest, output_hashes  # noqa: PLC0415
    from its_eval.report.write import result_folder, write_manifest, write_tables  # noqa: PLC0415

    started = time.perf_counter()
    with result_folder(target, force=force) as folder:
        write_tables(tables, folder / "tables", ("csv", "parquet"))
        if draw is not None:
            draw(folder / "figures")
        content = manifest(
            command=shlex.join(["its-eval", *sys.argv[1:]]),
            config_path=source,
            seed=0,
            inputs=input_hashes([source]),
            outputs=output_hashes(folder),
            timings={"all": time.perf_counter() - started},
            notes=notes,
            flags=[],
            figures=draw is not None,
        )
        # nothing here is configured or random
        write_manifest(folder, content | {"config": None, "seed": None})


def column_mapping(texts: Sequence[str]) -> dict[str, str]:
    """Return columns by role.

    Parameters
    ----------
    texts : sequence of str
        As given on the command line.

    Raises
    ------
    UsageError
        Naming every text that is not ``ROLE=NAME``, and every role given twice.
    """
    from its_eval.errors import UsageError  # noqa: PLC0415

    columns: dict[str, str] = {}
    problems = []
    for text in texts:
        role, separator, name = (part.strip() for part in text.partition("="))
        if not separator or not role or not name:
            problems.append(f"--column {text!r}: expected ROLE=NAME, e.g. --column baseline=Before")
        elif columns.get(role, name) != name:
            problems.append(f"--column {role}={name}: {role} is already {columns[role]!r}")
        else:
            columns[role] = name
    if problems:
        raise UsageError("\n".join(problems))
    return columns
