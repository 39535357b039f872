"""How often estimators, and the verdict, find an effect where there is none: on series like those of a run.

Series are made anew and go the way of a run: weights are estimated again, and where a percentage is weighted
by its denominators, unit and peers get fresh binomial counts of the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from msgspec import Struct
from msgspec.structs import replace

from its_eval.checks.conclusion import conclude
from its_eval.checks.power import minimum_detectable
from its_eval.comparisons.base import comparison_of
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.effects.attribution import LABEL_DONORS, attribution_p
from its_eval.effects.estimands import CHANGE
from its_eval.effects.several_units import reaches
from its_eval.errors import ConfigError, NothingEstimatedError
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.evaluation import CHANGED_MORE, OPEN_LABELS
from its_eval.pipeline.donors import donor_targets, targets_of_donors
from its_eval.pipeline.placebos import contrasts_of, donor_fits, numbers_of
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.primary import Analysis, primary_columns
from its_eval.pipeline.question import questions
from its_eval.pipeline.simulated_series import Drawn, FittedSeries, estimates_of, fitted_series, simulate
from its_eval.pipeline.sources import load_sources
from its_eval.pipeline.terms import Terms
from its_eval.pipeline.truths import TRUTHS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.comparisons.base import Comparison
    from its_eval.config import Config, Estimator
    from its_eval.estimators.fit import ContrastEstimates, FloatArray
    from its_eval.pipeline.estimate import Estimates
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sources import Sources

#: Columns of the table, in order.
COLUMNS = (
    *("outcome", "design", "estimator", "estimand", "truth", "series", "size", "size_low", "size_high"),
    *("coverage", "nominal", "effect", "power"),
)
#: Name of the rows about real units that nothing happened to.
REAL_DONORS = "real donors"
#: In place of an estimand, in the rows about labels that say of a change, and of one that others do not have.
LABELLED, LABELLED_MORE = "label_changed", "label_changed_more"
#: Estimators that take milliseconds a series get a tenth of the series, but not fewer than this.
FEWEST = 20
#: Values of unit and peers that are made at a time.
CHUNK_NUMBERS = 2_000_000

Row = dict[str, object]
Progress = Callable[[str, int, int], None]


class _Tests(Struct, frozen=True):
    """What tests found in simulated series: no effect, an effect, and how large that was."""

    rejected: NDArray[np.bool_]
    detected: NDArray[np.bool_]
    effect: float


def calibrate(config: Config, reps: int, progress: Progress) -> pd.DataFrame:
    """Simulate from the fitted designs without an effect, and count how often it is found all the same.

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
        the units that have one). Rows ``label_changed`` and ``label_changed_more``: the share of units whose
        verdict says of a change, and of one that other units do not have, each replication judged as the
        family that a run judges, beside the donors as they are. Rows ``real donors``: the share of
        untreated units with an effect at the
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
    family = Terms.of_plan(config, plan)
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
        settings = [one for item in estimates for one in fitted_series(analysis, item, _asked(analysis))]
        effects = _effects(analysis, estimates)
        donors = _Donors.of(config, sources, outcome, comparison, analysis, estimates)
        tests: dict[tuple[str, str, str], list[_Tests]] = {}
        judged: dict[str, list[FloatArray]] = {}
        for place, setting in enumerate(settings):
            progress(f"{where}: {setting.target.unit}", done + place, total)
            own = effects.get(setting.target.unit, {})
            for truths in _together(setting, reps):
                world = _World(analysis, outcome, comparison, setting, reps, truths)
                for entry in entries:
                    found = world.fitted(entry)
                    for key, item in world.tests(entry, found, own):
                        tests.setdefault(key, []).append(item)
                    if entry is entries[0]:
                        for truth, p_values in world.p_values(entry, found, donors):
                            judged.setdefault(truth, []).append(p_values)
        rows += _simulated_rows(analysis, outcome, comparison.name, tests)
        if donors.judges and settings:
            terms = family[outcome.outcome.name]
            rows += _label_rows(terms, outcome, comparison.name, entries[0].label, judged, donors)
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


