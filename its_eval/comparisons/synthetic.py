"""The synthetic control design: the gap to a mixture of donors fitted before the start."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.design.interruption import require_segments
from its_eval.estimators.fit import CovarianceModel
from its_eval.estimators.least_squares import fit_ols
from its_eval.peers.histories import synthetic_weights
from its_eval.pipeline.estimate import REASONS, Block, not_estimated, series_design
from its_eval.pipeline.plan import Target
from its_eval.pipeline.sheet import NotEstimated, SeriesSet, comparative_covariates
from its_eval.scales import to_link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.pipeline.plan import OutcomePlan


#: What the rows of this design are called in the column of estimators.
LABEL = "synthetic"


def synthetic_series(
    plan: OutcomePlan, series: SeriesSet
) -> tuple[SeriesSet, dict[str, dict[str, float]], list[NotEstimated]]:
    """Return the gaps of units to their mixtures, and the weights of each mixture.

    Parameters
    ----------
    plan : OutcomePlan
        The outcome.
    series : SeriesSet
        Units with their donors as peers.

    Returns
    -------
    series : SeriesSet
        ``values`` are gaps, less their mean before the start; ``peer_means`` the mixtures.
    weights : dict of str to dict of str to float
        By unit and donor.
    failed : list of NotEstimated
        Units without complete periods before the start.
    """
    panel = plan.panel
    values, means = series.values.copy(), series.peer_means.copy()
    weights: dict[str, dict[str, float]] = {}
    covariates = list(zip(series.covariates, series.covariate_names, strict=True))
    failed: list[NotEstimated] = []
    for column, unit in enumerate(series.units):
        usable = plan.usable(series.interruptions[column])
        codes = series.peers[column]
        places = [panel.column(code) for code in codes]
        donors = to_link(panel.values[:, places], plan.outcome.transform, panel.denominators[:, places])
        complete = ~np.isnan(donors[usable]).any(axis=0)
        donors, codes = donors[:, complete], tuple(np.array(codes)[complete])
        own = series.unit_values[:, column]
        before = usable & (np.arange(panel.n_periods) < series.interruptions[column][0].start)
        before &= ~np.isnan(own)
        if len(codes) < 2 or before.sum() < 3:
            message = (
                f"{unit} has {len(codes)} donors without gaps and {before.sum()} periods before the start; "
                "2 and 3 are needed"
            )
            failed.append(
                NotEstimated(plan.outcome.name, unit, series.design_name, LABEL, "no_donors", message)
            )
            values[:, column] = np.nan
            continue
        found, level = synthetic_weights(own[before], donors[before])
        means[:, column] = donors @ found + level
        values[:, column] = np.where(usable, own - means[:, column], np.nan)
        weights[unit] = {code: float(weight) for code, weight in zip(codes, found, strict=True) if weight > 0}
        mixed = Target(unit, series.interruptions[column], tuple(weights[unit]))
        covariates[column] = comparative_covariates(
            plan, mixed, usable, np.array(list(weights[unit].values()))
        )
    gaps = replace(
        series,
        values=values,
        observed=own_gap(series, means),
        peer_means=means,
        covariates=tuple(columns for columns, _ in covariates),
        covariate_names=tuple(names for _, names in covariates),
    )
    return gaps, weights, failed


def own_gap(series: SeriesSet, means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gap of every unit to its mixture in all periods, shape (n, units)."""
    return series.unit_values - means


def fit_synthetic(plan: OutcomePlan, series: SeriesSet) -> tuple[list[Block], list[NotEstimated]]:
    """Describe the gaps by the segmented regression, without standard errors.

    The weights make the gap small before the start, so its residuals there say nothing about its error after
    (methods §7): every standard error is missing, and only placebos tell how unusual an estimate is.
    """
    blocks: list[Block] = []
    failed: list[NotEstimated] = []
    for column in range(len(series.units)):
        observed = ~np.isnan(series.values[:, column])
        if not observed.any():
            continue
        covariates = series.covariates[column]
        if covariates is not None:
            observed &= ~np.isnan(covariates).any(axis=1)
        design = series_design(plan, series, column, int(observed.sum()))
        values = np.where(observed, series.values[:, column], np.nan)[:, None]
        try:
            require_segments(design.interruptions, observed & design.usable)
            fit = fit_ols(design.matrix, values)
        except tuple(REASONS) as error:
            failed += not_estimated(plan, series, (column,), LABEL, error, design)
            continue
        blank = CovarianceModel(
            np.full_like(fit.covariance.adjusted, np.nan),
            np.full_like(fit.covariance.model, np.nan),
            fit.covariance.gradients,
            fit.covariance.parameter_covariance,
            fit.covariance.df_residual,
        )
        blocks.append(
            Block(
                series,
                (column,),
                observed,
                design,
                LABEL,
                replace(fit, covariance=blank),
                plan.outcome.transform,
                own_level=False,
                placebo_only=True,
            )
        )
    return blocks, failed


def prediction_error_ratio(
    gap: NDArray[np.float64], before: NDArray[np.bool_], after: NDArray[np.bool_]
) -> float:
    """Return the root mean squared gap after the start over that before (Abadie et al. 2010)."""
    known = ~np.isnan(gap)
    late = float(np.sqrt(np.mean(gap[after & known] ** 2)))
    early = float(np.sqrt(np.mean(gap[before & known] ** 2)))
    return late / early if early > 0 else np.inf
