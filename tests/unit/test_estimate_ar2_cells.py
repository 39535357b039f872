"""Polynomials on cells and their minima, against numpy's polynomials and scipy's bounded least squares."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import polynomial
from scipy import optimize

from its_eval.estimators.reml.ar2_cells import (
    DEGREE,
    EXPONENTS,
    OVERLAP,
    cell_geometry,
    derivatives,
    locate,
    minimise_in_cells,
    monomials,
    panels,
)
from its_eval.estimators.reml.ar2_search import from_partials, unwarp, warped_box
from its_eval.estimators.reml.autoregression import marginal_variance


def points_of_the_region(seed, count):
    low, high = warped_box()
    return np.random.default_rng(seed).uniform(low, high, (count, 2)).T


def on_cells(function, warped):
    """Function of warped points (2, G), to (G, f), by way of the polynomials of the cells."""
    tables = np.concatenate(
        [panel.coefficients(function(from_partials(panel.partials))) for panel in panels()]
    )
    cell = locate(warped)
    centre, half = cell_geometry()[:, :, cell]
    return np.einsum("sef,es->sf", tables[cell], monomials(*(warped - centre) / half))


def test_every_point_lies_in_its_cell():
    warped = points_of_the_region(1, 5000)
    cell = locate(warped)
    centre, half = cell_geometry()[:, :, cell]
    assert np.abs((warped - centre) / half).max() <= 1.0 / (1.0 + OVERLAP) + 1e-12
    assert np.unique(cell).size == sum(panel.n_cells for panel in panels())


def test_the_corners_of_the_region_lie_in_cells():
    low, high = warped_box()
    corners = np.array([[low[0], low[0], high[0], high[0]], [low[1], high[1], low[1], high[1]]])
    centre, half = cell_geometry()[:, :, locate(corners)]
    np.testing.assert_allclose(np.abs((corners - centre) / half), 1.0 / (1.0 + OVERLAP), rtol=1e-12)


def test_polynomials_up_to_the_degree_are_reproduced():
    rng = np.random.default_rng(2)
    weights = rng.standard_normal((len(EXPONENTS), 3))

    def function(warped):
        return monomials(warped[0] / 4.0, warped[1]).T @ weights

    warped = points_of_the_region(3, 400)
    np.testing.assert_allclose(on_cells(function, warped), function(warped), atol=1e-9)


def test_a_variance_that_grows_without_limit_beyond_the_bounds_is_reproduced():
    """1/((1 - r1^2)(1 - r2^2)) is 39 at the upper corner and infinite at r1 = 1."""
    warped = points_of_the_region(4, 2000)
    found = on_cells(lambda x: np.log(marginal_variance(unwarp(x)))[:, None], warped)[:, 0]
    np.testing.assert_allclose(found, np.log(marginal_variance(unwarp(warped))), atol=1e-7)


def test_monomials_are_in_the_order_of_their_exponents():
    u, v = np.random.default_rng(5).uniform(-1, 1, (2, 7))
    np.testing.assert_allclose(monomials(u, v), [u**a * v**c for a, c in EXPONENTS], rtol=1e-13)
    assert len(EXPONENTS) == 36
    assert max(a + c for a, c in EXPONENTS) == DEGREE


def test_derivatives_are_those_of_numpy():
    rng = np.random.default_rng(6)
    coefficients = rng.standard_normal((len(EXPONENTS), 9))
    u, v = rng.uniform(-1, 1, (2, 9))
    found = derivatives(coefficients, u, v)
    for s in range(9):
        grid = np.zeros((DEGREE + 1, DEGREE + 1))
        for (a, c), coefficient in zip(EXPONENTS, coefficients[:, s], strict=True):
            grid[a, c] = coefficient
        for rank, (i, j) in enumerate([(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]):
            derivative = polynomial.polyder(polynomial.polyder(grid, i, axis=0), j, axis=1)
            expected = polynomial.polyval2d(u[s], v[s], derivative)
            np.testing.assert_allclose(found[rank, s], expected, rtol=1e-11, atol=1e-12)


def quadratics(matrix, centre):
    """Polynomials |A(x - x0)|^2 with A (S, 2, 2) and x0 (S, 2)."""
    product = np.swapaxes(matrix, 1, 2) @ matrix
    coefficients = np.zeros((len(EXPONENTS), len(matrix)))
    linear = -2.0 * np.einsum("sij,sj->si", product, centre)
    coefficients[EXPONENTS.index((0, 0))] = np.einsum("si,sij,sj->s", centre, product, centre)
    coefficients[EXPONENTS.index((1, 0))], coefficients[EXPONENTS.index((0, 1))] = linear.T
    coefficients[EXPONENTS.index((2, 0))] = product[:, 0, 0]
    coefficients[EXPONENTS.index((1, 1))] = 2.0 * product[:, 0, 1]
    coefficients[EXPONENTS.index((0, 2))] = product[:, 1, 1]
    return coefficients


def test_quadratics_in_rectangles_are_solved_as_bounded_least_squares():
    rng = np.random.default_rng(7)
    count = 300
    matrix, centre = rng.standard_normal((count, 2, 2)), 1.5 * rng.standard_normal((count, 2))
    low, high = -rng.uniform(0.2, 1.0, (2, count)), rng.uniform(0.2, 1.0, (2, count))
    start = rng.uniform(low, high)
    position, value, settled = minimise_in_cells(quadratics(matrix, centre), start, low, high)
    assert settled.mean() > 0.98
    inside = 0
    for s in np.flatnonzero(settled):
        target, box = matrix[s] @ centre[s], (low[:, s], high[:, s])
        expected = optimize.lsq_linear(matrix[s], target, box, method="bvls", tol=1e-14)
        np.testing.assert_allclose(value[s], 2.0 * expected.cost, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(position[:, s], expected.x, atol=1e-8)
        inside += bool(np.all(expected.active_mask == 0))
    assert 20 < inside < 280


def test_a_coordinate_within_rounding_of_a_side_is_held_there():
    coefficients = quadratics(np.array([[[1.0, 0.4], [0.0, 1.0]]]), np.array([[3.0, 0.5]]))
    low, high = np.array([[-1.0], [-1.0]]), np.array([[0.8], [1.0]])
    position, _, settled = minimise_in_cells(coefficients, np.array([[0.8 - 1e-16], [0.0]]), low, high)
    assert settled.all()
    # d/dv of (u - 3 + 0.4 (v - 0.5))^2 + (v - 0.5)^2 is 0 at u = 0.8
    np.testing.assert_allclose(position[:, 0], [0.8, min(0.5 + 0.4 * 2.2 / 1.16, 1.0)], atol=1e-9)


@pytest.mark.parametrize("flat", [False, True])
def test_without_convexity_the_steps_go_down_and_are_not_trusted(flat):
    coefficients = np.zeros((len(EXPONENTS), 1))
    coefficients[EXPONENTS.index((0, 0))] = 1.0
    if not flat:  # a saddle
        coefficients[EXPONENTS.index((1, 1))] = 2.0
        coefficients[EXPONENTS.index((1, 0))] = 0.1
    start = np.array([[0.1], [0.2]])
    sides = np.ones((2, 1))
    position, value, settled = minimise_in_cells(coefficients, start, -sides, sides)
    assert flat or not settled[0] or np.abs(position).max() == 1.0
    before = derivatives(coefficients, *start)[0, 0]
    assert value[0] <= before
    np.testing.assert_allclose(value, derivatives(coefficients, *position)[0], rtol=1e-12)
