"""The sample data: reproducible, plainly fictional, and as their README describes them."""

from __future__ import annotations

import csv
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
SIMULATED = ("indicators.csv", "characteristics.csv", "units.csv", "truth.csv", "strata.csv")


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("its_eval_sample_generate", SAMPLE / "generate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def panel(generate):
    return generate.simulate_panel(generate.SEED)


def rows(name):
    with (SAMPLE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def same(one, other):
    return all(
        np.array_equal(getattr(a, key), getattr(b, key), equal_nan=True)
        for a, b in zip(one.indicators, other.indicators, strict=True)
        for key in ("value", "numerator", "denominator", "expected", "own_break")
    )


def test_generator_reproduces_the_committed_bytes(generate, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["generate.py", str(tmp_path / "again")])
    generate.main()
    assert str(tmp_path) in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == sorted(SIMULATED)
    for name in SIMULATED:
        assert (tmp_path / "again" / name).read_bytes() == (SAMPLE / name).read_bytes(), name


def test_files_are_small():
    assert sum(path.stat().st_size for path in SAMPLE.glob("*.csv")) < 1.5e6


def test_nothing_looks_like_a_real_organisation(generate):
    units = rows("units.csv")
    assert len({row["unit"] for row in units}) == len({row["name"] for row in units}) == generate.N_UNITS
    for row in units:
        assert re.fullmatch(r"SIM\d{2}", row["unit"])
        assert not re.fullmatch(r"[A-Z0-9]{3}", row["unit"])
        assert row["name"].endswith(" (fictional)")
        assert "NHS" not in row["name"]


def test_tables_speak_of_the_same_units(generate):
    units = [row["unit"] for row in rows("units.csv")]
    assert units == sorted(units)
    assert [row["unit"] for row in rows("characteristics.csv")] == units
    assert {row["unit"] for row in rows("indicators.csv")} == set(units)
    assert set(generate.TREATED) <= set(units)
    assert {row["type"] for row in rows("units.csv")} == set(generate.KINDS)


def test_indicator_rows_are_sorted_and_values_are_ratios_of_counts():
    table = rows("indicators.csv")
    keys = [(row["indicator"], row["unit"], row["period"]) for row in table]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    for row in table:
        numerator, denominator = int(row["numerator"]), int(row["denominator"])
        assert 0 < numerator < denominator
        assert float(row["value"]) == 100 * numerator / denominator


def test_truth_is_that_of_exactly_the_treated_units(generate, panel):
    truth = rows("truth.csv")
    assert [(row["indicator"], row["unit"]) for row in truth] == [
        (name, unit) for name in ("fft_recommend", "leaver_rate") for unit in generate.TREATED
    ]
    for name in ("fft_recommend", "leaver_rate"):
        mine = [row for row in truth if row["indicator"] == name]
        indicator = getattr(panel, name)
        assert [float(row["level_change"]) for row in mine] == indicator.level_change.tolist()
        assert [float(row["slope_change"]) for row in mine] == indicator.slope_change.tolist()
        effects = {(bool(level), bool(slope)) for level, slope, _ in generate.EFFECTS[name].values()}
        assert effects >= {(False, False), (False, True), (True, True)}
        assert (True, False) in effects or name == "leaver_rate"


def test_truth_tells_of_breaks_of_their_own(panel):
    noted = {
        (row["indicator"], row["unit"]) for row in rows("truth.csv") if "break of its own" in row["note"]
    }
    broken = {
        (indicator.name, unit)
        for indicator in panel.indicators
        for unit in panel.treated
        if indicator.own_break[:, panel.units.index(unit)].any()
    }
    assert noted == broken


@pytest.mark.parametrize(
    ("name", "months", "start", "before"),
    [("fft_recommend", 83, "2013-04", 27), ("leaver_rate", 134, "2009-01", 78)],
)
def test_dimensions(panel, name, months, start, before):
    indicator = getattr(panel, name)
    assert (indicator.periods[0], indicator.periods[-1]) == (start, "2020-02")
    assert (len(indicator.periods), indicator.t0) == (months, before)
    assert indicator.periods[indicator.t0] == "2015-07"
    for values in (indicator.value, indicator.numerator, indicator.denominator):
        assert values.shape == (months, 60)
    assert len(panel.names) == len(panel.units) == 60


@pytest.mark.parametrize("name", ["fft_recommend", "leaver_rate"])
def test_only_three_donors_have_gaps(panel, name):
    indicator = getattr(panel, name)
    missing = np.isnan(indicator.value)
    gaps = {unit: missing[:, column] for column, unit in enumerate(panel.units) if missing[:, column].any()}
    assert set(gaps) == {"SIM20", "SIM31", "SIM58"}
    assert not set(gaps) & set(panel.treated)
    before, after = slice(None, indicator.t0), slice(indicator.t0, None)
    assert {unit for unit, gap in gaps.items() if gap[before].mean() > 0.1 or gap[after].mean() > 0.1} == {
        "SIM31",
        "SIM58",
    }


def test_characteristics_have_two_missing_cells_and_numbers_elsewhere():
    cells = {
        (row["unit"], key): value
        for row in rows("characteristics.csv")
        for key, value in row.items()
        if key != "unit"
    }
    assert len(cells) == 60 * 10
    assert {cell for cell, value in cells.items() if value == ""} == {
        ("SIM24", "Deprivation"),
        ("SIM55", "Sea distance"),
    }
    assert all(np.isfinite(float(value)) for value in cells.values() if value)


def test_a_seed_decides_everything(generate):
    assert same(generate.simulate_panel(7), generate.simulate_panel(7))
    assert same(generate.simulate_panel(7), generate.simulate_panel(np.random.default_rng(7)))
    assert not same(generate.simulate_panel(7), generate.simulate_panel(8))
    rng = np.random.default_rng(7)
    assert not same(generate.simulate_panel(rng), generate.simulate_panel(rng))


def test_own_breaks_can_be_switched_off(generate):
    with_breaks, without = (generate.simulate_panel(3, own_breaks=switch) for switch in (True, False))
    for one, other in zip(with_breaks.indicators, without.indicators, strict=True):
        assert not other.own_break.any()
        assert 15 < one.own_break.any(axis=0).sum() < 45
        np.testing.assert_allclose(one.expected - one.own_break, other.expected, atol=1e-9)


def test_effects_can_be_switched_off(generate):
    with_effects, without = (generate.simulate_panel(3, effects=switch) for switch in (True, False))
    for one, other in zip(with_effects.indicators, without.indicators, strict=True):
        assert not other.level_change.any()
        assert not other.slope_change.any()
        difference = one.expected - other.expected
        treated = [with_effects.units.index(unit) for unit in with_effects.treated]
        donors = [column for column in range(60) if column not in treated]
        assert not difference[:, donors].any()
        since = np.arange(len(one.periods))[:, None] - one.t0
        expected = np.where(since >= 0, one.level_change + one.slope_change * since, 0)
        np.testing.assert_allclose(difference[:, treated], expected, atol=1e-9)


def test_blemishes_can_be_switched_off(generate):
    for indicator in generate.simulate_panel(3, blemishes=False).indicators:
        assert np.isfinite(indicator.value).all()


def test_series_look_like_the_published_indicators(panel):
    fft, leavers = panel.indicators
    responses = np.nanmedian(fft.denominator, axis=1)
    assert 60 < responses[0] < 250
    assert responses[18:].min() > 500
    assert 80 < np.nanmean(fft.value) < 92
    rate = np.nanmean(leavers.value, axis=1)
    month = np.array([int(period[5:]) for period in leavers.periods])
    usual = np.median(rate)
    assert 0.8 < usual < 1.3
    assert rate[month == 8].min() > usual + 0.5
    april = {period: rate[place] for place, period in enumerate(leavers.periods) if period.endswith("-04")}
    assert max(april, key=april.get) == "2013-04"


@pytest.mark.parametrize("name", ["uk_seatbelts.csv", "california_prop99.csv"])
def test_real_series_are_unchanged_copies(name):
    original = Path(__file__).parents[3] / "shared" / "data" / name
    if not original.exists():
        pytest.skip(f"{original} is not there")
    assert (SAMPLE / name).read_bytes() == original.read_bytes()
