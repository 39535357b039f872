"""How far the trend would have to bend to undo a finding, beside the bends of the series and of donors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.checks.result import CheckResult, not_applicable
from its_eval.checks.trend_bounds import (
    UNKNOWN_BEND,
    Bend,
    BendWords,
    bend_sizes,
    bends_before,
    trend_bounds_check,
)
from its_eval.effects.estimands import linear_contrasts, terms_of
from its_eval.effects.trend_bounds import TrendBounds, trend_bounds
from its_eval.estimators.fit import missing_patterns
from its_eval.estimators.kind import autoregressive_order
from its_eval.pipeline.period_weights import period_weights
from its_eval.pipeline.primary import contrast_of
from its_eval.pipeline.sheet import make_sheet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.comparisons.base import Comparison
    from its_eval.pipeline.estimate import Estimates
    from its_eval.pipeline.plan import OutcomePlan, Target
    from its_eval.pipeline.primary import Analysis

    FloatArray = NDArray[np.float64]

Row = dict[str, object]

#: Allowed bends of a figure, from 0 to so many times the largest that it marks.
GRID, BEYOND = 25, 1.5


def asked_contrasts(analysis: Analysis, item: Estimates) -> dict[str, FloatArray]:
    """Return the estimands that answer the question, as rows over the terms.

    One for an estimand that is linear in the parameters; the interruption's own terms where the question is
    whether anything changed; none for others.
    """
    linear = linear_contrasts(item.design, item.observed, analysis.question.at_of(item.design))
    terms = terms_of(contrast_of(item, analysis.estimand), item.design.interruption.shape)
    return {term: linear[term] for term in terms} if set(terms) <= set(linear) else {}


def bounds_of(analysis: Analysis, item: Estimates, position: int) -> dict[str, TrendBounds]:
    """Return how far the trend may bend, by estimand that answers the question.

    Of m terms together each has an interval at 1 - alpha/m, as their question has.
    """
    contrasts = asked_contrasts(analysis, item)
    if not contrasts:
        return {}
    rows = np.array(list(contrasts.values()))
    weights = period_weights(item, position, rows)
    if weights is None:
        return {}
    read = item.whole.one(position).contrasts(rows)
    confidence = 1.0 - analysis.alpha / len(contrasts)
    start = item.design.interruption.start
    found = {}
    for place, name in enumerate(contrasts):
        estimate, std_error, df = (
            float(array[0, place]) for array in (read.estimate, read.std_error, read.df)
        )
        bounds = trend_bounds(estimate, std_error, df, weights[place], start, confidence)
        if bounds is not None:
            found[name] = bounds
    return found


class TrendBoundRows(Struct, dict=True):
    """Makes the check ``trend_bounds`` and the rows of its table for one outcome and comparison.

    Attributes
    ----------
    plan, comparison, analysis
        What was planned and is asked.
    donors : mapping of str to tuple of Target
        Of each treated unit; those that ask for the same share one tuple.
    """

    plan: OutcomePlan
    comparison: Comparison
    analysis: Analysis
    donors: Mapping[str, tuple[Target, ...]]

    @cached_property
    def _sizes_of(self) -> dict[tuple[int, object], FloatArray]:
        return {}

    def of(self, item: Estimates) -> list[tuple[str, CheckResult, list[Row]]]:
        """Return, for every series of a fit, its unit, the check, and rows of ``trend_bounds``."""
        if not asked_contrasts(self.analysis, item) or item.is_family or item.placebo_only:
            reason = (
                "Bounds of the trend are for estimands that are sums of periods, with a known error model."
            )
            return [(unit, not_applicable("trend_bounds", reason), []) for unit in item.units]
        found = []
        for position, (unit, bend) in enumerate(zip(item.units, self._bends(item), strict=True)):
            bounds = bounds_of(self.analysis, item, position)
            donors = self._donor_bends(unit, item)
            words = self._words(item)
            check = trend_bounds_check(list(bounds.values()), bend, donors, words, self.analysis.alpha)
            found.append((unit, check, self._rows(item, unit, bounds, bend, donors)))
        return found

    def _bends(self, item: Estimates) -> list[Bend]:
        """Return the bend of every series of a fit before the start, those without weights at once."""
        values = np.where(item.observed[:, None], item.sheet.values[:, item.columns], np.nan)
        order = item.whole.partial_autocorrelations.shape[1]
        if not item.whitenable:
            order = autoregressive_order("auto", int(item.observed.sum()))
        start, level = item.design.interruption.start, self.analysis.confidence
        spread = np.sqrt(item.period_variance)
        found: list[Bend] = [UNKNOWN_BEND] * len(item.columns)
        groups: dict[bytes, list[int]] = {}
        for position in np.flatnonzero(~item.stuck):
            groups.setdefault(spread[position].tobytes(), []).append(int(position))
        for places in groups.values():
            own = spread[places[0]]
            bends = bends_before(item.design.matrix, values[:, places], start, order, level, own)
            for place, bend in zip(places, bends, strict=True):
                found[place] = bend
        return found

    def _donor_bends(self, unit: str, item: Estimates) -> FloatArray:
        """Return how far the donors of a unit bend before its start, each with peers of its own."""
        targets = self.donors[unit]
        order: Any = "auto" if item.entry is None else item.entry.order
        key = (id(targets), order)
        if key not in self._sizes_of:
            if not self.comparison.subtracts:
                targets = tuple(replace(target, peers=()) for target in targets)
            self._sizes_of[key] = self._sizes(targets, order)
        return self._sizes_of[key]

    def _sizes(self, targets: Sequence[Target], order: Any) -> FloatArray:
        sheet = make_sheet(self.plan, targets, self.comparison.name, subtract=self.comparison.subtracts)
        sizes = np.full(len(targets), np.nan)
        for group in sheet.groups() if targets else ():
            for pattern in missing_patterns(sheet.known_values(group)):
                columns = group[pattern.series]
                design = sheet.design(int(columns[0]), pattern.observed)
                values = np.where(pattern.observed[:, None], sheet.values[:, columns], np.nan)
                sizes[columns] = bend_sizes(
                    design.matrix,
                    values,
                    design.interruption.start,
                    autoregressive_order(order, pattern.n_used),
                )
        return sizes

    def _words(self, item: Estimates) -> BendWords:
        outcome, frequency = self.plan.outcome, self.plan.panel.frequency
        before = item.design.interruption.start
        time = f"{before} {frequency}{'' if before == 1 else 's'}"
        if item.scale.name == "log":
            return BendWords(time, " %", 100.0)
        if not item.scale.is_plain:
            return BendWords(time, " on the logit scale")
        unit = "points" if outcome.kind == "percentage" else outcome.unit
        return BendWords(time, f" {unit}" if unit else "")

    def _rows(
        self,
        item: Estimates,
        unit: str,
        bounds: dict[str, TrendBounds],
        bend: Bend,
        donors: FloatArray,
    ) -> list[Row]:
        known = donors[~np.isnan(donors)]
        middle, far = np.quantile(known, [0.5, 0.9]) if known.size else (np.nan, np.nan)
        rows: list[Row] = []
        for name, found in bounds.items():
            marked = np.nan_to_num([found.breakdown, abs(bend.estimate), far])
            bends = np.linspace(0.0, BEYOND * max(*marked, 1e-12), GRID)
            for allowed, low, high in zip(bends, *found.interval(bends), strict=True):
                rows.append(
                    {
                        "outcome": self.plan.outcome.name,
                        "unit": unit,
                        "design": self.comparison.name,
                        "estimand": name,
                        "bend": allowed,
                        "estimate": float(item.scale.effect(np.array(found.estimate))),
                        "conf_low": float(item.scale.effect(low)),
                        "conf_high": float(item.scale.effect(high)),
                        "breakdown_bend": found.breakdown,
                        "bend_before": bend.estimate,
                        "bend_before_low": bend.conf_low,
                        "bend_before_high": bend.conf_high,
                        "donor_bend_median": middle,
                        "donor_bend_p90": far,
                        "n_donors": int(known.size),
                        "n_before": found.n_before,
                    }
                )
        return rows
