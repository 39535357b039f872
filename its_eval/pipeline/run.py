"""Evaluating a config from start to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from its_eval.columns import COLUMNS, TableColumns, Texts, make_table
from its_eval.comparisons.base import comparison_of
from its_eval.config.outcomes import listed_as, strata_of_gap
from its_eval.data.faults import findings_table
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.evaluation import Evaluation
from its_eval.pipeline.conclude import (
    Findings,
    adjusted_p,
    summary_rows,
    verdict_rows,
)
from its_eval.pipeline.credibility import Credibility, Look, examine
from its_eval.pipeline.detectable import add_power
from its_eval.pipeline.disclosed import disclosed
from its_eval.pipeline.donors import targets_of_donors
from its_eval.pipeline.foresight import require_something, without_data
from its_eval.pipeline.frames import settled
from its_eval.pipeline.history import LookPlace, look_place, with_looks
from its_eval.pipeline.notes import characteristics_dated, events_near
from its_eval.pipeline.placebos import beside_donors, donor_fits
from its_eval.pipeline.plan import OutcomePlan, Plan, Target, treatment_of
from its_eval.pipeline.planning import make_plan, on_rows, require_detail
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.question import joint_over_interruptions, questions
from its_eval.pipeline.sheet import NotEstimated
from its_eval.pipeline.sources import load_sources, origin_of
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
    add_not_estimated,
    add_series,
    answers,
    donor_weight_rows,
    error_model_rows,
    peer_rows,
    without_primary,
)
from its_eval.pipeline.terms import Terms
from its_eval.pipeline.together import SetAnswer, beside_sets, set_answer

if TYPE_CHECKING:
    from its_eval.comparisons.base import Comparison
    from its_eval.config import Config
    from its_eval.data.frames import Indicators
    from its_eval.pipeline.frames import Source
    from its_eval.pipeline.looks import LookLevels
    from its_eval.pipeline.sources import Sources


Progress = Callable[[str], None]
#: By outcome and design: by interruption, at which level each of the declared looks is judged.
Levels: TypeAlias = "Mapping[str, Sequence[Mapping[str, LookLevels]]]"

_LOOKING, _DONORS = "looking for donors", "fitting the donors"
_SETS, _CHOICES_OF_DONORS = "the set among sets of donors", "other choices among donors"
#: Stages whose work is hardly more for many treated units than for one.
SHARED_STAGES = frozenset({_LOOKING, _DONORS, _SETS, _CHOICES_OF_DONORS})


def _silent(_: str) -> None:
    """Report progress to nobody."""


def evaluate(
    config: Source,
    progress: Progress = _silent,
    *,
    indicators: Indicators | None = None,
    characteristics: pd.DataFrame | None = None,
) -> Evaluation:
    """Load, plan, fit and tabulate one config.

    Parameters
    ----------
    config : str, Path, mapping or Config
        The file, a dictionary of what would stand in it, or what ``load_config`` returns. Paths in a
        dictionary are relative to the working folder.
    progress : callable
        Called with a phrase before each stage.
    indicators : DataFrame or mapping of str to DataFrame, optional
        In the place of the files under `data.indicators`, which then need no `path`: a row per indicator,
        unit and period with the columns of a file; or a column per unit with the periods in the index; or
        such a frame for each indicator, by name.
    characteristics : DataFrame, optional
        In the place of the file under `data.characteristics`: a row per unit, its code in the column of
        units or in the index.

    Raises
    ------
    ConfigError
        When the config is faulty.
    DataError
        When the data cannot answer the question.
    NothingEstimatedError
        When no series could be estimated.

    Examples
    --------
    >>> periods = [f"{2013 + month // 12}-{month % 12 + 1:02d}" for month in range(48)]
    >>> values = [50.0 + (7 * month) % 5 + 6 * (month >= 24) for month in range(48)]
    >>> beds = pd.DataFrame({"A": values}, periods)
    >>> study = {
    ...     "version": 1,
    ...     "intervention": {"name": "New ward", "date": "2015-01"},
    ...     "treated": ["A"],
    ...     "outcomes": [{"indicator": "beds", "kind": "number"}],
    ... }
    >>> evaluate(study, indicators=beds).tidy("summary")["label"].tolist()
    ['changed']
    """
    settings, frames = settled(config, indicators, characteristics)
    progress("loading data")
    sources = load_sources(settings, frames.read)
    progress("choosing peers")
    plan = make_plan(settings, sources)
    found = evaluate_plan(settings, sources, plan, progress)
    return replace(found, origin=origin_of(settings, frames.tables), made_of=(settings, frames))


def evaluate_plan(
    config: Config,
    sources: Sources,
    plan: Plan,
    progress: Progress = _silent,
    levels: Levels | None = None,
) -> Evaluation:
    """Fit and tabulate what has been planned, its counts protected where the config asks for it.

    Levels of declared looks that a protocol has sealed are not simulated again.
    """
    require_detail(config, plan)
    levels = levels or {}
    evaluation = _evaluated(config, sources, plan, levels, progress)
    if sources.disclosed is None:
        return evaluation
    true = None
    if sources.disclosed.true is not None:
        # the same units, periods and peers, on the true counts
        behind = replace(sources, rows=sources.disclosed.true, disclosed=None)
        outcomes = tuple(on_rows(config, behind.rows, outcome) for outcome in plan.outcomes)
        true = _evaluated(config, behind, replace(plan, outcomes=outcomes), levels, progress)
    return disclosed(config, sources.disclosed, plan, evaluation, true)


def _evaluated(
    config: Config, sources: Sources, plan: Plan, levels: Levels, progress: Progress
) -> Evaluation:
    tables = {name: TableColumns(name) for name in _BY_COLUMNS}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS if name not in _BY_COLUMNS}
    crawford: dict[tuple[str, str, str], float] = {}
    failed = without_data(config, plan)
    for outcome in plan.outcomes:
        for name, some in peer_rows(outcome).items():
            rows[name] += some
        add_peer_series(outcome, tables["peer_series"])
    places: dict[str, LookPlace] = {}
    for family in _families(config, _every_answer(config, sources, plan, levels, progress)):
        for answered in family:
            if answered.terms.place is not None:
                places[answered.plan.outcome.name] = answered.terms.place
            failed += answered.failed
            key = (answered.plan.outcome.name, answered.comparison.name)
            own = answered.look.credibility.p_crawford_howell
            crawford |= {(key[0], unit, key[1]): value for unit, value in own.items()}
            elsewhere = [item for item in family if item is not answered]
            _tabulate(config, answered, elsewhere, tables, rows)
    add_not_estimated(failed, tables["not_estimated"])
    require_something(tables["effects"].count, failed)
    evaluation = evaluation_of(config, sources, plan, rows, tables)
    told = summary_rows(evaluation.tables["verdicts"], config.intervention.name, crawford)
    evaluation = replace(evaluation, tables={**evaluation.tables, "summary": make_table("summary", told)})
    evaluation = with_looks(evaluation, places)
    if sources.workshops is None:
        return evaluation
    from its_eval.pipeline.workshops import with_workshops  # noqa: PLC0415  (start-up time)

    return with_workshops(config, sources.workshops, evaluation)


def evaluation_of(
    config: Config,
    sources: Sources,
    plan: Plan,
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    columns: Mapping[str, TableColumns],
) -> Evaluation:
    """Return what was found of a plan, from rows of some tables and columns of the others."""
    tables = {
        name: columns[name].frame() if name in columns else make_table(name, rows[name]) for name in COLUMNS
    }
    tables["data_quality"] = findings_table(plan.findings)
    # peers of several outcomes have the same distances
    told = {(row["unit"], row["peer"], row["variable"]): row for row in rows["peer_contributions"]}
    tables["peer_contributions"] = make_table("peer_contributions", told.values())
    return Evaluation(
        config.title,
        tables,
        plan.notes,
        {outcome.outcome.name: outcome_facts(config, outcome) for outcome in plan.outcomes},
        dict(sources.units.names),
        origin_of(config),
    )


#: Tables that are made from columns; the others are of few rows, one by one.
_BY_COLUMNS = ("effects", "coefficients", "fits", "not_estimated", "peer_series", "series", "power")


@dataclass(frozen=True)
class _Answered:
    """What there is to say about one outcome in one design."""

    plan: OutcomePlan
    terms: Terms
    comparison: Comparison
    answers: tuple[Answers, ...]
    failed: tuple[NotEstimated, ...]
    look: Look
    sensitivity: tuple[SensitivityRow, ...]


def _every_answer(
    config: Config, sources: Sources, plan: Plan, levels: Levels, progress: Progress
) -> Iterator[_Answered]:
    """Yield what there is to say about every outcome in every design."""
    terms = Terms.of_plan(config, plan)
    for outcome in plan.outcomes:
        progress(f"{outcome.outcome.label}: {_LOOKING}")
        donors = targets_of_donors(config, sources, outcome, outcome.treated)
        own = terms[outcome.outcome.name]
        if config.looks is not None:
            progress(f"{outcome.outcome.label}: levels of the declared looks")
            sealed = levels.get(outcome.outcome.name, ())
            own = replace(own, place=look_place(config, outcome, treatment_of(config, sources.rows), sealed))
        for design in config.designs:
            yield _answer(config, sources, outcome, own, comparison_of(design), donors, progress)


def _families(config: Config, answered: Iterator[_Answered]) -> Iterator[list[_Answered]]:
    """Yield the outcomes whose questions are judged together, in one design; else each as it comes."""
    if "outcome" not in config.multiplicity.across:
        yield from ([item] for item in answered)
        return
    by_design: dict[str, list[_Answered]] = {}
    for item in answered:
        by_design.setdefault(item.comparison.name, []).append(item)
    yield from by_design.values()


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


def outcome_facts(config: Config, plan: OutcomePlan) -> dict[str, Any]:
    """Return what tables cannot say about an outcome."""
    outcome = plan.outcome
    strata = tuple((part.name, part.stratum) for part in strata_of_gap(outcome))
    return ({"gap_of": strata} if strata else {}) | {
        "label": outcome.label,
        "unit": outcome.unit,
        "kind": outcome.kind,
        "counted": outcome.counted,
        "chosen": config.intervention.chosen,
        "delivered": config.intervention.delivered,
        "per_year": plan.per_year,
        "question": config.estimands.primary,
        "question_stated": "primary" in config.estimands.model_fields_set,
        "characteristics_dated": characteristics_dated(config, plan),
        "events_near": events_near(config, plan),
        "better": outcome.better,
        "transform": outcome.transform,
        "link": ESTIMATORS[outcome.estimators[0].name].link,
        "frequency": plan.panel.frequency,
        "interruption": config.intervention.name,
        "shapes": {found.name: found.shape for fitted in plan.interruptions.values() for found in fitted},
        "interruption_period": plan.start_period,
        "start_in_words": plan.start_in_words,
        "confidence": config.confidence,
        "starts": {
            unit: (plan.period(found[0].start), plan.period_in_words(found[0].start))
            for unit, found in plan.interruptions.items()
        },
        "events": tuple(
            (event.name, event.date, event.units)
            for event in config.events
            if event.as_ != "mask" and (not event.outcomes or listed_as(outcome) in event.outcomes)
        ),
    }


def add_peer_series(plan: OutcomePlan, into: TableColumns) -> None:
    """Add a row for every peer of an outcome and period: its value on the response scale, and of how many."""
    peers = sorted({peer for peers in plan.peer_sets.values() for peer in peers.peers})
    if not peers:
        return
    panel, columns = plan.panel, plan.panel.columns(peers)
    n = panel.n_periods
    into.add(
        len(peers) * n,
        {
            "outcome": plan.outcome.name,
            "unit": Texts(np.repeat(np.arange(len(peers)), n), peers),
            "period": Texts(np.tile(np.arange(n), len(peers)), panel.periods),
            "value": panel.values[:, columns].T.ravel(),
            "denominator": panel.denominators[:, columns].T.ravel(),
        },
    )
