"""Designs of several series at once: the unit beside its peers, or beside their mean, with interactions.

The comparative model of Linden (2015, Stata Journal 15:480): every term once for all panels and once for the
unit alone. Errors of neighbouring panels are not related, so only least squares and Newey-West, whose lag
products stay within a panel, describe them (methods §11.11).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from its_eval.comparisons.base import Comparison
from its_eval.design.matrix import Design
from its_eval.design.peer_mean import peer_mean
from its_eval.design.segments import require_segments
from its_eval.errors import NotEstimableError
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.estimators.kind import FitContext
from its_eval.estimators.least_squares import newey_west_lags
from its_eval.pipeline.estimate import Estimates, whole_estimates
from its_eval.pipeline.pieces import not_estimated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.comparisons.base import Fitted
    from its_eval.config import Estimator
    from its_eval.pipeline.estimate import Ask
    from its_eval.pipeline.sheet import NotEstimated, Sheet


class Stacked(Comparison, frozen=True):
    """A unit beside its peers, or their mean, in one model with interactions."""

    one_model: bool = True
    of_the_mean: bool = False

    def entries(self, estimators: Sequence[Estimator]) -> tuple[Estimator, ...]:
        """Return those that describe several series in one model."""
        return tuple(item for item in estimators if ESTIMATORS[item.name].of_several_series)

    def fit(self, sheet: Sheet, entries: Sequence[Estimator], ask: Ask) -> Fitted:
        """Fit the comparative model to every unit and its peers."""
        found: list[Estimates] = []
        failed: list[NotEstimated] = []
        for column in range(len(sheet.targets)):
            for entry in entries:
                try:
                    found.append(self._fit_one(sheet, column, entry, ask))
                except NotEstimableError as error:
                    failed += not_estimated(sheet, (column,), entry.label, error)
        return found, failed

    def _fit_one(self, sheet: Sheet, column: int, entry: Estimator, ask: Ask) -> Estimates:
        values = self.panels(sheet, column)
        observed = ~np.isnan(values[:, 0])
        n_used = int(observed.sum())
        designs = self.panel_designs(sheet, column, n_used, values.shape[1])
        design = unit_view(designs[0])
        used = observed & design.usable
        require_segments(design.interruptions, used, sheet.plan.min_segment)
        lags = newey_west_lags(n_used) if entry.lags is None else entry.lags
        matrix, outcome = stack(values, designs, lags)
        chosen = entry.model_copy(update={"lags": lags})
        context = FitContext(n_used, np.arange(len(matrix)) < 0, sheet.plan.per_year)
        fit = ESTIMATORS[entry.name].fit(matrix, outcome, chosen, context)
        return whole_estimates(sheet, column, used, design, entry.label, fit, ask, entry=entry)

    def panels(self, sheet: Sheet, column: int) -> NDArray[np.float64]:
        """Return the series of one model, shape (n, panels): the unit first, then its peers or their mean."""
        plan, target = sheet.plan, sheet.targets[column]
        scaled = plan.scaled[:, plan.panel.columns(target.peers)]
        usable = plan.usable(target.interruptions)
        if self.of_the_mean:
            scaled = peer_mean(scaled, usable)[:, None]
        every = np.column_stack([sheet.unit_values[:, column], scaled])
        return np.where(usable[:, None], every, np.nan)

    def panel_designs(self, sheet: Sheet, column: int, n_used: int, n_panels: int) -> list[Design]:
        """Return the design of every panel; they differ in nothing but covariates."""
        plan, target = sheet.plan, sheet.targets[column]
        season = plan.season.resolve(n_used, plan.per_year)
        codes = (target.unit, *target.peers)
        designs = []
        for number in range(n_panels):
            covariates = None
            if plan.covariates:
                places = plan.panel.columns(codes[number : number + 1])
                if number and self.of_the_mean:
                    places = plan.panel.columns(codes[1:])
                every = plan.covariates.values()
                covariates = np.column_stack([values[:, places].mean(axis=1) for values in every])
            designs.append(plan.design(target.interruptions, season, covariates, tuple(plan.covariates)))
        return designs


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


PEER_MEAN = Stacked(
    "peer_mean",
    in_words=("the mean of its peers in one model", "the mean of their peers in one model"),
    method="Peer mean: unit and mean of peers in one model, each with its own trend and change.",
    of_the_mean=True,
)
STACKED = Stacked(
    "stacked",
    in_words=("each of its peers in one model", "each of their peers in one model"),
    method="Stacked: unit and all its peers in one model, the unit with a trend and change of its own.",
)
