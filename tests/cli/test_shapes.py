"""Shapes that do not stay, from a config to the screen, and what a config may not say of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import yaml

from its_eval import fit
from its_eval.config import load_config
from its_eval.errors import ConfigError
from its_eval.pipeline.run import evaluate
from its_eval.words.board import board_answer
from its_eval.words.methods import method_sentences
from its_eval.words.screen import screen

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


def config(folder, changes=None, **intervention):
    path = folder / "study.yaml"
    content = {
        "version": 1,
        "data": {"indicators": {"path": str(SAMPLE / "indicators.csv")}},
        "intervention": {"name": "Programme", "date": "2015-07", **intervention},
        "treated": ["SIM07"],
        "outcomes": [
            {
                "indicator": "fft_recommend",
                "unit": "%",
                "start": "2013-04",
                "end": "2020-02",
                "seasonality": "none",
            }
        ],
        "designs": ["single"],
        "estimators": ["reml_ar"],
        **(changes or {}),
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_config(path)


@pytest.mark.parametrize(
    ("shape", "length", "shown", "words"),
    [
        ("pulse", None, "level_change", "a change in the first period alone"),
        ("temporary", 6, "level_change", "a change of level that ends after 6 periods"),
        ("temporary", 24, "effect_at_12", "a change of level that ends after 24 periods"),
        ("decay", 6, "effect_at_12", "an immediate change in level that fades, by half in 6 periods"),
        ("gradual", 9, "effect_at_12", "from 5 to 95 % of it in 9 periods, and stays"),
    ],
)
def test_every_shape_is_answered(tmp_path, shape, length, shown, words):
    chosen = config(tmp_path, shape=shape, **({} if length is None else {"length": length}))
    found = evaluate(chosen)
    (row,) = found.tables["summary"].to_dict("records")
    assert row["estimand"] == shown
    assert row["label"]
    assert 0.0 <= row["p_value"] <= 1.0
    assert not found.tables["effects"]["estimand"].eq("slope_change").any()
    months = found.tables["checks"].set_index("check").loc["one_month", "status"]
    assert months == "not_applicable"
    text = " ".join(line.text for line in screen(found, verbose=True))
    assert "Asked: did the level change in the unit from July 2015" in text
    settings = chosen.model_dump(mode="json", by_alias=True)
    assert any(words in sentence for part in method_sentences(settings).values() for sentence in part)


@pytest.mark.parametrize(
    ("intervention", "message"),
    [
        ({"shape": "temporary"}, "shape temporary has no length; expected the periods that it lasts"),
        ({"shape": "decay"}, "shape decay has no length; expected the periods in which it halves"),
        ({"shape": "step", "length": 3}, "3.0: shape step has no length"),
        (
            {"shape": "gradual"},
            "shape gradual has no length; expected the periods in which it goes from 5 to 95 %",
        ),
        (
            {"shape": "pulse", "phase_in": {"periods": 2, "as": "ramp"}},
            "a ramp to shape pulse, which is no step",
        ),
        ({"shape": "puls"}, "'puls'"),
        (
            {"shape": "free", "phase_in": {"periods": 2, "as": "ramp"}},
            "a ramp to shape free, which is no step",
        ),
        (
            {"fit": "before", "shape": "step"},
            "'step': `fit: before` assumes no shape; expected this key left out, or free",
        ),
    ],
)
def test_what_a_config_may_not_say(tmp_path, intervention, message):
    with pytest.raises(ConfigError) as error:
        config(tmp_path, **intervention)
    assert message in str(error.value)


#: With peers, weights, months as terms, gaps in a later month of one unit, and every check.
WITH_PEERS = {
    "data": {"indicators": {"path": str(SAMPLE / "indicators.csv")}, "missing": "mask"},
    "treated": ["SIM07", "SIM52"],
    "peers": {"k": 5, "match": "pre_period"},
    "designs": ["single", "difference"],
}


def rows(found, **which):
    table = found.tables["effects"]
    for name, value in which.items():
        table = table[table[name].eq(value)]
    return table.set_index("estimand")


@pytest.mark.parametrize(
    ("intervention", "question", "shown", "asked"),
    [
        ({"shape": "free"}, "change", "effect_at_12", "Asked: did the level change in"),
        ({"fit": "before"}, "average_effect", "average_effect", "Asked: did the average change in"),
    ],
)
def test_single_periods_and_projections_are_answered(tmp_path, intervention, question, shown, asked):
    chosen = config(tmp_path, **intervention)
    assert (chosen.intervention.shape, chosen.estimands.primary) == ("free", question)
    found = evaluate(chosen)
    (answer,) = found.tables["summary"].to_dict("records")
    assert answer["estimand"] == shown
    assert 0.0 <= answer["p_value"] <= 1.0
    effects = rows(found, estimator="reml_ar", scale="response")
    assert not effects.index.isin(["level_change", "slope_change"]).any()
    series = found.tables["series"].set_index("period")
    later = series[series["event_time"].ge(0)]
    gap = later["observed"] - later["counterfactual"]
    assert effects.loc["average_effect", "estimate"] == pytest.approx(gap.mean())
    assert effects.loc["cumulative_effect", "estimate"] == pytest.approx(gap.sum())
    expected = 100.0 * gap.sum() / later["counterfactual"].sum()
    assert effects.loc["relative_average_effect", "estimate"] == pytest.approx(expected)
    one = gap.loc["2016-07"]
    assert effects.loc["effect_at_12", "estimate"] == pytest.approx(one)
    half = effects.loc["effect_at_12", "conf_high"] - one
    width = later["counterfactual_high"] - later["counterfactual"]
    assert width.loc["2016-07"] == pytest.approx(half)
    # the coefficients are the effects of the periods
    terms = found.tables["coefficients"]
    assert terms["term"].str.startswith("effect_at_").sum() == len(later)
    status = found.tables["checks"].set_index("check")["status"]
    assert status["break_elsewhere"] == status["variance_ratio"] == "not_applicable"
    sensitivity = found.tables["sensitivity"]
    assert not sensitivity["dimension"].eq("variance").any()
    text = " ".join(line.text for line in screen(found, verbose=True))
    assert asked in text
    told = board_answer(found, "fft_recommend", "single")[0]
    size = {"change": "One year after the start, ", "average_effect": "On average from the start on, "}
    assert any(sentence.startswith(size[question]) for sentence in told)
    settings = chosen.model_dump(mode="json", by_alias=True)
    (asks, *_) = method_sentences(settings)["Quantities and conclusions"]
    assert ("averages of the years" in asks) == (question == "change")
    words = " ".join(method_sentences(settings)["Model"])
    told = {
        "free": "an effect of its own in each period from then on",
        "before": "held against its prediction",
    }
    assert told[intervention.get("shape", intervention.get("fit"))] in words


def test_the_joint_test_of_many_periods_is_that_of_years(tmp_path):
    found = evaluate(config(tmp_path, shape="free"))
    check = found.tables["checks"].set_index("check").loc["joint_change"]
    assert "All 5 years after the start, each by its average, together" in check["message"]
    assert check["p_value"] == found.tables["verdicts"]["p_value"].iloc[0]


def test_a_level_before_is_no_trend(tmp_path):
    outcome = {"indicator": "fft_recommend", "start": "2013-04", "end": "2020-02", "seasonality": "none"}
    found = evaluate(config(tmp_path, {"outcomes": [{**outcome, "trend": "none"}]}, fit="before"))
    assert "pre_slope" not in set(found.tables["coefficients"]["term"])
    assert "pre_slope" not in set(found.tables["effects"]["estimand"])
    bent = evaluate(config(tmp_path, {"outcomes": [{**outcome, "trend": "quadratic"}]}, shape="step"))
    assert "pre_curvature" in set(bent.tables["coefficients"]["term"])
    assert not bent.tables["sensitivity"]["dimension"].eq("trend").any()


def test_a_log_is_projected_in_ratios(tmp_path):
    outcome = {
        "indicator": "fft_recommend",
        "start": "2013-04",
        "end": "2020-02",
        "seasonality": "none",
        "transform": "logit",
        "kind": "percentage",
    }
    found = evaluate(config(tmp_path, {"outcomes": [outcome]}, fit="before"))
    series = found.tables["series"]
    later = series[series["event_time"].ge(0)]
    effects = rows(found, estimator="reml_ar", scale="response")
    gap = later["observed"] - later["counterfactual"]
    assert effects.loc["average_effect", "estimate"] == pytest.approx(gap.mean())
    assert effects.loc["relative_average_effect", "estimate"] == pytest.approx(
        100.0 * gap.sum() / later["counterfactual"].sum()
    )


def test_a_projection_beside_peers_with_all_checks(tmp_path):
    found = evaluate(config(tmp_path, WITH_PEERS, fit="before"))
    verdicts = found.tables["verdicts"]
    assert set(verdicts["unit"]) == {"SIM07", "SIM52", "set"}
    assert verdicts.loc[verdicts["label"].ne(""), "p_value"].notna().any()
    assert (found.tables["placebo_units"]["estimand"] == "average_effect").all()
    assert found.tables["not_estimated"].empty
    single = rows(found, unit="SIM07", design="single", scale="response")
    assert single.loc["average_effect", "conf_low"] > 0.0


@pytest.mark.parametrize(
    ("changes", "intervention", "message"),
    [
        (
            {"estimators": ["newey_west"]},
            {"shape": "free"},
            "newey_west does not say how far single periods vary, which shape free needs",
        ),
        (
            {"estimators": [{"name": "reml_ar", "variance": "by_segment"}]},
            {"fit": "before"},
            "reml_ar with variance by_segment does not say how far single periods vary",
        ),
        (
            {"sensitivity": {"variance": ["by_segment"]}},
            {"fit": "before"},
            "'by_segment': shape free leaves no variance after the start",
        ),
        (
            {"designs": ["stacked"], "estimators": ["ols"], "peers": {"k": 5, "match": "pre_period"}},
            {"shape": "free"},
            "'stacked' is not for shape free; expected one of single, difference, synthetic, sdid, augmented_synthetic",
        ),
        (
            {"events": [{"name": "Move", "date": "2016-01", "as": "step"}]},
            {"shape": "free"},
            "'step': from the start of the intervention, of shape free, each period has an effect of its own",
        ),
        (
            {"looks": {"from": 8, "until": 12}},
            {"shape": "free"},
            "'free': each period has an effect of its own, for which repeated looks are not simulated; expected "
            "another shape",
        ),
        (
            {"looks": {"from": 8, "until": 12}},
            {"fit": "before"},
            "'before': each period has an effect of its own, for which repeated looks are not simulated; expected "
            "whole",
        ),
        (
            {"estimands": {"primary": "level_change"}},
            {"shape": "free"},
            "'level_change' is not an estimand of shape free",
        ),
    ],
)
def test_what_a_projection_cannot_have(tmp_path, changes, intervention, message):
    with pytest.raises(ConfigError) as error:
        config(tmp_path, changes, **intervention)
    assert message in str(error.value)


def test_other_lengths_are_tried_beside(tmp_path):
    found = evaluate(config(tmp_path, {"sensitivity": {"length": [3, 18]}}, shape="gradual", length=9))
    tried = found.tables["sensitivity"].set_index(["dimension", "choice"])
    direct = evaluate(config(tmp_path, shape="gradual", length=18)).tables["summary"]
    assert tried.loc[("length", "18"), "estimate"] == pytest.approx(direct["estimate"].iloc[0], rel=1e-9)
    assert ("length", "3") in tried.index
    with pytest.raises(ConfigError, match=r"sensitivity.length: shape step has no length"):
        config(tmp_path, {"sensitivity": {"length": [3]}}, shape="step")


@pytest.mark.parametrize("periods", [1, 3, 12])
def test_leads_are_held_against_what_came_before(tmp_path, periods):
    changes = {"checks": {"anticipation": periods}, "estimators": ["ols"]}
    chosen = config(tmp_path, changes, shape="step_and_slope")
    found = evaluate(chosen)
    (row,) = found.tables["checks"].query("check == 'anticipation'").to_dict("records")
    series = found.tables["series"]
    y, since = series["observed"].to_numpy(), series["event_time"].to_numpy()
    columns = [np.ones(len(y)), since, since >= 0, np.maximum(since, 0)]
    leads = [since == -ahead for ahead in range(1, periods + 1)]
    whole = sm.OLS(y, np.column_stack([*columns, *leads]).astype(float)).fit()
    hypothesis = np.eye(4 + periods)[4:]
    published = whole.f_test(hypothesis)
    assert row["p_value"] == pytest.approx(float(published.pvalue), rel=1e-7)
    assert row["statistic"] == pytest.approx(float(published.fvalue), rel=1e-7)
    average = np.mean(whole.params[4:])
    assert f"lie {average:.3g} away on average" in row["message"]


def test_a_change_ahead_of_the_start_is_seen_in_a_short_series():
    rng = np.random.default_rng(4)
    periods = [f"{2018 + month // 12}-{month % 12 + 1:02d}" for month in range(26)]
    values = rng.normal(50.0, 1.0, 26) + 6.0 * (np.arange(26) >= 15)
    table = pd.DataFrame({"indicator": "waits", "unit": "A", "period": periods, "value": values})
    content = {
        "version": 1,
        "data": {"indicators": {"path": "waits.csv"}},
        "intervention": {"date": "2019-07"},
        "treated": ["A"],
        "outcomes": [{"indicator": "waits", "seasonality": "none"}],
        "checks": {"anticipation": 3},
    }
    checks = evaluate(content, indicators=table).tables["checks"].set_index("check")
    assert checks.loc["placebo_dates", "status"] == "not_applicable"
    assert checks.loc["anticipation", "p_value"] < 0.001
    assert checks.loc["anticipation", "status"] == "attention"
    content["checks"] = {"anticipation": 12}
    short = evaluate(content, indicators=table).tables["checks"].set_index("check")
    assert "12 leads leave 6 periods before them; 8 are needed" in short.loc["anticipation", "message"]
    content["checks"] = {}
    assert "anticipation" not in set(evaluate(content, indicators=table).tables["checks"]["check"])


def test_single_periods_from_python_with_a_gap_in_one_series():
    rng = np.random.default_rng(2)
    periods = [f"{2013 + month // 12}-{month % 12 + 1:02d}" for month in range(60)]
    values = pd.DataFrame(rng.normal(50.0, 1.0, (60, 2)), index=periods, columns=["A", "B"])
    values.loc["2016-05", "B"] = np.nan
    found = fit(values, "2016-01", shape="free", seasonality="none")
    effects = found.effects.query("estimand == 'average_effect' and scale == 'response'").set_index("series")
    for name, rows_of in found.series.query("period >= '2016-01'").groupby("series"):
        gap = rows_of["observed"] - rows_of["counterfactual"]
        assert effects.loc[name, "estimate"] == pytest.approx(gap.mean())
        assert rows_of["counterfactual"].notna().all()
    assert found.summary().count("average_effect") == 2
