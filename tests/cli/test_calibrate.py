"""``its-eval calibrate``."""

import csv
import io
import json

import pandas as pd
import pytest

from its_eval.pipeline.calibration import LABELLED
from its_eval.pipeline.truths import TRUTHS

ROWS = 2 * 2 * (3 * 2 * (len(TRUTHS) + 1) + len(TRUTHS))
LABELS = """\
estimators:
  - ols
  - {name: ols, label: least squares as in the report of the year before last}
  - {name: reml_ar, order: 1}
  - {name: reml_ar, order: 2}
  - {name: newey_west, lags: 1}
"""


@pytest.fixture
def small(study):
    return study.write(changes={"estimators: [reml_ar, ols]": "estimators: [reml_ar, newey_west, ols]"})


def test_text_shows_the_sizes_side_by_side(its, small):
    answer = its("calibrate", small, "--reps", "20")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == "waits, single, jump"
    assert lines[1] == "found where there is none, % of series (95 % limits), nominal 5; power, %"
    assert lines[2].split() == ["simulated", "errors", "reml_ar", "newey_west", "ols"]
    assert lines[3].startswith("as fitted ")
    assert lines[3].count(";") == 3
    assert sum(line.startswith("real donors") for line in lines) >= 8
    assert max(map(len, lines)) <= 100
    # one line a world, none cut or folded
    assert lines.index("") == 2 + 1 + len(TRUTHS) + 1
    assert "…" not in answer.out


def test_many_and_long_labels_stay_within_the_width(its, study):
    path = study.write(changes={"estimators: [reml_ar, ols]\n": LABELS, "[single, difference]": "[single]"})
    answer = its("calibrate", path, "--reps", "20")
    assert answer.code == 0
    assert max(map(len, answer.out.splitlines())) <= 100
    assert "…" not in answer.out
    words = " ".join(answer.out.split())
    for word in ("least", "squares", "report", "year", "before", "last"):
        assert word in words
    # two groups of columns in each of four blocks, and one in each of two about labels
    assert answer.out.count("simulated errors") >= 10
    assert "waits, single, label says of a change" in answer.out


def test_csv_is_the_table(its, small):
    answer = its("calibrate", small, "--reps", "20", "--format", "csv", "--quiet")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    # outcomes, designs; three estimators of level and slope, and real donors; labels of the first
    assert len(rows) == ROWS
    assert {row["estimator"] for row in rows} == {"reml_ar", "newey_west", "ols"}
    for row in rows:
        assert float(row["size"]) + float(row["coverage"]) == pytest.approx(1)
        assert float(row["size_low"]) <= float(row["size"]) <= float(row["size_high"])


def test_json_has_null_for_what_is_not_known(its, small):
    found = json.loads(its("calibrate", small, "--reps", "20", "--format", "json").out)
    rows = found["tables"]["calibration"]
    assert {row["power"] is None for row in rows if row["truth"] == "real donors"} == {True}
    simulated = [row for row in rows if row["truth"] != "real donors"]
    assert {row["power"] is None for row in simulated if row["estimand"] == LABELLED} == {True}
    assert all(row["power"] is not None for row in simulated if row["estimand"] != LABELLED)
    assert found["notes"] == []


def test_folder_is_written_once(its, small, tmp_path, contents):
    target = tmp_path / "calibrated"
    assert its("calibrate", small, "--reps", "20", "-o", target).code == 0
    table = pd.read_parquet(target / "tables" / "calibration.parquet")
    assert len(table) == ROWS
    before = contents(target)
    again = its("calibrate", small, "--reps", "20", "-o", target)
    assert again.code == 2
    assert "calibrated" in again.err
    assert contents(target) == before
    assert its("calibrate", small, "--reps", "20", "-o", target, "--force").code == 0
    assert contents(target)["tables/calibration.csv"] == before["tables/calibration.csv"]


def test_faults_are_said_with_what_to_do(its, study, tmp_path):
    assert its("calibrate", tmp_path / "absent.yaml").code == 2
    few = its("calibrate", study.config, "--reps", "5")
    assert few.code == 2
    assert "20" in few.err
    stacked = study.write(changes={"[single, difference]": "[stacked]", "[reml_ar, ols]": "[ols]"})
    answer = its("calibrate", stacked, "-o", tmp_path / "none")
    assert answer.code == 2
    assert "calibrate simulates single and difference" in answer.err
    assert not (tmp_path / "none").exists()
