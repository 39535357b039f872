"""What every check returns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Status = Literal["pass", "attention", "not_applicable"]

#: Simulated p-values below this ask for the reader's attention.
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


def judged(check: str, statistic: float, p_value: float, found: str, clear: str) -> CheckResult:
    """Return ``attention`` with the message `found` for a p-value below 0.05, else ``pass`` with `clear`."""
    attention = p_value < ATTENTION_LEVEL
    return CheckResult(
        check, statistic, p_value, "attention" if attention else "pass", found if attention else clear
    )


def number(value: float) -> str:
    """Return a number with three significant digits for a message."""
    return "0" if value == 0 else f"{value:.3g}"


def p_text(p_value: float) -> str:
    """Return ``p = 0.012`` or ``p < 0.001`` for a message."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
