"""Percentages weighted by their sampling variance, against dense generalised least squares."""

import numpy as np
import pytest
from scipy import linalg

from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.estimators.weights import binomial_variance, relative_variance


def its_design(n, start):
    time = np.arange(n)
    after = (time >= start) * 1.0
    return np.column_stack([np.ones(n), time - start, after, after * (time - start)])


def dense_restricted(X, y, correlation, scale):
    """Return estimates, covariance and restricted log-likelihood (up to a constant) under V = S R S."""
    n, k = X.shape
    V = scale[:, None] * correlation * scale[None, :]
    inverse = np.linalg.inv(V)
    information = X.T @ inverse @ X
    estimate = np.linalg.solve(information, X.T @ inverse @ y)
    residual = y - X @ estimate
    variance = residual @ inverse @ residual / (n - k)
    logs = np.linalg.slogdet(V)[1] + np.linalg.slogdet(information)[1]
    likelihood = -0.5 * ((n - k) * np.log(variance) + logs)
    return estimate, variance * np.linalg.inv(information), likelihood


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_weighted_rows_are_generalised_least_squares(seed):
    rng = np.random.default_rng(seed)
    n = 60
    X = its_design(n, 25)
    count = np.rint(np.linspace(60, 900, n) * rng.uniform(0.8, 1.2, n))
    share = 0.86 + 0.002 * np.arange(n) / 10
    y = 100 * rng.binomial(count.astype(int), share) / count
    sampling = binomial_variance(X, y[:, None], count[:, None])[:, 0]
    relative = relative_variance(X, y, sampling, np.ones(n, dtype=bool))
    root = np.sqrt(relative)
    fit = fit_reml_ar(X / root[:, None], (y / root)[:, None], 1)
    rho = fit.partial_autocorrelations[0, 0]
    estimate, covariance, best = dense_restricted(X, y, linalg.toeplitz(rho ** np.arange(n)), root)
    np.testing.assert_allclose(fit.params[0], estimate, rtol=1e-9)
    np.testing.assert_allclose(fit.covariance.model[0], covariance, rtol=1e-8)
    # the autocorrelation maximises the restricted likelihood of the unscaled series too
    for step in (-1e-3, 1e-3):
        nearby = dense_restricted(X, y, linalg.toeplitz((rho + step) ** np.arange(n)), root)[2]
        assert nearby < best


def test_sampling_variance_by_hand():
    X = np.ones((4, 1))
    percentages = np.array([[80.0], [90.0], [np.nan], [70.0]])
    denominators = np.array([[100.0], [50.0], [40.0], [np.nan]])
    variance = binomial_variance(X, percentages, denominators)[:, 0]
    fitted = 0.85
    np.testing.assert_allclose(variance[:2], 1e4 * fitted * (1 - fitted) / np.array([100.0, 50.0]))
    assert np.isnan(variance[2:]).all()


def test_a_series_at_its_ceiling_keeps_some_sampling_variance():
    variance = binomial_variance(np.ones((3, 1)), np.full((3, 1), 100.0), np.full((3, 1), 50.0))
    np.testing.assert_allclose(variance, 1e4 * 0.01 * 0.99 / 50)
    assert np.isnan(binomial_variance(np.ones((2, 1)), np.full((2, 1), np.nan), np.ones((2, 1)))).all()


def test_relative_variance_splits_latent_from_sampling():
    X = np.ones((5, 1))
    y = np.array([1.0, 5.0, 3.0, 2.0, 4.0])
    sampling = np.array([0.5, 1.0, 0.25, 0.25, np.nan])
    observed = np.array([True, True, True, True, False])
    latent = y[:4].var(ddof=1) - 0.5
    expected = latent + sampling[:4]
    expected = expected / np.exp(np.log(expected).mean())
    relative = relative_variance(X, y, sampling, observed)
    np.testing.assert_allclose(relative, [*expected, 1.0])
    assert np.log(relative[observed]).sum() == pytest.approx(0.0, abs=1e-12)
    # more sampling noise than residual variance: no latent part, never a negative one
    noisy = relative_variance(X, y, 100 * sampling, observed)
    np.testing.assert_allclose(noisy[0] / noisy[1], 0.5)
