"""Mergers among trusts of the NHS, in three of its series: what becomes of each, and sums against the files."""

import datetime as dt
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from its_eval.calendar import Calendar
from its_eval.config import Config
from its_eval.config.data import NHS
from its_eval.data.successions import last_heirs, load_changes
from its_eval.pipeline.sources import load_sources

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("ITS_EVAL_NHS_DATA", ROOT.parent / "shared" / "data" / "nhs"))
pytestmark = pytest.mark.skipif(
    not (FOLDER / "org_changes").is_dir(),
    reason=f"{FOLDER}/org_changes is not there; ITS_EVAL_NHS_DATA names the folder with the NHS files",
)
QUARTERS = {"frequency": "quarter", "path": "beds_quarterly.csv"}
CRITICAL = {
    "path": "critical_care_beds_2002_20_clean.csv",
    "indicator": "beds",
    "columns": {
        "unit": "org_code",
        "period": "date",
        "numerator": "number_of_adult_critical_care_beds_occupied",
        "denominator": "number_of_adult_critical_care_beds_open",
    },
}
AE = {
    "path": "ae_4h_monthly.csv",
    "indicator": "ae",
    "columns": {
        "unit": "trust_code",
        "period": "month",
        "value": "within_4h_pct",
        "denominator": "attendances",
    },
}
#: Series: table, indicator, window.
SERIES = {
    "beds": (QUARTERS, "ga_occupancy", "2010Q2", "2019Q4"),
    "critical care": (CRITICAL, "beds", "2010-08", "2020-02"),
    "A&E": (AE, "ae", "2013-04", "2020-02"),
}


def sources(name, **changes):
    table, indicator, start, end = SERIES[name]
    table = {**table, **changes}
    frequency = table.pop("frequency", "month")
    settings = {
        "version": 1,
        "data": {
            "indicators": {**table, "path": str(FOLDER / table["path"])},
            "frequency": frequency,
            "successions": "nhs",
        },
        "intervention": {"name": "x", "date": "2015Q3" if frequency == "quarter" else "2015-07"},
        "treated": ["RTP"],
        "outcomes": [{"indicator": indicator, "kind": "percentage", "start": start, "end": end}],
    }
    return load_sources(Config.model_validate(settings))


def published_steps():
    """The steps of the compilation, read here by other code than that which wrote the bundled list."""
    table = pd.read_csv(FOLDER / "org_changes" / "all_org_changes_paths_2000_2018.csv", dtype=str)
    steps = set()
    for row in table.to_dict("records"):
        for number in range(1, 4):
            if isinstance(row[f"new_code_{number}"], str):
                new, date = row[f"new_code_{number}"], row[f"date_change_{number}"]
                steps.add((row[f"new_code_{number - 1}"], new, date, row[f"change_type_{number}"]))
    return steps


def test_the_bundled_list_holds_the_facts():
    bundled = pd.read_csv(ROOT / "its_eval" / "data" / "successions_nhs.csv", dtype=str)
    assert (
        set(bundled[["old", "new", "date", "kind"]].itertuples(index=False, name=None)) == published_steps()
    )
    assert not bundled.duplicated().any()


def heirs_of(name, calendar):
    """Return who goes on for whom by the end of the window of a series."""
    _, _, start, end = SERIES[name]
    return last_heirs(
        item
        for item in load_changes([NHS], calendar)
        if calendar.parse(start) < item.period <= calendar.parse(end)
    )


def outcome_of(old, date, name, found, heirs):
    """Return what became of a change in a series."""
    (_, indicator, start, end), calendar = SERIES[name], found.rows.calendar
    if not calendar.parse(start) < calendar.containing(dt.date.fromisoformat(date)) <= calendar.parse(end):
        return "outside the window"
    checks = {
        (item.check, code)
        for item in found.rows.findings
        if item.indicator == indicator and item.unit == heirs[old]
        for code in re.findall(r"\b[A-Z0-9]{3}\b", item.message)
    }
    for check, word in (
        ("not_combined", "dropped"),
        ("member_without_rows", "warned of"),
        ("combined", "summed"),
    ):
        if (check, old) in checks:
            return word
    return "no rows"


