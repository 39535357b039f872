"""Columns of a design that an error process takes in: without a coefficient, they only place a line.

A series with a differenced or drifting level has no expected level, so that the constant (with a drifting
slope the trend, with a changing season the season) is no parameter of its likelihood. What stands for such
columns puts the line through the observed series: ``(A'A)^{-1}A'(y - Kb)``, A removed, K kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from its_eval.estimators.fit import RANK_TOLERANCE, FloatArray


def of_unit_length(columns: FloatArray) -> FloatArray:
    """Return the columns of an (n, k) array over their lengths; one of zeros stays."""
    length = np.linalg.norm(columns, axis=0)
    return np.asarray(columns / np.where(length > 0.0, length, 1.0))


def independent_columns(columns: FloatArray) -> NDArray[np.intp]:
    """Return the columns of an (n, k) array of order one that are no linear combination of earlier ones.

    Gram-Schmidt, twice for each column (Giraud, Langou & Rozloznik 2005). The diagonal of a QR decomposition
    would not do: what rounding leaves of a dependent column takes a direction there, and later ones lose it.
    """
    basis, kept = columns[:, :0], []
    for place, column in enumerate(columns.T):
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)
        left_over = np.linalg.norm(rest)
        if left_over > RANK_TOLERANCE:
            basis = np.column_stack([basis, rest / left_over])
            kept.append(place)
    return np.array(kept, dtype=np.intp)


def place_line(
    X: FloatArray, y: FloatArray, kept: NDArray[np.intp], coefficients: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return coefficients of all columns, and what makes them of those of the kept ones.

    Parameters
    ----------
    X, y : ndarray, shapes (n, k) and (n,)
        Design and outcomes over the used periods.
    kept : ndarray of int, shape (m,)
        Columns that have a coefficient.
    coefficients : ndarray, shape (m,)

    Returns
    -------
    coefficients : ndarray, shape (k,)
    placing : ndarray, shape (k, m)
        With the covariance C of the kept ones, ``placing C placing'`` is that of all.
    """
    placing = np.eye(X.shape[1])[:, kept]
    whole = placing @ coefficients
    removed = np.setdiff1d(np.arange(X.shape[1]), kept)
    if removed.size:
        placing[removed] = -np.linalg.lstsq(X[:, removed], X[:, kept], rcond=None)[0]
        left = y - X[:, kept] @ coefficients
        whole[removed] = np.linalg.lstsq(X[:, removed], left, rcond=None)[0]
    return whole, placing
