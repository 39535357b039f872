"""Units that opened, closed, merged or were renamed within the window are no peers."""

import pytest

from its_eval.calendar import MONTHS
from its_eval.data.successors import Lifetimes
from its_eval.peers.select import lifetime_reasons

WINDOW = (MONTHS.parse("2013-04"), MONTHS.parse("2020-02"))


def at(text):
    return MONTHS.parse(text)


def reasons(opened=None, closed=None, successors=None, combined=False):
    dates = [{unit: at(text) for unit, text in (found or {}).items()} for found in (opened, closed)]
    return lifetime_reasons(Lifetimes(*dates, successors or {}), WINDOW, MONTHS, combined=combined)


def test_opened_after_the_window_begins():
    assert reasons(opened={"A": "2013-05", "B": "2013-04", "C": "1990-01"}) == {
        "A": "opened in 2013-05, after the window begins in 2013-04"
    }


def test_closed_before_the_window_ends():
    assert reasons(closed={"A": "2020-02", "B": "2020-03", "C": "2010-01"}) == {
        "A": "closed in 2020-02, before the window ends in 2020-02",
        "C": "closed in 2010-01, before the window ends in 2020-02",
    }


def test_a_merger_sets_both_sides_aside():
    assert reasons(closed={"RM2": "2017-10", "RW3": "2017-10"}, successors={"RM2": "R0A", "RW3": "R0A"}) == {
        "RM2": "went on as R0A in 2017-10, before the window ends in 2020-02",
        "RW3": "went on as R0A in 2017-10, before the window ends in 2020-02",
        "R0A": "took over RM2 in 2017-10, within the window",
    }


def test_mergers_outside_the_window_set_aside_old_codes_alone():
    found = reasons(closed={"A": "2010-04", "B": "2021-04"}, successors={"A": "X", "B": "Y"})
    assert found == {"A": "went on as X in 2010-04, before the window ends in 2020-02"}
    # whoever took over with the first period of the window has all of it
    assert set(reasons(closed={"A": "2013-04"}, successors={"A": "X"})) == {"A"}
    assert set(reasons(closed={"A": "2013-05"}, successors={"A": "X"})) == {"A", "X"}


def test_a_merger_without_a_date():
    assert reasons(successors={"A": "X"}) == {
        "A": "went on as X, and when is not known",
        "X": "took over A, and when is not known",
    }


@pytest.mark.parametrize("opened", [None, {"X": "2017-10"}])
def test_combined_rows_make_the_successor_a_unit_throughout(opened):
    found = reasons(opened=opened, closed={"A": "2017-10"}, successors={"A": "X"}, combined=True)
    assert found == {"A": "counted as part of its successor X"}
    assert reasons(opened={"N": "2017-10"}, combined=True) == {
        "N": "opened in 2017-10, after the window begins in 2013-04"
    }
