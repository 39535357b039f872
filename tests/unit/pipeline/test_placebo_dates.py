"""Placebo in time: the same model on the periods before the start, with starts at which nothing happened."""

import numpy as np
import pytest

from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.pipeline.placebo_dates import placebos_in_time
from its_eval.pipeline.primary import Analysis

UNITS = ("T1", "D1", "D2", "D3")
N, START = 84, 60
OTHERS_OFF = {"placebo_units": False, "diagnostics": False, "leave_one_peer_out": False}


def regressors(n, start):
    time = np.arange(n)
    return np.column_stack([np.ones(n), time - start, time >= start, np.maximum(time - start, 0)]).astype(
        float
    )


@pytest.fixture
def world(make_world, noisy):
    world = make_world(noisy(UNITS, n=N), start=START)
    world.settings |= {"checks": OTHERS_OFF}
    return world


@pytest.fixture
def dated(fitted):
    """Return the rows of placebo dates and their checks by unit and name."""

    def look(world, design="single", **changes):
        config, _, plan = world.plan(**changes)
        estimates, _ = fitted(config, plan, design)
        rows, checks = placebos_in_time(Analysis.of(config), estimates)
        return rows, {(unit, check.check): check for unit, check in checks}

    return look


def test_every_start_with_a_year_on_either_side_is_fitted(world, dated):
    rows, checks = dated(world)
    starts = range(12, START - 12 + 1)
    assert [row["placebo"] for row in rows] == [world.period(start) for start in starts]
    y = world.values["T1"][:START]
    p_values = []
    for row, start in zip(rows, starts, strict=True):
        X = regressors(START, start)
        b = np.linalg.lstsq(X, y, rcond=None)[0]
        variance = ((y - X @ b) ** 2).sum() / (START - 4) * np.linalg.inv(X.T @ X)
        assert row["estimate"] == pytest.approx(b[3], rel=1e-6)
        assert row["statistic"] == pytest.approx(b[3] / np.sqrt(variance[3, 3]), rel=1e-6)
        p_values.append(abs(row["statistic"]))
    share = checks["T1", "placebo_dates"]
    from scipy import stats

    small = (2 * stats.t.sf(np.abs(p_values), START - 4) < 0.05).mean()
    assert share.statistic == pytest.approx(small)
    # a few neighbouring dates are nothing to wonder at
    assert share.status == "pass"
    assert share.p_value > 0.05
    # a year earlier is one of the starts
    (lead,) = [row for row in rows if row["placebo"] == world.period(START - 12)]
    assert checks["T1", "lead_test"].statistic == pytest.approx(lead["statistic"])


def test_the_periods_after_the_start_do_not_matter(world, dated):
    before = dated(world)[0]
    world.values["T1"][START:] += 100
    assert dated(world)[0] == before


@pytest.mark.parametrize("kind", ["number", "percentage"])
def test_autoregressive_fits_are_those_of_the_estimator(world, kind, dated):
    if kind == "percentage":
        world.denominators = {unit: 300 + 2.0 * np.arange(N) for unit in UNITS}
    rows, _ = dated(world, estimators=["reml_ar"], outcomes=[world.outcome(kind=kind)])
    for row, start in zip(rows, range(12, START - 11), strict=True):
        y, root = world.values["T1"][:START], np.ones(START)
        X = regressors(START, start)
        if kind == "percentage":
            # the relative variance of a percentage, from its own model of the shorter series
            from its_eval.estimators.weights import relative_variance

            _, _, plan = world.plan(outcomes=[world.outcome(kind=kind)])
            from its_eval.comparisons.catalogue import COMPARISONS
            from its_eval.pipeline.sheet import sampling_variances

            target = COMPARISONS["single"].target(plan, "T1")
            sampling = sampling_variances(plan, [target])[:START, 0]
            root = np.sqrt(relative_variance(X, y, sampling, np.ones(START, dtype=bool)))
        fit = fit_reml_ar(X / root[:, None], (y / root)[:, None], 2)
        read = fit.contrasts(np.array([[0.0, 0.0, 0.0, 1.0]]))
        assert row["estimate"] == pytest.approx(read.estimate[0, 0], rel=1e-5, abs=1e-8)
        assert row["statistic"] == pytest.approx(read.statistic[0, 0], rel=1e-4, abs=1e-6)


