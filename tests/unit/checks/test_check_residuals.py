"""Residual statistics against statsmodels and scipy; what each check says about series made to fail it."""

from inspect import signature

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats import diagnostic
from statsmodels.stats.stattools import durbin_watson as dw
from statsmodels.tsa.stattools import acf

from its_eval.checks import autocorrelation as lags
from its_eval.checks import diagnostics as spread

RNG = np.random.default_rng(1)
NOISE = RNG.standard_normal((80, 200))
POSITIONS = np.arange(80)
AFTER = POSITIONS >= 30
#: statsmodels 0.15 has to be asked for what those before it return.
TUPLES = {"result_object": False} if "result_object" in signature(diagnostic.het_arch).parameters else {}


@pytest.fixture
def residuals():
    return np.random.default_rng(2).standard_normal((80, 3))


def test_autocorrelations_and_ljung_box_are_those_of_statsmodels(residuals):
    centred = residuals - residuals.mean(axis=0)
    found = lags.autocorrelations(centred, POSITIONS, 16)
    q = lags.ljung_box_statistic(centred, POSITIONS, 16)
    for series in range(3):
        np.testing.assert_allclose(found[:, series], acf(centred[:, series], nlags=16)[1:], atol=1e-12)
        table = diagnostic.acorr_ljungbox(centred[:, series], lags=[16])
        assert q[series] == pytest.approx(float(table["lb_stat"].iloc[0]), rel=1e-10)


def test_lags_are_of_the_calendar():
    residuals = np.array([1.0, 2.0, 3.0, 4.0])[:, None]
    positions = np.array([0, 1, 3, 6])
    found = lags.autocorrelations(residuals, positions, 7)[:, 0] * 30.0
    np.testing.assert_allclose(found, [2.0, 6.0, 3.0 + 12.0, 0.0, 8.0, 4.0, 0.0])


@pytest.mark.parametrize(("n", "h"), [(4, 0), (24, 4), (83, 16), (134, 24), (500, 24)])
def test_number_of_lags(n, h):
    assert lags.ljung_box_lags(n) == h


def test_ljung_box_finds_autocorrelation():
    walk = np.cumsum(NOISE[:, 0])
    found = lags.ljung_box(walk, NOISE[:, 1:], POSITIONS)
    assert (found.check, found.status) == ("ljung_box", "note")
    assert found.p_value == pytest.approx(1 / 200)
    assert "over 16 lags" in found.message
    assert "added noise" in found.message
    clear = lags.ljung_box(NOISE[:, 0], NOISE[:, 1:], POSITIONS)
    assert clear.status == "pass"
    assert clear.message.startswith("No autocorrelation is seen")


def test_too_short_for_ljung_box():
    found = lags.ljung_box(np.ones(4), np.ones((4, 9)), np.arange(4))
    assert found.status == "not_applicable"
    assert np.isnan(found.statistic)
    assert "4 periods are too few" in found.message


def test_seasonal_autocorrelation_is_found_in_both_directions():
    year = np.tile(np.random.default_rng(3).standard_normal(12), 7)[:80]
    found = lags.seasonal_autocorrelation(year, NOISE, POSITIONS, 12)
    assert found.status == "note"
    assert found.statistic == pytest.approx(lags.autocorrelations(year[:, None], POSITIONS, 12)[-1, 0])
    assert "lag 12" in found.message
    flipped = year * np.repeat([1, -1, 1, -1, 1, -1, 1], 12)[:80]
    assert lags.seasonal_autocorrelation(flipped, NOISE, POSITIONS, 12).status == "note"
    assert lags.seasonal_autocorrelation(NOISE[:, 0], NOISE, POSITIONS, 12).status == "pass"


def test_seasonal_autocorrelation_needs_a_season_and_a_year():
    yearly = lags.seasonal_autocorrelation(NOISE[:, 0], NOISE, POSITIONS, 1)
    assert yearly.message == "Yearly data have no season."
    short = lags.seasonal_autocorrelation(np.ones(12), np.ones((12, 9)), np.arange(12), 12)
    assert short.status == "not_applicable"
    assert "not longer than a year" in short.message


