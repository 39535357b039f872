"""Can the interval be trusted on these very data? Size, coverage and power of the configured estimators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from its_eval.checks.power import minimum_detectable
from its_eval.checks.truths import TRUTHS
from its_eval.effects import linear_contrasts
from its_eval.estimate.registry import FAMILY_LINKS, FitContext, autoregressive_order, fit_estimator
from its_eval.estimate.reml_statistics import reml_ar_statistics
from its_eval.pipeline.designs import design_estimators, fit_design
from its_eval.pipeline.placebos import donor_targets
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.primary import primary_estimates, random_stream
from its_eval.pipeline.sources import load_sources
from its_eval.pipeline.weighting import is_weighted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config, Estimator
    from its_eval.estimate.fit import ContrastEstimates
    from its_eval.pipeline.estimation import Block
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sources import Sources

#: Columns of the table, in order.
COLUMNS = (
    *("outcome", "design", "estimator", "estimand", "truth", "series", "size", "size_low", "size_high"),
    *("coverage", "nominal", "effect", "power"),
)
#: Name of the rows about real units that nothing happened to.
REAL_DONORS = "real donors"
#: Estimators that take milliseconds a series get a tenth of the series.
SLOW = frozenset({"arima", "ols", "newey_west"})

Row = dict[str, object]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Setting:
    """One treated unit's series as it was fitted: what is simulated from."""

    unit: str
    matrix: NDArray[np.float64]
    observed: NDArray[np.bool_]
    root: NDArray[np.float64]
    sigma: float
    partials: NDArray[np.float64]
    start: int
    contrasts: dict[str, NDArray[np.float64]]
    per_year: int


def calibrate(config: Config, reps: int, progress: Progress) -> pd.DataFrame:
    """Simulate from the fitted designs without an effect, and count how often each estimator finds one.

    Parameters
    ----------
    config : Config
        As loaded.
    reps : int
        Series per treated unit, design and truth; a tenth for estimators fitted one series at a time.
    progress : callable
        Called with a phrase, steps done and steps in all.

    Returns
    -------
    DataFrame
        ``size``: share of series without an effect in which the two-sided test at 1 - confidence finds one,
        with its Monte Carlo interval (exact binomial, 95 %); ``coverage`` = 1 - size, because all these
        estimators move with an added effect; ``power`` at ``effect``, the smallest effect that the primary
        estimator detects with probability 0.8 at the fitted precision. Rows ``real donors``: the share of
        untreated units with an effect at the same date, with its binomial interval.

    Raises
    ------
    DataError, NothingEstimatedError
        As ``evaluate``.
    """
    sources = load_sources(config)
    plan = make_plan(config, sources)
    rows: list[Row] = []
    steps = [
        (outcome, design)
        for outcome in plan.outcomes
        for design in config.designs
        if design in ("single", "difference")
    ]
    total = len(steps) * (len(TRUTHS) + 1)
    for number, (outcome, design_name) in enumerate(steps):
        done = number * (len(TRUTHS) + 1)
        progress(f"{outcome.outcome.label}, {design_name}", done, total)
        blocks, _ = fit_design(outcome, design_name, None, design_estimators(outcome, design_name)[:1])
        settings = [setting for block in blocks for setting in _settings(config, outcome, block)]
        estimators = [
            item for item in design_estimators(outcome, design_name) if item.name not in FAMILY_LINKS
        ]
        effects = _effects(config, outcome, blocks)
        for place, truth in enumerate(TRUTHS):
            progress(f"{outcome.outcome.label}, {design_name}: {truth}", done + place, total)
            rows += _simulated_rows(config, outcome, design_name, truth, settings, estimators, effects, reps)
        progress(f"{outcome.outcome.label}, {design_name}: {REAL_DONORS}", done + len(TRUTHS), total)
        rows += _donor_rows(config, sources, outcome, design_name)
    progress("done", total, total)
    frame = pd.DataFrame.from_records(rows, columns=list(COLUMNS))
    frame["series"] = frame["series"].astype("Int64")
    return frame


def _settings(config: Config, plan: OutcomePlan, block: Block) -> Iterator[_Setting]:
    """Yield what each series of a block is simulated from; series without an error model are left out."""
    rows = linear_contrasts(block.design, block.observed, config.estimands.at)
    wanted = {
        name: rows[name]
        for name in ("level_change", "slope_change", config.estimands.primary)
        if name in rows
    }
    if block.is_family or block.placebo_only:
        return
    for position, column in enumerate(block.columns):
        partials = block.fit.partial_autocorrelations[position]
        relative = block.relative_variance
        root = np.ones(block.design.n_periods) if relative is None else np.sqrt(relative[:, position])
        yield _Setting(
            block.series.units[column],
            block.design.matrix,
            block.observed,
            root,
            float(block.fit.sigma[position]),
            np.nan_to_num(partials),
            block.design.interruption.start,
            wanted,
            plan.per_year,
        )


