"""One effect for all treated units: the set, its variants, and pooled estimates."""

import numpy as np
import pytest
from by_hand import LeastSquares, segments, set_terms

from its_eval.checks.power import minimum_detectable
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.effects.several_units import METHODS, pool
from its_eval.pipeline.credibility import examine
from its_eval.pipeline.pooled import overlap_check, pooled_rows
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.question import questions
from its_eval.pipeline.together import set_answer

UNITS = ("T1", "T2", "T3", "D1", "D2", "D3", "D4")
N, START = 60, 30


def slope(y):
    return LeastSquares(y, segments(N, START)).read([0, 0, 0, 1])[:2]


@pytest.fixture
def world(make_world, noisy):
    world = make_world(noisy(UNITS, n=N, scale=2.0))
    world.settings |= {"peers": {"k": 2}, "designs": ["single", "difference"]}
    return world


@pytest.fixture
def pooled(fitted):
    """Return the plan, the pooled rows by method and the primary estimand of each unit."""

    def look(world, design="difference", **changes):
        config, _, plan = world.plan(**changes)
        estimates, _ = fitted(config, plan, design)
        analysis = Analysis.of(config)
        own = analysis.primary(estimates)
        together = [set_answer(analysis, one, estimates, 3) for one in questions(analysis, estimates)]
        rows = pooled_rows(analysis, plan, COMPARISONS[design], estimates, own, together[0])
        return plan, {row["method"]: row for row in rows}, own

    return look


def test_the_set_is_the_mean_of_the_units_and_its_union_has_each_peer_once(world, pooled):
    plan, rows, _ = pooled(world)
    y = world.values
    peers = {unit: plan.peer_sets[unit].peers for unit in plan.treated}
    gaps = [y[unit] - np.mean([y[peer] for peer in peers[unit]], axis=0) for unit in plan.treated]
    fits = [LeastSquares(gap, segments(N, START)) for gap in gaps]
    (estimate,), (error,), (df,) = set_terms(fits, [np.array([0, 0, 0, 1])])
    found = rows["set"]
    assert [found["estimate"], found["std_error"], found["df"]] == pytest.approx([estimate, error, df])
    assert [estimate, error] == pytest.approx(slope(np.mean(gaps, axis=0)))
    assert found["n_units"] == 3
    assert found["minimum_detectable"] == pytest.approx(minimum_detectable(error, df))
    union = sorted({peer for own in peers.values() for peer in own})
    treated = np.mean([y[unit] for unit in plan.treated], axis=0)
    estimate, error = slope(treated - np.mean([y[peer] for peer in union], axis=0))
    found = rows["set_union_of_peers"]
    assert [found["estimate"], found["std_error"]] == pytest.approx([estimate, error])
    assert found["n_units"] == 3


def test_the_set_of_single_series_has_no_peers(world, pooled):
    plan, rows, _ = pooled(world, "single")
    mean = np.mean([world.values[unit] for unit in plan.treated], axis=0)
    assert [rows["set"]["estimate"], rows["set"]["std_error"]] == pytest.approx(slope(mean))
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
def test_units_that_are_not_fitted_alike_are_averaged_and_have_no_mean_series(world, changes, pooled):
    for place, unit in enumerate(UNITS):
        world.add("rain", unit, np.random.default_rng(place).normal(0, 1, N))
    _, rows, own = pooled(world, "difference", **changes)
    assert "set_union_of_peers" not in rows
    assert rows["set"]["estimate"] == pytest.approx(own.estimate.mean())
    assert rows["set"]["n_units"] == 3


@pytest.mark.parametrize(("design", "estimator"), [("single", "poisson"), ("stacked", "ols")])
def test_families_and_models_of_several_series_have_a_set_too(world, pooled, design, estimator):
    for unit in UNITS:
        world.values[unit] = np.round(world.values[unit])
    outcome = world.outcome(kind="count", transform="none")
    _, rows, own = pooled(world, design, outcomes=[outcome], estimators=[estimator], designs=[design])
    mean = own.estimate.mean()
    assert rows["set"]["estimate"] == pytest.approx(np.exp(mean) if estimator == "poisson" else mean)
    assert 0 < rows["set"]["std_error"] <= own.std_error.max()
    assert METHODS[0] in rows


def test_weights_of_percentages_go_into_the_mean(world, pooled):
    world.denominators = {unit: 200 + 30.0 * np.arange(N) for unit in UNITS}
    outcome = world.outcome(kind="percentage")
    _, weighted, own = pooled(world, "single", outcomes=[outcome], estimators=["reml_ar"])
    _, plain, _ = pooled(world, "single", estimators=["reml_ar"])
    assert weighted["set"]["estimate"] == pytest.approx(own.estimate.mean())
    assert weighted["set"]["estimate"] != plain["set"]["estimate"]
    assert weighted["set"]["estimate"] == pytest.approx(plain["set"]["estimate"], abs=0.2)


def test_units_that_lost_most_of_their_months_leave_the_set_of_the_others(world, pooled):
    world.values["T2"][33:] = np.nan
    _, rows, own = pooled(world, "single")
    assert [target.unit for target in own.targets] == ["T1", "T3"]
    assert rows["set"]["n_units"] == rows[METHODS[0]]["n_units"] == 2
    assert rows["set"]["estimate"] == pytest.approx(own.estimate.mean())


def test_one_usable_unit_is_not_pooled(world, pooled):
    for unit in ("T2", "T3"):
        world.values[unit][33:] = np.nan
    _, rows, _ = pooled(world, "single")
    assert not set(METHODS) & set(rows)


def test_units_that_do_not_vary_are_no_set(world, pooled):
    for unit in ("T1", "T2", "T3"):
        world.values[unit] = segments(N, START) @ [50.0, 0.1, 1.0, 0.2]
    _, rows, own = pooled(world, "single")
    assert len(own) == 3
    assert rows == {}


def test_overlap_of_peers_is_told(world, look_at):
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
        rows = examine(look_at(config, sources, plan, design)).rows["checks"]
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


def test_a_relative_effect_is_averaged_over_units_of_which_it_is_not_known_what_they_share(world, pooled):
    """It is no contrast of the fit: the units count as independent."""
    _, rows, own = pooled(world, "difference", estimands={"primary": "relative_average_effect"})
    assert rows["set"]["estimate"] == pytest.approx(own.estimate.mean())
    assert rows["set"]["std_error"] == pytest.approx(np.sqrt((own.std_error**2).sum()) / 3)
    # a mean of differences has no level that an effect could be relative to
    union = rows["set_union_of_peers"]
    assert np.isnan([union[name] for name in ("estimate", "std_error", "p_value")]).all()
