"""KR1 standard errors and degrees of freedom at the estimates, against dense matrices from the definitions.

The long comparison of whole fits is in tests/reference; here each error model has one small design, so that a
slip in a formula shows within a second.
"""

from __future__ import annotations

import numpy as np
import pytest
from dense_by_segment import DenseBySegment
from dense_noise import DenseNoise
from dense_reference import DenseReml

from its_eval.estimators.reml.by_segment import fit_reml_by_segment
from its_eval.estimators.reml.noise import fit_reml_ar_noise
from its_eval.estimators.reml.reml_ar import fit_reml_ar

N, START, MISSING = 34, 15, [4, 20, 21]
CONTRASTS = np.array([[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 9.0]])


@pytest.fixture
def made():
    """Design, observed months, months after the start, and gappy AR(2) series of different persistence."""
    time = np.arange(N)
    after = time >= START
    X = np.column_stack([np.ones(N), time - START, after, after * (time - START)]).astype(float)
    shocks = np.random.default_rng(7).standard_normal((N + 100, 6))
    first, second = np.linspace(-0.3, 0.7, 6), np.linspace(0.2, -0.2, 6)
    for t in range(2, N + 100):
        shocks[t] += first * shocks[t - 1] + second * shocks[t - 2]
    Y = 5.0 + shocks[100:]
    Y[after] *= 1.4
    Y[MISSING] = np.nan
    return X, ~np.isnan(Y[:, 0]), after, Y


def agree(fit, series, rows):
    found = fit.contrasts(CONTRASTS)
    np.testing.assert_allclose(found.estimate[series], rows[:, 0], atol=1e-6 * rows[:, 1].max())
    np.testing.assert_allclose(found.std_error[series], rows[:, 1], rtol=1e-6)
    np.testing.assert_allclose(found.df_unclipped[series], rows[:, 2], rtol=1e-5)


@pytest.mark.parametrize("order", [1, 2])
def test_autoregressive_errors(made, order):
    X, observed, _, Y = made
    dense = DenseReml(X, order, observed)
    fit = fit_reml_ar(X, Y, order)
    for series in range(Y.shape[1]):
        rows, variance, _ = dense.inference(
            fit.partial_autocorrelations[series], Y[observed, series], CONTRASTS
        )
        agree(fit, series, rows)
        assert fit.sigma[series] ** 2 == pytest.approx(variance, rel=1e-8)


@pytest.mark.parametrize("order", [1, 2])
def test_a_variance_for_each_segment(made, order):
    X, observed, after, Y = made
    dense = DenseBySegment(X, order, after, observed)
    fit = fit_reml_by_segment(X, Y, order, after)
    for series in range(Y.shape[1]):
        theta = np.append(fit.partial_autocorrelations[series], np.log(fit.variance_ratio[series]))
        rows, sigma, deviance = dense.inference(theta, Y[observed, series], CONTRASTS)
        agree(fit, series, rows)
        assert fit.sigma[series] == pytest.approx(sigma, rel=1e-8)
        assert -2.0 * fit.log_likelihood[series] == pytest.approx(deviance, rel=1e-9)


def test_autoregression_with_noise(made):
    X, observed, _, Y = made
    dense = DenseNoise(X, observed)
    fit = fit_reml_ar_noise(X, Y)
    inside = np.flatnonzero(np.isfinite(fit.variance_ratio) & ~fit.flags["at_bound"])
    assert inside.size >= 2
    for series in inside:
        rho, ratio = fit.partial_autocorrelations[series, 0], fit.variance_ratio[series]
        y = Y[observed, series]
        residual = y - X[observed] @ np.linalg.lstsq(X[observed], y, rcond=None)[0]
        value, noise = dense.restricted(rho, ratio, residual)
        agree(fit, series, dense.inference((noise, rho, ratio), y, CONTRASTS))
        assert fit.log_likelihood[series] == pytest.approx(value, rel=1e-9)
        assert fit.sigma[series] ** 2 == pytest.approx(noise * (1.0 + ratio / (1.0 - rho**2)), rel=1e-8)
