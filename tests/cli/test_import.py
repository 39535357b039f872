"""Importing publishers' files: the table, and one clear message for every way in which a file is broken."""

import csv
import re

import pandas as pd
import pytest
from publisher_files import (
    ERROR_PAGE,
    HEADER_ROW,
    PERIOD_ROW,
    PROVIDERS,
    SHEET,
    ae_rows,
    ae_workbook,
    locked_new_workbook,
    locked_old_workbook,
    write_workbook,
)

NAME = "April-2020-AE-by-provider.xlsx"


def test_a_workbook_becomes_the_tidy_table(its, tmp_path):
    path = ae_workbook(tmp_path / NAME)
    answer = its("import", "nhs-ae", path, "-o", tmp_path / "t.parquet")
    assert (answer.code, answer.out) == (0, f"{tmp_path / 't.parquet'}\n")
    table = pd.read_parquet(tmp_path / "t.parquet")
    assert list(table.columns) == [
        "indicator", "unit", "period", "value", "numerator", "denominator", "stratum", "source_file",
        "source_sheet", "source_row",
    ]  # fmt: skip
    assert set(table["period"]) == {"2020-04"}
    assert set(table["unit"]) == {"ZZ1", "ZZ2", "ZZ3", "ZY1"}
    rows = table.set_index(["indicator", "unit"])
    first = rows.loc[("ae_4h_all", "ZZ1")]
    assert (first["value"], first["numerator"], first["denominator"]) == (91.0, 910.0, 1000.0)
    assert (first["source_file"], first["source_sheet"], first["source_row"]) == (NAME, SHEET, HEADER_ROW + 3)
    assert rows.loc[("ae_4h_type1", "ZZ1"), "value"] == 90.0
    assert rows.loc[("ae_attendances_all", "ZZ1"), "value"] == 1000.0
    assert rows.loc[("ae_breaches_all", "ZZ1"), ["value", "denominator"]].tolist() == [90.0, 1000.0]
    assert rows.loc[("ae_12h_waits", "ZZ1"), ["value", "denominator"]].tolist() == [4.0, 300.0]
    # without a type 1 department there is nothing of which a percentage could be taken
    assert ("ae_4h_type1", "ZY1") not in rows.index
    # dashes are missing, never zero; what is known of the denominator stays
    test = rows.loc[("ae_4h_all", "ZZ3")]
    assert test[["value", "numerator"]].isna().all()
    assert test["denominator"] == 700.0
    assert "1 file, 2020-04 to 2020-04, 4 units" in answer.err
    # one each for all types and type 1, of the percentage and of the breaches
    assert "4 of them without a value" in answer.err


def test_csv_has_the_same_numbers_and_an_existing_file_is_kept(its, tmp_path):
    path = ae_workbook(tmp_path / NAME)
    target = tmp_path / "t.csv"
    assert its("import", "nhs-ae", path, "-o", target).code == 0
    before = target.read_bytes()
    assert before.startswith(b"indicator,unit,period,value,numerator,denominator,stratum,source_file")
    assert b"ae_4h_all,ZZ3,2020-04,,,700.0,," in before
    answer = its("import", "nhs-ae", path, "-o", target)
    assert answer.code == 2
    assert "t.csv exists already" in answer.err
    assert its("import", "nhs-ae", path, "-o", target, "--force").code == 0
    assert target.read_bytes() == before


def rows_with(row, column, cell):
    rows = ae_rows()
    rows[row - 1] = [*rows[row - 1]]
    rows[row - 1][column - 1] = cell
    return rows


def extra_column():
    rows = ae_rows()
    rows[HEADER_ROW - 1] = [*rows[HEADER_ROW - 1], "Number of ambulances"]
    return rows


def untitled_column():
    rows = ae_rows()
    rows[HEADER_ROW + 2] = [*rows[HEADER_ROW + 2], 12]
    return rows


def moved_header():
    return [*ae_rows()[:12], ["", "A new line of explanation"], *ae_rows()[12:]]


