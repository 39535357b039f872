"""What must not change in counts with AR(1) errors: units of exposure, company, order, coding of the design."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from its_eval.estimators.glm_ar import fit_glm_ar

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(deadline=None, max_examples=8)
N, START = 40, 18
FAMILIES = ("poisson", "quasi_poisson", "negative_binomial", "binomial", "quasi_binomial")


def study(family, seed, n_series=3):
    rng = np.random.default_rng(seed)
    t = np.arange(N)
    post = (t >= START) * 1.0
    X = np.column_stack([np.ones(N), (t - START) / 10, post, post * (t - START) / 10])
    latent = np.zeros((N, n_series))
    for month in range(1, N):
        latent[month] = rng.uniform(0, 0.9) * latent[month - 1] + 0.3 * rng.standard_normal(n_series)
    size = rng.integers(20, 60, (N, n_series)).astype(float)
    if family in ("binomial", "quasi_binomial"):
        Y, name = rng.binomial(size.astype(int), 1 / (1 + np.exp(-latent))).astype(float), "trials"
    else:
        Y, name = rng.poisson(size / 10 * np.exp(latent)).astype(float), "exposure"
    Y[[3, 4, 29], 0] = np.nan
    return X, Y, name, size


def numbers(fit):
    read = fit.contrasts(np.eye(fit.params.shape[1])[1:])
    return read.estimate, read.std_error, read.df


def same(left, right):
    for one, other in zip(left, right, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("family", FAMILIES)
@FEW
@given(seed=SEEDS)
def test_series_are_fitted_as_if_alone_and_in_any_order(family, seed):
    X, Y, name, size = study(family, seed)
    together = fit_glm_ar(X, Y, family, **{name: size})
    turned = fit_glm_ar(X, Y[:, ::-1], family, **{name: size[:, ::-1]})
    same(numbers(together), tuple(part[::-1] for part in numbers(turned)))
    alone = fit_glm_ar(X, Y[:, [0]], family, **{name: size[:, [0]]})
    same(tuple(part[:1] for part in numbers(together)), numbers(alone))


@pytest.mark.parametrize("family", FAMILIES[:3])
@FEW
@given(seed=SEEDS, factor=st.sampled_from([1e-4, 0.1, 1000.0]))
def test_a_unit_of_exposure_moves_the_intercept_alone(family, seed, factor):
    X, Y, _, size = study(family, seed)
    fit = fit_glm_ar(X, Y, family, exposure=size)
    other = fit_glm_ar(X, Y, family, exposure=factor * size)
    same(numbers(fit), numbers(other))
    np.testing.assert_allclose(other.params[:, 0], fit.params[:, 0] - np.log(factor), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES[3:])
@FEW
@given(seed=SEEDS)
def test_counting_the_others_changes_signs_alone(family, seed):
    X, Y, _, size = study(family, seed)
    fit = numbers(fit_glm_ar(X, Y, family, trials=size))
    other = numbers(fit_glm_ar(X, size - Y, family, trials=size))
    same(fit, (-other[0], *other[1:]))


@pytest.mark.parametrize("family", ["poisson", "binomial"])
@FEW
@given(seed=SEEDS)
def test_another_coding_of_the_design_says_the_same(family, seed):
    X, Y, name, size = study(family, seed)
    turn = np.array([[1.0, 0, 0, 0], [0.4, 100.0, 0, 0], [0, 0, 1.0, 0], [0, 0, 2.0, -0.01]]).T
    fit, other = (fit_glm_ar(design, Y, family, **{name: size}) for design in (X, X @ turn))
    np.testing.assert_allclose(other.params @ turn.T, fit.params, rtol=2e-5, atol=1e-6)
    # the contrast c of the one is (turn^T c) of the other
    same(numbers(fit)[1:], _spread(other.contrasts(np.eye(4)[1:] @ turn)))


def _spread(read):
    return read.std_error, read.df
