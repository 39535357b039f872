"""``its-eval verify``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

#: What has become of a file, in words.
_WORDS = {
    "changed": "has changed since the run",
    "missing": "is missing",
    "added": "was not written by the run",
}


def verify(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN_DIR", help="Result folders.", show_default=False)
    ],
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="Output form.")] = "text",
) -> int:
    """Check that the files of results are what they were.

    Inputs and outputs are hashed again; exit 1 when one differs.

    \b
    Examples:
      its-eval verify results/sample
      its-eval verify results/* --format json
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.provenance import read_manifest, verify  # noqa: PLC0415  (start-up time)

    by_folder = {folder: verify(folder) for folder in runs}
    if format_ == "json":
        content = [
            {"run": str(folder), "same": not deviations, "deviations": [vars(item) for item in deviations]}
            for folder, deviations in by_folder.items()
        ]
        typer.echo(json.dumps(content, indent=1, ensure_ascii=False))
    else:
        for folder, deviations in by_folder.items():
            stored = read_manifest(folder) or {}
            counted = f"{len(stored['inputs'])} inputs, {len(stored['outputs'])} outputs"
            if not deviations:
                typer.echo(f"{folder}: as it was written ({counted})")
                continue
            many = f"{len(deviations)} files are" if len(deviations) > 1 else "1 file is"
            typer.echo(f"{folder}: {many} not as the run knew them ({counted})")
            for item in deviations:
                typer.echo(f"  {item.role} {item.path} {_WORDS[item.fault]}")
    return int(any(by_folder.values()))
