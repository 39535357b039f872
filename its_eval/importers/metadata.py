"""What a file says of itself: periods and dates as publishers write them, checked against its name."""

from __future__ import annotations

import datetime as dt
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from its_eval.calendar import MONTH_WORD, SPREADSHEET_ZERO, month_of
from its_eval.data.tables import normalise_name
from its_eval.errors import DataError
from its_eval.importers.headings import trimmed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from its_eval.calendar import Calendar
    from its_eval.config.layouts import Layout, PeriodPlace
    from its_eval.importers.headings import Header, Sheet, Source


_BETWEEN = r"[\s,_.\-–’']*"
_IN_WORDS = re.compile(
    rf"(?:(\d{{1,2}})(?:st|nd|rd|th)?\s+)?({MONTH_WORD}){_BETWEEN}(\d{{4}}|\d{{2}})", re.IGNORECASE
)
_IN_TEXT = re.compile(rf"(?<![a-z])({MONTH_WORD}){_BETWEEN}((?:19|20)\d\d|\d\d)(?!\d)", re.IGNORECASE)
_ISO_IN_TEXT = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_](0[1-9]|1[0-2])(?![\d])")


def _year(digits: str) -> int:
    return int(digits) + (2000 if len(digits) == 2 else 0)


#: Day numbers of spreadsheets, from 1990 to 2099: no period is written with five digits otherwise.
_SERIALS = range(32874, 73051)


def read_period(cell: object, calendar: Calendar, place: PeriodPlace) -> int:
    """Return the ordinal of a period: a date, ``April 2019``, ``30 April 2019``, or as the layout says.

    Raises
    ------
    ValueError
        When it is no period.
    """
    if isinstance(cell, dt.datetime | dt.date):
        return calendar.containing(cell)
    text = " ".join(trimmed(cell).split())
    if place.within is not None:
        text = _found(place.within, text)
    if place.span is not None:
        first, _, last = (part.strip() for part in text.partition(" to "))
        ordinals = [_read(part, calendar, place.dates) for part in (first, last) if part]
        if len(ordinals) != 2 or ordinals[1] - ordinals[0] != place.span:
            expected = f"expected two, {place.span} {calendar.frequency} apart, such as 202510 to 202511"
            raise ValueError(f"{text!r} is not a range of {calendar.frequency}s; {expected}")
        return ordinals[1]
    return _read(text, calendar, place.dates)


def _read(text: str, calendar: Calendar, dates: str) -> int:
    if text.isdecimal() and len(text) == 5 and int(text) in _SERIALS and "%" not in dates:
        return calendar.containing(SPREADSHEET_ZERO + dt.timedelta(days=int(text)))
    # publishers write dates with the name of the month however they write others
    named = _IN_WORDS.fullmatch(text)
    if named is None:
        return calendar.parse(text, dates)
    day, month, year = named.groups()
    try:
        return calendar.containing(dt.date(_year(year), month_of(month), int(day or 1)))
    except ValueError:
        raise ValueError(f"{text!r} is not a date; expected e.g. 30 April 2019") from None


def _found(pattern: str, text: str) -> str:
    """Return what a regular expression finds in a text, or its group; the text where it finds nothing."""
    match = re.search(pattern, text, re.IGNORECASE)
    if match is None:
        return text
    return match[1] if match.re.groups else match[0]


def periods_in(text: str, calendar: Calendar) -> list[int]:
    """Return the months and years that a text names, e.g. a title or the name of a file, each once.

    Examples
    --------
    >>> from its_eval.calendar import Calendar
    >>> [divmod(month, 12) for month in periods_in("April-26-AE-by-provider-v2-tKVXL.xls", Calendar("month"))]
    [(2026, 3)]
    """
    days = [f"{_year(year):04d}-{month_of(month):02d}-01" for month, year in _IN_TEXT.findall(text)]
    days += [f"{year}-{month}-01" for year, month in _ISO_IN_TEXT.findall(text)]
    return list(dict.fromkeys(calendar.parse(day) for day in days))


def read_date(cell: object) -> dt.date | None:
    """Return a date such as ``13th May 2021``; None when the cell holds none."""
    if isinstance(cell, dt.datetime):
        return cell.date()
    if isinstance(cell, dt.date):
        return cell
    match = _IN_WORDS.fullmatch(" ".join(str(cell).split()))
    if match is None or match[1] is None:
        return None
    try:
        return dt.date(_year(match[3]), month_of(match[2]), int(match[1]))
    except ValueError:
        return None


def file_period(source: Source, sheet: Sheet, header: Header, layout: Layout) -> int:
    """Return the period of a whole file, from the first place that the layout names and that says one.

    Raises
    ------
    DataError
        When there is none, or it is not readable, or the name of the file says another one.
    """
    refused: list[DataError] = []
    for places in (_label_cells, _cells_above, _cells_of_sheet, _file_name):
        try:
            found = places(source, sheet, header, layout)
        except DataError as error:
            refused.append(error)
            continue
        if found is None:
            continue
        place, cell = found
        try:
            period = read_period(cell, layout.calendar, layout.period)
        except ValueError as error:
            raise DataError([f"{place}: the period {error}"], _WRONG_CELL) from None
        check_name(sheet, period, layout.calendar, place)
        return period
    problems = [problem for error in refused for problem in error.problems]
    raise DataError(["; ".join(problems)], refused[0].hint)


