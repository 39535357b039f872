"""The chapter of the answer: the question, the answer in sentences and in one table, figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from its_eval.evaluation import NOT_RECORDED, THE_SET, Row, Verdict, in_order_of_designs, records
from its_eval.report.blocks import (
    Bullets,
    Cell,
    Heading,
    Link,
    Section,
    Sentence,
    Strong,
    Table,
    plain,
    text_cell,
)
from its_eval.report.cells import BLANK, MOST_ROWS, columns, estimate_cell, main_figures, p_cell, pictures
from its_eval.report.source import anchor
from its_eval.words.gaps import gap_sentences
from its_eval.words.labels import compared_with, conclusion_words, estimand_words
from its_eval.words.messages import message_words
from its_eval.words.numbers import detectable_words, measure
from its_eval.words.verdicts import headline, question, set_sentence, verdict_sentences

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


def set_sentences(source: ReportSource, outcome: str) -> list[Sentence]:
    """Return a sentence per design: what is concluded of all treated units as a set, and the estimate."""
    pooled = source.rows("pooled", outcome)
    found = []
    for place, row in records(in_order_of_designs(pooled[pooled["method"] == "set"])):
        verdict = source.evaluation.verdict_of_the_set(outcome, row["design"])
        if verdict is None:
            verdict = _not_recorded(source, row)
        before, said, after = set_sentence(verdict, source.about(outcome), int(row["n_units"]))
        found.append(Sentence((before, Strong(said), after), f"pooled:{place}", "answer"))
    return found


def _not_recorded(source: ReportSource, row: Row) -> Verdict:
    """Return what columns say of the set in a result that is older than its verdict."""
    checks = source.rows("checks", row["outcome"], "")
    joint = checks[(checks["design"] == row["design"]) & (checks["check"] == "joint_placebo")]
    keys = ("outcome", "design", "estimand", "estimate", "conf_low", "conf_high", "p_value")
    return Verdict(
        unit=THE_SET,
        scale=source.scale(row["outcome"]),
        label=NOT_RECORDED,
        set_p_placebo=joint["p_value"].max(),
        **{key: row[key] for key in keys},
    )


_READING = {
    "single": "A difference from a unit's own earlier trend may come from anything else that happened then.",
    "controlled": (
        "A change of the gap to the peers leaves out what happened to all of them, but not what happened to "
        "this unit alone at that time."
    ),
}


def answer(source: ReportSource) -> Section:
    """Return the question, and a plain sentence per outcome and design."""
    about = [source.about(outcome) for outcome in source.outcomes]
    designs = source.designs
    blocks: list[Block] = [plain(question(about, source.everyone, designs, source.primary))]
    for outcome in source.outcomes:
        blocks.append(Heading(source.label(outcome), ident=anchor("answer", outcome)))
        blocks.append(Bullets([*set_sentences(source, outcome), *_verdicts(source, outcome)]))
    blocks += [plain(_READING["single"], "quiet")] if "single" in designs else []
    blocks += [plain(_READING["controlled"], "quiet")] if set(designs) - {"single"} else []
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
    counted = verdict_sentences(source.evaluation, outcome, units_here)
    return [*gaps, *(plain(words, "answer") for words in counted)]


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


TITLES = columns(
    *("Unit", "Outcome", "Compared with", "What can be said", "Estimate#", "Of"),
    *("Adjusted p#", "Placebo p#", "Smallest detectable change"),
)
#: So many of them say what was found; the rest of a report has the others.
_FOUND = 6


def glance(source: ReportSource) -> Section:
    """Return the answers of a run with several outcomes in one table, each linked to its place."""
    blocks: list[Block] = []
    if len(source.outcomes) > 1:
        blocks.append(
            plain(
                "A row per unit, outcome and comparison; a click on a title sorts by it. Among many rows "
                "some changes are to be expected by chance alone."
            )
        )
        rows = [row[:_FOUND] for row in answer_rows(source.evaluation, "summary", "")]
        more = "" if len(rows) <= MOST_ROWS else f". The first {MOST_ROWS} of {len(rows):,}"
        caption = f"All answers, with intervals beneath{more}"
        blocks.append(Table("table-glance", caption, TITLES[:_FOUND], rows[:MOST_ROWS]))
    return Section("glance", "All answers at a glance", blocks)


def answer_rows(evaluation: Evaluation, source: str, address: str | None) -> list[list[Cell]]:
    """Return a row of cells per answer and per series that has none, in the order of `TITLES`.

    Parameters
    ----------
    evaluation : Evaluation
        With every table.
    source : str
        What numbers say they were read from, before the place and the column.
    address : str or None
        The page that units are linked to; blank for the own page, None for no links.
    """
    lines = []
    for place, row in records(in_order_of_designs(evaluation.tables["summary"], "outcome", "unit")):
        about = evaluation.outcomes[str(row["outcome"])]
        measured = measure(row, about)
        what = estimand_words(row["estimand"], about)
        said = conclusion_words(row["label"], row["direction"])
        smallest = detectable_words(row, about) if math.isfinite(row["minimum_detectable"]) else ""
        lines.append(
            [
                _linked(evaluation, row, address),
                text_cell(str(about["label"])),
                text_cell(compared_with(row["design"])),
                text_cell(said),
                estimate_cell(source, place, row),
                text_cell(f"{what}{f', {measured}' if measured else ''}"),
                p_cell(source, place, row, "p_adjusted"),
                p_cell(source, place, row, "p_placebo"),
                Cell((smallest,), sort=repr(float(row["minimum_detectable"]))) if smallest else BLANK,
            ]
        )
    failed = evaluation.tables["not_estimated"]
    for _, row in records(failed[failed["estimator"] == ""]):
        about = evaluation.outcomes.get(str(row["outcome"]), {})
        words = [str(about.get("label", row["outcome"])), compared_with(row["design"])]
        told = f"not estimated: {message_words(str(row['message']))}"
        cells = [*map(text_cell, (*words, told)), *[BLANK] * 5]
        lines.append([_linked(evaluation, row, address), *cells])
    return lines


def _linked(evaluation: Evaluation, row: Row, address: str | None) -> Cell:
    """Return a unit and its name, with a link to its place in a report."""
    unit, name = str(row["unit"]), evaluation.unit_names.get(str(row["unit"]), "")
    target = f"{address}#{anchor('unit', str(row['outcome']), unit)}"
    return Cell((unit if address is None else Link(unit, target),), (name,) if name else (), sort=unit)
