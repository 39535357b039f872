"""Synthetic difference in differences as a design: the weighted double difference, and how it is judged."""

import numpy as np
import pytest
from scipy import optimize

from its_eval.peers.donor_weights import double_weights
from its_eval.words.methods import method_sentences

UNITS = ("T1", "D1", "D2", "D3", "D4", "D5", "D6")
N, START = 60, 40


@pytest.fixture
def world(make_world, noisy):
    values = noisy(UNITS, n=N)
    values["T1"] = (
        0.6 * values["D2"]
        + 0.4 * values["D6"]
        + np.random.default_rng(6).normal(0, 0.3, N)
        + 3.0 * (np.arange(N) >= START)
    )
    world = make_world(values, start=START)
    world.settings |= {"designs": ["sdid"], "peers": {"k": 2}, "estimands": {"primary": "average_effect"}}
    return world


def effect_of(world, unit, later=None):
    """The weighted double difference of the paper (equation 3), and the prediction error before the start."""
    others = [code for code in world.units if code != unit]
    donors = np.column_stack([world.values[code] for code in others])
    own = world.values[unit]
    after = np.arange(N) >= START if later is None else later
    found = double_weights(own[:START], donors[:START], donors[after])
    gap = own - donors @ found.units
    left = gap[:START] - gap[:START].mean()
    return gap[after].mean() - found.periods @ gap[:START], np.sqrt((left**2).mean())


def two_way(world, unit):
    """The effect by the weighted two-way regression of the paper (equation 1), with dummies throughout."""
    codes = [code for code in world.units if code != unit]
    values = np.column_stack([world.values[code] for code in [*codes, unit]])
    found = double_weights(values[:START, -1], values[:START, :-1], values[START:, :-1])
    J = len(codes)
    units = np.append(found.units, 1.0)
    periods = np.append(found.periods, np.full(N - START, 1.0 / (N - START)))
    rows, y, w = [], [], []
    for i in range(J + 1):
        for t in range(N):
            treated = float(i == J and t >= START)
            rows.append(np.concatenate([np.eye(J + 1)[i], np.eye(N)[t][1:], [treated]]))
            y.append(values[t, i])
            w.append(units[i] * periods[t])
    root = np.sqrt(w)
    return np.linalg.lstsq(np.array(rows) * root[:, None], np.array(y) * root, rcond=None)[0][-1]


@pytest.mark.parametrize("shape", ["step", "step_and_slope", "free"])
@pytest.mark.parametrize("seasonality", ["none", "months"])
def test_the_average_effect_is_the_double_difference(world, shape, seasonality):
    law = {"name": "Law", "date": world.period(START), "shape": shape}
    found = world.run(intervention=law, outcomes=[world.outcome(seasonality=seasonality)])
    effects = found.tables["effects"].query("scale == 'response'").set_index("estimand")
    expected, _ = effect_of(world, "T1")
    assert effects.loc["average_effect", "estimate"] == pytest.approx(expected, rel=1e-10)
    assert two_way(world, "T1") == pytest.approx(expected, rel=1e-6)
    if shape == "step":
        assert effects.loc["level_change", "estimate"] == pytest.approx(expected, rel=1e-10)
    assert set(effects["inference"]) == {"placebo"}
    assert effects[["std_error", "conf_low", "p_value"]].isna().all(axis=None)
    assert "pre_slope" not in effects.index
    assert found.tables["fits"]["season"].tolist() == ["no season"]


def test_a_trend_after_the_start_is_that_of_the_gap(world):
    found = world.run().tables
    series = found["series"].sort_values("period")
    donors = np.column_stack([world.values[code] for code in UNITS[1:]])
    weights = double_weights(world.values["T1"][:START], donors[:START], donors[START:])
    gap = world.values["T1"] - donors @ weights.units
    gap -= weights.periods @ gap[:START]
    np.testing.assert_allclose(series["observed"], gap, atol=1e-9)
    np.testing.assert_allclose(series["counterfactual"].iloc[START:], 0.0, atol=1e-9)
    np.testing.assert_allclose(series["fitted"].iloc[:START], 0.0, atol=1e-9)
    slope, level = np.polyfit(np.arange(N - START), gap[START:], 1)
    effects = found["effects"].query("scale == 'response'").set_index("estimand")["estimate"]
    assert effects["level_change"] == pytest.approx(level)
    assert effects["slope_change"] == pytest.approx(slope)
    # what is expected of the unit itself is the mixture, moved to its level
    np.testing.assert_allclose(series["peer_mean"], world.values["T1"] - gap)


def test_its_place_among_other_units_is_that_of_the_effect_over_the_error_before(world):
    found = world.run(checks={"placebo_dates": False, "diagnostics": False}, confidence=0.8)
    rows = found.tables["placebo_units"].set_index("placebo").loc[list(UNITS)]
    expected = np.array([effect_of(world, unit) for unit in UNITS])
    np.testing.assert_allclose(rows["estimate"], expected[:, 0], rtol=1e-8)
    ratios = expected[:, 0] / expected[:, 1]
    np.testing.assert_allclose(rows["statistic"], ratios, rtol=1e-8)
    (answer,) = found.tables["verdicts"].query("label != ''").to_dict("records")
    assert answer["p_rank"] == pytest.approx(np.mean(np.abs(ratios) >= abs(ratios[0])))
    (check,) = found.tables["checks"].query("check == 'exchangeability'").to_dict("records")
    assert "among 6 units without the intervention" in check["message"]


