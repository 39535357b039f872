"""Synthetic control: weights against a general solver, and a design without standard errors."""

import numpy as np
import pytest
from by_hand import LeastSquares, segments
from msgspec.structs import replace
from scipy import optimize

from its_eval.comparisons.synthetic import SYNTHETIC, mixed
from its_eval.peers.donor_weights import RIDGE, synthetic_weights
from its_eval.pipeline.sheet import make_sheet

UNITS = ("T1", "D1", "D2", "D3", "D4", "D5")
N, START = 60, 40


def objective(weights, level, unit, donors, ridge=RIDGE):
    scale = ((donors - donors.mean(axis=0)) ** 2).mean() * len(unit)
    return ((unit - donors @ weights - level) ** 2).sum() + ridge * scale * (weights**2).sum()


def by_slsqp(unit, donors, ridge=RIDGE):
    """Return simplex weights and level by sequential quadratic programming, from several starts."""
    J = donors.shape[1]
    best = None
    for first in (np.full(J, 1 / J), *np.eye(J)):
        found = optimize.minimize(
            lambda x: objective(x[:-1], x[-1], unit, donors, ridge) / 100,
            np.append(first, (unit - donors @ first).mean()),
            method="SLSQP",
            bounds=[(0, 1)] * J + [(None, None)],
            constraints={"type": "eq", "fun": lambda x: x[:-1].sum() - 1},
            options={"ftol": 1e-14, "maxiter": 2000},
        )
        if best is None or found.fun < best.fun:
            best = found
    return best.x[:-1], best.x[-1]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ridge", [RIDGE, 0.1])
def test_weights_are_those_of_a_general_solver(seed, ridge):
    rng = np.random.default_rng(seed)
    donors = rng.normal(0, 3, (30, 5)) + np.array([0, 10, -5, 40, 3]) + 0.1 * np.arange(30)[:, None]
    unit = donors @ rng.dirichlet(np.full(5, 0.5)) + 7 + rng.normal(0, 1, 30)
    weights, level = synthetic_weights(unit, donors, ridge)
    expected, expected_level = by_slsqp(unit, donors, ridge)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(weights, expected, atol=2e-5)
    assert level == pytest.approx(expected_level, abs=1e-3)
    # no general solver finds anything better
    assert objective(weights, level, unit, donors, ridge) <= objective(
        expected, expected_level, unit, donors, ridge
    ) * (1 + 1e-9)


def test_a_mixture_without_noise_is_recovered():
    rng = np.random.default_rng(9)
    donors = rng.normal(50, 5, (40, 4))
    truth = np.array([0.6, 0.0, 0.3, 0.1])
    weights, level = synthetic_weights(donors @ truth + 3, donors, ridge=1e-9)
    np.testing.assert_allclose(weights, truth, atol=1e-6)
    assert level == pytest.approx(3, abs=1e-4)


def test_one_of_many_equal_mixtures_is_the_even_one():
    series = np.random.default_rng(1).normal(0, 1, 20)
    weights, _ = synthetic_weights(series, np.column_stack([series] * 4))
    np.testing.assert_allclose(weights, 0.25, atol=1e-6)


@pytest.fixture
def world(make_world, noisy):
    values = noisy(UNITS, n=N)
    world = make_world(values, start=START)
    mixture = 0.7 * values["D2"] + 0.3 * values["D5"]
    rng = np.random.default_rng(6)
    values["T1"] = mixture + 4 + rng.normal(0, 0.05, N) + 3.0 * (np.arange(N) >= START)
    world.values = values
    world.settings |= {"designs": ["synthetic"], "peers": {"k": 2}}
    return world


def test_the_gap_to_the_mixture_is_described_without_standard_errors(world):
    found = world.run()
    donors = np.column_stack([world.values[unit] for unit in UNITS[1:]])
    weights, level = synthetic_weights(world.values["T1"][:START], donors[:START])
    assert weights[1] > 0.5
    mixture = donors @ weights + level
    gap = world.values["T1"] - mixture
    shown = found.tables["series"]
    np.testing.assert_allclose(shown["peer_mean"], mixture)
    np.testing.assert_allclose(shown["observed"], gap, atol=1e-9)
    time = np.arange(N)
    X = np.column_stack([np.ones(N), time - START, time >= START, np.maximum(time - START, 0)]).astype(float)
    expected = np.linalg.lstsq(X, gap, rcond=None)[0]
    effects = found.tables["effects"].query("scale == 'response'").set_index("estimand")
    np.testing.assert_allclose(
        effects.loc[["level_change", "slope_change"], "estimate"], expected[2:], rtol=1e-7, atol=1e-9
    )
    assert effects["estimate"]["level_change"] == pytest.approx(3, abs=0.4)
    assert effects[["std_error", "p_value", "conf_low", "conf_high"]].isna().all(axis=None)
    assert set(found.tables["effects"]["estimator"]) == {"synthetic"}
    (row,) = found.tables["summary"].to_dict("records")
    assert np.isnan(row["p_value"])
    assert row["label"] == "not answered"
    assert found.tables["power"].empty
    assert found.tables["sensitivity"].empty


