"""Cells as numbers and texts as periods: what is read, what is refused, and with which words."""

import numpy as np
import pandas as pd
import pytest

from its_eval.calendar import Calendar
from its_eval.data import numbers
from its_eval.data.numbers import number_hint, to_numbers


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("35,744", "write 35744: thousands separators are not read"),
        ("-1,035,744.5", "write -1035744.5: thousands separators are not read"),
        ("95.2%", "write 95.2: leave out the per cent sign"),
        (" 95.2 % ", "write 95.2: leave out the per cent sign"),
        ("1,5", "write 1.5: the decimal mark is a point"),
        ("inf", "an infinite value cannot be used; leave the cell blank when it is not known"),
        ("-Infinity", "an infinite value cannot be used; leave the cell blank when it is not known"),
        ("about 5", "write digits with a decimal point, or leave the cell blank when it is not known"),
    ],
)
def test_hint_for_what_is_not_a_number(text, hint):
    assert number_hint(text) == hint
    values, faulty = to_numbers(pd.Series([text, "1"], dtype=str))
    assert faulty.tolist() == [True, False]
    assert np.isnan(values[0])


@pytest.mark.parametrize("rounds", [True, numbers.PANDAS_ROUNDS])
def test_a_number_is_read_to_its_last_digit(rounds, monkeypatch):
    """Whatever pandas there is: before 3.1 it rounds three of ten, here by a part in 10^12."""
    monkeypatch.setattr(numbers, "PANDAS_ROUNDS", rounds)
    if rounds:
        exact = pd.to_numeric
        monkeypatch.setattr(numbers.pd, "to_numeric", lambda *a, **k: exact(*a, **k) * (1 + 1e-12))
    expected = np.random.default_rng(1).standard_normal(2000) * 10.0 ** np.arange(-20, 20).repeat(50)
    values, faulty = to_numbers(
        pd.Series([*map(repr, expected.tolist()), " 5 ", "-.5e3", "x", ""], dtype=str)
    )
    np.testing.assert_array_equal(values[:2000], expected)
    assert values[2000:2002].tolist() == [5.0, -500.0]
    assert faulty[-4:].tolist() == [False, False, True, False]


def test_marks_for_missing_are_no_faults_and_no_zeros():
    texts = [
        "",
        " ",
        "NA",
        "N/A",
        "n/a",
        "NaN",
        "nan",
        "NULL",
        "null",
        "None",
        "*",
        "-",
        "..",
        ":",
        "0",
        " 2.5 ",
        "1e3",
    ]
    values, faulty = to_numbers(pd.Series(texts, dtype=str))
    assert not faulty.any()
    assert np.isnan(values[:14]).all()
    assert values[14:].tolist() == [0.0, 2.5, 1000.0]


def test_typed_numbers_stay_and_infinite_ones_are_faulty():
    values, faulty = to_numbers(pd.Series([1.5, np.nan, np.inf]))
    np.testing.assert_array_equal(values, [1.5, np.nan, np.nan])
    assert faulty.tolist() == [False, False, True]
    values, faulty = to_numbers(pd.Series([1, None], dtype="Int64"))
    np.testing.assert_array_equal(values, [1.0, np.nan])
    assert not faulty.any()


@pytest.mark.parametrize(
    ("text", "frequency", "convention", "expected"),
    [
        ("2015-07", "month", "iso", "2015-07"),
        (" 2015-07-31 ", "month", "iso", "2015-07"),
        ("2015-07-01 00:00:00", "month", "iso", "2015-07"),
        ("2015-07-01T00:00", "month", "iso", "2015-07"),
        ("01/07/2015", "month", "dmy", "2015-07"),
        ("1.7.2015", "month", "dmy", "2015-07"),
        ("07-01-2015 00:00", "month", "mdy", "2015-07"),
        ("2015-07", "month", "dmy", "2015-07"),
        ("2003Q2", "quarter", "iso", "2003Q2"),
        ("2003-q2", "quarter", "iso", "2003Q2"),
        ("2003 Q4", "quarter", "iso", "2003Q4"),
        ("2003-06", "quarter", "iso", "2003Q2"),
        ("2003-04-01", "quarter", "iso", "2003Q2"),
        ("1989", "year", "iso", "1989"),
        ("1989-01-01", "year", "iso", "1989"),
        ("2020-W05", "week", "iso", "2020-W05"),
        ("2020W53", "week", "iso", "2020-W53"),
        ("2021-01-03", "week", "iso", "2020-W53"),
    ],
)
def test_texts_that_name_a_period(text, frequency, convention, expected):
    ordinal = Calendar(frequency).parse(text, convention)
    assert Calendar(frequency).format(ordinal) == expected
    assert Calendar(frequency).parse(expected) == ordinal


@pytest.mark.parametrize(
    ("text", "frequency", "convention", "message"),
    [
        (
            "01/07/2015",
            "month",
            "iso",
            (
                "'01/07/2015' is ambiguous; expected a month such as 2015-07, "
                "or set `dates: dmy` (day first) or `dates: mdy`"
            ),
        ),
        ("2015-13", "month", "iso", "'2015-13' is not a date of the calendar"),
        ("31/02/2015", "month", "dmy", "'31/02/2015' is not a date of the calendar"),
        ("2021-W53", "week", "iso", "'2021-W53' is not a date of the calendar"),
        ("July", "month", "iso", "'July' is not a month; expected a month such as 2015-07"),
        ("July", "month", "mdy", "'July' is not a month; expected a month such as 2015-07"),
        ("2015", "month", "iso", "'2015' is not a month; expected a month such as 2015-07"),
        ("2015-07", "year", "iso", "'2015-07' is not a year; expected a year such as 1989"),
        ("2003Q5", "quarter", "iso", "'2003Q5' is not a quarter; expected a quarter such as 2003Q2"),
        ("5", "week", "iso", "'5' is not a week; expected a week such as 2020-W05"),
    ],
)
def test_texts_that_name_none(text, frequency, convention, message):
    with pytest.raises(ValueError) as caught:
        Calendar(frequency).parse(text, convention)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "frequency", "words", "position", "start"),
    [
        ("2015-07", "month", "July 2015", 6, "2015-07-01"),
        ("2003Q2", "quarter", "Q2 2003", 1, "2003-04-01"),
        ("1989", "year", "1989", 0, "1989-01-01"),
        ("2020-W05", "week", "week 5 of 2020", 4, "2020-01-27"),
    ],
)
def test_a_period_in_words_and_its_place(text, frequency, words, position, start):
    calendar = Calendar(frequency)
    ordinal = calendar.parse(text)
    assert calendar.describe(ordinal) == words
    assert calendar.season_position(ordinal) == position
    assert calendar.first_day(ordinal).isoformat() == start


@pytest.mark.parametrize(
    ("frequency", "first", "then"), [("month", "2015-12", "2016-01"), ("week", "2020-W53", "2021-W01")]
)
def test_neighbours_differ_by_one_across_the_year(frequency, first, then):
    calendar = Calendar(frequency)
    assert calendar.parse(then) - calendar.parse(first) == 1
    assert calendar.span(calendar.parse(first), calendar.parse(then)) == [first, then]
