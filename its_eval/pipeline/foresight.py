"""What a run of a plan will not estimate, found before anything is fitted that can be fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from its_eval.comparisons.base import comparison_of
from its_eval.errors import NothingEstimatedError
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.sheet import NotEstimated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from its_eval.config import Config
    from its_eval.pipeline.plan import Plan


def without_data(config: Config, plan: Plan) -> list[NotEstimated]:
    """Return a row for every unit and design of the outcomes for which no treated unit has data."""
    return [
        NotEstimated(name, unit, design, "", "no_data", f"{unit} has no value of {name}")
        for name in plan.absent
        for unit in plan.treated
        for design in config.designs
    ]


def require_something(estimated: int, failed: Sequence[NotEstimated]) -> None:
    """Check that something is estimated.

    Raises
    ------
    NothingEstimatedError
        With every reason why nothing is.
    """
    if not estimated:
        reasons = [f"{item.outcome}, {item.unit}, {item.design}: {item.message}" for item in failed]
        raise NothingEstimatedError("\n".join(["no series could be estimated", *dict.fromkeys(reasons)]))


def foreseen(config: Config, plan: Plan) -> list[NotEstimated]:
    """Return what a run will not estimate: its own steps, but for fits that cannot be refused.

    Raises
    ------
    NothingEstimatedError
        When a run would end so.
    """
    ask = replace(Analysis.of(config).ask, doubtful_only=True)
    failed = without_data(config, plan)
    count = 0
    for outcome in plan.outcomes:
        for comparison in map(comparison_of, config.designs):
            found, lost = comparison.estimates(outcome, ask)
            count += len(found)
            failed += [*comparison.outside(outcome), *lost]
    require_something(count, failed)
    return failed
