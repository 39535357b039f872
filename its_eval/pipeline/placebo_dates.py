"""Placebo in time: the same model on the periods before the start, with starts at which nothing happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.checks.autocorrelation import Whitening
from its_eval.checks.break_elsewhere import FTests, distinct
from its_eval.checks.result import DRAWS, CheckResult, judged, not_applicable, p_text, sequential_p
from its_eval.design.segments import require_segments
from its_eval.effects.estimands import linear_contrasts
from its_eval.effects.several_units import reaches
from its_eval.errors import NotEstimableError
from its_eval.estimators.fit import require_estimable
from its_eval.estimators.quantiles import t_quantile
from its_eval.estimators.reml.reml_ar import PointEstimates, reml_point_estimates
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

Row = dict[str, object]


class _Dated(Struct, frozen=True):
    """What a start at which nothing happened seemed to do, and the fit that says so, if there is one."""

    start: int
    estimate: float
    statistic: float
    p_value: float
    fit: Estimates | None = None
    position: int = 0


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
            stream = analysis.stream(plan.outcome.name, unit, item.sheet.comparison, "placebo dates")
            checks.append((unit, _share(analysis, dated[position], stream)))
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
    fits = {
        one.sheet.targets[column]: (one, position)
        for one in estimates
        for position, column in enumerate(one.columns)
    }
    for place, start, target in zip(places, starts, sheet.targets, strict=True):
        result = by_target.get(target)
        if result is None:
            found[place].append(_Dated(start, np.nan, np.nan, np.nan))
            continue
        numbers = result.estimate, result.statistic, result.p_value
        found[place].append(_Dated(start, *numbers, *fits[target]))
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
    design = one.design(0, observed)
    used: NDArray[np.bool_] = observed & design.usable
    try:
        require_segments(design.interruptions, used)
        require_estimable(design.matrix, used, minimum_df=3)
    except NotEstimableError:
        return False
    return analysis.shown_estimand(design) in linear_contrasts(design, used, analysis.question.at_of(design))


def _share(analysis: Analysis, dated: Sequence[_Dated], stream: np.random.Generator) -> CheckResult:
    """Return the check ``placebo_dates``: the share of dates at which an effect would have been found.

    Neighbouring dates find the same, so that a tenth of them is nothing to wonder at: the p-value is how
    often a series without any interruption, simulated from the time before, has as large a share.
    """
    name = "placebo_dates"
    known = [date for date in dated if not np.isnan(date.p_value)]
    if not known:
        return not_applicable(name, "No placebo date leaves enough periods on either side.")
    hits = int(reaches(np.array([date.p_value for date in known]), analysis.alpha).sum())
    share = hits / len(known)
    placed = [(date.fit, date.position) for date in known if date.fit is not None]
    p_value = _share_p(analysis, placed, stream) if hits else 1.0
    counted = f"At {hits} of {len(known)} dates before the start the model finds an effect"
    told = "" if np.isnan(p_value) else f" ({p_text(p_value)})"
    return judged(
        name,
        share,
        p_value,
        f"{counted}{told}: the series moves by itself in ways the model takes for effects; distrust the "
        "p-value.",
        f"{counted}{told}; nothing needs to be done." if hits else f"{counted}.",
        analysis.alpha,
    )


def _share_p(
    analysis: Analysis, dated: Sequence[tuple[Estimates, int]], stream: np.random.Generator
) -> float:
    """Return the p-value of the share of dates with an effect, in the series and in simulated ones alike.

    All dates of a series are tested with the autocorrelation that it has without an interruption: one fit a
    series instead of one a date. NaN for a fit whose errors are not known to be autoregressive, and for an
    estimand that is not one of the interruption's terms alone, or of single periods.
    """
    if any(fit.design.interruption.form.by_period for fit, _ in dated):
        return np.nan  # each date has terms of its own number
    contrasts = np.array([_own_contrast(analysis, fit) for fit, _ in dated])
    known = [(fit, place) for fit, place in dated if fit.whitenable]
    if not known or np.isnan(contrasts).any():
        return np.nan
    first, position = known[0]
    values = first.sheet.observed[:, first.columns[position]]
    root = np.sqrt(first.period_variance[position])[:, None]
    matrix = np.delete(first.design.matrix, list(first.design.columns[0]), axis=1) / root
    candidates = np.array([fit.design.matrix[:, list(fit.design.columns[0])] for fit, _ in dated]) / root
    observed, order = ~np.isnan(values), first.whole.partial_autocorrelations.shape[1]
    every = distinct(matrix, candidates, observed)

    tests = FTests(matrix, candidates[every], observed, order)
    fitted_again = PointEstimates(matrix, order)

    def shares(series: NDArray[np.float64]) -> NDArray[np.float64]:
        partials = fitted_again(series)[1] if order else np.empty((series.shape[1], 0))
        squares = tests(series, partials, contrasts[every])
        df = observed.sum() - matrix.shape[1] - candidates.shape[2]
        return np.asarray(np.mean(squares >= t_quantile(1.0 - analysis.alpha / 2.0, df) ** 2, axis=0))

    own = values[:, None] / root
    partials = reml_point_estimates(matrix, own, order)[1][0] if order else np.empty(0)
    whitening = Whitening(matrix, partials, observed)
    noise = stream.standard_normal((whitening.positions.size, DRAWS))
    return sequential_p(float(shares(own)[0]), lambda draws: shares(whitening.errors(noise[:, draws])))


def _own_contrast(analysis: Analysis, item: Estimates) -> NDArray[np.float64]:
    """Return an estimand in the interruption's own coefficients; NaN where it has others too."""
    every = linear_contrasts(item.design, item.observed, analysis.question.at_of(item.design))
    row = every[analysis.shown_estimand(item.design)]
    own = list(item.design.columns[0])
    return row[own] if not np.delete(row, own).any() else np.full(len(own), np.nan)


def _lead(alpha: float, per_year: int, date: _Dated) -> CheckResult:
    """Return the check ``lead_test``: an effect a year before anything happened."""
    p_value = date.p_value
    if np.isnan(p_value):
        return not_applicable("lead_test", "A start one year earlier cannot be fitted to the periods before.")
    words = f"With a start {per_year} periods earlier, on the periods before the real one, p = {p_value:.3f}"
    found = f"{words}: the series changed before the intervention; look for the reason."
    return judged("lead_test", date.statistic, p_value, found, f"{words}; nothing needs to be done.", alpha)
