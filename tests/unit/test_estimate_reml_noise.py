"""AR(1) plus noise: the sine basis, derivatives, batches, gaps, degenerate series."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.reml.noise import (
    SMALLEST_RHO,
    SMALLEST_SHARE,
    PreparedNoise,
    evaluate_forms,
    evaluate_profile,
    fit_reml_ar_noise,
    noise_covariance,
    noise_design,
    objective,
    to_sine_basis,
)


def its_design(n, start):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), t - start, post, post * (t - start)])


def drifting(seed, n, replicates):
    rng = np.random.default_rng(seed)
    shocks = rng.standard_normal((n + 200, replicates))
    for t in range(1, n + 200):
        shocks[t] += 0.85 * shocks[t - 1]
    return 0.6 * shocks[200:] + rng.standard_normal((n, replicates))


@pytest.mark.parametrize("n", [9, 24])
@pytest.mark.parametrize(("rho", "share"), [(-0.8, 0.3), (0.0, 0.5), (0.6, 0.01), (0.7, 1.0), (0.99, 0.4)])
def test_forms_are_those_of_dense_matrices(n, rho, share):
    design = noise_design(its_design(n, n // 2))
    E = np.random.default_rng(1).standard_normal((n, 3))
    V = (1 - share) * np.eye(n) + share * linalg.toeplitz(rho ** np.arange(n)) / (1 - rho**2)
    forms = evaluate_forms(design, to_sine_basis(E).T, np.full(3, rho), np.full(3, share))
    Q = design.basis
    np.testing.assert_allclose(forms.inner[0], Q.T @ np.linalg.solve(V, Q), atol=1e-11)
    np.testing.assert_allclose(forms.link, (Q.T @ np.linalg.solve(V, E)).T, atol=1e-11)
    np.testing.assert_allclose(forms.total, np.einsum("ts,ts->s", E, np.linalg.solve(V, E)), rtol=1e-10)
    np.testing.assert_allclose(forms.log_determinant, np.linalg.slogdet(V)[1], atol=1e-10)


def test_derivatives_are_those_of_the_objective():
    design = noise_design(its_design(30, 15))
    E = np.random.default_rng(2).standard_normal((30, 4))
    rows = to_sine_basis(E - design.basis @ (design.basis.T @ E)).T
    points = np.array([[0.5, 0.4], [-0.3, 0.9], [0.9, 0.1], [0.2, 1.0]])

    def value(shifted):
        return objective(design, rows, shifted[:, 0], shifted[:, 1])

    profile = evaluate_profile(design, rows, points)
    np.testing.assert_allclose(profile.value, value(points), rtol=1e-12)
    for a in range(2):
        step = 1e-5 * np.eye(2)[a]
        slope = (value(points + step) - value(points - step)) / 2e-5
        np.testing.assert_allclose(profile.gradient[:, a], slope, rtol=1e-5, atol=1e-8)
        for b in range(2):
            other = 1e-4 * np.eye(2)[b]
            step = 1e-4 * np.eye(2)[a]
            bend = value(points + step + other) - value(points + step - other)
            bend += value(points - step - other) - value(points - step + other)
            np.testing.assert_allclose(profile.hessian[:, a, b], bend / 4e-8, rtol=1e-3, atol=1e-5)


def test_a_batch_is_its_series_one_by_one():
    X = its_design(48, 20)
    Y = drifting(3, 48, 12)
    Y[5, 2] = Y[[5, 20], 7] = np.nan
    whole = fit_reml_ar_noise(X, Y)
    for s in range(12):
        one = fit_reml_ar_noise(X, Y[:, [s]])
        np.testing.assert_allclose(whole.params[s], one.params[0], rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(whole.covariance.adjusted[s], one.covariance.adjusted[0], rtol=1e-7)
        np.testing.assert_allclose(whole.variance_ratio[s], one.variance_ratio[0], rtol=1e-6)
    assert whole.n_used.tolist() == [48, 48, 47, 48, 48, 48, 48, 46, 48, 48, 48, 48]
    assert whole.variance_ratio.shape == (12,)


def test_chunks_change_nothing(monkeypatch):
    X, Y = its_design(30, 15), drifting(4, 30, 40)
    whole = fit_reml_ar_noise(X, Y)
    monkeypatch.setattr("its_eval.estimators.reml.noise.CHUNK_NUMBERS", 1)
    pieces = fit_reml_ar_noise(X, Y)
    assert PreparedNoise(X, np.ones(30, bool)).chunk_size == 16
    np.testing.assert_allclose(whole.params, pieces.params, rtol=1e-9, atol=1e-11)


def test_units_and_level_do_not_matter():
    X, Y = its_design(48, 20), drifting(5, 48, 5)
    fit, other = fit_reml_ar_noise(X, Y), fit_reml_ar_noise(X, 1e5 + 1e3 * Y)
    np.testing.assert_allclose(other.params[:, 1:], 1e3 * fit.params[:, 1:], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(other.variance_ratio, fit.variance_ratio, rtol=1e-4)
    np.testing.assert_allclose(
        other.contrasts(np.eye(4)).std_error, 1e3 * fit.contrasts(np.eye(4)).std_error, rtol=1e-5
    )


def test_degenerate_series():
    X = its_design(30, 15)
    Y = np.column_stack([X @ [1.0, 2.0, 3.0, 4.0], drifting(6, 30, 1)[:, 0]])
    fit = fit_reml_ar_noise(X, Y)
    assert fit.flags["degenerate"].tolist() == [True, False]
    np.testing.assert_allclose(fit.params[0], [1, 2, 3, 4], rtol=1e-9)
    assert fit.contrasts(np.eye(4)).std_error[0].tolist() == [0.0] * 4
    assert fit_reml_ar_noise(X, Y[:, :1]).flags["degenerate"].tolist() == [True]


def test_flags_of_the_autoregressive_part():
    X = its_design(83, 27)
    rng = np.random.default_rng(7)
    walk = 0.3 * rng.standard_normal((83, 60)).cumsum(axis=0) + rng.standard_normal((83, 60))
    fit = fit_reml_ar_noise(X, walk)
    rho = fit.partial_autocorrelations[:, 0]
    np.testing.assert_array_equal(fit.flags["at_bound"], (rho > 0.989) | (rho < -0.799))
    np.testing.assert_array_equal(fit.flags["near_unit_root"], rho > 0.9)
    assert fit.flags["at_bound"].any()
    assert fit.variance_ratio.min() >= SMALLEST_SHARE


def test_covariance_close_to_no_autocorrelation_is_continuous():
    """At rho = 0 signal and noise are the same; the covariance is that a little away from it."""
    X, months = its_design(30, 15), np.arange(30.0)
    points = np.array([[0.0, 0.5], [SMALLEST_RHO, 0.5], [-0.0, 0.5], [-SMALLEST_RHO, 0.5]])
    found = noise_covariance(X, months, points, np.ones(4)).estimate(np.zeros((4, 4)), np.eye(4))
    np.testing.assert_allclose(found.std_error[0], found.std_error[1])
    np.testing.assert_allclose(found.std_error[2], found.std_error[3])
    np.testing.assert_allclose(found.std_error[0], found.std_error[2], rtol=0.05)
    np.testing.assert_allclose(found.df_unclipped[0], found.df_unclipped[2], rtol=0.3)


def test_too_few_months_are_refused():
    X = its_design(12, 6)
    with pytest.raises(SingularDesignError, match="at least 7 are needed"):
        fit_reml_ar_noise(X[3:9], np.zeros((6, 1)))
