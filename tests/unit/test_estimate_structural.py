"""Structural time series: statsmodels' state space form, published output, closed forms at zero variances."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize
from statsmodels.tsa.statespace.structural import UnobservedComponents

from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.least_squares import fit_ols
from its_eval.estimators.random_walk import fit_random_walk
from its_eval.estimators.reml import dense
from its_eval.estimators.reml.local_level import fit_reml_local_level
from its_eval.estimators.structural import Parts, fit_structural

ROOT = Path(__file__).parents[2]


def its_design(n, start, *more):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), t - start, post, post * (t - start), *more])


def drifting(seed, n, level=0.3, noise=1.0):
    rng = np.random.default_rng(seed)
    return (np.cumsum(level * rng.standard_normal(n)) + noise * rng.standard_normal(n))[:, None]


def variances(fit, X, y, parts):
    """Return the variances in the unit of the outcome, by simulating what a disturbance does."""
    observed = ~np.isnan(y[:, 0])
    n = len(X)
    states = parts.starting_states(n)
    basis = np.linalg.svd(np.hstack([X, states])[observed])
    rank = int((basis[1] > 1e-8 * basis[1][0]).sum())
    free = basis[0][:, rank:]
    residual = y[observed, 0] - X[observed] @ np.linalg.lstsq(X[observed], y[observed, 0], rcond=None)[0]
    unit = residual @ residual / observed.sum()
    sizes = [np.sum((free.T @ parts.effects(name, n)[observed]) ** 2) / free.shape[1] for name in parts.names]
    return unit, np.array(sizes), free


def unobserved_components(y, parts, columns):
    """Return statsmodels' model whose coefficients are diffuse states: its likelihood is restricted."""
    return UnobservedComponents(
        y,
        irregular=True,
        level=parts.level or parts.trend,
        stochastic_level=parts.level,
        trend=parts.trend,
        stochastic_trend=parts.trend,
        seasonal=parts.season or None,
        stochastic_seasonal=True,
        exog=columns,
        mle_regression=False,
        use_exact_diffuse=True,
    )


