"""Orders of ARIMA processes by AICc against a search by statsmodels alone, and the coefficients of errors."""

import itertools
import warnings

import numpy as np
import pytest
from statsmodels.tsa.arima_process import ArmaProcess, arma_generate_sample
from statsmodels.tsa.statespace.sarimax import SARIMAX
from statsmodels.tsa.stattools import kpss

from its_eval.estimators.arima import fit_arima
from its_eval.estimators.arima_order import aicc, choose_order, fit_chosen_arima, needs_difference
from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.gls_ar import fit_gls_ar
from its_eval.estimators.kind import ShortSeriesError

N, START = 72, 48
TIME = np.arange(N)
AFTER = TIME >= START
X = np.column_stack([np.ones(N), TIME - START, AFTER, AFTER * (TIME - START)]).astype(float)
EARLY = X[:START, :2]


def series(seed, *, ar=(), ma=(), walk=False):
    rng = np.random.default_rng(seed)
    drawn = arma_generate_sample(
        np.r_[1.0, -np.array(ar)], np.r_[1.0, np.array(ma)], N, distrvs=rng.standard_normal, burnin=200
    )
    return 20.0 + 0.1 * TIME + (np.cumsum(drawn) if walk else drawn)


def searched(y, seasonal_order=(0, 0, 0, 0)):
    """Return the order with the smallest AICc that statsmodels reports."""
    observed = ~np.isnan(y)
    rest = y[observed] - EARLY[observed] @ np.linalg.lstsq(EARLY[observed], y[observed], rcond=None)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        statistic, _, _, critical = kpss(rest, regression="ct", nlags="auto")
        d = int(statistic > critical["5%"])
        found = {}
        for p, q in itertools.product(range(3), repeat=2):
            # a constant is lost to a difference
            model = SARIMAX(
                y - y[observed].mean(),
                exog=EARLY[:, d:],
                order=(p, d, q),
                seasonal_order=seasonal_order,
                use_exact_diffuse=True,
            )
            first = model.fit(disp=False, maxiter=500)
            best = model.fit(first.params, disp=False, maxiter=500, pgtol=1e-9, factr=1.0)
            n, k = observed.sum() - d, len(best.params)
            found[p, d, q] = -2 * best.llf + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    return min(found, key=found.get), found


WORLDS = [
    {"ar": (0.6,)},
    {"ma": (0.7,)},
    {"ar": (0.9, -0.5)},
    {},
    {"walk": True},
    {"ma": (0.5, 0.6)},
]


@pytest.mark.parametrize("world", WORLDS, ids=str)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_is_that_of_a_search_by_statsmodels(world, seed):
    y = series(seed, **world)[:START]
    order, found = searched(y)
    chosen = choose_order(EARLY, y)
    assert chosen == order, found


def test_gaps_are_no_periods():
    y = series(5, ar=(0.7,))[:START]
    y[[3, 4, 20, 47]] = np.nan
    order, _ = searched(y)
    assert choose_order(EARLY, y) == order


def test_what_comes_after_the_start_has_no_say():
    first = np.column_stack([series(seed, ar=(0.5,)) for seed in (1, 2, 3)])
    other = first.copy()
    other[START:] += np.random.default_rng(0).normal(0, 9, (N - START, 3)).cumsum(axis=0)
    names = [
        [terms.process for terms in fit_chosen_arima(X, values, ~AFTER).processes]
        for values in (first, other)
    ]
    assert names[0] == names[1]
    assert len(set(names[0])) > 1
    shown = fit_chosen_arima(X, first, ~AFTER)
    for place in range(3):
        assert choose_order(EARLY, first[:START, place]) == tuple(
            int(part) for part in shown.processes[place].process[6:-1].split(",")
        )


