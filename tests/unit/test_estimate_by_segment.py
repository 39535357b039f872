"""Variance by segment: what it must agree with, flags, gaps, degenerate series and errors."""

from __future__ import annotations

import numpy as np
import pytest

from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.reml import by_segment, forms_fit
from its_eval.estimators.reml.by_segment import fit_reml_by_segment
from its_eval.estimators.reml.reml_ar import fit_reml_ar

CONTRASTS = np.eye(4)[1:]


def its_design(n, start):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), t - start, post, post * (t - start)])


def broken_series(n, start, n_series, seed=1, log_ratios=(-1.5, 1.5)):
    """AR(1) series whose variance changes at the start, by factors from small to large."""
    shocks = np.random.default_rng(seed).standard_normal((n + 100, n_series))
    for t in range(1, n + 100):
        shocks[t] += np.linspace(-0.3, 0.8, n_series) * shocks[t - 1]
    series = shocks[100:]
    series[start:] *= np.exp(np.linspace(*log_ratios, n_series) / 2.0)
    return 20.0 + series


def assert_same_estimates(found, expected, rtol=1e-6):
    np.testing.assert_allclose((found.estimate - expected.estimate) / expected.std_error, 0.0, atol=rtol)
    np.testing.assert_allclose(found.std_error, expected.std_error, rtol=rtol)
    np.testing.assert_allclose(found.df_unclipped, expected.df_unclipped, rtol=rtol)


@pytest.mark.parametrize("order", [1, 2])
def test_a_rescaled_segment_changes_the_ratio_and_nothing_else(order):
    """Rows of X and y after the interruption times c: the ratio times c squared."""
    X, Y = its_design(60, 25), broken_series(60, 25, 12)
    after = np.arange(60) >= 25
    scale = np.where(after, 1.7, 1.0)[:, None]
    first, second = (
        fit_reml_by_segment(X, Y, order, after),
        fit_reml_by_segment(scale * X, scale * Y, order, after),
    )
    np.testing.assert_allclose(second.variance_ratio, 1.7**2 * first.variance_ratio, rtol=1e-6)
    np.testing.assert_allclose(second.sigma, first.sigma, rtol=1e-6)
    assert_same_estimates(second.contrasts(CONTRASTS), first.contrasts(CONTRASTS))


@pytest.mark.parametrize("order", [1, 2])
def test_time_reversed(order):
    """The last months become the first: the ratio is inverted, and sigma that of the other segment."""
    X, Y = its_design(60, 25), broken_series(60, 25, 12)
    after = np.arange(60) >= 25
    Y[30, 3] = np.nan
    forwards = fit_reml_by_segment(X, Y, order, after)
    backwards = fit_reml_by_segment(X[::-1], Y[::-1], order, ~after[::-1])
    np.testing.assert_allclose(backwards.variance_ratio, 1.0 / forwards.variance_ratio, rtol=1e-6)
    np.testing.assert_allclose(backwards.sigma, forwards.sigma * np.sqrt(forwards.variance_ratio), rtol=1e-6)
    np.testing.assert_allclose(backwards.log_likelihood, forwards.log_likelihood, rtol=1e-9)
    assert_same_estimates(backwards.contrasts(CONTRASTS), forwards.contrasts(CONTRASTS))


@pytest.mark.parametrize("order", [1, 2])
def test_constant_variance_is_nested(order):
    X, Y = its_design(48, 20), broken_series(48, 20, 15)
    Y[[3, 30], ::2] = np.nan
    constant = fit_reml_ar(X, Y, order)
    segment = fit_reml_by_segment(X, Y, order, np.arange(48) >= 20)
    gain = segment.log_likelihood - constant.log_likelihood
    assert np.all(gain >= -1e-8)
    assert gain[0] > 1.0
    assert gain[-1] > 1.0
    assert segment.variance_ratio[0] < 0.6
    assert segment.variance_ratio[-1] > 1.7
    expected = (segment.variance_ratio < 0.6) | (segment.variance_ratio > 1.7)
    np.testing.assert_array_equal(segment.flags["variance_changes"], expected)
    assert 0 < expected.sum() < 15
    assert segment.covariance.gradients.shape == (15, order + 2, 4, 4)


@pytest.mark.parametrize("order", [1, 2])
def test_at_a_ratio_of_one_estimates_are_those_of_constant_variance(order):
    """Where the likelihood puts the ratio at 1, the rest is as without it, but for what the ratio costs."""
    X, Y = its_design(50, 25), broken_series(50, 25, 1, seed=3, log_ratios=(0.0, 0.0))
    after = np.arange(50) >= 25
    for _ in range(60):
        ratio = fit_reml_by_segment(X, Y, order, after).variance_ratio[0]
        scale = np.where(after, ratio**-0.5, 1.0)[:, None]
        X, Y = scale * X, scale * Y
    constant, segment = fit_reml_ar(X, Y, order), fit_reml_by_segment(X, Y, order, after)
    np.testing.assert_allclose(segment.variance_ratio, 1.0, atol=1e-9)
    np.testing.assert_allclose(segment.params, constant.params, rtol=1e-6)
    np.testing.assert_allclose(segment.covariance.model, constant.covariance.model, rtol=1e-6)
    np.testing.assert_allclose(segment.sigma, constant.sigma, rtol=1e-6)
    np.testing.assert_allclose(segment.log_likelihood, constant.log_likelihood, rtol=1e-9)
    own, other = segment.covariance, constant.covariance
    information = np.linalg.inv(own.parameter_covariance[0])[: order + 1, : order + 1]
    np.testing.assert_allclose(information, np.linalg.inv(other.parameter_covariance[0]), rtol=1e-5)