def test_every_merger_of_trusts_since_2010_is_summed_dropped_or_warned_of():
    trusts = sorted(item for item in published_steps() if item[0].startswith("R") and item[2] >= "2010")
    assert len(trusts) == 31
    assert {item[3] for item in trusts} == {"merger", "name_change"}
    page = (ROOT / "docs" / "importing.md").read_text(encoding="utf-8")
    for name in SERIES:
        found = sources(name)
        heirs = heirs_of(name, found.rows.calendar)
        became = [outcome_of(old, date, name, found, heirs) for old, _, date, _ in trusts]
        counts = [
            became.count(word) for word in ("summed", "dropped", "warned of", "no rows", "outside the window")
        ]
        assert sum(counts) == len(trusts)
        assert f"| {name} | " + " | ".join(map(str, counts)) + " |" in page, counts
        # no code of an organisation that went on is left beside that which goes on
        frame = found.rows.frame
        left = set(frame.loc[frame["indicator"].eq(SERIES[name][1]), "unit"])
        assert not left & {item[0] for item, word in zip(trusts, became, strict=True) if word == "summed"}


def published(name):
    """Return numerators and denominators as the file has them: period × (which, unit)."""
    table = SERIES[name][0]
    raw = pd.read_csv(FOLDER / table["path"])
    columns = {key: column for key, column in table.get("columns", {}).items() if key != "value"}
    raw = raw.rename(columns={column: key for key, column in columns.items()})
    calendar = Calendar(table.get("frequency", "month"))
    raw["period"] = [calendar.parse(str(text).replace("-Q", "Q")) for text in raw["period"]]
    return raw.set_index(["period", "unit"])[["numerator", "denominator"]].unstack("unit")  # noqa: PD010


@pytest.mark.parametrize(("name", "several"), [("beds", 304), ("critical care", 20)])
def test_sums_are_those_of_the_files_where_several_codes_report(name, several):
    raw, found = published(name), sources(name)
    compared = 0
    for item in found.rows.findings:
        if item.check != "combined" or not item.unit.startswith("R"):
            continue
        codes = raw["denominator"].columns.intersection([item.unit, *item.value.split(", ")])
        own = found.rows.frame[found.rows.frame["unit"].eq(item.unit)].set_index("period")
        for period in own.index[own["denominator"].notna()]:
            sums = {part: raw.loc[period, part][codes] for part in ("numerator", "denominator")}
            if sums["denominator"].notna().sum() < 2:
                continue
            for part, cells in sums.items():
                assert own.loc[period, part] == pytest.approx(cells.sum(), rel=1e-12)
            share = 100 * sums["numerator"].sum() / sums["denominator"].sum()
            assert own.loc[period, "value"] == pytest.approx(share, rel=1e-12)
            compared += 1
    assert compared == several


@pytest.mark.parametrize(
    ("heir", "quarter"),
    [("R0A", "2017Q4"), ("R1K", "2014Q4"), ("R1H", "2012Q2"), ("RAL", "2014Q3"), ("RRK", "2018Q2")],
)
def test_the_parts_are_as_large_as_the_whole(heir, quarter):
    """The facts themselves: beds of the last year of the parts against the first of the whole."""
    rows = sources("beds").rows
    own = rows.frame[rows.frame["unit"].eq(heir)].set_index("period")["denominator"]
    at = own.index.get_loc(rows.calendar.parse(quarter))
    assert own.iloc[at : at + 4].mean() == pytest.approx(own.iloc[at - 4 : at].mean(), rel=0.1)


def test_percentages_without_counts_are_dropped_and_named():
    columns = {"unit": "org_code", "period": "date", "value": "adult_critical_care_beds_percent_occupied"}
    found = sources("critical care", columns=columns, scale="proportion")
    dropped = {item.unit: item.value for item in found.rows.findings if item.check == "not_combined"}
    assert dropped == {"R1H": "RGC, RNH, RNJ"}
    frame = found.rows.frame
    assert frame.loc[frame["unit"].eq("R1H"), "value"].isna().all()
