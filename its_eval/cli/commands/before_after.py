"""``its-eval before-after``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence


def before_after(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A row per project and measure, or t and df.", show_default=False
        ),
    ],
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=NAME",
            help="Column of a role: measure, unit, project, baseline, projects, better, t, df, n. Repeat.",
        ),
    ] = None,
    follow_up: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Column of a follow-up, in order of time. Repeatable."),
    ] = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Level of the intervals.")] = 0.95,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write tables and slope charts to this folder.")
    ] = None,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="With --out: tables only.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing result.")] = False,
    format_: Annotated[
        Literal["text", "csv", "json"], typer.Option("--format", help="Output form.")
    ] = "text",
) -> None:
    """Compare projects before and after, with paired tests.

    \b
    FILE has the columns measure, baseline and follow_up (or day_30, day_60, day_90), and unit and
    project if known. A file with measure, t and df gives the effect sizes of a published test.

    \b
    Examples:
      its-eval before-after data/sample/workshops.csv
      its-eval before-after workshops.csv --column baseline=Before --follow-up After -o results/workshops
      its-eval before-after published_tests.csv --format csv
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.cli.table_result import column_mapping, deliver  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.improvement.paired_load import is_statistics  # noqa: PLC0415  (start-up time)
    from its_eval.report.write import require_free  # noqa: PLC0415

    if out is None and (force or no_figures):
        raise UsageError("--force and --no-figures are about a result folder", "name one with --out")
    columns = column_mapping(column or [])
    if out is not None:
        require_free(out, force=force)
    result = (
        _published(source, columns, confidence, follow_up or [])
        if is_statistics(source, columns)
        else _measured(source, columns, confidence, follow_up or [])
    )
    deliver(
        result.tables,
        result.notes,
        source=source,
        out=out,
        draw=None if no_figures else result.draw,
        form=format_,
        show=result.show,
        force=force,
    )
    if out is not None:
        typer.echo(f"written to {out}", err=True)


class _Found(Struct, frozen=True):
    """What a file gave: tables with the chief one first, notes, how to draw and to print them."""

    tables: Mapping[str, Any]
    notes: list[str]
    draw: Callable[[Path], None] | None
    show: Callable[[], None]


def _published(
    source: Path, columns: Mapping[str, str], confidence: float, follow_ups: Sequence[str]
) -> _Found:
    """Return effect sizes of published tests."""
    from its_eval.cli.improvement_text import print_effect_sizes  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.improvement.paired_load import load_statistics  # noqa: PLC0415
    from its_eval.improvement.paired_tables import (  # noqa: PLC0415
        ABOUT_R,
        ALWAYS,
        effect_size_tables,
    )

    if follow_ups:
        raise UsageError(f"{source} holds t and df: --follow-up does not go with it")
    tables = effect_size_tables(load_statistics(source, columns), confidence)
    notes = [*ALWAYS, ABOUT_R]
    return _Found(tables, notes, None, partial(print_effect_sizes, tables, notes))


def _measured(
    source: Path, columns: Mapping[str, str], confidence: float, follow_ups: Sequence[str]
) -> _Found:
    """Return the changes of projects."""
    from its_eval.cli.improvement_text import print_before_after  # noqa: PLC0415
    from its_eval.errors import NothingEstimatedError  # noqa: PLC0415
    from its_eval.improvement.paired_load import load_projects  # noqa: PLC0415
    from its_eval.improvement.paired_tables import before_after_notes, before_after_tables  # noqa: PLC0415

    projects = load_projects(source, columns, follow_ups)
    tables = before_after_tables(projects.frame, confidence)
    if tables["changes"].empty:
        raise NothingEstimatedError(
            f"{source}: no project has both a baseline and a follow-up",
            "check which columns hold them; --column baseline=NAME and --follow-up NAME choose others",
        )
    notes = before_after_notes(tables)
    draw = partial(_draw_slope_charts, tables, projects.follow_ups, projects.has_units)
    return _Found(tables, notes, draw, partial(print_before_after, tables, notes))


def _draw_slope_charts(tables: Mapping[str, Any], times: tuple[str, ...], units: bool, folder: Path) -> None:
    """Draw a slope chart for every measure."""
    from its_eval.figures.slope_chart import (  # noqa: PLC0415
        SlopeLabels,
        draw_slope_chart,
        slope_chart_data,
    )
    from its_eval.figures.style import figure_stem, save_figure  # noqa: PLC0415

    for measure in tables["changes"]["measure"].unique():
        frame = slope_chart_data(tables["pairs"], measure, times)
        figure = draw_slope_chart(frame, SlopeLabels(measure, times, units))
        save_figure(figure, frame, folder, figure_stem(measure, "all", "chart", figure="slope"))
