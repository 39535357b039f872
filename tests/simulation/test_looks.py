"""Declared looks keep their promise in series that G was not made from: levels, power, and worlds outside."""

import time

import numpy as np
import pytest

from its_eval.checks.power import design_fit, minimum_detectable
from its_eval.config import Config
from its_eval.pipeline.looks import _smallest, look_designs, spending
from its_eval.pipeline.plan import Treatment
from its_eval.pipeline.truths import autoregressive_errors

FIRST, UNTIL = 8, 36
QUESTIONS = ("level_change", "slope_change", "change")
AUTOCORRELATIONS = (0.0, 0.4, 0.8)
#: Seed of the series that are judged; G has that of the config.
FRESH = 77


def designed(before, question, first=FIRST):
    start = f"{2010 + before // 12}-{before % 12 + 1:02d}"
    config = Config.model_validate(
        {
            "version": 1,
            "data": {"indicators": [{"path": "beds.csv"}]},
            "intervention": {"date": start, "shape": "step_and_slope"},
            "looks": {"from": first, "until": UNTIL},
            "treated": ["A"],
            "outcomes": [{"indicator": "beds", "kind": "number", "seasonality": "none"}],
            "estimands": {"primary": question},
        }
    )
    treatment = Treatment(("A",), {"A": start})
    first_period = config.data.calendar.parse("2010-01")
    ((design, _),) = look_designs(config, config.outcomes[0], first_period, treatment)
    return config, design


def smallest(config, design, errors):
    return _smallest(config.looks, design, config.outcomes[0].estimators[0], errors)[""]


def effect_of(design, question, rho):
    """Return a course that one look after all periods finds with 80 % power at a known autocorrelation."""
    before = design.origin
    t = np.arange(before + UNTIL)
    post = (t >= before) * 1.0
    X = np.column_stack([np.ones(t.size), t - before, post, post * (t - before)])
    column = 3 if question == "slope_change" else 2
    read = design_fit(X, np.array([[rho, 0.0]])).contrasts(np.eye(4)[[column]])
    return X[:, column] * minimum_detectable(float(read.std_error[0, 0]), float(read.df[0, 0]))


def ever_false(before, question, paths, series):
    """Return rates of one design: of false findings by world, and of true ones with looks and without."""
    config, design = designed(before, question)
    clock = time.process_time()
    levels = spending(config.looks, design, config.outcomes[0].estimators[0], config.seed, paths)[""]
    seconds = time.process_time() - clock
    rng = np.random.default_rng([FRESH, before, len(question)])
    level = levels.level(0.05)
    n = design.plan.panel.n_periods
    rates = {}
    for rho in AUTOCORRELATIONS:
        errors = autoregressive_errors(np.array([rho]), n, series, rng)
        rates[f"{rho:g}"] = float((smallest(config, design, errors) <= level).mean())
    errors = autoregressive_errors(np.array([0.4]), n, series, rng)
    moved = errors + effect_of(design, question, 0.4)[:, None]
    at_end, last = designed(before, question, UNTIL)
    rates["power, one look at the end"] = float((smallest(at_end, last, moved) <= 0.05).mean())
    rates["power, all looks"] = float((smallest(config, design, moved) <= level).mean())
    outside = {world: levels.ever_false[world][1] for world in ("0.95", "random walk")}
    undeclared = {f"{rho:g}, undeclared": levels.ever_false[f"{rho:g}"][0] for rho in AUTOCORRELATIONS}
    return {"level": level, "seconds": seconds} | rates | outside | undeclared


def bound(paths, series):
    """Return what a true 5 % exceeds once in 2,000: both the level and the rate are simulated."""
    return 0.05 + 3.5 * np.sqrt(0.05 * 0.95 * (1 / paths + 1 / series))


def test_a_few_looks_keep_the_level():
    config, design = designed(24, "level_change", UNTIL - 3)
    levels = spending(config.looks, design, config.outcomes[0].estimators[0], config.seed, 1000)[""]
    rng = np.random.default_rng(FRESH)
    for rho in AUTOCORRELATIONS:
        errors = autoregressive_errors(np.array([rho]), design.plan.panel.n_periods, 1000, rng)
        found = smallest(config, design, errors)
        assert (found <= levels.level(0.05)).mean() <= bound(1000, 1000)
        assert (levels.adjusted(found) <= 0.05).mean() == (found <= levels.level(0.05)).mean()


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("before", [24, 48])
def test_29_looks_keep_the_level(before, question):
    found = ever_false(before, question, 4000, 4000)
    for rho in AUTOCORRELATIONS:
        assert found[f"{rho:g}"] <= bound(4000, 4000), (rho, found)
        # without a declaration a false change would be found far more often
        assert found[f"{rho:g}, undeclared"] > 0.08
    assert found["seconds"] < 60
    assert found["power, all looks"] > 0.25
