"""The treated units together and among their peers: pooled effects, and comparisons beside the label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import asdict

from its_eval.checks.form import equivalence
from its_eval.checks.placebo import crawford_howell
from its_eval.checks.power import minimum_detectable
from its_eval.checks.result import CheckResult, not_applicable, number, p_text
from its_eval.design.peer_mean import peer_mean
from its_eval.effects.estimands import joint_rows, linear_contrasts
from its_eval.effects.several_units import METHODS, Pooled, leave_one_out, pool, reaches
from its_eval.peers.select import peer_overlap
from its_eval.pipeline.estimate import Estimates, estimate
from its_eval.pipeline.plan import Target
from its_eval.pipeline.primary import PrimaryColumns, PrimaryEstimate
from its_eval.pipeline.question import joint_test
from its_eval.pipeline.together import SET

if TYPE_CHECKING:
    from its_eval.comparisons.base import Comparison
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.primary import Analysis
    from its_eval.pipeline.together import SetAnswer
    from its_eval.scales import Scale


Row = dict[str, object]


def pooled_rows(
    analysis: Analysis,
    plan: OutcomePlan,
    comparison: Comparison,
    estimates: Sequence[Estimates],
    own: PrimaryColumns,
    together: SetAnswer | None,
) -> list[Row]:
    """Return the rows of ``pooled``: the mean effect of the treated units, and other ways to combine them.

    ``set`` is the mean of the separate estimates, whatever their starts; ``set_union_of_peers`` is the fit of
    the mean treated series minus the mean of the union of their peers, so that a peer of several units counts
    once; the others take the estimates as independent and say what a further unit may expect, ``<method>
    without <unit>`` one less.

    Parameters
    ----------
    analysis, plan, comparison : Analysis, OutcomePlan, Comparison
        What is asked of which outcome.
    estimates : sequence of Estimates
        Fits of its primary estimator.
    own : PrimaryColumns
        The primary estimand of each unit.
    together : SetAnswer or None
        The treated units as a set.
    """
    if not len(own):
        return []
    keys = {"outcome": plan.outcome.name, "design": comparison.name, "estimand": own.estimands[0]}
    rows: list[Row] = []
    if together is not None:
        answer = next(iter(together.quantities.values()))
        rows.append(
            {**keys, "method": "set", **_set_row(answer, analysis.alpha), "n_units": together.n_units}
        )
    union = _union_of_peers(analysis, plan, comparison, estimates)
    if union is not None:
        row = _set_row(union, analysis.alpha)
        rows.append({**keys, "method": "set_union_of_peers", **row, "n_units": len(own)})
    usable = ~own.stuck & (own.std_error > 0)
    if usable.sum() < 2:
        return rows
    values, std_errors = own.estimate[usable], own.std_error[usable]
    units = [target.unit for target, good in zip(own.targets, usable, strict=True) if good]
    combined = [pool(values, std_errors, name, analysis.confidence) for name in METHODS]
    rows += [{**keys, **_pooled_row(item, own.scale)} for item in combined]
    for unit, left in leave_one_out(values, std_errors, units, METHODS[0], analysis.confidence):
        row = _pooled_row(left, own.scale)
        rows.append({**keys, **row, "method": f"{METHODS[0]} without {unit}"})
    return rows


def _set_row(item: PrimaryEstimate, alpha: float) -> Row:
    smallest = minimum_detectable(item.std_error, item.df, alpha) if item.std_error > 0 else np.nan
    return item.cells() | {"minimum_detectable": item.shown(smallest)}


def _pooled_row(found: Pooled, scale: Scale) -> Row:
    row: Row = asdict(found)
    for name in ("estimate", "conf_low", "conf_high", "prediction_low", "prediction_high"):
        row[name] = float(scale.effect(np.array(getattr(found, name), dtype=np.float64)))
    return row


def _union_of_peers(
    analysis: Analysis, plan: OutcomePlan, comparison: Comparison, estimates: Sequence[Estimates]
) -> PrimaryEstimate | None:
    """Return the fit of the mean series beside the union of peers; None for staggered starts."""
    if not comparison.subtracts or plan.staggered or not estimates or estimates[0].is_family:
        return None
    sheet = estimates[0].sheet
    interruptions = {target.interruptions for target in sheet.targets}
    union = sorted({peer for item in sheet.targets for peer in item.peers})
    if len(interruptions) != 1 or any(item is not None for item in sheet.covariates) or len(union) < 2:
        return None
    target = Target(SET, sheet.targets[0].interruptions)
    usable = plan.usable(target.interruptions)
    gap = sheet.unit_values.mean(axis=1) - peer_mean(plan.scaled[:, plan.panel.columns(union)], usable)
    one = sheet.mean(target, np.where(usable, gap, np.nan), np.full(len(gap), np.nan))
    fitted, _ = estimate([(one, comparison.entries(plan.outcome.estimators)[:1])], analysis.ask)
    return next(iter(analysis.primary(fitted)), None)


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
    design = plan.design(interruptions, season, observed=common)
    rows = linear_contrasts(design, common, analysis.question.at_of(design))
    estimand = analysis.shown_estimand(design)
    if estimand not in rows:
        return np.nan, not_applicable(name, "It is for estimands that are linear in the parameters.")
    matrix = design.matrix[common]
    if common.sum() <= matrix.shape[1] or np.linalg.matrix_rank(matrix) < matrix.shape[1]:
        return np.nan, not_applicable(
            name, f"{int(common.sum())} periods common to unit and peers are too few."
        )
    params = np.linalg.lstsq(matrix, values[common], rcond=None)[0]
    estimates = rows[estimand] @ params
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
    rows = joint_rows(item.design, 0, item.sheet.plan.per_year)
    if len(rows) < 2 or item.placebo_only:
        return []
    single = item.whole.one(position).contrasts(rows).p_value[0]
    found = joint_test(item, position, rows, single.tolist())
    if np.isnan(found.p_value):
        return [
            not_applicable("joint_change", "The series does not vary around the fit: no test is possible.")
        ]
    together, none, least = "Level and slope together", "neither", "the smaller p-value of the two"
    if item.design.interruption.form.by_period:
        every = len(rows) == len(item.design.columns[0])
        what = "later periods" if every else "years after the start, each by its average,"
        together, none, least = f"All {len(rows)} {what} together", "none", "the smallest p-value"
    shown = (
        f"F({found.df_num:g}, {number(found.df_den)}) = {number(found.statistic)}, {p_text(found.p_value)}"
    )
    if np.isnan(found.statistic):
        shown = (
            f"{p_text(found.p_value)}, {len(rows)} times {least}, as too little "
            "independent information is left for an F test"
        )
    message = f"{together}: the hypothesis that {none} changed has {shown}."
    return [CheckResult("joint_change", found.statistic, found.p_value, "pass", message)]
