"""Two components: tridiagonal inverses, derivatives, batches, gaps, units, degenerate series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import linalg

import its_eval
from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.reml import components
from its_eval.estimators.reml.complex_steps import profile_by_steps
from its_eval.estimators.reml.components import autoregression, evaluate_forms, observed_design
from its_eval.estimators.reml.local_level import fit_reml_local_level, random_walk_component
from its_eval.estimators.reml.sampling_noise import fit_reml_ar_sampling, sampling_component

OBSERVED = np.ones(30, dtype=bool)
OBSERVED[[0, 7, 8, 9, 29]] = False


def its_design(n, start):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), t - start, post, post * (t - start)])


def walks(seed, n, replicates):
    rng = np.random.default_rng(seed)
    step = np.linspace(0.0, 0.6, replicates)
    return rng.standard_normal((n, replicates)) + step * rng.standard_normal((n, replicates)).cumsum(axis=0)


def fit_sampling(X, Y):
    return fit_reml_ar_sampling(
        X, Y, np.random.default_rng(9).uniform(0.2, 2.0, (len(X), 40))[:, : Y.shape[1]]
    )


FITS = pytest.mark.parametrize("fit", [fit_reml_local_level, fit_sampling])


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.5, 0.95])
@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("kind", ["walk", "sampling"])
def test_forms_are_those_of_dense_matrices(rho, share, kind):
    design = observed_design(its_design(30, 14), OBSERVED)
    sampling = np.random.default_rng(1).uniform(0.1, 3.0, (30, 1))
    component = random_walk_component(OBSERVED) if kind == "walk" else sampling_component(sampling, OBSERVED)
    assert np.diag(component.dense[0]).mean() == pytest.approx(1.0)
    lags = np.abs(np.subtract.outer(design.months, design.months))
    V = (1 - share) * rho**lags + share * component.dense[0]
    E = np.random.default_rng(2).standard_normal((3, 1, design.months.size))
    forms = evaluate_forms(design, component.inverse, E, np.array([[rho, share]]))
    Q = design.basis
    M, link = Q.T @ np.linalg.solve(V, Q), Q.T @ np.linalg.solve(V, E[:, 0].T)
    np.testing.assert_allclose(forms.inner[0], M, atol=1e-10)
    np.testing.assert_allclose(forms.shift[0], np.linalg.solve(M, link), atol=1e-10)
    rss = np.sum(E[:, 0].T * np.linalg.solve(V, E[:, 0].T), axis=0) - np.sum(
        link * np.linalg.solve(M, link), axis=0
    )
    np.testing.assert_allclose(forms.rss[0], rss, rtol=1e-10)
    logs = np.linalg.slogdet(V)[1] + np.linalg.slogdet(M)[1]
    np.testing.assert_allclose(forms.logs[0], logs, atol=1e-10)


def test_an_autoregression_seen_with_gaps_has_a_tridiagonal_inverse():
    months = np.array([0.0, 1.0, 4.0, 5.0, 11.0])
    for rho in (-0.4, 0.0, 0.7):
        inverse = autoregression(np.array([rho]), np.diff(months))
        whole = linalg.toeplitz(rho ** np.arange(12.0))[np.ix_(months.astype(int), months.astype(int))]
        mine = np.diag(inverse.diagonal[0])
        mine += np.diag(inverse.beside[0], 1) + np.diag(inverse.beside[0], -1)
        np.testing.assert_allclose(mine, np.linalg.inv(whole), atol=1e-12)
        assert inverse.log_determinant[0] == pytest.approx(np.linalg.slogdet(whole)[1], abs=1e-12)


def test_derivatives_are_those_of_the_objective():
    design, component = observed_design(its_design(30, 14), OBSERVED), random_walk_component(OBSERVED)
    E = np.random.default_rng(2).standard_normal((4, design.months.size))
    E -= E @ design.basis @ design.basis.T
    points = np.array([[0.5, 0.4], [-0.25, 0.9], [0.0, 0.01], [0.9, 0.2]])

    def value(shifted):
        return evaluate_forms(design, component.inverse, E[None], shifted).objective(design.residual_df)[:, 0]

    found = profile_by_steps(value, points)
    for axis in range(2):
        step = np.zeros(2)
        step[axis] = 1e-5
        slope = (value(points + step) - value(points - step)) / 2e-5
        np.testing.assert_allclose(found.gradient[:, axis], slope, atol=1e-7)
        bend = (value(points + 10 * step) - 2 * value(points) + value(points - 10 * step)) / 1e-8
        np.testing.assert_allclose(found.hessian[:, axis, axis], bend, rtol=1e-3, atol=1e-3)


@FITS
def test_every_series_is_fitted_as_if_alone(fit, monkeypatch):
    X, Y = its_design(40, 20), walks(3, 40, 12)
    Y[5:9, 4:] = np.nan
    whole = fit(X, Y)
    monkeypatch.setattr(components, "CHUNK_NUMBERS", 1)
    pieces = fit(X, Y)
    for name in ("params", "sigma", "partial_autocorrelations", "log_likelihood", "n_used"):
        np.testing.assert_allclose(getattr(whole, name), getattr(pieces, name), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(whole.covariance.adjusted, pieces.covariance.adjusted, rtol=1e-5, atol=1e-9)


@FITS
def test_another_unit_and_level(fit):
    X, Y = its_design(40, 20), walks(4, 40, 8)
    one, other = fit(X, Y), fit(X, 500.0 + 100.0 * Y)
    np.testing.assert_allclose(100.0 * one.sigma, other.sigma, rtol=1e-6)
    mine, theirs = one.contrasts(np.eye(4)[1:]), other.contrasts(np.eye(4)[1:])
    np.testing.assert_allclose(mine.statistic, theirs.statistic, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(mine.df, theirs.df, rtol=1e-4)


def test_periods_before_the_first_value_change_nothing():
    X, Y = its_design(40, 20), walks(5, 40, 8)
    Y[:6] = np.nan
    whole, short = fit_reml_local_level(X, Y), fit_reml_local_level(X[6:], Y[6:])
    # a walk that started earlier differs by a constant, which the intercept takes
    np.testing.assert_allclose(whole.log_likelihood, short.log_likelihood, rtol=1e-9)
    mine, theirs = whole.contrasts(np.eye(4)[1:]), short.contrasts(np.eye(4)[1:])
    np.testing.assert_allclose(mine.std_error, theirs.std_error, rtol=1e-5)


@FITS
def test_a_straight_line_is_degenerate_and_too_few_months_are_refused(fit):
    X = its_design(24, 12)
    found = fit(X, np.column_stack([X @ [3.0, 1.0, -2.0, 0.5], walks(6, 24, 2)[:, 1]]))
    assert found.flags["degenerate"].tolist() == [True, False]
    np.testing.assert_allclose(found.params[0], [3.0, 1.0, -2.0, 0.5], atol=1e-10)
    assert not found.flags["at_bound"].any()
    with pytest.raises(SingularDesignError):
        fit(X[9:15], np.zeros((6, 1)))


def test_sampling_variances_have_to_be_there():
    X, Y = its_design(24, 12), walks(7, 24, 1)
    sampling = np.ones((24, 1))
    for wrong in (0.0, np.nan):
        sampling[3] = wrong
        with pytest.raises(ValueError, match="sampling variance above 0"):
            fit_reml_ar_sampling(X, Y, sampling)
    Y[3] = np.nan
    assert fit_reml_ar_sampling(X, Y, sampling).n_used.tolist() == [23]


def test_by_name_from_python():
    index = pd.period_range("2015-01", periods=60, freq="M")
    data = pd.Series(walks(8, 60, 2)[:, 1], index)
    found = its_eval.fit(data, "2017-06", estimator="reml_local_level", seasonality="none").tidy()
    row = found.set_index("estimand").loc["slope_change"]
    expected = fit_reml_local_level(its_design(60, 29), data.to_numpy()[:, None]).contrasts(np.eye(4)[3:])
    assert row["estimate"] == pytest.approx(expected.estimate[0, 0], rel=1e-8)
    assert row["std_error"] == pytest.approx(expected.std_error[0, 0], rel=1e-8)
    refused = its_eval.fit(data, "2017-06", estimator="reml_ar_sampling").tidy("not_estimated")
    assert refused["reason"].tolist() == ["no_denominators"]
