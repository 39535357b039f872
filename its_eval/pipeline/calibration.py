"""Worlds without an effect in which an interval is put to the test: errors as fitted, and as nobody fitted.

Errors have variance 1 on average over the window, so that worlds differ in shape and not in noise; a unit's
own break comes on top of errors of variance 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.checks.power import minimum_detectable
from its_eval.comparisons.base import comparison_of
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.effects.estimands import linear_contrasts
from its_eval.effects.several_units import reaches
from its_eval.errors import ConfigError, NothingEstimatedError
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.kind import FitContext
from its_eval.estimators.reml.autoregression import autocovariances, marginal_variance
from its_eval.pipeline.donors import donor_targets
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.sources import load_sources

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.comparisons.base import Comparison
    from its_eval.config import Config, Estimator
    from its_eval.estimators.fit import FloatArray
    from its_eval.pipeline.estimate import Estimates
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sources import Sources


#: Autoregressive coefficients .3, .3 as partial autocorrelations.
_SECOND_ORDER = np.array([0.3 / 0.7, 0.3])
#: Half of the variance an AR(1) of .7, half white noise.
_NOISY, _SHARE_NOISE = np.array([0.7]), 0.5
#: Variance after the start over that before; the median of real trusts is 2.1 (methods §11.3).
_VARIANCE_RATIO = 2.0
#: Variance of the steps of a local level over that of its noise.
_LEVEL_RATIO = 0.01
#: A break of its own: standard deviations of its level and of its slope per period, in error sds.
_BREAK_LEVEL, _BREAK_SLOPE = 1.0, 0.02


def autoregressive_errors(partials: FloatArray, n: int, reps: int, rng: np.random.Generator) -> FloatArray:
    """Return stationary errors of variance 1, shape (n, reps), by partial autocorrelations (p,)."""
    white = rng.standard_normal((n, reps))
    if partials.size == 0 or not partials.any():
        return white
    points = partials[None]
    gamma = autocovariances(points, n)[0] / marginal_variance(points)[0]
    places = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    return np.asarray(np.linalg.cholesky(gamma[places]) @ white)


def _fitted(partials: FloatArray, n: int, start: int, reps: int, rng: np.random.Generator) -> FloatArray:
    del start
    return autoregressive_errors(partials, n, reps, rng)


def _second_order(
    partials: FloatArray, n: int, start: int, reps: int, rng: np.random.Generator
) -> FloatArray:
    del partials, start
    return autoregressive_errors(_SECOND_ORDER, n, reps, rng)


def _with_noise(partials: FloatArray, n: int, start: int, reps: int, rng: np.random.Generator) -> FloatArray:
    del partials, start
    signal = autoregressive_errors(_NOISY, n, reps, rng)
    return np.asarray(
        np.sqrt(1.0 - _SHARE_NOISE) * signal + np.sqrt(_SHARE_NOISE) * rng.standard_normal((n, reps))
    )


def _variance_break(
    partials: FloatArray, n: int, start: int, reps: int, rng: np.random.Generator
) -> FloatArray:
    spread = np.where(np.arange(n) < start, 1.0, _VARIANCE_RATIO)
    errors = autoregressive_errors(partials, n, reps, rng)
    return np.asarray(np.sqrt(spread / spread.mean())[:, None] * errors)


def _local_level(partials: FloatArray, n: int, start: int, reps: int, rng: np.random.Generator) -> FloatArray:
    del partials, start
    steps = np.sqrt(_LEVEL_RATIO) * rng.standard_normal((n, reps))
    variance = 1.0 + _LEVEL_RATIO * (n + 1) / 2.0
    return np.asarray((np.cumsum(steps, axis=0) + rng.standard_normal((n, reps))) / np.sqrt(variance))


def _own_breaks(partials: FloatArray, n: int, start: int, reps: int, rng: np.random.Generator) -> FloatArray:
    errors = autoregressive_errors(partials, n, reps, rng)
    # in the middle 70 % of the window, and not where the model has its own break
    elsewhere = np.setdiff1d(np.arange(int(0.15 * n), int(0.85 * n) + 1), start)
    dates = rng.choice(elsewhere, reps)
    since = np.arange(n)[:, None] - dates
    level = _BREAK_LEVEL * rng.standard_normal(reps)
    slope = _BREAK_SLOPE * rng.standard_normal(reps)
    return np.asarray(errors + np.where(since >= 0, level + slope * since, 0.0))


Truth = Callable[["FloatArray", int, int, int, np.random.Generator], "FloatArray"]

#: Worlds by name, that of the fit first. Each takes the fitted partial autocorrelations, the number of
#: periods, T0, the number of series and a stream of random numbers, and gives errors of shape (n, reps).
TRUTHS: Mapping[str, Truth] = {
    "as fitted": _fitted,
    "AR(2) .3 .3": _second_order,
    "AR(1) .7 with as much noise": _with_noise,
    "variance doubles at the start": _variance_break,
    "local level, ratio .01": _local_level,
    "a break of its own elsewhere": _own_breaks,
}


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


def fitted_series(analysis: Analysis, item: Estimates, estimands: Sequence[str]) -> Iterator[FittedSeries]:
    """Yield what each series of a fit is simulated from, with those estimands that are linear."""
    rows = linear_contrasts(item.design, item.observed, analysis.question.at_of(item.design))
    contrasts = {name: rows[name] for name in estimands if name in rows}
    fit = item.whole
    for position, unit in enumerate(item.units):
        relative = item.relative_variance
        root = np.ones(item.design.n_periods) if relative is None else np.sqrt(relative[:, position])
        yield FittedSeries(
            unit,
            item.design.matrix,
            item.observed,
            root,
            float(fit.sigma[position]),
            np.nan_to_num(fit.partial_autocorrelations[position]),
            item.design.interruption.start,
            contrasts,
            item.sheet.plan.per_year,
        )


def simulate(
    analysis: Analysis, outcome: str, design_name: str, series: FittedSeries, reps: int
) -> dict[str, NDArray[np.float64]]:
    """Return series without an effect by truth, each (n, reps), NaN where the data have no value.

    Regression coefficients are 0: all estimators here give the same errors of estimation whatever they are.
    Every truth of every unit has random numbers of its own.
    """
    drawn = {}
    for truth, errors in TRUTHS.items():
        stream = analysis.stream(outcome, design_name, series.unit, truth)
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
        Neither a count or binomial family nor one that models sampling.
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
    kind = ESTIMATORS[estimator.name]
    after = np.arange(len(series.observed)) >= series.start
    context = FitContext(int(series.observed.sum()), after, series.per_year)
    if not kind.can_weigh:
        return kind.read(series.matrix, values, contrasts, estimator, context).estimates
    # rows divided by the roots of the weights: all simulated series share them, and so a design
    root = series.root[:, None]
    read = replace(kind, at_bound=None).read(
        series.matrix / root, values / root, contrasts, estimator, context
    )
    context = replace(context, relative_variance=np.broadcast_to(root**2, values.shape))
    return kind.answered(read, series.matrix, values, contrasts, estimator, context).estimates


#: Columns of the table, in order.
COLUMNS = (
    *("outcome", "design", "estimator", "estimand", "truth", "series", "size", "size_low", "size_high"),
    *("coverage", "nominal", "effect", "power"),
)
#: Name of the rows about real units that nothing happened to.
REAL_DONORS = "real donors"
#: Estimators that take milliseconds a series get a tenth of the series, but not fewer than this.
FEWEST = 20

Row = dict[str, object]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Tests:
    """What tests found in simulated series: no effect, an effect, and how large that was."""

    rejected: NDArray[np.bool_]
    detected: NDArray[np.bool_]
    effect: float


def calibrate(config: Config, reps: int, progress: Progress) -> pd.DataFrame:
    """Simulate from the fitted designs without an effect, and count how often each estimator finds one.

    Parameters
    ----------
    config : Config
        As loaded. Of its designs those of one series per unit, of its estimators those of a linear model.
    reps : int
        Series per treated unit, design and truth; a tenth for estimators fitted one series at a time.
    progress : callable
        Called with a phrase, steps done and steps in all.

    Returns
    -------
    DataFrame
        ``size``: share of series without an effect in which the two-sided test at 1 - confidence finds one,
        with its Monte Carlo interval (exact binomial, 95 %); ``coverage`` = 1 - size, because all these
        estimators move with an added effect; ``power`` at ``effect``, the smallest effect that the first
        estimator detects with probability 0.8 at the fitted precision (on the scale of the fit, mean over
        the units that have one). Rows ``real donors``: the share of untreated units with an effect at the
        same date, with its binomial interval.

    Raises
    ------
    ConfigError
        When the config has no design or no estimator of that kind.
    DataError
        As ``evaluate``.
    NothingEstimatedError
        When no series could be fitted.
    """
    comparisons = _require_designs(config)
    analysis = Analysis.of(config)
    sources = load_sources(config)
    plan = make_plan(config, sources)
    steps = [(outcome, comparison) for outcome in plan.outcomes for comparison in comparisons]
    total = sum(len(outcome.treated) + 1 for outcome, _ in steps)
    done = 0
    rows: list[Row] = []
    reasons: list[str] = []
    for outcome, comparison in steps:
        where = f"{outcome.outcome.label}, {comparison.name}"
        progress(where, done, total)
        entries = _linear(comparison.entries(outcome.outcome.estimators))
        estimates, failed = comparison.estimates(outcome, analysis.ask, None, entries[:1])
        reasons += [f"{where}: {item.message}" for item in failed]
        asked = _asked(analysis)
        settings = [one for item in estimates for one in fitted_series(analysis, item, asked)]
        effects = _effects(analysis, estimates)
        tests: dict[tuple[str, str, str], list[_Tests]] = {}
        for place, setting in enumerate(settings):
            progress(f"{where}: {setting.unit}", done + place, total)
            drawn = simulate(analysis, outcome.outcome.name, comparison.name, setting, reps)
            for key, found in _tests(analysis, setting, entries, effects.get(setting.unit, {}), drawn):
                tests.setdefault(key, []).append(found)
        rows += _simulated_rows(analysis, outcome, comparison.name, tests)
        progress(f"{where}: {REAL_DONORS}", done + len(settings), total)
        rows += _donor_rows(config, sources, outcome, comparison, entries)
        done += len(outcome.treated) + 1
    if not rows:
        raise NothingEstimatedError("\n".join(["no series could be estimated", *reasons]))
    progress("done", total, total)
    frame = pd.DataFrame.from_records(rows, columns=list(COLUMNS))
    frame["series"] = frame["series"].astype("Int64")
    return frame


def _require_designs(config: Config) -> list[Comparison]:
    """Return the designs that can be calibrated, or say what is missing from the config."""
    # one series per treated unit, which can be simulated from the fit of that series
    able = [name for name, item in COMPARISONS.items() if item.has_mean_series]
    designs = [comparison_of(name) for name in config.designs if name in able]
    problems = []
    if not designs:
        problems.append(f"designs: {', '.join(config.designs)}; calibrate simulates {' and '.join(able)}")
    problems += [
        f"outcomes[{place}]: {item.indicator} has no estimator of a linear model to calibrate, only "
        + ", ".join(estimator.name for estimator in item.estimators)
        for place, item in enumerate(config.outcomes)
        if not _linear(item.estimators)
    ]
    if problems:
        raise ConfigError(problems, "calibrate a copy of the config with `designs: [single]` and `reml_ar`")
    return designs


def _linear(estimators: Sequence[Estimator]) -> list[Estimator]:
    # sampling noise is drawn with its answers, which these series have not
    kinds = ((item, ESTIMATORS[item.name]) for item in estimators)
    return [item for item, kind in kinds if not (kind.is_family or kind.models_sampling)]


def _asked(analysis: Analysis) -> tuple[str, ...]:
    """Return the estimands that are looked at: both changes, and the primary one."""
    return tuple(dict.fromkeys(("level_change", "slope_change", analysis.estimand)))


def _effects(analysis: Analysis, estimates: Sequence[Estimates]) -> dict[str, dict[str, float]]:
    """Return by unit and estimand the effect that the first estimator detects with probability 0.8."""
    effects: dict[str, dict[str, float]] = {}
    for name in _asked(analysis):
        for item in analysis.of_estimand(name).primary(estimates):
            if item.std_error > 0:
                smallest = minimum_detectable(item.std_error, item.df, analysis.alpha)
                effects.setdefault(item.unit, {})[name] = smallest
    return effects


def _tests(
    analysis: Analysis,
    setting: FittedSeries,
    estimators: Sequence[Estimator],
    effects: dict[str, float],
    drawn: dict[str, NDArray[np.float64]],
) -> Iterator[tuple[tuple[str, str, str], _Tests]]:
    """Yield the tests of one unit's simulated series by estimator, estimand and truth.

    All truths are one call of the estimator: what depends on the design alone is computed once.
    """
    for estimator in estimators:
        values = list(drawn.values())
        if ESTIMATORS[estimator.name].slow:
            values = [part[:, : max(part.shape[1] // 10, FEWEST)] for part in values]
        count = values[0].shape[1]
        read = estimates_of(estimator, setting, np.hstack(values))
        reach = read.quantile(analysis.confidence) * read.std_error
        for place, estimand in enumerate(setting.contrasts):
            effect = effects.get(estimand, np.nan)
            rejected = np.abs(read.estimate[:, place]) > reach[:, place]
            detected = np.abs(read.estimate[:, place] + effect) > reach[:, place]
            for number, truth in enumerate(drawn):
                own = slice(number * count, (number + 1) * count)
                yield (estimator.label, estimand, truth), _Tests(rejected[own], detected[own], effect)


def _simulated_rows(
    analysis: Analysis, plan: OutcomePlan, design: str, found: dict[tuple[str, str, str], list[_Tests]]
) -> Iterator[Row]:
    """Yield a row for each truth, estimator and estimand over the series of all units, truth by truth."""
    for (label, estimand, truth), parts in sorted(found.items(), key=lambda item: _place(item[0][2])):
        powered = [part for part in parts if np.isfinite(part.effect)]
        yield {
            **_keys(plan, design, label, estimand, truth),
            **_share(np.concatenate([part.rejected for part in parts]), analysis.confidence),
            "effect": float(np.mean([part.effect for part in powered])) if powered else np.nan,
            "power": float(np.concatenate([part.detected for part in powered]).mean()) if powered else np.nan,
        }


def _place(truth: str) -> int:
    return list(TRUTHS).index(truth)


def _donor_rows(
    config: Config,
    sources: Sources,
    plan: OutcomePlan,
    comparison: Comparison,
    entries: Sequence[Estimator],
) -> Iterator[Row]:
    """Yield the share of untreated units with an effect at the date of the first treated unit."""
    units = [unit for unit in plan.treated if plan.donors.get(unit) and unit in plan.peer_sets]
    if not units:
        return
    analysis = Analysis.of(config)
    targets = donor_targets(config, sources, plan, units[0])
    if not comparison.is_controlled:
        targets = [replace(target, peers=()) for target in targets]
    estimates, _ = comparison.estimates(plan, analysis.ask, targets, entries)
    for entry in entries:
        own = [item for item in estimates if item.estimator == entry.label]
        for name in _asked(analysis):
            primary = analysis.of_estimand(name).primary(own)
            rejected = ~primary.stuck & reaches(primary.p_value, analysis.alpha)
            if rejected.size:
                yield {
                    **_keys(plan, comparison.name, entry.label, name, REAL_DONORS),
                    **_share(rejected, analysis.confidence),
                    "effect": np.nan,
                    "power": np.nan,
                }


def _keys(plan: OutcomePlan, design: str, label: str, estimand: str, truth: str) -> Row:
    return {
        "outcome": plan.outcome.name,
        "design": design,
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
        "nominal": round(1.0 - confidence, 12),
    }
