"""Diagnostics of the fits that answer the question: residuals, single periods, form."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from its_eval.checks.autocorrelation import breusch_godfrey, durbin_watson, ljung_box_lags
from its_eval.checks.break_elsewhere import search_break
from its_eval.checks.diagnostics import FittedSeries, diagnose
from its_eval.checks.family_autocorrelation import family_autocorrelation
from its_eval.checks.form import curvature, floor_ceiling, persistence, pre_trend
from its_eval.checks.result import CheckResult, not_applicable
from its_eval.effects.estimands import linear_contrasts
from its_eval.errors import NotEstimableError
from its_eval.estimators.kind import autoregressive_order
from its_eval.estimators.reml.noise import fit_reml_ar_noise
from its_eval.estimators.reml.reml_ar import fit_reml_ar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import ContrastEstimates
    from its_eval.estimators.glm import Family
    from its_eval.pipeline.estimate import Estimates
    from its_eval.pipeline.primary import Analysis


#: Estimands whose dependence on single periods is shown.
INFLUENCED = ("level_change", "slope_change")
#: Simulated series for the search of a break at another date.
BREAK_DRAWS = 199

Row = dict[str, object]


def diagnostics(
    analysis: Analysis, pretrend_margin: float | None, item: Estimates, position: int
) -> tuple[list[CheckResult], list[Row]]:
    """Return the checks of one series of a fit and its rows of ``residuals``.

    The residual checks need a fit whose errors are autoregressive or independent, on one series; for other
    estimators and designs they are not applicable.
    """
    sheet, plan = item.sheet, item.sheet.plan
    column, fit = item.columns[position], item.whole
    unit, design_name = item.units[position], sheet.comparison
    own = sheet.values[:, column]
    partials = fit.partial_autocorrelations[position]
    degenerate = fit.flags.get("degenerate", np.zeros(len(item.columns), dtype=bool))[position]
    if item.is_family and not degenerate:
        return [_family_autocorrelation(analysis, item, position)], []
    if not item.whitenable or np.isnan(partials).any() or degenerate:
        reason = "Residual checks are for linear models of one series with autoregressive errors."
        return [not_applicable("residuals", reason)], []
    root = np.sqrt(item.period_variance()[position])
    values = np.where(item.observed, own, np.nan)
    fitted = FittedSeries(
        item.design.matrix / root[:, None],
        values / root,
        partials,
        np.arange(len(own)) >= item.design.interruption.start,
        plan.panel.periods,
        plan.per_year,
        _denominators(item, column),
        analysis.alpha,
    )
    rows = linear_contrasts(item.design, item.observed, ())
    contrasts = {name: rows[name] for name in INFLUENCED if name in rows}
    contrast_rows = np.array(list(contrasts.values()))
    read = fit.one(position).contrasts(contrast_rows)
    estimands = {
        name: (row, float(read.estimate[0, place])) for place, (name, row) in enumerate(contrasts.items())
    }

    def refit(outcome: NDArray[np.float64]) -> ContrastEstimates | None:
        try:
            return item.refit(outcome * root[:, None], position).contrasts(contrast_rows)
        except NotEstimableError:
            # without the outliers too little is left; the check still names them
            return None

    stream = analysis.stream(plan.outcome.name, unit, design_name, "residuals")
    diagnosis = diagnose(fitted, estimands, refit, stream)
    break_stream = analysis.stream(plan.outcome.name, unit, design_name, "break")
    checks = [
        *diagnosis.checks,
        durbin_watson(item.design.matrix, values),
        breusch_godfrey(item.design.matrix, values, ljung_box_lags(int(item.observed.sum()))),
        *_form_checks(analysis, pretrend_margin, item, position),
        _break_elsewhere(item, values, root, len(partials), break_stream, analysis.alpha),
    ]
    residual_rows: list[Row] = [
        {
            "outcome": plan.outcome.name,
            "unit": unit,
            "design": design_name,
            "period": plan.period(int(index)),
            "innovation": value,
        }
        for index, value in zip(np.flatnonzero(item.observed), diagnosis.residuals, strict=True)
    ]
    return checks, residual_rows


def _denominators(item: Estimates, column: int) -> NDArray[np.float64] | None:
    values = item.sheet.denominators[:, column]
    return None if np.isnan(values[item.observed]).any() else values


def _family_autocorrelation(analysis: Analysis, item: Estimates, position: int) -> CheckResult:
    """Return the residual check of a count or binomial family that takes its periods as independent."""
    sheet, column, entry = item.sheet, item.columns[position], item.entry
    if entry is None or entry.errors != "independent":
        return not_applicable("ljung_box", "The errors of neighbouring periods are modelled by this family.")
    per = sheet.plan.outcome.per if item.scale.name == "log" else None
    counts = np.where(item.observed, sheet.counts[:, column], np.nan)
    sizes = sheet.denominators[:, column] / (per or 1.0)
    if np.isnan(sizes[item.observed]).any():
        sizes = np.ones_like(sizes)
    linear = item.design.matrix @ item.whole.params[position]
    share = np.exp(linear) if item.scale.name == "log" else 1.0 / (1.0 + np.exp(-linear))
    dispersion = item.whole.dispersion
    return family_autocorrelation(
        item.design.matrix,
        counts,
        sizes * share,
        sizes,
        cast("Family", entry.name),
        1.0 if dispersion is None else float(dispersion[position]),
        analysis.stream(sheet.plan.outcome.name, item.units[position], sheet.comparison, "residuals"),
        analysis.alpha,
    )


def _form_checks(
    analysis: Analysis, pretrend_margin: float | None, item: Estimates, position: int
) -> list[CheckResult]:
    """Return the checks of the form: bend and drift before the start, floor and ceiling, persistence."""
    design, sheet, column = item.design, item.sheet, item.columns[position]
    values = np.where(item.observed, sheet.values[:, column], np.nan)
    partials = item.whole.partial_autocorrelations[position]
    order = len(partials) or autoregressive_order("auto", int(item.observed.sum()))
    checks = [
        curvature(design.matrix, values, design.interruption.start, order, confidence=analysis.confidence)
    ]
    single = item.whole.one(position)
    if not sheet.own_level:
        rows = linear_contrasts(design, item.observed, ())
        read = single.contrasts(rows["pre_slope"][None])
        checks.append(
            pre_trend(
                float(read.estimate[0, 0]),
                float(read.std_error[0, 0]),
                float(read.df[0, 0]),
                pretrend_margin,
                analysis.confidence,
            )
        )
    level = 0.0 if sheet.own_level else sheet.peer_means[:, column]
    params = single.params[0]
    checks.append(
        floor_ceiling(
            item.scale.back(design.matrix @ params + level),
            item.scale.back(design.counterfactual @ params + level),
            item.observed,
            sheet.plan.panel.periods,
            percentage=sheet.plan.outcome.kind == "percentage",
        )
    )
    if partials.size:
        checks.append(persistence(float(partials[0]), _noise_gain(item, values, len(partials))))
    return checks


def _noise_gain(item: Estimates, values: NDArray[np.float64], order: int) -> float | None:
    """Return what added noise gains in restricted log-likelihood over the order of the fit, unweighted."""
    matrix = item.design.matrix
    try:
        with_noise = fit_reml_ar_noise(matrix, values[:, None])
    except NotEstimableError:
        return None  # a parameter more than the periods bear
    gain = with_noise.log_likelihood - fit_reml_ar(matrix, values[:, None], order).log_likelihood
    return float(gain[0])


def _break_elsewhere(
    item: Estimates,
    values: NDArray[np.float64],
    root: NDArray[np.float64],
    order: int,
    stream: np.random.Generator,
    alpha: float,
) -> CheckResult:
    """Return the check whether a break at another date fits better."""
    design, plan = item.design, item.sheet.plan
    own = list(design.columns[0])
    kept = [index for index in range(len(design.terms)) if index not in own]
    try:
        search = search_break(
            design.matrix[:, kept],
            values,
            order,
            design.interruption.shape,
            design.interruption.start,
            stream,
            BREAK_DRAWS,
            root,
        )
    except ValueError as error:
        return not_applicable("break_elsewhere", f"No other date can be searched: {error}.")
    return search.check(plan.panel.periods, plan.per_year, alpha)
