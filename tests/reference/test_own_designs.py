"""Series with a design and missing months of their own, against dense generalised least squares."""

from __future__ import annotations

import numpy as np
import pytest
from dense_reference import BOUNDS, DenseReml

from its_eval.estimators.reml.forms_fit import fit_reml_ar_own

#: (first, second coefficient) of the series, in turn.
TRUTHS = [(-0.85, 0.0), (0.4, 0.0), (0.95, 0.0), (0.3, 0.3), (0.7, -0.4), (1.0, 0.0)]


def own_problem(n, start, months, replicates, seed):
    """Weighted designs (S, n, k), outcomes (n, S) with gaps, contrasts (m, k)."""
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    post = (t >= start) * 1.0
    X = np.column_stack([np.ones(n), t - start, post, post * (t - start)])
    if months:
        X = np.hstack([X, (t[:, None] % 12 == np.arange(1, 12)) * 1.0])
    n_series = replicates * len(TRUTHS)
    shocks = rng.standard_normal((n + 300, n_series))
    first, second = np.tile(np.array(TRUTHS).T, replicates)
    for month in range(2, n + 300):
        shocks[month] += first * shocks[month - 1] + second * shocks[month - 2]
    root = np.exp(rng.normal(0.0, 0.2, (n_series, n)) + np.linspace(0.7, 0.0, n))
    Y = (80.0 + X[:, [2]]) / root.T + shocks[300:]
    for s in range(n_series):
        Y[rng.choice(n, s % 5, replace=False), s] = np.nan
    return X / root[:, :, None], Y, np.eye(X.shape[1])[1:4]


@pytest.mark.parametrize(("n", "start", "months"), [(24, 12, False), (48, 20, True), (60, 27, False)])
@pytest.mark.parametrize("order", [1, 2])
def test_agrees_with_deleted_rows_of_dense_matrices(n, start, months, order):
    X, Y, contrasts = own_problem(n, start, months, 2 if n < 48 else 1, seed=7)
    fit = fit_reml_ar_own(X, Y, order)
    found = fit.contrasts(contrasts)
    low, high = np.array(BOUNDS[order]).T
    for s in range(Y.shape[1]):
        observed = ~np.isnan(Y[:, s])
        y = Y[observed, s]
        dense = DenseReml(X[s], order, observed)
        value, theta, _ = dense.fit(y[:, None])[0]
        rows, variance, V = dense.inference(theta, y, contrasts)
        assert dense.objective(fit.partial_autocorrelations[s], dense.residuals(y)) < value + 1e-8
        np.testing.assert_allclose(fit.partial_autocorrelations[s], theta, atol=1e-6)
        np.testing.assert_allclose(found.estimate[s], rows[:, 0], atol=1e-6 * rows[:, 1].min())
        np.testing.assert_allclose(found.std_error[s], rows[:, 1], rtol=1e-5)
        np.testing.assert_allclose(found.df_unclipped[s], rows[:, 2], rtol=1e-5)
        np.testing.assert_allclose(fit.sigma[s] ** 2, variance, rtol=1e-6)
        information = dense.X.T @ np.linalg.solve(V, dense.X)
        logs = np.linalg.slogdet(V)[1] + np.linalg.slogdet(information)[1]
        deviance = dense.df * (np.log(2.0 * np.pi) + 1.0) + logs
        np.testing.assert_allclose(-2.0 * fit.log_likelihood[s], deviance, rtol=1e-8)
        at_bound = bool(np.any((theta <= low + 1e-3) | (theta >= high - 1e-3)))
        assert fit.flags["at_bound"][s] == at_bound
        assert fit.n_used[s] == observed.sum()
    assert fit.flags["at_bound"].any() or n > 24
