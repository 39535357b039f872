"""Size and power of variance by segment against the simulations of ``docs/methods.md``, truth known.

AR(1) errors with rho = .4, no season; 10,000 series a cell. The tabulated rates come from 600 to 1,200 series.
"""

import numpy as np
import pytest
from scipy import stats

from its_eval.estimate.by_segment import fit_reml_by_segment
from its_eval.estimate.reml_ar import fit_reml_ar

RHO = 0.4
SERIES = 10_000
TABULATED_SERIES = 900
CONTRASTS = np.eye(4)[[3, 2]]
#: (n, pre, ratio): constant size slope, level, power slope; by segment the same, in per cent.
TABLE = {
    (24, 12, 0.33): ((7, 7, 37), (6, 4, 36)),
    (24, 12, 1.0): ((4, 4, 27), (4, 4, 28)),
    (24, 12, 2.0): ((4, 5, 19), (4, 4, 17)),
    (48, 24, 0.33): ((5, 5, 73), (4, 3, 73)),
    (48, 24, 1.0): ((5, 4, 53), (5, 3, 52)),
    (48, 24, 2.0): ((5, 4, 42), (3, 4, 41)),
    (83, 27, 0.33): ((14, 13, 78), (4, 4, 59)),
    (83, 27, 1.0): ((4, 4, 59), (4, 4, 57)),
    (83, 27, 2.0): ((1, 2, 38), (4, 4, 53)),
    (83, 27, 3.4): ((1, 2, 18), (5, 5, 45)),
    (134, 78, 0.33): ((2, 3, 92), (4, 5, 96)),
    (134, 78, 1.0): ((4, 4, 72), (4, 4, 73)),
    (134, 78, 2.0): ((8, 6, 52), (6, 5, 46)),
}


def its_design(n, start):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), t - start, post, post * (t - start)])


def tolerance(target):
    """Three standard errors of the difference between a tabulated rate and ours, and half a point."""
    rate = np.clip(target, 4, 96) / 100.0
    return 300.0 * np.sqrt(rate * (1 - rate) * (1 / TABULATED_SERIES + 1 / SERIES)) + 0.5


@pytest.mark.slow
@pytest.mark.parametrize("cell", TABLE, ids=str)
def test_rejection_rates(cell):
    n, start, ratio = cell
    X, after = its_design(n, start), np.arange(n) >= start
    scale = np.where(after, np.sqrt(ratio), 1.0)
    V = scale[:, None] * RHO ** np.abs(np.subtract.outer(np.arange(n), np.arange(n))) * scale
    rng = np.random.default_rng(20150701)
    errors = np.linalg.cholesky(V) @ rng.standard_normal((n, SERIES))
    # The effect that generalised least squares with V known detects with 80 % power.
    known = np.linalg.inv(X.T @ np.linalg.solve(V, X))
    effect = stats.norm.ppf([0.975, 0.8]).sum() * np.sqrt(known[3, 3])
    fits = (fit_reml_ar(X, errors, 1), fit_reml_by_segment(X, errors, 1, after))
    for fit, targets in zip(fits, TABLE[cell], strict=True):
        estimates = fit.contrasts(CONTRASTS)
        shifted = (estimates.estimate[:, 0] + effect) / estimates.std_error[:, 0]
        power = 2.0 * stats.t.sf(np.abs(shifted), estimates.df[:, 0]) < 0.05
        rates = 100.0 * np.array([*(estimates.p_value < 0.05).mean(axis=0), power.mean()])
        print(cell, "slope {:.1f}, level {:.1f}, power {:.1f}".format(*rates), "tabulated", targets)
        for rate, target in zip(rates, targets, strict=True):
            assert abs(rate - target) <= tolerance(target)
    # by segment keeps its size in every cell, and finds the ratio
    assert 3.5 <= rates[:2].min()
    assert rates[:2].max() <= 6.0
    assert abs(np.median(np.log(fits[1].variance_ratio / ratio))) < 0.1
