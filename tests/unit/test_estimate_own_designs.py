"""Series with a design each: the same as one after the other, whatever their gaps, order and company."""

from __future__ import annotations

import numpy as np
import pytest

from its_eval.estimators.fit import SingularDesignError, scatter
from its_eval.estimators.reml import forms_fit
from its_eval.estimators.reml.forms_fit import fit_reml_ar_own
from its_eval.estimators.reml.reml_ar import fit_reml_ar

CONTRASTS = np.array([[0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 12.0]])


def its_design(n, start, months=False):
    t = np.arange(n)
    post = (t >= start) * 1.0
    X = np.column_stack([np.ones(n), t - start, post, post * (t - start)])
    return np.hstack([X, (t[:, None] % 12 == np.arange(1, 12)) * 1.0]) if months else X


def weighted_series(n, n_series, *, months=False, gaps=0, seed=1):
    """Designs and series divided by the roots of their months' variances; up to ``gaps`` missing months."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_normal((n + 200, n_series))
    rho = np.linspace(-0.8, 1.0, n_series)
    for t in range(1, n + 200):
        shocks[t] += rho * shocks[t - 1]
    root = np.exp(rng.normal(0.0, 0.3, (n_series, n)))
    X = its_design(n, n // 3, months)
    Y = 90.0 / root.T + shocks[200:]
    for s in range(n_series):
        Y[rng.choice(n, s % (gaps + 1), replace=False), s] = np.nan
    return X / root[:, :, None], Y


def one_by_one(X, Y, order):
    """Fit the series one after the other, put together."""
    fits = [fit_reml_ar(X[s], Y[:, [s]], order) for s in range(len(X))]
    whole = fit_reml_ar(X[0], np.tile(Y[:, [0]], len(X)), order)
    for s, fit in enumerate(fits):
        scatter(whole, slice(s, s + 1), fit)
    return whole


def assert_same_fit(found, expected):
    # Two optimisers: on a ridge they may stop some 1e-7 apart, where the likelihood is the same to 1e-14.
    std_error = np.sqrt(np.einsum("sii->si", expected.covariance.model)).clip(min=1e-9)
    np.testing.assert_allclose((found.params - expected.params) / std_error, 0.0, atol=1e-6)
    np.testing.assert_allclose(found.partial_autocorrelations, expected.partial_autocorrelations, atol=5e-7)
    np.testing.assert_allclose(found.sigma, expected.sigma, rtol=1e-6)
    np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, rtol=1e-11)
    for name in ("adjusted", "model", "gradients", "parameter_covariance", "df_residual"):
        a, b = getattr(found.covariance, name), getattr(expected.covariance, name)
        scale = np.abs(b).reshape(len(b), -1).max(axis=1).reshape(-1, *[1] * (b.ndim - 1))
        np.testing.assert_allclose(a / scale, b / scale, atol=1e-6)
    np.testing.assert_array_equal(found.n_used, expected.n_used)
    assert found.flags.keys() == expected.flags.keys()
    for name, flag in expected.flags.items():
        np.testing.assert_array_equal(found.flags[name], flag, err_msg=name)
    assert found.variance_ratio is None


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    ("n", "months", "gaps"), [(24, False, 0), (48, False, 6), (60, True, 0), (83, True, 4)]
)
def test_the_same_as_one_by_one(order, n, months, gaps):
    X, Y = weighted_series(n, 25, months=months, gaps=gaps)
    expected = one_by_one(X, Y, order)
    assert expected.flags["at_bound"].any()
    assert_same_fit(fit_reml_ar_own(X, Y, order), expected)


@pytest.mark.parametrize("order", [1, 2])
def test_one_design_for_all_is_the_shared_fit(order):
    X = its_design(50, 20)
    Y = weighted_series(50, 12, gaps=2)[1]
    assert_same_fit(fit_reml_ar_own(np.tile(X, (12, 1, 1)), Y, order), fit_reml_ar(X, Y, order))


@pytest.mark.parametrize("order", [1, 2])
def test_every_series_may_have_contrasts_of_its_own(order):
    X, Y = weighted_series(40, 6, gaps=2)
    fit = fit_reml_ar_own(X, Y, order)
    own = np.arange(1.0, 7.0)[:, None, None] * CONTRASTS
    expected = np.arange(1.0, 7.0)[:, None] * fit.contrasts(CONTRASTS).estimate
    np.testing.assert_allclose(fit.contrasts(own).estimate, expected)


def test_chunks_make_no_difference(monkeypatch):
    X, Y = weighted_series(30, 40)
    whole = fit_reml_ar_own(X, Y, 2)
    monkeypatch.setattr(forms_fit, "CHUNK_NUMBERS", 0)
    assert_same_fit(fit_reml_ar_own(X, Y, 2), whole)


def test_exact_lines_are_degenerate_among_others():
    X, Y = weighted_series(40, 5, gaps=1)
    truth = np.array([3.0, 0.2, -1.0, 0.5])
    Y[:, 1] = np.where(np.isnan(Y[:, 1]), np.nan, X[1] @ truth)
    Y[:, 2] = 0.0
    fit = fit_reml_ar_own(X, Y, 2)
    assert fit.flags["degenerate"].tolist() == [False, True, True, False, False]
    np.testing.assert_allclose(fit.params[1], truth, rtol=1e-10)
    np.testing.assert_array_equal(fit.params[2], 0.0)
    np.testing.assert_array_equal(fit.sigma[[1, 2]], 0.0)
    np.testing.assert_array_equal(fit.log_likelihood[[1, 2]], np.inf)
    assert fit.n_used.tolist() == [40, 39, 40, 39, 40]
    assert_same_fit(fit.one(3), fit_reml_ar(X[3], Y[:, [3]], 2))
    every = fit_reml_ar_own(X[1:3], Y[:, 1:3], 2)
    assert every.flags["degenerate"].all()


def test_a_level_far_above_the_noise_is_flagged_as_by_fits_of_one_design():
    X, Y = weighted_series(40, 4, gaps=1)
    X[:] = X[0]
    Y[:, 1] += 1e11 * X[0, :, 0]
    Y[:, 2] *= 1e-75
    expected = [fit_reml_ar(X[0], Y[:, [series]], 1).flags["precision_lost"][0] for series in range(4)]
    assert expected == [False, True, True, False]
    assert fit_reml_ar_own(X, Y, 1).flags["precision_lost"].tolist() == expected
    after = np.arange(40) >= 20
    assert fit_reml_ar_own(X[:2], Y[:, :2], 1, after).flags["precision_lost"].tolist() == [False, True]


@pytest.mark.parametrize("unit", [1e-8, 1e12])
def test_the_unit_of_the_outcome_does_not_matter(unit):
    X, Y = weighted_series(40, 6)
    expected, found = fit_reml_ar_own(X, Y, 2), fit_reml_ar_own(X, unit * Y, 2)
    np.testing.assert_allclose(found.partial_autocorrelations, expected.partial_autocorrelations, atol=1e-8)
    a, b = found.contrasts(CONTRASTS), expected.contrasts(CONTRASTS)
    np.testing.assert_allclose(a.std_error, unit * b.std_error, rtol=1e-7)
    np.testing.assert_allclose(a.df_unclipped, b.df_unclipped, rtol=1e-6)


def test_a_series_that_cannot_be_estimated_is_named():
    X, Y = weighted_series(24, 4)
    Y[8:, 2] = np.nan
    with pytest.raises(SingularDesignError, match="column") as caught:
        fit_reml_ar_own(X, Y, 1)
    assert caught.value.terms == (2, 3)
    assert caught.value.__notes__ == ["series 2, counted from 0"]
    Y[:, 1] = np.nan
    with pytest.raises(SingularDesignError, match="0 usable observations are too few for 4 terms") as caught:
        fit_reml_ar_own(X, Y, 1)
    assert caught.value.__notes__ == ["series 1, counted from 0"]


def test_sizes_and_orders_are_checked():
    X, Y = weighted_series(24, 3)
    with pytest.raises(ValueError, match="X has 3 series of 24 months and Y 2 series of 24 months"):
        fit_reml_ar_own(X, Y[:, :2], 1)
    with pytest.raises(ValueError, match="order is 3; only AR"):
        fit_reml_ar_own(X, Y, 3)


@pytest.mark.parametrize("order", [1, 2])
def test_no_series(order):
    fit = fit_reml_ar_own(np.empty((0, 30, 4)), np.empty((30, 0)), order)
    assert fit.params.shape == (0, 4)
    assert fit.partial_autocorrelations.shape == (0, order)
