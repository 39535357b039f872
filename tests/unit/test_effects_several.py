"""Effects of several interruptions: each relative to the segment before, all others staying on."""

from types import SimpleNamespace

import numpy as np
import pytest
import statsmodels.api as sm

from its_eval.design.matrix import Interruption, Season, build_design
from its_eval.effects import Question, Setting, effect_columns, linear_contrasts, reading_of
from its_eval.estimators.least_squares import fit_ols

N = 90
LAW = Interruption("Law", 30)
FLOOD = Interruption("Flood", 60)


def build(*interruptions, season="none"):
    positions = [index % 12 for index in range(N)]
    return build_design(positions, 12, "month", interruptions, Season(season), np.zeros(N, dtype=bool))


def fitted(design, y):
    return fit_ols(design.matrix, y[:, None])


def read(design, fit, number, *, observed=None, at=(0, 12), weights=None):
    """Return the effects of an interruption by estimand and scale."""
    used = np.ones(N, dtype=bool) if observed is None else observed
    setting = Setting(used, weights=None if weights is None else weights[None])
    question = Question(at, 0.95)
    reading = reading_of(design, setting, question)
    columns = effect_columns(design, reading, fit.contrasts(reading.rows), fit, setting, question)
    assert {kind.interruption for kind in columns.kinds} == set(range(len(design.interruptions)))
    found = {}
    for place, kind in enumerate(columns.kinds):
        if kind.interruption == number and columns.present[0, place]:
            names = ("estimate", "std_error", "p_value")
            numbers = {name: getattr(columns, name)[0, place] for name in names}
            found[kind.estimand, kind.scale] = SimpleNamespace(**numbers)
    return found


def exact(jumps):
    """Return a series of straight pieces without noise: 50 + 0.2 t, and level and slope changes."""
    time = np.arange(N)
    y = 50 + 0.2 * time
    for start, level, slope in jumps:
        y = y + (time >= start) * (level + slope * (time - start))
    return y.astype(float)


def test_every_effect_is_relative_to_the_segment_before():
    y = exact([(30, 4.0, -0.3), (60, -2.0, 0.5)])
    design = build(LAW, FLOOD)
    fit = fitted(design, y)
    law, flood = read(design, fit, 0, weights=np.ones(N)), read(design, fit, 1, weights=np.ones(N))
    expected = {
        "counterfactual_at_start": (50 + 0.2 * 30, 50 + 0.2 * 60 + 4 - 0.3 * 30),
        "pre_slope": (0.2, 0.2 - 0.3),
        "level_change": (4.0, -2.0),
        "slope_change": (-0.3, 0.5),
        "post_slope": (0.2 - 0.3, 0.2 - 0.3 + 0.5),
        "effect_at_0": (4.0, -2.0),
        "effect_at_12": (4 - 0.3 * 12, -2 + 0.5 * 12),
        # the law goes on through the flood: its own terms over all periods from its start
        "average_effect": (4 - 0.3 * 29.5, -2 + 0.5 * 14.5),
        "cumulative_effect": (60 * (4 - 0.3 * 29.5), 30 * (-2 + 0.5 * 14.5)),
    }
    for name, (first, second) in expected.items():
        assert law[name, "response"].estimate == pytest.approx(first, abs=1e-8), name
        assert flood[name, "response"].estimate == pytest.approx(second, abs=1e-8), name


@pytest.mark.parametrize("number", [0, 1])
def test_the_counterfactual_switches_one_off_and_leaves_the_other_on(number):
    jumps = [(30, 4.0, -0.3), (60, -2.0, 0.5)]
    design = build(LAW, FLOOD)
    fit = fitted(design, exact(jumps))
    without = design.without(number) @ fit.params[0]
    np.testing.assert_allclose(
        without, exact([jump for k, jump in enumerate(jumps) if k != number]), atol=1e-8
    )
    after = np.arange(N) >= design.interruptions[number].start
    gap = (exact(jumps) - without)[after].mean()
    base = without[after].mean()
    got = read(design, fit, number)["relative_average_effect", "response"]
    assert got.estimate == pytest.approx(100 * gap / base)


def test_standard_errors_are_those_of_least_squares():
    rng = np.random.default_rng(5)
    design = build(LAW, FLOOD, season="dummies")
    y = exact([(30, 4.0, -0.3), (60, -2.0, 0.5)]) + rng.normal(0, 1, N)
    fit, expected = fitted(design, y), sm.OLS(y, design.matrix).fit()
    row = np.zeros(len(design.terms))
    # trend before the flood: the first trend and the law's change
    row[[1, 3]] = 1
    test = expected.t_test(row)
    got = read(design, fit, 1)["pre_slope", "response"]
    np.testing.assert_allclose(
        [got.estimate, got.std_error, got.p_value], [test.effect[0], test.sd[0, 0], test.pvalue], rtol=1e-8
    )
    test = expected.t_test(row + np.eye(len(row))[5])
    got = read(design, fit, 1)["post_slope", "response"]
    np.testing.assert_allclose([got.estimate, got.std_error], [test.effect[0], test.sd[0, 0]], rtol=1e-8)


def test_an_event_before_the_intervention_is_part_of_its_earlier_trend():
    early = Interruption("Storm", 12, "slope")
    y = exact([(30, 4.0, 0.0), (12, 0.0, 0.7)])
    design = build(LAW, early)
    fit = fitted(design, y)
    law, storm = read(design, fit, 0), read(design, fit, 1)
    assert law["pre_slope", "response"].estimate == pytest.approx(0.9)
    assert law["counterfactual_at_start", "response"].estimate == pytest.approx(50 + 0.2 * 30 + 0.7 * 18)
    assert storm["pre_slope", "response"].estimate == pytest.approx(0.2)
    assert storm["slope_change", "response"].estimate == pytest.approx(0.7)
    assert ("level_change", "response") not in storm


def test_a_step_leaves_the_trend_of_later_interruptions_alone():
    early = Interruption("Storm", 12, "step")
    design = build(LAW, early)
    row = linear_contrasts(design, np.ones(N, dtype=bool), ())["pre_slope"]
    np.testing.assert_array_equal(row, np.eye(len(design.terms))[1])
    assert set(linear_contrasts(design, np.ones(N, dtype=bool), (), 1)) == {
        *("counterfactual_at_start", "pre_slope", "level_change", "average_effect"),
    }


def test_an_effect_beyond_the_window_is_left_out():
    design = build(LAW, FLOOD)
    rows = linear_contrasts(design, np.ones(N, dtype=bool), (29, 30), 1)
    assert "effect_at_29" in rows
    assert "effect_at_30" not in rows


def test_without_a_used_period_after_the_start_there_is_no_average():
    design = build(LAW, FLOOD)
    observed = np.arange(N) < 60
    assert "average_effect" not in linear_contrasts(design, observed, (), 1)
    y = exact([(30, 4.0, -0.3)])
    found = read(design, fitted(design, y + 0.0), 1, observed=observed, at=(), weights=np.ones(N))
    names = {name for name, _ in found}
    assert names
    assert not names & {"average_effect", "cumulative_effect", "relative_average_effect"}


def test_the_order_in_which_effects_are_told():
    """Those at single periods stand before those over all of them."""
    assert list(linear_contrasts(build(LAW), np.ones(N, dtype=bool), (0, 12))) == [
        *("counterfactual_at_start", "pre_slope", "level_change", "slope_change", "post_slope"),
        *("effect_at_0", "effect_at_12", "average_effect"),
    ]
