"""Bounds of a bent trend against a linear programme, and the breakdown against the interval itself."""

import numpy as np
import pytest
from scipy import linalg, optimize, stats
from statsmodels.regression.linear_model import GLS

from its_eval.effects.trend_bounds import (
    before_square,
    gls_weights,
    largest_bias,
    second_difference,
    trend_bounds,
)
from its_eval.estimators.reml.reml_ar import fit_reml_ar


def design(n, start, *, months=False):
    t = np.arange(n, dtype=float)
    columns = [np.ones(n), t - start, t >= start, np.maximum(t - start, 0.0)]
    if months:
        columns += [(np.arange(n) % 12 == m).astype(float) - (np.arange(n) % 12 == 11) for m in range(11)]
    return np.column_stack(columns).astype(float)


def weights(matrix, rho, contrast, observed=None, spread=1.0):
    n = len(matrix)
    used = np.ones(n, dtype=bool) if observed is None else observed
    spread = np.broadcast_to(spread, n)
    V = linalg.toeplitz(rho ** np.arange(n)) * np.outer(spread, spread)
    return gls_weights(matrix, V[np.ix_(used, used)], used, contrast)


@pytest.mark.parametrize("months", [False, True])
def test_weights_are_those_of_generalised_least_squares(months):
    matrix, observed = design(60, 25, months=months), np.ones(60, dtype=bool)
    observed[[3, 24, 25, 40]] = False
    spread = np.linspace(0.5, 2.0, 60)
    contrast = np.eye(matrix.shape[1])[3]
    w = weights(matrix, 0.6, contrast, observed, spread)
    assert not w[~observed].any()
    np.testing.assert_allclose(matrix.T @ w, contrast, atol=1e-10)
    # the estimate of statsmodels
    V = linalg.toeplitz(0.6 ** np.arange(60)) * np.outer(spread, spread)
    y = np.random.default_rng(1).standard_normal(60)
    fit = GLS(y[observed], matrix[observed], sigma=V[np.ix_(observed, observed)]).fit()
    assert w @ y == pytest.approx(fit.params[3], rel=1e-8)
    # and of the engine, at its own autocorrelation and at a weighted one
    fit = fit_reml_ar(matrix / spread[:, None], np.where(observed, y, np.nan)[:, None] / spread[:, None], 1)
    own = weights(matrix, float(fit.partial_autocorrelations[0, 0]), contrast, observed, spread)
    assert own @ y == pytest.approx(float(fit.params[0, 3]), rel=1e-6)


@pytest.mark.parametrize("term", [2, 3])
@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_largest_bias_is_that_of_the_linear_programme(term, rho):
    matrix, observed = design(40, 15), np.ones(40, dtype=bool)
    observed[[7, 20]] = False
    w = weights(matrix, rho, np.eye(4)[term], observed)
    second = np.diff(np.eye(40), 2, axis=0)
    found = optimize.linprog(
        -w,
        A_ub=np.vstack([second, -second]),
        b_ub=np.ones(2 * 38),
        A_eq=np.eye(40)[:2],
        b_eq=[0.0, 0.0],
        bounds=(None, None),
    )
    assert largest_bias(w) == pytest.approx(-found.fun, rel=1e-9)


def test_interval_has_the_quantile_of_a_shifted_t():
    bounds = trend_bounds(1.0, 0.2, 9.0, np.array([1.0, -2.0, 1.0, 0.0]), 2)
    assert bounds.bias == pytest.approx(2.0)
    half = bounds.half_width(0.3)
    shift = 0.3 * bounds.bias / 0.2
    draws = stats.t.rvs(9, size=400_000, random_state=1)
    assert half / 0.2 == pytest.approx(np.quantile(np.abs(draws + shift), 0.95), abs=0.02)
    assert bounds.half_width(0.0) == pytest.approx(stats.t.ppf(0.975, 9) * 0.2, rel=1e-10)
    low, high = bounds.interval(0.3)
    assert (low, high) == pytest.approx((1.0 - half, 1.0 + half))


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_breakdown_is_where_the_interval_reaches_zero(sign):
    w = weights(design(83, 27), 0.4, np.eye(4)[3])
    bounds = trend_bounds(sign * 0.08, 0.02, 17.0, w, 27)
    low, high = bounds.interval(bounds.breakdown)
    assert (low if sign > 0 else high) == pytest.approx(0.0, abs=1e-8)
    assert bounds.breakdown > 0.0
    assert trend_bounds(sign * 0.03, 0.02, 17.0, w, 27).breakdown == 0.0
    # a confidence that the plain interval just fails
    just = float(stats.t.ppf(0.975, 17.0)) * 0.02
    assert trend_bounds(sign * just * (1 - 1e-9), 0.02, 17.0, w, 27).breakdown == 0.0
    assert trend_bounds(sign * just * (1 + 1e-6), 0.02, 17.0, w, 27).breakdown > 0.0


def test_a_bend_is_the_distance_from_the_chord():
    t = np.arange(0.0, 28.0)
    M = second_difference(3.0, 27)
    parabola = 0.5 * M * t**2
    chord = parabola[-1] * t / 27.0
    middle = 0.5 * M * 13.5**2 - parabola[-1] / 2.0
    assert np.diff(parabola, 2) == pytest.approx(np.full(26, M))
    assert -middle == pytest.approx(3.0)
    assert np.max(chord - parabola) <= 3.0
    assert pytest.approx(3.0) == M * 27**2 / 8
    column = before_square(40, 27)
    assert np.diff(column[:27], 2) == pytest.approx(np.full(25, second_difference(1.0, 27)))
    assert not column[27:].any()


def test_what_cannot_be_biased_or_has_no_error_has_no_bounds():
    w = np.array([1.0, -2.0, 1.0])
    assert trend_bounds(1.0, 0.0, 5.0, w, 2) is None
    assert trend_bounds(1.0, float("nan"), 5.0, w, 2) is None
    assert trend_bounds(1.0, 1.0, 5.0, np.zeros(3), 2) is None
