"""Time-varying covariates: lags, national ones, differences, gaps, and what is refused."""

import numpy as np
import pytest

UNITS = ("T1", "D1", "D2", "D3")
N, START = 60, 30


def base():
    time = np.arange(N)
    return np.column_stack([np.ones(N), time - START, time >= START, np.maximum(time - START, 0)]).astype(
        float
    )


def least_squares(y, *columns, used=None):
    X = np.column_stack([base(), *columns])
    used = np.ones(N, dtype=bool) if used is None else used
    X[:, 4:] -= X[used, 4:].mean(axis=0)
    return np.linalg.lstsq(X[used], y[used], rcond=None)[0]


def coefficients(evaluation, unit="T1", design="single"):
    frame = evaluation.tables["coefficients"]
    return frame[(frame["unit"] == unit) & (frame["design"] == design)].set_index("term")["estimate"]


@pytest.fixture
def wet(make_world, noisy):
    world = make_world(noisy(UNITS, n=N))
    rng = np.random.default_rng(8)
    world.rain = {unit: rng.normal(20, 5, N) for unit in UNITS}
    return world


def give(world, indicator="rain", **series):
    for unit, values in (series or world.rain).items():
        world.add(indicator, unit, values)


def test_a_covariate_of_the_unit(wet):
    give(wet)
    got = coefficients(wet.run(outcomes=[wet.outcome(covariates=["rain"])], treated=["T1"]))
    expected = least_squares(wet.values["T1"], wet.rain["T1"])
    assert list(got.index) == [
        *("counterfactual_at_start", "pre_slope", "level_change", "slope_change", "covariate: rain")
    ]
    np.testing.assert_allclose(got, expected, rtol=1e-8)


def test_a_lag_is_the_value_of_so_many_periods_before(wet):
    give(wet)
    found = wet.run(outcomes=[wet.outcome(covariates=[{"indicator": "rain", "lag": 3}, "rain"])])
    got = coefficients(found)
    lagged = np.concatenate([np.full(3, np.nan), wet.rain["T1"][:-3]])
    used = np.arange(N) >= 3
    expected = least_squares(wet.values["T1"], lagged, wet.rain["T1"], used=used)
    assert list(got.index)[4:] == ["covariate: rain (lag 3)", "covariate: rain"]
    np.testing.assert_allclose(got, expected, rtol=1e-8)
    fits = found.tables["fits"]
    assert fits["n"].tolist() == [N - 3]
    # its value of the periods before the window would have been used
    shown = found.tables["series"]
    assert (~shown["used"]).to_numpy().nonzero()[0].tolist() == [0, 1, 2]
    assert shown["used_reason"][:4].tolist() == ["covariate missing"] * 3 + [""]
    said = found.tables["data_quality"].query("check == 'missing_covariate'")
    assert said[["unit", "value", "severity"]].to_numpy().tolist() == [["T1", "3", "info"]]
    named = ", ".join(wet.period(index) for index in range(3))
    assert said["message"].tolist() == [
        f"y, T1: 3 periods are not used, for want of the covariate rain (lag 3): {named}"
    ]


def test_a_lag_reaches_back_before_the_window(wet):
    give(wet)
    outcome = wet.outcome(covariates=[{"indicator": "rain", "lag": 3}], start=wet.period(6))
    _, _, plan = wet.plan(outcomes=[outcome])
    column = plan.covariates["rain (lag 3)"][:, plan.panel.column("T1")]
    np.testing.assert_allclose(column, wet.rain["T1"][3 : N - 3])


def test_a_national_covariate_is_that_of_every_unit_and_cancels_in_a_difference(wet):
    # values whose mean over three peers is not exactly themselves
    nation = 0.1 + 0.7 * np.arange(N) % 1.3
    give(wet, ENG=nation)
    found = wet.run(outcomes=[wet.outcome(covariates=["rain"])], peers={"k": 3})
    np.testing.assert_allclose(coefficients(found), least_squares(wet.values["T1"], nation), rtol=1e-8)
    gap = wet.values["T1"] - np.mean([wet.values[unit] for unit in UNITS[1:]], axis=0)
    got = coefficients(found, design="difference")
    assert "covariate: rain" not in got.index
    np.testing.assert_allclose(got, least_squares(gap), rtol=1e-7)


def test_a_difference_has_the_difference_of_the_covariates(wet):
    give(wet)
    found = wet.run(outcomes=[wet.outcome(covariates=["rain"])], peers={"k": 3}, designs=["difference"])
    peers = UNITS[1:]
    gap = wet.values["T1"] - np.mean([wet.values[unit] for unit in peers], axis=0)
    rain = wet.rain["T1"] - np.mean([wet.rain[unit] for unit in peers], axis=0)
    np.testing.assert_allclose(
        coefficients(found, design="difference"), least_squares(gap, rain), rtol=1e-7, atol=1e-9
    )