RANKED = {"placebo_dates": False, "diagnostics": False}


def judged(world, unit, row):
    """Return an estimate of a unit against the mixture of all others, and that over its earlier errors."""
    others = [code for code in world.units if code != unit]
    donors = np.column_stack([world.values[code] for code in others])
    weights, level = synthetic_weights(world.values[unit][:START], donors[:START])
    gap = world.values[unit] - donors @ weights - level
    estimate = LeastSquares(gap, segments(N, START)).read(row)[0]
    error = np.sqrt((gap[:START] ** 2).mean())
    return estimate, estimate / error if error > 0 else np.nan


@pytest.mark.parametrize(
    ("question", "row"),
    [("slope_change", [0, 0, 0, 1]), ("level_change", [0, 0, 1, 0]), ("change", [0, 0, 1, 12])],
)
def test_the_printed_estimate_over_earlier_errors_is_ranked(world, question, row):
    found = world.run(checks=RANKED, confidence=0.8, estimands={"primary": question})
    rows = found.tables["placebo_units"].set_index("placebo")
    assert sorted(rows.index) == sorted(UNITS)
    expected = np.array([judged(world, unit, row) for unit in UNITS])
    shown = rows.loc[list(UNITS), ["estimate", "statistic"]]
    np.testing.assert_allclose(shown, expected, rtol=1e-6, atol=1e-9)
    (answer,) = found.tables["verdicts"].query("label != ''").to_dict("records")
    p_rank = np.mean(np.abs(expected[:, 1]) >= abs(expected[0, 1]))
    assert answer["p_value"] == answer["p_rank"] == pytest.approx(p_rank)
    assert answer["estimate"] == pytest.approx(expected[0, 0])
    # 1/6 is below 0.2, so that the rank decides; five others are too few to say that others change less
    assert answer["label"] == ("changed" if p_rank <= 0.2 else "no clear change")
    assert answer["n_donors"] == 5
    assert answer["n_as_large"] == (np.abs(expected[1:, 0]) >= abs(expected[0, 0])).sum()
    assert "few_donors" in answer["flags"]
    assert found.tables["summary"]["p_placebo"].item() == answer["p_rank"]


def test_a_unit_that_is_followed_exactly_is_not_answered_and_says_why(world):
    """All are 0 before the start: no prediction error, over which a ratio would be infinite."""
    for place, unit in enumerate(UNITS):
        world.values[unit] = np.where(np.arange(N) < START, 0.0, 5.0 + place + np.sin(np.arange(N) * place))
    found = world.run(checks=RANKED, estimands={"primary": "level_change"})
    (answer,) = found.tables["verdicts"].query("label != ''").to_dict("records")
    assert answer["label"] == "not answered"
    assert np.isnan([answer["p_value"], answer["p_rank"], answer["p_attribution"]]).all()
    assert "followed_exactly" in answer["flags"].split("; ")
    assert not np.isinf(found.tables["placebo_units"][["estimate", "statistic"]]).any(axis=None)


def test_five_donors_cannot_answer_at_a_level_that_they_do_not_reach(world):
    """A jump of sixty errors: the smallest p-value of a rank among six is 1/6."""
    found = world.run(checks=RANKED, estimands={"primary": "level_change"})
    (answer,) = found.tables["verdicts"].query("label != ''").to_dict("records")
    assert answer["p_rank"] == pytest.approx(1 / 6)
    assert (answer["label"], answer["direction"]) == ("not answered", "unclear")
    assert np.isnan([answer["p_value"], answer["p_adjusted"]]).all()
    assert "few_donors" in answer["flags"]
    (check,) = found.tables["checks"].query("check == 'placebo_units'").to_dict("records")
    assert "no smaller p than 0.167 is possible" in check["message"]


