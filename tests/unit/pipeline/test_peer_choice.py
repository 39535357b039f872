"""Peers of a config: calipers, lifetimes, mergers, the outcome itself, lists, warnings, stability."""

import numpy as np
import pytest

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.errors import DataError
from its_eval.peers.scaling import rescaled
from its_eval.pipeline.notes import plan_notes
from its_eval.pipeline.peer_choice import pre_period_balance
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.sources import input_files, load_sources
from its_eval.pipeline.specifications import sensitivity_rows
from its_eval.pipeline.variants import compared_design, peer_stability

UNITS = ("T1", "T2", "D1", "D2", "D3", "D4")


def sets(study, **changes):
    return study.plan(**changes).outcomes[0].peer_sets


def with_units(study, columns, **settings):
    study.units = columns
    table = {"path": str(study.folder / "u.csv"), "columns": {"name": "name"}, **settings}
    return {"units": table}


def test_a_caliper_sets_far_candidates_aside(study):
    chosen = sets(study, peers={"k": 3, "caliper": "1.0"})["T1"]
    assert chosen.peers == ("D1", "D2")
    (aside,) = (item for item in chosen.set_aside()[0] if item.candidate == "D4")
    assert aside.reason.startswith("farther than the caliper: ")
    percentile = sets(study, peers={"k": 2, "caliper": "p99"})["T1"]
    assert percentile.peers == ("D1", "D2")


def test_scale_and_metric_of_the_config(study):
    assert sets(study, peers={"k": 2, "scale": "minmax"})["T1"].scaled.scale == "minmax"
    assert sets(study, peers={"k": 2, "metric": "mahalanobis"})["T1"].scaled.metric == "mahalanobis"


def test_other_scales_keep_the_preset_its_variables_and_its_rule_for_missing(study):
    from its_eval.peers.recipes import NHS_TRUST_PEER_FINDER

    rng = np.random.default_rng(5)
    names = [*NHS_TRUST_PEER_FINDER.weights, "Else"]
    lines = [",".join([unit, *(f"{value:.3f}" for value in rng.uniform(1, 9, len(names)))]) for unit in UNITS]
    lines[2] = ",".join(["D1", "NULL", *lines[2].split(",")[2:]])
    study.characteristics = "\n".join([",".join(["Procode", *names]), *lines])
    config = study.config(peers={"preset": "nhs-trust-peer-finder", "k": 2})
    loaded = load_sources(config).scaled
    found = rescaled(loaded, scale="minmax")
    assert found.scale == "minmax"
    assert set(found.variables) == set(NHS_TRUST_PEER_FINDER.weights)
    assert not np.isnan(found.scaled).any()
    assert rescaled(loaded, metric="mahalanobis").metric == "mahalanobis"


def test_units_that_were_not_there_throughout_are_no_peers(study):
    text = "unit,name,opened,closed\n" + "".join(f"{unit},,,\n" for unit in UNITS)
    text = text.replace("D1,,,", "D1,,2014-03,").replace("D2,,,", "D2,,,2016-07")
    chosen = sets(study, data=with_units(study, text))["T1"]
    assert chosen.peers == ("D4", "D3")
    assert {item.candidate: item.reason for item in chosen.set_aside()[0]} == {
        "T2": "treated itself",
        "D1": "opened in 2014-03, after the window begins in 2013-01",
        "D2": "closed in 2016-07, before the window ends in 2016-12",
    }


def test_a_date_that_cannot_be_read_stops_the_run(study):
    text = "unit,name,opened\n" + "".join(f"{unit},,soon\n" for unit in UNITS[:1])
    found = study.faults(data=with_units(study, text))
    assert found == ["u.csv: unit T1, opened: 'soon' is not a month; expected a month such as 2015-07"]