WORKBOOKS = {
    "renamed sheet": (
        {"sheet": "Providers Level Data"},
        "there is no sheet 'Provider Level Data'; did you mean 'Providers Level Data' or",
    ),
    "moved header": (
        {"rows": moved_header()},
        "sheet 'Provider Level Data': the header has moved: it stands in row 17; expected row 16",
    ),
    "no header": (
        {"rows": rows_with(HEADER_ROW, 2, "Codes")},
        "sheet 'Provider Level Data': there is no header with 'Code', 'Region', 'Name' in row 16",
    ),
    "extra column": (
        {"rows": extra_column()},
        "1 column that the layout does not know: 'Number of ambulances' (column U)",
    ),
    "extra column without a heading": (
        {"rows": untitled_column()},
        "1 column that the layout does not know: one without a heading (column U)",
    ),
    "column gone": (
        {"rows": rows_with(HEADER_ROW, 8, "Total attended")},
        "there is no column 'Total attendances'; did you mean 'total attended'",
    ),
    "column under another heading": (
        {"rows": rows_with(HEADER_ROW - 1, 5, "Attendances at A&E")},
        "there are no columns 'Type 1 Departments - Major A&E' under 'A&E attendances' (under other headings "
        "it stands in E, I, M), 'Type 2 Departments",
    ),
    "unreadable period": (
        {"rows": rows_with(PERIOD_ROW, 3, "Aprli 2020")},
        "cell C6: the period 'Aprli 2020' is not a month; expected a month such as 2015-07",
    ),
    "another period": (
        {"period": "March 2020"},
        "cell C6: the period is March 2020, but the name of the file says April 2020",
    ),
    "no period": (
        {"rows": rows_with(PERIOD_ROW, 2, "Month")},
        "row 16: no cell above the header says 'Period:' with a period to its right",
    ),
    "text for a number": (
        {"rows": rows_with(HEADER_ROW + 3, 5, "nine hundred")},
        "cell E19: 'nine hundred' is not a number; write digits with a decimal point, or leave the cell",
    ),
    "strange code": (
        {"rows": rows_with(HEADER_ROW + 3, 2, "zz-1")},
        "cell B19: 'zz-1' is no code of a unit ([A-Z0-9]{3,6}), but numbers stand beside it",
    ),
    "unit twice": (
        {"providers": (*PROVIDERS, PROVIDERS[0])},
        "row 23: ZZ1 stands in row 19 already",
    ),
    "no provider": (
        {"rows": ae_rows()[: HEADER_ROW + 1]},
        "row 16: no row about a unit ([A-Z0-9]{3,6}) follows",
    ),
}


@pytest.mark.parametrize("case", WORKBOOKS)
def test_a_changed_workbook_is_refused_with_one_message(its, tmp_path, contents, case):
    changes, message = WORKBOOKS[case]
    ae_workbook(tmp_path / NAME, **changes)
    before = contents(tmp_path)
    answer = its("import", "nhs-ae", tmp_path / NAME, "-o", tmp_path / "t.parquet")
    assert answer.code == 3
    first, *others, hint = answer.err.splitlines()
    assert message in first
    assert others == []
    assert first.startswith(f"its-eval: {NAME}")
    assert hint.startswith("  hint: ")
    assert answer.out == ""
    assert contents(tmp_path) == before


BYTES = {
    "truncated.xlsx": (None, "the workbook is cut short: the end of the file is missing"),
    "truncated.xls": (
        locked_old_workbook()[:-600],
        "the workbook is cut short: the end of the file is missing",
    ),
    "header only.xls": (locked_old_workbook()[:100], "the workbook is cut short"),
    "error page.xls": (ERROR_PAGE, "a web page ('404 - Page not found') was saved under this name"),
    "locked.xlsx": (locked_new_workbook(), "the workbook is protected by a password"),
    "locked.xls": (locked_old_workbook(), "the workbook is protected by a password"),
    "text.xls": (b"Code,Name\nZZ1,Zealand\n", "this is text, beginning 'Code,Name'; expected a workbook"),
    "nothing.xls": (b"", "the file is empty"),
    "noise.xls": (bytes(range(256)) * 4, "this is no workbook; expected a workbook"),
    "zip.xlsx": (b"PK\x05\x06" + b"\0" * 18, "the workbook is damaged and cannot be read"),
}


@pytest.mark.parametrize("name", BYTES)
def test_what_is_no_whole_workbook_is_refused_with_one_message(its, tmp_path, contents, name):
    raw, message = BYTES[name]
    if raw is None:
        raw = ae_workbook(tmp_path / "whole.xlsx").read_bytes()[:-400]
    (tmp_path / name).write_bytes(raw)
    before = contents(tmp_path)
    answer = its("import", "nhs-ae", tmp_path / name, "-o", tmp_path / "t.parquet")
    assert answer.code == 3
    assert message in answer.err.splitlines()[0]
    assert len(answer.err.splitlines()) == 2
    assert contents(tmp_path) == before


def test_all_faults_of_all_files_in_one_pass(its, tmp_path):
    good = ae_workbook(tmp_path / NAME)
    page = tmp_path / "page.xls"
    page.write_bytes(ERROR_PAGE)
    answer = its("import", "nhs-ae", good, page, tmp_path / "absent.xls", "-o", tmp_path / "t.parquet")
    assert answer.code == 3
    assert "page.xls: a web page" in answer.err
    assert "absent.xls: there is no such file" in answer.err
    assert not (tmp_path / "t.parquet").exists()


def test_the_later_revision_wins_and_is_named(its, tmp_path):
    old = ae_workbook(tmp_path / "April-2020-first.xlsx", revised="")
    more = (("ZZ1", "Zealand Trust", (910, 20, 80), (810, 20, 80), 300, 4), *PROVIDERS[1:])
    new = ae_workbook(tmp_path / "April-2020-second.xlsx", providers=more)
    for order, more in (((old, new), ("--coverage", tmp_path / "cov")), ((new, old), ("--force",))):
        answer = its("import", "nhs-ae", *order, "-o", tmp_path / "t.csv", *more)
        assert answer.code == 0
        with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
            rows = {(row["indicator"], row["unit"]): row for row in csv.DictReader(stream)}
        assert rows["ae_attendances_all", "ZZ1"]["value"] == "1010.0"
        assert rows["ae_attendances_all", "ZZ1"]["source_file"] == new.name
        assert (
            "ae_attendances_all, ZZ1, 2020-04: 1010 of April-2020-second.xlsx (revised 2021-05-13) replaces "
            "1000 of April-2020-first.xlsx"
        ) in answer.err
    found = pd.read_csv(tmp_path / "cov" / "tables" / "data_quality.csv", keep_default_na=False)
    assert "revised" in set(found["check"])
    assert "suppressed_values" in set(found["check"])


