"""The chapter of the effects: in numbers, what could have been found, and whether it is unusual."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from its_eval.evaluation import in_order_of_designs, interval_level, records
from its_eval.report.blocks import Cell, Folded, Heading, Section, Table, plain, text_cell
from its_eval.report.cells import (
    BLANK,
    COMPARED,
    MESSAGE,
    Maker,
    began_column,
    columns,
    count,
    estimate,
    estimate_cell,
    folded_pictures,
    limits,
    not_asked,
    number,
    p_value,
    pictures,
    shortened,
    table_of,
    text,
    told,
    value,
    who,
)
from its_eval.report.source import anchor
from its_eval.words.labels import (
    capitalised,
    compared_with,
    course_words,
    estimand_words,
    pooling_words,
    verdict_words,
)
from its_eval.words.numbers import detectable_words, measure
from its_eval.words.verdicts import answers_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from its_eval.evaluation import Row
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


#: After the answer the terms of a change, then effects at so many periods, and last these.
_TERMS = ("level_change", "slope_change")
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
        blocks += [effects_table(source, outcome, rows), *_pooled(source, outcome)]
        blocks.append(Folded("All quantities", [_every_quantity(source, outcome, rows)]))
        blocks += pictures(source, "effects", outcome)
    if not blocks:
        blocks = [plain("Nothing was estimated.", "quiet")]
    return Section("effects", "The effects in numbers", blocks)


def _shown_estimands(source: ReportSource, outcome: str, rows: pd.DataFrame) -> list[str]:
    at = [f"effect_at_{periods}" for periods in source.settings["estimands"]["at"]]
    wanted = dict.fromkeys([source.shown_estimand(outcome), *_TERMS, *at, *_LAST])
    return [name for name in wanted if rows["estimand"].eq(name).any()]


def effects_table(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    """Return a row per unit and comparison, with the quantities that are shown of an outcome side by side."""
    about = source.about(outcome)
    estimands = _shown_estimands(source, outcome, rows)
    several = len(set(rows["interruption"])) > 1
    titles = ["Unit", "Compared with", *(["What began"] if several else [])]
    for estimand in estimands:
        example = next(row for _, row in records(rows[rows["estimand"] == estimand]))
        measured = measure(example, about)
        title = f"{estimand_words(estimand, about)}{f', {measured}' if measured else ''}#"
        titles.append(capitalised(title))
    lines = []
    keys = ["unit", "design", "interruption"]
    for (unit, design, began), own in in_order_of_designs(rows, "unit").groupby(keys, sort=False):
        found = {str(row["estimand"]): estimate_cell("effects", place, row) for place, row in records(own)}
        words = [source.unit_name(str(unit)), compared_with(str(design)), *([str(began)] if several else [])]
        cells = [found.get(name, BLANK) for name in estimands]
        lines.append([*(text_cell(word) for word in words), *cells])
    level = interval_level(float(about["confidence"]))
    course = course_words(*rows["design"].unique())
    caption = f"{about['label']}: what differs from the {course} carried on, with {level}s beneath"
    return Table(anchor("table-effects", outcome), caption, columns(*titles), lines)


def _every_quantity(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    about = source.about(outcome)
    caption = f"{about['label']}: every quantity by the primary estimator"
    makers = who(source) | {
        "Quantity": _quantity(about),
        "In": told(lambda row: measure(row, about) or "–"),
        "Estimate#": estimate("effects"),
        "p#": p_value("effects"),
        "Degrees of freedom#": value("effects", "df", 1),
    }
    return table_of(in_order_of_designs(rows, "unit"), anchor("table-quantities", outcome), caption, makers)


def _pooled(source: ReportSource, outcome: str) -> list[Block]:
    """Return the units taken together, where that was asked for."""
    rows = source.rows("pooled", outcome)
    if rows.empty:
        return []
    about, scale = source.about(outcome), source.scale(outcome)
    unit = measure({"scale": scale, "estimand": source.shown_estimand(outcome)}, about)
    what = estimand_words(source.shown_estimand(outcome), about)
    caption = f"{about['label']}: all units together, {what}{f', {unit}' if unit else ''}"
    makers = {
        "How": told(lambda row: pooling_words(row["method"])),
        "Compared with": told(lambda row: compared_with(row["design"], several=True)),
        "Estimate#": estimate("pooled"),
        "p#": p_value("pooled"),
        "Where a further unit may lie#": limits("pooled", "prediction"),
        "I², %#": value("pooled", "i2", 1),
        "Units#": count("pooled", "n_units"),
    }
    ordered = in_order_of_designs(rows.assign(scale=scale))
    return [
        Folded("All units together", [table_of(ordered, anchor("table-pooled", outcome), caption, makers)])
    ]


_EXPLAINED = (
    "The smallest change that the interval of a series like this, alone and before adjustment for several "
    "units, would show with 80 % power; and, where there are enough other units, the smallest that would be "
    "called a change beyond theirs. Where it is larger than any change that matters, finding nothing says "
    "little."
)


def _power(source: ReportSource) -> Section:
    """Return the smallest detectable change of every answer, and the power table where there is one."""
    blocks: list[Block] = [plain(_EXPLAINED)]
    for outcome in source.outcomes:
        rows = source.rows("verdicts", outcome)
        rows = in_order_of_designs(rows[rows["minimum_detectable"].notna()], "unit")
        if rows.empty:
            continue
        about = source.about(outcome)
        caption = f"{about['label']}: what would have been found, with 80 % power"
        makers = (
            who(source)
            | began_column(rows)
            | {
                "Quantity": _quantity(about),
                "By the interval#": _detectable(about, "minimum_detectable"),
                "As more than others change#": _detectable(about, "minimum_detectable_label"),
                "Estimate#": estimate("verdicts"),
            }
        )
        blocks.append(table_of(rows, anchor("table-power", outcome), caption, makers))
        blocks += pictures(source, "power", outcome)
        blocks += _asked(source, outcome)
    return Section("power", "What could have been found", blocks)


def _quantity(about: Mapping[str, Any]) -> Maker:
    return told(lambda row: estimand_words(row["estimand"], about))


def _detectable(about: Mapping[str, Any], column: str) -> Maker:
    def cell(place: int, row: Row) -> Cell:
        smallest = float(row[column])
        if not math.isfinite(smallest):
            return BLANK
        words = detectable_words(row, about, column)
        return Cell((number("verdicts", place, row, column, words),), sort=repr(smallest))

    return cell


def _asked(source: ReportSource, outcome: str) -> list[Block]:
    rows = source.rows("power", outcome)
    if rows.empty:
        return []
    about = source.about(outcome)
    caption = f"{about['label']}: smallest detectable change of every quantity"
    makers = who(source) | {
        "Quantity": _quantity(about),
        "Smallest detectable change#": value("power", "minimum_detectable", 4),
        "Power#": value("power", "power"),
        "Level#": value("power", "alpha"),
    }
    ordered = in_order_of_designs(rows, "unit")
    table = table_of(ordered, anchor("table-power-all", outcome), caption, makers)
    return [Folded("The same for every quantity", [table])]


_TITLE = "Is it unusual for a unit?"
_EXPLAINED_PLACEBOS = (
    "A small p-value says that something changed in the unit, or in its difference from its peers. Units "
    "also change for reasons of their own. So each unit that had no intervention is treated as if it had "
    "one, with its own peers. From how much they change by themselves follow the interval and the p-value "
    "beside them; the rank counts who changed as much."
)


def _placebos(source: ReportSource) -> Section:
    """Return how a unit's change stands among changes that no intervention made."""
    beside = _units(source)
    units = [plain(_EXPLAINED_PLACEBOS), *beside] if len(beside) > 1 else beside
    blocks = [*units, Heading("At other dates", ident="placebo-dates"), *_dates(source), *_leads(source)]
    return Section("placebos", _TITLE, blocks)


