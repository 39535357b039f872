"""Notations of periods, fixed as a table: each is read rightly, or refused with what to write instead."""

import csv
import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_eval.calendar import MONTH_NAMES, Calendar
from its_eval.notations import pattern_fault

HERE = Path(__file__).parent
FREQUENCIES = ("month", "quarter", "year", "week")


def rows(name):
    with (HERE / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


NOTATIONS = rows("period_notations.csv")
COLUMNS = rows("period_columns.csv")
days = st.dates(dt.date(1970, 1, 1), dt.date(2028, 12, 31))


def test_the_table_is_as_long_as_it_should_be():
    assert len({row["notation"] for row in NOTATIONS}) == len(NOTATIONS) >= 60


@pytest.mark.parametrize("frequency", FREQUENCIES)
@pytest.mark.parametrize("row", NOTATIONS, ids=lambda row: row["notation"])
def test_a_notation(row, frequency):
    calendar, expected = Calendar(frequency), row[frequency]
    if not expected.startswith("! "):
        assert calendar.format(calendar.parse(row["notation"])) == expected
        return
    with pytest.raises(ValueError) as refused:
        calendar.parse(row["notation"])
    assert repr(row["notation"]) in str(refused.value)
    assert expected.removeprefix("! ") in str(refused.value)


@pytest.mark.parametrize("row", COLUMNS, ids=lambda row: f"{row['dates']} {row['notations']}")
def test_a_column(row):
    calendar, texts = Calendar(row["frequency"]), row["notations"].split("|")
    ordinals, faults = calendar.parse_column(texts, row["dates"])
    if row["periods"].startswith("! "):
        assert faults
        assert any(row["periods"].removeprefix("! ") in fault for fault in faults.values())
        assert set(ordinals) | set(faults) == set(texts)
        return
    assert not faults
    assert [calendar.format(ordinals[text]) for text in texts] == row["periods"].split("|")


@given(days, st.sampled_from("/.-"), st.booleans(), st.sampled_from(FREQUENCIES))
def test_a_date_of_either_order_that_could_be_the_other_is_refused(day, mark, short, frequency):
    year = f"{day.year % 100:02d}" if short else str(day.year)
    for parts in ((day.day, day.month), (day.month, day.day)):
        for form in ("{:02d}", "{}"):
            text = mark.join([*(form.format(part) for part in parts), year])
            with pytest.raises(ValueError, match="dates: "):
                Calendar(frequency).parse(text)


@given(days, st.sampled_from(FREQUENCIES))
def test_a_date_is_read_as_its_own_period_however_it_is_written(day, frequency):
    calendar = Calendar(frequency)
    name = MONTH_NAMES[day.month - 1]
    for text in (
        day.isoformat(),
        f"{day:%Y/%m/%d}",
        f"{day:%Y%m%d}",
        f"{day.day} {name} {day.year}",
        f"{day.day:02d}-{name[:3]}-{day.year}",
        f"{name} {day.day}, {day.year}",
        f"{day.isoformat()}T00:00:00",
    ):
        assert calendar.parse(text) == calendar.containing(day)
    for convention, pattern in (("dmy", "%d/%m/%Y"), ("mdy", "%m/%d/%Y")):
        assert calendar.parse(day.strftime(pattern), convention) == calendar.containing(day)
        assert calendar.parse(day.strftime(pattern), pattern) == calendar.containing(day)


@given(days)
def test_a_month_is_read_as_itself_however_it_is_written(day):
    calendar, name = Calendar("month"), MONTH_NAMES[day.month - 1]
    if (day.year + 1) % 100 == day.month:
        with pytest.raises(ValueError, match="a month or a financial year; write "):
            calendar.parse(f"{day.year}/{day.month:02d}")
        return
    for text in (
        *(f"{name} {day.year}", f"{name[:3].upper()}-{day.year}", f"{day.year} {name[:3]}"),
        *(f"{day.year}m{day.month}", f"{day.year}/{day.month}", f"{day.month:02d}/{day.year}"),
    ):
        assert calendar.parse(text) == calendar.containing(day)


@given(
    st.text(max_size=14), st.sampled_from(FREQUENCIES), st.sampled_from(["iso", "dmy", "mdy", "financial"])
)
def test_any_other_text_is_refused_in_words_or_survives_its_own_form(text, frequency, dates):
    calendar = Calendar(frequency)
    try:
        ordinal = calendar.parse(text, dates)
    except ValueError as error:
        assert "; " in str(error) or "not a date" in str(error)  # noqa: PT017
        return
    assert calendar.parse(calendar.format(ordinal)) == ordinal


@pytest.mark.parametrize(
    ("pattern", "frequency", "says"),
    [
        ("%b %y", "month", ""),
        ("%Y", "month", "no month"),
        ("%m", "month", "no year"),
        ("%Y", "year", ""),
        ("%Y-%m", "week", "no day"),
        ("%G-W%V-%u", "week", ""),
        ("%Q %Y", "quarter", "'%Q'"),
        ("day", "month", "no year"),
    ],
)
def test_a_pattern_has_to_name_what_the_frequency_needs(pattern, frequency, says):
    assert says in pattern_fault(pattern, frequency)
    assert bool(pattern_fault(pattern, frequency)) == bool(says)
