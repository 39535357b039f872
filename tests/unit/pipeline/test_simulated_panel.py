"""Made-up series: their course by hand, their errors by their moments, and what a run finds in them."""

import numpy as np
import pandas as pd
import pytest

from its_eval import evaluate
from its_eval.config import load_config
from its_eval.config.simulation import WORLDS
from its_eval.errors import ConfigError
from its_eval.pipeline.simulated_panel import simulate_panel
from its_eval.pipeline.truths import TRUTHS

N, START = 84, 42
NO_CHECKS = dict.fromkeys(("placebo_units", "placebo_dates", "leave_one_peer_out", "diagnostics"), "no")


def made(treated=("A",), outcome=None, seed=1, study=None, **simulation):
    """Return the settings of a study of 84 months with the start in the middle, and what was made up."""
    tree = {
        "version": "1",
        "data": {"indicators": {"path": "indicators.csv"}},
        "intervention": {"name": "New rota", "date": "2015-07"},
        "treated": list(treated),
        "outcome_defaults": {"start": "2012-01", "end": "2018-12", "seasonality": "none"},
        "outcomes": [{"indicator": "waits"} | (outcome or {})],
        "checks": NO_CHECKS,
        "sensitivity": {"standard": "no"},
        "simulation": {"donors": "0"} | simulation,
        "seed": str(seed),
    } | (study or {})
    config = load_config(tree)
    return config, simulate_panel(config)


def wide(panel):
    """Return values with a column per unit."""
    frame = panel.indicators
    return frame.pivot_table(index="period", columns="unit", values="value", sort=False)


def test_without_errors_a_series_is_its_course_and_the_effect():
    effect = {"level_change": "4", "slope_change": "-0.25"}
    _, panel = made(donors="2", level="50", trend="0.5", season="3", sd="0", effect=effect)
    values = wide(panel)
    time = np.arange(N)
    course = 50 + 0.5 * (time - START) + 3 * np.cos(2 * np.pi * (time % 12) / 12)
    after = np.where(time >= START, 4 - 0.25 * (time - START), 0.0)
    assert list(values) == ["A", "donor_001", "donor_002"]
    np.testing.assert_allclose(values["A"], course + after, rtol=1e-13)
    np.testing.assert_allclose(values["donor_001"], course, rtol=1e-13)
    truth = panel.truth.set_index("estimand")["effect"]
    assert truth["level_change"] == 4
    assert truth["slope_change"] == -0.25
    assert truth["effect_at_12"] == pytest.approx(4 - 3)
    # the mean of 4 - k/4 over k = 0..41
    assert truth["average_effect"] == pytest.approx(4 - 0.25 * 20.5)


def test_on_logarithms_an_effect_is_a_ratio():
    outcome = {"kind": "rate", "transform": "log"}
    _, panel = made(outcome=outcome, level="20", sd="0", effect={"level_change": "0.2"})
    values = wide(panel)["A"].to_numpy()
    np.testing.assert_allclose(values[START:] / values[:START], np.exp(0.2), rtol=1e-12)
    truth = panel.truth.set_index(["estimand", "scale"])["effect"]
    assert truth["level_change", "link"] == pytest.approx(0.2)
    assert truth["level_change", "ratio"] == pytest.approx(np.exp(0.2))


def test_errors_have_the_moments_that_were_asked_for():
    _, panel = made(donors="400", sd="2", autocorrelation="0.6", level="0", between="5")
    values = wide(panel).filter(like="donor").to_numpy()
    levels = values.mean(axis=0)
    # 400 units: the standard error of their deviation is 5 / sqrt(800), and the mean of 84 errors adds little
    assert levels.std() == pytest.approx(np.hypot(5, 2 * np.sqrt(4 / N)), rel=4 / np.sqrt(800))
    pairs = np.diff(values, axis=0)
    # var(e_t - e_{t-1}) = 2 sd² (1 - rho)
    assert (pairs**2).mean() == pytest.approx(2 * 4 * 0.4, rel=0.03)
    twice = values[2:] - values[:-2]
    assert (twice**2).mean() == pytest.approx(2 * 4 * (1 - 0.36), rel=0.03)


