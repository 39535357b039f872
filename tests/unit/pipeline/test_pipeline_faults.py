"""Faults of the data as a run meets them: every one in one pass, and none from rows that no run uses."""

import gzip

import pandas as pd
import pytest

from its_eval.errors import DataError
from its_eval.pipeline.sources import input_files, load_sources


def quality(plan):
    return {(item.unit, item.check, item.severity) for item in plan.findings}


def test_a_sound_study_has_no_findings(study):
    plan = study.plan()
    assert plan.findings == ()
    assert plan.notes == (
        (
            "waits: 2 of the 2 peers serve more than one treated unit (D1 of T1, T2; D2 of T1, T2), so "
            "their estimates are not independent."
        ),
        "waits, T1: 1 of the 2 peers are of another type than acute (1 mental); `within` keeps to one type.",
        "waits, T2: 1 of the 2 peers are of another type than acute (1 mental); `within` keeps to one type.",
    )
    study.units = study.units.replace("mental", "acute")
    assert study.plan(treated=["T1"]).notes == ()
    excluded = study.plan(peers={"k": 2, "exclude": ["D1"]})
    assert (
        "waits: 2 of the 4 nearest candidates are eligible peers; the next nearest fill up the other "
        "2 places. The table peer_exclusions gives each reason."
    ) in excluded.notes
    assert [outcome.start_period for outcome in plan.outcomes] == ["2015-01"]
    assert plan.outcomes[0].start_in_words == "January 2015"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("35,744", "write 35744: thousands separators are not read"),
        ("95.2%", "write 95.2: leave out the per cent sign"),
        ("1,5", "write 1.5: the decimal mark is a point, or set `decimal: ','`"),
        ("inf", "an infinite value cannot be used; leave the cell blank when it is not known"),
    ],
)
def test_not_a_number(study, text, hint):
    row = study.put("T1", 3, to=text)
    assert study.faults() == [f"waits.csv row {row}, column 'value': {text!r} is not a number; {hint}"]


def test_the_column_is_named_as_in_the_file(study):
    study.frame = study.frame.rename(columns={"value": "within_4h_pct"})
    row = 2 + 3
    study.frame.loc[3, "within_4h_pct"] = "x"
    assert study.faults(table={"columns": {"value": "within_4h_pct"}}) == [
        (
            f"waits.csv row {row}, column 'within_4h_pct': 'x' is not a number; "
            "write digits with a decimal point, or leave the cell blank when it is not known"
        )
    ]


def test_several_faults_in_one_pass(study):
    rows = [
        study.put("T1", 3, to="1,5"),
        study.put("T2", 4, to=140),
        study.put("D1", 5, "denominator", to=-7),
        study.put("T2", 6, "period", to="2013-13"),
    ]
    study.put("D2", 8, to=3)
    extra = study.frame.iloc[[7]]
    study.frame = pd.concat([study.frame, extra], ignore_index=True)
    assert sorted(study.faults()) == sorted(
        [
            (
                f"waits.csv row {rows[0]}, column 'value': '1,5' is not a number; write 1.5: "
                "the decimal mark is a point, or set `decimal: ','`"
            ),
            f"waits.csv row {rows[1]}: waits, T2, 2013-05: value 140.0: a percentage lies between 0 and 100",
            f"waits.csv row {rows[2]}: waits, D1, 2013-06: denominator -7.0: it cannot be negative",
            f"waits.csv row {rows[3]}: '2013-13' is not a date of the calendar",
            "waits, T1, 2013-08 stands 2 times (waits.csv row 9, waits.csv row 290): duplicated rows; keep one row",
        ]
    )


def test_slashed_dates_throughout_are_a_fault_and_no_crash(study):
    study.frame["period"] = [f"01/{text[5:]}/{text[:4]}" for text in study.frame["period"]]
    found = study.faults()
    assert found[0] == (
        "waits.csv row 2: '01/01/2013' is ambiguous; expected a month such as 2015-07, or set `dates: dmy` "
        "(day first) or `dates: mdy`"
    )
    assert found[-1] == "… and 57 more of this kind"
    assert len(found) == 41
    assert study.plan(table={"dates": "dmy"}).findings == ()


def test_no_readable_period_of_a_treated_unit(study):
    study.frame["period"] = "soon"
    study.frame = study.frame[study.frame["unit"].isin(["T1", "D1"])].iloc[[0, 50]]
    assert study.faults(treated=["T1"], peers=None) == [
        "waits.csv row 2: 'soon' is not a month; expected a month such as 2015-07",
        "outcome 'waits': no row of a treated unit has a period that can be read",
    ]


@pytest.mark.parametrize("kind", ["count", "rate"])
def test_negative_values(study, kind):
    row = study.put("T1", 3, to=-2)
    outcome = {"indicator": "waits", "kind": kind}
    assert study.faults(outcomes=[outcome]) == [
        f"waits.csv row {row}: waits, T1, 2013-04: value -2.0: a {kind} cannot be negative"
    ]
    study.plan(outcomes=[{"indicator": "waits", "kind": "number"}])


