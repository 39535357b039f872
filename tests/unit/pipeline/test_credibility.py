"""What checks say beside the estimates, and the labels that come of them."""

import numpy as np
import pytest

from its_eval.checks.placebo import crawford_howell
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.estimators.reml.noise import fit_reml_ar_noise
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.evaluation import JUDGED_AS_A_SET as TOO_FEW_DONORS
from its_eval.pipeline.credibility import examine
from its_eval.pipeline.pooled import crawford_howell_p, equivalence_check
from its_eval.pipeline.primary import Analysis

UNITS = ("T1", "T2", *(f"D{place}" for place in range(1, 7)))
N, START = 60, 30
PLACEBOS = {"placebo_dates": False, "diagnostics": False, "leave_one_peer_out": False}


def regressors():
    time = np.arange(N)
    return np.column_stack([np.ones(N), time - START, time >= START, np.maximum(time - START, 0)]).astype(
        float
    )


@pytest.fixture
def world(make_world, noisy):
    world = make_world(noisy(UNITS, n=N, scale=0.5))
    world.settings |= {"peers": {"k": 3}, "designs": ["difference"], "checks": PLACEBOS}
    return world


def change(world, unit, slope):
    world.values[unit] = world.values[unit] + slope * np.maximum(np.arange(N) - START, 0)


@pytest.fixture
def examined(fitted):
    """Return what checks found about the fits of a design."""

    def look(world, design="difference", **changes):
        config, sources, plan = world.plan(**changes)
        estimates, _ = fitted(config, plan, design)
        return examine(config, sources, plan, COMPARISONS[design], estimates)

    return look


def checks_of(found, name, unit):
    return [row for row in found.rows["checks"] if row["check"] == name and row["unit"] == unit]


def labels(world, **changes):
    summary = world.run(**changes).tables["summary"]
    return summary.set_index(["unit", "design"])["label"].to_dict()


def test_with_enough_donors_every_unit_has_a_label_of_its_own(world):
    change(world, "T1", 1.0)
    # at level 0.4 six donors are enough for two units: 7 x 0.4 > 2
    found = labels(world, confidence=0.6)
    assert found["T1", "difference"] == "consistent with an effect"
    assert found["T2", "difference"] in ("no clear evidence", "gap changed, not unusual")
    assert TOO_FEW_DONORS not in found.values()


def test_a_changed_gap_that_many_donors_show_too_is_not_unusual(world):
    for place, unit in enumerate(UNITS):
        # everyone changes its own way
        change(world, unit, (-1) ** place * (1 + place))
    found = labels(world, confidence=0.6)
    assert found["T1", "difference"] == "gap changed, not unusual"


def test_with_too_few_donors_the_set_is_labelled(world):
    for unit in ("T1", "T2"):
        change(world, unit, 1.0)
    result = world.run()
    assert set(result.tables["summary"]["label"]) == {TOO_FEW_DONORS}
    checks = result.tables["checks"].query("unit == ''").set_index("check")
    assert checks.loc["donors", "status"] == "attention"
    assert checks.loc["donors", "message"] == (
        "6 donors are too few to label 2 single units at level 0.05 (39 would do); the label is given for "
        "the set."
    )
    # 15 pairs of donors: the smallest joint p-value is 1/16
    assert checks.loc["joint_placebo", "p_value"] == pytest.approx(1 / 16)
    assert checks.loc["set_conclusion", "message"] == (
        "The treated units as a set: gap changed, not unusual (p < 0.001 for their mean series)."
    )
    assert "y, difference, the 2 treated units as a set: gap changed, not unusual." in result.notes


def test_units_of_different_starts_are_labelled_as_a_set_by_their_pooled_estimates(world):
    for unit in ("T1", "T2"):
        change(world, unit, 1.0)
    dates = {"T1": world.period(START), "T2": world.period(START + 3)}
    result = world.run(treated=dates, intervention={"name": "Law"}, confidence=0.8)
    assert set(result.tables["summary"]["label"]) == {TOO_FEW_DONORS}
    pooled = result.tables["pooled"].set_index("method")
    checks = result.tables["checks"].query("unit == ''").set_index("check")
    assert checks.loc["set_conclusion", "p_value"] == pooled.loc["paule_mandel_mkh", "p_value"]
    assert checks.loc["set_conclusion", "message"].startswith("The treated units as a set: ")
    assert checks.loc["set_conclusion", "message"].endswith(" for their pooled estimates).")
    assert any("the 2 treated units as a set: " in note for note in result.notes)


def test_a_set_that_is_fitted_exactly_is_not_estimable(world):
    given = {"given": {"T1": ["D1", "D2"], "T2": ["D1", "D2"]}}
    for unit in ("D1", "D2", "T1"):
        world.values[unit] = np.round(world.values[unit])  # so that sums are exact
    mean = np.mean([world.values[unit] for unit in ("D1", "D2")], axis=0)
    # the mean of both treated units is that of their peers: nothing is left of the mean series
    world.values["T2"] = 2.0 * mean - world.values["T1"]
    result = world.run(peers=given)
    checks = result.tables["checks"].query("unit == ''").set_index("check")
    assert checks.loc["set_conclusion", "message"] == "The treated units as a set: not estimable."
    assert np.isnan(checks.loc["set_conclusion", "p_value"])


