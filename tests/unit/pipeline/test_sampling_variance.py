"""The sampling variance of percentages worked out period by period, and the weights that it makes."""

import numpy as np
import pytest

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.estimators.reml.forms_fit import fit_reml_ar_own
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.estimators.reml.sampling_noise import fit_reml_ar_sampling
from its_eval.estimators.weights import relative_variance
from its_eval.pipeline.plan import Target
from its_eval.pipeline.sheet import sampling_variances
from its_eval.pipeline.specifications import specifications

N, START = 40, 20
PEOPLE = {"T1": 200.0, "D1": 100.0, "D2": 400.0, "D3": 900.0}


@pytest.fixture
def world(make_world):
    """A treated unit and three donors with the percentage of a growing number of people."""
    rng = np.random.default_rng(17)
    time = np.arange(N)
    people = {unit: np.rint(count * (1 + time / N)) for unit, count in PEOPLE.items()}
    shares = {unit: 0.7 + 0.05 * place + 0.001 * time for place, unit in enumerate(PEOPLE)}
    values = {
        unit: 100 * rng.binomial(people[unit].astype(int), shares[unit]) / people[unit] for unit in PEOPLE
    }
    # peers with a gap each: fewer stand behind the mean of these periods
    values["D1"][[5, 30]] = np.nan
    values["D2"][[30]] = np.nan
    made = make_world(values, denominators=people, start=START)
    made.settings |= {"peers": {"k": 3}, "estimators": ["reml_ar"], "designs": ["single", "difference"]}
    return made


def sampling_variance(plan, target):
    return sampling_variances(plan, [target])[:, 0]


def planned(world, **keys):
    return world.plan(outcomes=[world.outcome(kind="percentage", **keys)])[2]


def design():
    time = np.arange(N)
    after = (time >= START).astype(float)
    return np.column_stack([np.ones(N), time - START, after, after * (time - START)])


def fitted_shares(world, unit):
    """pi_t, fitted by least squares to the periods with a value."""
    y = world.values[unit] / 100
    known = ~np.isnan(y)
    return design() @ np.linalg.lstsq(design()[known], y[known], rcond=None)[0]


def own_variance(world, unit, link="none"):
    """b_t, NaN where the unit has no value."""
    share, n = fitted_shares(world, unit), world.denominators[unit]
    b = 1e4 * share * (1 - share) / n if link == "none" else 1 / (n * share * (1 - share))
    return np.where(np.isnan(world.values[unit]), np.nan, b)


@pytest.mark.parametrize("link", ["none", "logit"])
def test_that_of_a_unit_by_itself(world, link):
    plan = planned(world, transform=link)
    found = sampling_variance(plan, COMPARISONS["single"].target(plan, "T1"))
    np.testing.assert_allclose(found, own_variance(world, "T1", link), rtol=1e-9)


@pytest.mark.parametrize("link", ["none", "logit"])
def test_that_of_a_difference_adds_the_variance_of_the_mean_of_those_observed(world, link):
    """Var(sum_j y_j / k) = sum_j b_j / k^2, with k = 3 peers, 2 in period 5 and 1 in period 30."""
    plan = planned(world, transform=link)
    target = COMPARISONS["difference"].target(plan, "T1")
    assert sorted(target.peers) == ["D1", "D2", "D3"]
    found = sampling_variance(plan, target)
    parts = {unit: own_variance(world, unit, link) for unit in PEOPLE}
    for period in range(N):
        observed = [parts[peer][period] for peer in target.peers if not np.isnan(parts[peer][period])]
        assert len(observed) == {5: 2, 30: 1}.get(period, 3)
        expected = parts["T1"][period] + sum(observed) / len(observed) ** 2
        assert found[period] == pytest.approx(expected, rel=1e-9)


def test_a_peer_with_a_value_and_no_denominator_leaves_it_unknown(world):
    world.denominators["D3"][7] = np.nan
    plan = planned(world)
    found = sampling_variance(plan, COMPARISONS["difference"].target(plan, "T1"))
    assert np.flatnonzero(np.isnan(found)).tolist() == [7]


def test_only_percentages_off_the_log_scale_have_one(world):
    plan = planned(world, transform="log")
    assert np.isnan(sampling_variance(plan, COMPARISONS["single"].target(plan, "T1"))).all()
    plain = world.plan(outcomes=[world.outcome(kind="number")])[2]
    assert np.isnan(sampling_variance(plain, Target("T1", plain.interruptions["T1"]))).all()


def two_way_mean(world, units):
    """Return the period effects of y_jt = a_j + d_t, sum of a_j zero, by a regression on dummies."""
    values = np.column_stack([world.values[unit] for unit in units])
    period, unit = np.nonzero(~np.isnan(values))
    dummies = np.hstack([np.eye(N)[period], np.eye(len(units))[unit] - 1 / len(units)])
    return np.linalg.lstsq(dummies, values[period, unit], rcond=None)[0][:N]


