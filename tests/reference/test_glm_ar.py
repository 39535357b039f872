"""Counts and proportions with AR(1) errors against dense matrices, with and without gaps."""

from __future__ import annotations

import numpy as np
import pytest
from dense_glm_ar import DenseCounts

from its_eval.estimators.glm import fit_glm
from its_eval.estimators.glm_ar import fit_glm_ar

CONTRASTS = np.eye(4)[[2, 3]]


def series(family, seed, n=48, start=20, spread=0.5, rho=0.6, mean=12.0):
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    post = (t >= start) * 1.0
    X = np.column_stack([np.ones(n), (t - start) / 12, post, post * (t - start) / 12])
    latent = np.zeros(n)
    latent[0] = rng.standard_normal()
    for place in range(1, n):
        latent[place] = rho * latent[place - 1] + np.sqrt(1 - rho**2) * rng.standard_normal()
    eta = X @ [0.1, 0.05, -0.3, 0.1] + spread * latent
    if family in ("binomial", "quasi_binomial"):
        size = rng.integers(30, 90, n).astype(float)
        share = 1 / (1 + np.exp(-eta))
        wild = rng.beta(20 * share, 20 * (1 - share)) if family == "quasi_binomial" else share
        return X, rng.binomial(size.astype(int), wild).astype(float), size
    size = rng.uniform(0.5, 1.5, n) * mean
    wild = 1.0 if family == "poisson" else rng.gamma(4.0, 0.25, n)
    return X, rng.poisson(size * np.exp(eta) * wild).astype(float), size


def sizes(family, size):
    name = "trials" if family in ("binomial", "quasi_binomial") else "exposure"
    return {name: size[:, None]}


def compare(family, X, y, size, extra):
    observed = ~np.isnan(y)
    fit = fit_glm_ar(X, y[:, None], family, **sizes(family, size))
    dense = DenseCounts(X, y, size, family, observed)
    near = np.round([fit.sigma[0] ** 2, fit.partial_autocorrelations[0, 0], fit.dispersion[0]], 2)
    # it has to come back to where it was
    beta, parameters = dense.fit(np.round(fit.params[0], 3), extra, near if extra else None)
    assert not any(flag.any() for flag in fit.flags.values())
    read = fit.contrasts(CONTRASTS)
    se, df = dense.inference(beta, parameters, CONTRASTS)
    np.testing.assert_allclose(fit.params[0], beta, atol=1e-6 * se.min())
    np.testing.assert_allclose(fit.sigma[0] ** 2, parameters[0], rtol=1e-6)
    np.testing.assert_allclose(fit.partial_autocorrelations[0, 0], parameters[1], atol=1e-6)
    np.testing.assert_allclose(read.std_error[0], se, rtol=1e-6)
    np.testing.assert_allclose(read.df_unclipped[0], df, rtol=1e-5)
    z, noise = dense.working(beta)
    np.testing.assert_allclose(fit.log_likelihood[0], dense.restricted(parameters, z, noise), rtol=1e-8)
    assert fit.covariance.df_residual[0] == observed.sum() - 4
    return fit, parameters


@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
@pytest.mark.parametrize("family", ["poisson", "binomial"])
def test_known_noise_equals_dense_matrices(family, gaps):
    X, y, size = series(family, 3)
    if gaps:
        y[[0, 7, 8, 31]] = np.nan
    fit, _ = compare(family, X, y, size, extra=False)
    assert fit.dispersion[0] == 1.0


def overdispersed(family, seed):
    """Long enough to tell a slow process from independent overdispersion."""
    return series(family, seed, n=120, start=50, spread=0.6, rho=0.85, mean=40.0)


@pytest.mark.parametrize(
    ("family", "seed"), [("quasi_poisson", 0), ("negative_binomial", 2), ("quasi_binomial", 3)]
)
def test_estimated_noise_equals_dense_matrices(family, seed):
    fit, parameters = compare(family, *overdispersed(family, seed), extra=True)
    np.testing.assert_allclose(fit.dispersion[0], parameters[2], rtol=1e-6)


@pytest.mark.parametrize("family", ["quasi_poisson", "negative_binomial"])
def test_where_rho_may_be_zero_the_rest_of_the_noise_is_known(family):
    X, y, size = overdispersed(family, 6)
    fit = fit_glm_ar(X, y[:, None], family, exposure=size[:, None])
    dense = DenseCounts(X, y, size, family)
    z, noise = dense.working(fit.params[0])
    free, best = dense.maximise(z, noise, extra=True)
    _, independent = dense.maximise(z, noise, extra=True, rho=0.0)
    assert 2 * (best - independent) < 3.84
    assert free[2] > (1.0 if family == "quasi_poisson" else 0.0)
    known = fit_glm_ar(X, y[:, None], "poisson", exposure=size[:, None])
    np.testing.assert_allclose(fit.params, known.params, rtol=1e-9)
    np.testing.assert_allclose(fit.covariance.adjusted, known.covariance.adjusted, rtol=1e-9)
    assert fit.dispersion[0] == (1.0 if family == "quasi_poisson" else 0.0)


