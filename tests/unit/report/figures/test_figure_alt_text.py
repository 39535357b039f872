"""Alt texts: their numbers are those of the figure."""

import re

import numpy as np
import pytest

from its_eval.figures.catalogue import FigureTask, describe, figure_data
from its_eval.words.numbers import rounded

OUTCOME = "waits"


@pytest.fixture(scope="module")
def run(run_with):
    return run_with(n_units=3, n_placebos=20)


def told(run, kind, unit="", design=""):
    task = FigureTask(kind, OUTCOME, unit, design)
    return describe(run, task), figure_data(run, task)


def test_small_multiples(run_with):
    # effects of 0, 0.2 … 2.8 in a band of 1 + 0.04 * 29 = 2.16 either way
    text, frame = told(run_with(n_units=15), "small_multiples", design="single")
    last = frame.groupby("unit").last()
    above = int((last["fitted"] > last["counterfactual_high"]).sum())
    assert above == 4
    assert (
        f"lies above the 95 % interval of the earlier trend in {above}, below it in 0 and within it" in text
    )
    assert text.startswith("Waits under four hours of 15 units on the same scales")


def test_small_multiples_without_a_counterfactual(run_with):
    evaluation = run_with(n_units=2)
    evaluation.tables["series"] = evaluation.tables["series"].assign(counterfactual_low=np.nan)
    text, _ = told(evaluation, "small_multiples", design="single")
    assert text.endswith("on the same scales, before and after New rota, from July 2014.")


def test_against_peers(run):
    text, frame = told(run, "against_peers", "U02")
    means = frame.groupby("segment")[["unit_value", "peer_mean"]].mean()
    before, after = (
        f"{rounded(means.loc[name, 'unit_value'])} and {rounded(means.loc[name, 'peer_mean'])}"
        for name in ("before", "after")
    )
    assert f"unit and peers stood at {before} before New rota, from July 2014, and at {after} after." in text
    assert "of six peers, January 2012 to December 2016" in text


def test_cumulative_effect(run):
    text, frame = told(run, "cumulative_effect", "U02", "single")
    last = frame.iloc[-1]
    numbers = [rounded(last[name]) for name in ("total", "conf_low", "conf_high")]
    assert f"by December 2016: {numbers[0]} ({numbers[1]} to {numbers[2]}) cases" in text
    assert "from the earlier trend" in text
    assert "from the earlier gap to the peers" in told(run, "cumulative_effect", "U02", "difference")[0]


def test_peer_distances(run, run_with):
    text, _ = told(run, "peer_distances", "U00")
    assert text == (
        "Peers of Trust U00 by distance: six peers from 1.30 (P00) to 3.70 (P05). Three nearer candidates "
        "cannot be peers."
    )
    assert told(run_with(n_units=1, n_aside=0), "peer_distances", "U00")[0].endswith("(P05).")


def test_balance(run):
    assert told(run, "balance", "U00")[0] == (
        "Trust U00 in four characteristics, in standard deviations of the pool: it differs from its peers by "
        "at most 0.33 (Beds) and from the pool by at most 2.33 (Urban)."
    )


def test_balance_of_which_nothing_is_known_of_the_pool(run_with):
    evaluation = run_with(n_units=1)
    rows = evaluation.tables["balance"]
    evaluation.tables["balance"] = rows[rows["smd"] == 0.0]
    assert told(evaluation, "balance", "U00")[0].endswith(
        "it differs from its peers by at most 0 (Degree of specialisation)."
    )


def test_placebo_units(run):
    text, frame = told(run, "placebo_units", "U02", "difference")
    assert text.startswith(
        "Change of trend, per month, of Trust U02 (t = 1.33) among those of 20 units without the "
        "intervention."
    )
    assert (
        f"{frame['as_extreme'].sum()} of 20 lie as far from zero as the unit, or farther: p = 0.070." in text
    )


def test_placebo_dates(run, run_with):
    text, frame = told(run, "placebo_dates", "U02", "difference")
    others = frame.loc[~frame["actual"], "statistic"]
    assert "at the real start (t = 1.33) and at nine earlier dates" in text
    assert f"t lies from {rounded(others.min())} to {rounded(others.max())}." in text
    evaluation = run_with(n_units=1)
    evaluation.tables["placebo_dates"] = evaluation.tables["placebo_dates"].assign(statistic=np.nan)
    assert told(evaluation, "placebo_dates", "U00", "difference")[0].endswith("at nine earlier dates.")


