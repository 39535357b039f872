"""Bends, drifts, limits, persistence and margins."""

import numpy as np
import pytest
from scipy import stats

from its_eval.checks.equivalence import equivalence
from its_eval.checks.form import curvature, floor_ceiling, persistence, pre_trend


def before(n):
    t = np.arange(n, dtype=float)
    return np.column_stack([np.ones(n), t]), t


def test_curvature_finds_a_bend_and_only_a_bend(made):
    X, t = before(60)
    noise = made.ar_series(1, (0.3,), 60, 1)[:, 0]
    straight = curvature(X, 40.0 + 0.5 * t + noise, t, 1)
    assert straight.status == "pass"
    assert "not proven" in straight.message
    bent = curvature(X, 40.0 + 0.01 * (t - 20) ** 2 + noise, t, 1)
    assert bent.status == "attention"
    assert "shorter pre-periods" in bent.message
    # any straight line may be added, and time counted from anywhere
    moved = curvature(X, 40.0 + 0.01 * (t - 20) ** 2 + noise - 3.0 * t, t + 1000.0, 1)
    assert moved.statistic == pytest.approx(bent.statistic, rel=1e-6)


def test_curvature_has_its_size(made):
    X, t = before(40)
    Y = made.ar_series(2, (0.4,), 40, 400)
    rejected = np.mean([curvature(X, Y[:, s], t, 1).p_value < 0.05 for s in range(400)])
    assert rejected == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / 400))


def test_curvature_needs_periods_and_information(made):
    X, t = before(6)
    y = np.array([1.0, 3.0, 2.0, np.nan, np.nan, 5.0])
    short = curvature(X, y, t, 1)
    assert short.status == "not_applicable"
    assert short.message.startswith("4 periods before the interruption are too few")
    X, t = before(40)
    exact = curvature(X, 2.0 + 3.0 * t, t, 1)
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
