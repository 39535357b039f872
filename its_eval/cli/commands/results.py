"""``its-eval report``, ``diff`` and ``verify``: what can be done with results that are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from msgspec import to_builtins
from msgspec.structs import asdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from its_eval.effects.several_units import Method
    from its_eval.report.compare import Change, Comparison, TableChange
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
    adjust: Annotated[
        Literal["holm", "bh", "none"],
        typer.Option("--adjust", help="Of several runs: adjust p-values over all of them."),
    ] = "none",
    force: Annotated[bool, typer.Option("--force", help="Replace a file named with --out.")] = False,
) -> None:
    """Render a report again; of several runs an overview.

    From the tables of the runs, without fitting.

    \b
    Examples:
      its-eval report results/sample
      its-eval report results/sample --style house.yaml -o for_the_board.html
      its-eval report results/* -o overview.html
      its-eval report results/* -o overview.html --adjust holm
    """  # noqa: D301  (a backspace keeps the lines of the help apart)
    from its_eval.errors import UsageError  # noqa: PLC0415  (start-up time)
    from its_eval.report.source import read_run  # noqa: PLC0415

    stored = [read_run(folder) for folder in runs]
    if len(stored) == 1:
        if adjust != "none":
            raise UsageError("--adjust is for an overview of several runs", "name several result folders")
        _one(stored[0], out, style, answers, force=force)
        return
    blind = [str(run.folder) for run in stored if "blind" in run.evaluation.conduct]
    if blind:
        raise UsageError(
            f"{', '.join(blind)}: a blind run has no answers for an overview",
            "name the results of runs that are not blind",
        )
    if answers is not None:
        raise UsageError("--answers is for the report of one run", "name one result folder")
    _overview(stored, out or Path("overview.html"), style, adjust, force=force)


def _one(run: StoredRun, out: Path | None, style: Path | None, answers: Path | None, *, force: bool) -> None:
    """Write the report of one run: into its folder, where the manifest then knows it, or elsewhere."""
    from its_eval.report.overview import replace_report, report_of  # noqa: PLC0415
    from its_eval.report.write import write_page  # noqa: PLC0415

    page = report_of(run, style=style, answers=answers)
    if out is None:
        typer.echo(replace_report(run, page), err=True)
        return
    typer.echo(write_page(out, page, force=force), err=True)


def _overview(stored: list[StoredRun], out: Path, style: Path | None, method: Method, *, force: bool) -> None:
    from its_eval.effects.several_units import adjust  # noqa: PLC0415
    from its_eval.provenance import program_version  # noqa: PLC0415
    from its_eval.report.house_style import HouseStyle, load_house_style  # noqa: PLC0415
    from its_eval.report.overview import Adjustment, entries_of, render_overview  # noqa: PLC0415
    from its_eval.report.write import write_page  # noqa: PLC0415

    looks: HouseStyle = HouseStyle() if style is None else load_house_style(style)
    entries, version = entries_of(stored, out), program_version()
    over_runs = None if method == "none" else Adjustment(method, lambda p, size: adjust(p, method, size))
    page = render_overview(entries, style=looks, version=version, over_runs=over_runs)
    typer.echo(write_page(out, page, force=force), err=True)


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
    from its_eval.report.compare import Tolerance, compare_runs  # noqa: PLC0415  (start-up time)

    comparison = compare_runs(first, second, Tolerance(rtol, atol))
    if format_ == "json":
        content = {"first": str(first), "second": str(second), **as_json(comparison)}
        typer.echo(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        print_comparison(comparison, first, second)
    return int(not comparison.same)


#: So many rows that one result has alone are named, per table.
SHOWN_ROWS = 5
#: Digits of numbers in words; JSON has them all.
_DIGITS = 8


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain values; tables that do not differ are left out."""
    content: dict[str, Any] = to_builtins(comparison)
    content["tables"] = to_builtins(comparison.changed_tables)
    return {"same": comparison.same, "tables_compared": len(comparison.tables), **content}


def print_comparison(comparison: Comparison, first: Path, second: Path) -> None:
    """Print what differs: a sentence, the answers, then settings, inputs, versions and tables."""
    typer.echo(f"{first} and {second} {_sentence(comparison)}")
    _section("Answers that are no longer the same", [_arrow(change) for change in comparison.answers])
    _section("Settings", [_arrow(change) for change in comparison.settings])
    _section("Inputs", [_input_words(change) for change in comparison.inputs])
    note = (
        ""
        if comparison.settings or comparison.inputs or not comparison.same
        else " (no difference by themselves)"
    )
    _section(f"Versions{note}", [_arrow(change) for change in comparison.versions])
    lines = [
        *(f"{name}: only in the first" for name in comparison.tables_first),
        *(f"{name}: only in the second" for name in comparison.tables_second),
    ]
    for table in comparison.changed_tables:
        lines += _table_lines(table)
    _section("Tables", lines)


def _sentence(comparison: Comparison) -> str:
    """Return the whole comparison in one sentence."""
    if comparison.same:
        return f"say the same: settings, inputs and {len(comparison.tables)} tables."
    tables = len(comparison.changed_tables) + len(comparison.tables_first) + len(comparison.tables_second)
    whole = len(comparison.tables) + len(comparison.tables_first) + len(comparison.tables_second)
    parts = [
        _count(len(comparison.answers), "answer"),
        _count(len(comparison.settings), "setting"),
        _count(len(comparison.inputs), "input"),
        f"{tables or 'none'} of {whole} tables",
    ]
    return f"differ: {', '.join(parts)}."


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _section(heading: str, lines: Sequence[str]) -> None:
    if lines:
        typer.echo(f"\n{heading}")
        for line in lines:
            typer.echo(f"  {line}")


def _arrow(change: Change) -> str:
    return f"{change.what}: {_shown(change.first)} → {_shown(change.second)}"


def _input_words(change: Change) -> str:
    if change.first is None:
        return f"{change.what}: only in the second"
    if change.second is None:
        return f"{change.what}: only in the first"
    return f"{change.what}: other content"


def _table_lines(table: TableChange) -> list[str]:
    lines = []
    for words, rows in (("first", table.only_first), ("second", table.only_second)):
        if rows:
            more = f"; … {len(rows) - SHOWN_ROWS} more" if len(rows) > SHOWN_ROWS else ""
            named = "; ".join(rows[:SHOWN_ROWS])
            lines.append(f"{table.table}: {_count(len(rows), 'row')} only in the {words}: {named}{more}")
    for words, columns in (("first", table.columns_first), ("second", table.columns_second)):
        if columns:
            lines.append(f"{table.table}: columns only in the {words}: {', '.join(columns)}")
    lines += [
        f"{table.table}: {change.column} differs in {change.cells} of {_count(table.rows, 'row')}, most at "
        f"{change.where}: {_shown(change.first)} → {_shown(change.second)}"
        for change in table.changes
    ]
    return lines


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    if isinstance(value, float):
        return f"{value:.{_DIGITS}g}"
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)


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
            {"run": str(folder), "same": not deviations, "deviations": [asdict(item) for item in deviations]}
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