def test_trend_bounds(run, run_with):
    text, frame = told(run, "trend_bounds", "U02", "difference")
    assert text.startswith("Interval of the effect on ")
    for words in (
        "by allowed bend of the trend: it includes no change once the trend may bend by 0.8",
        "; this series bends by 0.5",
        ", half of 20 others by more than 0.4",
        ", one in ten by more than 1.2",
    ):
        assert words in text, words
    assert frame["bend"].is_monotonic_increasing
    assert "others" not in told(run, "trend_bounds", "U02", "single")[0]
    evaluation = run_with(n_units=1)
    table = evaluation.tables["trend_bounds"]
    evaluation.tables["trend_bounds"] = table.assign(breakdown_bend=0.0, bend_before=np.nan, n_donors=0)
    text, _ = told(evaluation, "trend_bounds", "U00", "difference")
    assert text.endswith("by allowed bend of the trend: it includes no change already with a straight trend.")


def test_specification_curve(run):
    text, frame = told(run, "specification_curve", "U02", "single")
    assert f"in 14 specifications: from {rounded(frame['estimate'].min())} to" in text
    own = frame.loc[frame["primary"], "estimate"].iloc[0]
    others = frame[~frame["primary"]]
    same = int((np.sign(others["estimate"]) == np.sign(own)).sum())
    assert f"{same} of 13 others point the same way as the primary one." in text
    clear = others["excludes_none"].sum()
    assert f"The interval lies to one side of no effect in {clear} of 13 others." in text


def test_specification_curve_without_a_primary_one(run_with):
    evaluation = run_with(n_units=1)
    rows = evaluation.tables["sensitivity"]
    evaluation.tables["sensitivity"] = rows[rows["dimension"] != "primary"]
    assert "the same way" not in told(evaluation, "specification_curve", "U00", "single")[0]


def test_direction_of_ratios_is_about_one(run_with):
    evaluation = run_with(n_units=4, transform="log", kind="count")
    text, frame = told(evaluation, "specification_curve", "U03", "single")
    same = int((frame.loc[~frame["primary"], "estimate"] > 1.0).sum())
    assert f"{same} of 13 others point the same way" in text


def test_forest_reads_few_estimates_out(run, run_with):
    text, _ = told(run, "forest", design="single")
    assert "of three units with 95 % intervals: 0 above zero, 0 below, the others contain zero." in text
    assert "Trust U02 0.20 (−0.10 to 0.50); pooled, random effects" in text
    many, frame = told(run_with(n_units=9), "forest", design="single")
    assert "Trust" not in many
    units = frame[frame["row"] == "unit"]
    assert f"{(units['conf_low'] > 0).sum()} above zero" in many
    assert told(run_with(n_units=9, pooled=False), "forest", design="single")[0].endswith("contain zero.")


def test_residuals(run):
    text, frame = told(run, "residuals", "U01", "single")
    lags = frame[frame["panel"] == "lags"]
    outside = int((lags["y"].abs() > lags["limit"]).sum())
    assert f"Four views of 60 innovations of Waits under four hours, Trust U01: {outside} of 12" in text
    sizes = re.search(r"is (\d\.\d\d) before and (\d\.\d\d) after the start", text).groups()
    spread = frame[frame["panel"] == "spread"].groupby("label")["limit"].first()
    assert sizes == (f"{spread['before']:.2f}", f"{spread['after']:.2f}")


def test_power_curve(run, run_with):
    text, frame = told(run, "power_curve", design="single")
    rows = frame[(frame["estimand"] == "level_change") & (frame["n_pre"] == 40)].set_index("autocorrelation")
    least, most = (rounded(rows.loc[rho, "minimum_detectable"]) for rho in (0.0, 0.8))
    assert (
        f"Smallest detectable immediate change in level, with 120 months: {least} at autocorrelation 0 and {most} at "
        "autocorrelation 0.8, in standard deviations of the noise."
    ) in text
    evaluation = run_with(n_units=1)
    table = evaluation.tables["power_curve"]
    level = table["estimand"] == "level_change"
    unknown = table["minimum_detectable"].where(~level)
    evaluation.tables["power_curve"] = table.assign(minimum_detectable=unknown)
    assert "jump" not in told(evaluation, "power_curve", design="single")[0]
