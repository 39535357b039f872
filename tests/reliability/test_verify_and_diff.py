"""``its-eval verify`` and ``its-eval diff``."""

import json

import numpy as np
import pandas as pd
import pytest

from its_eval.report.compare import Tolerance, compare_tables

TABLES = ("--no-figures", "--no-report", "-q")


@pytest.fixture
def before(its, small):
    out = small.folder / "before"
    assert its("run", small.config, "-o", out, *TABLES).code == 0
    return out


def test_verify_finds_every_change(its, small, before):
    answer = its("verify", before)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"{before}: as it was written (3 inputs, ")
    (before / "tables" / "fits.csv").write_text("other\n")
    (before / "tables" / "peers.csv").unlink()
    (before / "note.txt").write_text("mine\n")
    small.units.write_text(small.units.read_text() + "Z,Z,big\n")
    small.characteristics.unlink()
    small.config.write_text(small.config.read_text() + "# later\n")
    answer = its("verify", before, "--format", "json")
    assert answer.code == 1
    (found,) = json.loads(answer.out)
    assert (found["run"], found["same"]) == (str(before), False)
    assert [
        (item["role"], item["path"].rsplit("/", 1)[-1], item["fault"]) for item in found["deviations"]
    ] == [
        ("config", "study.yaml", "changed"),
        ("input", "characteristics.csv", "missing"),
        ("input", "units.csv", "changed"),
        ("output", "note.txt", "added"),
        ("output", "fits.csv", "changed"),
        ("output", "peers.csv", "missing"),
    ]
    text = its("verify", before).out
    assert text.startswith(f"{before}: 6 files are not as the run knew them")
    assert "  output tables/fits.csv has changed since the run\n" in text
    assert "  output note.txt was not written by the run\n" in text
    for path in (before / "note.txt", before / "tables" / "fits.csv"):
        path.unlink()


@pytest.mark.parametrize("command", [("verify",), ("diff", "again")])
def test_a_folder_without_a_result(its, tmp_path, command):
    answer = its(command[0], tmp_path, *([tmp_path] if len(command) > 1 else []))
    assert (answer.code, answer.out) == (2, "")
    assert "holds no result of its-eval" in answer.err


