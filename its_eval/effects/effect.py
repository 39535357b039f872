"""One estimand with its interval and p-value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from its_eval.estimators.fit import DF_FLOOR, ContrastEstimates

Scale = Literal["response", "link", "ratio"]
InferenceScale = Literal["identity", "log", "fieller"]


@dataclass(frozen=True)
class Effect:
    """One estimand of one series.

    Attributes
    ----------
    estimand : str
        A name of the contract, e.g. ``slope_change``; slopes are per period.
    scale : {"response", "link", "ratio"}
        Outcome units, log units, or a ratio.
    inference_scale : {"identity", "log", "fieller"}
        Where ``estimate ± t(df) std_error`` is the interval: on the row's own scale, on its logarithm (for
        a per cent change: of 1 + estimate/100), or nowhere (Fieller's theorem).
    estimate, std_error, df, statistic, p_value, conf_low, conf_high : float
        `std_error` is on the inference scale. Limits may be infinite under Fieller's theorem.
    df_floor : bool
        Unclipped degrees of freedom below 3: the estimand is not estimable (methods §11.6).
    interruption : int
        Which one of the design's; 0 is the intervention.
    """

    estimand: str
    scale: Scale
    inference_scale: InferenceScale
    estimate: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    df_floor: bool
    interruption: int = 0


def contrast_values(
    estimates: ContrastEstimates, index: int
) -> tuple[float, float, float, float, float, bool]:
    """Return estimate, standard error, df, statistic, p-value and whether df is below the floor."""
    return (
        float(estimates.estimate[0, index]),
        float(estimates.std_error[0, index]),
        float(estimates.df[0, index]),
        float(estimates.statistic[0, index]),
        float(estimates.p_value[0, index]),
        bool(estimates.df_unclipped[0, index] < DF_FLOOR),
    )


def exponentiated(effect: Effect, scale: Scale) -> Effect:
    """Return a log effect as a ratio, or as the per cent change that the ratio means."""
    point, low, high = (np.exp(value) for value in (effect.estimate, effect.conf_low, effect.conf_high))
    name = effect.estimand
    if scale == "response":
        point, low, high = (100.0 * (value - 1.0) for value in (point, low, high))
        name = "relative_average_effect"
    return Effect(
        name,
        scale,
        "log",
        float(point),
        effect.std_error,
        effect.df,
        effect.statistic,
        effect.p_value,
        float(low),
        float(high),
        effect.df_floor,
    )