def test_unknown_names_come_with_the_nearest(study):
    assert study.faults(
        treated=["T1", "T11"],
        outcomes=[{"indicator": "wait"}],
        peers={"given": {"T1": ["D1", "D11"], "T11": ["D2"]}, "within": ["units.typ"]},
    ) == [
        "treated unit 'T11' is not in the indicator data; did you mean 'T1'?",
        "peers.given names 'D11', which is not in the indicator data; did you mean 'D1'?",
        "peers.within: the units table has no column 'units.typ'; did you mean 'type'?",
        "outcome 'wait': the data have no such indicator; did you mean 'waits'?",
    ]


def test_units_set_aside_that_no_table_knows_are_noted(study):
    events = [{"name": "Strike", "date": "2014-01", "as": "mask", "units": ["T22"]}]
    notes = study.plan(peers={"k": 2, "exclude": ["D22", "D1"]}, events=events).notes
    assert notes[0].startswith(
        "peers.exclude names 'D22', which is in no table and so has no effect; did you mean"
    )
    assert notes[1].startswith(
        "the event 'Strike' names 'T22', which is in no table and so has no effect; did"
    )
    assert not [note for note in notes if "D1'," in note and "exclude" in note]
    events[0]["units"] = ["T1"]
    given = {"given": {"T1": ["D1"], "T2": ["D3"]}}
    assert study.plan(peers=given, data={"characteristics": None}, events=events).notes == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"date": "2020-01"}, "the intervention 2020-01 lies outside its data, 2013-01 to 2016-12"),
        ({"date": "2012-01"}, "the intervention 2012-01 lies outside its data, 2013-01 to 2016-12"),
        (
            {"date": "2013-01"},
            "the intervention 2013-01 leaves no period before it in its data, 2013-01 to 2016-12",
        ),
    ],
)
def test_intervention_outside_the_data(study, changes, message):
    phase = {"phase_in": {"periods": 3}}
    assert study.faults(intervention=changes | phase) == [f"outcome 'waits': {message}"]


def test_window_without_data(study):
    outcome = study.settings["outcomes"][0] | {"start": "2017-01"}
    assert study.faults(outcomes=[outcome], intervention={"date": "2018-01"}) == [
        "outcome 'waits': the treated units have data from 2013-01 to 2016-12, outside its start and end"
    ]


def test_no_treated_unit_has_the_indicator(study):
    study.frame.loc[study.frame["unit"].isin(["T1", "T2"]), "indicator"] = "other"
    assert study.faults() == ["outcome 'waits': no treated unit has data for it"]


def test_faults_in_rows_that_no_run_uses_are_only_reported(study):
    study.put("D4", 3, to="1,5")
    study.put("D3", 3, to=140)
    study.put("T1", 2, to="95%")
    study.put("T2", 30, to="many")
    study.put("T1", 31, to=-5)
    study.put("T1", 25, to=1000)
    study.put("D1", 5, "unit", to=" ")
    study.put("D1", 6, "indicator", to="")
    other = study.frame.iloc[:3].assign(indicator="other", value="x")
    stranger = study.frame.iloc[:1].assign(unit="ZZ", value="y")
    study.frame = pd.concat([study.frame, other, stranger], ignore_index=True)
    characteristics = study.characteristics.replace("D4,6,4\n", "")
    study.characteristics = characteristics
    plan = study.plan(
        peers={"k": 2, "exclude": ["D3"]},
        outcomes=[study.settings["outcomes"][0] | {"start": "2013-06"}],
        intervention={"date": "2015-01", "phase_in": {"periods": 2}},
        events=[
            {"name": "Strike", "date": "2015-07", "as": "mask", "units": ["T2"]},
            {"name": "Flood", "date": "2015-08", "as": "mask"},
        ],
    )
    found = quality(plan)
    assert {
        ("D4", "not_a_number", "error"),
        ("D3", "impossible_percentage", "error"),
        ("T1", "not_a_number", "error"),
        ("T2", "not_a_number", "error"),
        ("T1", "impossible_percentage", "error"),
        ("ZZ", "not_a_number", "error"),
        ("", "blank_unit", "warning"),
        ("D1", "blank_indicator", "warning"),
    } <= found
    messages = {item.message for item in plan.findings}
    assert "waits.csv row 103: the unit is blank; the row is not used" in messages
    assert "waits.csv row 104: the indicator is blank; the row is not used" in messages