def _effects(config: Config, plan: OutcomePlan, blocks: Sequence[Block]) -> dict[str, dict[str, float]]:
    """Return by unit and estimand the effect that the primary estimator detects with probability 0.8."""
    found: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(("level_change", "slope_change", config.estimands.primary)):
        asked = config.model_copy(update={"estimands": config.estimands.model_copy(update={"primary": name})})
        for item in primary_estimates(asked, plan, blocks):
            if item.std_error > 0:
                alpha = 1.0 - config.confidence
                found.setdefault(item.unit, {})[name] = minimum_detectable(item.std_error, item.df, alpha)
    return found


def _simulated_rows(
    config: Config,
    plan: OutcomePlan,
    design_name: str,
    truth: str,
    settings: Sequence[_Setting],
    estimators: Sequence[Estimator],
    effects: dict[str, dict[str, float]],
    reps: int,
) -> Iterator[Row]:
    """Yield a row for each estimator and estimand under one truth, over the series of all treated units."""
    alpha = 1.0 - config.confidence
    for estimator in estimators:
        count = max(reps // 10, 20) if estimator.name in SLOW else reps
        found: dict[str, list[tuple[NDArray[np.bool_], NDArray[np.bool_], float]]] = {}
        for setting in settings:
            stream = random_stream(config, plan.outcome.name, design_name, setting.unit, truth)
            errors = TRUTHS[truth](setting.partials, len(setting.observed), setting.start, count, stream)
            values = setting.sigma * setting.root[:, None] * errors
            values[~setting.observed] = np.nan
            read = _estimates(estimator, setting, values)
            critical = special.stdtrit(read.df, 1.0 - alpha / 2.0)
            for place, name in enumerate(setting.contrasts):
                effect = effects.get(setting.unit, {}).get(name, np.nan)
                sizes = critical[:, place] * read.std_error[:, place]
                rejected = np.abs(read.estimate[:, place]) > sizes
                detected = np.abs(read.estimate[:, place] + effect) > sizes
                found.setdefault(name, []).append((rejected, detected, effect))
        for name, parts in found.items():
            rejected = np.concatenate([part[0] for part in parts])
            yield {
                **_keys(plan, design_name, estimator.label, name, truth),
                **_share(rejected, config.confidence),
                "effect": float(np.mean([part[2] for part in parts])),
                "power": float(np.concatenate([part[1] for part in parts]).mean()),
            }


def _estimates(estimator: Estimator, setting: _Setting, values: NDArray[np.float64]) -> ContrastEstimates:
    """Estimate the contrasts of simulated series by one estimator, weighted as the data were."""
    contrasts = np.array(list(setting.contrasts.values()))
    root = setting.root[:, None] if is_weighted(estimator) else np.ones((len(setting.root), 1))
    n_used = int(setting.observed.sum())
    if estimator.name == "reml_ar" and estimator.variance == "constant":
        order = autoregressive_order(estimator.order, n_used)
        return reml_ar_statistics(setting.matrix / root, values / root, contrasts, order).estimates
    context = FitContext(n_used, np.arange(len(setting.observed)) >= setting.start, setting.per_year)
    return fit_estimator(estimator, setting.matrix, values, context).contrasts(contrasts)


def _donor_rows(config: Config, sources: Sources, plan: OutcomePlan, design_name: str) -> Iterator[Row]:
    """Yield the share of untreated units with an effect at the date of the first treated unit."""
    units = [unit for unit in plan.treated if plan.donors.get(unit) and unit in plan.peer_sets]
    if not units:
        return
    targets = donor_targets(config, sources, plan, units[0])
    if design_name == "single":
        targets = [replace(target, peers=()) for target in targets]
    estimators = [item for item in design_estimators(plan, design_name) if item.name not in FAMILY_LINKS]
    blocks, _ = fit_design(plan, design_name, targets, estimators)
    alpha = 1.0 - config.confidence
    for estimator in estimators:
        own = [block for block in blocks if block.estimator == estimator.label]
        for name in dict.fromkeys(("level_change", "slope_change", config.estimands.primary)):
            settings = config.estimands.model_copy(update={"primary": name})
            found = primary_estimates(config.model_copy(update={"estimands": settings}), plan, own)
            rejected = np.array([not item.stuck and item.p_value < alpha for item in found])
            if rejected.size:
                yield {
                    **_keys(plan, design_name, estimator.label, name, REAL_DONORS),
                    **_share(rejected, config.confidence),
                    "effect": np.nan,
                    "power": np.nan,
                }


def _keys(plan: OutcomePlan, design_name: str, label: str, estimand: str, truth: str) -> Row:
    return {
        "outcome": plan.outcome.name,
        "design": design_name,
        "estimator": label,
        "estimand": estimand,
        "truth": truth,
    }


def _share(rejected: NDArray[np.bool_], confidence: float) -> Row:
    """Return the share rejected with its exact binomial interval (Clopper & Pearson 1934)."""
    from scipy import stats  # noqa: PLC0415  (start-up time)

    found = stats.binomtest(int(rejected.sum()), rejected.size)
    interval = found.proportion_ci(0.95)
    share = float(rejected.mean())
    return {
        "series": rejected.size,
        "size": share,
        "size_low": float(interval.low),
        "size_high": float(interval.high),
        "coverage": 1.0 - share,
        "nominal": 1.0 - confidence,
    }
