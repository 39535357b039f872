"""What people give: it is read, or a `DataError` says what to write. Nothing else comes out."""

import datetime as dt
import inspect
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from its_eval import evaluate, fit, peers_of
from its_eval.errors import ConfigError, DataError, ItsEvalError, UsageError

PERIODS = [f"{2013 + m // 12}-{m % 12 + 1:02d}" for m in range(48)]
DAYS = pd.to_datetime(PERIODS)
START = "2015-01"
A = pd.Series([50.0 + (7 * m) % 5 + 6 * (m >= 24) for m in range(48)], PERIODS, name="A")
WIDE = pd.DataFrame({"A": A, "B": A + np.arange(48) * 3 % 4, "C": A - np.arange(48) * 5 % 7, "D": 60.0 + np.arange(48) * 11 % 6})  # fmt: skip
STUDY = {
    "version": 1,
    "intervention": {"name": "New ward", "date": START},
    "treated": ["A"],
    "outcomes": [{"indicator": "beds", "kind": "number", "seasonality": "none"}],
    "checks": {"placebo_dates": False},
}


def put(frame, value, row=16, column="A"):
    changed = frame.astype(object) if isinstance(value, str) else frame.copy()
    changed.loc[frame.index[row], column] = value
    return changed


def fitted(data, start=START, **options):
    return fit(data, start, seasonality="none", **options)


def study(frame, **changes):
    return evaluate({**STUDY, **changes}, indicators=frame)


#: Read as the plain series is: by what is given, a call whose effects are the same to the last digit.
READ = {
    "unsorted periods": lambda: fitted(A.sample(frac=1, random_state=1)),
    "an index of dates": lambda: fitted(A.set_axis(DAYS)),
    "an index in a time zone": lambda: fitted(A.set_axis(DAYS.tz_localize("Europe/London"))),
    "an index of periods": lambda: fitted(A.set_axis(pd.PeriodIndex(PERIODS, freq="M"))),
    "a column of objects": lambda: fitted(A.astype(object)),
    "numbers as texts": lambda: fitted(A.astype(str)),
    "decimals": lambda: fitted(A.map(Decimal)),
    "whole numbers that may be missing": lambda: fitted(A.astype("Int64")),
    "a start as a timestamp": lambda: fitted(A, pd.Timestamp("2015-01-01")),
    "a start in a time zone": lambda: fitted(A, pd.Timestamp("2015-01-01", tz="Europe/London")),
    "a start as a period": lambda: fitted(A, pd.Period("2015-01", "M")),
    "a start as a date": lambda: fitted(A, dt.date(2015, 1, 1)),
    "a start of NumPy": lambda: fitted(A, np.datetime64("2015-01-01")),
}

