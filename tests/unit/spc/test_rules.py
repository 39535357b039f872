"""Rules for special causes, against the cases of the R package NHSRplotthedots and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_eval.improvement.xmr import (
    RULES,
    ControlLimits,
    RuleSettings,
    deciding,
    outside_limits,
    shifts,
    special_causes,
    trends,
    two_of_three,
)

#: Mean 0, process limits ±3, near limits ±2.
LINES = ControlLimits(20, 0.0, 3 / 2.66, -3.0, 3.0, -2.0, 2.0, 3.685)


def array(*values):
    return np.array(values, dtype=float)


def test_only_points_strictly_beyond_the_limits_are_outside():
    assert list(outside_limits(array(3.0, 3.001, -3.0, -3.5, 0), LINES)) == [0, 1, 0, -1, 0]


class TestShift:
    """Cases of ptd_seven_point_one_side_mean and ptd_part_of_seven_trend."""

    def test_six_are_no_shift(self):
        assert not shifts(np.ones(6), 0.0, 7).any()
        assert not shifts(array(*[1] * 6, -1), 0.0, 7).any()

    @pytest.mark.parametrize("side", [1, -1])
    def test_all_points_of_the_run_are_marked(self, side):
        assert list(shifts(side * array(*[1] * 8, -1), 0.0, 7)) == [side] * 8 + [0]
        assert list(shifts(side * array(-1, *[1] * 8, -1), 0.0, 7)) == [0, *[side] * 8, 0]

    def test_a_point_on_the_mean_ends_the_run(self):
        assert not shifts(array(*[1] * 4, 0, *[1] * 4), 0.0, 7).any()

    def test_the_length_is_a_setting(self):
        assert list(shifts(np.ones(6), 0.0, 6)) == [1] * 6

    def test_no_points(self):
        assert list(shifts(np.empty(0), 0.0, 7)) == []


class TestTrend:
    """Cases of ptd_seven_point_trend, and the length of six of the Excel tools."""

    def test_the_cases_of_the_r_package(self):
        assert not trends(np.arange(6.0), 7).any()
        assert not trends(array(1, 2, 3, 3, 4, 5, 6), 7).any()
        assert list(trends(np.arange(7.0), 7)) == [1] * 7
        assert list(trends(array(2, *range(1, 8), 3), 7)) == [0, *[1] * 7, 0]
        assert list(trends(np.arange(7.0)[::-1], 7)) == [-1] * 7

    def test_six_points_are_five_steps(self):
        assert list(trends(np.arange(6.0), 6)) == [1] * 6
        assert not trends(np.arange(5.0), 6).any()

    def test_the_turning_point_belongs_to_what_follows(self):
        up_and_down = array(0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0)
        assert list(trends(up_and_down, 6)) == [1] * 5 + [-1] * 6

    def test_a_single_point(self):
        assert list(trends(array(1.0), 6)) == [0]


class TestTwoOfThree:
    """Cases of ptd_two_in_three and ptd_part_of_two_in_three."""

    @pytest.mark.parametrize("values", [(2.5, 1, 2.5), (1, 2.5, 2.5), (2.5, 2.5, 1)])
    @pytest.mark.parametrize("side", [1, -1])
    def test_only_points_beyond_the_near_limit_are_marked(self, values, side):
        found = two_of_three(side * array(*values), LINES, outside_counts=True)
        assert list(found) == [side * (value > 2) for value in values]

    def test_all_three_lie_on_one_side(self):
        for values in ((2.5, -1, 2.5), (-1, 2.5, 2.5), (2.5, 2.5, -1)):
            assert not two_of_three(array(*values), LINES, outside_counts=True).any()
        assert not two_of_three(array(0, 0, 2.5, -2.5, 0), LINES, outside_counts=True).any()

    def test_longer_series_of_the_r_package(self):
        def marked(*near):
            found = two_of_three(np.where(near, 2.5, 1.0), LINES, outside_counts=True)
            return [int(value) for value in found]

        assert marked(0, 0, 1, 0, 1, 0, 0) == [0, 0, 1, 0, 1, 0, 0]
        assert marked(1, 0, 0, 1) == [0, 0, 0, 0]
        assert marked(1, 0, 0, 1, 1) == [0, 0, 0, 1, 1]

    def test_whether_a_point_beyond_the_limits_counts_is_a_setting(self):
        values = array(1, 3.5, 2.5, 1)
        assert list(two_of_three(values, LINES, outside_counts=True)) == [0, 1, 1, 0]
        assert not two_of_three(values, LINES, outside_counts=False).any()

    @pytest.mark.parametrize("size", [0, 1, 2])
    def test_fewer_than_three_points(self, size):
        assert not two_of_three(np.full(size, 2.5), LINES, outside_counts=True).any()


def test_rules_that_do_not_hold_find_nothing():
    values = array(*[1] * 8, 4)
    found = special_causes(values, LINES, RuleSettings(rules=("shift",)))
    assert found["shift"].all()
    assert not found["outside"].any()


def test_the_first_rule_decides_which_way_a_point_is_special():
    zero = np.zeros(4, dtype=np.int8)
    found = {
        "outside": np.array([-1, 0, 0, 0], dtype=np.int8), "trend": np.array([1, 1, 0, 0], dtype=np.int8),
        "two-of-three": np.array([1, -1, -1, 0], dtype=np.int8), "shift": zero + np.int8(1),
    }  # fmt: skip
    assert list(deciding(found)) == [-1, 1, -1, 1]


@given(st.lists(st.integers(-4, 4), max_size=40), st.integers(-50, 50))
def test_mirror_image_and_level(values, level):
    points = np.array(values, dtype=float)
    plain = special_causes(points, LINES, RuleSettings())
    mirror = special_causes(-points, LINES, RuleSettings())
    lifted = ControlLimits(
        20, level, LINES.mean_range, level - 3.0, level + 3.0, level - 2.0, level + 2.0, 3.685
    )
    moved = special_causes(points + level, lifted, RuleSettings())
    for rule in RULES:
        assert list(mirror[rule]) == list(-plain[rule])
        assert list(moved[rule]) == list(plain[rule])
