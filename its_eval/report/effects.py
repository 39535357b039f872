"""The chapter of the effects: in numbers, what could have been found, and whether it is unusual."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from its_eval.evaluation import in_order_of_designs, records
from its_eval.report.blocks import Cell, Folded, Heading, Section, Table, plain, text_cell
from its_eval.report.cells import (
    BLANK,
    columns,
    count_cell,
    estimate_cell,
    folded_pictures,
    not_asked,
    number,
    p_cell,
    pictures,
    shortened,
    value_cell,
    who,
)
from its_eval.report.source import anchor
from its_eval.words.labels import compared_with, conclusion_words, estimand_words, pooling_words
from its_eval.words.messages import message_words
from its_eval.words.numbers import detectable_words, measure, printed

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.evaluation import Row
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


#: After the primary estimand and the effects at so many periods.
_LAST = ("average_effect", "relative_average_effect")


def effects(source: ReportSource) -> tuple[Section, ...]:
    """Return the effects in numbers, whether they are unusual for a unit, and what could have been found."""
    return _effects(source), _placebos(source), _power(source)


def _effects(source: ReportSource) -> Section:
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
        what = estimand_words(row["estimand"], about)
        lines.append(
            [
                *who(source, row),
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
                text_cell(pooling_words(row["method"])),
                text_cell(compared_with(row["design"], several=True)),
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


_EXPLAINED = (
    "The smallest change that a series like this, alone and before adjustment for several units, would show "
    "four times in five. Where it is larger than any change that matters, finding nothing says little."
)


def _power(source: ReportSource) -> Section:
    """Return the smallest detectable change of every answer, and the power table where there is one."""
    blocks: list[Block] = [plain(_EXPLAINED)]
    for outcome in source.outcomes:
        rows = source.rows("summary", outcome)
        if rows.empty:
            continue
        about = source.about(outcome)
        lines = []
        for place, row in records(in_order_of_designs(rows, "unit")):
            smallest = BLANK
            if math.isfinite(row["minimum_detectable"]):
                words = detectable_words(row, about)
                smallest = Cell(
                    (number("summary", place, row, "minimum_detectable", words),),
                    sort=repr(float(row["minimum_detectable"])),
                )
            lines.append(
                [
                    *who(source, row),
                    smallest,
                    estimate_cell("summary", place, row),
                ]
            )
        titles = columns("Unit", "Compared with", "Smallest detectable change#", "Estimate#")
        caption = f"{about['label']}: {estimand_words(source.primary, about)}"
        blocks.append(Table(anchor("table-power", outcome), caption, titles, lines))
        blocks += pictures(source, "power", outcome)
        blocks += _asked(source, outcome)
    return Section("power", "What could have been found", blocks)


def _asked(source: ReportSource, outcome: str) -> list[Block]:
    rows = source.rows("power", outcome)
    if rows.empty:
        return []
    about = source.about(outcome)
    lines = [
        [
            *who(source, row),
            text_cell(estimand_words(row["estimand"], about)),
            value_cell("power", place, row, "minimum_detectable", 4),
            value_cell("power", place, row, "power"),
            value_cell("power", place, row, "alpha"),
        ]
        for place, row in records(in_order_of_designs(rows, "unit"))
    ]
    titles = columns("Unit", "Compared with", "Quantity", "Smallest detectable change#", "Power#", "Level#")
    caption = f"{about['label']}: smallest detectable change of every quantity"
    table = Table(anchor("table-power-all", outcome), caption, titles, lines)
    return [Folded("The same for every quantity", [table])]


_TITLE = "Is it unusual for a unit?"
_EXPLAINED_PLACEBOS = (
    "A small p-value against the peers says that the gap changed. Units also change for reasons of their "
    "own; so each unit that had no intervention is treated as if it had one, with its own peers, and the "
    "real change is ranked among theirs."
)


def _placebos(source: ReportSource) -> Section:
    """Return how a unit's change stands among changes that no intervention made."""
    if set(source.designs) == {"single"}:
        units: list[Block] = [plain("Only a comparison with other units can be set beside theirs.", "quiet")]
    else:
        units = [plain(_EXPLAINED_PLACEBOS), *_units(source)]
    blocks = [*units, Heading("At other dates", ident="placebo-dates"), *_dates(source)]
    return Section("placebos", _TITLE, blocks)


