"""Series without an effect that are like a fitted one, and their way through a run.

What a run does to a table is done to them: weights are estimated again, and where a percentage is weighted by
its denominators, unit and peers get fresh binomial counts of the real ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.design.peer_mean import peer_mean
from its_eval.effects.estimands import linear_contrasts
from its_eval.pipeline.error_model import error_covariance, error_variance
from its_eval.pipeline.truths import TRUTHS, Errors
from its_eval.scales import SCALES

if TYPE_CHECKING:
    from its_eval.comparisons.base import Comparison
    from its_eval.config import Estimator
    from its_eval.estimators.fit import BoolArray, FloatArray
    from its_eval.pipeline.estimate import Ask, Estimates
    from its_eval.pipeline.plan import OutcomePlan, Target
    from its_eval.pipeline.primary import Analysis


class FittedSeries(Struct, frozen=True):
    """One treated unit's series as it was fitted: what is simulated from.

    Attributes
    ----------
    target : Target
        The treated unit with its peers.
    observed : ndarray of bool, shape (n,)
        Periods that the fit used.
    expected : ndarray, shape (n,)
        What the fit expects without the intervention, on its scale.
    spread : ndarray, shape (n,)
        Standard deviation of each period's error, without sampling where that is drawn anew.
    errors : Errors
        Their shape: over `spread` they have variance 1 on average.
    peer_means : ndarray, shape (n,)
        Of a difference what the unit's own values were compared with.
    sampling : ndarray, shape (n,)
        Sampling variance; NaN throughout without weights.
    resampled : bool
        Whether counts of unit and peers are drawn from their denominators.
    estimands : tuple of str
        What is read.
    """

    target: Target
    observed: BoolArray
    expected: FloatArray
    spread: FloatArray
    errors: Errors
    peer_means: FloatArray
    sampling: FloatArray
    resampled: bool
    estimands: tuple[str, ...]


def fitted_series(analysis: Analysis, item: Estimates, estimands: Sequence[str]) -> Iterator[FittedSeries]:
    """Yield what each series of a fit is simulated from, with those estimands that are linear."""
    plan, sheet = item.sheet.plan, item.sheet
    rows = linear_contrasts(item.design, item.observed, analysis.question.at_of(item.design))
    n, used = item.design.n_periods, item.observed
    for position, column in enumerate(item.columns.tolist()):
        variance = error_variance(item)[position, used]
        try:
            covariance = error_covariance(item, position)
            covariance *= variance.mean() / np.diag(covariance).mean()
        except ValueError:
            covariance = np.diag(variance)  # an estimator without an error model
        # what a gap of two strata is sampled from is not one table of counts
        resampled = item.relative_variance is not None and not plan.panel.parts
        if resampled:
            covariance -= np.diag(sheet.sampling[used, column])
        values, vectors = np.linalg.eigh(covariance)
        factor = vectors * np.sqrt(np.maximum(values, 0.0))
        own = np.sqrt((factor**2).sum(axis=1))
        spread, whole = np.full(n, np.sqrt((own**2).mean())), np.zeros((n, int(used.sum())))
        spread[used] = own
        np.divide(factor, own[:, None], out=factor, where=own[:, None] > 0)
        whole[used] = factor
        yield FittedSeries(
            sheet.targets[column],
            used,
            item.design.without(0) @ item.whole.params[position],
            spread,
            Errors(n, item.design.interruption.start, whole),
            sheet.peer_means[:, column],
            sheet.sampling[:, column],
            resampled,
            tuple(name for name in estimands if name in rows),
        )


class Drawn(Struct, frozen=True):
    """Series without an effect in one world.

    Attributes
    ----------
    own : ndarray, shape (n, R)
        Values of the unit as a table has them; NaN where the data have none.
    peers : ndarray, shape (n, R, k)
        Those of its peers in each; R = 1 where they stay as they are.
    """

    own: FloatArray
    peers: FloatArray


def simulate(
    plan: OutcomePlan,
    comparison: Comparison,
    series: FittedSeries,
    truth: str,
    reps: int,
    rng: np.random.Generator,
) -> Drawn:
    """Return series without an effect in a world.

    Parameters
    ----------
    plan, comparison : OutcomePlan, Comparison
        What was fitted: the unit itself, or its difference from its peers.
    series : FittedSeries
        How.
    truth : str
        Which world.
    reps : int
        How many series, R.
    rng : Generator
        A stream of its own.
    """
    scale, panel = SCALES[plan.outcome.transform], plan.panel
    errors = series.spread[:, None] * TRUTHS[truth](series.errors, reps, rng)
    path = series.expected[:, None] + errors
    columns = panel.columns(series.target.peers)
    peers = panel.values[:, None, columns]
    base: FloatArray = series.peer_means if comparison.subtracts else np.zeros(len(path))
    if series.resampled:
        sizes = panel.denominators[:, columns]
        course = _course(plan, series, panel.values[:, columns])
        if comparison.subtracts:
            base = peer_mean(scale.to(course, sizes), plan.usable(series.target.interruptions))
        peers = _sampled(np.repeat(course[:, None], reps, axis=1), sizes[:, None], rng)
    own = scale.back(path + base[:, None])
    if series.resampled:
        own = _sampled(own, panel.denominators[:, [panel.column(series.target.unit)]], rng)
    return Drawn(np.where(series.observed[:, None], own, np.nan), peers)


def _course(plan: OutcomePlan, series: FittedSeries, values: FloatArray) -> FloatArray:
    """Return the smooth course of each peer, shape (n, k): a line and the season, without noise."""
    design = series.errors
    time = (np.arange(design.n) - design.start) / design.n
    after = np.maximum(time, 0.0)
    year = np.arange(design.n) % plan.per_year
    terms = [np.ones(design.n), time, after]
    if 1 < plan.per_year < design.n / 2:
        terms += [year == month for month in range(1, plan.per_year)]
    X = np.column_stack(terms).astype(np.float64)
    found = np.full(values.shape, np.nan)
    for place, column in enumerate(values.T):
        known = ~np.isnan(column)
        found[known, place] = X[known] @ np.linalg.lstsq(X[known], column[known], rcond=None)[0]
    return found


def _sampled(percentages: FloatArray, sizes: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return percentages of fresh counts; NaN where a percentage or its denominator is missing."""
    sizes = np.broadcast_to(sizes, percentages.shape)
    known = ~np.isnan(percentages) & (sizes > 0)
    found = np.full(percentages.shape, np.nan)
    whole = np.rint(sizes[known]).astype(np.int64)
    counts = rng.binomial(whole, np.clip(percentages[known], 0.0, 100.0) / 100.0)
    found[known] = 100.0 * counts / np.maximum(whole, 1)
    return found


