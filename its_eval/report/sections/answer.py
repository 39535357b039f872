"""The question and the answer: a plain sentence per outcome, then one per unit and design."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.report.blocks import Bullets, Heading, Section, Sentence, plain
from its_eval.report.narrative import headline
from its_eval.report.sections.cells import records
from its_eval.report.source import anchor, in_order_of_designs
from its_eval.report.verdicts import question, verdict_sentences

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource

_READING = {
    "single": "A change from a unit's own earlier trend holds everything else that happened at that time too.",
    "controlled": (
        "A change of the gap to the peers leaves out what happened to all of them, but not what happened to "
        "this unit alone at that time."
    ),
}


def answer(source: ReportSource) -> Section:
    """Return the question and its answers."""
    blocks: list[Block] = [plain(question(source))]
    for outcome in source.outcomes:
        blocks.append(Heading(source.label(outcome), ident=anchor("answer", outcome)))
        blocks += [plain(sentence, "answer") for sentence in verdict_sentences(source, outcome)]
        for unit in source.units(outcome):
            blocks.append(Heading(source.unit_name(unit), 4, anchor("answer", outcome, unit)))
            blocks.append(Bullets(_sentences(source, outcome, unit)))
    designs = {str(design) for design in source.settings["designs"]}
    blocks += [plain(_READING["single"], "quiet")] if "single" in designs else []
    blocks += [plain(_READING["controlled"], "quiet")] if designs - {"single"} else []
    return Section("answer", "The question and the answer", blocks)


def _sentences(source: ReportSource, outcome: str, unit: str) -> list[Sentence]:
    about = source.about(outcome)
    rows = in_order_of_designs(source.rows("summary", outcome, unit))
    found = [
        Sentence((headline(row, about),), f"summary:{place}", "answer") for place, row in records(rows)
    ]
    failed = source.rows("not_estimated", outcome, unit)
    own = failed[failed["estimator"].isin(["", *source.evaluation.primary_estimators(outcome)])]
    messages = [f"Not estimated ({row['design']}): {row['message']}." for _, row in records(own)]
    return [*found, *(plain(message, "attention") for message in dict.fromkeys(messages))]
