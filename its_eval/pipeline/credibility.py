"""Is the effect believable? Every check beside the estimates of one outcome and design."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from its_eval.catalogue import Catalogue
from its_eval.checks.conclusion import three_way_label
from its_eval.checks.result import CheckResult, p_text, settled
from its_eval.evaluation import JUDGED_AS_A_SET, NOT_ESTIMABLE
from its_eval.pipeline.diagnosis import diagnostics
from its_eval.pipeline.one_month import one_month_checks
from its_eval.pipeline.placebo_dates import placebos_in_time
from its_eval.pipeline.placebos import (
    DesignPlacebos,
    donors_check,
    joint_placebo_check,
    placebo_check,
    placebos_in_space,
)
from its_eval.pipeline.pooled import (
    crawford_howell_p,
    equivalence_check,
    joint_check,
    overlap_check,
    pooled_rows,
)
from its_eval.pipeline.primary import Analysis, PrimaryColumns
from its_eval.pipeline.trend_bounds import TrendBoundRows

if TYPE_CHECKING:
    from its_eval.comparisons.base import Comparison
    from its_eval.config import Config
    from its_eval.pipeline.estimate import Estimates
    from its_eval.pipeline.plan import OutcomePlan
    from its_eval.pipeline.sources import Sources


Row = dict[str, object]
#: A check of one unit; the unit is blank where it is about all of them.
Finding = tuple[str, CheckResult]


@dataclass
class Credibility:
    """What was found about the estimates of one outcome and design.

    Attributes
    ----------
    rows : dict of str to list of dict
        Rows of ``checks``, ``placebo_units``, ``placebo_dates``, ``residuals``, ``trend_bounds`` and
        ``pooled``.
    p_placebo, p_crawford_howell : dict of str to float
        By unit.
    labels : dict of str to str
        Three-way label by unit; empty for the single design and without placebos.
    notes : list of str
        Sentences about the treated units as a set.
    flags : dict of str to set of str
        Warnings of fits that only checks can give, by unit.
    n_donors : dict of str to int
        Placebo units by unit.
    p_set, p_set_placebo : float
        Of the treated units together, and their place among sets of other units.
    set_label : str
        Label of the treated units together; blank for one unit and without placebos.
    """

    rows: dict[str, list[Row]] = field(
        default_factory=lambda: {
            name: []
            for name in ("checks", "placebo_units", "placebo_dates", "residuals", "trend_bounds", "pooled")
        }
    )
    p_placebo: dict[str, float] = field(default_factory=dict)
    p_crawford_howell: dict[str, float] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    flags: dict[str, set[str]] = field(default_factory=dict)
    n_donors: dict[str, int] = field(default_factory=dict)
    p_set: float = np.nan
    p_set_placebo: float = np.nan
    set_label: str = ""

    def add(self, outcome: str, design_name: str, unit: str, checks: Sequence[CheckResult]) -> None:
        """Write checks down as rows."""
        keys = {"outcome": outcome, "unit": unit, "design": design_name}
        self.rows["checks"] += [{**keys, **vars(check)} for check in checks]
        for check in checks:
            if check.check == "ljung_box" and check.status == "attention":
                self.flags.setdefault(unit, set()).add("residual_autocorrelation")


@dataclass(frozen=True)
class Look:
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
    """

    config: Config
    sources: Sources
    plan: OutcomePlan
    comparison: Comparison
    analysis: Analysis
    estimates: Sequence[Estimates]
    credibility: Credibility

    @cached_property
    def own(self) -> PrimaryColumns:
        """The primary estimand of each treated unit."""
        return self.analysis.primary(self.estimates)

    def series(self) -> Iterator[tuple[str, Estimates, int]]:
        """Yield unit, fit and place in it of every series."""
        for item in self.estimates:
            for position, unit in enumerate(item.units):
                yield unit, item, position


@dataclass(frozen=True)
class Check:
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
    maker = TrendBoundRows(look.config, look.sources, look.plan, look.comparison, look.analysis)
    for item in look.estimates:
        for unit, check, rows in maker.of(item):
            look.credibility.rows["trend_bounds"] += rows
            yield unit, check


def _placebo_dates(look: Look) -> Iterator[Finding]:
    if look.config.checks.placebo_dates:
        rows, checks = placebos_in_time(look.analysis, look.estimates)
        look.credibility.rows["placebo_dates"] += rows
        yield from checks


def _equivalence(look: Look) -> Iterator[Finding]:
    for item in look.own:
        checks = equivalence_check(look.config.estimands.margin, *item.limits, stuck=item.stuck)
        yield from ((item.unit, check) for check in checks)


def _crawford_howell(look: Look) -> Iterator[Finding]:
    if look.comparison.subtracts:
        for item in look.own:
            p_value, check = crawford_howell_p(look.analysis, look.plan, item.unit)
            look.credibility.p_crawford_howell[item.unit] = p_value
            yield item.unit, check


