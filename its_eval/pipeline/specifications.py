"""The specification curve: the primary estimate under other choices, its summary, and how unusual it is.

The joint test runs the identical curve for every donor and ranks the treated unit's median |t|. It compares
like with like only if all are fitted in one way, so it takes unweighted fits for treated units and donors
alike; the estimates in the table keep their weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.result import CheckResult, Status, number
from its_eval.checks.specification import SpecificationSummary, summarise_specifications
from its_eval.design.interruption import require_segments
from its_eval.effects import linear_contrasts
from its_eval.estimators.catalogue import DESCRIPTIVE_BELOW, FitContext, autoregressive_order, fit_estimator
from its_eval.estimators.patterns import missing_patterns
from its_eval.estimators.reml.statistics import reml_ar_statistics
from its_eval.pipeline.designs import design_estimators, fit_design
from its_eval.pipeline.estimate import REASONS, design_groups, known_values, series_design
from its_eval.pipeline.placebos import donor_targets
from its_eval.pipeline.plan import Target
from its_eval.pipeline.sheet import make_series
from its_eval.pipeline.tables import from_summary_scale, on_summary_scale, primary_estimates
from its_eval.pipeline.variants import Variant, standard_variants, variants

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config, Estimator
    from its_eval.design.interruption import Interruption
    from its_eval.pipeline.estimate import Block
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sheet import SeriesSet
    from its_eval.pipeline.sources import Sources
    from its_eval.pipeline.tables import PrimaryEstimate


#: Dimension of the rows in which every combination of choices is tried, and of single peers left out.
CROSSED = "combination"
LEAVE_ONE_OUT = "leave_one_peer_out"

Row = dict[str, object]


@dataclass(frozen=True)
class Specification:
    """One specification: some choices that differ from the config.

    Attributes
    ----------
    dimension, choice : str
        As they stand in the table ``sensitivity``.
    parts : tuple of Variant
        What differs.
    """

    dimension: str
    choice: str
    parts: tuple[Variant, ...]


def specifications(
    config: Config, sources: Sources, plan: OutcomePlan, design_name: str
) -> list[Specification]:
    """Return every specification that the config asks for, in a fixed order, without its own.

    The standard ones stand alone, whether or not the others are crossed.
    """
    found = variants(config, sources, plan, design_name)
    single = [Specification(part.dimension, part.choice, (part,)) for part in found]
    known = {(item.dimension, item.choice) for item in single}
    standard = [
        Specification(part.dimension, part.choice, (part,))
        for part in (standard_variants(plan, design_name) if config.sensitivity.standard else [])
        if (part.dimension, part.choice) not in known
    ]
    if not config.sensitivity.cross:
        return [*single, *standard]
    dimensions: dict[str, list[Variant]] = {}
    for part in found:
        dimensions.setdefault(part.dimension, []).append(part)
    crossed = []
    for combination in product(*([None, *parts] for parts in dimensions.values())):
        parts = tuple(part for part in combination if part is not None)
        if parts:
            choice = "; ".join(f"{part.dimension}={part.choice}" for part in parts)
            crossed.append(Specification(CROSSED, choice, parts))
    return [*crossed, *standard]


def sensitivity_rows(
    config: Config, sources: Sources, plan: OutcomePlan, design_name: str, blocks: Sequence[Block]
) -> list[Row]:
    """Return the rows of ``sensitivity`` of one outcome and design.

    Parameters
    ----------
    config, sources, plan : Config, Sources, OutcomePlan
        What was planned.
    design_name : str
        Which design.
    blocks : sequence of Block
        Fits of its primary estimator: their estimates stand first, as ``primary``.
    """
    rows = [
        _row(config, plan, design_name, "primary", "as configured", item)
        for item in primary_estimates(config, plan, blocks)
    ]
    if not rows or design_name == "synthetic":
        return []
    if config.checks.leave_one_peer_out and design_name != "single":
        rows += _leave_one_out(config, plan, design_name)
    for specification in specifications(config, sources, plan, design_name):
        changed, targets, estimators = apply(specification, plan, design_name)
        fitted, _ = fit_design(changed, design_name, targets, estimators)
        rows += [
            _row(config, changed, design_name, specification.dimension, specification.choice, item)
            for item in primary_estimates(config, changed, fitted)
        ]
    return rows if len(rows) > len({row["unit"] for row in rows}) else []


def apply(
    specification: Specification, plan: OutcomePlan, design_name: str
) -> tuple[OutcomePlan, list[Target], list[Estimator]]:
    """Return the plan, the treated units' targets and the estimator of a specification."""
    estimators = list(design_estimators(plan, design_name)[:1])
    changed = plan
    for part in specification.parts:
        changed = part.change_plan(changed)
        estimators = [part.change_estimator(item) for item in estimators]
    targets = []
    for unit in plan.treated:
        if design_name != "single" and unit not in plan.peer_sets:
            continue
        target = changed.target(unit, design_name)
        for part in specification.parts:
            target = part.change_target(target, plan.donors.get(unit, ()), unit)
        targets.append(target)
    return changed, targets, estimators