def test_each_series_is_fitted_as_with_its_order_alone():
    values = np.column_stack(
        [series(2, ar=(0.6,)), series(5, walk=True), series(4, ma=(0.8,)), X @ [1, 2, 3, 4.0]]
    )
    values[[5, 60], 1] = np.nan
    found = fit_chosen_arima(X, values, ~AFTER)
    orders = []
    for place in range(3):
        order = tuple(int(part) for part in found.processes[place].process[6:-1].split(","))
        orders.append(order)
        alone = fit_arima(X, values[:, [place]], order)
        whole, one = found.contrasts(np.eye(4)), alone.contrasts(np.eye(4))
        np.testing.assert_allclose(whole.estimate[place], one.estimate[0])
        np.testing.assert_allclose(whole.std_error[place], one.std_error[0])
        assert found.log_likelihood[place] == alone.log_likelihood[0]
        assert found.n_used[place] == alone.n_used[0]
        assert found.sigma[place] == alone.sigma[0]
        assert {name: flag[place] for name, flag in found.flags.items()} == {
            name: flag[0] for name, flag in alone.flags.items()
        }
        own = found.partial_autocorrelations[place]
        np.testing.assert_allclose(own[~np.isnan(own)], alone.partial_autocorrelations[0])
        assert found.processes[place].by_data
        assert not alone.processes[0].by_data
    # the walk alone has no level
    assert [order[1] for order in orders] == [0, 1, 0]
    assert found.no_estimate.tolist() == [[False] * 4, [True, False, False, False], [False] * 4, [False] * 4]
    assert np.isnan(found.contrasts(np.eye(4)).estimate[:, 0]).tolist() == [False, True, False, False]
    assert found.flags["degenerate"].tolist() == [False, False, False, True]
    assert found.processes[3] is None
    taken = found.take(np.array([1, 2]))
    assert [terms.process for terms in taken.processes] == [terms.process for terms in found.processes[1:3]]
    assert taken.no_estimate.tolist() == found.no_estimate[1:3].tolist()


def test_a_seasonal_part_is_that_of_the_settings():
    y = series(3, ar=(0.5,))
    y[12:] += 0.8 * y[:-12] - 0.8 * y[:-12].mean()
    found = fit_chosen_arima(X, y[:, None], ~AFTER, (1, 0, 0, 12)).processes[0]
    assert found.process.endswith("(1,0,0)[12]")
    assert "seasonal_ar1" in found.terms
    differenced = fit_chosen_arima(X, y[:, None], ~AFTER, (0, 1, 1, 12)).processes[0]
    assert differenced.process.endswith("(0,1,1)[12]")
    assert "seasonal_ma1" in differenced.terms


def test_aicc_in_numbers():
    assert aicc(-10.0, 3, 20) == pytest.approx(20 + 6 + 24 / 16)
    assert aicc(-10.0, 3, 4) == np.inf


def test_a_walk_is_differenced_and_noise_is_not():
    assert needs_difference(EARLY, series(5, walk=True)[:START])
    assert not needs_difference(EARLY, series(2)[:START])
    # around a level alone a trend is no stationary series
    assert needs_difference(EARLY[:, :1], series(2)[:START])


def test_too_little_before_the_start_is_refused_in_words():
    early = TIME < 5
    with pytest.raises(
        ShortSeriesError, match="5 usable observations before the first interruption are too few"
    ):
        fit_chosen_arima(np.column_stack([X[:, 0], X[:, 1], ~early]), series(1)[:, None], early)
    with pytest.raises(SingularDesignError):
        fit_chosen_arima(np.column_stack([X, X[:, 1]]), series(1)[:, None], ~AFTER)


