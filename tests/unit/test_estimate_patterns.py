"""Missing months, singular designs and the assembly of results."""

from __future__ import annotations

import numpy as np
import pytest

from its_eval.estimators.fit import (
    MissingPattern,
    SingularDesignError,
    augmented_design,
    blank_fit,
    degenerate_series,
    missing_patterns,
    require_estimable,
    scatter,
)


def test_complete_series_are_one_pattern_and_a_view():
    Y = np.arange(12.0).reshape(4, 3)
    (pattern,) = missing_patterns(Y)
    assert pattern.n_used == 4
    np.testing.assert_array_equal(pattern.series, [0, 1, 2])
    filled = pattern.fill(Y)
    np.testing.assert_array_equal(filled, Y)
    assert np.shares_memory(filled, Y)


def test_no_series_no_pattern():
    assert missing_patterns(np.empty((4, 0))) == []
    assert missing_patterns(np.full((4, 1), np.nan))[0].n_used == 0


def test_series_are_grouped_in_order_of_appearance():
    Y = np.ones((10, 5))
    Y[9, [0, 3]] = np.nan
    Y[[2, 3], 1] = np.nan
    patterns = missing_patterns(Y)
    assert [pattern.series.tolist() for pattern in patterns] == [[0, 3], [1], [2, 4]]
    assert [pattern.n_used for pattern in patterns] == [9, 8, 10]
    for pattern in patterns:
        np.testing.assert_array_equal(np.isnan(Y[:, pattern.series[0]]), ~pattern.observed)
        filled = pattern.fill(Y)
        assert np.all(filled[~pattern.observed] == 0.0)
        assert np.all(filled[pattern.observed] == 1.0)
    assert np.isnan(Y).sum() == 4


def test_chunks_keep_the_pattern():
    pattern = MissingPattern(np.ones(3, dtype=bool), np.arange(5))
    assert [chunk.series.tolist() for chunk in pattern.chunks(2)] == [[0, 1], [2, 3], [4]]


def test_augmentation_adds_one_column_per_missing_month():
    observed = np.array([True, False, True, False])
    augmented = augmented_design(np.ones((4, 1)), observed)
    np.testing.assert_array_equal(augmented[:, 1:], [[0, 0], [1, 0], [0, 0], [0, 1]])


def test_too_few_observations():
    with pytest.raises(SingularDesignError, match="2 usable observations are too few for 2 terms") as caught:
        require_estimable(np.eye(5)[:, :2], np.array([True, True, False, False, False]))
    assert (caught.value.n_used, caught.value.n_terms, caught.value.terms) == (2, 2, ())


def test_dependent_and_empty_columns_are_named():
    t = np.arange(8.0)
    X = np.column_stack([np.ones(8), 1e6 * t, t - 3.0, t**2, t == 7])
    observed = t < 7
    with pytest.raises(SingularDesignError, match=r"column\(s\) 2, 4") as caught:
        require_estimable(X, observed)
    assert caught.value.terms == (2, 4)
    assert caught.value.n_used == 7
    require_estimable(X[:, [0, 1, 3]], observed)


def test_badly_scaled_columns_are_not_singular():
    year = np.arange(1990.0, 2024.0)
    require_estimable(np.column_stack([np.ones(34), year, 1e-12 * (year > 2000)]), np.ones(34, dtype=bool))


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e12])
def test_degenerate_series_are_found_in_any_unit(unit):
    t = np.arange(30.0)
    noise = np.random.default_rng(1).standard_normal(30)
    columns = [
        np.full(30, 5.0),
        3.0 + 0.1 * t,
        3.0 + 0.1 * t + 1e-13 * noise,
        1e4 + 1e-3 * noise,
        noise,
        0 * t,
    ]
    Y = unit * np.column_stack(columns)
    X = np.column_stack([np.ones(30), t])
    residuals = Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    found = degenerate_series(Y, np.ones(30, dtype=bool), np.sum(residuals**2, axis=0), np.sum(Y**2, axis=0))
    assert found.tolist() == [True, True, True, False, False, True]


def test_scatter_puts_every_array_in_its_place():
    whole = blank_fit(4, 2, 3, 2, ("degenerate",))
    part = blank_fit(2, 2, 3, 2, ("degenerate",))
    part.params[:] = [[1.0, 2.0], [3.0, 4.0]]
    part.covariance.gradients[:] = 7.0
    part.flags["degenerate"][:] = True
    part.n_used[:] = 9
    scatter(whole, np.array([3, 1]), part)
    np.testing.assert_array_equal(whole.params, [[0, 0], [3, 4], [0, 0], [1, 2]])
    np.testing.assert_array_equal(whole.covariance.gradients[:, 0, 0, 0], [0, 7, 0, 7])
    np.testing.assert_array_equal(whole.flags["degenerate"], [False, True, False, True])
    np.testing.assert_array_equal(whole.n_used, [0, 9, 0, 9])
