"""Fitting: series of one outcome and design as columns of one matrix, block by design and missing pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.design.interruption import ShortSegmentError, require_segments
from its_eval.design.matrix import Design, build_design
from its_eval.estimators.catalogue import (
    FAMILY_LINKS,
    CountError,
    FitContext,
    GapError,
    ShortSeriesError,
    fit_estimator,
)
from its_eval.estimators.patterns import SingularDesignError, missing_patterns
from its_eval.pipeline.sheet import NotEstimated, is_weighted, weighting_groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Estimator
    from its_eval.estimators.fit import Fit
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sheet import SeriesSet


#: Estimators whose errors the partial autocorrelations of the fit describe in full.
AUTOREGRESSIVE = frozenset({"reml_ar", "prais_winsten", "ols", "newey_west"})
#: Expected reasons why a series cannot be fitted, by the word they have in ``not_estimated``.
REASONS: dict[type[Exception], str] = {
    ShortSegmentError: "segment_too_short",
    ShortSeriesError: "series_too_short",
    SingularDesignError: "singular_design",
    GapError: "gaps",
    CountError: "impossible_counts",
}


@dataclass(frozen=True)
class Block:
    """Series that share a design and miss the same periods, fitted together.

    Attributes
    ----------
    series : SeriesSet
        All series of the outcome and design.
    columns : tuple of int
        Which of them are in this block, in the order of the fit.
    observed : ndarray of bool, shape (n,)
        Periods that entered the fit.
    design : Design
        Design matrix: the rows of the unit itself, for designs of several series at once.
    estimator : str
        Label of the estimator.
    fit : Fit
        What came out.
    link : {"none", "log", "logit"}
        Scale of the fit.
    is_family : bool
        A generalised linear model, whose mean is on the response scale.
    relative_variance : ndarray, shape (n, columns), or None
        Error variance of each period over its geometric mean; None: the same in every period.
    own_level : bool
        The fit is of the unit's own level; otherwise of its difference from the mean of its peers.
    placebo_only : bool
        Its standard errors have no meaning; only placebos tell how unusual the effect is.
    weightable : bool
        The estimator would take sampling variances.
    by_segment : bool
        The variance before the intervention and from it on differ by the fit's ``variance_ratio``.
    whitenable : bool
        The errors are autoregressive with the fit's partial autocorrelations, or independent.
    """

    series: SeriesSet
    columns: tuple[int, ...]
    observed: NDArray[np.bool_]
    design: Design
    estimator: str
    fit: Fit
    link: str
    is_family: bool = False
    relative_variance: NDArray[np.float64] | None = None
    own_level: bool = True
    placebo_only: bool = False
    weightable: bool = False
    by_segment: bool = False
    whitenable: bool = False

    def period_variance(self, position: int) -> NDArray[np.float64]:
        """Return the error variance of each period over the fit's sigma squared, shape (n,)."""
        if self.relative_variance is not None:
            return self.relative_variance[:, position]
        ratio = self.fit.variance_ratio
        spread = np.ones(self.design.n_periods)
        if self.by_segment and ratio is not None:
            spread[self.design.interruption.start :] = ratio[position]
        return spread


def design_groups(series: SeriesSet) -> list[tuple[int, ...]]:
    """Return the series that share a design: the same interruptions and no covariates of their own."""
    groups: dict[object, list[int]] = {}
    for column, interruptions in enumerate(series.interruptions):
        own = column if series.covariates[column] is not None else -1
        groups.setdefault((interruptions, own), []).append(column)
    return [tuple(columns) for columns in groups.values()]


def fit_series(
    plan: OutcomePlan, series: SeriesSet, estimators: Sequence[Estimator]
) -> tuple[list[Block], list[NotEstimated]]:
    """Fit every estimator to every series; what cannot be fitted becomes a row with its reason."""
    blocks: list[Block] = []
    failed: list[NotEstimated] = []
    for group in design_groups(series):
        values = known_values(series, group)
        for pattern in missing_patterns(values):
            columns = tuple(group[int(place)] for place in pattern.series)
            design = series_design(plan, series, columns[0], pattern.n_used)
            for estimator in estimators:
                try:
                    require_segments(design.interruptions, pattern.observed & design.usable)
                    blocks += _fit_pattern(plan, series, columns, design, pattern.observed, estimator)
                except tuple(REASONS) as error:
                    failed += not_estimated(plan, series, columns, estimator.label, error, design)
    return blocks, failed


def known_values(series: SeriesSet, group: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the values of a group of series, missing also where a covariate is."""
    values = series.values[:, group]
    covariates = series.covariates[group[0]]
    if covariates is None:
        return values
    unknown = np.asarray(np.isnan(covariates).any(axis=1))
    return np.where(unknown[:, None], np.nan, values)


def _fit_pattern(
    plan: OutcomePlan,
    series: SeriesSet,
    columns: tuple[int, ...],
    design: Design,
    observed: NDArray[np.bool_],
    estimator: Estimator,
) -> list[Block]:
    """Fit the series that share a design and miss the same periods, weighted ones apart."""
    family = FAMILY_LINKS.get(estimator.name)
    blocks = []
    for group, relative in weighting_groups(
        series.values, series.sampling, columns, observed, design, estimator
    ):
        sizes = series.denominators[:, group]
        if family == "log" and plan.outcome.per is not None:
            sizes = sizes / plan.outcome.per
        context = FitContext(
            int(observed.sum()),
            np.arange(design.n_periods) >= design.interruption.start,
            plan.per_year,
            relative,
            series.counts[:, group],
            None if np.isnan(sizes[observed]).any() else sizes,
        )
        values = np.where(observed[:, None], series.values[:, group], np.nan)
        fit = fit_estimator(estimator, design.matrix, values, context)
        blocks.append(
            Block(
                series,
                group,
                observed,
                design,
                estimator.label,
                fit,
                family or plan.outcome.transform,
                family is not None,
                relative,
                series.design_name == "single",
                weightable=is_weighted(estimator),
                by_segment=estimator.name == "reml_ar" and estimator.variance == "by_segment",
                whitenable=estimator.name in AUTOREGRESSIVE,
            )
        )
    return blocks


def not_estimated(
    plan: OutcomePlan,
    series: SeriesSet,
    columns: Sequence[int],
    label: str,
    error: Exception,
    design: Design | None = None,
) -> list[NotEstimated]:
    """Return a row for each series that an expected error stopped, in terms that a reader knows."""
    reason = next(word for kind, word in REASONS.items() if isinstance(error, kind))
    message = str(error)
    if isinstance(error, SingularDesignError) and error.terms and design is not None:
        names = ", ".join(design.terms[column] for column in error.terms)
        message = f"{names} cannot be told apart from the other terms over the {error.n_used} usable periods"
    return [
        NotEstimated(plan.outcome.name, series.units[column], series.design_name, label, reason, message)
        for column in columns
    ]


def series_design(plan: OutcomePlan, series: SeriesSet, column: int, n_used: int) -> Design:
    """Build the design of a series with so many used periods; only ``auto`` seasonality depends on them."""
    season = plan.season.resolve(n_used, plan.per_year)
    return build_design(
        plan.positions,
        plan.per_year,
        plan.panel.frequency,
        series.interruptions[column],
        season,
        plan.masked,
        series.covariates[column],
        series.covariate_names[column],
    )
