"""One effect for all treated units: the set, its variants, and pooled estimates."""

import numpy as np
import pytest

from its_eval.checks.power import minimum_detectable
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.effects.several_units import METHODS, pool
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.pipeline.credibility import examine
from its_eval.pipeline.pooled import overlap_check, pooled_rows
from its_eval.pipeline.primary import Analysis

UNITS = ("T1", "T2", "T3", "D1", "D2", "D3", "D4")
N, START = 60, 30


def regressors():
    time = np.arange(N)
    return np.column_stack([np.ones(N), time - START, time >= START, np.maximum(time - START, 0)]).astype(
        float
    )


def slope(y):
    X = regressors()
    b = np.linalg.lstsq(X, y, rcond=None)[0]
    variance = ((y - X @ b) ** 2).sum() / (N - 4) * np.linalg.inv(X.T @ X)
    return b[3], np.sqrt(variance[3, 3])


@pytest.fixture
def world(make_world, noisy):
    world = make_world(noisy(UNITS, n=N, scale=2.0))
    world.settings |= {"peers": {"k": 2}, "designs": ["single", "difference"]}
    return world


@pytest.fixture
def pooled(fitted):
    """Return the plan, the pooled rows by method and the p-value of the set."""

    def look(world, design="difference", **changes):
        config, _, plan = world.plan(**changes)
        estimates, _ = fitted(config, plan, design)
        analysis = Analysis.of(config)
        own = analysis.primary(estimates)
        rows, p_set = pooled_rows(analysis, plan, COMPARISONS[design], estimates, own)
        return plan, {row["method"]: row for row in rows}, p_set

    return look


def test_the_set_is_the_mean_series_against_the_mean_of_the_peer_means(world, pooled):
    plan, rows, p_set = pooled(world)
    y = world.values
    peers = {unit: plan.peer_sets[unit].peers for unit in plan.treated}
    gaps = [y[unit] - np.mean([y[peer] for peer in peers[unit]], axis=0) for unit in plan.treated]
    estimate, std_error = slope(np.mean(gaps, axis=0))
    assert rows["set"]["estimate"] == pytest.approx(estimate)
    assert rows["set"]["std_error"] == pytest.approx(std_error)
    assert rows["set"]["n_units"] == 3
    assert rows["set"]["minimum_detectable"] == pytest.approx(minimum_detectable(std_error, N - 4))
    assert p_set == rows["set"]["p_value"]
    union = sorted({peer for own in peers.values() for peer in own})
    treated = np.mean([y[unit] for unit in plan.treated], axis=0)
    estimate, std_error = slope(treated - np.mean([y[peer] for peer in union], axis=0))
    assert rows["set_union_of_peers"]["estimate"] == pytest.approx(estimate)
    assert rows["set_union_of_peers"]["std_error"] == pytest.approx(std_error)


def test_the_set_of_single_series_has_no_peers(world, pooled):
    plan, rows, _ = pooled(world, "single")
    estimate, std_error = slope(np.mean([world.values[unit] for unit in plan.treated], axis=0))
    assert rows["set"]["estimate"] == pytest.approx(estimate)
    assert rows["set"]["std_error"] == pytest.approx(std_error)
    assert "set_union_of_peers" not in rows


def test_separate_estimates_are_pooled_and_left_out_one_by_one(world, pooled):
    plan, rows, _ = pooled(world, "single")
    found = [slope(world.values[unit]) for unit in plan.treated]
    estimates, std_errors = np.array(found).T
    for method in METHODS:
        expected = pool(estimates, std_errors, method, 0.95)
        for name in ("estimate", "std_error", "conf_low", "conf_high", "tau2", "p_value"):
            assert rows[method][name] == pytest.approx(getattr(expected, name), nan_ok=True), (method, name)
    for place, unit in enumerate(plan.treated):
        left = np.arange(3) != place
        expected = pool(estimates[left], std_errors[left], METHODS[0], 0.95)
        row = rows[f"{METHODS[0]} without {unit}"]
        assert row["estimate"] == pytest.approx(expected.estimate)
        assert row["n_units"] == 2


def test_logarithms_are_pooled_as_such_and_shown_as_ratios(world, pooled):
    outcome = world.outcome(transform="log")
    plan, rows, _ = pooled(world, "single", outcomes=[outcome])
    found = [slope(np.log(world.values[unit])) for unit in plan.treated]
    expected = pool(*np.array(found).T, METHODS[0], 0.95)
    row = rows[METHODS[0]]
    assert row["estimate"] == pytest.approx(np.exp(expected.estimate))
    assert row["conf_high"] == pytest.approx(np.exp(expected.conf_high))
    assert row["std_error"] == pytest.approx(expected.std_error)
    mean = slope(np.mean([np.log(world.values[unit]) for unit in plan.treated], axis=0))
    assert rows["set"]["estimate"] == pytest.approx(np.exp(mean[0]))


@pytest.mark.parametrize(
    "changes",
    [
        {
            "treated": {"T1": "2012-01", "T2": "2013-01", "T3": "2013-01"},
            "intervention": {"name": "Law"},
        },
        {"events": [{"name": "Flood", "date": "2013-10", "as": "step", "units": ["T2"]}]},
        {"outcomes": [{"indicator": "y", "seasonality": "none", "covariates": ["rain"]}]},
    ],
)
def test_units_that_are_not_fitted_alike_have_no_mean_series(world, changes, pooled):
    for unit in UNITS:
        world.add("rain", unit, np.random.default_rng(3).normal(0, 1, N) * len(unit))
    _, rows, p_set = pooled(world, "single", **changes)
    assert not [method for method in rows if method.startswith("set")]
    # the set is judged by what is left: the pooled estimate
    assert p_set == rows[METHODS[0]]["p_value"]


