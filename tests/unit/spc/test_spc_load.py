"""Reading series for XmR charts."""

import math

import pytest

from its_eval.calendar import Calendar
from its_eval.config.outcomes import series_name
from its_eval.errors import DataError
from its_eval.improvement.xmr_load import load_series


@pytest.fixture
def table(tmp_path):
    def write(text):
        path = tmp_path / "series.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_two_columns_are_enough(table):
    series = load_series(table("Month,Value\n2015-02,4\n2015-01,3\n2015-03,\n"), {})
    assert list(series.frame["value"]) == [3, 4]
    assert set(series.frame["indicator"]) == {"Value"}
    assert set(series.frame["unit"]) == {""}
    assert series.n_missing == {("Value", ""): 1}
    assert all(math.isnan(value) for value in series.frame["target"])


def test_units_and_indicators_can_be_chosen(table):
    path = table(
        "indicator,unit,period,value,target\n"
        "x,A,2015-01,1,5\nx,B,2015-01,2,5\ny,A,2015-01,3,\ny,C,2015-01,oops,\n"
    )
    series = load_series(path, {}, units=("A",), indicators=("x", "y"))
    assert list(series.frame["value"]) == [1, 3]
    assert series.frame["target"].iloc[0] == 5


def test_unknown_names_are_refused_together(table):
    path = table("indicator,unit,period,value\nwaits,RXA1,2015-01,1\n")
    with pytest.raises(DataError) as fault:
        load_series(path, {}, units=("RXA2", "B"), indicators=("wait",))
    assert len(fault.value.problems) == 3
    assert "there is no unit 'RXA2'; did you mean 'RXA1'?" in fault.value.problems[0]
    with pytest.raises(DataError, match="--unit needs a column of them"):
        load_series(table("period,value\n2015-01,1\n"), {}, units=("A",))


def test_every_fault_of_the_rows_is_reported_at_once(table):
    path = table("unit,period,value,target\nA,01/02/2015,1,2\nA,soon,1,2\nA,2015-01,x,2\nA,2015-01,3,y\n")
    with pytest.raises(DataError) as fault:
        load_series(path, {})
    text = "\n".join(fault.value.problems)
    assert "row 2: '01/02/2015' is ambiguous" in text
    assert "use --dates dmy (day first) or mdy" in text
    assert "row 3: 'soon' is not a month" in text
    assert "row 4, column 'value': 'x' is not a number" in text
    assert "row 5, column 'target': 'y' is not a number" in text
    assert "value, A, 2015-01 stands in rows 4, 5; keep one" in text
    assert len(fault.value.problems) == 5


def test_columns_are_found_together(table):
    with pytest.raises(DataError) as fault:
        load_series(table("when,what\n2015-01,3\n"), {"period": "whn"})
    assert len(fault.value.problems) == 2
    assert "did you mean 'when'?" in fault.value.problems[0]
    assert "no column is recognised as value" in fault.value.problems[1]


def test_slashed_dates_and_quarters(table):
    series = load_series(table("date,value\n01/02/2015,1\n"), {}, dates="dmy")
    assert series.frame["period"].iloc[0] == 2015 * 12 + 1
    quarters = load_series(table("quarter,value\n2003Q2,1\n"), {}, calendar=Calendar("quarter"))
    assert quarters.frame["period"].iloc[0] == 2003 * 4 + 1


def test_no_value_at_all(table):
    with pytest.raises(DataError, match="no row has a value"):
        load_series(table("period,value\n2015-01,*\n"), {})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        load_series(tmp_path / "none.csv", {})


def test_numerators_and_denominators_serve_as_values(table):
    path = table(
        "indicator,unit,period,numerator,denominator\nx,A,2015-01,9,10\nx,A,2015-02,,\nx,A,2015-03,3,12\n"
    )
    series = load_series(path, {})
    assert list(series.frame["value"]) == [90.0, 25.0]
    assert series.n_missing == {("x", "A"): 1}
    assert list(load_series(path, {}, per=1000).frame["value"]) == [900.0, 250.0]


def test_a_share_of_nobody_is_a_fault(table):
    path = table("period,numerator,denominator\n2015-01,0,0\n2015-02,1,2\n")
    with pytest.raises(DataError, match="row 2, column 'denominator': 0 is no denominator; leave both blank"):
        load_series(path, {})


def test_values_and_per_do_not_go_together(table):
    path = table("period,value,numerator,denominator\n2015-01,7,1,2\n")
    assert list(load_series(path, {}).frame["value"]) == [7.0]
    with pytest.raises(DataError, match="column 'value' holds the values: --per does not go with it"):
        load_series(path, {}, per=100)
    with pytest.raises(DataError, match="--per 0: expected a number above 0"):
        load_series(table("period,numerator,denominator\n2015-01,1,2\n"), {}, per=0)
    with pytest.raises(DataError, match="no column is recognised as value"):
        load_series(table("period,numerator\n2015-01,1\n"), {})


def test_a_stratum_is_a_series_of_its_own_named_as_in_a_run(table):
    path = table(
        "indicator,unit,period,stratum,value\n"
        "x,A,2015-01,,1\nx,A,2015-01,old,2\nx,A,2015-01,young,3\ny,A,2015-01,,4\n"
    )
    found = load_series(path, {}).frame
    assert list(found["indicator"]) == ["x", series_name("x", "old"), series_name("x", "young"), "y"]
    assert list(load_series(path, {}, indicators=("x",), strata=("young",)).frame["value"]) == [3]
    with pytest.raises(DataError, match="there is no stratum 'yung'; did you mean 'young'"):
        load_series(path, {}, strata=("yung",))