def test_a_synthetic_control_is_judged_as_a_set_by_its_joint_placebo(world):
    for unit in ("T1", "T2"):
        change(world, unit, 1.0)
    result = world.run(designs=["synthetic"], estimands={"primary": "average_effect"}, confidence=0.8)
    assert set(result.tables["summary"]["label"]) == {TOO_FEW_DONORS}
    checks = result.tables["checks"].query("unit == ''").set_index("check")
    assert checks.loc["set_conclusion", "p_value"] == checks.loc["joint_placebo", "p_value"]
    assert checks.loc["set_conclusion", "message"] in (
        "The treated units as a set: consistent with an effect.",
        "The treated units as a set: no clear evidence.",
    )


def test_one_unit_with_too_few_donors_keeps_the_label_of_its_p_value(world):
    change(world, "T1", 1.0)
    result = world.run(treated=["T1"])
    assert result.tables["summary"]["label"].tolist() == ["gap to peers changed"]
    assert not set(result.tables["checks"]["check"]) & {"donors", "joint_placebo", "set_conclusion"}


def test_the_placebo_says_its_place(world, examined):
    change(world, "T1", 1.0)
    found = examined(world)
    (row,) = checks_of(found, "placebo_units", "T1")
    assert found.p_placebo["T1"] == pytest.approx(1 / 7)
    assert row["message"] == (
        "Among 6 units without the intervention and itself, its change is number 1 from the most extreme "
        "(p = 0.143; no smaller p than 0.143 is possible)."
    )


def test_without_placebos_there_are_no_labels_but_those_of_the_p_value(world, examined):
    found = examined(world, checks=PLACEBOS | {"placebo_units": False})
    assert (found.labels, found.p_placebo, found.rows["placebo_units"]) == ({}, {}, [])
    assert set(found.p_crawford_howell) == {"T1", "T2"}


def test_a_single_design_has_neither_placebo_nor_peers_to_compare(world, examined):
    found = examined(world, "single")
    assert (found.labels, found.p_placebo, found.p_crawford_howell) == ({}, {}, {})
    assert found.rows["pooled"]


def test_a_degenerate_unit_is_not_estimable_and_counts_as_one_of_the_family(world):
    world.values["T2"] = np.mean([world.values[unit] for unit in ("D1", "D2")], axis=0)
    given = {"given": {"T1": ["D1", "D2"], "T2": ["D1", "D2"]}}
    found = labels(world, confidence=0.6, peers=given)
    assert found["T2", "difference"] == "not estimable"


def test_crawford_howell_is_of_least_squares_over_the_common_periods(world):
    world.values["D2"][[3, 40]] = np.nan
    world.values["T1"][11] = np.nan
    config, _, plan = world.plan()
    peers = plan.peer_sets["T1"].peers
    assert "D2" in peers
    y = np.column_stack([world.values[unit] for unit in ("T1", *peers)])
    used = ~np.isnan(y).any(axis=1)
    slopes = np.linalg.lstsq(regressors()[used], y[used], rcond=None)[0][3]
    expected = crawford_howell(slopes[:1], slopes[1:, None])
    p_value, check = crawford_howell_p(Analysis.of(config), plan, "T1")
    assert p_value == pytest.approx(expected.p_value[0])
    assert check.statistic == pytest.approx(expected.statistic[0])
    assert check.message.startswith("Its own change differs from those of its 3 peers by ")
    assert "over 57 common periods" in check.message
    assert " on 2 df, p = " in check.message
    assert check.message.endswith("no more than they differ among themselves.")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peers": {"given": {"T1": ["D1"], "T2": ["D1"]}}}, "At least two peers are needed."),
        (
            {"estimands": {"primary": "relative_average_effect"}},
            "It is for estimands that are linear in the parameters.",
        ),
    ],
)
def test_where_crawford_howell_does_not_apply(world, changes, message):
    config, _, plan = world.plan(**changes)
    p_value, check = crawford_howell_p(Analysis.of(config), plan, "T1")
    assert np.isnan(p_value)
    assert (check.status, check.message) == ("not_applicable", message)


