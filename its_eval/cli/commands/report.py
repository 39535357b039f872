"""``its-eval report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from its_eval.report.house_style import HouseStyle
    from its_eval.report.source import StoredRun


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN_DIR", help="Result folders of `its-eval run`.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="File to write; default RUN_DIR/report.html, of several runs overview.html."
        ),
    ] = None,
    style: Annotated[
        Path | None, typer.Option("--style", help="House style (YAML) instead of the config's.")
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--answers", help="Checklist answers (YAML) instead of the config's.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file named with --out.")] = False,
) -> None:
    """Render a report again; of several runs an overview.

    From the tables of the runs, without fitting.

    \b
    Examples:
      its-eval report results/sample
      its-eval report results/sample --style house.yaml -o for_the_board.html
      its-eval report results/* -o overview.html
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.errors import UsageError  # noqa: PLC0415  (start-up time)
    from its_eval.report.source import read_run  # noqa: PLC0415

    stored = [read_run(folder) for folder in runs]
    if len(stored) == 1:
        _one(stored[0], out, style, answers, force=force)
        return
    if answers is not None:
        raise UsageError("--answers is for the report of one run", "name one result folder")
    _overview(stored, out or Path("overview.html"), style, force=force)


def _one(run: StoredRun, out: Path | None, style: Path | None, answers: Path | None, *, force: bool) -> None:
    """Write the report of one run: into its folder, where the manifest then knows it, or elsewhere."""
    from its_eval.report.overview import replace_report, report_of  # noqa: PLC0415
    from its_eval.report.write import write_page  # noqa: PLC0415

    page = report_of(run, style=style, answers=answers)
    if out is None:
        typer.echo(replace_report(run, page), err=True)
        return
    typer.echo(write_page(out, page, force=force), err=True)


def _overview(stored: list[StoredRun], out: Path, style: Path | None, *, force: bool) -> None:
    from its_eval.provenance import program_version  # noqa: PLC0415
    from its_eval.report.house_style import HouseStyle, load_house_style  # noqa: PLC0415
    from its_eval.report.overview import entries_of, render_overview  # noqa: PLC0415
    from its_eval.report.write import write_page  # noqa: PLC0415

    looks: HouseStyle = HouseStyle() if style is None else load_house_style(style)
    page = render_overview(entries_of(stored, out), style=looks, version=program_version())
    typer.echo(write_page(out, page, force=force), err=True)
