"""Local level and sampling noise beside an AR(1): against dense matrices, and against their limiting models."""

from __future__ import annotations

import numpy as np
import pytest
from dense_components import DenseComponents

from its_eval.estimators.reml.local_level import fit_reml_local_level
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.estimators.reml.sampling_noise import fit_reml_ar_sampling

DESIGNS = {
    # name: (n, first post month, month dummies, level of the series, missing months)
    "24": (24, 12, False, 0.0, ()),
    "48 high level, gaps": (48, 24, False, 1e3, (0, 10, 11, 12, 30, 47)),
    "83 month dummies, gaps": (83, 27, True, 95.0, (5, 40, 41, 60)),
}


def its_design(n, start, months=False):
    t = np.arange(n)
    post = (t >= start) * 1.0
    X = np.column_stack([np.ones(n), t - start, post, post * (t - start)])
    return np.hstack([X, (t[:, None] % 12 == np.arange(1, 12)) * 1.0]) if months else X


def autoregression(rng, n, rho, replicates):
    series = rng.standard_normal((n + 200, replicates))
    for t in range(1, n + 200):
        series[t] += rho * series[t - 1]
    return series[200:] * np.sqrt(1.0 - rho**2)


def drifting(rng, n, replicates):
    """AR(1) errors around random walks from none to nothing else."""
    parts = []
    for rho, step in ((0.4, 0.0), (0.4, 0.15), (0.6, 0.5), (0.0, 0.3), (-0.2, 3.0)):
        walk = step * rng.standard_normal((n, replicates)).cumsum(axis=0)
        parts.append(autoregression(rng, n, rho, replicates) + walk)
    return np.hstack([*parts, rng.standard_normal((n, replicates)).cumsum(axis=0)])


def agree(dense, fit, y, contrasts, parameters, free, series):
    found = fit.one(series).contrasts(contrasts)
    rows = dense.inference(np.array(parameters), free, y, contrasts)
    np.testing.assert_allclose(found.estimate[0], rows[:, 0], atol=1e-6 * rows[:, 1].max())
    np.testing.assert_allclose(found.std_error[0], rows[:, 1], rtol=1e-6)
    np.testing.assert_allclose(found.df_unclipped[0], rows[:, 2], rtol=1e-6)


def compare(dense, fit, Y, observed, contrasts, bounds, nearest=0.0):
    """Compare every series with the dense reference, and return how many have both parameters inside."""
    inside = 0
    for series in range(Y.shape[1]):
        y = Y[observed, series]
        ratio, rho = fit.variance_ratio[series], fit.partial_autocorrelations[series, 0]
        share = 1.0 / (1.0 + ratio)
        value, best_rho, best_share = dense[series].fit(y)
        own = dense[series].restricted(rho, share, y - y.mean())
        assert fit.log_likelihood[series] == pytest.approx(own, rel=1e-9)
        # never a worse optimum than the dense search finds
        assert fit.log_likelihood[series] > value - 1e-7
        free = [0]
        free += [1] if share < 1.0 and bounds[0] < rho < bounds[1] else []
        free += [2] if 0.0 < share < 1.0 else []
        if free == [0, 1, 2]:
            inside += 1
            if fit.log_likelihood[series] < value + 1e-7:
                assert rho == pytest.approx(best_rho, abs=2e-3)
                assert share == pytest.approx(best_share, abs=2e-3)
        elif share == 1.0:
            free = [2]
        if share < 1.0 and abs(rho) < nearest:
            continue
        variance = fit.sigma[series] ** 2
        parameters = ((1.0 - share) * variance, rho, share * variance)
        agree(dense[series], fit, y, contrasts, parameters, free, series)
    return inside


@pytest.mark.parametrize("name", DESIGNS)
def test_local_level_agrees_with_dense_matrices(name):
    n, start, months, level, missing = DESIGNS[name]
    X = its_design(n, start, months)
    Y = level + drifting(np.random.default_rng(20150701), n, 2)
    Y[list(missing)] = np.nan
    observed = ~np.isnan(Y[:, 0])
    position = np.arange(1.0, n + 1.0)
    walk = np.minimum.outer(position, position) / position[observed].mean()
    fit = fit_reml_local_level(X, Y)
    dense = [DenseComponents(X, walk, observed, (-0.3, 0.95))] * Y.shape[1]
    assert compare(dense, fit, Y, observed, np.eye(X.shape[1])[:4], (-0.3, 0.95)) >= 3