@pytest.mark.parametrize("command", ["diff", "report"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00"])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_damaged_table_is_told_of(its, before, command, content, ending):
    path = before / "tables" / f"effects.{ending}"
    path.write_bytes(content)
    answer = its(command, *([before, before] if command == "diff" else [before]))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"its-eval: {path}: cannot be read: ")
    assert "hint: `its-eval verify` shows what has changed" in answer.err


def test_results_in_other_formats_say_the_same(its, small, before):
    """Settings of the output differ and nothing else: a table without rows is no table that is missing."""
    text = small.config.read_text() + "output: {which: all, tables: [parquet]}\n"
    small.write("parquet.yaml", text=text)
    after = small.folder / "after"
    assert its("run", small.folder / "parquet.yaml", "-o", after, *TABLES).code == 0
    for one, other in ((before, after), (after, before)):
        answer = its("diff", one, other)
        assert answer.code == 1
        assert "differ: no answers, 3 settings, no inputs, none of " in answer.out
        assert "output.tables: " in answer.out
        assert "only in" not in answer.out
    for config, out in ((small.config, before), (small.folder / "parquet.yaml", after)):
        assert its("verify", out).code == 0
        again = its("run", config, "-o", out, *TABLES[:2], "--if-changed")
        assert again.err == f"{out}: unchanged, nothing done\n"


def test_diff_says_what_changed_in_words(its, small, before):
    lines = small.indicators.read_text().splitlines()
    # the treated unit no longer improves
    changed = [
        f"waits,A1,{row.split(',')[2]},{50 + 0.1 * number + number % 3}"
        if row.startswith("waits,A1")
        else row
        for number, row in enumerate(lines)
    ]
    small.indicators.write_text("\n".join([*changed, ""]))
    small.write(text=small.config.read_text(), changes={"at: [6]": "at: [9]"})
    after = small.folder / "after"
    assert its("run", small.config, "-o", after, *TABLES).code == 0
    answer = its("diff", before, after)
    assert (answer.code, answer.err) == (1, "")
    words = answer.out
    assert words.startswith(f"{before} and {after} differ: 1 answer, 1 setting, 1 input, ")
    assert "\n  waits, A1, single: changed, better → no clear change, unclear\n" in words
    assert "  estimands.at: [6] → [9]\n" in words
    assert "  indicators.csv: other content\n" in words
    assert "effects: 1 row only in the first: " in words
    assert "effects: 1 row only in the second: " in words
    assert "summary: estimate differs in 1 of 1 row, most at waits, A1, single: " in words
    found = json.loads(its("diff", before, after, "--format", "json").out)
    assert (found["same"], len(found["answers"])) == (False, 1)
    assert {"summary", "effects"} <= {table["table"] for table in found["tables"]}
    assert its("diff", before, before).out == (
        f"{before} and {before} say the same: settings, inputs and {found['tables_compared']} tables.\n"
    )


def table(**columns):
    return pd.DataFrame(
        {"outcome": ["a", "b"], "unit": ["U", "U"], "design": ["single", "single"], **columns}
    )


@pytest.mark.parametrize(
    ("one", "two", "cells"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0),
        ([1.0, 2.0], [1.0 + 5e-7, 2.0], 0),
        ([1.0, 2.0], [1.0 + 2e-6, 2.0], 1),
        ([1e-12, 2.0], [2e-12, 2.0], 1),
        ([0.0, 2.0], [-0.0, 2.0], 0),
        ([np.nan, np.inf], [np.nan, np.inf], 0),
        ([np.nan, np.inf], [0.0, -np.inf], 2),
    ],
)
def test_numbers_within_the_tolerance_are_the_same(one, two, cells):
    found = compare_tables("summary", table(estimate=one), table(estimate=two), Tolerance(1e-6, 0.0))
    assert sum(change.cells for change in found.changes) == cells
    assert found.same == (cells == 0)


def test_the_absolute_tolerance_is_in_the_unit_of_the_number():
    one, two = table(estimate=[0.0, 1.0]), table(estimate=[1e-9, 1.0])
    assert not compare_tables("summary", one, two, Tolerance(1e-6, 0.0)).same
    assert compare_tables("summary", one, two, Tolerance(1e-6, 1e-8)).same


def test_rows_columns_and_texts():
    one = table(label=["x", None], old=[1, 2])
    two = table(label=["x", "y"], new=[1, 2]).iloc[::-1]
    found = compare_tables("summary", one, two, Tolerance())
    assert (found.columns_first, found.columns_second) == (("old",), ("new",))
    (change,) = found.changes
    assert (change.column, change.cells, change.where, change.first, change.second) == (
        "label", 1, "b, U, single", None, "y",
    )  # fmt: skip
    shorter = compare_tables("summary", one, one.iloc[:1], Tolerance())
    assert (shorter.only_first, shorter.only_second, shorter.rows) == (("b, U, single",), (), 1)
    twice = compare_tables("summary", pd.concat([one, one]), one, Tolerance())
    assert twice.only_first == ("a, U, single (2)", "b, U, single (2)")


def test_rows_of_a_table_without_keys_are_told_apart_by_their_texts():
    one = pd.DataFrame({"where": ["x", "y"], "n": [1, 2]})
    two = pd.DataFrame({"where": ["y", "x"], "n": [2, 3]})
    (change,) = compare_tables("other", one, two, Tolerance()).changes
    assert (change.where, change.first, change.second) == ("x", 1, 3)
    bare = compare_tables("other", pd.DataFrame({"n": [1]}), pd.DataFrame({"n": [2]}), Tolerance())
    assert bare.changes[0].where == "row"
