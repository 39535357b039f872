"""Fitted values and what was expected without the interruption, with its bands in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.design.matrix import Design
    from its_eval.estimators.fit import Fit

    FloatArray = NDArray[np.float64]


class Bands(Struct, frozen=True):
    """Fitted values and the counterfactual of S series, on the scale of the fit.

    Attributes
    ----------
    fitted, season, counterfactual : ndarray, shape (S, n)
        Fit, its seasonal part, and the fit with the interruption switched off.
    confidence, prediction : tuple of ndarray, shape (S, n)
        Lower and upper limits for the counterfactual's mean and for a single observation; NaN before T0.
    """

    fitted: FloatArray
    season: FloatArray
    counterfactual: FloatArray
    confidence: tuple[FloatArray, FloatArray]
    prediction: tuple[FloatArray, FloatArray]


def bands(
    design: Design,
    fit: Fit,
    confidence: float,
    error_variance: FloatArray | None = None,
    values: FloatArray | None = None,
) -> Bands:
    """Return fitted values and the counterfactual with its bands (methods §11.10).

    The prediction band adds the error variance of the period (`error_variance`, shape (S, n); sigma squared
    by default) to that of the mean, and keeps the same degrees of freedom. Where each period has an effect of
    its own, `values` (S, n) without it are the counterfactual, which is a prediction, as are both its bands.
    """
    n_series = len(fit.params)
    after = slice(design.interruption.start, None)
    switched_off = design.counterfactual
    mean = fit.contrasts(switched_off[after])
    variance = error_variance
    if variance is None:
        variance = np.broadcast_to((fit.sigma**2)[:, None], (n_series, design.n_periods))
    half = mean.quantile(confidence)
    limits = [np.full((n_series, design.n_periods), np.nan) for _ in range(4)]
    wider = np.sqrt(mean.std_error**2 + variance[:, after])
    for place, spread in enumerate((mean.std_error, wider)):
        limits[2 * place][:, after] = mean.estimate - half * spread
        limits[2 * place + 1][:, after] = mean.estimate + half * spread
    season = design.season_columns
    fitted, expected = fit.params @ design.matrix.T, fit.params @ switched_off.T
    if design.interruption.form.by_period and values is not None:
        limits[:2] = [limit.copy() for limit in limits[2:]]
        own = list(design.columns[0])
        places = np.argmax(design.matrix[:, own], axis=0)
        effect = fit.contrasts(np.eye(len(design.terms))[own])
        fitted[:, after] = np.nan
        fitted[:, places] = values[:, places]
        expected[:, places] = values[:, places] - effect.estimate
        for place, limit in enumerate(effect.interval(confidence)):
            for band in (limits[1 - place], limits[3 - place]):
                band[:, places] = values[:, places] - limit
    return Bands(
        fitted,
        fit.params[:, season] @ design.matrix[:, season].T,
        expected,
        (limits[0], limits[1]),
        (limits[2], limits[3]),
    )