def test_mergers_are_combined_when_asked_for(study):
    text = "unit,name,closed,successor\n" + "".join(f"{unit},,,\n" for unit in UNITS)
    text = text.replace("D2,,,", "D2,,2015-06,D1")
    data = with_units(study, text, mergers="combine")
    plan = study.plan(data=data).outcomes[0]
    assert plan.panel.units == ("D1", "D3", "D4", "T1", "T2")
    cells = study.frame.pivot(index="period", columns="unit", values=["value", "denominator"]).astype(float)
    value, weight = cells["value"][["D1", "D2"]], cells["denominator"][["D1", "D2"]]
    expected = (value * weight).sum(axis=1) / weight.sum(axis=1)
    np.testing.assert_allclose(plan.panel.values[:, 0], expected)
    assert "D1" in plan.peer_sets["T1"].peers
    reasons = {item.candidate: item.reason for item in plan.peer_sets["T1"].set_aside()[0]}
    assert reasons["D2"] == "no data for waits"
    # set aside by default
    kept = sets(study, data=with_units(study, text))["T1"]
    assert kept.peers == ("D4", "D3")


def test_mergers_need_a_column_and_denominators(study):
    data = with_units(study, "unit,name\nT1,One\n", mergers="combine")
    with pytest.raises(DataError) as caught:
        study.plan(data=data)
    assert caught.value.problems == [
        f"{study.folder}/u.csv: `data.units.mergers: combine` needs a column successor"
    ]
    study.frame["denominator"] = ""
    data = with_units(study, "unit,name,successor\nD2,,D1\n", mergers="combine")
    (fault,) = study.faults(data=data)
    assert fault.startswith("waits: D1, D2 counted as D1: a percentage without its denominator cannot be")


def with_changes(study, text):
    (study.folder / "changes.csv").write_text(text)
    return {"successions": [str(study.folder / "changes.csv")]}


def test_successions_count_organisations_as_one(study):
    data = with_changes(study, "old,new,date\nD2,D1,2015-06\nT2,T1,2016-01-15\nD3,D4,2017-03\n")
    config = study.config(data=data, treated=["T1"])
    plan = make_plan(config, load_sources(config))
    (outcome,) = plan.outcomes
    assert outcome.panel.units == ("D1", "D3", "D4", "T1")
    cells = study.frame.pivot(index="period", columns="unit", values=["value", "denominator"]).astype(float)
    value, weight = cells["value"][["D1", "D2"]], cells["denominator"][["D1", "D2"]]
    together = (value * weight).sum(axis=1) / weight.sum(axis=1)
    np.testing.assert_allclose(outcome.panel.values[:29, 0], together[:29])
    assert plan.notes[:2] == (
        "Counted as one unit throughout, by data.successions: D1 with D2; T1 with T2.",
        "T1 is treated and became one with T2 within the window: what the merger itself changed cannot be told "
        "from what the intervention did.",
    )
    assert str(study.folder / "changes.csv") in map(str, input_files(config))
    # the old code is no unit any more
    faults = study.faults(data=data, treated=["T2"])
    assert faults[0] == "treated unit 'T2' is not in the indicator data; data.successions counts it as T1"


def test_what_cannot_be_added_up_is_no_peer_and_named(study):
    study.frame["denominator"] = ""
    data = with_changes(study, "old,new,date\nD2,D1,2015-06\n")
    plan = study.plan(data=data, treated=["T1"])
    peers = plan.outcomes[0].peer_sets["T1"]
    assert peers.peers == ("T2", "D4")
    assert {item.candidate: item.reason for item in peers.set_aside()[0]}["D1"] == (
        "the values of D2 cannot be added up"
    )
    (note,) = (note for note in plan.notes if "left out" in note)
    assert note.startswith(
        "waits: D1, D2 counted as D1: a percentage without its denominator cannot be averaged"
    )


def test_a_window_past_the_bundled_list_is_told_so(study):
    moved = study.frame.assign(
        period=study.frame["period"].str.replace("2016", "2018").str.replace("2015", "2017")
    )
    late = "The list of changes in the NHS ends in June 2018, before the data do (waits to 2018-12): "
    study.frame = moved
    notes = study.plan(data={"successions": "nhs"}, intervention={"date": "2017-01"}).notes
    assert any(note.startswith(late) for note in notes)
    notes = study.plan(
        data={"successions": "nhs"},
        outcomes=[{**study.settings["outcomes"][0], "end": "2018-06"}],
        intervention={"date": "2017-01"},
    ).notes
    assert not any("The list of changes" in note for note in notes)


