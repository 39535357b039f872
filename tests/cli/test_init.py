"""``its-eval init``."""

import pytest
import yaml


def test_the_demonstration_runs_from_another_folder(its, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    demo = tmp_path / "demo"
    answer = its("init", "--demo", demo)
    assert answer.code == 0
    written = answer.out.splitlines()
    assert str(demo / "configs" / "sample.yaml") in written
    assert str(demo / "data" / "sample" / "indicators.csv") in written
    assert answer.err == f"next: its-eval run {demo / 'configs' / 'sample.yaml'}\n"
    assert its("validate", demo / "configs" / "sample_strata.yaml").code == 0
    for name in ("uk_seatbelts", "california_prop99"):
        config = demo / "configs" / f"{name}.yaml"
        assert its("run", config, "--no-figures", "-q").code == 0
        assert (elsewhere / "results" / name / "manifest.json").is_file()
    assert its("validate", demo / "configs" / "sample.yaml").code == 0


def test_nothing_is_overwritten_without_force(its, tmp_path, contents):
    assert its("init", "--demo", tmp_path).code == 0
    changed = tmp_path / "configs" / "sample.yaml"
    changed.write_text("mine")
    before = contents(tmp_path)
    answer = its("init", "--demo", tmp_path)
    assert (answer.code, answer.out) == (2, "")
    assert "exists already: " in answer.err
    assert "hint: use --force to overwrite" in answer.err
    assert contents(tmp_path) == before
    assert its("init", "--demo", "--force", tmp_path).code == 0
    assert changed.read_text() != "mine"


def test_one_file_in_the_way_means_that_none_is_written(its, tmp_path, contents):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "uk_seatbelts.yaml").write_text("mine")
    assert its("init", "--demo", tmp_path).code == 2
    assert contents(tmp_path) == {"configs/uk_seatbelts.yaml": b"mine"}


def test_the_demonstration_takes_no_other_option(its, tmp_path):
    answer = its("init", "--demo", tmp_path / "demo", "--unit", "A1")
    assert answer.code == 2
    assert "--demo lays out the sample as it is" in answer.err
    assert not (tmp_path / "demo").exists()


def test_a_starter_for_a_question_is_valid_on_its_data(its, study, monkeypatch):
    monkeypatch.chdir(study.folder)
    answer = its(
        "init", "new/study", "--indicators", "indicators.csv", "--characteristics", "characteristics.csv",
        "--unit", "A1", "--unit", "A2", "--indicator", "waits", "--date", "2015-07",
    )  # fmt: skip
    assert answer.code == 0
    assert answer.out == "new/study/its-eval.yaml\n"
    assert answer.err.endswith(
        "better: not said; write `better: higher` or `better: lower` with the outcome\n"
        "next: its-eval run new/study/its-eval.yaml\n"
    )
    config = yaml.safe_load((study.folder / "new" / "study" / "its-eval.yaml").read_text())
    assert config["data"]["indicators"]["path"] == "../../indicators.csv"
    assert its("validate", "new/study/its-eval.yaml").out.startswith("new/study/its-eval.yaml: valid\n")
    assert its("run", "new/study/its-eval.yaml", "--no-figures", "-q").code == 0


def test_without_characteristics_it_is_single_group(its, study):
    arguments = (
        "--indicators",
        study.indicators,
        "--unit",
        "A1",
        "--indicator",
        "waits",
        "--date",
        "2015-07",
    )
    assert its("init", study.folder, *arguments).code == 0
    assert its("validate", study.folder / "its-eval.yaml").code == 0
    assert "peers" not in yaml.safe_load((study.folder / "its-eval.yaml").read_text())


def test_columns_are_taken_from_the_tables(its, study):
    rows = [row.removeprefix("waits,") for row in study.indicators.read_text().splitlines() if "waits" in row]
    study.indicators.write_text("\n".join(["unit,period,value", *rows]))
    text = study.characteristics.read_text()
    study.characteristics.write_text(text.replace("unit,", "Trust code,", 1))
    answer = its(
        "init", study.folder, "--indicators", study.indicators, "--characteristics", study.characteristics,
        "--unit", "A1", "--indicator", "waits", "--date", "2015-07",
    )  # fmt: skip
    assert answer.code == 0
    checked = its("validate", study.folder / "its-eval.yaml")
    assert checked.out.startswith(f"{study.folder / 'its-eval.yaml'}: valid\n")


