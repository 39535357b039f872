"""Opening a file of one's own: its sheet, row of the header, delimiter, decimal mark and encoding."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct, field

from its_eval.config.settings import WORKBOOKS
from its_eval.data.tables import Reading, decoded, nearest, read_bytes
from its_eval.data.workbook import cell_text, open_workbook
from its_eval.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: A header stands within so many rows, has so many names, and fills so much of the width of the table.
_ROWS, _FEWEST, _SHARE = 60, 2, 0.6
#: Names may repeat under several headings.
_DISTINCT = 0.5
#: Years as names of columns; other numbers are values.
_YEARS = (1800, 2200)


def likely_header(rows: Sequence[Sequence[object]]) -> int:
    """Return the row, from 1, in which the names of the columns seem to stand; 0 when there is none.

    Parameters
    ----------
    rows : sequence of sequences
        Cells from the first row on.

    Notes
    -----
    The first row that fills most of the width of the table with names (no numbers but years): titles
    above a table are narrower, and rows below its header hold numbers.
    """
    filled = [[cell for cell in row if cell_text(cell).strip()] for row in rows[:_ROWS]]
    width = max((len(row) for row in filled), default=0)
    for place, row in enumerate(filled):
        if len(row) < max(_FEWEST, _SHARE * width):
            continue
        texts = [" ".join(cell_text(cell).split()) for cell in row]
        if len(set(texts)) >= _DISTINCT * len(texts) and not any(map(_is_value, texts)):
            return place + 1
    return 0


def _is_value(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return not (number.is_integer() and _YEARS[0] <= number <= _YEARS[1])


class Asked(Struct, frozen=True):
    """What the caller says of a table.

    Attributes
    ----------
    units, dates : tuple of str
        Treated units, and the first affected periods.
    indicator, sheet, kind : str or None
        Which indicator, sheet and kind of outcome.
    header_row : int or None
        Row of the names of the columns, from 1.
    """

    units: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    indicator: str | None = None
    sheet: str | None = None
    kind: str | None = None
    header_row: int | None = None


class Recognised(Struct):
    """What a table holds.

    Attributes
    ----------
    reading : Reading
        Sheet, row of the header, delimiter and encoding.
    decimal, dates, layout, frequency, kind, indicator : str
        As the config says them.
    columns : dict of str to str
        Column by what it is for.
    units : tuple of str
        Treated units.
    scale, combine, transform : str
        As the config says them; empty where they are left out.
    others : bool
        Whether the table has other units.
    has_indicators : bool
        Whether a column says which indicator a row belongs to.
    reasons : dict of str to str
        Why, by key of the config.
    """

    reading: Reading
    decimal: str = "."
    dates: str = "iso"
    layout: str = "long"
    frequency: str = "month"
    kind: str = "number"
    indicator: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    units: tuple[str, ...] = ()
    scale: str = ""
    combine: str = ""
    transform: str = ""
    others: bool = False
    has_indicators: bool = False
    reasons: dict[str, str] = field(default_factory=dict)


def opened(path: Path, asked: Asked) -> tuple[Recognised, list[str]]:
    """Return how a file is read, and the texts above its header."""
    suffix = path.suffix.lower()
    if suffix == ".parquet" or path.is_dir():
        return Recognised(Reading()), []
    if suffix in WORKBOOKS:
        return _opened_workbook(path, asked)
    encoding, text = _decoded(path)
    rows, delimiter = _delimited(text)
    row = asked.header_row or likely_header(rows) or 1
    found = Recognised(Reading(None, row, delimiter, encoding, keyed=True))
    if encoding != "utf-8":
        found.reasons["encoding"] = f"the file is not UTF-8; read as {encoding}"
    if delimiter != ",":
        found.reasons["delimiter"] = "what separates the cells"
    body = [cell for cells in rows[row:] for cell in cells]
    commas = sum(bool(re.fullmatch(r"\s*[+-]?\d+,\d+\s*%?", cell)) for cell in body)
    if delimiter != "," and commas:
        found.decimal, found.reasons["decimal"] = ",", "numbers are written as 1,5"
    _say_row(found, row, given=asked.header_row is not None)
    return found, [cell for cells in rows[:row] for cell in cells]


def _say_row(found: Recognised, row: int, *, given: bool) -> None:
    if row > 1 and not given:
        found.reasons["header_row"] = f"the names of the columns stand in row {row}"


def _decoded(path: Path) -> tuple[str, str]:
    """Return the encoding of a text file, and the text; what no encoding mends is refused as it is read."""
    raw = read_bytes(path)
    marked = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-8", *(["utf-16"] if marked else []), "cp1252"):
        try:
            return encoding, decoded(path, raw, Reading(encoding=encoding, keyed=True))
        except DataError as error:
            refused = error
    raise refused


def _delimited(text: str) -> tuple[list[list[str]], str]:
    """Return the first rows, and the delimiter that gives most of them the same number of cells above one."""
    head = "\n".join(text.splitlines()[: 4 * _ROWS])
    best: tuple[int, str, list[list[str]]] = (0, ",", [])
    for delimiter in (",", ";", "\t", "|"):
        rows = list(csv.reader(io.StringIO(head), delimiter=delimiter))
        widths = Counter(len(row) for row in rows if len(row) > 1)
        agreeing = max(widths.values(), default=0)
        if agreeing > best[0]:
            best = (agreeing, delimiter, rows)
    return best[2] or [[line] for line in head.splitlines()], best[1]


def _opened_workbook(path: Path, asked: Asked) -> tuple[Recognised, list[str]]:
    book = open_workbook(path)
    if asked.sheet is not None and asked.sheet not in book.sheets:
        raise UsageError(f"--sheet: {path} has no sheet {asked.sheet!r}; {nearest(asked.sheet, book.sheets)}")
    sheets = [asked.sheet] if asked.sheet is not None else list(book.visible)
    candidates = {}
    for name in sheets:
        rows = book.rows(name)
        row = asked.header_row or likely_header(rows)
        below = sum(any(map(_is_number, cells)) for cells in rows[row:])
        if row and below:
            candidates[name] = (rows, row)
    if not candidates:
        raise UsageError(
            f"{path}: no sheet looks like a table: {', '.join(map(repr, book.visible))}",
            "name it with --sheet and --header-row",
        )
    if len(candidates) > 1:
        raise UsageError(
            f"{path}: {len(candidates)} sheets look like tables: {', '.join(map(repr, candidates))}",
            "name one with --sheet",
        )
    ((name, (rows, row)),) = candidates.items()
    found = Recognised(Reading(name if asked.sheet or len(book.visible) > 1 else None, row, keyed=True))
    if len(book.visible) > 1 and asked.sheet is None:
        found.reasons["sheet"] = "the only sheet that looks like a table"
    _say_row(found, row, given=asked.header_row is not None)
    return found, [cell_text(cell) for cells in rows[:row] for cell in cells] + [name]


def _is_number(cell: object) -> bool:
    if isinstance(cell, str):
        return bool(re.fullmatch(r"\s*[+-]?\d+([.,]\d+)?\s*%?\s*", cell))
    return isinstance(cell, int | float) and not isinstance(cell, bool)
