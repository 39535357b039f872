"""Regression with ARIMA errors: dense Gaussian likelihoods, differencing, gaps, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg, optimize, stats

from its_eval.estimators.arima import fit_arima, kept_columns
from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.least_squares import fit_ols


def its_design(n, start):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), t - start, post, post * (t - start)])


def simulate(seed, n, ar=0.0, ma=0.0, replicates=1):
    rng = np.random.default_rng(seed)
    shocks = rng.standard_normal((n + 200, replicates))
    series = np.zeros_like(shocks)
    for t in range(1, n + 200):
        series[t] = ar * series[t - 1] + shocks[t] + ma * shocks[t - 1]
    return series[200:]


def arma_covariance(ar, ma, n):
    """ARMA(1, 1) autocovariances for innovation variance 1, in closed form."""
    gamma = np.empty(n)
    gamma[0] = (1 + 2 * ar * ma + ma**2) / (1 - ar**2)
    gamma[1:] = (1 + ar * ma) * (ar + ma) / (1 - ar**2) * ar ** np.arange(n - 1)
    return linalg.toeplitz(gamma)


def dense_maximum(X, y, observed, covariance, start):
    """Maximise the multivariate normal density over (b, ar, ma, log variance), rows of gaps deleted."""
    k = X.shape[1]
    keep = np.ix_(observed, observed)

    def loss(p):
        V = np.exp(p[-1]) * covariance(*p[k:-1])[keep]
        return -stats.multivariate_normal(X[observed] @ p[:k], V).logpdf(y[observed])

    found = optimize.minimize(loss, start, method="Nelder-Mead", options={"maxiter": 9000, "fatol": 1e-11})
    found = optimize.minimize(loss, found.x, method="BFGS", options={"gtol": 1e-6})
    return found.x, -found.fun, loss


def numerical_information(loss, point):
    """Hessian by central differences."""
    step = 1e-3 * np.maximum(1.0, np.abs(point))
    identity = np.diag(step)

    def corner(i, j, a, b):
        return loss(point + a * identity[i] + b * identity[j])

    k = len(point)
    return np.array(
        [
            [
                (corner(i, j, 1, 1) - corner(i, j, 1, -1) - corner(i, j, -1, 1) + corner(i, j, -1, -1))
                / (4 * step[i] * step[j])
                for j in range(k)
            ]
            for i in range(k)
        ]
    )


@pytest.mark.parametrize("gaps", [(), (0, 7, 8, 30)])
def test_arma_errors_are_the_maximum_of_the_dense_likelihood(gaps):
    X = its_design(50, 25)[:, [0, 2]]
    y = 5 + simulate(1, 50, ar=0.6, ma=0.3)
    y[list(gaps)] = np.nan
    observed = ~np.isnan(y[:, 0])
    fit = fit_arima(X, y, (1, 0, 1))
    start = [*np.linalg.lstsq(X[observed], y[observed, 0], rcond=None)[0], 0.5, 0.2, 0.0]
    best, value, loss = dense_maximum(X, y[:, 0], observed, lambda ar, ma: arma_covariance(ar, ma, 50), start)
    covariance = np.linalg.inv(numerical_information(loss, best))[:2, :2]
    np.testing.assert_allclose(fit.params[0], best[:2], rtol=1e-4)
    np.testing.assert_allclose(fit.log_likelihood[0], value, rtol=1e-8)
    np.testing.assert_allclose(fit.covariance.model[0], covariance, rtol=1e-3)
    marginal = np.exp(best[4]) * arma_covariance(best[2], best[3], 2)[0, 0]
    np.testing.assert_allclose(fit.sigma[0] ** 2, marginal, rtol=1e-3)
    np.testing.assert_allclose(fit.partial_autocorrelations[0], best[2], rtol=1e-3)
    assert fit.n_used.tolist() == [50 - len(gaps)]
    assert np.isinf(fit.contrasts(np.eye(2)).df).all()
    assert not any(flag.any() for flag in fit.flags.values())


def test_integrated_errors_are_those_of_the_differenced_series():
    X = its_design(60, 30)
    y = 100 + np.cumsum(simulate(2, 60, ma=-0.5), axis=0)
    fit = fit_arima(X, y, (0, 1, 1))
    differenced = fit_arima(np.diff(X, axis=0)[:, 1:], np.diff(y, axis=0), (0, 0, 1))
    np.testing.assert_allclose(fit.params[0, 1:], differenced.params[0], rtol=1e-5)
    np.testing.assert_allclose(
        fit.covariance.model[0, 1:, 1:], differenced.covariance.model[0], rtol=1e-3, atol=1e-9
    )
    np.testing.assert_allclose(fit.log_likelihood, differenced.log_likelihood, rtol=1e-9)
    np.testing.assert_allclose(fit.sigma, differenced.sigma, rtol=1e-5)
    assert fit.flags["differenced"].tolist() == [True]
    read = fit.contrasts(np.eye(X.shape[1]))
    assert np.isnan(read.estimate[0, 0])  # the level: nothing but a place to draw the line
    assert np.isnan(read.std_error[0, 0])
    assert np.isfinite(read.std_error[0, 1:]).all()
    np.testing.assert_array_equal(fit.one(0).no_estimate, fit.no_estimate)
    assert differenced.no_estimate is None
    assert not differenced.flags["differenced"].any()
    assert fit.partial_autocorrelations.shape == (1, 0)
    # the removed constant puts the line through the mean of the series
    np.testing.assert_allclose(np.mean(y[:, 0] - X @ fit.params[0]), 0.0, atol=1e-9)
    onto = X[:, 1:].mean(axis=0)
    expected = onto @ fit.covariance.model[0, 1:, 1:] @ onto
    np.testing.assert_allclose(fit.covariance.model[0, 0, 0], expected, rtol=1e-8)


def test_seasonal_differences_are_least_squares_on_differences_of_a_year():
    """(0,0,0)(0,1,0)_12: the 48 differences are independent, and have a Gaussian likelihood of their own."""
    X = its_design(60, 30)
    y = 10.0 + simulate(21, 60) + np.tile(np.linspace(-4, 4, 12), 5)[:, None]
    fit = fit_arima(X, y, (0, 0, 0), (0, 1, 0, 12))
    D, d = (X[12:] - X[:-12])[:, 1:], (y[12:] - y[:-12])[:, 0]
    params, rss = np.linalg.lstsq(D, d, rcond=None)[:2]
    variance = rss[0] / d.size
    np.testing.assert_allclose(fit.params[0, 1:], params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fit.sigma[0] ** 2, variance, rtol=1e-6)
    np.testing.assert_allclose(
        fit.log_likelihood[0], -d.size / 2 * (np.log(2 * np.pi * variance) + 1), rtol=1e-9
    )
    np.testing.assert_allclose(
        fit.covariance.model[0, 1:, 1:], variance * np.linalg.inv(D.T @ D), rtol=1e-4, atol=1e-10
    )


def test_units_and_level_do_not_matter():
    X = its_design(60, 30)
    y = simulate(3, 60, ar=0.5)
    fit, other = fit_arima(X, y, (1, 0, 0)), fit_arima(X, 1e6 + 1e4 * y, (1, 0, 0))
    np.testing.assert_allclose(other.params[0, 1:], 1e4 * fit.params[0, 1:], rtol=1e-4)
    np.testing.assert_allclose(other.covariance.model, 1e8 * fit.covariance.model, rtol=1e-3)
    np.testing.assert_allclose(other.sigma, 1e4 * fit.sigma, rtol=1e-5)
    np.testing.assert_allclose(other.log_likelihood, fit.log_likelihood - 60 * np.log(1e4), rtol=1e-8)


def test_seasonal_factors_multiply():
    """(1 - .4 L)(1 - .5 L^4) as an autoregression of order 5, by the density of its stationary covariance."""
    n, season = 48, 4
    coefficients = np.array([0.4, 0.0, 0.0, 0.5, -0.2])

    def covariance(ar, seasonal):
        weights = np.zeros(2000)
        weights[0] = 1.0
        polynomial = np.convolve([1.0, -ar], [1.0, 0, 0, 0, -seasonal])
        for t in range(1, weights.size):
            span = min(t, 5)
            weights[t] = -polynomial[1 : span + 1] @ weights[t - span : t][::-1]
        return linalg.toeplitz([weights[: weights.size - lag] @ weights[lag:] for lag in range(n)])

    shocks = np.random.default_rng(4).standard_normal(n + 300)
    series = np.zeros(n + 300)
    for t in range(5, n + 300):
        series[t] = coefficients @ series[t - 5 : t][::-1] + shocks[t]
    y = series[300:, None]
    X = np.ones((n, 1))
    fit = fit_arima(X, y, (1, 0, 0), (1, 0, 0, season))
    everything = np.ones(n, bool)
    best, value, _ = dense_maximum(X, y[:, 0], everything, covariance, [y.mean(), 0.4, 0.5, 0.0])
    np.testing.assert_allclose(fit.params[0], best[:1], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(fit.partial_autocorrelations[0], best[1], rtol=1e-3)
    np.testing.assert_allclose(fit.log_likelihood[0], value, rtol=1e-8)
    np.testing.assert_allclose(fit.sigma[0] ** 2, np.exp(best[3]) * covariance(*best[1:3])[0, 0], rtol=1e-3)


def test_columns_that_differencing_removes():
    n = 48
    t = np.arange(n)
    months = (t[:, None] % 12 == np.arange(11)) * 1.0
    X = np.column_stack([its_design(n, 20), months])
    assert kept_columns(X, 0, 0, 0).tolist() == list(range(15))
    assert kept_columns(X, 1, 0, 0).tolist() == list(range(1, 15))
    assert kept_columns(X, 2, 0, 0).tolist() == list(range(2, 15))
    assert kept_columns(X, 0, 1, 12).tolist() == [1, 2, 3]
    assert kept_columns(X, 1, 1, 12).tolist() == [2, 3]


def test_everything_removed_leaves_the_process():
    X = its_design(30, 15)[:, :2]
    y = np.cumsum(np.cumsum(simulate(5, 30), axis=0), axis=0)
    fit = fit_arima(X, y, (1, 2, 0))
    bare = fit_arima(X[:, :0], y, (1, 2, 0))
    np.testing.assert_allclose(fit.log_likelihood, bare.log_likelihood, rtol=1e-8)
    np.testing.assert_allclose(fit.partial_autocorrelations, bare.partial_autocorrelations, rtol=1e-5)
    np.testing.assert_allclose(fit.params, fit_ols(X, y).params, rtol=1e-8)
    np.testing.assert_array_equal(fit.covariance.model, 0.0)


def test_a_moving_average_on_the_unit_circle_undoes_the_differencing():
    """White noise differenced: the estimate runs to -1 and everything is that of least squares."""
    X = its_design(40, 20)
    y = simulate(6, 40, replicates=2)
    fit, plain = fit_arima(X, y, (0, 1, 1)), fit_ols(X, y)
    for s in range(2):
        np.testing.assert_allclose(fit.params[s], plain.params[s], rtol=0.05, atol=0.02)
        expected = np.sqrt(np.diag(plain.covariance.model[s]) * 36 / 40)
        found = fit.contrasts(np.eye(4)).std_error[s]
        np.testing.assert_allclose(found[1:], expected[1:], rtol=0.05)


def test_newton_steps_that_run_out_are_flagged(monkeypatch):
    monkeypatch.setattr("its_eval.estimators.arima.NEWTON_STEPS", 1)
    monkeypatch.setattr("its_eval.estimators.arima.DECREMENT_TOLERANCE", 0.0)
    fit = fit_arima(its_design(40, 20), simulate(7, 40, ar=0.5), (1, 0, 0))
    assert fit.flags["not_converged"].tolist() == [True]


def test_without_a_maximum_the_error_process_counts_as_known(monkeypatch):
    """A likelihood that is not curved downwards: standard errors are those of generalised least squares."""
    from its_eval.estimators import arima as arima_likelihood

    X, y = its_design(40, 20), simulate(7, 40, ar=0.5)
    y[[3, 22]] = np.nan
    honest = fit_arima(X, y, (1, 0, 0))
    monkeypatch.setattr(arima_likelihood, "_inverse", lambda matrix: None)
    fit = fit_arima(X, y, (1, 0, 0))
    assert fit.flags["not_converged"].tolist() == [True]
    rho, variance = honest.partial_autocorrelations[0, 0], honest.sigma[0] ** 2
    keep = ~np.isnan(y[:, 0])
    V = variance * linalg.toeplitz(rho ** np.arange(40))[np.ix_(keep, keep)]
    known = np.linalg.inv(X[keep].T @ np.linalg.solve(V, X[keep]))
    np.testing.assert_allclose(fit.covariance.model[0], known, rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(fit.params, honest.params, rtol=1e-3)


def test_a_flat_likelihood_has_no_inverse():
    from its_eval.estimators.arima import _inverse

    assert _inverse(np.diag([1.0, -1.0])) is None
    assert _inverse(np.array([[np.nan]])) is None
    np.testing.assert_allclose(_inverse(np.diag([2.0, 4.0])), np.diag([0.5, 0.25]))


def test_a_step_that_loses_likelihood_is_not_taken(monkeypatch):
    from its_eval.estimators import arima as arima_likelihood

    X, y = its_design(40, 20), simulate(8, 40, ar=0.5)
    honest = arima_likelihood._log_likelihood
    seen = []

    def falling(model, params):
        seen.append(honest(model, params))
        return seen[0] - len(seen) if len(seen) < 3 else seen[-1]

    monkeypatch.setattr(arima_likelihood, "_log_likelihood", falling)
    assert fit_arima(X, y, (1, 0, 0)).flags["not_converged"].tolist() == [True]


def test_impossible_parameters_have_no_likelihood():
    from its_eval.estimators.arima import ErrorProcess, _log_likelihood, _model

    model = _model(ErrorProcess((1, 0, 0), (0, 0, 0, 0)), np.arange(10.0), np.zeros((10, 0)))
    assert _log_likelihood(model, np.array([0.5, -1.0])) == -np.inf
    assert np.isfinite(_log_likelihood(model, np.array([0.5, 1.0])))


def test_degenerate_and_near_unit_root_series():
    X = its_design(60, 30)
    walk = np.cumsum(simulate(9, 60), axis=0)
    Y = np.column_stack([X @ [1.0, 2.0, 3.0, 4.0], walk[:, 0]])
    fit = fit_arima(X[:, :1], Y[:, 1:], (1, 0, 0))
    assert fit.flags["near_unit_root"].tolist() == [True]
    fit = fit_arima(X, Y, (1, 0, 0))
    assert fit.flags["degenerate"].tolist() == [True, False]
    np.testing.assert_allclose(fit.params[0], [1, 2, 3, 4], rtol=1e-9)
    assert np.isinf(fit.log_likelihood[0])


def test_refusals():
    X, y = its_design(20, 10), simulate(10, 20)
    with pytest.raises(ValueError, match="have to be 0 or more"):
        fit_arima(X, y, (1, -1, 0))
    with pytest.raises(ValueError, match="needs a season of at least 2 months"):
        fit_arima(X, y, (1, 0, 0), (1, 0, 0, 0))
    y[12:] = np.nan
    with pytest.raises(SingularDesignError, match="too few"):
        fit_arima(X[:, :1], y, (0, 0, 0), (0, 1, 0, 12))
