"""The differenced model: against explicit differences, dense matrices, and another optimiser."""

import numpy as np
import pytest
from scipy import optimize
from statsmodels.regression.linear_model import OLS

from its_eval.config.estimators import Estimator
from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.kind import FitContext
from its_eval.estimators.random_walk import fit_random_walk, walk_covariance, walk_positions
from its_eval.estimators.reml.entry import RANDOM_WALK
from its_eval.estimators.reml.kenward_roger import joint_f
from its_eval.estimators.reml.reml_ar import fit_reml_ar

N, START = 60, 31
TIME = np.arange(N)
AFTER = TIME >= START
SEASON = np.column_stack([np.sin(2 * np.pi * TIME / 12), np.cos(2 * np.pi * TIME / 12)])
X = np.column_stack([np.ones(N), TIME, AFTER, np.where(AFTER, TIME - START, 0), SEASON]).astype(float)
GAPS = {"none": [], "inside": [5, 6, 7, 20, START], "also the first": [0, 1, 12, 13, N - 1]}


def walks(count, missing=(), seed=5):
    rng = np.random.default_rng(seed)
    Y = np.cumsum(rng.standard_normal((N, count)), axis=0) + X @ rng.standard_normal((X.shape[1], 1)) + 80
    Y[list(missing)] = np.nan
    return Y


def explicit(y):
    """Return OLS of differences between used periods: drift, level, slope and season."""
    used = np.flatnonzero(~np.isnan(y))
    root = np.sqrt(np.diff(used))
    return OLS(np.diff(y[used]) / root, np.diff(X[used], axis=0)[:, 1:] / root[:, None]).fit()


@pytest.mark.parametrize("missing", GAPS.values(), ids=GAPS)
def test_it_is_least_squares_of_the_differences(missing):
    Y = walks(7, missing)
    fit = fit_random_walk(X, Y)
    for series in range(7):
        by_hand = explicit(Y[:, series])
        np.testing.assert_allclose(fit.params[series, 1:], by_hand.params, rtol=1e-9)
        read = fit.one(series).contrasts(np.eye(X.shape[1])[1:])
        np.testing.assert_allclose(read.std_error[0], by_hand.bse, rtol=1e-9)
        np.testing.assert_allclose(read.p_value[0], by_hand.pvalues, rtol=1e-8, atol=1e-14)
        assert read.df[0, 0] == by_hand.df_resid == N - len(missing) - X.shape[1]
        test = joint_f(fit, series, np.eye(X.shape[1])[2:4])
        np.testing.assert_allclose(test.p_value, by_hand.f_test(np.eye(5)[1:3]).pvalue, rtol=1e-8)
        assert (test.df_num, test.df_den) == (2, by_hand.df_resid)


