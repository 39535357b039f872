"""What a file says of itself: periods and dates as publishers write them, checked against its name."""

from __future__ import annotations

import datetime as dt
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from its_eval.calendar import MONTH_NAMES
from its_eval.data.tables import normalise_name
from its_eval.errors import DataError
from its_eval.importers.headings import trimmed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from its_eval.calendar import Calendar
    from its_eval.config.layouts import Layout
    from its_eval.importers.headings import Header, Sheet


_MONTHS = {name[:3].casefold(): place for place, name in enumerate(MONTH_NAMES, start=1)}
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_BETWEEN = r"[\s,_.\-–’']*"
_IN_WORDS = re.compile(
    rf"(?:(\d{{1,2}})(?:st|nd|rd|th)?\s+)?{_MONTH}{_BETWEEN}(\d{{4}}|\d{{2}})", re.IGNORECASE
)
_IN_TEXT = re.compile(rf"(?<![a-z]){_MONTH}{_BETWEEN}((?:19|20)\d\d|\d\d)(?!\d)", re.IGNORECASE)
_ISO_IN_TEXT = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_](0[1-9]|1[0-2])(?![\d])")


def _year(digits: str) -> int:
    return int(digits) + (2000 if len(digits) == 2 else 0)


def read_period(cell: object, calendar: Calendar, dates: str) -> int:
    """Return the ordinal of a period: a date, ``April 2019``, ``April 26``, ``30 April 2019``, or ISO text.

    Two digits are a year of this century.

    Raises
    ------
    ValueError
        When it is no period.
    """
    if isinstance(cell, dt.datetime | dt.date):
        return calendar.containing(cell)
    text = " ".join(trimmed(cell).split())
    if match := _IN_WORDS.fullmatch(text):
        day, month, year = match.groups()
        try:
            day_named = dt.date(_year(year), _MONTHS[month[:3].casefold()], int(day or 1))
        except ValueError:
            raise ValueError(f"{text!r} is not a date; expected e.g. 30 April 2019") from None
        return calendar.containing(day_named)
    try:
        return calendar.parse(text, dates)
    except ValueError as error:
        if calendar.frequency == "month" and "ambiguous" not in str(error):
            expected = f"expected a month such as 'April 2019' or {calendar.example}"
            raise ValueError(f"{text!r} is not a month; {expected}") from None
        raise


def periods_in(text: str, calendar: Calendar) -> list[int]:
    """Return the months and years that a text names, e.g. a title or the name of a file, each once.

    Examples
    --------
    >>> from its_eval.calendar import Calendar
    >>> [divmod(month, 12) for month in periods_in("April-26-AE-by-provider-v2-tKVXL.xls", Calendar("month"))]
    [(2026, 3)]
    """
    days = [
        f"{_year(year):04d}-{_MONTHS[month[:3].casefold()]:02d}-01" for month, year in _IN_TEXT.findall(text)
    ]
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
        return dt.date(_year(match[3]), _MONTHS[match[2][:3].casefold()], int(match[1]))
    except ValueError:
        return None


def file_period(sheet: Sheet, header: Header, layout: Layout) -> int:
    """Return the period that the cells above the header name.

    Raises
    ------
    DataError
        When there is none, or it is not readable, or the name of the file says another one.
    """
    row, column, cell = _period_cell(sheet, header, layout)
    place = sheet.place(row, column)
    try:
        period = read_period(cell, layout.calendar, layout.period.dates)
    except ValueError as error:
        raise DataError([f"{place}: the period {error}"], _WRONG_CELL) from None
    check_name(sheet, period, layout.calendar, place)
    return period


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


def _period_cell(sheet: Sheet, header: Header, layout: Layout) -> tuple[int, int, object]:
    label = layout.period.label
    if label is not None:
        for row, column, cell in _labelled(sheet, header, [label]):
            return row, column, cell
        what = f"no cell above the header says {label!r} with a period to its right"
        raise DataError([f"{sheet.place(header.row)}: {what}"], _WRONG_CELL)
    places: dict[int, tuple[int, int, object]] = {}
    for row, cells in enumerate(sheet.rows[: header.row]):
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                for period in periods_in(cell, layout.calendar):
                    places.setdefault(period, (row, column, layout.calendar.describe(period)))
    # of several periods, such as that of the publication, the one that the file is named after
    if len(places) > 1:
        named = periods_in(sheet.file, layout.calendar)
        places = {period: place for period, place in places.items() if period in named} or places
    if len(places) == 1:
        return next(iter(places.values()))
    what = "no cell above the header names a month and year"
    if places:
        named_periods = ", ".join(layout.calendar.describe(period) for period in sorted(places))
        what = f"the cells above the header name several periods: {named_periods}"
    raise DataError(
        [f"{sheet.place(header.row)}: {what}"], "a layout of your own can say where: period.label"
    )


def _labelled(sheet: Sheet, header: Header, labels: Sequence[str]) -> Iterator[tuple[int, int, object]]:
    """Yield the first filled cell to the right of each cell above the header that holds one of the labels."""
    keys = {normalise_name(label) for label in labels}
    for row, cells in enumerate(sheet.rows[: header.row]):
        if any(cells):
            filled = [(column, cell) for column, cell in enumerate(cells) if cell != ""]
            for (_, cell), (column, following) in pairwise(filled):
                if isinstance(cell, str) and normalise_name(cell) in keys:
                    yield row, column, following


def revision_date(sheet: Sheet, header: Header, layout: Layout) -> dt.date | None:
    """Return the latest readable date beside the labels of publication and revision."""
    days = [read_date(cell) for _, _, cell in _labelled(sheet, header, layout.revision)]
    return max((day for day in days if day is not None), default=None)
