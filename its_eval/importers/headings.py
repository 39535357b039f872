"""A sheet of cells with its origin: finding its header and the columns that a layout describes."""

from __future__ import annotations

import csv
import io
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct, field

from its_eval.config.settings import WORKBOOKS
from its_eval.data.numbers import MISSING_MARKS, number_hint
from its_eval.data.tables import nearest, normalise_name, read_text
from its_eval.data.workbook import Workbook, cell_text, open_workbook
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from its_eval.config.layouts import ColumnHeading, Layout


NAN = float("nan")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Sheet(Struct, frozen=True):
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


class Source(Struct, frozen=True):
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
    _read: dict[str, Sheet] = field(default_factory=dict)

    def sheet(self, name: str) -> Sheet:
        """Return a sheet; it is read once, however many layouts look at it."""
        if name not in self._read:
            cells = self._content.rows(name) if isinstance(self._content, Workbook) else self._content
            self._read[name] = Sheet(self.file, name, cells)
        return self._read[name]


def open_source(path: Path) -> Source:
    """Open a workbook or a CSV file.

    Raises
    ------
    DataError
        When it is absent, damaged or something else.
    """
    if path.suffix.lower() in WORKBOOKS:
        book = open_workbook(path)
        return Source(path.name, book.sheets, book.visible, book)
    if not path.name.lower().endswith((".csv", ".csv.gz", ".txt")):
        expected = f"one of .csv, .csv.gz, {', '.join(WORKBOOKS)}"
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


#: Where a header is looked for when it is not where the layout says.
_FARTHEST = 60
_NEW_LAYOUT = "look at it with `its-eval import --inspect FILE`; a layout of your own (--layout) can read it"


class NoHeaderError(DataError):
    """A file has nothing of what a layout is recognised by."""


class Header(Struct, frozen=True):
    """The header of one sheet.

    Attributes
    ----------
    row : int
        Its last row, counted from 0.
    first : int
        Its first row.
    columns : dict of str to int
        Position of each column of the layout.
    unknown : tuple of str
        Headings that the layout does not know, with their columns.
    """

    row: int
    first: int
    columns: dict[str, int]
    unknown: tuple[str, ...]


def find_header(sheet: Sheet, layout: Layout) -> Header:
    """Return the header of a sheet as the layout describes it.

    Raises
    ------
    DataError
        When there is none, when it stands elsewhere, or when its columns are others.
    """
    where = sheet.place(0).rpartition(", row")[0]
    first, row = _header_rows(sheet, layout, where)
    texts, over = _texts(sheet.rows[first : row + 1])
    if layout.header.over and first:
        over = _over(sheet.rows[first - 1], len(texts))
    names = tuple(map(normalise_name, texts))
    columns, unknown, missing, problems = _columns(_Recipe(layout), names, over)
    absent = [column for column in missing if column not in layout.optional]
    if absent:
        problems = (*problems, _absent(layout, absent, names))
    if problems:
        raise DataError([f"{where}: {problem}" for problem in problems], _NEW_LAYOUT)
    unknown = tuple(sorted({*unknown, *_untitled(sheet, row, names)}))
    written = [
        f"{_as_written(texts[column] if column < len(texts) else '')} (column {column_letters(column)})"
        for column in unknown
    ]
    if unknown and layout.unknown_columns == "refuse":
        what = f"{len(unknown)} column{'s' if len(unknown) > 1 else ''} that the layout does not know"
        raise DataError([f"{where}: {what}: {', '.join(written)}"], _NEW_LAYOUT)
    return Header(row, first, dict(columns), tuple(written))


def _texts(rows: Sequence[Sequence[object]]) -> tuple[list[str], tuple[str, ...]]:
    """Return the name of each column of a header of one or more rows, and the heading over it.

    The name is the lowest text of the column; above it stands what began at or before it.
    """
    width = max(map(len, rows))
    texts, over = [""] * width, [""] * width
    for cells in rows:
        reaching = _over(cells, width)
        for column in range(width):
            text = " ".join(trimmed(cells[column]).split()) if column < len(cells) else ""
            if text:
                over[column] = normalise_name(texts[column]) or over[column]
                texts[column] = text
            elif not texts[column]:
                over[column] = reaching[column]
    return texts, tuple(over)


def _header_rows(sheet: Sheet, layout: Layout, where: str) -> tuple[int, int]:
    """Return the first and the last row of the header."""
    first, last = layout.header.rows
    found = _marked(sheet, layout, first - 1, last)
    if found is not None:
        return found
    quoted = ", ".join(repr(mark[0]) for mark in layout.header.marks)
    expected = f"row {first}" if first == last else f"rows {first} to {last}"
    moved = _marked(sheet, layout, 0, _FARTHEST)
    if moved is not None:
        what = f"the header has moved: it stands in row {moved[1] + 1}; expected {expected}"
        raise DataError([f"{where}: {what}"], _NEW_LAYOUT)
    raise NoHeaderError([f"{where}: there is no header with {quoted} in {expected}"], _NEW_LAYOUT)


def _marked(sheet: Sheet, layout: Layout, start: int, end: int) -> tuple[int, int] | None:
    """Return the first and last row of the shortest block of rows that holds every mark."""
    marks = [{normalise_name(text) for text in mark} for mark in layout.header.marks]
    rows = [
        {normalise_name(cell) for cell in cells if isinstance(cell, str)} for cells in sheet.rows[start:end]
    ]
    every = set().union(*marks)
    for place in range(len(rows)):
        if not every & rows[place]:
            continue
        there: set[str] = set()
        for height, texts in enumerate(rows[place : place + layout.header.height]):
            there |= texts
            if all(mark & there for mark in marks):
                return start + place, start + place + height
    return None


