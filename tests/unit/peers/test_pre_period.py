"""Level and trend before the start."""

import numpy as np
import pytest

from its_eval.peers.balance import outcome_balance, pre_period_characteristics

NAN = float("nan")
TIMES = np.arange(10.0)
SERIES = np.column_stack([5 + 2 * TIMES, 1 + 2 * TIMES, 3 - TIMES, np.full(10, 7.0)])


def test_level_and_trend_by_least_squares_over_what_is_known():
    values = SERIES + np.random.default_rng(2).normal(size=SERIES.shape)
    values[[0, 4], 1] = NAN
    values[2:, 2] = NAN
    values[:, 3] = NAN
    found = pre_period_characteristics(values, tuple("ABCD"))
    assert found.variables == ("pre-period mean", "pre-period slope")
    known = ~np.isnan(values[:, 1])
    slope = np.polyfit(TIMES[known], values[known, 1], 1)[0]
    np.testing.assert_allclose(found.values[1], [values[known, 1].mean(), slope])
    np.testing.assert_allclose(found.values[0, 1], np.polyfit(TIMES, values[:, 0], 1)[0])
    assert np.isnan(found.values[2:]).all()


def test_balance_of_the_outcome():
    mean, slope, error = outcome_balance(SERIES, 0, [1, 2], [1, 2, 3])
    assert [row.variable for row in (mean, slope, error)] == [
        "pre-period mean", "pre-period slope", "pre-period RMSPE",
    ]  # fmt: skip
    assert (mean.unit_value, mean.peer_mean) == (14.0, (10 - 1.5) / 2)
    assert mean.smd == pytest.approx((14 - 4.25) / np.std([10, -1.5, 7], ddof=1))
    assert (slope.unit_value, slope.peer_mean, slope.pool_mean) == (
        pytest.approx(2),
        pytest.approx(0.5),
        pytest.approx(1 / 3),
    )
    # centred, the unit rises by 2 and its peers on average by 1/2; sd of 0..9 with divisor n
    assert error.unit_value == pytest.approx(1.5 * TIMES.std())
    assert error.peer_mean == pytest.approx(3 * TIMES.std())


def test_a_constant_gap_is_no_prediction_error_and_gaps_do_not_jump():
    values = np.column_stack([TIMES, TIMES + 100, TIMES - 50])
    values[3, 1] = NAN
    rows = outcome_balance(values, 0, [1, 2], [1, 2])
    centred = values - np.nanmean(values, axis=0)
    gap = centred[:, 0] - np.nanmean(centred[:, 1:], axis=1)
    assert rows[2].unit_value == pytest.approx(np.sqrt(np.mean(gap**2)))
    assert rows[2].unit_value < 0.2


def test_one_peer_has_no_other_peers():
    assert np.isnan(outcome_balance(SERIES, 0, [1], [1, 2, 3])[2].peer_mean)
