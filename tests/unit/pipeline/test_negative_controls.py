"""Control outcomes: by hand, and in simulations whose truth is known."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from its_eval import evaluate
from its_eval.config import load_config
from its_eval.errors import ConfigError, DataError
from its_eval.words.doubts import doubts
from its_eval.words.screen import screen

N, START = 72, 36
TIME = np.arange(N)
X = np.column_stack([np.ones(N), TIME - START, TIME >= START, np.maximum(TIME - START, 0)]).astype(float)
PERIODS = pd.period_range("2012-07", periods=N, freq="M").astype(str)
NO_CHECKS = dict.fromkeys(("placebo_units", "placebo_dates", "leave_one_peer_out", "diagnostics"), False)


def run(outcome, control, treated=("A",), estimators=("ols",), beside=(), **settings):
    tree = {
        "version": 1,
        "intervention": {"name": "Law", "date": "2015-07"},
        "treated": list(treated),
        "outcomes": [
            {"indicator": "falls", "controls": ["beds"], "seasonality": "none", "better": "lower"},
            *beside,
        ],
        "designs": ["single"],
        "estimators": list(estimators),
        "estimands": {"primary": "level_change"},
        "checks": NO_CHECKS | {"trend_bounds": False, "one_month": False},
        "sensitivity": {"standard": False},
    }
    frames = {"falls": pd.DataFrame(outcome, PERIODS), "beds": pd.DataFrame(control, PERIODS)}
    return evaluate(tree | settings, indicators=frames)


def controls(result, **keys):
    rows = result.tables["controls"]
    for name, value in keys.items():
        rows = rows[rows[name] == value]
    return rows.reset_index(drop=True)


def noise(rng, size, rho=0.0):
    """Return autoregressive errors of variance 1, shape (N, size)."""
    errors = rng.standard_normal((N, size))
    for place in range(1, N):
        errors[place] = rho * errors[place - 1] + np.sqrt(1 - rho**2) * errors[place]
    return errors


def test_both_series_are_those_of_a_computation_by_hand():
    rng = np.random.default_rng(3)
    y, c = 50 + 2.0 * noise(rng, 1)[:, 0], 900 + 40.0 * noise(rng, 1)[:, 0] - 0.5 * TIME
    rows = controls(run({"A": y}, {"A": c}))
    before = X[:START, :2]
    residuals = [series[:START] - before @ np.linalg.lstsq(before, series[:START])[0] for series in (y, c)]
    k = np.std(residuals[0]) / np.std(residuals[1])
    assert rows["series"].tolist() == ["control", "difference"]
    assert rows["factor"].tolist()[1] == pytest.approx(k, rel=1e-10)
    for place, series in enumerate((c, y - k * c)):
        fit = sm.OLS(series, X).fit()
        shown = rows.loc[place]
        assert shown["estimate"] == pytest.approx(fit.params[2], rel=1e-8)
        assert shown["p_value"] == pytest.approx(fit.pvalues[2], rel=1e-8)
        np.testing.assert_allclose([shown["conf_low"], shown["conf_high"]], fit.conf_int()[2], rtol=1e-8)


def test_the_gap_is_subtracted_where_units_are_compared_with_peers():
    rng = np.random.default_rng(4)
    y = pd.DataFrame(noise(rng, 4), columns=list("ABCD"))
    c = pd.DataFrame(5 * noise(rng, 4), columns=list("ABCD"))
    settings = {"designs": ["difference"], "peers": {"k": "all"}}
    rows = controls(run(_by_unit(y), _by_unit(c), **settings))
    gaps = [(series["A"] - series[["B", "C", "D"]].mean(axis=1)).to_numpy() for series in (y, c)]
    k = rows.query("series == 'difference'")["factor"].item()
    fit = sm.OLS(gaps[0] - k * gaps[1], X).fit()
    assert rows.query("series == 'difference'")["estimate"].item() == pytest.approx(fit.params[2], rel=1e-8)
    assert rows.query("series == 'control'")["estimate"].item() == pytest.approx(
        sm.OLS(gaps[1], X).fit().params[2], rel=1e-8
    )


def _by_unit(frame):
    return {unit: frame[unit].to_numpy() for unit in frame}


UNITS = [f"T{number:03d}" for number in range(200)]


def shocked(effect, seed=5, rho=0.3):
    """Return 200 units whose outcome and control share a shock at the start, of a control's standard deviation.

    Outcome and control have two thirds of their variance in common, the control at ten times the scale.
    """
    rng = np.random.default_rng(seed)
    common = noise(rng, 200, rho)
    after = (TIME >= START)[:, None]
    y, c = (np.sqrt(2 / 3) * common + np.sqrt(1 / 3) * noise(rng, 200, rho) + 1.5 * after for _ in range(2))
    return y + effect * after, 200 + 10 * c


@pytest.mark.parametrize("effect", [0.0, 2.0])
def test_a_shock_shared_with_the_control_vanishes_in_the_difference(effect):
    y, c = shocked(effect)
    result = run(dict(zip(UNITS, y.T, strict=True)), dict(zip(UNITS, c.T, strict=True)), UNITS, ["reml_ar"])
    found = {
        series: controls(result, series=series).query("unit != 'set'") for series in ("control", "difference")
    }
    own = result.tables["effects"].query("role == 'primary' and scale == 'response'")
    assert own["estimate"].mean() == pytest.approx(1.5 + effect, abs=0.1)
    assert found["control"]["estimate"].mean() == pytest.approx(15, abs=1)
    rest = found["difference"]
    # 200 units: three and a half standard errors of their mean
    assert rest["estimate"].mean() == pytest.approx(effect, abs=3.5 * rest["estimate"].std() / np.sqrt(200))
    covered = rest["conf_low"].le(effect) & rest["conf_high"].ge(effect)
    # that the factor is an estimate widens no interval: at the shock of 1.5 sds it costs a few points
    assert 0.88 < covered.mean() <= 0.99
    assert np.median(rest["factor"]) == pytest.approx(0.1, rel=0.03)


def test_a_control_that_nothing_happened_to_is_found_changed_as_often_as_the_level_says():
    rng = np.random.default_rng(6)
    y, c = noise(rng, 200, 0.3), noise(rng, 200, 0.3)
    result = run(dict(zip(UNITS, y.T, strict=True)), dict(zip(UNITS, c.T, strict=True)), UNITS, ["reml_ar"])
    for series in ("control", "difference"):
        share = (controls(result, series=series).query("unit != 'set'")["p_value"] <= 0.05).mean()
        assert share == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / 200))


def test_the_set_is_the_mean_of_its_units_and_the_check_warns():
    y, c = shocked(0.0)
    few = UNITS[:4]
    result = run(dict(zip(few, y.T, strict=False)), dict(zip(few, c.T, strict=False)), few)
    for series in ("control", "difference"):
        rows = controls(result, series=series)
        single = rows.query("unit != 'set'")["estimate"]
        assert rows.query("unit == 'set'")["estimate"].item() == pytest.approx(single.mean())
    assert controls(result, series="control", unit="set")["p_value"].item() < 0.001
    assert controls(result, series="difference", unit="set")["p_value"].item() > 0.05
    checks = result.tables["checks"].query("check == 'negative_control'").set_index("unit")
    assert checks.loc["", "status"] == "attention"
    assert "The control outcome beds changed too (p < 0.001)" in checks.loc["", "message"]
    lines = [line.text for line in screen(result, verbose=False) if line.text.startswith("Control outcome")]
    (said,) = lines
    assert "a control outcome changed too" in doubts(result, "falls", "single")
    assert said.startswith("Control outcome beds: changed by +1")
    assert "; the outcome minus the control changed by " in said


def test_a_control_that_is_listed_keeps_its_own_kind_and_label():
    rng = np.random.default_rng(7)
    y, c = 50 + noise(rng, 1)[:, 0], np.exp(3 + 0.1 * noise(rng, 1)[:, 0])
    beside = [{"indicator": "beds", "label": "Beds in use", "kind": "rate", "transform": "log"}]
    result = run({"A": y}, {"A": c}, beside=beside)
    row = controls(result, outcome="falls", series="control").loc[0]
    fit = sm.OLS(np.log(c), X).fit()
    assert row["scale"] == "ratio"
    assert row["estimate"] == pytest.approx(np.exp(fit.params[2]), rel=1e-8)
    assert "Beds in use" in result.tables["checks"].query("check == 'negative_control'")["message"].iloc[0]


def test_a_control_without_variation_is_not_subtracted():
    rng = np.random.default_rng(8)
    rows = controls(run({"A": noise(rng, 1)[:, 0]}, {"A": np.full(N, 7.0)}))
    assert rows.empty


def test_what_cannot_be_a_control_is_refused():
    rng = np.random.default_rng(9)
    with pytest.raises(DataError, match="the data have no control outcome 'bedz'"):
        run(
            {"A": noise(rng, 1)[:, 0]},
            {"A": noise(rng, 1)[:, 0]},
            outcomes=[{"indicator": "falls", "controls": ["bedz"]}],
        )
    base = {
        "version": "1",
        "data": {"indicators": {"path": "a.csv"}},
        "intervention": {"date": "2015-07"},
        "treated": ["A"],
    }
    with pytest.raises(ConfigError, match="'falls' is the outcome itself"):
        load_config(base | {"outcomes": [{"indicator": "falls", "controls": ["falls"]}]})
    count = {"indicator": "falls", "kind": "count", "controls": ["beds"], "estimators": ["poisson"]}
    with pytest.raises(ConfigError, match="control outcomes are fitted and subtracted by linear models"):
        load_config(base | {"outcomes": [count]})
