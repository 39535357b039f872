"""What every check returns, p-values from simulated statistics, and which checks of a series cry.

A series has a dozen tests: were each to cry at 5 %, half of all clean series would. A small p-value alone is
a *note*; it becomes *attention* where Holm's adjustment over the tests of the series is at most 7.5 %. With
the two checks that have a rule of their own (``variance_ratio``, ``one_month``), which 2 to 3 % of clean
series meet, at most one clean series in ten raises any attention.

With B draws under the null hypothesis, p = (1 + number as extreme as observed) / (1 + B): exact where the
statistic's null distribution has no unknown parameter (Dufour 2006, *Journal of Econometrics* 133:443).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from its_eval.effects.several_units import adjust, reaches
from its_eval.estimators.fit import FloatArray

Status = Literal["pass", "note", "attention", "not_applicable"]

#: p-values up to this are a note, unless the config's confidence says otherwise.
NOTE_LEVEL = 0.05
#: Holm-adjusted p-values up to so many times that level ask for the reader's attention.
ATTENTION_FACTOR = 1.5


class CheckResult(Struct, frozen=True):
    """The outcome of one check.

    Attributes
    ----------
    check : str
        Its name, e.g. ``ljung_box``.
    statistic : float
        What was measured; NaN where the check does not apply.
    p_value : float
        NaN where the check is not a test.
    status : {"pass", "note", "attention", "not_applicable"}
        ``attention`` asks the reader to do what the message says; it does not invalidate an estimate. A
        ``note`` is what one of so many checks shows by chance.
    message : str
        One sentence: what was found, and what to do about it.
    """

    check: str
    statistic: float
    p_value: float
    status: Status
    message: str


def not_applicable(check: str, reason: str) -> CheckResult:
    """Return the result of a check that cannot be made, with the reason as its message."""
    return CheckResult(check, math.nan, math.nan, "not_applicable", reason)


class Tested(CheckResult, frozen=True):
    """The outcome of a check that is one of the tests of its series, among which attention is shared out."""


def judged(
    check: str, statistic: float, p_value: float, found: str, clear: str, alpha: float = NOTE_LEVEL
) -> Tested:
    """Return ``note`` with the message `found` for a p-value up to alpha, else ``pass`` with `clear`."""
    small = bool(reaches(np.array(p_value), alpha))
    return Tested(check, statistic, p_value, "note" if small else "pass", found if small else clear)


def settled(checks: Sequence[CheckResult], alpha: float = NOTE_LEVEL) -> list[CheckResult]:
    """Return the checks of one series, with attention where a note stands out among all its tests.

    Parameters
    ----------
    checks : sequence of CheckResult
        All of one series; those that are not ``Tested`` stay as they are.
    alpha : float
        Level of a note. Attention is a note whose Holm-adjusted p-value is at most 1.5 times that.
    """
    tests = [place for place, check in enumerate(checks) if isinstance(check, Tested)]
    adjusted = adjust(np.array([checks[place].p_value for place in tests]), "holm")
    loud = reaches(adjusted, ATTENTION_FACTOR * alpha)
    result = list(checks)
    for place, stands_out in zip(tests, loud, strict=True):
        if checks[place].status == "note" and stands_out:
            result[place] = replace(checks[place], status="attention")
    return result


def number(value: float) -> str:
    """Return a number with three significant digits for a message."""
    return "0" if value == 0 else f"{value:.3g}"


def p_text(p_value: float) -> str:
    """Return ``p = 0.012`` or ``p < 0.001`` for a message."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


#: Statistics this close, relative to the observed one, count as tied, and ties as at least as extreme.
TIE_TOLERANCE = 1e-9


def count_at_least(observed: float, drawn: FloatArray) -> int:
    """Return how many draws are as large as the observed value; ties and NaN (not computable) count.

    Parameters
    ----------
    observed : float
    drawn : ndarray, shape (B,)
    """
    return int(np.sum(_as_large(observed, drawn)))


def _as_large(observed: float, drawn: FloatArray) -> NDArray[np.bool_]:
    return np.asarray(~(drawn < observed - TIE_TOLERANCE * abs(observed)))


def upper_p(observed: float, drawn: FloatArray) -> float:
    """Return the p-value of a statistic that is suspicious when large; NaN for a statistic of NaN."""
    if math.isnan(observed):
        return math.nan
    return (1 + count_at_least(observed, drawn)) / (1 + drawn.size)


#: Simulated series for a p-value.
DRAWS = 999
#: Draws as extreme as the observed value after which simulation stops: p is above 0.1 then.
ENOUGH = 100


def sequential_p(
    observed: float, draw: Callable[[slice], FloatArray], draws: int = DRAWS, batch: int = 111
) -> float:
    """Return the p-value of a statistic that is suspicious when large, drawing no more than it takes.

    Drawing stops at the h-th draw as extreme as the observed value, the l-th of all, with p = h/l; without so
    many it is as ever. Exact all the same (Besag & Clifford 1991, *Biometrika* 78:301).

    Parameters
    ----------
    observed : float
    draw : callable
        From a range of draws their statistics.
    draws : int
        Most draws.
    batch : int
        Draws at a time.
    """
    found = 0
    for start in range(0, draws, batch):
        drawn = draw(slice(start, min(start + batch, draws)))
        running = found + np.cumsum(_as_large(observed, drawn))
        if running[-1] >= ENOUGH:
            return ENOUGH / (start + 1 + int(np.argmax(running >= ENOUGH)))
        found = int(running[-1])
    return (1 + found) / (1 + draws)


def two_sided_p(observed: float, drawn: FloatArray) -> float:
    """Return twice the smaller tail, at most 1: for a null that is neither centred nor symmetric."""
    return min(1.0, 2.0 * min(upper_p(observed, drawn), upper_p(-observed, -drawn)))
