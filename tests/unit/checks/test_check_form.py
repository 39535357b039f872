"""Bends, drifts, limits, persistence and margins."""

import numpy as np
import pytest
from scipy import stats

from its_eval.checks.form import curvature, equivalence, floor_ceiling, persistence, pre_trend
from its_eval.estimators.reml.reml_ar import fit_reml_ar


def window(n, start, *, slope=True):
    t = np.arange(n, dtype=float)
    after = t >= start
    columns = [np.ones(n), t, after, np.where(after, t - start, 0.0)]
    return np.column_stack(columns[: 4 if slope else 3]).astype(float), t


def test_curvature_finds_a_bend_and_only_a_bend(made):
    X, t = window(90, 60)
    noise = made.ar_series(1, (0.3,), 90, 1)[:, 0]
    straight = curvature(X, 40.0 + 0.5 * t + noise, 60, 1)
    assert straight.status == "pass"
    assert "not proven" in straight.message
    bend = 0.01 * (t - 20) ** 2 * (t < 60)
    bent = curvature(X, 40.0 + bend + noise, 60, 1)
    assert bent.status == "attention"
    assert "shorter pre-periods" in bent.message
    # any straight line may be added, and any change of level and slope
    moved = curvature(X, 40.0 + bend + noise - 3.0 * t + 9.0 * X[:, 2] + 2.0 * X[:, 3], 60, 1)
    assert moved.statistic == pytest.approx(bent.statistic, rel=1e-6)


def test_curvature_is_that_of_the_periods_before(made):
    # without autocorrelation it is the coefficient of a least-squares fit to the periods before alone
    X, t = window(90, 60)
    y = made.ar_series(4, (), 90, 1)[:, 0]
    y[[5, 70]] = np.nan
    late = y + 0.02 * np.where(t >= 60, (t - 60) ** 2, 0.0)
    used = ~np.isnan(y) & (t < 60)
    pre = np.column_stack([np.ones(90), t, t**2])[used]
    expected = np.linalg.lstsq(pre, y[used], rcond=None)[0][2]
    for outcome in (y, late):
        matrix = np.column_stack([X, np.where(t < 60, (t - 29.5) ** 2, 0.0)])
        fit = fit_reml_ar(matrix, outcome[:, None], 1)
        read = fit.contrasts(np.eye(5)[-1:])
        found = curvature(X, outcome, 60, 1)
        assert found.statistic == pytest.approx(float(read.statistic[0, 0]), rel=1e-9)
        for level, told in ((0.95, found), (0.9, curvature(X, outcome, 60, 1, confidence=0.9))):
            half = stats.t.ppf(0.5 + level / 2, read.df[0, 0]) * read.std_error[0, 0]
            low, high = read.estimate[0, 0] - half, read.estimate[0, 0] + half
            assert f"(squared time {low:.3g} to {high:.3g} at {100 * level:g} % confidence" in told.message
    assert np.linalg.lstsq(matrix[~np.isnan(y)], y[~np.isnan(y)], rcond=None)[0][4] == pytest.approx(expected)
    # a design without a slope of its own after the start, as for a step, tells the same
    step, _ = window(90, 60, slope=False)
    assert curvature(step, y, 60, 1).statistic == pytest.approx(curvature(X, y, 60, 1).statistic, rel=1e-6)


@pytest.mark.parametrize("rho", [0.4, 0.7])
def test_curvature_has_its_size_where_few_months_lie_before(made, rho):
    # 27 months before and 56 from the start, a term for each month
    X, t = made.design(83, 27), np.arange(83)
    Y = made.ar_series(2, (rho,), 83, 1000)
    fit = fit_reml_ar(np.column_stack([X, np.where(t < 27, (t - 13.0) ** 2, 0.0)]), Y, 2)
    read = fit.contrasts(np.eye(X.shape[1] + 1)[-1:])
    told = ~fit.flags["at_bound"] & (read.df_unclipped[:, 0] >= 3.0)
    assert told.mean() > 0.9
    p_values = read.p_value[:, 0]
    for place in np.flatnonzero(told)[:3]:
        assert curvature(X, Y[:, place], 27, 2).p_value == pytest.approx(p_values[place], rel=1e-6)
    assert (p_values[told] < 0.05).mean() == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / told.sum()))


