"""The joint Kenward-Roger F test against exact tests, published output and the t test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from its_eval.estimators.arima import fit_arima
from its_eval.estimators.fit import CovarianceModel, Fit
from its_eval.estimators.least_squares import fit_newey_west, fit_ols
from its_eval.estimators.reml.kenward_roger import joint_f
from its_eval.estimators.reml.reml_ar import fit_reml_ar


def its_design(n, start):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), t - start, post, post * (t - start)])


def autoregression(seed, n, rho, replicates):
    series = np.random.default_rng(seed).standard_normal((n + 200, replicates))
    for t in range(1, n + 200):
        series[t] += rho * series[t - 1]
    return series[200:]


def mixed_fit(X, y, V, derivatives):
    """A fit with covariance matrix V and its derivatives by the variance parameters, from the definitions."""
    inverse = np.linalg.inv(V)
    phi = np.linalg.inv(X.T @ inverse @ X)
    P = inverse - inverse @ X @ phi @ X.T @ inverse
    W = np.linalg.inv([[np.trace(P @ a @ P @ b) / 2 for b in derivatives] for a in derivatives])
    pulls = [-X.T @ inverse @ a @ inverse @ X for a in derivatives]
    excess = sum(
        W[i, j] * (X.T @ inverse @ a @ inverse @ b @ inverse @ X - pulls[i] @ phi @ pulls[j])
        for i, a in enumerate(derivatives)
        for j, b in enumerate(derivatives)
    )
    covariance = CovarianceModel(
        adjusted=(phi + 2 * phi @ excess @ phi)[None],
        model=phi[None],
        gradients=np.array([phi @ pull @ phi for pull in pulls])[None],
        parameter_covariance=W[None],
        df_residual=np.array([float(len(y) - X.shape[1])]),
    )
    nothing = np.zeros(1)
    beta = phi @ X.T @ inverse @ y
    return Fit(beta[None], covariance, nothing, np.zeros((1, 0)), nothing, np.array([len(y)]))


@pytest.mark.parametrize("order", [1, 2])
def test_one_contrast_is_the_t_test(order):
    X = its_design(60, 25)
    fit = fit_reml_ar(X, autoregression(1, 60, 0.4, 4), order)
    found = fit.contrasts(np.eye(4))
    for s in range(4):
        for c in range(4):
            test = joint_f(fit, s, np.eye(4)[[c]])
            np.testing.assert_allclose(test.statistic, found.statistic[s, c] ** 2, rtol=1e-9)
            np.testing.assert_allclose(test.df_den, found.df[s, c], rtol=1e-9)
            np.testing.assert_allclose(test.p_value, found.p_value[s, c], rtol=1e-8)
            assert test.df_num == 1


def test_least_squares_gives_the_ordinary_f_test():
    X = its_design(40, 20)
    y = autoregression(2, 40, 0.0, 1) + X @ [[0], [0], [1], [0]]
    fit = fit_ols(X, y)
    full = np.linalg.lstsq(X, y[:, 0], rcond=None)[1][0]
    reduced = np.linalg.lstsq(X[:, :2], y[:, 0], rcond=None)[1][0]
    expected = (reduced - full) / 2 / (full / 36)
    test = joint_f(fit, 0, np.eye(4)[2:])
    np.testing.assert_allclose(test.statistic, expected, rtol=1e-9)
    assert (test.df_num, test.df_den) == (2, 36.0)
    np.testing.assert_allclose(test.p_value, stats.f.sf(expected, 2, 36), rtol=1e-9)


def test_newey_west_gives_statas_f():
    """The F of Stata's newey: Wald over the number of contrasts, (k - 1, n - k) degrees of freedom."""
    X = its_design(40, 20)
    fit = fit_newey_west(X, autoregression(3, 40, 0.5, 1), 3)
    b, V = fit.params[0, 1:], fit.covariance.model[0, 1:, 1:]
    test = joint_f(fit, 0, np.eye(4)[1:])
    np.testing.assert_allclose(test.statistic, b @ np.linalg.solve(V, b) / 3, rtol=1e-9)
    np.testing.assert_allclose(test.p_value, stats.f.sf(test.statistic, 3, 36), rtol=1e-9)


