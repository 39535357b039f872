"""Shape ``free``: period dummies, and with them the prediction of later periods from those before alone."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import linalg

from its_eval.config.estimators import Estimator
from its_eval.design.matrix import Interruption, Season, build_design
from its_eval.design.segments import ShortSegmentError, require_segments
from its_eval.effects.bands import bands
from its_eval.effects.columns import Kind, Question, Setting, effect_columns, reading_of
from its_eval.effects.estimands import joint_rows, linear_contrasts, year_effect
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.estimators.kind import FitContext, Statistics
from its_eval.estimators.least_squares import fit_ols
from its_eval.estimators.reml.kenward_roger import joint_f
from its_eval.estimators.reml.reml_ar import fit_reml_ar

N, START = 40, 28
#: A gap before the start and one after it.
GAPS = (5, 33)


def free(observed=None, *, n=N, start=START, trend="linear", season=None, phase_in=0):
    return build_design(
        [place % 12 for place in range(n)],
        12,
        "month",
        [Interruption("Programme", start, "free", phase_in)],
        season or Season(),
        np.zeros(n, dtype=bool),
        trend=trend,
        observed=observed,
    )


def with_gaps(n=N):
    observed = np.ones(n, dtype=bool)
    observed[list(GAPS)] = False
    return observed


def drawn(rho=0.4, n=N, seed=3):
    rng = np.random.default_rng(seed)
    errors = np.zeros(n)
    errors[0] = rng.normal() / np.sqrt(1.0 - rho**2)
    for place in range(1, n):
        errors[place] = rho * errors[place - 1] + rng.normal()
    return 20.0 + 0.3 * np.arange(n) + errors


def test_a_column_for_each_later_period_with_a_value():
    made = free(with_gaps(), phase_in=2)
    later = [place for place in range(START + 2, N) if place != 33]
    own = list(made.columns[0])
    assert [made.terms[place] for place in own] == [f"effect_at_{place - START - 2}" for place in later]
    np.testing.assert_array_equal(made.matrix[:, own], np.eye(N)[:, later])
    assert [made.usable[place] for place in (START - 1, START, START + 1, START + 2)] == [1, 0, 0, 1]


@pytest.mark.parametrize("trend", ["none", "linear", "quadratic"])
def test_least_squares_are_period_dummies_and_predictions_of_statsmodels(trend):
    made, y = free(trend=trend), drawn()
    time = np.arange(N) - START
    course = [np.ones(N), time, time**2][: {"none": 1, "linear": 2, "quadratic": 3}[trend]]
    dummies = np.eye(N)[:, START:]
    published = sm.OLS(y, np.column_stack([*course, dummies])).fit()
    read = fit_ols(made.matrix, y[:, None]).contrasts(np.eye(len(made.terms))[list(made.columns[0])])
    np.testing.assert_allclose(read.estimate[0], published.params[len(course) :], rtol=1e-9)
    np.testing.assert_allclose(read.std_error[0], published.bse[len(course) :], rtol=1e-9)

    before = sm.OLS(y[:START], np.column_stack(course)[:START]).fit()
    predicted = before.get_prediction(np.column_stack(course)[START:]).summary_frame(alpha=0.05)
    low, high = read.interval(0.95)
    later = y[START:]
    np.testing.assert_allclose(later - read.estimate[0], predicted["mean"], rtol=1e-9)
    np.testing.assert_allclose(later - high[0], predicted["obs_ci_lower"], rtol=1e-9)
    np.testing.assert_allclose(later - low[0], predicted["obs_ci_upper"], rtol=1e-9)


@pytest.mark.parametrize(("order", "gaps"), [(1, False), (1, True), (2, False), (2, True)])
def test_effects_are_errors_of_prediction_under_the_same_error_parameters(order, gaps):
    """Best linear unbiased prediction (Goldberger 1962, JASA 57:369) by dense matrices."""
    observed = with_gaps() if gaps else np.ones(N, dtype=bool)
    made = free(observed, season=Season("harmonics", 1))
    y = np.where(observed, drawn(0.5), np.nan)
    fit = fit_reml_ar(made.matrix, y[:, None], order)
    assert not fit.flags["at_bound"].any()

    # the same error parameters by the time before alone
    own = list(made.columns[0])
    course = np.delete(made.matrix, own, axis=1)
    alone = fit_reml_ar(course[:START], y[:START, None], order)
    np.testing.assert_allclose(fit.partial_autocorrelations, alone.partial_autocorrelations, atol=1e-7)
    np.testing.assert_allclose(fit.sigma, alone.sigma, rtol=1e-7)

    before = np.flatnonzero(observed & (np.arange(N) < START))
    later = np.flatnonzero(observed & (np.arange(N) >= START))
    first, *rest = fit.partial_autocorrelations[0]
    weights = [first] if not rest else [first * (1.0 - rest[0]), rest[0]]
    correlation = [1.0, first]
    while len(correlation) < N:
        correlation.append(sum(w * correlation[-1 - lag] for lag, w in enumerate(weights)))
    whole = fit.sigma[0] ** 2 * linalg.toeplitz(correlation)
    inner = np.linalg.inv(whole[np.ix_(before, before)])
    X, Z = course[before], course[later]
    phi = np.linalg.inv(X.T @ inner @ X)
    beta = phi @ X.T @ inner @ y[before]
    carried = whole[np.ix_(later, before)] @ inner
    expected = Z @ beta + carried @ (y[before] - X @ beta)
    reach = Z - carried @ X
    spread = whole[np.ix_(later, later)] - carried @ whole[np.ix_(before, later)] + reach @ phi @ reach.T

    np.testing.assert_allclose(y[later] - fit.params[0, own], expected, rtol=1e-9)
    np.testing.assert_allclose(fit.covariance.model[0][np.ix_(own, own)], spread, rtol=1e-6, atol=1e-9)
    # what the estimated autocorrelation adds (Kenward and Roger) only widens
    read = fit.contrasts(np.eye(len(made.terms))[own])
    assert (read.std_error[0] >= np.sqrt(np.diag(spread)) * (1.0 - 1e-7)).all()


def test_average_cumulative_and_relative_effects_are_those_of_the_predictions():
    made, y = free(), drawn()
    every = np.ones(N, dtype=bool)
    fit = fit_reml_ar(made.matrix, y[:, None], 1)
    setting = Setting(every, weights=np.ones((1, N)), values=y[None])
    question = Question((3,), 0.95, 12)
    reading = reading_of(made, setting, question)
    found = effect_columns(made, reading, Statistics.of(fit, reading.rows).estimates, fit, setting, question)
    numbers = {kind.estimand: place for place, kind in enumerate(found.kinds)}
    shown = bands(made, fit, 0.95, values=y[None])
    expected = shown.counterfactual[0, START:]
    effects = y[START:] - expected
    assert found.estimate[0, numbers["effect_at_3"]] == pytest.approx(effects[3], rel=1e-9)
    assert found.estimate[0, numbers["average_effect"]] == pytest.approx(effects.mean(), rel=1e-9)
    assert found.estimate[0, numbers["cumulative_effect"]] == pytest.approx(effects.sum(), rel=1e-9)
    share = numbers["relative_average_effect"]
    assert found.kinds[share] == Kind("relative_average_effect", "response", "fieller")
    total = y[START:].sum()
    assert found.estimate[0, share] == pytest.approx(100.0 * (total / expected.sum() - 1.0), rel=1e-9)
    for name in ("conf_low", "conf_high"):
        limit = getattr(found, name)[0, numbers["cumulative_effect"]]
        assert getattr(found, name)[0, share] == pytest.approx(100.0 * limit / (total - limit), rel=1e-9)
    assert found.p_value[0, share] == found.p_value[0, numbers["average_effect"]]
    # the band of the counterfactual is that of prediction
    one = fit.contrasts(np.eye(len(made.terms))[list(made.columns[0])])
    low, high = one.interval(0.95)
    np.testing.assert_allclose(shown.prediction[0][0, START:], y[START:] - high[0], rtol=1e-12)
    np.testing.assert_allclose(shown.confidence[1][0, START:], y[START:] - low[0], rtol=1e-12)
    np.testing.assert_array_equal(shown.fitted[0, START:], y[START:])


def test_a_later_gap_changes_no_other_effect():
    y = drawn()
    whole, partly = free(), free(with_gaps())
    gap = np.where(with_gaps(), y, np.nan)
    gap[5] = y[5]
    observed = ~np.isnan(gap)
    partly = free(observed)
    first = fit_reml_ar(whole.matrix, y[:, None], 1)
    second = fit_reml_ar(partly.matrix, gap[:, None], 1)
    for k in (0, 3, 11):
        name = f"effect_at_{k}"
        numbers = [
            fit.contrasts(linear_contrasts(made, used, (k,))[name][None])
            for fit, made, used in ((first, whole, np.ones(N, dtype=bool)), (second, partly, observed))
        ]
        np.testing.assert_allclose(numbers[0].estimate, numbers[1].estimate, rtol=1e-8)
        np.testing.assert_allclose(numbers[0].std_error, numbers[1].std_error, rtol=1e-8)
    assert "effect_at_5" not in linear_contrasts(partly, observed, (5,))


def test_a_drifting_series_is_predicted_from_its_last_value():
    """At the bound the errors are a random walk: drift and last value, as of Harvey 1989, section 4.1."""
    rng = np.random.default_rng(8)
    y = 100.0 + np.cumsum(rng.normal(0.5, 1.0, N))
    made = free()
    kind = ESTIMATORS["reml_ar"].at_bound
    fit = kind.fit(made.matrix, y[:, None], Estimator(name="reml_ar", label="x"), FitContext(START, None))
    steps = np.diff(y[:START])
    ahead = np.arange(1, N - START + 1)
    read = fit.contrasts(np.eye(len(made.terms))[list(made.columns[0])])
    np.testing.assert_allclose(y[START:] - read.estimate[0], y[START - 1] + ahead * steps.mean(), rtol=1e-9)
    variance = steps.var(ddof=1) * (ahead + ahead**2 / len(steps))
    np.testing.assert_allclose(read.std_error[0], np.sqrt(variance), rtol=1e-9)
    np.testing.assert_array_equal(read.df[0], len(steps) - 1)
    shown = bands(made, fit, 0.95, values=y[None])
    np.testing.assert_allclose(shown.counterfactual[0, START:], y[START - 1] + ahead * steps.mean())


def test_the_joint_test_of_least_squares_is_chows():
    """Chow 1960, Econometrica 28:591: prediction errors of m later periods have F(m, n - k)."""
    y, made = drawn(0.0), free()
    rows = joint_rows(made, 0, 12)
    found = joint_f(fit_ols(made.matrix, y[:, None]), 0, rows)
    line = np.column_stack([np.ones(N), np.arange(N)])
    whole, before = (sm.OLS(y[:end], line[:end]).fit().ssr for end in (N, START))
    m = N - START
    assert (found.df_num, found.df_den) == (m, START - 2)
    assert found.statistic == pytest.approx((whole - before) / m / (before / (START - 2)), rel=1e-9)


def test_more_periods_than_a_year_are_tested_by_the_averages_of_years():
    made = free(n=60)
    rows = joint_rows(made, 0, 12)
    own = list(made.columns[0])
    assert rows.shape == (3, len(made.terms))
    np.testing.assert_allclose(rows[:, own] @ np.ones(32), 1.0)
    assert [(row[own] > 0).sum() for row in rows] == [12, 12, 8]
    assert joint_rows(free(), 0, 12).shape[0] == 12
    # within three years nothing but the average of each is tested
    assert year_effect(made, 0, 12) == "effect_at_12"


def test_the_effect_after_a_year_is_the_last_one_with_a_value():
    observed = np.ones(60, dtype=bool)
    observed[[START + 11, START + 12]] = False
    assert year_effect(free(observed, n=60), 0, 12) == "effect_at_10"
    assert year_effect(free(), 0, 12) == "effect_at_11"


def test_one_later_period_is_enough():
    used = np.ones(START + 1, dtype=bool)
    require_segments([Interruption("Programme", START, "free")], used)
    used[: START - 7] = False
    with pytest.raises(ShortSegmentError, match="7 usable periods before the start of 'Programme'"):
        require_segments([Interruption("Programme", START, "free")], used)