#: Refused: by what is given, the call and what it says.
REFUSED = {
    "an array": (lambda: fitted(A.to_numpy()), "data: a ndarray; expected a pandas Series or DataFrame whose index"),
    "a list": (lambda: fitted(A.tolist()), "data: a list; expected a pandas Series or DataFrame"),
    "a dictionary": (lambda: fitted({"A": A.tolist()}), "data: a dict; expected a pandas Series or DataFrame"),
    "nothing": (lambda: fitted(None), "data: a NoneType; expected a pandas Series or DataFrame"),
    "an empty frame": (lambda: fitted(pd.DataFrame()), "the data have no values; expected a column for each series"),
    "no periods": (lambda: fitted(A.reset_index(drop=True)), "index: '0' is not a month; expected a month such as"),
    "levels of periods": (lambda: fitted(A.set_axis(pd.MultiIndex.from_product([["A"], PERIODS]))), "is not a month"),
    "a period that is missing": (lambda: fitted(A.set_axis([pd.NaT, *DAYS[1:]])), "index: 'NaT' is not a month"),
    "levels of columns": (lambda: fitted(WIDE.set_axis(pd.MultiIndex.from_product([["x"], WIDE]), axis=1)), "data: the columns have 2 levels; expected one name each"),
    "repeated periods": (lambda: fitted(pd.concat([A, A.head(1)])), "index: 2013-01 stands 2 times; expected once"),
    "repeated series": (lambda: fitted(WIDE[["A", "A"]]), "series 'A' stands twice; expected a name for each"),
    "an infinite value": (lambda: fitted(put(WIDE, np.inf)), "series 'A', 2014-05: 'inf' is not a number; an infinite value cannot be used"),
    "an infinite value for arima": (lambda: fitted(put(WIDE, np.inf), estimator="arima"), "series 'A', 2014-05: 'inf' is not a number"),
    "an infinite value with noise": (lambda: fitted(put(WIDE, -np.inf), estimator="reml_ar_noise"), "series 'A', 2014-05: '-inf' is not a number"),
    "a number beyond all": (lambda: fitted(put(WIDE, 1e200)), "series 'A', 2014-05: '1e+200' is not a number; a number beyond 1e+50"),
    "a word among numbers": (lambda: fitted(put(WIDE, "1,5")), "series 'A', 2014-05: '1,5' is not a number; write 1.5"),
    "true and false": (lambda: fitted(A > 52), "series 'A', 2013-01: 'False' is not a number"),
    "complex numbers": (lambda: fitted(A * 1j), "is not a number"),
    "a start that is nothing": (lambda: fitted(A, None), "start: 'None' is not a month; expected a month such as 2015-07"),
    "a start that is missing": (lambda: fitted(A, pd.NaT), "start: 'NaT' is not a month"),
    "a start after the data": (lambda: fitted(A, "2030-01"), "expected a period after the first of the data (2013-01 to 2016-12)"),
    "another frequency": (lambda: fitted(A, frequency="quarter"), "index: 2013Q1 stands 3 times; expected once"),
    "treated among peers": (lambda: fitted(WIDE, treated="A", peers=["A", "B"]), "peers: 'A' is treated; expected columns that are not"),
    "a treated series alone": (lambda: fitted(A, treated="A"), "treated: every column is treated; expected others to compare with"),
    "a slip in nearest": (lambda: fitted(WIDE, treated="A", peers="nearst"), "peers: the data have no column 'nearst'; did you mean 'nearest'?"),
    "no nearest": (lambda: fitted(WIDE, treated="A", peers="nearest", k=0), "k: 0; expected a whole number of at least 1, or 'all'"),
    "characteristics in an array": (lambda: fitted(WIDE, treated="A", peers="nearest", characteristics=np.ones((4, 2))), "characteristics: a ndarray; expected a pandas DataFrame"),
    "a study of an array": (lambda: study(WIDE.to_numpy()), "indicators: a ndarray; expected a pandas DataFrame"),
    "a study of a series": (lambda: study(A), "indicators: a Series; expected a pandas DataFrame"),
    "a study of nothing": (lambda: study(pd.DataFrame()), "indicators: the table has no rows, or no columns"),
    "a study of no frames": (lambda: study({}), "indicators: no table; expected a DataFrame for each indicator"),
    "a study of lists": (lambda: study({"beds": A.tolist()}), "indicators['beds']: a list; expected a pandas DataFrame"),
    "a study of the infinite": (lambda: study(put(WIDE, np.inf)), "indicators row 2014-05, column 'A': 'inf' is not a number"),
    "a study with repeated periods": (lambda: study(pd.concat([WIDE, WIDE.head(1)])), "beds, A, 2013-01 stands 2 times"),
    "a study with repeated columns": (lambda: study(WIDE[["A", "A"]]), "indicators: 2 columns are called 'A'; expected one"),
    "a study with levels of columns": (lambda: study(WIDE.set_axis(pd.MultiIndex.from_product([["x"], WIDE]), axis=1)), "indicators: its columns have 2 levels"),
    "a study without periods": (lambda: study(WIDE.reset_index(drop=True)), "indicators: there is no column 'period'"),
    "a study of somebody else": (lambda: study(WIDE, treated=["Z"]), "treated unit 'Z' is not in the indicator data"),
    "peers in a list": (lambda: peers_of([1, 2], "A"), "characteristics: a list; expected a pandas DataFrame"),
    "peers by no number": (lambda: peers_of(pd.DataFrame({"x": ["a", "b"]}, index=["P", "Q"]), "P"), "no column but 'unit' is numeric"),
}  # fmt: skip


@pytest.mark.parametrize("given", READ)
def test_what_can_be_read_is_read(given):
    pd.testing.assert_frame_equal(READ[given]().effects, fitted(A).effects, check_exact=True)


