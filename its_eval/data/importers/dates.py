"""Periods and dates as publishers write them, in cells and in names of files."""

from __future__ import annotations

import datetime as dt
import re

from its_eval.data.importers.sheet import trimmed
from its_eval.data.periods import EXAMPLES, MONTH_NAMES, parse_period

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


def read_period(cell: object, frequency: str, dates: str) -> int:
    """Return the ordinal of a period: a date, ``April 2019``, ``April 26``, ``30 April 2019``, or ISO text.

    Two digits are a year of this century.

    Raises
    ------
    ValueError
        When it is no period.
    """
    if isinstance(cell, dt.datetime | dt.date):
        return parse_period(f"{cell:%Y-%m-%d}", frequency)
    text = " ".join(trimmed(cell).split())
    if match := _IN_WORDS.fullmatch(text):
        day, month, year = match.groups()
        try:
            found = dt.date(_year(year), _MONTHS[month[:3].casefold()], int(day or 1))
        except ValueError:
            raise ValueError(f"{text!r} is not a date; expected e.g. 30 April 2019") from None
        return parse_period(found.isoformat(), frequency)
    try:
        return parse_period(text, frequency, dates)
    except ValueError as error:
        if frequency == "month" and "ambiguous" not in str(error):
            expected = f"expected a month such as 'April 2019' or {EXAMPLES[frequency]}"
            raise ValueError(f"{text!r} is not a month; {expected}") from None
        raise


def periods_in(text: str, frequency: str) -> list[int]:
    """Return the months and years that a text names, e.g. a title or the name of a file, each once.

    Examples
    --------
    >>> [divmod(month, 12) for month in periods_in("April-26-AE-by-provider-v2-tKVXL.xls", "month")]
    [(2026, 3)]
    """
    found = [
        f"{_year(year):04d}-{_MONTHS[month[:3].casefold()]:02d}-01" for month, year in _IN_TEXT.findall(text)
    ]
    found += [f"{year}-{month}-01" for year, month in _ISO_IN_TEXT.findall(text)]
    return list(dict.fromkeys(parse_period(day, frequency) for day in found))


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
