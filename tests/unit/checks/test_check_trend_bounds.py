"""Bends before the start, and what the check says of them."""

import numpy as np
import pytest
from scipy import stats

from its_eval.checks.trend_bounds import (
    UNKNOWN_BEND,
    Bend,
    BendWords,
    bend_sizes,
    bends_before,
    trend_bounds_check,
)
from its_eval.effects.trend_bounds import before_square, trend_bounds
from its_eval.estimators.reml.reml_ar import fit_reml_ar

MONTHS = BendWords("27 months", " points")


def window(n, start, *, slope=True):
    t = np.arange(n, dtype=float)
    after = t >= start
    columns = [np.ones(n), t, after, np.where(after, t - start, 0.0)]
    return np.column_stack(columns[: 4 if slope else 3]).astype(float), t


def test_a_bend_is_found_whatever_the_line_and_the_change(made):
    X, t = window(90, 60)
    noise = made.ar_series(1, (0.3,), 90, 1)[:, 0]
    bent = noise + 5.0 * before_square(90, 60)
    straight, found = bends_before(X, np.column_stack([noise, bent]), 60, 1)
    assert straight.p_value > 0.05
    assert found.p_value < 0.001
    assert found.estimate - straight.estimate == pytest.approx(5.0, abs=0.5)
    assert found.conf_low < 5.0 < found.conf_high
    moved = bends_before(X, (bent - 3.0 * t + 9.0 * X[:, 2] + 2.0 * X[:, 3])[:, None], 60, 1)[0]
    assert moved.estimate == pytest.approx(found.estimate, rel=1e-6)


def test_a_bend_is_that_of_the_periods_before(made):
    # without autocorrelation it is the coefficient of a least-squares fit to the periods before alone
    X, t = window(90, 60)
    y = made.ar_series(4, (), 90, 1)[:, 0]
    y[[5, 70]] = np.nan
    late = y + 0.02 * np.where(t >= 60, (t - 60) ** 2, 0.0)
    used = ~np.isnan(y) & (t < 60)
    square = np.polyfit(t[used], y[used], 2)[0]
    (plain,) = bends_before(X, y[:, None], 60, 0)
    # M = 2 q, and a parabola lies M m^2 / 8 from its chord
    assert plain.estimate == pytest.approx(2.0 * square * 60**2 / 8.0, rel=1e-8)
    assert bends_before(X, late[:, None], 60, 0)[0].estimate == pytest.approx(plain.estimate, rel=1e-8)
    fit = fit_reml_ar(np.column_stack([X, before_square(90, 60)]), y[:, None], 1)
    read = fit.contrasts(np.eye(5)[-1:])
    for level in (0.95, 0.9):
        (found,) = bends_before(X, y[:, None], 60, 1, level)
        half = stats.t.ppf(0.5 + level / 2, read.df[0, 0]) * read.std_error[0, 0]
        expected = read.estimate[0, 0] - half, read.estimate[0, 0] + half
        assert (found.conf_low, found.conf_high) == pytest.approx(expected, rel=1e-9)
        assert found.p_value == pytest.approx(read.p_value[0, 0])
    # a design without a slope of its own after the start, as for a step, tells the same
    step, _ = window(90, 60, slope=False)
    assert bends_before(step, y[:, None], 60, 1)[0].estimate == pytest.approx(found.estimate, rel=1e-6)
    assert bend_sizes(X, y[:, None], 60, 1)[0] == pytest.approx(abs(found.estimate), rel=1e-5)


def test_a_bend_is_weighted(made):
    X, t = window(80, 50)
    spread = np.where(t < 20, 5.0, 1.0)
    y = spread * made.ar_series(6, (0.3,), 80, 1)[:, 0]
    matrix = np.column_stack([X, before_square(80, 50)]) / spread[:, None]
    fit = fit_reml_ar(matrix, (y / spread)[:, None], 1)
    (found,) = bends_before(X, y[:, None], 50, 1, spread=spread)
    assert found.estimate == pytest.approx(float(fit.params[0, -1]), rel=1e-8)
    plain = bends_before(X, y[:, None], 50, 1)[0]
    assert found.conf_high - found.conf_low < 0.8 * (plain.conf_high - plain.conf_low)


@pytest.mark.parametrize("rho", [0.4, 0.7])
def test_the_test_of_a_bend_has_its_size_where_few_months_lie_before(made, rho):
    # 27 months before and 56 from the start, a term for each month
    bends = bends_before(made.design(83, 27), made.ar_series(2, (rho,), 83, 1000), 27, 2)
    p_values = np.array([bend.p_value for bend in bends])
    told = ~np.isnan(p_values)
    assert told.mean() > 0.9
    assert (p_values[told] < 0.05).mean() == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / told.sum()))


def test_a_bend_needs_periods_and_information(made):
    X, _ = window(40, 3)
    Y = made.ar_series(3, (), 40, 2)
    assert bends_before(X, Y, 2, 1) == [UNKNOWN_BEND] * 2
    assert np.isnan(bend_sizes(X, Y, 2, 1)).all()


def bounds(estimate):
    return trend_bounds(estimate, 0.2, 20.0, np.array([1.0, -2.0, 1.0] + [0.0] * 30), 27)


def test_the_check_says_how_far_the_trend_would_have_to_bend():
    bend, donors = Bend(0.4, -0.2, 1.0, 0.3), np.array([0.1, 0.2, 0.3, np.nan, 2.0])
    strong = bounds(1.0)
    found = trend_bounds_check([strong, bounds(0.1)], bend, donors, MONTHS)
    assert (found.check, found.status, found.p_value) == ("trend_bounds", "pass", 0.3)
    assert found.statistic == pytest.approx(strong.breakdown)
    assert found.message == (
        f"To undo the finding, the trend would have to bend by {strong.breakdown:.3g} points over the 27 months "
        "before; before the start it bends by 0.4 points (-0.2 to 1), and half of 4 other units "
        "bend by more than 0.25 points and one in ten by more than 1.49 points."
    )
    weak = trend_bounds_check([bounds(0.1)], UNKNOWN_BEND, np.empty(0), MONTHS)
    assert (weak.statistic, weak.status) == (0.0, "pass")
    assert weak.message == "Already with a straight trend the interval includes no change."
    loud = trend_bounds_check(
        [strong], Bend(4.0, 3.0, 5.0, 0.0004), donors, BendWords("3 years", " %", 100.0)
    )
    assert loud.status == "note"
    assert loud.message.startswith(
        "The trend is bent before the start (p < 0.001), so compare the estimate with a "
    )
    assert "bends by 400 % (300 to 500)" in loud.message
    assert trend_bounds_check([], bend, donors, MONTHS).status == "not_applicable"
