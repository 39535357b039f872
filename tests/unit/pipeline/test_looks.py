"""Levels of repeated looks: the p-values that are simulated are those of a run, and G is their distribution."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from its_eval import evaluate
from its_eval.config import Config, load_config
from its_eval.errors import ConfigError, NothingEstimatedError
from its_eval.pipeline.looks import LookLevels, _smallest, look_designs, spending
from its_eval.pipeline.plan import Treatment
from its_eval.pipeline.truths import autoregressive_errors

FIRST = "2014-01"
FEW = 400


def month(number):
    return f"{2014 + number // 12}-{number % 12 + 1:02d}"


def study(start=24, looks=None, **more):
    """A study of one unit; the frames that a test hands over stand in the place of files."""
    keys = {
        "version": 1,
        "intervention": {"name": "New ward", "date": month(start)},
        "treated": ["A"],
        "outcomes": [{"indicator": "beds", "kind": "number"}],
        **more,
    }
    return keys | ({} if looks is None else {"looks": looks})


def designed(start=24, looks=None, **more):
    keys = study(start, looks or {"from": 8, "until": 12}, **more)
    config = Config.model_validate({"data": {"indicators": [{"path": "beds.csv"}]}, **keys})
    calendar = config.data.calendar
    dates = {unit: config.treated_dates.get(unit, month(start)) for unit in config.treated_units}
    treatment = Treatment(config.treated_units, dates)
    return config, look_designs(config, config.outcomes[0], calendar.parse(FIRST), treatment)


def estimator(config):
    return config.outcomes[0].estimators[0]


@pytest.mark.parametrize("question", ["change", "level_change", "slope_change", "effect_at_6"])
@pytest.mark.parametrize("start", [24, 40])
def test_smallest_p_is_that_of_runs_on_growing_data(question, start):
    """With 24 periods before, AR(1) throughout; with 40 the order changes to 2 between the looks."""
    estimands = {"primary": question} | ({"at": [6]} if question == "effect_at_6" else {})
    quick = {"estimands": estimands, "checks": {"diagnostics": False, "placebo_dates": False}}
    quick["sensitivity"] = {"standard": False}
    config, [(design, units)] = designed(start, {"from": 8, "until": 12, "every": 4}, **quick)
    assert units == ["A"]
    errors = autoregressive_errors(np.array([0.4]), start + 12, 2, np.random.default_rng(5))
    smallest = _smallest(config.looks, design, estimator(config), errors)[""]
    for series in range(errors.shape[1]):
        found = []
        for after in config.looks.at:
            periods = [month(number) for number in range(start + after)]
            beds = pd.DataFrame({"A": 50.0 + errors[: start + after, series]}, periods)
            verdicts = evaluate(study(start, **quick), indicators=beds).tables["verdicts"]
            found.append(verdicts.loc[verdicts["label"].ne(""), "p_value"].item())
        np.testing.assert_allclose(smallest[series], min(found), rtol=0, atol=1e-3)


@pytest.mark.parametrize("trend", ["linear", "none"])
def test_least_squares_are_those_of_another_program(trend):
    config, [(design, _)] = designed(
        estimators=["ols"],
        intervention={"date": month(24), "shape": "step"},
        outcome_defaults={"seasonality": "none", "trend": trend},
    )
    errors = np.random.default_rng(8).standard_normal((36, 4))
    smallest = _smallest(config.looks, design, estimator(config), errors)[""]
    time = np.arange(36.0)
    course = [np.ones(36), time] if trend == "linear" else [np.ones(36)]
    X = np.column_stack([*course, time >= 24])
    expected = [
        min(sm.OLS(errors[:end, series], X[:end]).fit().pvalues[-1] for end in range(32, 37))
        for series in range(4)
    ]
    np.testing.assert_allclose(smallest, expected, rtol=1e-8)


def test_g_is_the_distribution_of_the_smallest_p():
    config, [(design, _)] = designed()
    levels = spending(config.looks, design, estimator(config), 1, FEW)[""]
    rates = levels.ever_false
    assert list(rates) == ["0", "0.4", "0.8", "0.95", "random walk"]
    promised = [rates[world] for world in ("0", "0.4", "0.8")]
    # the level is exhausted where it is dearest, and five looks without it find too much everywhere
    assert abs(round(FEW * max(after for _, after in promised)) - round(FEW * 0.05)) <= 1
    assert min(before for before, _ in promised) > 0.06
    assert 0.002 < levels.level(0.05) < 0.05
    again = spending(config.looks, design, estimator(config), 1, FEW)[""]
    assert again == levels
    assert spending(config.looks, design, estimator(config), 2, FEW)[""] != levels


def test_a_p_value_and_a_level_belong_together():
    config, [(design, _)] = designed()
    levels = spending(config.looks, design, estimator(config), 1, FEW)[""]
    p = np.geomspace(1e-9, 1.0, 200)
    spent = levels.adjusted(p)
    assert (np.diff(spent) > 0).all()
    assert (spent >= p).all()
    assert spent[-1] == 1.0
    for alpha in (1e-5, 0.005, 0.01, 0.05, 0.3):
        np.testing.assert_allclose(levels.adjusted(levels.level(alpha)), alpha, rtol=1e-9)
    assert np.isnan(levels.adjusted(np.nan))
    assert LookLevels.of_plain(levels.plain()) == levels


def test_each_date_and_each_mask_has_a_design_of_its_own():
    flood = {"name": "Flood", "date": month(10), "until": month(12), "as": "mask", "units": ["C"]}
    config, found = designed(
        treated={"A": month(24), "B": month(28), "C": month(24)}, events=[flood], intervention={}
    )
    by_units = {tuple(units): design for design, units in found}
    assert set(by_units) == {("A",), ("B",), ("C",)}
    assert {design.origin for design in by_units.values()} == {24}
    assert np.flatnonzero(~by_units["C",].observed).tolist() == [10, 11, 12]
    assert by_units["A",].observed.all()
    # at the first looks B has too few periods of its own, and then it has
    levels = spending(config.looks, by_units["B",], estimator(config), 1, FEW)[""]
    assert levels.level(0.05) > spending(config.looks, by_units["A",], estimator(config), 1, FEW)[""].level(
        0.05
    )


def test_a_fitted_event_has_levels_of_its_own():
    event = {"name": "New rota", "date": month(14), "as": "step"}
    config, [(design, _)] = designed(events=[event], looks={"from": 8, "until": 10})
    levels = spending(config.looks, design, estimator(config), 1, FEW)
    assert set(levels) == {"", "New rota", "all interruptions"}
    assert levels["New rota"] != levels[""]


def test_an_event_after_a_look_is_not_in_it():
    event = {"name": "New rota", "date": month(24 + 9), "as": "step"}
    config, [(design, _)] = designed(events=[event], looks={"from": 8, "until": 12, "every": 4})
    errors = np.random.default_rng(2).standard_normal((36, 5))
    both = _smallest(config.looks, design, estimator(config), errors)
    config, [(plain, _)] = designed(looks={"from": 8, "until": 8})
    first = _smallest(config.looks, plain, estimator(config), errors[:32])
    assert (both[""] <= first[""] + 1e-9).all()
    assert set(both) == {"", "New rota", "all interruptions"}


def test_no_look_that_can_be_estimated():
    config, [(design, _)] = designed(6)
    with pytest.raises(NothingEstimatedError, match="no look can be estimated"):
        spending(config.looks, design, estimator(config), 1, 40)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("looks: {from: 12, until: 8}", "looks.until: 8 comes before the first look, at 12 periods"),
        ("looks: {from: 4, until: 8}", "looks.from: 4: `shape: step_and_slope` needs 8 periods"),
        ("looks: {from: 8, until: 9}\nestimators: [arima]", "arima: repeated looks are simulated for"),
        ("looks: {from: 8, until: 9}\noutput: {detail: estimates}", "a batch run keeps no place among"),
        (
            "looks: {from: 8, until: 9}\npeers: {k: all}\ndesigns: [synthetic]",
            "'synthetic' has no p-value that",
        ),
        (
            "looks: {from: 8, until: 9}\nintervention: {date: 2016-01, fit: before}",
            "each period has an effect of",
        ),
        (
            "looks: {from: 8, until: 9}\nestimands: {primary: relative_average_effect}",
            "'relative_average_effect' of an outcome without a logarithm has no interval that holds",
        ),
        ("looks: {form: 8, until: 9}", "did you mean 'from'"),
    ],
)
def test_looks_that_cannot_be(tmp_path, keys, message):
    path = tmp_path / "study.yaml"
    (tmp_path / "beds.csv").write_text("unit,period,indicator,value\nA,2014-01,beds,1\n", encoding="utf-8")
    path.write_text(
        "version: 1\ndata: {indicators: {path: beds.csv}}\ntreated: [A]\n"
        f"{'' if 'intervention' in keys else 'intervention: {date: 2016-01}'}\n"
        f"outcomes: [{{indicator: beds, kind: number}}]\n{keys}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert message in "\n".join(error.value.problems)
