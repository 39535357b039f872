"""The numbers of docs/calibration.json against independent simulations, and the page against the numbers.

The rates of AR(1) errors were simulated with another implementation, dense matrices and 10,000 series a cell,
and are known to the whole per cent; those of the panels with 4,000 (the placebo with 600).
"""

import importlib.util
import json
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from its_eval.checks.power import design_fit

ROOT = Path(__file__).parents[2]
RHOS = (0.0, 0.4, 0.8)
TABULATED, PROTOTYPE = 10_000, 4_000
BENDS = (0.0, 0.25, 0.5, 1.0)
#: (slope, level) rejected in per cent at autocorrelations 0, .4 and .8, by estimator and number of periods.
SIZES = {
    "reml_ar, order 1": {
        24: ((4, 5, 6), (4, 5, 5)),
        48: ((4, 4, 5), (5, 5, 5)),
        83: ((5, 5, 5), (4, 5, 5)),
        134: ((5, 5, 5), (5, 5, 4)),
    },
    "ols": {
        24: ((5, 20, 49), (5, 15, 34)),
        48: ((5, 21, 54), (5, 18, 44)),
        83: ((5, 19, 49), (5, 19, 47)),
        134: ((5, 21, 53), (5, 19, 49)),
    },
    "newey_west, 1 lag": {
        24: ((11, 23, 47), (11, 18, 32)),
        48: ((8, 19, 47), (8, 17, 37)),
        83: ((8, 19, 46), (7, 17, 41)),
        134: ((7, 17, 44), (6, 15, 39)),
    },
    # here the lags by the length of the series are the whole part of its fourth root: 2 and 3
    "newey_west": {24: ((15, 26, 49), (15, 21, 33)), 83: ((12, 20, 40), (11, 17, 34))},
    "arima [1, 0, 0]": {
        24: ((16, 24, 42), (15, 20, 26)),
        48: ((10, 15, 28), (10, 12, 16)),
        83: ((7, 9, 17), (7, 10, 12)),
        134: ((7, 9, 15), (6, 8, 10)),
    },
    "prais_winsten": {
        24: ((11, 18, 35), (10, 15, 20)),
        48: ((8, 12, 25), (8, 10, 13)),
        83: ((6, 8, 15), (6, 8, 10)),
        134: ((6, 8, 14), (6, 7, 9)),
    },
}
CELLS = [(name, n, place) for name, lengths in SIZES.items() for n in lengths for place in range(len(RHOS))]


@cache
def benchmark():
    sys.path.append(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location("calibration_page", ROOT / "benchmarks" / "calibration.py")
    module = importlib.util.module_from_spec(spec)
    # found by name where a process pool unpickles its tasks
    sys.modules["calibration_page"] = module
    spec.loader.exec_module(module)
    return module


@cache
def numbers():
    return json.loads((ROOT / "docs" / "calibration.json").read_text(encoding="utf-8"))


def size(name, n, rho):
    (row,) = [row for row in numbers()["cells"] if (row["estimator"], row["n"], row["rho"]) == (name, n, rho)]
    return row


def between_tables(target, series):
    """Three standard errors of the difference of two simulated rates, and half a point for the rounding."""
    rate = np.clip(target, 1, 99) / 100
    return 300 * np.sqrt(rate * (1 - rate) * (1 / TABULATED + 1 / series)) + 0.5


def test_the_page_is_that_of_the_numbers():
    assert (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8") == benchmark().page(numbers())


def test_every_cell_is_there():
    module = benchmark()
    found = {(row["estimator"], row["n"], row["rho"]) for row in numbers()["cells"]}
    names = {*module.BATCHED, *module.ONE_BY_ONE}
    expected = {
        (name, n, rho) for name in names for n in module.LENGTHS for rho in module.AUTOCORRELATIONS
    } - {("reml_ar, order 2", 24, rho) for rho in module.AUTOCORRELATIONS}
    assert found == expected
    assert len(numbers()["panels"]) == 4 * len(module.WORLDS)
    printed = {(row["n"], row["rho"], row["question"]) for row in numbers()["printed"]}
    assert printed == {
        (n, rho, question)
        for n in module.LENGTHS
        for rho in module.AUTOCORRELATIONS
        for question in module.QUESTIONS
    }
    assert len(numbers()["labels"]) == len(module.QUESTIONS) * len(module.WORLDS)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n", "place"), CELLS)
def test_sizes_of_ar1_errors(name, n, place):
    row = size(name, n, RHOS[place])
    targets = [rates[place] for rates in SIZES[name][n]]
    for found, target in zip((row["slope"], row["level"]), targets, strict=True):
        assert abs(100 * found - target) <= between_tables(target, row["series"]), (row, target)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "slope", "level"), [("reml_ar, order 2", 4, 5), ("reml_ar_noise", 3, 4)])
def test_sizes_at_83_periods_and_four_tenths(name, slope, level):
    row = size(name, 83, 0.4)
    assert abs(100 * row["slope"] - slope) <= between_tables(slope, row["series"])
    assert abs(100 * row["level"] - level) <= between_tables(level, row["series"])


