"""One design of an outcome: its series made and fitted, whichever kind of design it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from its_eval.comparisons.stacked import STACKED_DESIGNS, STACKED_ESTIMATORS, fit_stacked
from its_eval.comparisons.synthetic import LABEL, fit_synthetic, synthetic_series
from its_eval.estimators.catalogue import FAMILY_LINKS
from its_eval.pipeline.estimate import Block, fit_series
from its_eval.pipeline.sheet import SCALE_REASONS, NotEstimated, make_series

if TYPE_CHECKING:
    from its_eval.config import Estimator
    from its_eval.pipeline.plan import OutcomePlan, Target


def design_estimators(plan: OutcomePlan, design_name: str) -> tuple[Estimator, ...]:
    """Return the estimators of an outcome that a design has, in the order of the config.

    Families are for the single design; designs of several series have least squares and Newey-West; a
    synthetic control has none, as only placebos tell about it.
    """
    every = plan.outcome.estimators
    if design_name == "synthetic":
        return ()
    if design_name in STACKED_DESIGNS:
        return tuple(item for item in every if item.name in STACKED_ESTIMATORS)
    if design_name == "single":
        return every
    return tuple(item for item in every if item.name not in FAMILY_LINKS)


def primary_label(plan: OutcomePlan, design_name: str) -> str:
    """Return the label of the estimator that answers the question in a design."""
    estimators = design_estimators(plan, design_name)
    return estimators[0].label if estimators else LABEL


def fit_design(
    plan: OutcomePlan,
    design_name: str,
    targets: Sequence[Target] | None = None,
    estimators: Sequence[Estimator] | None = None,
) -> tuple[list[Block], list[NotEstimated]]:
    """Make and fit the series of a design.

    Parameters
    ----------
    plan : OutcomePlan
        The outcome.
    design_name : str
        A design of the contract.
    targets : sequence of Target, optional
        The treated units by default; donors as if they were treated, for placebos.
    estimators : sequence of Estimator, optional
        All that the design has by default.
    """
    series, failed = make_series(plan, design_name, targets)
    chosen = design_estimators(plan, design_name) if estimators is None else estimators
    counted: list[Block] = []
    if design_name == "single":
        counted, failed = _counted_as_they_are(plan, targets, chosen, failed)
    if not series.units:
        return counted, failed
    if design_name == "synthetic":
        series, _, without = synthetic_series(plan, series)
        blocks, unfitted = fit_synthetic(plan, series)
        return blocks, [*failed, *without, *unfitted]
    if design_name in STACKED_DESIGNS:
        blocks, unfitted = fit_stacked(plan, series, chosen)
    else:
        blocks, unfitted = fit_series(plan, series, chosen)
    return [*counted, *blocks], [*failed, *unfitted]


def _counted_as_they_are(
    plan: OutcomePlan,
    targets: Sequence[Target] | None,
    estimators: Sequence[Estimator],
    failed: list[NotEstimated],
) -> tuple[list[Block], list[NotEstimated]]:
    """Fit the families to series that have no place on the scale of the other estimators.

    A month without any event has no logarithm, but is a count like others.

    Returns
    -------
    blocks : list of Block
        Fits of those series by the families.
    failed : list of NotEstimated
        What cannot be estimated still, by estimator where families can.
    """
    families = [item for item in estimators if item.name in FAMILY_LINKS]
    without = {item.unit for item in failed if item.reason in SCALE_REASONS.values()}
    if not families or not without:
        return [], failed
    if targets is None:
        targets = [plan.target(unit, "single") for unit in plan.treated]
    plain = replace(plan, outcome=plan.outcome.model_copy(update={"transform": "none"}))
    series, _ = make_series(plain, "single", [target for target in targets if target.unit in without])
    blocks, unfitted = fit_series(plain, series, families)
    others = [item.label for item in estimators if item.name not in FAMILY_LINKS]
    left = [item for item in failed if item.unit not in without]
    left += [replace(item, estimator=label) for item in failed if item.unit in without for label in others]
    return blocks, [*left, *unfitted]