def test_a_unit_whose_size_moves_is_told(study):
    for month in range(30, 48):
        study.put("T1", month, "denominator", 400)
    plan = study.plan(data=with_changes(study, "old,new,date\nA,B,2015-06\n"))
    (found,) = (item for item in plan.findings if item.check == "size_change")
    assert (found.unit, found.period) == ("T1", "2015-07")
    assert f"{found.message}." in plan.notes
    assert not [item for item in study.plan().findings if item.check == "size_change"]


def test_matching_on_level_and_trend_before_the_start(study):
    for shift, unit in enumerate(UNITS):
        own = study.frame["unit"] == unit
        wave = np.sin(np.arange(48) * (shift + 1))
        study.frame.loc[own, "value"] = 60.0 - 3.0 * (shift % 4) + 0.2 * (shift % 2) * np.arange(48) + wave
    chosen = sets(study, peers={"k": 1, "match": "pre_period"})
    # T1 and D3 have the shift 0, T2 and D4 the shift 3
    assert {unit: found.peers for unit, found in chosen.items()} == {"T1": ("D3",), "T2": ("D4",)}
    before = study.frame.pivot(index="period", columns="unit", values="value").astype(float)[:24]
    scaled = chosen["T1"].scaled
    assert scaled.variables == ("pre-period mean", "pre-period slope")
    np.testing.assert_allclose(scaled.raw[:, 0], before[list(scaled.units)].mean())
    slopes = np.polyfit(np.arange(24), before[list(scaled.units)].to_numpy(), 1)[0]
    np.testing.assert_allclose(scaled.raw[:, 1], slopes)


def test_matching_on_the_outcome_needs_units_with_values_before_the_start(study):
    for unit in UNITS[2:]:
        study.drop(unit, range(24))
    (fault,) = study.faults(peers={"k": 1, "match": "pre_period"})
    assert fault == (
        "outcome 'waits': 2 units have three values before the start; peers.match: pre_period needs 3"
    )


def test_a_unit_without_values_before_the_start_has_no_peers_by_them(study):
    study.drop("T2", range(24))
    plan = study.plan(peers={"k": 1, "match": "pre_period"}, outcomes=[{"indicator": "waits"}])
    assert plan.outcomes[0].no_peers == {
        "T2": "T2 is not in the pre-period data, so it has no peers; list them under peers.given"
    }


def test_balance_before_the_start(study):
    plan = study.plan().outcomes[0]
    rows = pre_period_balance(plan, "T1")
    before = study.frame.pivot(index="period", columns="unit", values="value").astype(float)[:24]
    assert rows[0].unit_value == pytest.approx(before["T1"].mean())
    assert rows[0].peer_mean == pytest.approx(before[["D1", "D2"]].to_numpy().mean())
    gap = before["T1"] - before[["D1", "D2"]].mean(axis=1)
    assert rows[2].unit_value == pytest.approx(gap.std(ddof=0))
    assert pre_period_balance(study.plan(peers=None).outcomes[0], "T1") == []


def test_a_written_list_fed_back_gives_the_same_result(study):
    config = {"checks": {"placebo_units": True}, "outcomes": [{"indicator": "waits", "seasonality": "none"}]}
    first = study.run(**config)
    first.tables["peers"].to_csv(study.folder / "peers.csv", index=False)
    again = study.run(peers={"given": {"from": str(study.folder / "peers.csv")}}, **config)
    for name in ("peers", "effects", "summary", "placebo_units", "peer_contributions", "verdicts"):
        assert first.tables[name].equals(again.tables[name]), name


def notes(study, units=True, **changes):
    config = study.config(**changes)
    sources = load_sources(config)
    return plan_notes(config, list(make_plan(config, sources).outcomes), sources.units if units else None)


def test_shared_peers_are_said(study):
    (note,) = notes(study, units=False)
    assert note == (
        "waits: 2 of the 2 peers serve more than one treated unit (D1 of T1, T2; D2 of T1, T2), so their "
        "estimates are not independent."
    )


def test_peers_of_another_type_are_said(study):
    found = notes(study)
    assert found[1:] == [
        "waits, T1: 1 of the 2 peers are of another type than acute (1 mental); `within` keeps to one type.",
        "waits, T2: 1 of the 2 peers are of another type than acute (1 mental); `within` keeps to one type.",
    ]


