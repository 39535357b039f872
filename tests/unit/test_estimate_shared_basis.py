"""Least squares of series that share a design: as one by one, also where a gap takes a column's support."""

import numpy as np
import pytest

from its_eval.estimators.shared_basis import SharedBasis, fitted_values


def gappy(X, n_series, share=0.1, seed=2):
    rng = np.random.default_rng(seed)
    Y = 1e4 + rng.standard_normal((len(X), n_series))
    Y[rng.random(Y.shape) < share] = np.nan
    return Y


@pytest.mark.parametrize("singular", [False, True])
def test_fits_are_those_of_the_observed_rows(singular):
    t = np.arange(30.0)
    X = np.column_stack([np.ones(30), t, t >= 12, t == 20])
    X = np.column_stack([X, X[:, 0] + X[:, 1]]) if singular else X
    Y = gappy(X, 25)
    Y[20, 3] = np.nan  # nothing is left of the last column
    Y[3:, 5] = np.nan
    Y[:, 6] = np.nan
    Y[:, 7] = 5.0
    fitted = fitted_values(X, Y)
    for s, y in enumerate(Y.T):
        used = ~np.isnan(y)
        expected = X[used] @ np.linalg.lstsq(X[used], y[used], rcond=None)[0] if used.any() else []
        np.testing.assert_allclose(fitted[used, s], expected, rtol=1e-12)
    assert (fitted[:, 6] == 0.0).all()


def test_which_series_a_basis_serves():
    t = np.arange(10.0)
    X = np.column_stack([np.ones(10), t, t >= 8])
    observed = np.ones((4, 10), dtype=bool)
    observed[1, 8:] = observed[2, 2:8] = False
    assert SharedBasis(X).sound(observed, minimum_df=2).tolist() == [True, False, False, True]
    assert SharedBasis(X).sound(observed, minimum_df=1).tolist() == [True, False, True, True]
    assert not SharedBasis(X[:, [0, 1, 1]]).sound(observed, minimum_df=1).any()
