"""The series of an outcome and design, all units at once, in pieces that miss the same periods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.comparisons.peer_mean import peer_mean
from its_eval.design.interruption import require_segments
from its_eval.design.matrix import Design, build_design
from its_eval.effects import linear_contrasts
from its_eval.estimators.catalogue import DESCRIPTIVE_BELOW, ShortSeriesError, autoregressive_order
from its_eval.estimators.patterns import missing_patterns, require_estimable
from its_eval.pipeline.designs import fit_design
from its_eval.pipeline.estimate import REASONS
from its_eval.pipeline.sheet import NotEstimated, is_weighted, make_series, sampling_variance
from its_eval.scales import to_link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config, Estimator
    from its_eval.design.interruption import Interruption
    from its_eval.pipeline.plan import OutcomePlan


FloatArray = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@dataclass(frozen=True)
class Piece:
    """Series of one outcome and design that share interruptions and missing periods.

    Attributes
    ----------
    plan : OutcomePlan
        The outcome.
    design_name : str
        ``single`` or ``difference``.
    columns : ndarray of int, shape (S,)
        Units, as columns of the plan's panel.
    values : ndarray, shape (n, S)
        What is fitted; NaN where missing or not used.
    observed : ndarray of bool, shape (n,)
        Periods that enter the fit.
    peer_means : ndarray, shape (n, S), or None
        Of the fitted scale; None for ``single``.
    sampling : ndarray, shape (n, S), or None
        Sampling variances; None where there are none.
    design : Design
        Design matrix and what it means.
    estimator : Estimator
        The first of the outcome.
    order : int
        Autoregressive order; 0 for estimators without one.
    contrasts : mapping of (int, str) to ndarray, shape (k,)
        By interruption and estimand, those that all series share.
    """

    plan: OutcomePlan
    design_name: str
    columns: NDArray[np.intp]
    values: FloatArray
    observed: NDArray[np.bool_]
    peer_means: FloatArray | None
    sampling: FloatArray | None
    design: Design
    estimator: Estimator
    order: int
    contrasts: Mapping[tuple[int, str], NDArray[np.float64]]

    @property
    def units(self) -> list[str]:
        """Codes of the units."""
        return [self.plan.panel.units[column] for column in self.columns]

    @property
    def matrix(self) -> FloatArray:
        """The shared contrasts as rows, shape (m, k)."""
        return np.array(list(self.contrasts.values()))


def make_pieces(
    config: Config, plan: OutcomePlan, design_name: str
) -> tuple[list[Piece], list[NotEstimated]]:
    """Make the series of every treated unit that has what the design needs.

    What a unit lacks is said by the same functions as in a whole evaluation: the units that may lack
    something are handed to them.
    """
    panel = plan.panel
    scaled = to_link(panel.values, plan.outcome.transform, panel.denominators)
    place = {unit: column for column, unit in enumerate(panel.units)}
    groups: dict[tuple[Interruption, ...], list[str]] = {}
    for unit in plan.treated:
        groups.setdefault(plan.interruptions[unit], []).append(unit)
    pieces: list[Piece] = []
    failed: list[NotEstimated] = []
    for interruptions, units in groups.items():
        usable = plan.usable(interruptions)
        lacking = _lacking(plan, design_name, usable)
        asked = [unit for unit in units if unit not in place or lacking[place[unit]]]
        lost = make_series(plan, design_name, [plan.target(unit, design_name) for unit in asked])[1]
        failed += lost
        gone = {item.unit for item in lost}
        kept = [unit for unit in units if unit not in gone]
        columns = np.array([place[unit] for unit in kept], dtype=np.intp)
        if not len(columns):
            continue
        means = _peer_means(plan, kept, scaled, usable, place) if design_name == "difference" else None
        own = scaled[:, columns]
        values = np.where(usable[:, None], own if means is None else own - means, np.nan)
        sampling = _sampling(plan, kept, design_name)
        for pattern in missing_patterns(values):
            at = pattern.series
            piece, lost = _piece(
                config,
                plan,
                design_name,
                columns[at],
                values[:, at],
                pattern.observed,
                None if means is None else means[:, at],
                None if sampling is None else sampling[:, at],
                interruptions,
            )
            pieces += piece
            failed += lost
    return pieces, failed


def _lacking(plan: OutcomePlan, design_name: str, usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the columns of the panel that may lack something, shape (units,)."""
    values = plan.panel.values
    missing = np.isnan(values)
    lacking = np.asarray(missing.all(axis=0))
    if plan.outcome.transform == "log":
        lacking |= (values[usable] <= 0).any(axis=0)
    if plan.complete_only:
        lacking |= missing[usable].any(axis=0)
    if design_name != "single" and plan.no_peers:
        lacking |= np.array([unit in plan.no_peers for unit in plan.panel.units])
    return lacking


