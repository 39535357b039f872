"""The weight of every period in an estimate, which is a weighted sum of the series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.effects.trend_bounds import gls_weights
from its_eval.pipeline.error_model import error_covariance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.pipeline.estimate import Estimates

    FloatArray = NDArray[np.float64]


def period_weights(item: Estimates, position: int, contrasts: FloatArray) -> FloatArray | None:
    """Return the weight of every period in estimates of one series, shape (m, n), 0 where unused.

    None where the estimator does not say what its errors are: the estimate is then no known sum of periods.

    Parameters
    ----------
    item, position : Estimates, int
        The series.
    contrasts : ndarray, shape (m, k)
        The estimates in the coefficients.
    """
    # of one model of a unit with its peers the rows of the unit alone are no whole fit
    if item.is_family or item.placebo_only or COMPARISONS[item.sheet.comparison].one_model:
        return None
    try:
        covariance = error_covariance(item, position)
    except ValueError:
        return None  # an estimator without an error model
    used = item.design.matrix[item.observed]
    # a comparative model repeats its columns in the rows of the unit: its estimate is no sum of these alone
    scaled = used / np.maximum(np.abs(used).max(axis=0), np.finfo(np.float64).tiny)
    if np.isnan(covariance).any() or np.linalg.matrix_rank(scaled) < used.shape[1]:
        return None
    return np.array([gls_weights(item.design.matrix, covariance, item.observed, row) for row in contrasts])
