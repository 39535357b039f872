"""The effects in numbers: absolute and relative, with intervals, some time after the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from its_eval.report.blocks import Cell, Folded, Heading, Section, Table, plain, text_cell
from its_eval.report.narrative import estimand_words, measure
from its_eval.report.sections.cells import (
    BLANK,
    columns,
    count_cell,
    estimate_cell,
    p_cell,
    records,
    value_cell,
)
from its_eval.report.sections.pictures import pictures
from its_eval.report.source import anchor, compared_with, in_order_of_designs

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource

#: After the primary estimand and the effects at so many periods.
_LAST = ("average_effect", "relative_average_effect")
#: How estimates of several units are put together, in words.
METHOD_WORDS = {
    "set": "mean of the units minus mean of their peers",
    "paule_mandel_mkh": "random effects, Paule–Mandel with modified Hartung–Knapp",
    "paule_mandel_hk": "random effects, Paule–Mandel with Hartung–Knapp",
    "fixed": "fixed effect",
    "unweighted": "unweighted mean",
}


def effects(source: ReportSource) -> Section:
    """Return the table of effects per outcome, all quantities to be opened, and the units together."""
    blocks: list[Block] = []
    for outcome in source.outcomes:
        rows = source.primary_effects(outcome)
        if rows.empty:
            continue
        blocks.append(Heading(source.label(outcome), ident=anchor("effects", outcome)))
        blocks += [_main_table(source, outcome, rows), *_pooled(source, outcome)]
        blocks.append(Folded("All quantities", [_every_quantity(source, outcome, rows)]))
        blocks += pictures(source, "effects", outcome)
    if not blocks:
        blocks = [plain("Nothing was estimated.", "quiet")]
    return Section("effects", "The effects in numbers", blocks)


def _shown_estimands(source: ReportSource, rows: pd.DataFrame) -> list[str]:
    at = [f"effect_at_{periods}" for periods in source.settings["estimands"]["at"]]
    wanted = dict.fromkeys([source.primary, *at, *_LAST])
    return [name for name in wanted if rows["estimand"].eq(name).any()]


def _main_table(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    about = source.about(outcome)
    estimands = _shown_estimands(source, rows)
    titles = ["Unit", "Compared with"]
    for estimand in estimands:
        example = next(row for _, row in records(rows[rows["estimand"] == estimand]))
        unit = measure(example, about)
        titles.append(f"{estimand_words(estimand, about)}{f', {unit}' if unit else ''}#")
    lines = []
    keys = ["unit", "design", "interruption_period"]
    for (unit, design, _), own in in_order_of_designs(rows, "unit").groupby(keys, sort=False):
        found = {row["estimand"]: estimate_cell("effects", place, row) for place, row in records(own)}
        words = [text_cell(source.unit_name(str(unit))), text_cell(compared_with(str(design)))]
        lines.append([*words, *(found.get(estimand, BLANK) for estimand in estimands)])
    level = f"{100.0 * float(about['confidence']):.6g}"
    caption = (
        f"{about['label']}: what differs from the earlier trend carried on, with {level} % intervals beneath"
    )
    return Table(anchor("table-effects", outcome), caption, columns(*titles), lines)


def _every_quantity(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    about = source.about(outcome)
    lines = []
    for place, row in records(in_order_of_designs(rows, "unit")):
        what = estimand_words(str(row["estimand"]), about)
        lines.append(
            [
                text_cell(source.unit_name(str(row["unit"]))),
                text_cell(compared_with(str(row["design"]))),
                text_cell(what),
                text_cell(measure(row, about) or "–"),
                estimate_cell("effects", place, row),
                p_cell("effects", place, row, "p_value"),
                value_cell("effects", place, row, "df", 1),
            ]
        )
    titles = columns("Unit", "Compared with", "Quantity", "In", "Estimate#", "p#", "Degrees of freedom#")
    caption = f"{about['label']}: every quantity by the primary estimator"
    return Table(anchor("table-quantities", outcome), caption, titles, lines)


def _pooled(source: ReportSource, outcome: str) -> list[Block]:
    """Return the units taken together, where that was asked for."""
    rows = source.rows("pooled", outcome)
    if rows.empty:
        return []
    about = source.about(outcome)
    logarithmic = about["transform"] != "none"
    lines = []
    for place, row in records(in_order_of_designs(rows.assign(scale="response"))):
        prediction = BLANK
        if not pd.isna(row["prediction_low"]):
            limits = [value_cell("pooled", place, row, name) for name in ("prediction_low", "prediction_high")]
            prediction = Cell((*limits[0].parts, " to ", *limits[1].parts), sort=limits[0].sort)
        lines.append(
            [
                text_cell(METHOD_WORDS.get(str(row["method"]), str(row["method"]).replace("_", " "))),
                text_cell("their peers" if row["design"] != "single" else "their own earlier trends"),
                text_cell(estimand_words(str(row["estimand"]), about)),
                estimate_cell("pooled", place, row),
                p_cell("pooled", place, row, "p_value"),
                prediction,
                value_cell("pooled", place, row, "i2", 1),
                count_cell("pooled", place, row, "n_units"),
            ]
        )
    titles = columns(
        *("How", "Compared with", "Quantity", "Estimate#", "p#", "Where a further unit may lie#", "I²#", "Units#")
    )
    scale = ", on the logarithmic scale" if logarithmic else ""
    caption = f"{about['label']}: all units together{scale}"
    return [Table(anchor("table-pooled", outcome), caption, titles, lines)]
