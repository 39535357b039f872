"""Series of one design that miss months of their own: fitted together as one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from its_eval.estimators import patterns
from its_eval.estimators.fit import SingularDesignError, missing_patterns
from its_eval.estimators.patterns import rare_patterns
from its_eval.estimators.reml import gaps
from its_eval.estimators.reml.autoregression import autocovariances
from its_eval.estimators.reml.gaps import GappyDesign, fit_reml_ar_gaps, fit_reml_ar_patterns
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.estimators.reml.statistics import reml_ar_statistics

CONTRASTS = np.array([[0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 12.0]])


def its_design(n, start, *, months=False):
    t = np.arange(n)
    post = (t >= start) * 1.0
    X = np.column_stack([np.ones(n), t - start, post, post * (t - start)])
    return np.hstack([X, (t[:, None] % 12 == np.arange(1, 12)) * 1.0]) if months else X


def gappy_series(n, n_series, share, seed=1):
    """Series from alternating to a random walk, each month of each missing with a probability."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_normal((n + 200, n_series))
    rho = rng.permutation(np.linspace(-0.8, 1.0, n_series))
    for t in range(1, n + 200):
        shocks[t] += rho * shocks[t - 1]
    Y = 90.0 + shocks[200:]
    Y[rng.random(Y.shape) < share] = np.nan
    Y[:, 0] = np.where(np.isnan(Y[:, 0]), 90.0, Y[:, 0])
    Y[:3, 1] = Y[-2:, 2] = np.nan
    return Y


def assert_same_fit(found, expected, atol):
    """Compare all of two fits, parameters and covariances in units of their standard errors and sizes."""
    std_error = np.sqrt(np.einsum("sii->si", expected.covariance.model)).clip(min=1e-12)
    np.testing.assert_allclose((found.params - expected.params) / std_error, 0.0, atol=atol)
    np.testing.assert_allclose(found.partial_autocorrelations, expected.partial_autocorrelations, atol=atol)
    np.testing.assert_allclose(found.sigma, expected.sigma, rtol=atol)
    np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, rtol=1e-11)
    for name in ("adjusted", "model", "gradients", "parameter_covariance", "df_residual"):
        a, b = getattr(found.covariance, name), getattr(expected.covariance, name)
        scale = np.abs(b).reshape(len(b), -1).max(axis=1).reshape(-1, *[1] * (b.ndim - 1))
        np.testing.assert_allclose(a / scale, b / scale, atol=10 * atol)
    np.testing.assert_array_equal(found.n_used, expected.n_used)
    assert found.flags.keys() == expected.flags.keys()
    for name, flag in expected.flags.items():
        np.testing.assert_array_equal(found.flags[name], flag, err_msg=name)


