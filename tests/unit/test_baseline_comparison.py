"""The comparison with the tables of 0.1 finds what moved, and no exception outlives its reason."""

import json

import pandas as pd
import pytest
from baseline_commands import all_cases, write_corpus
from baseline_compare import compare_run, same_cell
from baseline_exceptions import judge, read_exceptions

from its_eval.config import load_config

EFFECTS = pd.DataFrame(
    {
        "outcome": "waits",
        "unit": ["U01", "U01", "U02"],
        "design": "single",
        "estimator": "ols",
        "interruption_period": "2015-07",
        "interruption": "Rota",
        "estimand": ["level_change", "slope_change", "level_change"],
        "scale": "",
        "estimate": [1.5, 1e-12, 2e6],
        "p_value": [0.02, None, 0.5],
        "estimable": [True, False, True],
    }
)


@pytest.fixture
def runs(tmp_path):
    """Return the folders of one run before and after, alike, and a function that compares them."""
    folders = tmp_path / "old" / "study", tmp_path / "new" / "study"
    for folder in folders:
        (folder / "result" / "tables").mkdir(parents=True)
        write(folder, EFFECTS)
        (folder / "stdout.txt").write_text("one\ntwo\n", encoding="utf-8")
        (folder / "exit.txt").write_text("0\n", encoding="utf-8")
        (folder / "seconds").write_text(str(folder), encoding="utf-8")
    return *folders, lambda: compare_run(*folders)


def write(folder, frame):
    frame.to_csv(folder / "result" / "tables" / "effects.csv", index=False)
    frame.to_parquet(folder / "result" / "tables" / "effects.parquet", index=False)


def changed(**cells):
    """Return the table with another value in its first row."""
    frame = EFFECTS.copy()
    for name, value in cells.items():
        frame[name] = [value, *frame[name][1:]]
    return frame


def test_equal_runs_have_no_difference(runs):
    assert runs[2]() == []


def test_neither_order_of_rows_nor_rounding_is_a_difference(runs):
    _, new, compare = runs
    write(new, changed(estimate=1.5 + 1e-10).iloc[::-1])
    assert compare() == []


def test_moved_number_is_found_in_both_formats(runs):
    _, new, compare = runs
    write(new, changed(estimate=1.5 + 4e-9))
    found = compare()
    assert [(one.kind, one.table, one.column) for one in found] == [("number", "effects", "estimate")] * 2
    assert dict(found[0].row)["estimand"] == "level_change"
    assert found[0].size == pytest.approx(4e-9 / 1.5, rel=1e-3)


@pytest.mark.parametrize(
    ("frame", "kinds"),
    [
        (EFFECTS[:2], ["row missing"]),
        (pd.concat([EFFECTS, EFFECTS[2:]]), ["row added"]),
        (changed(unit="U09"), ["row missing", "row added"]),
        (changed(p_value=None), ["text"]),
        (changed(estimable="maybe"), ["text"]),
        (EFFECTS.drop(columns="p_value"), ["column missing"]),
        (EFFECTS.assign(shown=1), ["column added"]),
        (EFFECTS[[*EFFECTS.columns[:-2], "estimable", "p_value"]], ["order of columns"]),
    ],
)
def test_other_differences_of_a_table(runs, frame, kinds):
    _, new, compare = runs
    frame.astype({"estimable": str}).to_csv(new / "result" / "tables" / "effects.csv", index=False)
    assert [one.kind for one in compare()] == kinds


def test_column_in_the_middle_is_not_one_at_the_end(runs):
    _, new, compare = runs
    frame = EFFECTS.copy()
    frame.insert(3, "shown", 1)
    frame.to_csv(new / "result" / "tables" / "effects.csv", index=False)
    assert {one.kind for one in compare()} == {"column added", "order of columns"}


def test_printed_text_and_exit_code_are_compared_as_they_are(runs):
    _, new, compare = runs
    (new / "stdout.txt").write_text("one\nthree\n", encoding="utf-8")
    (new / "exit.txt").write_text("4\n", encoding="utf-8")
    found = {one.table: (one.before, one.after) for one in compare()}
    assert found == {"stdout": ("two", "three"), "exit": ("0", "4")}


def test_tables_and_runs_that_are_gone_or_new(runs):
    old, new, compare = runs
    (new / "result" / "tables" / "effects.csv").rename(new / "result" / "tables" / "more.csv")
    assert {(one.table, one.kind) for one in compare()} == {
        ("effects", "table missing"),
        ("more", "table added"),
    }
    assert [one.kind for one in compare_run(old, new.with_name("none"))] == ["run missing"]
    assert [one.kind for one in compare_run(old.with_name("none"), new)] == ["run added"]