def _absent(layout: Layout, columns: Sequence[str], names: Sequence[str]) -> str:
    """Return in one sentence which columns are not there, and where they may be."""
    headings = [layout.columns[column][0] for column in columns]
    offers = []
    for heading in headings:
        key = normalise_name(heading.name)
        elsewhere = [column_letters(place) for place, name in enumerate(names) if name == key]
        offers.append(f"under other headings it stands in {', '.join(elsewhere)}" if elsewhere else "")
    if len(headings) == 1:
        offer = offers[0] or nearest(headings[0].name, [name for name in names if name])
        return f"there is no column {_said(headings[0])}; {offer}"
    said = [
        f"{_said(heading)}{f' ({offer})' if offer else ''}"
        for heading, offer in zip(headings, offers, strict=True)
    ]
    there = "" if all(offers) else f"; there are: {', '.join(repr(name) for name in names if name)}"
    return f"there are no columns {', '.join(said)}{there}"


def _untitled(sheet: Sheet, header: int, names: Sequence[str]) -> list[int]:
    """Return the columns without a heading that hold a number beneath it; footnotes hold none.

    A line of a CSV file may be longer than the header, where a comma within a name is not in quotes.
    """
    below = sheet.rows[header + 1 :]
    blank = [place for place, name in enumerate(names) if not name]
    blank += range(len(names), max(map(len, below), default=0))
    return [place for place in blank if any(place < len(row) and _is_number(row[place]) for row in below)]


def _is_number(cell: object) -> bool:
    if isinstance(cell, str):
        return cell.strip().replace(".", "", 1).isdecimal()
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _as_written(cell: object) -> str:
    text = " ".join(trimmed(cell).split())
    return repr(text) if text else "one without a heading"


def _over(cells: Sequence[object], width: int) -> tuple[str, ...]:
    """Return the heading over each column: it stands over its first column and reaches to the next one."""
    above, current = [], ""
    for column in range(width):
        current = (normalise_name(trimmed(cells[column])) if column < len(cells) else "") or current
        above.append(current)
    return tuple(above)


class _Recipe:
    """A layout as a key of the cache: one object per layout, compared by identity."""

    __slots__ = ("layout",)

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def __hash__(self) -> int:
        return id(self.layout)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Recipe) and other.layout is self.layout


@lru_cache(maxsize=64)
def _columns(
    recipe: _Recipe, names: tuple[str, ...], over: tuple[str, ...]
) -> tuple[tuple[tuple[str, int], ...], tuple[int, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the columns found, the unknown and the missing ones, and what is wrong.

    It is the same for files with equal headers.
    """
    layout = recipe.layout
    columns: list[tuple[str, int]] = []
    problems: list[str] = []
    missing: list[str] = []
    expected: set[int] = set()
    for column, headings in layout.columns.items():
        matches = sorted({place for heading in headings for place in _places(heading, names, over)})
        expected.update(matches)
        if len(matches) == 1:
            columns.append((column, matches[0]))
        elif matches:
            letters = ", ".join(column_letters(place) for place in matches)
            problems.append(
                f"{len(matches)} columns are headed {_said(headings[0])} ({letters}); expected one"
            )
        else:
            missing.append(column)
    for heading in layout.other_columns:
        expected.update(_places(heading, names, over))
    unknown = tuple(place for place, name in enumerate(names) if name and place not in expected)
    return tuple(columns), unknown, tuple(missing), tuple(problems)


def _places(heading: ColumnHeading, names: Sequence[str], over: Sequence[str]) -> list[int]:
    key, group = normalise_name(heading.name), normalise_name(heading.under or "")
    return [place for place, name in enumerate(names) if name == key and (not group or over[place] == group)]


def _said(heading: ColumnHeading) -> str:
    return f"{heading.name!r}" + (f" under {heading.under!r}" if heading.under else "")


def choose_sheet(source: Source, layout: Layout) -> tuple[Sheet, Header]:
    """Return the sheet that the layout names, or the only visible one with the header, and its header.

    Raises
    ------
    DataError
        When there is none, or there are several.
    """
    if layout.sheet and source.sheets != ("",):
        key = {normalise_name(name) for name in layout.sheet}
        named = [name for name in source.sheets if normalise_name(name) in key]
        if not named:
            names = " or ".join(repr(name) for name in layout.sheet)
            offer = nearest(layout.sheet[0], source.visible)
            raise NoHeaderError([f"{source.file}: there is no sheet {names}; {offer}"], _NEW_LAYOUT)
        sheet = source.sheet(named[0])
        return sheet, find_header(sheet, layout)
    fitting: list[tuple[Sheet, Header]] = []
    refused: list[DataError] = []
    for name in source.visible:
        sheet = source.sheet(name)
        try:
            fitting.append((sheet, find_header(sheet, layout)))
        except DataError as error:
            refused.append(error)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(repr(sheet.name) for sheet, _ in fitting)
        raise DataError(
            [f"{source.file}: {len(fitting)} sheets have the header: {names}; expected one"],
            "name the sheet in a layout of your own (`sheet:`), given with --layout",
        )
    if len(refused) == 1:
        raise refused[0]
    marks = ", ".join(repr(mark[0]) for mark in layout.header.marks)
    raise NoHeaderError([f"{source.file}: no sheet has a header with {marks}"], _NEW_LAYOUT)
