"""Control outcomes, which the intervention should not have changed: their own fit, and the rest without.

What else happened at the start, a new way of counting or a busier year, often reaches the control too
(Lipsitch, Tchetgen Tchetgen & Cohen 2010, *Epidemiology* 21:383). A change of the control warns; and in the
outcome minus the standardised control what reached both, in proportion to how much each varies, is gone:

  d = y - k c,   k = s_y / s_c,

with s the standard deviations of both around a line and the season before the start. k is taken as known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.checks.result import CheckResult, judged, not_applicable, p_text
from its_eval.columns import THE_SET
from its_eval.config.outcomes import control_outcomes
from its_eval.effects.estimands import CHANGE, estimand_of
from its_eval.errors import NotEstimableError
from its_eval.pipeline.planning import on_rows
from its_eval.pipeline.question import questions
from its_eval.pipeline.together import set_answer

if TYPE_CHECKING:
    from its_eval.comparisons.base import Comparison
    from its_eval.config import Config, Outcome
    from its_eval.data.load import IndicatorRows
    from its_eval.estimators.fit import FloatArray
    from its_eval.pipeline.estimate import Estimates
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.primary import Analysis, PrimaryEstimate
    from its_eval.pipeline.sheet import Sheet

NAME = "negative_control"
#: The two series of a control outcome, as they stand in the table ``controls``.
ITSELF, DIFFERENCE = "control", "difference"

Row = dict[str, object]


class ControlRows(Struct, frozen=True):
    """What control outcomes say of one outcome and comparison.

    Attributes
    ----------
    rows : list of dict
        Of the table ``controls``.
    checks : list of (str, CheckResult)
        ``negative_control`` by unit; blank for all treated units together.
    """

    rows: list[Row]
    checks: list[tuple[str, CheckResult]]


def control_rows(
    config: Config, rows: IndicatorRows, plan: OutcomePlan, comparison: Comparison, analysis: Analysis
) -> ControlRows:
    """Fit the control outcomes of an outcome, and the outcome without what each shares with it.

    Parameters
    ----------
    config, plan, comparison : Config, OutcomePlan, Comparison
        What was planned; comparisons of several series in one model have no series to subtract from.
    rows : IndicatorRows
        All data.
    analysis : Analysis
        What is asked; where that is not linear, the average effect.
    """
    found = ControlRows([], [])
    entries = comparison.entries(plan.outcome.estimators)[:1]
    if not plan.outcome.controls or not comparison.has_mean_series or not entries:
        return found
    if analysis.estimand != CHANGE and estimand_of(analysis.estimand).row is None:
        analysis = analysis.of_estimand("average_effect")
    p_values: dict[str, dict[str, float]] = {}
    for control in control_outcomes(plan.outcome, config.outcomes):
        pair = _Pair.of(config, rows, plan, comparison, control)
        for series, sheet in [] if pair is None else pair.sheets:
            estimates, _ = comparison.fit(sheet, entries, analysis.ask)
            for unit, item, p_value in _answers(config, plan, analysis, estimates):
                keys: Row = {"outcome": plan.outcome.name, "unit": unit, "design": comparison.name}
                keys |= {"control": control.indicator, "series": series, "question": analysis.estimand}
                factor = pair.factors.get(unit, np.nan) if pair and series == DIFFERENCE else np.nan
                found.rows.append({**keys, **_cells(item), "p_value": p_value, "factor": factor})
                if series == ITSELF:
                    p_values.setdefault(unit, {})[control.label] = p_value
    units = [*plan.treated, *([THE_SET] if THE_SET in p_values else [])]
    for unit in units:
        check = _check(p_values.get(unit, {}), analysis.alpha)
        found.checks.append(("" if unit == THE_SET else unit, check))
    return found


class _Pair(Struct, frozen=True):
    """The series of a control outcome, and of the outcome without it, of the units that have both.

    Attributes
    ----------
    control, difference : Sheet
    factors : dict of str to float
        By which the control was multiplied, by unit.
    """

    control: Sheet
    difference: Sheet
    factors: dict[str, float]

    @property
    def sheets(self) -> list[tuple[str, Sheet]]:
        """Both by their names in the table."""
        return [(ITSELF, self.control), (DIFFERENCE, self.difference)]

    @classmethod
    def of(
        cls, config: Config, rows: IndicatorRows, plan: OutcomePlan, comparison: Comparison, control: Outcome
    ) -> _Pair | None:
        """Make both series with the peers that have both outcomes; None where no unit has them."""
        bare = replace(plan, outcome=control, covariates={})
        other = on_rows(config, rows, bare)
        some = np.asarray(~np.isnan(other.panel.values).all(axis=0))
        have = {unit for unit, column in other.panel.places.items() if some[column]}
        targets = [
            replace(item, peers=tuple(peer for peer in item.peers if peer in have))
            for item in comparison.targets(plan)
            if item.unit in have
        ]
        sheets = [comparison.sheet(one, targets)[0] for one in (plan, other)]
        places = [{item: place for place, item in enumerate(sheet.targets)} for sheet in sheets]
        shared = [item for item in sheets[0].targets if item in places[1]]
        if not shared:
            return None
        own, beside = (
            sheet.take(np.array([known[item] for item in shared]), shared)
            for sheet, known in zip(sheets, places, strict=True)
        )
        factors = [_factor(own, beside, column) for column in range(len(shared))]
        known = np.flatnonzero(np.isfinite(factors))
        if known.size == 0:
            return None
        kept = [shared[place] for place in known]
        own, beside = own.take(known, kept), beside.take(known, kept)
        k = np.array(factors)[known]
        return cls(beside, _difference(own, beside, k), dict(zip(own.units, k.tolist(), strict=True)))


def _factor(own: Sheet, beside: Sheet, column: int) -> float:
    """Return the factor of a control: the standard deviation of the outcome before the start over its own.

    Both are of the residuals around a line and the season, over the periods that both have; NaN where there
    are too few of them, or where the control does not vary.
    """
    start = own.targets[column].interruptions[0].start
    pair = np.column_stack([own.values[:, column], beside.values[:, column]])
    used = ~np.isnan(pair).any(axis=1) & (np.arange(len(pair)) < start)
    try:
        design = own.design(column, ~np.isnan(own.values[:, column]))
    except NotEstimableError:
        return np.nan
    X = design.without(0)[used]
    rank = int(np.linalg.matrix_rank(X)) if used.any() else 0
    if used.sum() - rank < 2:
        return np.nan
    residuals = pair[used] - X @ np.linalg.lstsq(X, pair[used], rcond=None)[0]
    size = np.sqrt((residuals**2).sum(axis=0))
    # what rounding leaves of a control that lies on its line is no variation
    constant = size[1] <= 1e-9 * np.abs(pair[used][:, 1]).max()
    return float("nan") if constant else float(size[0] / size[1])


def _difference(own: Sheet, beside: Sheet, k: FloatArray) -> Sheet:
    """Return the outcome minus so many times its control, with the sampling variance of both where known."""
    nothing = np.full_like(own.values, np.nan)
    return replace(
        own,
        values=own.values - k * beside.values,
        observed=own.observed - k * beside.observed,
        unit_values=own.unit_values - k * beside.unit_values,
        peer_means=own.peer_means - k * beside.peer_means,
        denominators=nothing,
        sampling=own.sampling + k**2 * beside.sampling,
        counts=nothing,
    )


def _answers(
    config: Config, plan: OutcomePlan, analysis: Analysis, estimates: Sequence[Estimates]
) -> Iterator[tuple[str, PrimaryEstimate, float]]:
    """Yield the answer about each unit and, where there are several, about all of them."""
    if not estimates:
        return
    asked = questions(analysis, estimates)[0]
    answer = next(iter(asked.quantities))
    for unit, p_value in asked.p_values.items():
        if answer in (own := asked.of(unit)):
            yield unit, own[answer], p_value
    together = None if config.each else set_answer(analysis, asked, estimates, plan.n_asked)
    if together is not None:
        yield THE_SET, together.quantities[answer], together.p_value


def _cells(item: PrimaryEstimate) -> Row:
    cells = item.cells()
    shown = {name: cells[name] for name in ("estimate", "conf_low", "conf_high")}
    return {"estimand": item.estimand, "scale": item.shown_scale, **shown}


def _check(p_values: dict[str, float], alpha: float) -> CheckResult:
    """Return whether a control outcome changed at the start: of m of them p is m times the smallest."""
    known = {label: p for label, p in p_values.items() if not np.isnan(p)}
    if not known:
        return not_applicable(NAME, "No control outcome has a series that can be fitted.")
    label, smallest = min(known.items(), key=lambda item: item[1])
    p_value = min(1.0, len(known) * smallest)
    found = (
        f"The control outcome {label} changed too ({p_text(p_value)}): what changed it may have changed this "
        "outcome; hold the answer against the outcome minus the control."
    )
    clear = f"No control outcome changed clearly: {', '.join(known)} ({p_text(p_value)})."
    return judged(NAME, smallest, p_value, found, clear, alpha)
