"""The series that are fitted: a unit alone, or its difference from its peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


#: Singular values below this share of the largest are zero: those of connected peers are above 1 / (n peers).
NULL_SPACE = 1e-10


def peer_mean(values: NDArray[np.float64], usable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean of the peers at each period.

    Parameters
    ----------
    values : ndarray, shape (n, peers)
        NaN where missing.
    usable : ndarray of bool, shape (n,)
        Periods that may enter a fit; what stands in the others must not move the mean of these.

    Returns
    -------
    ndarray, shape (n,)
        The plain mean when nothing is missing. With gaps, the period effects of a two-way layout
        ``y_jt = a_j + d_t``, sum of a_j zero, fitted by least squares: the mean of whoever reported would
        jump whenever a low or a high peer is absent. Outside the usable periods, where the mean is only
        shown, that of the peers observed. NaN where no peer was observed.
    """
    observed = ~np.isnan(values)
    if observed.all():
        return np.asarray(values.mean(axis=1), dtype=np.float64)
    mean = np.full(values.shape[0], np.nan)
    shown = observed.any(axis=1)
    mean[shown] = np.nanmean(values[shown], axis=1)
    observed &= usable[:, None]
    fitted = observed.any(axis=1)
    known, y = observed[fitted].astype(np.float64), np.where(observed, values, 0.0)[fitted]
    count = known.sum(axis=1, keepdims=True)
    # with the period effects profiled out, the normal equations are those of the peers alone
    normal = np.diag(known.sum(axis=0)) - (known / count).T @ known
    right = (known * (y - y.sum(axis=1, keepdims=True) / count)).sum(axis=0)
    # the solution of least length is the one whose effects sum to zero, as long as a singular value of zero
    # is not taken for more: libraries and processors round it in ways of their own
    effects = np.linalg.lstsq(normal, right, rcond=NULL_SPACE)[0]
    mean[fitted] = (known * (y - effects)).sum(axis=1) / count[:, 0]
    return mean
