"""The search for starting points of AR(2) fits: known minima, bounds, and real likelihoods by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from its_eval.estimators.reml.ar2_search import (
    ProfileSearch,
    from_partials,
    search_points,
    to_partials,
    unwarp,
    warped_box,
)
from its_eval.estimators.reml.error_model import refine
from its_eval.estimators.reml.profile import objective_table
from its_eval.estimators.reml.reduction import reduce_design, reduce_series


def starts_of(function):
    """Starting points of one function of (x1, x2)."""
    values = function(*from_partials(search_points()))[:, None]
    owner, warped = ProfileSearch(1).from_values(values)
    np.testing.assert_array_equal(owner, 0)
    return warped


def test_warping_is_inverted_and_the_box_is_that_of_the_bounds():
    partials = np.random.default_rng(1).uniform([-0.5, -0.6], [0.975, 0.7], (50, 2))
    np.testing.assert_allclose(unwarp(from_partials(partials)), partials, atol=1e-14)
    low, high = warped_box()
    np.testing.assert_allclose(
        unwarp(np.stack([low, high], axis=1)), [[-0.5, -0.6], [0.975, 0.7]], atol=1e-14
    )


def test_partials_within_rounding_of_a_bound_are_on_it():
    near = np.array([[-0.5 + 1e-13, 0.7 - 1e-13], [0.975 - 1e-12, -0.6 + 1e-14], [0.9, 0.69]])
    found = to_partials(from_partials(near))
    np.testing.assert_array_equal(found[:2], [[-0.5, 0.7], [0.975, -0.6]])
    np.testing.assert_allclose(found[2], near[2], rtol=1e-13)


def test_points_contain_the_bounds():
    points = search_points()
    assert points.shape == (192, 2)
    np.testing.assert_array_equal(points.min(axis=0), [-0.5, -0.6])
    np.testing.assert_array_equal(points.max(axis=0), [0.975, 0.7])


def test_the_minimum_of_an_aslant_valley_is_found():
    found = starts_of(lambda x1, x2: 5.0 + (x1 - 1.7) ** 2 + 30.0 * (x2 - 0.1 - 0.08 * x1) ** 2)
    np.testing.assert_allclose(found, [[1.7], [0.1 + 0.08 * 1.7]], atol=1e-6)


def test_both_minima_of_a_double_well_are_found():
    found = starts_of(lambda x1, x2: ((x1 - 0.5) * (x1 - 2.5)) ** 2 + (x2 + 0.2) ** 2 + 0.5 * (x2 + 0.2) ** 4)
    np.testing.assert_allclose(found, [[0.5, 2.5], [-0.2, -0.2]], atol=5e-3)


@pytest.mark.parametrize("side", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_minima_in_the_corners_are_found_there(side):
    box = np.array(warped_box())
    corner = np.array([box[side[0], 0], box[side[1], 1]])
    outside = corner + 0.5 * np.sign(corner - box.mean(axis=0))
    found = starts_of(lambda x1, x2: (x1 - outside[0]) ** 2 + (x2 - outside[1]) ** 2)
    np.testing.assert_allclose(found[:, -1], corner, atol=1e-12)


def test_a_minimum_next_to_the_upper_bound_of_r1_makes_the_bound_a_start_too():
    upper = warped_box()[1][0]
    found = starts_of(lambda x1, x2: (x1 - upper + 0.15) ** 2 + x2**2)
    np.testing.assert_allclose(found[0], [upper - 0.15, upper], atol=1e-6)
    found = starts_of(lambda x1, x2: (x1 - upper + 1.0) ** 2 + x2**2)
    np.testing.assert_allclose(found[0], [upper - 1.0], atol=1e-6)


def test_a_series_of_zeros_has_one_start():
    owner, warped = ProfileSearch(3).from_values(np.zeros((192, 3)))
    np.testing.assert_array_equal(owner, [0, 1, 2])
    assert np.all(np.isfinite(warped))


def test_fewer_series_than_the_capacity_give_the_same_starts():
    rng = np.random.default_rng(2)
    table, moments = rng.standard_normal((192, 5)), rng.standard_normal((5, 9))
    search = ProfileSearch(9)
    search.starts(table, moments)
    owner, warped = search.starts(table, moments[:, 3:5])
    expected_owner, expected = ProfileSearch(2).from_values(table @ moments[:, 3:5])
    np.testing.assert_array_equal(owner, expected_owner)
    np.testing.assert_allclose(warped, expected, atol=1e-6)


def test_the_best_start_leads_to_the_global_minimum_of_the_likelihood():
    """Random walks of 20 months have several minima more often than any other series."""
    n, n_series = 20, 600
    t = np.arange(n)
    post = (t >= 10) * 1.0
    design = reduce_design(np.column_stack([np.ones(n), t, post, post * (t - 10)]), 2)
    shocks = np.random.default_rng(3).standard_normal((n, n_series))
    series = reduce_series(design, np.cumsum(shocks, axis=0))
    moments = series.moments()
    owner, warped = ProfileSearch(n_series).starts(objective_table(design, search_points()), moments)
    value = refine(design, series.take(owner), to_partials(warped))[1]
    reached = np.full(n_series, np.inf)
    np.minimum.at(reached, owner, value)
    low, high = warped_box()
    axes = [np.linspace(low[i], high[i], count) for i, count in enumerate((160, 120))]
    dense = to_partials(np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]))
    lowest = np.full(n_series, np.inf)
    for part in np.array_split(dense, 16):
        np.minimum(lowest, (objective_table(design, part) @ moments).min(axis=0), out=lowest)
    assert owner.size > 1.05 * n_series
    assert np.all(reached <= np.log(lowest) + 1e-9)
