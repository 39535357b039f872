"""Series that miss periods of their own: fitted together, told one by one."""

import numpy as np
import pytest

from its_eval.comparisons.base import comparison_of
from its_eval.estimators import patterns
from its_eval.pipeline.estimate import Ask
from its_eval.pipeline.primary import Analysis

N_UNITS, N, START = 24, 60, 30


@pytest.fixture(params=["number", "percentage"])
def planned(request, make_world):
    """Config and plan of 24 treated units with gaps of their own; two miss nearly all after the start."""
    rng = np.random.default_rng(4)
    values = {
        f"T{unit:02d}": 50 + 0.2 * rng.normal(size=N).cumsum() + rng.normal(size=N) for unit in range(N_UNITS)
    }
    for place, series in enumerate(values.values()):
        series[[place, 31 + place]] = np.nan
        series[rng.choice(N, place % 5, replace=False)] = np.nan
    values["T05"][START + 2 :] = np.nan
    values["T06"][START + 6 :] = np.nan
    sizes = {unit: rng.integers(50, 400, N) for unit in values} if request.param == "percentage" else None
    world = make_world(values, start=START, denominators=sizes)
    world.settings["outcomes"] = [world.outcome(kind=request.param, seasonality="auto")]
    config, _, plan = world.plan(estimators=["reml_ar", "ols"], data={"missing": "mask"})
    return config, plan


@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_the_same_as_pattern_by_pattern(planned, whole, joined, monkeypatch):
    config, plan = planned
    analysis = Analysis.of(config)
    told = []
    for many, ask in (
        (10**6, Ask(analysis.question, whole_fits=whole)),
        (2, Ask(analysis.question, whole_fits=whole, joined=joined and not whole)),
    ):
        monkeypatch.setattr(patterns, "MANY_PATTERNS", many)
        found, failed = comparison_of("single").estimates(plan, ask)
        series = {}
        for item in found:
            columns = item.effects(analysis.question)
            for place, unit in enumerate(item.units):
                used = item.observed if item.observed.ndim == 1 else item.observed[place]
                numbers = (columns.estimate, columns.conf_low, columns.df, columns.p_value, columns.present)
                partials = item.statistics.partial_autocorrelations[place]
                series[unit, item.estimator] = (partials, used, *(values[place] for values in numbers))
        told.append((series, sorted((row.unit, row.estimator, row.message) for row in failed)))
    (apart, lost), (together, lost_too) = told
    assert lost == lost_too
    assert {unit for unit, *_ in lost} >= {"T05"}
    assert together.keys() == apart.keys()
    for key, expected in apart.items():
        for one, other in zip(together[key], expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7, err_msg=str(key))
