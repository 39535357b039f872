"""Tables of XmR charts: phases, directions, assurance, warnings."""

import numpy as np
import pandas as pd
import pytest

from its_eval.calendar import Calendar
from its_eval.improvement.xmr import ChartSettings, ControlLimits, RuleSettings, xmr_limits
from its_eval.improvement.xmr_tables import POINT_COLUMNS, SUMMARY_COLUMNS, assurance, spc_tables, variation

JANUARY_2013 = 2013 * 12
NOISE = np.random.default_rng(7).normal(0.0, 1.0, 36)


def frame_of(values, target=np.nan, unit="A", start=JANUARY_2013, periods=None):
    places = start + np.arange(len(values)) if periods is None else np.asarray(periods)
    return pd.DataFrame(
        {"indicator": "waits", "unit": unit, "period": places, "value": values, "target": target}
    )


def summary_of(frame, **settings):
    (row,) = spc_tables(frame, ChartSettings(**settings))["summary"].to_dict("records")
    return row


def test_all_points_make_the_limits_unless_told_otherwise():
    values = 50.0 + NOISE
    tables = spc_tables(frame_of(values), ChartSettings())
    limits = xmr_limits(values)
    points = tables["points"]
    assert list(points.columns) == POINT_COLUMNS
    assert list(tables["summary"].columns) == SUMMARY_COLUMNS
    assert points["in_baseline"].all()
    assert set(points["upper_limit"]) == {limits.upper}
    assert set(points["range_upper_limit"]) == {limits.range_upper}
    assert (points["period"].iloc[0], points["date"].iloc[0]) == ("2013-01", "2013-01-01")
    assert np.isnan(points["moving_range"].iloc[0])


def test_a_fixed_baseline_holds_for_later_points():
    values = np.concatenate([50.0 + NOISE[:24], 56.0 + NOISE[:12]])
    tables = spc_tables(frame_of(values), ChartSettings(baseline_last=JANUARY_2013 + 23, better="higher"))
    points = tables["points"]
    limits = xmr_limits(values[:24])
    assert (points["mean"] == limits.mean).all()
    assert points["in_baseline"].sum() == 24
    # the last point of the baseline lies above its mean and begins the run
    assert (points["variation"][23:] == "improvement").all()
    assert (points["variation"][:23] == "common cause").all()
    (row,) = tables["summary"].to_dict("records")
    assert (row["n"], row["n_baseline"], row["n_special"]) == (36, 24, 13)
    # later points do not count as autocorrelation of the baseline
    assert row["status"] == "pass"


def test_limits_are_made_anew():
    values = np.concatenate([50.0 + NOISE[:24], 56.0 + NOISE[:12]])
    settings = ChartSettings(recalculate=(JANUARY_2013 + 24,))
    points = spc_tables(frame_of(values), settings)["points"]
    assert list(points["phase"]) == [1] * 24 + [2] * 12
    assert points["mean"].iloc[-1] == pytest.approx(xmr_limits(values[24:]).mean)
    assert np.isnan(points["moving_range"].iloc[24])
    assert (points["variation"] == "common cause").all()


def test_new_limits_outside_the_series_change_nothing():
    frame = frame_of(50.0 + NOISE)
    plain = spc_tables(frame, ChartSettings())
    for period in (JANUARY_2013 - 5, JANUARY_2013, JANUARY_2013 + 99):
        other = spc_tables(frame, ChartSettings(recalculate=(period,)))
        pd.testing.assert_frame_equal(plain["points"], other["points"])


def test_baseline_and_new_limits_together():
    values = np.concatenate([50.0 + NOISE[:24], 56.0 + NOISE[:12]])
    settings = ChartSettings(baseline_last=JANUARY_2013 + 11, recalculate=(JANUARY_2013 + 24,))
    points = spc_tables(frame_of(values), settings)["points"]
    assert points["mean"].iloc[0] == pytest.approx(xmr_limits(values[:12]).mean)
    assert list(points["in_baseline"]) == [True] * 12 + [False] * 12 + [True] * 12


def test_a_constant_shift_moves_everything_and_changes_no_signal():
    values = 50.0 + np.round(NOISE * 4) + np.arange(36) // 9
    plain = spc_tables(frame_of(values), ChartSettings())["points"]
    moved = spc_tables(frame_of(values + 64.0), ChartSettings())["points"]
    for name in ("mean", "lower_limit", "upper_limit"):
        assert (moved[name] - plain[name]).to_numpy() == pytest.approx(64.0)
    pd.testing.assert_series_equal(moved["rules"], plain["rules"])


@pytest.mark.parametrize(
    ("sign", "better", "meaning"),
    [
        (1, "higher", "improvement"), (-1, "higher", "concern"), (1, "lower", "concern"),
        (-1, "lower", "improvement"), (1, "neither", "high"), (-1, "neither", "low"),
        (0, "lower", "common cause"),
    ],
)  # fmt: skip
def test_what_a_special_cause_means(sign, better, meaning):
    assert variation(sign, better) == meaning


@pytest.mark.parametrize(
    ("lower", "upper", "higher"),
    # the cases of the R package: limits 1 to 3, 5 to 7, 1 to 5 and a target of 4
    [(1, 3, "consistently missed"), (5, 7, "consistently met"), (1, 5, "hit and miss")],
)
def test_assurance_of_the_r_package(lower, upper, higher):
    limits = ControlLimits(20, (lower + upper) / 2, 1.0, lower, upper, lower, upper, 3.0)
    opposite = {"consistently missed": "consistently met", "consistently met": "consistently missed"}
    assert assurance(4.0, limits, "higher") == higher
    assert assurance(4.0, limits, "lower") == opposite.get(higher, higher)
    assert assurance(4.0, limits, "neither") == ""
    assert assurance(np.nan, limits, "higher") == ""