def test_noise_on_its_edge_counts_as_known():
    X, y, size = series("poisson", 2, n=120, start=50, spread=0.5, rho=0.85)
    fit = fit_glm_ar(X, y[:, None], "quasi_poisson", exposure=size[:, None])
    dense = DenseCounts(X, y, size, "quasi_poisson")
    z, noise = dense.working(fit.params[0])
    _, best = dense.maximise(z, noise, extra=True)
    _, independent = dense.maximise(z, noise, extra=True, rho=0.0)
    assert 2 * (best - independent) > 3.84
    assert fit.dispersion[0] == 1.0
    parameters = np.array([fit.sigma[0] ** 2, fit.partial_autocorrelations[0, 0], 1.0])
    se, df = dense.inference(fit.params[0], parameters, CONTRASTS, known=(2,))
    read = fit.contrasts(CONTRASTS)
    np.testing.assert_allclose(read.std_error[0], se, rtol=1e-6)
    np.testing.assert_allclose(read.df_unclipped[0], df, rtol=1e-5)


def test_at_its_bound_the_process_is_a_random_walk():
    """The limit of a stationary process, rho towards 1 with the variance of its steps kept."""
    X, y, size = series("poisson", 11)
    fit = fit_glm_ar(X, y[:, None], "poisson", exposure=size[:, None])
    assert fit.flags["at_bound"][0]
    assert fit.partial_autocorrelations[0, 0] == 1.0
    dense = DenseCounts(X, y, size, "poisson")
    z, noise = dense.working(fit.params[0])
    steps = fit.sigma[0] ** 2
    rho = 1 - 1e-7

    def restricted(variance):
        return dense.restricted((variance / (1 - rho**2), rho), z, noise)

    assert restricted(steps) > max(restricted(steps * 1.02), restricted(steps / 1.02))
    V = dense.covariance((steps / (1 - rho**2), rho), noise)
    Vi = np.linalg.inv(V)
    expected = np.linalg.solve(X.T @ Vi @ X, X.T @ Vi @ z)
    np.testing.assert_allclose(fit.params[0, 1:], expected[1:], rtol=1e-4)
    half = steps * 1e-4
    up, down = (dense.covariance((v / (1 - rho**2), rho), noise) for v in (steps + half, steps - half))
    phi = np.linalg.inv(X.T @ Vi @ X)
    P = Vi - Vi @ X @ phi @ X.T @ Vi
    first = (up - down) / (2 * half)
    W = 2 / np.trace(P @ first @ P @ first)
    c = CONTRASTS[0]
    g = c @ phi @ X.T @ Vi @ first @ Vi @ X @ phi @ c
    read = fit.contrasts(CONTRASTS)
    np.testing.assert_allclose(read.df_unclipped[0, 0], 2 * (c @ phi @ c) ** 2 / (g * W * g), rtol=1e-3)
    pull = X.T @ Vi @ first @ Vi @ X
    excess = W * (X.T @ Vi @ first @ Vi @ first @ Vi @ X - pull @ phi @ pull)
    np.testing.assert_allclose(
        read.std_error[0, 0], np.sqrt(c @ (phi + 2 * phi @ excess @ phi) @ c), rtol=1e-3
    )


@pytest.mark.parametrize("family", ["poisson", "quasi_poisson", "negative_binomial", "quasi_binomial"])
def test_without_a_process_the_fit_is_that_of_the_plain_family(family):
    X, _, size = series("binomial" if family == "quasi_binomial" else "poisson", 0)
    linear = X @ [0.1, 0.05, -0.3, 0.1]
    # no more spread than rounding
    y = np.round(size / (1 + np.exp(-linear)) if family == "quasi_binomial" else size * np.exp(linear))
    given = sizes(family, size)
    fit = fit_glm_ar(X, y[:, None], family, **given)
    plain = fit_glm(X, y[:, None], "binomial" if family == "quasi_binomial" else "poisson", **given)
    np.testing.assert_allclose(fit.params, plain.params, rtol=1e-9)
    np.testing.assert_allclose(fit.covariance.adjusted, plain.covariance.adjusted, rtol=1e-9)  # phi is 1
    assert np.isnan(fit.partial_autocorrelations).all()
    assert fit.sigma[0] == 0.0
    np.testing.assert_array_equal(fit.contrasts(CONTRASTS).df, 44.0)  # t, not the normal distribution
