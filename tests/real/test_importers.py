"""The publisher's own workbooks and files, against figures that others took from the same publication."""

import os
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from its_eval.data.tables import read_table
from its_eval.errors import DataError
from its_eval.importers.collect import import_files, layouts_of

DEFAULT = Path(__file__).parents[2].parent / "shared" / "data" / "nhs"
FOLDER = Path(os.environ.get("ITS_EVAL_NHS_DATA", DEFAULT))
pytestmark = pytest.mark.skipif(
    not (FOLDER / "ae_workbooks").is_dir(),
    reason=f"{FOLDER}/ae_workbooks is not there; ITS_EVAL_NHS_DATA names the folder with the NHS files",
)
MONTHS = (
    "2019-04", "2019-10", "2020-02", "2020-04", "2020-07", "2021-07", "2022-04", "2023-01", "2023-12",
    "2024-06", "2026-01", "2026-04",
)  # fmt: skip
#: Trust-months with other figures: code, month, the workbook's figure, that of the re-publication.
REVISED = {
    "ae_attendances_all": [
        ("RBD", "2019-04", 8843, 8862),
        ("RBD", "2019-10", 8715, 8727),
        ("RTG", "2019-10", 28986, 29092),
        ("RXL", "2019-10", 19230, 18737),
    ],
    "ae_breaches_all": [
        ("RBD", "2019-04", 909, 927),
        ("RBD", "2019-10", 824, 860),
        ("RH8", "2020-02", 2033, 2061),
        ("RTG", "2019-10", 6524, 6522),
        ("RXL", "2019-10", 3010, 2985),
        ("RXL", "2020-02", 2507, 2510),
    ],
}


@pytest.fixture(scope="module")
def imported():
    return import_files(sorted((FOLDER / "ae_workbooks").glob("*.xls")), layouts_of("nhs-ae"))


def test_all_workbooks_are_read_whole(imported):
    table = imported.table
    assert tuple(sorted(table["period"].unique())) == MONTHS
    # providers add up to the publisher's own total for England in every column of every month, and types
    # add up to all types
    assert [finding for finding in imported.findings if finding.check.endswith("differs")] == []
    assert all(len(found.totals) == 10 for found in imported.extracts)
    assert not table["unit"].isin(["-", "", "England"]).any()
    assert table["unit"].str.fullmatch("[A-Z0-9]{3,6}").all()


def test_the_national_figures(imported):
    """As the publisher's England rows of April 2019 and April 2026 have them."""
    sums = imported.table.groupby(["indicator", "period"])[["numerator", "denominator"]].sum()
    assert sums.loc[("ae_attendances_all", "2019-04"), "numerator"] == 2112165
    assert sums.loc[("ae_breaches_all", "2019-04"), "numerator"] == 314181
    assert sums.loc[("ae_12h_waits", "2026-04"), "numerator"] == 47750
    full = imported.table[(imported.table["period"] == "2026-04") & imported.table["value"].notna()]
    ae = full[full["indicator"] == "ae_4h_all"]
    assert 100 * ae["numerator"].sum() / ae["denominator"].sum() == pytest.approx(
        76.90976404589719, abs=1e-10
    )


def test_they_agree_with_another_reading_of_the_same_publication(imported):
    """All but six of 364 trust-months are equal, to the patient, and 99 per cent within one per cent.

    The other source has the figures of the first publication, the workbooks those of the revision of August
    2020, which all sheets of the workbooks agree on.
    """
    other = pd.read_csv(FOLDER / "ae_4h_monthly.csv")
    other = other.rename(columns={"trust_code": "unit", "month": "period"})
    for indicator, column in (("ae_attendances_all", "attendances"), ("ae_breaches_all", "over_4h")):
        ours = imported.table[imported.table["indicator"] == indicator]
        both = ours.merge(other, on=["unit", "period"])
        assert len(both) == 364
        near = (both["value"] - both[column]).abs() <= 0.01 * both[column]
        assert near.mean() >= 0.99
        differ = both[both["value"] != both[column]].sort_values(["unit", "period"])
        assert [tuple(row) for row in differ[["unit", "period", "value", column]].values] == REVISED[
            indicator
        ]


def test_every_value_leads_back_to_its_cell(imported):
    from its_eval.data.workbook import open_workbook

    rows = imported.table[imported.table["indicator"] == "ae_attendances_all"].iloc[::37]
    books = {}
    for row in rows.itertuples():
        if row.source_file not in books:
            book = open_workbook(FOLDER / "ae_workbooks" / row.source_file)
            books[row.source_file] = book.rows(row.source_sheet)
        cells = books[row.source_file][row.source_row - 1]
        assert cells[1] == row.unit
        assert cells[7] == row.value


