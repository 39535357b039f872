"""Estimators with error models of their own, from a config to tables, report and sentences."""

import numpy as np
import pandas as pd
import pytest

import its_eval
from its_eval.config.estimators import Estimator
from its_eval.estimators.glm import fit_glm
from its_eval.estimators.gls_ar import fit_gls_ar
from its_eval.estimators.structural import Parts, fit_structural
from its_eval.words.methods import method_sentences

N, START = 60, 30


@pytest.fixture(scope="module")
def walk():
    rng = np.random.default_rng(12)
    return {
        unit: 50 + np.cumsum(0.5 * rng.standard_normal(N)) + rng.standard_normal(N) for unit in ("T1", "D1")
    }


def estimation(world, **keys):
    settings = world.config(**keys).model_dump(mode="json", by_alias=True)
    return " ".join(method_sentences(settings)["Estimation"])


def base():
    t = np.arange(N)
    return np.column_stack([np.ones(N), t - START, t >= START, np.maximum(t - START, 0)]).astype(float)


def test_structural_from_a_config_to_a_page(make_world, walk, tmp_path, unpacked):
    world = make_world(walk)
    entries = ["structural", {"name": "structural", "trend": "stochastic", "label": "moving slope"}]
    found = world.run(designs=["single"], outcomes=[world.outcome()], estimators=entries)
    effects = found.tables["effects"].query("scale == 'response'").set_index(["estimator", "estimand"])
    (first,) = {name for name in effects.index.get_level_values(0) if name != "moving slope"}
    y = walk["T1"][:, None]
    for label, parts in ((first, Parts()), ("moving slope", Parts(trend=True))):
        expected = fit_structural(base(), y, parts).contrasts(np.eye(4)[2:])
        got = effects.loc[label].loc[["level_change", "slope_change"]]
        np.testing.assert_allclose(got["estimate"], expected.estimate[0], rtol=1e-7)
        np.testing.assert_allclose(got["std_error"], expected.std_error[0], rtol=1e-6)
        np.testing.assert_allclose(got["p_value"], expected.p_value[0], rtol=1e-5)
        assert set(got["inference"]) == {"structural"}
    assert np.isnan(effects.loc[(first, "counterfactual_at_start"), "estimate"])
    assert np.isfinite(effects.loc[(first, "pre_slope"), "estimate"])
    assert np.isnan(effects.loc[("moving slope", "pre_slope"), "estimate"])
    assert all("no_level" in flags for flags in found.tables["fits"]["flags"])
    verdict = found.tables["verdicts"].query("label != '' and unit == 'T1'")
    assert verdict["inference"].tolist() == ["structural"]
    told = estimation(world, designs=["single"], outcomes=[world.outcome()], estimators=entries)
    assert "The level may change from one month to the next, as random walks do" in told
    assert "moving slope: a structural time series model. The level and the trend may change" in told
    assert "Kenward" in told
    found.report(tmp_path / "page.html")
    page = unpacked((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "structural time series model" in page


def test_structural_in_memory(walk):
    months = pd.period_range("2013-01", periods=N, freq="M")
    found = its_eval.fit(
        pd.Series(walk["T1"], months, name="T1"),
        str(months[START]),
        estimator=Estimator(name="structural", season="stochastic"),
        seasonality="none",
    )
    expected = fit_structural(base(), walk["T1"][:, None], Parts(season=12)).contrasts(np.eye(4)[2:])
    got = found.tidy("effects").query("scale == 'response'").set_index("estimand")["estimate"]
    np.testing.assert_allclose(got[["level_change", "slope_change"]], expected.estimate[0], rtol=1e-6)


@pytest.mark.parametrize(
    "estimator",
    [Estimator(name="structural", season="stochastic"), Estimator(name="arima", seasonal_order=(1, 0, 0))],
)
def test_yearly_values_have_no_season(walk, estimator):
    yearly = pd.Series(walk["T1"], pd.period_range("1950", periods=N, freq="Y"), name="T1")
    refused = its_eval.fit(yearly, str(1950 + START), frequency="year", estimator=estimator)
    assert "at least 2 periods a year" in refused.tidy("not_estimated")["message"][0]


def test_a_longer_autoregression_from_a_config(make_world, noisy):
    world = make_world(noisy(("T1", "D1"), n=N), start=START)
    entries = [
        {"name": "gls_ar", "order": 4},
        {"name": "gls_ar", "order": 2},
        {"name": "reml_ar", "order": 2},
    ]
    found = world.run(designs=["single"], outcomes=[world.outcome()], estimators=entries)
    fits = found.tables["fits"].set_index("estimator")
    assert fits["ar_order"].to_dict() == {"gls_ar(order=4)": 4, "gls_ar(order=2)": 2, "reml_ar": 2}
    effects = found.tables["effects"].set_index(["estimator", "estimand"])
    assert set(effects["inference"]) <= {"kr1", "random_walk"}
    np.testing.assert_allclose(
        effects.loc["gls_ar(order=2)", "p_value"], effects.loc["reml_ar", "p_value"], rtol=1e-4
    )
    expected = fit_gls_ar(base(), world.values["T1"][:, None], 4).contrasts(np.eye(4)[2:])
    got = effects.loc["gls_ar(order=4)"].loc[["level_change", "slope_change"]]
    np.testing.assert_allclose(got["p_value"], expected.p_value[0], rtol=1e-6)
    told = estimation(world, designs=["single"], outcomes=[world.outcome()], estimators=entries)
    assert "generalised least squares with autoregressive errors, REML (gls_ar(order=4))" in told
    assert "Kenward" in told


def test_lagged_residuals_from_a_config(make_world):
    rng = np.random.default_rng(4)
    counts = {unit: rng.poisson(40, N).astype(float) for unit in ("T1", "D1")}
    world = make_world(counts, counts=counts)
    settings = {
        "designs": ["single"],
        "outcomes": [world.outcome() | {"kind": "count"}],
        "estimators": [{"name": "quasi_poisson", "lagged_residuals": 2}, "reml_ar"],
    }
    found = world.run(**settings)
    effects = found.tables["effects"].query("estimator == 'quasi_poisson' and scale == 'link'")
    expected = fit_glm(base(), counts["T1"][:, None], "quasi_poisson", lagged_residuals=2)
    read = expected.contrasts(np.eye(4)[2:])
    got = effects.set_index("estimand").loc[["level_change", "slope_change"]]
    np.testing.assert_allclose(got["estimate"], read.estimate[0], rtol=1e-7)
    np.testing.assert_allclose(got["p_value"], read.p_value[0], rtol=1e-6)
    np.testing.assert_allclose(got["df"], N - 4 - 2)
    assert found.tables["fits"].set_index("estimator").loc["quasi_poisson", "n"] == N
    told = estimation(world, **settings)
    assert "quasi_poisson: the residuals of a first fit, of 2 periods before, are terms of the second" in told
