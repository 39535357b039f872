"""Strata of an outcome and the gap between two of them: which rows they have, and what is fitted."""

import re

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from pydantic import ValidationError

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.config.outcomes import evaluated_outcomes, listed_as, series_name, strata_of_gap
from its_eval.pipeline.plan import Target
from its_eval.pipeline.planning import outcome_window
from its_eval.pipeline.sheet import sampling_variances
from its_eval.pipeline.sources import load_sources

T0, N = 24, 48
UNITS = ("T1", "T2", "D1", "D2", "D3", "D4")
GAP = "waits [old − young]"
STRATA = {"values": ["old", "young"], "gap": ["old", "young"], "min_denominator": 20}


def period(index):
    return f"{2013 + index // 12}-{index % 12 + 1:02d}"


@pytest.fixture
def strata(study):
    """The study with two strata and everybody, percentages of counts."""
    rng = np.random.default_rng(5)
    rows = []
    for unit in UNITS:
        for index in range(N):
            counts = {}
            for stratum, share, people in (("old", 0.7, 300), ("young", 0.8, 200)):
                size = people + index
                counts[stratum] = (int(rng.binomial(size, share)), size)
            counts[""] = tuple(map(sum, zip(*counts.values(), strict=True)))
            rows += [("waits", unit, period(index), name, *pair) for name, pair in counts.items()]
    study.frame = pd.DataFrame(
        rows, columns=["indicator", "unit", "period", "stratum", "numerator", "denominator"]
    )
    study.settings["outcomes"] = [outcome()]
    study.settings["checks"] = {"placebo_units": False, "placebo_dates": False, "leave_one_peer_out": False}
    return study


def outcome(**changes):
    return {"indicator": "waits", "kind": "percentage", "seasonality": "none", "strata": STRATA} | changes


def values(study, unit, stratum):
    rows = study.frame.query("unit == @unit and stratum == @stratum")
    return 100.0 * rows["numerator"].to_numpy(dtype=float) / rows["denominator"].to_numpy(dtype=float)


def design():
    time = np.arange(N)
    return np.column_stack([np.ones(N), time - T0, time >= T0, np.maximum(time - T0, 0)]).astype(float)


def level_change(evaluation, name, unit="T1", which="single", scale="response"):
    rows = evaluation.rows_of("effects", name, unit)
    rows = rows[(rows["estimand"] == "level_change") & (rows["design"] == which) & (rows["scale"] == scale)]
    return float(rows["estimate"].iloc[0])


class TestOutcomes:
    def test_an_outcome_becomes_its_strata_and_their_gap(self, strata):
        config = strata.config(outcomes=[outcome(label="Waits", better="lower"), outcome_without()])
        found = evaluated_outcomes(config.outcomes)
        assert [item.name for item in found] == ["waits [old]", "waits [young]", GAP, "other"]
        assert [item.label for item in found] == [
            "Waits [old]",
            "Waits [young]",
            "Waits [old − young]",
            "other",
        ]
        assert [listed_as(item) for item in found] == ["waits", "waits", "waits", "other"]
        gap = found[2]
        assert (gap.kind, gap.unit, gap.transform, gap.better) == (
            "number",
            "percentage points",
            "none",
            None,
        )
        assert [part.name for part in strata_of_gap(gap)] == ["waits [old]", "waits [young]"]
        assert found[0].better == "lower"
        assert all(item.strata is None for item in found)

    def test_a_gap_on_a_logarithmic_scale_is_a_ratio(self, strata):
        config = strata.config(outcomes=[outcome(transform="logit")])
        gap = evaluated_outcomes(config.outcomes)[2]
        assert (gap.transform, gap.unit) == ("log", "")

    def test_strata_without_a_gap(self, strata):
        config = strata.config(outcomes=[outcome(strata=["young"])])
        assert [item.name for item in evaluated_outcomes(config.outcomes)] == ["waits [young]"]

    def test_families_need_counts_that_a_gap_lacks(self, strata):
        with pytest.raises(ValidationError, match="a gap between strata has none"):
            strata.config(outcomes=[outcome(estimators=["binomial"])], designs=["single"])
        kept = strata.config(outcomes=[outcome(estimators=["binomial", "ols"])], designs=["single"])
        names = [[item.name for item in found.estimators] for found in evaluated_outcomes(kept.outcomes)]
        assert names == [["binomial", "ols"], ["binomial", "ols"], ["ols"]]

    def test_series_name(self):
        assert series_name("waits") == "waits"
        assert series_name("waits", "old", "young") == GAP