def test_missing_months_are_masked_or_refused(study):
    study.drop("T1", [3, *range(30, 37)])
    study.put("D1", 10)
    plan = study.plan()
    messages = {item.unit: item.message for item in plan.findings}
    assert messages == {
        "T1": "waits, T1: 8 of 48 periods missing: 2013-04, 2015-07, 2015-08, 2015-09, 2015-10, 2015-11, …",
        "D1": "waits, D1: 1 of 48 periods missing: 2013-11",
    }
    assert {item.severity for item in plan.findings} == {"info"}
    assert plan.outcomes[0].peer_sets["T1"].peers == ("D1", "D2")
    assert study.faults(data={"missing": "error"}) == [
        messages["T1"] + "; `missing: mask` would leave them out and keep the time gap"
    ]
    masks = [
        {"name": "Pause", "date": "2015-07", "until": "2016-01", "as": "mask"},
        {"name": "Fire", "date": "2013-04", "as": "mask", "units": ["T1"]},
    ]
    plan = study.plan(data={"missing": "error"}, events=masks)
    strict = plan.outcomes[0].peer_sets["T1"]
    assert strict.peers == ("D2", "D4")
    reasons = {item.candidate: item.reason for item in strict.set_aside()[0]}
    assert reasons == {"D1": "23 of 24 periods before the start observed", "T2": "treated itself"}


def test_several_tables_at_once(study):
    study.config()
    gz = study.folder / "more.csv.gz"
    gz.write_bytes(gzip.compress(b"indicator,unit,period,value\nwaits,D1,2017-01,1x\n"))
    parquet = study.folder / "p.parquet"
    pd.DataFrame({"unit": ["T1"], "month": [pd.Timestamp("2013-01-01")], "value": [5.0]}).to_parquet(parquet)
    wide = study.folder / "wide.csv"
    wide.write_text("when,T1,T2\n2013-01,5,x\n2013-02,,6\n", encoding="utf-8")
    tables = [
        {"path": str(study.folder / "waits.csv")},
        {"path": str(gz)},
        {"path": str(parquet), "indicator": "stay", "columns": {"period": "month"}},
        {"path": str(wide), "indicator": "wide", "layout": "wide", "columns": {"period": "when"}},
    ]
    config = study.config(data={"indicators": tables})
    sources = load_sources(config)
    frame = sources.rows.frame
    assert frame["indicator"].value_counts().to_dict() == {"waits": 289, "wide": 4, "stay": 1}
    assert [item.message for item in sources.rows.findings] == [
        "more.csv.gz row 2, column 'value': '1x' is not a number; write digits with a decimal point, or leave "
        "the cell blank when it is not known",
        (
            "wide.csv row 2, column 'T2': 'x' is not a number; write digits with a decimal point, or leave "
            "the cell blank when it is not known"
        ),
    ]
    assert [path.name for path in input_files(config)] == [
        *("waits.csv", "more.csv.gz", "p.parquet", "wide.csv", "c.csv", "u.csv")
    ]


def test_faults_of_all_files_together(study):
    study.config()
    (study.folder / "bad.csv").write_text("unit,period\nA,2015-01\n", encoding="utf-8")
    (study.folder / "wide.csv").write_text("period,A,A\n2015-01,1,2\n", encoding="utf-8")
    (study.folder / "twice.csv").write_text("unit,period,value,value\nA,2015-01,1,2\n", encoding="utf-8")
    study.characteristics = "unit,size\nT1,1\nT1,2\n"
    study.units = "code,name,type\nT1,,\n"
    tables = [
        {"path": str(study.folder / "bad.csv"), "indicator": "a"},
        {"path": str(study.folder / "wide.csv"), "indicator": "b", "layout": "wide"},
        {"path": str(study.folder / "twice.csv"), "indicator": "c"},
        {"path": str(study.folder / "no.csv")},
    ]
    assert study.faults(data={"indicators": tables}) == [
        "bad.csv: there is no column 'value'; there are: 'unit', 'period'",
        "wide.csv: 2 columns are called 'A'; expected one",
        "twice.csv: 2 columns are called 'value'; expected one",
        "no.csv: there is no such file",
        "u.csv: there is no column 'unit'; there are: 'code', 'name', 'type'",
        "c.csv: row 3: unit 'T1' stands in row 2 already",
    ]
    with pytest.raises(DataError) as caught:
        load_sources(study.config(data={"indicators": tables}))
    assert caught.value.hint == "check the paths and columns under data.indicators"
    with pytest.raises(DataError) as caught:
        load_sources(study.config(data={"units": None}))
    assert caught.value.hint == "keep one row per unit"


def test_a_folder_stands_for_the_files_in_it(study):
    folder = study.folder / "all.parquet"
    folder.mkdir()
    for number, (unit, part) in enumerate(study.frame.groupby("unit")):
        part.astype({"value": float, "denominator": int}).to_parquet(folder / f"{number}-{unit}.parquet")
    config = study.config(
        data={"indicators": {"path": str(folder)}, "characteristics": None, "units": None},
        peers=None,
    )
    assert next(path.name for path in input_files(config)) == "0-D1.parquet"
    assert len(load_sources(config).rows.frame) == len(study.frame)
    assert load_sources(config).scaled is None
