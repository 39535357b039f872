"""Layouts of publishers' files on filled templates: other months and units than those of the files at hand."""

import datetime as dt

import pandas as pd
import pytest
from publisher_files import write_workbook

WEEKS = [f"Gt {low:02d} To {low + 1:02d} Weeks SUM 1" for low in range(104)]
RTT_HEAD = [
    *("Period", "Provider Parent Org Code", "Provider Parent Name", "Provider Org Code", "Provider Org Name"),
    *("Commissioner Parent Org Code", "Commissioner Parent Name", "Commissioner Org Code"),
    *("Commissioner Org Name", "RTT Part Type", "RTT Part Description", "Treatment Function Code"),
    *("Treatment Function Name",),
]
RTT_TAIL = ["Total", "Patients with unknown clock start date", "Total All"]


def rtt_row(unit, commissioner, weeks, part="Part_2", function="Total", total=None, bands=105):
    """Return a row with so many patients by week; a week without any is blank, as published."""
    cells = ["" if week not in weeks else str(weeks[week]) for week in range(bands)]
    about = ["RTT-NOVEMBER-2023", "QZZ", "Zone", unit, f"{unit} Trust", "QZZ", "Zone", commissioner, "C"]
    kind = [part, "Incomplete Pathways" if part == "Part_2" else "Other", "C_999", function]
    return [*about, *kind, *cells, "", "", str(sum(weeks.values()) if total is None else total)]


def written(path, head, rows):
    path.write_text("\n".join(",".join(row) for row in [head, *rows]) + "\n", encoding="utf-8")
    return path


def test_incomplete_pathways_are_added_up_over_commissioners(its, tmp_path):
    rows = [
        rtt_row("ZZ1", "01A", {0: 300, 17: 100, 18: 50, 60: 10}),
        rtt_row("ZZ1", "02A", {3: 30, 17: 5, 104: 5}),
        rtt_row("ZZ1", "01A", {0: 7}, part="Part_1A"),
        rtt_row("ZZ1", "01A", {0: 9}, function="Cardiology Service"),
        rtt_row("ZZ2", "01A", {2: 40, 20: 10}, total=60),
    ]
    path = written(
        tmp_path / "20231130-RTT-November-2023-full-extract.csv",
        [*RTT_HEAD, *WEEKS, "Gt 104 Weeks SUM 1", *RTT_TAIL],
        rows,
    )
    answer = its("import", "nhs-rtt", path, "-o", tmp_path / "t.csv")
    assert answer.code == 0, answer.err
    table = pd.read_csv(tmp_path / "t.csv").set_index(["indicator", "unit"])
    assert set(table["period"]) == {"2023-11"}
    share = table.loc[("rtt_18_weeks", "ZZ1")]
    assert (share["numerator"], share["denominator"], share["value"]) == (435, 500, 87.0)
    assert table.loc[("rtt_waiting", "ZZ1"), "value"] == 500
    assert table.loc[("rtt_over_52_weeks", "ZZ1"), "value"] == 15
    # what the weeks do not explain is said, and the layout that it has not been tried
    assert "waiting is 60, but its parts add up to 50" in answer.err
    assert "has not been tried on a real file" in answer.err
    chosen = its("import", "nhs-rtt", path, "--stratum", "Cardiology Service", "-o", tmp_path / "s.csv")
    assert chosen.code == 0
    assert pd.read_csv(tmp_path / "s.csv").query("indicator == 'rtt_waiting'")["value"].tolist() == [9]


def test_incomplete_pathways_with_fewer_weeks(its, tmp_path):
    rows = [rtt_row("ZZ1", "01A", {0: 80, 30: 15, 52: 5}, bands=53)]
    head = [*RTT_HEAD, *WEEKS[:52], "Gt 52 Weeks SUM 1", *RTT_TAIL]
    path = written(tmp_path / "rtt.csv", head, rows)
    assert its("import", "nhs-rtt", path, "-o", tmp_path / "t.csv").code == 0
    table = pd.read_csv(tmp_path / "t.csv").set_index("indicator")["value"]
    assert table.to_dict() == {"rtt_18_weeks": 80.0, "rtt_over_52_weeks": 5.0, "rtt_waiting": 100.0}


