"""What could have been found."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from its_eval.report.blocks import Cell, Folded, Section, Table, plain, text_cell
from its_eval.report.comparisons import compared_with
from its_eval.report.narrative import detectable_words, estimand_words
from its_eval.report.sections.cells import BLANK, columns, estimate_cell, number, records, value_cell
from its_eval.report.sections.pictures import pictures
from its_eval.report.source import anchor, in_order_of_designs

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource

_EXPLAINED = (
    "The smallest change that a series like this, alone and before adjustment for several units, would show "
    "four times in five. Where it is larger than any change that matters, finding nothing says little."
)


def power(source: ReportSource) -> Section:
    """Return the smallest detectable change of every answer, and the power table where there is one."""
    blocks: list[Block] = [plain(_EXPLAINED)]
    for outcome in source.outcomes:
        rows = source.rows("summary", outcome)
        if rows.empty:
            continue
        about = source.about(outcome)
        lines = []
        for place, row in records(in_order_of_designs(rows, "unit")):
            smallest = BLANK
            if math.isfinite(row["minimum_detectable"]):
                words = detectable_words(row, about)
                smallest = Cell(
                    (number("summary", place, row, "minimum_detectable", words),),
                    sort=repr(float(row["minimum_detectable"])),
                )
            lines.append(
                [
                    text_cell(source.unit_name(str(row["unit"]))),
                    text_cell(compared_with(str(row["design"]))),
                    smallest,
                    estimate_cell("summary", place, row),
                ]
            )
        titles = columns("Unit", "Compared with", "Smallest detectable change#", "Estimate#")
        caption = f"{about['label']}: {estimand_words(source.primary, about)}"
        blocks.append(Table(anchor("table-power", outcome), caption, titles, lines))
        blocks += pictures(source, "power", outcome)
        blocks += _asked(source, outcome)
    return Section("power", "What could have been found", blocks)


def _asked(source: ReportSource, outcome: str) -> list[Block]:
    rows = source.rows("power", outcome)
    if rows.empty:
        return []
    about = source.about(outcome)
    lines = [
        [
            text_cell(source.unit_name(str(row["unit"]))),
            text_cell(compared_with(str(row["design"]))),
            text_cell(estimand_words(str(row["estimand"]), about)),
            value_cell("power", place, row, "minimum_detectable", 4),
            value_cell("power", place, row, "power"),
            value_cell("power", place, row, "alpha"),
        ]
        for place, row in records(in_order_of_designs(rows, "unit"))
    ]
    titles = columns("Unit", "Compared with", "Quantity", "Smallest detectable change#", "Power#", "Level#")
    caption = f"{about['label']}: smallest detectable change of every quantity"
    table = Table(anchor("table-power-all", outcome), caption, titles, lines)
    return [Folded("The same for every quantity", [table])]
