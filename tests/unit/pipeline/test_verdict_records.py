"""What is concluded travels as a record: of every unit, and of the treated units as a set."""

import numpy as np
import pytest

UNITS = ("T1", "T2", *(f"D{place}" for place in range(1, 7)))
N, START = 60, 30
PLACEBOS = {"placebo_dates": False, "diagnostics": False, "leave_one_peer_out": False}


@pytest.fixture
def world(make_world, noisy):
    world = make_world(noisy(UNITS, n=N, scale=0.5))
    world.settings |= {"peers": {"k": 3}, "designs": ["difference"], "checks": PLACEBOS}
    return world


def change(world, unit, slope):
    world.values[unit] = world.values[unit] + slope * np.maximum(np.arange(N) - START, 0)


def of_the_set(result, design="difference"):
    checks = result.tables["checks"].query("unit == ''").set_index("check")
    return result.verdict_of_the_set("y", design), checks


def test_every_row_of_the_summary_has_its_verdict(world):
    change(world, "T1", 1.0)
    result = world.run(designs=["single", "difference"])
    units = [verdict for verdict in result.verdicts if verdict.unit != "set"]
    rows = result.tables["summary"].to_dict("records")
    for verdict, row in zip(units, rows, strict=True):
        for name in ("outcome", "unit", "design", "estimand", "direction", "label", "scale"):
            assert getattr(verdict, name) == row[name]
        numbers = [verdict.estimate, verdict.conf_low, verdict.p_value, verdict.p_adjusted, verdict.p_rank]
        names = ("estimate", "conf_low", "p_value", "p_adjusted", "p_placebo")
        np.testing.assert_array_equal(numbers, [row[name] for name in names])
    fits = result.tables["fits"]
    assert [verdict.flags for verdict in units] == fits["flags"].tolist()
    assert {verdict.n_donors for verdict in units} == {None, 6}


def test_the_set_has_the_estimate_of_its_mean_series(world):
    for unit in ("T1", "T2"):
        change(world, unit, 1.0)
    result = world.run()
    verdict, checks = of_the_set(result)
    (row,) = result.tables["pooled"].query("method == 'set'").to_dict("records")
    assert (verdict.label, verdict.direction) == ("gap changed, not unusual", "unclear")
    numbers = (verdict.estimate, verdict.conf_low, verdict.conf_high, verdict.p_value)
    assert numbers == (row["estimate"], row["conf_low"], row["conf_high"], row["p_value"])
    assert verdict.minimum_detectable == row["minimum_detectable"]
    assert verdict.set_p == row["p_value"]
    assert verdict.set_p_placebo == checks.loc["joint_placebo", "p_value"] == pytest.approx(1 / 16)
    for unit in result.verdicts:
        assert (unit.set_p, unit.set_p_placebo) == (verdict.set_p, verdict.set_p_placebo)


@pytest.mark.parametrize(("better", "direction"), [("higher", "better"), ("lower", "worse")])
def test_the_set_has_a_direction_where_the_config_says_what_is_better(world, better, direction):
    for unit in ("T1", "T2"):
        change(world, unit, 1.0)
    outcome = {**world.settings["outcomes"][0], "better": better}
    verdict, _ = of_the_set(world.run(outcomes=[outcome]))
    assert verdict.direction == direction


def test_units_of_different_starts_have_the_verdict_of_their_pooled_estimates(world):
    for unit in ("T1", "T2"):
        change(world, unit, 1.0)
    dates = {"T1": world.period(START), "T2": world.period(START + 3)}
    result = world.run(treated=dates, intervention={"name": "Law"}, confidence=0.8)
    verdict, checks = of_the_set(result)
    pooled = result.tables["pooled"].set_index("method")
    assert verdict.p_value == verdict.set_p == pooled.loc["paule_mandel_mkh", "p_value"]
    assert verdict.estimate == pooled.loc["paule_mandel_mkh", "estimate"]
    assert f"a set: {verdict.label} (p" in checks.loc["set_conclusion", "message"]


def test_a_set_that_is_fitted_exactly_is_not_estimable(world):
    given = {"given": {"T1": ["D1", "D2"], "T2": ["D1", "D2"]}}
    for unit in ("D1", "D2", "T1"):
        world.values[unit] = np.round(world.values[unit])  # so that sums are exact
    mean = np.mean([world.values[unit] for unit in ("D1", "D2")], axis=0)
    # the mean of both treated units is that of their peers: nothing is left of the mean series
    world.values["T2"] = 2.0 * mean - world.values["T1"]
    verdict, _ = of_the_set(world.run(peers=given))
    assert (verdict.label, verdict.direction) == ("not estimable", "unclear")
    assert np.isnan(verdict.p_value)


def test_a_synthetic_control_has_a_verdict_by_its_joint_placebo(world):
    for unit in ("T1", "T2"):
        change(world, unit, 1.0)
    result = world.run(designs=["synthetic"], estimands={"primary": "average_effect"}, confidence=0.8)
    verdict, checks = of_the_set(result, "synthetic")
    assert checks.loc["set_conclusion", "message"] == f"The treated units as a set: {verdict.label}."
    assert np.isnan(verdict.p_value)
    assert verdict.set_p == verdict.set_p_placebo == checks.loc["joint_placebo", "p_value"]


@pytest.mark.parametrize(
    ("design", "slope", "label"),
    [
        ("single", 1.0, "differs from before"),
        ("single", 0.0, "no clear evidence"),
        ("difference", 1.0, "gap to peers changed"),
        ("difference", 0.0, "no clear evidence"),
    ],
)
def test_without_other_units_the_set_is_labelled_by_its_own_interval(world, design, slope, label):
    for unit in ("T1", "T2"):
        change(world, unit, slope)
    result = world.run(designs=[design], checks=PLACEBOS | {"placebo_units": False})
    assert of_the_set(result, design)[0].label == label


def test_one_unit_is_no_set(world):
    change(world, "T1", 1.0)
    (verdict,) = world.run(treated=["T1"]).verdicts
    assert (verdict.unit, verdict.label, verdict.n_donors) == ("T1", "gap to peers changed", 7)
    assert np.isnan(verdict.set_p)
