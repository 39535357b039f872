"""Is the change unusual: beside units that had no intervention, and beside other dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.report.blocks import Folded, Heading, Section, Table, plain, text_cell
from its_eval.report.comparisons import compared_with
from its_eval.report.narrative import estimand_words
from its_eval.report.plain_words import message_words
from its_eval.report.sections.cells import columns, not_asked, p_cell, records, shortened, value_cell
from its_eval.report.sections.pictures import folded_pictures
from its_eval.report.source import anchor, in_order_of_designs
from its_eval.report.verdicts import label_words

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.report.blocks import Block
    from its_eval.report.sections.cells import Row
    from its_eval.report.source import ReportSource

_TITLE = "Is it unusual for a unit?"
_EXPLAINED = (
    "A small p-value against the peers says that the gap changed. Units also change for reasons of their "
    "own; so each unit that had no intervention is treated as if it had one, with its own peers, and the "
    "real change is ranked among theirs."
)


def placebos(source: ReportSource) -> Section:
    """Return how a unit's change stands among changes that no intervention made."""
    if set(source.settings["designs"]) == {"single"}:
        units: list[Block] = [plain("Only a comparison with other units can be set beside theirs.", "quiet")]
    else:
        units = [plain(_EXPLAINED), *_units(source)]
    blocks = [*units, Heading("At other dates", ident="placebo-dates"), *_dates(source)]
    return Section("placebos", _TITLE, blocks)


def _units(source: ReportSource) -> list[Block]:
    if source.table("placebo_units").empty and source.table("summary")["p_placebo"].isna().all():
        return [not_asked(source, "checks", "placebo_units")]
    blocks: list[Block] = []
    for outcome in source.outcomes:
        rows = source.rows("summary", outcome)
        rows = rows[rows["p_placebo"].notna() | rows["p_crawford_howell"].notna()]
        if rows.empty:
            continue
        blocks.append(Heading(source.label(outcome), ident=anchor("placebos", outcome)))
        blocks.append(_ranks(source, outcome, rows))
        blocks += folded_pictures(source, "placebos", outcome, "Each unit among the others")
    return blocks


def _others(source: ReportSource, outcome: str, row: Row) -> str:
    """Return how many placebo units a treated unit has, which stands among them itself."""
    rows = source.rows("placebo_units", outcome, str(row["unit"]))
    same = (rows["estimand"] == row["estimand"]) & (rows["design"] == row["design"])
    return str(int((same & (rows["placebo"] != row["unit"])).sum()) or "–")


def _ranks(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    lines = [
        [
            text_cell(source.unit_name(str(row["unit"]))),
            text_cell(compared_with(str(row["design"]))),
            p_cell("summary", place, row, "p_value"),
            p_cell("summary", place, row, "p_adjusted"),
            p_cell("summary", place, row, "p_placebo"),
            text_cell(_others(source, outcome, row)),
            p_cell("summary", place, row, "p_crawford_howell"),
            text_cell(label_words(str(row["label"]))),
        ]
        for place, row in records(rows)
    ]
    titles = columns(
        *("Unit", "Compared with", "p#", "Adjusted p#", "Placebo p#", "Among#", "Crawford–Howell p#"),
        "What can be said",
    )
    caption = (
        f"{source.label(outcome)}: did the gap change (p, adjusted p), and is that unusual for a unit "
        "(placebo p: its rank among so many other units; Crawford–Howell: the unit against its own peers)"
    )
    return Table(anchor("table-placebos", outcome), caption, titles, lines)


def _dates(source: ReportSource) -> list[Block]:
    table = source.table("placebo_dates")
    if table.empty:
        return [not_asked(source, "checks", "placebo_dates")]
    blocks: list[Block] = []
    for outcome in source.outcomes:
        rows = source.rows("placebo_dates", outcome)
        if rows.empty:
            continue
        found = source.rows("checks", outcome)
        found = found[(found["check"] == "placebo_dates") & (found["status"] != "not_applicable")]
        blocks.append(_by_date(source, outcome, found))
        blocks += folded_pictures(source, "dates", outcome, "Estimates by date")
        blocks.append(Folded("The numbers", [_date_table(source, outcome, rows)]))
    return blocks


def _by_date(source: ReportSource, outcome: str, found: pd.DataFrame) -> Table:
    lines = [
        [
            text_cell(str(row["unit"])),
            text_cell(message_words(str(row["message"]))),
            text_cell(compared_with(str(row["design"]))),
        ]
        for _, row in records(in_order_of_designs(found, "unit"))
    ]
    caption = f"{source.label(outcome)}: what the model finds where nothing began"
    return Table(anchor("table-dates", outcome), caption, columns("Unit", "In words", "Compared with"), lines)


def _date_table(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    about = source.about(outcome)
    shown, more = shortened(rows, "placebo_dates")
    lines = [
        [
            text_cell(str(row["unit"])),
            text_cell(compared_with(str(row["design"]))),
            text_cell(estimand_words(str(row["estimand"]), about)),
            text_cell(str(row["placebo"])),
            value_cell("placebo_dates", place, row, "estimate", 4),
            value_cell("placebo_dates", place, row, "statistic"),
        ]
        for place, row in records(shown)
    ]
    titles = columns("Unit", "Compared with", "Quantity", "Date", "Estimate#", "In standard errors#")
    caption = f"{about['label']}: dates before the start, treated as if something had begun there.{more}"
    return Table(anchor("table-placebo-dates", outcome), caption, titles, lines)