def test_sickness_rates_are_those_published():
    files = sorted((FOLDER / "sickness").glob("*.csv"))
    imported = import_files(files, layouts_of("nhs-sickness"), ("all",))
    published = pd.concat(
        [
            pd.read_csv(path).assign(
                source_file=path.name, source_row=lambda frame: np.arange(2, len(frame) + 2)
            )
            for path in files
        ]
    )
    both = imported.table.merge(published, on=["source_file", "source_row"])
    assert len(both) == len(imported.table) > 8000
    assert (both["unit"] == both["ORG_CODE"]).all()
    # the published rate has two decimals
    known = both.dropna(subset=["SICKNESS_ABSENCE_RATE_PERCENT"])
    assert (known["value"] - known["SICKNESS_ABSENCE_RATE_PERCENT"]).abs().max() <= 0.005 + 1e-9
    assert both["value"].isna().sum() == both["FTE_DAYS_LOST"].isna().sum()


def test_the_characteristics_are_those_of_the_appendix(tmp_path):
    from its_eval.data.attributes import load_characteristics
    from its_eval.importers.collect import write_table
    from its_eval.peers.recipes import NHS_TRUST_PEER_FINDER

    source = FOLDER / "peer_finder_appendix_a.csv"
    imported = import_files([source], layouts_of("peer-finder"))
    assert imported.table.shape == (208, 23)
    write_table(imported.table, tmp_path / "c.parquet")
    wanted = list(NHS_TRUST_PEER_FINDER.weights)
    ours = load_characteristics(tmp_path / "c.parquet", "Procode", wanted)
    theirs = load_characteristics(source, "Procode", wanted)
    order = [theirs.units.index(unit) for unit in ours.units]
    np.testing.assert_array_equal(ours.values, theirs.values[order])
    # the column of origins is no variable
    assert "source" not in load_characteristics(tmp_path / "c.parquet", "Procode").variables
    assert len(read_table(tmp_path / "c.parquet")) == 208


def test_leaver_rates_are_leavers_over_the_mean_of_start_and_end():
    """All 247 organisations of the turnover file, by headcount and by full-time equivalent."""
    files = sorted((FOLDER / "turnover").glob("*.csv"))
    table = import_files(files, layouts_of("nhs-turnover")).table
    published = pd.concat([pd.read_csv(path) for path in files])
    published = published[published["STAFF_GROUP_1_NAME"] == "All staff groups"]
    for indicator, column in (("leaver_rate", "HC"), ("leaver_rate_fte", "FTE")):
        ours = table[table["indicator"] == indicator].set_index("unit")
        theirs = published.pivot_table(index="REPORTING_ORG_CODE", columns="TYPE", values=column)
        staff = theirs[["Denominator at start of period", "Denominator at end of period"]].mean(axis=1)
        expected = (100 * theirs["Leavers"] / staff).reindex(ours.index)
        assert len(ours) == 247
        assert set(ours["period"]) == {"2025-10"}
        assert ours.index[ours["value"].isna()].tolist() == ["QK1"]
        assert expected.isna().sum() == 1
        assert (ours["value"] / expected - 1).abs().max() <= 1e-12
    groups = import_files(files, layouts_of("nhs-turnover"), ("all",)).table
    assert groups["stratum"].nunique() == 14
    assert not groups.duplicated(["indicator", "unit", "stratum", "period"]).any()


def test_friends_and_family_of_a_filled_template():
    workbook = FOLDER / "fft" / "FFT_AE_MacroWebfile_Jul-25.xlsx"
    table = import_files([workbook], layouts_of("nhs-fft-ae")).table
    sheet = pd.read_excel(workbook, sheet_name="Trusts", header=None, engine="calamine")
    counts = sheet[sheet[1].isin(table["unit"])].set_index(1)[list(range(7, 13))]
    counts = counts.apply(pd.to_numeric, errors="coerce")
    expected = 100 * (counts[7] + counts[8]) / counts.sum(axis=1, skipna=False)
    assert set(table["period"]) == {"2025-07"}
    assert len(table) == 6
    ours = table.set_index("unit")["value"]
    pd.testing.assert_series_equal(ours.sort_index(), expected.sort_index(), check_names=False, rtol=1e-14)
    assert ours.index[ours.isna()].tolist() == ["RAN"]


