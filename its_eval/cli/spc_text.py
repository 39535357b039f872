"""Summaries of XmR charts as text for people."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from its_eval.cli.console import data_console
from its_eval.report.narrative import rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: So many warnings are printed in full; the rest stand in the table.
SHOWN_WARNINGS = 5


def print_spc(tables: Mapping[str, Any], notes: Sequence[str]) -> None:
    """Print one line per series, then what makes limits untrustworthy.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As ``spc_tables`` returns them.
    notes : sequence of str
        Sentences about all series.
    """
    console = data_console()
    rows = tables["summary"].to_dict("records")
    for indicator in dict.fromkeys(row["indicator"] for row in rows):
        own = [row for row in rows if row["indicator"] == indicator]
        console.print(Text(str(indicator), style="bold"))
        console.print(_table(own))
        console.print(_counts(own))
        console.print()
    warned = [row for row in rows if row["status"] == "attention"]
    for row in warned[:SHOWN_WARNINGS]:
        console.print(f"Attention, {_name(row)}: {row['message']}")
    if len(warned) > SHOWN_WARNINGS:
        console.print(
            f"Attention: {len(warned) - SHOWN_WARNINGS} more of {len(rows)} series have such warnings; "
            "--format csv shows them all."
        )
    for note in notes:
        console.print(f"· {note}")


def _name(row: Mapping[str, Any]) -> str:
    return ", ".join(str(part) for part in (row["indicator"], row["unit"]) if part)


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    targets = any(not math.isnan(row["target"]) for row in rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("unit", overflow="fold")
    for column in ("points", "last", "mean", "limits", "special", "r"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("latest point", overflow="fold")
    if targets:
        table.add_column("target", overflow="fold")
    for row in rows:
        rules = f" ({row['rules']})" if row["rules"] else ""
        cells = [
            str(row["unit"]) or "–",
            str(row["n"]),
            rounded(row["last_value"], 1),
            rounded(row["mean"], 1),
            f"{rounded(row['lower_limit'], 1)} to {rounded(row['upper_limit'], 1)}",
            str(row["n_special"]),
            rounded(row["autocorrelation"]),
            f"{row['variation']}{rules}",
        ]
        if targets:
            cells.append(row["assurance"] or "–")
        table.add_row(*cells)
    return table


def _counts(rows: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(str(row["variation"]) for row in rows)
    words = ", ".join(f"{counts[name]} {name}" for name in sorted(counts))
    return f"Latest points: {words}."
