"""Several runs on one page: a row per run, unit, outcome and design, linked to the report of the run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from its_eval.report.blocks import Cell, Link, Section, Table, plain, text_cell
from its_eval.report.comparisons import compared_with
from its_eval.report.house_style import HouseStyle
from its_eval.report.narrative import detectable_words, estimand_words, measure
from its_eval.report.page import render_page
from its_eval.report.sections.cells import BLANK, Row, columns, estimate_cell, p_cell, records
from its_eval.report.source import anchor, in_order_of_designs, with_every_table
from its_eval.report.verdicts import label_words

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation

_DIRECTION_WORDS = {"better": "for the better", "worse": "for the worse", "unclear": "unclear"}


@dataclass(frozen=True)
class OverviewEntry:
    """One run of an overview.

    Attributes
    ----------
    name : str
        Short name of the run.
    evaluation : Evaluation
        Its result.
    report : str
        Address of its report as seen from the overview; blank when it has none.
    """

    name: str
    evaluation: Evaluation
    report: str


def render_overview(
    entries: Sequence[OverviewEntry], *, style: HouseStyle | None = None, version: str
) -> str:
    """Return one page over several runs as HTML.

    Parameters
    ----------
    entries : sequence of OverviewEntry
        The runs, in the order of the page.
    style : HouseStyle, optional
        The looks of an organisation.
    version : str
        Version of the program.

    Notes
    -----
    No traffic lights: a direction stands in words beside its interval, and what is unclear says what would
    have been found. Numbers carry ``data-value`` and ``data-source`` (``run:table:row:column``).
    """
    style = style or HouseStyle()
    return render_page(
        "overview.html.j2",
        style=style,
        title=style.title or "Overview",
        sections=[_all_answers(entries), _runs(entries)],
        version=version,
    )


def _all_answers(entries: Sequence[OverviewEntry]) -> Section:
    lines = [line for entry in entries for line in _lines(entry)]
    opening = plain(
        "A row per unit, outcome and comparison. The p-values are adjusted within each run, not over all "
        "rows: among many rows some small ones are to be expected."
    )
    titles = columns(
        *("Unit", "Outcome", "Compared with", "Quantity", "Estimate#", "Direction", "What can be said"),
        *("Adjusted p#", "Placebo p#", "Smallest detectable change", "Run"),
    )
    table = Table("table-overview", "All answers, with intervals beneath", titles, lines)
    return Section("overview", "All answers", [opening, table])


def _lines(entry: OverviewEntry) -> list[list[Cell]]:
    evaluation = with_every_table(entry.evaluation)
    lines = []
    for place, row in records(in_order_of_designs(evaluation.tables["summary"], "outcome", "unit")):
        about = evaluation.outcomes[str(row["outcome"])]
        measured = measure(row, about)
        quantity = estimand_words(str(row["estimand"]), about)
        smallest = detectable_words(row, about) if math.isfinite(row["minimum_detectable"]) else ""
        source = f"{entry.name}:summary"
        lines.append(
            [
                _linked(entry, row),
                text_cell(str(about["label"])),
                text_cell(compared_with(str(row["design"]))),
                text_cell(f"{quantity}{f', {measured}' if measured else ''}"),
                estimate_cell(source, place, row),
                text_cell(_DIRECTION_WORDS[str(row["direction"])]),
                text_cell(label_words(str(row["label"]))),
                p_cell(source, place, row, "p_adjusted"),
                p_cell(source, place, row, "p_placebo"),
                Cell((smallest,), sort=repr(float(row["minimum_detectable"]))) if smallest else BLANK,
                text_cell(entry.name),
            ]
        )
    failed = evaluation.tables["not_estimated"]
    for _, row in records(failed[failed["estimator"] == ""]):
        about = evaluation.outcomes.get(str(row["outcome"]), {})
        words = [str(about.get("label", row["outcome"])), compared_with(str(row["design"]))]
        told = text_cell(f"not estimated: {row['message']}")
        cells = [*map(text_cell, words), *[BLANK] * 3, told, *[BLANK] * 3, text_cell(entry.name)]
        lines.append([_linked(entry, row), *cells])
    return lines


def _linked(entry: OverviewEntry, row: Row) -> Cell:
    """Return a unit and its name, with a link to its place in the report of the run where there is one."""
    unit, name = str(row["unit"]), entry.evaluation.unit_names.get(str(row["unit"]), "")
    target = f"{entry.report}#{anchor('unit', str(row['outcome']), unit)}"
    return Cell((Link(unit, target) if entry.report else unit,), (name,) if name else (), sort=unit)


def _runs(entries: Sequence[OverviewEntry]) -> Section:
    lines = []
    for entry in entries:
        report: Cell = Cell((Link("report", entry.report),)) if entry.report else text_cell("none")
        notes = " ".join(entry.evaluation.notes)
        lines.append(
            [text_cell(entry.name), text_cell(entry.evaluation.title), report, text_cell(notes or "–")]
        )
    table = Table("table-runs", "Runs on this page", columns("Run", "Title", "Report", "To know"), lines)
    return Section("runs", "The runs", [table])
