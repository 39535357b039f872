"""Difference, peer mean and stacked designs: one point estimate, and the standard errors of each."""

import numpy as np
import pytest
import statsmodels.api as sm

from its_eval.comparisons.stacked import stack
from its_eval.estimators.least_squares import newey_west_lags

UNITS = ("T1", "D1", "D2", "D3", "D4")
PEERS = UNITS[1:]
N, START = 72, 36
DESIGNS = ["difference", "peer_mean", "stacked"]
TERMS = ["counterfactual_at_start", "pre_slope", "level_change", "slope_change"]


def regressors(n=N, start=START):
    """Constant, trend, level, slope and eleven months in sum-to-zero coding, made by hand."""
    time = np.arange(n)
    months = np.zeros((n, 11))
    for month in range(11):
        months[time % 12 == month, month] = 1
    months[time % 12 == 11] = -1
    return np.column_stack(
        [np.ones(n), time - start, time >= start, np.maximum(time - start, 0), months]
    ).astype(float)


def fixed_effects(world, treated="T1", peers=PEERS):
    """Return the interactions of a regression with a dummy per unit and per period (methods §1).

    Two-way fixed effects: unit and period dummies, and for the treated unit alone a trend, the interruption
    and a season of its own. The unit's constant is the sum of its dummy and what the others have on average.
    """
    codes = (treated, *peers)
    X, J, n = regressors(), len(codes), N
    rows = np.zeros((J * n, J + (n - 1) + X.shape[1] - 1))
    outcome = np.zeros(J * n)
    for place, code in enumerate(codes):
        block = slice(place * n, (place + 1) * n)
        rows[block, place] = 1
        rows[block, J : J + n - 1][np.arange(1, n), np.arange(n - 1)] = 1
        if place == 0:
            rows[block, J + n - 1 :] = X[:, 1:]
        outcome[block] = world.values[code]
    solution, *_ = np.linalg.lstsq(rows, outcome, rcond=None)
    return solution[J + n - 1 :]


@pytest.fixture
def world(make_world, noisy):
    world = make_world(noisy(UNITS))
    world.settings |= {
        "peers": {"k": 4},
        "designs": DESIGNS,
        "outcomes": [world.outcome(seasonality="months")],
        "estimators": ["ols", "newey_west"],
    }
    return world


def coefficients(evaluation, design, estimator="ols"):
    frame = evaluation.tables["coefficients"]
    return frame[(frame["design"] == design) & (frame["estimator"] == estimator)].set_index("term")


def test_four_ways_to_one_point_estimate_with_the_season_interacted(world):
    found = world.run()
    gap = world.values["T1"] - np.mean([world.values[peer] for peer in PEERS], axis=0)
    by_hand = np.linalg.lstsq(regressors(), gap, rcond=None)[0]
    panel = fixed_effects(world)
    np.testing.assert_allclose(panel, by_hand[1:], atol=1e-10)
    for design in DESIGNS:
        terms = [*TERMS, *(f"month_{month}" for month in range(1, 12))]
        for estimator in ("ols", "newey_west"):
            got = coefficients(found, design, estimator).loc[terms, "estimate"]
            np.testing.assert_allclose(got, by_hand, atol=1e-10)
            np.testing.assert_allclose(got[1:], panel, atol=1e-10)