def test_two_versions_without_dates_are_refused(its, tmp_path):
    more = (("ZZ1", "Zealand Trust", (910, 20, 80), (810, 20, 80), 300, 4), *PROVIDERS[1:])
    files = [
        ae_workbook(tmp_path / "April-2020-a.xlsx"),
        ae_workbook(tmp_path / "April-2020-b.xlsx", providers=more),
    ]
    answer = its("import", "nhs-ae", *files, "-o", tmp_path / "t.csv")
    assert answer.code == 3
    assert (
        "ae_attendances_all, ZZ1, 2020-04: 1000 in April-2020-a.xlsx row 19, 1010 in April-2020-b.xlsx row 19"
    ) in answer.err
    assert "the files do not say which is the later revision" in answer.err
    # the same file twice says nothing new
    twice = ae_workbook(tmp_path / "April-2020-again.xlsx")
    assert its("import", "nhs-ae", files[0], twice, "-o", tmp_path / "t.csv").code == 0


def test_numbers_that_do_not_add_up_are_told(its, tmp_path):
    rows = rows_with(HEADER_ROW + 3, 5, 905)
    answer = its(
        "import", "nhs-ae", ae_workbook(tmp_path / NAME, rows=rows), "-o", tmp_path / "t.csv"
    )  # fmt: skip
    assert answer.code == 0
    assert "attendances_all is 1000, but its parts add up to 1005" in answer.err
    said = "the units add up to 2105 in attendances_type1, but the publisher's own total is 2100"
    assert said in answer.err


def test_a_total_is_held_against_what_is_known_of_a_column(its, tmp_path):
    # one provider gives no figures within four hours, and is in no total of them
    path = ae_workbook(tmp_path / NAME, rows=rows_with(HEADER_ROW + 1, 12, 9999))
    answer = its("import", "nhs-ae", path, "-o", tmp_path / "t.csv")
    assert answer.code == 0
    assert "the units add up to 1560 in within_all, but the publisher's own total is 9999" in answer.err


def test_a_word_that_looks_like_a_code_is_a_footnote_when_nothing_stands_beside_it(its, tmp_path):
    path = ae_workbook(tmp_path / NAME, rows=[*ae_rows(), ["", "NOTES"], ["", "ZZ9", "", ""]])
    assert its("import", "nhs-ae", path, "-o", tmp_path / "t.csv").code == 0
    assert set(pd.read_csv(tmp_path / "t.csv")["unit"]) == {"ZZ1", "ZZ2", "ZZ3", "ZY1"}


def test_a_name_may_say_when_the_file_was_published_too(its, tmp_path):
    for name in ("Published-May-2020-AE-April-2020.xlsx", "AE-April-2020-published-May-2020.xlsx"):
        path = ae_workbook(tmp_path / name)
        assert its("import", "nhs-ae", path, "-o", tmp_path / f"{name}.csv").code == 0


def test_the_error_of_a_formula_is_a_missing_value(its, tmp_path):
    path = ae_workbook(tmp_path / NAME, rows=rows_with(HEADER_ROW + 3, 5, "#REF!"))
    assert its("import", "nhs-ae", path, "-o", tmp_path / "t.csv").code == 0
    table = pd.read_csv(tmp_path / "t.csv").set_index(["indicator", "unit"])
    assert pd.isna(table.loc[("ae_attendances_type1", "ZZ1"), "value"])


def test_coverage_is_drawn_and_tabled(its, tmp_path):
    files = [
        ae_workbook(tmp_path / f"{month}-2020-AE.xlsx", period=f"{month} 2020")
        for month in ("April", "May", "July")
    ]
    folder = tmp_path / "cov"
    answer = its("import", "nhs-ae", *files, "-o", tmp_path / "t.parquet", "--coverage", folder)
    assert answer.code == 0
    table = pd.read_csv(folder / "tables" / "coverage.csv", keep_default_na=False)
    june = table[(table["period"] == "2020-06") & (table["indicator"] == "ae_4h_all")]
    assert set(june["status"]) == {"missing"}
    assert (folder / "figures" / "coverage_ae_4h_all_all_units.svg").is_file()
    found = pd.read_csv(folder / "tables" / "data_quality.csv", keep_default_na=False)
    assert "ae_4h_all: 1 periods without a row of any unit: 2020-06" in set(found["message"])
    again = its("import", "nhs-ae", *files, "-o", tmp_path / "u.parquet", "--coverage", folder)
    assert again.code == 2
    assert not (tmp_path / "u.parquet").exists()


SICKNESS = (
    "DATE,NHSE_REGION_CODE,NHSE_REGION_NAME,ICS_CODE,ICS_NAME,ORG_CODE,ORG_NAME,CLUSTER_GROUP,BENCHMARK_GROUP,"
    "STAFF_GROUP,FTE_DAYS_LOST,FTE_DAYS_AVAILABLE,SICKNESS_ABSENCE_RATE_PERCENT"
)