def outcome_without():
    return {"indicator": "other", "kind": "number"}


class TestRows:
    def test_each_stratum_has_its_own_rows_and_everybody_the_blank_ones(self, strata):
        plans = {plan.outcome.name: plan for plan in strata.plan().outcomes}
        for stratum in ("old", "young"):
            panel = plans[f"waits [{stratum}]"].panel
            np.testing.assert_allclose(
                panel.values[:, panel.column("T1")], values(strata, "T1", stratum), rtol=1e-14
            )
        everybody = strata.plan(outcomes=[outcome(strata=None)]).outcomes[0].panel
        np.testing.assert_allclose(
            everybody.values[:, everybody.column("D2")], values(strata, "D2", ""), rtol=1e-14
        )

    def test_a_table_cut_down_to_one_group_is_about_that_group(self, strata):
        strata.frame = strata.frame.query("stratum == 'old'")
        (plan,) = strata.plan(outcomes=[outcome(strata=None)]).outcomes
        assert plan.outcome.name == "waits"
        np.testing.assert_allclose(
            plan.panel.values[:, plan.panel.column("T1")], values(strata, "T1", "old"), rtol=1e-14
        )

    def test_a_fault_in_a_stratum_stops_only_runs_that_use_it(self, strata):
        strata.frame = strata.frame.astype({"numerator": object})
        strata.frame.loc[strata.frame["stratum"] == "young", "numerator"] = "x"
        assert strata.plan(outcomes=[outcome(strata=["old"])]).outcomes
        problems = strata.faults()
        assert any("'x' is not a number" in problem for problem in problems)

    def test_a_fault_in_a_table_of_one_group_is_found(self, strata):
        strata.frame = strata.frame.query("stratum == 'old'").astype({"numerator": object})
        strata.frame.iloc[0, strata.frame.columns.get_loc("numerator")] = "x"
        assert any(
            "'x' is not a number" in problem for problem in strata.faults(outcomes=[outcome(strata=None)])
        )

    def test_duplicates_are_found_within_a_stratum(self, strata):
        extra = strata.frame.query("unit == 'T1' and stratum == 'old' and period == '2013-04'")
        strata.frame = pd.concat([strata.frame, extra])
        problems = strata.faults()
        assert len([problem for problem in problems if "stands 2 times" in problem]) == 1
        assert "waits [old], T1, 2013-04" in problems[0]

    def test_an_unknown_stratum_is_told_with_the_nearest(self, strata):
        problems = strata.faults(
            outcomes=[outcome(strata={"values": ["older", "young"], "gap": ["older", "young"]})]
        )
        assert len(problems) == 1
        assert re.search(r"'waits \[older\]': the data have no such indicator; .*waits \[old\]", problems[0])

    def test_strata_are_not_added_up_in_silence(self, strata):
        strata.frame = strata.frame.query("stratum != ''")
        (problem,) = strata.faults(outcomes=[outcome(strata=None)])
        assert (
            "no rows of all strata together; name some of its strata (old, young) under `strata`" in problem
        )

    def test_strata_of_different_times(self, strata):
        frame = strata.frame
        early, late = frame["period"] < "2014-01", frame["period"] >= "2016-01"
        strata.frame = frame[((frame["stratum"] == "old") & early) | ((frame["stratum"] == "young") & late)]
        problems = strata.faults()
        shown = "its strata have no period in common: 2013-01 to 2013-12 and 2016-01 to 2016-12"
        assert any(shown in problem for problem in problems)

    def test_a_unit_with_one_stratum_has_no_gap(self, strata):
        strata.frame = strata.frame.query("not (unit == 'T2' and stratum == 'young')")
        found = strata.run(designs=["single"])
        lost = found.rows_of("not_estimated", GAP)
        assert set(lost["unit"]) == {"T2"}
        assert set(lost["reason"]) == {"no_data"}
        assert set(found.rows_of("effects", "waits [old]")["unit"]) == {"T1", "T2"}

    def test_no_unit_with_a_stratum(self, strata):
        strata.frame = strata.frame.query("not (unit in ['T1', 'T2'] and stratum == 'young')")
        plan = strata.plan()
        assert [item.outcome.name for item in plan.outcomes] == ["waits [old]"]
        assert plan.absent == ("waits [young]", GAP)

    def test_every_unit_in_turn(self, strata):
        config = strata.config(treated="each", peers=None, intervention={"name": "Law", "date": "2015-01"})
        assert config.each
        plan = strata.plan(treated="each", peers=None)
        assert set(plan.treated) == set(UNITS)