def _peer_means(
    plan: OutcomePlan,
    units: list[str],
    scaled: FloatArray,
    usable: NDArray[np.bool_],
    place: Mapping[str, int],
) -> FloatArray:
    """Return the mean of each unit's peers, shape (n, units): at once where no peer misses anything."""
    complete = np.asarray(~np.isnan(scaled).any(axis=0))
    means = np.empty((scaled.shape[0], len(units)))
    by_count: dict[int, list[tuple[int, list[int]]]] = {}
    for position, unit in enumerate(units):
        peers = [place[peer] for peer in plan.peer_sets[unit].peers]
        if complete[peers].all():
            by_count.setdefault(len(peers), []).append((position, peers))
        else:
            means[:, position] = peer_mean(scaled[:, peers], usable)
    for found in by_count.values():
        positions = [position for position, _ in found]
        means[:, positions] = scaled[:, np.array([peers for _, peers in found])].mean(axis=2)
    return means


def _sampling(plan: OutcomePlan, units: list[str], design_name: str) -> FloatArray | None:
    """Return the sampling variance of each series; None for anything but percentages with denominators."""
    outcome = plan.outcome
    known = not np.isnan(plan.panel.denominators).all()
    if not known or outcome.kind != "percentage" or outcome.transform != "none":
        return None
    if not plan.weighted or not is_weighted(outcome.estimators[0]):
        return None
    return np.column_stack([sampling_variance(plan, plan.target(unit, design_name)) for unit in units])


def _piece(
    config: Config,
    plan: OutcomePlan,
    design_name: str,
    columns: NDArray[np.intp],
    values: FloatArray,
    observed: NDArray[np.bool_],
    means: FloatArray | None,
    sampling: FloatArray | None,
    interruptions: tuple[Interruption, ...],
) -> tuple[list[Piece], list[NotEstimated]]:
    """Return the series of one pattern as a piece, or why they cannot be fitted."""
    estimator = plan.outcome.estimators[0]
    n_used = int(observed.sum())
    season = plan.season.resolve(n_used, plan.per_year)
    frequency = plan.panel.frequency
    design = build_design(plan.positions, plan.per_year, frequency, interruptions, season, plan.masked)
    order = autoregressive_order(estimator.order, n_used) if estimator.name == "reml_ar" else 0
    try:
        require_segments(design.interruptions, observed & design.usable)
        if order and n_used < DESCRIPTIVE_BELOW:
            raise ShortSeriesError
        require_estimable(design.matrix, observed, minimum_df=order + 1)
    except tuple(REASONS):
        # the whole path stumbles over the same and knows the words
        units = [plan.panel.units[column] for column in columns]
        targets = [plan.target(unit, design_name) for unit in units]
        return [], fit_design(plan, design_name, targets, [estimator])[1]
    contrasts = {
        (number, name): row
        for number in range(len(interruptions))
        for name, row in linear_contrasts(design, observed, config.estimands.at, number).items()
    }
    return [
        Piece(
            plan, design_name, columns, values, observed, means, sampling, design, estimator, order, contrasts
        )
    ], []
