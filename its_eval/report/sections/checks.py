"""What was checked, and what a reader has to know before using the numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from its_eval.report.blocks import Bullets, Folded, Heading, Section, Sentence, Table, plain, text_cell
from its_eval.report.comparisons import compared_with
from its_eval.report.narrative import attention, data_sentences
from its_eval.report.sections.cells import columns, not_asked, p_cell, records, shortened, value_cell
from its_eval.report.sections.pictures import picture
from its_eval.report.source import anchor

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.report.blocks import Block
    from its_eval.report.sections.cells import Row
    from its_eval.report.source import ReportSource

#: A status in words; never a colour alone.
STATUS_WORDS = {
    "attention": "needs attention",
    "pass": "nothing found",
    "not_applicable": "does not apply",
}
#: Checks that tell of the effect or describe the series, whatever they find: nothing can be wrong.
TELLING = frozenset(
    {
        *(
            "placebo_units",
            "joint_placebo",
            "set_conclusion",
            "crawford_howell",
            "joint_change",
            "equivalence",
        ),
        *("peer_overlap", "specification_curve", "durbin_watson", "breusch_godfrey"),
    }
)
TOLD = "for information"
#: Checks of what a fit leaves over: their figure shows what they found.
RESIDUAL_CHECKS = frozenset(
    {
        *("ljung_box", "seasonal_autocorrelation", "heteroscedasticity", "arch", "variance_ratio"),
        *("normality", "outliers", "persistence"),
    }
)


def checks(source: ReportSource) -> Section:
    """Return what needs attention, then every check with its result."""
    table = source.table("checks")
    alarming = table[table["status"] == "attention"]
    warnings = _warnings(source)
    blocks: list[Block] = [Heading("What needs attention", ident="attention")]
    blocks += [Bullets(warnings)] if warnings else []
    for outcome in source.outcomes:
        rows = alarming[alarming["outcome"] == outcome]
        if len(rows):
            blocks.append(_alarms(source, outcome, rows))
    if len(blocks) == 1:
        blocks.append(plain("Nothing asks for attention beyond what stands beside each estimate."))
    blocks.append(Heading("What was checked", ident="checked"))
    if table.empty:
        blocks.append(not_asked(source, "checks", "diagnostics"))
    else:
        blocks.append(plain(_counted(table)))
    for outcome in source.outcomes:
        rows = source.rows("checks", outcome)
        if len(rows):
            title = f"{source.label(outcome)}: all {len(rows)} checks"
            blocks.append(Folded(title, [_results(source, outcome, rows)]))
        blocks += _residual_figures(source, outcome)
    return Section("checks", "What was checked, and what needs attention", blocks)


def _residual_figures(source: ReportSource, outcome: str) -> list[Block]:
    """Return the residuals of the series that a check asks attention for; the others stay in their files."""
    rows = source.rows("checks", outcome)
    alarming = rows[(rows["status"] == "attention") & rows["check"].isin(RESIDUAL_CHECKS)]
    wanted = set(alarming[["unit", "design"]].itertuples(index=False, name=None))
    every = [
        figure for unit in source.units(outcome) for figure in source.figures_of("residuals", outcome, unit)
    ]
    drawn = [picture(source, figure) for figure in every if (figure.task.unit, figure.task.design) in wanted]
    if not drawn:
        return []
    words = (
        f"Of {len(every)} series the {len(drawn)} with a residual check that asks for attention are shown."
    )
    rest = plain(f"{words} The folder figures beside this report has all.", "quiet")
    return [Folded(f"{source.label(outcome)}: what the fits leave over, in figures", [rest, *drawn])]


def _warnings(source: ReportSource) -> list[Sentence]:
    """Return notes of the run, warnings of fits, and faults in the data."""
    found = []
    for outcome in source.outcomes:
        for unit in source.units(outcome):
            where = f"{source.label(outcome)}, {unit}"
            found += [f"{where}, {words}." for words in attention(source.evaluation, outcome, unit)]
    warnings = [plain(words, "attention") for words in (*found, *data_sentences(source.evaluation))]
    return [*map(plain, source.evaluation.notes), *warnings]


def _alarms(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    shown, more = shortened(rows, "checks")
    lines = [
        [
            text_cell(str(row["unit"]) or "all together"),
            text_cell(str(row["message"])),
            text_cell(compared_with(str(row["design"]))),
            text_cell(str(row["check"]).replace("_", " ")),
        ]
        for _, row in records(shown)
    ]
    titles = columns("Unit", "In words", "Compared with", "Check")
    caption = f"{source.label(outcome)}: {len(rows)} checks that ask for attention.{more}"
    return Table(anchor("table-attention", outcome), caption, titles, lines)


def _counted(table: pd.DataFrame) -> str:
    told = {
        "needs attention": "ask for attention",
        "nothing found": "found nothing",
        TOLD: "inform",
        "does not apply": "do not apply",
    }
    counts = Counter(_result(row) for _, row in records(table))
    words = [f"{counts[status]} {words}" for status, words in told.items() if status in counts]
    return f"Of {len(table)} checks {', '.join(words)}."


def _result(row: Row) -> str:
    """Return the result of a check in words."""
    status = str(row["status"])
    if status == "pass" and row["check"] in TELLING:
        return TOLD
    return STATUS_WORDS.get(status, status)


def _results(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    order = {status: place for place, status in enumerate(STATUS_WORDS)}
    urgent_first = rows.sort_values(
        ["status", "unit", "design", "check"],
        key=lambda column: column.map(order) if column.name == "status" else column,
        kind="stable",
    )
    shown, more = shortened(urgent_first, "checks")
    lines = [
        [
            text_cell(str(row["unit"]) or "all together"),
            text_cell(compared_with(str(row["design"]))),
            text_cell(str(row["check"]).replace("_", " ")),
            text_cell(_result(row)),
            value_cell("checks", place, row, "statistic"),
            p_cell("checks", place, row, "p_value"),
            text_cell(str(row["message"])),
        ]
        for place, row in records(shown)
    ]
    titles = columns("Unit", "Compared with", "Check", "Result", "Statistic#", "p#", "In words")
    caption = f"{source.label(outcome)}: checks.{more}"
    return Table(anchor("table-checks", outcome), caption, titles, lines)
