"""Design matrices: trend, interruption, season, and what the constant means."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from its_eval.design.matrix import (
    Interruption,
    Season,
    automatic_season,
    build_design,
    dummies,
    harmonics,
    interruption_terms,
    seasonal_terms,
    time_terms,
)
from its_eval.design.peer_mean import peer_mean
from its_eval.design.segments import ShortSegmentError, require_segments, short_segments


def build(
    n=48,
    start=24,
    shape="step_and_slope",
    season=None,
    masked=None,
    per_year=12,
    events=(),
    covariates=None,
    covariate_names=(),
    **changes,
):
    return build_design(
        [index % per_year for index in range(n)],
        per_year,
        "month",
        (Interruption("Law", start, shape, **changes), *events),
        season or Season(),
        np.zeros(n, dtype=bool) if masked is None else masked,
        covariates,
        covariate_names,
    )


def test_terms_of_model_one():
    matrix, terms, columns = time_terms(6, [Interruption("x", 3)])
    assert columns == ((2, 3),)
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
    ramp, *_ = time_terms(8, [Interruption("x", 2, phase_in=4, ramp=True)])
    assert ramp[:, 2].tolist() == [0, 0, 0.25, 0.5, 0.75, 1, 1, 1]
    assert ramp[:, 3].tolist() == [0, 0, 0, 0, 0, 0, 0, 1]
    gap, *_ = time_terms(8, [Interruption("x", 2, phase_in=4)])
    assert gap[:, 2].tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    none, *_ = time_terms(8, [Interruption("x", 2, ramp=True)])
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


def test_several_interruptions_have_columns_of_their_own():
    events = (Interruption("Flood", 10, "slope"), Interruption("Move", 30, "step"))
    design = build(40, 20, events=events, season=Season("harmonics", 1))
    assert design.terms == (
        *("counterfactual_at_start", "pre_slope", "level_change", "slope_change"),
        *("slope_change: Flood", "level_change: Move", "season_sin_1", "season_cos_1"),
    )
    assert design.columns == ((2, 3), (4,), (5,))
    assert (design.nuisance, design.seasonal) == ((6, 7), (6, 7))
    time = np.arange(40)
    np.testing.assert_array_equal(design.matrix[:, 1], time - 20)
    np.testing.assert_array_equal(design.matrix[:, 4], np.maximum(time - 10, 0))
    np.testing.assert_array_equal(design.matrix[:, 5], time >= 30)
    assert design.interruption.name == "Law"
    for number, own in enumerate(design.columns):
        off = design.without(number)
        assert not off[:, list(own)].any()
        kept = [column for column in range(8) if column not in own]
        np.testing.assert_array_equal(off[:, kept], design.matrix[:, kept])
    np.testing.assert_array_equal(design.counterfactual, design.without(0))
    assert [int(design.effect_periods(number).sum()) for number in range(3)] == [20, 30, 10]
    before, after = design.segments()
    assert (before.sum(), after.sum(), (before & after).sum()) == (20, 20, 0)


def test_only_excluded_phase_ins_take_periods_out():
    masked = np.zeros(40, dtype=bool)
    masked[[5, 25]] = True
    events = (Interruption("Move", 30, phase_in=3), Interruption("Slow", 10, phase_in=4, ramp=True))
    design = build(40, 20, events=events, masked=masked, phase_in=2)
    assert np.flatnonzero(~design.usable).tolist() == [5, 20, 21, 25, 30, 31, 32]
    assert design.effect_periods(0).sum() == 40 - 22 - 4
    assert design.effect_periods(1).sum() == 7
    assert design.effect_periods(2).sum() == 30 - 6


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("step", ("level_change",)), ("slope", ("slope_change",)), ("step_and_slope", None)],
)
def test_columns_of_a_shape(shape, expected):
    columns, names = interruption_terms(10, Interruption("x", 4, shape))
    assert names == (expected or ("level_change", "slope_change"))
    assert len(columns) == len(names)


def test_covariates_are_centred_over_the_usable_periods():
    rng = np.random.default_rng(3)
    covariates = rng.normal(5, 2, (48, 2))
    covariates[7, 1] = np.nan
    masked = np.zeros(48, dtype=bool)
    masked[40:] = True
    names = ("rain", "flu (lag 2)")
    design = build(season=Season("harmonics", 1), masked=masked, covariates=covariates, covariate_names=names)
    assert design.terms[-2:] == ("covariate: rain", "covariate: flu (lag 2)")
    assert (design.nuisance, design.seasonal) == ((4, 5, 6, 7), (4, 5))
    assert design.season_columns == [4, 5]
    assert np.flatnonzero(~design.usable).tolist() == [7, *range(40, 48)]
    np.testing.assert_allclose(design.matrix[design.usable, 6:].mean(axis=0), 0, atol=1e-12)
    expected = covariates - covariates[design.usable].mean(axis=0)
    np.testing.assert_allclose(design.matrix[design.usable, 6:], expected[design.usable])
    assert design.matrix[7, 7] == 0


def test_centring_leaves_the_level_that_of_an_average_period():
    rng = np.random.default_rng(4)
    rain = rng.normal(100, 10, (48, 1))
    time = np.arange(48)
    y = 20 + 0.3 * (time - 24) + 2 * (time >= 24) + 0.5 * (rain[:, 0] - rain.mean())
    design = build(covariates=rain, covariate_names=("rain",))
    params = np.linalg.lstsq(design.matrix, y, rcond=None)[0]
    np.testing.assert_allclose(params, [20, 0.3, 2, 0, 0.5], atol=1e-9)


def test_covariates_without_a_usable_period_add_nothing():
    design = build(covariates=np.full((48, 1), np.nan), covariate_names=("rain",))
    assert not design.usable.any()
    assert len(design.terms) == 4


def test_the_53rd_week_shares_the_term_of_the_52nd():
    positions = [*range(53), *range(52)]
    columns, terms = seasonal_terms(Season("dummies"), positions, 52, "week")
    assert terms == tuple(f"week_{index}" for index in range(1, 52))
    np.testing.assert_array_equal(columns[51], columns[52])
    np.testing.assert_array_equal(columns[51], -np.ones(51))


def test_no_season_has_no_column():
    columns, terms = seasonal_terms(Season("none"), range(7), 12, "month")
    assert (columns.shape, terms) == ((7, 0), ())


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
        (8, 4, ("harmonics", 1)),
        (200, 52, ("harmonics", 2)),
        (156, 52, ("harmonics", 2)),
        (155, 52, ("harmonics", 1)),
        (104, 52, ("harmonics", 1)),
        (103, 52, ("none", 0)),
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
        require_segments([Interruption("Law", start, shape)], np.ones(n, dtype=bool))
    assert str(caught.value) == message
    require_segments([Interruption("Law", 8 if shape != "step" else 3, shape)], np.ones(n, dtype=bool))


def segment_fault(n, *interruptions, used=None):
    used = np.ones(n, dtype=bool) if used is None else used
    with pytest.raises(ShortSegmentError) as caught:
        require_segments(interruptions, used)
    # the same is told of many series at once
    assert short_segments(interruptions, np.array([used, used])).tolist() == [True, True]
    return str(caught.value)


def test_every_segment_between_interruptions_counts():
    law, flood = Interruption("Law", 20), Interruption("Flood", 28, "step")
    require_segments([law, flood], np.ones(40, dtype=bool))
    assert not short_segments([law, flood], np.ones((1, 40), dtype=bool)).any()
    wanted = "7 usable periods from the start of 'Law'; `shape: step_and_slope` needs 8: "
    assert segment_fault(40, law, Interruption("Flood", 27, "step")) == (
        f"{wanted}mask or note one of the events, or use `shape: step`"
    )
    early = Interruption("Storm", 13)
    assert segment_fault(40, law, early, flood) == (
        "7 usable periods from the start of 'Storm'; `shape: step_and_slope` needs 8: "
        "mask or note one of the events, or use `shape: step`"
    )
    late = Interruption("Storm", 38, "step")
    assert segment_fault(40, law, late) == (
        "2 usable periods from the start of 'Storm'; `shape: step` needs 3: "
        "extend the window, or mask or note one of the events"
    )
    assert segment_fault(40, Interruption("Law", 38, "step")).endswith(
        "`shape: step` needs 3: extend the window"
    )
    # two at once cannot be told apart
    assert segment_fault(40, law, Interruption("Twin", 20)).startswith("0 usable periods from the start of")


def test_unused_periods_do_not_count_for_a_segment():
    used = np.ones(40, dtype=bool)
    used[20:26] = False
    law = Interruption("Law", 12)
    require_segments([law, Interruption("Flood", 26)], used)
    used[12] = False
    assert segment_fault(40, law, Interruption("Flood", 26), used=used).startswith("7 usable periods from")


def test_a_ramp_counts_from_its_end_unless_it_is_a_step():
    ramp = Interruption("Law", 20, phase_in=13, ramp=True)
    assert segment_fault(40, ramp).startswith("7 usable periods from the start of 'Law'")
    require_segments([Interruption("Law", 20, "step", phase_in=13, ramp=True)], np.ones(40, dtype=bool))


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


def test_peer_mean_is_that_of_the_two_way_layout_for_any_gaps():
    rng = np.random.default_rng(11)
    for trial in range(400):
        n, peers = int(rng.integers(20, 140)), int(rng.integers(2, 13))
        values = rng.normal(1.0, 0.1, (n, peers)) + 0.3 * rng.standard_normal(peers)
        values[rng.random((n, peers)) < rng.choice([0.01, 0.1, 0.3])] = np.nan
        # all are observed once, so that no peer stands apart
        values[0] = rng.normal(1.0, 0.1, peers)
        period, peer = np.nonzero(~np.isnan(values))
        layout = np.zeros((period.size + 1, n + peers))
        layout[np.arange(period.size), period] = layout[np.arange(period.size), n + peer] = 1.0
        layout[-1, n:] = 1.0  # the effects of the peers sum to zero
        outcome = np.append(values[period, peer], 0.0)
        shown = ~np.isnan(values).all(axis=1)
        expected = np.linalg.lstsq(layout[:, np.append(shown, np.ones(peers, bool))], outcome, rcond=None)[0]
        found = peer_mean(values, np.ones(n, bool))
        np.testing.assert_allclose(found[shown], expected[: shown.sum()], atol=1e-10, err_msg=str(trial))
        assert np.isnan(found[~shown]).all()