def test_correlogram_holds_the_middle_of_the_simulated():
    found = lags.correlogram(NOISE[:, 0], NOISE, POSITIONS, 5)
    np.testing.assert_array_equal(found.lags, [1, 2, 3, 4, 5])
    drawn = lags.autocorrelations(NOISE, POSITIONS, 5)
    np.testing.assert_allclose(found.values, drawn[:, 0])
    inside = (drawn >= found.low[:, None]) & (drawn <= found.high[:, None])
    np.testing.assert_array_equal(inside.sum(axis=1), [190] * 5)


def test_descriptive_statistics_are_those_of_statsmodels(made):
    X = made.design(60, 20, months=False)
    y = made.ar_series(4, (0.7,), 60, 1)[:, 0]
    fitted = OLS(y, X).fit()
    found = lags.durbin_watson(X, y)
    assert found.statistic == pytest.approx(float(dw(fitted.resid)), rel=1e-10)
    assert np.isnan(found.p_value)
    assert "older reports" in found.message
    e = fitted.resid
    lagged = np.column_stack([np.r_[np.zeros(lag), e[:-lag]] for lag in (1, 2, 3)])
    share = OLS(e, np.hstack([X, lagged])).fit().rsquared
    tested = lags.breusch_godfrey(X, y, 3)
    theirs = diagnostic.acorr_breusch_godfrey(fitted, nlags=3, **TUPLES)
    assert (tested.statistic, tested.p_value) == pytest.approx(theirs[:2], rel=1e-8)
    assert tested.statistic == pytest.approx(60 * share, rel=1e-8)
    assert tested.p_value == pytest.approx(stats.chi2.sf(60 * share, 3), rel=1e-6)
    assert tested.status == found.status == "pass"


def test_breusch_godfrey_needs_periods_for_its_lags(made):
    X = made.design(30, 12)
    y = made.ar_series(4, (0.3,), 30, 1)[:, 0]
    assert lags.breusch_godfrey(X, y, 14).status == "pass"
    few = lags.breusch_godfrey(X, y, 15)
    assert few.message == "30 periods are too few for 15 lags beside the terms."


def test_descriptive_statistics_refuse_gaps(made):
    y = made.ar_series(4, (0.7,), 60, 1)[:, 0]
    y[5] = np.nan
    for found in (
        lags.durbin_watson(made.design(60, 20), y),
        lags.breusch_godfrey(made.design(60, 20), y, 3),
    ):
        assert found.status == "not_applicable"
        assert "without missing periods" in found.message


def test_breusch_pagan_is_that_of_statsmodels(residuals):
    regressors = np.column_stack([POSITIONS, AFTER, 1.0 / (50.0 + POSITIONS)])
    found = spread.breusch_pagan_statistic(residuals, regressors)
    for series in range(3):
        X = np.column_stack([np.ones(80), regressors])
        expected = diagnostic.het_breuschpagan(residuals[:, series], X)[0]
        assert found[series] == pytest.approx(expected, rel=1e-9)
    # a constant or doubled regressor changes nothing
    more = np.column_stack([regressors, np.full(80, 3.0), 2.0 * POSITIONS])
    np.testing.assert_allclose(spread.breusch_pagan_statistic(residuals, more), found)


def test_arch_is_that_of_statsmodels(residuals):
    found = spread.arch_statistic(residuals, np.ones(79, dtype=bool))
    for series in range(3):
        expected = diagnostic.het_arch(residuals[:, series], nlags=1, **TUPLES)[0]
        assert found[series] == pytest.approx(expected, rel=1e-9)


def test_arch_pairs_neighbours_in_time():
    positions = np.r_[np.arange(40), np.arange(50, 90)]
    neighbours = np.diff(positions) == 1
    assert neighbours.sum() == 78
    squares = NOISE[:, 0] ** 2
    pairs = np.array([(squares[i], squares[i + 1]) for i in range(79) if i != 39])
    expected = 78 * np.corrcoef(pairs.T)[0, 1] ** 2
    assert spread.arch_statistic(NOISE[:, [0]], neighbours)[0] == pytest.approx(expected)
    assert spread.arch(NOISE[:, 0], NOISE, positions).statistic == pytest.approx(expected)