@pytest.mark.parametrize(
    ("order", "seasonal"),
    [
        ((1, 0, 1), (0, 0, 0, 0)),
        ((2, 0, 0), (0, 0, 0, 0)),
        ((0, 1, 1), (0, 0, 0, 0)),
        ((1, 0, 0), (1, 0, 0, 12)),
    ],
)
@pytest.mark.parametrize("gaps", [(), (4, 30, 31)])
def test_coefficients_and_errors_are_those_of_statsmodels(order, seasonal, gaps):
    y = series(7, ar=(0.5,), ma=(0.4,), walk=bool(order[1]))
    y[list(gaps)] = np.nan
    found = fit_arima(X, y[:, None], order, seasonal).processes[0]
    model = SARIMAX(
        y - 20.0,
        exog=X[:, order[1] :] / np.abs(X[:, order[1] :]).max(axis=0),
        order=order,
        seasonal_order=seasonal,
        use_exact_diffuse=True,
    )
    first = model.fit(disp=False, maxiter=1000)
    with warnings.catch_warnings():
        # it stops where rounding lets it gain nothing more
        warnings.simplefilter("ignore")
        fitted = model.fit(
            first.params, disp=False, cov_type="approx", method="bfgs", maxiter=1000, gtol=1e-8
        )
    names = [
        {"ar.L1": "ar1", "ar.L2": "ar2", "ma.L1": "ma1", "ar.S.L12": "seasonal_ar1"}.get(
            name, {"ma.S.L12": "seasonal_ma1", "sigma2": "innovation_variance"}.get(name)
        )
        for name in model.param_names
    ]
    own = [place for place, name in enumerate(names) if name]
    assert tuple(names[place] for place in own) == found.terms
    np.testing.assert_allclose(found.estimate, fitted.params[own], atol=1e-4)
    np.testing.assert_allclose(found.std_error, fitted.bse[own], atol=1e-4)


def test_a_change_of_unit_moves_nothing_but_the_variance():
    y = series(8, ar=(0.5,), ma=(0.4,))[:, None]
    small, large = (fit_arima(X, factor * y, (1, 0, 1)).processes[0] for factor in (1.0, 1000.0))
    np.testing.assert_allclose(small.estimate[:-1], large.estimate[:-1], rtol=1e-6)
    np.testing.assert_allclose(small.std_error[:-1], large.std_error[:-1], rtol=1e-6)
    np.testing.assert_allclose(1e6 * small.estimate[-1], large.estimate[-1], rtol=1e-6)
    np.testing.assert_allclose(1e6 * small.std_error[-1], large.std_error[-1], rtol=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_autoregressive_coefficients_of_gls(order):
    y = series(9, ar=(0.5, 0.2))[:, None]
    fit = fit_gls_ar(X, y, order)
    found = fit.processes[0]
    assert found.process == f"AR({order})"
    assert found.terms == (*(f"ar{lag}" for lag in range(1, order + 1)), "innovation_variance")
    process = ArmaProcess(np.r_[1.0, -np.array(found.estimate[:-1])])
    np.testing.assert_allclose(
        process.pacf(order + 1)[1:], fit.partial_autocorrelations[0], rtol=1e-8, atol=1e-8
    )
    np.testing.assert_allclose(process.acovf(1)[0] * found.estimate[-1], fit.sigma[0] ** 2, rtol=1e-8)

    # by numerical derivatives of the same map, an independent route to the delta method
    def mapped(theta):
        phi = np.zeros(0)
        for own in theta[1:]:
            phi = np.r_[phi - own * phi[::-1], own]
        return np.r_[phi, np.exp(theta[0]) / ArmaProcess(np.r_[1.0, -phi]).acovf(1)[0]]

    at = np.r_[np.log(fit.sigma[0] ** 2), fit.partial_autocorrelations[0]]
    steps = 1e-6 * np.eye(order + 1)
    slopes = np.column_stack([(mapped(at + step) - mapped(at - step)) / 2e-6 for step in steps])
    spread = slopes @ fit.covariance.parameter_covariance[0] @ slopes.T
    np.testing.assert_allclose(found.std_error, np.sqrt(np.diag(spread)), rtol=1e-6)
    # and near those of full maximum likelihood, which knows less of the lost degrees of freedom
    whole = fit_arima(X, y, (order, 0, 0)).processes[0]
    np.testing.assert_allclose(found.std_error[:-1], whole.std_error[:-1], rtol=0.2)