@pytest.mark.parametrize("mark", ["*", "c", "[c]", "[x]"])
def test_a_suppressed_week_leaves_the_share_missing(its, tmp_path, mark):
    row = rtt_row("ZZ1", "01A", {0: 80, 30: 15})
    row[len(RTT_HEAD) + 1] = mark
    head = [*RTT_HEAD, *WEEKS, "Gt 104 Weeks SUM 1", *RTT_TAIL]
    path = written(tmp_path / "rtt.csv", head, [row, rtt_row("ZZ2", "01A", {0: 4})])
    assert its("import", "nhs-rtt", path, "-o", tmp_path / "t.csv").code == 0
    table = pd.read_csv(tmp_path / "t.csv").set_index(["indicator", "unit"])
    assert pd.isna(table.loc[("rtt_18_weeks", "ZZ1"), "value"])
    assert table.loc[("rtt_waiting", "ZZ1"), "value"] == 95
    assert table.loc[("rtt_over_52_weeks", "ZZ2"), "value"] == 0


CANCER_HEAD = [
    *("PERIOD", "YEAR", "MONTH", "STANDARD", "ORG CODE", "STAGE/ROUTE", "TREATMENT MODALITY"),
    *("CANCER TYPE", "TOTAL", "WITHIN STANDARD", "BREACHES"),
]


def cancer_row(month, standard, unit, stage, modality, cancer, total, within):
    about = [dt.datetime(2024, month, 1), "2024/25", "MAY", standard, unit, stage, modality, cancer]  # noqa: DTZ001
    return [*about, total, within, total - within]


CANCER = [
    cancer_row(5, "62-day Combined", "ZZ1", "Urgent Suspected Cancer", "ALL MODALITIES", "Lung", 20.5, 10.5),
    cancer_row(5, "62-day Combined", "ZZ1", "Screening", "ALL MODALITIES", "Lung", 4, 4),
    cancer_row(5, "62-day Combined", "ZZ1", "Screening", "Surgery", "Lung", 3, 3),
    cancer_row(6, "62-day Combined", "ZZ1", "Screening", "ALL MODALITIES", "Lung", 0, 0),
    cancer_row(5, "31-day Combined", "ZZ1", "First Treatment", "ALL MODALITIES", "Lung", 40, 30),
    cancer_row(5, "28-day FDS", "ZZ1", "URGENT SUSPECTED CANCER", "", "Suspected lung cancer", 90, 80),
]
TOGETHER = cancer_row(5, "62-day Combined", "ZZ1", "Screening", "ALL MODALITIES", "ALL CANCERS", 50, 40)


def test_cancer_waits_are_added_up_over_routes(its, tmp_path):
    path = write_workbook(tmp_path / "CWT extract.xlsx", {"Data": [CANCER_HEAD, *CANCER, TOGETHER]})
    answer = its("import", "nhs-cancer-62", path, "--stratum", "Lung", "-o", tmp_path / "t.csv")
    assert answer.code == 0, answer.err
    assert "has not been tried on a real file" in answer.err
    (row,) = pd.read_csv(tmp_path / "t.csv").itertuples()
    assert (row.indicator, row.unit, row.period, row.stratum) == ("cancer_62_days", "ZZ1", "2024-05", "Lung")
    assert (row.numerator, row.denominator) == (14.5, 24.5)
    assert its("import", "nhs-cancer-62", path, "-o", tmp_path / "u.csv").code == 0
    assert pd.read_csv(tmp_path / "u.csv")["value"].tolist() == [80.0]


def test_cancer_waits_without_a_row_of_all_together_are_never_guessed(its, tmp_path):
    path = write_workbook(tmp_path / "CWT extract.xlsx", {"Data": [CANCER_HEAD, *CANCER]})
    answer = its("import", "nhs-cancer-31", path, "-o", tmp_path / "t.csv")
    assert answer.code == 3
    assert "there is no stratum 'all cancers'; there are: 'Lung'" in answer.err
    assert its("import", "nhs-cancer-31", path, "--stratum", "Lung", "-o", tmp_path / "t.csv").code == 0
    assert pd.read_csv(tmp_path / "t.csv")["value"].tolist() == [75.0]


