"""A unit's own change among those of its peers, level and slope together, an effect against a margin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.crawford_howell import crawford_howell
from its_eval.checks.equivalence import equivalence
from its_eval.checks.result import ATTENTION_LEVEL, CheckResult, not_applicable, number, p_text
from its_eval.design.matrix import build_design
from its_eval.design.transform import to_link
from its_eval.effects import linear_contrasts
from its_eval.estimate.joint_test import joint_f

if TYPE_CHECKING:
    from its_eval.config import Config
    from its_eval.pipeline.estimation import Block
    from its_eval.pipeline.plan import OutcomePlan


def crawford_howell_p(config: Config, plan: OutcomePlan, unit: str) -> tuple[float, CheckResult]:
    """Return the p-value of a unit's own change among those of its peers, and the check.

    Least squares without weights over the periods common to the unit and its peers (methods §11.9), each
    series by itself.
    """
    chosen = plan.peer_sets.get(unit)
    name = "crawford_howell"
    if chosen is None or len(chosen.peers) < 2:
        return np.nan, not_applicable(name, "At least two peers are needed.")
    panel = plan.panel
    places = [panel.column(code) for code in (unit, *chosen.peers)]
    values = to_link(panel.values[:, places], plan.outcome.transform, panel.denominators[:, places])
    interruptions = plan.interruptions[unit]
    common = plan.usable(interruptions) & ~np.isnan(values).any(axis=1)
    season = plan.season.resolve(int(common.sum()), plan.per_year)
    design = build_design(plan.positions, plan.per_year, panel.frequency, interruptions, season, plan.masked)
    rows = linear_contrasts(design, common, config.estimands.at)
    if config.estimands.primary not in rows:
        return np.nan, not_applicable(name, "It is for estimands that are linear in the parameters.")
    matrix = design.matrix[common]
    if np.linalg.matrix_rank(matrix) < matrix.shape[1] or common.sum() <= matrix.shape[1]:
        return np.nan, not_applicable(
            name, f"{int(common.sum())} periods common to unit and peers are too few."
        )
    params = np.linalg.lstsq(matrix, values[common], rcond=None)[0]
    estimates = rows[config.estimands.primary] @ params
    found = crawford_howell(estimates[:1], estimates[1:, None])
    p_value = float(found.p_value[0])
    verdict = (
        "more than they differ among themselves"
        if p_value < ATTENTION_LEVEL
        else "no more than they differ among themselves"
    )
    message = (
        f"Its own change differs from those of its {int(found.n_peers[0])} peers by "
        f"{number(float(found.difference[0]))} over {int(common.sum())} common periods "
        f"(t = {number(float(found.statistic[0]))} on {int(found.df[0])} df, {p_text(p_value)}), {verdict}."
    )
    return p_value, CheckResult(name, float(found.statistic[0]), p_value, "pass", message)


def equivalence_check(
    margin: float | None, low: float, high: float, *, stuck: bool = False
) -> list[CheckResult]:
    """Return the check whether the interval shows that no effect larger than the margin is there.

    An estimate at a bound or with too few degrees of freedom has no p-value: its interval decides nothing.
    """
    if margin is None or np.isnan(low) or np.isnan(high):
        return []
    if stuck:
        reason = "The estimate has no p-value, so that its interval is not held against the margin."
        return [not_applicable("equivalence", reason)]
    verdict = str(equivalence(np.array(low), np.array(high), margin))
    words = {
        "within": f"The interval lies inside ±{margin:g}: no effect larger than the margin.",
        "beyond": f"The interval lies outside ±{margin:g}: the effect is larger than the margin.",
        "inconclusive": f"The interval reaches across ±{margin:g}: the data do not decide whether the effect "
        "is larger than the margin.",
    }
    return [CheckResult("equivalence", margin, np.nan, "pass", words[verdict])]


def joint_check(block: Block, position: int) -> list[CheckResult]:
    """Return the Kenward-Roger F test of no change of level or slope (methods §11.7).

    Shown beside the primary estimand, which it does not replace: level and slope estimates depend on each
    other, and the better of the two must not be picked.
    """
    columns = block.design.columns[0]
    if len(columns) < 2 or block.placebo_only:
        return []
    found = joint_f(block.fit, position, np.eye(len(block.design.terms))[list(columns)])
    if np.isnan(found.p_value):
        reason = "Level and slope together cannot be tested: too little independent information."
        return [not_applicable("joint_change", reason)]
    message = (
        f"Level and slope together: the hypothesis that neither changed has F({found.df_num:g}, "
        f"{number(found.df_den)}) = {number(found.statistic)}, {p_text(found.p_value)}; it stands beside the "
        "primary estimand and does not replace it."
    )
    return [CheckResult("joint_change", found.statistic, found.p_value, "pass", message)]
