"""Least squares and Newey-West: gaps, defaults, degenerate and singular designs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.least_squares import fit_newey_west, fit_ols, newey_west_lags


def its_design(n, start):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), t - start, post, post * (t - start)])


def newey_west_by_definition(X, y, lags):
    """Stata's formula over pairs of observed months that are ``lag`` calendar months apart."""
    used = ~np.isnan(y)
    beta = np.linalg.lstsq(X[used], y[used], rcond=None)[0]
    scores = np.where(used[:, None], X * np.where(used, y - X @ beta, 0.0)[:, None], 0.0)
    meat = scores.T @ scores
    for lag in range(1, lags + 1):
        product = sum(np.outer(scores[t], scores[t - lag]) for t in range(lag, len(y)))
        meat += (1 - lag / (lags + 1)) * (product + product.T)
    bread = np.linalg.inv(X[used].T @ X[used])
    return used.sum() / (used.sum() - X.shape[1]) * bread @ meat @ bread


def test_newey_west_uses_calendar_lags():
    X = its_design(40, 20)
    Y = np.random.default_rng(1).standard_normal((40, 3)).cumsum(axis=0)
    Y[[5, 6, 7, 30], 1] = np.nan
    Y[0, 2] = np.nan
    fit = fit_newey_west(X, Y, 4)
    for s in range(3):
        expected = newey_west_by_definition(X, Y[:, s], 4)
        np.testing.assert_allclose(fit.covariance.model[s], expected, rtol=1e-8)
    np.testing.assert_array_equal(fit.n_used, [40, 36, 39])
    np.testing.assert_array_equal(fit.contrasts(np.eye(4)).df[:, 0], [36, 32, 35])


def test_default_lags_depend_on_the_usable_months():
    assert [newey_west_lags(n) for n in (24, 48, 83, 100, 134)] == [2, 3, 3, 4, 4]
    # 4 (n / 100)^(2/9) reaches a whole L at n = 100 (L / 4)^4.5: 27.4 for 3 and 272.98 for 5
    assert [newey_west_lags(n) for n in (27, 28, 272, 273)] == [2, 3, 4, 5]
    X = its_design(60, 30)
    Y = np.random.default_rng(2).standard_normal((60, 2))
    Y[:40:2, 1] = np.nan
    default = fit_newey_west(X, Y)
    for s, lags in ((0, 3), (1, 3)):
        expected = newey_west_by_definition(X, Y[:, s], lags)
        np.testing.assert_allclose(default.covariance.model[s], expected, rtol=1e-8)


def test_least_squares_with_gaps_is_that_of_the_shorter_series():
    X = its_design(30, 15)
    y = np.random.default_rng(3).standard_normal((30, 1))
    gappy = y.copy()
    gappy[[3, 20]] = np.nan
    keep = np.delete(np.arange(30), [3, 20])
    found, expected = fit_ols(X, gappy), fit_ols(X[keep], y[keep])
    np.testing.assert_allclose(found.params, expected.params, rtol=1e-10)
    np.testing.assert_allclose(found.covariance.adjusted, expected.covariance.adjusted, rtol=1e-10)
    np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood)
    assert found.partial_autocorrelations.shape == (1, 0)


@pytest.mark.parametrize("fit", [fit_ols, fit_newey_west])
@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e12])
def test_degenerate_series_are_flagged(fit, unit):
    X = its_design(30, 15)
    Y = unit * np.column_stack([X @ [1.0, 2.0, 3.0, 4.0], np.random.default_rng(4).standard_normal(30)])
    Y = np.column_stack([Y, np.zeros(30)])
    found = fit(X, Y)
    assert found.flags["degenerate"].tolist() == [True, False, True]
    np.testing.assert_allclose(found.params[0], unit * np.arange(1.0, 5.0), rtol=1e-9)
    estimates = found.contrasts(np.eye(4))
    np.testing.assert_array_equal(estimates.std_error[0], 0.0)
    np.testing.assert_array_equal(estimates.df, 26.0)
    assert np.all(estimates.std_error[1] > 0.0)


@pytest.mark.parametrize("fit", [fit_ols, fit_newey_west])
def test_singular_designs_raise(fit):
    X = its_design(10, 5)
    Y = np.random.default_rng(5).standard_normal((10, 1))
    Y[6:] = np.nan
    with pytest.raises(SingularDesignError) as caught:
        fit(X, Y)
    assert caught.value.terms == (3,)
    Y[4] = np.nan
    Y[0] = np.nan
    with pytest.raises(SingularDesignError, match="too few"):
        fit(X, Y)


def test_negative_lags_are_refused():
    with pytest.raises(ValueError, match="lags is -1"):
        fit_newey_west(np.ones((5, 1)), np.arange(5.0)[:, None], -1)


@pytest.mark.parametrize("newey_west", [False, True])
def test_least_squares_have_the_digits_of_statsmodels(newey_west):
    from statsmodels.regression.linear_model import OLS
    from statsmodels.stats.sandwich_covariance import S_hac_simple

    rng = np.random.default_rng(5)
    X = np.column_stack([np.ones(83), np.arange(83.0), rng.standard_normal((83, 6))])
    Y = 70.0 + rng.standard_normal((83, 2))
    Y[[3, 4, 40], 1] = np.nan
    fit = fit_newey_west(X, Y, 3) if newey_west else fit_ols(X, Y)
    for series in range(2):
        seen = ~np.isnan(Y[:, series])
        other = OLS(Y[seen, series], X[seen]).fit(method="qr")
        covariance = other.cov_params()
        if newey_west:
            scores = np.zeros_like(X)
            scores[seen] = X[seen] * other.resid[:, None]
            bread, n = other.normalized_cov_params, int(seen.sum())
            covariance = n / (n - 8) * bread @ S_hac_simple(scores, nlags=3) @ bread
        assert_array_equal(fit.params[series], other.params)
        assert_array_equal(fit.covariance.model[series], covariance)
        assert fit.sigma[series] == np.sqrt(other.mse_resid)
        assert fit.log_likelihood[series] == other.llf
