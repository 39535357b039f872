"""``its-eval init``."""

import math

import openpyxl
import pandas as pd
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


def wobble(place):
    return math.sin(5.1 * place) * 43758.5453 % 1 - 0.5


def own_workbook(path, sheets=("Figures", "Notes")):
    """Write a workbook as an analyst has it: titles, months across, shares, marks, a total, footnotes."""
    months = pd.period_range("2019-01", "2023-12", freq="M")
    book = openpyxl.Workbook()
    book.active.title = sheets[0]
    for sheet in [book.active, *(book.create_sheet(name) for name in sheets[2:])]:
        sheet.append(["Clinics that began on time, % of all clinics"])
        sheet.append(["Source: local extract"])
        sheet.append([])
        sheet.append(["Code", "Hospital", *(month.to_timestamp().to_pydatetime() for month in months)])
        for unit in range(6):
            shares = [0.70 + unit / 50 + (0.05 if unit == 2 and place >= 36 else 0) + wobble(place + unit) / 50
                      for place in range(len(months))]  # fmt: skip
            cells = [
                "*" if (unit, place) == (1, 4) else round(share, 4) for place, share in enumerate(shares)
            ]
            sheet.append([f"H{unit} " if unit == 4 else f"H{unit}", f"Hospital {unit}", *cells])
        sheet.append(["", "Total"])
        sheet.append(["* fewer than 5 clinics"])
    book.create_sheet(sheets[1]).append(["Definitions"])
    book.save(path)
    return path


