"""``its-eval simulate``."""

import csv

import pytest

SIMULATION = """\
simulation: {donors: 6, level: 70, sd: 2, autocorrelation: 0.3, effect: {level_change: 9}}
outcome_defaults: {start: 2012-01, end: 2018-12}
"""


@pytest.fixture
def planned(study):
    """A config of two treated units whose file is still to be made up."""
    changes = {
        "path: indicators.csv}": "path: made.csv, columns: {unit: ward}}",
        "  characteristics: {path: characteristics.csv}\n": "",
        "  units: {path: units.csv, columns: {unit: unit, name: name, type: type}}\n": "",
        "peers: {k: 3}": "peers: {k: all}",
        '  - {indicator: seen, label: Seen in time, unit: "%", kind: percentage, better: higher}\n': "",
        "primary: slope_change": "primary: level_change",
    }
    path = study.write(changes=changes)
    path.write_text(path.read_text(encoding="utf-8") + SIMULATION, encoding="utf-8")
    return path


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_config_runs_on_what_was_made_up(its, planned, tmp_path):
    file = planned.parent / "made.csv"
    answer = its("simulate", planned, "-o", file)
    assert (answer.code, answer.err) == (0, "")
    truth = file.with_name("made_truth.csv")
    assert answer.out.splitlines() == [str(file), str(truth)]
    made = rows(file)
    assert list(made[0]) == ["indicator", "ward", "period", "value"]
    assert len(made) == 8 * 84
    assert {row["ward"] for row in made} == {"A1", "A2", *(f"donor_00{number}" for number in range(1, 7))}
    result = tmp_path / "result"
    assert its("run", planned, "-o", result, "--no-report", "--no-figures", "-q").code == 0
    found = {
        (row["unit"], row["estimand"]): (float(row["conf_low"]), float(row["conf_high"]))
        for row in rows(result / "tables" / "effects.csv")
        if row["design"] == "difference" and row["estimator"] == "reml_ar"
    }
    planted = {(row["unit"], row["estimand"]): float(row["effect"]) for row in rows(truth)}
    assert planted["A1", "level_change"] == 9
    for unit in ("A1", "A2"):
        low, high = found[unit, "level_change"]
        assert 0 < low < planted[unit, "level_change"] < high


@pytest.mark.parametrize("name", ["made.csv", "made.parquet"])
def test_one_seed_gives_the_same_bytes(its, planned, tmp_path, name):
    files = []
    for place, seed in enumerate(("5", "5", "6")):
        folder = tmp_path / str(place)
        folder.mkdir()
        assert its("simulate", planned, "-o", folder / name, "--seed", seed).code == 0
        files.append((folder / name).read_bytes())
    assert files[0] == files[1] != files[2]


def test_nothing_is_replaced_unasked(its, planned, tmp_path):
    truth = tmp_path / "made_truth.csv"
    truth.write_text("mine", encoding="utf-8")
    answer = its("simulate", planned, "-o", tmp_path / "made.csv")
    assert answer.code == 2
    assert "made_truth.csv exists already" in answer.err
    assert not (tmp_path / "made.csv").exists()
    assert its("simulate", planned, "-o", tmp_path / "made.csv", "--force").code == 0
    assert truth.read_text(encoding="utf-8").startswith("outcome,unit,")


def test_a_config_without_the_key_is_told_what_to_write(its, study, tmp_path):
    answer = its("simulate", study.config, "-o", tmp_path / "made.csv")
    assert answer.code == 2
    assert "simulation: missing; expected at least `simulation: {}`" in answer.err
    assert "needs `start` and `end`" in answer.err
