"""Prais-Winsten: the definition by hand, gaps, bounds, degenerate series."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.least_squares import fit_ols
from its_eval.estimators.prais_winsten import LARGEST_RHO, GapError, fit_prais_winsten


def its_design(n, start):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), t - start, post, post * (t - start)])


def autoregression(rng, n, rho, replicates):
    series = rng.standard_normal((n + 200, replicates))
    for t in range(1, n + 200):
        series[t] += rho * series[t - 1]
    return series[200:]


RULES = {
    "regress": lambda e: e[1:] @ e[:-1] / (e[:-1] @ e[:-1]),
    "tscorr": lambda e: e[1:] @ e[:-1] / (e @ e),
    "dw": lambda e: 1 - np.diff(e) @ np.diff(e) / (e @ e) / 2,
}


def by_hand(X, y, rule, iterate):
    """Rows transformed one by one, least squares, until rho settles."""
    beta, before = np.linalg.lstsq(X, y, rcond=None)[0], 0.0
    while True:
        rho = rule(y - X @ beta)
        first = np.sqrt(1 - rho**2)
        rows = np.vstack([first * X[0], X[1:] - rho * X[:-1]])
        values = np.append(first * y[0], y[1:] - rho * y[:-1])
        beta = np.linalg.solve(rows.T @ rows, rows.T @ values)
        if not iterate or abs(rho - before) < 1e-6:
            break
        before = rho
    residual = values - rows @ beta
    variance = residual @ residual / (len(y) - X.shape[1])
    return beta, variance * np.linalg.inv(rows.T @ rows), rho, variance


@pytest.mark.parametrize("rho", RULES)
@pytest.mark.parametrize("iterate", [True, False])
def test_many_series_are_those_transformed_row_by_row(rho, iterate):
    X = its_design(60, 25)
    Y = 50 + autoregression(np.random.default_rng(1), 60, 0.5, 6)
    fit = fit_prais_winsten(X, Y, rho, iterate=iterate)
    for s in range(6):
        beta, covariance, value, variance = by_hand(X, Y[:, s], RULES[rho], iterate)
        np.testing.assert_allclose(fit.params[s], beta, rtol=1e-8)
        np.testing.assert_allclose(fit.covariance.model[s], covariance, rtol=1e-8)
        np.testing.assert_allclose(fit.partial_autocorrelations[s], value, rtol=1e-9)
        np.testing.assert_allclose(fit.sigma[s], np.sqrt(variance / (1 - value**2)), rtol=1e-9)
    np.testing.assert_array_equal(fit.contrasts(np.eye(4)).df, 56.0)
    assert not any(flag.any() for flag in fit.flags.values())


def test_log_likelihood_is_the_density_of_the_series():
    X = its_design(40, 20)
    y = autoregression(np.random.default_rng(2), 40, 0.6, 1)
    fit = fit_prais_winsten(X, y)
    rho = fit.partial_autocorrelations[0, 0]
    variance = fit.sigma[0] ** 2 * 36 / 40  # maximum likelihood variance for s^2
    lags = np.abs(np.subtract.outer(np.arange(40), np.arange(40)))
    density = stats.multivariate_normal(X @ fit.params[0], variance * rho**lags)
    np.testing.assert_allclose(fit.log_likelihood[0], density.logpdf(y[:, 0]), rtol=1e-10)


def test_missing_ends_are_a_shorter_series_and_gaps_are_refused():
    X = its_design(50, 25)
    Y = autoregression(np.random.default_rng(3), 50, 0.4, 3)
    Y[:4, 1] = np.nan
    Y[47:, 1] = np.nan
    fit = fit_prais_winsten(X, Y)
    short = fit_prais_winsten(X[4:47], Y[4:47, [1]])
    np.testing.assert_allclose(fit.params[1], short.params[0])
    np.testing.assert_allclose(fit.covariance.adjusted[1], short.covariance.adjusted[0])
    np.testing.assert_array_equal(fit.n_used, [50, 43, 50])
    Y[[10, 11, 30], 2] = np.nan
    with pytest.raises(GapError, match=r"^3 of the periods .* are missing; .*use reml_ar$"):
        fit_prais_winsten(X, Y)


def test_an_autocorrelation_of_one_or_more_is_held_and_flagged():
    # Swings that grow: the regression of e_t on e_{t-1} is below -1 whatever the level.
    y = (-1.05) ** np.arange(40.0)[:, None]
    fit = fit_prais_winsten(np.ones((40, 1)), y)
    assert fit.flags["at_bound"].tolist() == [True]
    assert fit.flags["near_unit_root"].tolist() == [False]
    assert fit.partial_autocorrelations[0, 0] == -LARGEST_RHO
    assert np.isfinite(fit.contrasts(np.eye(1)).std_error).all()


def test_a_rho_that_never_settles_is_flagged(monkeypatch):
    monkeypatch.setattr("its_eval.estimators.prais_winsten.MAXIMUM_ITERATIONS", 2)
    y = autoregression(np.random.default_rng(4), 30, 0.9, 2)
    fit = fit_prais_winsten(its_design(30, 15), y)
    assert fit.flags["not_converged"].tolist() == [True, True]
    assert not fit_prais_winsten(its_design(30, 15), y, iterate=False).flags["not_converged"].any()


def test_degenerate_series_are_those_of_least_squares():
    X = its_design(30, 15)
    Y = np.column_stack([X @ [1.0, 2.0, 3.0, 4.0], np.random.default_rng(5).standard_normal(30)])
    fit = fit_prais_winsten(X, Y)
    assert fit.flags["degenerate"].tolist() == [True, False]
    np.testing.assert_allclose(fit.params[0], [1, 2, 3, 4], rtol=1e-9)
    assert fit.contrasts(np.eye(4)).std_error[0].tolist() == [0.0] * 4
    assert fit_prais_winsten(X, Y[:, :1]).flags["degenerate"].tolist() == [True]


def test_white_noise_is_close_to_least_squares():
    X = its_design(200, 100)
    Y = np.random.default_rng(6).standard_normal((200, 1))
    fit, plain = fit_prais_winsten(X, Y), fit_ols(X, Y)
    np.testing.assert_allclose(fit.params, plain.params, atol=0.1)
    assert abs(fit.partial_autocorrelations[0, 0]) < 0.2


def test_refusals():
    X = its_design(10, 5)
    Y = np.random.default_rng(7).standard_normal((10, 1))
    with pytest.raises(ValueError, match="rho is 'freg'; it has to be one of regress, tscorr, dw"):
        fit_prais_winsten(X, Y, "freg")
    Y[4:] = np.nan
    with pytest.raises(SingularDesignError, match="too few"):
        fit_prais_winsten(X, Y)
    with pytest.raises(SingularDesignError, match="too few"):
        fit_prais_winsten(X, np.full((10, 1), np.nan))
