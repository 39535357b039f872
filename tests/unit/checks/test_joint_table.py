"""The joint F from a table over the autocorrelations, against that of each series."""

import numpy as np
import pytest

from its_eval.checks.joint_table import joint_p_values
from its_eval.estimators.reml.kenward_roger import joint_f
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.pipeline.truths import autoregressive_errors

#: Greatest difference of two p-values: a fifth of the standard error of a simulated 5 %.
CLOSE = {1: 1e-4, 2: 1e-3}


@pytest.mark.parametrize(
    ("order", "n", "start", "season"), [(1, 32, 24, 0), (1, 47, 24, 0), (2, 60, 24, 0), (2, 84, 48, 11)]
)
def test_p_values_are_those_of_each_series(order, n, start, season):
    t = np.arange(n)
    post = (t >= start) * 1.0
    months = [(t % 12 == month) * 1.0 for month in range(season)]
    X = np.column_stack([np.ones(n), t - start, post, post * (t - start), *months])
    observed = t != start - 5
    rng = np.random.default_rng(3)
    Y = np.hstack([autoregressive_errors(np.array([rho]), n, 60, rng) for rho in (0.0, 0.4, 0.8, 0.95)])
    fit = fit_reml_ar(X, np.where(observed[:, None], Y, np.nan), order)
    fit = fit.take(np.flatnonzero(~fit.flags["at_bound"]))
    rows = np.eye(X.shape[1])[2:4]
    expected = [joint_f(fit, series, rows).p_value for series in range(len(fit.params))]
    found = joint_p_values(X, observed, rows, fit.contrasts(rows), fit.partial_autocorrelations)
    assert np.isnan(expected).any() == np.isnan(found).any()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE[order])
    assert np.nanmin(expected) < 0.01


def test_no_series_no_p_value():
    X = np.column_stack([np.ones(30), np.arange(30.0)])
    fit = fit_reml_ar(X, np.random.default_rng(1).standard_normal((30, 1)), 1)
    found = joint_p_values(
        X, np.ones(30, dtype=bool), np.eye(2), fit.take(slice(0, 0)).contrasts(np.eye(2)), np.empty((0, 1))
    )
    assert found.shape == (0,)