def sickness_file(path, *rows, date="30/04/2024", header=SICKNESS):
    lines = [
        f'{date},Y,Y,Q,Q,{code},Name,{cluster},B,"{group}",{lost},{days},9'
        for code, cluster, group, lost, days in rows
    ]
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return path


def test_sickness_with_the_staff_group_wanted(its, tmp_path):
    path = sickness_file(
        tmp_path / "Sickness, April 2024.csv",
        ("ZZ1", "Acute", "All staff groups", 50, 1000),
        ("ZZ1", "Acute", "HCHS Doctors", "", ""),
        ("ZZ2", "Ambulance", "HCHS doctors", 3, 100),
        ("ZZ2", "Ambulance", "All staff groups", 8, 100),
        ("QZ1", "Integrated Care Board", "All staff groups", 5, 100),
    )
    target = tmp_path / "t.parquet"
    answer = its("import", "nhs-sickness", path, "-o", target)
    assert answer.code == 0
    assert "1 of 5 rows left out: cluster is not one of Acute, Ambulance" in answer.err
    table = pd.read_parquet(target)
    assert table[["unit", "value", "stratum", "source_row"]].values.tolist() == [
        ["ZZ1", 5.0, "All staff groups", 2],
        ["ZZ2", 8.0, "All staff groups", 5],
    ]
    answer = its("import", "nhs-sickness", path, "-o", target, "--force", "--stratum", "hchs DOCTORS")
    table = pd.read_parquet(target)
    # one spelling, and a suppressed value stays missing
    assert table["stratum"].tolist() == ["HCHS Doctors"] * 2
    assert table["value"].isna().tolist() == [True, False]
    assert its("import", "nhs-sickness", path, "-o", target, "--force", "--stratum", "all").code == 0
    assert len(pd.read_parquet(target)) == 4
    answer = its("import", "nhs-sickness", path, "-o", target, "--force", "--stratum", "Nurses")
    assert answer.code == 3
    assert (
        "there is no stratum 'nurses'; there are: 'All staff groups', 'HCHS Doctors', 'HCHS doctors'"
        in answer.err
    )


def test_the_period_of_a_column_is_checked_against_the_name_too(its, tmp_path):
    path = sickness_file(tmp_path / "Sickness, May 2024.csv", ("ZZ1", "Acute", "All staff groups", 50, 1000))
    answer = its("import", "nhs-sickness", path, "-o", tmp_path / "t.csv")
    assert answer.code == 3
    assert "row 2, column 1: the period is April 2024, but the name of the file says May 2024" in answer.err
    path = sickness_file(
        tmp_path / "s.csv", ("ZZ1", "Acute", "All staff groups", 50, 1000), date="30th of April"
    )
    answer = its("import", "nhs-sickness", path, "-o", tmp_path / "t.csv")
    assert "row 2, column 1: the period '30th of April' is not a month" in answer.err


def test_a_csv_that_cannot_be_read(its, tmp_path):
    path = tmp_path / "s.csv"
    path.write_text(f'{SICKNESS}\n"30/04/2024,Y\n', encoding="utf-8")
    answer = its("import", "nhs-sickness", path, "-o", tmp_path / "t.csv")
    assert answer.code == 3
    assert "s.csv: cannot be read as CSV: unexpected end of data" in answer.err
    path = sickness_file(tmp_path / "comma.csv", ("ZZ1", "Acute, large", "All staff groups", 50, 1000))
    answer = its("import", "nhs-sickness", path, "-o", tmp_path / "t.csv")
    assert answer.code == 3
    assert "1 column that the layout does not know: one without a heading (column N)" in answer.err
    answer = its("import", "nhs-sickness", tmp_path / "s.json", "-o", tmp_path / "t.csv")
    assert "'.json' is no kind of file that is imported" in answer.err


FFT = (
    "Area Team Code", "Code", "Name", "Total Responses", "Total Eligible", "Response Rate",
    "Friends and Family Test Score", "Extremely Likely", "Likely", "Neither", "Unlikely",
    "Extremely Unlikely", "Don't Know",
)  # fmt: skip


def test_friends_and_family_is_rebuilt_from_the_answers(its, tmp_path):
    rows = [
        ["A&E Friends and Family Test, July 2014"],
        [],
        list(FFT),
        ["Q1", "ZZ1", "Zealand", 100, 1000, 0.1, 55, 60, 25, 5, 4, 3, 3],
        ["Q1", "ZZ2", "Zephyr", "*", 300, "*", "*", "*", "*", "*", "*", "*", "*"],
        ["", "-", "England", 100, 1300, 0.1, 55, 60, 25, 5, 4, 3, 3],
    ]
    path = write_workbook(tmp_path / "fft.xlsx", {"Trusts": rows, "Notes": [["About"], ["these", "data"]]})
    answer = its("import", "nhs-fft-ae", path, "-o", tmp_path / "t.csv")
    assert answer.code == 0
    assert "has not been tried on a real file" in answer.err
    table = pd.read_csv(tmp_path / "t.csv")
    assert table[["indicator", "unit", "period"]].values.tolist() == [
        ["fft_recommend", "ZZ1", "2014-07"], ["fft_recommend", "ZZ2", "2014-07"],
    ]  # fmt: skip
    # (extremely likely + likely) of all six answers, "don't know" among them
    assert table[["value", "numerator", "denominator"]].values.tolist()[0] == [85.0, 85.0, 100.0]
    assert table["value"].isna().tolist() == [False, True]