def _together(look: Look) -> Iterator[Finding]:
    if len(look.plan.treated) > 1:
        rows, p_set = pooled_rows(look.analysis, look.plan, look.comparison, look.estimates, look.own)
        look.credibility.rows["pooled"] = rows
        look.credibility.p_set = p_set
        if look.comparison.subtracts:
            yield from (("", check) for check in overlap_check(look.plan))


def _placebo_units(look: Look) -> Iterator[Finding]:
    if not look.comparison.is_controlled or not look.config.checks.placebo_units:
        return
    placebos = placebos_in_space(
        look.config, look.sources, look.plan, look.comparison, look.own, look.estimates
    )
    look.credibility.rows["placebo_units"] += placebos.rows
    for unit, item in placebos.units.items():
        look.credibility.p_placebo[unit] = item.rank.p_value
        look.credibility.n_donors[unit] = len(item.donors)
        yield unit, placebo_check(item)
    if placebos.units:
        yield from _conclude(look, placebos)


def _conclude(look: Look, placebos: DesignPlacebos) -> Iterator[Finding]:
    """Label the treated units one by one, or as a set where donors are too few (methods §11.8)."""
    treated, alpha, notes = look.plan.treated, look.analysis.alpha, look.credibility
    own = look.own.by_unit()
    p_gap = np.array(
        [np.nan if unit not in own or own[unit].stuck else own[unit].p_value for unit in treated]
    )
    p_placebo = np.array([notes.p_placebo.get(unit, np.nan) for unit in treated])
    n_donors = min(len(item.donors) for item in placebos.units.values())
    several = len(treated) > 1
    joint = placebos.joint if several else float(p_placebo[0])
    p_set = notes.p_set
    if look.comparison.judged_by_placebos:
        # no test of the gap itself: the placebo is all there is
        p_gap, p_set = p_placebo, joint
    conclusion = three_way_label(p_gap, p_placebo, joint, n_donors, p_set, alpha)
    for place, unit in enumerate(treated):
        if conclusion.unit_labels is not None:
            notes.labels[unit] = conclusion.unit_labels[place]
        elif several:
            notes.labels[unit] = JUDGED_AS_A_SET
        # one unit with too few donors keeps the label of its own p-value: nobody can say how unusual it is
    if several:
        notes.set_label = conclusion.set_label or NOT_ESTIMABLE
        notes.p_set, notes.p_set_placebo = p_set, joint
        for check in (
            *joint_placebo_check(placebos, len(treated)),
            *donors_check(n_donors, len(treated), alpha),
            _set_check(look, p_set),
        ):
            yield "", check
        notes.notes.append(
            f"{look.plan.outcome.label}, {look.comparison.name}, the {len(treated)} treated units as a set: "
            f"{notes.set_label}."
        )


def _set_check(look: Look, p_set: float) -> CheckResult:
    """Return the check ``set_conclusion``: the label of the treated units together, and of which test."""
    pooled = look.credibility.rows["pooled"]
    whose = "their mean series" if any(row["method"] == "set" for row in pooled) else "their pooled estimates"
    untested = np.isnan(p_set) or look.comparison.judged_by_placebos
    tested = "" if untested else f" ({p_text(p_set)} for {whose})"
    message = f"The treated units as a set: {look.credibility.set_label}{tested}."
    return CheckResult("set_conclusion", np.nan, p_set, "pass", message)


JOINT_CHANGE = Check("joint_change", _joint_change)
DIAGNOSTICS = Check("diagnostics", _diagnostics)
ONE_MONTH = Check("one_month", _one_month)
TREND_BOUNDS = Check("trend_bounds", _trend_bounds)
PLACEBO_DATES = Check("placebo_dates", _placebo_dates)
EQUIVALENCE = Check("equivalence", _equivalence)
CRAWFORD_HOWELL = Check("crawford_howell", _crawford_howell)
TOGETHER = Check("peer_overlap", _together)
PLACEBO_UNITS = Check("placebo_units", _placebo_units)

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
        "equivalence": f"{_HOME}:EQUIVALENCE",
        "crawford_howell": f"{_HOME}:CRAWFORD_HOWELL",
        "peer_overlap": f"{_HOME}:TOGETHER",
        "placebo_units": f"{_HOME}:PLACEBO_UNITS",
    },
)


def examine(
    config: Config,
    sources: Sources,
    plan: OutcomePlan,
    comparison: Comparison,
    estimates: Sequence[Estimates],
) -> Credibility:
    """Make the checks that the config asks for.

    Parameters
    ----------
    config, sources, plan, comparison
        As for `Look`.
    estimates : sequence of Estimates
        Fits of the primary estimator.
    """
    credibility = Credibility()
    look = Look(config, sources, plan, comparison, Analysis.of(config), estimates, credibility)
    found: dict[str, list[CheckResult]] = {}
    for check in CHECKS.values():
        for unit, result in check.run(look):
            found.setdefault(unit, []).append(result)
    for unit, checks in found.items():
        credibility.add(plan.outcome.name, comparison.name, unit, settled(checks, look.analysis.alpha))
    return credibility