def test_stacked_least_squares_is_that_of_statsmodels(world):
    found = world.run(designs=["stacked"])
    X = regressors()
    own = np.vstack([X, np.zeros((4 * N, X.shape[1]))])
    both = np.hstack([np.vstack([X] * 5), own])
    expected = sm.OLS(np.concatenate([world.values[unit] for unit in UNITS]), both).fit()
    got = coefficients(found, "stacked")
    assert got.index.tolist()[:4] == [f"peers: {term}" for term in TERMS]
    np.testing.assert_allclose(got["estimate"], expected.params, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(got["std_error"], expected.bse, rtol=1e-8)
    assert set(got["df"]) == {5 * N - 30.0}
    effects = (
        found.tables["effects"].query("estimator == 'ols' and scale == 'response'").set_index("estimand")
    )
    row = np.zeros(30)
    row[[15 + 1, 15 + 3]] = 1
    test = expected.t_test(row)
    np.testing.assert_allclose(
        effects.loc["post_slope", ["estimate", "std_error"]].to_numpy(dtype=float),
        [test.effect[0], test.sd[0, 0]],
        rtol=1e-8,
    )


def panel_newey_west(X, residuals, panels, lags):
    """Return the Newey-West covariance whose products of two periods stay within a panel."""
    bread = np.linalg.inv(X.T @ X)
    meat = np.zeros_like(bread)
    for panel in panels:
        scores = X[panel] * residuals[panel, None]
        meat += scores.T @ scores
        for lag in range(1, lags + 1):
            cross = scores[lag:].T @ scores[:-lag]
            meat += (1 - lag / (lags + 1)) * (cross + cross.T)
    n, k = X.shape
    return bread @ meat @ bread * n / (n - k)


@pytest.mark.parametrize("design", ["peer_mean", "stacked"])
def test_newey_west_stays_within_a_panel(world, design):
    found = world.run(designs=[design], estimators=[{"name": "newey_west", "lags": 4}])
    X = regressors()
    peers = [world.values[peer] for peer in PEERS]
    series = [world.values["T1"], *(peers if design == "stacked" else [np.mean(peers, axis=0)])]
    J = len(series)
    both = np.hstack([np.vstack([X] * J), np.vstack([X, np.zeros(((J - 1) * N, X.shape[1]))])])
    y = np.concatenate(series)
    fit = sm.OLS(y, both).fit()
    panels = [np.arange(place * N, (place + 1) * N) for place in range(J)]
    expected = np.sqrt(np.diag(panel_newey_west(both, fit.resid, panels, 4)))
    got = coefficients(found, design, "newey_west")["std_error"]
    np.testing.assert_allclose(got, expected, rtol=1e-7)


def test_the_usual_lags_are_those_of_one_panel(world):
    given = world.run(estimators=[{"name": "newey_west", "lags": newey_west_lags(N)}])
    usual = world.run(estimators=["newey_west"])
    for design in ("peer_mean", "stacked"):
        np.testing.assert_array_equal(
            coefficients(given, design, "newey_west")["std_error"],
            coefficients(usual, design, "newey_west")["std_error"],
        )


def test_only_least_squares_and_newey_west_are_for_stacked_designs(world):
    found = world.run(estimators=["reml_ar", "ols"])
    fits = found.tables["fits"].groupby("design")["estimator"].apply(list)
    assert fits.to_dict() == {"difference": ["ols", "reml_ar"], "peer_mean": ["ols"], "stacked": ["ols"]}
    roles = found.tables["effects"].query("role == 'primary'")
    assert roles.set_index("design")["estimator"].to_dict() == {
        "difference": "reml_ar",
        "peer_mean": "ols",
        "stacked": "ols",
    }


def test_the_counterfactual_of_a_stacked_unit_keeps_the_changes_of_its_peers(world):
    found = world.run(designs=["stacked"], outcomes=[world.outcome()])
    b = coefficients(found, "stacked")["estimate"]
    X = regressors()[:, :4]
    common, own = b[[f"peers: {term}" for term in TERMS]].to_numpy(), b[TERMS].to_numpy()
    shown = found.tables["series"]
    np.testing.assert_allclose(shown["fitted"], X @ (common + own))
    kept = X.copy()
    kept[:, 2:] = 0
    expected = X @ common + kept @ own
    np.testing.assert_allclose(shown["counterfactual"][START:], expected[START:])
    effects = found.tables["effects"].query("scale == 'response' and estimator == 'ols'")
    effects = effects.set_index("estimand")["estimate"]
    # what the peers have is no part of the difference
    assert effects["counterfactual_at_start"] == pytest.approx(own[0])
    gap = (X @ common + X @ own - expected)[START:]
    assert effects["average_effect"] == pytest.approx(gap.mean())
    assert effects["relative_average_effect"] == pytest.approx(100 * gap.mean() / expected[START:].mean())


def test_gaps_of_peers_are_left_out_of_their_panel_alone(world):
    world.values["D2"][10] = np.nan
    found = world.run(designs=["stacked"], estimators=["ols"], outcomes=[world.outcome()])
    X = regressors()[:, :4]
    both = np.hstack([np.vstack([X] * 5), np.vstack([X, np.zeros((4 * N, 4))])])
    y = np.concatenate([world.values[unit] for unit in UNITS])
    used = ~np.isnan(y)
    expected = sm.OLS(y[used], both[used]).fit()
    got = coefficients(found, "stacked")
    np.testing.assert_allclose(got["estimate"], expected.params, rtol=1e-8)
    np.testing.assert_allclose(got["std_error"], expected.bse, rtol=1e-8)


def test_a_stacked_design_with_too_short_a_segment(world, fitted):
    late = {"name": "Law", "date": world.period(N - 4)}
    config, _, plan = world.plan(intervention=late)
    estimates, failed = fitted(config, plan, "stacked")
    assert estimates == []
    assert {(item.unit, item.design, item.estimator, item.reason) for item in failed} == {
        ("T1", "stacked", name, "segment_too_short") for name in ("ols", "newey_west")
    }


def test_empty_rows_keep_panels_apart(world, fitted):
    config, _, plan = world.plan(outcomes=[world.outcome()])
    (item, *_), _ = fitted(config, plan, "difference")
    design = item.design
    values = np.arange(3.0 * N).reshape(N, 3)
    matrix, outcome = stack(values, [design] * 3, 5)
    k = len(design.terms)
    assert matrix.shape == (3 * N + 10, 2 * k)
    assert outcome.shape == (3 * N + 10, 1)
    empty = [*range(N, N + 5), *range(2 * N + 5, 2 * N + 10)]
    assert np.flatnonzero(np.isnan(outcome[:, 0])).tolist() == empty
    assert not matrix[empty].any()
    assert not matrix[N:, k:].any()
    np.testing.assert_array_equal(matrix[:N], np.hstack([design.matrix, design.matrix]))
