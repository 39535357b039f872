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
    plain = fit_glm(X, y[:, None], family.replace("quasi_", "").replace("negative_binomial", "poisson"),
                    **sizes(family, size))  # fmt: skip
    dense = DenseCounts(X, y, size, family, observed)
    beta, parameters = dense.fit(plain.params[0], extra)
    assert not any(flag.any() for flag in fit.flags.values())
    read = fit.contrasts(CONTRASTS)
    se, df = dense.inference(beta, parameters, CONTRASTS)
    np.testing.assert_allclose(fit.params[0], beta, atol=1e-6 * se.min(), rtol=1e-6)
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