def test_a_series_with_a_break_of_its_own_asks_for_attention(world, dated):
    time = np.arange(N)
    world.values["T1"] = 60 + 0.6 * np.maximum(time - 30, 0) + np.random.default_rng(1).normal(0, 0.3, N)
    _, checks = dated(world)
    share = checks["T1", "placebo_dates"]
    assert share.status == "note"
    assert share.statistic > 0.5
    assert share.p_value <= 0.01
    assert share.message.startswith("At ")
    assert share.message.endswith(
        "the series moves by itself in ways the model takes for effects; distrust the p-value."
    )
    lead = checks["T1", "lead_test"]
    assert lead.status == "note"
    assert lead.message.startswith(
        "With a start 12 periods earlier, on the periods before the real one, p = "
    )
    assert lead.message.endswith("the series changed before the intervention; look for the reason.")


def test_a_quiet_series_passes(world, dated):
    world.values["T1"] = 60 + 0.1 * np.arange(N) + np.random.default_rng(6).normal(0, 1, N)
    _, checks = dated(world)
    share, lead = checks["T1", "placebo_dates"], checks["T1", "lead_test"]
    assert (share.status, lead.status) == ("pass", "pass")
    assert share.message.startswith("At ")
    assert share.p_value > 0.05
    assert lead.message.endswith("nothing needs to be done.")


def test_a_difference_has_placebo_dates_too(world, dated):
    rows, checks = dated(world, "difference", peers={"k": 3}, designs=["difference"])
    gap = world.values["T1"] - np.mean([world.values[unit] for unit in UNITS[1:]], axis=0)
    b = np.linalg.lstsq(regressors(START, 30), gap[:START], rcond=None)[0]
    (row,) = [row for row in rows if row["placebo"] == world.period(30)]
    assert row["estimate"] == pytest.approx(b[3], rel=1e-6)
    assert ("T1", "placebo_dates") in checks


def test_too_few_periods_before(make_world, noisy, dated):
    world = make_world(noisy(UNITS, n=N), start=47)
    world.settings |= {"checks": OTHERS_OFF}
    rows, checks = dated(world)
    assert rows == []
    check = checks["T1", "placebo_dates"]
    assert (check.status, check.message) == (
        *("not_applicable", "Placebo dates need 48 periods before the start; there are 47."),
    )


def test_estimands_that_are_not_linear(world, dated):
    rows, checks = dated(world, estimands={"primary": "relative_average_effect"})
    assert rows == []
    assert checks["T1", "placebo_dates"].message == (
        "Placebo dates are for estimands that are linear in the parameters."
    )


def test_families_have_no_placebo_dates(world, dated):
    world.values["T1"] = np.round(world.values["T1"])
    outcome = world.outcome(kind="count")
    rows, checks = dated(world, outcomes=[outcome], estimators=["poisson"])
    assert rows == []
    assert checks["T1", "placebo_dates"].status == "not_applicable"


def test_an_effect_beyond_the_placebo_window_has_no_dates(world, dated):
    rows, checks = dated(world, estimands={"primary": "effect_at_20", "at": [20]})
    # the periods from a placebo start on have to reach 20 further
    assert [row["placebo"] for row in rows] == [world.period(start) for start in range(12, START - 20)]
    assert checks["T1", "placebo_dates"].status in ("pass", "note")
    assert ("T1", "lead_test") not in checks


