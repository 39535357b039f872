"""The chapter of the answer: the question, the answer in sentences and in one table, figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.evaluation import NOT_RECORDED, THE_SET, Row, Verdict, in_order_of_designs, records
from its_eval.report.blocks import (
    Bullets,
    Heading,
    Section,
    Sentence,
    Strong,
    Table,
    plain,
)
from its_eval.report.cells import (
    ANSWER_TITLES,
    MOST_ROWS,
    answer_rows,
    main_figures,
    pictures,
)
from its_eval.report.source import anchor
from its_eval.words.labels import compared_with
from its_eval.words.sentences import not_estimated
from its_eval.words.verdicts import (
    answers_of,
    gap_sentences,
    headline,
    interruption_words,
    question,
    set_sentence,
    verdict_sentences,
)

if TYPE_CHECKING:
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


def _set_sentences(source: ReportSource, outcome: str) -> list[Sentence]:
    """Return a sentence per design and interruption: what is concluded of all treated units as a set."""
    about, pooled = source.about(outcome), source.rows("pooled", outcome)
    pooled = pooled[pooled["method"] == "set"]
    sizes = dict(zip(pooled["design"], pooled["n_units"], strict=True))
    rows = answers_of(source.evaluation, outcome, THE_SET)
    said: list[tuple[str, Row, int]] = [
        (f"verdicts:{place}", row, sizes.get(row["design"], len(source.units(outcome))))
        for place, row in records(rows)
    ]
    if not said:
        old = records(in_order_of_designs(pooled))
        said = [
            (f"pooled:{place}", vars(_not_recorded(source, row)), int(row["n_units"])) for place, row in old
        ]
    found = []
    for origin, row, n_units in said:
        before, words, after = set_sentence(row, about, int(n_units))
        began = interruption_words(rows, row)
        found.append(Sentence((f"{began}{before}", Strong(words), after), origin, "answer"))
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


def answer(source: ReportSource) -> tuple[Section, ...]:
    """Return the question and the answer, all answers at a glance, and each unit."""
    return _answer(source), _glance(source), _units(source)


def _answer(source: ReportSource) -> Section:
    """Return the question, and a plain sentence per outcome and design."""
    about = [source.about(outcome) for outcome in source.outcomes]
    designs = source.designs
    blocks: list[Block] = [plain(question(about, source.everyone, designs, source.primary))]
    for outcome in source.outcomes:
        blocks.append(Heading(source.label(outcome), ident=anchor("answer", outcome)))
        blocks.append(Bullets([*_set_sentences(source, outcome), *_verdicts(source, outcome)]))
    blocks += [plain(_READING["single"], "quiet")] if "single" in designs else []
    blocks += [plain(_READING["controlled"], "quiet")] if set(designs) - {"single"} else []
    return Section("answer", "The question and the answer", blocks)


def _units(source: ReportSource) -> Section:
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
    rows = answers_of(source.evaluation, outcome, unit)
    found = [
        Sentence((f"{interruption_words(rows, row)}{headline(row, about)}",), f"verdicts:{place}", "answer")
        for place, row in records(rows)
    ]
    failed = source.rows("not_estimated", outcome, unit)
    answering = {"", *source.primary_fits(outcome)["estimator"], *_first_estimators(source)}
    own = failed[failed["estimator"].isin(answering)]
    messages = [
        f"Compared with {compared_with(row['design'])}: {not_estimated(row)}." for _, row in records(own)
    ]
    return [*found, *(plain(message, "attention") for message in dict.fromkeys(messages))]


def _first_estimators(source: ReportSource) -> set[str]:
    """Return the labels of the estimators that answer where there is an answer."""
    return {str(outcome["estimators"][0]["label"]) for outcome in source.settings["outcomes"]}


#: So many of them say what was found; the rest of a report has the others.
_FOUND = 6


def _glance(source: ReportSource) -> Section:
    """Return the answers of a run with several outcomes in one table, each linked to its place."""
    blocks: list[Block] = []
    if len(source.outcomes) > 1:
        blocks.append(
            plain(
                "A row per unit, outcome and comparison; a click on a title sorts by it. Among many rows "
                "some changes are to be expected by chance alone."
            )
        )
        rows = [row[:_FOUND] for row in answer_rows(source.evaluation, "verdicts", "")]
        more = "" if len(rows) <= MOST_ROWS else f". The first {MOST_ROWS} of {len(rows):,}"
        caption = f"All answers, with intervals beneath{more}"
        blocks.append(Table("table-glance", caption, ANSWER_TITLES[:_FOUND], rows[:MOST_ROWS]))
    return Section("glance", "All answers at a glance", blocks)
