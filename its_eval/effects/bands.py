"""Fitted values and the counterfactual with its bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimators.fit import ContrastEstimates, Fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.design.matrix import Design


@dataclass(frozen=True)
class Bands:
    """Fitted values and the counterfactual of one series, on the link scale.

    Attributes
    ----------
    fitted, season, counterfactual : ndarray, shape (n,)
        Fit, its seasonal part, and the fit with the interruption switched off.
    confidence, prediction : tuple of ndarray, shape (n,)
        Lower and upper limits for the counterfactual's mean and for a single observation; NaN before T0.
    """

    fitted: NDArray[np.float64]
    season: NDArray[np.float64]
    counterfactual: NDArray[np.float64]
    confidence: tuple[NDArray[np.float64], NDArray[np.float64]]
    prediction: tuple[NDArray[np.float64], NDArray[np.float64]]


def bands(
    design: Design,
    fit: Fit,
    series: int,
    confidence: float,
    relative_variance: NDArray[np.float64] | None = None,
) -> Bands:
    """Return fitted values and the counterfactual with its bands (methods §11.10).

    The prediction band adds the error variance of the period (`relative_variance`, shape (n,), times
    sigma squared) to that of the mean, and keeps the same degrees of freedom.
    """
    single = fit.one(series)
    params = single.params[0]
    after = np.arange(design.n_periods) >= design.interruption.start
    mean = single.contrasts(design.counterfactual[after])
    variance = np.full(design.n_periods, single.sigma[0] ** 2)
    if relative_variance is not None:
        variance = variance * relative_variance
    wider = ContrastEstimates(
        mean.estimate, np.sqrt(mean.std_error**2 + variance[after]), mean.df, mean.df_unclipped
    )
    limits = [np.full(design.n_periods, np.nan) for _ in range(4)]
    for target, source in zip(limits, (*mean.interval(confidence), *wider.interval(confidence)), strict=True):
        target[after] = source[0]
    season = design.season_columns
    return Bands(
        design.matrix @ params,
        design.matrix[:, season] @ params[season],
        design.counterfactual @ params,
        (limits[0], limits[1]),
        (limits[2], limits[3]),
    )
