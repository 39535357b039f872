"""Variance by segment against dense matrices from the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from dense_by_segment import BOUNDS, DenseBySegment

from its_eval.estimators.reml import by_segment
from its_eval.estimators.reml.by_segment import fit_reml_by_segment

DESIGNS = {
    # name: (n, first post month, month dummies, missing months)
    "24": (24, 12, False, ()),
    "36 month dummies": (36, 16, True, ()),
    "48 gaps": (48, 20, False, (0, 10, 11, 12, 19, 20, 30, 47)),
}
SIZES = {1: (20, 15), 2: (12, 8, 11)}
#: (first, second coefficient, log variance ratio)
TRUTHS = [
    (0.4, 0.0, 0.0),
    (-0.6, 0.0, 1.0),
    (0.95, 0.0, -1.5),
    (0.3, 0.3, 3.0),
    (0.7, -0.4, -0.3),
    (0.0, 0.0, 7.0),
]


def its_design(n, start, months):
    t = np.arange(n)
    post = (t >= start) * 1.0
    X = np.column_stack([np.ones(n), t - start, post, post * (t - start)])
    return np.hstack([X, (t[:, None] % 12 == np.arange(1, 12)) * 1.0]) if months else X


def simulate(rng, n, after, truth, replicates):
    """AR(2) series after a long start-up, scaled after the interruption."""
    shocks = rng.standard_normal((n + 300, replicates))
    for t in range(2, n + 300):
        shocks[t] += truth[0] * shocks[t - 1] + truth[1] * shocks[t - 2]
    return shocks[300:] * np.exp(after[:, None] * truth[2] / 2.0)


def assert_agrees(fit, dense, reference, Y, contrasts):
    """Compare a fit with the dense optima (objective, theta) of the series Y over the observed months."""
    found = fit.contrasts(contrasts)
    low, high = np.array(BOUNDS[dense.order]).T
    theta = np.column_stack([fit.partial_autocorrelations, np.log(fit.variance_ratio)])
    for s, (value, expected) in enumerate(reference):
        y = Y[:, s]
        rows, sigma, deviance = dense.inference(expected, y, contrasts)
        assert dense.objective(theta[s], dense.residuals(y)) < value + 1e-8  # never a worse optimum
        np.testing.assert_allclose(theta[s], expected, atol=1e-6)
        np.testing.assert_allclose(found.estimate[s], rows[:, 0], atol=1e-6 * rows[:, 1].min())
        np.testing.assert_allclose(found.std_error[s], rows[:, 1], rtol=1e-5)
        np.testing.assert_allclose(found.df_unclipped[s], rows[:, 2], rtol=1e-5)
        np.testing.assert_allclose(fit.sigma[s], sigma, rtol=1e-6)
        np.testing.assert_allclose(-2.0 * fit.log_likelihood[s], deviance, rtol=1e-9)
        at_bound = bool(np.any((expected <= low + 1e-3) | (expected >= high - 1e-3)))
        assert fit.flags["at_bound"][s] == at_bound
        assert fit.flags["variance_changes"][s] == (not 0.6 <= np.exp(expected[-1]) <= 1.7)
    assert fit.flags["at_bound"].any()
    assert not fit.flags["at_bound"].all()
    np.testing.assert_array_equal(fit.n_used, len(Y))
    np.testing.assert_array_equal(fit.covariance.df_residual, dense.df)


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("order", [1, 2])
def test_agrees_with_dense_matrices(name, order, monkeypatch):
    n, start, months, missing = DESIGNS[name]
    X = its_design(n, start, months)
    after = np.arange(n) >= start
    rng = np.random.default_rng(20150701)
    Y = 50.0 + 0.1 * X[:, [3]] + np.hstack([simulate(rng, n, after, truth, 2) for truth in TRUTHS])
    observed = np.ones(n, bool)
    observed[list(missing)] = False
    contrasts = np.eye(X.shape[1])[1:4]
    dense = DenseBySegment(X, order, after, observed)
    reference = dense.fit(Y[observed], SIZES[order])
    Y[~observed] = np.nan

    for few in (0, 1000):  # through tables of the design, and series by series
        monkeypatch.setattr(by_segment, "FEW_SERIES", few)
        fit = fit_reml_by_segment(X, Y, order, after)
        assert_agrees(fit, dense, reference, Y[observed], contrasts)
