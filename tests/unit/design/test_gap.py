"""A gap to peers, and when it is nothing but the rounding of what was subtracted."""

import numpy as np
import pytest

from its_eval.design.peer_mean import gap_to, peer_mean

N = 40
USABLE = np.ones((N, 1), dtype=bool)


def gap(own, peers, usable=USABLE, **options):
    means = peer_mean(peers, usable[:, 0])[:, None]
    return gap_to(own[:, None], means, usable, **options)[:, 0]


@pytest.mark.parametrize("copies", [1, 2, 3, 6, 7, 41])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e11])
def test_copies_leave_nothing(copies, scale):
    series = scale * (50 + np.random.default_rng(copies).normal(0, 1, N))
    assert (gap(series, np.column_stack([series] * copies)) == 0.0).all()


def test_copies_at_another_level_leave_that_level():
    series = 50 + np.random.default_rng(2).normal(0, 1, N)
    for level in (1e-5, 0.1, 7.0, -1e6):
        left = gap(series + level, np.column_stack([series] * 3))
        assert np.ptp(left) == 0.0
        assert left[0] == pytest.approx(level, abs=1e-9)


def test_logarithms_round_as_numbers_about_one():
    series = 1.0 + 1e-6 * np.random.default_rng(3).normal(0, 1, N)
    own, other = np.log(series), np.log(series * 3.0) - np.log(3.0)
    assert np.ptp(own - other) > 0
    assert (gap(own, other[:, None], logarithms=True) == 0.0).all()


@pytest.mark.parametrize("share", [1e-12, 1e-6, 1.0])
def test_what_varies_above_rounding_is_left_as_it_is(share):
    rng = np.random.default_rng(4)
    series = 50 + rng.normal(0, 1, N)
    own = series + share * rng.normal(0, 1, N)
    np.testing.assert_array_equal(gap(own, series[:, None]), own - series)


def test_only_usable_periods_count_and_missing_ones_stay_missing():
    series = 50 + np.random.default_rng(5).normal(0, 1, N)
    own, usable = series.copy(), USABLE.copy()
    own[3], own[7], usable[3] = 900.0, np.nan, False
    left = gap(own, np.column_stack([series] * 3), usable)
    assert left[3] == pytest.approx(900.0 - series[3])
    assert np.isnan(left[7])
    assert (np.delete(left, [3, 7]) == 0.0).all()
