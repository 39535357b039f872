"""What a fit says of its errors: the variance of every period, and their covariance over the used ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from its_eval.estimators.random_walk import walk_covariance, walk_positions
from its_eval.estimators.reml.autoregression import error_correlation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.pipeline.estimate import Estimates

    FloatArray = NDArray[np.float64]


def error_variance(item: Estimates) -> FloatArray:
    """Return the error variance of each period, shape (S, n); that of a random walk grows."""
    fit, relative = item.whole, item.period_variance
    walk = fit.walk_variances
    if walk is None:
        return np.asarray((fit.sigma**2)[:, None] * relative)
    return np.outer(walk[:, 0], walk_positions(item.observed)) + walk[:, 1:] * relative


def error_covariance(item: Estimates, position: int) -> FloatArray:
    """Return the error covariance of one series over its used periods, up to a factor, shape (N, N).

    Raises
    ------
    ValueError
        When the estimator has no error model with a covariance matrix.
    """
    root = np.sqrt(item.period_variance[position])
    walk = item.whole.walk_variances
    if walk is not None:
        noise = walk[position, 1] * np.diag(root[item.observed] ** 2)
        return np.asarray(walk[position, 0] * walk_covariance(item.observed) + noise)
    name, one = "" if item.entry is None else item.entry.name, item.whole.one(position)
    if name != "reml_ar_noise":
        one = replace(one, variance_ratio=None)  # it is in the root already
    whole = error_correlation(name, one, 0, item.design.n_periods) * np.outer(root, root)
    return np.asarray(whole[np.ix_(item.observed, item.observed)])
