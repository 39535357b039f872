"""Distances that count what correlated characteristics share only once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Units with every characteristic known that a covariance needs.
LEAST_COMPLETE = 3
#: Condition number beyond which the inverse of a covariance is rounding error.
WORST_CONDITION = 1e12


def shrunk_covariance(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the covariance of scaled characteristics, shrunk towards a multiple of the identity.

    With few units for many variables the plain covariance is nearly singular and its inverse is noise; the
    shrinkage of Ledoit & Wolf 2004, *Journal of Multivariate Analysis* 88:365, is the one that is expected to
    come nearest to the truth, and needs no setting.

    Parameters
    ----------
    values : ndarray, shape (units, variables)
        Scaled; only units without a missing value count.

    Raises
    ------
    DataError
        When fewer than three units are complete, or some variables are a sum of others.
    """
    from sklearn.covariance import LedoitWolf  # noqa: PLC0415  (start-up time)

    complete = values[~np.isnan(values).any(axis=1)]
    if len(complete) < LEAST_COMPLETE:
        known = f"every characteristic is known for {len(complete)} units"
        raise DataError(
            [f"metric mahalanobis: {known}; expected at least {LEAST_COMPLETE}"],
            "leave out the variables that are often missing, or use metric euclidean",
        )
    covariance = np.asarray(LedoitWolf().fit(complete).covariance_, dtype=np.float64)
    if not np.linalg.cond(covariance) < WORST_CONDITION:
        raise DataError(
            ["metric mahalanobis: the characteristics determine one another among the complete units"],
            "leave one of them out, or use metric euclidean",
        )
    return covariance


def mahalanobis_parts(
    differences: NDArray[np.float64], weights: NDArray[np.float64], covariance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what each variable adds to squared Mahalanobis distances.

    With ``z = sqrt(w) d`` the parts are ``z_f (S^-1 z)_f``: they add up to the distance ``z' S^-1 z``. A part
    is negative where a variable differs less than the correlated ones would make expect. For a pair with
    missing values S is that of the variables known for both.

    Parameters
    ----------
    differences : ndarray, shape (units, variables)
        Scaled differences, NaN where not known.
    weights : ndarray, shape (variables,)
        Stretch the differences, not the covariance: otherwise they would cancel.
    covariance : ndarray, shape (variables, variables)
        Of the scaled variables.

    Returns
    -------
    ndarray, shape (units, variables)
        0 where not known.
    """
    stretched = np.sqrt(weights) * differences
    known = ~np.isnan(stretched)
    parts = np.zeros_like(stretched)
    patterns, which = np.unique(known, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if not pattern.any():
            continue
        rows = np.flatnonzero(which.ravel() == number)
        some = stretched[np.ix_(rows, pattern)]
        solved = np.linalg.solve(covariance[np.ix_(pattern, pattern)], some.T).T
        parts[np.ix_(rows, pattern)] = some * solved
    return parts
