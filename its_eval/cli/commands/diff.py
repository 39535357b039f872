"""``its-eval diff``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer


def diff(
    first: Annotated[Path, typer.Argument(metavar="RUN_A", help="A result folder.", show_default=False)],
    second: Annotated[
        Path, typer.Argument(metavar="RUN_B", help="Another, e.g. a later one.", show_default=False)
    ],
    rtol: Annotated[
        float,
        typer.Option("--rtol", min=0.0, help="Numbers this close, relative to their size, are the same."),
    ] = 1e-6,
    atol: Annotated[
        float, typer.Option("--atol", min=0.0, help="Numbers this close, in their own unit, are the same.")
    ] = 0.0,
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="Output form.")] = "text",
) -> int:
    """Say what differs between two results.

    Settings, inputs, then every table; exit 1 when something does.

    \b
    Examples:
      its-eval diff results/before results/after
      its-eval diff results/before results/after --rtol 1e-3 --format json
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.cli.diff_text import as_json, print_comparison  # noqa: PLC0415  (start-up time)
    from its_eval.report.compare_runs import compare_runs  # noqa: PLC0415
    from its_eval.report.compare_tables import Tolerance  # noqa: PLC0415

    found = compare_runs(first, second, Tolerance(rtol, atol))
    if format_ == "json":
        content = {"first": str(first), "second": str(second), **as_json(found)}
        typer.echo(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        print_comparison(found, first, second)
    return int(not found.same)
