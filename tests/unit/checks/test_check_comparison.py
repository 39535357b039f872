"""Crawford-Howell, placebos, their label and the summary of a specification curve."""

import numpy as np
import pytest
from scipy import stats

from its_eval.checks.conclusion import (
    conclude,
    direction,
    median_statistics,
    set_label,
    summarise_specifications,
)
from its_eval.checks.placebo import crawford_howell, placebo
from its_eval.evaluation import CHANGED, CHANGED_MORE, NO_CLEAR_CHANGE, NOT_ANSWERED, NOT_CLEARLY_MORE


def controls(mean, sd, n):
    """Scores with exactly this mean and standard deviation."""
    scores = np.random.default_rng(n).standard_normal(n)
    return mean + sd * (scores - scores.mean()) / scores.std(ddof=1)


def test_published_example_of_the_single_case():
    """Crawford & Howell 1998, p. 483: score 33, 15 controls with mean 50 and sd 10: -17/(10 sqrt(16/15))."""
    found = crawford_howell(np.array([33.0]), controls(50.0, 10.0, 15)[:, None])
    assert found.statistic[0] == pytest.approx(-1.646, abs=0.0005)
    assert found.p_value[0] / 2 == pytest.approx(0.061, abs=0.0005)
    assert (found.df[0], found.n_peers[0]) == (14, 15)


def test_it_is_the_two_sample_t_test_with_one_case():
    """Data of the example in R's psycho::crawford.test, and several estimands at once."""
    peers = np.column_stack([[0, -2, 5, 2, 1, 3, -4, -2], controls(2.0, 0.5, 8)])
    case = np.array([10.0, 1.1])
    found = crawford_howell(case, peers)
    for column in range(2):
        # pooled by hand: with one case the pooled variance is that of the controls
        expected = stats.ttest_ind_from_stats(
            case[column], 0.0, 1, peers[:, column].mean(), peers[:, column].std(ddof=1), 8
        )
        assert found.statistic[column] == pytest.approx(expected.statistic, rel=1e-12)
        assert found.p_value[column] == pytest.approx(expected.pvalue, rel=1e-12)
    assert found.difference[0] == pytest.approx(9.625)


def test_peers_without_an_estimate_are_left_out():
    peers = np.column_stack([controls(0, 1, 6), controls(5, 2, 6)])
    holed = peers.copy()
    holed[2, 1] = np.nan
    found, alone = crawford_howell(np.array([3.0, 3.0]), holed), crawford_howell(
        np.array([3.0]), np.delete(peers[:, [1]], 2, axis=0)
    )  # fmt: skip
    assert found.n_peers.tolist() == [6, 5]
    assert found.p_value[1] == pytest.approx(alone.p_value[0])


def test_too_few_or_equal_peers_give_no_test():
    for peers in (np.array([[1.0]]), np.empty((0, 1)), np.array([[2.0], [2.0], [2.0]])):
        found = crawford_howell(np.array([3.0]), peers)
        assert np.isnan(found.statistic[0])
        assert np.isnan(found.p_value[0])


def test_crawford_howell_has_its_size():
    draws = np.random.default_rng(1).standard_normal((11, 4000))
    rejected = np.mean(crawford_howell(draws[0], draws[1:]).p_value < 0.05)
    assert rejected == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / 4000))


def test_placebo_counts_ties_signs_and_failures():
    donors = np.array([0.5, -3.0, 2.0, 2.0 * (1 - 1e-12), 1.0, np.nan])
    found = placebo(-2.0, donors)
    assert (found.n_donors, found.n_extreme, found.n_unfitted, found.rank) == (6, 4, 1, 5)
    assert found.p_value == pytest.approx(5 / 7)
    assert placebo(9.0, donors[:5]).p_value == pytest.approx(1 / 6)


def test_placebo_without_a_statistic_or_donors():
    assert np.isnan(placebo(np.nan, np.ones(5)).p_value)
    assert np.isnan(placebo(1.0, np.empty(0)).p_value)


