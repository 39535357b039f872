"""The effects in numbers: absolute and relative, with intervals, some time after the start."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from its_eval.report.blocks import Cell, Folded, Heading, Section, Table, plain, text_cell
from its_eval.report.comparisons import compared_with
from its_eval.report.narrative import estimand_words, measure, printed
from its_eval.report.sections.cells import (
    BLANK,
    columns,
    count_cell,
    estimate_cell,
    number,
    p_cell,
    records,
    value_cell,
)
from its_eval.report.sections.pictures import pictures
from its_eval.report.source import anchor, in_order_of_designs

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource

#: After the primary estimand and the effects at so many periods.
_LAST = ("average_effect", "relative_average_effect")
#: How several units are put together, in words.
METHOD_WORDS = {
    "set": "fitted as one: their mean minus the mean of their peers",
    "set_union_of_peers": "fitted as one: their mean minus the mean of all their peers",
    "paule_mandel_mkh": "random effects: Paule–Mandel, modified Hartung–Knapp",
    "paule_mandel_hk": "random effects: Paule–Mandel, Hartung–Knapp",
    "fixed_effect": "fixed effect",
    "unweighted_mean": "unweighted mean",
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
    several = len(set(rows["interruption"])) > 1
    titles = ["Unit", "Compared with", *(["What began"] if several else [])]
    for estimand in estimands:
        example = next(row for _, row in records(rows[rows["estimand"] == estimand]))
        measured = measure(example, about)
        title = f"{estimand_words(estimand, about)}{f', {measured}' if measured else ''}#"
        titles.append(f"{title[:1].upper()}{title[1:]}")
    lines = []
    keys = ["unit", "design", "interruption"]
    for (unit, design, began), own in in_order_of_designs(rows, "unit").groupby(keys, sort=False):
        found = {str(row["estimand"]): estimate_cell("effects", place, row) for place, row in records(own)}
        words = [source.unit_name(str(unit)), compared_with(str(design)), *([str(began)] if several else [])]
        cells = [found.get(name, BLANK) for name in estimands]
        lines.append([*(text_cell(word) for word in words), *cells])
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
    lines = []
    for place, row in records(in_order_of_designs(rows.assign(scale=source.scale(outcome)))):
        prediction = BLANK
        if not math.isnan(row["prediction_low"]):
            low, high = (
                number("pooled", place, row, name, printed(row[name], row))
                for name in ("prediction_low", "prediction_high")
            )
            prediction = Cell((low, " to ", high), sort=low.exact)
        lines.append(
            [
                text_cell(_method_words(str(row["method"]))),
                text_cell(compared_with(str(row["design"]), several=True)),
                estimate_cell("pooled", place, row),
                p_cell("pooled", place, row, "p_value"),
                prediction,
                value_cell("pooled", place, row, "i2", 1),
                count_cell("pooled", place, row, "n_units"),
            ]
        )
    titles = columns(
        *("How", "Compared with", "Estimate#", "p#", "Where a further unit may lie#", "I², %#", "Units#")
    )
    example = {"scale": source.scale(outcome), "estimand": source.primary}
    unit = measure(example, about)
    what = estimand_words(source.primary, about)
    caption = f"{about['label']}: all units together, {what}{f', {unit}' if unit else ''}"
    return [Folded("All units together", [Table(anchor("table-pooled", outcome), caption, titles, lines)])]


def _method_words(method: str) -> str:
    """Return a way of pooling in words, and which unit it leaves out."""
    name, without, unit = method.partition(" without ")
    words = METHOD_WORDS.get(name, name.replace("_", " "))
    return f"{words}, without {unit}" if without else words