def test_table_in_one_format_alone_or_without_rows_is_none_that_is_gone(runs):
    old, new, compare = runs
    (new / "result" / "tables" / "effects.parquet").unlink()
    EFFECTS.iloc[:0].to_csv(old / "result" / "tables" / "power.csv", index=False)
    assert compare() == []
    EFFECTS.to_csv(old / "result" / "tables" / "power.csv", index=False)
    assert [(one.table, one.kind) for one in compare()] == [("power", "table missing")]


def test_table_in_a_folder_is_one_table(runs):
    old, new, compare = runs
    for folder, parts in ((old, [EFFECTS[:1], EFFECTS[1:]]), (new, [EFFECTS[:2], changed(unit="U09")[:1]])):
        (folder / "result" / "tables" / "effects.parquet").unlink()
        whole = folder / "result" / "tables" / "effects.parquet"
        whole.mkdir()
        for place, part in enumerate(parts):
            part.to_parquet(whole / f"{place}.parquet", index=False)
    assert [(one.table, one.kind, dict(one.row)["unit"]) for one in compare()] == [
        ("effects", "row missing", "U02"),
        ("effects", "row added", "U09"),
    ]


def test_json_is_compared_by_its_numbers(runs):
    old, new, compare = runs
    (old / "stdout.json").write_text(json.dumps({"rows": [{"a": 1.0, "b": "x"}]}), encoding="utf-8")
    (new / "stdout.json").write_text(json.dumps({"rows": [{"a": 1.0 + 1e-12, "b": "y"}]}), encoding="utf-8")
    assert [(one.kind, one.column) for one in compare()] == [("text", "rows[0].b")]
    (new / "stdout.json").write_text(json.dumps({"rows": [{"a": 1}], "c": None}), encoding="utf-8")
    assert [(one.kind, one.column) for one in compare()] == [("key missing", "rows[0].b"), ("key added", "c")]


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("nan", "NaN", True),
        ("inf", "Infinity", True),
        ("inf", "-inf", False),
        ("1e300", "inf", False),
        ("", "nan", False),
        ("0", "1e-9", True),
        ("0", "2e-9", False),
        ("1e6", "1000000.0005", True),
        ("1e6", "1000000.002", False),
        ("5", "5.0", True),
        ("a", "b", False),
    ],
)
def test_cells(before, after, same):
    assert same_cell(before, after) is same


def exceptions(folder, text):
    path = folder / "exceptions.yaml"
    path.write_text(text, encoding="utf-8")
    return read_exceptions(path)


def test_exception_explains_what_it_names_and_nothing_else(runs, tmp_path):
    _, new, compare = runs
    write(new, changed(estimate=9.0, p_value=0.9))
    known = exceptions(
        tmp_path,
        "- {run: 'st*', table: [effects, fits], columns: [estimate], rows: {unit: U01}, defect: It was wrong.}\n",
    )
    verdict = judge(compare(), known, ["study"])
    assert {one.column for one in verdict.unexplained} == {"p_value"}
    assert verdict.explained == {"It was wrong.": 2}
    assert not verdict.unused
    assert not verdict.good


def test_exception_of_columns_explains_no_missing_row(runs, tmp_path):
    _, new, compare = runs
    write(new, EFFECTS[:2])
    known = exceptions(tmp_path, "- {run: study, table: effects, columns: ['?*'], defect: It was wrong.}\n")
    assert [one.kind for one in judge(compare(), known, ["study"]).unexplained] == ["row missing"] * 2
    known = exceptions(tmp_path, "- {run: study, table: effects, defect: It was wrong.}\n")
    assert judge(compare(), known, ["study"]).good


def test_unused_exception_is_refused_when_its_run_was_compared(tmp_path):
    known = exceptions(tmp_path, "- {run: study, table: effects, defect: It was wrong.}\n")
    assert not judge([], known, ["study"]).good
    assert judge([], known, ["other"]).good


@pytest.mark.parametrize(
    "text",
    [
        "- {run: study, table: effects}\n",
        "- {run: study, defect: It was wrong.}\n",
        "- {run: study, table: effects, defect: It was wrong., colums: [p_value]}\n",
    ],
)
def test_exception_without_words_or_with_unknown_keys_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match="exception 1"):
        exceptions(tmp_path, text)


def test_exceptions_of_the_repository_can_be_read(pytestconfig):
    read_exceptions(pytestconfig.rootpath / "benchmarks" / "baseline" / "exceptions.yaml")


def test_corpus_is_the_same_bytes_twice_and_no_other_config_is_refused(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        write_corpus(folder)
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)
    for path in sorted(first.glob("*.yaml")):
        if not path.stem.startswith("refused_"):
            load_config(path)
    cases = [case.name for case in all_cases(first)]
    assert len(cases) == len(set(cases)) > 250
