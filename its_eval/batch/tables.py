"""Writing estimates down as columns of the contract's tables, all series of a block at once.

The rows of a block stand in the order that the table as a whole has, so that the parts of a run, one after
the other, are sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from its_eval.data.parquet import Column, Texts, encode_part
from its_eval.evaluation import SORT_KEYS

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass
class Rows:
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

    def add(self, rows: int, columns: Mapping[str, Texts | NDArray[Any] | str | float]) -> None:
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
            self.parts.setdefault(name, []).append(
                np.broadcast_to(array, (rows,)) if array.size == 1 else array
            )
        self.count += rows

    @property
    def flagged(self) -> int:
        """Rows of ``fits`` with a warning."""
        calm = self.words.get("flags", {}).get("", -1)
        return sum(int((part != calm).sum()) for part in self.parts.get("flags", ()))

    def encode(self) -> bytes:
        """Return the rows, sorted as the contract says, as a Parquet file."""
        columns: dict[str, Column] = {}
        for name, parts in self.parts.items():
            array = np.concatenate(parts)
            columns[name] = Texts(array, list(self.words[name])) if name in self.words else array
        if not self.count:
            return encode_part(self.name, {}, 0)
        keys = [sort_key(columns[name]) for name in SORT_KEYS[self.name] if name in columns]
        order = np.lexsort(keys[::-1])
        return encode_part(
            self.name, {name: _taken(column, order) for name, column in columns.items()}, self.count
        )


def sort_key(column: Column) -> NDArray[Any]:
    """Return numbers that sort as a column does: the rank of each text."""
    if not isinstance(column, Texts):
        return np.asarray(column)
    words = np.array(list(column.words), dtype=object)
    rank = np.empty(len(words), dtype=np.intp)
    rank[np.argsort(words)] = np.arange(len(words))
    return rank[column.codes]


def _taken(column: Column, order: NDArray[np.intp]) -> Column:
    if isinstance(column, Texts):
        return Texts(column.codes[order], column.words)
    return np.asarray(column)[order]


def texts(values: Iterable[str]) -> Texts:
    """Return a column of texts."""
    listed = list(values)
    known = {word: code for code, word in enumerate(dict.fromkeys(listed))}
    return Texts(np.array([known[word] for word in listed], dtype=np.intp), list(known))


def crossed(units: Sequence[str], kinds: Sequence[str]) -> tuple[Texts, Texts]:
    """Return the unit and the kind of every row of units × kinds, units slower."""
    per_unit = np.repeat(np.arange(len(units)), len(kinds))
    return Texts(per_unit, units), Texts(np.tile(np.arange(len(kinds)), len(units)), kinds)
