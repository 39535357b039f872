"""Reading CSV, Excel and Parquet tables as text, and finding columns by name."""

from __future__ import annotations

import difflib
import gzip
import io
import re
import stat
import zlib
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from its_eval.data.workbook import WORKBOOK_SUFFIXES, cell_text, open_workbook
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

#: Cells that mean "not known": blank, or a publisher's mark for suppressed. Never read as zero.
MISSING_MARKS = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "*", "-", "..", ":"})

_BLANK_LINE = re.compile(r"[ \t]*[\r\n]")


@lru_cache(maxsize=4096)
def normalise_name(name: str) -> str:
    """Return a column or variable name as it is compared: case and repeated spaces ignored."""
    return " ".join(str(name).split()).casefold()


def nearest(name: str, valid: Iterable[str], count: int = 3) -> str:
    """Return a phrase that offers the nearest valid names, or the first few when none is near."""
    names = list(valid)
    by_key = {normalise_name(candidate): candidate for candidate in names}
    close = difflib.get_close_matches(normalise_name(name), list(by_key), n=count, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(by_key[key]) for key in close) + "?"
    shown = ", ".join(repr(candidate) for candidate in names[:12])
    return f"there are: {shown}{', …' if len(names) > 12 else ''}" if names else "there are none"


def find_column(columns: Iterable[Hashable], wanted: str, where: str) -> str:
    """Return the column whose name matches, ignoring case and repeated spaces.

    Raises
    ------
    DataError
        When no column or more than one matches; the nearest names are offered.
    """
    names = [str(name) for name in columns]
    key = normalise_name(wanted)
    matches = [name for name in names if normalise_name(name) == key]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise DataError([f"{where}: {len(matches)} columns are called {wanted!r}; expected one"])
    raise DataError([f"{where}: there is no column {wanted!r}; {nearest(wanted, names)}"])


def require_distinct(columns: Iterable[Hashable], where: str) -> None:
    """Check that no two columns have the same name, for tables of which every column is used.

    Raises
    ------
    DataError
        Naming each repeated column.
    """
    counts = Counter(str(name) for name in columns)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise DataError(
            [f"{where}: {counts[name]} columns are called {name!r}; expected one" for name in repeated]
        )


def read_table(path: Path) -> pd.DataFrame:
    """Read a table: text cells, blank for missing; typed numbers of a Parquet file stay numbers.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.csv.gz``, ``.xlsx`` or another workbook (its only visible sheet), or ``.parquet`` (a
        file or a folder of them).

    Returns
    -------
    DataFrame
        The index is the row number of the file as a reader counts it (CSV and Excel: the header is
        row 1).

    Raises
    ------
    DataError
        When the file is absent, empty, not in UTF-8 or not a table.
    """
    require_file(path)
    if path.suffix == ".parquet" or path.is_dir():
        frame = _read_parquet(path)
    else:
        read = _read_workbook if path.suffix.lower() in WORKBOOK_SUFFIXES else _read_csv
        frame = _table_of(read(path))
    if frame.empty:
        raise DataError([f"{path}: the table has no rows"])
    return frame


def require_file(path: Path, hint: str = "check the path; in a config it is relative to the config") -> None:
    """Check that there is a table to read: a file, or a folder of Parquet files.

    Parameters
    ----------
    path : Path
        The table.
    hint : str
        What to do when there is no such file.

    Raises
    ------
    DataError
        When there is none, or something else: reading a named pipe would never end.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise DataError([f"{path}: there is no such file"], hint) from None
    except OSError as error:
        raise DataError([f"{path}: cannot be read: {error.strerror}"]) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise DataError([f"{path}: neither a file nor a folder"])


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, with or without a byte-order mark, packed or not.

    Raises
    ------
    DataError
        When it cannot be read, is empty or is in another encoding.
    """
    try:
        raw = path.read_bytes()
        if path.name.lower().endswith(".gz"):
            raw = gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError([f"{path}: cannot be read as CSV: {error}"]) from None
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            [f"{path}: line {line} is not UTF-8 text (byte 0x{raw[error.start]:02x})"],
            "save the file as CSV UTF-8; from a Windows program it is often in the encoding cp1252",
        ) from None
    if not text.strip():
        raise DataError([f"{path}: the file is empty"])
    return text


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        # the header is read as a row like the others: pandas would rename the second of two equal names
        text = read_text(path)
        if _BLANK_LINE.match(text):
            raise DataError(
                [f"{path}: line 1 is blank; expected the names of the columns"],
                "remove what stands above the header",
            )
        return pd.read_csv(
            io.StringIO(text),
            dtype=str,
            keep_default_na=False,
            header=None,
            skip_blank_lines=False,
        )
    except pd.errors.ParserError as error:
        raise DataError(
            [f"{path}: {_csv_fault(str(error))}"], "put a cell that holds a comma in quotes"
        ) from None


def _table_of(cells: pd.DataFrame) -> pd.DataFrame:
    """Return cells with the first row as header, without blank rows and nameless columns of nothing."""
    names, frame = cells.iloc[0], cells.iloc[1:]
    frame.columns = [str(name).strip() for name in names]
    frame.index = pd.RangeIndex(2, len(frame) + 2)
    frame = frame[(frame != "").any(axis=1)]
    # a comma at the end of every line, as spreadsheets write it, makes a column of nothing
    return frame.loc[
        :,
        [bool(name) or bool((frame.iloc[:, place] != "").any()) for place, name in enumerate(frame.columns)],
    ]


def _read_workbook(path: Path) -> pd.DataFrame:
    book = open_workbook(path)
    sheets = {name: book.rows(name) for name in book.visible}
    filled = {name: rows for name, rows in sheets.items() if any(any(map(_is_filled, row)) for row in rows)}
    if not filled:
        raise DataError([f"{path}: the file is empty"])
    if len(filled) > 1:
        shown = ", ".join(repr(name) for name in filled)
        raise DataError(
            [f"{path}: {len(filled)} sheets hold something: {shown}; expected one table"],
            "keep the table in a workbook of its own, or hide the other sheets",
        )
    (rows,) = filled.values()
    return pd.DataFrame([[cell_text(cell) for cell in row] for row in rows], dtype=str)


def _is_filled(cell: object) -> bool:
    return cell not in ("", None)


def _csv_fault(message: str) -> str:
    """Return pandas' message about a malformed CSV in plain words."""
    if match := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message):
        return f"line {match[2]} has {match[3]} cells where the lines above have {match[1]}"
    return f"cannot be read as CSV: {message.strip()}"


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa  # noqa: PLC0415  (loaded only for Parquet: start-up time)
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        frame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise DataError([f"{path}: cannot be read as Parquet: {error}"]) from None
    # what was the index of a data frame when it was saved is a column like the others
    frame = frame.reset_index([name for name in frame.index.names if name is not None])
    rows = pd.RangeIndex(1, len(frame) + 1)
    return pd.DataFrame({name: _text_or_number(frame[name]).set_axis(rows) for name in frame.columns})


def _text_or_number(column: pd.Series) -> pd.Series:
    """Keep numbers as numbers (a Parquet file knows its types); everything else becomes text."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column
    return column.astype("string").fillna("").astype(str)
