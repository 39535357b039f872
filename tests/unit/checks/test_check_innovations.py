"""Whitening against Cholesky factors of dense covariance matrices; simulation against its definition."""

import numpy as np
import pytest
from scipy import linalg

from its_eval.checks.autocorrelation import Whitening, innovations, simulate_residuals
from its_eval.checks.result import count_at_least, two_sided_p, upper_p
from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.reml.reml_ar import fit_reml_ar

PARTIALS = [(), (0.6,), (-0.4,), (0.5, 0.3), (0.8, -0.4)]


def gaps(n, missing):
    observed = np.ones(n, dtype=bool)
    observed[missing] = False
    return observed


@pytest.mark.parametrize("partials", PARTIALS)
@pytest.mark.parametrize("missing", [[], [0, 1], [4, 5, 6, 17], [29]])
def test_innovations_are_those_of_the_cholesky_factor(made, partials, missing):
    n, observed = 30, gaps(30, missing)
    errors = np.random.default_rng(1).standard_normal((n, 3))
    errors[~observed] = np.nan
    factor = np.linalg.cholesky(made.covariance(partials, n)[np.ix_(observed, observed)])
    expected = linalg.solve_triangular(factor, errors[observed], lower=True)
    found = innovations(errors, np.array(partials)[None], observed)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_each_series_has_its_own_autocorrelation(made):
    errors = np.random.default_rng(2).standard_normal((20, 3))
    partials = np.array([[0.3, 0.2], [-0.2, 0.5], [0.9, 0.0]])
    observed = gaps(20, [7, 8])
    together = innovations(errors, partials, observed)
    for series in range(3):
        alone = innovations(errors[:, [series]], partials[[series]], observed)
        np.testing.assert_allclose(together[:, [series]], alone, atol=1e-13)


@pytest.mark.parametrize("partials", PARTIALS)
def test_whitened_residuals_are_those_of_generalised_least_squares(made, partials):
    n, X = 40, made.design(40, 15, months=False)
    observed = gaps(n, [3, 20, 21])
    y = 1e4 + 5.0 * np.arange(n) + made.ar_series(3, partials, n, 1)[:, 0]
    y[~observed] = np.nan
    V = made.covariance(partials, n)[np.ix_(observed, observed)]
    half = np.linalg.solve(V, X[observed])
    beta = np.linalg.solve(half.T @ X[observed], half.T @ y[observed])
    errors = y[observed] - X[observed] @ beta
    expected = linalg.solve_triangular(np.linalg.cholesky(V), errors, lower=True)
    whitening = Whitening(X, np.array(partials), observed)
    np.testing.assert_allclose(whitening.residuals(y[:, None])[:, 0], expected, atol=1e-8)
    np.testing.assert_array_equal(whitening.positions, np.flatnonzero(observed))
    assert whitening.residual_df == 33


def test_the_sum_of_squares_is_that_of_the_reml_fit(made):
    X = made.design(83, 27)
    Y = made.ar_series(4, (0.5,), 83, 2)
    Y[[10, 11], 1] = np.nan
    fit = fit_reml_ar(X, Y, 1)
    for series in range(2):
        observed = ~np.isnan(Y[:, series])
        whitening = Whitening(X, fit.partial_autocorrelations[series], observed)
        rss = float(np.sum(whitening.residuals(Y[:, [series]]) ** 2))
        marginal = rss / whitening.residual_df / (1 - fit.partial_autocorrelations[series, 0] ** 2)
        assert fit.sigma[series] == pytest.approx(np.sqrt(marginal), rel=1e-9)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_simulated_residuals_are_reproducible_and_orthogonal_to_the_design(made, order):
    X, partials = made.design(60, 20, months=False), np.array([0.5, 0.2])[:order]
    observed = gaps(60, [30])
    whitening = Whitening(X, partials, observed)
    first = simulate_residuals([whitening], [np.random.default_rng(5)], draws=50)[0]
    again = simulate_residuals([whitening], [np.random.default_rng(5)], draws=50)[0]
    np.testing.assert_array_equal(first.refitted, again.refitted)
    assert first.known.shape == first.refitted.shape == (59, 50)
    np.testing.assert_allclose(whitening.factored[0].T @ first.known, 0.0, atol=1e-12)
    if order == 0:
        assert first.refitted is first.known
    else:
        # refitting takes out more of the autocorrelation than knowing it
        lag = [float(np.abs((e[1:] * e[:-1]).sum(axis=0)).mean()) for e in (first.refitted, first.known)]
        assert lag[0] < lag[1]


