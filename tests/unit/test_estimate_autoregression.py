"""The precision matrix of AR(p) errors and the reduction of designs and series to it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from its_eval.estimators.reml.autoregression import (
    autocovariances,
    bound_arrays,
    form_pairs,
    marginal_variance,
    precision_terms,
)
from its_eval.estimators.reml.profile import (
    design_matrices,
    evaluate_profile,
    objective_table,
    objective_values,
    rss_table,
)
from its_eval.estimators.reml.reduction import reduce_design, reduce_series

N_ROWS = 20
POINTS = {1: [[-0.75], [0.0], [0.4], [0.98]], 2: [[-0.4, 0.3], [0.0, 0.0], [0.6, -0.5], [0.97, 0.6]]}


def precision_matrix(partials):
    """Inverse of the Toeplitz covariance matrix for innovation variance 1."""
    return np.linalg.inv(linalg.toeplitz(autocovariances(np.array([partials]), N_ROWS)[0]))


def form(i, j):
    """The matrix S_ij of the definition, symmetrised."""
    matrix = np.zeros((N_ROWS, N_ROWS))
    for s in range(N_ROWS - i - j):
        matrix[i + s, j + s] += 0.5
        matrix[j + s, i + s] += 0.5
    return matrix


def its_design(n_rows=N_ROWS):
    t = np.arange(n_rows)
    post = (t >= n_rows // 2) * 1.0
    return np.column_stack([np.ones(n_rows), t, post, post * (t - n_rows // 2)])


def derivative(function, point, step=1e-5):
    """Central differences by every coordinate, on the leading axis."""
    steps = step * np.eye(len(point))
    return np.array([(function(point + h) - function(point - h)) / (2 * step) for h in steps])


@pytest.mark.parametrize("order", [1, 2])
def test_forms_add_up_to_the_precision_matrix(order):
    for partials in POINTS[order]:
        terms = precision_terms(np.array([partials]))
        pairs = form_pairs(order)
        total = sum(w * form(i, j) for w, (i, j) in zip(terms.weights[0], pairs, strict=True))
        np.testing.assert_allclose(total, precision_matrix(partials), atol=1e-9)
        np.testing.assert_allclose(terms.log_determinant[0], np.linalg.slogdet(total)[1], atol=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_of_weights_and_determinant(order):
    for partials in np.array(POINTS[order]):
        terms = precision_terms(partials[None])

        def weights(point):
            return precision_terms(point[None]).weights[0]

        def first(point):
            return precision_terms(point[None]).first[0]

        def log_determinant(point):
            return precision_terms(point[None]).log_determinant[0]

        def log_determinant_first(point):
            return precision_terms(point[None]).log_determinant_first[0]

        np.testing.assert_allclose(terms.first[0], derivative(weights, partials), atol=1e-8)
        np.testing.assert_allclose(terms.second[0], derivative(first, partials), atol=1e-8)
        slope = derivative(log_determinant, partials)
        np.testing.assert_allclose(terms.log_determinant_first[0], slope, rtol=1e-6, atol=1e-8)
        curvature = derivative(log_determinant_first, partials)
        np.testing.assert_allclose(terms.log_determinant_second[0], curvature, rtol=1e-5, atol=1e-6)


def test_autocovariances_of_ar1():
    gamma = autocovariances(np.array([[0.5]]), 4)[0]
    np.testing.assert_allclose(gamma, 0.5 ** np.arange(4) / 0.75)
    np.testing.assert_allclose(marginal_variance(np.array([[0.5, 0.5]])), [1 / 0.75**2])


def test_bounds_are_those_of_the_specification():
    assert [bound.tolist() for bound in bound_arrays(1)] == [[-0.8], [0.99]]
    assert [bound.tolist() for bound in bound_arrays(2)] == [[-0.5, -0.6], [0.975, 0.7]]


@pytest.mark.parametrize("order", [1, 2])
def test_reduction_gives_the_generalised_residual_sum_of_squares(order):
    X = its_design()
    Y = 1e3 + np.random.default_rng(1).standard_normal((N_ROWS, 5))
    design = reduce_design(X, order)
    moments = reduce_series(design, Y).moments()
    partials = np.array(POINTS[order])
    matrices = design_matrices(design, partials)
    rss = rss_table(design, matrices) @ moments
    objective = objective_table(design, partials) @ moments
    one_by_one = objective_values(design, reduce_series(design, Y), partials)
    np.testing.assert_allclose(one_by_one, np.log(objective), rtol=1e-8)
    for point, values, products in zip(partials, rss, objective, strict=True):
        N = precision_matrix(point)
        M = X.T @ N @ X
        residuals = Y - X @ np.linalg.solve(M, X.T @ N @ Y)
        expected = np.einsum("ts,tu,us->s", residuals, N, residuals)
        np.testing.assert_allclose(values, expected, rtol=1e-8)
        inner = design.basis.T @ N @ design.basis
        scale = (np.linalg.slogdet(inner)[1] - np.linalg.slogdet(N)[1]) / design.residual_df
        np.testing.assert_allclose(np.log(products), np.log(expected) + scale, atol=1e-8)


def test_number_of_directions_does_not_grow_with_month_dummies():
    X = np.hstack([its_design(48), (np.arange(48)[:, None] % 12 == np.arange(1, 12)) * 1.0])
    assert reduce_design(its_design(48), 1).n_reach == 4
    assert reduce_design(X, 1).n_reach == 4
    assert reduce_design(X, 2).n_reach == 8


@pytest.mark.parametrize("order", [1, 2])
def test_gradient_and_hessian_of_the_profile(order):
    design = reduce_design(its_design(), order)
    series = reduce_series(design, np.random.default_rng(2).standard_normal((N_ROWS, 1)))
    for partials in np.array(POINTS[order]):

        def value(point):
            return evaluate_profile(design, series, point[None]).value[0]

        def gradient(point):
            return evaluate_profile(design, series, point[None]).gradient[0]

        profile = evaluate_profile(design, series, partials[None])
        np.testing.assert_allclose(profile.gradient[0], derivative(value, partials), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(profile.hessian[0], derivative(gradient, partials), rtol=1e-4, atol=1e-5)