def test_a_period_without_the_covariate_is_not_used(wet):
    wet.rain["T1"][[7, 40]] = np.nan
    give(wet)
    found = wet.run(outcomes=[wet.outcome(covariates=["rain"])])
    used = ~np.isnan(wet.rain["T1"])
    expected = least_squares(wet.values["T1"], np.nan_to_num(wet.rain["T1"]), used=used)
    np.testing.assert_allclose(coefficients(found), expected, rtol=1e-8)
    assert found.tables["fits"]["n"].tolist() == [N - 2]
    shown = found.tables["series"]
    assert shown.loc[shown["used_reason"] == "covariate missing", "period"].tolist() == [
        wet.period(7),
        wet.period(40),
    ]


def test_a_period_that_misses_both_is_missing(wet):
    wet.rain["T1"][[7, 8, 40]] = np.nan
    wet.values["T1"][[8, 20]] = np.nan
    give(wet)
    found = wet.run(outcomes=[wet.outcome(covariates=["rain"])])
    shown = found.tables["series"].set_index("period")["used_reason"]
    reasons = {7: "covariate missing", 8: "missing", 20: "missing", 40: "covariate missing"}
    assert {index: shown[wet.period(index)] for index in reasons} == reasons
    (message,) = found.tables["data_quality"].query("check == 'missing_covariate'")["message"]
    assert message.startswith("y, T1: 2 periods are not used, for want of the covariate rain: ")


def test_effects_are_those_of_an_average_period(wet):
    give(wet)
    time = np.arange(N)
    rain = wet.rain["T1"]
    wet.values["T1"] = 40 + 0.3 * (time - START) + 2.0 * (time >= START) + 0.5 * (rain - rain.mean())
    found = wet.run(outcomes=[wet.outcome(covariates=["rain"])])
    effects = found.tables["effects"].query("scale == 'response'").set_index("estimand")["estimate"]
    assert effects["counterfactual_at_start"] == pytest.approx(40)
    assert effects["level_change"] == pytest.approx(2)
    shown = found.tables["series"]
    # what is left without the covariate is the line itself
    np.testing.assert_allclose(shown["fitted"], wet.values["T1"], atol=1e-8)


@pytest.mark.parametrize("design", ["peer_mean", "stacked"])
def test_covariates_of_stacked_designs_have_a_term_for_the_unit_and_for_the_peers(wet, design):
    give(wet)
    found = wet.run(outcomes=[wet.outcome(covariates=["rain"])], peers={"k": 3}, designs=[design])
    own = least_squares(wet.values["T1"], wet.rain["T1"])
    got = coefficients(found, design=design)
    peers = [wet.values[unit] for unit in UNITS[1:]]
    if design == "peer_mean":
        mean = np.mean([wet.rain[unit] for unit in UNITS[1:]], axis=0)
        common = least_squares(np.mean(peers, axis=0), mean)
    else:
        centred = [wet.rain[unit] - wet.rain[unit].mean() for unit in UNITS[1:]]
        X = np.vstack([np.column_stack([base(), rain]) for rain in centred])
        common = np.linalg.lstsq(X, np.concatenate(peers), rcond=None)[0]
    terms = [f"peers: {term}" for term in got.index[5:]]
    np.testing.assert_allclose(got[terms], common, rtol=1e-7)
    np.testing.assert_allclose(got[5:], own - common, rtol=1e-6, atol=1e-9)


def test_an_indicator_that_is_not_there(wet):
    give(wet)
    outcome = wet.outcome(covariates=["rian", {"indicator": "rain", "lag": 1}, "snow"])
    assert wet.faults(outcomes=[outcome]) == [
        "outcome 'y': the data have no covariate 'rian'; did you mean 'rain'?",
        "outcome 'y': the data have no covariate 'snow'; there are: 'rain', 'y'",
    ]


def test_covariates_of_units_outside_the_panel_are_ignored(wet):
    wet.add("rain", "X1", range(N))
    give(wet)
    _, _, plan = wet.plan(outcomes=[wet.outcome(covariates=["rain"])])
    np.testing.assert_allclose(plan.covariates["rain"][:, plan.panel.column("D2")], wet.rain["D2"])


def test_series_with_covariates_are_fitted_one_by_one(make_world, noisy):
    units = ("T1", "T2", "D1", "D2")
    world = make_world(noisy(units, n=N))
    rng = np.random.default_rng(2)
    world.rain = {unit: rng.normal(20, 5, N) for unit in units}
    give(world)
    found = world.run(
        outcomes=[world.outcome(covariates=["rain"])], estimators=["reml_ar", "newey_west", "ols"]
    )
    frame = found.tables["coefficients"].query("estimator == 'ols'")
    for unit in ("T1", "T2"):
        expected = least_squares(world.values[unit], world.rain[unit])
        np.testing.assert_allclose(frame[frame["unit"] == unit]["estimate"], expected, rtol=1e-8)
