"""Calendar periods as whole numbers: months, quarters, years and ISO weeks.

A period is an *ordinal*: consecutive periods differ by one, so that a gap in the calendar is a gap in the
ordinals. Ordinals of different frequencies are not comparable.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from its_eval.notations import (
    EXAMPLES,
    FINANCIAL_START,
    MONTH_NAMES,
    MONTH_WORD,
    SPREADSHEET_ZERO,
    Column,
    is_calendar_quarter,
    month_of,
    pattern_fault,
    read_notation,
)

__all__ = ["EXAMPLES", "MONTHS", "MONTH_NAMES", "Calendar", "Frequency", "describe_period", "format_period"]
__all__ += ["MONTH_WORD", "SPREADSHEET_ZERO", "month_of"]
__all__ += ["PERIODS_PER_YEAR", "is_calendar_quarter", "parse_period", "period_start", "season_position"]

Frequency = Literal["month", "quarter", "year", "week"]

PERIODS_PER_YEAR: dict[str, int] = {"month": 12, "quarter": 4, "year": 1, "week": 52}


class Calendar(Struct, frozen=True):
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

    def parse(self, text: str, convention: str = "iso", column: Column | None = None) -> int:
        """Return the ordinal of the period that a text names.

        Parameters
        ----------
        text : str
            Such as ``2015-07``, ``July 2015`` or ``2015-07-01`` (month), ``2003Q2`` (quarter), ``1989``
            (year), ``2020-W05`` (week).
        convention : str
            What `its_eval.notations.read_notation` takes: ``iso``, ``dmy``, ``mdy``, ``financial`` or a
            pattern. A financial year has the ordinal of the year in which it begins.
        column : Column, optional
            What the texts beside it settle.

        Raises
        ------
        ValueError
            When the text names no period of this frequency; the message says what was expected.
        """
        day = read_notation(text, self.frequency, convention, column)
        if convention == "financial" and self.frequency == "year":
            return day.year - (day.month < FINANCIAL_START)
        return self.containing(day)

    def parse_column(
        self, texts: Iterable[str], convention: str = "iso"
    ) -> tuple[dict[str, int], dict[str, str]]:
        """Return the ordinals of texts that stand in one column, and why some could not be read.

        Parameters
        ----------
        texts : iterable of str
            All of the column; it may repeat itself.
        convention : str
            As for `parse`.

        Returns
        -------
        ordinals : dict of str to int
            By text.
        faults : dict of str to str
            By text, what is wrong with it.
        """
        distinct = dict.fromkeys(texts)
        column = Column.of(distinct, self.frequency) if "%" not in convention else None
        ordinals: dict[str, int] = {}
        faults: dict[str, str] = {}
        for text in distinct:
            try:
                ordinals[text] = self.parse(text, convention, column)
            except ValueError as error:
                faults[text] = str(error)
        return ordinals, faults

    @staticmethod
    def day_named(text: str, convention: str = "iso") -> dt.date | None:
        """Return the day that a text names; None when it names a longer period, or none."""
        if "%" in convention and not {"%d", "%j", "%u", "%A", "%a"} & set(re.findall("%.", convention)):
            return None
        try:
            # what says which week and which year is a day: each alone says only one of them
            read_notation(text, "week", convention)
            return read_notation(text, "year", convention)
        except ValueError:
            return None

    def pattern_fault(self, pattern: str) -> str:
        """Return what a strptime pattern lacks to name a period; nothing when it can."""
        return pattern_fault(pattern, self.frequency)

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


@lru_cache(10_000)
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
