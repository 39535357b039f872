"""The two tables about units: their characteristics (numbers) and who they are (names, types)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field

from its_eval.config.faults import show
from its_eval.data.faults import Faults, shorten
from its_eval.data.numbers import number_hint, to_numbers
from its_eval.data.tables import PLAIN, find_column, normalise_name, read_table, require_distinct
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from its_eval.data.frames import Read


class Characteristics(Struct, frozen=True):
    """What peers are chosen on.

    Attributes
    ----------
    units : tuple of str
        Codes, in the order of the table.
    variables : tuple of str
        Column names as written in the table.
    values : ndarray, shape (units, variables)
        NaN where missing; of a category the number of its text.
    categories : mapping of str to tuple of str
        For each variable that is a category: its texts, sorted.
    notes : tuple of str
        Columns that are left out though they hold numbers, and why.
    """

    units: tuple[str, ...]
    variables: tuple[str, ...]
    values: NDArray[np.float64]
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Units(Struct, frozen=True):
    """Who the units are.

    Attributes
    ----------
    names : mapping of str to str
        Code to name; a unit without a name is shown by its code.
    columns : mapping of str to mapping
        For every other column (``type``, ``region`` …) code to text, blank when not known.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def name(self, unit: str) -> str:
        """Return the name of a unit, its code when it has none."""
        return self.names.get(unit) or unit

    def column(self, asked: str) -> Mapping[str, str] | None:
        """Return a column by name, ignoring case; ``units.type`` and ``type`` are the same column."""
        key = normalise_name(asked.removeprefix("units."))
        return next((values for name, values in self.columns.items() if normalise_name(name) == key), None)


def _codes(frame: pd.DataFrame, column: str, where: Path) -> tuple[str, ...]:
    codes = tuple(frame[column].astype(str).str.strip())
    seen: dict[str, int] = {}
    problems = []
    for row, code in zip(frame.index, codes, strict=True):
        if not code:
            problems.append(f"{where}: row {row}: the unit code is blank")
        elif code in seen:
            problems.append(f"{where}: row {row}: unit {code!r} stands in row {seen[code]} already")
        seen.setdefault(code, row)
    if problems:
        raise DataError(shorten(problems), "keep one row per unit")
    return codes


def load_characteristics(
    path: Path, unit_column: str, variables: Sequence[str] | None = None, read: Read = read_table
) -> Characteristics:
    """Read a characteristics table: a row per unit, a column per variable.

    Parameters
    ----------
    path : Path
        CSV or Parquet.
    unit_column : str
        Column of unit codes.
    variables : sequence of str, optional
        The columns to use, matched ignoring case and repeated spaces; by default every column that is
        numeric throughout. A chosen column that holds words alone is a category.
    read : callable
        Gives the table of a path.

    Raises
    ------
    DataError
        For a missing column, a duplicated unit, or a cell of a chosen variable that is no number.
    """
    frame = read(path, PLAIN)
    unit = find_column(frame, unit_column, str(path))
    units = _codes(frame, unit, path)
    if variables is None:
        require_distinct(frame.columns, str(path))
        converted = {name: to_numbers(frame[name]) for name in frame.columns if name != unit}
        kept = {
            name: numbers
            for name, (numbers, faulty) in converted.items()
            if not faulty.any() and not np.isnan(numbers).all()
        }
        if not kept:
            raise DataError([f"{path}: no column but {unit!r} is numeric throughout"])
        values = np.column_stack(list(kept.values()))
        notes = tuple(
            _left_out(path, frame[name], faulty)
            for name, (numbers, faulty) in converted.items()
            if faulty.any() and not np.isnan(numbers).all()
        )
        return Characteristics(units, tuple(kept), values, notes=notes)
    columns: dict[str, NDArray[np.float64]] = {}
    categories: dict[str, tuple[str, ...]] = {}
    faults = Faults()
    for variable in variables:
        name = faults.of(partial(find_column, frame, variable, str(path)))
        if name is None:
            continue
        numbers, faulty = to_numbers(frame[name])
        columns[name] = numbers
        if _is_category(frame[name], numbers, faulty):
            texts = frame[name].str.strip().where(faulty, "")
            categories[name] = tuple(sorted(set(texts[faulty])))
            numbering = {text: float(number) for number, text in enumerate(categories[name])}
            columns[name] = np.asarray(texts.map(numbering), dtype=np.float64)
            continue
        for row, text in frame.loc[faulty, name].astype(str).items():
            faults.problems.append(
                f"{path}: row {row}, column {name!r}: {show(text)} is not a number; {number_hint(text)}"
            )
    faults.refuse("choose the columns under peers.variables, or mend the table")
    return Characteristics(units, tuple(columns), np.column_stack(list(columns.values())), categories)


def _left_out(path: Path, column: pd.Series, faulty: NDArray[np.bool_]) -> str:
    """Return in words why a column is not used that holds numbers, but not throughout."""
    row, text = next(iter(column[faulty].astype(str).items()))
    return f"{path.name}: {column.name!r} is left out: row {row} holds {text!r}, which is not a number."


def _is_category(column: pd.Series, numbers: NDArray[np.float64], faulty: NDArray[np.bool_]) -> bool:
    """Return whether a column holds words and no number at all; ``1,234`` and ``5 %`` are faulty numbers."""
    words = column[faulty].astype(str)
    return bool(faulty.any() and np.isnan(numbers).all() and words.str.contains(r"[^\W\d_]").all())


def load_units(path: Path, mapping: Mapping[str, str]) -> Units:
    """Read a units table.

    Parameters
    ----------
    path : Path
        CSV or Parquet, a row per unit.
    mapping : mapping of str to str
        Column names of ``unit``, ``name`` and ``type`` where they differ from these words.

    Raises
    ------
    DataError
        For a mapped column that is not there, or a duplicated unit.
    """
    frame = read_table(path)
    require_distinct(frame.columns, str(path))
    unit = find_column(frame, mapping.get("unit", "unit"), str(path))
    codes = _codes(frame, unit, path)

    def texts(column: str) -> dict[str, str]:
        return dict(zip(codes, frame[column].astype(str).str.strip(), strict=True))

    mapped = {key: find_column(frame, name, str(path)) for key, name in mapping.items() if key != "unit"}
    columns = {key: texts(column) for key, column in mapped.items()}
    names = columns.pop("name", {})
    for column in map(str, frame.columns):
        if column not in (unit, *mapped.values()):
            columns.setdefault(column, texts(column))
    return Units(names or columns.pop("name", {}), columns)
