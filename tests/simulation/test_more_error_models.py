"""How often long autoregressions and structural models find a change that is not there: docs/methods.md.

Sizes in per cent of 400 series a cell, tested at 5 %: the standard error at 5 % is 1.1 points.
"""

import numpy as np
import pytest

from its_eval.estimators.gls_ar import fit_gls_ar
from its_eval.estimators.structural import fit_structural
from its_eval.pipeline.truths import autoregressive_errors

SERIES = 400
STARTS = {24: 12, 48: 24}


def its_design(n, start):
    t = np.arange(n)
    return np.column_stack([np.ones(n), t - start, t >= start, np.maximum(t - start, 0)]).astype(float)


def sizes(fit):
    """Return how often level and slope are found, in per cent."""
    return 100 * (fit.contrasts(np.eye(4)[2:]).p_value < 0.05).mean(axis=0)


def autoregressive(n, rho):
    rng = np.random.default_rng([7, n, int(100 * rho)])
    return autoregressive_errors(np.array([rho]), n, SERIES, rng)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "rho", "level", "slope"),
    [(24, 0.0, 8, 6), (24, 0.4, 9, 7), (24, 0.8, 7, 7), (48, 0.0, 4, 3), (48, 0.4, 5, 5), (48, 0.8, 7, 6)],
)
def test_three_autoregressive_terms_of_one(n, rho, level, slope):
    found = sizes(fit_gls_ar(its_design(n, STARTS[n]), autoregressive(n, rho), 3))
    np.testing.assert_allclose(found, [level, slope], atol=0.8)


@pytest.mark.slow
@pytest.mark.parametrize("n", STARTS)
@pytest.mark.parametrize("rho", [0.0, 0.4, 0.8])
def test_a_local_level_where_errors_are_autoregressive(n, rho):
    found = sizes(fit_structural(its_design(n, STARTS[n]), autoregressive(n, rho)))
    assert (found <= 7.5).all()


@pytest.mark.slow
@pytest.mark.parametrize(("n", "level", "slope"), [(24, 5, 10), (48, 6, 11)])
def test_a_local_level_where_there_is_one(n, level, slope):
    rng = np.random.default_rng([8, n])
    walks = np.cumsum(0.3 * rng.standard_normal((n, SERIES)), axis=0)
    found = sizes(fit_structural(its_design(n, STARTS[n]), walks + rng.standard_normal((n, SERIES))))
    np.testing.assert_allclose(found, [level, slope], atol=0.8)
