"""Whether anything changed ahead of the start: the last periods before it, each with a term of its own.

A term for each of these leads takes it out of the fit of the course, so that it is held against what the
periods before predict (Salkever 1976, *Journal of Econometrics* 4:393; leads of a reform as in Autor 2003,
*Journal of Labor Economics* 21:1). Unlike starts at which nothing happened (``placebo_dates``) it needs no
years of history.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from its_eval.checks.result import CheckResult, judged, not_applicable, number, p_text
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.design.shapes import FOR_A_LEVEL, FOR_A_SLOPE
from its_eval.errors import NotEstimableError
from its_eval.estimators.fit import require_estimable
from its_eval.pipeline.question import joint_test

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import ContrastEstimates
    from its_eval.pipeline.estimate import Estimates
    from its_eval.pipeline.primary import Analysis

NAME = "anticipation"

Row = dict[str, object]


def anticipation_checks(
    analysis: Analysis, item: Estimates, periods: int
) -> Iterator[tuple[str, CheckResult, list[Row]]]:
    """Yield unit, check ``anticipation`` and rows of ``leads`` for every series of a fit.

    Parameters
    ----------
    analysis : Analysis
        What is asked.
    item : Estimates
        The fit of the answer.
    periods : int
        So many periods before the start are leads. Those without a value have no row.
    """
    design = item.design
    start, time = design.interruption.start, np.arange(design.n_periods)
    before = item.observed & design.usable & (time < start)
    leads = np.flatnonzero(before & (time >= start - periods))
    reason = _obstacle(item, before, leads)
    if reason:
        yield from ((unit, not_applicable(NAME, reason), []) for unit in item.units)
        return
    n_terms = len(design.terms)
    matrix = np.hstack([design.matrix, np.eye(design.n_periods)[:, leads]])
    ahead = replace(item, design=replace(design, matrix=matrix))
    rows = np.eye(matrix.shape[1])[n_terms:]
    for position, unit in enumerate(item.units):
        values = np.where(item.observed, item.sheet.values[:, item.columns[position]], np.nan)[:, None]
        if item.stuck[position]:
            words = "The series does not vary around the fit: no test is possible."
            yield unit, not_applicable(NAME, words), []
            continue
        try:
            fit = ahead.refit(values, position)
        except NotEstimableError as error:
            yield unit, not_applicable(NAME, f"The leads cannot be fitted: {error}."), []
            continue
        alone = replace(ahead, columns=item.columns[position : position + 1], fit=fit)
        single = fit.contrasts(rows)
        found = joint_test(alone, 0, rows, single.p_value[0].tolist())
        average = fit.contrasts(rows.mean(axis=0, keepdims=True))
        size = number(float(item.scale.effect(average.estimate)[0, 0]))
        words = (
            f"The {len(leads)} periods before the start, held against those before them, lie {size} away on "
            f"average (all together {p_text(found.p_value)})"
        )
        if not item.scale.is_plain:
            words = words.replace("lie", "are").replace("away", "times as large")
        yield (
            unit,
            judged(
                NAME,
                found.statistic,
                found.p_value,
                f"{words}: something changed ahead of the start; look for the reason, or move the start.",
                f"{words}; nothing needs to be done.",
                analysis.alpha,
            ),
            _rows(analysis, item, unit, leads, single),
        )


def _rows(
    analysis: Analysis, item: Estimates, unit: str, leads: NDArray[np.intp], single: ContrastEstimates
) -> list[Row]:
    """Return the rows of ``leads`` of one series, the earliest first.

    Standard error, statistic and p-value are on the scale of the fit; a ratio has its estimate and limits.
    """
    plan, start = item.sheet.plan, item.design.interruption.start
    low, high = single.interval(analysis.question.confidence)
    keys: Row = {"outcome": plan.outcome.name, "unit": unit, "design": item.sheet.comparison}
    keys["scale"] = "response" if item.scale.is_plain else "ratio"
    found = []
    for place, period in enumerate(leads.tolist()):
        shown = [float(item.scale.effect(part)[0, place]) for part in (single.estimate, low, high)]
        row = keys | {"period": plan.period(period), "event_time": period - start}
        row |= dict(zip(("estimate", "conf_low", "conf_high"), shown, strict=True))
        for name in ("std_error", "df", "statistic", "p_value"):
            row[name] = float(getattr(single, name)[0, place])
        found.append(row)
    return found


def _obstacle(item: Estimates, before: NDArray[np.bool_], leads: NDArray[np.intp]) -> str:
    """Return why a fit cannot be asked; blank where it can."""
    kind, design = item.kind, item.design
    if (
        kind is None
        or item.entry is None
        or item.placebo_only
        or COMPARISONS[item.sheet.comparison].one_model
    ):
        return "Leads are for models of one series."
    if item.entry.variance != "constant" or not (kind.predicts or item.inference == "random_walk"):
        return f"{item.estimator} does not say how far single periods vary."
    if not leads.size:
        return "None of the periods before the start has a value."
    left = int(before.sum()) - leads.size
    needed = FOR_A_SLOPE if "pre_slope" in design.terms else FOR_A_LEVEL
    if left < needed:
        return f"{leads.size} leads leave {left} periods before them; {needed} are needed."
    used = item.observed & design.usable
    used[leads] = False
    try:
        require_estimable(design.matrix, used, minimum_df=FOR_A_LEVEL)
    except NotEstimableError as error:
        return f"The leads leave too little: {error}."
    return ""
