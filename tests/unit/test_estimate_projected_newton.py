"""Minimisation inside a box: against scipy, near bounds, on saddles and with bad steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import optimize

from its_eval.estimators.reml import error_model as projected_newton
from its_eval.estimators.reml.error_model import box_step, minimise

LOWER, UPPER = np.array([-1.0, -1.0, -2.0]), np.array([1.0, 0.5, 2.0])
LONGEST = np.array([0.3, 0.3, 1.0])


@dataclass
class Values:
    value: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray


class Quadratics:
    """0.5 (x - centre)'A(x - centre) for each of S functions."""

    def __init__(self, A, centre):
        self.A, self.centre = A, centre
        self.calls = 0

    def __call__(self, chosen, points):
        self.calls += 1
        away = points - self.centre[chosen]
        A = self.A[chosen]
        gradient = np.einsum("sij,sj->si", A, away)
        return Values(np.einsum("si,si->s", gradient, away) / 2.0, gradient, A)


def random_quadratics(seed, count):
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((count, 3, 4))
    A = factors @ np.swapaxes(factors, 1, 2) + 0.01 * np.eye(3)
    return Quadratics(A, rng.uniform(-3.0, 3.0, (count, 3)))


def test_convex_quadratics_reach_the_minimum_of_the_box():
    functions = random_quadratics(1, 60)
    start = np.random.default_rng(2).uniform(LOWER, UPPER, (60, 3))
    points, values = minimise(functions, start, LOWER, UPPER, LONGEST)
    for s in range(60):
        factor = np.linalg.cholesky(functions.A[s]).T
        expected = optimize.lsq_linear(factor, factor @ functions.centre[s], (LOWER, UPPER), tol=1e-14).x
        np.testing.assert_allclose(points[s], expected, atol=1e-6)
        assert values[s] <= functions(np.array([s]), expected[None]).value[0] + 1e-10
    assert np.any(points == LOWER)
    assert np.any(points == UPPER)


@pytest.mark.parametrize("distance", [0.0, 1e-16, 1e-12, 1e-7, 1e-4])
def test_a_start_beside_a_bound_does_not_stop_the_others(distance):
    """The third coordinate's descent needs the first to leave the box, which has hardly any room to do so."""
    A = np.array([[[1.0, 0.0, 0.95], [0.0, 1.0, 0.0], [0.95, 0.0, 1.0]]])
    functions = Quadratics(A, np.array([[-1.9, 0.0, 0.5]]))
    points, _ = minimise(functions, np.array([[-1.0 + distance, 0.2, 1.0]]), LOWER, UPPER, LONGEST)
    np.testing.assert_allclose(points, [[-1.0, 0.0, 0.5 - 0.95 * 0.9]], atol=1e-8)


def test_saddles_are_left_downhill():
    A = np.array([[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -0.1]]])
    functions = Quadratics(A, np.zeros((1, 3)))
    points, _ = minimise(functions, np.array([[0.01, 0.3, -0.01]]), LOWER, UPPER, LONGEST)
    np.testing.assert_allclose(points, [[1.0, 0.0, -2.0]], atol=1e-9)


def test_steps_stay_in_the_box_and_bound_coordinates_are_given():
    hessian = np.array([[[2.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 1.0]]])
    gradient = np.array([[4.0, 1.0, -0.5]])
    below, above = np.array([[-0.5, -2.0, -2.0]]), np.array([[1.0, 1.0, 1.0]])
    step = box_step(gradient, hessian, below, above)
    assert step[0, 0] == -0.5
    rest = np.linalg.solve(hessian[0, 1:, 1:], -gradient[0, 1:] + 0.5 * hessian[0, 1:, 0])
    np.testing.assert_allclose(step[0, 1:], rest)
    held = box_step(gradient, hessian, np.array([[0.0, -2.0, -2.0]]), above)
    assert held[0, 0] == 0.0
    np.testing.assert_allclose(held[0, 1:], np.linalg.solve(hessian[0, 1:, 1:], -gradient[0, 1:]))


class Quartics(Quadratics):
    """Indefinite quadratics with walls of the fourth degree."""

    def __call__(self, chosen, points):
        values = super().__call__(chosen, points)
        values.value += 0.05 * np.sum(points**4, axis=1)
        values.gradient += 0.2 * points**3
        values.hessian = values.hessian + 0.6 * points[:, :, None] ** 2 * np.eye(3)
        return values


def test_indefinite_functions_end_where_nothing_descends():
    """Many begin beside a bound, and many Newton steps lead out of the box."""
    rng = np.random.default_rng(5)
    A = rng.standard_normal((400, 3, 3))
    functions = Quartics(3.0 * (A + np.swapaxes(A, 1, 2)), rng.uniform(-1.0, 1.0, (400, 3)))
    start = rng.uniform(LOWER, UPPER, (400, 3))
    start = np.where(rng.uniform(size=(400, 3)) < 0.3, LOWER + 1e-9 * rng.uniform(size=(400, 3)), start)
    points, _ = minimise(functions, start, LOWER, UPPER, LONGEST)
    gradient = functions(np.arange(400), points).gradient
    gradient[(points == LOWER) & (gradient > 0.0)] = 0.0
    gradient[(points == UPPER) & (gradient < 0.0)] = 0.0
    np.testing.assert_allclose(gradient, 0.0, atol=1e-6)


def test_where_newton_leads_out_of_a_corner_the_slope_is_followed():
    """Both slopes lead inwards, but the model's step, dominated by the first, takes the second outwards."""
    hessian = np.array([[[1.0, 3.0], [3.0, 10.0]]])
    gradient = np.array([[-1.0, -2.9]])
    corner = np.zeros((1, 2))
    newton = -np.linalg.solve(hessian[0], gradient[0])
    assert newton[1] < 0.0
    step = box_step(gradient, hessian, corner, np.ones((1, 2)))
    assert step[0, 0] == 1.0
    assert step[0, 1] == 0.0
    blocked = box_step(np.array([[-2.9, -1.0]]), hessian[:, ::-1, ::-1], corner, np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(blocked, [[0.0, 1.0]])
    indefinite = np.array([[[0.0, 5.0], [5.0, 0.0]]])
    outwards = box_step(np.array([[-1.0, -1.0]]), indefinite, corner, np.ones((1, 2)))
    np.testing.assert_allclose(outwards, [[0.2, 0.2]])


def test_the_last_iteration_is_the_last(monkeypatch):
    monkeypatch.setattr(projected_newton, "MAXIMUM_ITERATIONS", 1)
    functions = random_quadratics(3, 4)
    minimise(functions, np.zeros((4, 3)), LOWER, UPPER, LONGEST)
    assert functions.calls == 2


def test_nothing_to_minimise():
    points, values = minimise(random_quadratics(4, 0), np.empty((0, 3)), LOWER, UPPER, LONGEST)
    assert points.shape == (0, 3)
    assert values.shape == (0,)