def test_what_is_the_same_in_many_files_is_said_once_and_hides_nothing(its, tmp_path):
    files = []
    for year in (2014, 2015):
        for month in ("January", "February", "March", "April", "May", "June", "July", "August", "September"):
            row = ["Q1", "ZZ1", "Zealand", 100, 1000, 0.1, 55, 60, 25, 5, 4, 3, 3]
            total = ["", "", "England", 100, 1000, 0.1, 55, 60, 25, 5, 4, 3, 3]
            rows = [[f"A&E Friends and Family Test, {month} {year}"], list(FFT), total, row]
            files.append(write_workbook(tmp_path / f"{month}-{year}.xlsx", {"Trusts": rows}))
    answer = its("import", "nhs-fft-ae", *files, "-o", tmp_path / "t.csv", "--coverage", tmp_path / "cov")
    assert answer.code == 0
    about, untried, left_out = answer.err.splitlines()[1:]
    assert "Responses are few in the first months and grow" in about
    assert "has not been tried on a real file" in untried
    assert left_out == "  note: January-2014.xlsx and 17 more: left out for want of a code: England (row 3)"
    found = pd.read_csv(tmp_path / "cov" / "tables" / "data_quality.csv", keep_default_na=False)
    notes = found.loc[found["check"] == "import_note", "message"]
    assert {f"  note: {note}" for note in notes} == {about, untried, left_out}


def test_friends_and_family_of_the_other_question_has_its_own_name(its, tmp_path):
    header = [
        "ICB Code", "Trust Code", "Trust Name", "Total Responses", "Total Eligible", "Percentage Positive",
        "Percentage Negative", "Very Good", "Good", "Neither Good nor Poor", "Poor", "Very Poor",
        "Don't Know",
    ]  # fmt: skip
    row = ["Q1", "ZZ1", "Zealand", 200, 2000, 0.9, 0.05, 100, 80, 5, 5, 5, 5]
    title = ["Friends and Family Test: A&E, May 2021"]
    sites = [title, [*header, "Site Code"], [*row[:3], 90, *row[4:7], 50, 30, 5, 2, 2, 1, "ZZ101"]]
    path = write_workbook(tmp_path / "fft.xlsx", {"Sites": sites, "Trusts": [title, header, row]})
    assert its("import", "nhs-fft-ae", path, "-o", tmp_path / "t.csv").code == 0
    table = pd.read_csv(tmp_path / "t.csv")
    assert table[["indicator", "value", "period"]].values.tolist() == [["fft_positive", 90.0, "2021-05"]]
    other = write_workbook(tmp_path / "other.xlsx", {"Data": [["a", "b"], [1, 2]]})
    answer = its("import", "nhs-fft-ae", other, "-o", tmp_path / "u.csv")
    assert answer.code == 3
    assert "other.xlsx: none of 3 layouts fits (" in answer.err


def turnover_rows(period, rows):
    head = (
        "PERIOD,TYPE,ICS_CODE,REPORTING_ORG_NAME,REPORTING_ORG_CODE,CLUSTER_GROUP,STAFF_GROUP_1_NAME,HC,FTE"
    )
    kinds = {
        "start": "Denominator at start of period", "end": "Denominator at end of period",
        "leavers": "Leavers", "joiners": "Joiners",
    }  # fmt: skip
    lines = [
        f"{period},{kinds[kind]},Q1,Trust {code},{code},Acute,{group},{hc},{fte}"
        for kind, code, group, hc, fte in rows
    ]
    return "\n".join([head, *lines, ""])


TURNOVER = (
    ("start", "ZZ1", "All staff groups", 1010, 905.5), ("end", "ZZ1", "All staff groups", 990, 894.5),
    ("leavers", "ZZ1", "All staff groups", 30, 27.0), ("joiners", "ZZ1", "All staff groups", 20, 18.0),
    ("start", "ZZ1", "Nurses", 300, 280), ("end", "ZZ1", "Nurses", 300, 280), ("leavers", "ZZ1", "Nurses", 9, 8),
    ("start", "ZZ2", "All staff groups", 40, 40), ("end", "ZZ2", "All staff groups", 42, 41),
)  # fmt: skip


