"""A result appears whole or not at all, and its bytes depend on config and data alone."""

import json
import math
import os
import random
import time

import pandas as pd
import pytest

from its_eval.columns import COLUMNS, SORT_KEYS, make_table
from its_eval.config import load_config
from its_eval.errors import OutputError
from its_eval.evaluation import Verdict
from its_eval.pipeline.run import evaluate
from its_eval.provenance import RESOLVED
from its_eval.report import write
from its_eval.report import write as exchange
from its_eval.report.source import load_run

TABLES = "--no-figures"
VARYING = ("manifest.json",)


def finish(folder, text="new"):
    """Make a folder look like a result."""
    (folder / "a.txt").write_text(text)
    write.write_manifest(folder, {"program": {"name": "its-eval"}, "outputs": {"a.txt": ""}})


@pytest.fixture
def old(tmp_path):
    """An older result."""
    target = tmp_path / "result"
    with write.result_folder(target, force=False) as folder:
        finish(folder, "old")
    return target


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_result_appears_at_the_end(tmp_path):
    target = tmp_path / "deep" / "result"
    with write.result_folder(target, force=False) as folder:
        finish(folder)
        assert not target.exists()
        assert folder.parent == target.parent
    assert names(target) == ["a.txt", "manifest.json"]
    assert names(target.parent) == ["result"]


def test_an_empty_folder_is_taken(tmp_path):
    target = tmp_path / "result"
    target.mkdir()
    with write.result_folder(target, force=False) as folder:
        finish(folder)
    assert names(target) == ["a.txt", "manifest.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError])
def test_a_failure_leaves_nothing_and_the_old_result(tmp_path, old, contents, error):
    before = contents(old)

    def fail(target, *, force):
        with write.result_folder(target, force=force) as folder:
            (folder / "half.txt").write_text("half")
            raise error

    with pytest.raises(error):
        fail(old, force=True)
    with pytest.raises(error):
        fail(tmp_path / "fresh", force=False)
    assert names(tmp_path) == ["result"]
    assert contents(old) == before


def test_a_full_disk_is_said_in_one_line(tmp_path, old, contents):
    before = contents(old)
    with (
        pytest.raises(OutputError, match=r"cannot write the result to .*: No space left on device"),
        write.result_folder(old, force=True),
    ):
        raise OSError(28, os.strerror(28))
    assert contents(old) == before
    with (
        pytest.raises(OutputError, match=r"cannot write the result to .*: odd"),
        write.result_folder(old, force=True),
    ):
        raise OSError("odd")
    assert names(tmp_path) == ["result"]


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), KeyboardInterrupt()])
def test_an_exchange_that_stops_half_way_puts_the_old_result_back(
    tmp_path, old, contents, monkeypatch, error
):
    before = contents(old)
    rename = type(old).rename
    monkeypatch.setattr(exchange, "_exchange", lambda _new, _place: False)

    def stop_at_the_second(path, target):
        if path.name.endswith(".tmp"):
            raise error
        return rename(path, target)

    monkeypatch.setattr(type(old), "rename", stop_at_the_second)
    with (
        pytest.raises((OutputError, KeyboardInterrupt)),
        write.result_folder(old, force=True) as folder,
    ):
        finish(folder)
    assert contents(old) == before
    assert names(tmp_path) == ["result"]


def test_what_appears_meanwhile_is_not_replaced(tmp_path):
    target = tmp_path / "result"

    def come_second():
        with write.result_folder(target, force=False) as folder:
            finish(folder)
            target.mkdir()
            (target / "other.txt").write_text("faster")

    with pytest.raises(OutputError, match="exists already"):
        come_second()
    assert names(tmp_path) == ["result"]
    assert names(target) == ["other.txt"]


def test_a_parent_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("mine")
    with (
        pytest.raises(OutputError, match=r"cannot write to .*file"),
        write.result_folder(tmp_path / "file" / "result", force=False),
    ):
        pass
    assert (tmp_path / "file").read_text() == "mine"


