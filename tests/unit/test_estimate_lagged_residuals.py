"""Residuals of a first fit as terms of a second: by hand in statsmodels, and how often they err."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import signal

from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.glm import fit_glm
from its_eval.estimators.glm_ar import fit_glm_ar


def its_design(n, start):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), (t - start) / 12, post, post * (t - start) / 12])


def disturbed(seed, n, rho, spread, replicates=1):
    """Return autoregressive disturbances of the logarithm."""
    shocks = np.random.default_rng(seed).standard_normal((n + 100, replicates))
    return spread * np.sqrt(1 - rho**2) * signal.lfilter([1.0], [1.0, -rho], shocks, axis=0)[100:]


def by_hand(y, X, family, count, **sizes):
    first = sm.GLM(y, X, family=family, **sizes).fit()
    lags = []
    for lag in range(1, count + 1):
        column = np.zeros(len(X))
        column[lag:] = first.resid_deviance[:-lag]
        lags.append(column)
    return sm.GLM(y, np.column_stack([X, *lags]), family=family, **sizes)


@pytest.mark.parametrize("count", [1, 3])
def test_counts_by_hand(count):
    n, X = 60, its_design(60, 30)
    rng = np.random.default_rng(3)
    exposure = rng.uniform(90, 110, n)
    mean = exposure * np.exp(-0.5 + 0.1 * X[:, 2] + disturbed(1, n, 0.6, 0.2)[:, 0])
    y = rng.poisson(mean).astype(float)
    second = by_hand(y, X, sm.families.Poisson(), count, offset=np.log(exposure))
    plain, scaled = second.fit(), second.fit(scale="X2")
    ours = fit_glm(X, y[:, None], "poisson", exposure=exposure[:, None], lagged_residuals=count)
    np.testing.assert_allclose(ours.params[0], plain.params[:4], rtol=1e-7)
    np.testing.assert_allclose(ours.covariance.model[0], plain.cov_params()[:4, :4], rtol=1e-6)
    np.testing.assert_allclose(ours.log_likelihood[0], plain.llf, rtol=1e-9)
    quasi = fit_glm(X, y[:, None], "quasi_poisson", exposure=exposure[:, None], lagged_residuals=count)
    np.testing.assert_allclose(quasi.covariance.model[0], scaled.cov_params()[:4, :4], rtol=1e-6)
    np.testing.assert_allclose(quasi.dispersion[0], plain.pearson_chi2 / (n - 4 - count), rtol=1e-7)
    assert quasi.covariance.df_residual.tolist() == [n - 4 - count]
    assert ours.n_used.tolist() == [n]
    without = fit_glm(X, y[:, None], "poisson", exposure=exposure[:, None])
    assert not np.allclose(ours.params, without.params)


def test_shares_by_hand():
    n, X = 48, its_design(48, 24)
    rng = np.random.default_rng(4)
    trials = rng.integers(80, 120, n).astype(float)
    y = rng.binomial(trials.astype(int), 1 / (1 + np.exp(-disturbed(2, n, 0.5, 0.3)[:, 0]))).astype(float)
    theirs = by_hand(np.column_stack([y, trials - y]), X, sm.families.Binomial(), 2).fit()
    ours = fit_glm(X, y[:, None], "binomial", trials=trials[:, None], lagged_residuals=2)
    np.testing.assert_allclose(ours.params[0], theirs.params[:4], rtol=1e-7)
    np.testing.assert_allclose(ours.covariance.model[0], theirs.cov_params()[:4, :4], rtol=1e-6)


def test_a_period_after_a_gap_has_no_residual_before_it():
    n, X = 60, its_design(60, 30)
    y = np.random.default_rng(5).poisson(50 * np.exp(disturbed(3, n, 0.5, 0.2))).astype(float)
    y[[20, 21]] = np.nan
    keep = ~np.isnan(y[:, 0])
    first = sm.GLM(y[keep, 0], X[keep], family=sm.families.Poisson()).fit()
    calendar = np.zeros(n)
    calendar[keep] = first.resid_deviance
    column = np.concatenate([[0.0], calendar[:-1]])[keep]
    theirs = sm.GLM(y[keep, 0], np.column_stack([X[keep], column]), family=sm.families.Poisson()).fit()
    ours = fit_glm(X, y, "poisson", lagged_residuals=1)
    np.testing.assert_allclose(ours.params[0], theirs.params[:4], rtol=1e-7)
    assert ours.n_used.tolist() == [58]


def test_series_without_a_maximum_and_too_short_ones():
    X = its_design(20, 10)
    y = np.where(X[:, 2] > 0, 0.0, 5.0)[:, None]
    fit = fit_glm(X, y, "poisson", lagged_residuals=1)
    assert fit.flags["degenerate"].tolist() == [True]
    with pytest.raises(SingularDesignError, match="too few"):
        fit_glm(X[:7], np.arange(7.0)[:, None], "poisson", lagged_residuals=3)


def test_it_does_not_make_intervals_honest():
    """60 months of about 50 counts, disturbances of AR(1) 0.5 on the logarithm, no change, nominal 5 %.

    The terms of residuals take up variance that the other terms go on standing in: what they leave looks more
    certain, and the estimates are hardly others. Autoregressive errors keep their level on the same series.
    """
    n, X = 60, its_design(60, 30)
    Y = np.random.default_rng(6).poisson(50 * np.exp(disturbed(7, n, 0.5, 0.2, 250))).astype(float)
    fits = {
        "plain": fit_glm(X, Y, "quasi_poisson"),
        "lagged": fit_glm(X, Y, "quasi_poisson", lagged_residuals=1),
        "ar1": fit_glm_ar(X, Y, "quasi_poisson"),
    }
    sizes = {name: (fit.contrasts(np.eye(4)[2:]).p_value < 0.05).mean(axis=0) for name, fit in fits.items()}
    assert (sizes["plain"] > 0.12).all()
    assert (sizes["lagged"] > 0.12).all()
    assert (sizes["ar1"] < 0.10).all()
