"""Drifts, limits, persistence and margins."""

import numpy as np
import pytest
from scipy import stats

from its_eval.checks.form import equivalence, floor_ceiling, lasting_shocks, persistence, pre_trend
from its_eval.checks.result import upper_p
from its_eval.estimators.reml.reml_ar import fit_reml_ar


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


def test_persistence(made):
    drawn = np.linspace(0.5, 0.95, 100)
    assert persistence(0.5, drawn).p_value == 1.0
    assert persistence(0.9, drawn).status == "pass"
    # half of the level for each of the two causes
    lasting = persistence(0.951, drawn)
    assert lasting.p_value == pytest.approx(2 / 101)
    assert "hardly fade (first autocorrelation 0.95)" in lasting.message
    gain = stats.chi2.isf(0.025, 1) / 2
    assert persistence(0.5, drawn, gain - 1e-6).status == "pass"
    noisy = persistence(0.5, drawn, gain + 1e-6)
    assert noisy.status == "note"
    assert f"fits better (by {gain:.1f} in log-likelihood)" in noisy.message
    assert "hardly fade" not in noisy.message
    assert " and " in persistence(0.951, drawn, 6.0).message
    assert persistence(0.5, drawn, -3.0).p_value == 1.0


@pytest.mark.parametrize("order", [1, 2])
def test_lasting_shocks_are_autocorrelations_of_refitted_series(made, order):
    X, observed = made.design(83, 27, months=False), np.ones(83, dtype=bool)
    observed[40] = False
    drawn = lasting_shocks(X, observed, order, np.random.default_rng(1), 400)
    Y = made.ar_series(2, (0.8,), 83, 400)
    Y[40] = np.nan
    other = fit_reml_ar(X, Y, order).partial_autocorrelations[:, 0]
    assert stats.ks_2samp(drawn, other).pvalue > 1e-3
    p = np.array([upper_p(value, drawn) if value > 0.8 else 1.0 for value in other])
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=3.5 * np.sqrt(2 * 0.05 * 0.95 / 400))
