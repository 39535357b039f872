"""Pooling against metafor's numbers, statsmodels and brute force."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from its_eval.effects.several_units import METHODS, leave_one_out, paule_mandel, pool
from its_eval.peers.select import peer_overlap

#: Kacker 2004, as fitted by R's metafor: rma(y, v, method = "PM"), and with "DL" for I2.
KACKER = np.array([61.0, 61.4, 62.21, 62.3, 62.34, 62.6, 62.7, 62.84, 65.9])
KACKER_SE = np.sqrt([0.2025, 1.21, 0.09, 0.2025, 0.3844, 0.5625, 0.0676, 0.0225, 1.8225])
UNITS = tuple("abcdefghi")


def test_metafor_on_the_data_of_kacker():
    assert paule_mandel(KACKER, KACKER_SE) == pytest.approx(0.705395309224248, rel=1e-7)
    found = pool(KACKER, KACKER_SE)
    assert found.estimate == pytest.approx(62.4076199113286, rel=1e-9)
    assert found.std_error == pytest.approx(0.338030602684471, rel=1e-7)
    assert found.i2 == pytest.approx(67.744403741711, rel=1e-9)
    half = stats.t.ppf(0.975, 8) * 0.338030602684471
    assert (found.conf_low, found.conf_high) == pytest.approx(
        (62.4076199 - half, 62.4076199 + half), abs=1e-6
    )
    assert (found.df, found.n_units) == (8.0, 9)
    reach = stats.t.ppf(0.975, 7) * np.sqrt(0.705395309 + 0.338030603**2)
    assert found.prediction_high - found.estimate == pytest.approx(reach, rel=1e-6)


def test_metafor_with_hartung_and_knapp():
    """rma(c(.4, -.2, .55, .1), c(.05, .06, .04, .05), method = "PM", test = "knha")."""
    estimates, std_errors = np.array([0.40, -0.20, 0.55, 0.10]), np.sqrt([0.05, 0.06, 0.04, 0.05])
    for method in ("paule_mandel_mkh", "paule_mandel_hk"):
        found = pool(estimates, std_errors, method)
        assert found.estimate == pytest.approx(0.22957, abs=5e-6)
        assert found.tau2 == pytest.approx(0.05930, abs=5e-6)
        # its prediction limits with t on K - 1 are -.70650 and 1.16564; ours use K - 2
        reach = (1.16564 + 0.70650) / 2 / stats.t.ppf(0.975, 3) * stats.t.ppf(0.975, 2)
        assert found.prediction_high == pytest.approx(0.22957 + reach, abs=2e-5)
        assert found.prediction_low == pytest.approx(0.22957 - reach, abs=2e-5)


@pytest.mark.parametrize("seed", range(6))
def test_statsmodels_and_brute_force(seed):
    rng = np.random.default_rng(seed)
    std_errors = rng.uniform(0.5, 1.5, 5)
    estimates = 2.0 + rng.normal(0.0, np.sqrt(std_errors**2 + (seed % 3)))
    tau2 = paule_mandel(estimates, std_errors)
    theirs = combine_effects(estimates, std_errors**2, method_re="iterated", use_t=True)
    assert tau2 == pytest.approx(theirs.tau2, abs=1e-4)
    grid = np.linspace(0.0, 30.0, 300_001)
    weights = 1.0 / (std_errors[:, None] ** 2 + grid)
    centre = (weights * estimates[:, None]).sum(axis=0) / weights.sum(axis=0)
    q = (weights * (estimates[:, None] - centre) ** 2).sum(axis=0)
    assert tau2 == pytest.approx(grid[np.abs(q - 4.0).argmin()] if q[0] > 4.0 else 0.0, abs=1e-4)

    plain, modified = (
        pool(estimates, std_errors, method) for method in ("paule_mandel_hk", "paule_mandel_mkh")
    )
    assert plain.estimate == pytest.approx(theirs.mean_effect_re, abs=1e-4)
    assert plain.std_error == pytest.approx(theirs.sd_eff_w_re_hksj, rel=1e-4)
    scale = float((1 / (std_errors**2 + tau2)) @ (estimates - plain.estimate) ** 2) / 4
    assert modified.std_error == pytest.approx(plain.std_error * np.sqrt(max(1.0, scale) / scale), rel=1e-9)
    fixed = pool(estimates, std_errors, "fixed_effect", confidence=0.9)
    assert fixed.estimate == pytest.approx(theirs.mean_effect_fe, rel=1e-10)
    assert fixed.std_error == pytest.approx(theirs.sd_eff_w_fe, rel=1e-10)
    low, high = theirs.conf_int(alpha=0.1, use_t=False)[0]
    assert (fixed.conf_low, fixed.conf_high) == pytest.approx((low, high), rel=1e-9)
    assert fixed.p_value == pytest.approx(2 * stats.norm.sf(abs(fixed.estimate) / fixed.std_error), rel=1e-9)
    assert fixed.i2 == pytest.approx(100 * max(0.0, theirs.i2), rel=1e-9)


def test_the_unweighted_mean_is_a_one_sample_t_test():
    estimates = np.array([0.3, 1.2, -0.4, 0.9, 0.8])
    found = pool(estimates, np.array([0.1, 5.0, 1.0, 1.0, 1.0]), "unweighted_mean")
    expected = stats.ttest_1samp(estimates, 0.0)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12)
    assert (found.conf_low, found.conf_high) == pytest.approx(
        tuple(expected.confidence_interval()), rel=1e-12
    )
    assert np.isnan(found.tau2)
    assert np.isnan(found.prediction_low)


def test_equal_effects_have_no_heterogeneity_and_the_modified_error_of_the_fixed_effect():
    estimates, std_errors = np.array([1.0, 1.01, 0.99]), np.array([0.5, 0.4, 0.6])
    modified, plain, fixed, _ = (pool(estimates, std_errors, method) for method in METHODS)
    assert modified.tau2 == modified.i2 == 0.0
    assert modified.std_error == pytest.approx(fixed.std_error)
    assert plain.std_error < 0.1 * fixed.std_error
    same = pool(np.ones(3), std_errors, "paule_mandel_hk")
    assert (same.std_error, np.isnan(same.p_value), same.i2) == (0.0, True, 0.0)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e7])
def test_units_do_not_matter(unit):
    whole, scaled = pool(KACKER, KACKER_SE), pool(unit * KACKER, unit * KACKER_SE)
    for name, power in [
        ("estimate", 1),
        ("std_error", 1),
        ("tau2", 2),
        ("p_value", 0),
        ("prediction_high", 1),
    ]:
        assert getattr(scaled, name) == pytest.approx(unit**power * getattr(whole, name), rel=1e-8)


def test_two_trusts_have_no_prediction_interval():
    found = pool(np.array([1.0, 4.0]), np.array([0.3, 0.3]))
    assert found.df == 1.0
    assert np.isnan(found.prediction_low)
    assert found.tau2 == pytest.approx(4.5 - 0.09)
    assert leave_one_out(np.array([1.0, 4.0]), np.array([0.3, 0.3]), "ab") == []


def test_leave_one_out():
    rows = leave_one_out(KACKER, KACKER_SE, UNITS, "fixed_effect", 0.9)
    assert [unit for unit, _ in rows] == list(UNITS)
    kept = np.arange(9) != 7
    expected = pool(KACKER[kept], KACKER_SE[kept], "fixed_effect", 0.9)
    assert (rows[7][1].estimate, rows[7][1].conf_low) == (expected.estimate, expected.conf_low)


@pytest.mark.parametrize("tau2", [0.0, 1.0, 4.0])
def test_size_of_the_default(tau2):
    """Five trusts, equal standard errors 1: rejected if the mean exceeds t(4) max(S, 1) / sqrt(5).

    S^2 is independent of the mean, (1 + tau2) chi-squared(4) / 4, so that the size is an integral.
    """
    total = 1.0 + tau2
    s2 = total * stats.chi2.ppf((np.arange(100_000) + 0.5) / 100_000, 4) / 4.0
    size = np.mean(2 * stats.norm.sf(stats.t.ppf(0.975, 4) * np.sqrt(np.maximum(s2, 1.0) / total)))
    effects = np.random.default_rng(1).normal(0.0, np.sqrt(total), (3000, 5))
    rejected = np.mean([pool(row, np.ones(5)).p_value < 0.05 for row in effects])
    assert rejected == pytest.approx(size, abs=3.5 * np.sqrt(size * (1 - size) / 3000))
    fixed = np.mean([pool(row, np.ones(5), "fixed_effect").p_value < 0.05 for row in effects])
    expected = 2 * stats.norm.sf(stats.norm.isf(0.025) / np.sqrt(total))
    assert fixed == pytest.approx(expected, abs=3.5 * np.sqrt(expected * (1 - expected) / 3000))


def test_overlap_of_peers():
    found = peer_overlap({"A": {"x", "y"}, "B": {"y", "z", "w", "v"}, "C": {"u"}})
    np.testing.assert_allclose(found, [[1, 0.5, 0], [0.25, 1, 0], [0, 0, 1]])
    with pytest.raises(ValueError, match="no peers for A, C"):
        peer_overlap({"A": set(), "B": {"x"}, "C": set()})


def test_faults_are_named():
    with pytest.raises(ValueError, match="1 estimates and 1 standard errors"):
        pool(np.ones(1), np.ones(1))
    with pytest.raises(ValueError, match="2 estimates and 3 standard errors"):
        pool(np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match=r"estimate\(s\) 1, 2, 3 \(counted from 0\)"):
        pool(np.array([1.0, np.nan, 1.0, 1.0]), np.array([1.0, 1.0, 0.0, np.inf]))
