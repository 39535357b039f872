"""Indicator tables that are Parquet datasets, read a few outcomes at a time instead of whole.

Only columns that are needed are read, and row groups whose statistics say that they hold none of the wanted
indicators are skipped. Codes and periods stay whole numbers until something is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.config.settings import is_url, url_text
from its_eval.data.periods import format_period, parse_period
from its_eval.data.tables import find_column, nearest, normalise_name
from its_eval.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import DataSettings, IndicatorTable

_NUMERIC = ("value", "numerator", "denominator")


@dataclass(frozen=True)
class Survey:
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


@dataclass(frozen=True)
class CodedRows:
    """Rows of some indicators, codes as whole numbers.

    Attributes
    ----------
    units : tuple of str
        Sorted; the codes of `frame` are places in it.
    by_indicator : mapping of str to DataFrame
        Columns unit (code), period (ordinal), value, numerator, denominator (NaN when missing).
    """

    units: tuple[str, ...]
    by_indicator: Mapping[str, pd.DataFrame]


def fragment_files(settings: DataSettings) -> list[tuple[str, int]]:
    """Return name and size of every file of every indicator table, in a fixed order."""
    found = []
    for table in settings.indicators:
        dataset, _ = _open(table, settings)
        for fragment in dataset.get_fragments():
            found.append((fragment.path, dataset.filesystem.get_file_info(fragment.path).size))
    return sorted(set(found))


def survey(settings: DataSettings, wanted: Sequence[str]) -> Survey:
    """Return which units and indicators the tables hold, reading these two columns alone.

    Parameters
    ----------
    settings : DataSettings
        The tables, all Parquet.
    wanted : sequence of str
        Indicators that will be evaluated.

    Raises
    ------
    DataError
        When a table is not there, cannot be read, or lacks a column.
    """
    rows, asked = 0, frozenset(wanted)
    indicators: set[str] = set()
    units: set[str] = set()
    wanted_units: set[str] = set()
    problems: list[str] = []
    for table in settings.indicators:
        try:
            dataset, names = _open(table, settings)
        except DataError as error:
            problems += error.problems
            continue
        rows += dataset.count_rows()
        columns = {key: _field(names[key]) for key in ("unit", "indicator") if key in names}
        for batch in dataset.scanner(columns=columns).to_batches():
            if not batch.num_rows:
                continue
            codes, texts = _coded(batch.column("unit"))
            present = np.bincount(codes, minlength=len(texts)) > 0
            units |= {texts[place] for place in np.flatnonzero(present)}
            if table.indicator is not None:
                named, concerned = {table.indicator}, table.indicator in asked
                chosen = present if concerned else np.zeros_like(present)
            else:
                kinds, labels = _coded(batch.column("indicator"))
                named = {labels[place] for place in np.unique(kinds)}
                keep = np.array([label in asked for label in labels])
                chosen = present if keep.all() else np.bincount(codes[keep[kinds]], minlength=len(texts)) > 0
            indicators |= named
            wanted_units |= {texts[place] for place in np.flatnonzero(chosen)}
    if problems:
        raise DataError(problems, "check the paths and columns under data.indicators")
    return Survey(rows, tuple(sorted(indicators)), tuple(sorted(units)), tuple(sorted(wanted_units)))


def read_indicators(settings: DataSettings, wanted: Sequence[str]) -> CodedRows:
    """Read all rows of some indicators.

    Raises
    ------
    DataError
        With every period that cannot be read, every blank code, and every row that stands twice.
    """
    parts, problems = [], []
    for table in settings.indicators:
        part, faults = _read_table(table, settings, wanted)
        parts.append(part)
        problems += faults
    frame = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    units, frame["unit"] = _ranked(frame["unit"])
    labels, kinds = _ranked(frame["indicator"])
    order = np.argsort(kinds, kind="stable")
    edges = np.searchsorted(kinds[order], np.arange(len(labels) + 1))
    frame = frame[["unit", "period", *_NUMERIC]].take(order)
    by_indicator = {
        label: frame.iloc[edges[place] : edges[place + 1]] for place, label in enumerate(labels)
    }
    for label, rows in by_indicator.items():
        problems += _repeated(label, rows, units, settings.frequency)
    if problems:
        raise DataError(problems)
    return CodedRows(units, by_indicator)


def _read_table(
    table: IndicatorTable, settings: DataSettings, wanted: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of one table with codes as categories, and what was wrong with them."""
    dataset, names = _open(table, settings)
    condition = None
    if table.indicator is None:
        condition = _field(names["indicator"]).isin(list(wanted))
    elif table.indicator not in wanted:
        condition = _literal(value=False)
    columns = {key: _field(name) for key, name in names.items()}
    read = dataset.to_table(columns=columns, filter=condition).unify_dictionaries().combine_chunks()
    where = url_text(table.path)
    problems: list[str] = []
    frame: dict[str, Any] = {}
    for key in ("unit", "indicator"):
        if key not in names:
            frame[key] = pd.Categorical.from_codes(np.zeros(read.num_rows, dtype=int), [table.indicator])
            continue
        codes, texts = _column(read, key)
        if "" in texts and (codes == texts.index("")).any():
            problems.append(f"{where}: {int((codes == texts.index('')).sum())} rows have no {key}")
        frame[key] = pd.Categorical.from_codes(codes, texts)
    codes, texts = _column(read, "period")
    ordinals = np.zeros(len(texts), dtype=np.int64)
    for place in np.unique(codes):
        try:
            ordinals[place] = parse_period(texts[place], settings.frequency, table.dates)
        except ValueError as error:
            problems.append(f"{where}: period {error}")
    frame["period"] = ordinals[codes]
    for key in _NUMERIC:
        frame[key] = _numbers(read.column(key)) if key in names else np.full(read.num_rows, np.nan)
    return pd.DataFrame(frame), problems


