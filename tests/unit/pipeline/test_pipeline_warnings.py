"""What a run says without stopping: lost weights, absent outcomes, few peers, proportions, unused faults."""

import pytest

SHARE = {"indicator": "waits", "kind": "percentage", "seasonality": "none"}


def fits(study, **changes):
    tables = study.run(outcomes=[SHARE], estimators=["reml_ar", "ols"], **changes).tables
    return tables["fits"].set_index(["unit", "design", "estimator"])


def test_percentages_with_denominators_are_weighted_for_reml_alone(study):
    found = fits(study)
    assert set(found.xs("reml_ar", level="estimator")["weights"]) == {"sampling variance"}
    assert set(found.xs("ols", level="estimator")["weights"]) == {"none"}
    assert not found["flags"].str.contains("unweighted").any()


def test_a_lost_denominator_is_flagged(study):
    study.put("T1", 16, "denominator")
    found = fits(study)
    assert "unweighted" in found.loc[("T1", "single", "reml_ar"), "flags"]
    assert "unweighted" not in found.loc[("T1", "single", "ols"), "flags"]
    assert "unweighted" not in found.loc[("T2", "single", "reml_ar"), "flags"]


def test_a_lost_denominator_of_a_peer_is_flagged_in_the_difference(study):
    study.put("D1", 16, "denominator")
    found = fits(study)
    assert found.loc[("T1", "difference", "reml_ar"), "weights"] == "none"
    assert "unweighted" in found.loc[("T1", "difference", "reml_ar"), "flags"]
    assert found.loc[("T1", "single", "reml_ar"), "weights"] == "sampling variance"


def test_an_outcome_without_treated_data_does_not_stop_the_others(study):
    study.frame = study.frame.copy()
    extra = study.frame[study.frame["unit"] == "D1"].assign(indicator="stays")
    study.frame = type(study.frame)(study.frame.to_dict("records") + extra.to_dict("records"))
    found = study.run(outcomes=[SHARE, {"indicator": "stays", "seasonality": "none"}])
    rows = found.tables["not_estimated"]
    assert set(zip(rows["outcome"], rows["unit"], rows["design"], rows["reason"], strict=True)) == {
        ("stays", unit, design, "no_data") for unit in ("T1", "T2") for design in ("single", "difference")
    }
    assert "stays: no treated unit has data for it, so nothing is estimated." in found.notes
    assert set(found.tables["summary"]["outcome"]) == {"waits"}


def test_nothing_but_absent_outcomes_is_a_fault(study):
    study.frame = study.frame[study.frame["unit"].str.startswith("D")]
    faults = study.faults(outcomes=[SHARE])
    assert "outcome 'waits': no treated unit has data for it" in faults


def test_fewer_peers_than_asked_for(study):
    notes = study.plan(peers={"k": 9}).notes
    assert "waits, T1: 4 of the 9 peers asked for; no more candidates are eligible." in notes
    assert not any("asked for" in note for note in study.plan(peers={"k": "all"}).notes)
    assert not any("asked for" in note for note in study.plan(peers=None).notes)


def test_nobody_to_compare_with_is_said_with_the_commonest_reason(study):
    # the window begins before the data of anybody, and eight of 32 months before the start have none
    notes = study.plan(outcomes=[SHARE | {"start": "2012-05"}]).notes
    said = "Of 5 set aside, 4: 24 of 32 periods before the start observed."
    for unit in ("T1", "T2"):
        words = f"waits, {unit}: no candidate can serve as a peer of {unit}; see peer_exclusions. {said}"
        assert words in notes
    # without characteristics there is nobody who could be set aside
    study.characteristics = study.characteristics.replace("T1,1,1\n", "")
    (note,) = [note for note in study.plan().notes if "waits, T1" in note]
    assert note.endswith("so it has no peers; list them under peers.given.")


def test_reasons_that_name_a_distance_are_counted_together(study):
    notes = study.plan(peers={"k": 2, "caliper": 1e-6}).notes
    assert "Of 3 set aside, 2: farther than the caliper." in next(note for note in notes if "T1" in note)


def test_many_units_without_peers_are_counted(study):
    window = {"outcomes": [SHARE | {"start": "2012-05"}], "treated": ["T1", "T2", "D1", "D2"]}
    notes = [note for note in study.plan(**window).notes if "no candidate" in note or "more." in note]
    assert len(notes) == 4
    assert notes[-1] == "waits: the same of 1 more."


def test_proportions_are_suspected(study):
    study.frame["value"] = [f"{float(value) / 100:.4f}" for value in study.frame["value"]]
    (fault,) = study.faults()
    assert fault.startswith(
        "waits: no value is above 1: these look like proportions; set `scale: proportion`, "
    )


@pytest.mark.parametrize(("unit", "stops"), [("D4", False), ("D1", True), ("T1", True)])
def test_only_faults_of_treated_units_and_peers_stop_the_run(study, unit, stops):
    study.put(unit, 8, to="95.2%")
    if stops:
        assert "write 95.2: leave out the per cent sign" in study.faults()[0]
    else:
        assert any(item.check == "not_a_number" for item in study.plan().findings)
