"""The average effect in per cent of the counterfactual level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.effects.effect import Effect, contrast_values
from its_eval.estimate.fit import ContrastEstimates, Fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Below this many standard errors from zero a denominator is too uncertain for the delta method.
FIELLER_BELOW = 4.0


def relative_effect(
    fit: Fit,
    effect_row: NDArray[np.float64],
    base_row: NDArray[np.float64],
    level: float,
    average: Effect,
    confidence: float,
) -> Effect | None:
    """Return the average effect in per cent of the average counterfactual; None when that is zero.

    Delta method with gradient ``(100 / mu0) (c - (Delta / mu0) c0)``; where the counterfactual mean is
    within four standard errors of zero, Fieller's theorem (Fieller 1954, JRSS B 16:175), whose set may be
    unbounded: a set that leaves out an interval only, which may be one around 0, has infinite limits too.
    """
    both = fit.contrasts(np.array([effect_row, base_row]))
    delta, base = float(both.estimate[0, 0]), float(both.estimate[0, 1]) + level
    if base == 0.0:
        return None
    ratio = delta / base
    gradient = (100.0 / base) * (effect_row - ratio * base_row)
    spread = fit.contrasts(gradient[None, :])
    std_error, df = float(spread.std_error[0, 0]), float(spread.df[0, 0])
    if not abs(base) < FIELLER_BELOW * float(both.std_error[0, 1]):
        moved = ContrastEstimates(
            np.array([[100.0 * ratio]]), spread.std_error, spread.df, spread.df_unclipped
        )
        low, high = (float(limit[0, 0]) for limit in moved.interval(confidence))
        values = contrast_values(moved, 0)
        return Effect(
            "relative_average_effect", "response", "identity", values[0], *values[1:5], low, high, values[5]
        )
    # the covariance behind the standard error of the average, so that limits and p-value agree
    both_kinds = (fit.covariance.adjusted[0], fit.covariance.model[0])
    covariance = max(both_kinds, key=lambda matrix: float(effect_row @ matrix @ effect_row))
    quantile = float((average.conf_high - average.estimate) / average.std_error)
    low, high = fieller_limits(
        delta,
        base,
        float(effect_row @ covariance @ effect_row),
        float(effect_row @ covariance @ base_row),
        float(base_row @ covariance @ base_row),
        quantile,
    )
    return Effect(
        "relative_average_effect",
        "response",
        "fieller",
        100.0 * ratio,
        std_error,
        df,
        average.statistic,
        average.p_value,
        100.0 * low,
        100.0 * high,
        average.df_floor,
    )


def fieller_limits(
    numerator: float,
    denominator: float,
    var_numerator: float,
    covariance: float,
    var_denominator: float,
    quantile: float,
) -> tuple[float, float]:
    """Return Fieller's confidence limits for a ratio; infinite when the denominator may be zero.

    The set of all r with ``(a - r b)^2 <= t^2 (v_aa - 2 r v_ab + r^2 v_bb)``.
    """
    square = quantile**2
    leading = denominator**2 - square * var_denominator
    if leading <= 0:
        return -np.inf, np.inf
    middle = numerator * denominator - square * covariance
    constant = numerator**2 - square * var_numerator
    root = float(np.sqrt(max(middle**2 - leading * constant, 0.0)))
    return (middle - root) / leading, (middle + root) / leading