class TestSuppression:
    def test_small_strata_are_masked_and_said_so(self, strata):
        small = (
            (strata.frame["unit"] == "T1")
            & (strata.frame["stratum"] == "young")
            & (strata.frame["period"] == "2013-03")
        )
        strata.frame.loc[small, ["numerator", "denominator"]] = [9, 19]
        found = strata.run()
        quality = found.tables["data_quality"]
        masked = quality[quality["check"] == "small_denominator"]
        assert sorted(masked["indicator"]) == sorted(["waits [young]", GAP])
        assert set(masked["unit"]) == {"T1"}
        for name in ("waits [young]", GAP):
            rows = found.rows_of("series", name, "T1").query("period == '2013-03'")
            assert not rows["used"].any()
            assert rows["observed"].isna().all()
            assert rows["unit_value"].isna().all()
            assert set(rows["used_reason"]) == {"small denominator"}
        assert found.rows_of("series", "waits [old]", "T1").query("period == '2013-03'")["used"].all()

    def test_the_stricter_of_two_rules_counts(self, strata):
        plans = strata.plan(data={"min_denominator": 230}).outcomes
        young = plans[1].panel
        assert young.small_denominator[:, young.column("T1")].tolist() == [
            200 + index < 230 for index in range(N)
        ]


class TestGap:
    @pytest.mark.parametrize(
        ("transform", "link", "scale"),
        [
            ("none", lambda share: 100 * share, "response"),
            ("log", lambda share: np.log(100 * share), "ratio"),
            ("logit", lambda share: np.log(share / (1 - share)), "ratio"),
        ],
    )
    def test_the_gap_is_the_difference_on_the_scale_of_the_fit(self, strata, transform, link, scale):
        found = strata.run(outcomes=[outcome(transform=transform)], designs=["single", "difference"])
        linked = {
            (unit, name): link(values(strata, unit, name) / 100)
            for unit in UNITS
            for name in ("old", "young")
        }
        gaps = {unit: linked[unit, "old"] - linked[unit, "young"] for unit in UNITS}
        peers = found.rows_of("peers", GAP, "T1")["peer"].tolist()
        series = {
            "single": gaps["T1"],
            "difference": gaps["T1"] - np.mean([gaps[peer] for peer in peers], axis=0),
        }
        for which, expected in series.items():
            change = sm.OLS(expected, design()).fit().params[2]
            got = level_change(found, GAP, which=which, scale=scale)
            assert got == pytest.approx(np.exp(change) if scale == "ratio" else change, rel=1e-9)

    def test_its_sampling_variance_is_the_sum_of_both(self, strata):
        plans = {plan.outcome.name: plan for plan in strata.plan(estimators=["reml_ar"]).outcomes}
        target = COMPARISONS["difference"].target(plans[GAP], "T1")
        assert target.peers
        parts = [sampling_variances(plans[f"waits [{name}]"], [target]) for name in ("old", "young")]
        np.testing.assert_allclose(sampling_variances(plans[GAP], [target]), parts[0] + parts[1])
        # that of a share: 10^4 p (1 - p) / n
        own = Target("T1", target.interruptions)
        alone = sampling_variances(plans["waits [old]"], [own])[:, 0]
        rough = 1e4 * 0.7 * 0.3 / (300 + np.arange(N))
        np.testing.assert_allclose(alone, rough, rtol=0.15)

    def test_a_gap_is_weighted_like_its_strata(self, strata):
        found = strata.run(estimators=["reml_ar"], designs=["single"])
        assert set(found.tables["fits"]["weights"]) == {"sampling variance"}

    def test_a_window_and_masks_hold_for_both_strata(self, strata):
        plan = strata.plan().outcomes[2]
        cut = plan.windowed(6, 40).panel
        assert [part.n_periods for part in cut.parts] == [34, 34]
        np.testing.assert_allclose(cut.values, cut.parts[0].values - cut.parts[1].values)
        masked = plan.panel.without({"T1": [3]})
        assert all(np.isnan(part.values[3, part.column("T1")]) for part in masked.parts)

    def test_events_of_the_listed_outcome_concern_every_stratum(self, strata):
        event = {"name": "Flood", "date": "2014-02", "as": "mask", "outcomes": ["waits"]}
        for plan in strata.plan(events=[event]).outcomes:
            assert plan.masked.sum() == 1

    def test_given_peers_of_the_listed_outcome(self, strata):
        peers = {"given": {"T1": ["D3"], "T2": ["D4"]}, "given_by_outcome": {"waits": {"T1": ["D4"]}}}
        for plan in strata.plan(peers=peers).outcomes:
            assert plan.peer_sets["T1"].peers == ("D4",)

    def test_given_peers_of_one_stratum_as_a_run_writes_them(self, strata):
        given = {"waits": {"T1": ["D4"]}, "waits [old]": {"T1": ["D1", "D4"]}, "waits [odl]": {"T1": ["D4"]}}
        plan = strata.plan(peers={"given": {"T1": ["D3"], "T2": ["D4"]}, "given_by_outcome": given})
        found = {item.outcome.name: item.peer_sets["T1"].peers for item in plan.outcomes}
        assert found == {"waits [old]": ("D1", "D4"), "waits [young]": ("D4",), GAP: ("D4",)}
        (note,) = [note for note in plan.notes if "peers.given" in note]
        assert note.startswith(
            "peers.given has a list for the outcome 'waits [odl]', which is not evaluated, so that it is not "
            "used; did you mean 'waits [old]' or "
        )

    def test_other_scales_are_not_tried_on_a_gap(self, strata):
        found = strata.run(sensitivity={"transform": ["log"]}, designs=["single"])
        tried = found.tables["sensitivity"].query("dimension == 'transform'")["outcome"]
        assert set(tried) == {"waits [old]", "waits [young]"}

    def test_the_evaluation_knows_what_a_gap_is_of(self, strata):
        found = strata.run(designs=["single"])
        assert found.outcomes[GAP]["gap_of"] == (("waits [old]", "old"), ("waits [young]", "young"))
        assert "gap_of" not in found.outcomes["waits [old]"]

    def test_window_of_a_plain_outcome(self, strata):
        config = strata.config()
        rows = load_sources(config).rows
        first, last = outcome_window(rows, evaluated_outcomes(config.outcomes)[2], ("T1",), (None, None))
        assert last - first == N - 1


def test_values_without_denominators_cannot_be_suppressed_and_a_note_says_so(strata):
    assert not [note for note in strata.run().notes if "cannot suppress" in note]
    frame = strata.frame
    strata.frame = frame.assign(value=100.0 * frame["numerator"] / frame["denominator"]).drop(
        columns=["numerator", "denominator"]
    )
    notes = [note for note in strata.run().notes if "cannot suppress" in note]
    assert notes[0].startswith("waits [old]: ")
    assert "values have no denominator, so min_denominator (20) cannot suppress them" in notes[0]
    # once for each stratum, and not for their gap
    assert len(notes) == 2
    strata.settings["outcomes"] = [outcome(strata={**STRATA, "min_denominator": 0})]
    assert not [note for note in strata.run().notes if "cannot suppress" in note]
