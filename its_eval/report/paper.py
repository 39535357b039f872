"""What a paper takes from a run: answers, effects, methods in paragraphs, items of reporting guidelines.

The same tables and sentences as in the report, for Word and LaTeX: blocks that a document writes one below
the other, without figures and without anything to open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.report.blocks import Cell, Heading, Section, Table, plain, text_cell
from its_eval.report.cells import ANSWER_TITLES, answer_rows
from its_eval.report.checklists import reporting_table
from its_eval.report.checks import control_blocks
from its_eval.report.effects import effects_table
from its_eval.words.methods import method_sentences

if TYPE_CHECKING:
    from its_eval.report.blocks import Block, Part
    from its_eval.report.source import ReportSource

_REPORTING = (
    "Items that reviews of interrupted time series ask for (Jandoc et al. 2015, "
    "doi:10.1016/j.jclinepi.2014.12.018; Hategeka et al. 2020, doi:10.1136/bmjgh-2020-003567), with what the "
    "run knows of each."
)
_METHODS = "These paragraphs say what the run did. What only people know is for them to add."


def paper(source: ReportSource) -> list[Section]:
    """Return the sections of a document, in the order of a paper's appendix."""
    return [_answers(source), _effects(source), *_controls(source), _methods(source), _reporting(source)]


def text_of(parts: tuple[Part, ...]) -> str:
    """Return what parts of a sentence or cell say, links and numbers as they are printed."""
    return "".join(part if isinstance(part, str) else part.text for part in parts)


def numeric_places(table: Table) -> list[bool]:
    """Return which columns hold numbers, which stand to the right."""
    return [column.numeric for column in table.columns]


def _answers(source: ReportSource) -> Section:
    blocks: list[Block] = []
    everyone, each = (answer_rows(source.evaluation, "verdicts", None, together=one) for one in (True, False))
    for title, rows in (("All units together", everyone), ("Each unit", each)):
        if rows:
            blocks.append(Table("", title, ANSWER_TITLES, _without_links(rows, together=rows is everyone)))
    return Section("answers", "Answers", blocks or [plain("Nothing was estimated.")])


def _without_links(rows: list[list[Cell]], *, together: bool) -> list[list[Cell]]:
    """Return rows without links; those about all units do not name the run, as an overview has it."""
    plain_rows = [[Cell((text_of(cell.parts),), cell.small, cell.sort) for cell in row] for row in rows]
    return [[text_cell("all treated units"), *row[1:]] if together else row for row in plain_rows]


def _effects(source: ReportSource) -> Section:
    tables: list[Block] = [
        effects_table(source, outcome, rows)
        for outcome in source.outcomes
        if not (rows := source.primary_effects(outcome)).empty
    ]
    return Section("effects", "Effects", tables or [plain("Nothing was estimated.")])


def _controls(source: ReportSource) -> list[Section]:
    blocks = [block for outcome in source.outcomes for block in control_blocks(source, outcome)]
    kept: list[Block] = [block for block in blocks if not isinstance(block, Heading)]
    return [Section("controls", "Control outcomes", kept)] if kept else []


def _methods(source: ReportSource) -> Section:
    blocks: list[Block] = [plain(_METHODS, "quiet")]
    for title, sentences in method_sentences(source.settings, source.table("error_model")).items():
        blocks += [Heading(title), plain(" ".join(sentences))]
    program = source.provenance.get("program") or {}
    if program:
        digest = (source.provenance.get("config") or {}).get("sha256", "")
        config = f" SHA-256 of the config: {digest}." if digest else ""
        said = f"{program['name']} {program['version']}, seed {source.provenance.get('seed', '')}.{config}"
        blocks += [Heading("Software"), plain(said)]
    return Section("methods", "Methods", blocks)


def _reporting(source: ReportSource) -> Section:
    return Section("reporting", "Reporting items", [plain(_REPORTING, "quiet"), reporting_table(source)])
