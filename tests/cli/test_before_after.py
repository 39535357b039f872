"""``its-eval before-after``."""

import csv
import io
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKSHOPS = ROOT / "data" / "sample" / "workshops.csv"


@pytest.fixture
def published(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text("measure,t,df\nLead time,4.077,81\nDefects,3.385,53\nStock,12.768,89\n", encoding="utf-8")
    return path


@pytest.fixture
def totals(tmp_path):
    path = tmp_path / "totals.csv"
    path.write_text("trust,what,Start,End\nA,Lead time,4000,1500\nB,Lead time,878,358\n", encoding="utf-8")
    return path


NAMED = ("--column", "measure=what", "--column", "baseline=Start", "--follow-up", "End")


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_text_shows_sums_tests_and_what_to_know(its):
    answer = its("before-after", WORKSHOPS)
    assert (answer.code, answer.err) == (0, "")
    assert "Lead time (hours), 90 days" in answer.out
    line = next(line for line in answer.out.splitlines() if line.startswith("all"))
    assert line.split()[:3] == ["all", "49", "3"]
    assert "· There is no control group" in answer.out
    assert "Regression to the mean" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 100


def test_published_totals_of_named_columns(its, totals):
    answer = its("before-after", totals, *NAMED)
    assert answer.code == 0
    (line,) = [line for line in answer.out.splitlines() if line.startswith("all")][:1]
    assert line.split() == ["all", "2", "0", "4,878", "1,858", "−3,020", "−61.9"]


def test_csv_is_the_table_of_changes(its, totals):
    rows = rows_of(its("before-after", totals, *NAMED, "--format", "csv").out)
    assert [row["unit"] for row in rows] == ["all", "A", "B"]
    assert float(rows[0]["sum_change"]) == -3020
    assert rows[1]["t"] == ""


def test_json_has_tables_and_notes(its, totals):
    found = json.loads(its("before-after", totals, *NAMED, "--format", "json").out)
    assert set(found["tables"]) == {"changes", "pairs", "left_out"}
    assert found["tables"]["changes"][1]["t"] is None
    assert found["notes"][0].startswith("There is no control group")


def test_published_statistics(its, published):
    answer = its("before-after", published)
    assert (answer.code, answer.err) == (0, "")
    lines = [line.split() for line in answer.out.splitlines() if "to" in line.split()]
    assert [line[-5] for line in lines[:3]] == ["0.413", "0.422", "0.804"]
    assert "r is not a correlation" in answer.out
    rows = rows_of(its("before-after", published, "--format", "csv").out)
    assert [round(float(row["r"]), 3) for row in rows] == [0.413, 0.422, 0.804]


def test_level_of_intervals(its, published):
    wide = rows_of(its("before-after", published, "--confidence", "0.99", "--format", "csv").out)[0]
    plain = rows_of(its("before-after", published, "--format", "csv").out)[0]
    assert float(wide["dz_low"]) < float(plain["dz_low"])
    assert wide["conf_level"] == "0.99"


def test_a_result_folder_is_written_whole(its, totals, tmp_path, contents):
    out = tmp_path / "out"
    answer = its("before-after", totals, *NAMED, "-o", out)
    assert answer.code == 0
    assert f"written to {out}" in answer.err
    written = contents(out)
    stem = "figures/slope_Lead-time_all_chart"
    assert {path for path in written if path.startswith("tables/")} == {
        f"tables/{name}.{form}" for name in ("changes", "pairs", "left_out") for form in ("csv", "parquet")
    }
    assert {Path(path).suffix for path in written if path.startswith(stem)} == {".csv", ".png", ".svg"}
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["inputs"].keys() == {totals.as_posix()}
    assert set(manifest["outputs"]) == set(written) - {"manifest.json"}
    assert (manifest["config"], manifest["seed"], manifest["figures"]) == (None, None, True)


def test_the_same_files_every_time(its, totals, tmp_path, contents):
    for name in ("one", "two"):
        its("before-after", totals, *NAMED, "-o", tmp_path / name)
    one, two = (contents(tmp_path / name, without=("manifest.json",)) for name in ("one", "two"))
    assert one == two


def test_an_old_result_is_replaced_only_when_asked(its, totals, tmp_path):
    out = tmp_path / "out"
    assert its("before-after", totals, *NAMED, "-o", out, "--no-figures").code == 0
    assert not (out / "figures").exists()
    refused = its("before-after", totals, *NAMED, "-o", out)
    assert refused.code == 2
    assert "exists already" in refused.err
    assert refused.out == ""
    assert its("before-after", totals, *NAMED, "-o", out, "--force").code == 0
    assert (out / "figures").is_dir()


def test_published_statistics_have_tables_only(its, published, tmp_path):
    assert its("before-after", published, "-o", tmp_path / "out").code == 0
    assert not (tmp_path / "out" / "figures").exists()
    assert (tmp_path / "out" / "tables" / "effect_sizes.csv").is_file()


def test_wrong_columns_are_told_at_once(its, totals):
    answer = its("before-after", totals)
    assert (answer.code, answer.out) == (3, "")
    for role in ("measure", "baseline", "a follow-up"):
        assert f"no column is recognised as {role}" in answer.err
    assert "--follow-up NAME" in answer.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--column", "baseline", "--column", "=x"), "--column 'baseline': expected ROLE=NAME"),
        (("--column", "unit=a", "--column", "unit=b"), "--column unit=b: unit is already 'a'"),
        (("--force",), "name one with --out"),
        (("--confidence", "2"), "--confidence"),
    ],
)
def test_wrong_calls(its, totals, arguments, message):
    answer = its("before-after", totals, *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_a_follow_up_does_not_go_with_statistics(its, published):
    answer = its("before-after", published, "--follow-up", "x")
    assert answer.code == 2
    assert "--follow-up does not go with it" in answer.err


def test_nothing_complete_is_nothing_estimated(its, tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("measure,baseline,follow_up\nWait,1,\nWait,,2\n", encoding="utf-8")
    answer = its("before-after", path, "-o", tmp_path / "out")
    assert answer.code == 4
    assert "no project has both a baseline and a follow-up" in answer.err
    assert not (tmp_path / "out").exists()


def test_a_missing_file(its, tmp_path):
    answer = its("before-after", tmp_path / "none.csv")
    assert answer.code == 3
    assert "there is no such file" in answer.err