def test_friends_and_family_of_inpatients_in_a_filled_template(tmp_path):
    """The publisher's own template, with counts of two trusts put in where its macro puts them."""
    book = openpyxl.load_workbook(FOLDER / "fft" / "FFT_IP_template.xlsm")
    sheet = book["Trusts"]
    counts = {"ZZ1": (300, 150, 20, 10, 10, 10), "ZZ2": (40, 30, 10, 10, 5, 5)}
    for row, (code, answers) in enumerate(counts.items(), start=15):
        for column, cell in enumerate(
            ["Q1", code, f"TRUST {code}", sum(answers), 9000, 0.9, 0.1, *answers], 1
        ):
            sheet.cell(row, column).value = cell
    path = tmp_path / "FFT_IP_July_2025.xlsx"
    book.save(path)
    table = import_files([path], layouts_of("nhs-fft-inpatient")).table
    assert table[["indicator", "unit", "period", "value"]].values.tolist() == [
        ["fft_inpatient_positive", "ZZ1", "2025-07", 90.0], ["fft_inpatient_positive", "ZZ2", "2025-07", 70.0],
    ]  # fmt: skip
    with pytest.raises(DataError, match="nothing in it says that it is nhs-fft-ae"):
        import_files([path], layouts_of("nhs-fft-ae"))


def test_friends_and_family_of_sites_add_up_to_what_was_published():
    path = FOLDER / "fft" / "hospitalcompare_Emergency_2019-02.csv"
    table = import_files([path], layouts_of("nhs-fft-ae")).table.set_index("unit")
    published = {"RR8": 85.9, "RTP": 94.8, "RKB": 77.2, "RXW": 96.6, "RF4": 92.4}
    assert table.loc[list(published), "value"].round(1).to_dict() == published
    assert round(100 * table["numerator"].sum() / table["denominator"].sum(), 1) == 85.1
    assert set(table["period"]) == {"2019-02"}


@pytest.mark.parametrize("name", ["FFT_AE_template.xlsm", "FFT_IP_template.xlsm"])
def test_a_template_without_data_says_so(name):
    kind = "nhs-fft-ae" if "AE" in name else "nhs-fft-inpatient"
    with pytest.raises(DataError, match="no row about a unit"):
        import_files([FOLDER / "fft" / name], layouts_of(kind))


def test_the_csv_of_attendances_agrees_with_its_own_total():
    files = sorted((FOLDER / "ae_csv").glob("*.csv"))
    imported = import_files(files, layouts_of("nhs-ae"))
    assert sorted(set(imported.table["period"])) == ["2024-05", "2024-08", "2024-11"]
    assert [found for found in imported.findings if found.check == "total_differs"] == []
    raw = pd.read_csv(files[0]).set_index("Org Code").loc["TOTAL"]
    sums = imported.table[imported.table["period"] == "2024-05"].groupby("indicator")["numerator"].sum()
    assert sums["ae_attendances_all"] == raw.filter(like="A&E attendances").sum()
    assert sums["ae_breaches_all"] == raw.filter(like="over 4hrs").sum()


def test_headline_sickness_rates_are_those_published():
    files = sorted((FOLDER / "sickness_rates").glob("*.csv"))
    table = import_files(files, layouts_of("nhs-sickness")).table
    published = pd.concat([pd.read_csv(path) for path in files])
    published["period"] = pd.to_datetime(published["DATE"], dayfirst=True).dt.strftime("%Y-%m")
    both = table.merge(published, left_on=["unit", "period"], right_on=["ORG_CODE", "period"])
    assert len(both) == len(table) == 683
    assert (both["value"] - both["SICKNESS_ABSENCE_RATE_PERCENT"]).abs().max() <= 0.005 + 1e-9


def test_beds_of_both_kinds():
    beds = import_files([FOLDER / "beds_quarterly.csv"], layouts_of("nhs-beds")).table
    raw = pd.read_csv(FOLDER / "beds_quarterly.csv", keep_default_na=False)
    raw = raw[raw["unit"] != "NA"]
    assert len(beds[beds["indicator"] == "ga_beds"]) == len(raw)
    assert beds["period"].min() == "2010Q2"
    care = FOLDER / "critical_care_beds_2002_20_clean.csv"
    table = import_files([care], layouts_of("nhs-critical-care")).table
    months = table[(table["indicator"] == "adult_critical_care_beds") & (table["period"] >= "2010-08")]
    assert months["period"].nunique() == 115
    whole = months.groupby("unit")["period"].size().eq(115)
    assert {"RTP", "RR8", "RKB", "RXW", "RF4"} <= set(whole.index[whole])
