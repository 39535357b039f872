"""Cells of tables: a rounded number that carries its full precision and the cell it was read from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from its_eval.report.blocks import Cell, Code, Column, Number, Sentence
from its_eval.report.narrative import p_words, printed, rounded

if TYPE_CHECKING:
    from its_eval.report.source import ReportSource

BLANK = Cell(("–",))
#: So many rows of a long table are shown in a page; the table's file has them all.
MOST_ROWS = 300
Row = Mapping[str, Any]


def records(rows: pd.DataFrame) -> Iterable[tuple[int, Row]]:
    """Yield the rows of a table with their places in it."""
    # column by column: many small tables are read, and `to_dict` takes its time over each
    names = [str(name) for name in rows.columns]
    values = zip(*(rows[name].tolist() for name in rows.columns), strict=True)
    for place, row in zip(rows.index.tolist(), values, strict=True):
        yield int(place), dict(zip(names, row, strict=True))


def number(table: str, place: int, row: Row, column: str, text: str) -> Number:
    """Return a printed number with the cell that it stands in."""
    return Number(text, float(row[column]), f"{table}:{place}:{column}")


def estimate_cell(table: str, place: int, row: Row) -> Cell:
    """Return an estimate with its interval beneath; the row has estimand and scale."""
    low, high = (
        number(table, place, row, name, printed(row[name], row)) for name in ("conf_low", "conf_high")
    )
    bounded = not (math.isnan(low.value) and math.isnan(high.value))
    return Cell(
        (number(table, place, row, "estimate", printed(row["estimate"], row)),),
        (low, " to ", high) if bounded else ("no interval",),
        sort=repr(float(row["estimate"])),
    )


def value_cell(table: str, place: int, row: Row, column: str, digits: int = 2) -> Cell:
    """Return a number of a table; an en dash where it is missing."""
    if _is_missing(row[column]):
        return BLANK
    value = float(row[column])
    return Cell((number(table, place, row, column, rounded(value, digits)),), sort=repr(value))


def count_cell(table: str, place: int, row: Row, column: str) -> Cell:
    """Return a whole number of a table; an en dash where it is missing."""
    if _is_missing(row[column]):
        return BLANK
    return Cell((number(table, place, row, column, f"{int(row[column]):,}"),), sort=repr(float(row[column])))


def _is_missing(value: Any) -> bool:
    return bool(pd.isna(value))


def p_cell(table: str, place: int, row: Row, column: str) -> Cell:
    """Return a p-value without the letter p; an en dash where there is none."""
    value = float(row[column])
    if math.isnan(value):
        return BLANK
    text = p_words(value).removeprefix("p ").removeprefix("= ")
    return Cell((number(table, place, row, column, text),), sort=repr(value))


def shortened(rows: pd.DataFrame, table: str) -> tuple[pd.DataFrame, str]:
    """Return the first rows of a long table, and words that say so; blank when all are there."""
    if len(rows) <= MOST_ROWS:
        return rows, ""
    return rows.head(MOST_ROWS), f" The first {MOST_ROWS} of {len(rows):,}; the table {table} has them all."


def columns(*titles: str) -> tuple[Column, ...]:
    """Return columns by title; one that ends in ``#`` holds numbers."""
    return tuple(Column(title.removesuffix("#"), numeric=title.endswith("#")) for title in titles)


def not_asked(source: ReportSource, *path: str) -> Sentence:
    """Return one line for a section whose tables are empty: not asked for, or asked for in vain."""
    setting: Any = source.settings
    for key in path:
        setting = setting.get(key) if isinstance(setting, Mapping) else None
    key = ".".join(path)
    if _is_asked(setting):
        after = " in the config, but these data gave none; the checks say why."
        return Sentence(("Asked for by ", Code(key), after), tone="quiet")
    return Sentence(("Not asked for: ", Code(key), " in the config is off."), tone="quiet")


def _is_asked(setting: Any) -> bool:
    """Return whether a setting asks for something: a switch that is on, a list that is not empty."""
    if isinstance(setting, Mapping):
        return any(_is_asked(value) for value in setting.values())
    return bool(setting)
