"""Tables that people have, and what a config says of them: read rightly, or refused with what to write."""

import datetime as dt
import math

import openpyxl
import pandas as pd
import pytest
import yaml

MONTHS = [f"{2014 + place // 12}-{place % 12 + 1:02d}" for place in range(48)]


def level(place, unit=0):
    """Return a repeatable value near 80, two higher from the thirtieth month on."""
    wobble = math.sin(7.3 * place + unit) * 43758.5453 % 1 - 0.5
    return round(80 + unit + 0.02 * place + 2 * (place >= 30) + wobble, 2)


def long_rows(head="indicator,unit,period,value", line=None, months=MONTHS):
    line = line or (lambda place, month: f"seen,Ash,{month},{level(place)}")
    return "\n".join([head, *(line(place, month) for place, month in enumerate(months)), ""])


@pytest.fixture
def case(its, tmp_path):
    """Write a table and a config about it: case(text, table keys, config keys) gives a caller of commands."""

    def made(content, table=None, outcome=None, name="data.csv", **config):
        if isinstance(content, bytes):
            (tmp_path / name).write_bytes(content)
        elif isinstance(content, str):
            (tmp_path / name).write_text(content, encoding="utf-8")
        else:
            content(tmp_path / name)
        frequency = config.pop("frequency", "month")
        tree = {
            "version": 1,
            "data": {"indicators": {"path": name, **(table or {})}, "frequency": frequency},
            "intervention": {"date": config.pop("date", "2016-07"), "shape": "step"},
            "treated": config.pop("treated", ["Ash"]),
            "outcomes": [{"indicator": "seen", "seasonality": "none", **(outcome or {})}],
            "checks": dict.fromkeys(
                ("placebo_units", "placebo_dates", "leave_one_peer_out", "diagnostics"), False
            ),
            **config,
        }
        path = tmp_path / "c.yaml"
        path.write_text(yaml.safe_dump(tree), encoding="utf-8")
        return lambda command="validate", *options: its(command, path, *options)

    return made


def run_effects(run, tmp_path):
    answer = run("run", "-o", tmp_path / "out", "--no-figures", "--no-report", "-q")
    assert answer.code == 0, answer.err
    return pd.read_csv(tmp_path / "out" / "tables" / "effects.csv")


def jump(effects):
    (row,) = effects[(effects["estimand"] == "level_change") & (effects["design"] == "single")].itertuples()
    return row.estimate