def test_every_rank_is_taken_once_where_units_can_change_places(world):
    """What makes the rank exact: whoever is treated, the same gaps are ranked (Abadie et al. 2010).

    Were the treated unit left out of the pools of its donors, their gaps would depend on who it is.
    """
    found = world.run(checks=RANKED, treated="each", estimands={"primary": "level_change"})
    rows = found.tables["verdicts"].query("label != ''")
    assert sorted(rows["p_rank"]) == pytest.approx(np.arange(1, 7) / 6)
    statistics = found.tables["placebo_units"].pivot_table("statistic", "placebo", "unit")
    np.testing.assert_allclose(statistics, statistics[["T1"]] @ np.ones((1, 6)), rtol=1e-9)


def test_the_weights_of_every_donor_are_a_table(world):
    world.values["D2"][5] = np.nan
    found = world.run().tables["donor_weights"]
    donors = np.column_stack([world.values[unit] for unit in ("D1", "D3", "D4", "D5")])
    expected, _ = synthetic_weights(world.values["T1"][:START], donors[:START])
    assert (found[["outcome", "unit", "design"]] == [world.outcome()["indicator"], "T1", "synthetic"]).all(
        axis=None
    )
    assert found["donor"].tolist() == ["D1", "D2", "D3", "D4", "D5"]
    np.testing.assert_allclose(found["weight"], np.insert(expected, 1, 0.0), atol=1e-12)
    assert found["role"].tolist() == [
        "gaps" if donor == "D2" else "part" if weight > 0 else "no part"
        for donor, weight in zip(found["donor"], found["weight"], strict=True)
    ]
    assert {"part", "gaps"} <= set(found["role"])
    assert world.run(designs=["difference"]).tables["donor_weights"].empty


@pytest.mark.parametrize(
    ("jump", "label"), [(3.0, "changed, more than other units do"), (0, "no clear change")]
)
def test_twenty_donors_decide(make_world, noisy, jump, label):
    units = ("T1", *(f"D{place:02d}" for place in range(1, 21)))
    world = make_world(noisy(units, n=N), start=START)
    world.values["T1"] = (
        0.5 * (world.values["D03"] + world.values["D11"])
        + np.random.default_rng(3).normal(0, 0.3, N)
        + jump * (np.arange(N) >= START)
    )
    world.settings |= {"designs": ["synthetic"], "peers": {"k": 2}, "checks": RANKED}
    outcome = world.outcome(better="higher")
    found = world.run(estimands={"primary": "level_change"}, outcomes=[outcome])
    (answer,) = found.tables["verdicts"].query("label != ''").to_dict("records")
    expected = np.array([judged(world, unit, [0, 0, 1, 0]) for unit in units])
    p_rank = np.mean(np.abs(expected[:, 1]) >= abs(expected[0, 1]))
    assert answer["p_value"] == pytest.approx(p_rank)
    assert answer["label"] == label
    assert answer["direction"] == ("better" if jump else "unclear")
    # more units ask for a smaller p-value than such a rank can have
    both = world.run(estimands={"primary": "level_change"}, outcomes=[outcome], treated=["T1", "D20"])
    rows = both.tables["verdicts"].query("label != '' and unit != 'set'")
    assert rows["label"].tolist() == ["not answered"] * 2


def test_without_a_prediction_error_nothing_is_ranked_and_nothing_is_infinite(world):
    """All series are 0 before the start: a ratio to nothing says nothing."""
    for unit in UNITS:
        world.values[unit] = np.where(np.arange(N) < START, 0.0, world.values[unit])
    found = world.run(checks=RANKED, confidence=0.8, estimands={"primary": "level_change"})
    (answer,) = found.tables["verdicts"].query("label != ''").to_dict("records")
    assert answer["label"] == "not answered"
    assert np.isnan([answer["p_value"], answer["p_rank"], answer["p_attribution"]]).all()
    # the effect and its place by size are shown all the same
    expected = np.array([judged(world, unit, [0, 0, 1, 0])[0] for unit in UNITS])
    assert answer["estimate"] == pytest.approx(expected[0])
    assert answer["n_as_large"] == (np.abs(expected[1:]) >= abs(expected[0])).sum()
    (check,) = found.tables["checks"].query("check == 'placebo_units'").to_dict("records")
    assert check["message"].startswith("Its change cannot be ranked: there is no prediction error before")
    assert check["status"] == "not_applicable"
    for table in found.tables.values():
        assert not np.isinf(table.select_dtypes("number").astype(float)).any(axis=None)


