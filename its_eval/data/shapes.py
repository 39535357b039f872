"""The shapes of indicator tables, a row per value, a column per unit or a column per period, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from msgspec import Struct, field

from its_eval.data.faults import Faults
from its_eval.data.numbers import MISSING_MARKS, to_numbers
from its_eval.data.opening import likely_header
from its_eval.data.tables import find_column, nearest, normalise_name, require_distinct
from its_eval.errors import DataError

if TYPE_CHECKING:
    from its_eval.calendar import Calendar
    from its_eval.config import IndicatorTable

NUMERIC = ("value", "numerator", "denominator")
#: Columns that say where a row comes from.
ORIGIN = ("source_file", "source_sheet", "source_row")
#: So many names of columns are shown.
_SHOWN = 6


class Shaped(Struct, frozen=True):
    """A table as rows.

    Attributes
    ----------
    frame : DataFrame
        Columns unit, period (text), indicator, stratum, the numbers that there are (text), and the origin.
    columns : dict of str to str
        Which column of the file holds a number; empty where the columns are units or periods.
    notes : tuple of str
        Columns and rows that are not used.
    """

    frame: pd.DataFrame
    columns: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def shaped(raw: pd.DataFrame, table: IndicatorTable, calendar: Calendar, only_unit: str | None) -> Shaped:
    """Return a table as rows.

    Parameters
    ----------
    raw : DataFrame
        Cells as text, the rows numbered as a reader counts them.
    table : IndicatorTable
        What the columns mean.
    calendar : Calendar
        Of the periods.
    only_unit : str or None
        The unit of a table without a column of units; None when there may be several.

    Raises
    ------
    DataError
        When a column is not there, or the table has another shape.
    """
    if table.layout == "wide":
        return _wide(raw, table, calendar)
    if table.layout == "across":
        return _across(raw, table, calendar)
    return _long(raw, table, calendar, only_unit)


def _long(raw: pd.DataFrame, table: IndicatorTable, calendar: Calendar, only_unit: str | None) -> Shaped:
    columns = table.columns
    present = {normalise_name(str(name)) for name in raw.columns}
    names = ["unit", "period", *([] if table.indicator is not None else ["indicator"])]
    unnamed = only_unit is not None and columns["unit"] == "unit" and "unit" not in present
    if unnamed:
        names.remove("unit")
    # an unmapped tidy column is used when it is there; a mapped one has to be
    optional = (*NUMERIC, "stratum")
    names += [name for name in optional if name in columns or name in present]
    if "value" not in names and not {"numerator", "denominator"} <= set(names):
        names.append("value")
    there = _found_columns(raw, {name: columns.get(name, name) for name in names}, table, calendar)
    out = pd.DataFrame({name: raw[column] for name, column in there.items()}, index=raw.index)
    if unnamed:
        out["unit"] = only_unit
    if table.indicator is not None:
        out["indicator"] = table.indicator
    if "stratum" not in out:
        out["stratum"] = ""
    for name in ("unit", "indicator", "stratum"):
        out[name] = out[name].astype(str).str.strip()
    if unnamed and out.duplicated(["indicator", "stratum", "period"]).any():
        what = f"{table.path}: there is no column 'unit', and periods stand more than once"
        raise DataError([f"{what}; {nearest('unit', map(str, raw.columns))}"])
    return Shaped(out.assign(**_origin(raw, table)), {name: there[name] for name in NUMERIC if name in there})


def _found_columns(
    raw: pd.DataFrame, named: dict[str, str], table: IndicatorTable, calendar: Calendar
) -> dict[str, str]:
    """Return the columns by what they are for; all that are not there are refused at once."""
    matched: dict[str, str] = {}
    faults = Faults()
    for name, column in named.items():
        with faults.noted():
            matched[name] = find_column(raw, column, str(table.path))
    if faults.problems:
        faults.refuse(_shape_hint(raw, table, calendar))
    return matched


def _shape_hint(raw: pd.DataFrame, table: IndicatorTable, calendar: Calendar) -> str | None:
    """Return which key a table lacks whose columns are not those expected."""
    periods, _ = calendar.parse_column(map(str, raw.columns), table.dates)
    if len(periods) > 2:
        return f"the names of the columns are {calendar.frequency}s: set `layout: across`"
    row = likely_header([list(map(str, raw.columns)), *raw.astype(str).to_numpy().tolist()])
    if row > 1:
        number = int(raw.index[row - 2])
        return f"the names of the columns seem to stand in row {number}: set `header_row: {number}`"
    return None


def _origin(raw: pd.DataFrame, table: IndicatorTable) -> dict[str, pd.Series]:
    """Return where each row comes from: what the table itself says, else its own file and row."""
    own = {
        "source_file": pd.Series(table.path.name, index=raw.index),
        "source_sheet": pd.Series(table.sheet or "", index=raw.index),
        "source_row": pd.Series(raw.index, index=raw.index),
    }
    if not set(ORIGIN) <= set(map(str, raw.columns)):
        return own
    rows, _ = to_numbers(raw["source_row"])
    said = raw["source_file"].ne("") & ~np.isnan(rows)
    given = {**{name: raw[name] for name in ORIGIN[:2]}, "source_row": pd.Series(rows, index=raw.index)}
    return {name: given[name].where(said, own[name]) for name in ORIGIN[:2]} | {
        "source_row": given["source_row"].where(said, own["source_row"]).astype(int)
    }


def _wide(raw: pd.DataFrame, table: IndicatorTable, calendar: Calendar) -> Shaped:
    """Return a table with a period column, then a column a unit."""
    period = _found_columns(raw, {"period": table.columns.get("period", "period")}, table, calendar)["period"]
    require_distinct(raw.columns, str(table.path))
    units = [str(name) for name in raw.columns if name != period]
    across, _ = calendar.parse_column(units, table.dates)
    down, _ = calendar.parse_column(raw[period].astype(str), table.dates)
    if len(across) > 2 and not down:
        what = f"the names of its columns are {calendar.frequency}s ({', '.join(list(across)[:3])}, …)"
        raise DataError([f"{table.path}: {what}: this table is turned"], "set `layout: across`")
    words = [name for name in units if _only_words(raw[name])]
    long = _melted(raw, period, [name for name in units if name not in words], ("period", "unit"))
    notes = (f"{table.path.name}: {_unused(words)}",) if words else ()
    return Shaped(_complete(long, table), notes=notes)


def _across(raw: pd.DataFrame, table: IndicatorTable, calendar: Calendar) -> Shaped:
    """Return a table with a row a unit, then a column a period; columns of words are not used."""
    unit = find_column(raw, table.columns.get("unit", "unit"), str(table.path))
    require_distinct([name for name in raw.columns if name], str(table.path))
    others = [str(name) for name in raw.columns if name != unit]
    periods, faults = calendar.parse_column(others, table.dates)
    words = [name for name in others if name not in periods and (not name or _only_words(raw[name]))]
    odd = [name for name in others if name not in periods and name not in words]
    if not periods:
        what = f"no name of a column is a {calendar.frequency}"
        shown = "; ".join(list(faults.values())[:2])
        raise DataError(
            [f"{table.path}: {what}: {shown}"],
            _shape_hint(raw, table, calendar) or "set `header_row`, `dates` or `data.frequency`",
        )
    if odd:
        problems = [f"{table.path}: column {name!r} holds numbers, but {faults[name]}" for name in odd]
        raise DataError(problems, "give it a period, or take it out of the table")
    cells = raw[list(periods)]
    empty = (cells == "").all(axis=1)
    code = raw[unit].astype(str).str.strip()
    untitled = code.eq("") & ~empty
    notes = [f"{table.path.name}: {_unused([name for name in words if name])}"] if any(words) else []
    if untitled.any():
        rows = ", ".join(map(str, raw.index[untitled][:_SHOWN]))
        notes.append(f"{table.path.name}: rows without a unit are not used: {rows}")
    if (left := empty & code.ne("")).any():
        shown = ", ".join(repr(text) for text in code[left][:_SHOWN])
        notes.append(f"{table.path.name}: rows without any value are not used: {shown}")
    long = _melted(raw[~empty & code.ne("")], unit, list(periods), ("unit", "period"))
    return Shaped(_complete(long, table), notes=tuple(notes))


def _melted(raw: pd.DataFrame, kept: str, spread: list[str], names: tuple[str, str]) -> pd.DataFrame:
    numbers = [name for name in spread if pd.api.types.is_numeric_dtype(raw[name])]
    if len(numbers) < len(spread):
        # one column of the result holds numbers or texts, not both
        raw = raw.assign(**{name: raw[name].astype(str).fillna("") for name in numbers})
    # a unit may be called as a column of the result is
    names_of, cells_of = "spread over columns", "cells of the columns"
    # a copy joins columns that came one by one, which pandas warns of beyond a hundred
    long = (
        raw.copy()
        .reset_index(names="source_row")
        .melt(id_vars=["source_row", kept], value_vars=spread, var_name=names_of, value_name=cells_of)
    )
    return long.rename(columns={kept: names[0], names_of: names[1], cells_of: "value"})


def _complete(long: pd.DataFrame, table: IndicatorTable) -> pd.DataFrame:
    long["unit"] = long["unit"].astype(str).str.strip()
    long["indicator"] = table.indicator
    return long.assign(stratum="", source_file=table.path.name, source_sheet=table.sheet or "")


def _only_words(column: pd.Series) -> bool:
    """Return whether a column has cells, and none like a number: words, true and false."""
    if pd.api.types.is_numeric_dtype(column):
        return False
    cells = column.str.strip()
    filled = cells[~cells.isin(MISSING_MARKS)]
    return bool(len(filled)) and not filled.str.fullmatch(r"[<>~]?\s*[+-]?\d[\d.,\s]*%?").any()


def _unused(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    if len(names) > 1:
        return f"columns {shown} hold words and are not used"
    return f"column {shown} holds words and is not used"