@pytest.mark.parametrize("given", REFUSED)
def test_what_cannot_be_read_is_refused_in_words(given):
    call, message = REFUSED[given]
    with pytest.raises(DataError) as caught:
        call()
    assert message in caught.value.message


def test_a_study_in_a_time_zone_and_with_a_unit_called_value():
    plain = study(WIDE).verdicts
    zoned = study(WIDE.set_axis(DAYS.tz_localize("Europe/London"))).verdicts
    pd.testing.assert_frame_equal(zoned, plain, check_exact=True)
    named = study(WIDE.rename(columns={"A": "value"}), treated=["value"]).verdicts
    assert named["estimate"].tolist() == plain["estimate"].tolist()


def test_a_series_of_nothing_is_not_estimated_and_says_so():
    found = fitted(WIDE.assign(A=np.nan))
    assert found.not_estimated[["series", "reason"]].to_numpy().tolist() == [["A", "no_data"]]
    assert found.effects["estimate"].notna().all()


def test_options_that_cannot_be_are_told_together():
    with pytest.raises(UsageError) as caught:
        fitted(A, shape="stp", confidence="a", phase_in=-1, at=[6, 1.5])
    assert caught.value.message.splitlines() == [
        "shape 'stp' (did you mean 'step'?): expected one of step, slope, step_and_slope, pulse, free",
        "confidence 'a': expected a number from 0.5 to below 1",
        "phase_in -1: expected a whole number of at least 0",
        "at 1.5: expected a whole number of at least 0",
    ]


def test_a_config_of_another_kind():
    for given in ([1], None):
        with pytest.raises(ConfigError, match="expected the path of a file, or a dictionary"):
            evaluate(given, indicators=WIDE)


def test_a_series_that_is_not_there():
    with pytest.raises(UsageError, match="unit 'Z': there is no such series; there are: 'A'"):
        fitted(A).plot("Z")


#: What no option means.
NO_OPTION = (3, 3.5, ["x"], {"a": 1}, object(), float("nan"), pd.NaT, b"x", {"x"}, pd.Series([1.0]))
TRAITS = pd.DataFrame({"beds": [500.0, 520.0, 900.0, 480.0], "type": list("aaba")}, index=list("ABCD"))


@pytest.mark.parametrize("place", range(len(NO_OPTION)))
@pytest.mark.parametrize("name", inspect.signature(fit).parameters)
def test_no_option_of_a_fit_ends_in_another_error(name, place):
    given = {"data": WIDE, "start": START, "seasonality": "none", name: NO_OPTION[place]}
    try:
        found = fit(**given)
    except ItsEvalError as error:
        assert str(error)  # noqa: PT017  (either outcome is right)
    else:
        assert len(found.effects)


@pytest.mark.parametrize("place", range(len(NO_OPTION)))
@pytest.mark.parametrize("name", inspect.signature(peers_of).parameters)
def test_no_option_of_a_peer_search_ends_in_another_error(name, place):
    given = {"characteristics": TRAITS, "unit": "A", "k": 3, name: NO_OPTION[place]}
    try:
        found = peers_of(**given)
    except ItsEvalError as error:
        assert str(error)  # noqa: PT017  (either outcome is right)
    else:
        assert found["rank"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fitted(A, at=12), "at 12: expected several whole numbers, e.g. [6, 12]"),
        (lambda: fitted(A, log="yes"), "log 'yes': expected True or False"),
        (lambda: fitted(A, estimator=["ols"]), "estimator ['ols']: expected one of reml_ar, "),
        (
            lambda: fitted(A, frequency=["month"]),
            "frequency ['month'] (did you mean 'month'?): expected one of month, ",
        ),
        (lambda: peers_of(TRAITS, 3), "unit 3: expected a name, or several in a list"),
        (lambda: peers_of(TRAITS, "A", within=None), "within nothing: expected a name, or several in a list"),
        (lambda: peers_of(TRAITS, "A", variables=[]), "variables (): expected at least one column"),
    ],
)
def test_options_of_another_kind_are_told_what_they_are(call, message):
    with pytest.raises(UsageError) as caught:
        call()
    assert message in caught.value.message


def test_one_variable_may_be_named_alone():
    pd.testing.assert_frame_equal(
        peers_of(TRAITS, "A", 2, variables="beds"), peers_of(TRAITS, "A", 2, variables=["beds"])
    )
