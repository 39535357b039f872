"""Lifetimes of units, and old codes counted as new ones."""

import numpy as np
import pandas as pd
import pytest

from its_eval.calendar import MONTHS
from its_eval.data.attributes import Units
from its_eval.data.faults import NO_PERIOD, Finding
from its_eval.data.load import IndicatorRows
from its_eval.data.successors import combine_successors, lifetimes_of
from its_eval.errors import DataError

NAN = float("nan")
FIRST = MONTHS.parse("2017-08")
MERGER = {"RM2": "R0A", "RW3": "R0A"}


def rows(*cells, indicator="waits", findings=()):
    """Rows of (unit, month from 2017-08, value, numerator, denominator)."""
    frame = pd.DataFrame(
        [
            (indicator, unit, FIRST + month, value, numerator, denominator, "", "f.csv", "", place)
            for place, (unit, month, value, numerator, denominator) in enumerate(cells, start=2)
        ],
        columns=[
            "indicator", "unit", "period", "value", "numerator", "denominator", "stratum", "source_file",
            "source_sheet", "source_row",
        ],
    )  # fmt: skip
    frame = frame.astype(dict.fromkeys(("value", "numerator", "denominator"), float))
    order = ["indicator", "unit", "period", "stratum", "source_file", "source_row"]
    return IndicatorRows(frame.sort_values(order).reset_index(drop=True), tuple(findings), MONTHS)


def combined(given, kind="percentage", factor=100.0, successors=MERGER):
    found = combine_successors(given, successors, {"waits": (kind, factor)})
    assert list(found.frame.columns) == list(given.frame.columns)
    assert found.frame.dtypes.to_dict() == given.frame.dtypes.to_dict()
    cells = found.frame[["unit", "period", "value", "numerator", "denominator"]].to_numpy(dtype=object)
    return found, [(unit, period - FIRST, *map(float, numbers)) for unit, period, *numbers in cells]


def test_percentages_are_made_anew_from_summed_counts():
    given = rows(
        ("RM2", 0, 90, 90, 100), ("RW3", 0, 50, 150, 300), ("R0A", 1, 70, 280, 400), ("RX1", 0, 10, 1, 10)
    )
    found, cells = combined(given)
    assert cells == [("R0A", 0, 60, 240, 400), ("R0A", 1, 70, 280, 400), ("RX1", 0, 10, 1, 10)]
    assert found.frame["source_row"].tolist() == [2, 4, 5]
    assert [item.message for item in found.findings] == ["waits: R0A, RM2, RW3 counted as R0A"]
    assert [(item.check, item.severity, item.unit) for item in found.findings] == [
        ("combined", "info", "R0A")
    ]


def test_without_numerators_the_mean_is_weighted_by_denominators():
    _, cells = combined(rows(("RM2", 0, 90, NAN, 100), ("RW3", 0, 50, NAN, 300)))
    assert cells[0][:3] == ("R0A", 0, 60.0)
    assert np.isnan(cells[0][3])
    assert cells[0][4] == 400


def test_rates_and_counts():
    _, cells = combined(rows(("RM2", 0, NAN, 3, 1000), ("RW3", 0, NAN, 5, 3000)), "rate", 1000.0)
    assert cells == [("R0A", 0, 2.0, 8, 4000)]
    _, cells = combined(rows(("RM2", 0, 3, NAN, NAN), ("RW3", 0, 5, NAN, NAN)), "count", 1.0)
    assert cells[0][:3] == ("R0A", 0, 8)
    assert np.isnan(cells[0][3:]).all()
    _, cells = combined(rows(("RM2", 0, NAN, 3, 10), ("RW3", 0, NAN, 5, 20)), "count", 1.0)
    assert cells == [("R0A", 0, 8, 8, 30)]


def test_a_covariate_is_averaged_by_its_denominators_whatever_its_numerators():
    _, cells = combined(rows(("RM2", 0, 10, 1, 100), ("RW3", 0, 20, 2, 300)), "covariate", 1.0)
    assert cells[0][2] == 17.5
    # what the numerators of a covariate count is not known, so that a blank value is not made of them
    given = rows(
        *(("RM2", month, value, 1, 100) for month, value in enumerate((10, NAN, 10))),
        *(("RW3", month, 20, 2, 300) for month in range(3)),
    )
    _, cells = combined(given, "covariate", 1.0)
    np.testing.assert_array_equal([cell[2] for cell in cells], [17.5, NAN, 17.5])


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("percentage", "a percentage without its denominator cannot be averaged"),
        ("rate", "a rate without its denominator cannot be averaged"),
        ("covariate", "a covariate without its denominator cannot be averaged"),
        ("number", "numbers cannot be added up or averaged without knowing what they count"),
    ],
)
def test_what_cannot_be_averaged_is_refused(kind, why):
    cells = [(unit, month, 50, NAN, NAN) for unit in MERGER for month in range(3)]
    with pytest.raises(DataError) as caught:
        combined(rows(*cells), kind)
    assert caught.value.problems == [
        f"waits: RM2, RW3 counted as R0A: {why} in 2017-08 to 2017-10 (3 periods)"
    ]
    assert "data.units.mergers: set_aside" in caught.value.hint
    with pytest.raises(DataError, match=r"in 2017-08$"):
        combined(rows(*cells[::3]), kind)