def estimates_of(
    plan: OutcomePlan,
    comparison: Comparison,
    series: FittedSeries,
    drawn: Sequence[Drawn],
    entries: Sequence[Estimator],
    ask: Ask,
) -> list[Estimates]:
    """Fit simulated series as a run fits those of a table; their units are numbered from 0, drawn by drawn.

    Parameters
    ----------
    plan, comparison, series : OutcomePlan, Comparison, FittedSeries
        As for `simulate`.
    drawn : sequence of Drawn
        Series of one unit.
    entries : sequence of Estimator
        Neither a count or binomial family nor one that models sampling.
    ask : Ask
        What is wanted.
    """
    panel, target = plan.panel, series.target
    own = np.hstack([item.own for item in drawn])
    units = [str(number) for number in range(own.shape[1])]
    # peers as they are serve all series; drawn anew, each series has its own
    sets = [""] if not series.resampled else [f"{unit} " for unit in units]
    peers = [[f"{prefix}{peer}" for peer in target.peers] for prefix in sets]
    sources = [panel.column(target.unit)] * len(units) + panel.columns(target.peers).tolist() * len(sets)
    of_peers = [item.peers.reshape(len(own), -1) for item in (drawn if series.resampled else drawn[:1])]
    made = replace(
        panel,
        units=(*units, *(code for codes in peers for code in codes)),
        values=np.hstack([own, *of_peers]),
        denominators=panel.denominators[:, sources],
        counts=panel.counts[:, sources],
        small_denominator=panel.small_denominator[:, sources],
        parts=(),
    )
    covariates = {name: values[:, sources] for name, values in plan.covariates.items()}
    redrawn = replace(plan, panel=made, covariates=covariates, no_peers={})
    targets = [
        replace(target, unit=unit, peers=tuple(peers[number if series.resampled else 0]))
        for number, unit in enumerate(units)
    ]
    sheet, _ = comparison.sheet(redrawn, targets)
    if not series.resampled:
        sheet = replace(sheet, sampling=np.repeat(series.sampling[:, None], len(units), axis=1))
    return comparison.fit(sheet, entries, ask)[0]
