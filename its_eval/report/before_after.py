"""Sentences about projects measured before and after."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from its_eval.evaluation import BEFORE_AFTER, BEFORE_AFTER_SIZES, EVERYBODY, records
from its_eval.figures.catalogue import describe
from its_eval.figures.slope_chart import SLOPE_CHART
from its_eval.report.blocks import Bullets, Cell, Picture, Section, Sentence, Table, plain, text_cell
from its_eval.report.cells import BLANK, columns, count_cell, number, p_cell, shortened, value_cell
from its_eval.report.source import anchor
from its_eval.words.narrative import p_words, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from its_eval.evaluation import Evaluation
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


def change_sentence(row: Mapping[str, Any]) -> str:
    """Return what happened to a measure, from a row of ``before_after``: sums, test, effect size."""
    when = "" if row["follow_up"] == "follow-up" else f", {row['follow_up']}"
    projects = f"{int(row['n_projects']):,} project{'' if row['n_projects'] == 1 else 's'}"
    per_cent = row["percent_change"]
    shown = "" if math.isnan(per_cent) else f" ({'+' if per_cent > 0 else ''}{rounded(per_cent, 0)} %)"
    for_the = f", for the {row['direction']}" if row["direction"] in ("better", "worse") else ""
    text = (
        f"{row['measure']}{when}: {rounded(row['sum_baseline'])} before and "
        f"{rounded(row['sum_follow_up'])} after{shown}{for_the}, the sum of {projects}"
    )
    if not math.isnan(row["t"]):
        size = f"d_z {rounded(row['cohens_dz'])}"
        text += f"; paired t({row['df']:g}) = {rounded(row['t'], 3)}, {p_words(row['p_value'])}, {size}"
    return f"{text}."


def size_sentence(row: Mapping[str, Any]) -> str:
    """Return a published test with its effect sizes, from a row of ``before_after_effect_sizes``."""
    return (
        f"{row['measure']}: t({row['df']:g}) = {rounded(row['t'], 3)}, {p_words(row['p_value'])}; "
        f"r {rounded(row['r'], 3)}, d_z {rounded(row['cohens_dz'])} "
        f"({rounded(row['dz_low'])} to {rounded(row['dz_high'])})."
    )


def overall_sentences(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return a sentence per measure with the ``table:row`` that it was read from; none without a section."""
    found = []
    changes = evaluation.tables.get(BEFORE_AFTER)
    if changes is not None:
        rows = changes[changes["unit"] == EVERYBODY]
        places = zip(rows.index, rows.to_dict("records"), strict=True)
        found += [(change_sentence(_named(row)), f"{BEFORE_AFTER}:{place}") for place, row in places]
    sizes = evaluation.tables.get(BEFORE_AFTER_SIZES)
    if sizes is not None:
        places = zip(sizes.index, sizes.to_dict("records"), strict=True)
        found += [(size_sentence(_named(row)), f"{BEFORE_AFTER_SIZES}:{place}") for place, row in places]
    return found


def _named(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in row.items()}


_CAUTION = (
    "Nobody was left untreated: there is no control group, and projects are often started where a first "
    "measurement was bad, after which the next one is better by itself (regression to the mean). A change "
    "here is no effect, whatever its p-value."
)


def before_after(source: ReportSource) -> Section:
    """Return the section, without blocks when the run has none."""
    said = overall_sentences(source.evaluation)
    if not said:
        return Section("before-after", "Before and after", [])
    blocks: list[Block] = [plain(_CAUTION, "attention")]
    blocks.append(Bullets([Sentence((words,), row, "answer") for words, row in said]))
    blocks += _table(source)
    for figure in source.figures:
        if figure.task.kind == SLOPE_CHART.name:
            caption = f"{figure.task.outcome}: every project from before to after, and their mean."
            alt = describe(source.evaluation, figure.task)
            blocks.append(Picture(anchor("figure", figure.stem), figure, alt, caption, wide=True))
    return Section("before-after", "Before and after", blocks)


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
                text_cell(str(row["measure"])),
                text_cell("all units" if unit == EVERYBODY else source.unit_name(unit)),
                text_cell(str(row["follow_up"])),
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
