"""Tables as text from CSV, Excel and Parquet: columns by name or role, and cells as numbers."""

from __future__ import annotations

import difflib
import gzip
import io
import re
import stat
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.data.workbook import WORKBOOK_SUFFIXES, cell_text, open_workbook
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray


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
    first = ", ".join(repr(candidate) for candidate in names[:12])
    return f"there are: {first}{', …' if len(names) > 12 else ''}" if names else "there are none"


def find_column(columns: Iterable[Hashable], asked: str, where: str) -> str:
    """Return the column whose name matches, ignoring case and repeated spaces.

    Raises
    ------
    DataError
        When no column or more than one matches; the nearest names are offered.
    """
    names = [str(name) for name in columns]
    key = normalise_name(asked)
    matches = [name for name in names if normalise_name(name) == key]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise DataError([f"{where}: {len(matches)} columns are called {asked!r}; expected one"])
    raise DataError([f"{where}: there is no column {asked!r}; {nearest(asked, names)}"])


def code_column(path: Path) -> str:
    """Return the column of unit codes of a table where none is named: ``unit``, else the first one."""
    names = [str(name) for name in read_table(path).columns]
    return next((name for name in names if normalise_name(name) == "unit"), names[0])


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
        sheet_names = ", ".join(repr(name) for name in filled)
        raise DataError(
            [f"{path}: {len(filled)} sheets hold something: {sheet_names}; expected one table"],
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


_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")
#: Larger numbers are no measurements, and their squares leave the range of double precision.
LARGEST = 1e50
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+$")
#: Longer cells are no slip of a number; hints that repeat them would be as long.
_LONGEST_NUMBER = 60
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def number_hint(text: str) -> str:
    """Return what to change so that a text becomes a number.

    Examples
    --------
    >>> number_hint("35,744")
    'write 35744: thousands separators are not read'
    """
    stripped = text.strip()
    short = len(stripped) <= _LONGEST_NUMBER
    if short and stripped.endswith("%"):
        return f"write {stripped[:-1].strip()}: leave out the per cent sign"
    if short and _THOUSANDS.match(stripped):
        return f"write {stripped.replace(',', '')}: thousands separators are not read"
    if short and _DECIMAL_COMMA.match(stripped):
        return f"write {stripped.replace(',', '.')}: the decimal mark is a point"
    if re.fullmatch(r"[+-]?(inf|infinity)", stripped, re.IGNORECASE):
        return "an infinite value cannot be used; leave the cell blank when it is not known"
    if _NUMBER.fullmatch(stripped):
        return f"a number beyond {LARGEST:g} cannot be used; leave the cell blank when it is not known"
    return "write digits with a decimal point, or leave the cell blank when it is not known"


def to_numbers(column: pd.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Convert a column to floats.

    Returns
    -------
    values : ndarray of float
        NaN where missing or not a number.
    faulty : ndarray of bool
        True where the cell holds something that is neither a number of at most `LARGEST` nor a mark for
        missing.
    """
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        # a missing value compares as false
        useless = np.abs(values) > LARGEST
        return np.where(useless, np.nan, values), useless
    text = column.str.strip()
    missing = text.isin(MISSING_MARKS).to_numpy()
    values = np.array(pd.to_numeric(text.where(~missing, "nan"), errors="coerce"), dtype=np.float64)
    faulty = ~missing & ~(np.abs(values) <= LARGEST)
    values[faulty | missing] = np.nan
    return values, faulty


def read_numbers(
    raw: pd.DataFrame, column: str, where: object, problems: list[str], blank: str = ""
) -> pd.Series[float]:
    """Return a column as numbers, and add a sentence to the problems for every cell that is none.

    Parameters
    ----------
    raw : DataFrame
        Cells, the rows numbered as a reader counts them.
    column : str
        Which column.
    where : object
        The file, for messages.
    problems : list of str
        What was wrong so far.
    blank : str
        Why a blank cell is a fault too; none by default.
    """
    values, faulty = to_numbers(raw[column])
    problems += [
        f"{where}: row {row}, column {column!r}: {text!r} is not a number; {number_hint(str(text))}"
        for row, text in raw.loc[faulty, column].items()
    ]
    if blank:
        absent = raw.index[np.isnan(values) & ~faulty]
        problems += [f"{where}: row {row}, column {column!r}: {blank}, but blank" for row in absent]
    return pd.Series(values, index=raw.index)


@dataclass(frozen=True)
class Role:
    """What a column can be for.

    Attributes
    ----------
    name : str
        Name of the role.
    aliases : tuple of str
        Column names by which it is recognised, besides its own, in order of preference.
    required : bool
        Whether a table without it cannot be used.
    """

    name: str
    aliases: tuple[str, ...] = ()
    required: bool = False


def assign_columns(
    columns: Iterable[object], roles: Sequence[Role], given: Mapping[str, str], where: str
) -> tuple[dict[str, str], list[str]]:
    """Return the column of every role that the table has, and all that is wrong with the columns.

    Parameters
    ----------
    columns : iterable
        Column names of the table.
    roles : sequence of Role
        Roles wanted.
    given : mapping of str to str
        Columns that the caller names, by role; each has to be there.
    where : str
        The file, for messages.

    Returns
    -------
    assigned : dict of str to str
        Column by role.
    problems : list of str
        A sentence each; columns are compared ignoring case, repeated spaces, and ``_`` for a space.
    """
    names = [str(name) for name in columns]
    by_name = {role.name: role for role in roles}
    problems = [
        f"{where}: there is no role {name!r} for a column; {nearest(name, by_name)}"
        for name in given
        if name not in by_name
    ]
    assigned: dict[str, str] = {}
    for role in roles:
        matches = _matches(names, role, given)
        named = given.get(role.name)
        if len(matches) == 1:
            assigned[role.name] = matches[0]
        elif matches:
            problems.append(f"{where}: {len(matches)} columns are called {matches[0]!r}; expected one")
        elif named is not None:
            problems.append(f"{where}: there is no column {named!r}; {nearest(named, names)}")
        elif role.required:
            usual = ", ".join(repr(alias) for alias in (role.name, *role.aliases))
            near = nearest(role.name, names)
            problems.append(f"{where}: no column is recognised as {role.name} (usual names: {usual}); {near}")
    problems += _shared(assigned, where)
    return assigned, problems


def _matches(names: Sequence[str], role: Role, given: Mapping[str, str]) -> list[str]:
    """Return the columns with the name wanted, or with the first usual name that the table has."""
    candidates = [given[role.name]] if role.name in given else [role.name, *role.aliases]
    for candidate in candidates:
        matches = [name for name in names if _key(name) == _key(candidate)]
        if matches:
            return matches
    return []


def _key(name: str) -> str:
    return normalise_name(name.replace("_", " "))


def _shared(assigned: Mapping[str, str], where: str) -> list[str]:
    """Return a sentence for every column that would have to play two roles."""
    by_column: dict[str, list[str]] = {}
    for role, column in assigned.items():
        by_column.setdefault(column, []).append(role)
    return [
        f"{where}: column {column!r} is taken for {' and '.join(players)}; expected a column for each"
        for column, players in by_column.items()
        if len(players) > 1
    ]
