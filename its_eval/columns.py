"""Tables of the contract that grow by columns: many rows at once, texts as codes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.evaluation import COLUMNS, SORT_KEYS, TEXT_COLUMNS, WHOLE_COLUMNS

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Texts:
    """A column of texts that repeat.

    Attributes
    ----------
    codes : ndarray of int, shape (rows,)
        Places in `words`.
    words : sequence of str
        The distinct texts.
    """

    codes: NDArray[np.intp]
    words: Sequence[str]

    @classmethod
    def of(cls, values: Iterable[str]) -> Texts:
        """Return texts as a column."""
        listed = list(values)
        places = {word: code for code, word in enumerate(dict.fromkeys(listed))}
        return cls(np.array([places[word] for word in listed], dtype=np.intp), list(places))

    def take(self, rows: NDArray[Any]) -> Texts:
        """Return some rows, by place or by mask."""
        return Texts(self.codes[rows], self.words)


#: A column: texts, numbers, or one value for all rows.
Column = Texts | np.ndarray[Any, Any] | str | float | None


@dataclass
class TableColumns:
    """Rows of one table that grow by columns.

    Attributes
    ----------
    name : str
        The table.
    words : dict of str to dict of str to int
        By text column: the code of every word so far.
    parts : dict of str to list of ndarray
        By column: codes of texts, or numbers.
    count : int
        Rows so far.
    """

    name: str
    words: dict[str, dict[str, int]] = field(default_factory=dict)
    parts: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    count: int = 0

    def add(self, rows: int, columns: Mapping[str, Column]) -> None:
        """Append rows; a column is an array, or one value for all. All calls have the same columns."""
        for name, values in columns.items():
            if isinstance(values, str):
                values = Texts(np.zeros(1, dtype=np.intp), [values])  # noqa: PLW2901
            if isinstance(values, Texts):
                known = self.words.setdefault(name, {})
                places = np.array(
                    [known.setdefault(word, len(known)) for word in values.words], dtype=np.intp
                )
                array = places[values.codes] if len(places) else np.zeros(0, dtype=np.intp)
            else:
                array = np.atleast_1d(np.asarray(values))
            whole = np.broadcast_to(array, (rows,)) if array.size == 1 else array
            self.parts.setdefault(name, []).append(whole)
        self.count += rows

    def extend(self, others: TableColumns) -> None:
        """Append the rows of the same table that grew elsewhere."""
        if others.count:
            self.add(others.count, others.raw())

    @property
    def flagged(self) -> int:
        """Rows of ``fits`` with a warning."""
        calm = self.words.get("flags", {}).get("", -1)
        return sum(int((part != calm).sum()) for part in self.parts.get("flags", ()))

    def raw(self, names: Collection[str] | None = None) -> dict[str, Any]:
        """Return all columns, or some, in the order in which the rows came."""
        whole: dict[str, Any] = {}
        for name, parts in self.parts.items():
            if names is not None and name not in names:
                continue
            array = parts[0] if len(parts) == 1 else np.concatenate(parts)
            whole[name] = Texts(array, list(self.words[name])) if name in self.words else array
        return whole

    def columns(self) -> dict[str, Any]:
        """Return the columns, sorted as the contract says; one that was left out is absent."""
        whole = self.raw()
        if not self.count:
            return {}
        keys = [sort_key(whole[name]) for name in SORT_KEYS[self.name] if name in whole]
        order = np.lexsort(keys[::-1])
        return {name: column.take(order) for name, column in whole.items()}

    def frame(self) -> pd.DataFrame:
        """Return the rows as a table of the contract."""
        return column_frame(self.columns(), COLUMNS[self.name], self.count)


def column_frame(
    columns: Mapping[str, Texts | NDArray[Any]], names: Sequence[str], count: int
) -> pd.DataFrame:
    """Return columns as a data frame with the types of the contract; what is left out is missing."""
    shown: dict[str, Any] = {}
    for name in names:
        column = columns.get(name)
        if isinstance(column, Texts):
            # an index of the words, so that texts are made once and not for every row
            words = pd.array(list(column.words), dtype="str")
            shown[name] = words.take(column.codes) if count else pd.array([], dtype="str")
        elif name in TEXT_COLUMNS:
            shown[name] = pd.array([""] * count, dtype="str")
        elif name in WHOLE_COLUMNS:
            values = np.full(count, np.nan) if column is None else column
            shown[name] = pd.array(values, dtype="Int64")
        elif name == "used" or (column is not None and column.dtype == np.bool_):
            shown[name] = np.zeros(count, dtype=np.bool_) if column is None else column.astype(np.bool_)
        else:
            shown[name] = np.full(count, np.nan) if column is None else column.astype(np.float64)
    return pd.DataFrame(shown, columns=list(names))


def sort_key(column: Texts | NDArray[Any]) -> NDArray[Any]:
    """Return numbers that sort as a column does: the rank of each text."""
    if not isinstance(column, Texts):
        return np.asarray(column)
    words = np.array(list(column.words), dtype=object)
    rank = np.empty(len(words), dtype=np.intp)
    rank[np.argsort(words)] = np.arange(len(words))
    return rank[column.codes]
