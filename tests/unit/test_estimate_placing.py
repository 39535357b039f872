"""Which columns of a design have a coefficient of their own, beside what an error process takes in."""

import numpy as np
import pytest

from its_eval.estimators.placing import independent_columns, of_unit_length
from its_eval.estimators.structural import Parts, fit_structural


def segmented(n, start):
    t = np.arange(n) - start
    post = (t >= 0) * 1.0
    return np.column_stack([np.ones(n), t, post, post * t])


@pytest.mark.parametrize("n", [9, 11, 14, 24])
@pytest.mark.parametrize("start", [2, 3, 5])
@pytest.mark.parametrize("season", [0, 2, 4])
@pytest.mark.parametrize("trend", [False, True])
def test_each_column_that_adds_to_the_rank_and_no_other(n, start, season, trend):
    """Against the rank by singular values of the first 1, 2, ... columns."""
    states = Parts(trend=trend, season=season).starting_states(n)
    columns = of_unit_length(np.hstack([states, segmented(n, start)]))
    ranks = [0, *(int(np.linalg.matrix_rank(columns[:, : k + 1])) for k in range(columns.shape[1]))]
    np.testing.assert_array_equal(independent_columns(columns), np.flatnonzero(np.diff(ranks)))


def test_what_rounding_leaves_of_a_column_takes_no_direction():
    """Eleven quarters, two of them before: by QR the constant, which the level spans, took the slope with it."""
    X = segmented(11, 2)
    fit = fit_structural(X, np.random.default_rng(0).standard_normal((11, 1)), Parts(season=4))
    np.testing.assert_array_equal(fit.no_estimate, [True, False, False, False])
    found = fit.contrasts(np.eye(4)[1:])
    assert np.isfinite(found.estimate).all()
    assert (found.std_error > 0).all()


def test_combinations_anywhere_among_random_columns():
    rng = np.random.default_rng(11)
    for _ in range(200):
        n, k = rng.integers(5, 30), rng.integers(2, 9)
        columns = rng.standard_normal((n, k))
        copied = rng.choice(np.arange(1, k), size=rng.integers(0, k), replace=False)
        for place in np.sort(copied):
            columns[:, place] = columns[:, :place] @ rng.standard_normal(place)
        found = independent_columns(of_unit_length(columns))
        expected = [place for place in range(k) if place not in copied][:n]
        np.testing.assert_array_equal(found, expected)


def test_a_column_of_zeros_and_no_columns():
    assert independent_columns(np.zeros((5, 2))).tolist() == []
    assert independent_columns(np.empty((5, 0))).tolist() == []
