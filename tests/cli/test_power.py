"""``its-eval power``."""

import csv
import io
import json

import pandas as pd
import pytest

WINDOWS = {
    "unit: days, better: lower": "unit: days, better: lower, start: 2013-01, end: 2016-12",
    "kind: percentage, better: higher": "kind: percentage, better: higher, start: 2013-01, end: 2016-12",
}


@pytest.fixture
def planned(study):
    path = study.write(changes=WINDOWS)
    for data in (study.indicators, study.characteristics, study.units):
        data.unlink()
    return path


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_text_has_a_row_per_length_and_a_column_per_autocorrelation(its, planned):
    answer = its("power", planned)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == "Waits, single: smallest jump, in residual standard deviations"
    assert lines[1] == "found with probability 0.8 at level 0.05, by length and autocorrelation"
    assert lines[2].split()[-5:] == ["0", "0.2", "0.4", "0.6", "0.8"]
    (own,) = [line for line in lines[: lines.index("")] if "as configured" in line]
    assert own.startswith("30 + 18 (as configured)")
    assert max(map(len, lines)) <= 100
    assert "…" not in answer.out
    # however few the degrees of freedom, there is a test and so a smallest effect
    assert not any(line.startswith("–") for line in lines)
    assert not any("–" in line.split()[-5:] for line in lines)


def test_effects_in_units_stand_beside_those_in_standard_deviations(its, planned):
    plain = rows_of(its("power", planned, "--format", "csv").out)
    scaled = rows_of(its("power", planned, "--format", "csv", "--sd", "2.5").out)
    assert "in_units" not in plain[0]
    for before, after in zip(plain, scaled, strict=True):
        assert before["minimum_detectable"] == after["minimum_detectable"]
        if before["minimum_detectable"]:
            assert float(after["in_units"]) == pytest.approx(2.5 * float(before["minimum_detectable"]))
    shown = its("power", planned, "--sd", "2.5").out
    assert "Waits, single: smallest jump, in days" in shown
    assert "Seen in time, difference: smallest change of slope per year, in %" in shown


def test_more_power_needs_larger_effects(its, planned):
    usual, more = (
        [float(row["minimum_detectable"] or "nan") for row in rows_of(its("power", planned, *options).out)]
        for options in (("--format", "csv"), ("--format", "csv", "--power", "0.95"))
    )
    assert all(low < high for low, high in zip(usual, more, strict=True) if low == low)  # noqa: PLR0124


def test_json_has_a_smallest_effect_for_every_design(its, planned):
    found = json.loads(its("power", planned, "--format", "json").out)
    values = [row["minimum_detectable"] for row in found["tables"]["power_curve"]]
    assert values
    assert all(value > 0 for value in values)


def test_folder_has_the_table_and_its_figures(its, planned, tmp_path, contents):
    target = tmp_path / "power"
    assert its("power", planned, "--sd", "2", "-o", target).code == 0
    table = pd.read_parquet(target / "tables" / "power_curve.parquet")
    known = table[table["minimum_detectable"].notna()]
    assert (known["in_units"] / known["minimum_detectable"]).round(9).eq(2).all()
    names = set(contents(target / "figures"))
    assert sum(name.endswith(".svg") for name in names) == 4
    again = its("power", planned, "-o", target)
    assert again.code == 2
    assert its("power", planned, "-o", target, "--force").code == 0


@pytest.mark.parametrize("sd", ["0", "-1", "nan"])
def test_a_standard_deviation_is_above_zero(its, planned, sd):
    answer = its("power", planned, "--sd", sd)
    assert answer.code == 2
    assert "expected a standard deviation above 0" in answer.err


def test_windows_are_needed(its, study):
    answer = its("power", study.config)
    assert answer.code == 2
    assert "outcomes[0]: waits needs `start` and `end`" in answer.err
    assert "outcomes[1]: seen needs" in answer.err
    assert "outcome_defaults" in answer.err
