"""Indicator tables that are Parquet datasets: a few outcomes at a time, as coded rows and panels.

Only columns that are needed are read, and row groups whose statistics say that they hold none of the wanted
indicators are skipped. Codes and periods stay whole numbers until something is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from msgspec import Struct

from its_eval.config.settings import url_text
from its_eval.data.faults import Faults
from its_eval.data.numbers import number_hint, to_numbers
from its_eval.data.panel import IndicatorArrays
from its_eval.data.parquet import (
    NUMERIC,
    coded,
    column_codes,
    distinct_texts,
    is_parquet,
    narrowed,
    numbers_of,
    open_dataset,
)
from its_eval.data.tables import nearest
from its_eval.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.calendar import Calendar
    from its_eval.config import DataSettings, IndicatorTable


#: Rows looked over at a time.
_SURVEY_ROWS = 1 << 20


class Survey(Struct, frozen=True):
    """What a dataset holds, before anything of it is kept.

    Attributes
    ----------
    rows : int
        Rows of all tables.
    indicators : tuple of str
        Every indicator, sorted.
    units : tuple of str
        Every unit, sorted.
    wanted_units : tuple of str
        Units with a row of a wanted indicator, sorted.
    """

    rows: int
    indicators: tuple[str, ...]
    units: tuple[str, ...]
    wanted_units: tuple[str, ...]


class CodedRows(Struct, frozen=True):
    """Rows of some indicators, codes as whole numbers.

    Attributes
    ----------
    units : tuple of str
        Sorted; the codes of rows are places in it.
    by_indicator : mapping of str to IndicatorArrays
        Rows of each indicator that has any.
    percentages : frozenset of str
        Indicators that are said to be percentages, by the `scale` of their table.
    """

    units: tuple[str, ...]
    by_indicator: Mapping[str, IndicatorArrays]
    percentages: frozenset[str] = frozenset()


def survey(settings: DataSettings, evaluated: Sequence[str]) -> Survey:
    """Return which units and indicators the tables hold, reading these two columns alone.

    Parameters
    ----------
    settings : DataSettings
        The tables, Parquet or CSV.
    evaluated : sequence of str
        Indicators that will be evaluated.

    Raises
    ------
    DataError
        When a table is not there, cannot be read, or lacks a column.
    """
    rows, asked = 0, frozenset(evaluated)
    indicators: set[str] = set()
    units: set[str] = set()
    wanted_units: set[str] = set()
    faults = Faults()
    for table in settings.indicators:
        opened = faults.of(partial(open_dataset, table))
        if opened is None:
            continue
        dataset, names = opened
        rows += dataset.count_rows()
        columns = {key: pc.field(names[key]) for key in ("unit", "indicator") if key in names}
        for batch in dataset.scanner(columns=columns, batch_size=_SURVEY_ROWS).to_batches():
            if not batch.num_rows:
                continue
            present = frozenset(distinct_texts(batch.column("unit")))
            units |= present
            named = {table.indicator} if table.indicator else set(distinct_texts(batch.column("indicator")))
            indicators |= named
            if named <= asked:
                wanted_units |= present
            elif named & asked:
                kinds, labels = coded(batch.column("indicator"))
                chosen = np.array([label in asked for label in labels])[kinds]
                codes, texts = coded(batch.column("unit"))
                wanted_units |= {texts[place] for place in np.unique(codes[chosen])}
    faults.refuse("check the paths and columns under data.indicators")
    return Survey(rows, tuple(sorted(indicators)), tuple(sorted(units)), tuple(sorted(wanted_units)))


def read_indicators(settings: DataSettings, evaluated: Sequence[str]) -> CodedRows:
    """Read all rows of some indicators.

    Raises
    ------
    DataError
        With every period that cannot be read, every blank code, and every row that stands twice.
    """
    parts, problems = [], []
    for table in settings.indicators:
        part, faults = _read_table(table, settings, evaluated)
        parts.append(part)
        problems += faults
    units, unit = _joined([part.unit for part in parts])
    labels, kinds = _joined([part.indicator for part in parts])
    period = np.concatenate([part.period for part in parts])
    numbers: dict[str, NDArray[np.float64] | None] = {}
    for name in NUMERIC:
        given = [part.numbers.get(name) for part in parts]
        filled = [
            np.full(len(part.period), np.nan) if array is None else array
            for part, array in zip(parts, given, strict=True)
        ]
        numbers[name] = None if all(array is None for array in given) else np.concatenate(filled)
    if (np.diff(kinds) < 0).any():
        order = np.argsort(kinds, kind="stable")
        kinds, unit, period = kinds[order], unit[order], period[order]
        numbers = {name: None if array is None else array[order] for name, array in numbers.items()}
    edges = np.searchsorted(kinds, np.arange(len(labels) + 1))
    by_indicator = {}
    for place, label in enumerate(labels):
        own = slice(edges[place], edges[place + 1])
        value, *fraction = (None if array is None else array[own] for array in numbers.values())
        by_indicator[label] = IndicatorArrays(unit[own], period[own], value, *fraction)
        problems += _repeated(label, by_indicator[label], units, settings.calendar)
    if problems:
        raise DataError(problems)
    tables = zip(settings.indicators, parts, strict=True)
    scaled = (part.indicator[1] for table, part in tables if table.scale is not None)
    return CodedRows(units, by_indicator, frozenset(name for names in scaled for name in names))


class _Part(Struct, frozen=True):
    """Rows of one table: codes with their texts, ordinals, and the numbers that it has."""

    unit: tuple[NDArray[np.int64], list[str]]
    indicator: tuple[NDArray[np.int64], list[str]]
    period: NDArray[np.int64]
    numbers: dict[str, NDArray[np.float64]]


def _read_table(
    table: IndicatorTable, settings: DataSettings, evaluated: Sequence[str]
) -> tuple[_Part, list[str]]:
    """Return the rows of one table, and what was wrong with them."""
    dataset, names = open_dataset(table)
    condition = None
    if table.indicator is None:
        condition = pc.field(names["indicator"]).isin(list(evaluated))
        dataset = narrowed(dataset, names["indicator"], evaluated) if is_parquet(table) else dataset
    elif table.indicator not in evaluated:
        condition = pc.scalar(False)
    columns = {key: pc.field(name) for key, name in names.items()}
    read = dataset.to_table(columns=columns, filter=condition).unify_dictionaries().combine_chunks()
    where = url_text(table.path)
    problems: list[str] = []
    unit = column_codes(read, "unit")
    same = (np.zeros(read.num_rows, dtype=np.int64), [table.indicator or ""])
    indicator = column_codes(read, "indicator") if "indicator" in names else same
    for key, (codes, texts) in (("unit", unit), ("indicator", indicator)):
        if "" in texts and (blank := int((codes == texts.index("")).sum())):
            problems.append(f"{where}: {blank} rows have no {key}")
    codes, texts = column_codes(read, "period")
    there = np.flatnonzero(np.bincount(codes, minlength=len(texts)))
    read_periods, unread = settings.calendar.parse_column((texts[place] for place in there), table.dates)
    problems += [f"{where}: period {fault}" for fault in unread.values()]
    ordinals = np.array([read_periods.get(text, 0) for text in texts], dtype=np.int64)
    numbers = {}
    for key in NUMERIC:
        if key in names and is_parquet(table):
            numbers[key] = numbers_of(read.column(key))
        elif key in names:
            numbers[key] = _from_texts(column_codes(read, key), names[key], table, problems)
    if table.scale == "proportion" and "value" in numbers:
        numbers["value"] = 100.0 * numbers["value"]
    return _Part(unit, indicator, ordinals[codes], numbers), problems


def _from_texts(
    cells: tuple[NDArray[np.int64], list[str]], name: str, table: IndicatorTable, problems: list[str]
) -> NDArray[np.float64]:
    """Return cells of a text file as numbers, and add to the problems what is none."""
    codes, texts = cells
    values, faulty = to_numbers(pd.Series(texts, dtype="str"), table.decimal)
    occurs = np.bincount(codes, minlength=len(texts)) > 0
    problems += [
        f"{url_text(table.path)}: column {name!r}: {texts[place]!r} is not a number; "
        f"{number_hint(texts[place], table.decimal, keyed=True)}"
        for place in np.flatnonzero(faulty & occurs)
    ]
    return values[codes] if len(texts) else np.zeros(0)


def _joined(
    parts: Sequence[tuple[NDArray[np.int64], list[str]]],
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the texts that occur in codes of several tables, sorted, and each row's place among them."""
    occurring = [np.flatnonzero(np.bincount(codes, minlength=len(texts))) for codes, texts in parts]
    pairs = zip(parts, occurring, strict=True)
    distinct = tuple(sorted({texts[place] for (_, texts), places in pairs for place in places}))
    rank = {text: place for place, text in enumerate(distinct)}
    ranked = [
        np.array([rank.get(text, 0) for text in texts], dtype=np.int64)[codes] if len(codes) else codes
        for codes, texts in parts
    ]
    return distinct, np.concatenate(ranked)


def _repeated(label: str, rows: IndicatorArrays, units: tuple[str, ...], calendar: Calendar) -> Iterator[str]:
    """Yield a message for every unit and period that stands more than once."""
    first = int(rows.period.min())
    length = int(rows.period.max()) - first + 1
    counts = np.bincount(rows.unit * length + rows.period - first)
    for place in np.flatnonzero(counts > 1):
        period = calendar.format(first + int(place) % length)
        yield f"{label}, {units[int(place) // length]}, {period} stands {counts[place]} times; keep one row"


def unknown_indicator(label: str, surveyed: Survey) -> str:
    """Return what to say about an outcome that no table has rows of."""
    return f"outcome {label!r}: the data have no such indicator; {nearest(label, surveyed.indicators)}"
