"""Counts and proportions: the likelihood equations by hand, gaps, infinite estimates, refusals."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import optimize, stats

from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.glm import CountError, dispersion_score, fit_glm

COUNTS = ("poisson", "quasi_poisson", "negative_binomial")
PROPORTIONS = ("binomial", "quasi_binomial")


def its_design(n, start):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), (t - start) / 12, post, post * (t - start) / 12])


def count_series(seed, n=60, replicates=3, alpha=0.0):
    rng = np.random.default_rng(seed)
    X = its_design(n, n // 2)
    exposure = rng.uniform(500, 1500, (n, replicates))
    mean = exposure * np.exp(X @ [-3.0, 0.05, -0.2, 0.1])[:, None]
    if alpha:
        mean = mean * rng.gamma(1 / alpha, alpha, mean.shape)
    return X, rng.poisson(mean).astype(float), exposure


def proportion_series(seed, n=60, replicates=3):
    rng = np.random.default_rng(seed)
    X = its_design(n, n // 2)
    trials = rng.integers(80, 400, (n, replicates)).astype(float)
    share = 1 / (1 + np.exp(-(X @ [1.0, 0.05, 0.4, -0.1])))[:, None]
    return X, rng.binomial(trials.astype(int), np.broadcast_to(share, trials.shape)).astype(float), trials


def maximum(log_likelihood, start):
    found = optimize.minimize(lambda b: -log_likelihood(b), start, method="BFGS", options={"gtol": 1e-7})
    return found.x, -found.fun


def test_poisson_is_the_maximum_of_the_likelihood():
    X, Y, exposure = count_series(1)
    fit = fit_glm(X, Y, "poisson", exposure=exposure)
    for s in range(3):

        def log_likelihood(b, s=s):
            return stats.poisson.logpmf(Y[:, s], exposure[:, s] * np.exp(X @ b)).sum()

        best, value = maximum(log_likelihood, [-3.0, 0, 0, 0])
        mean = exposure[:, s] * np.exp(X @ fit.params[s])
        np.testing.assert_allclose(fit.params[s], best, atol=1e-5)
        np.testing.assert_allclose(X.T @ (Y[:, s] - mean), 0.0, atol=1e-7)
        np.testing.assert_allclose(fit.log_likelihood[s], value, rtol=1e-9)
        information = (X * mean[:, None]).T @ X
        np.testing.assert_allclose(fit.covariance.model[s], np.linalg.inv(information), rtol=1e-7)
        ratio = np.sum((Y[:, s] - mean) ** 2 / mean) / 56
        np.testing.assert_allclose(fit.dispersion[s], ratio, rtol=1e-8)
        np.testing.assert_allclose(fit.sigma[s], np.sqrt(np.sum((Y[:, s] - mean) ** 2) / 56), rtol=1e-8)
    assert np.isinf(fit.contrasts(np.eye(4)).df).all()
    p_value = 2 * stats.norm.sf(np.abs(fit.contrasts(np.eye(4)).statistic))
    np.testing.assert_allclose(fit.contrasts(np.eye(4)).p_value, p_value, rtol=1e-9)
    assert not any(flag.any() for flag in fit.flags.values())


def test_binomial_is_the_maximum_of_the_likelihood():
    X, Y, trials = proportion_series(2)
    fit = fit_glm(X, Y, "binomial", trials=trials)
    for s in range(3):

        def log_likelihood(b, s=s):
            return stats.binom.logpmf(Y[:, s], trials[:, s], 1 / (1 + np.exp(-X @ b))).sum()

        best, value = maximum(log_likelihood, [1.0, 0, 0, 0])
        share = 1 / (1 + np.exp(-X @ fit.params[s]))
        variance = trials[:, s] * share * (1 - share)
        np.testing.assert_allclose(fit.params[s], best, atol=1e-5)
        np.testing.assert_allclose(fit.log_likelihood[s], value, rtol=1e-9)
        np.testing.assert_allclose(
            fit.covariance.model[s], np.linalg.inv((X * variance[:, None]).T @ X), rtol=1e-7
        )
        ratio = np.sum((Y[:, s] - trials[:, s] * share) ** 2 / variance) / 56
        np.testing.assert_allclose(fit.dispersion[s], ratio, rtol=1e-8)


@pytest.mark.parametrize(("quasi", "plain"), [("quasi_poisson", "poisson"), ("quasi_binomial", "binomial")])
def test_quasi_families_scale_the_covariance_and_take_t(quasi, plain):
    X, Y, size = count_series(3, alpha=0.1) if quasi == "quasi_poisson" else proportion_series(3)
    sizes = {"exposure": size} if quasi == "quasi_poisson" else {"trials": size}
    scaled, given = fit_glm(X, Y, quasi, **sizes), fit_glm(X, Y, plain, **sizes)
    np.testing.assert_allclose(scaled.params, given.params, rtol=1e-10)
    expected = given.covariance.model * given.dispersion[:, None, None]
    np.testing.assert_allclose(scaled.covariance.model, expected, rtol=1e-10)
    np.testing.assert_array_equal(scaled.contrasts(np.eye(4)).df, 56.0)
    np.testing.assert_allclose(scaled.dispersion, given.dispersion)
    np.testing.assert_allclose(scaled.log_likelihood, given.log_likelihood)


def test_negative_binomial_maximises_over_alpha_too():
    X, Y, exposure = count_series(4, alpha=0.05)
    fit = fit_glm(X, Y, "negative_binomial", exposure=exposure)
    for s in range(3):

        def log_likelihood(b, s=s):
            mean, size = exposure[:, s] * np.exp(X @ b[:4]), np.exp(-b[4])
            return stats.nbinom.logpmf(Y[:, s], size, size / (size + mean)).sum()

        best, value = maximum(log_likelihood, [-3.0, 0, 0, 0, -3.0])
        np.testing.assert_allclose(fit.params[s], best[:4], atol=1e-4)
        np.testing.assert_allclose(fit.dispersion[s], np.exp(best[4]), rtol=1e-4)
        np.testing.assert_allclose(fit.log_likelihood[s], value, rtol=1e-9)
        mean = exposure[:, s] * np.exp(X @ fit.params[s])
        weight = mean / (1 + fit.dispersion[s] * mean)
        np.testing.assert_allclose(
            fit.covariance.model[s], np.linalg.inv((X * weight[:, None]).T @ X), rtol=1e-6
        )
    assert np.isinf(fit.contrasts(np.eye(4)).df).all()


@pytest.mark.parametrize("alpha", [1e-6, 1e-3, 0.5, 20.0])
def test_dispersion_score_is_the_derivative(alpha):
    mpmath.mp.dps = 40
    y, mean = np.array([0.0, 3.0, 17.0, 120.0]), np.array([1.5, 2.0, 20.0, 100.0])

    def log_likelihood(log_alpha):
        size = 1 / mpmath.exp(log_alpha)
        return sum(
            mpmath.loggamma(a + size)
            - mpmath.loggamma(size)
            + size * mpmath.log(size / (size + m))
            + a * mpmath.log(m / (size + m))
            for a, m in zip(y.tolist(), mean.tolist(), strict=True)
        )

    expected = float(mpmath.diff(log_likelihood, mpmath.log(alpha)))
    np.testing.assert_allclose(dispersion_score(y, mean, alpha), expected, rtol=1e-5)


def test_negative_binomial_without_excess_is_poisson():
    X, Y, _ = count_series(5, replicates=1)
    Y[:] = np.round(20 + X[:, [1]])
    fit, poisson = fit_glm(X, Y, "negative_binomial"), fit_glm(X, Y, "poisson")
    assert fit.dispersion.tolist() == [0.0]
    np.testing.assert_allclose(fit.params, poisson.params)
    np.testing.assert_allclose(fit.covariance.model, poisson.covariance.model)


def test_a_hair_of_excess_is_poisson_and_boundless_excess_does_not_converge():
    X = np.ones((4, 1))
    y = np.array([95.0, 105.0, 110.05, 89.95])  # sum (y - mean)^2 barely above sum y
    y = 100 + (y - 100) * np.sqrt(400.0001 / np.sum((y - 100) ** 2))
    assert np.sum((y - y.mean()) ** 2) > y.sum()
    assert fit_glm(X, y[:, None], "negative_binomial").dispersion.tolist() == [0.0]
    lone = np.zeros((40, 1))
    lone[3] = 1e9
    fit = fit_glm(np.ones((40, 1)), lone, "negative_binomial")
    assert np.isfinite(fit.dispersion).all()
    assert fit.dispersion[0] > 1.0


def by_hand_newey_west(scores, lags):
    meat = scores.T @ scores
    for lag in range(1, lags + 1):
        product = scores[lag:].T @ scores[:-lag]
        meat += (1 - lag / (lags + 1)) * (product + product.T)
    return meat


@pytest.mark.parametrize("family", [*COUNTS, *PROPORTIONS])
def test_newey_west_on_the_scores_with_calendar_lags(family):
    binomial = family in PROPORTIONS
    X, Y, size = proportion_series(6) if binomial else count_series(6, alpha=0.2)
    sizes = {"trials": size} if binomial else {"exposure": size}
    Y[[4, 5, 33], 1] = np.nan
    size[[4, 33], 1] = np.nan  # nothing is asked of it where there is no count
    fit = fit_glm(X, Y, family, lags=3, **sizes)
    for s in range(3):
        seen = ~np.isnan(Y[:, s])
        eta = X @ fit.params[s]
        n = np.where(seen, size[:, s], 1.0)
        if binomial:
            mean, weight = n / (1 + np.exp(-eta)), n * np.exp(eta) / (1 + np.exp(eta)) ** 2
            factor = np.ones_like(mean)
        else:
            mean = n * np.exp(eta)
            factor = 1 / (1 + (fit.dispersion[s] * mean if family == "negative_binomial" else 0.0))
            weight = mean * factor
        raw = np.where(seen, (np.where(seen, Y[:, s], 0.0) - mean) * factor, 0.0)
        bread = np.linalg.inv((X * (weight * seen)[:, None]).T @ X)
        used = seen.sum()
        expected = used / (used - 4) * bread @ by_hand_newey_west(X * raw[:, None], 3) @ bread
        np.testing.assert_allclose(fit.covariance.adjusted[s], expected, rtol=1e-6)
    df = [56.0, 53.0, 56.0] if family.startswith("quasi") else [np.inf] * 3
    np.testing.assert_array_equal(fit.contrasts(np.eye(4)).df[:, 0], df)
    np.testing.assert_array_equal(fit.n_used, [60, 57, 60])


def test_missing_periods_are_left_out():
    X, Y, exposure = count_series(7)
    Y[[0, 10, 59], 0] = np.nan
    keep = ~np.isnan(Y[:, 0])
    fit = fit_glm(X, Y, "quasi_poisson", exposure=exposure)
    short = fit_glm(X[keep], Y[keep, :1], "quasi_poisson", exposure=exposure[keep, :1])
    np.testing.assert_allclose(fit.params[0], short.params[0])
    np.testing.assert_allclose(fit.covariance.model[0], short.covariance.model[0])
    np.testing.assert_allclose(fit.dispersion[0], short.dispersion[0])


def test_overdispersion_is_flagged_where_the_variance_is_given():
    X, Y, exposure = count_series(8, alpha=0.1)
    assert fit_glm(X, Y, "poisson", exposure=exposure).flags["overdispersed"].all()
    assert not fit_glm(X, Y, "quasi_poisson", exposure=exposure).flags["overdispersed"].any()
    assert not fit_glm(X, Y, "negative_binomial", exposure=exposure).flags["overdispersed"].any()
    X, Y, trials = proportion_series(8)
    assert not fit_glm(X, Y, "binomial", trials=trials).flags["overdispersed"].any()
    swinging = np.where(np.arange(60)[:, None] % 2, 0.9, 0.5) * trials
    assert fit_glm(X, swinging, "binomial", trials=trials).flags["overdispersed"].all()


@pytest.mark.parametrize("family", [*COUNTS, *PROPORTIONS])
def test_infinite_estimates_are_flagged_and_have_no_number(family):
    X, Y, _ = count_series(9)
    trials = np.full(Y.shape, 1000.0)
    Y[:, 0] = 0.0  # no event at all
    Y[30:, 1] = 0.0  # none after the start
    sizes = {"trials": trials} if family in PROPORTIONS else {}
    if family in PROPORTIONS:
        Y[:, 0] = trials[:, 0]
    fit = fit_glm(X, Y, family, **sizes)
    assert fit.flags["degenerate"].tolist() == [True, True, False]
    assert np.isnan(fit.params[:2]).all()
    assert np.isfinite(fit.params[2]).all()
    found = fit.contrasts(np.eye(4))
    np.testing.assert_array_equal(found.std_error[:2], 0.0)
    assert np.isnan(found.p_value[:2]).all()
    assert not fit.flags["not_converged"].any()


def test_an_exact_fit_of_a_quasi_family_is_degenerate():
    X = its_design(20, 10)
    Y = np.full((20, 1), 7.0)
    fit = fit_glm(X, Y, "quasi_poisson")
    assert fit.flags["degenerate"].tolist() == [True]
    np.testing.assert_allclose(fit.params, [[np.log(7), 0, 0, 0]], atol=1e-9)
    assert fit.contrasts(np.eye(4)).std_error.tolist() == [[0.0] * 4]
    assert not fit_glm(X, Y, "poisson").flags["degenerate"].any()


def test_a_search_that_ends_early_is_flagged(monkeypatch):
    X, Y, exposure = count_series(10)
    monkeypatch.setattr("its_eval.estimators.glm.MAXIMUM_ITERATIONS", 1)
    assert fit_glm(X, Y, "poisson", exposure=exposure).flags["not_converged"].all()


def test_all_faults_in_one_message():
    Y = np.array([[-1.0, 2.0], [3.0, np.nan], [np.inf, 4.0]])
    exposure = np.array([[1.0, 0.0], [np.nan, np.nan], [2.0, 3.0]])
    with pytest.raises(CountError) as caught:
        fit_glm(np.ones((3, 1)), Y, "poisson", exposure=exposure)
    assert caught.value.problems == [
        "counts have to be 0 or more: period 0 of series 0, period 2 of series 0 (counted from 0)",
        (
            "exposure has to be a positive number where there is a count: period 0 of series 1, "
            "period 1 of series 0 (counted from 0)"
        ),
    ]
    with pytest.raises(CountError, match=r"cannot exceed its trials: .* and 2 more"):
        fit_glm(np.ones((7, 1)), np.full((7, 1), 5.0), "binomial", trials=np.full((7, 1), 4.0))
    with pytest.raises(CountError, match="trials has to be a positive number"):
        fit_glm(np.ones((2, 1)), np.zeros((2, 1)), "binomial", trials=np.zeros((2, 1)))


def test_refusals():
    X, Y, size = count_series(11)
    with pytest.raises(ValueError, match="family is 'gamma'; it has to be one of poisson, quasi_poisson"):
        fit_glm(X, Y, "gamma")
    with pytest.raises(ValueError, match="lags is -1"):
        fit_glm(X, Y, "poisson", lags=-1)
    with pytest.raises(ValueError, match="poisson takes an exposure and no trials"):
        fit_glm(X, Y, "poisson", trials=size)
    for wrong in ({}, {"exposure": size, "trials": size}):
        with pytest.raises(ValueError, match="binomial needs trials and takes no exposure"):
            fit_glm(X, Y, "binomial", **wrong)
    with pytest.raises(SingularDesignError, match="rank deficient"):
        fit_glm(np.column_stack([X, X[:, 0]]), Y, "poisson")