def test_units_share_as_much_of_their_errors_as_was_asked_for():
    _, panel = made(donors="60", shared="0.5", level="0", seed=4)
    values = wide(panel).filter(like="donor").to_numpy()
    # one common path and own ones, of variance 1/2 each
    common = values.mean(axis=1, keepdims=True)
    assert (values - common).var() == pytest.approx(0.5, rel=0.06)
    assert common.var() == pytest.approx(0.5, rel=3.5 * np.sqrt(2 / N))


@pytest.mark.parametrize("errors", WORLDS)
def test_every_world_of_a_calibration_can_be_asked_for(errors):
    _, panel = made(errors=errors, sd="1")
    assert np.isfinite(panel.indicators["value"]).all()


def test_there_is_a_name_for_every_world():
    assert set(WORLDS.values()) == set(TRUTHS)


def test_percentages_and_counts_are_counts_of_their_denominators():
    _, panel = made(
        outcome={"kind": "percentage", "transform": "logit"}, level="90", sd="0", denominator="500"
    )
    frame = panel.indicators
    counts = frame["value"] * frame["denominator"] / 100
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
    assert counts.var() == pytest.approx(500 * 0.9 * 0.1, rel=3.5 * np.sqrt(2 / N))
    _, panel = made(outcome={"kind": "count", "per": "1000"}, level="40", sd="0", denominator="5000")
    counts = panel.indicators["value"]
    assert counts.mean() == pytest.approx(200, abs=3.5 * np.sqrt(200 / N))
    assert counts.var() == pytest.approx(200, rel=3.5 * np.sqrt(2 / N))
    assert (counts == counts.round()).all()


def test_a_run_covers_the_planted_effect_as_often_as_it_says():
    effect = {"level_change": "1", "slope_change": "0.05"}
    treated = [f"T{number:03d}" for number in range(150)]
    inside = []
    for seed in (1, 2):
        config, panel = made(treated, seed=seed, autocorrelation="0.4", effect=effect)
        found = evaluate(config, indicators=panel.indicators).tables["effects"]
        keys = ["outcome", "unit", "interruption", "estimand", "scale"]
        both = found.merge(panel.truth, on=keys, validate="one_to_one")
        assert set(both["estimand"]) >= {"level_change", "slope_change", "average_effect", "effect_at_12"}
        inside.append(both.assign(covered=both["effect"].between(both["conf_low"], both["conf_high"])))
    covered = pd.concat(inside).groupby("estimand")["covered"].agg(["mean", "size"])
    assert (covered["size"] == 300).all()
    for share in covered["mean"]:
        assert share == pytest.approx(0.95, abs=3.5 * np.sqrt(0.95 * 0.05 / 300))


def test_staggered_starts_have_their_effects_at_their_own_dates():
    study = {"treated": {"A": "2014-01", "B": "2016-01"}, "intervention": {"name": "New rota"}}
    _, panel = made(study=study, sd="0", effect={"level_change": "3"})
    values = wide(panel)
    np.testing.assert_allclose(values["A"].diff().iloc[24], 3)
    np.testing.assert_allclose(values["B"].diff().iloc[48], 3)
    assert (values.diff().abs().sum() == 3).all()


def test_every_fault_is_told_in_one_pass():
    study = {
        "data": {
            "indicators": {"path": "a.csv", "layout": "wide", "indicator": "beds", "dates": "financial"}
        },
        "treated": "each",
        "outcome_defaults": {},
        "outcomes": [{"indicator": "waits", "covariates": ["beds"]}],
    }
    with pytest.raises(ConfigError) as refused:
        made(study=study)
    text = refused.value.message
    for part in (
        "outcomes[0]: waits needs `start` and `end`",
        "treated: each",
        "data.indicators[0].layout",
        "data.indicators[0].dates",
        "data.indicators[0].indicator: 'beds', but the outcomes are waits",
        "outcomes[0].covariates",
    ):
        assert part in text


def test_values_out_of_range_are_refused_not_cut():
    with pytest.raises(
        ConfigError, match=r"of 84 values of kind percentage are out of range; expected .*0 to 100"
    ):
        made(outcome={"kind": "percentage"}, level="99", sd="2")
    with pytest.raises(ConfigError, match="of at least 0"):
        made(outcome={"kind": "rate"}, level="0", sd="2")


def test_a_change_that_the_shape_lacks_is_refused():
    study = {"intervention": {"date": "2015-07", "shape": "step"}}
    with pytest.raises(ConfigError, match=r"slope_change: 0\.1: shape step has none; expected level_change"):
        made(study=study, effect={"slope_change": "0.1"})
