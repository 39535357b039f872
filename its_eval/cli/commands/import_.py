"""``its-eval import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from its_eval.importers.collect import Imported

#: So many notes and findings are shown; with --coverage all are written.
SHOWN = 20


def import_(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="Kind of file, e.g. nhs-ae.", show_default=False)
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Workbooks or CSV files of the publisher.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Table to write: .parquet or .csv.")] = None,
    layout: Annotated[
        Path | None, typer.Option(help="Description of the files in YAML, instead of a known one.")
    ] = None,
    stratum: Annotated[
        list[str] | None, typer.Option(help="Group within units, e.g. of staff, or `all`. Repeatable.")
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For files that name units without codes: a table with columns unit and name. "
            "Names have to agree; the nearest are offered, never taken.",
        ),
    ] = None,
    coverage: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write tables and heat maps of what is missing there."),
    ] = None,
    inspect: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Show what is in a file and which layout fits, and stop."),
    ] = None,
    show_layout: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Print a known layout, to begin one's own with, and stop."),
    ] = None,
    list_kinds: Annotated[
        bool, typer.Option("--list-kinds", help="List the kinds of file and stop.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a table that is there.")] = False,
) -> None:
    """Read publishers' files into one tidy table.

    Every value keeps the file, sheet and row that it comes from.

    \b
    Examples:
      its-eval import nhs-ae workbooks/*.xls -o indicators.parquet
      its-eval import nhs-sickness *.csv -o sickness.parquet --stratum "HCHS doctors"
      its-eval import --inspect April-2020-AE-by-provider.xls
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.importers.collect import (  # noqa: PLC0415
        layouts_of,
        require_free_file,
        write_table,
    )

    if list_kinds:
        _list_kinds()
        return
    if show_layout is not None:
        from its_eval.importers.collect import layout_texts  # noqa: PLC0415

        typer.echo("---\n".join(layout_texts(show_layout)), nl=False)
        return
    if inspect is not None:
        _inspect(inspect, layout)
        return
    if kind is None or not files or out is None:
        raise UsageError("needs a KIND, at least one FILE and --out", "its-eval import --help shows examples")
    layouts = layouts_of(kind, layout)
    if stratum and all(item.stratum is None for item in layouts):
        raise UsageError(f"{kind} has no groups within units", "leave --stratum out")
    require_free_file(out, force=force)
    if coverage is not None:
        from its_eval.report.write import require_free  # noqa: PLC0415

        require_free(coverage, force=False)
    from its_eval.importers.collect import import_files, read_names  # noqa: PLC0415

    known = None if names is None else read_names(names)
    imported = import_files(files, layouts, tuple(stratum or ()), known)
    table = imported.table
    if out.suffix == ".csv":
        from its_eval.result import defused  # noqa: PLC0415

        table = defused(table)
    if coverage is not None:
        _write_coverage(imported, coverage)
    write_table(table, out, force=force)
    typer.echo(str(out))
    _summarise(imported)


def _list_kinds() -> None:
    from its_eval.importers.collect import bundled_layouts  # noqa: PLC0415

    for item in bundled_layouts():
        tried = "" if item.tried else " (not yet tried on a real file)"
        typer.echo(f"{item.kind:14s} {item.title}{tried}")


def _inspect(path: Path, own: Path | None) -> None:
    from its_eval.config.layouts import load_layouts  # noqa: PLC0415
    from its_eval.importers.collect import bundled_layouts, inspect_file  # noqa: PLC0415

    layouts = bundled_layouts() if own is None else load_layouts(own)
    sheets, fits = inspect_file(path, layouts)
    for sheet in sheets:
        hidden = "" if sheet.visible else ", hidden"
        name = f"sheet {sheet.name!r}" if sheet.name else path.name
        typer.echo(f"{name}: {sheet.shape[0]} rows, {sheet.shape[1]} columns{hidden}")
        if sheet.header_row:
            typer.echo(f"  likely header in row {sheet.header_row}: {' | '.join(sheet.headings)}")
    if own is None and all(fit.sheet is None for fit in fits):
        typer.echo(
            "no known layout fits; `its-eval init DIR --indicators FILE` begins with an ordinary table"
        )
    for fit in fits:
        if fit.sheet is None:
            typer.echo(f"{fit.layout.kind} ({fit.layout.title}): does not fit: {fit.reason}")
        else:
            where = f", sheet {fit.sheet!r}" if fit.sheet else ""
            typer.echo(f"{fit.layout.kind} ({fit.layout.title}): fits{where}; an import reads {fit.read}")


def _write_coverage(imported: Imported, folder: Path) -> None:
    from its_eval.data.coverage import coverage_findings, coverage_table, from_tidy  # noqa: PLC0415
    from its_eval.data.faults import Finding, findings_table  # noqa: PLC0415
    from its_eval.errors import UsageError  # noqa: PLC0415
    from its_eval.figures.coverage import coverage_figure_data, draw_coverage  # noqa: PLC0415
    from its_eval.figures.style import figure_stem, save_figure  # noqa: PLC0415
    from its_eval.report.write import result_folder, write_tables  # noqa: PLC0415

    layout = imported.extracts[0].layout
    if layout.table == "characteristics":
        raise UsageError("a table of characteristics has no periods to cover", "leave --coverage out")
    rows = from_tidy(imported.table, layout.calendar)
    table = coverage_table(rows)
    notes = [Finding("", "", "import_note", "", "", "info", note) for note in imported.notes]
    quality = findings_table([*notes, *imported.findings, *coverage_findings(rows)])
    labels = {recipe.name: recipe.label for read in imported.extracts for recipe in read.layout.indicators}
    with result_folder(folder, force=False) as place:
        write_tables({"coverage": table, "data_quality": quality}, place / "tables", ["csv"])
        for indicator, stratum in table[["indicator", "stratum"]].drop_duplicates().itertuples(index=False):
            frame = coverage_figure_data(table, indicator, layout.frequency, stratum)
            heading = f"{labels[indicator]}{f', {stratum}' if stratum else ''}: which months have a value"
            stem = figure_stem(indicator, stratum or "all", "units", "coverage")
            save_figure(draw_coverage(frame, heading), frame, place / "figures", stem)


def _summarise(imported: Imported) -> None:
    """Say on stderr what was read and what was left out."""
    table, n_files = imported.table, len(imported.extracts)
    files = f"{n_files} file{'s' if n_files > 1 else ''}"
    if "period" not in table:
        typer.echo(f"{files}, {len(table)} units", err=True)
    else:
        first, last = table["period"].min(), table["period"].max()
        typer.echo(
            f"{files}, {first} to {last}, {table['unit'].nunique()} units, "
            f"{', '.join(table['indicator'].unique())}: {len(table):,} rows, "
            f"{int(table['value'].isna().sum()):,} of them without a value (suppressed or not given)",
            err=True,
        )
    said = [*imported.notes, *(finding.message for finding in imported.findings)]
    for note in said[:SHOWN]:
        typer.echo(f"  note: {note}", err=True)
    if len(said) > SHOWN:
        typer.echo(f"  … and {len(said) - SHOWN} more; --coverage DIR writes them all", err=True)
