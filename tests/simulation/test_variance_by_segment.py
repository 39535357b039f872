"""False positives of variance by segment and of constant variance, against independent simulations.

AR(1) errors with rho = .4, no season; 10,000 series a cell. The tabulated rates were simulated with dense
matrices and 600 to 1,200 series a cell.
"""

import numpy as np
import pytest
from scipy import stats

from its_eval.estimators.reml.by_segment import fit_reml_by_segment
from its_eval.estimators.reml.reml_ar import fit_reml_ar

RHO = 0.4
SERIES = 10_000
TABULATED_SERIES = 900
CONTRASTS = np.eye(4)[[3, 2]]
#: (n, pre, ratio): rejections of a true null in per cent, (slope, level), constant variance and by segment.
TABLE = {
    (24, 12, 0.33): ((7, 7), (6, 4)),
    (24, 12, 1.0): ((4, 4), (4, 4)),
    (24, 12, 2.0): ((4, 5), (4, 4)),
    (48, 24, 0.33): ((5, 5), (4, 3)),
    (48, 24, 1.0): ((5, 4), (5, 3)),
    (48, 24, 2.0): ((5, 4), (3, 4)),
    (83, 27, 0.33): ((14, 13), (4, 4)),
    (83, 27, 1.0): ((4, 4), (4, 4)),
    (83, 27, 2.0): ((1, 2), (4, 4)),
    (83, 27, 3.4): ((1, 2), (5, 5)),
    (134, 78, 0.33): ((2, 3), (4, 5)),
    (134, 78, 1.0): ((4, 4), (4, 4)),
    (134, 78, 2.0): ((8, 6), (6, 5)),
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
    powers = []
    for fit, targets in zip(fits, TABLE[cell], strict=True):
        estimates = fit.contrasts(CONTRASTS)
        rates = 100.0 * (estimates.p_value < 0.05).mean(axis=0)
        shifted = (estimates.estimate[:, 0] + effect) / estimates.std_error[:, 0]
        powers.append(100.0 * (2.0 * stats.t.sf(np.abs(shifted), estimates.df[:, 0]) < 0.05).mean())
        print(
            f"{cell}: slope {rates[0]:.1f}, level {rates[1]:.1f}, tabulated {targets}; power {powers[-1]:.0f}"
        )
        for rate, target in zip(rates, targets, strict=True):
            assert abs(rate - target) <= tolerance(target)
    # By segment keeps its size in every cell, finds the ratio, and costs little where it is 1.
    assert rates.min() >= 3.5
    assert rates.max() <= 6.0
    assert abs(np.median(np.log(fits[1].variance_ratio / ratio))) < 0.1
    if ratio == 1.0:
        assert powers[1] >= powers[0] - 4.0