@pytest.mark.parametrize("name", DESIGNS)
def test_sampling_noise_agrees_with_dense_matrices(name):
    n, start, months, level, missing = DESIGNS[name]
    X = its_design(n, start, months)
    rng = np.random.default_rng(20150702)
    sampling = rng.uniform(0.2, 3.0, (n, 10)) * np.linspace(0.5, 2.0, n)[:, None]
    noise = np.sqrt(sampling) * rng.standard_normal((n, 10))
    latent = np.repeat([0.1, 0.5, 1.0, 2.0, 4.0], 2) * autoregression(rng, n, 0.6, 10)
    Y = level + noise + latent
    Y[list(missing)] = np.nan
    observed = ~np.isnan(Y[:, 0])
    fit = fit_reml_ar_sampling(X, Y, sampling)
    relative = sampling / sampling[observed].mean(axis=0)
    dense = [DenseComponents(X, np.diag(one), observed, (-0.5, 0.99)) for one in relative.T]
    # nearer to 0 than this the package takes its derivatives at 0.01
    assert compare(dense, fit, Y, observed, np.eye(X.shape[1])[:4], (-0.5, 0.99), nearest=0.01) >= 3
    share = 1.0 / (1.0 + fit.variance_ratio)
    expected = fit.sigma**2 * share / sampling[observed].mean(axis=0)
    np.testing.assert_allclose(fit.dispersion, expected, rtol=1e-12)


@pytest.mark.parametrize("missing", [(), (3, 4, 30)])
def test_without_drift_or_sampling_noise_they_are_the_autoregression(missing):
    X = its_design(60, 25)
    rng = np.random.default_rng(2)
    Y = autoregression(rng, 60, 0.5, 40)
    Y[list(missing)] = np.nan
    pure = fit_reml_ar(X, Y, 1)
    for fit in (fit_reml_local_level(X, Y), fit_reml_ar_sampling(X, Y, rng.uniform(0.5, 2.0, Y.shape))):
        rho = fit.partial_autocorrelations[:, 0]
        edge = np.isinf(fit.variance_ratio) & (rho > -0.3) & (rho < 0.95)
        assert edge.sum() > 5
        assert np.all(fit.log_likelihood > pure.log_likelihood - 1e-9)
        for name in ("params", "sigma", "partial_autocorrelations", "log_likelihood"):
            np.testing.assert_allclose(
                getattr(fit, name)[edge], getattr(pure, name)[edge], rtol=1e-8, atol=1e-8
            )
        mine, theirs = (one.contrasts(np.eye(4)) for one in (fit, pure))
        np.testing.assert_allclose(mine.std_error[edge], theirs.std_error[edge], rtol=1e-8)
        np.testing.assert_allclose(mine.df_unclipped[edge], theirs.df_unclipped[edge], rtol=1e-8)


@pytest.mark.parametrize("missing", [(), (0, 5, 6, 40, 59)])
def test_a_random_walk_is_least_squares_of_differences(missing):
    X = its_design(60, 25)
    Y = np.random.default_rng(3).standard_normal((60, 40)).cumsum(axis=0)
    Y[list(missing)] = np.nan
    observed = ~np.isnan(Y[:, 0])
    fit = fit_reml_local_level(X, Y)
    edge = np.flatnonzero(fit.variance_ratio == 0.0)
    assert edge.size > 5
    assert fit.flags["near_unit_root"][edge].all()
    root = np.sqrt(np.diff(np.flatnonzero(observed)))[:, None]
    # the constant has no difference: the level of the first month is not estimated from the others
    D, changes = np.diff(X[observed], axis=0)[:, 1:] / root, np.diff(Y[observed], axis=0) / root
    slopes, rss = np.linalg.lstsq(D, changes, rcond=None)[:2]
    df = observed.sum() - X.shape[1]
    spread = np.sqrt(np.diag(np.linalg.inv(D.T @ D))[:, None] * rss / df)
    found = fit.contrasts(np.eye(4)[1:])
    np.testing.assert_allclose(found.estimate[edge], slopes.T[edge], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(found.std_error[edge], spread.T[edge], rtol=1e-8)
    np.testing.assert_allclose(found.df[edge], df, rtol=1e-8)
