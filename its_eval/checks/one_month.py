"""Check ``one_month``: whether a jump rests on the two periods around the start, and the years agree.

When neighbouring periods resemble each other closely, a jump is estimated from little more than the last
period before and the first from the start: one epidemic month then makes an effect that twelve months on
either side do not show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.checks.result import CheckResult, not_applicable, p_text
from its_eval.estimators.fit import FloatArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

#: Share of a jump's information in two periods from which they decide it.
DECISIVE = 0.5
#: A year's mean that moves by less than this share of the jump does not bear it out.
BORNE_OUT = 0.5
#: Fewest periods of a mean.
FEWEST = 4


class JumpEvidence(Struct, frozen=True):
    """What a jump rests on.

    Attributes
    ----------
    share : float
        Share of its information in the two periods around the start: of the variance that independent errors
        of the periods would give it, ``(w_before^2 + w_after^2) / sum w_t^2``, w the weights of the estimate.
    before, after : int
        These periods.
    year_before, year_after : ndarray of int
        The periods of the year on either side.
    """

    share: float
    before: int
    after: int
    year_before: NDArray[np.intp]
    year_after: NDArray[np.intp]

    def moved(self, adjusted: FloatArray) -> FloatArray:
        """Return by how much the year's mean of adjusted series (n, S) moves, shape (S,)."""
        return np.asarray(adjusted[self.year_after].mean(axis=0) - adjusted[self.year_before].mean(axis=0))


def jump_evidence(weights: FloatArray, start: int, first: int, per_year: int) -> JumpEvidence | None:
    """Return what a jump rests on; None where a side has too few periods for a mean.

    Parameters
    ----------
    weights : ndarray, shape (n,)
        Of every period in the jump, 0 where unused.
    start, first : int
        First period of the interruption, and the first whose effect counts.
    per_year : int
        Periods of a year.
    """
    used = np.flatnonzero(weights)
    before, after = used[used < start], used[used >= first]
    year_before, year_after = before[before >= start - per_year], after[after < first + per_year]
    if min(year_before.size, year_after.size) < min(FEWEST, per_year):
        return None
    pair = weights[[before[-1], after[0]]]
    share = float(np.sum(pair**2) / np.sum(weights**2))
    return JumpEvidence(share, int(before[-1]), int(after[0]), year_before, year_after)


def contradicted(jump: FloatArray, moved: FloatArray) -> NDArray[np.bool_]:
    """Return where a year's mean moves the other way, or by less than half of the jump."""
    return np.asarray(np.sign(jump) * moved < BORNE_OUT * np.abs(jump))


def one_month(
    evidence: JumpEvidence | None,
    jump: float,
    moved: float,
    *,
    claimed: bool,
    p_value: Callable[[], float],
    words: tuple[str, str, str, str, str],
) -> CheckResult:
    """Check ``one_month``; the statistic is the share of the jump's information in two periods.

    ``attention`` for a jump whose interval excludes 0, that two periods decide, and that the means of a year
    on either side do not bear out: they move the other way, or by less than half of it. Means are of the
    series without its season, and know nothing of a trend.

    Parameters
    ----------
    evidence : JumpEvidence or None
    jump, moved : float
        The jump, and by how much the year's mean moves, on the scale of the fit.
    claimed : bool
        Whether the jump's interval excludes 0.
    p_value : callable
        How often a series without a jump shows one as clear that its years contradict; asked for only where
        there is something to tell.
    words : tuple of str
        The jump, the two means, and the two periods, as a reader knows them.
    """
    name = "one_month"
    if evidence is None:
        return not_applicable(name, "There are too few periods on either side of the start for their means.")
    told, mean_before, mean_after, before, after = words
    rests = f"{before} and {after} hold {100 * evidence.share:.0f} % of what is known of the jump"
    sizes = evidence.year_before.size, evidence.year_after.size
    means = (
        f"{mean_before} in the {sizes[0]} periods before and {mean_after} in the {sizes[1]} from the start on"
    )
    against = bool(contradicted(np.array(jump), np.array(moved)))
    if claimed and against and evidence.share >= DECISIVE:
        p = p_value()
        message = (
            f"{rests}, {told}, but the mean is {means} ({p_text(p)}): one unusual period may have made it, "
            "so look at what happened then and do not report it as a lasting change."
        )
        return CheckResult(name, evidence.share, p, "attention", message)
    message = f"{rests}, {told}; the mean is {means}."
    return CheckResult(name, evidence.share, np.nan, "pass", message)