@pytest.mark.parametrize("missing", GAPS.values(), ids=GAPS)
def test_it_is_generalised_least_squares_with_the_covariance_of_a_walk(missing):
    Y = walks(4, missing)
    used = ~np.isnan(Y[:, 0])
    since = np.flatnonzero(used) - np.flatnonzero(used)[0] + 1.0
    K = np.array([[min(s, t) for t in since] for s in since])
    np.testing.assert_array_equal(walk_covariance(used), K)
    np.testing.assert_array_equal(walk_positions(used)[used], since)
    fit = fit_random_walk(X, Y)
    inverse = np.linalg.inv(K)
    phi = np.linalg.inv(X[used].T @ inverse @ X[used])
    for series in range(4):
        y = Y[used, series]
        beta = phi @ X[used].T @ inverse @ y
        left = y - X[used] @ beta
        variance = left @ inverse @ left / (len(y) - X.shape[1])
        np.testing.assert_allclose(fit.params[series], beta, rtol=1e-9)
        np.testing.assert_allclose(fit.covariance.model[series], variance * phi, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(fit.sigma[series] ** 2, variance, rtol=1e-9)
        np.testing.assert_allclose(fit.log_likelihood[series], restricted(variance * K, used, y), rtol=1e-10)
        # the level rests on the first observation
        np.testing.assert_allclose(X[used][0] @ fit.params[series], y[0], rtol=1e-10)


def restricted(V, used, y):
    """Return the restricted log-likelihood with the constants of nlme::gls."""
    inverse, design = np.linalg.inv(V), X[used]
    inner = design.T @ inverse @ design
    left = y - design @ np.linalg.solve(inner, design.T @ inverse @ y)
    parts = np.linalg.slogdet(V)[1] + np.linalg.slogdet(inner)[1] + left @ inverse @ left
    return -((len(y) - X.shape[1]) * np.log(2 * np.pi) + parts) / 2


def test_its_likelihood_is_comparable_with_that_of_the_autoregression():
    """Near the unit root both describe a walk alike; the constants of the two have to agree for that."""
    Y = walks(200)
    gain = fit_random_walk(X, Y).log_likelihood - fit_reml_ar(X, Y, 1).log_likelihood
    assert abs(np.median(gain)) < 2.0


@pytest.mark.parametrize("missing", GAPS.values(), ids=GAPS)
def test_contrasts_alone_are_those_of_the_fit(missing):
    Y = np.hstack([walks(3, missing), walks(2, [3], seed=9)])
    rows = np.random.default_rng(1).standard_normal((4, X.shape[1]))
    context, entry = FitContext(N, AFTER), Estimator(name="reml_ar")
    read = RANDOM_WALK.read(X, Y, rows, entry, context)
    fit = RANDOM_WALK.fit(X, Y, entry, context)
    whole = fit.contrasts(rows)
    for name in ("estimate", "std_error", "df", "df_unclipped"):
        np.testing.assert_allclose(getattr(read.estimates, name), getattr(whole, name), rtol=1e-9)
    np.testing.assert_allclose(read.log_likelihood, fit.log_likelihood)
    np.testing.assert_allclose(read.sigma, fit.sigma)


def test_a_series_that_the_differences_reproduce_has_no_uncertainty():
    line = np.column_stack([80 + 2.0 * TIME, walks(1)[:, 0]])
    fit = fit_random_walk(X, line)
    assert fit.flags["degenerate"].tolist() == [True, False]
    assert (fit.covariance.model[0] == 0).all()
    assert np.isinf(fit.log_likelihood[0])


def test_too_few_periods_are_refused():
    with pytest.raises(SingularDesignError):
        fit_random_walk(X, walks(1, range(6, N)))


def weighted(ratio, seed, missing=()):
    """Return a series of a walk of this step variance with noise of unequal variance 4 W^-1, and W^-1."""
    rng = np.random.default_rng(seed)
    relative = np.exp(rng.normal(0, 0.5, N))
    relative /= np.exp(np.log(relative).mean())
    noise = 2.0 * np.sqrt(relative) * rng.standard_normal(N)
    y = 80 + np.cumsum(np.sqrt(ratio) * rng.standard_normal(N)) + noise
    y[list(missing)] = np.nan
    return y[:, None], relative[:, None]


@pytest.mark.parametrize("missing", GAPS.values(), ids=GAPS)
def test_a_weighted_series_has_the_dense_restricted_likelihood_and_kenward_roger(missing):
    y, relative = weighted(0.8, 3, missing)
    fit = fit_random_walk(X, y, relative)
    used = ~np.isnan(y[:, 0])
    K, noise, own = walk_covariance(used), np.diag(relative[used, 0]), y[used, 0]

    def covariance(theta):
        return np.exp(theta[0]) * K + np.exp(theta[1]) * noise

    # the variances maximise the likelihood that nlme has, by another optimiser in other parameters
    found = optimize.minimize(
        lambda theta: -restricted(covariance(theta), used, own),
        [0.0, 1.0],
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4000},
    )
    np.testing.assert_allclose(fit.walk_variances[0], np.exp(found.x), rtol=1e-5)
    np.testing.assert_allclose(fit.log_likelihood[0], -found.fun, rtol=1e-10)
    theta = np.log(fit.walk_variances[0])
    design, inverse = X[used], np.linalg.inv(covariance(theta))
    phi = np.linalg.inv(design.T @ inverse @ design)
    np.testing.assert_allclose(fit.params[0], phi @ design.T @ inverse @ own, rtol=1e-9)
    P = inverse - inverse @ design @ phi @ design.T @ inverse
    first = [np.exp(theta[0]) * K, np.exp(theta[1]) * noise]
    information = np.array([[np.trace(P @ a @ P @ b) / 2 for b in first] for a in first])
    W = np.linalg.inv(information)
    pulls = [-design.T @ inverse @ a @ inverse @ design for a in first]
    excess = sum(
        W[i, j]
        * (design.T @ inverse @ first[i] @ inverse @ first[j] @ inverse @ design - pulls[i] @ phi @ pulls[j])
        for i in range(2)
        for j in range(2)
    )
    adjusted = phi + 2 * phi @ excess @ phi
    c = np.eye(X.shape[1])[3]
    gradient = np.array([-c @ phi @ pull @ phi @ c for pull in pulls])
    read = fit.contrasts(c[None])
    np.testing.assert_allclose(read.std_error[0, 0] ** 2, max(c @ adjusted @ c, c @ phi @ c), rtol=1e-7)
    np.testing.assert_allclose(
        read.df_unclipped[0, 0], 2 * (c @ phi @ c) ** 2 / (gradient @ W @ gradient), rtol=1e-6
    )
    assert not fit.flags["independent_errors"][0]