def test_a_parent_that_may_not_be_written_to(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "mkdir", refuse)
    with (
        pytest.raises(OutputError, match=r"cannot write to .*: Permission denied") as refused,
        write.result_folder(tmp_path / "result", force=False),
    ):
        pass
    assert refused.value.hint == "choose another --out"


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_to_a_result_stays_a_link(tmp_path, old):
    link = tmp_path / "latest"
    link.symlink_to(old, target_is_directory=True)
    with write.result_folder(link, force=True) as folder:
        finish(folder, "new")
    assert link.is_symlink()
    assert (old / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["latest", "result"]


DANGEROUS = ("=HYPERLINK(1)", "+1+1", "-2+3+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "-", "=1")
HARMLESS = ("", "A1", "1-2", "-5", "+5", "-5.25", "-1e-05", "a=b")


def test_texts_like_formulas_are_defused_in_csv_alone(tmp_path):
    texts = [*DANGEROUS, *HARMLESS]
    rows = [
        {
            "outcome": "o",
            "unit": "u",
            "design": f"{place:02d}",
            "estimator": "e",
            "reason": "r",
            "message": text,
        }
        for place, text in enumerate(texts)
    ]
    table = make_table("not_estimated", rows)
    write.write_tables({"t": table}, tmp_path / "tables", ("csv", "parquet"))
    read = pd.read_csv(tmp_path / "tables" / "t.csv", keep_default_na=False, dtype=str)["message"]
    assert list(read) == [*(f"'{text}".replace("\r", "\n") for text in DANGEROUS), *HARMLESS]
    parquet = pd.read_parquet(tmp_path / "tables" / "t.parquet")
    assert list(parquet["message"]) == texts


@pytest.mark.parametrize("text", ["a\rb", "a\r\nb", "a\nb", 'a "b", c', "a\r"])
def test_any_text_stays_in_its_cell(tmp_path, text):
    rows = [{"outcome": "o", "unit": "u", "design": "d", "estimator": "e", "reason": "r", "message": text}]
    write.write_tables({"t": make_table("not_estimated", rows)}, tmp_path / "tables", ("csv",))
    (row,) = pd.read_csv(tmp_path / "tables" / "t.csv").to_dict("records")
    assert row["message"] == text.replace("\r\n", "\n").replace("\r", "\n")


def test_numbers_keep_every_digit(tmp_path):
    generator = random.Random(1)  # noqa: S311  (test data)
    values = [0.1, 1 / 3, -1e-300, 1.7976931348623157e308, 5e-324, math.pi, -math.inf, math.inf]
    values += [generator.gauss(0, 10 ** generator.randint(-12, 12)) for _ in range(300)]
    rows = [
        {"outcome": "o", "unit": "u", "rank": place, "peer": "p", "distance": value, "pool_rank": None}
        for place, value in enumerate(values)
    ]
    table = make_table("peers", rows)
    write.write_tables({"peers": table}, tmp_path / "tables", ("csv", "parquet"))
    # pandas before 3.1 would read another last digit than stands there
    read = pd.read_csv(tmp_path / "tables" / "peers.csv", dtype=str)
    assert [float(text) for text in read["distance"]] == values
    assert pd.read_parquet(tmp_path / "tables" / "peers.parquet")["distance"].tolist() == values


@pytest.mark.parametrize("formats", [("csv",), ("parquet",)])
def test_only_the_formats_asked_for(tmp_path, formats):
    write.write_tables({"peers": make_table("peers", [])}, tmp_path / "tables", formats)
    assert names(tmp_path / "tables") == [f"peers.{formats[0]}"]


def test_a_table_without_rows_is_written_only_where_asked(tmp_path):
    row = {"outcome": "o", "unit": "u", "rank": 1, "peer": "p", "distance": 0.5, "pool_rank": 1}
    tables = {"peers": make_table("peers", [row]), "power": make_table("power", [])}
    write.write_tables(tables, tmp_path / "tables", ("csv", "parquet"), empty=False)
    assert names(tmp_path / "tables") == ["peers.csv", "peers.parquet"]


def test_texts_are_utf8_with_plain_line_ends(tmp_path):
    write.write_text(tmp_path / "a.txt", "NHS–VMI\n")
    assert (tmp_path / "a.txt").read_bytes() == "NHS–VMI\n".encode()


def test_a_manifest_is_strict_json(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write.write_manifest(tmp_path, {"a": math.nan})


def test_tables_without_rows_keep_their_columns():
    for name, columns in COLUMNS.items():
        table = make_table(name, [])
        assert tuple(table.columns) == columns
        assert table.empty


def test_the_table_of_verdicts_has_a_column_for_each_part_of_a_verdict():
    assert COLUMNS["verdicts"] == Verdict.__struct_fields__


def test_what_is_missing_in_rows_is_blank_in_texts_and_missing_in_numbers():
    """Also where rows were read from a table, which has its own word for a whole number that is missing."""
    rows = [{"unit": math.nan, "n_pre": pd.NA, "flags": None}, {"unit": "B", "n_pre": 3}, {"n_pre": 2.0}]
    table = make_table("fits", rows)
    assert table["unit"].tolist() == ["", "", "B"]
    assert table["n_pre"].astype(object).tolist() == [pd.NA, 2, 3]
    assert table["sigma"].isna().all()
    assert table["flags"].tolist() == ["", "", ""]
    assert make_table("series", [{"used": None}, {"used": True}])["used"].tolist() == [False, True]


@pytest.fixture
def first(its, study):
    """The study, evaluated."""
    out = study.folder / "first"
    assert its("run", study.config, "-o", out, TABLES, "-q").code == 0
    return out


def test_rows_are_sorted(first):
    tables = load_run(first).tables
    for name, keys in SORT_KEYS.items():
        if name == "verdicts":
            continue  # answers first: its own test
        table = tables[name]
        again = table.sort_values(list(keys), kind="stable", na_position="last")
        assert list(again.index) == list(range(len(table))), name


def test_only_the_manifest_differs_between_two_runs(its, study, first, contents):
    time.sleep(1.01)
    second = study.folder / "second"
    assert its("run", study.config, "-o", second, TABLES, "-q").code == 0
    assert contents(second, without=VARYING) == contents(first, without=VARYING)
    one, two = (json.loads((folder / "manifest.json").read_text()) for folder in (first, second))
    changed = {key for key in one if one[key] != two[key]}
    assert changed <= {"command", "finished", "timings_seconds"}
    assert "finished" in changed


def test_nothing_about_the_process_matters(its, study, first, contents, program):
    elsewhere = study.folder / "elsewhere"
    elsewhere.mkdir()
    environments = (
        {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "C.UTF-8", "LANG": "de_DE.UTF-8"},
    )
    for place, environment in enumerate(environments):
        out = study.folder / f"process{place}"
        answer = program("run", study.config, "-o", out, TABLES, "-q", cwd=elsewhere, **environment)
        assert (answer.code, answer.out, answer.err) == (0, f"{out / 'report.html'}\n", "")
        assert contents(out, without=VARYING) == contents(first, without=VARYING)


def test_the_resolved_config_gives_the_same_result_where_it_stands(its, study, first, contents):
    second = study.folder / "elsewhere" / "second"
    # its paths are as written; the manifest beside it names the folder that they start from
    assert its("run", first / RESOLVED, "-o", second, TABLES, "-q").code == 0
    # the report states the hash of the config that was run, and its name
    without = (*VARYING, "report.html")
    assert contents(second, without=without) == contents(first, without=without)


def shuffled(path, seed):
    header, *rows = path.read_text().splitlines()
    random.Random(seed).shuffle(rows)  # noqa: S311  (test data)
    path.write_text("\n".join([header, *rows, ""]))


def assert_same_tables(one, two):
    for name in COLUMNS:
        # the order of rows and units may change a sum in its last digit
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name], rtol=1e-9, atol=1e-11, obj=name)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_input_rows_does_not_matter(study, seed):
    before = evaluate(load_config(study.config))
    for path in (study.indicators, study.characteristics, study.units):
        shuffled(path, seed)
    assert_same_tables(before, evaluate(load_config(study.config)))


def test_the_order_of_lists_in_the_config_does_not_matter(study):
    before = evaluate(load_config(study.config))
    lines = study.config.read_text().splitlines()
    place = next(index for index, line in enumerate(lines) if "indicator: waits" in line)
    lines[place], lines[place + 1] = lines[place + 1], lines[place]
    text = "\n".join(lines)
    turned = {"[A1, A2]": "[A2, A1]", "[single, difference]": "[difference, single]"}
    study.write(text=text, changes=turned)
    assert_same_tables(before, evaluate(load_config(study.config)))
