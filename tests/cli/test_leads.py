"""The table of leads, from a config to the report, against regressions with a term for each of these periods."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from its_eval import evaluate, load_config
from its_eval.columns import COLUMNS

START, LEADS, MONTHS = 40, 12, 72
UNITS = ("A", "B", "C", "D", "E")


def rows(*, jump=9.0):
    """Return five positive series of 72 months; A moves by `jump` two months ahead of the start."""
    rng = np.random.default_rng(11)
    periods = [f"{2013 + month // 12}-{month % 12 + 1:02d}" for month in range(MONTHS)]
    values = 60.0 + 0.1 * np.arange(MONTHS)[:, None] + rng.normal(0.0, 1.5, (MONTHS, len(UNITS)))
    values[START - 2 :, 0] += jump
    values[START - 5, 0] = np.nan
    frame = pd.DataFrame(values, index=periods, columns=list(UNITS))
    long = frame.rename_axis("period").melt(ignore_index=False, var_name="unit").reset_index()
    return long.assign(indicator="waits").dropna()


def content(**changes):
    return {
        "version": 1,
        "data": {"indicators": {"path": "waits.csv"}},
        "intervention": {"date": "2016-05"},
        "treated": ["A"],
        "outcomes": [{"indicator": "waits", "seasonality": "none", "better": "lower", **changes}],
        "peers": {"given": {"A": ["B", "C", "D", "E"]}},
        "estimators": ["ols"],
        "checks": {"anticipation": LEADS},
        "confidence": 0.9,
    }


def regression(series, *, log=False):
    """Return the fit with a term for every lead that has a value, and how far each lies before the start."""
    y, since = series["observed"].to_numpy(dtype=float), series["event_time"].to_numpy(dtype=float)
    known = ~np.isnan(y)
    ahead = [back for back in range(-LEADS, 0) if known[since == back].all()]
    columns = [np.ones(len(y)), since, since >= 0, np.maximum(since, 0), *(since == back for back in ahead)]
    X = np.column_stack(columns).astype(float)
    return sm.OLS(np.log(y[known]) if log else y[known], X[known]).fit(), ahead


@pytest.mark.parametrize("design", ["single", "difference"])
def test_every_lead_is_a_term_of_a_regression(design):
    found = evaluate(content(), indicators=rows())
    leads = found.tables["leads"].query("design == @design")
    series = found.tables["series"].query("design == @design and unit == 'A'")
    whole, ahead = regression(series)
    assert leads["event_time"].tolist() == ahead
    assert -5 not in ahead
    assert leads["period"].tolist() == series.set_index("event_time").loc[ahead, "period"].tolist()
    np.testing.assert_allclose(leads["estimate"], whole.params[4:], rtol=1e-8)
    np.testing.assert_allclose(leads["std_error"], whole.bse[4:], rtol=1e-8)
    np.testing.assert_allclose(leads["statistic"], whole.tvalues[4:], rtol=1e-8)
    np.testing.assert_allclose(leads["p_value"], whole.pvalues[4:], rtol=1e-7)
    np.testing.assert_allclose(leads["df"], whole.df_resid)
    np.testing.assert_allclose(leads[["conf_low", "conf_high"]], whole.conf_int(0.1)[4:], rtol=1e-7)
    assert set(leads["scale"]) == {"response"}
    # what moved two months ahead of the start is seen in these two, and hardly elsewhere
    assert (leads.set_index("event_time").loc[[-2, -1], "p_value"] < 0.01).all()


def test_leads_of_a_logarithm_are_ratios():
    found = evaluate(content(transform="log"), indicators=rows())
    leads = found.tables["leads"].query("design == 'single'")
    whole, _ = regression(found.tables["series"].query("design == 'single'"), log=True)
    np.testing.assert_allclose(leads["estimate"], np.exp(whole.params[4:]), rtol=1e-8)
    np.testing.assert_allclose(leads["std_error"], whole.bse[4:], rtol=1e-8)
    np.testing.assert_allclose(leads[["conf_low", "conf_high"]], np.exp(whole.conf_int(0.1)[4:]), rtol=1e-7)
    assert set(leads["scale"]) == {"ratio"}


def test_the_report_shows_each_lead(tmp_path, unpacked):
    found = evaluate(content(unit="days"), indicators=rows())
    path = tmp_path / "report.html"
    found.report(path)
    page = unpacked(path.read_text(encoding="utf-8"))
    section = page.partition('id="placebos"')[2].partition("<section")[0]
    assert "The last periods before the start" in section
    assert "held against those before them" in section
    assert "Difference, days" in section
    last = found.tables["leads"].query("design == 'single' and event_time == -1").iloc[0]
    place = found.tables["leads"].query("design == 'single' and event_time == -1").index[0]
    assert f"leads:{place}:estimate" in section
    assert str(last["period"]) in section


def test_without_the_question_there_is_no_row():
    asked = content() | {"checks": {"anticipation": None}}
    found = evaluate(asked, indicators=rows())
    assert found.tables["leads"].empty
    assert tuple(found.tables["leads"].columns) == COLUMNS["leads"]
    assert "The last periods before the start" not in _report_of(found)


def _report_of(found):
    """Return the headings that the section would have."""
    from its_eval.report.effects import _leads

    class Source:
        outcomes = ("waits",)

        def rows(self, name, outcome):
            return found.rows_of(name, outcome)

    return str(_leads(Source()))


def test_a_short_series_says_why_it_has_none():
    some = rows()
    some = some[some["period"] > "2014-12"]
    found = evaluate(content(), indicators=some)
    assert found.tables["leads"].empty
    checks = found.tables["checks"].query("check == 'anticipation'")
    assert checks["status"].eq("not_applicable").all()
    assert checks["message"].str.contains("leads leave").all()


def test_a_stored_run_has_the_table(tmp_path):
    table = tmp_path / "waits.csv"
    rows().to_csv(table, index=False)
    asked = content() | {"data": {"indicators": {"path": str(table)}}}
    found = evaluate(load_config(asked))
    folder = found.save(tmp_path / "run")
    from its_eval import load_run

    again = load_run(folder if folder is not None else tmp_path / "run")
    pd.testing.assert_frame_equal(again.tables["leads"], found.tables["leads"])
