"""Does the interval cover what it says: fresh panels of the sample's process, truth known.

Run by ``make simulation``; takes minutes. The estimation step is that of a run: the peers, the design, the
weights and the estimator of ``configs/sample.yaml``.
"""

import importlib.util
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.config import load_config
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.sources import load_sources

ROOT = Path(__file__).parents[2]
PANELS = 2000
#: Panels for what is only reported.
REPORTED = 400
CHUNK = 50
LEVEL = 0.95
TERMS = ("level_change", "slope_change")


@cache
def generator():
    path = ROOT / "data" / "sample" / "generate.py"
    spec = importlib.util.spec_from_file_location("sample_generate", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["sample_generate"] = module
    spec.loader.exec_module(module)
    return module


@cache
def plans():
    config = load_config(ROOT / "configs" / "sample.yaml")
    return config, make_plan(config, load_sources(config)).outcomes


def covered(task):
    """Return, for a range of seeds, whether each interval held the truth: outcome × panel × unit × term."""
    first, count, design_name, own_breaks = task
    config, outcomes = plans()
    hits = np.full((len(outcomes), count, len(config.treated), len(TERMS)), np.nan)
    for offset in range(count):
        panel = generator().simulate_panel([20260101, first + offset], own_breaks=own_breaks)
        for number, plan in enumerate(outcomes):
            drawn = next(part for part in panel.indicators if part.name == plan.outcome.indicator)
            assert plan.panel.units == panel.units
            assert plan.panel.periods[0] == drawn.periods[0]
            counts = np.full_like(drawn.value, np.nan)
            fresh = replace(plan.panel, values=drawn.value, denominators=drawn.denominator, counts=counts)
            estimates, failed = COMPARISONS[design_name].estimates(
                replace(plan, panel=fresh),
                Analysis.of(config).ask,
                entries=plan.outcome.estimators[:1],
            )
            assert not failed
            for item in estimates:
                rows = np.eye(len(item.design.terms))[[item.design.column(term) for term in TERMS]]
                low, high = item.whole.contrasts(rows).interval(LEVEL)
                truth = np.column_stack([drawn.level_change, drawn.slope_change])
                for position, unit in enumerate(item.units):
                    place = panel.treated.index(unit)
                    below, above = low[position] <= truth[place], truth[place] <= high[position]
                    hits[number, offset, place] = below & above
    assert not np.isnan(hits).any()
    return hits


def coverage(design_name, *, own_breaks, panels):
    """Return coverage by outcome × unit × term, and the standard error of its mean over units.

    The five units of a panel share months and peers, so the panel is the sampling unit.
    """
    starts = range(0, panels, CHUNK)
    tasks = [(start, min(CHUNK, panels - start), design_name, own_breaks) for start in starts]
    with ProcessPoolExecutor(2) as pool:
        hits = np.concatenate(list(pool.map(covered, tasks)), axis=1)
    return hits.mean(axis=1), hits.mean(axis=2).std(axis=1, ddof=1) / np.sqrt(panels)


def report(what, rates):
    config, outcomes = plans()
    for plan, by_unit in zip(outcomes, rates, strict=True):
        for index, term in enumerate(TERMS):
            units = ", ".join(
                f"{unit} {100 * value:.1f}"
                for unit, value in zip(config.treated, by_unit[:, index], strict=True)
            )
            mean = 100 * by_unit[:, index].mean()
            print(f"{what}; {plan.outcome.indicator}, {term}: {mean:.1f} % ({units})")


#: Covers too often, and is known to: weighting gives each month its variance, but one autocorrelation to
#: latent level and sampling noise together, too high for the noisy first year. Unweighted it would cover
#: 91 %.
CONSERVATIVE = ("fft_recommend", "slope_change")
CONSERVATIVE_CEILING = 0.98


@pytest.mark.slow
def test_difference_covers_without_own_breaks():
    rates, errors = coverage("difference", own_breaks=False, panels=PANELS)
    report("difference, no own breaks", rates)
    _, outcomes = plans()
    alone = 3.5 * np.sqrt(LEVEL * (1 - LEVEL) / PANELS)
    assert (rates >= LEVEL - alone).all(), rates
    for number, plan in enumerate(outcomes):
        for index, term in enumerate(TERMS):
            mean = rates[number, :, index].mean()
            if (plan.outcome.indicator, term) == CONSERVATIVE:
                assert LEVEL - 3.5 * errors[number, index] <= mean <= CONSERVATIVE_CEILING, rates
            else:
                assert abs(mean - LEVEL) <= 3.5 * errors[number, index], rates


@pytest.mark.slow
@pytest.mark.parametrize(
    ("design_name", "own_breaks"), [("difference", True), ("single", False), ("single", True)]
)
def test_what_other_designs_and_own_breaks_do(design_name, own_breaks):
    rates, _ = coverage(design_name, own_breaks=own_breaks, panels=REPORTED)
    report(f"{design_name}, {'own breaks' if own_breaks else 'no own breaks'} (not asserted)", rates)
    assert rates.shape == (2, 5, 2)
