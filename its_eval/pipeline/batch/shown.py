"""Estimates as rows say them: on which scale, with which interval, and the smallest effect to be found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import chebyshev

from its_eval.checks.power import minimum_detectable
from its_eval.effects.estimands import RATIO_ESTIMANDS
from its_eval.estimate.fit import MINIMUM_DF

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config
    from its_eval.pipeline.batch.series import FloatArray
    from its_eval.pipeline.batch.statistics import Estimated

#: Degree of the polynomial in 1/df that stands for the noncentrality a test needs.
_DEGREE = 24


@dataclass(frozen=True)
class Kind:
    """One row that every series of a piece has in ``effects``.

    Attributes
    ----------
    contrast : int
        Which one of the estimated contrasts.
    interruption, period : str
        Name and first period.
    estimand, scale, inference : str
        As in the table.
    primary : bool
        Whether it answers the question.
    """

    contrast: int
    interruption: str
    period: str
    estimand: str
    scale: str
    inference: str
    primary: bool


def kinds_of(config: Config, found: Estimated) -> list[Kind]:
    """Return the rows of a piece: for a log outcome also as ratios, the average effect also in per cent."""
    plan, design = found.piece.plan, found.piece.design
    plain = plan.outcome.transform == "none"
    kinds = []
    for contrast, (number, name) in enumerate(found.names):
        interruption = design.interruptions[number]
        period = plan.period(interruption.start)
        shown = [(name, "response" if plain else "link", "identity")]
        if not plain and (name in RATIO_ESTIMANDS or name.startswith("effect_at_")):
            shown.append((name, "ratio", "log"))
        if not plain and name == "average_effect":
            shown.append(("relative_average_effect", "response", "log"))
        for estimand, scale, inference in shown:
            primary = number == 0 and estimand == config.estimands.primary
            kinds.append(Kind(contrast, interruption.name, period, estimand, scale, inference, primary))
    return kinds


@dataclass(frozen=True)
class Shown:
    """The rows of a piece as numbers, shape (S, kinds) each."""

    kinds: Sequence[Kind]
    estimate: FloatArray
    std_error: FloatArray
    df: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    low: FloatArray
    high: FloatArray


def shown_rows(config: Config, found: Estimated) -> Shown:
    """Return the estimates with intervals and p-values, each on its scale."""
    kinds, read = kinds_of(config, found), found.read
    low, high = read.interval(config.confidence)
    at = [kind.contrast for kind in kinds]
    values = [array[:, at] for array in (read.estimate, low, high)]
    for place, kind in enumerate(kinds):
        if kind.inference == "log":
            for array in values:
                moved = np.exp(array[:, place])
                array[:, place] = moved if kind.scale == "ratio" else 100.0 * (moved - 1.0)
    estimate, low, high = values
    statistic, p_value = read.statistic[:, at], read.p_value[:, at]
    return Shown(kinds, estimate, read.std_error[:, at], read.df[:, at], statistic, p_value, low, high)


def smallest_effects(
    std_error: NDArray[np.float64], df: NDArray[np.float64], alpha: float
) -> NDArray[np.float64]:
    """Return ``minimum_detectable`` of many series; NaN where there is no standard error.

    It is the standard error times a smooth function of 1/df, which a polynomial through values of
    ``minimum_detectable`` itself reproduces to nine digits.
    """
    smallest = np.full(std_error.shape, np.nan)
    known = std_error > 0
    if known.any():
        scaled = 2.0 * MINIMUM_DF / df[known] - 1.0
        smallest[known] = std_error[known] * chebyshev.chebval(scaled, _noncentrality(alpha))
    return smallest


@lru_cache(maxsize=8)
def _noncentrality(alpha: float) -> NDArray[np.float64]:
    """Return the polynomial on [-1, 1], the image of 1/df from 0 to that of the fewest degrees of freedom."""

    def values(scaled: Any) -> Any:
        df = 2.0 * MINIMUM_DF / (scaled + 1.0)
        return np.array([minimum_detectable(1.0, float(number), alpha) for number in df])

    return np.asarray(chebyshev.chebinterpolate(values, _DEGREE))