def test_donors_with_gaps_are_left_out_of_the_mixture(world):
    world.values["D2"][5] = np.nan
    world.values["T1"][7] = np.nan
    _, _, plan = world.plan()
    targets = SYNTHETIC.targets(plan)
    alone = make_sheet(plan, [replace(target, peers=()) for target in targets], "synthetic")
    made, failed = mixed(replace(alone, targets=tuple(targets)), SYNTHETIC)
    assert failed == []
    own, lacking = SYNTHETIC.sheet(plan, targets)
    assert lacking == []
    np.testing.assert_array_equal(own.values, made.values)
    (weights,) = made.mixtures
    assert list(weights) == ["D1", "D3", "D4", "D5"]
    assert sum(weights.values()) == pytest.approx(1)
    used = np.arange(START) != 7
    donors = np.column_stack([world.values[unit] for unit in ("D1", "D3", "D4", "D5")])
    expected, level = synthetic_weights(world.values["T1"][:START][used], donors[:START][used])
    np.testing.assert_allclose(made.peer_means[:, 0], donors @ expected + level)
    # how a sum of products is rounded depends on how its matrix lies in memory, here otherwise than there
    np.testing.assert_allclose(list(weights.values()), expected, rtol=1e-14, atol=0)
    assert np.isnan(made.values[7, 0])


def test_too_few_donors_or_periods(world, fitted):
    # D2 alone reports throughout, as far as a mixture needs
    for unit in ("D1", "D3", "D4", "D5"):
        world.values[unit][3] = np.nan
    config, _, plan = world.plan()
    estimates, failed = fitted(config, plan, "synthetic")
    assert estimates == []
    assert [(item.unit, item.reason, item.message) for item in failed] == [
        (
            "T1",
            "no_donors",
            "T1 has 1 donors without gaps and 40 periods before the start; 2 and 3 are needed",
        )
    ]


def test_a_short_segment_is_told(world, fitted):
    late = {"name": "Law", "date": world.period(N - 3)}
    config, _, plan = world.plan(intervention=late)
    estimates, failed = fitted(config, plan, "synthetic")
    assert estimates == []
    assert [(item.estimator, item.reason) for item in failed] == [("synthetic", "segment_too_short")]


@pytest.mark.parametrize("level", [1.0, 1e-6, 0.1])
def test_constant_donors_make_no_mixture_and_that_is_a_row(world, level):
    for place, unit in enumerate(UNITS[1:]):
        # up to rounding
        world.values[unit] = np.full(N, level * (40.0 + place)) * (1 + np.spacing(1.0) * (np.arange(N) % 2))
    found = world.run(designs=["single", "synthetic"])
    (row,) = found.tables["not_estimated"].to_dict("records")
    assert (row["unit"], row["design"], row["estimator"]) == ("T1", "synthetic", "synthetic")
    assert row["reason"] == "no_donors"
    assert (
        row["message"] == "no donor of T1 varies before the start, so that no mixture of them can follow it"
    )


def test_a_mixture_of_donors_that_hardly_vary_has_weights_that_sum_to_one():
    """All of them move against the unit, whose variation is a million times theirs."""
    unit = np.random.default_rng(1).normal(0, 1, 30)
    donors = 5.0 - 1e-8 * np.column_stack([unit, 2 * unit, unit + 0.1])
    weights, level = synthetic_weights(unit, donors)
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    assert level == pytest.approx(unit.mean() - donors.mean(axis=0) @ weights)


def test_covariates_are_those_of_the_mixture(make_world, noisy):
    world = make_world(noisy(UNITS, n=N), start=START)
    rng = np.random.default_rng(2)
    rain = {unit: rng.normal(20, 5, N) for unit in UNITS}
    for unit, values in rain.items():
        world.add("rain", unit, values[1:] if unit == "T1" else values, int(unit == "T1"))
    found = world.run(
        outcomes=[world.outcome(covariates=["rain"])], designs=["synthetic"], peers={"k": "all"}
    )
    donors = np.column_stack([world.values[unit] for unit in UNITS[1:]])
    # a month without the covariate is not described, but has its part in the weights
    weights, level = synthetic_weights(world.values["T1"][:START], donors[:START])
    gap = world.values["T1"] - donors @ weights - level
    own = rain["T1"] - np.column_stack([rain[unit] for unit in UNITS[1:]]) @ weights
    time, used = np.arange(N), np.arange(N) > 0
    X = np.column_stack(
        [np.ones(N), time - START, time >= START, np.maximum(time - START, 0), own - own[used].mean()]
    )
    expected = np.linalg.lstsq(X[used], gap[used], rcond=None)[0]
    got = found.tables["coefficients"].set_index("term")["estimate"]
    np.testing.assert_allclose(got, expected, rtol=1e-8)
    assert found.tables["fits"]["n"].item() == N - 1