SHAPES = {
    "semicolons and decimal commas": (
        long_rows().replace(",", ";").replace(".", ","),
        {"delimiter": ";", "decimal": ","},
    ),
    "cp1252": (long_rows("indicator,unit,period,value,Häufigkeit").encode("cp1252"), {"encoding": "cp1252"}),
    "utf-16": (long_rows().encode("utf-16"), {"encoding": "utf-16"}),
    "tabulators": (long_rows().replace(",", "\t"), {"delimiter": "tab"}),
    "titles above the header": ("Seen in time\n\n" + long_rows(), {"header_row": 3}),
    "no column of units": (
        long_rows("Month,Value", lambda place, month: f"{month},{level(place)}"),
        {"columns": {"period": "Month"}, "indicator": "seen"},
    ),
    "per cent signs": (long_rows(line=lambda place, month: f"seen,Ash,{month},{level(place)}%"), {}),
    "proportions": (
        long_rows(line=lambda place, month: f"seen,Ash,{month},{level(place) / 100:.4f}"),
        {"scale": "proportion"},
    ),
    "months in words": (
        long_rows(
            line=lambda place, month: f"seen,Ash,{dt.date.fromisoformat(month + '-01'):%b-%y},{level(place)}"
        ),
        {},
    ),
    "a pattern": (
        long_rows(line=lambda place, month: f"seen,Ash,{month[5:]}|{month[:4]},{level(place)}"),
        {"dates": "%m|%Y"},
    ),
    "months across": (
        "\n".join(
            [
                ",".join(["Trust", "Region", *MONTHS]),
                *(
                    ",".join([name, "North", *(str(level(place, unit)) for place in range(48))])
                    for unit, name in enumerate(("Ash", "Beech"))
                ),
                ",".join(["* suppressed", *[""] * 49]),
            ]
        ),
        {"layout": "across", "indicator": "seen", "columns": {"unit": "Trust"}},
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_same_series_however_it_is_laid_out(case, tmp_path, name):
    content, table = SHAPES[name]
    effects = run_effects(case(content, table, {"kind": "percentage"}), tmp_path)
    assert jump(effects) == pytest.approx(2.1, abs=0.6)
    plain = tmp_path / "plain"
    plain.mkdir()
    (tmp_path / "data.csv").write_text(long_rows(), encoding="utf-8")
    again = case(long_rows(), {}, {"kind": "percentage"})
    assert jump(
        run_effects(lambda command, *options: again(command, "-o", plain / "out", *options[2:]), plain)
    ) == (pytest.approx(jump(effects), abs=1e-9))


def test_a_workbook_with_titles_several_sheets_and_proportions(case, tmp_path):
    def write(path):
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.title = "Figures"
        sheet.append(["Seen in time, % of all"])
        sheet.append([])
        sheet.append(["Code", *(dt.date(int(month[:4]), int(month[5:]), 1) for month in MONTHS)])
        sheet.append(["Ash ", *(level(place) / 100 for place in range(48))])
        sheet.append(["Beech", *("*" if place == 3 else level(place, 1) / 100 for place in range(48))])
        sheet.append(["", *[0.5] * 48])
        sheet.append(["Source: local"])
        book.create_sheet("Notes").append(["About"])
        book.save(path)

    table = {
        "sheet": "Figures", "header_row": 3, "layout": "across", "indicator": "seen", "scale": "proportion",
        "columns": {"unit": "Code"},
    }  # fmt: skip
    validate = case(write, table, {"kind": "percentage"}, name="book.xlsx", peers={"k": "all"})
    answer = validate()
    assert answer.code == 0
    assert "rows without a unit are not used: 6" in answer.out
    assert "rows without any value are not used: 'Source: local'" in answer.out
    effects = run_effects(validate, tmp_path)
    assert jump(effects) == pytest.approx(2.1, abs=0.6)
    # every other unit of the table is a peer, without characteristics
    peers = pd.read_csv(tmp_path / "out" / "tables" / "peers.csv")
    assert peers["peer"].tolist() == ["Beech"]
    table.pop("sheet")
    refused = case(write, table, name="book.xlsx")()
    assert refused.code == 3
    assert "2 sheets hold something: 'Figures', 'Notes'" in refused.out
    assert "set `sheet: NAME`" in refused.out
    refused = case(write, table | {"sheet": "Figure"}, name="book.xlsx")()
    assert "there is no sheet 'Figure'; did you mean 'Figures'?" in refused.out


PARTS = "indicator,unit,period,value,numerator,denominator"
WRONG = {
    "proportions": (
        long_rows(line=lambda place, month: f"seen,Ash,{month},{level(place) / 100:.4f}"), {},
        ["these look like proportions; set `scale: proportion`, or multiply by 100"],
    ),
    "proportions that are none": (
        long_rows(), {"scale": "proportion"}, ["80.3 is no proportion from 0 to 1; leave `scale` out"],
    ),
    "a semicolon file": (
        long_rows().replace(",", ";"), {}, ["separated by semicolons", "set `delimiter: ';'`"],
    ),
    "decimal commas": (
        long_rows().replace(",", ";").replace(".", ","), {"delimiter": ";"},
        ["the decimal mark is a point, or set `decimal: ','`"],
    ),
    "cp1252": (
        long_rows().replace("Ash", "Süd").encode("cp1252"), {}, ["is not UTF-8 text", "set `encoding: cp1252`"],
    ),
    "utf-16": (
        long_rows().encode("utf-16"), {}, ["begins with the mark of UTF-16", "set `encoding: utf-16`"],
    ),
    "titles above the header": (
        "Seen in time,,,\n,,,\n" + long_rows(), {}, ["set `header_row: 3`"],
    ),
    "months across": (
        "Trust," + ",".join(MONTHS) + "\nAsh," + ",".join(["80"] * 48) + "\n", {"indicator": "seen"},
        ["set `layout: across`"],
    ),
    "a turned table": (
        "Trust," + ",".join(MONTHS) + "\nAsh," + ",".join(["80"] * 48) + "\n",
        {"indicator": "seen", "layout": "wide", "columns": {"period": "Trust"}},
        ["the names of its columns are months", "this table is turned", "set `layout: across`"],
    ),
    "rows that stand twice": (
        long_rows() + long_rows().partition("\n")[2], {}, ["duplicated rows; keep one row"],
    ),
    "rows that contradict each other": (
        long_rows() + f"seen,Ash,{MONTHS[0]},12\n", {}, ["with different values; keep one row, or set `combine"],
    ),
    "a name that changes case": (
        long_rows(line=lambda p, m: f"seen,{'Ash' if p < 40 else 'ASH'},{m},{level(p)}"), {},
        ["the units 'ASH' and 'Ash' differ in case or spaces alone"],
    ),
    "quarters as months": (
        long_rows(months=[f"{year}-{month:02d}-28" for year in range(2010, 2020) for month in (3, 6, 9, 12)]), {},
        ["seen, Ash has a value every third month: set `frequency: quarter`"],
    ),
    "years as months": (
        long_rows(months=[f"{year}-12-31" for year in range(1990, 2020)]), {}, ["set `frequency: year`"],
    ),
    "days": (
        long_rows(months=[str(dt.date(2015, 1, 1) + dt.timedelta(days=day)) for day in range(900)]), {},
        ["30 months hold several days (2015-01-01, 2015-01-02, …); set `combine: sum` to add them up (counts)"],
    ),
    "a value that is not its parts": (
        long_rows(PARTS, lambda p, m: f"seen,Ash,{m},50.3,{900 + p},1000"), {},
        ["value 50.3 is not what numerator and denominator make, 90"],
    ),
    "dates of either order": (
        long_rows(line=lambda p, m: f"seen,Ash,01/{m[5:]}/{m[:4]},{level(p)}"), {}, ["set `dates: dmy`"],
    ),
    "day numbers": (
        long_rows(line=lambda p, m: f"seen,Ash,{41640 + 30 * p},{level(p)}"), {},
        ["write 2014-01-01 if it is the day number of a spreadsheet"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_read_says_what_to_write(case, name):
    content, table, says = WRONG[name]
    answer = case(content, table, {"kind": "percentage"}, treated=["Süd" if name == "cp1252" else "Ash"])()
    assert answer.code == 3
    for text in says:
        assert text in answer.out
    # a run is never made of it
    assert case(content, table, {"kind": "percentage"})("run", "--no-figures", "--no-report").code == 3


def test_spaces_inside_a_name(case):
    rows = long_rows(line=lambda p, m: f"seen,{'Ash Trust' if p < 20 else 'Ash  Trust'},{m},{level(p)}")
    answer = case(rows, treated=["Ash Trust"])()
    assert answer.code == 3
    assert "the units 'Ash  Trust' and 'Ash Trust' differ in case or spaces alone" in answer.out


def test_units_of_like_names_that_are_two_stay_two(case):
    rows = long_rows() + long_rows(line=lambda p, m: f"seen,ASH,{m},{level(p, 3)}").partition("\n")[2]
    assert case(rows)().code == 0


def test_all_of_a_denominator_is_a_hundred_per_cent(case, tmp_path):
    sizes = [1.1 * (151 + 5 * (place % 5)) for place in range(48)]
    rows = long_rows(
        "indicator,unit,period,numerator,denominator",
        lambda p, m: f"seen,Ash,{m},{sizes[p] * (0.9 if p % 4 == 0 else 1)!r},{sizes[p]!r}",
    )
    # 100 × n / n is above 100 in its last digit for some of them
    assert max(100.0 * size / size for size in sizes) > 100.0
    run_effects(case(rows, outcome={"kind": "percentage"}), tmp_path)
    series = pd.read_csv(tmp_path / "out" / "tables" / "series.csv")
    assert series["observed"].max() == 100.0
    given = long_rows(line=lambda p, m: f"seen,Ash,{m},{'100.00000000000001' if p % 3 else level(p)}")
    assert case(given, outcome={"kind": "percentage"})().code == 0
    assert case(given.replace("00000000000001", "1"), outcome={"kind": "percentage"})().code == 3


def test_a_small_percentage_of_numerator_and_denominator_is_no_proportion(case):
    rows = long_rows(PARTS, lambda p, m: f"seen,Ash,{m},,{5 + p % 3},1000")
    answer = case(rows, outcome={"kind": "percentage"})()
    assert answer.code == 0
    assert "proportion" not in answer.out
    stated = long_rows(line=lambda p, m: f"seen,Ash,{m},{0.3 + (p % 5) / 10}")
    assert case(stated, {"scale": "percent"}, {"kind": "percentage"})().code == 0


@pytest.mark.parametrize(("how", "kind", "expected"), [("sum", "count", 31.0), ("mean", "number", 1.0)])
def test_days_are_combined(case, tmp_path, how, kind, expected):
    days = [dt.date(2014, 1, 1) + dt.timedelta(days=day) for day in range(1461) if day != 40]
    rows = long_rows(line=lambda _, day: f"seen,Ash,{day},1", months=days)
    run = case(rows, {"combine": how}, {"kind": kind, "transform": "none"})
    run("run", "-o", tmp_path / "out", "--no-figures", "--no-report", "-q")
    frame = load(tmp_path)
    assert frame.loc[frame["month"] == "2014-01", "value"].tolist() == [expected]
    # a sum of which a day is missing is missing
    assert frame.loc[frame["month"] == "2014-02", "value"].isna().tolist() == [how == "sum"]


def load(tmp_path):
    from its_eval.config import load_config
    from its_eval.data.load import load_indicators

    settings = load_config(tmp_path / "c.yaml").data
    frame = load_indicators(settings).frame
    return frame.assign(month=[settings.calendar.format(int(period)) for period in frame["period"]])


def test_days_of_the_week_that_have_no_values_are_none_missing(case, tmp_path):
    days = [dt.date(2014, 1, 6) + dt.timedelta(days=day) for day in range(700)]
    rows = long_rows(
        line=lambda _, day: f"seen,Ash,{day},2", months=[day for day in days if day.weekday() < 5]
    )
    case(rows, {"combine": "sum"}, frequency="week", date="2015-01-05")
    assert set(load(tmp_path)["value"]) == {10.0}


def test_a_column_of_words_is_one_note(case):
    rows = long_rows("date,Ash,before", lambda p, m: f"{m},{level(p)},{p < 30}")
    table = {"layout": "wide", "indicator": "seen", "columns": {"period": "date"}}
    answer = case(rows, table)()
    assert answer.code == 0
    assert [line for line in answer.out.splitlines() if "before" in line] == [
        "  note: data.csv: column 'before' holds words and is not used"
    ]


def test_quarters_are_said_to_be_those_of_the_calendar_once(case):
    quarters = [f"Q{number} {year}" for year in range(2010, 2020) for number in (1, 2, 3, 4)]
    answer = case(long_rows(months=quarters), frequency="quarter", date="2015Q1")()
    assert answer.code == 0
    assert answer.out.count("quarters are those of the calendar: Q1 2010 is January to March 2010") == 1
    financial = [
        f"{year}/{(year + 1) % 100:02d} Q{number}" for year in range(2010, 2020) for number in (1, 2, 3, 4)
    ]
    answer = case(long_rows(months=financial), {"dates": "financial"}, frequency="quarter", date="2015Q1")()
    assert (answer.code, "of the calendar" in answer.out) == (0, False)


def test_a_month_among_quarters_is_a_fault_like_others(case):
    """``2018:7`` is written as a quarter is, and is none."""
    quarters = [f"{2006 + place // 4}:{place % 4 + 1}" for place in range(48)]
    text = long_rows("indicator,unit,period,value", months=[*quarters, "2018:7"])
    answer = case(text, frequency="quarter", date="2012Q3")()
    assert answer.code == 3
    assert "data.csv row 50: '2018:7' may be a month or a quarter; write 2018-07" in answer.out


def test_numerators_that_are_analysed_as_they_stand_are_said(case):
    rows = long_rows(
        "indicator,unit,period,numerator,denominator", lambda p, m: f"seen,Ash,{m},{900 + p},1000"
    )
    answer = case(rows)()
    assert "numerators are analysed and denominators not used; `kind: percentage`" in answer.out


def test_faults_are_counted_one_by_one(case):
    rows = long_rows(line=lambda p, m: f"seen,Ash,the {p}th,{level(p)}")
    answer = case(rows)()
    assert "c.yaml: 49 faults in the data" in answer.out
    assert "… and 9 more of this kind" in answer.out


def test_an_event_or_mask_outside_the_data_is_said(case):
    events = [
        {"name": "Second", "date": "2081-10", "as": "step"},
        {"name": "Closed", "date": "2009-01", "as": "mask"},
    ]
    answer = case(long_rows(), events=events)()
    assert answer.code == 0
    for name, date in (("Second", "2081-10"), ("Closed", "2009-01")):
        assert f"The event {name!r} ({date}) lies outside the data and has no effect." in answer.out


def test_the_unit_of_a_date_outside_the_data_is_named(case):
    rows = long_rows() + long_rows(line=lambda p, m: f"seen,Beech,{m},{level(p, 3)}").partition("\n")[2]
    answer = case(rows, treated={"Ash": "2009-01", "Beech": "2020-01"})()
    assert answer.code == 3
    for unit, date in (("Ash", "2009-01"), ("Beech", "2020-01")):
        assert f"{date} lies outside its data, 2014-01 to 2017-12 (of {unit}): correct" in answer.out


@pytest.mark.parametrize(("date", "where"), [("2009-01", "lies outside"), ("2020-01", "lies outside"),
                                             ("2014-01", "leaves no period before it in")])  # fmt: skip
def test_a_unit_that_was_treated_throughout_or_not_yet_is_not_answered_and_the_others_are(
    case, tmp_path, date, where
):
    rows = long_rows()
    for place, unit in enumerate(("Beech", "Cedar", "Elm", "Fir"), start=3):
        own = long_rows(line=lambda p, m, unit=unit, place=place: f"seen,{unit},{m},{level(p, place)}")
        rows += own.partition("\n")[2]
    run = case(
        rows, treated={"Ash": "2016-07", "Beech": date}, designs=["single", "difference"], peers={"k": "all"}
    )
    said = f"seen, Beech: the intervention {date} {where} its data, 2014-01 to 2017-12: correct the date"
    answer = run()
    assert (answer.code, said in answer.out) == (0, True)
    answer = run("run", "-o", tmp_path / "out", "--no-figures", "--no-report")
    assert answer.code == 0
    said = "Not estimated, Beech, compared with its peers and with its own earlier trend: "
    assert said in " ".join(answer.out.split())
    assert "does not use" not in answer.out
    failed = pd.read_csv(tmp_path / "out" / "tables" / "not_estimated.csv")
    assert failed[["unit", "design", "reason"]].to_numpy().tolist() == [
        ["Beech", "difference", "start_outside"],
        ["Beech", "single", "start_outside"],
    ]
    effects = pd.read_csv(tmp_path / "out" / "tables" / "effects.csv")
    assert set(effects["unit"]) == {"Ash"}
    # as it was treated at some time, it is nobody's peer
    peers = pd.read_csv(tmp_path / "out" / "tables" / "peers.csv")
    assert sorted(peers["peer"]) == ["Cedar", "Elm", "Fir"]
    assert run("run", "-o", tmp_path / "other", "--no-figures", "--no-report", "--fail-on", "data").code == 1


KEYS = {
    "no way to write dates": ({"dates": "dym"}, "'dym' is no way to write dates"),
    "a pattern without a month": ({"dates": "%Y"}, "'%Y': it has no month; expected what names a month"),
    "no encoding": ({"encoding": "utf8x"}, "'utf8x' is no encoding; expected e.g. cp1252"),
    "no delimiter": ({"delimiter": "::"}, "'::' is no delimiter; expected one character"),
    "a sheet of a text file": ({"sheet": "A"}, "a text file has no sheet"),
    "row 0": ({"header_row": 0}, "expected a number of at least 1"),
    "across without an indicator": ({"layout": "across"}, "the columns of layout across are periods"),
    "across with a period": (
        {"layout": "across", "indicator": "seen", "columns": {"period": "x"}}, "layout across has no period column",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_keys_that_do_not_fit(case, name):
    table, says = KEYS[name]
    answer = case(long_rows(), table)()
    assert answer.code == 2
    assert says in answer.out
