"""Tables that are too large to be made at once: each is a folder of Parquet files, written as they come."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from its_eval.evaluation import COLUMNS, make_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


#: A column: texts, numbers, or one value for all rows (None: missing in all).
Column = Texts | np.ndarray[Any, Any] | str | float | None


def encode_part(name: str, columns: Mapping[str, Column], rows: int) -> bytes:
    """Return some rows of a table as a Parquet file.

    Types and metadata are those of the same table written whole, so that the parts of a folder read as one
    table of the contract.

    Parameters
    ----------
    name : str
        Name of the table.
    columns : mapping of str to column
        A column that is left out is missing.
    rows : int
        How many.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = _schema(name)
    arrays = [_array(columns.get(key), schema.field(key).type, rows) for key in COLUMNS[name]]
    sink = pa.BufferOutputStream()
    # texts repeat, numbers hardly ever
    repeated = [item.name for item in schema if pa.types.is_large_string(item.type)]
    table = pa.Table.from_arrays(arrays, schema=schema)
    pq.write_table(table, sink, compression="snappy", use_dictionary=repeated)
    return bytes(sink.getvalue())


@cache
def _schema(name: str) -> Any:
    """Return types and metadata that pandas would write."""
    import pyarrow as pa  # noqa: PLC0415

    return pa.Schema.from_pandas(make_table(name, []), preserve_index=False)


def _array(column: Column, kind: Any, rows: int) -> Any:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if isinstance(column, Texts):
        words = pa.array(list(column.words), kind)
        return words.take(pa.array(np.asarray(column.codes)))
    if isinstance(column, np.ndarray):
        array = pa.array(column)
        # a number that is not known is missing, as in the tables that are written whole
        return pc.cast(pc.if_else(pc.is_nan(array), None, array) if column.dtype.kind == "f" else array, kind)
    if column is None and pa.types.is_large_string(kind):
        column = ""
    return pa.repeat(pa.scalar(column, kind), rows)