def test_too_few_common_periods(world):
    world.settings["peers"] = {"k": 2, "min_coverage": 0.01}
    world.values["D1"][np.arange(N) % 2 == 0] = np.nan
    world.values["D2"][np.arange(N) % 2 == 1] = np.nan
    config, _, plan = world.plan(
        peers={"given": {"T1": ["D1", "D2"], "T2": ["D3", "D4"]}, "min_coverage": 0.01}
    )
    _, check = crawford_howell_p(Analysis.of(config), plan, "T1")
    assert check.message == "0 periods common to unit and peers are too few."


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-0.5, 0.9, "The interval lies inside ±1: no effect larger than the margin."),
        (1.1, 2.0, "The interval lies outside ±1: the effect is larger than the margin."),
        (
            *(0.5, 1.5),
            "The interval reaches across ±1: the data do not decide whether the effect is larger than the "
            "margin.",
        ),
    ],
)
def test_equivalence(low, high, words):
    (check,) = equivalence_check(1.0, low, high)
    assert (check.check, check.statistic, check.message) == ("equivalence", 1.0, words)


def test_no_equivalence_without_a_margin_or_an_interval():
    assert equivalence_check(None, -1.0, 1.0) == []
    assert equivalence_check(1.0, np.nan, 1.0) == []


def test_an_interval_without_a_p_value_decides_nothing_about_a_margin():
    (check,) = equivalence_check(1.0, -0.5, 0.5, stuck=True)
    assert (check.status, check.check) == ("not_applicable", "equivalence")
    assert (
        check.message == "The estimate has no p-value, so that its interval is not held against the margin."
    )


def test_a_unit_that_changed_more_than_its_peers_differ(world):
    change(world, "T1", 5.0)
    config, _, plan = world.plan()
    _, check = crawford_howell_p(Analysis.of(config), plan, "T1")
    assert check.message.endswith(", more than they differ among themselves.")


def test_level_and_slope_together_are_told_as_a_hypothesis(world, examined):
    found = examined(world)
    (row,) = checks_of(found, "joint_change", "T1")
    assert row["message"].startswith(
        "Level and slope together: the hypothesis that neither changed has F(2, "
    )


def test_a_margin_reaches_the_checks(world, examined):
    found = examined(world, estimands={"margin": 50})
    (row,) = checks_of(found, "equivalence", "T1")
    assert row["message"] == "The interval lies inside ±50: no effect larger than the margin."


def test_left_autocorrelation_becomes_a_flag_of_the_fit(make_world):
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 1, N)
    for index in range(1, N):
        noise[index] += 0.9 * noise[index - 1]
    world = make_world({"T1": 50 + noise, "D1": 50 + rng.normal(0, 1, N)})
    world.settings["checks"] = PLACEBOS | {"diagnostics": True, "placebo_units": False}
    found = world.run(treated=["T1", "D1"], estimators=["ols", "reml_ar"])
    flags = found.tables["fits"].set_index(["unit", "estimator"])["flags"]
    assert "residual_autocorrelation" in flags["T1", "ols"]
    # only the fit that was diagnosed
    assert "residual_autocorrelation" not in flags["T1", "reml_ar"]
    checks = found.tables["checks"].query("unit == 'T1'").set_index("check")
    assert checks.loc["ljung_box", "status"] == "attention"
    residuals = found.tables["residuals"].query("unit == 'T1'")
    y, X = world.values["T1"], regressors()
    expected = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    assert np.corrcoef(residuals["innovation"], expected)[0, 1] > 0.999


def test_a_drift_under_noise_is_told_by_what_added_noise_gains(make_world, examined):
    rng = np.random.default_rng(31)
    drift = np.zeros((len(UNITS), 120))
    for period in range(1, 120):
        drift[:, period] = 0.95 * drift[:, period - 1] + rng.normal(size=len(UNITS))
    values = dict(zip(UNITS, 50.0 + drift + 2.0 * rng.normal(size=drift.shape), strict=True))
    world = make_world(values, start=60)
    world.settings |= {
        "peers": {"k": 3},
        "designs": ["single"],
        "estimators": [{"name": "reml_ar", "order": 1}],
    }
    found = examined(world, "single", checks=PLACEBOS | {"diagnostics": True})
    time = np.arange(120)
    X = np.column_stack([np.ones(120), time - 60, time >= 60, np.maximum(time - 60, 0)]).astype(float)
    gains = {}
    for unit in ("T1", "T2"):
        y = world.values[unit][:, None]
        gains[unit] = float((fit_reml_ar_noise(X, y).log_likelihood - fit_reml_ar(X, y, 1).log_likelihood)[0])
        (row,) = checks_of(found, "persistence", unit)
        told = f"a drifting level with noise fits better (by {gains[unit]:.1f} in log-likelihood)"
        assert (told in row["message"]) == (gains[unit] > 2.0)
        # descriptions of least squares, for comparison with older reports
        (described,) = checks_of(found, "durbin_watson", unit)
        residuals = (y - X @ np.linalg.lstsq(X, y, rcond=None)[0])[:, 0]
        assert described["statistic"] == pytest.approx((np.diff(residuals) ** 2).sum() / (residuals**2).sum())
        (described,) = checks_of(found, "breusch_godfrey", unit)
        assert "over 24 lags" in described["message"]
    assert max(gains.values()) > 2.0