def _leave_one_out(config: Config, plan: OutcomePlan, design_name: str) -> Iterator[Row]:
    """Yield the estimates without each peer in turn; units with a single peer have none."""
    targets: list[Target] = []
    left: list[str] = []
    for unit, chosen in plan.peer_sets.items():
        if len(chosen.peers) < 2:
            continue
        whole = plan.target(unit, design_name)
        for peer in chosen.peers:
            targets.append(replace(whole, peers=tuple(code for code in chosen.peers if code != peer)))
            left.append(peer)
    # one call for all: the series are columns of one matrix
    by_series = {(item.unit, item.peers): peer for item, peer in zip(targets, left, strict=True)}
    blocks, _ = fit_design(plan, design_name, targets, design_estimators(plan, design_name)[:1])
    for block in blocks:
        for item in primary_estimates(config, plan, [block]):
            peer = by_series[item.unit, block.series.peers[item.column]]
            yield _row(config, plan, design_name, LEAVE_ONE_OUT, peer, item)


def _row(
    config: Config,
    plan: OutcomePlan,
    design_name: str,
    dimension: str,
    choice: str,
    item: PrimaryEstimate,
) -> Row:
    return {
        "outcome": plan.outcome.name,
        "unit": item.unit,
        "design": design_name,
        "dimension": dimension,
        "choice": choice,
        "estimand": config.estimands.primary,
        "estimate": on_summary_scale(item.estimate, item.link),
        "std_error": item.std_error,
        "df": item.df,
        "p_value": np.nan if item.stuck else item.p_value,
        "conf_low": on_summary_scale(item.conf_low, item.link),
        "conf_high": on_summary_scale(item.conf_high, item.link),
        # not a column of the table, but how to come back from the scale of the summary
        "link": item.link,
    }


#: Dimensions in which donors and treated units cannot be fitted in one way.
UNLIKE = frozenset({"transform", "weighting"})
#: Below this share of the same sign a curve asks for attention.
STEADY = 0.9


def curve_checks(
    config: Config, sources: Sources, plan: OutcomePlan, design_name: str, rows: Sequence[Row]
) -> list[tuple[str, CheckResult]]:
    """Return the check ``specification_curve`` for every treated unit with other specifications.

    Parameters
    ----------
    config, sources, plan : Config, Sources, OutcomePlan
        What was planned.
    design_name : str
        Which design.
    rows : sequence of dict
        Rows of ``sensitivity`` of this outcome and design.
    """
    chosen = [row for row in rows if row["dimension"] not in (LEAVE_ONE_OUT, "transform")]
    units = sorted({str(row["unit"]) for row in chosen if row["dimension"] != "primary"})
    if not units:
        return []
    apart = (
        ", single peers left out not counted"
        if any(row["dimension"] == LEAVE_ONE_OUT for row in rows)
        else ""
    )
    joint = _joint(config, sources, plan, design_name)
    found = []
    for unit in units:
        own = [row for row in chosen if row["unit"] == unit]
        shown = np.array(
            [[row["estimate"], row["conf_low"], row["conf_high"]] for row in own], dtype=np.float64
        )
        values = from_summary_scale(shown, str(own[0]["link"]))
        treated, donors = joint.get(unit, (values[:, 0], None))
        # the summary is of the estimates shown; the rank is of the unweighted statistics
        summary = summarise_specifications(values[:, 0], values[:, 1], values[:, 2], values[:, 0])
        p_value = np.nan
        words = ""
        if donors is not None:
            rank = summarise_specifications(treated, treated, treated, treated, donors).joint
            if rank is not None:
                p_value = rank.p_value
                words = (
                    f" Among the {rank.n_donors} donors with the same curve its median statistic is number "
                    f"{rank.rank} (p = {rank.p_value:.3f})."
                )
        message = f"{_in_words(summary, apart)}{words}"
        status: Status = "pass"
        # a direction that nothing is claimed of may well depend on choices
        if summary.share_same_sign < STEADY and summary.share_excluding_zero > 0.0:
            status = "attention"
            message += " Its direction depends on the choices: report the range, not one estimate."
        found.append((unit, CheckResult("specification_curve", summary.median, p_value, status, message)))
    return found


def _in_words(summary: SpecificationSummary, apart: str) -> str:
    """Say where the estimates of a curve lie."""
    return (
        f"{summary.n_specifications} specifications{apart}: median {number(summary.median)}, the middle half "
        f"{number(summary.lower_quartile)} to {number(summary.upper_quartile)}, "
        f"{summary.share_same_sign:.0%} of the same sign, {summary.share_excluding_zero:.0%} of the "
        "intervals exclude no change."
    )


