"""Autoregressive errors of any order: ``reml_ar``, statsmodels' recursions, state space form and GLSAR."""

import numpy as np
import pytest
from scipy import linalg, signal
from statsmodels.regression.linear_model import GLSAR
from statsmodels.tsa.arima_process import ArmaProcess
from statsmodels.tsa.statespace.sarimax import SARIMAX
from statsmodels.tsa.stattools import levinson_durbin_pacf

from its_eval.estimators import gls_ar
from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.gls_ar import autocorrelations, bounds_of, coefficients, fit_gls_ar
from its_eval.estimators.reml import dense
from its_eval.estimators.reml.reml_ar import fit_reml_ar


def its_design(n, start):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), t - start, post, post * (t - start)])


def autoregression(seed, n, phi, replicates=1):
    shocks = np.random.default_rng(seed).standard_normal((n + 300, replicates))
    return signal.lfilter([1.0], [1.0, *(-np.asarray(phi))], shocks, axis=0)[300:]


PARTIALS = np.array([0.5, -0.2, 0.3, 0.1, -0.4])


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_coefficients_and_autocorrelations_are_those_of_statsmodels(order):
    partials = PARTIALS[:order]
    phi, rho = levinson_durbin_pacf(np.array([1.0, *partials]))
    np.testing.assert_allclose(coefficients(partials), phi, rtol=1e-12)
    np.testing.assert_allclose(autocorrelations(partials, order + 1), rho, rtol=1e-12)
    long = ArmaProcess(np.array([1.0, *(-phi)])).acf(40)
    np.testing.assert_allclose(autocorrelations(partials, 40), long, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(autocorrelations(partials, 2), long[:2], rtol=1e-12)


def test_slopes_are_those_of_differences():
    places = np.array([0, 1, 2, 4, 7, 8, 9])
    _, slopes = gls_ar._correlation(PARTIALS, places)
    for axis, slope in enumerate(slopes):
        step = 1e-6 * np.eye(5)[axis]
        above, below = (gls_ar._correlation(PARTIALS + sign * step, places)[0] for sign in (1, -1))
        np.testing.assert_allclose(slope, (above - below) / 2e-6, atol=1e-8)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("gaps", [(), (0, 7, 8, 30)])
def test_the_first_two_orders_are_those_of_reml_ar(order, gaps):
    X, Y = its_design(60, 30), autoregression(3, 60, [0.4, 0.2][:order], 12)
    Y[list(gaps)] = np.nan
    fit, other = fit_gls_ar(X, Y, order), fit_reml_ar(X, Y, order)
    assert not fit.flags["not_converged"].any()
    # of two maxima that are as good one may be at the bound
    assert (other.log_likelihood - fit.log_likelihood < 1e-3).all()
    free = ~(fit.flags["at_bound"] | other.flags["at_bound"])
    assert free.sum() > 8
    np.testing.assert_array_equal(fit.flags["near_unit_root"][free], other.flags["near_unit_root"][free])
    np.testing.assert_allclose(
        fit.partial_autocorrelations[free], other.partial_autocorrelations[free], atol=1e-6
    )
    np.testing.assert_allclose(fit.log_likelihood[free], other.log_likelihood[free], rtol=1e-9)
    np.testing.assert_allclose(fit.sigma[free], other.sigma[free], rtol=1e-6)
    ours, theirs = fit.contrasts(np.eye(4)), other.contrasts(np.eye(4))
    for name in ("estimate", "std_error", "df", "p_value"):
        np.testing.assert_allclose(
            getattr(ours, name)[free], getattr(theirs, name)[free], rtol=1e-5, atol=1e-7, err_msg=name
        )


@pytest.mark.parametrize("gaps", [(), (5, 20, 21)])
def test_a_third_order_is_the_restricted_maximum_of_the_state_space_form(gaps):
    """Coefficients of the design as diffuse states make statsmodels' likelihood the restricted one."""
    X, y = its_design(80, 40), autoregression(4, 80, coefficients(np.array([0.3, 0.2, -0.4])))
    y[list(gaps)] = np.nan
    fit = fit_gls_ar(X, y, 3)
    assert not fit.flags["at_bound"].any()
    partials = fit.partial_autocorrelations[0]
    phi = coefficients(partials)
    innovation = fit.sigma[0] ** 2 * np.prod(1 - partials**2)
    model = SARIMAX(y[:, 0], exog=X, order=(3, 0, 0), mle_regression=False, use_exact_diffuse=True)
    best = np.array([*phi, innovation])
    at = model.smooth(best)
    np.testing.assert_allclose(fit.params[0], at.smoothed_state[-4:, -1], rtol=1e-5)
    np.testing.assert_allclose(
        fit.covariance.model[0], at.smoothed_state_cov[-4:, -4:, -1], rtol=1e-5, atol=1e-9
    )
    # no step away from it gains
    for step in 0.01 * np.vstack([np.eye(4), -np.eye(4)]):
        assert model.loglike(best + step) < at.llf
    score = model.score(best)
    np.testing.assert_allclose(score, 0.0, atol=2e-3)


def test_long_series_agree_with_iterated_yule_walker():
    """GLSAR takes its autocorrelations from the residuals of the last round: the same for long series."""
    X, y = its_design(200, 100), 5.0 + autoregression(5, 200, [0.3, 0.1, 0.2, 0.0, 0.0, 0.2])
    fit = fit_gls_ar(X, y, 6)
    theirs = GLSAR(y[:, 0], X, rho=6)
    found = theirs.iterative_fit(maxiter=50)
    np.testing.assert_allclose(coefficients(fit.partial_autocorrelations[0]), theirs.rho, atol=0.12)
    spread = fit.contrasts(np.eye(4)).std_error[0]
    np.testing.assert_allclose((fit.params[0] - found.params) / spread, 0.0, atol=0.5)
    np.testing.assert_allclose(spread, found.bse, rtol=0.25)


def test_the_covariance_at_known_errors_is_that_of_generalised_least_squares():
    X, y = its_design(50, 25), autoregression(6, 50, [0.2, 0.0, 0.4])
    y[[3, 30]] = np.nan
    fit = fit_gls_ar(X, y, 3)
    keep = ~np.isnan(y[:, 0])
    phi, _ = levinson_durbin_pacf(np.array([1.0, *fit.partial_autocorrelations[0]]))
    long = ArmaProcess(np.array([1.0, *(-phi)])).acf(50)
    V = fit.sigma[0] ** 2 * linalg.toeplitz(long)[np.ix_(keep, keep)]
    model = np.linalg.inv(X[keep].T @ np.linalg.solve(V, X[keep]))
    np.testing.assert_allclose(fit.covariance.model[0], model, rtol=1e-7)
    expected = model @ X[keep].T @ np.linalg.solve(V, y[keep, 0])
    np.testing.assert_allclose(fit.params[0], expected, rtol=1e-8)
    left = y[keep, 0] - X[keep] @ expected
    assert left @ np.linalg.solve(V, left) == pytest.approx(keep.sum() - 4)
    # what is not known of the errors widens the intervals
    assert (np.diag(fit.covariance.adjusted[0]) >= np.diag(model)).all()
    assert (fit.contrasts(np.eye(4)).df < keep.sum() - 4).all()


def test_bounds_are_those_of_reml_ar_and_wide_beyond():
    np.testing.assert_allclose(bounds_of(1), [[-0.8, 0.99]])
    np.testing.assert_allclose(bounds_of(4)[:2], bounds_of(2))
    np.testing.assert_allclose(bounds_of(4)[2:], [[-0.95, 0.95]] * 2)


def test_degenerate_series_those_at_a_bound_and_those_that_do_not_settle(monkeypatch):
    X = its_design(60, 30)
    walk = np.cumsum(np.random.default_rng(9).standard_normal(60))
    Y = np.column_stack([X @ [1.0, 2.0, 3.0, 4.0], 1e3 * walk])
    fit = fit_gls_ar(X[:, :1], Y[:, 1:], 3)
    assert fit.flags["near_unit_root"].tolist() == [True]
    assert fit.flags["at_bound"].tolist() == [True]
    fit = fit_gls_ar(X, Y, 3)
    assert fit.flags["degenerate"].tolist() == [True, False]
    np.testing.assert_allclose(fit.params[0], [1, 2, 3, 4], rtol=1e-8)
    monkeypatch.setattr(dense, "SCORING_STEPS", 0)
    Y = autoregression(7, 60, [0.3, 0.1, 0.2])
    assert fit_gls_ar(X, Y, 3).flags["not_converged"].tolist() == [True]


def test_refusals():
    X, y = its_design(20, 10), autoregression(2, 20, [0.3])
    for order in (0, 13):
        with pytest.raises(ValueError, match="it has to be 1 to 12"):
            fit_gls_ar(X, y, order)
    y[15:] = np.nan
    with pytest.raises(SingularDesignError, match="too few"):
        fit_gls_ar(X[:, :2], y[:, :1], 12)
