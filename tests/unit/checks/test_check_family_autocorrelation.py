"""Ljung-Box of a family's Pearson residuals: moments of what is drawn, size, and what it finds."""

import numpy as np
import pytest

from its_eval.checks.family_autocorrelation import draw_family, family_autocorrelation, variance_of
from its_eval.estimators.glm import fit_glm

N = 60
TIME = np.arange(N)
POST = (TIME >= 30) * 1.0
X = np.column_stack([np.ones(N), TIME - 30.0, POST, POST * (TIME - 30.0)])


@pytest.mark.parametrize(
    ("family", "dispersion", "factor"),
    [
        ("poisson", 1.0, 1.0),
        ("quasi_poisson", 2.5, 2.5),
        ("quasi_poisson", 0.7, 1.0),
        ("negative_binomial", 0.2, 1.0),
        ("binomial", 1.0, 1.0),
        ("quasi_binomial", 3.0, 3.0),
    ],
)
def test_what_is_drawn_has_the_moments_of_the_family(family, dispersion, factor):
    rng = np.random.default_rng(2)
    sizes = np.array([20.0, 60.0, 200.0])
    mean = np.array([4.0, 30.0, 170.0])
    drawn = draw_family(family, mean, sizes, dispersion, rng, 60_000)
    variance = factor * variance_of(family, mean, sizes, dispersion)
    np.testing.assert_allclose(drawn.mean(axis=1), mean, atol=5 * np.sqrt(variance.max() / 60_000))
    np.testing.assert_allclose(drawn.var(axis=1), variance, rtol=0.04)


def check(family, y, seed, sizes=None):
    n = np.ones(N) if sizes is None else sizes
    binomial = family in ("binomial", "quasi_binomial")
    given = {"trials": n[:, None]} if binomial else {"exposure": n[:, None]}
    fit = fit_glm(X, y[:, None], family, **given)
    linear = X @ fit.params[0]
    mean = n / (1 + np.exp(-linear)) if binomial else n * np.exp(linear)
    rng = np.random.default_rng(seed)
    return family_autocorrelation(X, y, mean, n, family, float(fit.dispersion[0]), rng, 0.05, draws=199)


def autoregressive(rng, rho=0.6):
    latent = np.zeros(N)
    latent[0] = rng.standard_normal()
    for place in range(1, N):
        latent[place] = rho * latent[place - 1] + np.sqrt(1 - rho**2) * rng.standard_normal()
    return latent


def test_neighbours_that_are_alike_are_found_and_named():
    rng = np.random.default_rng(3)
    found = [
        check("quasi_poisson", rng.poisson(100 * np.exp(0.3 * autoregressive(rng))).astype(float), s)
        for s in range(20)
    ]
    attention = [item for item in found if item.status != "pass"]
    assert len(attention) >= 14
    assert {item.check for item in found} == {"ljung_box"}
    assert "quasi_poisson takes as independent" in attention[0].message
    assert "errors: ar1" in attention[0].message


@pytest.mark.parametrize("family", ["poisson", "quasi_binomial"])
def test_size_for_small_counts(family):
    """200 clean series with means of 2: a tenth may be attention by chance at most."""
    rng = np.random.default_rng(4)
    low = 0
    for seed in range(200):
        if family == "poisson":
            low += check(family, rng.poisson(np.full(N, 2.0)).astype(float), seed).p_value <= 0.05
        else:
            trials = np.full(N, 12.0)
            low += check(family, rng.binomial(12, 0.2, N).astype(float), seed, trials).p_value <= 0.05
    assert low / 200 <= 0.05 + 3.5 * np.sqrt(0.05 * 0.95 / 200)


def test_missing_periods_keep_their_neighbours_apart_and_few_do_not_do():
    rng = np.random.default_rng(5)
    y = rng.poisson(np.full(N, 30.0)).astype(float)
    y[[3, 4, 40]] = np.nan
    found = check("poisson", y, 1)
    assert found.status in ("pass", "note", "attention")
    assert 0.0 < found.p_value <= 1.0
    short = family_autocorrelation(
        X[:4], y[5:9], np.full(4, 30.0), np.ones(4), "poisson", 1.0, np.random.default_rng(0), 0.05
    )
    assert short.status == "not_applicable"
