"""The treated units together and among their peers: pooled effects, and comparisons beside the label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.form import equivalence
from its_eval.checks.placebo import crawford_howell
from its_eval.checks.power import minimum_detectable
from its_eval.checks.result import CheckResult, not_applicable, number, p_text
from its_eval.design.matrix import build_design
from its_eval.design.peer_mean import peer_mean
from its_eval.effects.estimands import linear_contrasts
from its_eval.effects.several_units import METHODS, Pooled, leave_one_out, pool, reaches
from its_eval.estimators.reml.kenward_roger import joint_f
from its_eval.peers.select import peer_overlap
from its_eval.pipeline.estimate import Estimates, estimate
from its_eval.pipeline.plan import Target
from its_eval.pipeline.primary import PrimaryColumns, PrimaryEstimate

if TYPE_CHECKING:
    from its_eval.comparisons.base import Comparison
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.primary import Analysis
    from its_eval.scales import Scale


#: Name of the set in tables that need a unit.
SET = "treated units"

Row = dict[str, object]


def pooled_rows(
    analysis: Analysis,
    plan: OutcomePlan,
    comparison: Comparison,
    estimates: Sequence[Estimates],
    own: PrimaryColumns,
) -> tuple[list[Row], float]:
    """Return the rows of ``pooled`` and the p-value of the set effect.

    ``set`` is the fit of the mean treated series minus the mean of their peer means (methods §6);
    ``set_union_of_peers`` takes the mean of the union of their peers, so that a peer of several units counts
    once; the others combine the separate estimates, ``<method> without <unit>`` one less. The p-value is that
    of ``set``; units that are not fitted alike (staggered starts, covariates) have no mean
    series, and there it is that of the first pooled estimate.

    Parameters
    ----------
    analysis, plan, comparison : Analysis, OutcomePlan, Comparison
        What is asked of which outcome.
    estimates : sequence of Estimates
        Fits of its primary estimator.
    own : PrimaryColumns
        The primary estimand of each unit.
    """
    keys = {"outcome": plan.outcome.name, "design": comparison.name, "estimand": analysis.estimand}
    rows: list[Row] = []
    p_set = np.nan
    together = list(_set_estimates(analysis, plan, comparison, estimates))
    for method, item in together:
        row = _set_row(item, analysis.alpha)
        rows.append({**keys, "method": method, **row, "n_units": len(plan.treated)})
        if method == "set" and not item.stuck:
            p_set = item.p_value
    usable = ~own.stuck & (own.std_error > 0)
    if usable.sum() < 2:
        return rows, p_set
    values, std_errors = own.estimate[usable], own.std_error[usable]
    units = [target.unit for target, good in zip(own.targets, usable, strict=True) if good]
    combined = [pool(values, std_errors, name, analysis.confidence) for name in METHODS]
    rows += [{**keys, **_pooled_row(item, own.scale)} for item in combined]
    if not together:
        p_set = combined[0].p_value
    for unit, left in leave_one_out(values, std_errors, units, METHODS[0], analysis.confidence):
        row = _pooled_row(left, own.scale)
        rows.append({**keys, **row, "method": f"{METHODS[0]} without {unit}"})
    return rows, p_set


def _set_row(item: PrimaryEstimate, alpha: float) -> Row:
    smallest = minimum_detectable(item.std_error, item.df, alpha) if item.std_error > 0 else np.nan
    return item.cells() | {"minimum_detectable": item.shown(smallest)}


def _pooled_row(found: Pooled, scale: Scale) -> Row:
    row: Row = dict(vars(found))
    for name in ("estimate", "conf_low", "conf_high", "prediction_low", "prediction_high"):
        row[name] = float(scale.effect(np.array(getattr(found, name), dtype=np.float64)))
    return row


def _set_estimates(
    analysis: Analysis, plan: OutcomePlan, comparison: Comparison, estimates: Sequence[Estimates]
) -> Iterator[tuple[str, PrimaryEstimate]]:
    """Yield the fits of the mean of the treated units' series; none for staggered starts."""
    if not comparison.has_mean_series or plan.staggered or not estimates or estimates[0].is_family:
        return
    sheet = estimates[0].sheet
    interruptions = {target.interruptions for target in sheet.targets}
    if len(interruptions) != 1 or any(item is not None for item in sheet.covariates):
        return
    target = Target(SET, sheet.targets[0].interruptions)
    entries = comparison.entries(plan.outcome.estimators)[:1]
    n_units = len(sheet.targets)
    sheets = [("set", sheet.mean(target, sheet.values.mean(axis=1), sheet.sampling.sum(axis=1) / n_units**2))]
    union = sorted({peer for item in sheet.targets for peer in item.peers})
    if comparison.subtracts and len(union) > 1:
        usable = plan.usable(target.interruptions)
        gap = sheet.unit_values.mean(axis=1) - peer_mean(plan.scaled[:, plan.panel.columns(union)], usable)
        values = np.where(usable, gap, np.nan)
        sheets.append(("set_union_of_peers", sheet.mean(target, values, np.full(len(gap), np.nan))))
    for method, one in sheets:
        fitted, _ = estimate([(one, entries)], analysis.ask)
        for item in analysis.primary(fitted):
            yield method, item


