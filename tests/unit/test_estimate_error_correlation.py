"""Error covariance matrices of fits, and whitening."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from its_eval.estimators.least_squares import fit_ols
from its_eval.estimators.prais_winsten import fit_prais_winsten
from its_eval.estimators.reml.autoregression import error_correlation, innovations
from its_eval.estimators.reml.noise import fit_reml_ar_noise
from its_eval.estimators.reml.reml_ar import fit_reml_ar


def its_design(n, start):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), t - start, post, post * (t - start)])


def second_order(seed, n, replicates):
    series = np.random.default_rng(seed).standard_normal((n + 200, replicates))
    for t in range(2, n + 200):
        series[t] += 0.5 * series[t - 1] + 0.2 * series[t - 2]
    return series[200:]


X = its_design(50, 20)
Y = second_order(1, 50, 2)
LAGS = np.abs(np.subtract.outer(np.arange(50), np.arange(50)))


def test_first_order():
    for name, fit in (("reml_ar", fit_reml_ar(X, Y, 1)), ("prais_winsten", fit_prais_winsten(X, Y))):
        rho = fit.partial_autocorrelations[1, 0]
        np.testing.assert_allclose(error_correlation(name, fit, 1, 50), rho**LAGS, atol=1e-12)


def test_second_order_solves_the_yule_walker_equations():
    fit = fit_reml_ar(X, Y, 2)
    r1, r2 = fit.partial_autocorrelations[0]
    matrix = error_correlation("reml_ar", fit, 0, 50)
    np.testing.assert_allclose(np.diag(matrix), 1.0)
    rho = matrix[0]
    phi = np.linalg.solve([[1.0, rho[1]], [rho[1], 1.0]], rho[1:3])
    np.testing.assert_allclose(phi, [r1 * (1 - r2), r2], atol=1e-10)
    np.testing.assert_allclose(rho[2:], phi[0] * rho[1:-1] + phi[1] * rho[:-2], atol=1e-12)


def test_independent_errors():
    for name in ("ols", "newey_west"):
        np.testing.assert_array_equal(error_correlation(name, fit_ols(X, Y), 0, 50), np.eye(50))


def test_a_variance_for_each_segment():
    after = np.arange(50) >= 20
    fit = replace(fit_reml_ar(X, Y, 1), variance_ratio=np.array([4.0, 0.25]))
    rho = fit.partial_autocorrelations[1, 0]
    matrix = error_correlation("reml_ar", fit, 1, 50, after)
    scale = np.where(after, 0.5, 1.0)
    np.testing.assert_allclose(matrix, scale[:, None] * rho**LAGS * scale, atol=1e-12)
    with pytest.raises(ValueError, match="needs the months after the interruption"):
        error_correlation("reml_ar", fit, 1, 50)


def test_signal_and_noise():
    fit = fit_reml_ar_noise(X, Y)
    for s in range(2):
        rho, q = fit.partial_autocorrelations[s, 0], fit.variance_ratio[s]
        signal = rho**LAGS / (1 - rho**2)
        V = np.eye(50) + q * signal if np.isfinite(q) else signal
        np.testing.assert_allclose(error_correlation("reml_ar_noise", fit, s, 50), V / V[0, 0], atol=1e-10)
    pure = replace(fit, variance_ratio=np.full(2, np.inf))
    rho = fit.partial_autocorrelations[0, 0]
    np.testing.assert_allclose(error_correlation("reml_ar_noise", pure, 0, 50), rho**LAGS, atol=1e-12)


def test_innovations_whiten_and_skip_missing_months():
    fit = fit_reml_ar(X, Y, 1)
    rho = fit.partial_autocorrelations[0, 0]
    residuals = Y[:, 0] - X @ fit.params[0]
    white = innovations(error_correlation("reml_ar", fit, 0, 50), residuals)
    # for AR(1) without gaps: e_t - rho e_{t-1} over its standard deviation
    np.testing.assert_allclose(white[0], residuals[0])
    np.testing.assert_allclose(white[1:], (residuals[1:] - rho * residuals[:-1]) / np.sqrt(1 - rho**2))
    residuals[[7, 8]] = np.nan
    gappy = innovations(error_correlation("reml_ar", fit, 0, 50), residuals)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(gappy)), [7, 8])
    np.testing.assert_allclose(gappy[:7], white[:7])
    np.testing.assert_allclose(gappy[10:], white[10:])
    expected = (residuals[9] - rho**3 * residuals[6]) / np.sqrt(1 - rho**6)
    np.testing.assert_allclose(gappy[9], expected)


def test_other_estimators_are_refused():
    with pytest.raises(ValueError, match=r"poisson has no error model .*ols, newey_west, reml_ar"):
        error_correlation("poisson", fit_ols(X, Y), 0, 50)
