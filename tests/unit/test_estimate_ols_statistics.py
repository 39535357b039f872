"""Least squares for very many series: the numbers of statsmodels, series by series."""

import numpy as np
import pytest

from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.least_squares import fit_ols, ols_statistics


@pytest.fixture
def case():
    rng = np.random.default_rng(5)
    time = np.arange(40.0)
    after = (time >= 25) * 1.0
    X = np.column_stack([np.ones(40), time - 25, after, after * (time - 25)])
    Y = 50 + rng.standard_normal((40, 7)) + 0.1 * time[:, None]
    Y[3:5, 2] = Y[3:5, 4] = np.nan
    Y[:, 5] = 7.0  # never changes
    Y[:, 6] = 1e6 + 1e-3 * rng.standard_normal(40)
    return X, Y, np.vstack([np.eye(4), [0, 0, 1, 7.0]])


def test_same_as_series_by_series(case):
    X, Y, contrasts = case
    found, fit = ols_statistics(X, Y, contrasts), fit_ols(X, Y)
    expected = fit.contrasts(contrasts)
    assert found.flags["degenerate"].tolist() == fit.flags["degenerate"].tolist()
    assert found.flags["degenerate"].tolist() == [False] * 5 + [True, False]
    kept = ~found.flags["degenerate"]
    for name in ("estimate", "std_error", "df", "df_unclipped"):
        ours, theirs = getattr(found.estimates, name), getattr(expected, name)
        for series in np.flatnonzero(kept):
            # an estimate is rounded as its outcomes are, however small it is beside them
            rounding = 16 * np.finfo(float).eps * np.nanmax(np.abs(Y[:, series])) * (name == "estimate")
            np.testing.assert_allclose(ours[series], theirs[series], rtol=1e-7, atol=rounding, err_msg=name)
    np.testing.assert_allclose(found.estimates.estimate[5], expected.estimate[5], atol=1e-13)
    assert (found.estimates.std_error[5] == 0).all()
    np.testing.assert_allclose(found.sigma, fit.sigma, rtol=1e-8)
    np.testing.assert_allclose(found.log_likelihood, fit.log_likelihood, rtol=1e-8)


def test_a_design_that_cannot_be_told_apart_is_refused(case):
    X, Y, contrasts = case
    with pytest.raises(SingularDesignError, match="rank deficient"):
        ols_statistics(np.column_stack([X[:, :3], X[:, 2]]), Y, contrasts)
