"""Coverage: what is there, what is not, and jumps that are known to be there."""

import numpy as np
import pandas as pd
import pytest

from its_eval.calendar import MONTHS
from its_eval.config.data import DataSettings
from its_eval.data.coverage import coverage_findings, coverage_table, from_tidy, jumps
from its_eval.data.faults import NO_PERIOD
from its_eval.data.load import IndicatorRows, load_indicators, place_of

START = MONTHS.parse("2019-01")


def rows(*entries):
    """Return rows from (unit, month of 2019, value, denominator, stratum)."""
    frame = pd.DataFrame(
        [
            {
                "indicator": "seen",
                "unit": unit,
                "period": NO_PERIOD if month is None else START + month - 1,
                "value": value,
                "numerator": np.nan,
                "denominator": denominator,
                "stratum": stratum,
                "source_file": "f.xls",
                "source_sheet": "S",
                "source_row": place,
            }
            for place, (unit, month, value, denominator, stratum) in enumerate(entries)
        ]
    )
    return IndicatorRows(frame, (), MONTHS)


GAPPY = rows(
    *(("A", month, 90.0, 100.0, "") for month in (1, 2, 3, 5, 6)),
    ("B", 2, 90.0, 100.0, ""),
    ("B", 3, np.nan, 100.0, ""),
    ("B", 5, 91.0, 100.0, ""),
    ("B", 5, 92.0, 100.0, ""),
    ("C", 1, 80.0, 100.0, ""),
    ("C", 3, 80.0, 100.0, ""),
    ("C", None, 80.0, 100.0, ""),
    ("", 3, 80.0, 100.0, ""),
)


def test_every_cell_has_a_status():
    table = coverage_table(GAPPY)
    assert list(table.columns) == ["indicator", "stratum", "unit", "period", "status", "n_rows", "jump"]
    status = table.pivot_table(index="unit", columns="period", values="status", aggfunc="first")
    assert status.columns.tolist() == [f"2019-{month:02d}" for month in range(1, 7)]
    assert status.loc["A"].tolist() == ["present"] * 3 + ["missing"] + ["present"] * 2
    assert status.loc["B"].tolist() == ["not_yet", "present", "suppressed", "missing", "duplicate", "ended"]
    assert status.loc["C"].tolist() == ["present", "missing", "present", "ended", "ended", "ended"]
    assert table["n_rows"].sum() == 11
    assert coverage_table(GAPPY, ["other"]).empty


def test_findings_say_it_in_sentences():
    found = [(finding.check, finding.unit, finding.message) for finding in coverage_findings(GAPPY)]
    assert found == [
        ("empty_periods", "", "seen: 1 periods without a row of any unit: 2019-04"),
        ("suppressed_values", "B", "seen, B: 1 rows without a value (suppressed or not given): 2019-03"),
        ("starts_late", "B", "seen, B: the code appears in 2019-02"),
        ("ends_early", "B", "seen, B: the code ends after 2019-05"),
        ("missing_rows", "C", "seen, C: 1 periods without a row: 2019-02"),
        ("ends_early", "C", "seen, C: the code ends after 2019-03"),
    ]
    assert {finding.severity for finding in coverage_findings(GAPPY)} == {"info"}
    assert {finding.unit for finding in coverage_findings(GAPPY, units=["C"])} == {"", "C"}


def test_strata_are_apart():
    mixed = rows(("A", 1, 90.0, 100.0, "day"), ("A", 1, 80.0, 50.0, "night"), ("A", 2, 80.0, 50.0, "night"))
    table = coverage_table(mixed)
    assert set(table["status"]) == {"present"}
    assert table.groupby("stratum").size().to_dict() == {"day": 1, "night": 2}
    late = rows(("A", 1, 1.0, 1.0, "day"), ("B", 2, 1.0, 1.0, "day"))
    assert "seen (day), B: the code appears in 2019-02" in [item.message for item in coverage_findings(late)]


def panel(units=8, months=60, *, seed=1):
    """Return sizes with a common season, a common shock and noise of 3 per cent."""
    generator = np.random.default_rng(seed)
    time = np.arange(months)
    common = 0.1 * np.sin(2 * np.pi * time / 12) - 0.7 * (time >= 45)
    own = generator.uniform(7, 10, units)
    return np.exp(own + common[:, None] + 0.03 * generator.standard_normal((months, units)))


def test_a_merger_is_found_and_dated_and_a_pandemic_is_none():
    sizes = panel()
    assert np.isnan(jumps(sizes)).all()
    sizes[20:, 2] *= 2.0
    sizes[33:, 5] *= 0.75
    found = jumps(sizes)
    assert [tuple(place) for place in np.argwhere(~np.isnan(found))] == [(20, 2), (33, 5)]
    assert found[20, 2] == pytest.approx(2.0, rel=0.05)
    assert found[33, 5] == pytest.approx(0.75, rel=0.05)


