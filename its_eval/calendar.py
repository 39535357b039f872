"""Calendar periods as whole numbers: months, quarters, years and ISO weeks.

A period is an *ordinal*: consecutive periods differ by one, so that a gap in the calendar is a gap in the
ordinals. Ordinals of different frequencies are not comparable.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Literal

Frequency = Literal["month", "quarter", "year", "week"]

PERIODS_PER_YEAR: dict[str, int] = {"month": 12, "quarter": 4, "year": 1, "week": 52}
EXAMPLES: dict[str, str] = {"month": "2015-07", "quarter": "2003Q2", "year": "1989", "week": "2020-W05"}
MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

#: A cell may hold a whole file, after an open quote.
_LONGEST_SHOWN = 60
_YEAR = re.compile(r"(\d{4})$")
_QUARTER = re.compile(r"(\d{4})[- ]?[Qq]([1-4])$")
_WEEK = re.compile(r"(\d{4})-?[Ww](\d{2})$")
_MONTH = re.compile(r"(\d{4})-(\d{2})$")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?$")
_SLASHED = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?: 00:00(?::00)?)?$")


def _iso_date(text: str, frequency: str) -> dt.date | None:
    """Read any ISO text that names one period of this frequency; None when it does not."""
    if match := _DAY.match(text):
        return dt.date(*map(int, match.groups()))
    if frequency in ("month", "quarter") and (match := _MONTH.match(text)):
        return dt.date(int(match[1]), int(match[2]), 1)
    if frequency == "quarter" and (match := _QUARTER.match(text)):
        return dt.date(int(match[1]), 3 * int(match[2]) - 2, 1)
    if frequency == "year" and (match := _YEAR.match(text)):
        return dt.date(int(match[1]), 1, 1)
    if frequency == "week" and (match := _WEEK.match(text)):
        return dt.date.fromisocalendar(int(match[1]), int(match[2]), 1)
    return None


def _slashed_date(text: str, convention: str) -> dt.date | None:
    match = _SLASHED.match(text)
    if match is None:
        return None
    first, second, year = map(int, match.groups())
    day, month = (first, second) if convention == "dmy" else (second, first)
    return dt.date(year, month, day)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…")


@dataclass(frozen=True)
class Calendar:
    """The periods of one frequency, each an ordinal.

    Parameters
    ----------
    frequency : {"month", "quarter", "year", "week"}
        How far apart two periods are.

    Examples
    --------
    >>> months = Calendar("month")
    >>> months.parse("2015-07") - months.parse("2015-01")
    6
    >>> months.describe(months.parse("2015-07"))
    'July 2015'
    """

    frequency: str

    @property
    def per_year(self) -> int:
        """Periods in a year."""
        return PERIODS_PER_YEAR[self.frequency]

    @property
    def example(self) -> str:
        """A period as text, for messages."""
        return EXAMPLES[self.frequency]

    def parse(self, text: str, convention: str = "iso") -> int:
        """Return the ordinal of the period that a text names.

        Parameters
        ----------
        text : str
            Such as ``2015-07`` or ``2015-07-01`` (month), ``2003Q2`` (quarter), ``1989`` (year),
            ``2020-W05`` (week); with ``dmy`` or ``mdy`` also ``01/07/2015``.
        convention : {"iso", "dmy", "mdy"}
            Order of day and month in slashed dates, which are refused under ``iso``.

        Raises
        ------
        ValueError
            When the text names no period of this frequency; the message says what was expected.
        """
        stripped = text.strip()
        try:
            day = _iso_date(stripped, self.frequency)
            if day is None and convention != "iso":
                day = _slashed_date(stripped, convention)
        except ValueError:
            raise ValueError(f"{_quoted(text)} is not a date of the calendar") from None
        if day is not None:
            return self.containing(day)
        expected = f"expected a {self.frequency} such as {self.example}"
        if convention == "iso" and _SLASHED.match(stripped):
            raise ValueError(
                f"{_quoted(text)} is ambiguous; {expected}, or set `dates: dmy` (day first) or `dates: mdy`"
            )
        raise ValueError(f"{_quoted(text)} is not a {self.frequency}; {expected}")

    def containing(self, day: dt.date) -> int:
        """Return the ordinal of the period in which a day lies."""
        if self.frequency == "month":
            return day.year * 12 + day.month - 1
        if self.frequency == "quarter":
            return day.year * 4 + (day.month - 1) // 3
        if self.frequency == "week":
            return (day.toordinal() - 1) // 7
        return day.year

    def first_day(self, ordinal: int) -> dt.date:
        """Return the first day of a period."""
        if self.frequency == "month":
            return dt.date(ordinal // 12, ordinal % 12 + 1, 1)
        if self.frequency == "quarter":
            return dt.date(ordinal // 4, 3 * (ordinal % 4) + 1, 1)
        if self.frequency == "week":
            return dt.date.fromordinal(7 * ordinal + 1)
        return dt.date(ordinal, 1, 1)

    def format(self, ordinal: int) -> str:
        """Return the ISO text of a period: ``2015-07``, ``2003Q2``, ``1989``, ``2020-W05``."""
        start = self.first_day(ordinal)
        if self.frequency == "month":
            return f"{start.year:04d}-{start.month:02d}"
        if self.frequency == "quarter":
            return f"{start.year:04d}Q{ordinal % 4 + 1}"
        if self.frequency == "week":
            year, week, _ = start.isocalendar()
            return f"{year:04d}-W{week:02d}"
        return f"{start.year:04d}"

    def span(self, first: int, last: int) -> list[str]:
        """Return the ISO texts of the periods from the first to the last."""
        return [self.format(ordinal) for ordinal in range(first, last + 1)]

    def describe(self, ordinal: int) -> str:
        """Return a period in words, for sentences and labels: ``July 2015``, ``Q2 2003``."""
        start = self.first_day(ordinal)
        if self.frequency == "month":
            return f"{MONTH_NAMES[start.month - 1]} {start.year}"
        if self.frequency == "quarter":
            return f"Q{ordinal % 4 + 1} {start.year}"
        if self.frequency == "week":
            year, week, _ = start.isocalendar()
            return f"week {week} of {year}"
        return str(start.year)

    def season_position(self, ordinal: int) -> int:
        """Return the place of a period within its year, from 0: January is 0, the second quarter 1."""
        if self.frequency == "week":
            return self.first_day(ordinal).isocalendar().week - 1
        return ordinal % self.per_year


#: The calendar of most tables.
MONTHS = Calendar("month")


def parse_period(text: str, frequency: str) -> int:
    """Return the ordinal of the period that a text names; see `Calendar.parse`."""
    return Calendar(frequency).parse(text)


def period_start(ordinal: int, frequency: str) -> dt.date:
    """Return the first day of a period."""
    return Calendar(frequency).first_day(ordinal)


def format_period(ordinal: int, frequency: str) -> str:
    """Return the ISO text of a period."""
    return Calendar(frequency).format(ordinal)


def describe_period(ordinal: int, frequency: str) -> str:
    """Return a period in words."""
    return Calendar(frequency).describe(ordinal)


def season_position(ordinal: int, frequency: str) -> int:
    """Return the place of a period within its year, from 0."""
    return Calendar(frequency).season_position(ordinal)
