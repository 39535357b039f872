"""``its-eval validate``."""

import json


def test_a_valid_config(its, study, contents):
    before = contents(study.folder)
    answer = its("validate", study.config)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[0] == f"{study.config}: valid"
    assert contents(study.folder) == before


def test_notes_are_shown(its, study):
    rows = study.indicators.read_text().splitlines()[1:]
    study.write_indicators([row for row in rows if not row.startswith("waits,A1,2014-03")])
    answer = its("validate", study.config)
    assert answer.code == 0
    assert "  note: waits, A1: 1 of 48 periods missing: 2014-03\n" in answer.out


def test_the_coverage_of_treated_units_and_peers_is_told(its, study):
    """A merger, a suppressed value, a code that begins late and one that ends are each told once."""
    rows = study.indicators.read_text().splitlines()[1:]
    seen = [row.split(",") for row in rows if row.startswith("seen,")]
    lines = []
    for place, (_, unit, period, value) in enumerate(seen):
        size = 1000 + 10 * (place % 7) + (900 if unit == "B1" and period > "2014-05" else 0)
        shown = "*" if (unit, period) == ("A1", "2015-02") else value
        if unit != "A2" or period >= "2013-03":
            lines.append(f"seen,{unit},{period},{shown},{size}")
    lines = [line for line in lines if not line.startswith("seen,B2,2016-12")]
    study.indicators.write_text("\n".join(["indicator,unit,period,value,denominator", *lines, ""]))
    waits = "  - {indicator: waits, label: Waits, unit: days, better: lower}\n"
    study.write(changes={waits: "", "peers: {k: 3}": "peers: {given: {A1: [B1, B2], A2: [B1, B3]}}"})
    answer = its("validate", study.config)
    assert answer.code == 0
    notes = [line.removeprefix("  note: ") for line in answer.out.splitlines() if "seen, " in line]
    assert notes == [
        "seen, A1: 1 rows without a value (suppressed or not given): 2015-02",
        "seen, A2: the code appears in 2013-03",
        "seen, B1: its size changes by +87 % in 2014-06 beside the other units: a merger, or another way of "
        "counting?",
        "seen, B2: the code ends after 2016-11",
        "seen, A1: 1 of 48 periods missing: 2015-02",
        "seen, A2: 2 of 48 periods missing: 2013-01, 2013-02",
        "seen, B2: 1 of 48 periods missing: 2016-12",
    ]


def test_a_share_without_denominators_says_nothing_about_size(its, study):
    rows = study.indicators.read_text().splitlines()[1:]
    halved = [
        f"{row.rpartition(',')[0]},{float(row.rpartition(',')[2]) / 2}"
        if row.startswith("seen,A1") and row > "seen,A1,2014-06"
        else row
        for row in rows
    ]
    study.write_indicators(halved)
    assert "its size changes" not in its("validate", study.config).out


def test_gaps_of_units_that_are_not_used_are_counted(its, study):
    peers = its("peers", study.config, "--unit", "all", "--format", "csv").out
    unused = next(code for code in ("B1", "B2", "B3", "B4", "B5") if f",{code}," not in peers)
    rows = study.indicators.read_text().splitlines()[1:]
    study.write_indicators([row for row in rows if not row.startswith(f"waits,{unused},2014-03")])
    answer = its("validate", study.config)
    assert answer.code == 0
    assert f"waits, {unused}" not in answer.out
    assert "  note: 1 more about units that are neither treated nor peers; a run lists them\n" in answer.out


def test_all_faults_of_the_config(its, study):
    study.write(changes={"version: 1": "version: 7", "kind: percentage": "kind: per cent", "k: 3": "k: none"})
    answer = its("validate", study.config)
    assert (answer.code, answer.err) == (2, "")
    lines = answer.out.splitlines()
    assert lines[0] == f"{study.config}: 3 faults in the config"
    assert len([line for line in lines if line.startswith(f"  {study.config}:")]) == 3
    assert lines[-1].startswith("  hint: ")


def test_all_faults_of_the_data(its, study):
    rows = study.indicators.read_text().splitlines()[1:]
    study.write_indicators([*rows[2:], "waits,A1,2013-02,7", "seen,B1,2013-01,180", "waits,A2,2014-01,many"])
    answer = its("validate", study.config)
    assert answer.code == 3
    assert answer.out.startswith(f"{study.config}: ")
    assert "faults in the data" in answer.out
    for fault in ("2013-02 stands 2 times", "a percentage lies between 0 and 100", "'many' is not a number"):
        assert fault in answer.out


def test_one_fault_is_singular(its, study):
    study.write(changes={"treated: [A1, A2]": "treated: [A1, A22]"})
    answer = its("validate", study.config)
    assert answer.code == 3
    assert answer.out.startswith(f"{study.config}: 1 fault in the data\n")


def test_several_configs_give_the_gravest_code(its, study):
    bad = study.write("bad.yaml", changes={"version: 1": "version: 7"})
    gaps = study.write("gaps.yaml", changes={"treated: [A1, A2]": "treated: [A1, A22]"})
    answer = its("validate", bad, gaps, study.config)
    assert answer.code == 3
    for place in (f"{bad}: 1 fault in the config", f"{gaps}: 1 fault in the data", f"{study.config}: valid"):
        assert place in answer.out
    assert its("validate", bad, study.config).code == 2


def test_json(its, study):
    bad = study.write("bad.yaml", changes={"version: 1": "version: 7"})
    answer = its("validate", "--format", "json", bad, study.config)
    assert (answer.code, answer.err) == (2, "")
    first, second = json.loads(answer.out)
    assert (first["config"], first["valid"], first["stage"], len(first["problems"])) == (
        str(bad), False, "config", 1,
    )  # fmt: skip
    assert (second["valid"], second["stage"], second["problems"]) == (True, "ok", [])
    assert second["notes"]


def test_a_config_that_is_not_there(its, study):
    answer = its("validate", study.folder / "nowhere.yaml")
    assert answer.code == 2
    assert "there is no such file" in answer.out


def test_every_column_that_is_not_there_is_named_at_once(its, study):
    study.indicators.write_text("trust,month,score\nA1,2015-01,3\n")
    answer = its("validate", study.config)
    assert answer.code == 3
    for name in ("unit", "period", "indicator", "value"):
        assert f"there is no column '{name}'" in answer.out


def test_faults_of_several_tables_are_counted_one_by_one_and_shown_up_to_a_number(its, study):
    """Of 50 units with a characteristic that is no number 40 faults are shown, and 51 counted."""
    rows = study.characteristics.read_text().splitlines()
    rows += [f"C{place},about {place},0.5,3" for place in range(50)]
    study.characteristics.write_text("\n".join([*rows, ""]), encoding="utf-8")
    study.write(changes={"peers: {k: 3": "peers: {variables: [Beds, Urban], k: 3"})
    study.units.unlink()
    answer = its("validate", study.config)
    assert answer.code == 3
    lines = answer.out.splitlines()
    assert lines[0] == f"{study.config}: 51 faults in the data"
    assert (
        sum("is not a number" in line for line in lines) + sum("no such file" in line for line in lines) == 40
    )
    assert "  … and 11 more of this kind" in lines
