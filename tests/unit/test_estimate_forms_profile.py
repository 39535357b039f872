"""The objective of series reduced to forms: derivatives, grid, interpolation, the best of several optima."""

from __future__ import annotations

import numpy as np
import pytest

from its_eval.estimators.reml import forms as forms_profile
from its_eval.estimators.reml.error_model import variance_by_segment
from its_eval.estimators.reml.forms import (
    FINER,
    SeriesForms,
    axis_minima,
    best_optimum,
    evaluate_forms,
    grid_objective,
    interpolate,
    orthonormal_designs,
    own_forms,
    residual_coordinates,
    search_axes,
    search_grid,
)


def random_walks(model, n_series, seed=1):
    """Forms of random walks with a break in variance, and their residual degrees of freedom."""
    n = model.n_rows
    t = np.arange(n)
    post = (t >= n // 2) * 1.0
    X = np.column_stack([np.ones(n), t, post, post * (t - n // 2)])
    Y = np.cumsum(np.random.default_rng(seed).standard_normal((n_series, n)), axis=1)
    observed = np.ones(Y.shape, bool)
    designs = orthonormal_designs(np.tile(X, (n_series, 1, 1)), observed)
    coordinates, residuals, length = residual_coordinates(designs, Y)
    forms = own_forms(model, designs.basis, residuals)
    return SeriesForms(forms, length, coordinates), designs.residual_df


@pytest.fixture(params=[(1, False), (2, False), (1, True), (2, True)], ids=str)
def model(request):
    order, by_segment = request.param
    return variance_by_segment(order, (np.arange(24) >= 12) & by_segment)


def test_gradient_and_hessian_are_derivatives(model):
    series, df = random_walks(model, 6)
    low, high = model.bounds()
    theta = np.random.default_rng(2).uniform(0.9 * low, 0.9 * high, (6, model.n_parameters))
    profile, step = evaluate_forms(model, series, df, theta), 1e-5
    for a, shift in enumerate(step * np.eye(model.n_parameters)):
        up = evaluate_forms(model, series, df, theta + shift)
        down = evaluate_forms(model, series, df, theta - shift)
        slope = (up.value - down.value) / (2.0 * step)
        np.testing.assert_allclose(profile.gradient[:, a], slope, rtol=1e-6, atol=1e-7)
        curvature = (up.gradient - down.gradient) / (2.0 * step)
        np.testing.assert_allclose(profile.hessian[:, a], curvature, rtol=1e-6, atol=1e-7)
        inner = (up.inverse - down.inverse) / (2.0 * step)
        expected = -profile.inverse @ profile.inner_first[:, a] @ profile.inverse
        np.testing.assert_allclose(inner, expected, rtol=1e-4, atol=1e-5)


def test_grid_values_are_those_of_the_exact_objective(model):
    series, df = random_walks(model, 2)
    grid = search_grid(model)
    values = grid_objective(series, df, model.terms(grid))
    for point in (0, 7, len(grid) // 2, len(grid) - 1):
        exact = evaluate_forms(model, series, df, np.tile(grid[point], (2, 1))).value
        np.testing.assert_allclose(values[:, point], exact, atol=1e-10)


def test_grids_contain_the_bounds(model):
    low, high = model.bounds()
    grid = search_grid(model)
    np.testing.assert_array_equal(grid.min(axis=0), low)
    np.testing.assert_array_equal(grid.max(axis=0), high)
    for coarse, fine in zip(search_axes(model), search_axes(model, 3), strict=True):
        np.testing.assert_allclose(fine[::3], coarse, atol=1e-12)
        assert np.all(np.diff(fine) > 0.0)


def test_interpolation_is_exact_for_polynomials():
    axes = [np.linspace(-1.0, 1.0, size) for size in (9, 8)]
    fine = [np.linspace(-1.0, 1.0, 3 * (size - 1) + 1) for size in (9, 8)]

    def surface(x, y):
        return np.stack([x**7 - 2.0 * x * y**3 + y**6, 1.0 + 0.0 * x * y])

    coarse = surface(axes[0][:, None], axes[1][None])
    np.testing.assert_allclose(interpolate(coarse, 3), surface(fine[0][:, None], fine[1][None]), atol=1e-12)
    np.testing.assert_allclose(interpolate(coarse, 3)[:, ::3, ::3], coarse, atol=1e-12)


def test_minima_along_the_axes():
    values = np.random.default_rng(8).standard_normal((2, 5, 4, 3))
    found = axis_minima(values)
    for place in np.ndindex(*values.shape):
        beside = [
            values[(*place[:axis], place[axis] + move, *place[axis + 1 :])]
            for axis in (1, 2, 3)
            for move in (-1, 1)
            if 0 <= place[axis] + move < values.shape[axis]
        ]
        assert found[place] == (values[place] <= min(beside))


def test_no_grid_point_is_better_than_the_optimum(model, monkeypatch):
    """On random walks, which have several optima, with a grid twice as fine as the one searched."""
    series, df = random_walks(model, 60, seed=5)
    theta = best_optimum(model, series, df, grid_objective(series, df, model.terms(search_grid(model))))
    reached = evaluate_forms(model, series, df, theta)
    low, high = model.bounds()
    assert np.all((theta >= low) & (theta <= high))
    gradient = reached.gradient.copy()
    gradient[(theta == low) & (gradient > 0.0)] = 0.0
    gradient[(theta == high) & (gradient < 0.0)] = 0.0
    np.testing.assert_allclose(gradient, 0.0, atol=1e-7)
    key = (model.order, model.by_segment)
    sizes = tuple(2 * size - 1 for size in forms_profile.GRID[key])
    if model.n_parameters == 3:
        series = series.take(np.arange(6))
    monkeypatch.setitem(forms_profile.GRID, key, sizes)
    finer = grid_objective(series, df, model.terms(search_grid(model)))
    assert np.all(reached.value[: len(finer)] <= finer.min(axis=1) + 1e-10)
    several = sum(axis_minima(values.reshape(1, *sizes)).sum() > 1 for values in finer)
    assert several > 0
    assert FINER[model.n_parameters] > 1