_OTHER_PLACE = "a layout of your own can say where: period.label, period.sheet, period.file"
_WRONG_CELL = "compare the cell with the publisher's page; mend a copy of the file, and name the copy"


def check_name(sheet: Sheet, period: int, calendar: Calendar, place: str) -> None:
    """Check that the name of the file, if it names a month and year, names this one.

    Raises
    ------
    DataError
        When it names another one.
    """
    named = periods_in(sheet.file, calendar)
    if named and period not in named:
        said, other = calendar.describe(period), calendar.describe(named[0])
        raise DataError(
            [f"{place}: the period is {said}, but the name of the file says {other}"],
            "find out which is right: rename the file if its content is, else get the right file",
        )


#: Where a period stands, in words, and what stands there.
_Found = tuple[str, object]


def _label_cells(_: Source, sheet: Sheet, header: Header, layout: Layout) -> _Found | None:
    label = layout.period.label
    if label is None:
        return None
    for row, column, cell in _labelled(sheet, header, [label]):
        return sheet.place(row, column), cell
    what = f"no cell above the header says {label!r} with a period to its right"
    raise DataError([f"{sheet.place(header.first)}: {what}"], _WRONG_CELL)


def _cells_above(_: Source, sheet: Sheet, header: Header, layout: Layout) -> _Found | None:
    if not layout.period.anywhere:
        return None
    places: dict[int, str] = {}
    for row, cells in enumerate(sheet.rows[: header.first]):
        for column, cell in enumerate(cells):
            for period in _periods_of(cell, layout):
                places.setdefault(period, sheet.place(row, column))
    # of several periods, such as that of the publication, the one that the file is named after
    if len(places) > 1:
        named = periods_in(sheet.file, layout.calendar)
        places = {period: place for period, place in places.items() if period in named} or places
    if len(places) == 1:
        ((period, place),) = places.items()
        return place, layout.calendar.first_day(period)
    what = "no cell above the header names a month and year"
    if places:
        named_periods = ", ".join(layout.calendar.describe(period) for period in sorted(places))
        what = f"the cells above the header name several periods: {named_periods}"
    raise DataError([f"{sheet.place(header.first)}: {what}"], _OTHER_PLACE)


def _cells_of_sheet(source: Source, sheet: Sheet, _: Header, layout: Layout) -> _Found | None:
    """Return the first cell of another sheet that names a month and year."""
    if not layout.period.sheet:
        return None
    keys = {normalise_name(name) for name in layout.period.sheet}
    for name in source.sheets:
        if normalise_name(name) not in keys:
            continue
        other = source.sheet(name)
        for row, cells in enumerate(other.rows):
            for column, cell in enumerate(cells):
                periods = _periods_of(cell, layout)
                if len(periods) == 1:
                    return other.place(row, column), layout.calendar.first_day(periods[0])
    said = " or ".join(map(repr, layout.period.sheet))
    raise DataError([f"{sheet.file}: no cell of the sheet {said} names one month and year"], _OTHER_PLACE)


def require_kind(source: Source, sheet: Sheet, header: Header, layout: Layout) -> None:
    """Check that a file says what files of its kind say, where those of another kind look alike.

    Raises
    ------
    DataError
        When nothing in it does.
    """
    if layout.says is None:
        return
    keys = {normalise_name(name) for name in layout.period.sheet}
    rows = [*sheet.rows[: header.first]]
    for name in source.sheets:
        if normalise_name(name) in keys:
            rows += source.sheet(name).rows
    texts = [source.file, *source.sheets, *(cell for row in rows for cell in row if isinstance(cell, str))]
    if not any(re.search(layout.says, text, re.IGNORECASE) for text in texts):
        what = f"nothing in it says that it is {layout.kind} (no text fits {layout.says!r})"
        raise DataError([f"{source.file}: {what}"], "a file of another kind may look alike")


def _file_name(_: Source, sheet: Sheet, __: Header, layout: Layout) -> _Found | None:
    if not layout.period.file:
        return None
    periods = _periods_of(sheet.file, layout)
    if len(periods) == 1:
        return sheet.file, layout.calendar.first_day(periods[0])
    raise DataError([f"{sheet.file}: the name of the file names no one month and year"], _OTHER_PLACE)


def _periods_of(cell: object, layout: Layout) -> list[int]:
    """Return the periods that a cell names; of a date none, as publishers date much else."""
    if not isinstance(cell, str):
        return []
    text, within = " ".join(cell.split()), layout.period.within
    if within is None:
        return periods_in(text, layout.calendar)
    match = re.search(within, text, re.IGNORECASE)
    return [] if match is None else periods_in(match[1] if match.re.groups else match[0], layout.calendar)


def _labelled(sheet: Sheet, header: Header, labels: Sequence[str]) -> Iterator[tuple[int, int, object]]:
    """Yield the first filled cell to the right of each cell above the header that holds one of the labels."""
    keys = {normalise_name(label) for label in labels}
    for row, cells in enumerate(sheet.rows[: header.first]):
        if any(cells):
            filled = [(column, cell) for column, cell in enumerate(cells) if cell != ""]
            for (_, cell), (column, following) in pairwise(filled):
                if isinstance(cell, str) and normalise_name(cell) in keys:
                    yield row, column, following


def revision_date(sheet: Sheet, header: Header, layout: Layout) -> dt.date | None:
    """Return the latest readable date beside the labels of publication and revision."""
    days = [read_date(cell) for _, _, cell in _labelled(sheet, header, layout.revision)]
    return max((day for day in days if day is not None), default=None)
