"""Checks about the place of treated units among the donors, one by one and together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.conclusion import enough_donors
from its_eval.checks.result import CheckResult

if TYPE_CHECKING:
    from its_eval.pipeline.placebos import DesignPlacebos, UnitPlacebos


def placebo_check(found: UnitPlacebos) -> CheckResult:
    """Return the check ``placebo_units``: the place of a unit among the donors."""
    rank, n_donors = found.rank, len(found.donors)
    message = (
        f"Among {n_donors} units without the intervention and itself, its change is number {rank.rank} from "
        f"the most extreme (p = {rank.p_value:.3f}; no smaller p than {1 / (n_donors + 1):.3f} is possible)."
    )
    return CheckResult("placebo_units", float(rank.rank), rank.p_value, "pass", message)


def joint_placebo_check(placebos: DesignPlacebos, n_treated: int) -> list[CheckResult]:
    """Return the check ``joint_placebo``: the mean statistic of the treated units among those of sets.

    Parameters
    ----------
    placebos : DesignPlacebos
    n_treated : int
        Treated units; those without a statistic are not in the mean, and the message says so.
    """
    if math.isnan(placebos.joint):
        return []
    own = np.array([item.own for item in placebos.units.values()])
    n_donors = len({donor for item in placebos.units.values() for donor in item.donors})
    size = int((~np.isnan(own)).sum())
    whose = "the treated" if size == n_treated else f"the {size} of {n_treated} treated that have one"
    message = (
        f"Among sets of {size} of the {n_donors} units without the intervention, a mean change as extreme as "
        f"that of {whose} has p = {placebos.joint:.4f}."
    )
    return [CheckResult("joint_placebo", float(np.nanmean(own)), placebos.joint, "pass", message)]


def donors_check(n_donors: int, n_treated: int, alpha: float) -> list[CheckResult]:
    """Return the check ``donors`` where they are too few to label single units (methods §11.8)."""
    if enough_donors(n_donors, n_treated, alpha):
        return []
    message = (
        f"{n_donors} donors are too few to label {n_treated} single units at level {alpha:g} "
        f"({math.ceil(n_treated / alpha * (1.0 - 1e-9)) - 1} would do); the label is given for the set."
    )
    return [CheckResult("donors", float(n_donors), np.nan, "attention", message)]
