"""What holds for whichever of the lengths tried is the true one: the check, and how often it errs."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from its_eval import evaluate
from its_eval.design.shapes import SHAPES
from its_eval.estimators.least_squares import fit_ols
from its_eval.pipeline.specifications import SensitivityRow, length_checks

LENGTHS = (3.0, 9.0, 18.0)


def content(shape="gradual", **sensitivity):
    return {
        "version": 1,
        "data": {"indicators": {"path": "waits.csv"}},
        "intervention": {"date": "2016-05", "shape": shape, "length": 9},
        "treated": ["A"],
        "outcomes": [{"indicator": "waits", "seasonality": "none"}],
        "estimators": ["ols"],
        "estimands": {"primary": "level_change"},
        "sensitivity": {"length": [3, 18], "standard": False, **sensitivity},
    }


def rows(size, seed=5):
    rng = np.random.default_rng(seed)
    since = np.arange(83) - 40
    y = 50.0 + size * SHAPES["gradual"].profile(np.maximum(since, 0), 9.0) * (since >= 0)
    periods = [f"{2013 + month // 12}-{month % 12 + 1:02d}" for month in range(83)]
    values = y + rng.normal(0.0, 1.0, 83)
    return pd.DataFrame({"indicator": "waits", "unit": "A", "period": periods, "value": values})


@pytest.mark.parametrize("shape", ["gradual", "decay", "temporary"])
def test_the_check_holds_the_intervals_of_all_lengths(shape):
    found = evaluate(content(shape), indicators=rows(4.0))
    tried = found.tables["sensitivity"].query("dimension in ('primary', 'length')")
    assert len(tried) == 3
    (check,) = found.tables["checks"].query("check == 'lengths'").to_dict("records")
    low, high = tried["conf_low"].min(), tried["conf_high"].max()
    assert (
        f"these 3 lengths is the true one, its interval lies within {low:.3g} to {high:.3g}"
        in check["message"]
    )
    assert check["statistic"] == pytest.approx(high - low)
    assert check["status"] == "pass"


def test_without_other_lengths_there_is_no_such_check():
    found = evaluate(content() | {"sensitivity": {"standard": False}}, indicators=rows(4.0))
    assert "lengths" not in set(found.tables["checks"]["check"])


def row(dimension, low, high, p_value):
    item = SimpleNamespace(unit="A", conf_low=low, conf_high=high, p_value=p_value, shown=np.exp)
    return SensitivityRow(dimension, "", item)


def test_a_finding_that_rests_on_the_length_asks_for_attention():
    own, other = row("primary", 0.1, 0.5, 0.01), row("length", -0.2, 0.3, 0.2)
    ((unit, check),) = length_checks([own, other, row("order", -9.0, 9.0, 0.9)])
    assert (unit, check.status) == ("A", "attention")
    assert (
        "0.819 to 1.65 (the largest p-value: p = 0.200): whether there is a change depends" in check.message
    )
    ((_, steady),) = length_checks([own, row("length", 0.2, 0.6, 0.001)])
    assert steady.status == "pass"
    ((_, nothing),) = length_checks([own, row("length", np.nan, np.nan, np.nan)])
    assert nothing.status == "not_applicable"
    assert list(length_checks([own])) == []


@pytest.mark.parametrize("shape", ["gradual", "decay"])
@pytest.mark.parametrize("true", LENGTHS)
def test_size_and_coverage_whichever_length_is_true(shape, true):
    """2,000 series: no more than 5 % are called changed for nothing, and 95 % of the intervals hold the change."""
    rng = np.random.default_rng(20150701)
    since = np.arange(83.0) - 27
    after = since >= 0
    profiles = {L: SHAPES[shape].profile(np.maximum(since, 0.0), L) * after for L in LENGTHS}
    noise = rng.normal(0.0, 1.0, (83, 2000))

    def over_all(Y):
        """Return the smallest and largest limit and the largest p-value over the lengths."""
        found = []
        for profile in profiles.values():
            X = np.column_stack([np.ones(83), since, profile])
            read = fit_ols(X, Y).contrasts(np.array([[0.0, 0.0, 1.0]]))
            low, high = read.interval(0.95)
            found.append((low[:, 0], high[:, 0], read.p_value[:, 0]))
        lows, highs, p_values = map(np.array, zip(*found, strict=True))
        return lows.min(axis=0), highs.max(axis=0), p_values.max(axis=0)

    _, _, p_value = over_all(noise)
    assert np.mean(p_value < 0.05) <= 0.05
    low, high, _ = over_all(noise + 3.0 * profiles[true][:, None])
    assert np.mean((low <= 3.0) & (high >= 3.0)) >= 0.95
