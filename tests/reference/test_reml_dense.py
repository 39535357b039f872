"""The batched REML engine against dense matrices from the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from dense_reference import BOUNDS, DenseReml

from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.estimators.reml.statistics import Ar1Tables, Ar2Tables

RHO = (-0.85, -0.6, 0.0, 0.4, 0.8, 0.95)
DESIGNS = {
    # name: (n, first post month, month dummies, level of the series, missing months)
    "24": (24, 12, False, 0.0, ()),
    "24 month dummies": (24, 9, True, 0.0, ()),
    "48 high level": (48, 24, False, 1e4, ()),
    "48 adjacent gaps": (48, 24, False, 3.0, (10, 11, 12, 30)),
    "83": (83, 27, False, 0.0, ()),
    "83 month dummies, high level": (83, 27, True, 1e4, ()),
    "83 gaps at both ends": (83, 27, False, 95.0, (0, 1, 26, 27, 81, 82)),
    "83 month dummies, gaps": (83, 27, True, 95.0, (0, 5, 40, 41, 60)),
}


#: Series of each true process: at least 300 fits for each order.
REPLICATES = {1: 7, 2: 5}
TOLERANCES = {
    # The objective must never be worse than that of the dense search.
    "objective": 1e-8,
    "partials": 1e-6,
    "estimate": 1e-6,
    "std_error": 1e-5,
    "sigma": 1e-5,
    "df": 1e-5,
    "table objective": 1e-8,
    "table partials": 1e-6,
    "table estimate": 1e-6,
    "table std_error": 1e-5,
    "table df": 1e-5,
}


def its_design(n, start, months):
    t = np.arange(n)
    post = (t >= start) * 1.0
    X = np.column_stack([np.ones(n), t - start, post, post * (t - start)])
    return np.hstack([X, (t[:, None] % 12 == np.arange(1, 12)) * 1.0]) if months else X


def its_contrasts(n, start, k):
    """Level change, slope change, post slope, average effect."""
    contrasts = np.zeros((4, k))
    contrasts[0, 2] = contrasts[1, 3] = contrasts[2, 1] = contrasts[2, 3] = contrasts[3, 2] = 1.0
    contrasts[3, 3] = (n - start - 1) / 2
    return contrasts


def simulate(rng, n, coefficients, replicates):
    """AR(2) series with coefficients (phi1, phi2) after a long start-up."""
    shocks = rng.standard_normal((n + 300, replicates))
    series = np.zeros_like(shocks)
    for t in range(2, n + 300):
        series[t] = coefficients[0] * series[t - 1] + coefficients[1] * series[t - 2] + shocks[t]
    return series[300:]


def largest_errors(name, order, replicates, seed):
    """Largest deviations of the engine over all series of a design, and what was met on the way."""
    n, start, months, level, missing = DESIGNS[name]
    X = its_design(n, start, months)
    contrasts = its_contrasts(n, start, X.shape[1])
    rng = np.random.default_rng(seed)
    truths = [(rho, 0.0) for rho in RHO]
    if order == 2:
        truths += [(0.3, 0.3), (0.7, -0.4)]
    Y = level + np.hstack([simulate(rng, n, truth, replicates) for truth in truths])
    Y += (0.5 * X[:, 2] + 0.01 * X[:, 3])[:, None]
    observed = np.ones(n, bool)
    observed[list(missing)] = False
    dense = DenseReml(X, order, observed)
    reference = dense.fit(Y[observed])
    Y[~observed] = np.nan

    fit = fit_reml_ar(X, Y, order)
    found = fit.contrasts(contrasts)
    tables = (Ar1Tables if order == 1 else Ar2Tables)(X, contrasts, observed)
    read = tables.evaluate(np.where(observed[:, None], Y, 0.0))
    low, high = np.array(BOUNDS[order]).T
    errors = dict.fromkeys(TOLERANCES, 0.0)
    met = {"at bound": 0, "several minima": 0}
    for s, (value, theta, n_minima) in enumerate(reference):
        y = Y[observed, s]
        rows, variance, _ = dense.inference(theta, y, contrasts)
        at_bound = bool(np.any((theta <= low + 1e-3) | (theta >= high - 1e-3)))
        assert fit.flags["at_bound"][s] == at_bound
        met["at bound"] += at_bound
        met["several minima"] += n_minima > 1
        own = dense.objective(fit.partial_autocorrelations[s], dense.residuals(y))
        deviations = {
            "partials": np.abs(fit.partial_autocorrelations[s] - theta),
            "estimate": np.abs(found.estimate[s] - rows[:, 0]) / rows[:, 1],
            "std_error": np.abs(found.std_error[s] / rows[:, 1] - 1),
            "df": np.abs(found.df_unclipped[s] / rows[:, 2] - 1),
            "sigma": np.abs(fit.sigma[s] ** 2 / variance - 1),
            "objective": own - value,
            "table partials": np.abs(read.partial_autocorrelations[s] - theta),
            "table estimate": np.abs(read.estimates.estimate[s] - rows[:, 0]) / rows[:, 1],
            "table std_error": np.abs(read.estimates.std_error[s] / rows[:, 1] - 1),
            "table df": np.abs(read.estimates.df_unclipped[s] / rows[:, 2] - 1),
            "table objective": dense.objective(read.partial_autocorrelations[s], dense.residuals(y)) - value,
        }
        for key, deviation in deviations.items():
            errors[key] = max(errors[key], float(np.max(deviation)))
    return errors, met


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("order", [1, 2])
def test_agrees_with_dense_matrices(name, order):
    """Exact path and tables: 8 designs, 6 or 8 true processes, 7 or 5 series of each."""
    errors, _ = largest_errors(name, order, replicates=REPLICATES[order], seed=20150701)
    for key, tolerance in TOLERANCES.items():
        assert errors[key] < tolerance, key


@pytest.mark.parametrize("order", [1, 2])
def test_series_with_several_minima_are_among_them(order):
    n, start, months, *_ = DESIGNS["24"]
    dense = DenseReml(its_design(n, start, months), order)
    rng = np.random.default_rng(3)
    Y = simulate(rng, n, (0.9, 0.0), 600)
    several = [s for s, minima in enumerate(dense.local_minima(dense.residuals(Y))) if len(minima) > 1][:8]
    assert len(several) == 8
    fit = fit_reml_ar(dense.X, Y[:, several], order)
    for s, (_, theta, _) in enumerate(dense.fit(Y[:, several])):
        np.testing.assert_allclose(fit.partial_autocorrelations[s], theta, atol=1e-6)


def test_log_likelihood_is_that_of_the_error_contrasts():
    """l_R = -[nu log 2 pi + log|V| + log|X'V^-1 X| + y'Py]/2 with the rows of missing months deleted."""
    n, start, months, _, missing = DESIGNS["48 adjacent gaps"]
    X = its_design(n, start, months)
    observed = np.ones(n, bool)
    observed[list(missing)] = False
    y = simulate(np.random.default_rng(5), n, (0.5, 0.0), 1)
    gappy = np.where(observed[:, None], y, np.nan)
    for order in (1, 2):
        dense = DenseReml(X, order, observed)
        fit = fit_reml_ar(X, gappy, order)
        theta = fit.partial_autocorrelations[0]
        _, _, V = dense.inference(theta, y[observed, 0], np.zeros((0, 4)))
        M = dense.X.T @ np.linalg.solve(V, dense.X)
        terms = dense.df * (np.log(2 * np.pi) + 1) + np.linalg.slogdet(V)[1] + np.linalg.slogdet(M)[1]
        np.testing.assert_allclose(fit.log_likelihood[0], -terms / 2, rtol=1e-9)