def test_beds_of_another_quarter(its, tmp_path):
    path = tmp_path / "beds.csv"
    path.write_text(
        "indicator,unit,period,numerator,denominator\n"
        "ga_occupancy,ZZ1,2024Q2,450,500\nga_occupancy,ZZ2,2024Q2,*,200\n"
        "day_occupancy,ZZ1,2024Q2,5,10\n",
        encoding="utf-8",
    )
    assert its("import", "nhs-beds", path, "-o", tmp_path / "t.csv").code == 0
    table = pd.read_csv(tmp_path / "t.csv").set_index(["indicator", "unit"])
    assert set(table["period"]) == {"2024Q2"}
    assert table.loc[("ga_occupancy", "ZZ1"), "value"] == 90.0
    assert pd.isna(table.loc[("ga_occupancy", "ZZ2"), "value"])
    assert table.loc[("ga_beds", "ZZ2"), "value"] == 200


def test_critical_care_of_another_month(its, tmp_path):
    kinds = (
        "adult_critical_care_beds",
        "paediatric_intensive_care_beds",
        "neonatal_critical_care_cots_or_beds",
    )
    head = [f"number_of_{kind}_{what}" for kind in kinds for what in ("open", "occupied")]
    path = written(
        tmp_path / "critical.csv",
        ["org_code", "org_name", "date", *head],
        [
            ["ZZ1", "Zealand", "2021-03-25", "20", "15", "0", "0", "8", "2"],
            ["ZZ2", "Zephyr", "2021-03-25", "0", "0", "4", "c", "", ""],
        ],
    )
    assert its("import", "nhs-critical-care", path, "-o", tmp_path / "t.csv").code == 0
    table = pd.read_csv(tmp_path / "t.csv").set_index(["indicator", "unit"])
    assert set(table["period"]) == {"2021-03"}
    assert table.loc[("adult_critical_care_occupancy", "ZZ1"), "value"] == 75.0
    # a percentage of nothing is no row; a suppressed count is missing, and 0 is a value
    assert ("adult_critical_care_occupancy", "ZZ2") not in table.index
    assert table.loc[("paediatric_intensive_care_beds_occupied", "ZZ1"), "value"] == 0
    assert pd.isna(table.loc[("paediatric_intensive_care_beds_occupied", "ZZ2"), "value"])


BY_NAME = """\
version: 1
kind: falls
title: Falls by hospital
tried: true
header: {marks: [Hospital, Falls], rows: [1, 3]}
period: {file: true}
columns: {unit: Hospital, falls: Falls}
indicators: [{name: falls, label: Falls, kind: count, numerator: falls}]
"""
UNITS = "unit,name\nZZ1,Zealand Hospital\nZZ2,Zephyr Hospital\nZZ3,St Zita\nZZ4,St Zita\n"


def by_name(its, folder, rows, units=UNITS):
    (folder / "falls.yaml").write_text(BY_NAME, encoding="utf-8")
    (folder / "units.csv").write_text(units, encoding="utf-8")
    path = written(folder / "falls May 2021.csv", ["Hospital", "Falls"], rows)
    arguments = ("falls", path, "--layout", folder / "falls.yaml", "--names", folder / "units.csv")
    return its("import", *arguments, "-o", folder / "t.csv")


def test_units_without_codes_are_known_by_their_exact_names(its, tmp_path):
    answer = by_name(
        its, tmp_path, [["ZEALAND  hospital", "4"], ["Zephyr Hospital", "*"], ["* suppressed", ""]]
    )
    assert answer.code == 0, answer.err
    table = pd.read_csv(tmp_path / "t.csv")
    assert table[["unit", "period"]].to_numpy().tolist() == [["ZZ1", "2021-05"], ["ZZ2", "2021-05"]]
    assert table["value"].iloc[0] == 4
    assert pd.isna(table["value"].iloc[1])


def test_names_that_do_not_agree_are_listed_with_the_nearest_and_none_is_taken(its, tmp_path):
    answer = by_name(its, tmp_path, [["Zeeland Hospital", "4"], ["St Zita", "5"], ["Elsewhere", "6"]])
    assert answer.code == 3
    for said in (
        "row 2, column 1: 'Zeeland Hospital' is no name of a unit in units.csv; nearest: 'zealand hospital' (ZZ1)",
        "row 3, column 1: 'St Zita' is the name of several units of units.csv: ZZ3, ZZ4",
        "row 4, column 1: 'Elsewhere' is no name of a unit in units.csv",
    ):
        assert said in answer.err
    assert not (tmp_path / "t.csv").exists()


def test_a_table_of_units_without_names(its, tmp_path):
    answer = by_name(its, tmp_path, [["Zephyr Hospital", "4"]], "unit,region\nZZ1,North\n")
    assert answer.code == 3
    assert "units.csv: there is no column 'name' beside the codes in 'unit'" in answer.err
