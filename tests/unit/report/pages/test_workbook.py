"""The workbook: every number in full, no formulas, the same bytes every time."""

import math
import time
import zipfile

import openpyxl
import pandas as pd
import pytest

from its_eval.columns import make_table
from its_eval.errors import OutputError
from its_eval.report import workbook
from its_eval.report.workbook import number_format, write_sheets, write_workbook
from its_eval.words.verdicts import headline

KEY = {"outcome": "o", "unit": "=cmd()", "design": "single", "estimand": "slope_change"}


@pytest.fixture
def tables():
    row = KEY | {
        "estimate": 0.1 + 0.2,
        "conf_low": -math.inf,
        "conf_high": math.inf,
        "label": "no\x07 evidence",
    }
    return {
        "zz_own": pd.DataFrame(
            {"a": [True, False], "n": pd.array([1, None], dtype="Int64"), "t": ["x", "-3"]}
        ),
        "summary": make_table("summary", [row | {"p_value": 1 / 3}]),
        "fits": make_table("fits", []),
    }


def written(tables, path):
    write_sheets(tables, path)
    return openpyxl.load_workbook(path)


def test_a_sheet_per_table_in_order(tables, tmp_path):
    assert written(tables, tmp_path / "t.xlsx").sheetnames == ["zz_own", "summary", "fits"]


def test_answers_effects_and_series_of_a_result(undrawn, tmp_path):
    write_workbook(undrawn.evaluation, tmp_path / "r.xlsx")
    sheets = pd.read_excel(tmp_path / "r.xlsx", sheet_name=None, engine="openpyxl", keep_default_na=False)
    assert list(sheets) == ["answers", "effects", "series"]
    for name in ("effects", "series"):
        table = undrawn.evaluation.tables[name]
        assert list(sheets[name].columns) == list(table.columns)
        assert len(sheets[name]) == len(table)
        assert sheets[name]["unit"].tolist() == table["unit"].tolist()
    answers = sheets["answers"]
    verdicts = undrawn.evaluation.tables["verdicts"]
    said = verdicts[verdicts["label"].ne("")]
    assert answers["label"].tolist() == said["label"].tolist()
    assert set(answers.loc[answers["unit"].eq("A1"), "name"]) == {"Trust A1 & Sons"}
    for sentence, row in zip(answers["answer"], said.to_dict("records"), strict=True):
        assert sentence == headline(row, undrawn.evaluation.outcomes[row["outcome"]])


def test_numbers_have_sixteen_digits_and_texts_stay_texts(tables, tmp_path):
    sheet = written(tables, tmp_path / "t.xlsx")["summary"]
    cells = dict(zip([cell.value for cell in sheet[1]], sheet[2], strict=True))
    assert cells["estimate"].value == pytest.approx(0.1 + 0.2, rel=5e-16)
    assert cells["p_value"].value == pytest.approx(1 / 3, rel=5e-16)
    assert (cells["conf_low"].value, cells["conf_high"].value) == ("−∞", "∞")
    assert cells["p_placebo"].value is None
    assert cells["unit"].value == "'=cmd()"
    assert cells["label"].value == "no\N{REPLACEMENT CHARACTER} evidence"


def test_no_cell_is_a_formula(tables, tmp_path):
    book = written(tables, tmp_path / "t.xlsx")
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds
    with zipfile.ZipFile(tmp_path / "t.xlsx") as archive:
        assert not any(b"<f>" in archive.read(name) for name in archive.namelist())


def test_other_types(tables, tmp_path):
    sheet = written(tables, tmp_path / "t.xlsx")["zz_own"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["a", "n", "t"],
        [True, 1, "x"],
        [False, None, "-3"],
    ]
    assert sheet["B2"].number_format == "0"


def test_headings_stay_in_sight_and_filter(tables, tmp_path):
    book = written(tables, tmp_path / "t.xlsx")
    sheet = book["summary"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:O2"
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet.column_dimensions["A"].width >= len("outcome")
    assert book["fits"].max_row == 1


def test_the_same_tables_give_the_same_bytes(tables, tmp_path, monkeypatch):
    write_sheets(tables, tmp_path / "a.xlsx")
    later = time.localtime(time.time() + 100_000)
    monkeypatch.setattr(time, "localtime", lambda *_: later)
    write_sheets(tables, tmp_path / "b.xlsx")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert (book.properties.created.year, book.properties.modified.year) == (2000, 2000)
    assert book.properties.creator == "its-eval"


def test_a_table_longer_than_a_sheet_is_refused(tables, tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)
    with pytest.raises(OutputError, match="zz_own: more rows than the 2 of an Excel sheet"):
        write_sheets(tables, tmp_path / "t.xlsx")
    assert not (tmp_path / "t.xlsx").exists()


def test_a_long_text_is_cut_where_excel_would_refuse_it(tmp_path):
    tables = {"zz": pd.DataFrame({"t": ["x" * 40_000]})}
    sheet = written(tables, tmp_path / "t.xlsx")["zz"]
    assert len(sheet["A2"].value) == 32_767


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.25, 12.0], "#,##0.00"),
        ([0.0012, 0.0034], "#,##0.0000"),
        ([1e-12, math.inf], "#,##0.00"),
        ([3e-6], "#,##0.000000"),
        (["a"], ""),
        ([True], ""),
        ([1, 2], "0"),
    ],
)
def test_number_formats(values, shown):
    assert number_format(pd.Series(values)) == shown
