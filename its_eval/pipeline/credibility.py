"""Is the effect believable? Every check beside the estimates of one outcome and design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.conclusion import three_way_label
from its_eval.checks.result import CheckResult, p_text
from its_eval.evaluation import JUDGED_AS_A_SET, NOT_ESTIMABLE
from its_eval.pipeline.diagnosis import diagnostics
from its_eval.pipeline.placebo_dates import placebos_in_time
from its_eval.pipeline.placebos import (
    DesignPlacebos,
    donors_check,
    joint_placebo_check,
    placebo_check,
    placebos_in_space,
)
from its_eval.pipeline.pooled import (
    crawford_howell_p,
    equivalence_check,
    joint_check,
    overlap_check,
    pooled_rows,
)
from its_eval.pipeline.tables import PrimaryEstimate, primary_estimates

if TYPE_CHECKING:
    from its_eval.config import Config
    from its_eval.pipeline.estimate import Block
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sources import Sources


Row = dict[str, object]


@dataclass
class Credibility:
    """What was found about the estimates of one outcome and design.

    Attributes
    ----------
    rows : dict of str to list of dict
        Rows of ``checks``, ``placebo_units``, ``placebo_dates``, ``residuals`` and ``pooled``.
    p_placebo, p_crawford_howell : dict of str to float
        By unit.
    labels : dict of str to str
        Three-way label by unit; empty for the single design and without placebos.
    set_label : str
        That of several units as a set; blank where nothing was concluded of it.
    p_set, p_set_placebo : float
        Of the set: of its own change, and among sets of other units.
    n_donors : dict of str to int
        Placebo units by unit.
    notes : list of str
        Sentences about the treated units as a set.
    flags : dict of str to set of str
        Warnings of fits that only checks can give, by unit.
    """

    rows: dict[str, list[Row]] = field(
        default_factory=lambda: {
            name: [] for name in ("checks", "placebo_units", "placebo_dates", "residuals", "pooled")
        }
    )
    p_placebo: dict[str, float] = field(default_factory=dict)
    p_crawford_howell: dict[str, float] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    set_label: str = ""
    p_set: float = np.nan
    p_set_placebo: float = np.nan
    n_donors: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    flags: dict[str, set[str]] = field(default_factory=dict)

    def add(self, plan: OutcomePlan, design_name: str, unit: str, checks: Sequence[CheckResult]) -> None:
        """Write checks down as rows."""
        keys = {"outcome": plan.outcome.name, "unit": unit, "design": design_name}
        self.rows["checks"] += [{**keys, **vars(check)} for check in checks]
        for check in checks:
            if check.check == "ljung_box" and check.status == "attention":
                self.flags.setdefault(unit, set()).add("residual_autocorrelation")


def examine(
    config: Config, sources: Sources, plan: OutcomePlan, design_name: str, blocks: Sequence[Block]
) -> Credibility:
    """Make the checks that the config asks for.

    Parameters
    ----------
    config, sources, plan : Config, Sources, OutcomePlan
        What was planned.
    design_name : str
        Which design.
    blocks : sequence of Block
        Fits of its primary estimator.
    """
    found = Credibility()
    own = {item.unit: item for item in primary_estimates(config, plan, blocks)}
    for block in blocks:
        for position, column in enumerate(block.columns):
            found.add(plan, design_name, block.series.units[column], joint_check(block, position))
    _examine_fits(config, plan, design_name, blocks, found)
    for unit, estimate in own.items():
        found.add(
            plan,
            design_name,
            unit,
            equivalence_check(config.estimands.margin, *estimate.limits, stuck=estimate.stuck),
        )
    if design_name == "difference":
        for unit in own:
            found.p_crawford_howell[unit], check = crawford_howell_p(config, plan, unit)
            found.add(plan, design_name, unit, [check])
    p_set = np.nan
    if len(plan.treated) > 1:
        found.rows["pooled"], p_set = pooled_rows(config, plan, design_name, blocks, own)
        found.p_set = p_set
        found.add(plan, design_name, "", overlap_check(plan, design_name))
    if design_name != "single" and config.checks.placebo_units:
        placebos = placebos_in_space(config, sources, plan, design_name, blocks)
        found.rows["placebo_units"] += placebos.rows
        for unit, item in placebos.units.items():
            found.p_placebo[unit] = item.rank.p_value
            found.n_donors[unit] = len(item.donors)
            found.add(plan, design_name, unit, [placebo_check(item)])
        if placebos.units:
            _conclude(config, plan, design_name, own, placebos, p_set, found)
    return found


def _examine_fits(
    config: Config, plan: OutcomePlan, design_name: str, blocks: Sequence[Block], found: Credibility
) -> None:
    """Make the checks that look at one fit at a time: diagnostics and placebo dates."""
    if config.checks.diagnostics:
        for block in blocks:
            for position, column in enumerate(block.columns):
                checks, residuals = diagnostics(config, plan, block, position)
                found.add(plan, design_name, block.series.units[column], checks)
                found.rows["residuals"] += residuals
    if config.checks.placebo_dates:
        rows, dated = placebos_in_time(config, plan, blocks)
        found.rows["placebo_dates"] += rows
        for unit, check in dated:
            found.add(plan, design_name, unit, [check])


def _conclude(
    config: Config,
    plan: OutcomePlan,
    design_name: str,
    own: Mapping[str, PrimaryEstimate],
    placebos: DesignPlacebos,
    p_set: float,
    found: Credibility,
) -> None:
    """Label the treated units one by one, or as a set where donors are too few (methods §11.8)."""
    alpha = 1.0 - config.confidence
    p_gap = np.array(
        [np.nan if unit not in own or own[unit].stuck else own[unit].p_value for unit in plan.treated]
    )
    p_placebo = np.array([found.p_placebo.get(unit, np.nan) for unit in plan.treated])
    n_donors = min(len(item.donors) for item in placebos.units.values())
    if design_name == "synthetic":
        # no test of the gap itself: the placebo is all there is
        p_gap = p_placebo
    several = len(plan.treated) > 1
    joint = placebos.joint if several else float(p_placebo[0])
    if design_name == "synthetic":
        p_set = joint
    conclusion = three_way_label(p_gap, p_placebo, joint, n_donors, p_set, alpha)
    for place, unit in enumerate(plan.treated):
        if conclusion.unit_labels is not None:
            found.labels[unit] = conclusion.unit_labels[place]
        elif several:
            found.labels[unit] = JUDGED_AS_A_SET
        # one unit with too few donors keeps the label of its own p-value: nobody can say how unusual it is
    if several:
        label = conclusion.set_label or NOT_ESTIMABLE
        found.set_label, found.p_set, found.p_set_placebo = label, p_set, joint
        checks = [
            *joint_placebo_check(placebos, len(plan.treated)),
            *donors_check(n_donors, len(plan.treated), alpha),
            _set_check(label, p_set, design_name, found.rows["pooled"]),
        ]
        found.add(plan, design_name, "", checks)
        found.notes.append(
            f"{plan.outcome.label}, {design_name}, the {len(plan.treated)} treated units as a set: {label}."
        )


def _set_check(label: str, p_set: float, design_name: str, pooled: Sequence[Row]) -> CheckResult:
    """Return the check ``set_conclusion``: the label of the treated units together, and of which test."""
    whose = "their mean series" if any(row["method"] == "set" for row in pooled) else "their pooled estimates"
    tested = "" if np.isnan(p_set) or design_name == "synthetic" else f" ({p_text(p_set)} for {whose})"
    message = f"The treated units as a set: {label}{tested}."
    return CheckResult("set_conclusion", np.nan, p_set, "pass", message)
