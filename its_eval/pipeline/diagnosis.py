"""Diagnostics of the fits that answer the question: residuals, single periods, form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.autocorrelation import breusch_godfrey, durbin_watson, ljung_box_lags
from its_eval.checks.break_elsewhere import search_break
from its_eval.checks.diagnostics import FittedSeries, diagnose
from its_eval.checks.form import curvature, floor_ceiling, persistence, pre_trend
from its_eval.checks.result import CheckResult, not_applicable
from its_eval.effects import linear_contrasts
from its_eval.estimators.catalogue import (
    FitContext,
    GapError,
    ShortSeriesError,
    autoregressive_order,
    fit_estimator,
)
from its_eval.estimators.patterns import SingularDesignError
from its_eval.estimators.reml.noise import fit_reml_ar_noise
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.pipeline.designs import design_estimators
from its_eval.pipeline.tables import random_stream
from its_eval.scales import from_link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config
    from its_eval.estimators.fit import ContrastEstimates, Fit
    from its_eval.pipeline.estimate import Block
    from its_eval.pipeline.plan import OutcomePlan


#: Estimands whose dependence on single periods is shown.
INFLUENCED = ("level_change", "slope_change")
#: Simulated series for the search of a break at another date.
BREAK_DRAWS = 199

Row = dict[str, object]


def diagnostics(
    config: Config, plan: OutcomePlan, block: Block, position: int
) -> tuple[list[CheckResult], list[Row]]:
    """Return the checks of one series of a block and its rows of ``residuals``.

    The residual checks need a fit whose errors are autoregressive or independent, on one series; for other
    estimators and designs they are not applicable.
    """
    column = block.columns[position]
    unit, design_name = block.series.units[column], block.series.design_name
    own = block.series.values[:, column]
    partials = block.fit.partial_autocorrelations[position]
    spread = block.period_variance(position)
    degenerate = block.fit.flags.get("degenerate", np.zeros(len(block.columns), dtype=bool))[position]
    if not block.whitenable or np.isnan(partials).any() or degenerate:
        reason = "Residual checks are for linear models of one series with autoregressive errors."
        return [not_applicable("residuals", reason)], []
    root = np.sqrt(spread)
    values = np.where(block.observed, own, np.nan)
    fitted = FittedSeries(
        block.design.matrix / root[:, None],
        values / root,
        partials,
        np.arange(len(own)) >= block.design.interruption.start,
        plan.panel.periods,
        plan.per_year,
        _denominators(block, column),
    )
    rows = linear_contrasts(block.design, block.observed, ())
    wanted = {name: rows[name] for name in INFLUENCED if name in rows}
    read = block.fit.one(position).contrasts(np.array(list(wanted.values())))
    estimands = {
        name: (row, float(read.estimate[0, place])) for place, (name, row) in enumerate(wanted.items())
    }
    contrast_rows = np.array(list(wanted.values()))

    def refit(outcome: NDArray[np.float64]) -> ContrastEstimates | None:
        try:
            return _refit(plan, block, outcome * root[:, None], position).contrasts(contrast_rows)
        except (SingularDesignError, ShortSeriesError, GapError):
            # without the outliers too little is left; the check still names them
            return None

    stream = random_stream(config, plan.outcome.name, unit, design_name, "residuals")
    found = diagnose(fitted, estimands, refit, stream)
    order = len(partials)
    checks = [
        *found.checks,
        durbin_watson(block.design.matrix, values),
        breusch_godfrey(block.design.matrix, values, ljung_box_lags(int(block.observed.sum()))),
        *_form_checks(config, plan, block, position),
        _break_elsewhere(config, plan, block, position, order),
    ]
    observed = np.flatnonzero(block.observed)
    residual_rows: list[Row] = [
        {
            "outcome": plan.outcome.name,
            "unit": unit,
            "design": design_name,
            "period": plan.period(int(index)),
            "innovation": value,
        }
        for index, value in zip(observed, found.residuals, strict=True)
    ]
    return checks, residual_rows


def _denominators(block: Block, column: int) -> NDArray[np.float64] | None:
    values = block.series.denominators[:, column]
    return None if np.isnan(values[block.observed]).any() else values


def _refit(plan: OutcomePlan, block: Block, outcome: NDArray[np.float64], position: int) -> Fit:
    """Fit other values of a series by the estimator of its block."""
    estimator = next(
        item for item in design_estimators(plan, block.series.design_name) if item.label == block.estimator
    )
    relative = None if block.relative_variance is None else block.relative_variance[:, [position]]
    context = FitContext(
        int((~np.isnan(outcome)).sum()),
        np.arange(len(outcome)) >= block.design.interruption.start,
        plan.per_year,
        relative,
    )
    return fit_estimator(estimator, block.design.matrix, outcome, context)


def _form_checks(config: Config, plan: OutcomePlan, block: Block, position: int) -> list[CheckResult]:
    """Return the checks of the form: bend and drift before the start, floor and ceiling, persistence."""
    design, column = block.design, block.columns[position]
    values = np.where(block.observed, block.series.values[:, column], np.nan)
    order = block.fit.partial_autocorrelations.shape[1] or autoregressive_order(
        "auto", int(block.observed.sum())
    )
    found = [curvature(design.matrix, values, design.interruption.start, order)]
    single = block.fit.one(position)
    if not block.own_level:
        rows = linear_contrasts(design, block.observed, ())
        read = single.contrasts(rows["pre_slope"][None])
        found.append(
            pre_trend(
                float(read.estimate[0, 0]),
                float(read.std_error[0, 0]),
                float(read.df[0, 0]),
                config.checks.pretrend_margin,
                config.confidence,
            )
        )
    level = 0.0 if block.own_level else block.series.peer_means[:, column]
    params = single.params[0]
    found.append(
        floor_ceiling(
            from_link(design.matrix @ params + level, block.link),
            from_link(design.counterfactual @ params + level, block.link),
            block.observed,
            plan.panel.periods,
            percentage=plan.outcome.kind == "percentage",
        )
    )
    partials = block.fit.partial_autocorrelations[position]
    if partials.size:
        found.append(persistence(float(partials[0]), _noise_gain(block, position)))
    return found


def _noise_gain(block: Block, position: int) -> float | None:
    """Return what added noise gains in restricted log-likelihood over the order of the fit, unweighted."""
    matrix = block.design.matrix
    values = np.where(block.observed, block.series.values[:, block.columns[position]], np.nan)[:, None]
    order = block.fit.partial_autocorrelations.shape[1]
    try:
        with_noise = fit_reml_ar_noise(matrix, values)
    except SingularDesignError:
        return None  # a parameter more than the periods bear
    gain = with_noise.log_likelihood - fit_reml_ar(matrix, values, order).log_likelihood
    return float(gain[0])


def _break_elsewhere(
    config: Config, plan: OutcomePlan, block: Block, position: int, order: int
) -> CheckResult:
    """Return the check whether a break at another date fits better."""
    design, column = block.design, block.columns[position]
    own = list(design.columns[0])
    kept = [index for index in range(len(design.terms)) if index not in own]
    root = np.sqrt(block.period_variance(position))
    stream = random_stream(
        config, plan.outcome.name, block.series.units[column], block.series.design_name, "break"
    )
    values = np.where(block.observed, block.series.values[:, column], np.nan)
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
    except (SingularDesignError, ValueError) as error:
        return not_applicable("break_elsewhere", f"No other date can be searched: {error}.")
    return search.check(plan.panel.periods, plan.per_year)