def test_families_and_stacked_designs_have_no_mean_series(world, pooled):
    for unit in UNITS:
        world.values[unit] = np.round(world.values[unit])
    outcome = world.outcome(kind="count")
    _, rows, _ = pooled(world, "single", outcomes=[outcome], estimators=["poisson"], designs=["single"])
    assert "set" not in rows
    assert METHODS[0] in rows
    _, rows, _ = pooled(world, "stacked", designs=["stacked"])
    assert "set" not in rows


def test_weights_of_percentages_go_into_the_mean(world, pooled):
    world.denominators = {unit: 200 + 3.0 * np.arange(N) for unit in UNITS}
    outcome = world.outcome(kind="percentage")
    _, weighted, _ = pooled(world, "single", outcomes=[outcome], estimators=["reml_ar"])
    _, plain, _ = pooled(world, "single", estimators=["reml_ar"])
    assert weighted["set"]["estimate"] != plain["set"]["estimate"]
    assert weighted["set"]["estimate"] == pytest.approx(plain["set"]["estimate"], abs=0.2)


def test_the_sampling_variance_of_the_mean_is_that_of_a_mean(world, pooled):
    world.denominators = {unit: 40 + 12.0 * np.arange(N) for unit in UNITS}
    outcome = world.outcome(kind="percentage")
    plan, rows, _ = pooled(world, "single", outcomes=[outcome], estimators=["reml_ar"])
    X = regressors()
    sampling = np.zeros(N)
    for unit in plan.treated:
        y, people = world.values[unit], world.denominators[unit]
        share = np.clip((X @ np.linalg.lstsq(X, y, rcond=None)[0]) / 100, 0.5 / people, 1 - 0.5 / people)
        sampling += 1e4 * share * (1 - share) / people / len(plan.treated) ** 2
    mean = np.mean([world.values[unit] for unit in plan.treated], axis=0)
    left = mean - X @ np.linalg.lstsq(X, mean, rcond=None)[0]
    variance = max(0.0, left @ left / (N - 4) - sampling.mean()) + sampling
    root = np.sqrt(variance)
    fit = fit_reml_ar(X / root[:, None], (mean / root)[:, None], 2)
    read = fit.contrasts(np.eye(4)[[3]])
    assert rows["set"]["estimate"] == pytest.approx(float(read.estimate[0, 0]), rel=1e-6)
    assert rows["set"]["std_error"] == pytest.approx(float(read.std_error[0, 0]), rel=1e-6)


def test_one_usable_unit_is_not_pooled(world, pooled):
    for unit in ("T2", "T3"):
        world.values[unit][33:] = np.nan
    _, rows, _ = pooled(world, "single")
    assert not set(METHODS) & set(rows)


def test_a_set_at_a_bound_has_no_p_value(world, pooled):
    for unit in ("T1", "T2", "T3"):
        world.values[unit] = regressors() @ [50.0, 0.1, 1.0, 0.2]
    _, rows, p_set = pooled(world, "single")
    assert np.isnan(p_set)
    assert np.isnan(rows["set"]["p_value"])
    assert rows["set"]["estimate"] == pytest.approx(0.2)


def test_overlap_of_peers_is_told(world, fitted):
    config, sources, plan = world.plan(
        peers={"given": {"T1": ["D1", "D2"], "T2": ["D1", "D2", "D3", "D4"], "T3": ["D4"]}}
    )
    (check,) = overlap_check(plan)
    shared = check.message
    assert check.statistic == pytest.approx(1.0)
    assert check.message.startswith("T1 shares 100% of its peers with T2, the most of any two treated units")
    _, _, apart = world.plan(peers={"given": {"T1": ["D1"], "T2": ["D2"], "T3": ["D3"]}})
    (check,) = overlap_check(apart)
    assert (check.statistic, check.message) == (
        *(0.0, "No two treated units share a peer; their estimates are independent in this respect."),
    )
    told = {}
    for design in ("single", "difference"):
        estimates, _ = fitted(config, plan, design)
        rows = examine(config, sources, plan, COMPARISONS[design], estimates).rows["checks"]
        told[design] = [row["message"] for row in rows if row["check"] == "peer_overlap"]
    assert told == {"single": [], "difference": [shared]}
    _, _, alone = world.plan(treated=["T1"])
    assert overlap_check(alone) == []


def test_pooled_rows_reach_the_tables(world):
    found = world.run()
    table = found.tables["pooled"]
    assert set(table["design"]) == {"single", "difference"}
    assert set(METHODS) <= set(table["method"])
    assert world.run(treated=["T1"]).tables["pooled"].empty


def test_a_mean_of_differences_has_no_level_that_an_effect_could_be_relative_to(world, pooled):
    """Its row is empty, and the set is judged by nothing else in its place."""
    estimands = {"primary": "relative_average_effect"}
    _, rows, p_set = pooled(world, "difference", estimands=estimands)
    for method in ("set", "set_union_of_peers"):
        assert np.isnan([rows[method][name] for name in ("estimate", "std_error", "p_value")]).all()
    assert np.isnan(p_set)
    assert np.isfinite(rows[METHODS[0]]["p_value"])
    # single series have a level of their own
    _, rows, p_set = pooled(world, "single", estimands=estimands)
    assert p_set == rows["set"]["p_value"]
    assert np.isfinite(p_set)
