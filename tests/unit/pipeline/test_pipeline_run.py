"""A run from tables to tables: what is fitted, what is not and why, and what the rows say."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from msgspec.structs import replace

from its_eval.checks.conclusion import conclude
from its_eval.config import load_config, to_yaml
from its_eval.effects.columns import EffectColumns, Kind
from its_eval.errors import ConfigError, NothingEstimatedError
from its_eval.pipeline.conclude import adjusted_p
from its_eval.pipeline.credibility import CHECKS
from its_eval.pipeline.planning import make_plan, require_detail
from its_eval.pipeline.sources import load_sources
from its_eval.pipeline.tables import Answers
from its_eval.pipeline.terms import Terms

T0, N = 24, 48


def reasons(evaluation):
    frame = evaluation.tables["not_estimated"]
    return {(row.unit, row.design, row.estimator, row.reason): row.message for row in frame.itertuples()}


def estimates(evaluation, unit, design="single", estimator="ols", scale="response"):
    frame = evaluation.tables["effects"]
    chosen = frame.query(
        "unit == @unit and design == @design and estimator == @estimator and scale == @scale"
    )
    return chosen.set_index("estimand")["estimate"].to_dict()


def values(study, unit, column="value"):
    return pd.to_numeric(study.frame.loc[study.frame["unit"] == unit, column]).to_numpy(dtype=float)


def design(rows=slice(None)):
    time = np.arange(N)
    X = np.column_stack([np.ones(N), time - T0, time >= T0, np.maximum(time - T0, 0)]).astype(float)
    return X[rows]


OLS = {
    "outcomes": [{"indicator": "waits", "kind": "number", "seasonality": "none"}],
    "estimators": ["ols"],
}


def test_single_and_difference_are_least_squares_of_the_series(study):
    found = study.run(**OLS)
    peers = found.tables["peers"].query("unit == 'T1'")["peer"].tolist()
    assert peers == ["D1", "D2"]
    own, mean = values(study, "T1"), (values(study, "D1") + values(study, "D2")) / 2
    names = ["counterfactual_at_start", "pre_slope", "level_change", "slope_change"]
    for which, series in (("single", own), ("difference", own - mean)):
        expected = sm.OLS(series, design()).fit().params
        got = estimates(found, "T1", which)
        np.testing.assert_allclose([got[name] for name in names], expected, rtol=1e-8)
        rows = found.tables["series"].query("unit == 'T1' and design == @which")
        np.testing.assert_allclose(rows["observed"], series)
        np.testing.assert_allclose(rows["fitted"], design() @ expected)
        assert rows["counterfactual"].isna().tolist() == [True] * T0 + [False] * (N - T0)
    assert (
        found.rows_of("fits", "waits", "T1")[["n", "n_pre", "n_post", "n_missing"]].to_numpy().tolist()
        == [[48, 24, 24, 0]] * 2
    )
    assert found.tidy().equals(found.tables["effects"])
    assert set(found.rows_of("summary", "waits")["unit"]) == {"T1", "T2"}
    exported = found.to_dict()
    by_design = {row["design"]: row for row in exported["tables"]["summary"]}
    # four donors and the unit itself
    for which in ("single", "difference"):
        assert by_design[which]["p_placebo"] in [pytest.approx(rank / 5) for rank in range(1, 6)]
    assert found.unit_names["T1"] == "One"
    assert (
        list(found.peer_values["waits"].columns)
        == ["D1", "D2", "D3", "D4"][: found.peer_values["waits"].shape[1]]
    )


def test_phases_of_a_run_are_announced(study):
    from its_eval.pipeline.run import evaluate

    heard = []
    evaluate(study.config(**OLS), heard.append)
    assert heard[:3] == ["loading data", "choosing peers", "waits: looking for donors"]
    # donors, sets, every check and other choices too, of each comparison
    for design in ("single", "difference"):
        own = [phrase.partition(": ")[2] for phrase in heard if phrase.startswith(f"waits, {design}: ")]
        assert own[:4] == [
            *("fitting", "fitting the donors", "treated units among their donors"),
            "the set among sets of donors",
        ]
        assert own[4:-2] == [f"check {name}" for name in CHECKS]
        assert own[-2:] == ["other choices", "other choices among donors"]


@pytest.mark.parametrize(("count", "named"), [(500, False), (501, True), (501, False)])
def test_very_many_units_need_a_word_on_how_much_is_wanted(study, count, named):
    changes = {"output": {"detail": "full"}} if named else {}
    config = study.config(**OLS, **changes)
    plan = make_plan(config, load_sources(config))
    many = replace(plan, treated=tuple(f"U{place}" for place in range(count)))
    if named or count == 500:
        require_detail(config, many)
        return
    with pytest.raises(ConfigError, match=r"output\.detail: not named, with 501 treated units") as refused:
        require_detail(config, many)
    assert refused.value.exit_code == 2
    assert refused.value.hint.endswith("\noutput:\n  detail: estimates")
    # a resolved config names it
    resolved = study.folder / "resolved.yaml"
    resolved.write_text(to_yaml(config), encoding="utf-8")
    require_detail(load_config(resolved), many)


def test_excluded_phase_in_equals_deleted_rows(study):
    found = study.run(
        **OLS,
        peers=None,
        intervention={"date": "2015-01", "shape": "step", "phase_in": {"periods": 4}},
    )
    time = np.arange(N)
    keep = (time < T0) | (time >= T0 + 4)
    X = np.column_stack([np.ones(N), time - T0, time >= T0 + 4])[keep]
    expected = sm.OLS(values(study, "T1")[keep], X.astype(float)).fit()
    got = estimates(found, "T1")
    np.testing.assert_allclose(
        [got["counterfactual_at_start"], got["pre_slope"], got["level_change"]], expected.params, rtol=1e-8
    )
    rows = found.tables["series"].query("unit == 'T1'").reset_index(drop=True)
    assert (~rows["used"]).to_numpy().nonzero()[0].tolist() == [24, 25, 26, 27]
    assert set(rows["used_reason"]) == {"", "phase-in of Intervention"}
    study.put("T1", 25, to=1e9)
    again = estimates(
        study.run(
            **OLS, peers=None, intervention={"date": "2015-01", "shape": "step", "phase_in": {"periods": 4}}
        ),
        "T1",
    )
    assert again == pytest.approx(got, rel=1e-12)


def test_ramp(study):
    found = study.run(
        **OLS,
        peers=None,
        intervention={"date": "2015-01", "phase_in": {"periods": 4, "as": "ramp"}},
        estimands={"at": [0, 5]},
    )
    time = np.arange(N)
    ramp, slope = np.clip((time - T0 + 1) / 4, 0, 1), np.maximum(time - T0 - 4, 0)
    b = sm.OLS(values(study, "T1"), np.column_stack([np.ones(N), time - T0, ramp, slope])).fit().params
    got = estimates(found, "T1")
    assert got["effect_at_0"] == pytest.approx(b[2])
    assert got["effect_at_5"] == pytest.approx(b[2] + 5 * b[3])
    assert got["average_effect"] == pytest.approx((ramp * b[2] + slope * b[3])[T0:].mean())
    assert found.tables["series"]["used"].all()


def test_masks_for_all_and_for_single_units(study):
    events = [
        {"name": "Flood", "date": "2013-02", "until": "2013-03", "as": "mask"},
        {"name": "Fire", "date": "2014-05", "as": "mask", "units": ["T1"]},
        {"name": "Elsewhere", "date": "2014-06", "as": "mask", "outcomes": ["waits"], "units": ["D1"]},
        {"name": "Census", "date": "2014-01", "as": "note"},
    ]
    study.put("T1", 1, to=-50)
    study.put("T1", 16, to=900)
    found = study.run(**OLS, events=events)
    rows = found.tables["series"].query("unit == 'T1' and design == 'single'").reset_index(drop=True)
    assert {index: row.used_reason for index, row in rows.iterrows() if not row.used} == {
        1: "Flood",
        2: "Flood",
        16: "Fire",
    }
    keep = rows["used"].to_numpy()
    expected = sm.OLS(values(study, "T1")[keep], design(keep)).fit().params
    assert estimates(found, "T1")["slope_change"] == pytest.approx(expected[3])
    keep_other = np.ones(N, dtype=bool)
    keep_other[[1, 2]] = False
    peers = np.column_stack([values(study, "D1"), values(study, "D2")])
    peers[17, 0] = np.nan
    rows = found.tables["series"].query("unit == 'T1' and design == 'difference'").reset_index(drop=True)
    from its_eval.design.peer_mean import peer_mean

    np.testing.assert_allclose(rows["peer_mean"], peer_mean(peers, keep_other))
    assert found.outcomes["waits"]["events"] == (("Census", "2014-01", ()),)


def test_a_treated_unit_without_data_does_not_stop_the_others(study):
    study.frame = pd.concat(
        [study.frame, study.frame[study.frame["unit"] != "T2"].assign(indicator="stay")], ignore_index=True
    )
    outcomes = [{"indicator": name, "kind": "number", "seasonality": "none"} for name in ("waits", "stay")]
    found = study.run(outcomes=outcomes, peers={"k": 2})
    frame = found.tables["not_estimated"]
    assert frame[["outcome", "unit", "design", "estimator", "reason", "message"]].to_numpy().tolist() == [
        ["stay", "T2", which, "", "no_data", "T2 has no value of stay in the window"]
        for which in ("difference", "single")
    ]
    assert set(found.rows_of("summary", "stay")["unit"]) == {"T1"}
    assert set(found.rows_of("summary", "waits")["unit"]) == {"T1", "T2"}
    contributions = found.tables["peer_contributions"]
    assert not contributions.duplicated(["unit", "peer", "variable"]).any()


def test_units_without_peers(study):
    study.characteristics = study.characteristics.replace("T2,2,2\n", "")
    found = study.run(**OLS, peers={"k": 2, "within": ["units.type"]})
    message = "T2 is not in the characteristics table, so it has no peers; list them under peers.given"
    assert reasons(found) == {("T2", "difference", "", "no_peers"): message}
    assert found.tables["peers"].query("unit == 'T1'")["peer"].tolist() == ["D1", "D3"]
    dropped = found.tables["peer_exclusions"].query("unit == 'T1'")
    assert dict(zip(dropped["candidate"], dropped["reason"], strict=True)) == {
        "D2": "units.type is 'mental', not 'acute'",
        "D4": "units.type is not known, not 'acute'",
    }
    nobody = study.run(**OLS, treated=["T1"], peers={"k": 2, "exclude": ["D1", "D2", "D3", "D4"]})
    assert reasons(nobody) == {
        ("T1", "difference", "", "no_peers"): "no candidate can serve as a peer of T1; see peer_exclusions"
    }


def test_given_peers(study):
    found = study.run(**OLS, peers={"given": {"T1": ["D4", "D1"]}, "k": 1})
    peers = found.tables["peers"]
    assert peers.query("unit == 'T1'")[["rank", "peer", "pool_rank"]].to_numpy().tolist() == [
        [1, "D4", 4],
        [2, "D1", 1],
    ]
    bare = study.run(**OLS, data={"characteristics": None}, peers={"given": {"T1": ["D4"], "T2": ["D1"]}})
    assert bare.tables["peers"]["distance"].isna().all()
    assert bare.tables["peers"]["pool_rank"].isna().all()
    assert set(bare.tables["balance"]["variable"].str.split().str[0]) == {"pre-period"}


def test_log_with_a_zero(study):
    study.put("T2", 5, to=0)
    study.put("D1", 6, to=0)
    study.put("T1", 25, to=0)
    log = {"indicator": "waits", "kind": "number", "transform": "log", "seasonality": "none"}
    phase = {"date": "2015-01", "phase_in": {"periods": 2}}
    found = study.run(outcomes=[log], estimators=["ols"], intervention=phase)
    message = "T2 has a value of zero or less, which has no logarithm; use `transform: none`"
    assert reasons(found) == {
        ("T2", which, "", "not_positive"): message for which in ("single", "difference")
    }
    dropped = found.tables["peer_exclusions"].query("unit == 'T1' and candidate == 'D1'")
    assert dropped["reason"].tolist() == ["a value of zero or less, which has no logarithm"]
    effects = found.tables["effects"].query("unit == 'T1' and design == 'single'")
    link = effects.query("scale == 'link'").set_index("estimand")
    ratio = effects.query("scale == 'ratio'").set_index("estimand")
    assert ratio.loc["level_change", "estimate"] == pytest.approx(
        np.exp(link.loc["level_change", "estimate"])
    )
    assert "cumulative_effect" not in set(effects["estimand"])
    per_cent = effects.query("estimand == 'relative_average_effect'").iloc[0]
    average = link.loc["average_effect"]
    assert per_cent["estimate"] == pytest.approx(100 * np.expm1(average["estimate"]))
    assert per_cent["conf_high"] == pytest.approx(100 * np.expm1(average["conf_high"]))
    summary = found.tables["summary"].query("unit == 'T1'")
    assert summary["scale"].tolist() == ["ratio", "ratio"]
    series = found.tables["series"].query("design == 'difference'")
    mean = np.exp((np.log(values(study, "D2")) + np.log(values(study, "D4"))) / 2)
    np.testing.assert_allclose(series["peer_mean"], mean)
    np.testing.assert_allclose(
        series["observed"].drop(series.index[25]), (values(study, "T1") / mean)[np.arange(N) != 25]
    )


@pytest.mark.parametrize("transform", ["log", "none"])
def test_a_count_is_taken_per_denominator(study, transform):
    study.put("D2", 7, "denominator")
    study.put("T1", 9, "denominator", to=0)
    outcome = {
        "indicator": "waits",
        "kind": "count",
        "per": 1000,
        "transform": transform,
        "seasonality": "none",
    }
    found = study.run(outcomes=[outcome], estimators=["ols"], peers={"k": 2})
    single = found.tables["series"].query("unit == 'T1' and design == 'single'").reset_index(drop=True)
    with np.errstate(divide="ignore"):
        expected = 1000 * values(study, "T1") / values(study, "T1", "denominator")
    expected[9] = np.nan
    np.testing.assert_allclose(single["observed"], expected)
    assert single["used_reason"].tolist() == ["missing" if index == 9 else "" for index in range(N)]
    shown = found.peer_values["waits"]["D2"].to_numpy()
    assert np.isnan(shown[7])
    np.testing.assert_allclose(
        shown[8], 1000 * values(study, "D2")[8] / values(study, "D2", "denominator")[8]
    )


def test_a_count_without_denominators_is_taken_as_it_is(study):
    study.frame = study.frame.drop(columns="denominator")
    outcome = {"indicator": "waits", "kind": "count", "seasonality": "none"}
    found = study.run(outcomes=[outcome], estimators=["ols"], peers=None)
    np.testing.assert_allclose(found.tables["series"].query("unit == 'T1'")["observed"], values(study, "T1"))


@pytest.mark.parametrize(
    ("outcome", "factor"),
    [
        ({"kind": "percentage"}, 100),
        ({"kind": "rate", "per": 1000}, 1000),
        ({"kind": "rate"}, 1),
        ({"kind": "number"}, None),
    ],
)
def test_a_blank_value_is_rebuilt(study, outcome, factor):
    study.frame["numerator"] = 50
    sizes = study.frame["denominator"].astype(float)
    study.frame["value"] = 50.0 if factor is None else factor * 50 / sizes
    study.frame = study.frame.astype({"value": object})
    study.put("T1", 3)
    study.put("T1", 4)
    study.put("T1", 4, "denominator", to=0)
    outcome = {"indicator": "waits", "seasonality": "none"} | outcome
    plan = study.plan(outcomes=[outcome], peers=None)
    column = plan.outcomes[0].panel.values[:, plan.outcomes[0].panel.column("T1")]
    assert column[3] == pytest.approx(50 if factor is None else factor * 50 / 203)
    assert (column[4] == 50) if factor is None else np.isnan(column[4])
    study.frame = study.frame.drop(columns="value")
    plan = study.plan(outcomes=[outcome], peers=None)
    assert plan.outcomes[0].panel.values[0, 0] == pytest.approx(50 if factor is None else factor * 50 / 200)


def test_small_denominators_are_masked(study):
    study.put("T1", 3, "denominator", to=4)
    study.put("T1", 5)
    plan = study.plan(data={"min_denominator": 10})
    assert [(item.check, item.value, item.message) for item in plan.findings] == [
        ("missing_periods", "1", "waits, T1: 1 of 48 periods missing: 2013-06"),
        ("small_denominator", "1", "waits, T1: 1 values masked: denominator below the minimum"),
    ]
    found = study.run(**OLS, data={"min_denominator": 10})
    rows = found.tables["series"].query("unit == 'T1' and design == 'single'").reset_index(drop=True)
    assert rows.loc[[3, 5], "used_reason"].tolist() == ["small denominator", "missing"]


def test_short_segments(study):
    with pytest.raises(NothingEstimatedError) as caught:
        study.run(**OLS, peers=None, treated=["T1"], intervention={"date": "2013-06", "name": "Law"})
    assert str(caught.value) == (
        "no series could be estimated\n"
        "waits, T1, single: 5 usable periods before the start of 'Law'; `shape: step_and_slope` needs 8: "
        "extend the window, or use `shape: step`"
    )
    with pytest.raises(NothingEstimatedError) as caught:
        study.run(
            **OLS,
            peers=None,
            treated=["T1"],
            intervention={"date": "2016-11", "name": "Law", "shape": "step"},
        )
    assert str(caught.value).endswith(
        "2 usable periods from the start of 'Law'; `shape: step` needs 3: extend the window"
    )
    step = study.run(**OLS, peers=None, intervention={"date": "2013-06", "shape": "step"})
    assert step.tables["summary"]["estimand"].tolist() == ["level_change"] * 2


def test_a_series_too_short_for_an_error_model(study):
    study.frame = study.frame[study.frame["period"].between("2014-06", "2015-08")]
    step = {"date": "2015-01", "shape": "step"}
    found = study.run(**OLS | {"estimators": ["ols", "reml_ar"]}, peers=None, intervention=step)
    message = "15 usable observations; an error model needs 16. Show the series, or extend the window"
    assert reasons(found) == {
        (unit, "single", "reml_ar", "series_too_short"): message for unit in ("T1", "T2")
    }
    assert set(found.tables["fits"]["estimator"]) == {"ols"}


def test_singular_design_names_its_terms(study):
    seasonal = OLS | {"outcomes": [OLS["outcomes"][0] | {"seasonality": "months"}]}
    januaries = [{"name": "Census", "date": f"{year}-01", "as": "mask"} for year in range(2013, 2017)]
    with pytest.raises(NothingEstimatedError) as caught:
        study.run(**seasonal, peers=None, treated=["T1"], events=januaries)
    assert "waits, T1, single: month_11 cannot be told apart from the other terms over the 44 usable " in str(
        caught.value
    )


def test_a_slope_needs_periods_after_the_ramp(study):
    ramp = {"date": "2015-01", "phase_in": {"periods": 20, "as": "ramp"}, "name": "Law"}
    with pytest.raises(NothingEstimatedError, match="4 usable periods from the start of 'Law'"):
        study.run(**OLS, peers=None, treated=["T1"], intervention=ramp)


def test_too_few_observations_for_the_terms(study):
    outcome = OLS["outcomes"][0] | {"seasonality": "months", "start": "2014-06", "end": "2015-06"}
    with pytest.raises(NothingEstimatedError) as caught:
        study.run(
            outcomes=[outcome],
            estimators=["ols"],
            peers=None,
            treated=["T1"],
            intervention={"date": "2015-01", "shape": "step"},
        )
    assert str(caught.value).endswith(
        "waits, T1, single: 13 usable observations are too few for 14 terms: at least 15 are needed"
    )


def test_primary_estimand_that_the_data_do_not_have(study):
    study.frame = study.frame.drop(columns="denominator")
    outcome = {"indicator": "waits", "kind": "percentage", "seasonality": "none"}
    found = study.run(
        outcomes=[outcome],
        peers=None,
        estimators=["ols", "newey_west"],
        estimands={"primary": "cumulative_effect"},
    )
    assert {key[3] for key in reasons(found)} == {"no_primary_estimand"}
    assert len(reasons(found)) == 2
    assert all(
        message.startswith("cumulative_effect cannot be had from these data")
        for message in reasons(found).values()
    )
    assert found.tables["summary"].empty


def test_a_series_of_zeros_is_not_estimable_and_no_crash(study):
    study.frame.loc[study.frame["unit"] == "T1", "value"] = 0
    found = study.run(**OLS, peers=None)
    row = found.tables["summary"].query("unit == 'T1'").iloc[0]
    assert (row["label"], row["direction"]) == ("not answered", "unclear")
    assert np.isnan(row["p_value"])
    assert np.isnan(row["minimum_detectable"])
    assert "relative_average_effect" not in estimates(found, "T1")
    assert "degenerate" in found.rows_of("fits", "waits", "T1")["flags"].iloc[0]


def test_cumulative_effect_of_a_percentage_is_weighted_by_denominators(study):
    found = study.run(
        peers=None,
        estimators=["ols"],
        outcomes=[{"indicator": "waits", "kind": "percentage", "seasonality": "none"}],
    )
    got = estimates(found, "T1")
    since = np.arange(24)
    change = got["level_change"] + got["slope_change"] * since
    people = values(study, "T1", "denominator")[24:]
    assert got["cumulative_effect"] == pytest.approx((people * change / 100).sum())
    assert got["effect_at_12"] == pytest.approx(change[12])
    assert "effect_at_24" not in got


def test_counterfactual_outside_the_range_of_a_percentage(study):
    rising = np.minimum(3.5 * np.arange(N), 99) + np.tile([0, 0.5], 24)
    study.frame.loc[study.frame["unit"] == "T1", "value"] = rising
    found = study.run(estimators=["ols"], treated=["T1"])
    fits = found.tables["fits"].set_index("design")["flags"]
    assert "counterfactual_outside_range" in fits["single"]
    assert "counterfactual_outside_range" in fits["difference"]


def test_low_degrees_of_freedom_are_flagged_and_keep_their_p_value(study):
    step = {"date": "2015-01", "shape": "step"}
    harmonics = OLS["outcomes"][0] | {"start": "2014-08", "end": "2015-05", "seasonality": {"harmonics": 2}}
    found = study.run(**OLS | {"outcomes": [harmonics]}, peers=None, intervention=step)
    assert found.tables["effects"].query("estimand == 'level_change'")["df"].tolist() == [3.0, 3.0]
    harmonics = harmonics | {"end": "2015-04"}
    found = study.run(**OLS | {"outcomes": [harmonics]}, peers=None, intervention=step)
    assert found.tables["fits"]["flags"].tolist() == ["df_floor", "df_floor"]
    assert not found.tables["summary"]["label"].eq("not answered").any()
    assert found.tables["summary"][["p_value", "p_adjusted", "conf_low"]].notna().all(axis=None)


@pytest.mark.parametrize("quarter", [True, False])
def test_other_frequencies(study, quarter):
    periods = [f"{1990 + index // 4}Q{index % 4 + 1}" if quarter else str(1950 + index) for index in range(N)]
    study.frame["period"] = np.tile(periods, 6)
    outcome = {"indicator": "waits", "kind": "number", "seasonality": "quarters" if quarter else "auto"}
    found = study.run(
        outcomes=[outcome],
        estimators=["ols"],
        peers=None,
        data={"frequency": "quarter" if quarter else "year"},
        intervention={"date": periods[24]},
    )
    assert found.tables["effects"]["interruption_period"].unique().tolist() == [periods[24]]
    assert found.tables["fits"]["season"].unique().tolist() == [
        "a term for each season" if quarter else "no season"
    ]
    harmonic = outcome | {"seasonality": {"harmonics": 1}}
    if quarter:
        plan = study.plan(
            outcomes=[harmonic], peers=None, data={"frequency": "quarter"}, intervention={"date": periods[24]}
        )
        assert plan.outcomes[0].season.label == "1 pair of harmonics"


def test_order_of_outcomes_units_and_rows_does_not_matter(study):
    first = study.run(**OLS)
    study.frame = study.frame.sample(frac=1, random_state=1)
    second = study.run(**OLS, treated=["T2", "T1"])
    for name in ("summary", "effects", "fits", "series", "peers", "balance"):
        pd.testing.assert_frame_equal(first.tables[name], second.tables[name])


def test_holm_over_the_units(study):
    found = study.run(**OLS, peers=None)
    summary = found.tables["summary"]
    p = summary["p_value"].to_numpy()
    low, high = np.sort(p)
    expected = {low: min(1, 2 * low), high: min(1, max(2 * low, high))}
    np.testing.assert_allclose(summary["p_adjusted"], [expected[value] for value in p])


def test_direction_follows_better(study):
    jump = study.frame["unit"].eq("T1") & (study.frame["period"] >= "2015-01")
    study.frame.loc[jump, "value"] = study.frame.loc[jump, "value"].astype(float) + 20
    for better, direction in (("higher", "better"), ("lower", "worse"), (None, "unclear")):
        outcome = {"indicator": "waits", "kind": "number", "seasonality": "none", "better": better}
        found = study.run(
            outcomes=[outcome],
            treated=["T1"],
            estimators=["ols"],
            intervention={"date": "2015-01", "shape": "step"},
        )
        summary = found.tables["summary"].set_index("design")
        assert summary["direction"].tolist() == [direction] * 2
        assert summary["label"].to_dict() == {
            "single": "changed",
            "difference": "changed",
        }


def test_preset_of_a_later_year_is_noted(study):
    from its_eval.peers.recipes import NHS_TRUST_PEER_FINDER

    names = list(NHS_TRUST_PEER_FINDER.weights)
    rows = [
        f"{unit}," + ",".join(str(place * (index + 1)) for index in range(len(names)))
        for place, unit in enumerate(("T1", "T2", "D1", "D2", "D3", "D4"))
    ]
    study.characteristics = "\n".join(["Procode," + ",".join(names), *rows]) + "\n"
    plan = study.plan(peers={"preset": "nhs-trust-peer-finder", "k": "all"})
    assert plan.notes[0] == (
        "The characteristics of the NHS Trust Peer Finder describe 2019, after the start in January 2015: "
        "peers are matched on values that the intervention may have changed."
    )
    assert plan.outcomes[0].peer_sets["T1"].peers == ("D1", "D2", "D3", "D4")


def test_a_preset_of_an_earlier_year_is_not_noted(study):
    from its_eval.peers.recipes import NHS_TRUST_PEER_FINDER

    names = list(NHS_TRUST_PEER_FINDER.weights)
    units = ("T1", "T2", "D1", "D2", "D3", "D4")
    rows = [f"{unit}," + ",".join([str(place)] * len(names)) for place, unit in enumerate(units)]
    study.characteristics = "\n".join(["Procode," + ",".join(names), *rows]) + "\n"
    study.frame["period"] = [f"{int(text[:4]) + 8}{text[4:]}" for text in study.frame["period"]]
    peers = {"preset": "nhs-trust-peer-finder", "k": "all"}
    assert not any(
        "describe 2019" in note for note in study.plan(peers=peers, intervention={"date": "2023-01"}).notes
    )


def test_percentages_with_denominators_are_weighted_by_their_sampling_variance(study):
    outcome = {"indicator": "waits", "kind": "percentage", "seasonality": "none"}
    study.put("T2", 5, "denominator")
    found = study.run(outcomes=[outcome], estimators=["reml_ar", "ols"], peers=None)
    weights = found.tables["fits"].set_index(["unit", "estimator"])["weights"].to_dict()
    assert weights[("T1", "reml_ar")] == "sampling variance"
    assert weights[("T2", "reml_ar")] == "none"
    assert weights[("T1", "ols")] == "none"
    plain = study.run(outcomes=[outcome | {"kind": "number"}], estimators=["reml_ar", "ols"], peers=None)
    assert estimates(found, "T1") == pytest.approx(
        {name: value for name, value in estimates(plain, "T1").items() if name != "cumulative_effect"}
        | {"cumulative_effect": estimates(found, "T1")["cumulative_effect"]}
    )
    weighted, unweighted = (estimates(each, "T1", estimator="reml_ar") for each in (found, plain))
    assert weighted["slope_change"] != unweighted["slope_change"]
    assert weighted["slope_change"] == pytest.approx(unweighted["slope_change"], abs=0.05)
    other = [estimates(each, "T2", estimator="reml_ar")["slope_change"] for each in (found, plain)]
    assert other[0] == pytest.approx(other[1], rel=1e-9)


def answered(p_values, df_floor, stuck, kind=None):
    """Return the answer of one estimator about series whose primary rows have these p-values."""
    column = np.array(p_values)[:, None]
    names = ("estimate", "std_error", "df", "statistic", "conf_low", "conf_high")
    effects = EffectColumns(
        kinds=(kind or Kind("slope_change", "response", "identity"),),
        p_value=column,
        df_floor=np.array(df_floor)[:, None],
        present=np.ones(column.shape, dtype=bool),
        **dict.fromkeys(names, np.ones_like(column)),
    )
    outcome = SimpleNamespace(name="o", better=None)
    sheet = SimpleNamespace(comparison="single", plan=SimpleNamespace(outcome=outcome))
    fitted = SimpleNamespace(
        stuck=np.array(stuck), units=tuple("ABCD"[: len(column)]), sheet=sheet, estimator="ols"
    )
    return Answers(fitted, effects, "slope_change", is_first=True)


HOLM = Terms(0.95, "holm", 4, None)


def test_the_family_of_holm_is_all_treated_units():
    whole = answered([0.01, 0.5, 0.02], [True, False, False], [False, True, False])
    (adjusted,) = adjusted_p([whole], "level_change", 4, HOLM)
    assert adjusted[:, 0].tolist() == [
        *(pytest.approx(0.04), pytest.approx(np.nan, nan_ok=True), pytest.approx(0.06)),
    ]
    # the same family in parts, as series with other gaps are; few degrees of freedom change nothing
    parts = [answered([0.01], [False], [False]), answered([0.5, 0.02], [False] * 2, [True, False])]
    first, second = adjusted_p(parts, "level_change", 4, HOLM)
    np.testing.assert_array_equal(np.concatenate([first, second]), adjusted)
    # other interruptions are of the family
    (adjusted,) = adjusted_p([whole], "level_change", 6, HOLM, np.array([0.001, 0.9]))
    assert adjusted[[0, 2], 0].tolist() == pytest.approx([0.05, 0.08])


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_an_adjusted_p_value_equal_to_alpha_reaches_it(confidence):
    """Whatever 1 - 0.9 is in a computer."""
    alpha = round(1 - confidence, 2)
    for p_value, label in (
        (alpha, "changed"),
        (alpha * 1.001, "no clear change"),
        (alpha * 0.999, "changed"),
    ):
        found = conclude(
            np.array([p_value]), np.array([np.nan]), np.array([False]), size=1, alpha=1 - confidence
        )
        assert found.labels == (label,)


@pytest.mark.parametrize(
    ("scale", "inference", "expected"),
    [
        ("response", "identity", 2.0),
        ("ratio", "log", np.exp(2.0)),
        ("response", "log", 100 * (np.exp(2.0) - 1)),
    ],
)
def test_smallest_detectable_is_on_the_scale_of_the_row(scale, inference, expected):
    assert Kind("level_change", scale, inference).as_shown(np.array(2.0)) == pytest.approx(expected)
