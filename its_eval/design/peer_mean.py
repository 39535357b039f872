"""The series that are fitted: a unit alone, or its difference from its peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


#: Singular values below this share of the largest are zero: those of connected peers are above 1 / (n peers).
NULL_SPACE = 1e-10
#: A gap that varies by no more than this many units of rounding of what was subtracted does not vary.
ROUNDING_UNITS = 64.0


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


def gap_to(
    own: FloatArray, means: FloatArray, usable: NDArray[np.bool_], *, logarithms: bool = False
) -> FloatArray:
    """Return series minus the means of their peers; where only rounding varies, its mean in every period.

    The gap to copies is what rounding left of them, and says nothing about a change.

    Parameters
    ----------
    own, means : ndarray, shape (n, S)
        NaN where missing.
    usable : ndarray of bool, shape (n, S)
        Periods that may enter a fit.
    logarithms : bool
        Whether these are logarithms, whose rounding is that of numbers about 1.
    """
    gap = own - means
    known = ~np.isnan(gap) & usable
    sizes = np.where(known, np.maximum(np.abs(own), np.abs(means)), 0.0).max(
        axis=0, initial=float(logarithms)
    )
    rounding = ROUNDING_UNITS * np.finfo(np.float64).eps * sizes
    centre = np.where(known, gap, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    apart = np.where(known, np.abs(gap - centre), 0.0).max(axis=0, initial=0.0)
    centre[np.abs(centre) <= rounding] = 0.0
    return np.where(known & (apart <= rounding), centre, gap)