def _units(source: ReportSource) -> list[Block]:
    verdicts = source.table("verdicts")
    if verdicts["n_donors"].isna().all():
        return [not_asked(source, "checks", "placebo_units")]
    blocks: list[Block] = []
    for outcome in source.outcomes:
        rows = answers_of(source.evaluation, outcome)
        rows = rows[rows["n_donors"].notna()]
        if rows.empty:
            continue
        blocks.append(Heading(source.label(outcome), ident=anchor("placebos", outcome)))
        blocks.append(_beside(source, outcome, rows))
        blocks += folded_pictures(source, "placebos", outcome, "Each unit among the others")
    return blocks


def _beside(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    caption = (
        f"{source.label(outcome)}: did anything change (p, adjusted p), and is it more than other units "
        "change (interval and p beside them, adjusted with the first; the rank among them)"
    )
    makers = who(source) | began_column(rows)
    makers |= {
        "p#": p_value("verdicts"),
        "Adjusted p#": p_value("verdicts", "p_adjusted"),
        "Beside others#": limits("verdicts", "attribution"),
        "p beside others#": p_value("verdicts", "p_attribution"),
        "Both, adjusted#": p_value("verdicts", "p_attribution_adjusted"),
        "Rank p#": p_value("verdicts", "p_rank"),
        "Changed as much#": told(_as_large),
        "What can be said": told(verdict_words),
    }
    return table_of(rows, anchor("table-placebos", outcome), caption, makers)


def _as_large(row: Row) -> str:
    """Return how many others changed as much; an en dash where nobody was asked."""
    return "–" if row["n_as_large"] is pd.NA else f"{row['n_as_large']} of {row['n_donors']}"


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
    caption = f"{source.label(outcome)}: what the model finds where nothing began"
    makers = {"Unit": text("unit"), "In words": MESSAGE, "Compared with": COMPARED}
    return table_of(in_order_of_designs(found, "unit"), anchor("table-dates", outcome), caption, makers)


def _date_table(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    about = source.about(outcome)
    shown, more = shortened(rows, "placebo_dates")
    caption = f"{about['label']}: dates before the start, treated as if something had begun there.{more}"
    makers = {
        "Unit": text("unit"),
        "Compared with": COMPARED,
        "Quantity": _quantity(about),
        "Date": text("placebo"),
        "Estimate#": value("placebo_dates", "estimate", 4),
        "In standard errors#": value("placebo_dates", "statistic"),
    }
    return table_of(shown, anchor("table-placebo-dates", outcome), caption, makers)


_EXPLAINED_LEADS = (
    "Each of these periods has a term of its own, so that what stands here is how far it lies from what the "
    "periods before all of them predict. The test of all together stands among the checks; each p-value here "
    "is of one period alone."
)


def _leads(source: ReportSource) -> list[Block]:
    """Return how far each of the last periods before the start lies from what those before them predict."""
    blocks: list[Block] = []
    for outcome in source.outcomes:
        rows = source.rows("leads", outcome)
        if rows.empty:
            continue
        found = source.rows("checks", outcome)
        found = found[found["check"] == "anticipation"]
        caption = f"{source.label(outcome)}: whether anything changed ahead of the start"
        makers = {"Unit": text("unit"), "In words": MESSAGE, "Compared with": COMPARED}
        said = table_of(in_order_of_designs(found, "unit"), anchor("table-ahead", outcome), caption, makers)
        blocks += [said, Folded("Each of these periods, in numbers", [_lead_table(source, outcome, rows)])]
    if blocks:
        blocks.insert(0, plain(_EXPLAINED_LEADS))
        blocks.insert(0, Heading("The last periods before the start", ident="leads"))
    return blocks


def _lead_table(source: ReportSource, outcome: str, rows: pd.DataFrame) -> Table:
    about = source.about(outcome)
    # a difference in one period has the unit of a change of level
    known = rows.assign(estimand="level_change")
    measured = measure(next(row for _, row in records(known)), about)
    shown, more = shortened(known, "leads")
    caption = f"{about['label']}: the last periods before the start, each held against those before them"
    makers = who(source) | {
        "Period": text("period"),
        f"Difference{f', {measured}' if measured else ''}#": estimate("leads"),
        "p#": p_value("leads"),
    }
    return table_of(shown, anchor("table-leads", outcome), f"{caption}.{more}", makers)
