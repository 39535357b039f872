"""Effects of models on a log or logit scale, brought back to outcome units by averaging over the periods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from its_eval.effects.effect import Effect, contrast_values
from its_eval.estimate.fit import ContrastEstimates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimate.fit import Fit


def mean_and_slope(linear: NDArray[np.float64], link: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean in outcome units (per cent for ``logit``) and its derivative, each of shape (n,)."""
    if link == "log":
        mean = np.exp(linear)
        return mean, mean
    share = 1.0 / (1.0 + np.exp(-linear))
    return 100.0 * share, 100.0 * share * (1.0 - share)


def standardised_effects(
    fit: Fit,
    matrices: tuple[NDArray[np.float64], NDArray[np.float64]],
    chosen: NDArray[np.bool_],
    *,
    link: str,
    offset: NDArray[np.float64] | None,
    weights: NDArray[np.float64] | None,
    at: Mapping[int, int],
    confidence: float,
) -> list[Effect]:
    """Return average, cumulative and relative effects in outcome units, and those at single periods.

    With mu_1t and mu_0t the means with and without the interruption, ``mean_P (mu_1t - mu_0t)`` has the
    gradient ``mean_P (mu'_1t x_1t - mu'_0t x_0t)`` (marginal standardisation, methods §3 and §11.2); its
    standard error is by the delta method, its degrees of freedom those of the gradient as a contrast.

    Parameters
    ----------
    fit : Fit
        Of one series.
    matrices : tuple of ndarray, shape (n, k)
        The design as it was and with the interruption switched off.
    chosen : ndarray of bool, shape (n,)
        P, the periods over which effects are averaged.
    link : {"log", "logit"}
        Scale of the fit.
    offset : ndarray, shape (n,), or None
        Known part of the linear predictor: the peer mean of a difference series.
    weights : ndarray, shape (n,), or None
        Weight of each period in the cumulative effect; None: it has none.
    at : mapping of int to int
        Period of each k of ``effect_at_k``.
    confidence : float
        Coverage of the intervals.
    """
    known = np.zeros(len(chosen)) if offset is None else offset
    params = fit.params[0]
    (with_it, without) = matrices
    mean_1, slope_1 = mean_and_slope(with_it @ params + known, link)
    mean_0, slope_0 = mean_and_slope(without @ params + known, link)
    change = mean_1 - mean_0
    gradient = slope_1[:, None] * with_it - slope_0[:, None] * without
    base_gradient = slope_0[:, None] * without

    asked: list[tuple[str, float, NDArray[np.float64]]] = [
        (f"effect_at_{k}", float(change[index]), gradient[index])
        for k, index in at.items()
        if index < len(chosen) and np.isfinite(change[index]) and gradient[index].any()
    ]
    asked.append(("average_effect", float(change[chosen].mean()), gradient[chosen].mean(axis=0)))
    if weights is not None:
        weight = np.nan_to_num(weights[chosen])
        asked.append(("cumulative_effect", float(weight @ change[chosen]), weight @ gradient[chosen]))
    total, base = float(change[chosen].mean()), float(mean_0[chosen].mean())
    if base > 0:
        ratio = total / base
        row = gradient[chosen].mean(axis=0) - ratio * base_gradient[chosen].mean(axis=0)
        asked.append(("relative_average_effect", 100.0 * ratio, 100.0 / base * row))
    spread = fit.contrasts(np.array([row for _, _, row in asked]))
    estimate = np.array([[value for _, value, _ in asked]])
    moved = ContrastEstimates(estimate, spread.std_error, spread.df, spread.df_unclipped)
    low, high = moved.interval(confidence)
    found = []
    for index, (name, _, _) in enumerate(asked):
        values = contrast_values(moved, index)
        limits = (float(low[0, index]), float(high[0, index]))
        found.append(
            Effect(name, "response", "identity", values[0], *values[1:5], *limits, df_floor=bool(values[5]))
        )
    return found