def test_a_trend_points_where_it_goes_and_not_where_it_lies():
    # rising, but all below the mean of the baseline
    values = np.concatenate([50.0 + NOISE[:12], [49.0, 49.1, 49.2, 49.3, 49.4, 49.5]])
    settings = ChartSettings(baseline_last=JANUARY_2013 + 11, better="higher")
    last = spc_tables(frame_of(values), settings)["points"].iloc[-1]
    assert (last["rules"], last["variation"]) == ("trend", "improvement")


def test_rules_of_a_point_are_listed():
    values = np.concatenate([50.0 + NOISE[:12], np.full(7, 60.0)])
    settings = ChartSettings(baseline_last=JANUARY_2013 + 11)
    row = summary_of(frame_of(values), baseline_last=JANUARY_2013 + 11)
    assert row["rules"] == "outside, two-of-three, shift"
    only = ChartSettings(baseline_last=settings.baseline_last, rules=RuleSettings(rules=("shift",)))
    assert spc_tables(frame_of(values), only)["summary"]["rules"].iloc[0] == "shift"


def test_an_outlying_moving_range_is_marked():
    values = 50.0 + NOISE.copy()
    values[20] += 30.0
    points = spc_tables(frame_of(values), ChartSettings())["points"]
    assert list(np.flatnonzero(points["range_outside"])) == [20, 21]


def test_autocorrelation_is_complained_of_with_its_size():
    rng = np.random.default_rng(4)
    values = [0.0]
    for _ in range(59):
        values.append(0.8 * values[-1] + rng.normal())
    row = summary_of(frame_of(np.array(values)))
    assert row["status"] == "attention"
    assert row["autocorrelation"] > 0.4
    assert f"(r = {row['autocorrelation']:.2f})" in row["message"]
    assert f"the limits reach about {100 * np.sqrt(1 - row['autocorrelation']):.0f} %" in row["message"]
    assert "use its-eval run" in row["message"]


def test_alternating_points_are_complained_of():
    values = np.tile([1.0, -1.0], 20) + 0.1 * np.random.default_rng(1).normal(size=40)
    row = summary_of(frame_of(values))
    assert "Neighbouring points alternate (r = −" in row["message"]


def test_a_season_is_complained_of():
    places = np.arange(60)
    values = 50 + 5 * np.cos(np.pi * places) * (places % 12 == 0) + np.tile(NOISE[:12], 5)
    row = summary_of(frame_of(values + np.random.default_rng(3).normal(size=60) * 0.1))
    assert row["season_p"] < 0.05
    assert "use its-eval run with seasonality" in row["message"]


def test_few_points_are_complained_of():
    row = summary_of(frame_of(50.0 + NOISE[:8]))
    assert row["message"] == "Limits from 8 points are provisional; they settle from 12 points on."


@pytest.mark.parametrize("last", [JANUARY_2013 - 1, JANUARY_2013])
def test_a_baseline_without_two_points_gives_no_limits(last):
    row = summary_of(frame_of(50.0 + NOISE, target=40.0), baseline_last=last, better="higher")
    assert "There are no limits: the baseline has fewer than two points." in row["message"]
    assert (row["n_special"], row["assurance"]) == (0, "")
    assert np.isnan(row["upper_limit"])


def test_a_target_judged_by_limits_that_were_left_is_complained_of():
    values = np.concatenate([50.0 + NOISE[:24], 60.0 + NOISE[:12]])
    frame = frame_of(values, target=55.0)
    row = summary_of(frame, baseline_last=JANUARY_2013 + 23, better="higher")
    assert row["assurance"] == "consistently missed"
    assert "which the latest points have left" in row["message"]
    anew = summary_of(frame, recalculate=(JANUARY_2013 + 24,), better="higher")
    assert anew["assurance"] == "consistently met"
    assert "left" not in anew["message"]


def test_gaps_and_missing_values_are_counted():
    periods = JANUARY_2013 + np.array([*range(10), *range(12, 20), *range(25, 37)])
    frame = frame_of(50.0 + NOISE[:30], periods=periods)
    tables = spc_tables(frame, ChartSettings(), {("waits", "A"): 3})
    (row,) = tables["summary"].to_dict("records")
    assert (row["n_gaps"], row["n_missing"], row["first"], row["last"]) == (2, 3, "2013-01", "2016-01")


def test_series_do_not_touch_each_other_and_come_sorted():
    both = pd.concat([frame_of(50.0 + NOISE, unit="B"), frame_of(90.0 - NOISE, unit="A")])
    tables = spc_tables(both, ChartSettings())
    assert list(tables["summary"]["unit"]) == ["A", "B"]
    alone = spc_tables(frame_of(90.0 - NOISE, unit="A"), ChartSettings())
    pd.testing.assert_frame_equal(tables["points"][:36], alone["points"])


def test_other_frequencies():
    frame = frame_of(50.0 + NOISE[:20], start=2000)
    points = spc_tables(frame, ChartSettings(calendar=Calendar("year")))["points"]
    assert points["period"].iloc[-1] == "2019"
