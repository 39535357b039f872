"""The augmented synthetic control as a design: negative weights, and errors of periods that are left out."""

import numpy as np
import pytest
from by_hand import LeastSquares, segments

from its_eval.peers.donor_weights import augmented_weights, synthetic_weights

UNITS = ("T1", "D1", "D2", "D3", "D4", "D5", "D6")
N, START = 60, 40
RANKED = {"placebo_dates": False, "diagnostics": False}


@pytest.fixture
def world(make_world, noisy):
    """A unit whose trend is beyond that of every donor: no mixture can follow it, a weighted sum can."""
    values = noisy(UNITS, n=N, scale=0.3)
    time = np.arange(N)
    values["T1"] = values["D6"] + 0.15 * time + 3.0 * (time >= START)
    world = make_world(values, start=START)
    world.settings |= {
        "designs": ["augmented_synthetic"],
        "peers": {"k": 2},
        "estimands": {"primary": "average_effect"},
    }
    return world


def gap_of(world, unit):
    others = [code for code in world.units if code != unit]
    donors = np.column_stack([world.values[code] for code in others])
    found = augmented_weights(world.values[unit][:START], donors[:START])
    return world.values[unit] - donors @ found.weights - found.level, found


def test_the_gap_is_described_and_weights_may_be_negative(world):
    found = world.run()
    gap, weights = gap_of(world, "T1")
    series = found.tables["series"].sort_values("period")
    np.testing.assert_allclose(series["observed"], gap, atol=1e-9)
    expected = LeastSquares(gap, segments(N, START))
    effects = found.tables["effects"].query("scale == 'response'").set_index("estimand")["estimate"]
    assert effects["level_change"] == pytest.approx(expected.read([0, 0, 1, 0])[0])
    table = found.tables["donor_weights"].set_index("donor")
    np.testing.assert_allclose(table["weight"], weights.weights, atol=1e-12)
    assert table["weight"].min() < 0
    assert table["weight"].sum() == pytest.approx(1)
    assert set(table["role"]) == {"part"}


def test_it_follows_what_a_mixture_cannot(world):
    gap, _ = gap_of(world, "T1")
    donors = np.column_stack([world.values[code] for code in UNITS[1:]])
    weights, level = synthetic_weights(world.values["T1"][:START], donors[:START])
    plain = world.values["T1"] - donors @ weights - level
    assert np.std(gap[:START]) < 0.6 * np.std(plain[:START])
    effects = world.run(outcomes=[world.outcome(trend="none")]).tables["effects"]
    (effect,) = effects.query("estimand == 'average_effect' and scale == 'response'")["estimate"]
    assert effect == pytest.approx(gap[START:].mean())
    assert abs(effect - 3) < 0.3 * abs(plain[START:].mean() - 3)


def test_the_estimate_over_errors_of_periods_left_out_is_ranked(world):
    found = world.run(checks=RANKED, confidence=0.8)
    rows = found.tables["placebo_units"].set_index("placebo").loc[list(UNITS)]
    for unit in UNITS:
        gap, weights = gap_of(world, unit)
        estimate = LeastSquares(gap, segments(N, START)).read([0, 0, 1, (N - START - 1) / 2])[0]
        assert rows["estimate"][unit] == pytest.approx(estimate, rel=1e-6)
        error = np.sqrt((weights.left_out**2).mean())
        assert rows["statistic"][unit] == pytest.approx(estimate / error, rel=1e-6)


def test_a_unit_that_is_followed_exactly_is_still_ranked(make_world, noisy):
    """More donors than periods: a small penalty leaves no gap, whose size would say nothing."""
    units = ("T1", *(f"D{place:02d}" for place in range(1, 31)))
    world = make_world(noisy(units, n=32), start=16)
    world.settings |= {"designs": ["augmented_synthetic"], "peers": {"k": 2}, "checks": RANKED}
    found = world.run(estimands={"primary": "level_change"})
    (answer,) = found.tables["verdicts"].query("label != ''").to_dict("records")
    assert answer["p_rank"] >= 1 / 31
    assert "followed_exactly" not in answer["flags"]
    assert np.isfinite(found.tables["placebo_units"][["estimate", "statistic"]]).all(axis=None)


def test_every_rank_is_taken_once_where_units_can_change_places(world):
    found = world.run(treated="each", checks=RANKED)
    rows = found.tables["verdicts"].query("label != ''")
    assert sorted(rows["p_rank"]) == pytest.approx(np.arange(1, 8) / 7)


def test_covariates_of_donors_with_negative_weights_count_too(make_world, noisy):
    world = make_world(noisy(UNITS, n=N), start=START)
    rng = np.random.default_rng(2)
    rain = {unit: rng.normal(20, 5, N) for unit in UNITS}
    for unit, values in rain.items():
        world.add("rain", unit, values)
    found = world.run(
        outcomes=[world.outcome(covariates=["rain"])], designs=["augmented_synthetic"], peers={"k": "all"}
    )
    gap, weights = gap_of(world, "T1")
    own = rain["T1"] - np.column_stack([rain[code] for code in UNITS[1:]]) @ weights.weights
    time = np.arange(N)
    X = np.column_stack(
        [np.ones(N), time - START, time >= START, np.maximum(time - START, 0), own - own.mean()]
    )
    expected = np.linalg.lstsq(X, gap, rcond=None)[0]
    got = found.tables["coefficients"].set_index("term")["estimate"]
    np.testing.assert_allclose(got, expected, rtol=1e-8)