MODELS = {
    "level": Parts(),
    "level and slope": Parts(trend=True),
    "slope": Parts(level=False, trend=True),
    "season": Parts(level=False, season=4),
    "level and season": Parts(season=4),
}
SERIES = {
    "level": lambda rng, n: np.cumsum(0.4 * rng.standard_normal(n)),
    "level and slope": lambda rng, n: np.cumsum(
        np.cumsum(0.1 * rng.standard_normal(n)) + 0.5 * rng.standard_normal(n)
    ),
    "slope": lambda rng, n: np.cumsum(np.cumsum(0.15 * rng.standard_normal(n))),
    "season": lambda rng, n: np.cumsum(0.5 * rng.standard_normal((n // 4, 4)), axis=0).ravel(),
    "level and season": lambda rng, n: (
        np.cumsum(0.4 * rng.standard_normal(n))
        + np.cumsum(0.5 * rng.standard_normal((n // 4, 4)), axis=0).ravel()
    ),
}


@pytest.mark.parametrize("gaps", [(), (5, 17, 18, 40)])
@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_restricted_maximum_of_unobserved_components(name, gaps):
    """At our variances statsmodels finds the same coefficients and errors, and nowhere a better likelihood."""
    n, parts = 72, MODELS[name]
    rng = np.random.default_rng([11, len(name)])
    y = 20 + (SERIES[name](rng, n) + rng.standard_normal(n))[:, None]
    y[list(gaps)] = np.nan
    X = its_design(n, 40, np.sin(np.arange(n)))
    fit = fit_structural(X, y, parts)
    assert not fit.flags["not_converged"].any()
    kept = np.arange(X.shape[1]) if fit.no_estimate is None else np.flatnonzero(~fit.no_estimate)
    model = unobserved_components(y[:, 0], parts, X[:, kept])

    unit, sizes, free = variances(fit, X, y, parts)
    our = restricted_maximum(X, y, parts)
    # their own search stops short, or at a NaN: here their likelihood is searched by a simplex
    start = np.log(np.nanvar(y) / np.array([4.0] + [40.0] * (our.size - 1)))
    options = {"maxfev": 4000, "xatol": 1e-6, "fatol": 1e-9}
    theirs = optimize.minimize(
        lambda point: -model.loglike(np.exp(point)), start, method="Nelder-Mead", options=options
    )
    assert model.loglike(our) >= -theirs.fun - 1e-6
    np.testing.assert_allclose(model.loglike(our), -theirs.fun, atol=1e-4)
    # and the likelihood is theirs up to what does not depend on the variances
    other = our * 1.7 + 0.05
    ours = [dense_log_likelihood(point, y, parts, sizes, free, unit) for point in (our, other)]
    np.testing.assert_allclose(
        ours[0] - ours[1], model.loglike(our) - model.loglike(other), rtol=1e-6, atol=1e-6
    )

    at = model.smooth(our)
    places = slice(-kept.size, None)
    np.testing.assert_allclose(fit.params[0, kept], at.smoothed_state[places, -1], rtol=1e-5, atol=1e-7)
    covariance = at.smoothed_state_cov[places, places, -1]
    np.testing.assert_allclose(fit.covariance.model[0][np.ix_(kept, kept)], covariance, rtol=1e-4, atol=1e-8)


def restricted_maximum(X, y, parts):
    """Return our variances, in statsmodels' order and in the unit of the outcome."""
    from its_eval.estimators.structural import _Model

    observed = ~np.isnan(y[:, 0])
    model = _Model(X, parts.starting_states(len(X)), parts, observed)
    residual = y[observed, 0] - X[observed] @ np.linalg.lstsq(X[observed], y[observed, 0], rcond=None)[0]
    scale = np.sqrt(residual @ residual / observed.sum())
    best = model.likelihood.maximise(residual / scale, model.starts())
    return scale**2 * best.theta / model.sizes


def dense_log_likelihood(point, y, parts, sizes, free, unit):
    observed = ~np.isnan(y[:, 0])
    n = len(y)
    effects = [parts.effects(name, n)[observed] for name in parts.names]
    V = sum(own * (one @ one.T) for own, one in zip(point, effects, strict=True))
    S, z = free.T @ V @ free, free.T @ y[observed, 0]
    return -(np.linalg.slogdet(S)[1] + z @ np.linalg.solve(S, z)) / 2


@pytest.mark.parametrize("name", ["level", "trend", "season"])
def test_effects_of_disturbances_are_those_of_the_recursions(name):
    n, season = 17, 4
    found = Parts(trend=True, season=season).effects(name, n)
    for when in range(n):
        level, slope, months = 0.0, 0.0, [0.0] * (season - 1)
        seen = []
        for t in range(n):
            seen.append(level + months[0])
            shock = 1.0 * (t == when)
            level, slope = level + slope + shock * (name == "level"), slope + shock * (name == "trend")
            months = [-sum(months) + shock * (name == "season"), *months[:-1]]
        np.testing.assert_allclose(found[:, when], seen)


def test_starting_states_are_level_slope_and_season():
    states = Parts(trend=True, season=3).starting_states(6)
    assert states.shape == (6, 4)
    np.testing.assert_allclose(states[:, 0], 1)
    np.testing.assert_allclose(states[:, 1], np.arange(6))
    np.testing.assert_allclose(states[:3, 2:].sum(axis=0), 0)
    assert Parts(level=False).starting_states(6).shape == (6, 0)


@pytest.fixture(scope="module")
def drivers():
    frame = pd.read_csv(ROOT / "data" / "sample" / "uk_seatbelts.csv")
    n, t = len(frame), np.arange(len(frame))
    months = np.column_stack([(t % 12 == m) - 1.0 * (t % 12 == 11) for m in range(11)])
    logs = {name: np.log(frame[name].to_numpy(float)) for name in ("drivers", "front", "rear", "PetrolPrice")}
    kms = np.log(frame["kms"].to_numpy(float))
    law = (t >= 169) * 1.0
    return n, t, months, logs, kms, law


def test_published_local_linear_trend_of_the_drivers(drivers):
    """KFAS in R on the book's series, log drivers killed or seriously injured (Commandeur & Koopman 2007,
    chapter 3): H 0.00211807, Q 0.0121285 and 2.8e-09, log-likelihood 0.6247902 a month, level 7.4157359290 and
    slope 0.0002893677 at the start, as printed on the page of the code that repeats the book in R."""
    n, t, _, logs, _, _ = drivers
    X = np.column_stack([np.ones(n), t - 169.0])
    y = logs["drivers"][:, None]
    parts = Parts(trend=True)
    fit = fit_structural(X, y, parts)
    irregular, level, slope = restricted_maximum(X, y, parts)
    assert irregular == pytest.approx(0.00211807, rel=1e-4)
    assert level == pytest.approx(0.0121285, rel=1e-4)
    assert slope == 0.0  # what they stop at short of the bound
    assert fit.flags["variance_zero"].all()
    assert fit.sigma[0] ** 2 == pytest.approx(irregular)
    # the gain from 2.8e-09 to 0 is all that differs
    assert 0.0 <= fit.log_likelihood[0] / n - 0.6247902 < 1e-5
    assert fit.no_estimate.all()


def test_seat_belts_by_a_local_level_with_season_and_covariates(drivers):
    """Harvey & Durbin 1986 (abstract): 23 % fewer drivers, 30 % fewer front-seat passengers, 3 % more in the
    rear, by a structural model with the distance driven and the price of petrol. Their model is not printed in
    the abstract, so that their numbers have to lie within our intervals, and the front be hit hardest."""
    n, _, months, logs, kms, law = drivers
    petrol = logs["PetrolPrice"]
    X = np.column_stack([np.ones(n), law, kms - kms.mean(), petrol - petrol.mean(), months])
    Y = np.column_stack([logs["drivers"], logs["front"], logs["rear"]])
    fit = fit_structural(X, Y)
    read = fit.contrasts(np.eye(X.shape[1])[[1]])
    low, high = (np.expm1(limit[:, 0]) for limit in read.interval(0.95))
    for place, published in enumerate((-0.23, -0.30, 0.03)):
        assert low[place] < published < high[place]
    assert read.estimate[1, 0] < read.estimate[0, 0] < -0.2 < read.estimate[2, 0]
    assert read.p_value[0, 0] < 0.001
    assert read.p_value[2, 0] > 0.5


def test_without_drift_it_is_least_squares():
    X, y = its_design(60, 30), drifting(5, 60, level=0.0)
    fit, plain = fit_structural(X, y), fit_ols(X, y)
    assert fit.flags["variance_zero"].all()
    rows = np.eye(4)[1:]
    for name in ("estimate", "std_error", "df", "p_value"):
        np.testing.assert_allclose(
            getattr(fit.contrasts(rows), name), getattr(plain.contrasts(rows), name), rtol=1e-7
        )
    # with nothing that moves the constant has its estimate too
    fixed = fit_structural(X, y, Parts(level=False))
    assert fixed.no_estimate is None
    assert not fixed.flags["variance_zero"].any()
    assert not fixed.flags["no_level"].any()
    np.testing.assert_allclose(fixed.params, plain.params, rtol=1e-9)
    np.testing.assert_allclose(
        fixed.contrasts(np.eye(4)).p_value, plain.contrasts(np.eye(4)).p_value, rtol=1e-6
    )
    np.testing.assert_allclose(fixed.sigma, plain.sigma, rtol=1e-7)


def test_without_noise_it_is_a_random_walk():
    X, y = its_design(60, 30), drifting(6, 60, level=1.0, noise=0.0)
    y[[7, 33]] = np.nan
    fit, walk = fit_structural(X, y), fit_random_walk(X, y)
    assert fit.flags["variance_zero"].all()
    assert fit.sigma.tolist() == [0.0]
    rows = np.eye(4)[1:]
    for name in ("estimate", "std_error", "df"):
        np.testing.assert_allclose(
            getattr(fit.contrasts(rows), name), getattr(walk.contrasts(rows), name), rtol=1e-6
        )
    np.testing.assert_allclose(fit.log_likelihood, walk.log_likelihood, rtol=1e-9)


def test_the_autoregression_of_the_local_level_can_only_gain():
    """``reml_local_level`` has this model within it, at an autocorrelation of 0."""
    X, Y = its_design(80, 40), np.hstack([drifting(seed, 80) for seed in range(6)])
    gain = fit_reml_local_level(X, Y).log_likelihood - fit_structural(X, Y).log_likelihood
    # the other has a step into the first period, which a restricted likelihood does not see
    assert (gain > -1e-6).all()
    assert gain.max() < 4.0


def test_columns_that_the_states_take_in_only_place_the_line():
    t = np.arange(48)
    months = np.column_stack([(t % 4 == m) - 1.0 * (t % 4 == 3) for m in range(3)])
    X = its_design(48, 24, months)
    y = 9.0 + drifting(8, 48)
    lacking = {
        Parts(): [0],
        Parts(trend=True): [0, 1],
        Parts(level=False, trend=True): [0, 1],
        Parts(season=4): [0, 4, 5, 6],
        Parts(level=False, season=4): [4, 5, 6],
    }
    for parts, places in lacking.items():
        fit = fit_structural(X, y, parts)
        assert np.flatnonzero(fit.no_estimate).tolist() == places
        read = fit.contrasts(np.eye(7))
        assert np.isnan(read.estimate[0, places]).all()
        assert np.isfinite(read.std_error[0, np.setdiff1d(np.arange(7), places)]).all()
        assert fit.flags["no_level"].tolist() == [0 in places]
        left = y[:, 0] - X @ fit.params[0]
        np.testing.assert_allclose(X[:, places].T @ left, 0.0, atol=1e-8)
        np.testing.assert_allclose(fit.covariance.model[0], fit.covariance.model[0].T, atol=1e-12)


def test_a_season_that_the_design_lacks_is_added():
    t = np.arange(48)
    y = drifting(9, 48) + 5.0 * (t % 4 == 1)[:, None]
    months = np.column_stack([(t % 4 == m) - 1.0 * (t % 4 == 3) for m in range(3)])
    X = its_design(48, 24)
    bare = fit_structural(X, y, Parts(season=4))
    with_months = fit_structural(np.hstack([X, months]), y, Parts(season=4))
    np.testing.assert_allclose(bare.params[:, 1:], with_months.params[:, 1:4], rtol=1e-6)
    np.testing.assert_allclose(
        bare.contrasts(np.eye(4)[2:]).p_value, with_months.contrasts(np.eye(7)[2:4]).p_value, rtol=1e-5
    )


def test_units_and_level_do_not_matter():
    X, y = its_design(60, 30), drifting(3, 60)
    fit, other = fit_structural(X, y), fit_structural(X, 1e6 + 1e4 * y)
    rows = np.eye(4)[1:]
    np.testing.assert_allclose(other.params[0, 1:], 1e4 * fit.params[0, 1:], rtol=1e-5)
    np.testing.assert_allclose(other.contrasts(rows).statistic, fit.contrasts(rows).statistic, rtol=1e-5)
    np.testing.assert_allclose(other.contrasts(rows).df, fit.contrasts(rows).df, rtol=1e-4)
    np.testing.assert_allclose(other.sigma, 1e4 * fit.sigma, rtol=1e-5)


def test_a_term_of_one_period_is_its_prediction_error():
    """The last period with a term of its own: what is left after what the others predict of it."""
    X, y = its_design(50, 25), drifting(4, 50)
    alone = np.zeros((50, 1))
    alone[-1] = 1.0
    fit = fit_structural(np.hstack([X, alone]), y)
    others = y.copy()
    others[-1] = np.nan
    before = fit_structural(X, others)
    np.testing.assert_allclose(fit.params[:, 1:4], before.params[:, 1:4], rtol=1e-6)
    our = restricted_maximum(X, others, Parts())
    # the forecast of statsmodels at the same variances
    model = unobserved_components(others[:-1, 0], Parts(), X[:-1, 1:])
    forecast = model.smooth(our).get_forecast(1, exog=X[-1:, 1:])
    assert y[-1, 0] - fit.params[0, 4] == pytest.approx(forecast.predicted_mean[0], rel=1e-5)
    spread = fit.covariance.model[0, 4, 4]
    assert spread == pytest.approx(forecast.var_pred_mean[0], rel=1e-4)


def test_degenerate_series_and_those_that_do_not_settle(monkeypatch):
    X = its_design(60, 30)
    Y = np.column_stack([X @ [1.0, 2.0, 3.0, 4.0], drifting(1, 60)[:, 0]])
    fit = fit_structural(X, Y)
    assert fit.flags["degenerate"].tolist() == [True, False]
    np.testing.assert_allclose(fit.params[0], [1, 2, 3, 4], rtol=1e-8)
    assert fit.flags["not_converged"].tolist() == [False, False]
    monkeypatch.setattr(dense, "SCORING_STEPS", 0)
    assert fit_structural(X, Y).flags["not_converged"].tolist() == [False, True]


def test_refusals():
    X, y = its_design(20, 10), drifting(2, 20)
    with pytest.raises(SingularDesignError, match="at least 2 periods a year"):
        fit_structural(X, y, Parts(season=1))
    with pytest.raises(SingularDesignError, match="too few"):
        fit_structural(X, y, Parts(season=16))
    y[6:] = np.nan
    with pytest.raises(SingularDesignError, match="too few"):
        fit_structural(X[:, :2], y, Parts(trend=True, season=4))
