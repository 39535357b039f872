"""AR(1) plus noise in the sine basis against dense matrices from the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from dense_noise import DenseNoise

from its_eval.estimators.reml.noise import fit_reml_ar_noise
from its_eval.estimators.reml.reml_ar import fit_reml_ar

DESIGNS = {
    # name: (n, first post month, month dummies, level of the series, missing months)
    "24": (24, 12, False, 0.0, ()),
    "48 high level": (48, 24, False, 1e4, ()),
    "48 gaps": (48, 24, False, 3.0, (0, 10, 11, 12, 30, 47)),
    "83": (83, 27, False, 0.0, ()),
    "83 month dummies, gaps": (83, 27, True, 95.0, (5, 40, 41, 60)),
}
#: rho and q of the truth; None is a random walk under noise of the same variance.
TRUTHS = ((0.7, 0.5), (0.95, 0.05), (-0.5, 2.0), (0.4, 20.0), None)


def its_design(n, start, months):
    t = np.arange(n)
    post = (t >= start) * 1.0
    X = np.column_stack([np.ones(n), t - start, post, post * (t - start)])
    return np.hstack([X, (t[:, None] % 12 == np.arange(1, 12)) * 1.0]) if months else X


def simulate(rng, n, truth, replicates):
    shocks = rng.standard_normal((n + 300, replicates))
    rho, q = truth or (1.0, 1.0)
    signal = np.zeros_like(shocks)
    for t in range(1, n + 300):
        signal[t] = rho * signal[t - 1] + shocks[t]
    return np.sqrt(q) * (signal[300:] - signal[300] * (truth is None)) + rng.standard_normal((n, replicates))


@pytest.mark.parametrize("name", DESIGNS)
def test_agrees_with_dense_matrices(name):
    n, start, months, level, missing = DESIGNS[name]
    X = its_design(n, start, months)
    contrasts = np.eye(X.shape[1])[:4]
    rng = np.random.default_rng(20150701)
    Y = level + np.hstack([simulate(rng, n, truth, 1 if n > 48 else 2) for truth in TRUTHS])
    observed = np.ones(n, bool)
    observed[list(missing)] = False
    dense = DenseNoise(X, observed)
    Y[~observed] = np.nan
    fit = fit_reml_ar_noise(X, Y)
    found = fit.contrasts(contrasts)
    interior = 0
    for s in range(Y.shape[1]):
        y = Y[observed, s]
        value, rho, q, noise = dense.fit(y)
        mine, ratio = fit.partial_autocorrelations[s, 0], fit.variance_ratio[s]
        # never a worse optimum than the dense search, which stops short of the pure AR(1)
        assert fit.log_likelihood[s] > value - 1e-6
        if fit.log_likelihood[s] > value + 1e-5:
            assert np.isinf(ratio)
            continue
        if not np.isfinite(ratio) or q < 0.011 or fit.flags["at_bound"][s]:
            continue
        interior += 1
        np.testing.assert_allclose(fit.log_likelihood[s], value, rtol=1e-8)
        np.testing.assert_allclose(mine, rho, atol=2e-4)
        np.testing.assert_allclose(ratio, q, rtol=2e-3)
        own = np.array([fit.sigma[s] ** 2 / (1 + ratio / (1 - mine**2)), mine, ratio])
        np.testing.assert_allclose(own[0], noise, rtol=2e-3)
        rows = dense.inference(own, y, contrasts)
        np.testing.assert_allclose(found.estimate[s], rows[:, 0], atol=1e-6 * rows[:, 1].max())
        np.testing.assert_allclose(found.std_error[s], rows[:, 1], rtol=1e-5)
        np.testing.assert_allclose(found.df_unclipped[s], rows[:, 2], rtol=1e-4)
    assert interior >= 2


@pytest.mark.parametrize("missing", [(), (3, 4, 30)])
def test_without_noise_it_is_the_autoregression(missing):
    X = its_design(60, 25, False)
    Y = simulate(np.random.default_rng(2), 60, (0.5, 1e6), 30)
    Y[list(missing)] = np.nan
    fit, pure = fit_reml_ar_noise(X, Y), fit_reml_ar(X, Y, 1)
    edge = np.isinf(fit.variance_ratio)
    assert edge.sum() > 5
    assert np.all(fit.log_likelihood > pure.log_likelihood - 1e-9)
    for name in ("params", "sigma", "partial_autocorrelations", "log_likelihood"):
        np.testing.assert_allclose(getattr(fit, name)[edge], getattr(pure, name)[edge], rtol=1e-6)
    mine, theirs = (one.contrasts(np.eye(4)) for one in (fit, pure))
    np.testing.assert_allclose(mine.std_error[edge], theirs.std_error[edge], rtol=1e-6)
    np.testing.assert_allclose(mine.df_unclipped[edge], theirs.df_unclipped[edge], rtol=1e-5)