def test_the_weights_of_donors_are_a_table(world):
    world.values["D3"][5] = np.nan
    table = world.run().tables["donor_weights"]
    assert set(table["design"]) == {"sdid"}
    assert table["weight"].sum() == pytest.approx(1)
    assert table.set_index("donor")["role"]["D3"] == "gaps"
    codes = [code for code in UNITS[1:] if code != "D3"]
    donors = np.column_stack([world.values[code] for code in codes])
    expected = double_weights(world.values["T1"][:START], donors[:START], donors[START:]).units
    np.testing.assert_allclose(table.set_index("donor")["weight"][codes], expected, atol=1e-12)


def test_the_periods_that_count_are_told(world):
    found = world.run()
    (check,) = found.tables["checks"].query("check == 'period_weights'").to_dict("records")
    donors = np.column_stack([world.values[code] for code in UNITS[1:]])
    periods = double_weights(world.values["T1"][:START], donors[:START], donors[START:]).periods
    assert check["statistic"] == pytest.approx(1 / (periods**2).sum())
    assert check["status"] == "pass"
    first = int(np.argmax(periods))
    month = ("January", "February", "March", "April", "May", "June", "July", "August", "September")
    month += ("October", "November", "December")
    when = f"{month[first % 12]} {2010 + first // 12}"
    assert f"periods: {when} {100 * periods[first]:.0f} %" in check["message"]
    assert f"of {(periods >= 0.005).sum()} of 40 periods" in check["message"]
    assert "period_weights" not in set(world.run(designs=["synthetic"]).tables["checks"]["check"])


def test_missing_periods_and_a_phase_in_count_for_nothing(world):
    world.values["T1"][[7, 45]] = np.nan
    law = {
        "name": "Law",
        "date": world.period(START),
        "phase_in": {"periods": 3, "as": "exclude"},
    }
    found = world.run(intervention=law)
    donors = np.column_stack([world.values[code] for code in UNITS[1:]])
    own, time = world.values["T1"], np.arange(N)
    before = (time < START) & ~np.isnan(own)
    after = (time >= START + 3) & ~np.isnan(own)
    weights = double_weights(own[before], donors[before], donors[after])
    gap = own - donors @ weights.units
    effect = gap[after].mean() - weights.periods @ gap[before]
    rows = found.tables["effects"].query("scale == 'response'").set_index("estimand")
    assert rows["estimate"]["average_effect"] == pytest.approx(effect, rel=1e-10)


def test_covariates_are_those_of_the_mixture(make_world, noisy):
    world = make_world(noisy(UNITS, n=N), start=START)
    rng = np.random.default_rng(2)
    rain = {unit: rng.normal(20, 5, N) for unit in UNITS}
    for unit, values in rain.items():
        world.add("rain", unit, values)
    law = {"name": "Law", "date": world.period(START), "shape": "step"}
    found = world.run(
        outcomes=[world.outcome(covariates=["rain"])],
        designs=["sdid"],
        peers={"k": "all"},
        intervention=law,
        estimands={"primary": "average_effect"},
    )
    donors = np.column_stack([world.values[code] for code in UNITS[1:]])
    weights = double_weights(world.values["T1"][:START], donors[:START], donors[START:])
    gap = world.values["T1"] - donors @ weights.units
    own = rain["T1"] - np.column_stack([rain[code] for code in UNITS[1:]]) @ weights.units
    counts = np.append(weights.periods, np.full(N - START, 1.0 / (N - START)))

    def loss(params):
        left = gap - params[0] - params[1] * (np.arange(N) >= START) - params[2] * (own - own.mean())
        return (counts * left**2).sum()

    expected = optimize.minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-10}).x
    rows = found.tables["effects"].query("scale == 'response'").set_index("estimand")
    assert rows["estimate"]["average_effect"] == pytest.approx(expected[1], abs=1e-5)


def test_a_look_back_without_a_period_after_the_start_is_told(world, fitted):
    config, _, plan = world.plan()
    world.values["T1"][START:] = np.nan
    config, _, plan = world.plan()
    estimates, failed = fitted(config, plan, "sdid")
    assert estimates == []
    assert [(item.unit, item.reason) for item in failed] == [("T1", "no_donors")]
    assert failed[0].message == ("T1 has no period with an effect, which earlier periods are weighted by")


def test_few_periods_and_few_donors_are_told(world, fitted):
    for unit in UNITS[2:]:
        world.values[unit][3] = np.nan
    config, _, plan = world.plan()
    _, failed = fitted(config, plan, "sdid")
    assert failed[0].message.startswith("T1 has 1 donors without gaps")


def test_every_rank_is_taken_once_where_units_can_change_places(world):
    found = world.run(treated="each", checks={"placebo_dates": False, "diagnostics": False})
    rows = found.tables["verdicts"].query("label != ''")
    assert sorted(rows["p_rank"]) == pytest.approx(np.arange(1, 8) / 7)


def told(world, subject, **keys):
    settings = world.config(**keys).model_dump(mode="json", by_alias=True)
    return " ".join(method_sentences(settings)[subject])


def test_the_method_names_no_trend_and_no_distance_that_it_does_not_have(world):
    assert "a level before" in told(world, "Model")
    assert "Season" not in told(world, "Model")
    assert "a straight line before" in told(world, "Model", designs=["single", "sdid"])
    assert "Season" in told(world, "Model", designs=["single", "sdid"])
    assert "by Euclidean distance" in told(world, "Comparison")
    everybody = told(world, "Comparison", peers={"k": "all"}, data={"characteristics": None})
    assert "Peers are all eligible units. Treated units" in everybody
