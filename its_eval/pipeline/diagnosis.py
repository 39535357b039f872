"""Diagnostics of the fits that answer the question: residuals, single periods, form."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from msgspec import Struct

from its_eval.checks.autocorrelation import (
    SERIES_AT_A_TIME,
    SimulatedResiduals,
    breusch_godfrey,
    durbin_watson,
    ljung_box_lags,
    simulate_residuals,
)
from its_eval.checks.break_elsewhere import nearness, search_break
from its_eval.checks.diagnostics import FittedSeries, diagnose
from its_eval.checks.family_autocorrelation import family_autocorrelation
from its_eval.checks.form import FADING, floor_ceiling, lasting_shocks, persistence, pre_trend
from its_eval.checks.result import CheckResult, not_applicable
from its_eval.design.matrix import informing
from its_eval.effects.estimands import linear_contrasts
from its_eval.errors import NotEstimableError
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

Row = dict[str, object]


class _Series(Struct, frozen=True, dict=True):
    """One series of a fit whose residuals can be checked."""

    analysis: Analysis
    item: Estimates
    position: int

    @property
    def unit(self) -> str:
        return self.item.units[self.position]

    @property
    def column(self) -> int:
        return int(self.item.columns[self.position])

    @cached_property
    def root(self) -> NDArray[np.float64]:
        """Relative standard deviations of the errors, shape (n,)."""
        return np.asarray(np.sqrt(self.item.period_variance[self.position]))

    @cached_property
    def values(self) -> NDArray[np.float64]:
        _, told = _informing(self.item)
        return np.where(told, self.item.sheet.values[:, self.column], np.nan)

    @cached_property
    def fitted(self) -> FittedSeries:
        item, plan = self.item, self.item.sheet.plan
        return FittedSeries(
            _informing(item)[0] / self.root[:, None],
            self.values / self.root,
            item.whole.partial_autocorrelations[self.position],
            np.arange(len(self.values)) >= item.design.interruption.start,
            plan.panel.periods,
            plan.per_year,
            _denominators(item, self.column),
            self.analysis.alpha,
        )

    def stream(self, purpose: str) -> np.random.Generator:
        plan = self.item.sheet.plan
        return self.analysis.stream(plan.outcome.name, self.unit, self.item.sheet.comparison, purpose)


def _informing(item: Estimates) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return design and used periods of a fit without single periods that have terms of their own.

    The fit to what is left is the same, and only there are residuals.
    """
    design = item.design
    every = zip(design.interruptions, design.columns, strict=True)
    taken = [column for one, columns in every if one.form.by_period for column in columns]
    return np.delete(design.matrix, taken, axis=1), informing(design.interruptions, item.observed)


def diagnostics(
    analysis: Analysis, pretrend_margin: float | None, item: Estimates
) -> Iterator[tuple[str, list[CheckResult], list[Row]]]:
    """Yield, for every series of a fit, its unit, its checks and its rows of ``residuals``.

    The residual checks need a fit whose errors are autoregressive or independent, on one series; for other
    estimators and designs they are not applicable. Simulated series of a few units are fitted together.
    """
    every = [_Series(analysis, item, position) for position in range(len(item.columns))]
    shocks = _LastingShocks(analysis, item)
    for start in range(0, len(every), SERIES_AT_A_TIME):
        some = every[start : start + SERIES_AT_A_TIME]
        usable = [series for series in some if _can_be_checked(series)]
        simulated = simulate_residuals(
            [series.fitted.whitening for series in usable], [series.stream("residuals") for series in usable]
        )
        drawn = {series.position: draws for series, draws in zip(usable, simulated, strict=True)}
        for series in some:
            if series.position in drawn:
                yield series.unit, *_of_series(series, pretrend_margin, drawn[series.position], shocks)
            elif item.is_family and not item.stuck[series.position]:
                yield series.unit, [_family_autocorrelation(analysis, item, series.position)], []
            else:
                reason = "Residual checks are for linear models of one series with autoregressive errors."
                yield series.unit, [not_applicable("residuals", reason)], []


def _can_be_checked(series: _Series) -> bool:
    item, position = series.item, series.position
    if not item.whitenable:
        return False
    unknown = np.isnan(item.whole.partial_autocorrelations[position]).any()
    return not (item.stuck[position] or unknown)


