"""Checklists for readers of studies, filled in as far as the run knows.

What the tool cannot know is left to a person, with the facts laid out; a person's answers come from a YAML
file and stand beside the facts.

Notes
-----
Risk of bias: the seven criteria for interrupted time series of the Cochrane group on Effective Practice and
Organisation of Care (EPOC, Suggested risk of bias criteria for EPOC reviews), in our own short words.
Reporting: what reviews of such studies ask for (Jandoc et al. 2015, doi:10.1016/j.jclinepi.2014.12.018;
Turner et al. 2020, doi:10.1016/j.jclinepi.2020.02.006; Hategeka et al. 2020, doi:10.1136/bmjgh-2020-003567).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from msgspec import Struct

from its_eval.config.faults import did_you_mean, one_of, show
from its_eval.config.reading import read_file
from its_eval.errors import ConfigError
from its_eval.report.blocks import Folded, Heading, Section, Table, plain, text_cell
from its_eval.report.cells import BLANK, columns
from its_eval.report.source import n_drifting
from its_eval.words.labels import estimand_words, family_words, season_words
from its_eval.words.numbers import plural, rounded, span_words

if TYPE_CHECKING:
    from its_eval.report.source import ReportSource


LOW, REPORTED, ABSENT = "low risk", "reported", "not reported"


class Facts(Struct, frozen=True):
    """What is known about an item: words, and a result when no person has to judge."""

    words: str
    result: str = ""


def _events(source: ReportSource) -> str:
    events = source.settings["events"]
    listed = "; ".join(f"{event['name']}, {event['date']}" for event in events)
    return f"Events in the config: {listed}." if events else "The config lists no other event."


def _independent(source: ReportSource) -> Facts:
    controlled = "Peers, which other changes would reach too, are compared."
    compared = controlled if set(source.designs) - {"single"} else "No comparison."
    return Facts(f"{_events(source)} {compared}")


def _shape(source: ReportSource) -> Facts:
    digest = (source.provenance.get("config") or {}).get("sha256", "")
    written = f" Config with SHA-256 {digest[:12]}…." if digest else ""
    words = f"Shape ({source.shape}) and primary quantity stand in the config, one for all units.{written}"
    return Facts(f"{words} Low, provided that the config is older than the first look at the data.", LOW)


def _collection(source: ReportSource) -> Facts:
    return Facts(f"The data cannot show it. {_events(source)}")


def _objective(source: ReportSource) -> Facts:
    kinds = "; ".join(f"{source.label(name)}: {source.about(name)['kind']}" for name in source.outcomes)
    return Facts(f"{kinds}. How they are measured is not in the data.")


def _incomplete(source: ReportSource) -> Facts:
    fits = source.answering_fits
    missing = int(fits["n_missing"].sum()) if len(fits) else 0
    if len(fits) and not missing:
        return Facts("No period of any series is missing.", LOW)
    series = source.table("series")
    before = series["event_time"].lt(0).fillna(value=False).astype(bool)
    gone = (~series["used"].astype(bool)) & series["used_reason"].isin(["missing", "small denominator"])
    share = [100.0 * gone[part].sum() / part.sum() if part.any() else 0.0 for part in (before, ~before)]
    return Facts(
        f"Missing: {rounded(share[0], 1)} % of periods before the start and {rounded(share[1], 1)} % after, "
        f"over {series.groupby(['outcome', 'unit', 'design']).ngroups} series; none filled in."
    )


def _selective(source: ReportSource) -> Facts:
    failed = source.table("not_estimated")
    declared = len(source.settings["outcomes"])
    reported = len(set(source.table("summary")["outcome"]))
    words = f"{reported} of the {declared} outcomes in the config reported, in every design of it."
    if failed.empty:
        return Facts(f"{words} Whether the plan held more is not in the data.", LOW)
    return Facts(f"{words} {len(failed)} series could not be estimated; the checks say why.")


def _other(source: ReportSource) -> Facts:
    seasons = {str(outcome["seasonality"]) for outcome in source.settings["outcomes"]}
    yearly = source.settings["data"]["frequency"] == "year"
    words = "Yearly data have no season." if yearly else _season(source).words
    modelled = yearly or "none" not in seasons
    return Facts(f"{words} {_autocorrelation(source).words}", LOW if modelled else "")


def _rationale(source: ReportSource) -> Facts:
    return Facts(f"Shape: {source.shape}. Why it is expected is not in the data.")


def _setting(source: ReportSource) -> Facts:
    named = ", ".join(source.everyone.values())
    return Facts(f"{source.settings['intervention']['name']}, in {named}.", REPORTED)


def _outcome(source: ReportSource) -> Facts:
    words = []
    for name in source.outcomes:
        about, series = source.about(name), source.rows("series", name)
        known = len(series) and series["denominator"].notna().any()
        unit = f" in {about['unit']}" if about["unit"] else ""
        words.append(
            f"{about['label']}: {about['kind']}{unit}, {'with' if known else 'without'} denominators"
        )
    return Facts(f"{'; '.join(words)}. The exact definition is the publisher's.")


def _interruption(source: ReportSource) -> Facts:
    phase_in = source.settings["intervention"]["phase_in"]
    starts = ", ".join(dict.fromkeys(str(source.about(name)["start_in_words"]) for name in source.outcomes))
    length = f"{phase_in['periods']} periods of phase-in" if phase_in["periods"] else "no phase-in"
    return Facts(f"{starts}; {length}.", REPORTED)


def _other_events(source: ReportSource) -> Facts:
    return Facts(f"{_events(source)} Whether the list is complete is not in the data.")


def _periods(source: ReportSource) -> Facts:
    fits = source.answering_fits
    if fits.empty:
        return Facts("Nothing was fitted.", ABSENT)
    spans = [_span(fits[name]) for name in ("n_pre", "n_post")]
    return Facts(f"{spans[0]} before and {spans[1]} after.", REPORTED)


def _span(counts: pd.Series[int]) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"


def _missing(source: ReportSource) -> Facts:
    return Facts(_incomplete(source).words, REPORTED)


def _model(source: ReportSource) -> Facts:
    primary = estimand_words(source.primary, source.about(source.outcomes[0]))
    return Facts(f"Segmented regression, {source.shape}; primary: {primary}.", REPORTED)


def _autocorrelation(source: ReportSource) -> Facts:
    fits = source.answering_fits
    known = fits[fits["rho1"].notna()]
    if known.empty:
        return Facts("The primary estimator takes no account of dependence between periods.")
    span = span_words(known["rho1"].min(), known["rho1"].max())
    return Facts(f"Autoregressive errors by REML; estimated first autocorrelations: {span}.", REPORTED)


def _season(source: ReportSource) -> Facts:
    frequency = str(source.settings["data"]["frequency"])
    words = sorted({season_words(str(season), frequency) for season in source.answering_fits["season"]})
    return Facts(f"Season: {', '.join(words) or 'none fitted'}.", REPORTED)


def _trend(source: ReportSource) -> Facts:
    fits = source.answering_fits
    drift = f"{n_drifting(fits)} of {len(fits)} series drift"
    return Facts(f"A straight line before and after; {drift}.", REPORTED)


def _effects(source: ReportSource) -> Facts:
    effects = source.table("effects")
    relative = effects["estimand"].eq("relative_average_effect").any() or effects["scale"].eq("ratio").any()
    kinds = "absolute and relative" if relative else "absolute only"
    return Facts(f"Every effect has its interval; {kinds}.", REPORTED if len(effects) else ABSENT)


def _counterfactual(source: ReportSource) -> Facts:
    drawn = sum(figure.task.kind == "main_its" for figure in source.figures)
    return Facts(
        f"{drawn} figures with every observation and the expected course.", REPORTED if drawn else ABSENT
    )


def _controls(source: ReportSource) -> Facts:
    peers = source.table("peers")
    if peers.empty:
        return Facts("No unit is compared with others.", REPORTED)
    return Facts(f"{len(set(peers['peer']))} peers, with distances and balance.", REPORTED)


def _sensitivity(source: ReportSource) -> Facts:
    tried = len(source.table("sensitivity"))
    others = set(source.table("effects").query("role == 'sensitivity'")["estimator"])
    words = f"{len(others)} other estimators, {tried} estimates under other choices."
    return Facts(words, REPORTED if others or tried else ABSENT)


def _multiplicity(source: ReportSource) -> Facts:
    return Facts(family_words(source.settings), REPORTED)


def _power(source: ReportSource) -> Facts:
    known = int(source.table("summary")["minimum_detectable"].notna().sum())
    return Facts(f"Smallest detectable change of {known} estimates.", REPORTED if known else ABSENT)


def _software(source: ReportSource) -> Facts:
    program = source.provenance.get("program") or {}
    if not program:
        return Facts("Not recorded.", ABSENT)
    seed = source.provenance.get("seed", "")
    return Facts(f"{program['name']} {program['version']}, seed {seed}; see where this comes from.", REPORTED)


def _limits(source: ReportSource) -> Facts:
    notes = plural(len(source.evaluation.notes), "note")
    return Facts(f"{notes} of the run; the assumptions are listed above.")


TO_BE_JUDGED = "to be judged by a person"
#: The items by key, each as a question with what the run knows of it.
CHECKLISTS: dict[str, Mapping[str, tuple[str, Callable[[ReportSource], Facts]]]] = {
    "epoc": {
        "independent_of_other_changes": (
            "Did the intervention happen independently of other changes?",
            _independent,
        ),
        "shape_pre_specified": ("Was the shape of the effect laid down beforehand?", _shape),
        "data_collection_unaffected": (
            "Is it unlikely that the intervention changed how data were collected?",
            _collection,
        ),
        "outcome_objective": (
            "Was the outcome objective, or judged without knowing of the intervention?",
            _objective,
        ),
        "incomplete_data": ("Were missing data few, and alike before and after?", _incomplete),
        "selective_reporting": ("Were all outcomes that were planned reported?", _selective),
        "other_bias": ("Were other sources of bias dealt with, such as the season?", _other),
    },
    "reporting": {
        "rationale": ("Why this design, and why this shape of effect?", _rationale),
        "setting": ("Which units, and which intervention?", _setting),
        "outcome": ("How is the outcome defined, and out of how many?", _outcome),
        "interruption": ("When did it start, and how long was the phase-in?", _interruption),
        "other_events": ("What else happened?", _other_events),
        "periods": ("How many periods before and after?", _periods),
        "missing": ("What is missing or left out?", _missing),
        "model": ("Which model, and which quantity answers the question?", _model),
        "autocorrelation": ("How was the dependence between periods handled?", _autocorrelation),
        "season": ("How was the season handled?", _season),
        "trend": ("How were trends and drifts handled?", _trend),
        "effects": ("Are effects given with intervals, absolute and relative?", _effects),
        "counterfactual": (
            "Do figures show every observation and what would have been expected?",
            _counterfactual,
        ),
        "controls": ("Which units are compared, and how alike are they?", _controls),
        "sensitivity": ("How does the answer depend on choices?", _sensitivity),
        "multiplicity": ("How were several questions allowed for?", _multiplicity),
        "power": ("What could have been found?", _power),
        "software": ("Which program, versions, seed and config?", _software),
        "limits": ("What limits the conclusions, and to whom do they apply?", _limits),
    },
}
#: What a person may judge a risk of bias to be.
JUDGEMENTS = ("low", "high", "unclear")
_ANSWER_KEYS = ("judgement", "reason", "by")
_HINT = "an answer is e.g. epoc: {outcome_objective: {judgement: low, reason: routine records, by: A. Name}}"


class Item(Struct, frozen=True):
    """One item of a checklist.

    Attributes
    ----------
    key : str
        Under which answers are given.
    question : str
        What is asked.
    result : str
        ``low risk``, ``high risk``, ``unclear``, ``reported``, ``not reported``, or that a person must judge.
    facts : str
        What the run knows.
    answer : str
        What a person said; blank when nobody did.
    """

    key: str
    question: str
    result: str
    facts: str
    answer: str


def items_of(source: ReportSource, checklist: str) -> list[Item]:
    """Return the items of a checklist, with what the run knows and what people answered."""
    return [
        _item(source, checklist, key, question, facts(source))
        for key, (question, facts) in CHECKLISTS[checklist].items()
    ]


def _item(source: ReportSource, checklist: str, key: str, question: str, facts: Facts) -> Item:
    given: Mapping[str, str] = (source.answers.get(checklist) or {}).get(key) or {}
    judgement = given.get("judgement", "")
    result = facts.result or TO_BE_JUDGED
    if checklist == "epoc" and judgement:
        result = "unclear" if judgement == "unclear" else f"{judgement} risk"
    elif checklist == "reporting" and given:
        result = REPORTED
    by = f" ({given['by']})" if given.get("by") else ""
    return Item(key, question, result, facts.words, f"{given['reason']}{by}" if given else "")


def load_answers(path: Path) -> Mapping[str, Any]:
    """Return the answers that a YAML file holds.

    Raises
    ------
    ConfigError
        With every fault of the file.
    """
    document = read_file(path)
    problems = [str(problem) for problem in document.problems]
    problems += [f"{path}: {problem}" for problem in answer_problems(document.tree)]
    if problems:
        raise ConfigError(problems, _HINT)
    answers: Mapping[str, Any] = document.tree
    return answers


def answer_problems(answers: Mapping[str, Any]) -> list[str]:
    """Return every fault of a mapping of answers: unknown checklists, items and keys, no reason given."""
    problems = []
    for checklist, items in answers.items():
        if checklist not in CHECKLISTS:
            guess = did_you_mean(checklist, CHECKLISTS)
            problems.append(f"{show(checklist)} is not a checklist{guess}; expected {one_of(CHECKLISTS)}")
        elif not isinstance(items, Mapping):
            problems.append(f"{checklist}: {show(items)}; expected answers by item")
        else:
            for key, answer in items.items():
                problems += _item_problems(checklist, str(key), answer)
    return problems


def _item_problems(checklist: str, key: str, answer: object) -> list[str]:
    where, known = f"{checklist}.{key}", CHECKLISTS[checklist]
    if key not in known:
        return [f"{where} is not an item{did_you_mean(key, known)}; expected {one_of(known)}"]
    if not isinstance(answer, Mapping):
        return [f"{where}: {show(answer)}; expected {{judgement: …, reason: …}}"]
    problems = [
        f"{where}: {show(name)} is not a key of an answer{did_you_mean(name, _ANSWER_KEYS)}; "
        f"expected {one_of(_ANSWER_KEYS)}"
        for name in answer
        if name not in _ANSWER_KEYS
    ]
    judgement = answer.get("judgement")
    if checklist == "epoc" and judgement not in JUDGEMENTS:
        problems.append(f"{where}.judgement: {show(judgement)}; expected {one_of(JUDGEMENTS)}")
    if checklist != "epoc" and judgement is not None:
        problems.append(f"{where}.judgement: only items of epoc are judged; expected a reason alone")
    if not isinstance(answer.get("reason"), str):
        problems.append(f"{where}.reason: {show(answer.get('reason'))}; expected the reason in words")
    by = answer.get("by")
    if by is not None and not isinstance(by, str):
        problems.append(f"{where}.by: {show(by)}; expected who judged")
    return problems


def checklist(source: ReportSource) -> Section:
    """Return the risk-of-bias items and the reporting items."""
    bias, reporting = items_of(source, "epoc"), reporting_table(source)
    left = sum(item.result == TO_BE_JUDGED for item in bias)
    opening = (
        f"{len(bias) - left} of the {len(bias)} items are answered, {left} are left to a person, with what "
        "the run knows. The config can name a file with the answers (output.report.answers)."
    )
    return Section(
        "checklists",
        "Checklists",
        [
            Heading("Risk of bias (Cochrane EPOC, interrupted time series)", ident="epoc"),
            plain(opening),
            _table("table-epoc", "Seven risk-of-bias items", bias, "Risk"),
            Heading("Reporting", ident="reporting"),
            Folded(f"{len(reporting.rows)} reporting items", [reporting]),
        ],
    )


def reporting_table(source: ReportSource) -> Table:
    """Return the items that reviews of such studies ask for, with what the run knows."""
    items = items_of(source, "reporting")
    return _table("table-reporting", "Reporting items of such studies", items, "Here")


def _table(ident: str, caption: str, items: Sequence[Item], result: str) -> Table:
    lines = [
        [
            text_cell(item.question),
            text_cell(item.result),
            text_cell(item.facts),
            text_cell(item.answer) if item.answer else BLANK,
        ]
        for item in items
    ]
    return Table(ident, caption, columns("Item", result, "What the run knows", "What a person said"), lines)
