"""Parquet and CSV as datasets: columns by role, cells as codes or numbers, large tables written by part."""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from its_eval.columns import COLUMNS, Column, Texts, make_table
from its_eval.config.settings import is_url, url_text
from its_eval.data.tables import find_column, normalise_name
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from its_eval.config import DataSettings, IndicatorTable


#: Columns of numbers of the tidy table.
NUMERIC = ("value", "numerator", "denominator")


def fragment_files(settings: DataSettings) -> list[tuple[str, int]]:
    """Return name and size of every file of every indicator table, in a fixed order."""
    files = []
    for table in settings.indicators:
        dataset, _ = open_dataset(table)
        for fragment in dataset.get_fragments():
            files.append((fragment.path, dataset.filesystem.get_file_info(fragment.path).size))
    return sorted(set(files))


def open_dataset(table: IndicatorTable) -> tuple[Any, dict[str, str]]:
    """Return a dataset and which of its columns holds what.

    Raises
    ------
    DataError
        When it is not there, cannot be read, or lacks a column.
    """
    where = url_text(table.path)
    if not is_parquet(table):
        return _open_csv(table, where)
    source, filesystem = str(table.path), None
    try:
        if is_url(table.path):
            from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # noqa: PLC0415

            filesystem, source = url_to_fs(where)
        dataset = ds.dataset(source, filesystem=filesystem, format="parquet", partitioning="hive")
        names = _columns(dataset.schema, table, where)
        kept = [name for key, name in names.items() if key not in NUMERIC]
        texts = [name for name in kept if pa.types.is_string(dataset.schema.field(name).type)]
        options = ds.ParquetReadOptions(dictionary_columns=texts)
        dataset = ds.dataset(
            source,
            filesystem=filesystem,
            format=ds.ParquetFileFormat(read_options=options),
            partitioning="hive",
        )
    except FileNotFoundError:
        raise DataError([f"{where}: there is no such file"]) from None
    except (pa.ArrowException, OSError, ImportError, ValueError) as error:
        raise DataError([f"{where}: cannot be read as Parquet: {error}"]) from None
    return dataset, names


def is_parquet(table: IndicatorTable) -> bool:
    """Return whether a table of a batch run is Parquet; else it is CSV."""
    return is_url(table.path) or table.path.name.endswith(".parquet")


def _open_csv(table: IndicatorTable, where: str) -> tuple[Any, dict[str, str]]:
    """Return a text file as a dataset of texts: a cell counts as a number only when its row is used."""
    form = ds.CsvFileFormat(
        parse_options=pcsv.ParseOptions(delimiter="\t" if table.delimiter == "tab" else table.delimiter),
        read_options=pcsv.ReadOptions(encoding=table.encoding, skip_rows=table.header_row - 1),
    )
    try:
        headings = ds.dataset(str(table.path), format=form).schema.names
        schema = pa.schema([(name, pa.string()) for name in headings])
        return ds.dataset(str(table.path), format=form, schema=schema), _columns(schema, table, where)
    except FileNotFoundError:
        raise DataError([f"{where}: there is no such file"]) from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError([f"{where}: cannot be read as CSV: {error}"]) from None


def narrowed(dataset: Any, column: str, texts: Sequence[str]) -> Any:
    """Return the part of a dataset whose row groups may hold a row with one of some texts in a column.

    Arrow itself does not use the statistics of columns that are written as dictionaries, as pandas writes
    categories.
    """
    asked = sorted(texts)
    kept = []
    for fragment in dataset.get_fragments(filter=pc.field(column).isin(asked)):
        groups = [
            number
            for number in range(fragment.num_row_groups)
            if _may_hold(fragment.metadata.row_group(number), column, asked)
        ]
        if groups:
            kept.append(fragment.subset(row_group_ids=groups))
    return ds.FileSystemDataset(kept, dataset.schema, dataset.format, dataset.filesystem)


def _may_hold(group: Any, column: str, asked: Sequence[str]) -> bool:
    """Return whether one of some sorted texts lies between the least and the greatest of a row group."""
    chunks = (group.column(place) for place in range(group.num_columns))
    statistics = next((chunk.statistics for chunk in chunks if chunk.path_in_schema == column), None)
    if statistics is None or not statistics.has_min_max or not isinstance(statistics.min, str):
        return True
    place = bisect_left(asked, statistics.min)
    return place < len(asked) and asked[place] <= statistics.max


