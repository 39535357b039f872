"""Answering the questions of a plan, one outcome and design at a time, or side by side in processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.columns import COLUMNS, TableColumns
from its_eval.comparisons.base import comparison_of
from its_eval.pipeline.conclude import Findings, adjusted_p, verdict_rows
from its_eval.pipeline.credibility import Credibility, Look, examine
from its_eval.pipeline.detectable import add_power
from its_eval.pipeline.donors import targets_of_donors
from its_eval.pipeline.history import LookPlace, look_place
from its_eval.pipeline.placebos import beside_donors, donor_fits
from its_eval.pipeline.plan import OutcomePlan, Plan, Target, treatment_of
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.question import joint_over_interruptions, questions
from its_eval.pipeline.sheet import NotEstimated
from its_eval.pipeline.specifications import (
    SensitivityRow,
    curve_checks,
    length_checks,
    sensitivity_rows,
)
from its_eval.pipeline.tables import (
    Answers,
    add_coefficients,
    add_effects,
    add_fits,
    add_series,
    answers,
    donor_weight_rows,
    error_model_rows,
    without_primary,
)
from its_eval.pipeline.terms import Terms
from its_eval.pipeline.together import SetAnswer, beside_sets, set_answer
from its_eval.side_by_side import side_by_side

if TYPE_CHECKING:
    from its_eval.comparisons.base import Comparison
    from its_eval.config import Config
    from its_eval.pipeline.looks import LookLevels
    from its_eval.pipeline.sources import Sources


Progress = Callable[[str], None]
#: By outcome and design: by interruption, at which level each of the declared looks is judged.
Levels: TypeAlias = "Mapping[str, Sequence[Mapping[str, LookLevels]]]"

_LOOKING, _DONORS = "looking for donors", "fitting the donors"
_SETS, _CHOICES_OF_DONORS = "the set among sets of donors", "other choices among donors"
#: Stages whose work is hardly more for many treated units than for one.
SHARED_STAGES = frozenset({_LOOKING, _DONORS, _SETS, _CHOICES_OF_DONORS})


def silent(_: str) -> None:
    """Report progress to nobody."""


class Several(Struct, frozen=True):
    """How many processes there are, and what this one does while they work."""

    jobs: int = 1
    meanwhile: Callable[[], None] = lambda: None


#: Tables that are made from columns; the others are of few rows, one by one.
BY_COLUMNS = ("effects", "coefficients", "fits", "not_estimated", "peer_series", "series", "power")


class _Answered(Struct, frozen=True):
    """What there is to say about one outcome in one design."""

    plan: OutcomePlan
    terms: Terms
    comparison: Comparison
    answers: tuple[Answers, ...]
    failed: tuple[NotEstimated, ...]
    look: Look
    sensitivity: tuple[SensitivityRow, ...]


#: An outcome of the plan, by its place, and a design.
_Question: TypeAlias = "tuple[int, str]"


class Told(Struct, frozen=True):
    """What a family of answers adds to a result."""

    places: dict[str, LookPlace]
    failed: list[NotEstimated]
    crawford: dict[tuple[str, str, str], float]
    tables: dict[str, TableColumns]
    rows: dict[str, list[dict[str, Any]]]


class Asker:
    """Answers questions of one plan; what the designs of an outcome share is looked for once."""

    def __init__(self, config: Config, sources: Sources, plan: Plan, levels: Levels) -> None:
        self.config, self.sources, self.plan, self.levels = config, sources, plan, levels
        self._terms = Terms.of_plan(config, plan)
        self._shared: dict[int, tuple[Terms, Mapping[str, tuple[Target, ...]]]] = {}

    def tell(self, family: Sequence[_Question], progress: Progress = silent) -> Told:
        """Answer questions that are judged together, and write the answers down."""
        answered = [self._answered(*question, progress) for question in family]
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS if name not in BY_COLUMNS}
        told = Told({}, [], {}, {name: TableColumns(name) for name in BY_COLUMNS}, rows)
        for item in answered:
            outcome = item.plan.outcome.name
            if item.terms.place is not None:
                told.places[outcome] = item.terms.place
            told.failed.extend(item.failed)
            own = item.look.credibility.p_crawford_howell
            told.crawford.update({(outcome, unit, item.comparison.name): p for unit, p in own.items()})
            elsewhere = [other for other in answered if other is not item]
            _tabulate(self.config, item, elsewhere, told.tables, told.rows)
        return told

    def _answered(self, place: int, design: str, progress: Progress) -> _Answered:
        outcome = self.plan.outcomes[place]
        if place not in self._shared:
            self._shared[place] = self._of_outcome(outcome, progress)
        own, donors = self._shared[place]
        return _answer(self.config, self.sources, outcome, own, comparison_of(design), donors, progress)

    def _of_outcome(
        self, outcome: OutcomePlan, progress: Progress
    ) -> tuple[Terms, Mapping[str, tuple[Target, ...]]]:
        """Return on what terms an outcome is judged, and its donors."""
        config, rows = self.config, self.sources.rows
        progress(f"{outcome.outcome.label}: {_LOOKING}")
        donors = targets_of_donors(config, self.sources, outcome, outcome.treated)
        own = self._terms[outcome.outcome.name]
        if config.looks is not None:
            progress(f"{outcome.outcome.label}: levels of the declared looks")
            sealed = self.levels.get(outcome.outcome.name, ())
            own = replace(own, place=look_place(config, outcome, treatment_of(config, rows), sealed))
        return own, donors


def families_of(config: Config, plan: Plan) -> list[list[_Question]]:
    """Return the questions that are judged together: an outcome and a design, or all outcomes of a design."""
    every = [(place, design) for place in range(len(plan.outcomes)) for design in config.designs]
    if "outcome" not in config.multiplicity.across:
        return [[question] for question in every]
    return [[question for question in every if question[1] == design] for design in config.designs]


def told_of(
    asker: Asker, families: Sequence[list[_Question]], progress: Progress, several: Several
) -> Iterator[Told]:
    """Yield what every family adds, in their order."""
    if several.jobs == 1 or len(families) < 2:
        yield from (asker.tell(family, progress) for family in families)
        return
    progress("fitting and checking")
    every = side_by_side(Asker.tell, asker, families, several.jobs, several.meanwhile)
    for done, told in enumerate(every, start=1):
        progress(f"fitting and checking: {done} of {len(families)} questions")
        yield told


def _answer(
    config: Config,
    sources: Sources,
    plan: OutcomePlan,
    terms: Terms,
    comparison: Comparison,
    donors: Mapping[str, tuple[Target, ...]],
    progress: Progress,
) -> _Answered:
    """Fit one outcome in one design, set it beside other units, and check it."""
    analysis = Analysis.of(config)

    def stage(what: str) -> None:
        progress(f"{plan.outcome.label}, {comparison.name}: {what}")

    stage("fitting")
    first = comparison.label(plan.outcome.estimators)
    estimates, failed = comparison.estimates(plan, analysis.ask)
    primary = [item for item in estimates if item.estimator == first]
    asked = questions(analysis, primary)
    stage(_DONORS)
    fits = donor_fits(plan, comparison, analysis, donors) if config.checks.placebo_units else []
    stage("treated units among their donors")
    size = terms.size(len(asked))
    beside = {
        (unit, one.key): item
        for one in asked
        for unit, item in beside_donors(
            analysis, comparison, one, primary, fits, terms.level(one.key), terms.level(one.key, size)
        ).items()
    }
    together: list[SetAnswer] = []
    stage(_SETS)
    for one in asked:
        answer = None if config.each else set_answer(analysis, one, primary, plan.n_asked)
        if answer is not None:
            together.append(beside_sets(config, plan, comparison, analysis, one, answer, primary, fits))
    look = Look(
        config,
        sources,
        plan,
        comparison,
        analysis,
        primary,
        Credibility(),
        asked,
        beside,
        tuple(together),
        donors,
    )
    credibility = examine(look, stage)
    stage("other choices")
    sensitivity = sensitivity_rows(config, sources, plan, comparison, look.own)
    stage(_CHOICES_OF_DONORS)
    curves = curve_checks(config, sources, plan, comparison, sensitivity, donors)
    for unit, check in (*curves, *length_checks(sensitivity)):
        credibility.add(plan.outcome.name, comparison.name, unit, [check])
    found = tuple(answers(item, analysis, is_first=item.estimator == first) for item in estimates)
    lacking = [row for answer in found for row in without_primary(answer)]
    lost = (*comparison.outside(plan), *failed, *lacking)
    return _Answered(plan, terms, comparison, found, lost, look, tuple(sensitivity))


def _tabulate(
    config: Config,
    answered: _Answered,
    elsewhere: Sequence[_Answered],
    tables: dict[str, TableColumns],
    rows: dict[str, list[dict[str, Any]]],
) -> None:
    """Write everything down; of the other outcomes of the family their p-values count."""
    confidence, credibility = config.confidence, answered.look.credibility
    outcome, design = answered.plan.outcome, answered.comparison.name
    terms, asked = answered.terms, answered.look.asked
    beside = [(terms, one) for one in asked if one.key]
    beside += [(item.terms, one) for item in elsewhere for one in item.look.asked]
    counted = [(own, one) for own, one in beside if not (one.key and terms.each_interruption)]
    others = np.array(
        [
            float(own.over_looks(one.key, np.array(p)))
            for own, one in counted
            for p in one.p_values.values()
            if not np.isnan(p)
        ]
    )
    adjusted = adjusted_p(answered.answers, config.estimands.primary, terms.size(len(asked)), terms, others)
    flags: dict[str, str] = {}
    inference: dict[str, str] = {}
    for answer, p_adjusted in zip(answered.answers, adjusted, strict=True):
        add_effects(answer, p_adjusted, confidence, tables["effects"])
        add_coefficients(answer, confidence, tables["coefficients"])
        rows["error_model"] += error_model_rows(answer)
        words = add_fits(answer, credibility.flags if answer.is_first else {}, tables["fits"])
        if not answer.is_first:
            continue
        flags |= dict(zip(answer.estimates.units, words, strict=True))
        inference |= dict.fromkeys(answer.estimates.units, answer.estimates.inference)
        add_series(answer, confidence, tables["series"])
        add_power(answer, confidence, tables["power"])
    for name, some in credibility.rows.items():
        rows[name] += some
    for item in answered.look.estimates:
        rows["donor_weights"] += donor_weight_rows(item.sheet, item.columns.tolist())
    rows["sensitivity"] += [row.row(outcome.name, design) for row in answered.sensitivity]
    found = _findings(config, answered, flags, inference)
    rows["verdicts"] += verdict_rows(found, terms, [_findings(config, item) for item in elsewhere])


def _findings(
    config: Config,
    answered: _Answered,
    flags: Mapping[str, str] | None = None,
    inference: Mapping[str, str] | None = None,
) -> Findings:
    """Return what verdicts are made of, with the warnings and procedures of the fits by unit."""
    look = answered.look
    return Findings(
        answered.plan.outcome.name,
        answered.comparison.name,
        look.asked,
        look.beside,
        look.by_rank,
        joint_over_interruptions(look.asked, look.estimates),
        look.together,
        flags or {},
        inference or {},
        _bends(look.credibility.rows["trend_bounds"], config.estimands.primary),
        answered.terms.place,
    )


def _bends(rows: Sequence[Mapping[str, Any]], question: str) -> dict[tuple[str, str], float]:
    """Return the bend that would undo each finding; a change stands while one of its terms does.

    Rows are of the terms that answer the question: a relative effect has those of the average.
    """
    bends: dict[tuple[str, str], float] = {}
    for row in rows:
        for name in (row["estimand"], question):
            key = (row["unit"], name)
            bends[key] = max(bends.get(key, 0.0), row["breakdown_bend"])
    return bends