def test_the_leaver_rate_is_rebuilt_from_rows_of_several_kinds(its, tmp_path):
    path = tmp_path / "turnover Aug-15.csv"
    path.write_text(turnover_rows("201507 to 201508", TURNOVER), encoding="utf-8")
    answer = its("import", "nhs-turnover", path, "-o", tmp_path / "t.csv")
    assert answer.code == 0
    table = pd.read_csv(tmp_path / "t.csv").set_index(["indicator", "unit"])
    assert set(table["period"]) == {"2015-08"}
    assert table.loc[("leaver_rate", "ZZ1"), ["numerator", "denominator", "value"]].tolist() == [30, 1000, 3]
    assert table.loc[("leaver_rate_fte", "ZZ1"), ["numerator", "denominator"]].tolist() == [27, 900]
    # a row that is not there is missing, not zero
    assert pd.isna(table.loc[("leaver_rate", "ZZ2"), "value"])
    assert table.loc[("leaver_rate", "ZZ2"), "denominator"] == 41
    assert its("import", "nhs-turnover", path, "-o", tmp_path / "n.csv", "--stratum", "nurses").code == 0
    assert pd.read_csv(tmp_path / "n.csv")["value"].iloc[0] == 3.0


@pytest.mark.parametrize(
    ("period", "kind", "says"),
    [
        ("201408 to 201508", "Leavers", "is not a range of months; expected two, 1 month apart"),
        ("201508", "Leavers", "is not a range of months"),
        ("201507 to 201508", "Stayers", "the layout does not know 'Stayers'; it knows 'Denominator at start"),
    ],
)
def test_turnover_of_another_kind_is_refused(its, tmp_path, period, kind, says):
    path = tmp_path / "turnover.csv"
    path.write_text(turnover_rows(period, TURNOVER).replace("Leavers", kind), encoding="utf-8")
    answer = its("import", "nhs-turnover", path, "-o", tmp_path / "t.csv")
    assert answer.code == 3
    assert says in answer.err


def test_a_heading_over_two_rows_and_the_month_on_another_sheet(its, tmp_path):
    top = [
        *(["ICB Code", "Trust Code", "Trust Name", "Total Responses", "Percentage Positive"]),
        *(["Breakdown of Responses", "", "", "", "", "", "Mode of Collection", ""]),
    ]
    below = [
        "",
        "",
        "",
        "",
        "",
        "Very Good",
        "Good",
        "Neither Good nor Poor",
        "Poor",
        "Very Poor",
        "Don't Know",
    ]
    rows = [
        [], ["", "", "", "Show data for:"], top, [*below, "Mode SMS", "Mode Paper"],
        ["", "", "England", 900, 0.9, 500, 310, 30, 20, 20, 20], [],
        ["Q1", "ZZ1", "Zealand", 500, 0.9, 300, 150, 20, 10, 10, 10, 400, 100],
        ["Q1", "ZZ2", "Zephyr", 4, "*", "*", "*", "*", "*", "*", "*", 4, 0],
    ]  # fmt: skip
    notes = [[], ["", "A&E Friends and Family Test (FFT) data - May 2024"], ["Collected since 1 April 2013"]]
    path = write_workbook(tmp_path / "macro file.xlsx", {"Notes": notes, "Trusts": rows})
    answer = its("import", "nhs-fft-ae", path, "-o", tmp_path / "t.csv")
    assert answer.code == 0
    assert "unknown columns left out: 'Mode SMS' (column L), 'Mode Paper' (column M)" in answer.err
    table = pd.read_csv(tmp_path / "t.csv")
    assert table[["indicator", "unit", "period", "source_row"]].values.tolist() == [
        ["fft_positive", "ZZ1", "2024-05", 7], ["fft_positive", "ZZ2", "2024-05", 8],
    ]  # fmt: skip
    assert table["value"].iloc[0] == 90.0
    assert pd.isna(table["value"].iloc[1])
    # the workbook of inpatients looks alike
    answer = its("import", "nhs-fft-inpatient", path, "-o", tmp_path / "u.csv")
    assert answer.code == 3
    assert "nothing in it says that it is nhs-fft-inpatient" in answer.err
    assert "an import reads 2 units, 2024-05" in its("import", "--inspect", path).out


def test_sites_are_added_up_to_trusts(its, tmp_path):
    path = tmp_path / "emergency_2019-03.csv"
    path.write_text(
        "YearMonth,Trust Code,Trust Name,Site Code,Total Responses,Percentage Recommended - AE\n"
        "201903,ZZ1,Zealand,ZZ101,300,80.00%\n201903,ZZ1,Zealand,ZZ102,100,100%\n"
        "201903,ZZ2,Zephyr,ZZ201,50,*\n201903,ZZ2,Zephyr,ZZ202,50,90%\n",
        encoding="utf-8",
    )
    assert its("import", "nhs-fft-ae", path, "-o", tmp_path / "t.csv").code == 0
    table = pd.read_csv(tmp_path / "t.csv")
    assert table[["indicator", "unit", "period"]].values.tolist() == [
        ["fft_recommend", "ZZ1", "2019-03"], ["fft_recommend", "ZZ2", "2019-03"],
    ]  # fmt: skip
    assert table[["value", "numerator", "denominator"]].iloc[0].tolist() == [85.0, 340.0, 400.0]
    assert pd.isna(table["value"].iloc[1])


