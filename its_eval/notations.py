"""What a text says about time: periods as people, spreadsheets and programs write them.

A notation is read when it can mean one thing only; all others are refused with what to write instead. What a
single text leaves open, such as six digits, the other texts of its column may settle.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable

from msgspec import Struct

EXAMPLES: dict[str, str] = {"month": "2015-07", "quarter": "2003Q2", "year": "1989", "week": "2020-W05"}
MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
#: First month of a British financial year.
FINANCIAL_START = 4

#: A cell may hold a whole file, after an open quote.
_LONGEST_SHOWN = 60
#: Two digits of a year: spreadsheets take up to 29 for this century, POSIX up to 68. Between, they differ.
_LAST_OF_THIS, _FIRST_OF_LAST = 29, 69
_MONTHS = {name[:3].casefold(): place for place, name in enumerate(MONTH_NAMES, start=1)}
#: A month by name, whole or short, as a regular expression.
MONTH_WORD = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_PARTS = {
    "Y": r"(?P<year>\d{4})",
    "YEAR": r"(?P<year>(?:1[89]|2[01])\d\d)",
    "YY": r"(?P<short>\d\d)",
    "MM": r"(?P<month>\d\d)",
    "M": r"(?P<single>\d)",
    "MON": rf"(?P<word>{MONTH_WORD})",
    "END": rf"(?P<end>{MONTH_WORD})",
    "DD": r"(?P<day>\d{1,2})(?:st|nd|rd|th)?",
    "QU": r"(?:q|qtr|quarter) ?",
    "Q": r"(?P<quarter>[1-4])",
    "W": r"(?-i:W)(?P<week>\d{1,2})",
    "FY": r"(?:fy ?)?(?P<year>\d{4})[-/ ]?(?P<until>\d{4}|\d\d)",
    "NUMBER": r"(?:m|month) ?(?P<number>\d{1,2})",
    "MIDNIGHT": r"(?:[t ]00:00(?::00(?:\.0+)?)?z?)?",
}


def _compiled(*forms: str) -> tuple[re.Pattern[str], ...]:
    filled = (re.sub(r"<([A-Z]+)>", lambda match: _PARTS[match[1]], form) for form in forms)
    return tuple(re.compile(form, re.ASCII | re.IGNORECASE) for form in filled)


_PLAIN = _compiled(
    r"<Y>([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})<MIDNIGHT>",
    r"<YEAR><MM>(?P<day>\d\d)",
    r"<DD>[- /.]*<MON>[- /.,]*<Y><MIDNIGHT>",
    r"<MON> ?<DD>,? <Y>",
    r"<DD>[- ]<MON>[- ]<YY>",
    r"<Y>[-/_ :]<MM>",
    r"<Y>[-/_ ]<M>",
    r"<Y>(?P<colon>:)<M>",
    r"<Y>[- ]?m(?P<month>\d{1,2})",
    r"(?P<six><YEAR><MM>)",
    r"<MM>[-/ ]<Y>",
    r"<M>[-/ ]<Y>",
    r"<MON>[ ,/'’-]*<Y>",
    r"<MON>[ ,/'’-]*<YY>",
    r"<Y>[ ,/-]*<MON>",
    r"<MON> ?(?:-|to) ?<END> <Y>",
    r"<Y>[-/_ ]?<QU><Q>",
    r"<QU><Q>[-/_, ]*<Y>",
    r"<Q>q[- ]?<Y>",
    r"<Y>(?:\.0)?",
    r"<Y>[- ]?<W>",
)
_SLASHED = _compiled(r"(?P<first>\d{1,2})([-/.])(?P<second>\d{1,2})\2(?:<Y>|<YY>)<MIDNIGHT>")
_FINANCIAL = _compiled(
    *(r"<FY>", r"<FY>[-/_, ]*<QU><Q>", r"<QU><Q>[-/_, ]*<FY>"),
    *(r"<FY>[-/_, ]*<NUMBER>", r"<NUMBER>[-/_, ]*<FY>"),
)
#: What a text may name so that it says which period is meant.
_FITTING = {
    "month": ("day", "month"),
    "quarter": ("day", "month", "quarter"),
    "year": ("day", "year"),
    "week": ("day", "week"),
}
_SPELLINGS = str.maketrans(
    {**dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"), "\N{NO-BREAK SPACE}": " "}
)
_SET_FINANCIAL = "set `dates: financial` (years from April)"

_Groups = dict[str, str]


class _RefusedError(ValueError):
    """What is wrong with a text, and what to write instead."""

    def __init__(self, what: str, write: str) -> None:
        super().__init__(what)
        self.what, self.write = what, write


class Column(Struct, frozen=True):
    """What the texts of a column settle together.

    Attributes
    ----------
    six, dashed, single : str
        Why no text of six digits, ``2011-12`` or ``2015-3`` is taken for a month; empty when it is.
    months : bool
        Whether ``2011/12`` is a month, as others of the column cannot be financial years.
    """

    six: str = ""
    dashed: str = ""
    single: str = ""
    months: bool = False

    @classmethod
    def of(cls, texts: Iterable[str], frequency: str) -> Column:
        """Return what the texts of a column of months settle; nothing for any other frequency."""
        if frequency != "month":
            return cls()
        plain = [(groups, text) for text in map(_spelled, set(texts)) if (groups := _groups(_PLAIN, text))]
        found = [groups for groups, text in plain if not set(groups) & {"day", "word"}]
        six = [groups for groups in found if "six" in groups]
        dashed = [groups for groups in found if "month" in groups and "six" not in groups]
        single = [groups for groups in found if "single" in groups]
        return cls(
            _not_months(six),
            "may be a financial year, as all of its column may" if _all_financial(dashed) else "",
            _quarters(single),
            months=not (_all_financial(six) or _all_financial(dashed)) and len(six) + len(dashed) > 1,
        )


def _not_months(six: list[_Groups]) -> str:
    """Return why six digits are no months: all may be financial years or weeks, or some are neither."""
    if len(six) < 2:
        return ""
    if _all_financial(six):
        return "may be a financial year, as all of its column may"
    if any(not 1 <= int(groups["month"]) <= 12 for groups in six):
        return "is no month, as others of its column are weeks or years"
    if len({groups["year"] for groups in six}) == 1:
        return "may be a week, as all of its column may"
    return ""


def _all_financial(found: list[_Groups]) -> bool:
    return len(found) > 1 and all(_follows(groups["year"], groups["month"]) for groups in found)


def _quarters(single: list[_Groups]) -> str:
    """Return why single digits are no months: a quarter would have none above 4."""
    several = len({groups["year"] for groups in single}) > 1
    if several and all(1 <= int(groups["single"]) <= 4 for groups in single):
        return "may be a quarter, as all of its column may"
    return ""


def read_notation(
    text: str, frequency: str, convention: str = "iso", column: Column | None = None
) -> dt.date:
    """Return a day of the period that a text names.

    Parameters
    ----------
    text : str
        Anything.
    frequency : {"month", "quarter", "year", "week"}
        Of the period.
    convention : str
        ``iso``; ``dmy`` or ``mdy`` for slashed dates; ``financial`` for years from April and their quarters
        and months; else a pattern of `datetime.datetime.strptime`, which then reads every text.
    column : Column, optional
        What the texts beside it settle.

    Raises
    ------
    ValueError
        When it names none, or may name another; the message says what to write.
    """
    expected = f"expected a {frequency} such as {EXAMPLES[frequency]}"
    try:
        if "%" in convention:
            return _by_pattern(text.strip(), convention)
        return _read(_spelled(text), frequency, convention, column or Column())
    except _RefusedError as refused:
        what = refused.what or f"is not a {frequency}"
        raise ValueError(f"{_quoted(text)} {what}; {refused.write or expected}") from None
    except (ValueError, OverflowError):
        raise ValueError(f"{_quoted(text)} is not a date of the calendar") from None


def pattern_fault(pattern: str, frequency: str) -> str:
    """Return what a strptime pattern lacks to name a period of a frequency; nothing when it can."""
    codes = set(re.findall(r"%(.)", pattern))
    unknown = sorted(codes - set("aAdbBmyYjUWwGVuHMSfpIzZxXcD%"))
    if unknown:
        return f"{'%' + unknown[0]!r} is unknown to strptime"
    iso_week = {"G", "V"} <= codes and bool(codes & set("uaAw"))
    if not codes & set("yYG"):
        return "it has no year"
    if frequency == "week" and not (iso_week or ("j" in codes or ("d" in codes and codes & set("bBm")))):
        return "it has no day, which says in which week it lies"
    if frequency in ("month", "quarter") and not (codes & set("bBmj") or iso_week):
        return "it has no month"
    return ""


def is_calendar_quarter(text: str) -> bool:
    """Return whether a text names a quarter by number without saying of which kind of year: ``Q3 2015``."""
    groups = _groups(_PLAIN, _spelled(text)) or {}
    return "quarter" in groups or "colon" in groups


def _spelled(text: str) -> str:
    return " ".join(text.translate(_SPELLINGS).split())


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…")


def _groups(forms: tuple[re.Pattern[str], ...], text: str) -> _Groups | None:
    """Return the parts of the first of some forms that a text has."""
    if len(text) > _LONGEST_SHOWN:
        return None
    for form in forms:
        if match := form.fullmatch(text):
            return {name: part for name, part in match.groupdict().items() if part is not None}
    return None


def _by_pattern(text: str, pattern: str) -> dt.date:
    try:
        return dt.datetime.strptime(text, pattern).date()  # noqa: DTZ007  (a day, not a moment)
    except ValueError:
        raise _RefusedError("is not written as the pattern says", f"expected {pattern}") from None


def _read(text: str, frequency: str, convention: str, column: Column) -> dt.date:
    financial = _groups(_FINANCIAL, text)
    if financial is not None and _follows(financial["year"], financial["until"]):
        day = _of_financial_year(text, financial, frequency, convention, column)
        if day is not None:
            return day
    elif financial is not None and convention == "financial" and frequency == "year":
        raise _RefusedError("has two years that do not follow each other", "expected a year such as 2014/15")
    slashed = _groups(_SLASHED, text)
    if slashed is not None:
        return _slashed(slashed, frequency, convention)
    groups = _groups(_PLAIN, text)
    if groups is None:
        raise _RefusedError("", _hint(text, frequency))
    kind, day = _named(groups, frequency, column)
    if convention == "financial" and kind in ("year", "quarter") and kind == frequency:
        which = "" if kind == "year" else f"Q{groups.get('quarter') or groups.get('single')} "
        years = (f"{which}{year}/{(year + 1) % 100:02d}" for year in (day.year - 1, day.year))
        raise _RefusedError("does not say which financial year", f"write {' or '.join(years)}")
    return day


def _year(groups: _Groups) -> int:
    if "year" in groups:
        return int(groups["year"])
    short = int(groups["short"])
    if _LAST_OF_THIS < short < _FIRST_OF_LAST:
        raise _RefusedError("has a year of two digits", "write the year with four digits")
    return short + (2000 if short <= _LAST_OF_THIS else 1900)


def _follows(year: str, until: str) -> bool:
    """Return whether these are the two years of a financial year."""
    following = int(year) + 1
    return following == int(until) if len(until) == 4 else following % 100 == int(until)


def month_of(word: str) -> int:
    """Return the number of a month by its name, whole or short."""
    return _MONTHS[word[:3].casefold()]


def _kind_of(groups: _Groups, frequency: str) -> str:
    """Return what kind of period the parts of a text name."""
    if "week" in groups or ("six" in groups and frequency == "week"):
        return "week"
    if "quarter" in groups or "end" in groups or ("single" in groups and frequency == "quarter"):
        return "quarter"
    if "day" in groups:
        return "day"
    return "month" if {"word", "month", "single"} & set(groups) else "year"


def _named(groups: _Groups, frequency: str, column: Column) -> tuple[str, dt.date]:
    """Return what kind of period the parts of a text name, and its first day."""
    kind = _kind_of(groups, frequency)
    if kind not in _FITTING[frequency]:
        raise _RefusedError("", "")
    _require_day_first(groups)
    year = _year(groups)
    if "week" in groups:
        return "week", dt.date.fromisocalendar(year, int(groups["week"]), 1)
    if "quarter" in groups:
        return "quarter", dt.date(year, 3 * int(groups["quarter"]) - 2, 1)
    if "end" in groups:
        first, last = month_of(groups["word"]), month_of(groups["end"])
        if (first % 3, last - first) != (1, 2):
            raise _RefusedError("", "")
        return "quarter", dt.date(year, first, 1)
    if "single" in groups:
        return _single(groups, year, frequency, column)
    if "six" in groups:
        _require_month_of_six(groups, frequency, column)
    if "word" not in groups and "month" not in groups:
        return "year", dt.date(year, 1, 1)
    if column.dashed and "six" not in groups and "day" not in groups and "word" not in groups:
        raise _RefusedError(
            column.dashed, f"write {_short_name(int(groups['month']))} {year}, or {_SET_FINANCIAL}"
        )
    month = month_of(groups["word"]) if "word" in groups else int(groups["month"])
    return ("day" if "day" in groups else "month"), dt.date(year, month, int(groups.get("day", 1)))


def _require_day_first(groups: _Groups) -> None:
    """Refuse ``05-Jan-20``, whose year may stand first or last; a single digit is no year."""
    if "short" not in groups or len(groups.get("day", "")) != 2 or not 1 <= int(groups["short"]) <= 31:
        return
    day, month, short = int(groups["day"]), month_of(groups["word"]), int(groups["short"])
    if day != short:
        dates = f"{dt.date(2000 + short, month, day)} or {dt.date(2000 + day, month, short)}"
        raise _RefusedError("may begin with the day or the year", f"write {dates}")


def _short_name(month: int) -> str:
    return MONTH_NAMES[month - 1][:3]


def _single(groups: _Groups, year: int, frequency: str, column: Column) -> tuple[str, dt.date]:
    """Return what a year and one digit name: gretl counts quarters so, with a colon, and others months."""
    number = int(groups["single"])
    month = dt.date(year, number, 1)
    if frequency == "quarter":
        if "colon" in groups and number <= 4:
            return "quarter", dt.date(year, 3 * number - 2, 1)
        either = f" or {year}Q{number}" if number <= 4 else ""
        raise _RefusedError("may be a month or a quarter", f"write {month:%Y-%m}{either}")
    if column.single:
        raise _RefusedError(column.single, f"write {month:%Y-%m}, or set `frequency: quarter`")
    return "month", month


def _require_month_of_six(groups: _Groups, frequency: str, column: Column) -> None:
    year, number = groups["year"], int(groups["month"])
    if frequency == "week" and 1 <= number <= 53:
        raise _RefusedError("", f"write {year}-W{number:02d} if it is an ISO week")
    if frequency == "quarter":
        write = (
            f"write {year}-{number:02d} or {year}Q{number}" if number <= 4 else f"write {year}-{number:02d}"
        )
        raise _RefusedError("", write if 1 <= number <= 12 else "")
    if frequency == "month" and column.six:
        financial = f", or {_SET_FINANCIAL}" if "financial" in column.six else ""
        write = f"write {year}-{number:02d}{financial}" if 1 <= number <= 12 else ""
        raise _RefusedError(column.six, write)


def _slashed(groups: _Groups, frequency: str, convention: str) -> dt.date:
    first, second = int(groups["first"]), int(groups["second"])
    if convention in ("dmy", "mdy"):
        day, month = (first, second) if convention == "dmy" else (second, first)
        return dt.date(_year(groups), month, day)
    expected = f"expected a {frequency} such as {EXAMPLES[frequency]}"
    if "year" in groups and first > 12 >= second:
        raise _RefusedError("has the day first", f"{expected}, or set `dates: dmy`")
    if "year" in groups and second > 12 >= first:
        raise _RefusedError("has the month first", f"{expected}, or set `dates: mdy`")
    raise _RefusedError("is ambiguous", f"{expected}, or set `dates: dmy` (day first) or `dates: mdy`")


def _of_financial_year(
    text: str, groups: _Groups, frequency: str, convention: str, column: Column
) -> dt.date | None:
    """Return the first day of a financial year or part of it; None for a text that is read as a month."""
    year, expected = int(groups["year"]), f"expected a {frequency} such as {EXAMPLES[frequency]}"
    part = "quarter" if "quarter" in groups else "month" if "number" in groups else "year"
    number = 3 * int(groups["quarter"]) - 2 if part == "quarter" else int(groups.get("number", 1))
    if part == "month" and not 1 <= number <= 12:
        raise _RefusedError("", "")
    first = dt.date(year + (number > 9), (number + FINANCIAL_START - 2) % 12 + 1, 1)
    until = groups["until"]
    month = f"{year}-{until}" if part == "year" and len(until) == 2 and 1 <= int(until) <= 12 else ""
    six = text.isdigit()
    what = "is a financial year" if part == "year" else f"is a {part} of a financial year"
    if convention == "financial":
        if part == frequency or (part, frequency) == ("month", "quarter"):
            return first
        if month and frequency in ("month", "quarter"):
            write = f"write {_short_name(int(until))} {year} for the month"
            raise _RefusedError("may be a month or a financial year", write)
        raise _RefusedError(what, expected)
    if month and frequency in ("month", "quarter"):
        if text == month or (column.months and not (six and frequency == "quarter")):
            return None
        raise _RefusedError("may be a month or a financial year", f"write {month} for the month")
    if frequency == "week" and (text == month or (six and 1 <= int(until) <= 53)):
        return None
    raise _RefusedError(what, f"{expected}, or {_SET_FINANCIAL}")


_IN_TEXT = re.compile(rf"(?<![a-z])({MONTH_WORD})[ ,_/-]*(\d{{4}})(?!\d)", re.ASCII | re.IGNORECASE)
_ISO_IN_TEXT = re.compile(r"(?<!\d)(\d{4})[-.](0[1-9]|1[0-2])(?!\d)", re.ASCII)
_DAY_IN_TEXT = re.compile(r"(?<!\d)\d{4}-\d\d-\d\d(?!\d)", re.ASCII)
_WEEK_IN_TEXT = re.compile(
    r"(\d{4})[- ]?w(\d{1,2})|(?:w|week|wk) ?(\d{1,2}),? (\d{4})", re.ASCII | re.IGNORECASE
)
#: Where spreadsheets count days from, so that those from March 1900 on are right.
SPREADSHEET_ZERO = dt.date(1899, 12, 30)
#: Months counted by Stata from January 1960, for the years 1980 to 2059.
_STATA = (240, 1199)


def _hint(text: str, frequency: str) -> str:
    """Return what to write for a text in no form that is read; nothing when that cannot be told."""
    if len(text) > _LONGEST_SHOWN:
        return ""
    if text.isdecimal():
        return _hint_about_digits(text, frequency)
    if day := _DAY_IN_TEXT.search(text):
        return f"write {day[0]}"
    if frequency == "week" and (week := _WEEK_IN_TEXT.fullmatch(text)):
        year, number = (week[1], week[2]) if week[1] else (week[4], week[3])
        return f"write {year}-W{int(number):02d} if it is an ISO week, or the day on which it begins"
    if frequency in ("month", "quarter"):
        named = [(word[2], month_of(word[1])) for word in _IN_TEXT.finditer(text)]
        named += [(iso[1], int(iso[2])) for iso in _ISO_IN_TEXT.finditer(text)]
        if len(named) == 1:
            return f"write {named[0][0]}-{named[0][1]:02d}"
    return ""


def _hint_about_digits(digits: str, frequency: str) -> str:
    if len(digits) == 5 and digits[0] in "23456":
        day = SPREADSHEET_ZERO + dt.timedelta(days=int(digits))
        return f"write {day} if it is the day number of a spreadsheet, or format the cells as dates"
    if len(digits) == 8:
        orders = ((digits[:2], digits[2:4]), (digits[2:4], digits[:2]))
        dates = [f"{digits[4:]}-{month}-{day}" for day, month in orders if 1 <= int(month) <= 12]
        return f"write {' or '.join(dict.fromkeys(dates))}" if dates else ""
    if frequency == "month" and len(digits) < 5 and _STATA[0] <= int(digits) <= _STATA[1]:
        year, place = divmod(int(digits), 12)
        return f"write {1960 + year}-{place + 1:02d} if it is a month number of Stata"
    return ""
