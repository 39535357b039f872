"""How often intervals of prediction hold what came: single periods, their average, and the joint test.

Run by ``make simulation``. AR(1) errors around a straight line, nothing happens at the start. 1,000 series
each: a rate of 95 % has a Monte Carlo standard error of 0.7 points.
"""

import numpy as np
import pytest
from test_drift import autoregression

from its_eval.config.estimators import Estimator
from its_eval.design.matrix import Interruption, Season, build_design
from its_eval.effects.estimands import joint_rows, linear_contrasts
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.estimators.kind import FitContext
from its_eval.estimators.reml.kenward_roger import joint_f

SERIES = 1000
#: Periods before, and after.
LENGTHS = ((24, 12), (60, 24))
LOWEST, HIGHEST = 90.0, 97.0

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("rho", [0.0, 0.4, 0.8])
@pytest.mark.parametrize(("before", "after"), LENGTHS)
def test_coverage_of_predictions(before, after, rho):
    n = before + after
    made = build_design(
        range(n), 12, "month", [Interruption("x", before, "free")], Season(), np.zeros(n, dtype=bool)
    )
    series = autoregression(np.random.default_rng([before, int(10 * rho)]), n, rho, SERIES)
    entry = Estimator(name="reml_ar", label="reml_ar")
    fit = ESTIMATORS["reml_ar"].fit(made.matrix, series, entry, FitContext(before, np.arange(n) >= before))
    rows = linear_contrasts(made, np.ones(n, dtype=bool), (0, 11))
    names = ("effect_at_0", "effect_at_11", "average_effect")
    read = fit.contrasts(np.array([rows[name] for name in names]))
    low, high = read.interval(0.95)
    coverage = 100.0 * ((low <= 0.0) & (high >= 0.0)).mean(axis=0)
    together = joint_rows(made, 0, 12)
    p_values = []
    for place in range(0, SERIES, 2):
        single = fit.one(place).contrasts(together).p_value[0]
        found = joint_f(fit, place, together).p_value
        p_values.append(found if np.isfinite(found) else min(1.0, len(together) * single.min()))
    size = 100.0 * np.mean(np.array(p_values) <= 0.05)
    told = ", ".join(f"{name} {rate:.1f}" for name, rate in zip(names, coverage, strict=True))
    print(f"{before} + {after} months, rho {rho}: coverage {told} %; joint test {size:.1f} %")
    assert ((coverage >= LOWEST) & (coverage <= HIGHEST)).all()
    assert size <= 5.0 + 3.5 * np.sqrt(5.0 * 95.0 / len(p_values))
