"""What must not change when the outcome changes its unit, its level or its explained part."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from its_eval.estimators.reml.reml_ar import fit_reml_ar

CONTRASTS = np.eye(4)[1:]


@st.composite
def problems(draw):
    """A segmented regression of 20-40 months, three series and up to three missing months."""
    n = draw(st.integers(20, 40))
    start = draw(st.integers(8, n - 8))
    t = np.arange(n)
    post = (t >= start) * 1.0
    X = np.column_stack([np.ones(n), t - start, post, post * (t - start)])
    Y = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).standard_normal((n, 3))
    persistence = draw(st.floats(0.0, 0.7))
    for month in range(1, n):
        Y[month] += persistence * Y[month - 1]
    Y[draw(st.lists(st.integers(0, n - 1), max_size=3, unique=True)), 0] = np.nan
    return X, Y


@given(
    problem=problems(),
    order=st.sampled_from([1, 2]),
    exponent=st.integers(-20, 20),
    sign=st.sampled_from([-1.0, 1.0]),
    moved=st.lists(st.floats(-100.0, 100.0), min_size=4, max_size=4),
)
@settings(deadline=None, max_examples=60)
def test_scale_and_explained_part(problem, order, exponent, sign, moved):
    """Y -> a Y + X d moves estimates by a and d, standard errors by |a|, and nothing else."""
    X, Y = problem
    scale = sign * 2.0**exponent
    shift = np.array(moved)
    before = fit_reml_ar(X, Y, order)
    after = fit_reml_ar(X, scale * (Y + (X @ shift)[:, None]), order)
    a, b = after.contrasts(CONTRASTS), before.contrasts(CONTRASTS)
    expected = b.estimate + CONTRASTS @ shift
    np.testing.assert_allclose(after.partial_autocorrelations, before.partial_autocorrelations, atol=1e-6)
    np.testing.assert_allclose((a.estimate / scale - expected) / b.std_error, 0.0, atol=1e-5)
    np.testing.assert_allclose(a.std_error, np.abs(scale) * b.std_error, rtol=1e-5)
    np.testing.assert_allclose(a.df_unclipped, b.df_unclipped, rtol=1e-4)
    for name, flag in before.flags.items():
        np.testing.assert_array_equal(after.flags[name], flag)


@given(problem=problems(), order=st.sampled_from([1, 2]))
@settings(deadline=None, max_examples=30)
def test_order_and_company_of_the_series(problem, order):
    """A series has the same fit alone, in any order and beside others."""
    X, Y = problem
    together = fit_reml_ar(X, Y[:, [2, 0, 1, 0]], order)
    for column, series in enumerate([2, 0, 1, 0]):
        alone = fit_reml_ar(X, Y[:, [series]], order)
        np.testing.assert_allclose(together.params[column], alone.params[0], rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(
            together.covariance.adjusted[column], alone.covariance.adjusted[0], rtol=1e-5, atol=1e-10
        )


@given(problem=problems(), order=st.sampled_from([1, 2]))
@settings(deadline=None, max_examples=30)
def test_reversed_time(problem, order):
    """A stationary process looks the same backwards."""
    X, Y = problem
    forwards, backwards = fit_reml_ar(X, Y, order), fit_reml_ar(X[::-1], Y[::-1], order)
    np.testing.assert_allclose(backwards.log_likelihood, forwards.log_likelihood, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(backwards.sigma, forwards.sigma, rtol=1e-5)
