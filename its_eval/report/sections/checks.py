"""What was checked, and what a reader has to know before using the numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from its_eval.report.blocks import Bullets, Folded, Heading, Section, Sentence, Table, plain, text_cell
from its_eval.report.comparisons import compared_with
from its_eval.report.narrative import FLAG_WORDS, data_sentences
from its_eval.report.plain_words import check_words, message_words, singular
from its_eval.report.sections.cells import columns, not_asked, p_cell, records, shortened, value_cell
from its_eval.report.sections.pictures import picture
from its_eval.report.source import anchor, in_order_of_designs

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
    words = f"Shown: the {len(drawn)} of {len(every)} series with a residual check that asks for attention."
    rest = plain(f"{words} The folder figures beside this report has all.", "quiet")
    return [Folded(f"{source.label(outcome)}: what the fits leave over, in figures", [rest, *drawn])]


def _warnings(source: ReportSource) -> list[Sentence]:
    """Return notes of the run, warnings of fits, and faults in the data."""
    found = [words for outcome in source.outcomes for words in _flagged(source, outcome)]
    warnings = [plain(words, "attention") for words in (*found, *data_sentences(source.evaluation))]
    return [*map(plain, source.evaluation.notes), *warnings]


def _flagged(source: ReportSource, outcome: str) -> list[str]:
    """Return what fits warn of, each warning once with the units that it is about, and what failed."""
    units: dict[tuple[str, str], list[str]] = {}
    for _, row in records(in_order_of_designs(source.primary_fits(outcome), "unit")):
        for flag in filter(None, str(row["flags"]).split("; ")):
            units.setdefault((flag, str(row["design"])), []).append(str(row["unit"]))
    found = [
        f"{source.label(outcome)}, {', '.join(named)} compared with "
        f"{compared_with(design, several=len(named) > 1)}: {FLAG_WORDS.get(flag, flag)}."
        for (flag, design), named in units.items()
    ]
    failed = source.rows("not_estimated", outcome)
    found += [
        f"{source.label(outcome)}, {row['unit']} compared with {compared_with(str(row['design']))}: not "
        f"estimated: {message_words(str(row['message']))}."
        for _, row in records(failed)
    ]
    return list(dict.fromkeys(found))


def _alarms(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    shown, more = shortened(rows, "checks")
    lines = [
        [
            text_cell(str(row["unit"]) or "all together"),
            text_cell(message_words(str(row["message"]))),
            text_cell(compared_with(str(row["design"]))),
            text_cell(check_words(str(row["check"]))),
        ]
        for _, row in records(shown)
    ]
    titles = columns("Unit", "In words", "Compared with", "Check")
    counted = singular(f"{len(rows)} checks")
    caption = (
        f"{source.label(outcome)}: {counted} that ask{'s' if len(rows) == 1 else ''} for attention.{more}"
    )
    return Table(anchor("table-attention", outcome), caption, titles, lines)


def _counted(table: pd.DataFrame) -> str:
    told = {
        "needs attention": ("asks for attention", "ask for attention"),
        "nothing found": ("found nothing", "found nothing"),
        TOLD: ("informs", "inform"),
        "does not apply": ("does not apply", "do not apply"),
    }
    counts = Counter(_result(row) for _, row in records(table))
    words = [
        f"{counts[status]} {one if counts[status] == 1 else many}"
        for status, (one, many) in told.items()
        if status in counts
    ]
    return singular(f"Of {len(table)} checks {', '.join(words)}.")


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
            text_cell(check_words(str(row["check"]))),
            text_cell(_result(row)),
            value_cell("checks", place, row, "statistic"),
            p_cell("checks", place, row, "p_value"),
            text_cell(message_words(str(row["message"]))),
        ]
        for place, row in records(shown)
    ]
    titles = columns("Unit", "Compared with", "Check", "Result", "Statistic#", "p#", "In words")
    caption = f"{source.label(outcome)}: checks.{more}"
    return Table(anchor("table-checks", outcome), caption, titles, lines)
