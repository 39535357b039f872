"""REML-AR fits and statistics: flags, gaps, degenerate series, errors, agreement of the two paths."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from its_eval.estimators.fit import SingularDesignError, missing_patterns
from its_eval.estimators.reml import reml_ar
from its_eval.estimators.reml import statistics as reml_statistics
from its_eval.estimators.reml.reml_ar import PreparedReml, fit_reml_ar
from its_eval.estimators.reml.statistics import Ar1Tables, reml_ar_statistics

CONTRASTS = np.array([[0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 12.0]])


def its_design(n, start, months=False):
    t = np.arange(n)
    post = (t >= start) * 1.0
    X = np.column_stack([np.ones(n), t - start, post, post * (t - start)])
    return np.hstack([X, (t[:, None] % 12 == np.arange(1, 12)) * 1.0]) if months else X


def simulate(seed, n, n_series, rho):
    shocks = np.random.default_rng(seed).standard_normal((n, n_series))
    for t in range(1, n):
        shocks[t] = rho * shocks[t - 1] + np.sqrt(1 - rho**2) * shocks[t]
    return shocks


def mixed_series(n, seed=1, each=40):
    return 20.0 + np.hstack(
        [simulate(seed + i, n, each, rho) for i, rho in enumerate((-0.6, 0.0, 0.5, 0.95))]
    )


def assert_same_estimates(found, expected, rtol):
    deviation = (found.estimate - expected.estimate) / expected.std_error
    np.testing.assert_allclose(deviation, 0.0, atol=rtol)
    for name in ("std_error", "df", "df_unclipped"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=rtol)


@pytest.mark.parametrize(("n", "start", "months"), [(83, 27, False), (83, 27, True), (24, 12, False)])
def test_tables_agree_with_the_exact_path(n, start, months):
    X = its_design(n, start, months)
    contrasts = np.hstack([CONTRASTS, np.zeros((4, X.shape[1] - 4))])
    Y = mixed_series(n)
    Y[[3, 4], 1::4] = np.nan
    Y[n - 1, 2::4] = np.nan
    fit = fit_reml_ar(X, Y, 1)
    statistics = reml_ar_statistics(X, Y, contrasts, 1)
    assert_same_estimates(statistics.estimates, fit.contrasts(contrasts), 1e-6)
    np.testing.assert_allclose(statistics.partial_autocorrelations, fit.partial_autocorrelations, atol=1e-7)
    for name, flag in fit.flags.items():
        np.testing.assert_array_equal(statistics.flags[name], flag)
    np.testing.assert_array_equal(fit.n_used, (~np.isnan(Y)).sum(axis=0))
    np.testing.assert_array_equal(fit.covariance.df_residual, fit.n_used - X.shape[1])


def test_statistics_with_ar2_are_those_of_the_fit():
    X, Y = its_design(60, 30), mixed_series(60, each=5)
    Y[7, 3] = np.nan
    statistics = reml_ar_statistics(X, Y, CONTRASTS, 2)
    assert_same_estimates(statistics.estimates, fit_reml_ar(X, Y, 2).contrasts(CONTRASTS), 1e-12)
    assert statistics.partial_autocorrelations.shape == (20, 2)


def test_prepared_tables_can_be_used_again():
    X, Y = its_design(60, 30), mixed_series(60, each=5)
    tables = Ar1Tables(X, CONTRASTS)
    expected = reml_ar_statistics(X, Y, CONTRASTS, 1).estimates
    for columns in (slice(0, 7), slice(7, 20)):
        part = tables.evaluate(Y[:, columns]).estimates
        np.testing.assert_allclose(part.estimate, expected.estimate[columns], rtol=1e-12)
    prepared = PreparedReml(X, 1)
    np.testing.assert_allclose(prepared.fit(Y[:, :3]).params, fit_reml_ar(X, Y[:, :3], 1).params)


@pytest.mark.parametrize("order", [1, 2])
def test_point_estimates_are_those_of_the_fit(order, monkeypatch):
    X, Y = its_design(48, 24), mixed_series(48, each=5)
    Y[5, ::3] = np.nan
    monkeypatch.setattr(reml_ar, "CACHED_NUMBERS", 0)
    params, partials = reml_ar.reml_point_estimates(X, Y, order)
    fit = fit_reml_ar(X, Y, order)
    std_error = fit.contrasts(np.eye(X.shape[1])).std_error
    np.testing.assert_allclose((params - fit.params) / std_error, 0.0, atol=1e-6)
    np.testing.assert_allclose(partials, fit.partial_autocorrelations, atol=1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_chunks_make_no_difference(order, monkeypatch):
    X, Y = its_design(48, 24), mixed_series(48, each=10)
    Y[5, ::3] = np.nan
    whole = fit_reml_ar(X, Y, order)
    statistics = reml_ar_statistics(X, Y, CONTRASTS, order).estimates
    monkeypatch.setattr(reml_ar, "CHUNK_NUMBERS", 0)
    smaller = replace(reml_statistics.TABLES[order], chunk_series=7)
    monkeypatch.setitem(reml_statistics.TABLES, order, smaller)
    parts = fit_reml_ar(X, Y, order)
    np.testing.assert_allclose(parts.params, whole.params, rtol=1e-9)
    np.testing.assert_allclose(parts.covariance.adjusted, whole.covariance.adjusted, rtol=1e-6)
    again = reml_ar_statistics(X, Y, CONTRASTS, order).estimates
    np.testing.assert_allclose(again.std_error, statistics.std_error, rtol=1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_a_missing_month_at_an_end_is_a_shorter_series(order):
    X, Y = its_design(50, 25), mixed_series(50, each=4)
    gappy = Y.copy()
    gappy[[0, 1, 49]] = np.nan
    found = fit_reml_ar(X, gappy, order)
    expected = fit_reml_ar(X[2:-1], Y[2:-1], order)
    np.testing.assert_allclose(found.params, expected.params, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, rtol=1e-9)
    assert_same_estimates(found.contrasts(CONTRASTS), expected.contrasts(CONTRASTS), 1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_flags(order):
    X = its_design(80, 40)
    t = np.arange(80)
    walk = np.cumsum(np.cumsum(simulate(3, 80, 1, 0.0), axis=0), axis=0)
    Y = np.hstack([walk, simulate(4, 80, 1, 0.0), 2.0 + 0.5 * t[:, None], np.full((80, 1), 7.0)])
    for flags in (fit_reml_ar(X, Y, order).flags, reml_ar_statistics(X, Y, CONTRASTS, order).flags):
        assert flags["at_bound"].tolist() == [True, False, False, False]
        assert flags["near_unit_root"].tolist() == [True, False, False, False]
        assert flags["degenerate"].tolist() == [False, False, True, True]


@pytest.mark.parametrize("order", [1, 2])
def test_lost_precision_is_flagged_by_the_tables_as_by_the_exact_path(order, monkeypatch):
    monkeypatch.setitem(
        reml_statistics.TABLES, order, replace(reml_statistics.TABLES[order], enough_series=1)
    )
    Y = simulate(10, 80, 4, 0.3) + np.array([0.0, 1e6, 1e10, 0.0])
    Y[:, 3] *= 1e80
    X = its_design(80, 40)
    expected = fit_reml_ar(X, Y[:, :3], order).flags["precision_lost"]
    found = reml_ar_statistics(X, Y, CONTRASTS, order).flags
    np.testing.assert_array_equal(found["precision_lost"], [*expected, True])
    np.testing.assert_array_equal(expected, [False, False, True])
    assert not found["degenerate"].any()


def test_lower_bound_is_flagged():
    alternating = (-1.0) ** np.arange(60)[:, None] + 0.05 * simulate(5, 60, 1, 0.0)
    fit = fit_reml_ar(its_design(60, 30), alternating, 1)
    assert fit.partial_autocorrelations[0, 0] == -0.8
    assert fit.flags["at_bound"][0]
    assert not fit.flags["near_unit_root"][0]


@pytest.mark.parametrize("order", [1, 2])
def test_degenerate_series_have_least_squares_parameters_and_no_uncertainty(order):
    X = its_design(40, 20)
    truth = np.array([3.0, 0.2, -1.0, 0.5])
    Y = np.column_stack([X @ truth, simulate(6, 40, 1, 0.3)[:, 0]])
    Y[11, 0] = np.nan
    fit = fit_reml_ar(X, Y, order)
    np.testing.assert_allclose(fit.params[0], truth, rtol=1e-10)
    assert fit.sigma[0] == 0.0
    assert fit.log_likelihood[0] == np.inf
    assert np.isfinite(fit.log_likelihood[1])
    for estimates in (fit.contrasts(CONTRASTS), reml_ar_statistics(X, Y, CONTRASTS, order).estimates):
        np.testing.assert_allclose(estimates.estimate[0], CONTRASTS @ truth, rtol=1e-9)
        np.testing.assert_array_equal(estimates.std_error[0], 0.0)
        np.testing.assert_array_equal(estimates.df[0], 35.0)
        assert np.all(np.isnan(estimates.statistic[0]))
        assert np.all(np.isfinite(estimates.statistic[1]))
        assert np.all(np.isnan(estimates.p_value[0]))
        low, high = estimates.interval(0.95)
        np.testing.assert_array_equal(low[0], high[0])


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("unit", [1e-8, 1e12])
def test_the_unit_of_the_outcome_does_not_matter(order, unit):
    X, Y = its_design(48, 24), mixed_series(48, each=6)
    Y[3, 4] = np.nan
    expected, found = fit_reml_ar(X, Y, order), fit_reml_ar(X, unit * Y, order)
    np.testing.assert_allclose(found.partial_autocorrelations, expected.partial_autocorrelations, atol=1e-8)
    np.testing.assert_allclose(found.sigma, unit * expected.sigma, rtol=1e-7)
    a, b = found.contrasts(CONTRASTS), expected.contrasts(CONTRASTS)
    np.testing.assert_allclose(a.std_error, unit * b.std_error, rtol=1e-7)
    np.testing.assert_allclose(a.df_unclipped, b.df_unclipped, rtol=1e-6)
    fast = reml_ar_statistics(X, unit * Y, CONTRASTS, order).estimates
    np.testing.assert_allclose(fast.std_error, unit * b.std_error, rtol=1e-6)
    assert not found.flags["degenerate"].any()


@pytest.mark.parametrize("function", [fit_reml_ar, lambda X, Y, p: reml_ar_statistics(X, Y, CONTRASTS, p)])
def test_singular_patterns_raise_and_the_others_can_be_fitted(function):
    X, Y = its_design(24, 12), simulate(7, 24, 4, 0.2)
    Y[12:, 1] = np.nan
    with pytest.raises(SingularDesignError, match="column") as caught:
        function(X, Y, 1)
    assert caught.value.terms == (2, 3)
    fitted = []
    for pattern in missing_patterns(Y):
        try:
            function(X, Y[:, pattern.series], 1)
        except SingularDesignError:
            continue
        fitted += pattern.series.tolist()
    assert fitted == [0, 2, 3]


def test_variance_parameters_need_degrees_of_freedom():
    X, Y = its_design(10, 5), simulate(8, 10, 1, 0.0)
    Y[[0, 9, 4, 7]] = np.nan
    fit = fit_reml_ar(X, Y, 1)
    assert np.all(np.isfinite(fit.contrasts(CONTRASTS).std_error))
    with pytest.raises(SingularDesignError, match="at least 7 are needed"):
        fit_reml_ar(X, Y, 2)


def test_other_orders_are_refused():
    with pytest.raises(ValueError, match="order is 3"):
        fit_reml_ar(its_design(30, 15), simulate(9, 30, 1, 0.0), 3)
    with pytest.raises(ValueError, match="order is 0"):
        reml_ar_statistics(its_design(30, 15), simulate(9, 30, 1, 0.0), CONTRASTS, 0)


@pytest.mark.parametrize("order", [1, 2])
def test_no_series(order):
    X, Y = its_design(30, 15), np.empty((30, 0))
    assert fit_reml_ar(X, Y, order).params.shape == (0, 4)
    assert reml_ar_statistics(X, Y, CONTRASTS, order).estimates.estimate.shape == (0, 4)


def test_adjusted_covariance_is_never_smaller_with_ar1():
    fit = fit_reml_ar(its_design(48, 24), mixed_series(48, each=10), 1)
    excess = np.linalg.eigvalsh(fit.covariance.adjusted - fit.covariance.model)
    assert np.all(excess >= -1e-10 * fit.sigma[:, None] ** 2)
