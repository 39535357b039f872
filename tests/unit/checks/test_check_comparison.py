"""Crawford-Howell, placebos, their label and the summary of a specification curve."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from its_eval.checks.conclusion import (
    CONSISTENT,
    GAP_CHANGED,
    NO_CLEAR_EVIDENCE,
    NOT_ESTIMABLE,
    NOT_UNUSUAL,
    enough_donors,
    median_statistics,
    summarise_specifications,
    three_way_label,
)
from its_eval.checks.placebo import crawford_howell, eligible_sets, joint_placebo, placebo, random_sets


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


def test_joint_placebo_takes_every_set_when_they_are_few():
    donors = np.random.default_rng(2).standard_normal(9)
    treated = np.array([1.2, 0.9, 0.3])
    sets = [abs(np.mean(chosen)) for chosen in combinations(donors, 3)]
    expected = (1 + sum(size >= abs(treated.mean()) for size in sets)) / (1 + len(sets))
    assert joint_placebo(treated, donors, np.random.default_rng(3)) == pytest.approx(expected)


def test_joint_placebo_by_random_sets_is_close_to_all_sets():
    donors = np.random.default_rng(4).standard_normal(20)
    treated = np.array([1.0, -0.1, 0.8, 0.9])
    exact = joint_placebo(treated, donors, np.random.default_rng(5))
    drawn = joint_placebo(treated, donors, np.random.default_rng(5), draws=4000)
    assert drawn == pytest.approx(exact, abs=3.5 * np.sqrt(exact * (1 - exact) / 4000))
    assert drawn == joint_placebo(treated, donors, np.random.default_rng(5), draws=4000)
    # a column for each date that repeats the same donors is the same question
    dated = joint_placebo(treated, np.tile(donors[:, None], 4), np.random.default_rng(6), draws=4000)
    assert dated == pytest.approx(exact, abs=3.5 * np.sqrt(exact * (1 - exact) / 4000))


def test_joint_placebo_keeps_dates_apart():
    donors = np.column_stack([np.zeros(30), np.full(30, 4.0)])
    assert joint_placebo(np.array([0.0, 4.1]), donors, np.random.default_rng(7), draws=99) == 0.01
    assert joint_placebo(np.array([0.0, 3.9]), donors, np.random.default_rng(7), draws=99) == 1.0


def test_joint_placebo_with_missing_statistics():
    donors = np.random.default_rng(8).standard_normal(12)
    failed = donors.copy()
    failed[3] = np.nan
    treated = np.array([2.0, 1.5])
    whole, with_failure = (joint_placebo(treated, d, np.random.default_rng(9)) for d in (donors, failed))
    assert with_failure >= whole
    assert with_failure >= 12 / 67  # the sets that contain the donor that failed
    one = joint_placebo(np.array([2.0, np.nan]), donors, np.random.default_rng(9))
    assert one == pytest.approx(placebo(2.0, donors).p_value)
    dated = joint_placebo(np.array([np.nan, 2.0]), np.tile(donors[:, None], 2), np.random.default_rng(9), 999)
    assert dated == pytest.approx(one)
    assert np.isnan(joint_placebo(np.array([np.nan]), donors, np.random.default_rng(9)))
    assert np.isnan(joint_placebo(np.ones(13), donors, np.random.default_rng(9)))


def test_random_sets_have_no_repeats_and_no_favourites():
    sets = random_sets(12, 5, 6000, np.random.default_rng(10))
    assert all(len(set(row)) == 5 for row in sets[:500].tolist())
    for place in range(5):
        counts = np.bincount(sets[:, place], minlength=12)
        assert stats.chisquare(counts).pvalue > 1e-4


def test_eligible_sets_take_the_donors_of_each_trust_and_nobody_twice():
    rng = np.random.default_rng(11)
    # the second trust has only donors 0 and 1, which the first may have too
    eligible = np.array([[True, True], [True, True], [True, False], [True, False], [False, False]])
    sets = eligible_sets(eligible, 6000, rng)
    assert sets.shape == (6000, 2)
    assert set(sets[:, 1]) == {0, 1}
    assert set(sets[:, 0]) == {0, 1, 2, 3}
    assert (sets[:, 0] != sets[:, 1]).all()
    # donors of either trust that the other does not have are equally likely
    apart = eligible_sets(np.repeat(np.eye(2, dtype=bool), 4, axis=0), 6000, rng)
    assert stats.chisquare(np.bincount(apart[:, 0], minlength=8)[:4]).pvalue > 1e-4
    assert stats.chisquare(np.bincount(apart[:, 1], minlength=8)[4:]).pvalue > 1e-4
    # one donor for two trusts makes no set
    assert eligible_sets(np.array([[True, True], [False, False]]), 10, rng).shape == (0, 2)


def test_joint_placebo_of_trusts_with_different_donors():
    donors = np.array([[0.0, np.nan], [1.0, np.nan], [np.nan, 4.0], [np.nan, 6.0]])
    eligible = ~np.isnan(donors)
    # means of the four sets: 2, 2.5, 3, 3.5
    found = joint_placebo(np.array([3.0, 3.0]), donors, np.random.default_rng(12), 4000, eligible)
    assert found == pytest.approx(0.5, abs=3.5 * 0.5 / np.sqrt(4000))
    assert joint_placebo(np.array([4.0, 4.0]), donors, np.random.default_rng(12), 99, eligible) == 0.01
    nobody = np.array([[True, True], [False, False]])
    assert np.isnan(joint_placebo(np.ones(2), np.ones((2, 2)), np.random.default_rng(12), 99, nobody))
    # a trust without a statistic takes its donors with it
    alone = joint_placebo(np.array([0.5, np.nan]), donors, np.random.default_rng(12), 999, eligible)
    assert alone == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("donors", "treated", "enough"), [(19, 1, True), (18, 1, False), (99, 5, True), (98, 5, False)]
)
def test_enough_donors(donors, treated, enough):
    assert enough_donors(donors, treated) is enough


def test_label_of_each_unit():
    p_gap = np.array([0.001, 0.001, 0.4, np.nan])
    p_placebo = np.array([0.004, 0.2, 0.01, 0.01])
    found = three_way_label(p_gap, p_placebo, 0.05, 199, p_gap_set=0.01)
    assert found.unit_labels == (CONSISTENT, NOT_UNUSUAL, NO_CLEAR_EVIDENCE, NOT_ESTIMABLE)
    assert found.set_label == CONSISTENT
    # Holm by hand over (.004, .2, .4, 1): 4 x .004, 3 x .2, max(.6, 2 x .4), 1
    np.testing.assert_allclose(found.p_both, [0.016, 0.6, 0.8, 1.0])


def test_holm_and_the_joint_placebo_stand_between_a_trust_and_its_label():
    p_gap, p_placebo = np.array([0.001, 0.2, 0.3]), np.array([0.02, 0.5, 0.5])
    assert three_way_label(p_gap, p_placebo, 0.01, 99).unit_labels[0] == NOT_UNUSUAL  # 3 x .02 > .05
    p_placebo[0] = 0.01
    assert three_way_label(p_gap, p_placebo, 0.01, 99).unit_labels[0] == CONSISTENT
    assert three_way_label(p_gap, p_placebo, 0.0501, 99).unit_labels[0] == NOT_UNUSUAL
    assert three_way_label(p_gap, p_placebo, np.nan, 99).unit_labels[0] == GAP_CHANGED
    p_placebo[0] = np.nan
    assert three_way_label(p_gap, p_placebo, 0.01, 99).unit_labels[0] == GAP_CHANGED
    p_gap[0] = 0.02
    assert three_way_label(p_gap, p_placebo, 0.01, 99).unit_labels[0] == NO_CLEAR_EVIDENCE


def test_a_unit_without_a_p_value_counts_as_one_and_helps_nobody():
    """The steps of Holm are over all three units: 3 x .02 is above, 3 x .016 below .05."""
    p_gap, p_placebo = np.array([0.02, np.nan, np.nan]), np.array([0.6, 0.5, 0.5])
    assert three_way_label(p_gap, p_placebo, 0.01, 99).unit_labels[0] == NO_CLEAR_EVIDENCE
    p_gap[0] = 0.016
    assert three_way_label(p_gap, p_placebo, 0.01, 99).unit_labels[0] == NOT_UNUSUAL
    p_placebo[0] = 0.016
    assert three_way_label(p_gap, p_placebo, 0.01, 99).unit_labels[0] == CONSISTENT
    p_placebo[0] = 0.018
    assert three_way_label(p_gap, p_placebo, 0.01, 99).unit_labels[0] == NOT_UNUSUAL


def test_with_few_donors_only_the_set_is_labelled():
    p = np.full(5, 1e-6)
    found = three_way_label(p, np.full(5, 1 / 89), 0.001, 88, p_gap_set=0.03)
    assert found.unit_labels is None
    assert found.set_label == CONSISTENT
    assert three_way_label(p, p, 0.06, 88, p_gap_set=0.03).set_label == NOT_UNUSUAL
    assert three_way_label(p, p, np.nan, 88, p_gap_set=0.03).set_label == GAP_CHANGED
    # a p-value equal to alpha reaches it
    assert three_way_label(p, p, 0.001, 88, p_gap_set=0.05).set_label == CONSISTENT
    assert three_way_label(p, p, 0.001, 88, p_gap_set=0.0501).set_label == NO_CLEAR_EVIDENCE
    assert three_way_label(p, p, 0.001, 88).set_label is None


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
