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

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from its_eval.config.faults import did_you_mean, one_of, show
from its_eval.config.nodes import read_file
from its_eval.errors import ConfigError
from its_eval.report.checklist_facts import EPOC_FACTS, REPORTING_FACTS, Facts

if TYPE_CHECKING:
    from its_eval.report.source import ReportSource

TO_BE_JUDGED = "to be judged by a person"
#: The items by key, each as a question.
EPOC = {
    "independent_of_other_changes": "Did the intervention happen independently of other changes?",
    "shape_pre_specified": "Was the shape of the effect laid down beforehand?",
    "data_collection_unaffected": "Is it unlikely that the intervention changed how data were collected?",
    "outcome_objective": "Was the outcome objective, or judged without knowing of the intervention?",
    "incomplete_data": "Were missing data few, and alike before and after?",
    "selective_reporting": "Were all outcomes that were planned reported?",
    "other_bias": "Were other sources of bias dealt with, such as the season?",
}
REPORTING = {
    "rationale": "Why this design, and why this shape of effect?",
    "setting": "Which units, and which intervention?",
    "outcome": "How is the outcome defined, and out of how many?",
    "interruption": "When did it start, and how long was the phase-in?",
    "other_events": "What else happened?",
    "periods": "How many periods before and after?",
    "missing": "What is missing or left out?",
    "model": "Which model, and which quantity answers the question?",
    "autocorrelation": "How was the dependence between periods handled?",
    "season": "How was the season handled?",
    "trend": "How were trends and drifts handled?",
    "effects": "Are effects given with intervals, absolute and relative?",
    "counterfactual": "Do figures show every observation and what would have been expected?",
    "controls": "Which units are compared, and how alike are they?",
    "sensitivity": "How does the answer depend on choices?",
    "multiplicity": "How were several questions allowed for?",
    "power": "What could have been found?",
    "software": "Which program, versions, seed and config?",
    "limits": "What limits the conclusions, and to whom do they apply?",
}
CHECKLISTS: dict[str, Mapping[str, str]] = {"epoc": EPOC, "reporting": REPORTING}
#: What a person may judge a risk of bias to be.
JUDGEMENTS = ("low", "high", "unclear")
_ANSWER_KEYS = ("judgement", "reason", "by")
_HINT = "an answer is e.g. epoc: {outcome_objective: {judgement: low, reason: routine records, by: A. Name}}"


@dataclass(frozen=True)
class Item:
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


def epoc_items(source: ReportSource) -> list[Item]:
    """Return the risk-of-bias items, with what the run knows and what people answered."""
    return [_item(source, "epoc", key, EPOC_FACTS[key](source)) for key in EPOC]


def reporting_items(source: ReportSource) -> list[Item]:
    """Return the reporting items, with what the run knows and what people answered."""
    return [_item(source, "reporting", key, REPORTING_FACTS[key](source)) for key in REPORTING]


def _item(source: ReportSource, checklist: str, key: str, facts: Facts) -> Item:
    given: Mapping[str, str] = (source.answers.get(checklist) or {}).get(key) or {}
    judgement = given.get("judgement", "")
    result = facts.result or TO_BE_JUDGED
    if checklist == "epoc" and judgement:
        result = "unclear" if judgement == "unclear" else f"{judgement} risk"
    elif checklist == "reporting" and given:
        result = "reported"
    by = f" ({given['by']})" if given.get("by") else ""
    answer = f"{given['reason']}{by}" if given else ""
    return Item(key, CHECKLISTS[checklist][key], result, facts.words, answer)


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
