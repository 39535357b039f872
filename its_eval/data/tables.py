"""Tables as text from CSV, Excel and Parquet, and their columns by name or role."""

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
from msgspec import Struct

from its_eval.config.settings import WORKBOOKS
from its_eval.data.workbook import cell_text, open_workbook
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    import pyarrow as pa


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


class Reading(Struct, frozen=True):
    """How a file is read.

    Attributes
    ----------
    sheet : str or None
        Sheet of a workbook; None for the only visible one with anything on it.
    header_row : int
        Row of the names of the columns, from 1.
    delimiter, encoding : str
        Of a text file.
    keyed : bool
        Whether a config says so, whose keys messages then name.
    """

    sheet: str | None = None
    header_row: int = 1
    delimiter: str = ","
    encoding: str = "utf-8"
    keyed: bool = False

    def key(self, name: str, value: object) -> str:
        """Return which key to set, for a message; nothing where there are no keys."""
        return f"set `{name}: {value}`, or " if self.keyed else ""


PLAIN = Reading()


def read_table(path: Path, how: Reading = PLAIN) -> pd.DataFrame:
    """Read a table: text cells, blank for missing; typed numbers of a Parquet file stay numbers.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.csv.gz``, ``.xlsx`` or another workbook (its only visible sheet), or ``.parquet`` (a
        file or a folder of them).
    how : Reading
        Sheet, row of the header, delimiter and encoding.

    Returns
    -------
    DataFrame
        The index is the row number of the file as a reader counts it (CSV and Excel: the header is
        row 1).

    Raises
    ------
    DataError
        When the file is absent, empty, in another encoding or not a table.
    """
    require_file(path)
    if path.suffix == ".parquet" or path.is_dir():
        frame = _read_parquet(path)
    else:
        read = _read_workbook if path.suffix.lower() in WORKBOOKS else _read_csv
        frame = _table_of(read(path, how), how.header_row)
        _require_cells(frame, path, how)
    if frame.empty:
        raise DataError([f"{path}: the table has no rows"])
    return frame


#: What to do about a file that is not there.
NO_FILE = "check the path; in a config it is relative to the config"


def require_file(path: Path, hint: str = NO_FILE) -> None:
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


def read_text(path: Path, how: Reading = PLAIN) -> str:
    """Return the text of a file, packed or not, without its byte-order mark.

    Raises
    ------
    DataError
        When it cannot be read, is empty or is in another encoding.
    """
    return decoded(path, read_bytes(path), how)


def read_bytes(path: Path) -> bytes:
    """Return what a text file holds, unpacked.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.name.lower().endswith(".gz") else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError([f"{path}: cannot be read as CSV: {error}"]) from None


def decoded(path: Path, raw: bytes, how: Reading) -> str:
    """Return the text that bytes of a file are, without its byte-order mark.

    Raises
    ------
    DataError
        When they are none, or in another encoding.
    """
    try:
        text = raw.decode(how.encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        raise _undecoded(path, raw, how, getattr(error, "start", 0)) from None
    if not text.strip():
        raise DataError([f"{path}: the file is empty"])
    return text


def _undecoded(path: Path, raw: bytes, how: Reading, start: int) -> DataError:
    """Return the error of a text in another encoding, with the likely one."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        what, likely = "it begins with the mark of UTF-16", "utf-16"
    else:
        line, likely = raw.count(b"\n", 0, start) + 1, "cp1252"
        name = "UTF-8" if how.encoding == "utf-8" else how.encoding
        what = f"line {line} is not {name} text (byte 0x{raw[start]:02x})"
    key = how.key("encoding", likely)
    program = "; from a Windows program it is often in the encoding cp1252" if likely == "cp1252" else ""
    return DataError([f"{path}: {what}"], f"{key}save the file as CSV UTF-8{program}")