def overlap_check(plan: OutcomePlan) -> list[CheckResult]:
    """Return the check ``peer_overlap``: the largest share of peers that two treated units have in common."""
    peers = {unit: set(chosen.peers) for unit, chosen in sorted(plan.peer_sets.items()) if chosen.peers}
    if len(peers) < 2:
        return []
    shares = peer_overlap(peers)
    np.fill_diagonal(shares, 0.0)
    units = list(peers)
    first, second = np.unravel_index(int(np.argmax(shares)), shares.shape)
    largest = float(shares[first, second])
    if largest == 0.0:
        message = "No two treated units share a peer; their estimates are independent in this respect."
        return [CheckResult("peer_overlap", 0.0, np.nan, "pass", message)]
    message = (
        f"{units[first]} shares {largest:.0%} of its peers with {units[second]}, the most of any two treated "
        "units: what happens to a shared peer moves both estimates, and pooled intervals take them as "
        "independent; the row set_union_of_peers counts each peer once."
    )
    return [CheckResult("peer_overlap", largest, np.nan, "pass", message)]


def crawford_howell_p(analysis: Analysis, plan: OutcomePlan, unit: str) -> tuple[float, CheckResult]:
    """Return the p-value of a unit's own change among those of its peers, and the check.

    Least squares without weights over the periods common to the unit and its peers (methods §11.9), each
    series by itself.
    """
    chosen = plan.peer_sets.get(unit)
    name = "crawford_howell"
    if chosen is None or len(chosen.peers) < 2:
        return np.nan, not_applicable(name, "At least two peers are needed.")
    panel = plan.panel
    values = plan.scaled[:, panel.columns((unit, *chosen.peers))]
    interruptions = plan.interruptions[unit]
    common = plan.usable(interruptions) & ~np.isnan(values).any(axis=1)
    season = plan.season.resolve(int(common.sum()), plan.per_year)
    design = build_design(plan.positions, plan.per_year, panel.frequency, interruptions, season, plan.masked)
    rows = linear_contrasts(design, common, analysis.question.at)
    if analysis.estimand not in rows:
        return np.nan, not_applicable(name, "It is for estimands that are linear in the parameters.")
    matrix = design.matrix[common]
    if np.linalg.matrix_rank(matrix) < matrix.shape[1] or common.sum() <= matrix.shape[1]:
        return np.nan, not_applicable(
            name, f"{int(common.sum())} periods common to unit and peers are too few."
        )
    params = np.linalg.lstsq(matrix, values[common], rcond=None)[0]
    estimates = rows[analysis.estimand] @ params
    found = crawford_howell(estimates[:1], estimates[1:, None])
    p_value = float(found.p_value[0])
    verdict = (
        "more than they differ among themselves"
        if reaches(np.array(p_value), analysis.alpha)
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

    A series that is fitted exactly has no p-value: its interval decides nothing.
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


def joint_check(item: Estimates, position: int) -> list[CheckResult]:
    """Return the Kenward-Roger F test of no change of level or slope (methods §11.7).

    Shown beside the primary estimand, which it does not replace: level and slope estimates depend on each
    other, and the better of the two must not be picked. Where the variance parameters are too uncertain for
    an F distribution its p-value is Bonferroni's, the smallest of the m single ones times m (inference P1).
    """
    columns = item.design.columns[0]
    if len(columns) < 2 or item.placebo_only:
        return []
    rows = np.eye(len(item.design.terms))[list(columns)]
    found = joint_f(item.whole, position, rows)
    single = item.whole.one(position).contrasts(rows).p_value[0]
    if np.isnan(single).any():
        return [
            not_applicable("joint_change", "The series does not vary around the fit: no test is possible.")
        ]
    hypothesis = "Level and slope together: the hypothesis that neither changed has"
    beside = "it stands beside the primary estimand and does not replace it."
    if not np.isnan(found.p_value):
        shown = f"F({found.df_num:g}, {number(found.df_den)}) = {number(found.statistic)}"
        message = f"{hypothesis} {shown}, {p_text(found.p_value)}; {beside}"
        return [CheckResult("joint_change", found.statistic, found.p_value, "pass", message)]
    p_value = min(1.0, len(columns) * float(single.min()))
    message = (
        f"{hypothesis} {p_text(p_value)}, {len(columns)} times the smaller p-value of the two, as too little "
        f"independent information is left for an F test; {beside}"
    )
    return [CheckResult("joint_change", np.nan, p_value, "pass", message)]
