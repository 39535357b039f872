"""Paired changes against R, books, and simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from its_eval.improvement.paired import paired_change

# Student's sleep data: hours gained with two drugs
FIRST = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SECOND = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
# Hollander & Wolfe 1973, page 29: depression before and after a tranquilliser
DEPRESSION_BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
DEPRESSION_AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])


def test_t_test_of_r_on_the_sleep_data():
    found = paired_change(SECOND, FIRST)
    assert found.t == pytest.approx(-4.0621, abs=5e-5)
    assert found.df == 9
    assert found.p_value == pytest.approx(0.002833, abs=5e-7)
    assert (found.conf_low, found.conf_high) == (
        pytest.approx(-2.4598858, abs=5e-8), pytest.approx(-0.7001142, abs=5e-8)
    )  # fmt: skip
    assert found.mean_change == pytest.approx(-1.58)


def test_signed_rank_test_of_r_on_the_depression_data():
    found = paired_change(DEPRESSION_BEFORE, DEPRESSION_AFTER)
    # R prints V = 40 of 45 and a one-sided p of 0.01953
    assert found.wilcoxon == 45 - 40
    assert found.wilcoxon_p == pytest.approx(2 * 0.01953125)


def test_ties_and_pairs_without_change_give_the_exact_permutation_p():
    # nine changes of one sign, one pair equal: 2 of 2^9 signs are as extreme
    found = paired_change(SECOND, FIRST)
    assert found.wilcoxon_p == pytest.approx(2 / 2**9)
    assert (found.n_lower, found.n_equal, found.n_higher) == (9, 1, 0)


@pytest.mark.parametrize("size", [2, 3, 7, 20, 50, 51, 80])
def test_signed_ranks_without_ties_agree_with_scipy(size):
    change = np.random.default_rng(size).normal(0.3, 1.0, size)
    found = paired_change(np.zeros(size), change)
    expected = stats.wilcoxon(change, method="exact" if size <= 50 else "asymptotic")
    assert (found.wilcoxon, found.wilcoxon_p) == (expected.statistic, pytest.approx(expected.pvalue))


@pytest.mark.parametrize("size", [4, 7, 10])
def test_signed_ranks_with_ties_agree_with_going_through_all_signs(size):
    change = np.random.default_rng(size).integers(-3, 6, size).astype(float)
    change[change == 0] = 1.0
    ranks = stats.rankdata(np.abs(change))
    signs = np.array(list(itertools.product((0, 1), repeat=size)))
    sums = signs @ ranks
    smaller = min(ranks[change > 0].sum(), ranks[change < 0].sum())
    found = paired_change(np.ones(size), 1.0 + change)
    assert found.wilcoxon == smaller
    assert found.wilcoxon_p == pytest.approx(min(1.0, 2 * np.mean(sums <= smaller)))


def test_dust_of_decimals_is_a_tie_and_no_change():
    before, after = np.array([0.1, 0.2, 1.1, 5.0, 0.3]), np.array([0.3, 0.4, 1.3, 5.0, 0.5])
    found = paired_change(before, after)
    assert (found.n_lower, found.n_equal, found.n_higher) == (0, 1, 4)
    assert found.wilcoxon_p == pytest.approx(2 / 2**4)


def test_sums_means_and_per_cent():
    found = paired_change(np.array([10.0, 30.0]), np.array([5.0, 5.0]))
    assert (found.n_pairs, found.sum_baseline, found.sum_follow_up, found.sum_change) == (2, 40, 10, -30)
    assert found.percent_change == -75.0
    assert found.median_percent_change == pytest.approx((-50 - 100 * 25 / 30) / 2)
    assert (found.mean_baseline, found.mean_follow_up) == (20, 5)
    assert found.std_error_baseline == pytest.approx(10.0)
    assert found.std_error_follow_up == 0.0
    assert found.std_error_change == pytest.approx(10.0)
    assert found.sd_change == pytest.approx(10.0 * math.sqrt(2))


def test_standard_error_of_the_per_cent_change_is_its_spread_over_samples():
    rng = np.random.default_rng(7)
    samples = 20_000
    before = rng.gamma(4.0, 10.0, (samples, 60))
    after = 0.6 * before * rng.lognormal(-0.045, 0.3, before.shape)
    changes = 100.0 * (after.sum(axis=1) / before.sum(axis=1) - 1.0)
    found = [paired_change(before[place], after[place]) for place in range(150)]
    assert [one.percent_change for one in found] == pytest.approx(changes[:150])
    errors = [one.percent_change_std_error for one in found]
    # the error of the mean of 150 standard errors is their spread over √150
    assert np.mean(errors) == pytest.approx(changes.std(), abs=3.5 * np.std(errors) / math.sqrt(150))
    assert changes.mean() == pytest.approx(-40.0, abs=0.3)


def test_one_pair_has_sums_and_no_tests():
    found = paired_change(np.array([4878.0]), np.array([1858.0]))
    assert (found.sum_change, round(found.percent_change)) == (-3020, -62)
    unknown = (
        found.t, found.df, found.p_value, found.conf_low, found.r, found.cohens_dz, found.wilcoxon_p,
        found.std_error_change, found.percent_change_std_error,
    )  # fmt: skip
    assert all(math.isnan(value) for value in unknown)


@pytest.mark.parametrize("size", [2, 5, 40])
def test_changes_that_are_all_the_same_have_no_test(size):
    before = np.arange(size) / 10.0
    found = paired_change(before, before + 0.1)
    assert math.isnan(found.t)
    assert math.isnan(found.dz_low)
    assert found.n_higher == size
    same = paired_change(before, before)
    assert math.isnan(same.p_value)
    assert math.isnan(same.wilcoxon_p)
    assert same.n_equal == size


def test_per_cent_of_nothing_is_not_known():
    found = paired_change(np.array([0.0, 0.0, 0.0]), np.array([1.0, 2.0, 4.0]))
    assert math.isnan(found.percent_change)
    assert math.isnan(found.percent_change_std_error)
    assert math.isnan(found.median_percent_change)
    assert found.t == pytest.approx((7 / 3) / (np.std([1, 2, 4], ddof=1) / math.sqrt(3)))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), min_size=2, max_size=30),
    st.integers(1, 1000),
)
def test_units_of_measurement_and_order_do_not_matter(pairs, factor):
    before, after = np.array(pairs, dtype=float).T
    plain = paired_change(before, after)
    other = paired_change((before * factor)[::-1], (after * factor)[::-1])
    assert other.sum_change == pytest.approx(plain.sum_change * factor)
    assert other.percent_change == pytest.approx(plain.percent_change)
    assert other.t == pytest.approx(plain.t, rel=1e-6, nan_ok=True)
    assert other.wilcoxon_p == pytest.approx(plain.wilcoxon_p, nan_ok=True)
    assert (other.n_lower, other.n_equal, other.n_higher) == (plain.n_lower, plain.n_equal, plain.n_higher)
