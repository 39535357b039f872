"""The section about projects measured before and after."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from its_eval.evaluation import BEFORE_AFTER, EVERYBODY, records
from its_eval.figures.catalogue import describe
from its_eval.figures.slope_chart import SLOPE_CHART
from its_eval.report.blocks import Bullets, Cell, Picture, Section, Sentence, Table, plain, text_cell
from its_eval.report.cells import BLANK, columns, count_cell, number, p_cell, shortened, value_cell
from its_eval.report.source import anchor
from its_eval.words.sentences import overall_sentences

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


_CAUTION = (
    "Nobody was left untreated: there is no control group, and projects are often started where a first "
    "measurement was bad, after which the next one is better by itself (regression to the mean). A change "
    "here is no effect, whatever its p-value."
)


def before_after(source: ReportSource) -> tuple[Section]:
    """Return the section, without blocks when the run has none."""
    said = overall_sentences(source.evaluation)
    if not said:
        return (Section("before-after", "Before and after", []),)
    blocks: list[Block] = [plain(_CAUTION, "attention")]
    blocks.append(Bullets([Sentence((words,), row, "answer") for words, row in said]))
    blocks += _table(source)
    for figure in source.figures:
        if figure.task.kind == SLOPE_CHART:
            caption = f"{figure.task.outcome}: every project from before to after, and their mean."
            alt = describe(source.evaluation, figure.task)
            blocks.append(Picture(anchor("figure", figure.stem), figure, alt, caption, wide=True))
    return (Section("before-after", "Before and after", blocks),)


def _table(source: ReportSource) -> list[Block]:
    if BEFORE_AFTER not in source.evaluation.tables:
        return []
    rows, more = shortened(source.table(BEFORE_AFTER), BEFORE_AFTER)
    lines = []
    for place, row in records(rows):
        size = BLANK
        if not math.isnan(row["cohens_dz"]):
            low, high = (
                number(BEFORE_AFTER, place, row, f"dz_{end}", f"{row[f'dz_{end}']:.2f}")
                for end in ("low", "high")
            )
            main = number(BEFORE_AFTER, place, row, "cohens_dz", f"{row['cohens_dz']:.2f}")
            size = Cell((main,), (low, " to ", high), repr(float(row["cohens_dz"])))
        unit = str(row["unit"])
        lines.append(
            [
                text_cell(row["measure"]),
                text_cell("all units" if unit == EVERYBODY else source.unit_name(unit)),
                text_cell(row["follow_up"]),
                count_cell(BEFORE_AFTER, place, row, "n_projects"),
                count_cell(BEFORE_AFTER, place, row, "n_left_out"),
                value_cell(BEFORE_AFTER, place, row, "sum_baseline"),
                value_cell(BEFORE_AFTER, place, row, "sum_follow_up"),
                value_cell(BEFORE_AFTER, place, row, "percent_change", 1),
                value_cell(BEFORE_AFTER, place, row, "t"),
                p_cell(BEFORE_AFTER, place, row, "p_value"),
                p_cell(BEFORE_AFTER, place, row, "p_adjusted"),
                size,
            ]
        )
    titles = columns(
        *("Measure", "Unit", "Measured", "Projects#", "Left out#", "Sum before#", "Sum after#"),
        *("Change, %#", "t#", "p#", "p adjusted#", "d_z#"),
    )
    caption = f"Sums of all projects measured both times, and the paired test of each.{more}"
    return [Table("table-before-after", caption, titles, lines)]
