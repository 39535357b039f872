"""Placebo in time: the same model on the periods before the start, with starts at which nothing happened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.result import CheckResult, not_applicable
from its_eval.design.interruption import ShortSegmentError, require_segments
from its_eval.design.matrix import Design, build_design
from its_eval.effects import linear_contrasts
from its_eval.estimators.catalogue import (
    DESCRIPTIVE_BELOW,
    FitContext,
    ShortSeriesError,
    autoregressive_order,
    fit_estimator,
)
from its_eval.estimators.patterns import SingularDesignError, require_estimable
from its_eval.estimators.reml.forms_fit import fit_reml_ar_own
from its_eval.estimators.sampling_variance import relative_variance
from its_eval.pipeline.designs import design_estimators
from its_eval.pipeline.sheet import is_weighted
from its_eval.pipeline.tables import on_summary_scale

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from its_eval.config import Config
    from its_eval.pipeline.estimate import Block
    from its_eval.pipeline.plan import OutcomePlan


#: Periods before the start that a placebo date needs, for the order of the errors to stay the same, and the
#: periods that are kept on either side of one (methods §11.13, §6), in years of so many periods.
YEARS_BEFORE = 4
YEARS_ASIDE = 1
#: More than this share of small p-values asks for attention.
TOO_MANY = 0.1

Row = dict[str, object]


@dataclass(frozen=True)
class _Date:
    """One placebo start of one series."""

    column: int
    start: int
    design: Design
    values: NDArray[np.float64]
    contrast: NDArray[np.float64]
    relative: NDArray[np.float64] | None


def placebos_in_time(
    config: Config, plan: OutcomePlan, blocks: Sequence[Block]
) -> tuple[list[Row], list[tuple[str, CheckResult]]]:
    """Return the rows of ``placebo_dates`` and a check for every series of some blocks.

    Parameters
    ----------
    config, plan : Config, OutcomePlan
        What was planned.
    blocks : sequence of Block
        Fits of the treated units by the primary estimator, in one design.
    """
    rows: list[Row] = []
    checks: list[tuple[str, CheckResult]] = []
    for block in blocks:
        start = block.design.interruption.start
        before = int((block.observed & (np.arange(len(block.observed)) < start)).sum())
        needed = YEARS_BEFORE * plan.per_year
        linear = linear_contrasts(block.design, block.observed, config.estimands.at)
        if before < needed or config.estimands.primary not in linear or block.placebo_only or block.is_family:
            reason = (
                f"Placebo dates need {needed} periods before the start; there are {before}."
                if before < needed
                else "Placebo dates are for estimands that are linear in the parameters."
            )
            checks += [
                (block.series.units[column], not_applicable("placebo_dates", reason))
                for column in block.columns
            ]
            continue
        dates = list(_dates(config, plan, block, start))
        statistics = _statistics(plan, block, dates)
        for column in block.columns:
            unit = block.series.units[column]
            chosen = [index for index, date in enumerate(dates) if date.column == column]
            for index in chosen:
                estimate, statistic, _ = statistics[index]
                rows.append(
                    {
                        "outcome": plan.outcome.name,
                        "unit": unit,
                        "design": block.series.design_name,
                        "estimand": config.estimands.primary,
                        "placebo": plan.period(dates[index].start),
                        "estimate": on_summary_scale(estimate, block.link),
                        "statistic": statistic,
                    }
                )
            checks.append((unit, _share(config, np.array([statistics[index][2] for index in chosen]))))
            lead = [index for index in chosen if dates[index].start == start - plan.per_year]
            checks += [(unit, _lead(config, plan, statistics[index])) for index in lead]
    return rows, checks


def _dates(config: Config, plan: OutcomePlan, block: Block, end: int) -> Iterator[_Date]:
    """Yield every placebo start whose model the periods before the real start can estimate."""
    aside = YEARS_ASIDE * plan.per_year
    intervention = block.design.interruption
    events = tuple(item for item in block.design.interruptions[1:] if item.start < end)
    n_used = int(block.observed[:end].sum())
    season = plan.season.resolve(n_used, plan.per_year)
    for column in block.columns:
        values = np.where(block.observed[:end], block.series.values[:end, column], np.nan)
        covariates = block.series.covariates[column]
        for start in range(aside, end - aside + 1 - intervention.phase_in):
            moved = replace(intervention, name="placebo", start=start)
            design = build_design(
                plan.positions[:end],
                plan.per_year,
                plan.panel.frequency,
                (moved, *events),
                season,
                plan.masked[:end],
                None if covariates is None else covariates[:end],
                block.series.covariate_names[column],
            )
            used = ~np.isnan(values) & design.usable
            try:
                require_segments(design.interruptions, used)
                require_estimable(design.matrix, used, minimum_df=3)
            except (ShortSegmentError, SingularDesignError):
                continue
            contrast = linear_contrasts(design, used, config.estimands.at).get(config.estimands.primary)
            if contrast is None:
                continue
            relative = None
            if block.relative_variance is not None:
                sampling = block.series.sampling[:end, column]
                relative = relative_variance(design.matrix, values, sampling, used)
            yield _Date(column, start, design, np.where(used, values, np.nan), contrast, relative)


def _statistics(plan: OutcomePlan, block: Block, dates: Sequence[_Date]) -> list[tuple[float, float, float]]:
    """Return estimate, statistic and p-value of every date, by the estimator of the block."""
    estimator = next(
        item for item in design_estimators(plan, block.series.design_name) if item.label == block.estimator
    )
    found: list[tuple[float, float, float]] = [(np.nan, np.nan, np.nan)] * len(dates)
    if is_weighted(estimator):
        groups: dict[int, list[int]] = {}
        for index, date in enumerate(dates):
            n_used = int((~np.isnan(date.values)).sum())
            if n_used >= DESCRIPTIVE_BELOW:
                groups.setdefault(autoregressive_order(estimator.order, n_used), []).append(index)
        for order, members in groups.items():
            X = np.stack([_scaled(dates[index], dates[index].design.matrix) for index in members])
            Y = np.column_stack(
                [_scaled(dates[index], dates[index].values[:, None])[:, 0] for index in members]
            )
            fit = fit_reml_ar_own(X, Y, order)
            read = fit.contrasts(np.stack([dates[index].contrast[None] for index in members]))
            for place, index in enumerate(members):
                found[index] = (
                    float(read.estimate[place, 0]),
                    float(read.statistic[place, 0]),
                    float(read.p_value[place, 0]),
                )
        return found
    for index, date in enumerate(dates):
        after = np.arange(len(date.values)) >= date.start
        context = FitContext(int((~np.isnan(date.values)).sum()), after, plan.per_year)
        try:
            fit = fit_estimator(estimator, date.design.matrix, date.values[:, None], context)
        except (ShortSeriesError, SingularDesignError):
            continue
        read = fit.contrasts(date.contrast[None])
        found[index] = (
            float(read.estimate[0, 0]),
            float(read.statistic[0, 0]),
            float(read.p_value[0, 0]),
        )
    return found


def _scaled(date: _Date, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows divided by the root of their relative variance."""
    return values if date.relative is None else values / np.sqrt(date.relative)[:, None]


