"""Is the effect believable? Every check beside the estimates of one outcome and design."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field
from msgspec.structs import asdict

from its_eval.catalogue import Catalogue
from its_eval.checks.result import CheckResult, settled
from its_eval.pipeline.anticipation import anticipation_checks
from its_eval.pipeline.diagnosis import diagnostics
from its_eval.pipeline.negative_controls import control_rows
from its_eval.pipeline.one_month import one_month_checks
from its_eval.pipeline.placebo_dates import placebos_in_time
from its_eval.pipeline.placebos import exchangeability_check, placebo_check, placebo_rows
from its_eval.pipeline.pooled import (
    crawford_howell_p,
    equivalence_check,
    joint_check,
    overlap_check,
    pooled_rows,
)
from its_eval.pipeline.primary import Analysis, PrimaryColumns
from its_eval.pipeline.together import joint_placebo_check
from its_eval.pipeline.trend_bounds import TrendBoundRows

if TYPE_CHECKING:
    from its_eval.comparisons.base import Comparison
    from its_eval.config import Config
    from its_eval.pipeline.estimate import Estimates
    from its_eval.pipeline.placebos import Beside
    from its_eval.pipeline.plan import OutcomePlan, Target
    from its_eval.pipeline.question import Asked
    from its_eval.pipeline.sources import Sources
    from its_eval.pipeline.together import SetAnswer


Row = dict[str, object]
#: A check of one unit; the unit is blank where it is about all of them.
Finding = tuple[str, CheckResult]


class Credibility(Struct):
    """What was found about the estimates of one outcome and design.

    Attributes
    ----------
    rows : dict of str to list of dict
        Rows of ``checks``, ``placebo_units``, ``placebo_dates``, ``residuals``, ``trend_bounds``, ``pooled``,
        ``controls`` and ``leads``.
    p_crawford_howell : dict of str to float
        By unit.
    flags : dict of str to set of str
        Warnings of fits that only checks can give, by unit.
    """

    rows: dict[str, list[Row]] = field(
        default_factory=lambda: {
            name: []
            for name in (
                *("checks", "placebo_units", "placebo_dates", "residuals", "trend_bounds", "pooled"),
                *("controls", "leads"),
            )
        }
    )
    p_crawford_howell: dict[str, float] = field(default_factory=dict)
    flags: dict[str, set[str]] = field(default_factory=dict)

    def add(self, outcome: str, design_name: str, unit: str, checks: Sequence[CheckResult]) -> None:
        """Write checks down as rows."""
        keys = {"outcome": outcome, "unit": unit, "design": design_name}
        self.rows["checks"] += [{**keys, **asdict(check)} for check in checks]
        for check in checks:
            if check.check == "ljung_box" and check.status == "attention":
                self.flags.setdefault(unit, set()).add("residual_autocorrelation")


class Look(Struct, frozen=True):
    """What a check looks at: the answer of one outcome and comparison, and where it comes from.

    Attributes
    ----------
    config, sources, plan : Config, Sources, OutcomePlan
        What was planned.
    comparison : Comparison
        Which one.
    analysis : Analysis
        What is asked.
    estimates : sequence of Estimates
        Fits of the primary estimator.
    credibility : Credibility
        Where tables and numbers go that are no checks.
    asked : sequence of Asked
        The answers, by interruption.
    beside : mapping of (unit, interruption key) to Beside
        What the donors say of them.
    together : sequence of SetAnswer
        What is said of the treated units as a set.
    donors : mapping of str to tuple of Target
        The donors of each treated unit as if they had been treated at its start.
    """

    config: Config
    sources: Sources
    plan: OutcomePlan
    comparison: Comparison
    analysis: Analysis
    estimates: Sequence[Estimates]
    credibility: Credibility
    asked: Sequence[Asked] = ()
    beside: Mapping[tuple[str, str], Beside] = field(default_factory=dict)
    together: Sequence[SetAnswer] = ()
    donors: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)

    @property
    def own(self) -> PrimaryColumns:
        """The primary estimand of each treated unit."""
        return self.asked[0].answer if self.asked else self.analysis.primary(())

    @property
    def by_rank(self) -> bool:
        """Whether the place among other units is all there is to judge by.

        Peers that were chosen, or weighted, to follow the outcome before the start leave a gap there that
        says nothing of its error after it.
        """
        peers = self.config.peers
        matched = peers is not None and peers.match == "pre_period"
        return self.comparison.judged_by_placebos or (matched and self.comparison.subtracts)

    def series(self) -> Iterator[tuple[str, Estimates, int]]:
        """Yield unit, fit and place in it of every series."""
        for item in self.estimates:
            for position, unit in enumerate(item.units):
                yield unit, item, position


class Check(Struct, frozen=True):
    """One check, or one family of checks that share their work.

    Attributes
    ----------
    name : str
        What it is called.
    run : callable
        Yields unit and result; the unit is blank for all treated units together.
    """

    name: str
    run: Callable[[Look], Iterator[Finding]]


def _joint_change(look: Look) -> Iterator[Finding]:
    for unit, item, position in look.series():
        yield from ((unit, check) for check in joint_check(item, position))


def _diagnostics(look: Look) -> Iterator[Finding]:
    if not look.config.checks.diagnostics:
        return
    for item in look.estimates:
        margin = look.config.checks.pretrend_margin
        for unit, checks, residuals in diagnostics(look.analysis, margin, item):
            look.credibility.rows["residuals"] += residuals
            yield from ((unit, check) for check in checks)


def _one_month(look: Look) -> Iterator[Finding]:
    for item in look.estimates if look.config.checks.one_month else ():
        yield from one_month_checks(look.analysis, item)


def _trend_bounds(look: Look) -> Iterator[Finding]:
    if not look.config.checks.trend_bounds:
        return
    maker = TrendBoundRows(look.plan, look.comparison, look.analysis, look.donors)
    for item in look.estimates:
        for unit, check, rows in maker.of(item):
            look.credibility.rows["trend_bounds"] += rows
            yield unit, check


def _placebo_dates(look: Look) -> Iterator[Finding]:
    if look.config.checks.placebo_dates:
        rows, checks = placebos_in_time(look.analysis, look.estimates)
        look.credibility.rows["placebo_dates"] += rows
        yield from checks


def _anticipation(look: Look) -> Iterator[Finding]:
    if look.config.checks.anticipation is not None:
        for item in look.estimates:
            for unit, check, rows in anticipation_checks(
                look.analysis, item, look.config.checks.anticipation
            ):
                look.credibility.rows["leads"] += rows
                yield unit, check


def _negative_controls(look: Look) -> Iterator[Finding]:
    found = control_rows(look.config, look.sources.rows, look.plan, look.comparison, look.analysis)
    look.credibility.rows["controls"] += found.rows
    yield from found.checks


def _equivalence(look: Look) -> Iterator[Finding]:
    for item in look.own:
        checks = equivalence_check(look.config.estimands.equivalence, *item.limits, stuck=item.stuck)
        yield from ((item.unit, check) for check in checks)


def _crawford_howell(look: Look) -> Iterator[Finding]:
    if look.comparison.subtracts:
        for item in look.own:
            p_value, check = crawford_howell_p(look.analysis, look.plan, item.unit)
            look.credibility.p_crawford_howell[item.unit] = p_value
            yield item.unit, check


def _together(look: Look) -> Iterator[Finding]:
    if len(look.plan.treated) > 1:
        own = next((item for item in look.together if not item.key), None)
        look.credibility.rows["pooled"] += pooled_rows(
            look.analysis, look.plan, look.comparison, look.estimates, look.own, own
        )
        if own is not None:
            yield from (("", check) for check in joint_placebo_check(own, len(look.plan.treated)))
        if look.comparison.subtracts:
            yield from (("", check) for check in overlap_check(look.plan))


def _placebo_units(look: Look) -> Iterator[Finding]:
    for one in look.asked[:1]:
        own = {unit: item for (unit, key), item in look.beside.items() if key == one.key}
        look.credibility.rows["placebo_units"] += placebo_rows(look.plan, look.comparison.name, one, own)
        for unit, item in own.items():
            checks = (
                placebo_check(item),
                exchangeability_check(item.place, item.n_donors, item.n_effective),
            )
            yield from ((unit, check) for check in checks if check is not None)


#: So many periods before the start are named with their weights.
_NAMED_PERIODS = 4


def _period_weights(look: Look) -> Iterator[Finding]:
    for unit, item, position in look.series():
        weights = item.sheet.period_weights
        if weights is not None:
            yield unit, _weights_of_periods(look.plan, weights[:, item.columns[position]])


def _weights_of_periods(plan: OutcomePlan, weights: np.ndarray) -> CheckResult:
    """Return which periods before the start make the level that later ones are held against."""
    known = np.where(np.isnan(weights), 0.0, weights)
    effective = 1.0 / float((known**2).sum())
    order = [int(place) for place in np.argsort(-known, kind="stable") if known[place] >= 0.005]
    named = [
        f"{plan.period_in_words(place)} {100.0 * known[place]:.0f} %" for place in order[:_NAMED_PERIODS]
    ]
    others = f" and {len(order) - _NAMED_PERIODS} with less" if len(order) > _NAMED_PERIODS else ""
    message = (
        f"The level before the start is a weighted mean of {len(order)} of {int((~np.isnan(weights)).sum())} "
        f"periods: {', '.join(named)}{others}. They tell as much as {effective:.1f} that count alike."
    )
    return CheckResult("period_weights", effective, math.nan, "pass", message)


JOINT_CHANGE = Check("joint_change", _joint_change)
DIAGNOSTICS = Check("diagnostics", _diagnostics)
ONE_MONTH = Check("one_month", _one_month)
TREND_BOUNDS = Check("trend_bounds", _trend_bounds)
PLACEBO_DATES = Check("placebo_dates", _placebo_dates)
ANTICIPATION = Check("anticipation", _anticipation)
NEGATIVE_CONTROLS = Check("negative_controls", _negative_controls)
EQUIVALENCE = Check("equivalence", _equivalence)
CRAWFORD_HOWELL = Check("crawford_howell", _crawford_howell)
TOGETHER = Check("peer_overlap", _together)
PLACEBO_UNITS = Check("placebo_units", _placebo_units)
PERIOD_WEIGHTS = Check("period_weights", _period_weights)

_HOME = "its_eval.pipeline.credibility"
#: In the order in which they are made: the conclusion rests on what comes before it.
CHECKS: Catalogue[Check] = Catalogue(
    "a check",
    {
        "joint_change": f"{_HOME}:JOINT_CHANGE",
        "diagnostics": f"{_HOME}:DIAGNOSTICS",
        "one_month": f"{_HOME}:ONE_MONTH",
        "trend_bounds": f"{_HOME}:TREND_BOUNDS",
        "placebo_dates": f"{_HOME}:PLACEBO_DATES",
        "anticipation": f"{_HOME}:ANTICIPATION",
        "negative_controls": f"{_HOME}:NEGATIVE_CONTROLS",
        "equivalence": f"{_HOME}:EQUIVALENCE",
        "crawford_howell": f"{_HOME}:CRAWFORD_HOWELL",
        "peer_overlap": f"{_HOME}:TOGETHER",
        "placebo_units": f"{_HOME}:PLACEBO_UNITS",
        "period_weights": f"{_HOME}:PERIOD_WEIGHTS",
    },
)


def examine(look: Look, stage: Callable[[str], None] = lambda _: None) -> Credibility:
    """Make every check of the catalogue, and return what was found; each is told before it is made."""
    found: dict[str, list[CheckResult]] = {}
    for check in CHECKS.values():
        stage(f"check {check.name}")
        for unit, result in check.run(look):
            found.setdefault(unit, []).append(result)
    for unit, checks in found.items():
        settled_checks = settled(checks, look.analysis.alpha)
        look.credibility.add(look.plan.outcome.name, look.comparison.name, unit, settled_checks)
    return look.credibility