@pytest.mark.parametrize("name", ["single", "difference"])
def test_the_weights_of_a_run_are_one_over_that_plus_the_latent_variance(world, name):
    """The whole way: rows divided by the root of v_t over its geometric mean, and AR(1) REML of these."""
    found = world.run(outcomes=[world.outcome(kind="percentage")])
    plan = planned(world)
    comparison = COMPARISONS[name]
    series, failed = comparison.sheet(plan, comparison.targets(plan))
    assert failed == []
    y = world.values["T1"] - (two_way_mean(world, ["D1", "D2", "D3"]) if name == "difference" else 0.0)
    np.testing.assert_allclose(series.values[:, 0], y, rtol=1e-9, atol=1e-9)
    X, sampling = design(), series.sampling[:, 0]
    residual = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    latent = max(residual @ residual / (N - 4) - sampling.mean(), 0.0)
    total = latent + sampling
    root = np.sqrt(total / np.exp(np.log(total).mean()))
    fit = fit_reml_ar(X / root[:, None], (y / root)[:, None], 1)
    table = found.tables["coefficients"]
    shown = table[table["design"] == name]
    np.testing.assert_allclose(shown["estimate"], fit.params[0], rtol=1e-8)
    np.testing.assert_allclose(shown["std_error"], fit.contrasts(np.eye(4)).std_error[0], rtol=1e-8)


@pytest.mark.parametrize("name", ["single", "difference"])
def test_error_models_keep_the_sampling_variances(world, fitted, name):
    """By segment the weights of the constant variance; sampling noise takes the variances as they are."""
    entries = [{"name": "reml_ar", "variance": "by_segment"}, "reml_ar_sampling"]
    config, _, plan = world.plan(outcomes=[world.outcome(kind="percentage", estimators=entries)])
    comparison = COMPARISONS[name]
    series, _ = comparison.sheet(plan, comparison.targets(plan))
    X, y, sampling = design(), series.values, series.sampling
    by_segment, noisy = fitted(config, plan, name)[0]
    relative = relative_variance(X, y[:, 0], sampling[:, 0], np.ones(N, dtype=bool))[:, None]
    root, after = np.sqrt(relative), np.arange(N) >= START
    expected = fit_reml_ar_own(X[None] / root.T[:, :, None], y / root, 1, after)
    np.testing.assert_allclose(by_segment.whole.params, expected.params, rtol=1e-9)
    np.testing.assert_allclose(by_segment.whole.covariance.adjusted, expected.covariance.adjusted, rtol=1e-8)
    change = np.where(after, expected.variance_ratio[0], 1.0)
    np.testing.assert_allclose(by_segment.period_variance[0], relative[:, 0] * change, rtol=1e-8)

    expected = fit_reml_ar_sampling(X, y, sampling)
    np.testing.assert_allclose(noisy.whole.params, expected.params, rtol=1e-9)
    np.testing.assert_allclose(noisy.whole.dispersion, expected.dispersion, rtol=1e-9)
    share = 1.0 / (1.0 + expected.variance_ratio[0])
    # the latent variance, the same in every period, and phi b_t
    parts = (1.0 - share) * expected.sigma[0] ** 2 + expected.dispersion[0] * sampling[:, 0]
    np.testing.assert_allclose(noisy.period_variance[0] * expected.sigma[0] ** 2, parts, rtol=1e-9)


@pytest.mark.parametrize("weighted", [True, False])
def test_standard_choices_of_weighted_percentages_keep_their_weights(world, weighted):
    keys = {} if weighted else {"transform": "log"}
    outcome = world.outcome(kind="percentage", **keys)
    config, sources, plan = world.plan(outcomes=[outcome])
    found = [
        (item.dimension, item.choice) for item in specifications(config, sources, plan, COMPARISONS["single"])
    ]
    errors = "reml_ar_sampling" if weighted else "reml_local_level"
    standard = [("order", "2"), ("order", errors), ("trend", "quadratic"), ("variance", "by_segment")]
    assert found == standard
    rows = world.run(outcomes=[outcome]).tables["sensitivity"]
    rows = rows[rows["design"] == "single"].set_index(["dimension", "choice"])
    assert set(rows.index) == {("primary", "as configured"), *found}
    assert rows["std_error"].notna().all()


def test_sampling_noise_without_denominators_is_not_estimated(world, fitted):
    world.denominators["T1"][7] = np.nan
    outcome = world.outcome(kind="percentage", estimators=["reml_ar_sampling"])
    config, _, plan = world.plan(outcomes=[outcome])
    found, missing = fitted(config, plan, "difference")
    assert found == []
    assert [(item.unit, item.reason) for item in missing] == [("T1", "no_denominators")]