def test_the_csv_of_attendances_has_its_period_in_words(its, tmp_path):
    kinds = ("Type 1", "Type 2", "Other A&E Department")
    over = ("Type 1", "Type 2", "Other Department")
    head = ["Period", "Org Code", "Parent Org", "Org name"]
    head += [f"A&E attendances {kind}" for kind in kinds] + [f"Attendances over 4hrs {kind}" for kind in over]
    head += ["Patients who have waited 12+ hrs from DTA to admission"]
    head += [
        f"Emergency admissions via A&E - {kind}" for kind in ("Type 1", "Type 2", "Other A&E department")
    ]
    rows = [
        ["MSitAE-MARCH-2022", "ZZ1", "NHS ENGLAND", "ZEALAND TRUST", 100, 20, 30, 40, 0, 1, 2, 25, 0, 0],
        ["TOTAL", "TOTAL", "TOTAL", "TOTAL", 101, 20, 30, 40, 0, 1, 2, 25, 0, 0],
    ]
    path = tmp_path / "monthly.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in [head, *rows]), encoding="utf-8")
    answer = its("import", "nhs-ae", path, "-o", tmp_path / "t.csv")
    assert answer.code == 0
    assert "the units add up to 100 in attended_type1, but the publisher's own total is 101" in answer.err
    table = pd.read_csv(tmp_path / "t.csv").set_index("indicator")
    assert set(table["unit"]) == {"ZZ1"}
    assert set(table["period"]) == {"2022-03"}
    assert table.loc["ae_4h_all", ["numerator", "denominator"]].tolist() == [109, 150]
    assert table.loc["ae_attendances_type1", "value"] == 100


def test_characteristics_keep_their_origin(its, tmp_path):
    from its_eval.importers.collect import layouts_of

    (layout,) = layouts_of("peer-finder")
    names = ["Procode", *layout.numbers]
    path = tmp_path / "appendix.csv"
    path.write_text(
        "\n".join(
            [",".join(names), ",".join(["ZZ2", *["1.5"] * 20, "NULL"]), ",".join(["ZZ1", *["2"] * 21]), ""]
        ),
        encoding="utf-8",
    )
    answer = its("import", "peer-finder", path, "-o", tmp_path / "c.csv")
    assert (answer.code, answer.err) == (0, "1 file, 2 units\n")
    table = pd.read_csv(tmp_path / "c.csv")
    assert list(table.columns) == [*names, "source"]
    assert table["Procode"].tolist() == ["ZZ1", "ZZ2"]
    assert table["source"].tolist() == ["appendix.csv, row 3", "appendix.csv, row 2"]
    assert pd.isna(table["DTOCs"].iloc[1])
    answer = its("import", "peer-finder", path, path, "-o", tmp_path / "d.csv")
    assert answer.code == 3
    assert "2 files of characteristics" in answer.err
    answer = its("import", "peer-finder", path, "-o", tmp_path / "d.csv", "--coverage", tmp_path / "cov")
    assert answer.code == 2
    assert not (tmp_path / "d.csv").exists()


OWN = """\
version: 1
kind: clinic
title: A clinic's own file
tried: true
header: {marks: [Site, Seen], rows: [1, 5]}
period: {anywhere: true}
unit_pattern: "[A-Z]+"
columns: {unit: Site, seen: Seen, waiting: Waiting}
indicators:
  - {name: seen_share, label: Seen, kind: percentage, numerator: seen, denominator: {sum: [seen, waiting]}}
"""


def test_a_layout_of_ones_own(its, tmp_path):
    layout = tmp_path / "own.yaml"
    layout.write_text(OWN, encoding="utf-8")
    path = tmp_path / "clinic.csv"
    path.write_text("Report for May 2021,,\nSite,Seen,Waiting\nNORTH,30,10\n", encoding="utf-8")
    assert its("import", "clinic", path, "--layout", layout, "-o", tmp_path / "t.csv").code == 0
    table = pd.read_csv(tmp_path / "t.csv")
    assert table[["unit", "period", "value"]].values.tolist() == [["NORTH", "2021-05", 75.0]]
    answer = its("import", "nhs-ae", path, "--layout", layout, "-o", tmp_path / "u.csv")
    assert answer.code == 2
    assert "own.yaml is of kind 'clinic', and the command says 'nhs-ae'" in answer.err
    layout.write_text(OWN.replace("numerator: seen,", "numerator: sene,"), encoding="utf-8")
    answer = its("import", "clinic", path, "--layout", layout, "-o", tmp_path / "u.csv")
    assert answer.code == 2
    assert "own.yaml:10: indicators[0].numerator: no column of numbers is called 'sene'" in answer.err
    assert "did you mean 'seen'?" in answer.err


def test_inspecting_shows_sheets_headers_and_fits(its, tmp_path):
    path = ae_workbook(tmp_path / NAME)
    answer = its("import", "--inspect", path)
    assert answer.code == 0
    assert "sheet 'Provider Level Data': " in answer.out
    assert re.search(r"likely header in row 16: Code \| Region \| Name \| Type 1", answer.out)
    assert "fits, sheet 'Provider Level Data'" in answer.out
    assert (
        "nhs-sickness (NHS England, NHS Sickness Absence Rates, benchmarking tool CSV): does not fit: "
        in answer.out
    )
    layout = tmp_path / "own.yaml"
    layout.write_text(OWN, encoding="utf-8")
    answer = its("import", "--inspect", path, "--layout", layout)
    assert answer.out.splitlines()[-1].startswith("clinic (A clinic's own file): does not fit")
    text = tmp_path / "x.csv"
    text.write_text("Site,Seen,Waiting\nA,1,2\n", encoding="utf-8")
    answer = its("import", "--inspect", text, "--layout", layout)
    assert answer.out.splitlines() == [
        "x.csv: 2 rows, 3 columns",
        "  likely header in row 1: Site | Seen | Waiting",
        "clinic (A clinic's own file): does not fit: row 1: no cell above the header names a month and year",
    ]
    text.write_text("May 2020\nSite,Seen,Waiting\nA,1,2\n", encoding="utf-8")
    answer = its("import", "--inspect", text, "--layout", layout)
    assert answer.out.splitlines()[1:] == [
        "  likely header in row 2: Site | Seen | Waiting",
        "clinic (A clinic's own file): fits; an import reads 1 unit, 2020-05",
    ]