def test_what_cannot_be_told_is_asked_and_nothing_is_written(its, study):
    rows = [
        f"A{place},{2010 + month // 12}-{month % 12 + 1:02d},{place},{month}"
        for place in (1, 2)
        for month in range(30)
    ]
    study.indicators.write_text("\n".join(["who,month,score,seen", *rows]))
    answer = its("init", study.folder / "new", "--indicators", study.indicators, "--date", "2011-07")
    assert (answer.code, answer.out) == (2, "")
    assert "--indicator: which column holds the values? There are: 'score', 'seen'" in answer.err
    arguments = ("--indicators", study.indicators, "--indicator", "score")
    answer = its("init", study.folder / "new", *arguments)
    assert answer.code == 2
    assert "--date: the first affected month is missing; the table has 2010-01 to 2012-06" in answer.err
    assert not (study.folder / "new").exists()
    answer = its("init", study.folder / "new", *arguments, "--date", "2011-07", "--unit", "A2")
    assert answer.code == 0
    config = yaml.safe_load((study.folder / "new" / "its-eval.yaml").read_text())
    assert config["data"]["indicators"]["columns"] == {"period": "month", "unit": "who", "value": "score"}


def test_columns_are_recognised_by_their_usual_names(its, study):
    rows = [row.removeprefix("waits,") for row in study.indicators.read_text().splitlines() if "waits" in row]
    study.indicators.write_text("\n".join(["Trust code,Month,waits", *rows]))
    answer = its(
        "init", study.folder, "--indicators", study.indicators, "--unit", "A1", "--indicator", "waits",
        "--date", "2015-07",
    )  # fmt: skip
    assert answer.code == 0
    config = yaml.safe_load((study.folder / "its-eval.yaml").read_text())
    assert config["data"]["indicators"]["columns"] == {
        "period": "Month", "unit": "Trust code", "value": "waits",
    }  # fmt: skip
    assert its("validate", study.folder / "its-eval.yaml").code == 0


def test_units_and_indicators_that_the_table_does_not_hold(its, study):
    arguments = ("--indicators", study.indicators, "--unit", "A1", "--unit", "A11", "--date", "2015-07")
    answer = its("init", study.folder / "new", *arguments, "--indicator", "waits")
    assert (answer.code, answer.out) == (2, "")
    assert f"{study.indicators}: --unit 'A11': it holds no such unit; did you mean 'A1'" in answer.err
    answer = its("init", study.folder / "new", *arguments, "--indicator", "wait")
    assert "--indicator 'wait': it holds no such indicator; did you mean 'waits'?" in answer.err
    answer = its("init", study.folder / "new", "--indicators", study.indicators, "--date", "2015-07")
    assert "--indicator: which one of 'seen', 'waits'?" in answer.err
    assert not (study.folder / "new").exists()


def test_numerator_and_denominator_are_a_percentage(its, study):
    rows = [
        f"waits,A1,{2013 + month // 12}-{month % 12 + 1:02d},{80 + month % 7},{100 + month % 5}"
        for month in range(48)
    ]
    study.indicators.write_text("\n".join(["indicator,unit,period,numerator,denominator", *rows]))
    assert its("init", study.folder, "--indicators", study.indicators, "--date", "2015-07").code == 0
    config = yaml.safe_load((study.folder / "its-eval.yaml").read_text())
    assert config["outcomes"] == [{"indicator": "waits", "kind": "percentage"}]
    assert config["treated"] == ["A1"]


def test_nothing_given_is_a_template_to_edit(its, tmp_path):
    answer = its("init", tmp_path)
    assert answer.code == 0
    assert yaml.safe_load((tmp_path / "its-eval.yaml").read_text())["treated"] == ["UNIT01"]
    checked = its("validate", tmp_path / "its-eval.yaml")
    assert checked.code == 3
    assert "indicators.csv: there is no such file" in checked.out


def test_the_default_folder_is_here(its, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert its("init").out == "its-eval.yaml\n"


@pytest.mark.parametrize("option", ["--indicators", "--characteristics"])
def test_a_table_that_is_not_there(its, tmp_path, option):
    answer = its("init", tmp_path, option, tmp_path / "nowhere.csv")
    assert answer.code == 2
    assert f"{option}: {tmp_path / 'nowhere.csv'} does not exist" in answer.err


@pytest.mark.parametrize("date", ["2015-13", "summer 2015", "01/07/2015", "{a: b}"])
def test_a_date_that_is_no_period(its, tmp_path, date):
    answer = its("init", tmp_path, "--date", date)
    assert answer.code == 2
    assert f"--date {date!r}: expected a period such as 2015-07 (month), 2003Q2 (quarter)" in answer.err
    assert not (tmp_path / "its-eval.yaml").exists()


def test_a_folder_that_cannot_be(its, tmp_path):
    (tmp_path / "file").write_text("")
    answer = its("init", tmp_path / "file" / "inner")
    assert answer.code == 2
    assert f"cannot write to {tmp_path / 'file' / 'inner'}: " in answer.err
