"""Designs of several series at once: the unit beside its peers, or beside their mean, with interactions.

The comparative model of Linden (2015, Stata Journal 15:480): every term once for all panels and once for the
unit alone. Errors of neighbouring panels are not related, so only least squares and Newey-West, whose lag
products stay within a panel, describe them (methods §11.11).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from its_eval.comparisons.peer_mean import peer_mean
from its_eval.design.interruption import require_segments
from its_eval.design.matrix import Design, build_design
from its_eval.estimators.least_squares import fit_newey_west, fit_ols, newey_west_lags
from its_eval.pipeline.estimate import REASONS, Block, not_estimated
from its_eval.scales import to_link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Estimator
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sheet import NotEstimated, SeriesSet


#: Designs of this kind, and the estimators that they have.
STACKED_DESIGNS = frozenset({"peer_mean", "stacked"})
STACKED_ESTIMATORS = frozenset({"ols", "newey_west"})


def fit_stacked(
    plan: OutcomePlan, series: SeriesSet, estimators: Sequence[Estimator]
) -> tuple[list[Block], list[NotEstimated]]:
    """Fit the comparative model to every unit and its peers; other estimators than these two are left out."""
    blocks: list[Block] = []
    failed: list[NotEstimated] = []
    for column in range(len(series.units)):
        for estimator in estimators:
            if estimator.name not in STACKED_ESTIMATORS:
                continue
            try:
                blocks.append(_fit_one(plan, series, column, estimator))
            except tuple(REASONS) as error:
                failed += not_estimated(plan, series, (column,), estimator.label, error)
    return blocks, failed


def panels(plan: OutcomePlan, series: SeriesSet, column: int) -> NDArray[np.float64]:
    """Return the series of one model, shape (n, panels): the unit first, then its peers or their mean."""
    panel = plan.panel
    places = [panel.column(peer) for peer in series.peers[column]]
    scaled = to_link(panel.values[:, places], plan.outcome.transform, panel.denominators[:, places])
    usable = plan.usable(series.interruptions[column])
    if series.design_name == "peer_mean":
        scaled = peer_mean(scaled, usable)[:, None]
    every = np.column_stack([series.unit_values[:, column], scaled])
    return np.where(usable[:, None], every, np.nan)


def panel_designs(
    plan: OutcomePlan, series: SeriesSet, column: int, n_used: int, n_panels: int
) -> list[Design]:
    """Return the design of every panel; they differ in nothing but covariates."""
    panel = plan.panel
    season = plan.season.resolve(n_used, plan.per_year)
    codes = (series.units[column], *series.peers[column])
    designs = []
    for number in range(n_panels):
        covariates = None
        if plan.covariates:
            places = [panel.column(codes[number])]
            if number and series.design_name == "peer_mean":
                places = [panel.column(code) for code in codes[1:]]
            every = plan.covariates.values()
            covariates = np.column_stack([values[:, places].mean(axis=1) for values in every])
        designs.append(
            build_design(
                plan.positions,
                plan.per_year,
                panel.frequency,
                series.interruptions[column],
                season,
                plan.masked,
                covariates,
                tuple(plan.covariates),
            )
        )
    return designs


def _fit_one(plan: OutcomePlan, series: SeriesSet, column: int, estimator: Estimator) -> Block:
    values = panels(plan, series, column)
    observed = ~np.isnan(values[:, 0])
    n_used = int(observed.sum())
    designs = panel_designs(plan, series, column, n_used, values.shape[1])
    require_segments(designs[0].interruptions, observed & designs[0].usable)
    lags = newey_west_lags(n_used) if estimator.lags is None else estimator.lags
    matrix, outcome = stack(values, designs, lags)
    newey_west = estimator.name == "newey_west"
    fit = fit_newey_west(matrix, outcome, lags) if newey_west else fit_ols(matrix, outcome)
    return Block(
        series,
        (column,),
        observed & designs[0].usable,
        unit_view(designs[0]),
        estimator.label,
        fit,
        plan.outcome.transform,
    )


def stack(
    values: NDArray[np.float64], designs: Sequence[Design], lags: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return matrix and outcome of all panels, one below the other.

    Parameters
    ----------
    values : ndarray, shape (n, panels)
        The unit first.
    designs : sequence of Design
        One per panel.
    lags : int
        So many empty rows keep two panels apart: no product of two periods reaches across.

    Returns
    -------
    matrix : ndarray, shape (panels * n + (panels - 1) * lags, 2 k)
        Every term for all panels, then for the unit alone.
    outcome : ndarray, shape (rows, 1)
        NaN in empty rows.
    """
    n, k = designs[0].matrix.shape
    rows, outcomes = [], []
    for number, design in enumerate(designs):
        own = design.matrix if number == 0 else np.zeros((n, k))
        rows.append(np.hstack([design.matrix, own]))
        outcomes.append(np.where(design.usable, values[:, number], np.nan))
        if number < len(designs) - 1:
            rows.append(np.zeros((lags, 2 * k)))
            outcomes.append(np.full(lags, np.nan))
    return np.vstack(rows), np.concatenate(outcomes)[:, None]


def unit_view(design: Design) -> Design:
    """Return the rows of the unit: common terms, then its own, which carry the names of a single design."""
    k = len(design.terms)
    return Design(
        np.hstack([design.matrix, design.matrix]),
        (*(f"peers: {term}" for term in design.terms), *design.terms),
        design.interruptions,
        tuple(tuple(k + place for place in columns) for columns in design.columns),
        design.season,
        design.usable,
        # the peers' level and trend are no part of what an average period of the difference has
        (*range(k), *(k + place for place in design.nuisance)),
        (*design.seasonal, *(k + place for place in design.seasonal)),
    )
