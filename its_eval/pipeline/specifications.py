"""The specification curve: the primary estimate under other choices, its summary, and how unusual it is.

The joint test runs the identical curve for every donor and ranks the treated unit's median |t|. It compares
like with like only if all are fitted in one way, so it takes unweighted fits for treated units and donors
alike; the estimates in the table keep their weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.checks.conclusion import SpecificationSummary, summarise_specifications
from its_eval.checks.result import CheckResult, Status, not_applicable, number, p_text
from its_eval.pipeline.planning import on_rows
from its_eval.pipeline.primary import Analysis, PrimaryEstimate
from its_eval.pipeline.variants import Variant, standard_variants, variants

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.comparisons.base import Comparison
    from its_eval.config import Config, Estimator
    from its_eval.design.matrix import Interruption
    from its_eval.pipeline.plan import OutcomePlan, Target
    from its_eval.pipeline.primary import PrimaryColumns
    from its_eval.pipeline.sources import Sources


#: Dimension of the rows in which every combination of choices is tried, and of single peers left out.
CROSSED = "combination"
COUNTS_NOT_SHOWN = "counts_not_shown"
LEAVE_ONE_OUT = "leave_one_peer_out"

Row = dict[str, object]


class Specification(Struct, frozen=True):
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
    config: Config, sources: Sources, plan: OutcomePlan, comparison: Comparison
) -> list[Specification]:
    """Return every specification that the config asks for, in a fixed order, without its own.

    The standard ones stand alone, whether or not the others are crossed.
    """
    found = [*variants(config, sources, plan, comparison), *_of_counts(config, sources)]
    single = [Specification(part.dimension, part.choice, (part,)) for part in found]
    known = {(item.dimension, item.choice) for item in single}
    standard = [
        Specification(part.dimension, part.choice, (part,))
        for part in (standard_variants(plan, comparison) if config.sensitivity.standard else [])
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


def _of_counts(config: Config, sources: Sources) -> Iterator[Variant]:
    """Yield what the counts that are not shown may have been, where everything is made without them."""
    taken = {} if sources.disclosed is None else sources.disclosed.taken
    for choice, rows in taken.items():
        yield Variant(COUNTS_NOT_SHOWN, choice, change_plan=partial(on_rows, config, rows))


def sensitivity_rows(
    config: Config,
    sources: Sources,
    plan: OutcomePlan,
    comparison: Comparison,
    own: PrimaryColumns,
) -> list[SensitivityRow]:
    """Return the rows of ``sensitivity`` of one outcome and design.

    Parameters
    ----------
    config, sources, plan, comparison : Config, Sources, OutcomePlan, Comparison
        What was planned.
    own : PrimaryColumns
        The primary estimand of each treated unit, which stands first, as ``primary``.
    """
    analysis = Analysis.of(config)
    rows = [SensitivityRow("primary", "as configured", item) for item in own]
    entries = comparison.entries(plan.outcome.estimators)[:1]
    if not rows or not entries:
        return []
    if config.checks.leave_one_peer_out and comparison.is_controlled:
        rows += _leave_one_out(analysis, plan, comparison)
    for specification in specifications(config, sources, plan, comparison):
        changed, targets, entries = apply(specification, plan, comparison)
        fitted, _ = comparison.estimates(changed, analysis.ask, targets, entries)
        rows += [
            SensitivityRow(specification.dimension, specification.choice, item)
            for item in analysis.primary(fitted)
        ]
    return rows if len(rows) > len({row.item.unit for row in rows}) else []


def apply(
    specification: Specification, plan: OutcomePlan, comparison: Comparison
) -> tuple[OutcomePlan, list[Target], tuple[Estimator, ...]]:
    """Return the plan, the treated units' targets and the estimator of a specification."""
    entries = comparison.entries(plan.outcome.estimators)[:1]
    changed = plan
    for part in specification.parts:
        changed = part.change_plan(changed)
        entries = tuple(part.change_estimator(item) for item in entries)
    targets = []
    for unit in plan.treated:
        if comparison.is_controlled and unit not in plan.peer_sets:
            continue
        target = comparison.target(changed, unit)
        for part in specification.parts:
            target = part.change_target(target, plan.donors.get(unit, ()), unit)
        targets.append(target)
    return changed, targets, entries