def _joint(
    config: Config, sources: Sources, plan: OutcomePlan, design_name: str
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the statistics of every treated unit, shape (S,), and of its donors, shape (J, S)."""
    # the standard error models alone would only repeat the placebo of the answer, at several times its cost
    ranked = config.checks.placebo_units and config.sensitivity.asked
    if design_name != "difference" or not ranked:
        return {}
    plain = replace(plan, weighted=False)
    every = [Specification("primary", "", ()), *specifications(config, sources, plan, design_name)]
    every = [item for item in every if not UNLIKE & {part.dimension for part in item.parts}]
    treated: dict[str, list[float]] = {unit: [] for unit in plan.peer_sets}
    donors: dict[str, list[NDArray[np.float64]]] = {unit: [] for unit in plan.peer_sets}
    base = {unit: tuple(donor_targets(config, sources, plan, unit)) for unit in plan.peer_sets}
    batch = _Batch(config)
    for specification in every:
        changed, targets, estimators = apply(specification, plain, design_name)
        # one call for all units: their series are columns of one matrix, and those of shared donors the same
        asked = list(targets)
        places: dict[tuple[tuple[Target, ...], Interruption], slice] = {}
        keys = [(base[target.unit], changed.interruptions[target.unit][0]) for target in targets]
        for target, key in zip(targets, keys, strict=True):
            if key not in places:
                places[key] = slice(len(asked), len(asked) + len(key[0]))
                asked += _moved(*key, specification, plan.donors[target.unit], target.unit)
        values = np.array(batch.statistics(changed, asked, estimators[0]) if asked else ())
        for target, key, own in zip(targets, keys, values[: len(targets)], strict=True):
            treated[target.unit].append(float(own))
            donors[target.unit].append(values[places[key]])
    return {
        unit: (np.array(values), np.column_stack(donors[unit]))
        for unit, values in treated.items()
        if values and len(plan.donors[unit])
    }


def _moved(
    donors: tuple[Target, ...],
    start: Interruption,
    specification: Specification,
    pool: tuple[str, ...],
    treated: str,
) -> Iterator[Target]:
    """Yield donors of a treated unit as a specification has them, interrupted when it says."""
    for item in donors:
        altered = replace(item, interruptions=(start, *item.interruptions[1:]))
        for part in specification.parts:
            altered = part.change_target(altered, pool, treated)
        yield altered


class _Batch:
    """Statistics of targets under one specification, each distinct question fitted once.

    Treated units with the same donors ask for the same placebos; so do specifications that differ in
    something that a donor does not have.
    """

    def __init__(self, config: Config) -> None:
        self._primary, self._at = config.estimands.primary, config.estimands.at
        self._settings: dict[object, int] = {}
        self._known: dict[tuple[int, Target], float] = {}

    def statistics(self, plan: OutcomePlan, targets: Sequence[Target], estimator: Estimator) -> list[float]:
        """Return the statistic of every target, NaN where it cannot be fitted."""
        described = (
            plan.panel.start,
            plan.panel.n_periods,
            plan.season,
            plan.masked.tobytes(),
            estimator,
        )
        setting = self._settings.setdefault(described, len(self._settings))
        keys = [(setting, target) for target in targets]
        missing = {key: target for key, target in zip(keys, targets, strict=True) if key not in self._known}
        if missing:
            values = self._fit(plan, list(missing.values()), estimator)
            self._known |= dict(zip(missing, values, strict=True))
        return [self._known[key] for key in keys]

    def _fit(self, plan: OutcomePlan, targets: list[Target], estimator: Estimator) -> list[float]:
        series, _ = make_series(plan, "difference", targets)
        found: dict[object, float] = {}
        for group in design_groups(series):
            for pattern in missing_patterns(known_values(series, group)):
                columns = [group[int(place)] for place in pattern.series]
                values = self._pattern(plan, series, columns, pattern.observed, estimator)
                for column, value in zip(columns, values, strict=True):
                    key = series.units[column], series.peers[column], series.interruptions[column]
                    found[key] = value
        keys = [(target.unit, target.peers, target.interruptions) for target in targets]
        return [found.get(key, np.nan) for key in keys]

    def _pattern(
        self,
        plan: OutcomePlan,
        series: SeriesSet,
        columns: list[int],
        observed: NDArray[np.bool_],
        estimator: Estimator,
    ) -> NDArray[np.float64]:
        n_used = int(observed.sum())
        design = series_design(plan, series, columns[0], n_used)
        values = np.where(observed[:, None], series.values[:, columns], np.nan)
        blank = np.full(len(columns), np.nan)
        try:
            require_segments(design.interruptions, observed & design.usable)
            row = linear_contrasts(design, observed, self._at).get(self._primary)
            if row is None or n_used < DESCRIPTIVE_BELOW:
                return blank
            if estimator.name == "reml_ar" and estimator.variance == "constant":
                order = autoregressive_order(estimator.order, n_used)
                read = reml_ar_statistics(design.matrix, values, row[None], order).estimates
            else:
                after = np.arange(design.n_periods) >= design.interruption.start
                context = FitContext(n_used, after, plan.per_year)
                read = fit_estimator(estimator, design.matrix, values, context).contrasts(row[None])
        except tuple(REASONS):
            return blank
        return np.asarray(read.statistic[:, 0], dtype=np.float64)