def test_one_denominator_is_not_enough():
    with pytest.raises(DataError, match="cannot be averaged"):
        combined(rows(("RM2", 0, 90, NAN, 100), ("RW3", 0, 50, NAN, NAN)))


def test_a_new_code_alone_needs_no_denominator():
    given = rows(("RM2", 0, 90, NAN, NAN), ("RM2", 1, NAN, NAN, NAN), ("R0A", 2, 80, NAN, NAN))
    found, cells = combined(given, successors={"RM2": "R0A"})
    assert [(cell[0], cell[1]) for cell in cells] == [("R0A", 0), ("R0A", 1), ("R0A", 2)]
    np.testing.assert_array_equal([cell[2] for cell in cells], [90, NAN, 80])
    assert [item.check for item in found.findings] == ["combined"]


def test_a_month_that_one_of_them_leaves_out_is_missing_and_said_so():
    given = rows(
        *((("RM2"), month, 3, NAN, NAN) for month in range(4)),
        *((("RW3"), month, 5, NAN, NAN) for month in (0, 2)),
    )
    found, cells = combined(given, "count", 1.0)
    # after its last month a unit is over, and the other goes on alone
    np.testing.assert_array_equal([cell[2] for cell in cells], [8, NAN, 8, 3])
    (gap,) = (item for item in found.findings if item.check == "combined_incomplete")
    assert (gap.period, gap.severity) == ("2017-09", "warning")
    assert gap.message.endswith("2017-09 is missing, as not all of them have a value")


def test_nothing_out_of_nothing_adds_nothing():
    _, cells = combined(rows(("RM2", 0, NAN, 0, 0), ("RW3", 0, NAN, 5, 10)))
    assert cells == [("R0A", 0, 50, 5, 10)]
    _, cells = combined(rows(("RM2", 0, NAN, 0, 0), ("RW3", 0, NAN, 0, 0)))
    assert np.isnan(cells[0][2])


def test_repeated_and_undated_rows_stay_for_the_checks_to_find():
    given = rows(("RM2", 0, 1, NAN, NAN), ("RM2", 0, 2, NAN, NAN), ("RW3", 0, 3, NAN, NAN))
    _, cells = combined(given, "count")
    assert [cell[:3] for cell in cells] == [("R0A", 0, 1.0), ("R0A", 0, 2.0), ("R0A", 0, 3.0)]
    given = rows(("RM2", NO_PERIOD - FIRST, 1, NAN, NAN), ("RW3", 0, 3, NAN, NAN))
    _, cells = combined(given, "count")
    assert [cell[2] for cell in cells] == [1.0, 3.0]


def test_other_indicators_and_findings():
    own = Finding("waits", "RM2", "not_a_number", "", "x", "error", "m")
    other = Finding("else", "RM2", "not_a_number", "", "x", "error", "m")
    given = rows(("RM2", 0, 1, NAN, NAN), findings=(own, other))
    found = combine_successors(given, MERGER, {"waits": ("count", 1.0)})
    assert [(item.indicator, item.unit) for item in found.findings] == [("waits", "R0A"), ("else", "RM2")]
    untouched = combine_successors(rows(("RM2", 0, 1, NAN, NAN), indicator="else"), MERGER, {})
    assert untouched.frame["unit"].tolist() == ["RM2"]


def units(**columns):
    return Units({}, columns)


def test_lifetimes():
    found = lifetimes_of(
        units(
            opened={"A": "2013-05", "B": ""},
            closed={"A": "2017-10-01", "B": "NULL"},
            successor={"A": "B", "B": "C", "C": "C", "D": ""},
        ),
        MONTHS,
        "u.csv",
    )
    assert found.opened == {"A": MONTHS.parse("2013-05")}
    assert found.closed == {"A": MONTHS.parse("2017-10")}
    assert found.successors == {"A": "C", "B": "C"}
    assert lifetimes_of(units(), MONTHS, "u.csv").successors == {}


def test_a_letter_is_a_code_though_a_value_of_that_letter_is_suppressed():
    found = lifetimes_of(
        units(opened={"A": "c"}, successor={"A": "c", "B": "z", "D": "n/a"}), MONTHS, "u.csv"
    )
    assert found.opened == {}
    assert found.successors == {"A": "c", "B": "z"}


def test_faults_of_lifetimes_are_told_together():
    with pytest.raises(DataError) as caught:
        lifetimes_of(
            units(
                opened={"A": "spring 2013", "B": "2015-01"},
                closed={"B": "2014-01"},
                successor={"P": "Q", "Q": "P", "R": "Q"},
            ),
            MONTHS,
            "u.csv",
        )
    assert caught.value.problems == [
        "u.csv: unit A, opened: 'spring 2013' is not a month; expected a month such as 2015-07",
        "u.csv: unit B closed before it opened",
        "u.csv: unit P: its successors lead round in a circle",
        "u.csv: unit Q: its successors lead round in a circle",
        "u.csv: unit R: its successors lead round in a circle",
    ]
    assert caught.value.hint == "opened and closed are periods such as 2017-10; successor is a unit code"