def test_label_of_each_unit():
    """Holm by hand: over (.001, .002, .4, 1) for the change, over the larger of both p-values for the label."""
    p_gap = np.array([0.001, 0.002, 0.4, np.nan])
    p_attribution = np.array([0.004, 0.2, 0.01, 0.01])
    found = conclude(p_gap, p_attribution, np.ones(4, dtype=bool), size=4)
    assert found.labels == (CHANGED_MORE, NOT_CLEARLY_MORE, NO_CLEAR_CHANGE, NOT_ANSWERED)
    np.testing.assert_allclose(found.p_adjusted, [0.004, 0.006, 0.8, np.nan])
    np.testing.assert_allclose(found.p_both, [0.016, 0.6, 0.8, np.nan])
    # its own p-value does not reach the level, that among others does: 4 x .01
    assert found.attribution_only.tolist() == [False, False, True, False]


def test_a_question_that_was_lost_counts_as_one_of_the_family():
    """Three were asked, one has an estimate: 3 x .02 is above, 3 x .016 below .05."""
    for p_value, label in ((0.02, NO_CLEAR_CHANGE), (0.016, CHANGED_MORE)):
        found = conclude(np.array([p_value]), np.array([0.001]), np.ones(1, dtype=bool), size=3)
        assert found.labels == (label,)
    # without adjustment nobody counts but itself
    found = conclude(np.array([0.02]), np.array([0.001]), np.ones(1, dtype=bool), size=3, method="none")
    assert found.labels == (CHANGED_MORE,)


def test_the_larger_of_both_p_values_is_adjusted():
    p_gap, p_attribution = np.array([0.001, 0.2, 0.3]), np.array([0.02, 0.5, 0.5])
    every = np.ones(3, dtype=bool)
    assert conclude(p_gap, p_attribution, every, size=3).labels[0] == NOT_CLEARLY_MORE  # 3 x .02 > .05
    p_attribution[0] = 0.01
    assert conclude(p_gap, p_attribution, every, size=3).labels[0] == CHANGED_MORE
    # a p-value equal to the level reaches it: 3 x .05/3
    p_attribution[0] = 0.05 / 3
    assert conclude(p_gap, p_attribution, every, size=3).labels[0] == CHANGED_MORE


def test_without_others_or_with_too_few_a_change_is_a_change():
    p_gap = np.array([0.001, 0.5])
    for p_attribution in (np.full(2, np.nan), np.array([0.9, 0.9])):
        found = conclude(p_gap, p_attribution, np.zeros(2, dtype=bool), size=2)
        assert found.labels == (CHANGED, NO_CLEAR_CHANGE)
        assert not found.attribution_only.any()


@pytest.mark.parametrize(
    ("p_set", "p_placebo", "compared", "label"),
    [
        (0.01, 0.01, True, CHANGED_MORE),
        (0.05, 0.05, True, CHANGED_MORE),
        (0.01, 0.06, True, NOT_CLEARLY_MORE),
        (0.06, 0.01, True, NO_CLEAR_CHANGE),
        (0.01, 0.06, False, CHANGED),
        (0.01, np.nan, True, CHANGED),
        (np.nan, 0.01, True, NOT_ANSWERED),
    ],
)
def test_label_of_the_set(p_set, p_placebo, compared, label):
    assert set_label(p_set, p_placebo, compared=compared) == label


@pytest.mark.parametrize(
    ("better", "intervals", "way"),
    [
        ("higher", [(1.0, 2.0)], "better"),
        ("lower", [(1.0, 2.0)], "worse"),
        ("lower", [(-2.0, -1.0)], "better"),
        (None, [(1.0, 2.0)], "unclear"),
        ("higher", [(-1.0, 2.0)], "unclear"),
        # of a change: the effect after a year first, else the level
        ("higher", [(-1.0, 2.0), (0.5, 1.0)], "better"),
        ("higher", [(0.5, 2.0), (-0.5, 1.0)], "better"),
        ("higher", [(0.5, 2.0), (-2.0, -1.0)], "mixed"),
        ("higher", [(np.nan, np.nan)], "unclear"),
    ],
)
def test_direction(better, intervals, way):
    assert direction(better, clear=True, intervals=intervals) == way
    assert direction(better, clear=False, intervals=intervals) == "unclear"


