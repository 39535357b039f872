"""The difference between two results, in words and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from its_eval.report.compare_runs import Change, Comparison
    from its_eval.report.compare_tables import TableChange

#: So many rows that one result has alone are named, per table.
SHOWN_ROWS = 5
#: Digits of numbers in words; JSON has them all.
_DIGITS = 8


def as_json(found: Comparison) -> dict[str, Any]:
    """Return a comparison as plain values; tables that do not differ are left out."""
    content = asdict(found)
    content["tables"] = [asdict(table) for table in found.changed_tables]
    return {"same": found.same, "tables_compared": len(found.tables), **content}


def print_comparison(found: Comparison, first: Path, second: Path) -> None:
    """Print what differs: a sentence, the answers, then settings, inputs, versions and tables."""
    typer.echo(f"{first} and {second} {_sentence(found)}")
    _section("Answers that are no longer the same", [_arrow(change) for change in found.answers])
    _section("Settings", [_arrow(change) for change in found.settings])
    _section("Inputs", [_input_words(change) for change in found.inputs])
    note = "" if found.settings or found.inputs or not found.same else " (no difference by themselves)"
    _section(f"Versions{note}", [_arrow(change) for change in found.versions])
    lines = [
        *(f"{name}: only in the first" for name in found.tables_first),
        *(f"{name}: only in the second" for name in found.tables_second),
    ]
    for table in found.changed_tables:
        lines += _table_lines(table)
    _section("Tables", lines)


def _sentence(found: Comparison) -> str:
    """Return the whole comparison in one sentence."""
    if found.same:
        return f"say the same: settings, inputs and {len(found.tables)} tables."
    tables = len(found.changed_tables) + len(found.tables_first) + len(found.tables_second)
    whole = len(found.tables) + len(found.tables_first) + len(found.tables_second)
    parts = [
        _count(len(found.answers), "answer"),
        _count(len(found.settings), "setting"),
        _count(len(found.inputs), "input"),
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