def test_far_peers_are_said(study):
    study.characteristics = "unit,size,age\nT1,50,90\nT2,2,2\nD1,1.1,1\nD2,1.2,1\nD3,1.3,1.1\nD4,1.4,1\n"
    assert (
        "waits: few units are like T1 (100 % of the others); so many other units have a last peer that is "
        "nearer."
    ) in notes(study)


@pytest.mark.parametrize(
    ("dated", "words"),
    [("2019", "2019, after"), ("2015", "2015, not clearly before"), ("2015-01", "2015-01, after"),
     ("2014-12", None), ("2014", None)],
)  # fmt: skip
def test_characteristics_dated_after_the_start_are_said(study, dated, words):
    data = {"characteristics": {"path": str(study.folder / "c.csv"), "dated": dated}}
    found = [note for note in notes(study, data=data) if "characteristics describe" in note]
    expected = (
        f"The characteristics describe {words} the start in January 2015: peers are matched on values that "
        "the intervention may have changed."
    )
    assert found == ([] if words is None else [expected])


def test_stability_says_who_stays_and_what_that_does_to_the_estimate(study, fitted):
    config = study.config(
        peers={"k": 2}, sensitivity={"k": [1], "drop_characteristic": True, "metric": ["mahalanobis"]}
    )
    sources = load_sources(config)
    plan = make_plan(config, sources).outcomes[0]
    assert compared_design(config).name == "difference"
    first, second = peer_stability(config, sources, plan)
    assert (first.chosen.unit, second.chosen.unit) == ("T1", "T2")
    estimates, _ = fitted(config, plan, "difference")
    own = Analysis.of(config).primary(estimates)
    rows = sensitivity_rows(config, sources, plan, COMPARISONS["difference"], own)
    curve = {(row.item.unit, row.dimension, row.choice): row.item.shown(row.item.estimate) for row in rows}
    assert first.primary.estimate == pytest.approx(curve["T1", "primary", "as configured"], rel=1e-12)
    for unit in (first, second):
        for item, estimated in zip(unit.alternatives, unit.estimates, strict=True):
            key = (unit.chosen.unit, item.dimension, item.choice)
            if key in curve:
                assert estimated.estimate == pytest.approx(curve[key], rel=1e-12)
                assert estimated.conf_low < estimated.estimate < estimated.conf_high
    assert {item.dimension for item in first.alternatives} == {"k", "drop_characteristic", "metric", "scale"}
    assert [found.chosen.unit for found in peer_stability(config, sources, plan, ["T2"])] == ["T2"]


def test_stability_without_a_design_with_peers_or_without_distances(study):
    config = study.config(designs=["single"])
    sources = load_sources(config)
    plan = make_plan(config, sources).outcomes[0]
    found = peer_stability(config, sources, plan)
    assert found[0].primary is None
    assert set(found[0].estimates) == {None}
    config = study.config(peers={"given": {"T1": ["D1"], "T2": ["D2"]}}, data={"characteristics": None})
    sources = load_sources(config)
    assert peer_stability(config, sources, make_plan(config, sources).outcomes[0]) == []
    config = study.config(peers={"k": 2, "match": "pre_period"})
    sources = load_sources(config)
    found = peer_stability(config, sources, make_plan(config, sources).outcomes[0])
    assert {item.dimension for item in found[0].alternatives} == {"k", "drop_characteristic"}


def test_a_unit_without_characteristics_of_its_own_is_named_as_the_cause(study):
    study.characteristics = study.characteristics.replace("T1,1,1", "T1,,")
    found = study.run(designs=["single", "difference"])
    why = (
        "all characteristics of T1 itself are missing, so nobody can be compared with it; fill them in, or list "
        "its peers under peers.given"
    )
    (lost,) = found.tables["not_estimated"].to_dict("records")
    assert (lost["unit"], lost["design"], lost["message"]) == ("T1", "difference", why)
    assert any(why in note for note in study.plan(designs=["difference"]).notes)
    assert "T2" in set(found.tables["peers"]["unit"])