def test_known_residuals_have_the_covariance_of_the_projection(made):
    whitening = Whitening(made.design(24, 10, months=False), np.array([0.6]), np.ones(24, dtype=bool))
    drawn = simulate_residuals([whitening], [np.random.default_rng(6)], draws=4000)[0].known
    basis = whitening.factored[0]
    expected = np.eye(24) - basis @ basis.T
    np.testing.assert_allclose(drawn @ drawn.T / 4000, expected, atol=0.1)


def test_a_design_without_enough_periods_is_refused(made):
    with pytest.raises(SingularDesignError, match="too few"):
        Whitening(made.design(17, 8), np.array([0.5, 0.1]), np.ones(17, dtype=bool))


def test_higher_orders_are_refused(made):
    with pytest.raises(ValueError, match=r"errors are AR\(3\); whitening is for AR\(0\) to AR\(2\)"):
        Whitening(made.design(60, 20), np.array([0.5, 0.1, 0.1]), np.ones(60, dtype=bool))


def test_ties_and_failures_count_as_extreme():
    drawn = np.array([1.0, 2.0, 2.0 - 1e-12, 3.0, np.nan])
    assert count_at_least(2.0, drawn) == 4
    assert count_at_least(2.0 + 1e-6, drawn) == 2
    assert upper_p(2.0, drawn) == pytest.approx(5 / 6)
    assert np.isnan(upper_p(np.nan, drawn))
    # the tie rule works below zero, where W of Shapiro-Wilk is compared with its sign changed
    assert count_at_least(-0.9, np.array([-0.9 - 1e-12, -0.91, -0.89])) == 2


def test_two_sided_p_doubles_the_smaller_tail():
    drawn = np.arange(1.0, 100.0)
    assert two_sided_p(98.0, drawn) == pytest.approx(2 * 3 / 100)
    assert two_sided_p(2.0, drawn) == pytest.approx(2 * 3 / 100)
    assert two_sided_p(50.0, drawn) == 1.0


def test_series_of_several_fits_are_simulated_as_each_alone(made):
    X, every = made.design(60, 20, months=False), np.ones(60, dtype=bool)
    partials = [np.array([0.5, 0.1]), np.array([-0.2, 0.0]), np.array([0.8])]
    fits = [Whitening(X, one, every) for one in (*partials, partials[0])]
    fits[3] = Whitening(X, partials[0], gaps(60, [30]))
    together = simulate_residuals(fits, [np.random.default_rng(place) for place in range(4)], draws=20)
    for place, whitening in enumerate(fits):
        (alone,) = simulate_residuals([whitening], [np.random.default_rng(place)], draws=20)
        np.testing.assert_array_equal(together[place].noise, alone.noise)
        np.testing.assert_allclose(together[place].refitted, alone.refitted, atol=1e-6)
        np.testing.assert_allclose(whitening.residuals(alone.errors), alone.known, atol=1e-10)


def test_coefficients_are_those_of_generalised_least_squares(made):
    X, observed = made.design(60, 20, months=False), gaps(60, [30, 31])
    whitening = Whitening(X, np.array([0.6]), observed)
    y = np.random.default_rng(3).standard_normal((60, 1))
    V = made.covariance((0.6,), 60)[np.ix_(observed, observed)]
    inverse = np.linalg.inv(V)
    expected = np.linalg.solve(X[observed].T @ inverse @ X[observed], X[observed].T @ inverse @ y[observed])
    np.testing.assert_allclose(whitening.coefficients(y), expected, rtol=1e-8)


def test_upper_p_is_exact_under_exchangeability():
    draws = np.random.default_rng(7).standard_normal((2000, 20))
    p = np.array([upper_p(row[0], row[1:]) for row in draws])
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / 2000))