def _of_series(
    series: _Series, pretrend_margin: float | None, simulated: SimulatedResiduals, shocks: _LastingShocks
) -> tuple[list[CheckResult], list[Row]]:
    """Return the checks of one series and its rows of ``residuals``."""
    item, position, fitted = series.item, series.position, series.fitted
    plan = item.sheet.plan
    rows = linear_contrasts(item.design, item.observed, ())
    contrasts = {name: rows[name] for name in INFLUENCED if name in rows}
    contrast_rows = np.array(list(contrasts.values())).reshape(-1, len(item.design.terms))
    read = item.whole.one(position).contrasts(contrast_rows)
    estimands = {
        name: (row, float(read.estimate[0, place])) for place, (name, row) in enumerate(contrasts.items())
    }

    matrix, told = _informing(item)
    every = np.where(item.observed & ~told, item.sheet.values[:, series.column], np.nan)[:, None]

    def refit(outcome: NDArray[np.float64]) -> ContrastEstimates | None:
        whole = np.where(np.isnan(every), outcome * series.root[:, None], every)
        try:
            return item.refit(whole, position).contrasts(contrast_rows)
        except NotEstimableError:
            # without the outliers too little is left; the check still names them
            return None

    diagnosis = diagnose(fitted, estimands, refit, simulated)
    checks = [
        *diagnosis.checks,
        durbin_watson(matrix, series.values),
        breusch_godfrey(matrix, series.values, ljung_box_lags(int(told.sum()))),
        *_form_checks(series, pretrend_margin, shocks),
        _break_elsewhere(series, simulated),
    ]
    residual_rows: list[Row] = [
        {
            "outcome": plan.outcome.name,
            "unit": series.unit,
            "design": item.sheet.comparison,
            "period": plan.period(int(index)),
            "innovation": value,
        }
        for index, value in zip(np.flatnonzero(told), diagnosis.residuals, strict=True)
    ]
    return checks, residual_rows


def _denominators(item: Estimates, column: int) -> NDArray[np.float64] | None:
    values = item.sheet.denominators[:, column]
    return None if np.isnan(values[item.observed]).any() else values


class _LastingShocks:
    """Autocorrelations of series whose shocks hardly fade, once for all series of a fit that need them.

    Without weights, which matter little to them.
    """

    def __init__(self, analysis: Analysis, item: Estimates) -> None:
        self._analysis, self._item = analysis, item

    @cached_property
    def drawn(self) -> NDArray[np.float64]:
        item = self._item
        stream = self._analysis.stream(item.sheet.plan.outcome.name, item.sheet.comparison, "persistence")
        order = item.whole.partial_autocorrelations.shape[1]
        return lasting_shocks(*_informing(item), order, stream)


def _family_autocorrelation(analysis: Analysis, item: Estimates, position: int) -> CheckResult:
    """Return the residual check of a count or binomial family that takes its periods as independent."""
    sheet, entry = item.sheet, item.entry
    if entry is None or entry.errors != "independent":
        return not_applicable("ljung_box", "The errors of neighbouring periods are modelled by this family.")
    counts, sizes = (array[position] for array in sheet.family_counts(item.columns, item.observed))
    counts = np.where(item.observed, counts, np.nan)
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
    series: _Series, pretrend_margin: float | None, shocks: _LastingShocks
) -> Iterator[CheckResult]:
    """Yield the checks of the form: drift before the start, floor and ceiling, persistence."""
    analysis, item, position, column = series.analysis, series.item, series.position, series.column
    design, sheet = item.design, item.sheet
    single = item.whole.one(position)
    if not sheet.own_level:
        rows = linear_contrasts(design, item.observed, ())
    if not sheet.own_level and "pre_slope" in rows:
        read = single.contrasts(rows["pre_slope"][None])
        yield pre_trend(
            float(read.estimate[0, 0]),
            float(read.std_error[0, 0]),
            float(read.df[0, 0]),
            pretrend_margin,
            analysis.confidence,
        )
    level = 0.0 if sheet.own_level else sheet.peer_means[:, column]
    params = single.params[0]
    yield floor_ceiling(
        item.scale.back(design.matrix @ params + level),
        item.scale.back(design.counterfactual @ params + level),
        item.observed,
        sheet.plan.panel.periods,
        percentage=sheet.plan.outcome.kind == "percentage",
    )
    partials = series.fitted.partials
    if partials.size:
        gain = _noise_gain(item, series.values, len(partials))
        drawn = shocks.drawn if partials[0] > FADING else np.empty(0)
        yield persistence(float(partials[0]), drawn, gain, analysis.alpha)


def _noise_gain(item: Estimates, values: NDArray[np.float64], order: int) -> float | None:
    """Return what added noise gains in restricted log-likelihood over the order of the fit, unweighted."""
    matrix, _ = _informing(item)
    try:
        with_noise = fit_reml_ar_noise(matrix, values[:, None])
    except NotEstimableError:
        return None  # a parameter more than the periods bear
    gain = with_noise.log_likelihood - fit_reml_ar(matrix, values[:, None], order).log_likelihood
    return float(gain[0])


def _break_elsewhere(series: _Series, simulated: SimulatedResiduals) -> CheckResult:
    """Return the check whether a break at another date fits better."""
    design, plan = series.item.design, series.item.sheet.plan
    if design.interruption.form.by_period:
        reason = "Each period from the start on has an effect of its own, which a break there would be."
        return not_applicable("break_elsewhere", reason)
    near = nearness(plan.per_year)
    try:
        search = search_break(
            series.fitted.whitening,
            design.columns[0],
            series.fitted.outcome,
            design.interruption.shape,
            design.interruption.start,
            near,
            simulated,
            series.root,
        )
    except ValueError as error:
        return not_applicable("break_elsewhere", f"No other date can be searched: {error}.")
    return search.check(plan.panel.periods, near, series.analysis.alpha)