def test_a_weighted_series_without_a_walk_is_the_ordinary_weighted_fit():
    found = 0
    for seed in range(12):
        y, relative = weighted(0.0, seed)
        fit = fit_random_walk(X, y, relative)
        if not fit.flags["independent_errors"][0]:
            continue
        found += 1
        root = np.sqrt(relative)
        by_hand = OLS(y / root, X / root).fit()
        read = fit.contrasts(np.eye(X.shape[1]))
        np.testing.assert_allclose(fit.params[0], by_hand.params, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(read.std_error[0], by_hand.bse, rtol=1e-8)
        np.testing.assert_allclose(read.df[0], by_hand.df_resid, rtol=1e-9)
        assert fit.walk_variances[0, 0] == 0.0
    assert found >= 3


def test_a_weighted_series_without_noise_is_the_differenced_one():
    Y = walks(12, [4, 5])
    relative = np.exp(np.random.default_rng(0).normal(0, 0.3, Y.shape))
    fit = fit_random_walk(X, Y, relative)
    pure = np.flatnonzero(fit.walk_variances[:, 1] == 0.0)
    assert pure.size >= 3
    plain, fit = fit_random_walk(X, Y).take(pure), fit.take(pure)
    rows = np.eye(X.shape[1])
    np.testing.assert_allclose(fit.params, plain.params, rtol=1e-7)
    np.testing.assert_allclose(fit.contrasts(rows).std_error, plain.contrasts(rows).std_error, rtol=1e-7)
    np.testing.assert_allclose(fit.contrasts(rows).df, plain.contrasts(rows).df, rtol=1e-9)
    np.testing.assert_allclose(fit.log_likelihood, plain.log_likelihood, rtol=1e-9)
    np.testing.assert_allclose(fit.sigma, plain.sigma, rtol=1e-7)


@pytest.mark.parametrize(("share", "exact"), [(1 / 3, True), (3.0, False)])
def test_a_line_is_as_exact_with_equal_weights_as_without(share, exact):
    """Residuals at a third of the limit, and at three times it: those of steps, whatever their number."""
    n, rng = 48, np.random.default_rng(8)
    t = np.arange(n, dtype=float)
    X = np.column_stack([np.ones(n), t, t >= 24])
    steps = rng.standard_normal((n, 1)).cumsum(axis=0)
    (variance,) = fit_random_walk(X, steps).sigma ** 2
    limit = 1e-20 * ((t - t.mean()) ** 2).sum()
    y = t[:, None] + steps * np.sqrt(share * limit / (variance * (n - 3)))
    plain, weighted = fit_random_walk(X, y), fit_random_walk(X, y, np.ones((n, 1)))
    assert plain.flags["degenerate"].tolist() == [exact]
    assert weighted.flags["degenerate"].tolist() == [exact]
