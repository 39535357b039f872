"""Every answer in one table, a row per outcome, unit and comparison."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from its_eval.report.blocks import Cell, Link, Section, Table, plain, text_cell
from its_eval.report.comparisons import compared_with
from its_eval.report.narrative import detectable_words, estimand_words, measure
from its_eval.report.plain_words import message_words
from its_eval.report.sections.cells import BLANK, MOST_ROWS, Row, columns, estimate_cell, p_cell, records
from its_eval.report.source import anchor, in_order_of_designs
from its_eval.report.verdicts import conclusion_words

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource

TITLES = columns(
    *("Unit", "Outcome", "Compared with", "What can be said", "Estimate#", "Of"),
    *("Adjusted p#", "Placebo p#", "Smallest detectable change"),
)
#: So many of them say what was found; the rest of a report has the others.
_FOUND = 6


def glance(source: ReportSource) -> Section:
    """Return the answers of a run with several outcomes in one table, each linked to its place."""
    blocks: list[Block] = []
    if len(source.outcomes) > 1:
        blocks.append(
            plain(
                "A row per unit, outcome and comparison; a click on a title sorts by it. Among many rows "
                "some changes are to be expected by chance alone."
            )
        )
        rows = [row[:_FOUND] for row in answer_rows(source.evaluation, "summary", "")]
        more = "" if len(rows) <= MOST_ROWS else f". The first {MOST_ROWS} of {len(rows):,}"
        caption = f"All answers, with intervals beneath{more}"
        blocks.append(Table("table-glance", caption, TITLES[:_FOUND], rows[:MOST_ROWS]))
    return Section("glance", "All answers at a glance", blocks)


def answer_rows(evaluation: Evaluation, source: str, address: str | None) -> list[list[Cell]]:
    """Return a row of cells per answer and per series that has none, in the order of `TITLES`.

    Parameters
    ----------
    evaluation : Evaluation
        With every table.
    source : str
        What numbers say they were read from, before the place and the column.
    address : str or None
        The page that units are linked to; blank for the own page, None for no links.
    """
    lines = []
    for place, row in records(in_order_of_designs(evaluation.tables["summary"], "outcome", "unit")):
        about = evaluation.outcomes[str(row["outcome"])]
        measured = measure(row, about)
        quantity = estimand_words(str(row["estimand"]), about)
        said = conclusion_words(str(row["label"]), str(row["direction"])).removesuffix(",")
        smallest = detectable_words(row, about) if math.isfinite(row["minimum_detectable"]) else ""
        lines.append(
            [
                _linked(evaluation, row, address),
                text_cell(str(about["label"])),
                text_cell(compared_with(str(row["design"]))),
                text_cell(said),
                estimate_cell(source, place, row),
                text_cell(f"{quantity}{f', {measured}' if measured else ''}"),
                p_cell(source, place, row, "p_adjusted"),
                p_cell(source, place, row, "p_placebo"),
                Cell((smallest,), sort=repr(float(row["minimum_detectable"]))) if smallest else BLANK,
            ]
        )
    failed = evaluation.tables["not_estimated"]
    for _, row in records(failed[failed["estimator"] == ""]):
        about = evaluation.outcomes.get(str(row["outcome"]), {})
        words = [str(about.get("label", row["outcome"])), compared_with(str(row["design"]))]
        told = f"not estimated: {message_words(str(row['message']))}"
        cells = [*map(text_cell, (*words, told)), *[BLANK] * 5]
        lines.append([_linked(evaluation, row, address), *cells])
    return lines


def _linked(evaluation: Evaluation, row: Row, address: str | None) -> Cell:
    """Return a unit and its name, with a link to its place in a report."""
    unit, name = str(row["unit"]), evaluation.unit_names.get(str(row["unit"]), "")
    target = f"{address}#{anchor('unit', str(row['outcome']), unit)}"
    return Cell((unit if address is None else Link(unit, target),), (name,) if name else (), sort=unit)