def test_a_known_layout_is_where_ones_own_begins(its, tmp_path):
    answer = its("import", "--show-layout", "nhs-ae")
    assert answer.code == 0
    moved = answer.out.replace("rows: [16, 16]", "rows: [16, 20]")
    (tmp_path / "own.yaml").write_text(moved, encoding="utf-8")
    path = ae_workbook(tmp_path / NAME, rows=moved_header())
    assert (
        its("import", "nhs-ae", path, "--layout", tmp_path / "own.yaml", "-o", tmp_path / "t.csv").code == 0
    )
    # four providers, seven indicators, and one of them without a type 1 department
    assert len(pd.read_csv(tmp_path / "t.csv")) == 4 * 7 - 1
    assert its("import", "--show-layout", "nhs-fft-ae").out.count("kind: nhs-fft-ae") == 3
    assert its("import", "--show-layout", "nhs").code == 2


def test_usage(its, tmp_path):
    for arguments in ((), ("nhs-ae",), ("nhs-ae", "x.xls")):
        answer = its("import", *arguments)
        assert answer.code == 2
        assert "needs a KIND, at least one FILE and --out" in answer.err
    answer = its("import", "nhs-ea", "x.xls", "-o", tmp_path / "t.csv")
    assert answer.code == 2
    assert "there is no kind of file 'nhs-ea'; did you mean 'nhs-ae'" in answer.err
    answer = its("import", "nhs-ae", "x.xls", "-o", tmp_path / "t.csv", "--stratum", "all")
    assert (answer.code, "nhs-ae has no groups within units" in answer.err) == (2, True)
    answer = its("import", "--list-kinds")
    assert answer.code == 0
    assert (
        "nhs-fft-ae     NHS England, A&E Friends and Family Test by trust, question until March 2020 (not yet"
        in answer.out
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("t.json", "'.json' is no kind of table that is written"),
        ("folder.csv", "is a folder, not a file"),
        ("nowhere/t.csv", "there is no folder"),
    ],
)
def test_where_nothing_can_be_written(its, tmp_path, target, message):
    (tmp_path / "folder.csv").mkdir()
    answer = its("import", "nhs-ae", ae_workbook(tmp_path / NAME), "-o", tmp_path / target)
    assert answer.code == 2
    assert message in answer.err


def test_many_notes_are_counted(its, tmp_path):
    many = tuple((f"ZZ{place:02d}", "Trust", (100, 0, 0), (90, 0, 0), 10, 0) for place in range(30))
    first = ae_workbook(tmp_path / "April-2020-a.xlsx", providers=many, revised="")
    changed = tuple((code, name, (101, 0, 0), (90, 0, 0), 10, 0) for code, name, *_ in many)
    second = ae_workbook(tmp_path / "April-2020-b.xlsx", providers=changed)
    answer = its("import", "nhs-ae", first, second, "-o", tmp_path / "t.csv")
    assert answer.code == 0
    assert answer.err.splitlines()[-1] == "  … and 160 more; --coverage DIR writes them all"


def test_an_imported_table_is_read_without_mapping_and_faults_point_to_the_workbook(its, study, tmp_path):
    """A value that cannot be is told with the publisher's file, sheet and row."""
    months = [f"{2013 + index // 12}-{index % 12 + 1:02d}" for index in range(48)]
    table = pd.DataFrame(
        [
            (
                *("waits", unit, month, 50.0 + place + index % 7, None, None, ""),
                *(f"{month}.xls", "Trusts", 10 + place),
            )
            for place, unit in enumerate(("A1", "A2", "B1", "B2", "B3", "B4", "B5"))
            for index, month in enumerate(months)
        ],
        columns=[
            "indicator", "unit", "period", "value", "numerator", "denominator", "stratum", "source_file",
            "source_sheet", "source_row",
        ],
    )  # fmt: skip
    table.to_csv(study.indicators, index=False)
    seen = '  - {indicator: seen, label: Seen in time, unit: "%", kind: percentage, better: higher}\n'
    config = study.write(changes={seen: ""})
    assert its("validate", config).code == 0
    table["value"] = table["value"].astype(object)
    table.loc[3, "value"] = "about 50"
    table.to_csv(study.indicators, index=False)
    answer = its("validate", config)
    assert answer.code == 3
    assert "2013-04.xls, sheet 'Trusts' row 10, column 'value': 'about 50' is not a number" in answer.out