def _read_csv(path: Path, how: Reading) -> pd.DataFrame:
    try:
        # the header is read as a row like the others: pandas would rename the second of two equal names
        text = read_text(path, how)
        # what stands above the header has other numbers of cells
        lines = text.split("\n", how.header_row - 1)
        _require_row(path, how, len(lines))
        text = lines[-1]
        if _BLANK_LINE.match(text):
            raise DataError(
                [f"{path}: line {how.header_row} is blank; expected the names of the columns"],
                how.key("header_row", "N") + "remove what stands above the header",
            )
        return pd.read_csv(
            io.StringIO(text),
            sep=how.delimiter,
            dtype=str,
            keep_default_na=False,
            header=None,
            skip_blank_lines=False,
        ).fillna("")
    except pd.errors.ParserError as error:
        hint = "put a cell that holds a comma in quotes"
        if how.keyed:
            hint += "; or name the row of the header (`header_row`) or the delimiter (`delimiter: ';'`)"
        raise DataError([f"{path}: {_csv_fault(str(error))}"], hint) from None


def _table_of(cells: pd.DataFrame, header_row: int) -> pd.DataFrame:
    """Return cells with their first row as header, without blank rows and nameless columns of nothing."""
    names, frame = cells.iloc[0], cells.iloc[1:]
    frame.columns = [str(name).strip() for name in names]
    frame.index = pd.RangeIndex(header_row + 1, header_row + 1 + len(frame))
    frame = frame[(frame != "").any(axis=1)]
    # a comma at the end of every line, as spreadsheets write it, makes a column of nothing
    return frame.loc[
        :,
        [bool(name) or bool((frame.iloc[:, place] != "").any()) for place, name in enumerate(frame.columns)],
    ]


def _require_row(path: Path, how: Reading, rows: int) -> None:
    if rows < how.header_row:
        raise DataError([f"{path}: there is no row {how.header_row} for the header; it has {rows}"])


def _require_cells(frame: pd.DataFrame, path: Path, how: Reading) -> None:
    """Refuse a table of one column whose name holds another delimiter."""
    name = str(frame.columns[0]) if len(frame.columns) == 1 else ""
    for mark, called, key in ((";", "semicolons", "';'"), ("\t", "tabulators", "tab")):
        if mark in name and how.delimiter != mark:
            comma = frame.iloc[:, 0].str.contains(r"\d,\d", regex=True).any()
            also = " and `decimal: ','`" if comma and how.keyed else ""
            hint = (
                f"set `delimiter: {key}`{also}, or save it with commas"
                if how.keyed
                else "save it with commas"
            )
            raise DataError([f"{path}: its cells are separated by {called}, not by commas"], hint)


def _read_workbook(path: Path, how: Reading) -> pd.DataFrame:
    book = open_workbook(path)
    if how.sheet is not None and how.sheet not in book.sheets:
        raise DataError([f"{path}: there is no sheet {how.sheet!r}; {nearest(how.sheet, book.sheets)}"])
    sheets = {name: book.rows(name) for name in ([how.sheet] if how.sheet is not None else book.visible)}
    filled = {name: rows for name, rows in sheets.items() if any(any(map(_is_filled, row)) for row in rows)}
    if not filled:
        raise DataError([f"{path}: the file is empty"])
    if len(filled) > 1:
        sheet_names = ", ".join(repr(name) for name in filled)
        raise DataError(
            [f"{path}: {len(filled)} sheets hold something: {sheet_names}; expected one table"],
            how.key("sheet", "NAME") + "keep the table in a workbook of its own, or hide the other sheets",
        )
    (rows,) = filled.values()
    _require_row(path, how, len(rows))
    rows = rows[how.header_row - 1 :]
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
        # one file is read without loading what reads folders of them
        read = pq.read_table if path.is_dir() else _read_file
        frame = read(path).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise DataError([f"{path}: cannot be read as Parquet: {error}"]) from None
    # what was the index of a data frame when it was saved is a column like the others
    frame = frame.reset_index([name for name in frame.index.names if name is not None])
    rows = pd.RangeIndex(1, len(frame) + 1)
    return pd.DataFrame({name: _text_or_number(frame[name]).set_axis(rows) for name in frame.columns})


def _read_file(path: Path) -> pa.Table:
    import pyarrow.parquet as pq  # noqa: PLC0415  (as above)

    with pq.ParquetFile(path) as file:
        return file.read()


def _text_or_number(column: pd.Series) -> pd.Series:
    """Keep numbers as numbers (a Parquet file knows its types); everything else becomes text."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column
    return column.astype("string").fillna("").astype(str)


class Role(Struct, frozen=True):
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
