"""A sheet of cells with its origin, whether it came from a workbook or from a CSV file."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from its_eval.data.tables import MISSING_MARKS, number_hint, read_text
from its_eval.data.workbook import WORKBOOK_SUFFIXES, Workbook, cell_text, open_workbook
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path


NAN = float("nan")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Sheet:
    """Cells and where they come from.

    Attributes
    ----------
    file : str
        Name of the file.
    name : str
        Name of the sheet; empty for a CSV file.
    rows : sequence of sequences
        Cells from the first row on: text, numbers, dates, "" where empty.
    """

    file: str
    name: str
    rows: Sequence[Sequence[object]]

    def place(self, row: int, column: int | None = None) -> str:
        """Return in words where a cell is, or a whole row; both counted from 0.

        Examples
        --------
        >>> Sheet("a.xls", "Data", ()).place(16, 7)
        "a.xls, sheet 'Data', cell H17"
        """
        where = f"{self.file}, sheet {self.name!r}" if self.name else self.file
        if column is None:
            return f"{where}, row {row + 1}"
        if not self.name:
            return f"{where}, row {row + 1}, column {column + 1}"
        return f"{where}, cell {column_letters(column)}{row + 1}"


@dataclass(frozen=True)
class Source:
    """A file of which sheets can be read.

    Attributes
    ----------
    file : str
        Name of the file.
    sheets : tuple of str
        Names of the sheets; one empty name for a CSV file.
    visible : tuple of str
        Those that are not hidden.
    """

    file: str
    sheets: tuple[str, ...]
    visible: tuple[str, ...]
    _content: Workbook | Sequence[Sequence[object]]

    def sheet(self, name: str) -> Sheet:
        """Return a sheet."""
        cells = self._content.rows(name) if isinstance(self._content, Workbook) else self._content
        return Sheet(self.file, name, cells)


def open_source(path: Path) -> Source:
    """Open a workbook or a CSV file.

    Raises
    ------
    DataError
        When it is absent, damaged or something else.
    """
    if path.suffix.lower() in WORKBOOK_SUFFIXES:
        book = open_workbook(path)
        return Source(path.name, book.sheets, book.visible, book)
    if not path.name.lower().endswith((".csv", ".csv.gz", ".txt")):
        expected = f"one of .csv, .csv.gz, {', '.join(WORKBOOK_SUFFIXES)}"
        raise DataError(
            [f"{path}: {path.suffix or path.name!r} is no kind of file that is imported"], expected
        )
    try:
        rows = list(csv.reader(io.StringIO(read_text(path)), strict=True))
    except csv.Error as error:
        raise DataError([f"{path}: cannot be read as CSV: {error}"]) from None
    return Source(path.name, ("",), ("",), rows)


def column_letters(column: int) -> str:
    """Return the letters of a column as spreadsheets show them, counted from 0.

    Examples
    --------
    >>> column_letters(0), column_letters(26), column_letters(702)
    ('A', 'AA', 'AAA')
    """
    letters = ""
    rest = column + 1
    while rest:
        rest, place = divmod(rest - 1, 26)
        letters = _LETTERS[place] + letters
    return letters


def trimmed(cell: object) -> str:
    """Return a cell as text without blanks around it; a whole number has no decimals."""
    return cell.strip() if isinstance(cell, str) else cell_text(cell)


def to_number(cell: object, marks: Collection[str] = MISSING_MARKS) -> float:
    """Return a cell as a number, NaN for a mark of a missing or suppressed value.

    Raises
    ------
    ValueError
        When it is neither; the message says what to write instead.
    """
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        raise ValueError(f"{trimmed(cell)!r} is not a number")  # noqa: TRY004  (a fault of the data)
    if not isinstance(cell, str):
        return float(cell)
    text = cell.strip()
    if text in marks:
        return NAN
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number; {number_hint(text)}") from None
    if value - value != 0.0 or "_" in text:
        raise ValueError(f"{text!r} is not a number; {number_hint(text)}")
    return value
