"""Before-and-after comparisons and XmR charts as text for people."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from its_eval.cli.console import data_console
from its_eval.words.numbers import rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console


def print_before_after(tables: Mapping[str, Any], notes: Sequence[str]) -> None:
    """Print sums and tests of every measure and follow-up, and what a reader has to know.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As ``before_after_tables`` returns them.
    notes : sequence of str
        Sentences.
    """
    console = data_console()
    rows = tables["changes"].to_dict("records")
    keys = dict.fromkeys((row["measure"], row["follow_up"]) for row in rows)
    for measure, time in keys:
        console.print(Text(f"{measure}, {time}" if time != "follow-up" else str(measure), style="bold"))
        own = [row for row in rows if (row["measure"], row["follow_up"]) == (measure, time)]
        console.print(_sums(own))
        if any(not math.isnan(row["t"]) for row in own):
            console.print(_tests(own))
        console.print()
    _print_notes(console, notes)


def print_effect_sizes(tables: Mapping[str, Any], notes: Sequence[str]) -> None:
    """Print effect sizes of published statistics, and what a reader has to know.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As ``effect_size_tables`` returns them.
    notes : sequence of str
        Sentences.
    """
    console = data_console()
    table = _table("measure", "pairs", "t(df)", "p", "r", "d_z", "interval of d_z")
    for row in tables["effect_sizes"].to_dict("records"):
        interval = _interval(row["dz_low"], row["dz_high"])
        test = f"{row['t']:.3f}({row['df']:g})".replace("-", "−")
        table.add_row(
            row["measure"], str(row["n"]), test, _p(row["p_value"]), f"{row['r']:.3f}",
            rounded(row["cohens_dz"]), interval,
        )  # fmt: skip
    console.print(table)
    console.print()
    _print_notes(console, notes)


def _sums(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("sums", "projects", "left out", "before", "after", "change", "per cent", "")
    sums = ("sum_baseline", "sum_follow_up", "sum_change")
    whole = all(float(row[name]).is_integer() for row in rows for name in sums)
    for row in rows:
        table.add_row(
            row["unit"], str(row["n_projects"]), str(row["n_left_out"]),
            *(_sum(row[name], whole=whole) for name in sums), rounded(row["percent_change"], 1),
            row["direction"],
        )  # fmt: skip
    return table


def _tests(rows: Sequence[Mapping[str, Any]]) -> Table:
    level = f"{100 * rows[0]['conf_level']:g} %"
    columns = ("mean\nchange", f"\n{level}", "\nt(df)", "\np", "adjusted\np", "Wilcoxon\np", "\nr", "\nd_z")
    table = _table("\ntests", *columns, f"\n{level}")
    for row in rows:
        if math.isnan(row["t"]):
            continue
        table.add_row(
            row["unit"], rounded(row["mean_change"]), _interval(row["conf_low"], row["conf_high"]),
            f"{rounded(row['t'])}({row['df']:g})", _p(row["p_value"]), _p(row["p_adjusted"]),
            _p(row["wilcoxon_p"]), f"{row['r']:.2f}", rounded(row["cohens_dz"]),
            _interval(row["dz_low"], row["dz_high"]),
        )  # fmt: skip
    return table


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _sum(value: float, *, whole: bool) -> str:
    """Return a sum, with a decimal unless all are whole numbers."""
    text = f"{abs(value):,.0f}" if whole else f"{abs(value):,.1f}"
    return f"−{text}" if value < 0 else text


def _interval(low: float, high: float) -> str:
    return f"{rounded(low)} to {rounded(high)}"


def _p(value: float) -> str:
    if math.isnan(value):
        return "–"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _print_notes(console: Console, notes: Sequence[str]) -> None:
    for note in notes:
        console.print(f"· {note}")


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
        console.print(_series_table(own))
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
    _print_notes(console, notes)


def _name(row: Mapping[str, Any]) -> str:
    return ", ".join(str(part) for part in (row["indicator"], row["unit"]) if part)


def _series_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    targets = any(not math.isnan(row["target"]) for row in rows)
    table = _table("unit", "points", "last", "mean", "limits", "special", "r")
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