@pytest.mark.parametrize(
    ("intervals", "way"),
    [
        ([(-1.0, 2.0), (-0.5, 1.0)], "worse"),
        ([(0.5, 2.0), (-0.5, 1.0)], "better"),
        ([(-1.0, 2.0), (0.5, 1.0)], "better"),
        ([(0.5, 2.0), (-2.0, -1.0)], "mixed"),
    ],
)
def test_the_trend_tells_where_neither_year_nor_level_does(intervals, way):
    assert direction("higher", clear=True, intervals=intervals, otherwise=(-0.4, -0.1)) == way
    assert direction("higher", clear=False, intervals=intervals, otherwise=(-0.4, -0.1)) == "unclear"
    first = direction("higher", clear=True, intervals=intervals, otherwise=(-0.4, 0.1))
    assert first == ("unclear" if way == "worse" else way)


def test_summary_of_a_curve_by_hand():
    estimates = np.array([1.0, 2.0, 3.0, -4.0, np.nan, 5.0])
    low, high = estimates - 1.5, estimates + 1.5
    statistics = np.array([1.0, 2.0, 3.0, -4.0, np.nan, 5.0])
    donors = np.array(
        [[0.0, 0.0, 9.0, 9.0, 0.0, 3.0], [0.1, 0.2, 0.3, 0.4, 9.0, 0.5], [1.0, 1.0, 4.0, np.nan, 0.0, 9.0]]
    )
    found = summarise_specifications(estimates, low, high, statistics, donors)
    assert (found.n_specifications, found.n_unfitted) == (5, 1)
    assert (found.lower_quartile, found.median, found.upper_quartile) == (1.0, 2.0, 3.0)
    assert found.share_same_sign == pytest.approx(0.8)
    assert found.share_excluding_zero == pytest.approx(0.8)
    assert found.median_statistic == 3.0
    # medians of the donors without the fifth specification: 3 (a tie counts), .3, and 4 with a failure
    assert (found.joint.n_extreme, found.joint.n_donors) == (2, 3)
    assert found.joint.p_value == pytest.approx(3 / 4)


def test_summary_without_donors_or_estimates():
    found = summarise_specifications(np.ones(2), np.zeros(2) + 0.5, np.ones(2), np.array([2.0, -6.0]))
    assert found.joint is None
    assert found.median_statistic == 4.0
    nothing = summarise_specifications(*np.full((4, 3), np.nan))
    assert (nothing.n_specifications, nothing.n_unfitted, nothing.joint) == (0, 3, None)
    assert np.isnan(nothing.median)


def test_median_statistics_treat_failures_as_extreme():
    curves = np.array(
        [[1.0, -2.0, 3.0, 4.0], [1.0, np.nan, -2.0, 3.0], [np.nan, np.nan, 1.0, 2.0], [np.nan] * 4]
    )
    np.testing.assert_allclose(median_statistics(curves), [2.5, 2.5, np.inf, np.inf])
    whole = np.random.default_rng(11).standard_normal((50, 7))
    np.testing.assert_allclose(median_statistics(whole), np.median(np.abs(whole), axis=1))


def test_joint_p_of_curves_has_its_size():
    rng = np.random.default_rng(12)
    p = []
    for _ in range(600):
        units = rng.standard_normal((40, 1)) + 0.3 * rng.standard_normal((40, 12))
        own = units[0]
        p.append(summarise_specifications(own, own - 2, own + 2, own, units[1:]).joint.p_value)
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / 600))
