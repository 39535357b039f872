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
    return np.asarray(peer_means(values[None], usable[None])[0])


def peer_means(values: NDArray[np.float64], usable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the means of the peers of many units that have equally many, as `peer_mean` of each.

    Parameters
    ----------
    values : ndarray, shape (units, n, peers)
        NaN where missing.
    usable : ndarray of bool, shape (units, n)
        Periods that may enter a fit.

    Returns
    -------
    ndarray, shape (units, n)
    """
    observed = ~np.isnan(values)
    whole = observed.all(axis=(1, 2))
    mean = np.full(values.shape[:2], np.nan)
    mean[whole] = values[whole].mean(axis=2)
    some = np.flatnonzero(~whole)
    if not some.size:
        return mean
    values, observed = np.where(observed[some], values[some], 0.0), observed[some]
    with np.errstate(invalid="ignore"):
        shown = values.sum(axis=2) / observed.sum(axis=2)
    known = (observed & usable[some, :, None]).astype(np.float64)
    y, count = values * known, known.sum(axis=2)[:, :, None]
    fitted, share = count[:, :, 0] > 0, np.maximum(count, 1.0)
    # with the period effects profiled out, the normal equations are those of the peers alone
    normal = -np.swapaxes(known / share, 1, 2) @ known
    peer = np.arange(values.shape[2])
    normal[:, peer, peer] += known.sum(axis=1)
    right = (known * (y - y.sum(axis=2, keepdims=True) / share)).sum(axis=1)
    # the solution of least length is the one whose effects sum to zero, as long as a singular value of zero
    # is not taken for more: libraries and processors round it in ways of their own
    inverse = np.linalg.pinv(normal, rcond=NULL_SPACE, hermitian=True)
    effects = inverse @ right[:, :, None]
    fit = (known * (y - np.swapaxes(effects, 1, 2))).sum(axis=2) / share[:, :, 0]
    mean[some] = np.where(fitted, fit, shown)
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
