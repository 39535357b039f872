"""Check ``trend_bounds``: how far the trend would have to bend to undo a finding, and how far it did bend."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.checks.result import NOTE_LEVEL, CheckResult, judged, not_applicable, number, p_text
from its_eval.effects.trend_bounds import bend_design
from its_eval.estimators.fit import DF_FLOOR, FloatArray, SingularDesignError
from its_eval.estimators.least_squares import fit_ols, ols_statistics
from its_eval.estimators.reml.reml_ar import fit_reml_ar, reml_point_estimates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from its_eval.effects.trend_bounds import TrendBounds


class Bend(Struct, frozen=True):
    """The bend of a series before the start.

    Attributes
    ----------
    estimate, conf_low, conf_high : float
        Distance of the parabola from its chord in the middle, above it when negative.
    p_value : float
        Of no bend; NaN where the periods carry too little information for a test.
    """

    estimate: float
    conf_low: float
    conf_high: float
    p_value: float


#: Where it cannot be estimated.
UNKNOWN_BEND = Bend(math.nan, math.nan, math.nan, math.nan)


def bends_before(
    matrix: FloatArray,
    Y: FloatArray,
    start: int,
    order: int,
    confidence: float = 0.95,
    spread: FloatArray | None = None,
) -> list[Bend]:
    """Return the bend of each series before the start: a parabola over those periods, and those alone.

    By REML with autoregressive errors and KR1 inference, weighted as the fit is. A bent trend that is fitted
    by a straight line shows as a change of slope that nobody made; but this test finds few bends (a bend of
    2.5 standard deviations in 4 to 27 % of series), so it is no licence to believe in a straight line.

    Parameters
    ----------
    matrix : ndarray, shape (n, k)
        Design of the fit, its interruption included.
    Y : ndarray, shape (n, S)
        Series that miss the same periods, NaN where missing.
    start : int
        First period of the interruption.
    order : int
        Of the autoregression: 0, 1 or 2.
    confidence : float
        Of the intervals.
    spread : ndarray, shape (n,), optional
        Relative standard deviations of the errors.
    """
    scale = np.ones(Y.shape[0]) if spread is None else spread
    observed = ~np.isnan(Y[:, 0])
    bent = bend_design(matrix, start, observed) / scale[:, None]
    outcomes = Y / scale[:, None]
    try:
        fit = fit_reml_ar(bent, outcomes, order) if order else fit_ols(bent, outcomes)
    except SingularDesignError:
        return [UNKNOWN_BEND] * Y.shape[1]
    read = fit.contrasts(np.eye(bent.shape[1])[-1:])
    low, high = read.interval(confidence)
    nothing = np.zeros(Y.shape[1], dtype=np.bool_)
    stuck = fit.flags.get("at_bound", nothing) | (read.df_unclipped[:, 0] < DF_FLOOR)
    p_values = np.where(stuck, np.nan, read.p_value[:, 0])
    numbers = zip(read.estimate[:, 0], low[:, 0], high[:, 0], p_values, strict=True)
    return [
        UNKNOWN_BEND if math.isnan(limit_low) else Bend(*map(float, (estimate, limit_low, limit_high, p)))
        for estimate, limit_low, limit_high, p in numbers
    ]


def bend_sizes(matrix: FloatArray, Y: FloatArray, start: int, order: int) -> FloatArray:
    """Return how far series bend before the start, up or down, shape (S,): as ``bends_before``, unweighted.

    Series that bear no such term, or no such fit, are NaN.
    """
    try:
        bent = bend_design(matrix, start, ~np.isnan(Y[:, 0]))
        plain = ols_statistics(bent, Y, np.eye(bent.shape[1])[-1:])
        sizes, regular = plain.estimates.estimate[:, 0].copy(), ~plain.flags["degenerate"]
        if order and regular.any():
            # a series that does not vary around the fit has no autocorrelation
            sizes[regular] = reml_point_estimates(bent, Y[:, regular], order)[0][:, -1]
        return np.abs(sizes)
    except SingularDesignError:
        return np.full(Y.shape[1], np.nan)


class BendWords(Struct, frozen=True):
    """How bends of a series are told.

    Attributes
    ----------
    before : str
        The time before, e.g. ``27 months``.
    unit : str
        What follows a bend, e.g. `` points``.
    factor : float
        What a bend on the scale of the fit is multiplied by: 100 for per cent of a log scale.
    """

    before: str
    unit: str
    factor: float = 1.0

    def __call__(self, bend: float) -> str:
        """Return a bend in words."""
        return f"{number(self.factor * bend)}{self.unit}"

    def interval(self, bend: Bend) -> str:
        """Return a bend with its interval in words."""
        middle, low, high = (
            number(self.factor * value) for value in (bend.estimate, bend.conf_low, bend.conf_high)
        )
        return f"{middle}{self.unit} ({low} to {high})"


def trend_bounds_check(
    bounds: Sequence[TrendBounds],
    bend: Bend,
    donors: FloatArray,
    words: BendWords,
    alpha: float = NOTE_LEVEL,
) -> CheckResult:
    """Check ``trend_bounds``: the largest bend that leaves a finding standing, beside bends that were seen.

    Its statistic is that bend, on the scale of the fit. Bends seen before are for comparison and no limit:
    what the trend would have done after the start cannot be learned from them. The p-value is that of the
    series' own bend.

    Parameters
    ----------
    bounds : sequence of TrendBounds
        Of the estimands that answer the question; the finding stands while one of them does.
    bend : Bend
        Of the series before the start.
    donors : ndarray, shape (J,)
        Bends of other units.
    words : BendWords
        How bends are told.
    alpha : float
        Level of a note.
    """
    name = "trend_bounds"
    if not bounds:
        return not_applicable(
            name, "No bend of the trend could bias this estimate, or its error is not known."
        )
    breakdown = max(item.breakdown for item in bounds)
    if breakdown > 0.0:
        told = (
            f"To undo the finding, the trend would have to bend by {words(breakdown)} over the "
            f"{words.before} before"
        )
    else:
        whose = "the interval includes" if len(bounds) == 1 else "each interval includes"
        told = f"Already with a straight trend {whose} no change"
    seen = []
    if not math.isnan(bend.estimate):
        seen.append(f"before the start it bends by {words.interval(bend)}")
    known = donors[~np.isnan(donors)]
    if known.size:
        middle, far = np.quantile(known, [0.5, 0.9])
        seen.append(
            f"half of {known.size} other units bend by more than {words(middle)} and one in ten by more than "
            f"{words(far)}"
        )
    beside = f"; {', and '.join(seen)}" if seen else ""
    found = (
        f"The trend is bent before the start ({p_text(bend.p_value)}), so compare the estimate with a bent "
        f"trend: {told[0].lower()}{told[1:]}{beside}."
    )
    return judged(name, breakdown, bend.p_value, found, f"{told}{beside}.", alpha)