def test_masks_and_events_before_the_start_stay(world, dated):
    events = [
        {"name": "Flood", "date": world.period(30), "as": "step"},
        {"name": "Later", "date": world.period(72), "as": "step"},
        {"name": "Strike", "date": world.period(5), "as": "mask"},
    ]
    rows, _ = dated(world, events=events)
    starts = [row["placebo"] for row in rows]
    # a start within eight periods before the flood, or three after it, leaves a segment too short
    assert world.period(30) not in starts
    assert world.period(20) in starts
    used = np.arange(START) != 5
    X = np.column_stack([regressors(START, 20), np.arange(START) >= 30])[used]
    b = np.linalg.lstsq(X, world.values["T1"][:START][used], rcond=None)[0]
    (row,) = [row for row in rows if row["placebo"] == world.period(20)]
    assert row["estimate"] == pytest.approx(b[3], rel=1e-6)


def test_a_phase_in_moves_with_the_start(world, dated):
    intervention = {"name": "Law", "date": world.period(START), "phase_in": {"periods": 3}}
    rows, _ = dated(world, intervention=intervention)
    assert rows[-1]["placebo"] == world.period(START - 12 - 3)
    used = ~np.isin(np.arange(START), [20, 21, 22])
    time = np.arange(START)
    X = np.column_stack([np.ones(START), time, time >= 23, np.maximum(time - 23, 0)])[used].astype(float)
    b = np.linalg.lstsq(X, world.values["T1"][:START][used], rcond=None)[0]
    (row,) = [row for row in rows if row["placebo"] == world.period(20)]
    assert row["estimate"] == pytest.approx(b[3], rel=1e-6)


def test_covariates_go_with_their_periods(world, dated):
    rain = np.random.default_rng(3).normal(0, 1, N)
    world.add("rain", "T1", rain)
    rows, _ = dated(world, outcomes=[world.outcome(covariates=["rain"])])
    X = np.column_stack([regressors(START, 30), rain[:START]])
    b = np.linalg.lstsq(X, world.values["T1"][:START], rcond=None)[0]
    (row,) = [row for row in rows if row["placebo"] == world.period(30)]
    assert row["estimate"] == pytest.approx(b[3], rel=1e-6)


def test_logarithms_are_shown_as_ratios(world, dated):
    rows, _ = dated(world, outcomes=[world.outcome(transform="log")])
    b = np.linalg.lstsq(regressors(START, 30), np.log(world.values["T1"][:START]), rcond=None)[0]
    (row,) = [row for row in rows if row["placebo"] == world.period(30)]
    assert row["estimate"] == pytest.approx(np.exp(b[3]), rel=1e-8)


def test_estimators_without_a_batch_are_fitted_date_by_date(world, dated):
    world.values["T1"][[6, 7]] = np.nan
    rows, checks = dated(world, estimators=[{"name": "reml_ar", "variance": "by_segment"}])
    assert len(rows) == START - 24 + 1
    assert all(np.isfinite(row["statistic"]) for row in rows)
    assert checks["T1", "placebo_dates"].statistic >= 0


@pytest.mark.parametrize("estimator", ["reml_ar", "prais_winsten"])
def test_too_short_for_an_error_model_leaves_dates_without_a_statistic(make_world, noisy, estimator, dated):
    world = make_world(noisy(UNITS, n=30, per_year=5), start=14, frequency="year")
    world.settings |= {"checks": OTHERS_OFF, "estimators": [estimator]}
    world.settings["intervention"]["shape"] = "step"
    rows, checks = dated(world)
    assert len(rows) == 9
    assert all(np.isnan(row["statistic"]) for row in rows)
    check = checks["T1", "placebo_dates"]
    assert (check.status, check.message) == (
        *("not_applicable", "No placebo date leaves enough periods on either side."),
    )
    assert ("T1", "lead_test") not in checks


def test_a_series_without_noise_has_no_statistic(world, dated):
    world.values["T1"] = regressors(N, START) @ [50.0, 0.1, 2.0, 0.3]
    rows, checks = dated(world)
    assert all(np.isnan(row["statistic"]) for row in rows)
    lead = checks["T1", "lead_test"]
    assert (lead.status, lead.message) == (
        *("not_applicable", "A start one year earlier cannot be fitted to the periods before."),
    )
    assert checks["T1", "placebo_dates"].status == "not_applicable"
