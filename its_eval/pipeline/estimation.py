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
from its_eval.pipeline.weighting import sampling_variance, weighting_groups

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
    sampling : ndarray, shape (n, units)
        Sampling variance of percentages with denominators; NaN where it is not known.
    """

    design_name: str
    units: tuple[str, ...]
    values: NDArray[np.float64]
    observed: NDArray[np.float64]
    unit_values: NDArray[np.float64]
    peer_means: NDArray[np.float64]
    denominators: NDArray[np.float64]
    sampling: NDArray[np.float64]


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
    relative_variance : ndarray, shape (n,), or None
        Error variance of each period over its geometric mean; None: the same in every period.
    """

    series: SeriesSet
    columns: tuple[int, ...]
    observed: NDArray[np.bool_]
    design: Design
    estimator: Estimator
    fit: Fit
    relative_variance: NDArray[np.float64] | None


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
    usable = plan.usable
    scaled = fitted_scale(panel.values, outcome.transform)
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
        peers = plan.peer_sets[unit].peers if design_name == "difference" else ()
        if peers:
            mean = peer_mean(scaled[:, [panel.column(peer) for peer in peers]], usable)
            observed = own - mean
        units.append(unit)
        columns.append(
            (
                np.where(usable, observed, np.nan),
                observed,
                own,
                mean,
                panel.denominators[:, panel.column(unit)],
                sampling_variance(plan, unit, peers),
            )
        )
    empty = np.empty((panel.n_periods, 0))
    stacked = [np.column_stack(part) for part in zip(*columns, strict=True)] if columns else [empty] * 6
    return SeriesSet(design_name, tuple(units), *stacked), failed


def _obstacle(plan: OutcomePlan, design_name: str, unit: str) -> tuple[str, str]:
    """Return why a unit has no series of this design; two blanks when nothing stands in the way."""
    panel = plan.panel
    if unit not in panel.units or np.isnan(panel.values[:, panel.column(unit)]).all():
        return "no_data", f"{unit} has no value of {plan.outcome.indicator} in the window"
    values = panel.values[plan.usable, panel.column(unit)]
    if plan.outcome.transform == "log" and (values <= 0).any():
        return (
            "not_positive",
            f"{unit} has a value of zero or less, which has no logarithm; use `transform: none`",
        )
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
            columns = tuple(int(column) for column in pattern.series)
            try:
                require_segments(design, pattern.observed)
                for group, relative in weighting_groups(
                    series.values, series.sampling, columns, pattern.observed, design, estimator
                ):
                    fit = _fit(estimator, design, series.values[:, group], relative, pattern.n_used)
                    blocks.append(Block(series, group, pattern.observed, design, estimator, fit, relative))
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
                    for column in columns
                ]
    return blocks, failed


def _fit(
    estimator: Estimator,
    design: Design,
    values: NDArray[np.float64],
    relative: NDArray[np.float64] | None,
    n_used: int,
) -> Fit:
    """Fit, with rows of outcome and design divided by the root of the relative variance."""
    if relative is None:
        return fit_estimator(estimator, design.matrix, values, n_used)
    root = np.sqrt(relative)[:, None]
    return fit_estimator(estimator, design.matrix / root, values / root, n_used)


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