def test_infinite_df_give_chi_squared():
    X = its_design(40, 20)
    fit = fit_arima(X, autoregression(4, 40, 0.5, 1), (1, 0, 0))
    test = joint_f(fit, 0, np.eye(4)[2:])
    assert np.isinf(test.df_den)
    np.testing.assert_allclose(test.p_value, stats.chi2.sf(2 * test.statistic, 2), rtol=1e-9)


@pytest.mark.parametrize(("n", "p"), [(10, 2), (9, 3), (25, 4)])
def test_hotelling(n, p):
    """Kenward & Roger 1997: for a multivariate mean the scaled F is Hotelling's exact T^2 test."""
    rng = np.random.default_rng(5)
    # mixed by a matrix of condition below 10: the definitions below lose its fourth power in digits
    mixing = np.eye(p) + 0.4 * rng.standard_normal((p, p)) / np.sqrt(p)
    assert np.linalg.cond(mixing) < 10
    data = rng.standard_normal((n, p)) @ mixing + 0.3
    S = np.cov(data.T)
    basis = []
    for i in range(p):
        for j in range(i + 1):
            E = np.zeros((p, p))
            E[i, j] = E[j, i] = 1.0
            basis.append(np.kron(np.eye(n), E))
    fit = mixed_fit(np.kron(np.ones((n, 1)), np.eye(p)), data.ravel(), np.kron(np.eye(n), S), basis)
    t_squared = n * data.mean(axis=0) @ np.linalg.solve(S, data.mean(axis=0))
    test = joint_f(fit, 0, np.eye(p))
    np.testing.assert_allclose(test.df_den, n - p, rtol=1e-7)
    np.testing.assert_allclose(test.statistic, t_squared * (n - p) / (p * (n - 1)), rtol=1e-7)


def test_pbkrtest_penicillin():
    """KRmodcomp of four treatments in five blends, as printed: F 1.24 on 3 and 12, scaling 1, p 0.34.

    Yields of Box, Hunter & Hunter 1978, *Statistics for Experimenters*, table 7.1; output of R's pbkrtest in
    Faraway's *Extending the Linear Model with R*.
    """
    yields = [[89, 88, 97, 94], [84, 77, 92, 79], [81, 87, 87, 85], [87, 92, 89, 84], [79, 81, 80, 88]]
    y = np.array(yields, dtype=float)
    blend = np.kron(np.eye(5), np.ones((4, 4)))
    X = np.kron(np.ones((5, 1)), np.column_stack([np.ones(4), np.eye(4)[:, 1:]]))
    # Restricted maximum likelihood of a balanced design is the analysis of variance.
    between = 4 * y.mean(axis=1).var(ddof=1)
    left = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0) + y.mean()
    within = np.sum(left**2) / 12
    V = within * np.eye(20) + (between - within) / 4 * blend
    test = joint_f(mixed_fit(X, y.ravel(), V, [np.eye(20), blend]), 0, np.eye(4)[1:])
    assert f"{test.statistic:.2f}" == "1.24"
    assert f"{test.p_value:.2f}" == "0.34"
    np.testing.assert_allclose(test.df_den, 12.0, rtol=1e-8)
    # F.scaling 1: the statistic is the unscaled Wald statistic over 3, that of the analysis of variance
    treatments = 5 * np.sum((y.mean(axis=0) - y.mean()) ** 2) / 3
    np.testing.assert_allclose(test.statistic, treatments / within, rtol=1e-8)


def test_contrasts_may_be_recombined():
    X = its_design(83, 27)
    fit = fit_reml_ar(X, autoregression(6, 83, 0.4, 1), 2)
    one = joint_f(fit, 0, np.eye(4)[2:])
    other = joint_f(fit, 0, np.array([[0, 0, 2.0, 5.0], [0, 0, -1e3, 4e3]]))
    np.testing.assert_allclose([one.statistic, one.df_den], [other.statistic, other.df_den], rtol=1e-7)


