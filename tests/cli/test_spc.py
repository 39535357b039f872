"""``its-eval spc``."""

import csv
import io
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample" / "indicators.csv"


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_text_has_a_line_per_series_and_warnings(its, study):
    answer = its("spc", study.indicators, "--indicator", "seen", "--better", "higher", "--target", "79")
    assert (answer.code, answer.err) == (0, "")
    lines = [line for line in answer.out.splitlines() if line[:2] in {"A1", "B5"}]
    assert len(lines) == 2
    assert "Attention, seen, A1: Neighbouring points resemble each other" in answer.out
    assert "use its-eval run" in " ".join(answer.out.split())
    assert "· Limits are mean ± 2.66 mean moving ranges" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 100


def test_many_warnings_are_counted(its):
    answer = its("spc", SAMPLE, "--indicator", "leaver_rate", "--better", "lower")
    assert answer.out.count("Attention, ") == 5
    assert "Attention: 55 more of 60 series have such warnings" in answer.out


def test_csv_is_the_summary(its, study):
    rows = rows_of(its("spc", study.indicators, "--unit", "A1", "--unit", "B1", "--format", "csv").out)
    assert [(row["indicator"], row["unit"]) for row in rows] == [
        ("seen", "A1"), ("seen", "B1"), ("waits", "A1"), ("waits", "B1")
    ]  # fmt: skip
    assert {row["better"] for row in rows} == {"neither"}


def test_json_has_points_too(its, study):
    answer = its("spc", study.indicators, "--unit", "A1", "--indicator", "waits", "--format", "json")
    found = json.loads(answer.out)
    assert len(found["tables"]["points"]) == 48
    assert found["tables"]["points"][0]["moving_range"] is None
    assert found["notes"]


def summary(its, study, *arguments):
    answer = its(
        "spc", study.indicators, "--unit", "A1", "--indicator", "waits", "--format", "csv", *arguments
    )
    assert (answer.code, answer.err) == (0, "")
    (row,) = rows_of(answer.out)
    return row


@pytest.mark.parametrize(("how", "written"), [
    ("%m|%Y", lambda month: f"{month[5:]}|{month[:4]}"),
    ("mdy", lambda month: f"{month[5:]}/01/{month[:4]}"),
    ("financial", lambda month: f"{int(month[:4]) - (month[5:] < '04')}/"
                                f"{(int(month[:4]) + (month[5:] >= '04')) % 100:02d} M{(int(month[5:]) - 4) % 12 + 1}"),
])  # fmt: skip
def test_dates_however_they_are_written(its, study, how, written):
    whole = summary(its, study, "--intervention", "2015-07")
    lines = [line.split(",") for line in study.indicators.read_text().splitlines()[1:]]
    study.write_indicators([",".join([*line[:2], written(line[2]), line[3]]) for line in lines])
    assert summary(its, study, "--intervention", "2015-07", "--dates", how) == whole


@pytest.mark.parametrize(("how", "says"), [
    ("ymd", "--dates 'ymd' is no way to write dates; "),
    ("%Y", "--dates '%Y': it has no month"),
])  # fmt: skip
def test_no_way_to_write_dates(its, study, how, says):
    answer = its("spc", study.indicators, "--dates", how)
    assert (answer.code, says in answer.err) == (2, True)


def test_an_intervention_fixes_the_baseline(its, study):
    row = summary(its, study, "--intervention", "2015-07")
    assert row["n_baseline"] == "30"
    assert summary(its, study, "--baseline", "2015-06") == row
    assert summary(its, study, "--intervention", "2015-07", "--baseline", "2014-12")["n_baseline"] == "24"


def test_limits_can_be_made_anew_at_the_intervention(its, study):
    row = summary(its, study, "--intervention", "2015-07", "--recalculate", "2015-07")
    assert row["n_baseline"] == "18"


