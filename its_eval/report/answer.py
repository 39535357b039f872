"""The chapter of the answer: each unit with its figure, every answer in sentences and in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import asdict

from its_eval.columns import ALL_INTERRUPTIONS, THE_SET
from its_eval.evaluation import NOT_RECORDED, Row, Verdict, in_order_of_designs, records
from its_eval.report.blocks import (
    Bullets,
    Folded,
    Heading,
    Section,
    Sentence,
    Strong,
    Table,
    plain,
)
from its_eval.report.cells import (
    ANSWER_TITLES,
    COMPARED,
    FOUND,
    MOST_ROWS,
    answer_rows,
    answering_picture,
    began_column,
    estimate,
    limits,
    main_figures,
    pictures,
    table_of,
    told,
)
from its_eval.report.source import anchor
from its_eval.words.board import answer_sentences
from its_eval.words.labels import check_words, compared_with, estimand_words, verdict_words
from its_eval.words.numbers import plural
from its_eval.words.screen import main_design
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
    import pandas as pd

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
            (f"pooled:{place}", asdict(_not_recorded(source, row)), int(row["n_units"])) for place, row in old
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
    """Return each unit, every answer in sentences, and all answers at a glance."""
    return _units(source), _answer(source), _glance(source)


def _answer(source: ReportSource) -> Section:
    """Return the question in full, and every answer in a sentence per outcome and design."""
    about = [source.about(outcome) for outcome in source.outcomes]
    designs = source.designs
    blocks: list[Block] = [plain(question(about, source.everyone, designs, source.primary))]
    for outcome in source.outcomes:
        blocks.append(Heading(source.label(outcome), ident=anchor("sentences", outcome)))
        blocks.append(Bullets([*_set_sentences(source, outcome), *_verdicts(source, outcome)]))
    blocks += [plain(_READING["single"], "quiet")] if "single" in designs else []
    blocks += [plain(_READING["controlled"], "quiet")] if set(designs) - {"single"} else []
    return Section("sentences", "Every answer in sentences", blocks)


def _units(source: ReportSource) -> Section:
    """Return each unit with its outcomes: figure, answer, intervals, peers, and what was checked."""
    blocks: list[Block] = []
    several = len(source.outcomes) > 1
    for outcome in source.outcomes:
        together, apart = (pictures(source, kind, outcome) for kind in ("answer", "units"))
        answering = answering_picture(source, outcome)
        # of a single outcome the first screen has it
        blocks += [answering] if answering and several else []
        rest = [*(one for one in together if one != answering), *apart]
        blocks += [Folded(f"{source.label(outcome)}: all units in one figure", rest)] if rest else []
    for unit, name in source.everyone.items():
        blocks.append(Heading(name, ident=anchor("unit", unit)))
        for outcome in source.outcomes:
            if unit not in source.units(outcome):
                continue
            ident = anchor("unit", outcome, unit)
            blocks.append(Heading(source.label(outcome) if several else "The answer", 4, ident))
            blocks += _unit(source, outcome, unit)
    if not source.figures:
        blocks.append(plain("No figures: none were drawn in this run.", "quiet"))
    return Section("units", "Unit by unit", blocks)


def _unit(source: ReportSource, outcome: str, unit: str) -> list[Block]:
    """Return what is to be seen of one outcome of a unit."""
    rows = answers_of(source.evaluation, outcome, unit)
    main = rows[rows["design"] == main_design(rows)]
    name = source.evaluation.unit_names.get(unit) or unit
    blocks: list[Block] = [
        plain(f"{interruption_words(rows, row)}{' '.join(answer_sentences(source.evaluation, row, name))}")
        for _, row in records(main)
        if row["interruption"] != ALL_INTERRUPTIONS
    ]
    drawn = main_figures(source, outcome, unit)
    blocks += drawn[:1]
    blocks += [_intervals(source, outcome, unit, rows)] if len(rows) else []
    said = Bullets(_sentences(source, outcome, unit))
    blocks += [plain(words, "quiet") for words in _beside(source, outcome, unit)]
    return [*blocks, Folded("In every comparison, in sentences", [said]), *drawn[1:]]


def _intervals(source: ReportSource, outcome: str, unit: str, rows: pd.DataFrame) -> Table:
    """Return both intervals of every answer about a unit: its own, and beside others."""
    about = source.about(outcome)
    makers = {"Compared with": COMPARED, **began_column(rows)}
    makers |= {
        "Quantity": told(
            lambda row: estimand_words(row["estimand"], about) if row["estimand"] else "any of them"
        ),
        "Estimate#": estimate("verdicts"),
        "Interval allowing for others#": limits("verdicts", "attribution"),
        "What can be said": told(verdict_words),
    }
    name = source.unit_name(unit)
    caption = f"{name}, {about['label']}: estimate with its own interval, and the one that allows for others"
    shown = rows[rows["estimate"].notna()]
    return table_of(shown, anchor("table-unit", outcome, unit), caption, makers)


def _beside(source: ReportSource, outcome: str, unit: str) -> list[str]:
    """Return who the peers are, by name, and what was checked."""
    peers = source.rows("peers", outcome, unit).sort_values("rank", kind="stable")["peer"]
    names = [source.evaluation.unit_names.get(peer) or peer for peer in peers]
    found = [f"Peers: {', '.join(names)}."] if names else []
    rows = source.rows("checks", outcome, unit)
    alarms = sorted({check_words(check) for check in rows.loc[rows["status"].eq("attention"), "check"]})
    if len(rows):
        asked = f"; look at {', '.join(alarms)}" if alarms else "; none asks for attention"
        found.append(f"{plural(len(rows), 'check')} made{asked}.")
    return found


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
        rows = [row[:FOUND] for row in answer_rows(source.evaluation, "verdicts", "")]
        more = "" if len(rows) <= MOST_ROWS else f". The first {MOST_ROWS} of {len(rows):,}"
        caption = f"All answers, with intervals beneath{more}"
        blocks.append(Table("table-glance", caption, ANSWER_TITLES[:FOUND], rows[:MOST_ROWS]))
    return Section("glance", "All answers at a glance", blocks)
