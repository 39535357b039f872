"""Cells, dates and headings as publishers write them."""

import datetime as dt

import numpy as np
import pytest

from its_eval.calendar import MONTHS, Calendar
from its_eval.config.layouts import Layout, PeriodPlace
from its_eval.errors import DataError
from its_eval.importers.extract import extract
from its_eval.importers.headings import Sheet, Source, choose_sheet, column_letters, find_header, to_number
from its_eval.importers.metadata import periods_in, read_date, read_period


@pytest.mark.parametrize(
    ("cell", "month"),
    [
        ("April 2019", "2019-04"),
        ("April 26", "2026-04"),
        (" Sept-2014 ", "2014-09"),
        ("30th April 2019", "2019-04"),
        ("Dec '15", "2015-12"),
        ("2019-04", "2019-04"),
        ("30/04/2019", "2019-04"),
        (dt.datetime.fromisoformat("2019-04-30"), "2019-04"),
        (dt.date(2019, 4, 1), "2019-04"),
        (43922.0, "2020-04"),
        ("43922", "2020-04"),
    ],
)
def test_periods(cell, month):
    assert MONTHS.format(read_period(cell, MONTHS, PeriodPlace(dates="dmy"))) == month


@pytest.mark.parametrize(
    ("cell", "dates", "message"),
    [
        (
            "Aprli 2020",
            "iso",
            "'Aprli 2020' is not a month; expected a month such as 2015-07",
        ),
        ("31 April 2020", "iso", "'31 April 2020' is not a date; expected e.g. 30 April 2019"),
        ("April 2019 to June 2019", "iso", "is not a month"),
        (4392.0, "iso", "'4392' is not a month"),
        ("01/04/2020", "iso", "'01/04/2020' is ambiguous"),
    ],
)
def test_what_is_no_period(cell, dates, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        read_period(cell, MONTHS, PeriodPlace(dates=dates))


def test_other_frequencies():
    assert read_period(2019.0, Calendar("year"), PeriodPlace()) == 2019
    assert read_period("April 2019", Calendar("quarter"), PeriodPlace()) == Calendar("quarter").parse(
        "2019Q2"
    )
    with pytest.raises(ValueError, match="'x' is not a year"):
        read_period("x", Calendar("year"), PeriodPlace())


@pytest.mark.parametrize(
    ("name", "months"),
    [
        ("April-2020-AE-by-provider-revised-260421-M70yN.xls", ["2020-04"]),
        ("Monthly-AE-January-2026-Provider-revised-lqb32.xls", ["2026-01"]),
        ("NHS Sickness Absence benchmarking tool CSV, August 2025.csv", ["2025-08"]),
        ("fft_2014-07.xlsx", ["2014-07"]),
        ("april-2020 and may-2020.xls", ["2020-04", "2020-05"]),
        ("summary-2020.xls", []),
        ("marching-band-12.xls", []),
    ],
)
def test_months_in_names_of_files(name, months):
    assert [MONTHS.format(month) for month in periods_in(name, MONTHS)] == months


def test_dates_of_revisions():
    assert read_date("13th May 2021") == dt.date(2021, 5, 13)
    assert read_date(dt.datetime.fromisoformat("2021-05-13 09:00")) == dt.date(2021, 5, 13)
    assert read_date(dt.date(2021, 5, 13)) == dt.date(2021, 5, 13)
    for cell in ("May 2021", "31 June 2021", "", "to be revised"):
        assert read_date(cell) is None


@pytest.mark.parametrize(("cell", "number"), [(3, 3.0), (2.5, 2.5), (" 12 ", 12.0), ("1e3", 1000.0)])
def test_numbers(cell, number):
    assert to_number(cell) == number


@pytest.mark.parametrize("cell", ["", "*", "-", "NULL", "..", ":", "c", "z", "[c]", "[x]", "[z]"])
def test_marks_of_missing_values(cell):
    assert to_number(cell) != to_number(cell)


@pytest.mark.parametrize("cell", [True, dt.date(2020, 1, 1), "1,234", "12%", "inf", "1_000", "abc"])
def test_what_is_no_number(cell):
    with pytest.raises(ValueError, match="is not a number"):
        to_number(cell)


def test_letters_of_columns_are_those_of_spreadsheets():
    from openpyxl.utils import get_column_letter

    assert [column_letters(place) for place in range(800)] == [get_column_letter(n) for n in range(1, 801)]


LAYOUT = Layout.model_validate(
    {
        "version": "1", "kind": "k", "title": "T", "tried": "true", "header": {"marks": ["Code", "Seen"]},
        "period": {"anywhere": "true"}, "unit_pattern": "[A-Z][0-9]", "missing": ["c"],
        "columns": {"unit": "Code", "seen": "Seen"}, "other_columns": ["Area"],
        "indicators": [{"name": "seen", "label": "Seen", "kind": "count", "numerator": "seen"}],
    }
)  # fmt: skip


def read(*rows, layout=LAYOUT, file="f.csv"):
    sheet = Sheet(file, "", rows)
    return extract(Source(file, ("",), ("",), rows), sheet, find_header(sheet, layout), layout)


TOP = (("Report, May 2021",), ("Area", "Code", "Seen"))


def test_rows_that_end_early_and_marks_of_the_layout():
    found = read(*TOP, ("x", "A1", "5"), ("x", "A2"), ("x", "A3", "c"), ("note",), (), ("", "B1", "7"))
    # a suppressed value is missing, and its row stays; a note is no row
    assert found.units == ["A1", "A2", "A3", "B1"]
    np.testing.assert_array_equal(found.numbers["seen"], [5.0, np.nan, np.nan, 7.0])
    assert found.rows.tolist() == [3, 4, 5, 8]
    assert MONTHS.format(int(found.periods[0])) == "2021-05"


def test_rows_without_a_code_are_left_out_and_named():
    found = read(*TOP, ("x", "A1", "5"), ("x", "-", "50"))
    assert found.notes == ("left out for want of a code: (row 4)",)


def test_the_title_may_name_two_months_when_the_file_is_named_after_one():
    rows = (("Data of May 2021, published July 2021",), *TOP[1:], ("x", "A1", "5"))
    assert MONTHS.format(int(read(*rows, file="May 2021.csv").periods[0])) == "2021-05"
    with pytest.raises(
        DataError, match="the cells above the header name several periods: May 2021, July 2021"
    ):
        read(*rows)
    with pytest.raises(DataError, match="no cell above the header names a month and year"):
        read(("Report",), *TOP[1:], ("x", "A1", "5"))


def test_many_faults_are_counted():
    rows = [("x", f"A{place % 10}", "five") for place in range(10)] + [
        ("x", f"B{place}", "x") for place in range(5)
    ]
    with pytest.raises(DataError) as caught:
        read(*TOP, *rows)
    assert len(caught.value.problems) == 11
    assert caught.value.problems[0].startswith("f.csv, row 3, column 3: 'five' is not a number")
    assert caught.value.problems[-1] == "f.csv: … and 5 more of this kind"


def test_a_heading_that_stands_twice():
    with pytest.raises(DataError, match=r"2 columns are headed 'Seen' \(B, C\); expected one"):
        read(("May 2021",), ("Code", "Seen", "Seen"), ("A1", 1, 2))


def test_the_sheet_is_the_visible_one_with_the_header():
    class Book(Source):
        def sheet(self, name):
            return Sheet(self.file, name, self._content[name])

    good, other = [*TOP, ("x", "A1", "5")], [("what",)]
    book = Book(
        "b.xls", ("one", "two", "hidden"), ("one", "two"), {"one": other, "two": good, "hidden": good}
    )
    assert choose_sheet(book, LAYOUT)[0].name == "two"
    both = Book("b.xls", ("one", "two"), ("one", "two"), {"one": good, "two": good})
    with pytest.raises(DataError, match=r"b\.xls: 2 sheets have the header: 'one', 'two'; expected one"):
        choose_sheet(both, LAYOUT)
    none = Book("b.xls", ("one", "two"), ("one", "two"), {"one": other, "two": other})
    with pytest.raises(DataError, match=r"b\.xls: no sheet has a header with 'Code', 'Seen'"):
        choose_sheet(none, LAYOUT)
