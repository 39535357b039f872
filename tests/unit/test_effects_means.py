"""A difference of mean rates where one segment has no events: limits of the literature, and what it covers."""

import numpy as np
import pytest
from scipy import stats

from its_eval.effects.means import mean_difference, rate_limits

AFTER = np.arange(48) >= 24


@pytest.mark.parametrize("count", [0.0, 1.0, 7.0, 40.0])
def test_exact_limits(count):
    low, high = rate_limits(count, 20.0, 0.05, binomial=False)
    assert low == pytest.approx(stats.chi2.ppf(0.025, 2 * count) / 40.0 if count else 0.0, rel=1e-9)
    assert high == pytest.approx(stats.chi2.ppf(0.975, 2 * count + 2) / 40.0, rel=1e-9)
    expected = stats.binomtest(int(count), 40).proportion_ci(method="exact")
    assert rate_limits(count, 40.0, 0.05, binomial=True) == pytest.approx(tuple(expected), rel=1e-9)


def test_the_rule_of_three():
    """Nothing in n periods: at 95 % one-sided at most 3/n (Hanley & Lippman-Hand 1983, JAMA 249:1743)."""
    assert rate_limits(0.0, 100.0, 0.1, binomial=False)[1] == pytest.approx(0.03, rel=2e-3)


@pytest.mark.parametrize("empty", ["before", "after"])
def test_counts_with_nothing_in_one_segment(empty):
    rng = np.random.default_rng(1)
    sizes = rng.uniform(1, 2, 48)
    counts = np.where((empty == "before") == AFTER, rng.poisson(3 * sizes), 0).astype(float)
    found = mean_difference(counts, sizes, AFTER, 0.95, binomial=False)
    eventful = AFTER if empty == "before" else ~AFTER
    sign = 1 if empty == "before" else -1
    assert found.estimate == pytest.approx(sign * counts.sum() / sizes[eventful].sum())
    assert found.size == pytest.approx(sizes[AFTER].sum())
    share = sizes[eventful].sum() / sizes.sum()
    assert found.p_value <= 2 * share ** counts.sum() * 1e6  # dispersion makes counts count for less
    assert found.low < found.estimate < found.high
    assert (found.low > 0) == (sign > 0)


def test_shares_and_their_complements_are_mirrored():
    trials = np.full(48, 30.0)
    counts = np.where(AFTER, 4.0, 0.0)
    found = mean_difference(counts, trials, AFTER, 0.95, binomial=True)
    other = mean_difference(trials - counts, trials, AFTER, 0.95, binomial=True)
    assert found.estimate == pytest.approx(4 / 30)
    assert (other.estimate, other.low, other.high) == pytest.approx(
        (-found.estimate, -found.high, -found.low)
    )
    assert other.p_value == found.p_value
    few = mean_difference(np.where(np.arange(48) == 30, 3.0, 0.0), trials, AFTER, 0.95, binomial=True)
    # with so few, Fisher's exact test by the hypergeometric distribution; one month holds them all: phi above 1
    assert few.p_value > 2 * stats.hypergeom.pmf(3, 48 * 30, 24 * 30, 3) * 0.99


def test_fishers_exact_test():
    counts = np.zeros(4)
    counts[2:] = 3.0
    found = mean_difference(counts, np.full(4, 20.0), np.arange(4) >= 2, 0.95, binomial=True)
    expected = stats.fisher_exact([[0, 40], [6, 34]], alternative="less").pvalue
    assert found.p_value == pytest.approx(2 * expected, rel=1e-9)


def test_none_without_exactly_one_empty_segment():
    ones = np.ones(48)
    assert mean_difference(ones, ones, AFTER, 0.95, binomial=False) is None
    assert mean_difference(0 * ones, ones, AFTER, 0.95, binomial=False) is None
    assert mean_difference(5 * ones, 5 * ones, AFTER, 0.95, binomial=True) is None


def test_the_interval_covers_a_rare_rate():
    """Poisson counts of which one segment happens to have none: seen over those alone, and over all."""
    rng = np.random.default_rng(5)
    covered = total = 0
    for _ in range(4000):
        counts = rng.poisson(np.where(AFTER, 0.5, 0.05)).astype(float)
        found = mean_difference(counts, np.ones(48), AFTER, 0.95, binomial=False)
        if found is not None:
            total += 1
            covered += found.low <= 0.45 <= found.high
    assert total > 800
    assert covered / total >= 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / total)
