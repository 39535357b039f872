"""Series fitted from Python, without a config: the same numbers as a run, and faults in words."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from its_eval import SeriesFits, evaluate, fit, load_config
from its_eval.config import Estimator, Seasonality
from its_eval.errors import DataError, UsageError

ROOT = Path(__file__).parents[3]
PERIODS = [f"{2011 + month // 12}-{month % 12 + 1:02d}" for month in range(60)]


@pytest.fixture
def values():
    rng = np.random.default_rng(8)
    return pd.Series(50 + rng.normal(size=60) + 3.0 * (np.arange(60) >= 30), PERIODS, name="A")


def shared(found, expected, columns):
    """Compare the columns that the tables of a fit and of a run have in common, row by row."""
    for column in columns:
        assert found[column].to_numpy(dtype=float) == pytest.approx(
            expected[column].to_numpy(dtype=float), rel=1e-12, nan_ok=True
        )


def test_the_numbers_are_those_of_a_run(tmp_path, values):
    values.iloc[[7, 41]] = np.nan
    table = values.rename_axis("period").rename("value").reset_index().assign(unit="A", indicator="x")
    table.to_csv(tmp_path / "x.csv", index=False)
    (tmp_path / "x.yaml").write_text(
        "version: 1\ndata: {indicators: {path: x.csv}}\nintervention: {date: 2013-07}\ntreated: [A]\n"
        "outcomes: [{indicator: x, kind: number}]\nestimators: [reml_ar, ols]\ndesigns: [single]\n"
        "checks: {diagnostics: false, placebo_dates: false}\nestimands: {at: [6]}\n"
    )
    run = evaluate(load_config(tmp_path / "x.yaml"))
    for estimator in ("reml_ar", "ols"):
        found = fit(values, "2013-07", estimator=estimator, at=[6])
        effects = run.tidy("effects").query("estimator == @estimator")
        merged = found.tidy().merge(effects, on=["estimand", "scale"], suffixes=("", "_run"))
        assert len(merged) == len(effects) == len(found.tidy())
        for column in ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "conf_level"):
            shared(merged, merged.drop(columns=column).rename(columns={f"{column}_run": column}), [column])
        fits = run.tidy("fits").query("estimator == @estimator")
        shared(
            found.tidy("fits"),
            fits,
            ["n", "n_pre", "n_post", "n_missing", "n_terms", "sigma", "log_likelihood"],
        )
    shared(
        fit(values, "2013-07").tidy("series"),
        run.tidy("series"),
        ["observed", "fitted", "counterfactual", "counterfactual_low", "counterfactual_high"],
    )


def test_logarithms_are_those_of_a_run():
    config = load_config(ROOT / "configs" / "uk_seatbelts.yaml")
    table = pd.read_csv(ROOT / "data" / "sample" / "uk_seatbelts.csv").set_index("month")
    found = fit(table["front"], "1983-02", seasonality="months", log=True, at=[12]).tidy()
    run = evaluate(config).tidy("effects").query("design == 'single' and estimator == 'reml_ar'")
    merged = found.merge(run, on=["estimand", "scale"], suffixes=("", "_run"))
    assert {"ratio", "link", "response"} == set(merged["scale"])
    assert len(merged) == len(found)
    assert merged["estimate"].to_numpy() == pytest.approx(merged["estimate_run"].to_numpy(), rel=1e-10)
    assert merged["conf_low"].to_numpy() == pytest.approx(merged["conf_low_run"].to_numpy(), rel=1e-10)


def test_many_series_are_each_fitted_as_if_alone(values):
    rng = np.random.default_rng(9)
    frame = pd.DataFrame(rng.normal(size=(60, 4)), PERIODS, list("DACB"))
    frame.loc[PERIODS[5:9], "C"] = np.nan
    frame.loc[PERIODS[2:58], "B"] = np.nan
    found = fit(frame, "2013-07", seasonality="none")
    assert list(found.tidy("fits")["series"]) == ["D", "A", "C"]
    assert list(found.tidy("not_estimated")["series"]) == ["B"]
    assert list(found.tidy("not_estimated")["reason"]) == ["segment_too_short"]
    for name in "DAC":
        alone = fit(frame[name], "2013-07", seasonality="none").tidy()
        own = found.tidy().query("series == @name")
        assert own["estimate"].to_numpy() == pytest.approx(alone["estimate"].to_numpy(), rel=1e-9)
        assert own["p_value"].to_numpy() == pytest.approx(alone["p_value"].to_numpy(), rel=1e-6)


def test_periods_may_be_texts_dates_or_pandas_periods(values):
    expected = fit(values, "2013-07").tidy()
    stamps = pd.to_datetime(values.index + "-01")
    for index in (stamps, stamps.to_period("M"), [stamp.date() for stamp in stamps]):
        pd.testing.assert_frame_equal(fit(values.set_axis(index), "2013-07").tidy(), expected)


def test_a_period_that_is_not_there_keeps_its_place_in_time(values):
    blank = values.copy()
    blank.iloc[[3, 40]] = np.nan
    expected = fit(blank, "2013-07")
    found = fit(values.drop([PERIODS[3], PERIODS[40]]).iloc[::-1], "2013-07")
    pd.testing.assert_frame_equal(found.tidy(), expected.tidy())
    assert list(found.tidy("series")["period"]) == PERIODS


def test_a_phase_in_is_left_out(values):
    found = fit(values, "2013-07", phase_in=3, seasonality="none")
    masked = values.copy()
    masked.iloc[30:33] = 1000.0
    pd.testing.assert_frame_equal(fit(masked, "2013-07", phase_in=3, seasonality="none").tidy(), found.tidy())
    assert found.tidy("fits")["n_post"].item() == 27


@pytest.mark.parametrize(
    ("frequency", "index", "start"),
    [
        ("quarter", [f"{1990 + place // 4}Q{place % 4 + 1}" for place in range(40)], "1995Q1"),
        ("year", range(1980, 2020), "2000"),
        ("week", pd.date_range("2018-01-01", periods=40, freq="W-MON").to_period("W"), "2018-W20"),
    ],
)
def test_other_frequencies(frequency, index, start):
    rng = np.random.default_rng(3)
    found = fit(pd.Series(rng.normal(size=40), index), start, frequency=frequency, seasonality="none")
    assert found.tidy("fits")["n"].item() == 40
    assert found.tidy()["estimable"].all()


@pytest.mark.parametrize(("freq", "word"), [("Q-MAR", "quarter"), ("Q-JUN", "quarter"), ("Y-MAR", "year")])
def test_years_that_end_in_another_month(freq, word):
    """A period means its dates, whether it is text, a pandas period, or a date."""
    rng = np.random.default_rng(3)
    index = pd.period_range("2006", periods=40, freq=freq)
    series = pd.Series(rng.normal(size=40), index, name="A")
    start = index[20]
    first = start.start_time
    expected = f"Q{first.quarter} {first.year}" if word == "quarter" else str(first.year)
    given = [
        str(start),
        start,
        first,
        f"{first:%Y-%m-%d}",
        *([f"{first:%Y-%m}"] if word == "quarter" else []),
    ]
    found = [fit(series, item, frequency=word, seasonality="none", at=()) for item in given]
    for item in found:
        assert item.title == f"reml_ar, step_and_slope, from {expected}"
        assert item.tidy("fits")["n_pre"].item() == 20
        pd.testing.assert_frame_equal(item.tidy(), found[0].tidy())
    # as text the index has no year of its own: the calendar's
    plain = fit(series.set_axis(index.astype(str)), str(start), frequency=word, seasonality="none", at=())
    pd.testing.assert_frame_equal(plain.tidy(), found[0].tidy())
    assert plain.title.endswith(f"Q{start.quarter} {start.year}" if word == "quarter" else f"{start.year}")


def test_the_summary_is_text_and_the_dictionary_is_json(values):
    found = fit(values, "2013-07", estimator=Estimator(name="newey_west", lags=2), seasonality="none")
    assert isinstance(found, SeriesFits)
    lines = found.summary().splitlines()
    assert lines[0] == "newey_west, step_and_slope, from July 2013"
    assert [line.split(" (")[0].rsplit(" ", 1)[0] for line in lines[1:]] == [
        "A: level_change",
        "A: slope_change",
    ]
    row = found.tidy().query("estimand == 'level_change'").iloc[0]
    shown = f"A: level_change {row['estimate']:.4g} (95 % interval {row['conf_low']:.4g} to {row['conf_high']:.4g}; "
    assert lines[1].startswith(shown.replace("-", "\N{MINUS SIGN}"))
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["title"] == found.title


def test_at_a_bound_the_differenced_model_answers():
    walk = np.cumsum(np.random.default_rng(1).normal(size=60)) * 10 + 0.01 * np.arange(60) ** 2.5
    found = fit(
        pd.Series(walk, PERIODS, name="A"),
        "2013-07",
        seasonality="none",
        estimator=Estimator(name="reml_ar", order=1),
    )
    assert "at_bound" in found.tidy("fits")["flags"].item()
    assert found.tidy()["estimable"].all()
    assert set(found.tidy()["inference"]) == {"random_walk"}
    assert "not estimable" not in found.summary()
    assert found.summary().count("; p ") == 2


def test_what_cannot_be_fitted_is_said(values):
    found = fit(values.iloc[25:40], "2013-07", shape="step")
    assert found.tidy().empty
    assert found.summary().splitlines()[1].startswith("A: not estimated: 15 usable observations")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "reml"}, r"estimator 'reml' \(did you mean 'reml_ar'"),
        ({"estimator": "poisson"}, "estimator 'poisson': expected one of"),
        ({"seasonality": "month"}, r"seasonality 'month' \(did you mean 'months'\?\): expected one of none"),
        ({"seasonality": Seasonality(kind="harmonics", harmonics=9)}, "seasonality 'harmonics'.*: expected"),
        ({"frequency": "monthly"}, r"frequency 'monthly' \(did you mean 'month'\?\)"),
        ({"confidence": 95}, "confidence 95: expected a number from 0.5 to below 1"),
    ],
)
def test_unknown_options_are_refused(values, options, message):
    with pytest.raises(UsageError, match=message):
        fit(values, "2013-07", **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda some: some.set_axis(["July", *PERIODS[1:]]),
            "index: 'July' is not a month; expected",
        ),
        (
            lambda some: some.set_axis([PERIODS[1], *PERIODS[1:]]),
            "index: 2011-02 stands 2 times; expected once",
        ),
        (lambda some: some.map(lambda value: f"{value} beds"), "series 'A', .* is not a number"),
        (lambda some: some.iloc[:0], "the data have no values"),
        (lambda some: pd.concat([some, some], axis=1), "series 'A' stands twice"),
        (
            lambda some: some.iloc[40:],
            r"start '2013-07': expected a period after the first of the data \(2014-05",
        ),
    ],
)
def test_faulty_data_are_refused(values, change, message):
    with pytest.raises(DataError, match=message):
        fit(change(values), "2013-07")


def test_harmonics_and_dates_as_start(values):
    found = fit(
        values, dt.date(2013, 7, 1).isoformat(), seasonality=Seasonality(kind="harmonics", harmonics=1)
    )
    assert found.tidy("fits")["season"].item() == "1 pair of harmonics"


def test_what_has_no_logarithm_is_refused_as_in_a_run(tmp_path, values):
    """A zero is neither dropped nor passed over in silence; other series go on."""
    frame = pd.DataFrame({"A": values, "B": values, "C": values})
    frame.loc[PERIODS[7], "B"] = 0.0
    frame.loc[PERIODS[9], "C"] = np.nan
    found = fit(frame, "2013-07", log=True)
    assert found.tidy("fits")["series"].tolist() == ["A", "C"]
    (row,) = found.tidy("not_estimated").to_dict("records")
    assert (row["series"], row["reason"]) == ("B", "not_positive")
    assert f"B: not estimated: {row['message']}" in found.summary()
    assert "count family" not in row["message"]
    (counts,) = fit(frame[["B"]].abs().round(), "2013-07", log=True).tidy("not_estimated")["message"]
    assert counts == f"{row['message']}, or a count family such as quasi_poisson"
    long = frame.rename_axis("period").melt(ignore_index=False, var_name="unit", value_name="value")
    long.dropna().reset_index().assign(indicator="x").to_csv(tmp_path / "x.csv", index=False)
    (tmp_path / "x.yaml").write_text(
        "version: 1\ndata: {indicators: {path: x.csv}}\nintervention: {date: 2013-07}\ntreated: [A, B, C]\n"
        "outcomes: [{indicator: x, kind: number, transform: log}]\nestimators: [reml_ar]\ndesigns: [single]\n"
        "checks: {diagnostics: false, placebo_dates: false}\n"
    )
    run = evaluate(load_config(tmp_path / "x.yaml")).tidy("not_estimated")
    assert run[["unit", "reason", "message"]].to_numpy().tolist() == [["B", "not_positive", row["message"]]]
