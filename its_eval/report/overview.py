"""Several runs on one page: a row per run, unit, outcome and design, linked to the report of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from its_eval.report.blocks import Cell, Link, Section, Table, plain, text_cell
from its_eval.report.house_style import HouseStyle
from its_eval.report.page import render_page
from its_eval.report.sections.cells import columns
from its_eval.report.sections.glance import TITLES, answer_rows
from its_eval.report.source import with_every_table

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation


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
    lines = [
        [*line, text_cell(entry.name)]
        for entry in entries
        for line in answer_rows(
            with_every_table(entry.evaluation), f"{entry.name}:summary", entry.report or None
        )
    ]
    opening = plain(
        "A row per unit, outcome and comparison. The p-values are adjusted within each run, not over all "
        "rows: among many rows some small ones are to be expected."
    )
    titles = (*TITLES, *columns("Run"))
    table = Table("table-overview", "All answers, with intervals beneath", titles, lines)
    return Section("overview", "All answers", [opening, table])


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