@pytest.mark.slow
def test_the_default_estimator_keeps_its_size_everywhere():
    """3.9 to 6 % in the independent simulation (slopes of 24 periods at .8 the highest)."""
    for row in numbers()["cells"]:
        if row["estimator"] == "reml_ar, order 1":
            for rate in (row["slope"], row["level"]):
                assert 3.9 - between_tables(3.9, row["series"]) <= 100 * rate, row
                assert 100 * rate <= 6 + between_tables(6, row["series"]), row


def test_every_series_is_answered_and_the_answers_keep_their_size():
    """At most 7 %, and no more than in the prototype of this rule, which had 4,000 series a cell.

    It had 6.2 | 6.4 of slope | level in short series at rho .8, and at most 5.2 elsewhere.
    """
    for row in numbers()["printed"]:
        assert row["answered"] == 1.0
        assert row["size"] <= 0.07, row
        most = 6.4 if row["n"] < 83 and row["rho"] == 0.8 else 5.2
        assert row["size"] <= most / 100 + 3.5 * np.sqrt(0.05 * 0.95 / PROTOTYPE), row


def test_an_interval_that_allows_for_a_bend_keeps_its_size_under_it():
    module = benchmark()
    cells = {(row["n"], row["rho"], row["bend"]) for row in numbers()["bent"]}
    assert cells == {(n, rho, bend) for n in module.LENGTHS for rho in module.BENT_RHOS for bend in BENDS}
    worst = {"default": 0.0, "bounded": 0.0}
    for row in numbers()["bent"]:
        worst[row["interval"]] = max(worst[row["interval"]], row["level"], row["slope"])
    assert worst["bounded"] <= 0.07
    assert worst["default"] > 0.9


def test_what_is_found_of_a_drifting_level():
    """Half as much by the drifting level where the default finds much; something beside 80 % of false slopes."""
    module = benchmark()
    rows = numbers()["drift"]
    cells = {(row["n"], row["drift"]) for row in rows}
    assert cells == {(n, drift) for n in module.LENGTHS for drift in module.DRIFTS}
    for row in rows:
        if row["slope"] >= 0.15:
            assert row["slope_local_level"] <= 0.5 * row["slope"], row
        assert row["slope_told"] >= 0.8, row
        assert 0.5 <= row["level_told"] < 0.8, row


def test_attribution_keeps_its_size_where_units_have_breaks_of_their_own():
    for row in numbers()["labels"]:
        error = 3.5 * np.sqrt(0.08 * 0.92 / row["panels"])
        assert row["attribution"] <= 0.08 + error, row
        assert row["more"] <= min(row["gap"], row["attribution"]), row
        assert row["answered"] == 1.0
        if not row["own_breaks"]:
            assert row["more"] <= 0.05 + error, row


def panel_sizes(rho, own_breaks):
    """Slope, level and number of panels of each test, as the page has them."""
    return {
        row["test"]: (row["slope"], row["level"], row["panels"])
        for row in numbers()["panels"]
        if (row["rho"], row["own_breaks"]) == (rho, own_breaks)
    }


def check_panels(sizes, rho, *, own_breaks):
    """Placebo and Crawford-Howell 4 to 6 % always, the difference only where units have no breaks.

    With them its t statistic is wider by the root of the variance that the breaks add.
    """
    module = benchmark()
    fit = design_fit(module.its_design(83, 27), np.array([[rho]]))
    df = fit.contrasts(module.CONTRASTS).df[0]
    narrowed = special.stdtrit(df, 0.975) / np.sqrt(1 + module.BREAK_SHARE)
    expected = 2 * special.stdtr(df, -narrowed) if own_breaks else np.array([0.05, 0.05])
    for name, (slope, level, count) in sizes.items():
        for rate, with_breaks in ((level, expected[0]), (slope, expected[1])):
            target = with_breaks if name.startswith("difference") else 0.05
            error = 3.5 * np.sqrt(target * (1 - target) / count)
            assert abs(rate - target) <= 0.01 + error, (name, rate, target)


@pytest.mark.slow
@pytest.mark.parametrize("own_breaks", [False, True])
@pytest.mark.parametrize("rho", [0.4, 0.7])
def test_panels_of_the_page(rho, own_breaks):
    sizes = panel_sizes(rho, own_breaks)
    assert len(sizes) == 4
    assert min(count for *_, count in sizes.values()) >= 1000
    check_panels(sizes, rho, own_breaks=own_breaks)


@pytest.mark.slow
@pytest.mark.parametrize("own_breaks", [False, True])
@pytest.mark.parametrize("rho", [0.4, 0.7])
def test_fresh_panels(rho, own_breaks):
    """Other random numbers than those of the page."""
    parts = [benchmark().panels((rho, own_breaks, 10_000 + first, 250)) for first in range(0, 1000, 250)]
    sizes = {}
    for name in parts[0]:
        level, slope = np.concatenate([part[name] for part in parts]).mean(axis=0)
        sizes[name] = (slope, level, 1000)
        print(f"rho {rho}, own breaks {own_breaks}, {name}: slope {slope:.3f}, level {level:.3f}")
    check_panels(sizes, rho, own_breaks=own_breaks)