def _columns(schema: Any, table: IndicatorTable, where: str) -> dict[str, str]:
    """Return which column holds unit, period, indicator and each number."""
    mapped = table.columns
    names = {key: find_column(schema.names, mapped.get(key, key), where) for key in ("unit", "period")}
    if table.indicator is None:
        names["indicator"] = find_column(schema.names, mapped.get("indicator", "indicator"), where)
    present = {normalise_name(name) for name in schema.names}
    for key in NUMERIC:
        if key in mapped or key in present:
            names[key] = find_column(schema.names, mapped.get(key, key), where)
    if "value" not in names and not {"numerator", "denominator"} <= set(names):
        find_column(schema.names, mapped.get("value", "value"), where)
    problems = []
    for key in NUMERIC:
        kind = schema.field(names[key]).type if key in names else pa.float64()
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        if is_parquet(table) and not number:
            problems.append(f"{where}: column {names[key]!r} holds {kind}, not numbers")
    if "stratum" in mapped or "stratum" in present:
        problems.append(f"{where}: a batch run cannot tell strata apart; it needs a table without them")
    if problems:
        raise DataError(problems, "write the dataset anew with such columns")
    return names


def column_codes(read: Any, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """Return a column of a table of one chunk (or of none) as codes and texts."""
    column = read.column(name)
    if column.num_chunks == 0:
        return np.zeros(0, dtype=np.int64), []
    return coded(column.chunk(0))


def distinct_texts(array: Any) -> list[str]:
    """Return the stripped texts that occur in an array."""
    # the dictionary of an array may hold words that do not occur
    codes, texts = coded(pc.unique(array))
    return [texts[code] for code in codes]


def coded(array: Any) -> tuple[NDArray[np.int64], list[str]]:
    """Return an array as codes and stripped texts; what is missing has the text of nothing."""
    if not pa.types.is_dictionary(array.type):
        array = pc.dictionary_encode(pc.cast(array, pa.string()))
    texts = [str(text).strip() for text in array.dictionary.to_pylist()]
    codes = array.indices
    if codes.null_count:
        codes = codes.fill_null(len(texts))
        texts.append("")
    places = codes.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    distinct = list(dict.fromkeys(texts))
    if len(distinct) < len(texts):  # they differed by the spaces around them alone
        places = np.array([distinct.index(text) for text in texts])[places]
    return places, distinct


def numbers_of(column: Any) -> NDArray[np.float64]:
    """Return a column of numbers, NaN where missing."""
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


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
    schema = _schema(name)
    arrays = [_array(columns.get(key), schema.field(key).type, rows) for key in COLUMNS[name]]
    sink = pa.BufferOutputStream()
    # texts repeat, numbers hardly ever
    repeated = [item.name for item in schema if _is_text(item.type)]
    table = pa.Table.from_arrays(arrays, schema=schema)
    pq.write_table(table, sink, compression="snappy", use_dictionary=repeated)
    return bytes(sink.getvalue())


@cache
def _schema(name: str) -> Any:
    """Return types and metadata that pandas would write."""
    # of a row of blanks: without one, pandas 2 could not say that a column holds texts
    blank = make_table(name, [dict.fromkeys(COLUMNS[name])])
    return pa.Schema.from_pandas(blank, preserve_index=False)


def _is_text(kind: Any) -> bool:
    # pandas 2 writes texts as short strings, pandas 3 as large ones
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _array(column: Column, kind: Any, rows: int) -> Any:
    if isinstance(column, Texts):
        words = pa.array(list(column.words), kind)
        return words.take(pa.array(np.asarray(column.codes)))
    if isinstance(column, np.ndarray):
        array = pa.array(column)
        # a number that is not known is missing, as in the tables that are written whole
        return pc.cast(pc.if_else(pc.is_nan(array), None, array) if column.dtype.kind == "f" else array, kind)
    if column is None and _is_text(kind):
        column = ""
    return pa.repeat(pa.scalar(column, kind), rows)
