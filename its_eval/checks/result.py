"""What every check returns, and p-values from simulated or permuted statistics.

With B draws under the null hypothesis, p = (1 + number as extreme as observed) / (1 + B): exact where the
statistic's null distribution has no unknown parameter (Dufour 2006, *Journal of Econometrics* 133:443).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from its_eval.effects.several_units import reaches
from its_eval.estimators.fit import FloatArray

Status = Literal["pass", "attention", "not_applicable"]

#: p-values up to this ask for the reader's attention, unless the config's confidence says otherwise.
ATTENTION_LEVEL = 0.05


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check.

    Attributes
    ----------
    check : str
        Its name, e.g. ``ljung_box``.
    statistic : float
        What was measured; NaN where the check does not apply.
    p_value : float
        NaN where the check is not a test.
    status : {"pass", "attention", "not_applicable"}
        ``attention`` asks the reader to do what the message says; it does not invalidate an estimate.
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


def judged(
    check: str, statistic: float, p_value: float, found: str, clear: str, alpha: float = ATTENTION_LEVEL
) -> CheckResult:
    """Return ``attention`` with the message `found` for a p-value up to alpha, else ``pass`` with `clear`."""
    attention = bool(reaches(np.array(p_value), alpha))
    return CheckResult(
        check, statistic, p_value, "attention" if attention else "pass", found if attention else clear
    )


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
    threshold = observed - TIE_TOLERANCE * abs(observed)
    return int(np.sum(~(drawn < threshold)))


def upper_p(observed: float, drawn: FloatArray) -> float:
    """Return the p-value of a statistic that is suspicious when large; NaN for a statistic of NaN."""
    if math.isnan(observed):
        return math.nan
    return (1 + count_at_least(observed, drawn)) / (1 + drawn.size)


def two_sided_p(observed: float, drawn: FloatArray) -> float:
    """Return twice the smaller tail, at most 1: for a null that is neither centred nor symmetric."""
    return min(1.0, 2.0 * min(upper_p(observed, drawn), upper_p(-observed, -drawn)))
