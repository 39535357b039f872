"""XmR limits against published examples and the R package NHSRplotthedots."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_eval.improvement.xmr import LIMIT_FACTOR, moving_ranges, xmr_limits

# NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2: flow rate of ten batches
FLOW = np.array([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])
# rnorm(20) after set.seed(123) in R, as the snapshot tests of NHSRplotthedots use it
NORMAL = np.array([
    -0.56047565, -0.23017749, 1.55870831, 0.07050839, 0.12928774, 1.71506499, 0.46091621, -1.26506123,
    -0.68685285, -0.44566197, 1.22408180, 0.35981383, 0.40077145, 0.11068272, -0.55584113, 1.78691314,
    0.49785048, -1.96661716, 0.70135590, -0.47279141,
])  # fmt: skip


def test_the_example_of_nist():
    found = xmr_limits(FLOW)
    assert moving_ranges(FLOW)[1:] == pytest.approx([2.0, 2.3, 1.4, 3.5, 3.4, 1.4, 0.2, 1.2, 1.5])
    assert found.mean == pytest.approx(50.81)
    assert found.mean_range == pytest.approx(1.8778, abs=5e-5)
    # NIST takes 3 / 1.128, the tools of the NHS its rounding 2.66
    rounding = LIMIT_FACTOR - 3 / 1.128
    assert found.upper == pytest.approx(55.8041 + rounding * found.mean_range, abs=5e-5)
    assert found.lower == pytest.approx(45.8159 - rounding * found.mean_range, abs=5e-5)


def test_the_worked_example_by_hand():
    found = xmr_limits(np.array([10.0, 14.0, 12.0, 12.0, 17.0]))
    # ranges 4, 2, 0, 5: mean 2.75; 2.66 x 2.75 = 7.315; two thirds 4.8767; 3.267 x 2.75 = 8.98425
    assert (found.n, found.mean, found.mean_range) == (5, 13.0, 2.75)
    assert (found.lower, found.upper) == (pytest.approx(5.685), pytest.approx(20.315))
    assert (found.near_lower, found.near_upper) == (pytest.approx(8.12333333), pytest.approx(17.8766667))
    assert found.range_upper == pytest.approx(8.98425)


def test_the_snapshot_of_the_r_package():
    found = xmr_limits(NORMAL, screen=True)
    assert found.mean == pytest.approx(0.1416238, abs=5e-8)
    assert (found.lower, found.upper) == (
        pytest.approx(-3.01138, abs=5e-6), pytest.approx(3.294627, abs=5e-7)
    )  # fmt: skip


def test_screening_of_the_r_package():
    outlying = NORMAL.copy()
    outlying[14] = 10.0
    screened, plain = xmr_limits(outlying, screen=True), xmr_limits(outlying)
    assert screened.mean == plain.mean == pytest.approx(0.6694159, abs=5e-8)
    assert (screened.lower, screened.upper) == (
        pytest.approx(-2.383666, abs=5e-7), pytest.approx(3.722497, abs=5e-7)
    )  # fmt: skip
    assert (plain.lower, plain.upper) == (
        pytest.approx(-4.596625, abs=5e-7), pytest.approx(5.935457, abs=5e-7)
    )  # fmt: skip


def test_no_limits_without_two_points():
    for size in (0, 1):
        found = xmr_limits(np.arange(float(size)))
        assert found.n == size
        assert np.isnan([found.mean_range, found.lower, found.upper, found.range_upper]).all()
    assert list(moving_ranges(np.empty(0))) == []


def test_a_constant_series_has_limits_of_no_width():
    found = xmr_limits(np.full(15, 3.0), screen=True)
    assert (found.lower, found.mean, found.upper) == (3.0, 3.0, 3.0)


series = st.lists(st.integers(-10_000, 10_000).map(float), min_size=2, max_size=40).map(np.array)


@given(series, st.integers(-1000, 1000), st.booleans())
def test_a_constant_moves_mean_and_limits_equally(values, constant, screen):
    plain, moved = xmr_limits(values, screen=screen), xmr_limits(values + constant, screen=screen)
    for name in ("mean", "lower", "upper", "near_lower", "near_upper"):
        assert getattr(moved, name) == pytest.approx(getattr(plain, name) + constant, abs=1e-7)
    assert moved.mean_range == pytest.approx(plain.mean_range, abs=1e-9)


@given(series, st.randoms(use_true_random=False))
def test_order_matters_for_the_moving_range_only(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    plain, mixed = xmr_limits(values), xmr_limits(values[order])
    assert mixed.mean == pytest.approx(plain.mean, abs=1e-7)
    backwards = xmr_limits(values[::-1])
    assert backwards.mean_range == pytest.approx(plain.mean_range)
    assert mixed.mean_range >= (values.max() - values.min()) / (len(values) - 1) - 1e-9
