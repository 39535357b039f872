"""Data frames in the place of files: their cells as the reader of a file gives them, rows by their labels."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from msgspec import Struct

from its_eval.config.data import INDICATOR_COLUMNS
from its_eval.data.tables import Reading, nearest, normalise_name, read_table
from its_eval.errors import DataError

if TYPE_CHECKING:
    from its_eval.config import CharacteristicsTable, IndicatorTable

#: Reads a table: a file, or what is in memory under that name.
Read = Callable[[Path, Reading], pd.DataFrame]
#: What may be given as indicators: one frame, or one for each indicator.
Indicators = pd.DataFrame | Mapping[str, pd.DataFrame]


class Frames(Struct, frozen=True):
    """Tables in memory by the name that stands in the place of a path.

    Attributes
    ----------
    tables : mapping of Path to DataFrame
        Cells as `read_table` gives them: numbers, and texts that are blank where nothing is known. The index
        holds the labels of the rows.
    """

    tables: Mapping[Path, pd.DataFrame]

    def read(self, path: Path, how: Reading) -> pd.DataFrame:
        """Return a table in memory, or one of a file."""
        found = self.tables.get(path)
        return read_table(path, how) if found is None else found


def alike_labels(tables: Mapping[Path, pd.DataFrame]) -> dict[Path, pd.DataFrame]:
    """Return tables all of whose rows are labelled by numbers, or all by texts, to be sorted together."""
    if all(pd.api.types.is_integer_dtype(table.index) for table in tables.values()):
        return dict(tables)
    return {path: table.set_axis(table.index.astype(str)) for path, table in tables.items()}


def require_frame(data: object, what: str) -> pd.DataFrame:
    """Return a data frame with rows and with columns of distinct names, or say what was given instead.

    Raises
    ------
    DataError
        For anything else.
    """
    if not isinstance(data, pd.DataFrame):
        raise DataError(
            [f"{what}: a {type(data).__name__}; expected a pandas DataFrame"],
            f"write {what}=pandas.DataFrame(...)",
        )
    if data.empty:
        raise DataError([f"{what}: the table has no rows, or no columns; expected a row for each value"])
    if isinstance(data.columns, pd.MultiIndex):
        raise DataError([f"{what}: its columns have {data.columns.nlevels} levels; expected one name each"])
    return data


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of a frame as those of a file: numbers stay numbers, everything else becomes text.

    Parameters
    ----------
    frame : DataFrame
        Any columns; dates and pandas periods become the first day that they name.
    """
    columns = [_numbers_or_texts(frame.iloc[:, place]) for place in range(frame.shape[1])]
    out = pd.concat(columns, axis=1) if columns else frame.copy()
    out.columns = pd.Index([str(name).strip() for name in frame.columns])
    index = frame.index
    if not index.is_unique:
        index = pd.RangeIndex(len(frame))
    labels = (str(one) if isinstance(one, pd.Period) else cell_of(one) or str(one) for one in index)
    out.index = index.rename(None) if pd.api.types.is_integer_dtype(index) else pd.Index(list(labels))
    return out


def _numbers_or_texts(column: pd.Series[Any]) -> pd.Series[Any]:
    kind = column.dtype
    numeric = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind)
    if numeric and not pd.api.types.is_bool_dtype(kind):
        return column
    return pd.Series([cell_of(value) for value in column], index=column.index, dtype=str)


def cell_of(value: Any) -> str:
    """Return a value as the cell of a file: a date or period by its first day, blank when missing.

    Examples
    --------
    >>> cell_of(pd.Period("2015Q2", "Q-MAR")), cell_of(pd.Timestamp("2015-07-01")), cell_of(None)
    ('2014-07-01', '2015-07-01', '')
    """
    if isinstance(value, pd.Period):
        value = value.start_time
    if isinstance(value, dt.date) and not pd.isna(value):
        return dt.date(value.year, value.month, value.day).isoformat()
    missing = pd.api.types.is_scalar(value) and pd.isna(value)
    return "" if missing else str(value)


def indicator_table(
    frame: pd.DataFrame, table: IndicatorTable, indicator: str | None
) -> tuple[pd.DataFrame, IndicatorTable]:
    """Return an indicator table in memory as cells, and what its columns mean.

    Parameters
    ----------
    frame : DataFrame
        Long, with the columns of a file, some of which may be levels of the index; or wide, with a column for
        each unit and the periods in the index or in the column of periods.
    table : IndicatorTable
        What the config says of the table, under its name.
    indicator : str or None
        The indicator of a wide frame for which the config names none; None when there are several.

    Raises
    ------
    DataError
        When neither form can be seen.
    """
    where = str(table.path)
    frame = require_frame(frame, where)
    levels = [name for name in frame.index.names if name is not None]
    named = frame.reset_index(levels).set_axis(frame.index) if levels else frame
    present = {normalise_name(str(name)) for name in named.columns}
    period = table.columns.get("period", "period")
    has_period = normalise_name(period) in present
    if table.layout == "across":
        return cells(named), table
    of_index = period in map(str, levels)
    if table.layout == "long" and has_period and _is_long(present, table, alone=of_index):
        return cells(named), table
    if not has_period:
        if isinstance(frame.index, pd.MultiIndex | pd.RangeIndex):
            raise DataError(
                [f"{where}: there is no column {period!r}; {nearest(period, map(str, named.columns))}"],
                "name the column of periods under data.indicators.columns, or put the periods in the index",
            )
        # the periods label the rows, whatever the index is called
        period = "period" if frame.index.name is None else str(frame.index.name)
        named = frame.copy(deep=False)
        named.insert(0, period, [cell_of(label) for label in frame.index])
    name = table.indicator or indicator
    if name is None:
        raise DataError(
            [f"{where}: a column for each unit does not say which indicator its values are"],
            f"write {where}={{'name of the indicator': frame}}",
        )
    settings = {"layout": "wide", "indicator": name, "columns": {"period": period}}
    return cells(named), table.model_copy(update=settings)


def _is_long(present: set[str], table: IndicatorTable, *, alone: bool) -> bool:
    """Return whether a table has a column of units, or else of numbers, where asked beside none of others."""
    known = {key: normalise_name(table.columns.get(key, key)) for key in INDICATOR_COLUMNS}
    if known["unit"] in present:
        return True
    numbers = known["value"] in present or {known["numerator"], known["denominator"]} <= present
    return numbers and not (alone and present - set(known.values()))


def characteristics_table(
    frame: pd.DataFrame, table: CharacteristicsTable, unit_column: str
) -> tuple[pd.DataFrame, CharacteristicsTable]:
    """Return characteristics in memory as cells, and which column holds the codes.

    Parameters
    ----------
    frame : DataFrame
        A row for each unit; codes in the column of units or in the index.
    table : CharacteristicsTable
        What the config says of the table, under its name.
    unit_column : str
        The column of codes.

    Raises
    ------
    DataError
        When it is no table, or codes are nowhere.
    """
    where = str(table.path)
    frame = require_frame(frame, where)
    present = {normalise_name(str(name)) for name in frame.columns}
    if normalise_name(unit_column) in present or isinstance(frame.index, pd.RangeIndex | pd.MultiIndex):
        return cells(frame), table
    coded = frame.copy(deep=False)
    coded.insert(0, unit_column, [cell_of(label) for label in frame.index])
    return cells(coded), table.model_copy(update={"columns": {"unit": unit_column}})
