"""The starter config and the demonstration."""

import pytest
import yaml

from its_eval import starter
from its_eval.config import load_config
from its_eval.data.opening import Asked
from its_eval.errors import OutputError, UsageError


def starting(folder, indicators=None, characteristics=None, **asked):
    question = starter.Question(indicators, characteristics, Asked(**asked))
    return starter.starter_config(folder, question, starter.recognised_table(question))


@pytest.mark.parametrize("text", ["RTP", "a.b/c-d_e", "2018-10", "1989"])
def test_words_are_not_quoted(text):
    assert starter.quoted(text) == text


@pytest.mark.parametrize(
    "text", ["NO", "null", "True", "a b", "it's", "a: b", "[x]", "#1", "", "-x", "ä", "a, b", "on", "~", "&a"]
)
def test_other_texts_survive_yaml(text):
    assert starter.quoted(text).startswith("'")
    assert yaml.safe_load(f"[{starter.quoted(text)}]") == [text]


@pytest.mark.parametrize(
    ("date", "frequency"),
    [("2018-10", "month"), ("2003Q2", "quarter"), ("1989", "year"), (None, "month")],
)
def test_the_frequency_is_that_of_the_date(tmp_path, date, frequency):
    path = tmp_path / "its.yaml"
    path.write_text(starting(tmp_path, dates=(date,) if date else ()))
    config = load_config(path)
    assert config.data.frequency == frequency
    assert config.intervention.date == (date or starter.EXAMPLE_DATE)


def test_a_week_is_understood_as_one(tmp_path):
    assert "frequency: week\n" in starting(tmp_path, dates=("2020-W05",))


def test_every_starter_loads_with_strange_names(tmp_path):
    folder = tmp_path / "a folder, #1"
    folder.mkdir()
    table = folder / "it's my: data.csv"
    rows = [
        f"{unit},2015-{month},{month}" for unit in ("NO", "0123", '"A, B"') for month in ("01", "02", "03")
    ]
    table.write_text("\n".join(["unit,period,value", *rows]))
    path = tmp_path / "its.yaml"
    units = ("NO", "0123", "A, B")
    path.write_text(
        starting(tmp_path, indicators=table, units=units, indicator="four-hour: %", dates=("2015-02",))
    )
    config = load_config(path)
    assert config.treated == ("NO", "0123", "A, B")
    assert config.title == "four-hour: % of NO, 0123, A, B from 2015-02"
    assert config.outcomes[0].indicator == "four-hour: %"
    assert config.data.indicators[0].indicator == "four-hour: %"
    assert config.data.indicators[0].path == table


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"--indicators: nowhere.csv does not exist"):
        starting(tmp_path, indicators=tmp_path.__class__("nowhere.csv"))


def test_the_demonstration_is_whole():
    files = starter.demo_files()
    names = {path.as_posix() for path in files}
    shipped = {f"configs/{name}.yaml" for name in ("sample", "sample_strata", "uk_seatbelts")}
    assert shipped | {"configs/california_prop99.yaml"} <= names
    assert {"data/sample/indicators.csv", "data/sample/characteristics.csv", "data/sample/units.csv"} <= names
    assert not [path for path in files if path.name.startswith(".")]
    assert all(files.values())


def test_an_installed_demonstration_comes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(starter, "__file__", str(tmp_path / "its_eval" / "starter.py"))
    (tmp_path / "its_eval").mkdir()
    assert starter.demo_root() == tmp_path
    (tmp_path / "its_eval" / "demo").mkdir()
    assert starter.demo_root() == tmp_path / "its_eval" / "demo"


def test_write_files(tmp_path):
    files = {tmp_path.__class__("b/c.txt"): b"c", tmp_path.__class__("a.txt"): b"a"}
    written = starter.write_files(tmp_path, files, force=False)
    assert written == [tmp_path / "a.txt", tmp_path / "b" / "c.txt"]
    with pytest.raises(OutputError, match=r"exists already: .*a.txt, .*c.txt") as refused:
        starter.write_files(tmp_path, files, force=False)
    assert refused.value.exit_code == 2
    starter.write_files(tmp_path, {tmp_path.__class__("a.txt"): b"new"}, force=True)
    assert (tmp_path / "a.txt").read_bytes() == b"new"


def test_a_disk_that_refuses(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write to"):
        starter.write_files(tmp_path / "file", {tmp_path.__class__("a.txt"): b""}, force=False)
