"""The question, the answer in a plain sentence per outcome, and each unit with its sentence and figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.report.blocks import Bullets, Heading, Section, Sentence, plain
from its_eval.report.comparisons import compared_with
from its_eval.report.gaps import gap_sentences
from its_eval.report.narrative import headline
from its_eval.report.plain_words import message_words
from its_eval.report.sections.cells import records
from its_eval.report.sections.pictures import main_figures, pictures
from its_eval.report.source import anchor, in_order_of_designs
from its_eval.report.units_together import set_sentences
from its_eval.report.verdicts import question, verdict_sentences

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource

_READING = {
    "single": "A difference from a unit's own earlier trend may come from anything else that happened then.",
    "controlled": (
        "A change of the gap to the peers leaves out what happened to all of them, but not what happened to "
        "this unit alone at that time."
    ),
}


def answer(source: ReportSource) -> Section:
    """Return the question, and a plain sentence per outcome and design."""
    blocks: list[Block] = [plain(question(source))]
    for outcome in source.outcomes:
        blocks.append(Heading(source.label(outcome), ident=anchor("answer", outcome)))
        blocks.append(Bullets([*set_sentences(source, outcome), *_verdicts(source, outcome)]))
    designs = {str(design) for design in source.settings["designs"]}
    blocks += [plain(_READING["single"], "quiet")] if "single" in designs else []
    blocks += [plain(_READING["controlled"], "quiet")] if designs - {"single"} else []
    return Section("answer", "The question and the answer", blocks)


def units(source: ReportSource) -> Section:
    """Return each unit: its answer in a sentence per design, and the main figure beneath."""
    blocks: list[Block] = []
    for outcome in source.outcomes:
        blocks.append(Heading(source.label(outcome), ident=anchor("units", outcome)))
        blocks += pictures(source, "units", outcome)
        for unit in source.units(outcome):
            blocks.append(Heading(source.unit_name(unit), 4, anchor("unit", outcome, unit)))
            blocks.append(Bullets(_sentences(source, outcome, unit)))
            blocks += main_figures(source, outcome, unit)
    if not source.figures:
        blocks.append(plain("No figures: none were drawn in this run.", "quiet"))
    return Section("units", "Each unit: the answer and the data", blocks)


def _verdicts(source: ReportSource, outcome: str) -> list[Sentence]:
    units_here = source.units(outcome)
    said = [words for unit in units_here for words in gap_sentences(source.evaluation, outcome, unit)]
    gaps = [plain(words, "answer") for words in said]
    if len(units_here) == 1:
        # of one unit there is nothing to count
        return [*gaps, *_sentences(source, outcome, units_here[0])]
    return [*gaps, *(plain(words, "answer") for words in verdict_sentences(source, outcome))]


def _sentences(source: ReportSource, outcome: str, unit: str) -> list[Sentence]:
    about = source.about(outcome)
    rows = in_order_of_designs(source.rows("summary", outcome, unit))
    found = [Sentence((headline(row, about),), f"summary:{place}", "answer") for place, row in records(rows)]
    failed = source.rows("not_estimated", outcome, unit)
    answering = {"", *source.primary_fits(outcome)["estimator"], *_first_estimators(source)}
    own = failed[failed["estimator"].isin(answering)]
    messages = [
        f"Compared with {compared_with(str(row['design']))}: not estimated: "
        f"{message_words(str(row['message']))}."
        for _, row in records(own)
    ]
    return [*found, *(plain(message, "attention") for message in dict.fromkeys(messages))]


def _first_estimators(source: ReportSource) -> set[str]:
    """Return the labels of the estimators that answer where there is an answer."""
    return {str(outcome["estimators"][0]["label"]) for outcome in source.settings["outcomes"]}
