"""Root finding in the tables of AR(1), the exact optimum of AR(2) and its refinement."""

from __future__ import annotations

import numpy as np
import pytest

from its_eval.estimators.reml import ar1 as ar1_solver
from its_eval.estimators.reml.ar1 import Ar1Solver, score_tables, to_rho, to_warped, warped_bounds
from its_eval.estimators.reml.ar2_search import Ar2Solver, best_starts
from its_eval.estimators.reml.error_model import refine
from its_eval.estimators.reml.profile import evaluate_profile
from its_eval.estimators.reml.reduction import ReducedSeries, reduce_design, reduce_series


def its_design(n_rows):
    t = np.arange(n_rows)
    post = (t >= n_rows // 2) * 1.0
    return np.column_stack([np.ones(n_rows), t, post, post * (t - n_rows // 2)])


def random_walks(seed, n_rows, n_series):
    return np.cumsum(np.random.default_rng(seed).standard_normal((n_rows, n_series)), axis=0)


def test_warping_is_inverted():
    rho = np.linspace(-0.9, 0.995, 50)
    np.testing.assert_allclose(to_rho(to_warped(rho)), rho, atol=1e-14)
    low, high = warped_bounds()
    np.testing.assert_allclose(to_rho(np.array([low, high])), [-0.8, 0.99], atol=1e-14)


def test_score_is_the_derivative_of_the_profile_and_linear_in_the_moments():
    design = reduce_design(its_design(30), 1)
    rng = np.random.default_rng(4)
    series = reduce_series(design, rng.standard_normal((30, 6)))
    moments = series.moments()
    rho = np.linspace(-0.75, 0.95, 9)
    score, objective = score_tables(design, rho)
    for g, value in enumerate(rho):
        profile = evaluate_profile(design, series, np.full((6, 1), value))
        expected = (1 - value**2) * profile.rss * profile.gradient[:, 0]
        np.testing.assert_allclose(score[g] @ moments, expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(objective[g] @ moments, np.exp(profile.value), rtol=1e-10)


@pytest.mark.parametrize("order", [1, 2])
def test_gradient_and_hessian_are_those_of_differences(order):
    """A Hessian that is merely near would still lead to the optimum, in more steps."""
    design = reduce_design(its_design(30), order)
    series = reduce_series(design, np.random.default_rng(14).standard_normal((30, 5)))
    partials = np.random.default_rng(15).uniform(-0.4, 0.6, (5, order))
    profile = evaluate_profile(design, series, partials)
    for axis, step in enumerate(1e-5 * np.eye(order)):
        above, below = (evaluate_profile(design, series, partials + sign * step) for sign in (1, -1))
        np.testing.assert_allclose(
            profile.gradient[:, axis], (above.value - below.value) / 2e-5, rtol=1e-6, atol=1e-8
        )
        np.testing.assert_allclose(
            profile.hessian[:, axis], (above.gradient - below.gradient) / 2e-5, rtol=1e-6, atol=1e-8
        )


def test_tables_find_the_root_of_the_exact_gradient():
    design = reduce_design(its_design(40), 1)
    series = reduce_series(design, random_walks(5, 40, 400))
    rho = to_rho(Ar1Solver(design).solve_warped(series.moments()))
    gradient = evaluate_profile(design, series, rho[:, None]).gradient[:, 0]
    inside = (rho > -0.8 + 1e-9) & (rho < 0.99 - 1e-9)
    assert inside.sum() > 200
    assert np.abs(gradient[inside]).max() < 1e-5
    assert np.all(gradient[rho >= 0.99 - 1e-9] <= 0.0)


def test_the_best_of_several_optima_is_kept():
    design = reduce_design(its_design(24), 1)
    series = reduce_series(design, random_walks(6, 24, 3000))
    moments = series.moments()
    solver = Ar1Solver(design)
    rho = to_rho(solver.solve_warped(moments))
    grid = np.linspace(-0.8, 0.99, 800)
    objective = score_tables(design, grid)[1] @ moments
    several = (np.diff(np.sign(np.diff(objective, axis=0)), axis=0) != 0).sum(axis=0) > 1
    assert several.sum() > 10
    reached = np.exp(evaluate_profile(design, series, rho[:, None]).value)
    assert np.all(reached <= objective.min(axis=0) * (1 + 1e-9))


def test_unsettled_newton_steps_are_bisected(monkeypatch):
    """With no step trusted every root comes from bisection, and is the same."""
    design = reduce_design(its_design(40), 1)
    moments = reduce_series(design, random_walks(7, 40, 100)).moments()
    expected = Ar1Solver(design).solve_warped(moments)
    monkeypatch.setattr(ar1_solver, "UNSETTLED", -1.0)
    np.testing.assert_allclose(Ar1Solver(design).solve_warped(moments), expected, atol=1e-9)


@pytest.mark.parametrize("start", [[0.9, 0.65], [-0.45, -0.55], [0.0, 0.0], [0.5, 0.1]])
def test_refinement_reaches_a_stationary_point_from_anywhere(start):
    design = reduce_design(its_design(60), 2)
    series = reduce_series(design, np.random.default_rng(9).standard_normal((60, 20)))
    partials, value = refine(design, series, np.tile(start, (20, 1)))
    begin = evaluate_profile(design, series, np.tile(start, (20, 1))).value
    gradient = evaluate_profile(design, series, partials).gradient
    assert np.all(value <= begin + 1e-12)
    low, high = np.array([-0.5, -0.6]), np.array([0.975, 0.7])
    gradient[(partials == low) & (gradient > 0)] = 0.0
    gradient[(partials == high) & (gradient < 0)] = 0.0
    np.testing.assert_allclose(gradient, 0.0, atol=1e-7)


def test_refinement_holds_coordinates_at_their_bounds():
    design = reduce_design(its_design(60), 2)
    series = reduce_series(design, random_walks(10, 60, 30))
    partials = Ar2Solver(design).solve(series)
    held = (partials[:, 0] == 0.975) & (np.abs(partials[:, 1]) < 0.6)
    assert held.sum() > 3
    gradient = evaluate_profile(design, series, partials).gradient[held]
    assert np.all(gradient[:, 0] < 0.0)
    np.testing.assert_allclose(gradient[:, 1], 0.0, atol=1e-8)


def test_an_optimum_on_a_bound_is_reached_from_a_start_next_to_it():
    """Steps that are merely cut at the bound would stay where they are."""
    design = reduce_design(its_design(60), 2)
    series = reduce_series(design, 0.05 * random_walks(12, 60, 200) + np.sin(np.arange(60.0))[:, None])
    at_bound = Ar2Solver(design).solve(series)
    chosen = np.flatnonzero((at_bound[:, 1] == -0.6) & (np.abs(at_bound[:, 0] - 0.2) < 0.6))
    assert chosen.size > 50
    start = np.clip(at_bound[chosen] + np.array([0.1, 1e-15]), [-0.5, -0.6 + 1e-15], [0.97, 0.7])
    partials, value = refine(design, series.take(chosen), start)
    np.testing.assert_allclose(partials, at_bound[chosen], atol=1e-7)
    np.testing.assert_allclose(
        value, evaluate_profile(design, series.take(chosen), partials).value, atol=1e-12
    )


def test_few_and_many_series_have_the_same_optimum():
    """Up to eight series are searched without tables of the design."""
    design = reduce_design(its_design(40), 2)
    series = reduce_series(design, random_walks(13, 40, 30))
    together = Ar2Solver(design).solve(series)
    parts = [Ar2Solver(design).solve(series.take(slice(first, first + 5))) for first in range(0, 30, 5)]
    np.testing.assert_allclose(np.vstack(parts), together, atol=1e-7)


def test_the_best_start_of_each_owner_is_chosen():
    owner, value = np.array([4, 2, 4, 2, 7]), np.array([3.0, 1.0, 2.0, 5.0, 0.0])
    np.testing.assert_array_equal(best_starts(owner, value), [1, 2, 4])


def test_refinement_of_nothing():
    design = reduce_design(its_design(12), 1)
    empty = ReducedSeries(np.empty((4, 0)), np.empty((design.n_reach, 0)), np.empty((2, 0)))
    partials, value = refine(design, empty, np.empty((0, 1)))
    assert partials.shape == (0, 1)
    assert value.shape == (0,)


def test_refinement_stops_at_its_last_iteration(monkeypatch):
    monkeypatch.setattr("its_eval.estimators.reml.error_model.MAXIMUM_ITERATIONS", 1)
    design = reduce_design(its_design(40), 1)
    series = reduce_series(design, random_walks(11, 40, 5))
    partials, _ = refine(design, series, np.zeros((5, 1)))
    assert np.all(np.abs(partials) <= 0.3 + 1e-12)