@pytest.mark.parametrize("order", [1, 2])
def test_tables_and_chunks_make_no_difference(order, monkeypatch):
    X, Y = its_design(40, 20), broken_series(40, 20, 30)
    Y[5, ::3] = np.nan
    after = np.arange(40) >= 20
    monkeypatch.setattr(by_segment, "FEW_SERIES", 10**6)
    expected = fit_reml_by_segment(X, Y, order, after)
    monkeypatch.setattr(by_segment, "FEW_SERIES", 0)
    monkeypatch.setattr(forms_fit, "CHUNK_NUMBERS", 0)
    found = fit_reml_by_segment(X, Y, order, after)
    np.testing.assert_allclose(found.variance_ratio, expected.variance_ratio, rtol=1e-7)
    assert_same_estimates(found.contrasts(CONTRASTS), expected.contrasts(CONTRASTS))
    for name, flag in expected.flags.items():
        np.testing.assert_array_equal(found.flags[name], flag)


def test_an_end_that_is_missing_is_a_shorter_series():
    X, Y = its_design(50, 25), broken_series(50, 25, 5)
    after = np.arange(50) >= 25
    gappy = Y.copy()
    gappy[[0, 1, 49]] = np.nan
    found = fit_reml_by_segment(X, gappy, 2, after)
    expected = fit_reml_by_segment(X[2:-1], Y[2:-1], 2, after[2:-1])
    np.testing.assert_allclose(found.variance_ratio, expected.variance_ratio, rtol=1e-6)
    np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, rtol=1e-9)
    assert_same_estimates(found.contrasts(CONTRASTS), expected.contrasts(CONTRASTS))


def test_bounds_are_flagged():
    n, start = 60, 30
    X, after = its_design(n, start), np.arange(n) >= start
    Y = np.random.default_rng(2).standard_normal((n, 3))
    Y[start:, 0] *= 1e-3
    Y[:start, 1] *= 1e-3
    fit = fit_reml_by_segment(X, Y, 1, after)
    np.testing.assert_allclose(fit.variance_ratio[:2], [0.01, 100.0], rtol=1e-9)
    assert fit.flags["at_bound"].tolist() == [True, True, False]
    assert fit.flags["variance_changes"][:2].all()
    assert not fit.flags["near_unit_root"].any()


def test_exact_lines_are_degenerate_among_others():
    X, Y = its_design(40, 20), broken_series(40, 20, 3)
    truth = np.array([3.0, 0.2, -1.0, 0.5])
    Y[:, 1] = X @ truth
    fit = fit_reml_by_segment(X, Y, 1, np.arange(40) >= 20)
    assert fit.flags["degenerate"].tolist() == [False, True, False]
    assert not fit.flags["variance_changes"][1]
    assert not fit.flags["at_bound"][1]
    assert fit.variance_ratio[1] == 1.0
    assert fit.sigma[1] == 0.0
    np.testing.assert_allclose(fit.params[1], truth, rtol=1e-10)
    assert fit.one(1).variance_ratio.tolist() == [1.0]


@pytest.mark.parametrize("unit", [1e-8, 1e12])
def test_the_unit_of_the_outcome_does_not_matter(unit):
    X, Y = its_design(40, 20), broken_series(40, 20, 6)
    after = np.arange(40) >= 20
    expected, found = fit_reml_by_segment(X, Y, 2, after), fit_reml_by_segment(X, unit * Y, 2, after)
    np.testing.assert_allclose(found.variance_ratio, expected.variance_ratio, rtol=1e-6)
    np.testing.assert_allclose(found.sigma, unit * expected.sigma, rtol=1e-7)


def test_each_segment_needs_residuals():
    X, Y = its_design(40, 20), broken_series(40, 20, 2)
    after = np.arange(40) >= 20
    Y[22:, 1] = np.nan
    with pytest.raises(SingularDesignError, match="2 usable observations after the interruption") as caught:
        fit_reml_by_segment(X, Y, 1, after)
    assert caught.value.n_used == 22
    Y[22, 1] = 19.0
    assert np.isfinite(fit_reml_by_segment(X, Y, 1, after).log_likelihood).all()
    with pytest.raises(SingularDesignError, match="0 usable observations before the interruption"):
        fit_reml_by_segment(X[:, :2], np.where(after[:, None], Y[:, :1], np.nan), 1, after)


def test_ratio_and_autocorrelations_need_degrees_of_freedom():
    X, Y = its_design(9, 4), broken_series(9, 4, 1)
    after = np.arange(9) >= 4
    assert np.isfinite(fit_reml_by_segment(X, Y, 2, after).sigma).all()
    Y[[1, 6]] = np.nan
    with pytest.raises(SingularDesignError, match="7 usable observations are too few for 4 terms"):
        fit_reml_by_segment(X, Y, 2, after)


def test_the_segments_are_checked():
    X, Y = its_design(20, 10), broken_series(20, 10, 1)
    for after in (np.zeros(20, bool), np.ones(20, bool)):
        with pytest.raises(ValueError, match="true in some months and false in others"):
            fit_reml_by_segment(X, Y, 1, after)
    with pytest.raises(ValueError, match=r"after has shape \(19,\); one value for each of 20 months"):
        fit_reml_by_segment(X, Y, 1, np.arange(19) > 9)
    with pytest.raises(ValueError, match="order is 3"):
        fit_reml_by_segment(X, Y, 3, np.arange(20) > 9)


@pytest.mark.parametrize("order", [1, 2])
def test_no_series(order):
    fit = fit_reml_by_segment(its_design(30, 15), np.empty((30, 0)), order, np.arange(30) >= 15)
    assert fit.params.shape == (0, 4)
    assert fit.variance_ratio.shape == (0,)
