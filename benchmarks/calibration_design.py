"""What the parts of docs/calibration.md share: designs, lengths, and the answer of a run."""

import numpy as np

from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.kind import autoregressive_order
from its_eval.estimators.random_walk import fit_random_walk
from its_eval.estimators.reml.statistics import reml_ar_statistics

SEED = 20150701
#: Periods in all, and before the interruption.
LENGTHS = {24: 12, 48: 24, 83: 27, 134: 78}
#: Level and slope change.
CONTRASTS = np.eye(4)[2:]


def its_design(n, start):
    """Constant, trend, level and slope change."""
    t = np.arange(n)
    return np.column_stack([np.ones(n), t - start, t >= start, np.maximum(t - start, 0)])


def rejected(estimates):
    """Two-sided at 5 %; a series without a test does not reject."""
    return estimates.p_value < 0.05


def default_answer(X, Y):
    """Return what a run answers of level and slope: the default estimator, at a bound the differenced model.

    Also the p-value of both together, and which series the differenced model answers.
    """
    order = autoregressive_order("auto", len(X))
    found = reml_ar_statistics(X, Y, CONTRASTS, order)
    parts = [found.estimates.estimate, found.estimates.std_error, np.maximum(found.estimates.df, 1.0)]
    stuck = found.flags["at_bound"]
    walk = fit_random_walk(X, Y[:, stuck])
    read = walk.contrasts(CONTRASTS)
    for part, other in zip(parts, (read.estimate, read.std_error, read.df), strict=True):
        part[stuck] = other
    return ContrastEstimates(*parts, parts[2]), stuck, walk, order


def percent(share):
    """Show a share as a number of per cent."""
    return f"{100 * share:.1f}"