def _share(config: Config, p_values: NDArray[np.float64]) -> CheckResult:
    """Return the check ``placebo_dates``: the share of dates at which an effect would have been found."""
    known = p_values[~np.isnan(p_values)]
    if known.size == 0:
        return not_applicable("placebo_dates", "No placebo date leaves enough periods on either side.")
    alpha = 1.0 - config.confidence
    share = float((known < alpha).mean())
    found = (
        f"At {int((known < alpha).sum())} of {known.size} dates before the start the model finds an effect"
    )
    if share > TOO_MANY:
        message = (
            f"{found}: the series moves by itself in ways the model takes for effects; distrust the p-value."
        )
        return CheckResult("placebo_dates", share, np.nan, "attention", message)
    return CheckResult("placebo_dates", share, np.nan, "pass", f"{found}; nothing needs to be done.")


def _lead(config: Config, plan: OutcomePlan, found: tuple[float, float, float]) -> CheckResult:
    """Return the check ``lead_test``: an effect a year before anything happened."""
    p_value = found[2]
    if np.isnan(p_value):
        return not_applicable("lead_test", "A start one year earlier cannot be fitted to the periods before.")
    words = (
        f"With a start {plan.per_year} periods earlier, on the periods before the real one, p = {p_value:.3f}"
    )
    if p_value < 1.0 - config.confidence:
        message = f"{words}: the series changed before the intervention; look for the reason."
        return CheckResult("lead_test", found[1], p_value, "attention", message)
    return CheckResult("lead_test", found[1], p_value, "pass", f"{words}; nothing needs to be done.")