def _together(setting: FittedSeries, reps: int) -> Iterator[list[str]]:
    """Yield worlds whose series are fitted together: what depends on the design alone is computed once."""
    each = len(setting.observed) * reps * (1 + len(setting.target.peers) * setting.resampled)
    step = max(CHUNK_NUMBERS // each, 1)
    names = list(TRUTHS)
    yield from (names[start : start + step] for start in range(0, len(names), step))


class _Donors(Struct, frozen=True):
    """Real units beside which changes are judged.

    Attributes
    ----------
    judges : bool
        Whether a label follows from an interval and from them; not where the rank alone decides.
    by_unit : dict of str to ContrastEstimates
        By treated unit, the terms of the question in its donors, where they are enough to decide.
    """

    judges: bool
    centred: bool
    by_unit: dict[str, ContrastEstimates]

    @classmethod
    def of(
        cls,
        config: Config,
        sources: Sources,
        plan: OutcomePlan,
        comparison: Comparison,
        analysis: Analysis,
        estimates: Sequence[Estimates],
    ) -> _Donors:
        by_rank = config.peers is not None and config.peers.match == "pre_period" and comparison.subtracts
        found: dict[str, ContrastEstimates] = {}
        if estimates and not by_rank and config.checks.placebo_units:
            terms = questions(analysis, estimates)[0].terms
            targets = targets_of_donors(config, sources, plan, plan.treated)
            for part in donor_fits(plan, comparison, analysis, targets):
                read = [primary_columns(part.estimates, name, analysis.question) for name in terms]
                if len(part.donors) >= LABEL_DONORS:
                    own = contrasts_of([numbers_of(columns, part.donors) for columns in read])
                    found |= dict.fromkeys(part.units, own)
        return cls(not by_rank, comparison.subtracts, found)


class _World(Struct, frozen=True, dict=True):
    """Series of one unit in some worlds, and what estimators say of them."""

    analysis: Analysis
    plan: OutcomePlan
    comparison: Comparison
    setting: FittedSeries
    reps: int
    truths: Sequence[str]

    @cached_property
    def drawn(self) -> list[Drawn]:
        """Every world of every unit has random numbers of its own."""
        names = (self.plan.outcome.name, self.comparison.name, self.setting.target.unit)
        return [
            simulate(
                self.plan,
                self.comparison,
                self.setting,
                truth,
                self.reps,
                self.analysis.stream(*names, truth),
            )
            for truth in self.truths
        ]

    def fitted(self, entry: Estimator) -> list[Estimates]:
        """Fit an estimator; one that takes milliseconds a series fewer of them."""
        count = self.count(entry)
        drawn = [
            Drawn(item.own[:, :count], item.peers[:, : count if self.setting.resampled else 1])
            for item in self.drawn
        ]
        ask = replace(self.analysis.ask, whole_fits=self.analysis.estimand == CHANGE)
        return estimates_of(self.plan, self.comparison, self.setting, drawn, [entry], ask)

    def count(self, entry: Estimator) -> int:
        """Return how many series of each world an estimator gets."""
        return min(max(self.reps // 10, FEWEST), self.reps) if ESTIMATORS[entry.name].slow else self.reps

    def tests(
        self, entry: Estimator, found: Sequence[Estimates], effects: dict[str, float]
    ) -> Iterator[tuple[tuple[str, str, str], _Tests]]:
        """Yield the tests by estimator, estimand and world; a series without an answer finds nothing."""
        shape = (len(self.truths), self.count(entry))
        for estimand in self.setting.estimands:
            columns = primary_columns(found, estimand, self.analysis.question)
            number = np.array([int(target.unit) for target in columns.targets], dtype=np.intp)
            effect = effects.get(estimand, np.nan)
            rejected, detected = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
            reach = (columns.conf_high - columns.conf_low) / 2.0
            certain = ~columns.stuck
            rejected.flat[number] = certain & reaches(columns.p_value, self.analysis.alpha)
            detected.flat[number] = certain & (np.abs(columns.estimate + effect) >= reach)
            for place, truth in enumerate(self.truths):
                yield (entry.label, estimand, truth), _Tests(rejected[place], detected[place], effect)

    def p_values(
        self, entry: Estimator, found: Sequence[Estimates], donors: _Donors
    ) -> Iterator[tuple[str, FloatArray]]:
        """Yield by world the p-value of the question, and beside the donors, shape (2, R)."""
        both = np.full((2, len(self.truths) * self.count(entry)), np.nan)
        for asked in questions(self.analysis, found)[:1]:
            units = list(asked.p_values)
            number = np.array([int(unit) for unit in units], dtype=np.intp)
            both[0, number] = list(asked.p_values.values())
            others = donors.by_unit.get(self.setting.target.unit)
            if others is not None:
                own = contrasts_of([numbers_of(asked.quantities[name], units) for name in asked.terms])
                both[1, number] = attribution_p(own, others, centred=donors.centred)
        yield from zip(self.truths, np.split(both, len(self.truths), axis=1), strict=True)


def _label_rows(
    terms: Terms,
    plan: OutcomePlan,
    design: str,
    label: str,
    judged: dict[str, list[FloatArray]],
    donors: _Donors,
) -> Iterator[Row]:
    """Yield the share of units with a label that says of a change, each replication judged as a run is."""
    for truth, parts in judged.items():
        own, beside = np.stack(parts, axis=1)
        compared = ~np.isnan(beside)
        labels = [
            conclude(p, q, known, size=terms.size(1), alpha=terms.alpha, method=terms.method).labels
            for p, q, known in zip(own.T, beside.T, compared.T, strict=True)
        ]
        said = np.array(labels)
        chosen = {LABELLED: ~np.isin(said, list(OPEN_LABELS))}
        if donors.by_unit:
            chosen[LABELLED_MORE] = said == CHANGED_MORE
        for name, rejected in chosen.items():
            yield {
                **_keys(plan, design, label, name, truth),
                **_share(rejected.ravel(), terms.confidence),
                "effect": np.nan,
                "power": np.nan,
            }


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
