"""Fitting: the series of one outcome and design as columns of one matrix, block by missing pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.design.comparison import peer_mean
from its_eval.design.matrix import Design, ShortSegmentError, build_design, require_segments
from its_eval.estimate.patterns import MissingPattern, SingularDesignError, missing_patterns
from its_eval.estimate.registry import ShortSeriesError, fit_estimator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Estimator
    from its_eval.estimate.fit import Fit
    from its_eval.pipeline.plan import OutcomePlan


@dataclass(frozen=True)
class SeriesSet:
    """The series of one outcome and design, on the scale that is fitted.

    Attributes
    ----------
    design_name : str
        ``single`` or ``difference``.
    units : tuple of str
        One series each.
    values : ndarray, shape (n, units)
        What is fitted; NaN where missing or not used.
    observed : ndarray, shape (n, units)
        The same before unused periods were taken out.
    unit_values, peer_means, denominators : ndarray, shape (n, units)
        What it was made of, on the fitted scale (denominators as they are); peer means NaN for ``single``.
    """

    design_name: str
    units: tuple[str, ...]
    values: NDArray[np.float64]
    observed: NDArray[np.float64]
    unit_values: NDArray[np.float64]
    peer_means: NDArray[np.float64]
    denominators: NDArray[np.float64]


@dataclass(frozen=True)
class NotEstimated:
    """A series without an estimate.

    Attributes
    ----------
    outcome, unit, design, estimator : str
        Which; `estimator` is blank when no estimator was reached.
    reason : str
        A fixed word.
    message : str
        One sentence.
    """

    outcome: str
    unit: str
    design: str
    estimator: str
    reason: str
    message: str


@dataclass(frozen=True)
class Block:
    """Series that miss the same periods, fitted together.

    Attributes
    ----------
    series : SeriesSet
        All series of the outcome and design.
    columns : tuple of int
        Which of them are in this block, in the order of the fit.
    observed : ndarray of bool, shape (n,)
        Periods that entered the fit.
    design : Design
        Design matrix.
    estimator : Estimator
        What was asked for.
    fit : Fit
        What came out.
    """

    series: SeriesSet
    columns: tuple[int, ...]
    observed: NDArray[np.bool_]
    design: Design
    estimator: Estimator
    fit: Fit


def fitted_scale(values: NDArray[np.float64], transform: str) -> NDArray[np.float64]:
    """Return values on the scale of the fit; a value without a logarithm becomes NaN."""
    if transform != "log":
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        logged = np.log(values)
    return np.where(np.isfinite(logged), logged, np.nan)


def make_series(plan: OutcomePlan, design_name: str) -> tuple[SeriesSet, list[NotEstimated]]:
    """Make the series of a design for every treated unit that has what it needs."""
    outcome, panel = plan.outcome, plan.panel
    usable = ~plan.masked
    usable &= np.array([not reason for reason in plan.mask_reasons])
    per = panel.denominators if outcome.kind == "count" else np.full(panel.values.shape, np.nan)
    base = panel.values if np.isnan(per).all() else panel.values / per
    scaled = fitted_scale(base, outcome.transform)
    units: list[str] = []
    columns: list[tuple[NDArray[np.float64], ...]] = []
    failed: list[NotEstimated] = []
    for unit in plan.treated:
        reason, message = _obstacle(plan, design_name, unit)
        if reason:
            failed.append(NotEstimated(outcome.name, unit, design_name, "", reason, message))
            continue
        own = scaled[:, panel.column(unit)]
        mean = np.full(panel.n_periods, np.nan)
        observed = own
        if design_name == "difference":
            peers = [panel.column(peer) for peer in plan.peer_sets[unit].peers]
            mean = peer_mean(scaled[:, peers])
            observed = own - mean
        units.append(unit)
        columns.append(
            (
                np.where(usable, observed, np.nan),
                observed,
                own,
                mean,
                panel.denominators[:, panel.column(unit)],
            )
        )
    empty = np.empty((panel.n_periods, 0))
    stacked = [np.column_stack(part) for part in zip(*columns, strict=True)] if columns else [empty] * 5
    return SeriesSet(design_name, tuple(units), *stacked), failed


def _obstacle(plan: OutcomePlan, design_name: str, unit: str) -> tuple[str, str]:
    """Return why a unit has no series of this design; two blanks when nothing stands in the way."""
    panel = plan.panel
    if unit not in panel.units or np.isnan(panel.values[:, panel.column(unit)]).all():
        return "no_data", f"{unit} has no value of {plan.outcome.indicator} in the window"
    if plan.outcome.transform == "log" and (panel.values[:, panel.column(unit)] <= 0).any():
        return "not_positive", f"{unit} has a value of zero, which has no logarithm; use `transform: none`"
    if design_name == "difference" and unit in plan.no_peers:
        return "no_peers", plan.no_peers[unit]
    return "", ""


def fit_series(
    plan: OutcomePlan, series: SeriesSet, estimators: Sequence[Estimator]
) -> tuple[list[Block], list[NotEstimated]]:
    """Fit every estimator to every series; what cannot be fitted becomes a row with its reason."""
    blocks: list[Block] = []
    failed: list[NotEstimated] = []
    if not series.units:
        return blocks, failed
    for pattern in missing_patterns(series.values):
        design = _design(plan, pattern)
        for estimator in estimators:
            try:
                require_segments(design, pattern.observed)
                fit = fit_estimator(
                    estimator, design.matrix, series.values[:, pattern.series], pattern.n_used
                )
            except (ShortSegmentError, ShortSeriesError, SingularDesignError) as error:
                failed += [
                    NotEstimated(
                        plan.outcome.name,
                        series.units[column],
                        series.design_name,
                        estimator.label,
                        _reason(error),
                        _in_terms(error, design),
                    )
                    for column in pattern.series
                ]
                continue
            columns = tuple(int(column) for column in pattern.series)
            blocks.append(Block(series, columns, pattern.observed, design, estimator, fit))
    return blocks, failed


def _design(plan: OutcomePlan, pattern: MissingPattern) -> Design:
    """Build the design for one missing pattern; only ``auto`` seasonality depends on it."""
    season = plan.season.resolve(pattern.n_used, plan.per_year)
    name = "month" if plan.panel.frequency == "month" else plan.panel.frequency
    return build_design(plan.positions, plan.per_year, name, plan.interruption, season, plan.masked)


def _reason(error: Exception) -> str:
    if isinstance(error, ShortSegmentError):
        return "segment_too_short"
    return "series_too_short" if isinstance(error, ShortSeriesError) else "singular_design"


def _in_terms(error: Exception, design: Design) -> str:
    """Return the message with the names of the terms that cannot be told apart."""
    if isinstance(error, SingularDesignError) and error.terms:
        names = ", ".join(design.terms[column] for column in error.terms)
        return f"{names} cannot be told apart from the other terms over the {error.n_used} usable periods"
    return str(error)