def _leave_one_out(analysis: Analysis, plan: OutcomePlan, comparison: Comparison) -> Iterator[SensitivityRow]:
    """Yield the estimates without each peer in turn; units with a single peer have none."""
    left: dict[Target, str] = {}
    for unit, chosen in plan.peer_sets.items():
        if len(chosen.peers) < 2:
            continue
        whole = comparison.target(plan, unit)
        for peer in chosen.peers:
            left[replace(whole, peers=tuple(code for code in chosen.peers if code != peer))] = peer
    # one call for all: the series are columns of one matrix
    entries = comparison.entries(plan.outcome.estimators)[:1]
    estimates, _ = comparison.estimates(plan, analysis.ask, list(left), entries)
    for item in analysis.primary(estimates):
        yield SensitivityRow(LEAVE_ONE_OUT, left[item.target], item)


class SensitivityRow(Struct, frozen=True):
    """The primary estimand under another choice.

    Attributes
    ----------
    dimension, choice : str
        As they stand in the table ``sensitivity``.
    item : PrimaryEstimate
        What it is then.
    """

    dimension: str
    choice: str
    item: PrimaryEstimate

    def row(self, outcome: str, design_name: str) -> Row:
        """Return the row of the table."""
        return {
            "outcome": outcome,
            "unit": self.item.unit,
            "design": design_name,
            "dimension": self.dimension,
            "choice": self.choice,
            "estimand": self.item.estimand,
            **self.item.cells(),
        }


#: Dimensions in which donors and treated units cannot be fitted in one way.
UNLIKE = frozenset({"transform", "weighting"})
#: The error model that needs the sampling variances which unweighted fits do without.
OF_SAMPLING = ("order", "reml_ar_sampling")
#: Below this share of the same sign a curve asks for attention.
STEADY = 0.9


def curve_checks(
    config: Config,
    sources: Sources,
    plan: OutcomePlan,
    comparison: Comparison,
    rows: Sequence[SensitivityRow],
    targets_of: Mapping[str, tuple[Target, ...]],
) -> list[tuple[str, CheckResult]]:
    """Return the check ``specification_curve`` for every treated unit with other specifications.

    Parameters
    ----------
    config, sources, plan, comparison : Config, Sources, OutcomePlan, Comparison
        What was planned.
    rows : sequence of SensitivityRow
        The rows of ``sensitivity`` of this outcome and design.
    targets_of : mapping of str to tuple of Target
        The donors of each treated unit.
    """
    curve = [row for row in rows if row.dimension not in (LEAVE_ONE_OUT, "transform")]
    units = sorted({row.item.unit for row in curve if row.dimension != "primary"})
    if not units:
        return []
    apart = (
        ", single peers left out not counted" if any(row.dimension == LEAVE_ONE_OUT for row in rows) else ""
    )
    joint = _joint(config, sources, plan, comparison, targets_of)
    checks = []
    for unit in units:
        own = [row.item for row in curve if row.item.unit == unit]
        values = np.array([(item.estimate, item.conf_low, item.conf_high) for item in own])
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
        checks.append((unit, CheckResult("specification_curve", summary.median, p_value, status, message)))
    return checks


def length_checks(rows: Sequence[SensitivityRow]) -> Iterator[tuple[str, CheckResult]]:
    """Yield the check ``lengths`` for every treated unit with other lengths of a gradual or fading change.

    The smallest and largest limit over all lengths that were stated, and the largest p-value: for whichever
    of them is the true one its own interval and p-value hold, and these are no narrower and no smaller.
    """
    units = sorted({row.item.unit for row in rows if row.dimension == "length"})
    for unit in units:
        own, *others = (
            row.item for row in rows if row.item.unit == unit and row.dimension in ("primary", "length")
        )
        every = np.array([(item.conf_low, item.conf_high, item.p_value) for item in (own, *others)])
        if np.isnan(every).any():
            yield unit, not_applicable("lengths", "Under one of the lengths there is no interval.")
            continue
        low, high, p_value = every[:, 0].min(), every[:, 1].max(), float(every[:, 2].max())
        shown = f"{number(own.shown(low))} to {number(own.shown(high))}"
        message = (
            f"Whichever of these {len(every)} lengths is the true one, its interval lies within {shown} (the "
            f"largest p-value: {p_text(p_value)})"
        )
        rests = low <= 0.0 <= high and not own.conf_low <= 0.0 <= own.conf_high
        if rests:
            message += ": whether there is a change depends on the length, so report this interval."
        else:
            message += "; nothing needs to be done."
        yield unit, CheckResult("lengths", high - low, np.nan, "attention" if rests else "pass", message)