@pytest.mark.parametrize("n", [8, 9, 30, 83])
def test_the_statistic_of_a_normal_shape_is_that_of_scipy(n):
    samples = np.random.default_rng(n).standard_normal((n, 20)) ** 3
    samples[:, ::2] += 1e3
    expected = stats.shapiro(samples, axis=0).statistic
    # SciPy's normal quantiles are of nine digits
    np.testing.assert_allclose(spread.shapiro_wilk(samples), expected, rtol=1e-8)


def test_checks_of_the_spread_find_what_they_look_for():
    noise = NOISE[:, 0]
    time = POSITIONS.astype(float)
    fading = noise * np.where(AFTER, 0.3, 1.5)
    found = spread.heteroscedasticity(fading, NOISE, time, AFTER)
    assert found.status == "note"
    assert "time or the interruption (" in found.message
    people = np.where(POSITIONS % 2, 20.0, 500.0)
    uneven = noise * np.sqrt(100.0 / people)
    found = spread.heteroscedasticity(uneven, NOISE, time, AFTER, people)
    assert found.status == "note"
    assert "the number of people" in found.message
    assert spread.heteroscedasticity(noise, NOISE, time, AFTER, people).status == "pass"
    clustered = np.sign(noise) * np.where(POSITIONS // 20 % 2, 0.2, 2.0)
    assert spread.arch(clustered, NOISE, POSITIONS).status == "note"
    assert spread.arch(noise, NOISE, POSITIONS).status == "pass"
    heavy = np.random.default_rng(5).standard_t(1.5, 80)
    assert spread.normality(heavy, NOISE).status == "note"
    assert spread.normality(heavy, NOISE).statistic == pytest.approx(stats.shapiro(heavy).statistic)
    assert spread.normality(noise, NOISE).status == "pass"


def test_variance_ratio_counts_what_the_design_took():
    leverage = np.where(AFTER, 0.1, 0.4)
    e = NOISE[:, 0]
    found = spread.variance_ratio(e, NOISE, AFTER, leverage)
    expected = (np.sum(e[AFTER] ** 2) / (50 * 0.9)) / (np.sum(e[~AFTER] ** 2) / (30 * 0.6))
    assert found.statistic == pytest.approx(expected)
    assert found.status == "pass"
    assert "not clearly outside 0.6 to 1.7" in found.message
    assert spread.variance_ratio(e * np.where(AFTER, 3.0, 1.0), NOISE, AFTER, leverage).status == "attention"
    small = spread.variance_ratio(e * np.where(AFTER, 0.3, 1.0), NOISE, AFTER, leverage)
    assert small.status == "attention"
    assert "variance for each segment" in small.message


def test_variance_ratio_asks_for_attention_where_its_whole_interval_is_harmful():
    leverage = np.zeros(80)
    e = NOISE[:, 0]
    plain = spread.variance_ratio(e, NOISE, AFTER, leverage)
    drawn = np.sum(NOISE[AFTER] ** 2, axis=0) / np.sum(NOISE[~AFTER] ** 2, axis=0) * 30 / 50
    assert plain.p_value == 1.0
    # the interval at 90 % is the ratio over the 95th and 5th percentile of one variance
    for edge, limit, side in ((1.7, np.quantile(drawn, 0.95), 1.0), (0.6, np.quantile(drawn, 0.05), -1.0)):
        for inside in (True, False):
            ratio = edge * limit * (1.0 - 0.05 * side * (1 if inside else -1))
            e_ratio = e * np.where(AFTER, np.sqrt(ratio / plain.statistic), 1.0)
            found = spread.variance_ratio(e_ratio, NOISE, AFTER, leverage)
            assert found.statistic == pytest.approx(ratio)
            assert found.status == ("pass" if inside else "attention")
            assert (found.p_value <= 0.05) == (not inside)
            assert (
                f"{ratio / np.quantile(drawn, 0.95):.3g} to {ratio / np.quantile(drawn, 0.05):.3g}"
                in found.message
            )


def test_small_samples_are_not_judged():
    assert spread.normality(np.ones(7), np.ones((7, 9))).message.startswith("7 residuals are too few")
    sparse = spread.arch(NOISE[:10, 0], NOISE[:10], 2 * np.arange(10))
    assert sparse.message == "Only 0 pairs of neighbouring periods are observed."
    late = spread.variance_ratio(NOISE[:, 0], NOISE, POSITIONS >= 75, np.zeros(80))
    assert late.status == "not_applicable"
