"""What is shown of a count, and rows of which nothing protected can come back."""

import numpy as np
import pandas as pd
import pytest

from its_eval.calendar import MONTHS
from its_eval.config import Config
from its_eval.config.outcomes import evaluated_outcomes
from its_eval.data.disclosure import Protection
from its_eval.data.faults import Finding
from its_eval.data.load import IndicatorRows
from its_eval.errors import DataError

NAN = float("nan")
FIRST = MONTHS.parse("2015-01")
RULE = Protection(1, 7, 5)


def rows(*cells, indicator="y", findings=()):
    """Rows of (value, numerator, denominator), a month each."""
    frame = pd.DataFrame(
        [(indicator, "A", FIRST + month, *cell, "", "f.csv", "", month + 2) for month, cell in enumerate(cells)],
        columns=[
            "indicator", "unit", "period", "value", "numerator", "denominator", "stratum", "source_file",
            "source_sheet", "source_row",
        ],
    ).astype(dict.fromkeys(("value", "numerator", "denominator"), float))  # fmt: skip
    return IndicatorRows(frame, tuple(findings), MONTHS)


def outcomes(**keys):
    settings = {
        "version": 1,
        "data": {"indicators": {"path": "y.csv"}},
        "intervention": {"name": "Law", "date": "2016-01"},
        "treated": ["A"],
        "outcomes": [{"indicator": "y", "kind": "percentage", **keys}],
    }
    return evaluated_outcomes(Config.model_validate(settings).outcomes)


def cells(found):
    return found.frame[["value", "numerator", "denominator"]].to_numpy()


def test_counts_are_rounded_and_small_ones_not_shown():
    counts = np.array([0, 1, 7, 8, 12, 13, 0.4, 7.9, NAN])
    np.testing.assert_array_equal(RULE.shown(counts), [0, NAN, NAN, 10, 10, 15, NAN, NAN, NAN])
    np.testing.assert_array_equal(RULE.shown(counts, 4.0)[[1, 2, 6]], [4, 4, 4])
    # from 3 on: one and two are shown as they are rounded
    assert Protection(3, 5, 2).shown(np.array([1.0, 2.0, 3.0, 6.0])).tolist()[:2] == [2, 2]
    assert (RULE.width, Protection(1, 2, 10).width) == (7, 10)


def test_percentages_are_made_of_protected_counts():
    given = rows(
        (NAN, 48, 101), (50, NAN, 202), (NAN, 3, 101), (NAN, 98, 101), (NAN, 0, 101), (NAN, NAN, 101)
    )
    expected = [(50, 50, 100), (50, NAN, 200), (NAN, NAN, 100), (NAN, NAN, 100), (0, 0, 100), (NAN, NAN, NAN)]
    np.testing.assert_array_equal(cells(RULE.rows(given, outcomes(), None)), expected)
    # taken as 4: of the percentage, and of the rest to 100
    taken = cells(RULE.rows(given, outcomes(), None, 4.0))
    np.testing.assert_array_equal(taken[[2, 3]], [(4, 4, 100), (96, 96, 100)])
    # what is not evaluated stays as it is
    other = rows((NAN, 3, 101), indicator="else")
    pd.testing.assert_frame_equal(RULE.rows(other, outcomes(), None).frame, other.frame)


def test_a_denominator_that_is_not_shown_leaves_no_percentage():
    given = rows((NAN, 2, 6), (NAN, 0, 0))
    np.testing.assert_array_equal(cells(RULE.rows(given, outcomes(), None))[0], [NAN, NAN, NAN])
    np.testing.assert_array_equal(cells(RULE.rows(given, outcomes(), None, 4.0))[0], [100, 4, 4])


def test_counts_and_rates():
    given = rows((12, NAN, NAN), (3, NAN, NAN), (NAN, 21, 1003))
    found = cells(RULE.rows(given, outcomes(kind="count"), None))
    np.testing.assert_array_equal(found, [(10, NAN, NAN), (NAN, NAN, NAN), (20, 20, 1005)])
    rate = cells(RULE.rows(rows((NAN, 21, 1003)), outcomes(kind="rate", per=1000), None))
    assert rate[0].tolist() == [1000 * 20 / 1005, 20, 1005]


def test_below_the_least_denominator_there_are_no_numbers():
    given = rows((NAN, 10, 18), (NAN, 10, 22), (NAN, 10, 31))
    found = cells(RULE.rows(given, outcomes(), 22.0))
    # 22 is rounded up, since 20 would be below the least that is evaluated
    np.testing.assert_array_equal(found[:, 2], [NAN, 25, 30])
    assert np.isnan(found[0]).all()


def test_strata_have_a_least_denominator_of_their_own():
    strata = outcomes(strata={"values": ["poor", "rich"], "gap": ["poor", "rich"], "min_denominator": 50})
    given = rows((NAN, 10, 40), (NAN, 10, 60), indicator="y [poor]")
    np.testing.assert_array_equal(cells(RULE.rows(given, strata, None))[:, 2], [NAN, 60])


def test_what_has_no_denominator_is_refused():
    with pytest.raises(DataError) as caught:
        RULE.rows(rows((12.5, NAN, NAN), (NAN, 10, 40)), outcomes(), None)
    assert caught.value.problems == ["y: 1 values have no denominator"]


def test_findings_quote_no_row():
    merged = Finding("y", "A", "combined", "", "B, C", "info", "y: A, B, C counted as A")
    cell = Finding("y", "A", "not_a_number", "2015-01", "3 of 40", "error", "f.csv: row 2: '3 of 40' is not")
    given = rows((NAN, 50, 40), findings=(merged, cell))
    found = RULE.rows(given, outcomes(), None).findings
    assert found[0] == merged
    assert {item.check for item in found[1:]} >= {"not_a_number", "impossible_percentage"}
    for item in found[1:]:
        assert item.value == ""
        assert item.message == (
            f"y, A, 2015-01: {item.check.replace('_', ' ')}; validate without data.disclosure shows the row"
        )
        assert item.severity == "error"