def test_false_alarms_are_rare():
    """A unit without a jump is called one in fewer than one of a hundred series of five years."""
    alarms = sum(int((~np.isnan(jumps(panel(50, seed=seed)))).any(axis=0).sum()) for seed in range(10))
    assert alarms < 5


def test_a_restless_unit_has_to_jump_farther_than_it_usually_moves():
    sizes = panel()
    walk = np.cumsum(np.random.default_rng(4).normal(0, 0.08, len(sizes)))
    sizes[:, 3] *= np.exp(walk)
    assert np.isnan(jumps(sizes)[:, 3]).all()
    sizes[24:, 3] *= 8.0
    found = jumps(sizes)[:, 3]
    assert np.flatnonzero(~np.isnan(found)).tolist() == [24]


def test_few_units_or_periods_are_no_reason_to_fail():
    sizes = panel(2)[:40]
    sizes[20:, 0] *= 3.0
    found = jumps(sizes)
    # with two units nothing common is taken out
    assert found[20, 0] == pytest.approx(3.0, rel=0.2)
    assert np.isnan(jumps(sizes[:3])).all()
    assert np.isnan(jumps(np.full((12, 3), np.nan))).all()
    assert np.isnan(jumps(np.zeros((12, 3)))).all()


def test_jumps_stand_in_table_and_findings():
    sizes = panel()
    sizes[20:, 2] *= 2.0
    entries = [
        (f"U{unit}", 1 + month, 90.0, float(sizes[month, unit]), "")
        for unit in range(sizes.shape[1])
        for month in range(len(sizes))
    ]
    table = coverage_table(rows(*entries))
    jumping = table[table["jump"].notna()]
    assert jumping[["unit", "period"]].values.tolist() == [["U2", "2020-09"]]
    (found,) = coverage_findings(rows(*entries))
    assert found.check == "jump"
    assert found.message.startswith("seen, U2: its size changes by +")
    assert "in 2020-09 beside the other units: a merger, or another way of counting?" in found.message


def test_a_unit_alone_has_no_others_beside_it():
    entries = [("U0", month, 90.0, 100.0 + month % 3 + 100.0 * (month > 20), "") for month in range(1, 41)]
    (found,) = coverage_findings(rows(*entries))
    assert "in 2020-09: a merger, or another way of counting?" in found.message


def test_a_count_is_its_own_size():
    sizes = panel()
    sizes[20:, 2] *= 2.0
    entries = [
        (f"U{unit}", 1 + month, float(sizes[month, unit]), np.nan, "")
        for unit in range(sizes.shape[1])
        for month in range(len(sizes))
    ]
    assert [finding.unit for finding in coverage_findings(rows(*entries))] == ["U2"]


TIDY = (
    "indicator,unit,period,value,numerator,denominator,stratum,source_file,source_sheet,source_row\n"
    "seen,A1,2015-01,90,90,100,day,April.xls,Provider Level Data,19\n"
    "seen,A1,2015-02,x,,,day,May.xls,Provider Level Data,20\n"
    "seen,A1,2015-03,91,,,day,,,\n"
)


def settings(path, **more):
    return DataSettings(indicators=[{"path": path, **more}])


def test_an_imported_table_points_to_the_publishers_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TIDY, encoding="utf-8")
    loaded = load_indicators(settings(path))
    places = [place_of(row) for row in loaded.frame.itertuples()]
    assert places == [
        "April.xls, sheet 'Provider Level Data' row 19",
        "May.xls, sheet 'Provider Level Data' row 20",
        "t.csv row 4",
    ]
    assert loaded.frame["stratum"].tolist() == ["day"] * 3
    (found,) = loaded.findings
    assert found.message.startswith(
        "May.xls, sheet 'Provider Level Data' row 20, column 'value': 'x' is not a number"
    )


def test_a_table_of_its_own_points_to_itself(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("indicator,unit,period,value,source_file\nseen,A1,2015-01,90,x\n", encoding="utf-8")
    (row,) = load_indicators(settings(path)).frame.itertuples()
    assert (place_of(row), row.stratum, row.source_sheet) == ("t.csv row 2", "", "")


def test_an_imported_table_need_not_be_read_again():
    table = pd.DataFrame(
        {"indicator": ["seen"], "unit": ["A"], "period": ["2019-01"], "value": [1.0], "numerator": [1.0],
         "denominator": [np.nan], "stratum": [""]}
    )  # fmt: skip
    assert coverage_table(from_tidy(table, MONTHS))["status"].tolist() == ["present"]
