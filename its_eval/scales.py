"""Scales on which a series is modelled: as it is, its logarithm, or the logit of a percentage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.catalogue import Catalogue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


class Scale(Struct, frozen=True):
    """The scale as it is; others are made from it.

    Attributes
    ----------
    name : str
        What a config calls it.
    in_words : str
        How the methods describe a model on it.
    obstacle_word : str
        The reason in ``not_estimated`` when a value has no place on it.
    """

    name: str = "none"
    in_words: str = ""
    obstacle_word: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether numbers stay as they are: effects are differences in outcome units."""
        return True

    def to(self, values: FloatArray, denominators: FloatArray | None = None) -> FloatArray:  # noqa: ARG002
        """Return values on the scale of the fit; NaN where that scale has no such value.

        Parameters
        ----------
        values : ndarray
            Outcome units; percentages for ``logit``.
        denominators : ndarray, same shape, optional
            Whom a percentage is of.
        """
        return values

    def back(self, values: FloatArray) -> FloatArray:
        """Return values of the fit's scale in outcome units, the inverse of `to`."""
        return values

    def derivative(self, values: FloatArray) -> FloatArray:
        """Return how fast `back` moves at values of the fit's scale."""
        return np.ones_like(values)

    def obstacle(self, values: FloatArray, denominators: FloatArray) -> str:  # noqa: ARG002
        """Return why observed values have no place on this scale; blank when they all have one."""
        return ""

    def blocked(self, values: FloatArray) -> NDArray[np.bool_]:
        """Return which columns may hold a value without a place on this scale, shape (units,)."""
        return np.zeros(values.shape[1], dtype=np.bool_)

    def sampling(self, variance: FloatArray, denominators: FloatArray) -> FloatArray | None:  # noqa: ARG002
        """Return the sampling variance on this scale of percentages that have one in percentage points.

        Parameters
        ----------
        variance : ndarray
            ``100^2 pi (1 - pi) / n``.
        denominators : ndarray, same shape
            n.

        Returns
        -------
        ndarray, same shape, or None
            None where weights by it are not defined.
        """
        return variance

    def effect(self, change: FloatArray) -> FloatArray:
        """Return changes on this scale as a summary shows them: differences, ratios or per cent."""
        return change

    def change(self, effect: FloatArray) -> FloatArray:
        """Return what `effect` was given."""
        return effect


class _Ratio(Scale, frozen=True):
    """What scales have in common on which a change is a ratio."""

    @property
    def is_plain(self) -> bool:
        return False

    def effect(self, change: FloatArray) -> FloatArray:
        return np.asarray(np.exp(change), dtype=np.float64)

    def change(self, effect: FloatArray) -> FloatArray:
        return np.asarray(np.log(effect), dtype=np.float64)


class _Log(_Ratio, frozen=True):
    """Natural logarithms."""

    def to(self, values: FloatArray, denominators: FloatArray | None = None) -> FloatArray:  # noqa: ARG002
        with np.errstate(divide="ignore", invalid="ignore"):
            return _finite(np.log(values))

    def back(self, values: FloatArray) -> FloatArray:
        return np.asarray(np.exp(values), dtype=np.float64)

    def derivative(self, values: FloatArray) -> FloatArray:
        return self.back(values)

    def obstacle(self, values: FloatArray, denominators: FloatArray) -> str:  # noqa: ARG002
        return "a value of zero or less, which has no logarithm" if (values <= 0).any() else ""

    def blocked(self, values: FloatArray) -> NDArray[np.bool_]:
        return np.asarray((values <= 0).any(axis=0))

    def sampling(self, variance: FloatArray, denominators: FloatArray) -> FloatArray | None:  # noqa: ARG002
        return None


class _Logit(_Ratio, frozen=True):
    """Log odds of percentages.

    A percentage of exactly 0 or 100 with a known denominator n becomes ``log((c + 1/2) / (n - c + 1/2))``
    with its count c (Haldane 1956, Ann. Hum. Genet. 20:309).
    """

    def to(self, values: FloatArray, denominators: FloatArray | None = None) -> FloatArray:
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.log(values) - np.log(100.0 - values)
            if denominators is not None:
                count = denominators * values / 100.0
                corrected = np.log(count + 0.5) - np.log(denominators - count + 0.5)
                scaled = np.where((values == 0.0) | (values == 100.0), corrected, scaled)
            return _finite(scaled)

    def back(self, values: FloatArray) -> FloatArray:
        return np.asarray(100.0 / (1.0 + np.exp(-values)), dtype=np.float64)

    def derivative(self, values: FloatArray) -> FloatArray:
        share = 1.0 / (1.0 + np.exp(-values))
        return np.asarray(100.0 * share * (1.0 - share), dtype=np.float64)

    def obstacle(self, values: FloatArray, denominators: FloatArray) -> str:
        edge = ((values <= 0) | (values >= 100)) & ~np.isnan(values)
        if ((values < 0) | (values > 100)).any():
            return "a value below 0 or above 100 per cent, which has no logit"
        if (edge & ~(denominators > 0)).any():
            return "a value of 0 or 100 per cent without a denominator, which has no logit"
        return ""

    def blocked(self, values: FloatArray) -> NDArray[np.bool_]:
        return np.asarray(((values <= 0) | (values >= 100)).any(axis=0))

    def sampling(self, variance: FloatArray, denominators: FloatArray) -> FloatArray | None:
        # by the delta method 1 / (n pi (1 - pi))
        return np.asarray(1e4 / (variance * denominators**2), dtype=np.float64)


class _PerCent(_Ratio, frozen=True):
    """Logarithms whose exponential is shown as a change in per cent."""

    def effect(self, change: FloatArray) -> FloatArray:
        return np.asarray(100.0 * np.expm1(change), dtype=np.float64)

    def change(self, effect: FloatArray) -> FloatArray:
        return np.asarray(np.log1p(np.asarray(effect) / 100.0), dtype=np.float64)


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)


NONE = Scale()
LOG = _Log("log", "on logarithms, so that effects are changes in per cent", "not_positive")
LOGIT = _Logit("logit", "on log odds", "no_logit")
#: The scale of estimates that are pooled and ranked as logarithms and shown in per cent; no config names it.
PER_CENT = _PerCent("percent")

#: The scales that a config can name as ``transform``.
SCALES: Catalogue[Scale] = Catalogue(
    "a scale",
    {"none": "its_eval.scales:NONE", "log": "its_eval.scales:LOG", "logit": "its_eval.scales:LOGIT"},
)
