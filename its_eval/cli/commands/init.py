"""``its-eval init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.")] = Path(),
    demo: Annotated[
        bool, typer.Option("--demo", help="Lay out the sample data and configs, ready to run.")
    ] = False,
    indicators: Annotated[Path | None, typer.Option(help="Your indicator table.")] = None,
    characteristics: Annotated[
        Path | None, typer.Option(help="Your characteristics table, for peers.")
    ] = None,
    unit: Annotated[list[str] | None, typer.Option(help="A treated unit. Repeatable.")] = None,
    indicator: Annotated[str | None, typer.Option(help="The indicator to evaluate.")] = None,
    date: Annotated[str | None, typer.Option(help="First affected period, e.g. 2018-10.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Write a commented config, or lay out the demonstration.

    \b
    Examples:
      its-eval init --demo demo
      its-eval init study --indicators data.csv --unit ABC --indicator waits --date 2018-10
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.starter import demo_files, starter_config, write_files  # noqa: PLC0415  (start-up time)

    given = (indicators, characteristics, unit, indicator, date)
    if demo:
        from its_eval.errors import UsageError  # noqa: PLC0415

        if any(value is not None for value in given):
            raise UsageError("--demo lays out the sample as it is; leave the other options out")
        files = demo_files()
        following = f"its-eval run {folder / 'configs' / 'sample.yaml'}"
    else:
        text = starter_config(folder, indicators, characteristics, tuple(unit or ()), indicator, date)
        files = {Path("its-eval.yaml"): text.encode()}
        following = f"its-eval validate {folder / 'its-eval.yaml'}"
    for path in write_files(folder, files, force=force):
        typer.echo(str(path))
    typer.echo(f"next: {following}", err=True)
