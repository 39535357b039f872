"""What was checked, and what a reader has to know before using the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from its_eval.report.blocks import Bullets, Folded, Heading, Section, Sentence, Table, plain, text_cell
from its_eval.report.narrative import attention, data_sentences
from its_eval.report.sections.cells import columns, p_cell, records, value_cell
from its_eval.report.sections.pictures import pictures
from its_eval.report.source import anchor, compared_with

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource

#: A status in words; never a colour alone.
STATUS_WORDS = {
    "attention": "needs attention",
    "pass": "nothing found",
    "not_applicable": "does not apply",
}


def checks(source: ReportSource) -> Section:
    """Return what needs attention, then every check with its result."""
    table = source.table("checks")
    blocks: list[Block] = [Heading("What needs attention", ident="attention")]
    warnings = _warnings(source)
    none = "Nothing asks for attention beyond what stands beside each estimate."
    blocks.append(Bullets(warnings) if warnings else plain(none))
    blocks.append(Heading("What was checked", ident="checked"))
    if table.empty:
        blocks.append(plain("No residual or stability checks were made in this run.", "quiet"))
    else:
        blocks.append(plain(_counted(table)))
    for outcome in source.outcomes:
        rows = source.rows("checks", outcome)
        if not rows.empty:
            title = f"{source.label(outcome)}: all {len(rows)} checks"
            blocks.append(Folded(title, [_results(source, outcome, rows)]))
        for unit in source.units(outcome):
            drawn = pictures(source, "checks", outcome, unit)
            blocks += [Folded(f"{source.label(outcome)}, {unit}: residuals", drawn)] if drawn else []
    return Section("checks", "What was checked, and what needs attention", blocks)


def _warnings(source: ReportSource) -> list[Sentence]:
    """Return notes of the run, warnings of fits, checks that ask for attention, faults in the data."""
    found = [plain(note, "attention") for note in source.evaluation.notes]
    for outcome in source.outcomes:
        for unit in source.units(outcome):
            where = f"{source.label(outcome)}, {unit}"
            found += [
                plain(f"{where}, {sentence}.", "attention")
                for sentence in attention(source.evaluation, outcome, unit)
            ]
        alarming = source.rows("checks", outcome)
        for place, row in records(alarming[alarming["status"] == "attention"]):
            where = f"{source.label(outcome)}, {row['unit']}, compared with {compared_with(str(row['design']))}"
            found.append(Sentence((f"{where}: {row['message']}",), f"checks:{place}", "attention"))
    return [*found, *(plain(sentence, "attention") for sentence in data_sentences(source.evaluation))]


def _counted(table: pd.DataFrame) -> str:
    counts = table["status"].value_counts()
    words = [f"{counts[status]} {STATUS_WORDS[status]}" for status in STATUS_WORDS if status in counts]
    return f"{len(table)} checks: {', '.join(words)}."


def _results(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    order = {status: place for place, status in enumerate(STATUS_WORDS)}
    urgent_first = rows.sort_values(
        ["status", "unit", "design", "check"],
        key=lambda column: column.map(order) if column.name == "status" else column,
        kind="stable",
    )
    lines = [
        [
            text_cell(str(row["unit"])),
            text_cell(compared_with(str(row["design"]))),
            text_cell(str(row["check"]).replace("_", " ")),
            text_cell(STATUS_WORDS.get(str(row["status"]), str(row["status"]))),
            value_cell("checks", place, row, "statistic"),
            p_cell("checks", place, row, "p_value"),
            text_cell(str(row["message"])),
        ]
        for place, row in records(urgent_first)
    ]
    titles = columns("Unit", "Compared with", "Check", "Result", "Statistic#", "p#", "In words")
    return Table(anchor("table-checks", outcome), f"{source.label(outcome)}: checks", titles, lines)
