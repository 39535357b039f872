"""Scales on which a series is modelled: as it is, its logarithm, or the logit of a percentage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def to_link(
    values: NDArray[np.float64], transform: str, denominators: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return values on the scale of the fit; NaN where that scale has no such value.

    Parameters
    ----------
    values : ndarray
        Outcome units; percentages for ``logit``.
    transform : {"none", "log", "logit"}
        Scale of the model.
    denominators : ndarray, same shape, optional
        A percentage of exactly 0 or 100 with a known denominator n becomes ``log((c + 1/2) / (n - c + 1/2))``
        with its count c (Haldane 1956, Ann. Hum. Genet. 20:309).
    """
    if transform == "none":
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        if transform == "log":
            scaled = np.log(values)
        else:
            scaled = np.log(values) - np.log(100.0 - values)
            if denominators is not None:
                count = denominators * values / 100.0
                corrected = np.log(count + 0.5) - np.log(denominators - count + 0.5)
                scaled = np.where((values == 0.0) | (values == 100.0), corrected, scaled)
    return np.where(np.isfinite(scaled), scaled, np.nan)


def from_link(values: NDArray[np.float64], transform: str) -> NDArray[np.float64]:
    """Return values of the fit's scale in outcome units, the inverse of `to_link`."""
    if transform == "none":
        return values
    if transform == "log":
        return np.asarray(np.exp(values), dtype=np.float64)
    return np.asarray(100.0 / (1.0 + np.exp(-values)), dtype=np.float64)


def scale_obstacle(values: NDArray[np.float64], denominators: NDArray[np.float64], transform: str) -> str:
    """Return why observed values have no place on the scale of the fit; blank when they all have one."""
    if transform == "log" and (values <= 0).any():
        return "a value of zero or less, which has no logarithm"
    if transform == "logit":
        edge = ((values <= 0) | (values >= 100)) & ~np.isnan(values)
        if ((values < 0) | (values > 100)).any():
            return "a value below 0 or above 100 per cent, which has no logit"
        if (edge & ~(denominators > 0)).any():
            return "a value of 0 or 100 per cent without a denominator, which has no logit"
    return ""