def test_no_f_distribution_no_number():
    """Four degrees of freedom or fewer leave the scaled F without a variance."""
    X = its_design(24, 12)
    fit = fit_reml_ar(X, autoregression(7, 24, 0.95, 30), 1)
    tests = [joint_f(fit, s, np.eye(4)[2:]) for s in range(30)]
    short = fit.contrasts(np.eye(4)[2:]).df_unclipped.min(axis=1) < 1.0
    assert short.any()
    assert all(np.isnan(tests[s].p_value) for s in np.flatnonzero(short))
    assert all(test.df_num == 2 for test in tests)
    assert any(np.isfinite(test.p_value) for test in tests)


def test_degenerate_series_have_no_test():
    X = its_design(30, 15)
    fit = fit_ols(X, X @ np.ones((4, 1)))
    test = joint_f(fit, 0, np.eye(4)[2:])
    assert np.isnan([test.statistic, test.p_value, test.df_den]).all()


def test_variance_known_exactly_is_chi_squared_up_to_the_residual_df():
    fit = mixed_fit(np.ones((9, 1)) * [1.0, 0.0] + np.eye(9)[:, :2], np.arange(9.0), np.eye(9), [np.eye(9)])
    known = CovarianceModel(
        fit.covariance.model,
        fit.covariance.model,
        fit.covariance.gradients,
        np.zeros((1, 1, 1)),
        np.array([np.inf]),
    )
    test = joint_f(Fit(fit.params, known, *(np.zeros(1),) * 4), 0, np.eye(2))
    assert np.isinf(test.df_den)
    wald = fit.params[0] @ np.linalg.solve(fit.covariance.model[0], fit.params[0])
    np.testing.assert_allclose(test.p_value, stats.chi2.sf(wald, 2))


def test_scaled_f_has_the_moments_that_were_matched():
    """Mean and variance of F(l, m)/lambda are E and V of Kenward & Roger, here written out for l = 2."""
    from its_eval.estimators.reml.kenward_roger import _scale_and_df

    rng = np.random.default_rng(9)
    possible = 0
    for _ in range(300):
        gradients = rng.standard_normal((2, 2, 2))
        gradients += np.swapaxes(gradients, 1, 2)
        root = rng.standard_normal((2, 2)) * 10 ** rng.uniform(-2, -0.7)
        spread = root @ root.T
        traces = gradients[:, 0, 0] + gradients[:, 1, 1]
        a1 = traces @ spread @ traces
        a2 = sum(spread[i, j] * np.trace(gradients[i] @ gradients[j]) for i in range(2) for j in range(2))
        b, g = (a1 + 6 * a2) / 4, (3 * a1 - 6 * a2) / (4 * a2)
        c1, c2, c3 = g / (8 - 2 * g), (2 - g) / (8 - 2 * g), (4 - g) / (8 - 2 * g)
        factors, dfs = _scale_and_df(gradients[None], spread[None])
        found = None if np.isnan(factors[0]) else (factors[0], dfs[0])
        if found is None:
            assert a2 >= 2 or c3 * b >= 1 or c1 * b <= -1
            continue
        possible += 1
        factor, df = found
        assert df > 4.0
        mean, variance = stats.f.stats(2, df)
        np.testing.assert_allclose(mean / factor, 1 / (1 - a2 / 2), rtol=1e-8)
        expected = (1 + c1 * b) / ((1 - c2 * b) ** 2 * (1 - c3 * b))
        np.testing.assert_allclose(variance / factor**2, expected, rtol=1e-6)
    assert 50 < possible < 300


def test_dependent_contrasts_are_refused():
    fit = fit_ols(its_design(30, 15), np.random.default_rng(8).standard_normal((30, 1)))
    with pytest.raises(ValueError, match="the 3 contrasts are not linearly independent"):
        joint_f(fit, 0, np.array([[0, 0, 1.0, 0], [0, 0, 0, 1.0], [0, 0, 1.0, 1.0]]))
