"""Finding the header of a sheet and the columns that a layout describes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from its_eval.data.tables import nearest, normalise_name
from its_eval.errors import DataError
from its_eval.importers.sheet import column_letters, trimmed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from its_eval.config.layouts import ColumnHeading, Layout
    from its_eval.importers.sheet import Sheet, Source


#: Where a header is looked for when it is not where the layout says.
_FARTHEST = 60
_NEW_LAYOUT = "look at it with `its-eval import --inspect FILE`; a layout of your own (--layout) can read it"


@dataclass(frozen=True)
class Header:
    """The header of one sheet.

    Attributes
    ----------
    row : int
        Where it stands, counted from 0.
    columns : dict of str to int
        Position of each column of the layout.
    unknown : tuple of str
        Headings that the layout does not know, with their columns.
    """

    row: int
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
    row = _header_row(sheet, layout, where)
    names = tuple(normalise_name(trimmed(cell)) for cell in sheet.rows[row])
    over = _over(sheet.rows[row - 1]) if layout.header.over and row else ("",) * len(names)
    columns, unknown, problems = _columns(_Recipe(layout), names, over)
    if problems:
        raise DataError([f"{where}: {problem}" for problem in problems], _NEW_LAYOUT)
    unknown = tuple(sorted({*unknown, *_untitled(sheet, row, names)}))
    cells = sheet.rows[row]
    written = [
        f"{_as_written(cells[column] if column < len(cells) else '')} (column {column_letters(column)})"
        for column in unknown
    ]
    if unknown and layout.unknown_columns == "refuse":
        what = f"{len(unknown)} column{'s' if len(unknown) > 1 else ''} that the layout does not know"
        raise DataError([f"{where}: {what}: {', '.join(written)}"], _NEW_LAYOUT)
    return Header(row, dict(columns), tuple(written))


def _header_row(sheet: Sheet, layout: Layout, where: str) -> int:
    marks = {normalise_name(mark) for mark in layout.header.marks}
    first, last = layout.header.rows
    for row, cells in enumerate(sheet.rows[first - 1 : last], start=first - 1):
        if marks <= {normalise_name(cell) for cell in cells if isinstance(cell, str)}:
            return row
    quoted = ", ".join(repr(mark) for mark in layout.header.marks)
    expected = f"row {first}" if first == last else f"rows {first} to {last}"
    for row, cells in enumerate(sheet.rows[:_FARTHEST]):
        if marks <= {normalise_name(cell) for cell in cells if isinstance(cell, str)}:
            what = f"the header has moved: it stands in row {row + 1}; expected {expected}"
            raise DataError([f"{where}: {what}"], _NEW_LAYOUT)
    raise DataError([f"{where}: there is no header with {quoted} in {expected}"], _NEW_LAYOUT)


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


def _over(cells: Sequence[object]) -> tuple[str, ...]:
    """Return the heading over each column: it stands over its first column and reaches to the next one."""
    above, current = [], ""
    for cell in cells:
        current = normalise_name(trimmed(cell)) or current
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
) -> tuple[tuple[tuple[str, int], ...], tuple[int, ...], tuple[str, ...]]:
    """Return the columns found, the unknown ones and what is wrong; the same for files with equal headers."""
    layout = recipe.layout
    columns: list[tuple[str, int]] = []
    problems: list[str] = []
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
            key = normalise_name(headings[0].name)
            elsewhere = [column_letters(place) for place, name in enumerate(names) if name == key]
            offer = f"under other headings it stands in {', '.join(elsewhere)}"
            if not elsewhere:
                offer = nearest(headings[0].name, [name for name in names if name])
            problems.append(f"there is no column {_said(headings[0])}; {offer}")
    for heading in layout.other_columns:
        expected.update(_places(heading, names, over))
    unknown = tuple(place for place, name in enumerate(names) if name and place not in expected)
    return tuple(columns), unknown, tuple(problems)


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
            raise DataError([f"{source.file}: there is no sheet {names}; {offer}"], _NEW_LAYOUT)
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
    marks = ", ".join(repr(mark) for mark in layout.header.marks)
    raise DataError([f"{source.file}: no sheet has a header with {marks}"], _NEW_LAYOUT)