def test_variants_of_the_rules(its, study):
    plain = summary(its, study)
    only = summary(its, study, "--rules", "shift")
    assert int(only["n_special"]) <= int(plain["n_special"])
    assert int(summary(its, study, "--rules", "trend", "--trend", "3")["n_special"]) > int(
        summary(its, study, "--rules", "trend", "--trend", "7")["n_special"]
    )
    assert float(summary(its, study, "--screen-ranges")["mean_range"]) <= float(plain["mean_range"])
    assert summary(its, study, "--inner-only", "--rules", "two-of-three, shift")["rules"] in {
        "two-of-three, shift", "shift", "two-of-three", ""
    }  # fmt: skip


def test_a_result_folder(its, study, tmp_path, contents):
    out = tmp_path / "out"
    answer = its(
        "spc", study.indicators, "--indicator", "waits", "--unit", "A1", "--unit", "B1",
        "--intervention", "2015-07", "--better", "lower", "-o", out,
    )  # fmt: skip
    assert answer.code == 0
    written = contents(out)
    stems = {Path(path).stem for path in written if path.startswith("figures/")}
    assert stems == {"xmr_waits_all_grid", "xmr_waits_A1_chart", "xmr_waits_B1_chart"}
    drawn = rows_of(written["figures/xmr_waits_A1_chart.csv"].decode())
    assert len(drawn) == 48
    assert b"tables" not in written["tables/summary.csv"]
    manifest = json.loads(written["manifest.json"])
    assert set(manifest["outputs"]) == set(written) - {"manifest.json"}


def test_the_page_alone_or_no_figure_at_all(its, study, tmp_path):
    call = ("spc", study.indicators, "--indicator", "waits", "--unit", "A1", "--unit", "B1")
    assert its(*call, "-o", tmp_path / "page", "--grid-only").code == 0
    assert {path.stem for path in (tmp_path / "page" / "figures").iterdir()} == {"xmr_waits_all_grid"}
    assert its(*call, "-o", tmp_path / "none", "--no-figures").code == 0
    assert not (tmp_path / "none" / "figures").exists()


def test_a_single_series_has_a_chart_and_no_page(its, tmp_path):
    path = tmp_path / "one.csv"
    path.write_text(
        "month,value\n" + "".join(f"2019-{place:02d},{50 + place % 4}\n" for place in range(1, 13)),
        encoding="utf-8",
    )
    answer = its("spc", path, "-o", tmp_path / "out", "--grid-only")
    assert answer.code == 0
    (picture,) = (tmp_path / "out" / "figures").glob("*.png")
    assert picture.stem.startswith("xmr_value__chart")
    assert "Latest points: 1 common cause." in answer.out


def test_processes_draw_the_same_files(its, study, tmp_path):
    for jobs in ("1", "2"):
        assert its("spc", study.indicators, "-o", tmp_path / jobs, "-j", jobs).code == 0
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / jobs / "figures").iterdir()} for jobs in "12"
    )
    assert len(one) == 3 * 2 * (7 + 1)
    assert one == two


def test_every_fault_of_the_periods_is_told_at_once(its, study):
    answer = its(
        "spc", study.indicators, "--intervention", "July", "--baseline", "x", "--recalculate", "2015-13"
    )
    assert (answer.code, answer.out) == (2, "")
    for option in ("--intervention: 'July'", "--baseline: 'x'", "--recalculate: '2015-13'"):
        assert option in answer.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rules", "shfit,trend"), "--rules 'shfit': there is no such rule; did you mean 'shift'"),
        (("--baseline", "2015-06", "--recalculate", "2015-06"), "--recalculate lies within the --baseline"),
        (("--grid-only",), "name one with --out"),
        (("--target", "1", "--column", "target=value"), "choose one"),
        (("--column", "value"), "expected ROLE=NAME"),
    ],
)
def test_wrong_calls(its, study, arguments, message):
    answer = its("spc", study.indicators, *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_wrong_columns_are_told_at_once(its, study):
    answer = its("spc", study.units, "--column", "value=nmae", "--column", "when=x")
    assert (answer.code, answer.out) == (3, "")
    assert "there is no role 'when' for a column" in answer.err
    assert "there is no column 'nmae'; did you mean 'name'?" in answer.err
    assert "no column is recognised as period" in answer.err
