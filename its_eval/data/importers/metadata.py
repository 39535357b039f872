"""What a file says of itself above its table: its period, checked against its name, and its revision."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from its_eval.data.importers.dates import periods_in, read_date, read_period
from its_eval.data.periods import describe_period
from its_eval.data.tables import normalise_name
from its_eval.errors import DataError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from its_eval.config.layouts import Layout
    from its_eval.data.importers.headings import Header
    from its_eval.data.importers.sheet import Sheet


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
        period = read_period(cell, layout.frequency, layout.period.dates)
    except ValueError as error:
        raise DataError([f"{place}: the period {error}"], _WRONG_CELL) from None
    check_name(sheet, period, layout.frequency, place)
    return period


_WRONG_CELL = "compare the cell with the publisher's page; mend a copy of the file, and name the copy"


def check_name(sheet: Sheet, period: int, frequency: str, place: str) -> None:
    """Check that the name of the file, if it names a month and year, names this one.

    Raises
    ------
    DataError
        When it names another one.
    """
    named = periods_in(sheet.file, frequency)
    if named and period not in named:
        said, other = describe_period(period, frequency), describe_period(named[0], frequency)
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
    found: dict[int, tuple[int, int, object]] = {}
    for row, cells in enumerate(sheet.rows[: header.row]):
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                for period in periods_in(cell, layout.frequency):
                    found.setdefault(period, (row, column, describe_period(period, layout.frequency)))
    # of several periods, such as that of the publication, the one that the file is named after
    if len(found) > 1:
        named = periods_in(sheet.file, layout.frequency)
        found = {period: place for period, place in found.items() if period in named} or found
    if len(found) == 1:
        return next(iter(found.values()))
    what = "no cell above the header names a month and year"
    if found:
        shown = ", ".join(describe_period(period, layout.frequency) for period in sorted(found))
        what = f"the cells above the header name several periods: {shown}"
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
