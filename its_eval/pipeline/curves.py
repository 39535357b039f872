"""The specification curve as a whole: its summary, and how unusual it is among the donors' own curves.

The joint test runs the identical curve for every donor and ranks the treated unit's median |t|. It compares
like with like only if all are fitted in one way, so it takes unweighted fits for treated units and donors
alike; the estimates in the table keep their weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.result import CheckResult, Status, number
from its_eval.checks.specification import SpecificationSummary, summarise_specifications
from its_eval.design.interruption import require_segments
from its_eval.effects import linear_contrasts
from its_eval.estimate.patterns import missing_patterns
from its_eval.estimate.registry import (
    DESCRIPTIVE_BELOW,
    FitContext,
    autoregressive_order,
    fit_estimator,
)
from its_eval.estimate.reml_statistics import reml_ar_statistics
from its_eval.pipeline.estimation import REASONS, design_groups, known_values, series_design
from its_eval.pipeline.placebos import donor_targets
from its_eval.pipeline.primary import from_summary_scale
from its_eval.pipeline.series import make_series
from its_eval.pipeline.specifications import LEAVE_ONE_OUT, Specification, apply, specifications

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config, Estimator
    from its_eval.design.interruption import Interruption
    from its_eval.pipeline.plan import OutcomePlan, Target
    from its_eval.pipeline.series import SeriesSet
    from its_eval.pipeline.sources import Sources

#: Dimensions in which donors and treated units cannot be fitted in one way.
UNLIKE = frozenset({"transform", "weighting"})
#: Below this share of the same sign a curve asks for attention.
STEADY = 0.9

Row = dict[str, object]


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
                asked += _moved(*key, specification, plan.donors[target.unit])
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
    donors: tuple[Target, ...], start: Interruption, specification: Specification, pool: tuple[str, ...]
) -> Iterator[Target]:
    """Yield donors as a specification has them, interrupted when it says."""
    for item in donors:
        altered = replace(item, interruptions=(start, *item.interruptions[1:]))
        for part in specification.parts:
            altered = part.change_target(altered, pool)
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
