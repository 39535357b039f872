"""Series like the fitted ones, simulated, and what an estimator says about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.truths import TRUTHS
from its_eval.effects import linear_contrasts
from its_eval.estimate.fit import ContrastEstimates
from its_eval.estimate.ols_statistics import ols_statistics
from its_eval.estimate.registry import FitContext, autoregressive_order, fit_estimator
from its_eval.estimate.reml_statistics import reml_ar_statistics
from its_eval.pipeline.primary import random_stream
from its_eval.pipeline.weighting import is_weighted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config, Estimator
    from its_eval.pipeline.estimation import Block
    from its_eval.pipeline.plan import OutcomePlan


@dataclass(frozen=True)
class FittedSeries:
    """One treated unit's series as it was fitted: what is simulated from.

    Attributes
    ----------
    unit : str
        The treated unit.
    matrix : ndarray, shape (n, k)
        Design over all periods.
    observed : ndarray of bool, shape (n,)
        Periods that the fit used.
    root : ndarray, shape (n,)
        Standard deviation of each period over its geometric mean; ones without weights.
    sigma : float
        Standard deviation of the errors where ``root`` is 1.
    partials : ndarray, shape (p,)
        Fitted partial autocorrelations.
    start : int
        First period of the intervention.
    contrasts : dict of str to ndarray, shape (k,)
        By estimand.
    per_year : int
        Periods of a year.
    """

    unit: str
    matrix: NDArray[np.float64]
    observed: NDArray[np.bool_]
    root: NDArray[np.float64]
    sigma: float
    partials: NDArray[np.float64]
    start: int
    contrasts: dict[str, NDArray[np.float64]]
    per_year: int


def fitted_series(
    config: Config, plan: OutcomePlan, block: Block, estimands: Sequence[str]
) -> Iterator[FittedSeries]:
    """Yield what each series of a block is simulated from, with those estimands that are linear."""
    rows = linear_contrasts(block.design, block.observed, config.estimands.at)
    wanted = {name: rows[name] for name in estimands if name in rows}
    for position, column in enumerate(block.columns):
        relative = block.relative_variance
        root = np.ones(block.design.n_periods) if relative is None else np.sqrt(relative[:, position])
        yield FittedSeries(
            block.series.units[column],
            block.design.matrix,
            block.observed,
            root,
            float(block.fit.sigma[position]),
            np.nan_to_num(block.fit.partial_autocorrelations[position]),
            block.design.interruption.start,
            wanted,
            plan.per_year,
        )


def simulate(
    config: Config, plan: OutcomePlan, design_name: str, series: FittedSeries, reps: int
) -> dict[str, NDArray[np.float64]]:
    """Return series without an effect by truth, each (n, reps), NaN where the data have no value.

    Regression coefficients are 0: all estimators here give the same errors of estimation whatever they are.
    Every truth of every unit has random numbers of its own.
    """
    drawn = {}
    for truth, errors in TRUTHS.items():
        stream = random_stream(config, plan.outcome.name, design_name, series.unit, truth)
        values = errors(series.partials, len(series.observed), series.start, reps, stream)
        values = series.sigma * series.root[:, None] * values
        values[~series.observed] = np.nan
        drawn[truth] = values
    return drawn


def estimates_of(
    estimator: Estimator, series: FittedSeries, values: NDArray[np.float64]
) -> ContrastEstimates:
    """Estimate the contrasts of simulated series by one estimator, weighted as the data were.

    Parameters
    ----------
    estimator : Estimator
        Not a count or binomial family.
    series : FittedSeries
        Design and contrasts.
    values : ndarray, shape (n, S)
        As ``simulate`` returns them.

    Returns
    -------
    ContrastEstimates
        Of shape (S, m), m contrasts.
    """
    contrasts = np.array(list(series.contrasts.values()))
    n_used = int(series.observed.sum())
    if estimator.name == "ols":
        return ols_statistics(series.matrix, values, contrasts).estimates
    if is_weighted(estimator):
        order = autoregressive_order(estimator.order, n_used)
        root = series.root[:, None]
        return reml_ar_statistics(series.matrix / root, values / root, contrasts, order).estimates
    context = FitContext(n_used, np.arange(len(series.observed)) >= series.start, series.per_year)
    return fit_estimator(estimator, series.matrix, values, context).contrasts(contrasts)
