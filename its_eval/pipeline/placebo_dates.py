"""Placebo in time: the same model on the periods before the start, with starts at which nothing happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.result import CheckResult, not_applicable
from its_eval.design.matrix import require_segments
from its_eval.effects.estimands import linear_contrasts
from its_eval.effects.several_units import reaches
from its_eval.errors import NotEstimableError
from its_eval.estimators.fit import require_estimable
from its_eval.pipeline.estimate import Estimates, estimate
from its_eval.pipeline.plan import Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.pipeline.primary import Analysis
    from its_eval.pipeline.sheet import Sheet


#: Periods before the start that a placebo date needs, for the order of the errors to stay the same, and the
#: periods that are kept on either side of one (methods §11.13, §6), in years of so many periods.
YEARS_BEFORE = 4
YEARS_ASIDE = 1
#: More than this share of small p-values asks for attention.
TOO_MANY = 0.1

Row = dict[str, object]


@dataclass(frozen=True)
class _Dated:
    """What a start at which nothing happened seemed to do."""

    start: int
    estimate: float
    statistic: float
    p_value: float


def placebos_in_time(
    analysis: Analysis, estimates: Sequence[Estimates]
) -> tuple[list[Row], list[tuple[str, CheckResult]]]:
    """Return the rows of ``placebo_dates`` and a check for every series of some fits.

    Parameters
    ----------
    analysis : Analysis
        What is asked.
    estimates : sequence of Estimates
        Fits of the treated units by the primary estimator, in one design.
    """
    rows: list[Row] = []
    checks: list[tuple[str, CheckResult]] = []
    for item in estimates:
        plan, start = item.sheet.plan, item.design.interruption.start
        before = int((item.observed & (np.arange(len(item.observed)) < start)).sum())
        needed = YEARS_BEFORE * plan.per_year
        linear = linear_contrasts(item.design, item.observed, analysis.question.at_of(item.design))
        if (
            before < needed
            or analysis.shown_estimand(item.design) not in linear
            or item.placebo_only
            or item.is_family
        ):
            reason = (
                f"Placebo dates need {needed} periods before the start; there are {before}."
                if before < needed
                else "Placebo dates are for estimands that are linear in the parameters."
            )
            checks += [(unit, not_applicable("placebo_dates", reason)) for unit in item.units]
            continue
        dated = _dated(analysis, item, start)
        for position, unit in enumerate(item.units):
            for date in dated[position]:
                shown = float(item.scale.effect(np.array(date.estimate)))
                rows.append(
                    {
                        "outcome": plan.outcome.name,
                        "unit": unit,
                        "design": item.sheet.comparison,
                        "estimand": analysis.shown_estimand(item.design),
                        "placebo": plan.period(date.start),
                        "estimate": shown,
                        "statistic": date.statistic,
                    }
                )
            p_values = np.array([date.p_value for date in dated[position]])
            checks.append((unit, _share(analysis.alpha, p_values)))
            lead = [date for date in dated[position] if date.start == start - plan.per_year]
            checks += [(unit, _lead(analysis.alpha, plan.per_year, date)) for date in lead]
    return rows, checks


def _dated(analysis: Analysis, item: Estimates, end: int) -> list[list[_Dated]]:
    """Return what every placebo start of every series seemed to do, by series."""
    sheet, places, starts = _moved(analysis, item, end)
    found: list[list[_Dated]] = [[] for _ in item.columns]
    if not places or item.entry is None:
        return found
    estimates, _ = estimate([(sheet, [item.entry])], analysis.ask)
    by_target = {result.target: result for result in analysis.primary(estimates)}
    for place, start, target in zip(places, starts, sheet.targets, strict=True):
        result = by_target.get(target)
        numbers = (np.nan,) * 3 if result is None else (result.estimate, result.statistic, result.p_value)
        found[place].append(_Dated(start, *numbers))
    return found


def _moved(analysis: Analysis, item: Estimates, end: int) -> tuple[Sheet, list[int], list[int]]:
    """Return the time before, once for every placebo start that it can estimate, with series and starts."""
    sheet = item.sheet
    aside = YEARS_ASIDE * sheet.plan.per_year
    intervention = item.design.interruption
    events = tuple(event for event in item.design.interruptions[1:] if event.start < end)
    n_used = int(item.observed[:end].sum())
    values = np.where(item.observed[:, None], sheet.values, np.nan)
    early = replace(sheet, values=values).until(end)
    season = early.plan.season.resolve(n_used, early.plan.per_year)
    early = replace(early, plan=replace(early.plan, season=season))
    columns: list[int] = []
    places: list[int] = []
    starts: list[int] = []
    targets: list[Target] = []
    for start in range(aside, end - aside + 1 - intervention.phase_in):
        interruptions = (replace(intervention, name="placebo", start=start), *events)
        for place, column in enumerate(item.columns):
            target = replace(sheet.targets[column], interruptions=interruptions)
            if _can_be_estimated(analysis, early.take(np.array([column]), [target])):
                columns.append(int(column))
                places.append(place)
                starts.append(start)
                targets.append(target)
    moved = early.take(np.array(columns, dtype=np.intp), targets)
    usable = [moved.plan.usable(target.interruptions) for target in targets]
    if usable:
        moved = replace(moved, values=np.where(np.column_stack(usable), moved.values, np.nan))
    return moved, places, starts


def _can_be_estimated(analysis: Analysis, one: Sheet) -> bool:
    """Return whether a single series with a placebo start has what the model needs, and the estimand."""
    places = np.array([0])
    observed = ~np.isnan(one.known_values(places)[:, 0])
    design = one.design(0, int(observed.sum()))
    used: NDArray[np.bool_] = observed & design.usable
    try:
        require_segments(design.interruptions, used)
        require_estimable(design.matrix, used, minimum_df=3)
    except NotEstimableError:
        return False
    return analysis.shown_estimand(design) in linear_contrasts(design, used, analysis.question.at_of(design))


def _share(alpha: float, p_values: NDArray[np.float64]) -> CheckResult:
    """Return the check ``placebo_dates``: the share of dates at which an effect would have been found."""
    known = p_values[~np.isnan(p_values)]
    if known.size == 0:
        return not_applicable("placebo_dates", "No placebo date leaves enough periods on either side.")
    hits = reaches(known, alpha)
    share = float(hits.mean())
    counted = f"At {int(hits.sum())} of {known.size} dates before the start the model finds an effect"
    if share > TOO_MANY:
        message = (
            f"{counted}: the series moves by itself in ways the model takes for effects; distrust the "
            "p-value."
        )
        return CheckResult("placebo_dates", share, np.nan, "attention", message)
    return CheckResult("placebo_dates", share, np.nan, "pass", f"{counted}; nothing needs to be done.")


def _lead(alpha: float, per_year: int, date: _Dated) -> CheckResult:
    """Return the check ``lead_test``: an effect a year before anything happened."""
    p_value = date.p_value
    if np.isnan(p_value):
        return not_applicable("lead_test", "A start one year earlier cannot be fitted to the periods before.")
    words = f"With a start {per_year} periods earlier, on the periods before the real one, p = {p_value:.3f}"
    if reaches(np.array(p_value), alpha):
        message = f"{words}: the series changed before the intervention; look for the reason."
        return CheckResult("lead_test", date.statistic, p_value, "attention", message)
    return CheckResult("lead_test", date.statistic, p_value, "pass", f"{words}; nothing needs to be done.")