def _open(table: IndicatorTable, settings: DataSettings) -> tuple[Any, dict[str, str]]:
    """Return a dataset and which of its columns holds what."""
    import pyarrow as pa  # noqa: PLC0415  (loaded only for Parquet: start-up time)
    import pyarrow.dataset as ds  # noqa: PLC0415

    where = url_text(table.path)
    source, filesystem = str(table.path), None
    if is_url(table.path):
        from fsspec.core import url_to_fs  # noqa: PLC0415  (only for URLs)

        filesystem, source = url_to_fs(where)
    try:
        found = ds.dataset(source, filesystem=filesystem, format="parquet", partitioning="hive")
        names = _columns(found.schema, table, where)
        kept = [name for key, name in names.items() if key not in _NUMERIC]
        texts = [name for name in kept if pa.types.is_string(found.schema.field(name).type)]
        options = ds.ParquetReadOptions(dictionary_columns=texts)
        found = ds.dataset(
            source,
            filesystem=filesystem,
            format=ds.ParquetFileFormat(read_options=options),
            partitioning="hive",
        )
    except FileNotFoundError:
        raise DataError([f"{where}: there is no such file"]) from None
    except (pa.ArrowException, OSError, ImportError) as error:
        raise DataError([f"{where}: cannot be read as Parquet: {error}"]) from None
    return found, names


def _columns(schema: Any, table: IndicatorTable, where: str) -> dict[str, str]:
    """Return which column holds unit, period, indicator and each number."""
    import pyarrow as pa  # noqa: PLC0415

    mapped = table.columns
    names = {key: find_column(schema.names, mapped.get(key, key), where) for key in ("unit", "period")}
    if table.indicator is None:
        names["indicator"] = find_column(schema.names, mapped.get("indicator", "indicator"), where)
    present = {normalise_name(name) for name in schema.names}
    for key in _NUMERIC:
        if key in mapped or key in present:
            names[key] = find_column(schema.names, mapped.get(key, key), where)
    if "value" not in names and not {"numerator", "denominator"} <= set(names):
        find_column(schema.names, mapped.get("value", "value"), where)
    problems = []
    for key in _NUMERIC:
        kind = schema.field(names[key]).type if key in names else pa.float64()
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            problems.append(f"{where}: column {names[key]!r} holds {kind}, not numbers")
    if "stratum" in mapped or "stratum" in present:
        problems.append(f"{where}: a batch run cannot tell strata apart; it needs a table without them")
    if problems:
        raise DataError(problems, "write the dataset anew with such columns")
    return names


def _field(name: str) -> Any:
    import pyarrow.compute as pc  # noqa: PLC0415

    return pc.field(name)


def _literal(*, value: bool) -> Any:
    import pyarrow.compute as pc  # noqa: PLC0415

    return pc.scalar(value)


def _column(read: Any, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """Return a column of a table of one chunk (or of none) as codes and texts."""
    column = read.column(name)
    if column.num_chunks == 0:
        return np.zeros(0, dtype=np.int64), []
    return _coded(column.chunk(0))


def _coded(array: Any) -> tuple[NDArray[np.int64], list[str]]:
    """Return an array as codes and stripped texts; what is missing has the text of nothing."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

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


def _numbers(column: Any) -> NDArray[np.float64]:
    import pyarrow as pa  # noqa: PLC0415

    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _ranked(column: pd.Series) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the texts that occur in a column of categories, sorted, and each row's place among them."""
    categories = column.astype("category").cat
    codes = categories.codes.to_numpy()
    used = np.flatnonzero(np.bincount(codes, minlength=len(categories.categories)))
    texts = np.array([str(categories.categories[place]) for place in used], dtype=object)
    order = np.argsort(texts)
    rank = np.zeros(len(categories.categories), dtype=np.int64)
    rank[used[order]] = np.arange(len(used))
    return tuple(texts[order]), rank[codes]


def _repeated(label: str, rows: pd.DataFrame, units: tuple[str, ...], frequency: str) -> Iterator[str]:
    """Yield a message for every unit and period that stands more than once."""
    period, unit = rows["period"].to_numpy(), rows["unit"].to_numpy()
    first = int(period.min())
    length = int(period.max()) - first + 1
    counts = np.bincount(unit * length + period - first)
    for place in np.flatnonzero(counts > 1):
        shown = format_period(first + int(place) % length, frequency)
        yield f"{label}, {units[int(place) // length]}, {shown} stands {counts[place]} times; keep one row"


def unknown_indicator(label: str, known: Survey) -> str:
    """Return what to say about an outcome that no table has rows of."""
    return f"outcome {label!r}: the data have no such indicator; {nearest(label, known.indicators)}"
