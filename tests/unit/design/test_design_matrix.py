"""Design matrices: trend, interruption, season, and what the constant means."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from its_eval.design.comparison import peer_mean
from its_eval.design.matrix import (
    Interruption,
    Season,
    ShortSegmentError,
    build_design,
    require_segments,
    time_terms,
)
from its_eval.design.season import automatic_season, dummies, harmonics


def build(n=48, start=24, shape="step_and_slope", season=None, masked=None, per_year=12, **changes):
    return build_design(
        [index % per_year for index in range(n)],
        per_year,
        "month",
        Interruption("Law", start, shape, **changes),
        season or Season(),
        np.zeros(n, dtype=bool) if masked is None else masked,
    )


def test_terms_of_model_one():
    matrix, terms = time_terms(6, Interruption("x", 3))
    assert terms == ("counterfactual_at_start", "pre_slope", "level_change", "slope_change")
    assert matrix.tolist() == [
        [1, -3, 0, 0],
        [1, -2, 0, 0],
        [1, -1, 0, 0],
        [1, 0, 1, 0],
        [1, 1, 1, 1],
        [1, 2, 1, 2],
    ]


def test_phase_in_as_ramp_and_as_gap():
    ramp, _ = time_terms(8, Interruption("x", 2, phase_in=4, ramp=True))
    assert ramp[:, 2].tolist() == [0, 0, 0.25, 0.5, 0.75, 1, 1, 1]
    assert ramp[:, 3].tolist() == [0, 0, 0, 0, 0, 0, 0, 1]
    gap, _ = time_terms(8, Interruption("x", 2, phase_in=4))
    assert gap[:, 2].tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    none, _ = time_terms(8, Interruption("x", 2, ramp=True))
    assert none[:, 2].tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
    design = build(8, 2, phase_in=4)
    assert design.usable.tolist() == [True, True, False, False, False, False, True, True]
    assert design.effect_periods().tolist() == [False] * 6 + [True] * 2
    ramped = build(8, 2, phase_in=4, ramp=True)
    assert ramped.usable.all()
    assert ramped.effect_periods().sum() == 6


def test_the_counterfactual_differs_in_the_interruption_alone():
    design = build(season=Season("dummies"))
    assert design.season_columns == list(range(4, 15))
    assert design.column("month_1") == 4
    assert not design.counterfactual[:, 2:4].any()
    kept = [0, 1, *design.season_columns]
    np.testing.assert_array_equal(design.counterfactual[:, kept], design.matrix[:, kept])


@pytest.mark.parametrize("shape", ["step", "slope"])
def test_shapes(shape):
    terms = build(shape=shape).terms
    assert ("level_change" in terms) == (shape == "step")
    assert ("slope_change" in terms) == (shape == "slope")


@pytest.mark.parametrize("per_year", [4, 12])
def test_seasonal_columns_sum_to_zero_over_whole_years(per_year):
    positions = [(index + 5) % per_year for index in range(3 * per_year)]
    columns, terms = dummies(positions, per_year, "s")
    assert terms == tuple(f"s_{index + 1}" for index in range(per_year - 1))
    np.testing.assert_allclose(columns.sum(axis=0), 0)
    for pairs in range(1, per_year // 2 + 1):
        columns, terms = harmonics(positions, per_year, pairs)
        assert len(terms) == columns.shape[1] == min(2 * pairs, per_year - 1)
        assert np.linalg.matrix_rank(columns) == columns.shape[1]
        np.testing.assert_allclose(columns.sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("season", [Season("dummies"), Season("harmonics", 6)])
def test_the_constant_is_the_counterfactual_averaged_over_the_season(season):
    rng = np.random.default_rng(2)
    effects = rng.normal(0, 3, 12)
    effects -= effects.mean()
    time = np.arange(60)
    y = 10 + 0.5 * (time - 30) + 4 * (time >= 30) + effects[time % 12]
    design = build(60, 30, season=season)
    b = sm.OLS(y, design.matrix).fit().params
    np.testing.assert_allclose(b[:4], [10, 0.5, 4, 0], atol=1e-9)
    by_formula = smf.ols(
        "y ~ C(month, Sum) + c + d + r",
        pd.DataFrame(
            {
                "y": y + rng.normal(0, 1, 60),
                "month": time % 12,
                "c": time - 30,
                "d": time >= 30,
                "r": np.maximum(time - 30, 0),
            }
        ),
    ).fit()
    noisy = by_formula.model.endog
    assert sm.OLS(noisy, design.matrix).fit().params[0] == pytest.approx(by_formula.params["Intercept"])


@pytest.mark.parametrize(
    ("n", "per_year", "expected"),
    [
        (60, 12, ("dummies", 0)),
        (59, 12, ("harmonics", 2)),
        (36, 12, ("harmonics", 2)),
        (35, 12, ("harmonics", 1)),
        (24, 12, ("harmonics", 1)),
        (23, 12, ("none", 0)),
        (100, 1, ("none", 0)),
        (20, 4, ("dummies", 0)),
        (19, 4, ("harmonics", 1)),
        (7, 4, ("none", 0)),
        (200, 52, ("harmonics", 2)),
    ],
)
def test_automatic_season_goes_by_length_alone(n, per_year, expected):
    assert automatic_season(n, per_year) == expected


def test_season_in_words():
    assert Season("auto").label == "chosen by length"
    assert Season("auto").resolve(59, 12).label == "2 pairs of harmonics"
    assert Season("auto").resolve(24, 12).label == "1 pair of harmonics"
    assert Season("auto").resolve(60, 12).label == "a term for each season"
    assert Season("none").resolve(60, 12).label == "no season"


@pytest.mark.parametrize(
    ("n", "start", "shape", "message"),
    [
        (
            30,
            7,
            "step_and_slope",
            (
                "7 usable periods before the start of 'Law'; `shape: step_and_slope` needs 8: "
                "extend the window, or use `shape: step`"
            ),
        ),
        (
            30,
            23,
            "slope",
            (
                "7 usable periods from the start of 'Law'; `shape: slope` needs 8: "
                "extend the window, or use `shape: step`"
            ),
        ),
        (
            30,
            2,
            "step",
            ("2 usable periods before the start of 'Law'; `shape: step` needs 3: extend the window"),
        ),
    ],
)
def test_short_segments_are_refused(n, start, shape, message):
    with pytest.raises(ShortSegmentError) as caught:
        require_segments(build(n, start, shape), np.ones(n, dtype=bool))
    assert str(caught.value) == message
    require_segments(build(n, 8 if shape != "step" else 3, shape), np.ones(n, dtype=bool))


ALWAYS = np.ones(100, dtype=bool)


def test_what_stands_in_unused_periods_does_not_move_the_mean_of_the_others():
    values = np.random.default_rng(3).normal(size=(20, 4)) + np.array([0, 5, 10, 40])
    values[3, 3] = np.nan
    usable = np.arange(20) != 9
    wild = values.copy()
    wild[9, 3] = 1e6
    np.testing.assert_array_equal(peer_mean(wild, usable)[usable], peer_mean(values, usable)[usable])
    assert peer_mean(wild, usable)[9] == pytest.approx(wild[9].mean())


def test_peer_mean_is_plain_when_nothing_is_missing():
    values = np.random.default_rng(1).normal(size=(20, 4))
    np.testing.assert_array_equal(peer_mean(values, ALWAYS[: len(values)]), values.mean(axis=1))


def test_peer_mean_with_gaps_is_that_of_a_dummy_regression():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(20, 4)) + np.array([0, 5, 10, 40])
    values[3, 3] = values[7, 0] = values[8, 3] = np.nan
    values[12] = np.nan
    period, peer = np.nonzero(~np.isnan(values))
    frame = pd.DataFrame({"y": values[period, peer], "period": period, "peer": peer})
    fit = smf.ols("y ~ C(period) + C(peer, Sum)", frame).fit()
    expected = np.full(20, np.nan)
    for index in np.unique(period):
        expected[index] = fit.params["Intercept"] + fit.params.get(f"C(period)[T.{index}]", 0.0)
    np.testing.assert_allclose(peer_mean(values, ALWAYS[: len(values)]), expected, atol=1e-9)
    # the mean of whoever reported would jump by about ten
    assert abs(np.nanmean(values[3]) - peer_mean(values, ALWAYS[: len(values)])[3]) > 5


def test_two_way_effects_equal_the_mean_when_balanced():
    values = np.random.default_rng(4).normal(size=(6, 3))
    extended = np.vstack([values, [np.nan] * 3])
    np.testing.assert_allclose(peer_mean(extended, ALWAYS[: len(extended)])[:6], values.mean(axis=1))
    assert np.isnan(peer_mean(extended, ALWAYS[: len(extended)])[6])
