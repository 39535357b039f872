"""The publisher's own workbooks and files, against figures that others took from the same publication."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from its_eval.data.tables import read_table
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