def _in_words(summary: SpecificationSummary, apart: str) -> str:
    """Say where the estimates of a curve lie."""
    return (
        f"{summary.n_specifications} specifications{apart}: median {number(summary.median)}, the middle half "
        f"{number(summary.lower_quartile)} to {number(summary.upper_quartile)}, "
        f"{summary.share_same_sign:.0%} of the same sign, {summary.share_excluding_zero:.0%} of the "
        "intervals exclude no change."
    )


def _is_unlike(part: Variant) -> bool:
    return part.dimension in UNLIKE or (part.dimension, part.choice) == OF_SAMPLING


def _joint(
    config: Config,
    sources: Sources,
    plan: OutcomePlan,
    comparison: Comparison,
    base: Mapping[str, tuple[Target, ...]],
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the statistics of every treated unit, shape (S,), and of its donors, shape (J, S)."""
    # the standard error models alone would only repeat the placebo of the answer, at several times its cost
    ranked = config.checks.placebo_units and config.sensitivity.asked
    if not comparison.subtracts or not ranked:
        return {}
    plain = replace(plan, weighted=False)
    every = [Specification("primary", "", ()), *specifications(config, sources, plan, comparison)]
    every = [item for item in every if not any(map(_is_unlike, item.parts))]
    treated: dict[str, list[float]] = {unit: [] for unit in plan.peer_sets}
    donors: dict[str, list[NDArray[np.float64]]] = {unit: [] for unit in plan.peer_sets}
    fitted = _Statistics(Analysis.of(config), comparison)
    for specification in every:
        changed, targets, entries = apply(specification, plain, comparison)
        # one call for all units: their series are columns of one matrix, and those of shared donors the same
        asked = list(targets)
        # donors that units share are one object
        places: dict[tuple[int, Interruption], slice] = {}
        keys = [(id(base[target.unit]), changed.interruptions[target.unit][0]) for target in targets]
        for target, key in zip(targets, keys, strict=True):
            if key not in places:
                placed = base[target.unit]
                places[key] = slice(len(asked), len(asked) + len(placed))
                asked += _moved(placed, key[1], specification, plan.donors[target.unit], target.unit)
        values = np.array(fitted.of(changed, asked, entries[0]) if asked else ())
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


class _Statistics:
    """Statistics of targets under one specification, each distinct question fitted once.

    Treated units with the same donors ask for the same placebos; so do specifications that differ in
    something that a donor does not have.
    """

    def __init__(self, analysis: Analysis, comparison: Comparison) -> None:
        self._analysis, self._comparison = analysis, comparison
        self._ask = replace(analysis.ask, whole_fits=False)
        self._settings: dict[object, int] = {}
        self._known: dict[tuple[int, Target], float] = {}

    def of(self, plan: OutcomePlan, targets: Sequence[Target], entry: Estimator) -> list[float]:
        """Return the statistic of every target, NaN where it cannot be fitted."""
        # the same window may have other values: gaps filled in, or counts that are not shown
        window = (plan.panel.start, plan.panel.n_periods, plan.masked.tobytes(), plan.panel.values.tobytes())
        described = (*window, plan.season, plan.trend, entry)
        setting = self._settings.setdefault(described, len(self._settings))
        keys = [(setting, target) for target in targets]
        missing = {key: target for key, target in zip(keys, targets, strict=True) if key not in self._known}
        if missing:
            estimates, _ = self._comparison.estimates(plan, self._ask, list(missing.values()), [entry])
            primary = self._analysis.primary(estimates)
            read = dict(zip(primary.targets, primary.statistic.tolist(), strict=True))
            self._known |= {key: read.get(target, np.nan) for key, target in missing.items()}
        return [self._known[key] for key in keys]