def test_from_an_own_workbook_to_a_report_in_three_commands(its, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_workbook(tmp_path / "clinics.xlsx")
    answer = its("init", "study", "--indicators", "clinics.xlsx", "--unit", "H2", "--date", "2022-01")
    assert answer.code == 0
    for said in (
        "sheet: the only sheet that looks like a table",
        "header_row: the names of the columns stand in row 4",
        "scale: every value lies between 0 and 1: proportions, multiplied by 100",
        "better: not said; write `better: higher` or `better: lower`",
    ):
        assert said in answer.err
    config = yaml.safe_load((tmp_path / "study" / "its-eval.yaml").read_text())
    assert config["data"]["indicators"] == {
        "path": "../clinics.xlsx", "sheet": "Figures", "header_row": 4, "layout": "across",
        "columns": {"unit": "Code"}, "indicator": "clinics", "scale": "proportion",
    }  # fmt: skip
    assert config["outcomes"] == [{"indicator": "clinics", "kind": "percentage"}]
    assert config["estimands"] == {"at": [12, 24]}
    assert its("run", "study/its-eval.yaml", "-o", "out", "--no-figures").code == 0
    effects = pd.read_csv(tmp_path / "out" / "tables" / "effects.csv")
    (row,) = effects[(effects["estimand"] == "level_change") & (effects["scale"] == "response")].itertuples()
    assert row.estimate == pytest.approx(5.0, abs=1.0)
    assert row.conf_low > 0
    assert its("report", "out").code == 0
    assert (tmp_path / "out" / "report.html").is_file()


def test_sheets_that_look_alike_are_asked_for(its, tmp_path):
    book = own_workbook(tmp_path / "b.xlsx", ("2023", "Notes", "2024"))
    arguments = ("--indicators", book, "--unit", "H2", "--date", "2022-01")
    answer = its("init", tmp_path / "s", *arguments)
    assert answer.code == 2
    assert "2 sheets look like tables: '2023', '2024'" in answer.err
    assert its("init", tmp_path / "s", *arguments, "--sheet", "2024").code == 0
    answer = its("init", tmp_path / "t", *arguments, "--sheet", "2025")
    assert "has no sheet '2025'; did you mean '2024' or '2023'?" in answer.err
    answer = its("init", tmp_path / "t", *arguments, "--sheet", "2024", "--header-row", "2")
    assert answer.code == 2
    assert not (tmp_path / "t").exists()


def test_from_two_columns_to_a_report_with_two_interruptions(its, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quarters = [f"{year} Q{number}" for year in range(2006, 2018) for number in (1, 2, 3, 4)]
    values = [
        120 - 0.1 * place - 9 * (place >= 16) - 6 * (place >= 32) + wobble(place) for place in range(48)
    ]
    lines = [f"{quarter},{value:.2f}" for quarter, value in zip(quarters, values, strict=True)]
    (tmp_path / "items.csv").write_text("\n".join(["Quarter,Items per 1000", *lines]))
    answer = its(
        "init",
        "study",
        "--indicators",
        "items.csv",
        "--date",
        "2010Q1",
        "--date",
        "2014Q1",
        "--better",
        "lower",
    )
    assert answer.code == 0
    assert (
        "treated: there is no column of units: all of the table is one series, called 'items' here"
        in answer.err
    )
    config = yaml.safe_load((tmp_path / "study" / "its-eval.yaml").read_text())
    assert config["data"]["frequency"] == "quarter"
    assert config["intervention"]["date"] == "2010Q1"
    assert config["events"] == [{"name": "Intervention 2", "date": "2014Q1", "as": "step_and_slope"}]
    assert config["treated"] == ["items"]
    assert config["outcomes"][0] == {"indicator": "Items per 1000", "kind": "number", "better": "lower"}
    assert config["estimands"] == {"at": [4, 8]}
    assert its("run", "study/its-eval.yaml", "-o", "out", "--no-figures").code == 0
    effects = pd.read_csv(tmp_path / "out" / "tables" / "effects.csv")
    jumps = effects[effects["estimand"] == "level_change"].set_index("interruption")["estimate"]
    assert jumps.to_dict() == pytest.approx({"Intervention": -9, "Intervention 2": -6}, abs=1.5)
    assert its("report", "out").code == 0


def long_table(path, head, line, places=60):
    path.write_text("\n".join([head, *(line(place) for place in range(places))]), encoding="utf-8")
    return path


def month_of(place):
    return f"{2014 + place // 12}-{place % 12 + 1:02d}"


LOOKED_AT = {
    "a column of numbers of months": (
        "county,year,month,date,births",
        lambda p: f"Ash,{2014 + p // 12},{p % 12 + 1},{month_of(p)}-15,{60 + p % 7}",
        ("--unit", "Ash", "--indicator", "births"),
        {"columns": {"period": "date", "unit": "county", "value": "births"}, "indicator": "births"},
        {"indicator": "births", "kind": "count"},
    ),
    "quarters dated by their last month": (
        "unit,period,value", lambda p: f"Ash,{2004 + p // 4}-{3 * (p % 4) + 3:02d}-28,{50.5 + p % 7}", (),
        {"indicator": "table"}, {"indicator": "table", "kind": "number"},
    ),
    "dates with the day first": (
        "unit,period,value", lambda p: f"Ash,01/{p % 12 + 1:02d}/{2014 + p // 12},{50.5 + p % 7}", (),
        {"dates": "dmy", "indicator": "table"}, {"indicator": "table", "kind": "number"},
    ),
    "semicolons and commas": (
        "Einheit;Monat;Wert", lambda p: f"Süd;{month_of(p)};{50 + p % 7},5", ("--unit", "Süd"),
        {
            "delimiter": ";", "decimal": ",", "columns": {"period": "Monat", "unit": "Einheit", "value": "Wert"},
            "indicator": "Wert",
        },
        {"indicator": "Wert", "kind": "number"},
    ),
    "per cent signs": (
        "unit,month,value", lambda p: f"Ash,{month_of(p)},{50 + p % 7}.5%", (),
        {"columns": {"period": "month"}, "indicator": "table"}, {"indicator": "table", "kind": "percentage"},
    ),
    "counts with zeros": (
        "unit,month,falls", lambda p: f"Ash,{month_of(p)},{p % 4}", (),
        {"columns": {"period": "month", "value": "falls"}, "indicator": "falls"},
        {"indicator": "falls", "kind": "count", "transform": "none"},
    ),
    "a column a unit": (
        "month,Ash,Beech,season", lambda p: f"{month_of(p)},{50.5 + p % 7},{40.5 + p % 5},dry", ("--unit", "Ash"),
        {"layout": "wide", "columns": {"period": "month"}, "indicator": "table"},
        {"indicator": "table", "kind": "number"},
    ),
    "days": (
        "unit,date,value", lambda p: f"Ash,{pd.Timestamp('2014-01-01') + pd.Timedelta(days=p):%Y-%m-%d},{p % 9}",
        (), {"columns": {"period": "date"}, "indicator": "table", "combine": "sum"},
        {"indicator": "table", "kind": "count", "transform": "none"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKED_AT)
def test_what_is_seen_in_a_table(its, tmp_path, name):
    head, line, options, table, outcome = LOOKED_AT[name]
    path = long_table(tmp_path / "table.csv", head, line, 1400 if name == "days" else 60)
    answer = its("init", tmp_path, "--indicators", path, "--date", "2016-07", *options)
    assert answer.code == 0, answer.err
    config = yaml.safe_load((tmp_path / "its-eval.yaml").read_text(encoding="utf-8"))
    assert config["data"]["indicators"] == {"path": "table.csv", **table}
    assert config["outcomes"] == [outcome]
    assert config["data"]["frequency"] == ("quarter" if "quarters" in name else "month")
    assert its("validate", tmp_path / "its-eval.yaml").code == 0


REFUSED = {
    "dates of either order": (
        lambda p: f"Ash,{p % 12 + 1:02d}/{p % 10 + 1:02d}/{2014 + p // 12},{p % 7}.5", (),
        "may begin with the day or the month",
    ),
    "no periods": (lambda p: f"Ash,{p}th,{p}.5", (), "no column holds periods such as 2015-07"),
    "a date outside": (lambda p: f"Ash,{month_of(p)},{p}.5", ("--date", "2031-01"), "leaves nothing before or from it"),
    "a date of another frequency": (
        lambda p: f"Ash,{month_of(p)},{p}.5", ("--date", "2016Q3"), "the table has months, 2014-01 to 2018-12",
    ),
    "several units": (lambda p: f"U{p % 3},{month_of(p // 3)},{p}.5", ("--date", "2015-01"), "which of its 3 units"),
    "a value beyond its kind": (
        lambda p: f"Ash,{month_of(p)},{p + 80}.5", ("--date", "2016-07", "--kind", "percentage"),
        "a percentage lies between 0 and 100",
    ),
    "months twelve apart": (
        lambda p: f"Ash,{1950 + p}-04,{p}.5", ("--date", "1980"), "write the years alone, such as 2015",
    ),
    "one row twice": (
        lambda p: f"Ash,{month_of(max(p, 1))},{p}.5", ("--date", "2016-07"), "2014-02 stands 2 times",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_no_config_is_written_that_cannot_work(its, tmp_path, name):
    line, options, says = REFUSED[name]
    path = long_table(tmp_path / "table.csv", "unit,period,value", line)
    answer = its("init", tmp_path / "new", "--indicators", path, *(options or ("--date", "2016-07")))
    assert answer.code in (2, 3)
    assert says in answer.err
    assert answer.out == ""
    assert not (tmp_path / "new").exists()


def test_a_name_that_stands_twice_is_refused(its, tmp_path):
    path = long_table(
        tmp_path / "table.csv", "unit,period,value,value", lambda p: f"Ash,{month_of(p)},{p}.5,1"
    )
    answer = its("init", tmp_path / "new", "--indicators", path, "--date", "2016-07")
    assert answer.code == 3
    assert "table.csv: 2 columns are called 'value'; expected one" in answer.err


def test_a_hidden_sheet_that_is_asked_for(its, tmp_path):
    book = own_workbook(tmp_path / "b.xlsx", ("2023", "Notes", "2024"))
    opened = openpyxl.load_workbook(book)
    del opened["Notes"]
    opened["2024"].sheet_state = "hidden"
    opened["2023"]["C5"] = 0.99
    opened.save(book)
    arguments = ("--indicators", book, "--unit", "H2", "--date", "2022-01")
    assert its("init", tmp_path / "s", *arguments, "--sheet", "2024").code == 0
    config = yaml.safe_load((tmp_path / "s" / "its-eval.yaml").read_text())
    assert str(config["data"]["indicators"]["sheet"]) == "2024"
    assert its("init", tmp_path / "t", *arguments).code == 0
    assert "sheet" not in yaml.safe_load((tmp_path / "t" / "its-eval.yaml").read_text())["data"]["indicators"]


def test_a_table_that_may_not_be_read(its, tmp_path, monkeypatch):
    path = long_table(tmp_path / "table.csv", "unit,period,value", lambda p: f"Ash,{month_of(p)},{p}.5")
    whole = type(path).read_bytes

    def refused(self):
        if self.name == "table.csv":
            raise PermissionError(13, "Permission denied")
        return whole(self)

    monkeypatch.setattr(type(path), "read_bytes", refused)
    answer = its("init", tmp_path / "new", "--indicators", path, "--date", "2016-07")
    assert answer.code == 3
    assert "table.csv: cannot be read as CSV: [Errno 13] Permission denied" in answer.err


@pytest.mark.parametrize(
    ("frequency", "period", "date"),
    [
        ("year", lambda p: f"{1980 + p}/{(1981 + p) % 100:02d}", "2012"),
        ("quarter", lambda p: f"{2004 + p // 4}/{(2005 + p // 4) % 100:02d} Q{p % 4 + 1}", "2012Q3"),
    ],
)
def test_financial_years_and_their_quarters_are_seen(its, tmp_path, frequency, period, date):
    path = long_table(
        tmp_path / "table.csv", "unit,year,value", lambda p: f"Ash,{period(p)},{50 + wobble(p):.3f}"
    )
    answer = its("init", tmp_path, "--indicators", path, "--date", date)
    assert answer.code == 0, answer.err
    assert "dates: the years begin in April" in answer.err
    config = yaml.safe_load((tmp_path / "its-eval.yaml").read_text())
    assert config["data"]["indicators"]["dates"] == "financial"
    assert config["data"]["frequency"] == frequency
