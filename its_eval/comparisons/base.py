"""What a comparison is: whom a unit is compared with, the series that follow, and how they are fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.columns import START_OUTSIDE
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.pipeline.estimate import Ask, Estimates, estimate
from its_eval.pipeline.plan import Target
from its_eval.pipeline.sheet import NotEstimated, Sheet, make_sheet
from its_eval.scales import SCALES

if TYPE_CHECKING:
    from its_eval.config import Estimator
    from its_eval.pipeline.plan import OutcomePlan

    Fitted = tuple[list[Estimates], list[NotEstimated]]


class Comparison(Struct, frozen=True):
    """A unit beside others: its series is made of theirs, and fitted as a single one.

    Attributes
    ----------
    name : str
        What a config calls it, under ``designs``.
    in_words : tuple of str
        What one unit is compared with, and several.
    method : str
        A sentence for the description of the methods.
    is_controlled : bool
        Whether others are part of it; otherwise a unit is held against its own earlier course.
    subtracts : bool
        Whether the mean of the peers is taken off, so that the fit is of the difference.
    one_model : bool
        Whether a unit and its peers are series of one model.
    own_label : str
        What its rows are called in the column of estimators when it has none of the config.
    has_mean_series : bool
        Whether the mean of the treated units' series is a series of the same kind.
    judged_by_placebos : bool
        Whether there is no test of the gap itself.
    takes_all_donors : bool
        Whether every donor is a peer, so that donors in the place of a unit have all others.
    has_batch : bool
        Whether very many series can be estimated at once.
    fits_gap : bool
        Whether the series is the gap to others, and not a unit's own level, though no mean is taken off.
    mixture_words : str
        What the weighted donors are called that stand for a unit; blank where peers do.
    course : str
        What is expected to go on without an interruption.
    weighs_periods : bool
        Whether the periods before the start have weights of their own, found from those with an effect, in
        the place of a trend and a season.
    """

    name: str
    in_words: tuple[str, str] = ("its peers", "their peers")
    method: str = ""
    is_controlled: bool = True
    subtracts: bool = False
    one_model: bool = False
    own_label: str = ""
    has_mean_series: bool = False
    judged_by_placebos: bool = False
    takes_all_donors: bool = False
    has_batch: bool = False
    fits_gap: bool = False
    mixture_words: str = ""
    course: str = "earlier trend"
    weighs_periods: bool = False

    def scales(self, estimates: Sequence[Estimates]) -> dict[str, float] | None:  # noqa: ARG002
        """Return by unit what an estimate is held against where it has no standard error."""
        return None

    def shares(self, sheet: Sheet, column: int) -> dict[str, float]:
        """Return the share of each other unit in what a series is compared with; a mean weighs all alike."""
        peers = sheet.targets[column].peers if self.is_controlled else ()
        return dict.fromkeys(peers, 1.0 / max(len(peers), 1))

    def entries(self, estimators: Sequence[Estimator]) -> tuple[Estimator, ...]:
        """Return the estimators of an outcome that this comparison has, in the order of the config.

        Families are for single series: a difference of counts is no count.
        """
        return tuple(item for item in estimators if not ESTIMATORS[item.name].is_family)

    def label(self, estimators: Sequence[Estimator]) -> str:
        """Return the label of the estimator that answers the question."""
        entries = self.entries(estimators)
        return entries[0].label if entries else self.own_label

    def peers(self, plan: OutcomePlan, unit: str) -> tuple[str, ...]:
        """Return whom a treated unit is compared with."""
        if not self.is_controlled or unit not in plan.peer_sets:
            return ()
        return plan.peer_sets[unit].peers

    def target(self, plan: OutcomePlan, unit: str) -> Target:
        """Return what is fitted for a treated unit."""
        return Target(unit, plan.interruptions[unit], self.peers(plan, unit))

    def targets(self, plan: OutcomePlan) -> list[Target]:
        """Return what is fitted for every treated unit."""
        return [self.target(plan, unit) for unit in plan.treated]

    def outside(self, plan: OutcomePlan) -> list[NotEstimated]:
        """Return a row for each treated unit that was treated throughout the window, or not yet."""
        return [
            NotEstimated(plan.outcome.name, unit, self.name, "", START_OUTSIDE, said)
            for unit, said in plan.outside.items()
        ]

    def sheet(self, plan: OutcomePlan, targets: Sequence[Target]) -> tuple[Sheet, list[NotEstimated]]:
        """Make the series of every target that has what it needs.

        Parameters
        ----------
        plan : OutcomePlan
            The outcome.
        targets : sequence of Target
            Treated units with their peers, or donors as if they were treated, for placebos.
        """
        kept, failed = self._split(plan, targets)
        return make_sheet(plan, kept, self.name, subtract=self.subtracts), failed

    def fit(self, sheet: Sheet, entries: Sequence[Estimator], ask: Ask) -> Fitted:
        """Fit the series of a sheet."""
        return estimate([(sheet, entries)], ask)

    def estimates(
        self,
        plan: OutcomePlan,
        ask: Ask,
        targets: Sequence[Target] | None = None,
        entries: Sequence[Estimator] | None = None,
    ) -> Fitted:
        """Make and fit series.

        Parameters
        ----------
        plan, ask : OutcomePlan, Ask
            The outcome, and what is wanted.
        targets : sequence of Target, optional
            The treated units by default; donors as if they were treated, for placebos.
        entries : sequence of Estimator, optional
            All that the comparison has by default.
        """
        chosen = self.targets(plan) if targets is None else targets
        sheet, failed = self.sheet(plan, chosen)
        asked = self.entries(plan.outcome.estimators) if entries is None else entries
        if not sheet.targets:
            return [], failed
        found, unfitted = self.fit(sheet, asked, ask)
        return found, [*failed, *unfitted]

    def _split(self, plan: OutcomePlan, targets: Sequence[Target]) -> tuple[list[Target], list[NotEstimated]]:
        """Return the targets that have a series of this kind, and why the others have none."""
        lacking = self._lacking(plan, targets)
        kept: list[Target] = []
        failed: list[NotEstimated] = []
        for target, may_lack in zip(targets, lacking, strict=True):
            reason, message = self._obstacle(plan, target) if may_lack else ("", "")
            if reason:
                row = NotEstimated(plan.outcome.name, target.unit, self.name, "", reason, message)
                failed.append(row)
            else:
                kept.append(target)
        return kept, failed

    def _lacking(self, plan: OutcomePlan, targets: Sequence[Target]) -> list[bool]:
        """Return which targets may lack something, at once for all units."""
        panel, values = plan.panel, plan.panel.values
        missing = np.isnan(values)
        lacking = np.asarray(missing.all(axis=0)) | SCALES[plan.outcome.transform].blocked(values)
        if plan.complete_only:
            lacking |= missing.any(axis=0)
        places = panel.places
        return [
            target.unit not in places
            or bool(lacking[places[target.unit]])
            or (self.is_controlled and (not target.peers or target.unit in plan.no_peers))
            for target in targets
        ]

    def _obstacle(self, plan: OutcomePlan, target: Target) -> tuple[str, str]:
        """Return why a unit has no series of this kind; two blanks when nothing stands in the way."""
        panel, unit, outcome = plan.panel, target.unit, plan.outcome
        if unit not in panel.places or np.isnan(panel.values[:, panel.column(unit)]).all():
            return "no_data", f"{unit} has no value of {outcome.indicator} in the window"
        usable = plan.usable(target.interruptions)
        values = panel.values[usable, panel.column(unit)]
        scale = SCALES[outcome.transform]
        obstacle = scale.obstacle(values, panel.denominators[usable, panel.column(unit)])
        if obstacle:
            known = values[~np.isnan(values)]
            whole = outcome.kind == "number" and bool(((known >= 0) & (known % 1 == 0)).all())
            counts = whole or outcome.kind == "count"
            other = ", or a count family such as quasi_poisson" if counts else ""
            return scale.obstacle_word, f"{unit} has {obstacle}; use `transform: none`{other}"
        gaps = int(np.isnan(values).sum())
        if plan.complete_only and gaps:
            message = f"{unit} misses {gaps} usable periods, and `missing: drop_unit` leaves such units out"
            return "dropped", message
        return self._without_peers(plan, target)

    def _without_peers(self, plan: OutcomePlan, target: Target) -> tuple[str, str]:
        """Return why a unit cannot be compared; two blanks when it can."""
        if self.is_controlled and target.unit in plan.no_peers:
            return "no_peers", plan.no_peers[target.unit]
        if self.is_controlled and not target.peers:
            return "no_peers", f"there is no other donor that {target.unit} could be compared with"
        return "", ""


class Single(Comparison, frozen=True):
    """A unit against its own earlier course."""

    def entries(self, estimators: Sequence[Estimator]) -> tuple[Estimator, ...]:
        """Return all estimators, families among them."""
        return tuple(estimators)

    def estimates(
        self,
        plan: OutcomePlan,
        ask: Ask,
        targets: Sequence[Target] | None = None,
        entries: Sequence[Estimator] | None = None,
    ) -> Fitted:
        """Make and fit series; families also those that have no place on the scale of other estimators.

        A month without any event has no logarithm, but is a count like others.
        """
        chosen = self.targets(plan) if targets is None else list(targets)
        asked = self.entries(plan.outcome.estimators) if entries is None else entries
        found, failed = super().estimates(plan, ask, chosen, asked)
        families = [item for item in asked if ESTIMATORS[item.name].is_family]
        off_scale = SCALES[plan.outcome.transform].obstacle_word
        without = {item.unit for item in failed if off_scale and item.reason == off_scale}
        if not families or not without:
            return found, failed
        plain = replace(plan, outcome=plan.outcome.model_copy(update={"transform": "none"}))
        sheet, _ = self.sheet(plain, [target for target in chosen if target.unit in without])
        counted, unfitted = self.fit(sheet, families, ask)
        others = [item.label for item in asked if not ESTIMATORS[item.name].is_family]
        left = [item for item in failed if item.reason != off_scale]
        left += [
            replace(item, estimator=label) for item in failed if item.reason == off_scale for label in others
        ]
        return [*counted, *found], [*left, *unfitted]


SINGLE = Single(
    "single",
    ("its own earlier trend", "their own earlier trend"),
    "Single: the unit's own series.",
    is_controlled=False,
    has_mean_series=True,
    has_batch=True,
)
DIFFERENCE = Comparison(
    "difference",
    method="Difference: the unit's series minus the mean of its peers, so that what happens to all of them "
    "cancels. The peers are taken as given: the interval is about the gap to these peers.",
    subtracts=True,
    has_mean_series=True,
    has_batch=True,
)


def comparison_of(name: str) -> Comparison:
    """Return a comparison of the catalogue."""
    return cast("Comparison", COMPARISONS[name])
