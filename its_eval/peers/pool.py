"""How far a peer is for this pool: distances judged by those that other units have to their own peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.peers.distance import Scaled

#: Above so many units a search tree is faster than every distance.
MANY_UNITS = 500
#: Percentile of the pool beyond which the last peer is called far.
FAR = 90.0


def nearest_distances(scaled: Scaled, k: int) -> NDArray[np.float64]:
    """Return the distance of every unit to its k-th nearest other unit.

    Parameters
    ----------
    scaled : Scaled
        All units of the table.
    k : int
        At least 1; cut to the number of other units.

    Returns
    -------
    ndarray, shape (units,)
        NaN for a unit that can be compared with fewer than k others.
    """
    reach = min(k, len(scaled.units) - 1)
    points = scaled.coordinates() if len(scaled.units) > MANY_UNITS else None
    if points is not None:
        from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415  (start-up time)

        found, _ = NearestNeighbors(n_neighbors=reach).fit(points).kneighbors()
        return np.asarray(found[:, -1], dtype=np.float64)
    rows = np.empty(len(scaled.units))
    for row, unit in enumerate(scaled.units):
        distances = scaled.distances(unit)
        distances[row] = np.nan
        # what cannot be compared sorts to the end
        rows[row] = np.sort(distances)[reach - 1]
    return rows


def others_nearest(scaled: Scaled, unit: str, k: int) -> NDArray[np.float64]:
    """Return the known distances of all units but one to their k-th nearest, sorted."""
    every = scaled.nearest(k)
    kept = every[[code != unit for code in scaled.units]]
    return np.sort(kept[~np.isnan(kept)])


def pool_percentiles(
    scaled: Scaled, unit: str, k: int, distances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return, for each distance, which share of the other units has its k-th nearest nearer than that.

    A peer at 95 % lies farther away than the last peer of nearly every other unit: the unit is a rare one.

    Parameters
    ----------
    scaled : Scaled
        All units.
    unit : str
        The unit whose peers these are; it does not count itself.
    k : int
        Number of peers.
    distances : ndarray
        Distances from the unit.

    Returns
    -------
    ndarray
        Per cent, of the shape of `distances`; NaN where the distance is.
    """
    others = others_nearest(scaled, unit, k)
    if not len(others):
        return np.full(distances.shape, np.nan)
    below = 100.0 * np.searchsorted(others, distances, side="left") / len(others)
    return np.asarray(np.where(np.isnan(distances), np.nan, below), dtype=np.float64)


def caliper_distance(caliper: float | str | None, scaled: Scaled, unit: str, k: int | None) -> float | None:
    """Return the largest distance that a caliper allows.

    Parameters
    ----------
    caliper : float, str or None
        A distance, or ``p90`` for the 90th percentile of what ``others_nearest`` returns (linear between
        ranks); None for no limit.
    scaled : Scaled
        All units.
    unit : str
        For whose peers.
    k : int or None
        Number of peers; a percentile needs one.

    Raises
    ------
    ValueError
        For a percentile without a number of peers.
    """
    if caliper is None or not isinstance(caliper, str):
        return caliper
    if k is None:
        raise ValueError("a percentile of the k-th-nearest distances needs a number of peers")
    others = others_nearest(scaled, unit, k)
    return float(np.percentile(others, float(caliper[1:]))) if len(others) else None
