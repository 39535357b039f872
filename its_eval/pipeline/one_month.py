"""Whether a jump rests on the two periods around the start, for every series of a fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.one_month import JumpEvidence, contradicted, jump_evidence, one_month
from its_eval.checks.result import DRAWS, CheckResult, not_applicable, number, upper_p
from its_eval.effects.estimands import linear_contrasts
from its_eval.pipeline.error_model import error_covariance
from its_eval.pipeline.period_weights import period_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import ContrastEstimates
    from its_eval.pipeline.estimate import Estimates
    from its_eval.pipeline.primary import Analysis

    FloatArray = NDArray[np.float64]

NAME = "one_month"


def one_month_checks(analysis: Analysis, item: Estimates) -> Iterator[tuple[str, CheckResult]]:
    """Yield the check ``one_month`` for every series of a fit."""
    row = None
    if item.design.interruption.form.stays:
        row = linear_contrasts(item.design, item.observed, ())["level_change"]
    for position, unit in enumerate(item.units):
        weights = None if row is None else period_weights(item, position, row[None])
        if row is None or weights is None:
            reason = "It is for a jump that is a sum of periods, with a known error model."
            yield unit, not_applicable(NAME, reason)
            continue
        yield unit, _check(analysis, item, position, row, weights[0])


def _check(
    analysis: Analysis, item: Estimates, position: int, row: FloatArray, weights: FloatArray
) -> CheckResult:
    plan, start = item.sheet.plan, item.design.interruption
    evidence = jump_evidence(weights, start.start, start.first_effect, plan.per_year)
    read = item.whole.one(position).contrasts(row[None])
    low, high = read.interval(analysis.confidence)
    jump = float(read.estimate[0, 0])
    claimed = bool(low[0, 0] > 0.0 or high[0, 0] < 0.0)
    values = np.where(item.observed, item.sheet.values[:, item.columns[position]], np.nan)[:, None]
    if evidence is None or not read.std_error[0, 0] > 0.0:
        return one_month(None, jump, np.nan, claimed=claimed, p_value=lambda: np.nan, words=("",) * 5)
    adjusted = _adjusted(item, values, item.whole.params[position][:, None])

    def p_value() -> float:
        drawn, moved = _without_a_jump(analysis, item, position, row, evidence)
        # as clear a jump that its years contradict
        size = np.where(contradicted(drawn.estimate[:, 0], moved), np.abs(drawn.statistic[:, 0]), 0.0)
        return upper_p(abs(float(read.statistic[0, 0])), size)

    years = evidence.year_before, evidence.year_after
    # over whole years the season is gone, and a reader finds the values' own means
    whole = all(year.size == plan.per_year for year in years)
    told = item.scale.back((values if whole else adjusted)[:, 0])
    before, after = (_mean_words(float(np.mean(told[year]))) for year in years)
    first, last = (plan.period_in_words(place) for place in (evidence.before, evidence.after))
    words = (_jump_words(item, jump), before, after, first, last)
    return one_month(
        evidence, jump, float(evidence.moved(adjusted)[0]), claimed=claimed, p_value=p_value, words=words
    )


def _jump_words(item: Estimates, jump: float) -> str:
    if item.scale.name == "log":
        return f"{100.0 * np.expm1(jump):+.0f} %"
    if not item.scale.is_plain:
        return f"an odds ratio of {number(float(np.exp(jump)))}"
    return f"{jump:+.3g}"


def _mean_words(mean: float) -> str:
    return number(mean) if abs(mean) < 1000.0 else f"{mean:,.0f}"


def _adjusted(item: Estimates, Y: FloatArray, params: FloatArray) -> FloatArray:
    """Return series (n, S) without season, covariates, other events and the change of trend.

    Parameters
    ----------
    Y : ndarray, shape (n, S)
    params : ndarray, shape (k, S)
        Their coefficients.
    """
    design = item.design
    own = design.columns[0]
    taken = [*design.nuisance, *own[1:], *(column for columns in design.columns[1:] for column in columns)]
    return np.asarray(Y - design.matrix[:, taken] @ params[taken])


def _without_a_jump(
    analysis: Analysis, item: Estimates, position: int, row: FloatArray, evidence: JumpEvidence
) -> tuple[ContrastEstimates, FloatArray]:
    """Return the jumps of series that have none, simulated under the fit, and how their years' means move."""
    plan, unit = item.sheet.plan, item.units[position]
    stream = analysis.stream(plan.outcome.name, unit, item.sheet.comparison, NAME)
    factor = np.linalg.cholesky(error_covariance(item, position))
    errors = np.full((item.observed.size, DRAWS), np.nan)
    errors[item.observed] = factor @ stream.standard_normal((len(factor), DRAWS))
    fit = item.refit(errors, position)
    return fit.contrasts(row[None]), evidence.moved(_adjusted(item, errors, fit.params.T))
