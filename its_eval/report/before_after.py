"""The section about projects measured before and after."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from its_eval.columns import BEFORE_AFTER, EVERYBODY
from its_eval.evaluation import Row
from its_eval.figures.slope_chart import SLOPE_CHART
from its_eval.report.blocks import Bullets, Cell, Picture, Section, Sentence, plain
from its_eval.report.cells import (
    BLANK,
    count,
    number,
    p_value,
    shortened,
    table_of,
    text,
    told,
    value,
)
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
        if figure.task.kind == SLOPE_CHART.name:
            caption = f"{figure.task.outcome}: every project from before to after, and their mean."
            ident = anchor("figure", figure.stem)
            blocks.append(Picture(ident, figure, source.described, caption, wide=True))
    return (Section("before-after", "Before and after", blocks),)


def _table(source: ReportSource) -> list[Block]:
    if BEFORE_AFTER not in source.evaluation.tables:
        return []
    rows, more = shortened(source.table(BEFORE_AFTER), BEFORE_AFTER)
    caption = f"Sums of all projects measured both times, and the paired test of each.{more}"
    makers = {
        "Measure": text("measure"),
        "Unit": told(lambda row: "all units" if row["unit"] == EVERYBODY else source.unit_name(row["unit"])),
        "Measured": text("follow_up"),
        "Projects#": count(BEFORE_AFTER, "n_projects"),
        "Left out#": count(BEFORE_AFTER, "n_left_out"),
        "Sum before#": value(BEFORE_AFTER, "sum_baseline"),
        "Sum after#": value(BEFORE_AFTER, "sum_follow_up"),
        "Change, %#": value(BEFORE_AFTER, "percent_change", 1),
        "t#": value(BEFORE_AFTER, "t"),
        "p#": p_value(BEFORE_AFTER),
        "p adjusted#": p_value(BEFORE_AFTER, "p_adjusted"),
        "d_z#": _size,
    }
    return [table_of(rows, "table-before-after", caption, makers)]


def _size(place: int, row: Row) -> Cell:
    if math.isnan(row["cohens_dz"]):
        return BLANK
    main, low, high = (
        number(BEFORE_AFTER, place, row, name, f"{row[name]:.2f}")
        for name in ("cohens_dz", "dz_low", "dz_high")
    )
    return Cell((main,), (low, " to ", high), repr(float(row["cohens_dz"])))
