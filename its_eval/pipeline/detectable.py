"""The smallest effect that each series could have shown: the table ``power``."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import chebyshev

from its_eval.checks.power import detectable_noncentrality
from its_eval.columns import TableColumns
from its_eval.estimators.fit import MINIMUM_DF

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.pipeline.tables import Answers

    FloatArray = NDArray[np.float64]

#: Degree of the polynomial in 1/df that stands for the noncentrality a test needs, and from how many series
#: on it does.
_DEGREE = 24
_MANY = 64


def add_power(answer: Answers, confidence: float, into: TableColumns) -> None:
    """Add the smallest effect of every estimand of the primary estimator.

    An effect of that size would be found with probability 0.8 by the two-sided test at 1 - confidence, at the
    precision that the fit turned out to have.
    """
    if not answer.is_first:
        return
    alpha = 1.0 - confidence
    effects = answer.effects
    for place, kind in enumerate(effects.kinds):
        if kind.scale == "link" or kind.inference_scale == "fieller" or kind.interruption:
            continue
        here = answer.counts[:, place] & (effects.std_error[:, place] > 0)
        if kind.estimand == "counterfactual_at_start" or not here.any():
            continue
        smallest = smallest_effects(effects.std_error[here, place], effects.df[here, place], alpha)
        keys = answer.keys
        del keys["estimator"]
        into.add(
            int(here.sum()),
            {
                **keys,
                "unit": answer.units.take(np.flatnonzero(here)),
                "estimand": kind.estimand,
                "minimum_detectable": kind.as_shown(smallest),
                "power": 0.8,
                "alpha": round(alpha, 12),  # 0.05 and not 0.050000000000000044
            },
        )


def smallest_effects(std_error: FloatArray, df: FloatArray, alpha: float) -> FloatArray:
    """Return ``minimum_detectable`` of many series; NaN where there is no standard error.

    It is the standard error times a smooth function of 1/df, which for very many series a polynomial through
    values of ``minimum_detectable`` itself reproduces to nine digits.
    """
    smallest = np.full(std_error.shape, np.nan)
    known = std_error > 0
    if known.sum() < _MANY:
        smallest[known] = std_error[known] * detectable_noncentrality(df[known], alpha)
        return smallest
    scaled = 2.0 * MINIMUM_DF / df[known] - 1.0
    smallest[known] = std_error[known] * chebyshev.chebval(scaled, _noncentrality(alpha))
    return smallest


@lru_cache(maxsize=8)
def _noncentrality(alpha: float) -> FloatArray:
    """Return the polynomial on [-1, 1], the image of 1/df from 0 to that of the fewest degrees of freedom."""

    def values(scaled: Any) -> Any:
        df = 2.0 * MINIMUM_DF / (scaled + 1.0)
        return detectable_noncentrality(df, alpha)

    interpolate: Callable[..., Any] = chebyshev.chebinterpolate
    return np.asarray(interpolate(values, _DEGREE))
