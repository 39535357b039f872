"""What checks say beside the estimates."""

import numpy as np
import pytest
from by_hand import LeastSquares, segments

from its_eval.checks.placebo import crawford_howell
from its_eval.estimators.reml.noise import fit_reml_ar_noise
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.pipeline.credibility import CHECKS, examine
from its_eval.pipeline.pooled import crawford_howell_p, equivalence_check
from its_eval.pipeline.primary import Analysis

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


@pytest.fixture
def examined(look_at):
    """Return what checks found about the fits of a design, nobody beside them."""

    def look(world, design="difference", **changes):
        return examine(look_at(*world.plan(**changes), design))

    return look


def checks_of(found, name, unit):
    return [row for row in found.rows["checks"] if row["check"] == name and row["unit"] == unit]


def test_every_check_of_the_catalogue_is_made_once_for_each_unit_or_for_all(world):
    result = world.run(estimands={"margin": 50.0}, checks=PLACEBOS | {"diagnostics": True})
    checks = result.tables["checks"]
    assert not checks.duplicated(["unit", "check"]).any()
    of_units = checks.query("unit != ''").groupby("unit")["check"].agg(set)
    assert (
        of_units["T1"]
        == of_units["T2"]
        >= {"joint_change", "equivalence", "crawford_howell", "placebo_units"}
    )
    assert set(checks.query("unit == ''")["check"]) == {"joint_placebo", "peer_overlap"}
    assert set(CHECKS) >= {"joint_change", "equivalence", "crawford_howell", "placebo_units", "peer_overlap"}


def test_without_placebos_nobody_is_ranked(world):
    result = world.run(checks=PLACEBOS | {"placebo_units": False})
    assert result.tables["placebo_units"].empty
    names = set(result.tables["checks"]["check"])
    assert not names & {"placebo_units", "joint_placebo"}
    assert {"crawford_howell", "peer_overlap"} <= names
    assert result.tables["summary"]["p_placebo"].isna().all()
    assert result.tables["summary"]["p_crawford_howell"].notna().all()


def test_a_single_design_has_no_peers_to_compare_with(world, examined):
    found = examined(world, "single")
    assert found.p_crawford_howell == {}
    assert found.rows["pooled"]
    assert not {row["check"] for row in found.rows["checks"]} & {"crawford_howell", "peer_overlap"}


def test_the_own_change_among_those_of_the_peers_reaches_the_summary(world, examined):
    change(world, "T1", 5.0)
    found = examined(world)
    shown = world.run().tables["summary"].set_index("unit")["p_crawford_howell"]
    assert shown.to_dict() == pytest.approx(found.p_crawford_howell)
    assert shown["T1"] < 0.05


def test_crawford_howell_is_of_least_squares_over_the_common_periods(world):
    world.values["D2"][[3, 40]] = np.nan
    world.values["T1"][11] = np.nan
    config, _, plan = world.plan()
    peers = plan.peer_sets["T1"].peers
    assert "D2" in peers
    y = np.column_stack([world.values[unit] for unit in ("T1", *peers)])
    used = ~np.isnan(y).any(axis=1)
    slopes = np.linalg.lstsq(segments(N, START)[used], y[used], rcond=None)[0][3]
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
        "Level and slope together: the hypothesis that neither changed has F(2, 56) = "
    )
    plan = world.plan()[2]
    gap = world.values["T1"] - np.mean([world.values[peer] for peer in plan.peer_sets["T1"].peers], axis=0)
    assert row["p_value"] == pytest.approx(LeastSquares(gap, segments(N, START)).joint_p([2, 3]))


def test_a_margin_reaches_the_checks(world, examined):
    found = examined(world, estimands={"margin": 50})
    (row,) = checks_of(found, "equivalence", "T1")
    assert row["message"] == "The interval lies inside ±50: no effect larger than the margin."


def test_left_autocorrelation_becomes_a_flag_of_the_fit(make_world):
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 1, N) + 4 * np.sin(np.arange(N) / 3)
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
    y, X = world.values["T1"], segments(N, START)
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