def curved(fit):
    """Series whose likelihood is not so flat that two optimisers stop some 1e-7 apart."""
    return np.flatnonzero(~fit.flags["at_bound"] & (fit.covariance.parameter_covariance[:, -1, -1] < 0.1))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    ("n", "months", "share"), [(24, False, 0.05), (48, False, 0.3), (83, True, 0.05), (83, False, 0.5)]
)
def test_the_same_as_pattern_by_pattern(order, n, months, share):
    X, Y = its_design(n, n // 3, months=months), gappy_series(n, 40, share)
    expected, found = fit_reml_ar(X, Y, order), fit_reml_ar_gaps(X, Y, order)
    assert expected.flags["at_bound"].any()
    assert_same_fit(found, expected, 1e-6)
    some = curved(expected)
    assert some.size > 10
    assert_same_fit(found.take(some), expected.take(some), 1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_the_search_is_of_the_restricted_likelihood_of_what_is_observed(order):
    X, Y = its_design(30, 12), gappy_series(30, 6, 0.2)
    design = GappyDesign(X, order)
    for series, used in enumerate(~np.isnan(Y.T)):
        months = np.flatnonzero(~used)[None]
        _, residuals, _ = design.regress(np.where(used, Y[:, series], 0.0)[None], months)
        (values,) = design.search([(months, residuals)])
        grid = design.points[::17]
        dense = []
        for partials in grid:
            V = linalg.toeplitz(autocovariances(partials[None], 30)[0])[np.ix_(used, used)]
            inverse = np.linalg.inv(V)
            information = X[used].T @ inverse @ X[used]
            weights = inverse - inverse @ X[used] @ np.linalg.solve(information, X[used].T @ inverse)
            rest = Y[used, series] @ weights @ Y[used, series]
            logs = np.linalg.slogdet(V)[1] + np.linalg.slogdet(information)[1]
            dense.append(np.log(rest) + logs / (used.sum() - 4))
        apart = values[::17, 0] - np.array(dense)
        np.testing.assert_allclose(apart, apart[0], atol=1e-8)


@pytest.mark.parametrize("order", [1, 2])
def test_chunks_and_company_make_no_difference(order, monkeypatch):
    X, Y = its_design(40, 15), gappy_series(40, 30, 0.1)
    whole = fit_reml_ar_gaps(X, Y, order)
    monkeypatch.setattr(gaps, "CHUNK", 7)
    assert_same_fit(fit_reml_ar_gaps(X, Y, order), whole, 1e-9)
    alone = fit_reml_ar_gaps(X, Y[:, [5]], order)
    assert_same_fit(alone, whole.take(np.array([5])), 1e-9)


def test_lines_zeros_and_lost_digits_among_others():
    X, Y = its_design(40, 15), gappy_series(40, 6, 0.1)
    Y[:, 1] = np.where(np.isnan(Y[:, 1]), np.nan, X @ [3.0, 0.2, -1.0, 0.5])
    Y[:, 2] = np.where(np.isnan(Y[:, 2]), np.nan, 0.0)
    Y[:, 3] = 1e10 + Y[:, 3]
    found, expected = fit_reml_ar_gaps(X, Y, 2), fit_reml_ar(X, Y, 2)
    assert found.flags["degenerate"].tolist() == [False, True, True, False, False, False]
    assert found.flags["precision_lost"].tolist() == [False, False, False, True, False, False]
    np.testing.assert_allclose(found.params[1], [3.0, 0.2, -1.0, 0.5], rtol=1e-10)
    clear = np.array([0, 4, 5])
    assert_same_fit(found.take(clear), expected.take(clear), 1e-6)


@pytest.mark.parametrize("unit", [1e-8, 1e12])
def test_the_unit_does_not_matter(unit):
    X, Y = its_design(40, 15), gappy_series(40, 8, 0.1)
    expected, found = fit_reml_ar_gaps(X, Y, 2), fit_reml_ar_gaps(X, unit * Y, 2)
    np.testing.assert_allclose(found.partial_autocorrelations, expected.partial_autocorrelations, atol=1e-8)
    np.testing.assert_allclose(found.params, unit * expected.params, rtol=1e-8)


def test_a_design_that_gaps_make_singular_is_refused_and_the_series_named():
    X, Y = its_design(40, 15), gappy_series(40, 6, 0.1)
    Y[16:, 4] = np.nan
    with pytest.raises(SingularDesignError) as caught:
        fit_reml_ar_gaps(X, Y, 1)
    assert caught.value.terms == (3,)
    assert caught.value.__notes__ == ["series 4, counted from 0"]
    Y[4:, 4] = np.nan
    with pytest.raises(SingularDesignError, match="4 usable observations are too few"):
        fit_reml_ar_gaps(X[:, :2], Y, 2)
    with pytest.raises(SingularDesignError, match="rank deficient"):
        fit_reml_ar_gaps(np.column_stack([X, X[:, 1]]), gappy_series(40, 6, 0.1), 1)


def test_which_patterns_are_rare(monkeypatch):
    Y = np.zeros((20, 40))
    Y[3, :9] = np.nan
    Y[np.arange(20) % 17, np.arange(20) + 9] = np.nan
    found = missing_patterns(Y)
    common, rare = rare_patterns(found)
    assert [pattern.series.size for pattern in common] == [10, 11]
    assert rare.tolist() == [place for place in range(9, 29) if place != 12]
    monkeypatch.setattr(patterns, "MANY_PATTERNS", 17)
    assert rare_patterns(found)[1].size == 0


@pytest.mark.parametrize("order", [1, 2])
def test_common_and_rare_patterns_side_by_side(order):
    X, Y = its_design(48, 20), gappy_series(48, 40, 0.1)
    Y[:, 5:20] = np.where(np.arange(48)[:, None] == 7, np.nan, np.nan_to_num(Y[:, 5:20], nan=90.0))
    expected = fit_reml_ar(X, Y, order)
    assert_same_fit(fit_reml_ar_patterns(X, Y, order), expected, 1e-6)
    read = reml_ar_statistics(X, Y, CONTRASTS, order).estimates
    own = expected.contrasts(CONTRASTS)
    np.testing.assert_allclose((read.estimate - own.estimate) / own.std_error, 0.0, atol=1e-5)
    np.testing.assert_allclose(read.std_error, own.std_error, rtol=1e-5)
