"""Variance by segment of weighted percentages against dense matrices from the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from dense_by_segment import DenseBySegment

from its_eval.estimators.reml.by_segment import fit_reml_by_segment
from its_eval.estimators.reml.forms_fit import fit_reml_ar_own

N, START = 40, 17


class Weighted(DenseBySegment):
    """Each month's variance is that of its segment times a known one."""

    def __init__(self, X, order, after, observed, relative):
        super().__init__(X, order, after, observed)
        self.root = np.sqrt(relative[observed])

    def covariance(self, theta):
        return self.root[:, None] * super().covariance(theta) * self.root


def made(missing):
    rng = np.random.default_rng(4)
    t = np.arange(N)
    after = t >= START
    X = np.column_stack([np.ones(N), t - START, after, after * (t - START)]).astype(float)
    relative = rng.uniform(0.3, 3.0, (N, 4))
    errors = rng.standard_normal((N + 50, 4))
    for month in range(1, N + 50):
        errors[month] += 0.4 * errors[month - 1]
    Y = errors[50:] * np.where(after, 1.6, 1.0)[:, None] * np.sqrt(relative)
    Y[list(missing)] = np.nan
    observed = ~np.isnan(Y[:, 0])
    # weights of observed months have a geometric mean of 1, so that likelihoods compare
    return X, Y, after, observed, relative / np.exp(np.log(relative[observed]).mean(axis=0))


@pytest.mark.parametrize(("order", "missing"), [(1, ()), (1, (0, 5, 6, 30)), (2, ())])
def test_segment_variances_times_relative_variance(order, missing):
    X, Y, after, observed, relative = made(missing)
    root = np.sqrt(relative)
    fit = fit_reml_ar_own(X[None] / root.T[:, :, None], Y / root, order, after)
    found = fit.contrasts(np.eye(4))
    sizes = {1: (20, 15), 2: (12, 8, 11)}[order]
    for s in range(Y.shape[1]):
        dense = Weighted(X, order, after, observed, relative[:, s])
        y = Y[observed, s]
        ((_, theta),) = dense.fit(y[:, None], sizes)
        rows, sigma, deviance = dense.inference(theta, y, np.eye(4))
        np.testing.assert_allclose(np.log(fit.variance_ratio[s]), theta[-1], atol=1e-6)
        np.testing.assert_allclose(fit.partial_autocorrelations[s], theta[:-1], atol=1e-6)
        np.testing.assert_allclose(found.estimate[s], rows[:, 0], atol=1e-6 * rows[:, 1].min())
        np.testing.assert_allclose(found.std_error[s], rows[:, 1], rtol=1e-5)
        np.testing.assert_allclose(found.df_unclipped[s], rows[:, 2], rtol=1e-5)
        np.testing.assert_allclose(fit.sigma[s], sigma, rtol=1e-6)
        np.testing.assert_allclose(-2.0 * fit.log_likelihood[s], deviance, rtol=1e-9)


def test_equal_weights_are_none():
    X, Y, after, _, _ = made((3, 20))
    own = fit_reml_ar_own(np.broadcast_to(X, (4, *X.shape)), Y, 1, after)
    shared = fit_reml_by_segment(X, Y, 1, after)
    np.testing.assert_allclose(own.params, shared.params, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(own.covariance.adjusted, shared.covariance.adjusted, rtol=1e-7)
    np.testing.assert_allclose(own.variance_ratio, shared.variance_ratio, rtol=1e-8)
    assert own.flags.keys() == shared.flags.keys()