def test_curvature_needs_periods_and_information(made):
    X, _ = window(40, 3)
    short = curvature(X, made.ar_series(3, (), 40, 1)[:, 0], 2, 1)
    assert short.status == "not_applicable"
    assert short.message.startswith("2 periods before the interruption are too few")
    X, t = window(40, 20)
    exact = curvature(X, 2.0 + 3.0 * t, 20, 1)
    assert exact.status == "not_applicable"
    assert "too little information" in exact.message


def test_pre_trend_is_judged_by_its_margin():
    half = stats.t.ppf(0.975, 20) * 0.1
    inside = pre_trend(0.1, 0.1, 20.0, 0.1 + half + 1e-6, 0.95)
    assert (inside.status, inside.statistic) == ("pass", 0.1)
    assert np.isnan(inside.p_value)
    assert f"{0.1 - half:.3g} to {0.1 + half:.3g} a period (95 % interval)" in inside.message
    wide = pre_trend(0.1, 0.1, 20.0, 0.1 + half - 1e-6, 0.95)
    assert wide.status == "attention"
    assert "perhaps more than the margin" in wide.message
    beyond = pre_trend(-1.0, 0.1, 20.0, 0.2, 0.95)
    assert ", more than the margin ±0.2" in beyond.message
    # a noisy series with no significant drift does not pass
    assert pre_trend(0.0, 5.0, 20.0, 0.2, 0.95).status == "attention"


def test_pre_trend_without_margin_reports_and_asks_for_one():
    found = pre_trend(0.1, 0.1, 20.0, None, 0.9)
    assert (found.status, found.statistic) == ("not_applicable", 0.1)
    assert "90 % interval" in found.message
    assert "state the largest drift" in found.message
    assert pre_trend(0.1, 0.0, 20.0, 0.5, 0.95).message.startswith("The drift before")


def test_equivalence_by_hand():
    low, high = np.array([-0.4, -0.6, 0.5, -0.9, np.nan]), np.array([0.4, 0.4, 0.8, -0.5, 1.0])
    found = equivalence(low, high, 0.5)
    assert found.tolist() == ["within", "inconclusive", "beyond", "beyond", "inconclusive"]


def test_equivalence_is_two_one_sided_tests():
    y = 0.2 + np.random.default_rng(3).standard_normal(50)
    sizes = [stats.ttest_1samp(y, sign * m, alternative=side).pvalue for m in (0.3, 0.6) for sign, side in
             ((-1, "greater"), (1, "less"))]  # fmt: skip
    low, high = stats.ttest_1samp(y, 0.0).confidence_interval(0.90)
    for margin, p in ((0.3, max(sizes[:2])), (0.6, max(sizes[2:]))):
        assert (str(equivalence(np.array(low), np.array(high), margin)) == "within") == (p < 0.05)


@pytest.mark.parametrize("margin", [0.0, -1.0, np.nan, np.inf])
def test_a_margin_is_a_positive_number(margin):
    with pytest.raises(ValueError, match="has to be a positive number"):
        equivalence(np.zeros(1), np.zeros(1), margin)


def test_floor_and_ceiling():
    periods = ["a", "b", "c", "d"]
    fitted = np.array([50.0, 60.0, 97.0, 99.9])
    counterfactual = np.array([50.0, 60.0, 99.0, 101.0])
    used = np.array([True, True, True, False])
    found = floor_ceiling(fitted, counterfactual, used, periods, percentage=True)
    assert (found.status, found.statistic) == ("attention", 1.0)
    assert "close to 0 or 100 % in 1 period (closest: c)" in found.message
    beyond = floor_ceiling(fitted, counterfactual, np.ones(4, dtype=bool), periods, percentage=True)
    assert (beyond.statistic, "beyond 0 or 100 %" in beyond.message) == (-1.0, True)
    low = floor_ceiling(100.0 - fitted, 100.0 - counterfactual, used, periods, percentage=True)
    assert low.statistic == 1.0
    clear = floor_ceiling(fitted[:2], counterfactual[:2], used[:2], periods[:2], percentage=True)
    assert clear.status == "pass"
    assert "stay 40.0 points or more" in clear.message
    assert floor_ceiling(fitted, fitted, used, periods, percentage=False).status == "not_applicable"


def test_persistence():
    assert persistence(0.5).status == "pass"
    assert persistence(0.9).status == "pass"
    assert persistence(0.5, 1.9).status == "pass"
    assert "hardly fade (first autocorrelation 0.95)" in persistence(0.95).message
    noisy = persistence(0.5, 2.1)
    assert noisy.status == "attention"
    assert "fits better (by 2.1 in log-likelihood)" in noisy.message
    assert " and " in persistence(0.95, 3.0).message
