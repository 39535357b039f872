"""A check from outside: whether the series has an even number of periods."""

from its_eval.checks.result import CheckResult
from its_eval.pipeline.credibility import Check


def even_periods(look):
    for unit, item, _ in look.series():
        n = int(item.observed.sum())
        status, words = ("pass", "even") if n % 2 == 0 else ("attention", "odd; look for the other one")
        yield unit, CheckResult("even_periods", float(n), float("nan"), status, f"{n} periods: {words}.")


EVEN_PERIODS = Check("even_periods", even_periods)