def _units(source: ReportSource) -> list[Block]:
    if source.table("placebo_units").empty and source.table("summary")["p_placebo"].isna().all():
        return [not_asked(source, "checks", "placebo_units")]
    blocks: list[Block] = []
    for outcome in source.outcomes:
        rows = source.rows("summary", outcome)
        rows = rows[rows["p_placebo"].notna() | rows["p_crawford_howell"].notna()]
        if rows.empty:
            continue
        blocks.append(Heading(source.label(outcome), ident=anchor("placebos", outcome)))
        blocks.append(_ranks(source, outcome, rows))
        blocks += folded_pictures(source, "placebos", outcome, "Each unit among the others")
    return blocks


def _others(source: ReportSource, outcome: str, row: Row) -> str:
    """Return how many placebo units a treated unit has, which stands among them itself."""
    rows = source.rows("placebo_units", outcome, str(row["unit"]))
    same = (rows["estimand"] == row["estimand"]) & (rows["design"] == row["design"])
    return str(int((same & (rows["placebo"] != row["unit"])).sum()) or "–")


def _ranks(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    lines = [
        [
            *who(source, row),
            p_cell("summary", place, row, "p_value"),
            p_cell("summary", place, row, "p_adjusted"),
            p_cell("summary", place, row, "p_placebo"),
            text_cell(_others(source, outcome, row)),
            p_cell("summary", place, row, "p_crawford_howell"),
            text_cell(conclusion_words(row["label"])),
        ]
        for place, row in records(rows)
    ]
    titles = columns(
        *("Unit", "Compared with", "p#", "Adjusted p#", "Placebo p#", "Among#", "Crawford–Howell p#"),
        "What can be said",
    )
    caption = (
        f"{source.label(outcome)}: did the gap change (p, adjusted p), and is that unusual for a unit "
        "(placebo p: its rank among so many other units; Crawford–Howell: the unit against its own peers)"
    )
    return Table(anchor("table-placebos", outcome), caption, titles, lines)


def _dates(source: ReportSource) -> list[Block]:
    table = source.table("placebo_dates")
    if table.empty:
        return [not_asked(source, "checks", "placebo_dates")]
    blocks: list[Block] = []
    for outcome in source.outcomes:
        rows = source.rows("placebo_dates", outcome)
        if rows.empty:
            continue
        found = source.rows("checks", outcome)
        found = found[(found["check"] == "placebo_dates") & (found["status"] != "not_applicable")]
        blocks.append(_by_date(source, outcome, found))
        blocks += folded_pictures(source, "dates", outcome, "Estimates by date")
        blocks.append(Folded("The numbers", [_date_table(source, outcome, rows)]))
    return blocks


def _by_date(source: ReportSource, outcome: str, found: pd.DataFrame) -> Table:
    lines = [
        [
            text_cell(row["unit"]),
            text_cell(message_words(row["message"])),
            text_cell(compared_with(row["design"])),
        ]
        for _, row in records(in_order_of_designs(found, "unit"))
    ]
    caption = f"{source.label(outcome)}: what the model finds where nothing began"
    return Table(anchor("table-dates", outcome), caption, columns("Unit", "In words", "Compared with"), lines)


def _date_table(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    about = source.about(outcome)
    shown, more = shortened(rows, "placebo_dates")
    lines = [
        [
            text_cell(row["unit"]),
            text_cell(compared_with(row["design"])),
            text_cell(estimand_words(row["estimand"], about)),
            text_cell(row["placebo"]),
            value_cell("placebo_dates", place, row, "estimate", 4),
            value_cell("placebo_dates", place, row, "statistic"),
        ]
        for place, row in records(shown)
    ]
    titles = columns("Unit", "Compared with", "Quantity", "Date", "Estimate#", "In standard errors#")
    caption = f"{about['label']}: dates before the start, treated as if something had begun there.{more}"
    return Table(anchor("table-placebo-dates", outcome), caption, titles, lines)
