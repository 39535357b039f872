"""What differs between two tables of one name: rows, columns, and numbers beyond a tolerance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.evaluation import SORT_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Columns that say with the sort keys which row is meant.
_ALSO_KEYS = {"coefficients": ("term",), "effects": ("role",), "pooled": ()}
#: Texts of a table without keys of its own that say which row is meant.
_SINGLE = "row"


@dataclass(frozen=True)
class Tolerance:
    """How far apart two numbers may be: ``|a - b| <= absolute + relative * max(|a|, |b|)``.

    Attributes
    ----------
    relative, absolute : float
        At least 0.
    """

    relative: float = 1e-6
    absolute: float = 0.0


@dataclass(frozen=True)
class ColumnChange:
    """One column whose cells differ.

    Attributes
    ----------
    column : str
        Its name.
    cells : int
        How many cells differ.
    where, first, second :
        The row with the largest difference, in words, and both values there.
    """

    column: str
    cells: int
    where: str
    first: Any
    second: Any


@dataclass(frozen=True)
class TableChange:
    """What differs between two tables.

    Attributes
    ----------
    table : str
        Name.
    rows : int
        Rows that both have.
    only_first, only_second : tuple of str
        Rows that one has alone, in words.
    columns_first, columns_second : tuple of str
        Columns that one has alone.
    changes : tuple of ColumnChange
        Columns whose cells differ.
    """

    table: str
    rows: int
    only_first: tuple[str, ...] = ()
    only_second: tuple[str, ...] = ()
    columns_first: tuple[str, ...] = ()
    columns_second: tuple[str, ...] = ()
    changes: tuple[ColumnChange, ...] = field(default=())

    @property
    def same(self) -> bool:
        """Whether the tables say the same."""
        return not (
            self.only_first or self.only_second or self.columns_first or self.columns_second or self.changes
        )


def compare_tables(name: str, first: pd.DataFrame, second: pd.DataFrame, tolerance: Tolerance) -> TableChange:
    """Compare two tables row by row; rows belong together by the columns that say what they are about.

    Parameters
    ----------
    name : str
        Name of the table.
    first, second : DataFrame
        The tables.
    tolerance : Tolerance
        For numbers; texts have to be equal.
    """
    shared = [column for column in first.columns if column in set(second.columns)]
    keys = _keys(name, shared, first)
    left, right = _by_key(first, keys), _by_key(second, keys)
    both = left.index.intersection(right.index, sort=False)
    one, other = left.loc[both], right.loc[both]
    changes = (
        _column_change(column, one[column], other[column], tolerance)
        for column in shared
        if column not in keys
    )
    return TableChange(
        name,
        len(both),
        _in_words(left.index.difference(right.index, sort=False)),
        _in_words(right.index.difference(left.index, sort=False)),
        tuple(column for column in first.columns if column not in shared),
        tuple(column for column in second.columns if column not in shared),
        tuple(change for change in changes if change is not None),
    )


def _keys(name: str, shared: list[str], frame: pd.DataFrame) -> list[str]:
    """Return the columns that say what a row is about: those of the contract, else all texts."""
    wanted = (*SORT_KEYS.get(name, ()), *_ALSO_KEYS.get(name, ()))
    if not wanted:
        wanted = tuple(str(column) for column in frame.select_dtypes(["object", "str"]).columns)
    # a number is what may differ, unless it is all that tells rows apart
    numbers = {"distance"}
    return [column for column in wanted if column in shared and column not in numbers]


def _by_key(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return a table with what its rows are about as index; equal ones are counted."""
    texts = frame[keys].astype(object).where(frame[keys].notna(), "").astype(str)
    labels = texts.agg(", ".join, axis=1) if keys and len(frame) else pd.Series("", index=frame.index)
    repeat = labels.groupby(labels, sort=False).cumcount()
    numbered = labels.where(repeat == 0, labels + " (" + (repeat + 1).astype(str) + ")")
    return frame.set_axis(pd.Index(numbered, dtype=object), axis=0)


def _in_words(labels: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(label) or _SINGLE for label in labels)


def _column_change(
    column: str, one: pd.Series, other: pd.Series, tolerance: Tolerance
) -> ColumnChange | None:
    """Return how a column differs between rows that belong together; None when it does not."""
    if _is_number(one) and _is_number(other):
        a = one.to_numpy(dtype=np.float64, na_value=np.nan)
        b = other.to_numpy(dtype=np.float64, na_value=np.nan)
        size = _differences(a, b, tolerance)
    else:
        left, right = _as_text(one), _as_text(other)
        size = np.asarray(left.to_numpy() != right.to_numpy(), dtype=np.float64)
    cells = int(np.count_nonzero(size))
    if not cells:
        return None
    worst = int(np.argmax(size))
    return ColumnChange(
        column,
        cells,
        str(one.index[worst]) or _SINGLE,
        _plain(one.iloc[worst]),
        _plain(other.iloc[worst]),
    )


def _differences(a: np.ndarray, b: np.ndarray, tolerance: Tolerance) -> np.ndarray:
    """Return how many tolerances apart numbers are, 0 where within; infinite where only one is missing."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    finite = np.isfinite(a) & np.isfinite(b)
    first, second = np.where(finite, a, 0.0), np.where(finite, b, 0.0)
    apart = np.abs(first - second)
    allowed = tolerance.absolute + tolerance.relative * np.maximum(np.abs(first), np.abs(second))
    ratio = np.divide(apart, allowed, out=np.full(apart.shape, np.inf), where=allowed > 0.0)
    return np.where(same, 0.0, np.where(finite, np.where(apart > allowed, ratio, 0.0), np.inf))


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _as_text(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "").astype(str)


def _plain(value: Any) -> Any:
    """Return a cell as a value that JSON can hold."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and np.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value if isinstance(value, (bool, int, float)) else str(value)
