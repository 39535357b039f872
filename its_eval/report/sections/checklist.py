"""The checklists as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from its_eval.report.blocks import Folded, Heading, Section, Table, plain, text_cell
from its_eval.report.checklists import TO_BE_JUDGED, epoc_items, reporting_items
from its_eval.report.sections.cells import BLANK, columns

if TYPE_CHECKING:
    from its_eval.report.checklists import Item
    from its_eval.report.source import ReportSource


def checklist(source: ReportSource) -> Section:
    """Return the risk-of-bias items and the reporting items."""
    bias, reporting = epoc_items(source), reporting_items(source)
    left = sum(item.result == TO_BE_JUDGED for item in bias)
    opening = (
        f"{len(bias) - left} of the {len(bias)} items are answered, {left} are left to a person, with what "
        "the run knows. The config can name a file with the answers (output.report.answers)."
    )
    return Section(
        "checklists",
        "Checklists",
        [
            Heading("Risk of bias (Cochrane EPOC, interrupted time series)", ident="epoc"),
            plain(opening),
            _table("table-epoc", "Seven risk-of-bias items", bias, "Risk"),
            Heading("Reporting", ident="reporting"),
            Folded(
                f"{len(reporting)} reporting items",
                [_table("table-reporting", "Reporting items of such studies", reporting, "Here")],
            ),
        ],
    )


def _table(ident: str, caption: str, items: Sequence[Item], result: str) -> Table:
    lines = [
        [
            text_cell(item.question),
            text_cell(item.result),
            text_cell(item.facts),
            text_cell(item.answer) if item.answer else BLANK,
        ]
        for item in items
    ]
    return Table(ident, caption, columns("Item", result, "What the run knows", "What a person said"), lines)
