"""The first screen: the question, the answer, a picture, one interval a unit, and what weakens it."""

from __future__ import annotations

import math
from pathlib import PurePath
from typing import TYPE_CHECKING

from its_eval.figures.small_forest import small_forests
from its_eval.report.blocks import FirstScreen, Forest, ForestRow, Section, Table, plain
from its_eval.report.cells import ANSWER_TITLES, FOUND, answer_rows, answering_picture
from its_eval.report.source import anchor
from its_eval.words.board import LEADING, board_answer, board_question, origin_words, weak_words
from its_eval.words.screen import MOST_UNITS, NAMED_DOUBTS, main_design
from its_eval.words.verdicts import answers_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from its_eval.figures.scales import Limits
    from its_eval.figures.small_forest import ForestLine, SmallForest
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


#: Of so many outcomes each has sentences and a forest of its own; of more there is a table.
MOST_OUTCOMES = 3


def first_screen(source: ReportSource) -> FirstScreen:
    """Return what a reader sees first."""
    evaluation, outcomes = source.evaluation, source.outcomes
    few = len(outcomes) <= MOST_OUTCOMES
    designs = {outcome: main_design(answers_of(evaluation, outcome)) for outcome in outcomes}
    answers = [
        Section(
            anchor("answer", outcome),
            source.label(outcome) if len(outcomes) > 1 else "",
            _answer(source, outcome, designs[outcome], pictured=len(outcomes) == 1),
        )
        for outcome in outcomes[: MOST_OUTCOMES if few else 0]
    ]
    if not few:
        answers = [Section("answers", "", [_table(source)])]
    about = [source.about(outcome) for outcome in outcomes]
    weak = weak_words(evaluation, designs)
    return FirstScreen(
        board_question(evaluation, about, list(source.everyone), next(iter(designs.values()), "")),
        answers,
        [plain(words) for words in weak[:NAMED_DOUBTS]],
        len(weak[NAMED_DOUBTS:]),
        _origin(source),
        str(_report_settings(source).get("status", "")),
    )


def _report_settings(source: ReportSource) -> Mapping[str, Any]:
    found: Mapping[str, Any] = source.settings.get("output", {}).get("report", {})
    return found


def _answer(source: ReportSource, outcome: str, design: str, *, pictured: bool) -> list[Block]:
    """Return the sentences about an outcome, its figure and its forest."""
    if outcome not in source.evaluation.outcomes or not design:
        return [plain("No unit has enough data to answer the question.", "lead")]
    blocks: list[Block] = []
    for said in board_answer(source.evaluation, outcome, design):
        blocks.append(plain(" ".join(said[:LEADING]), "lead"))
        blocks += [plain(" ".join(said[LEADING:]), "sub")] if said[LEADING:] else []
    answering = answering_picture(source, outcome) if pictured else None
    blocks += [answering] if answering else []
    forests = small_forests(source.evaluation, outcome, design, MOST_UNITS)
    return [*blocks, *(_forest(source, outcome, forest) for forest in forests)]


def _forest(source: ReportSource, outcome: str, forest: SmallForest) -> Forest:
    """Return a forest as the page draws it: places are shares of the width."""
    label = source.label(outcome) if len(source.outcomes) > 1 else ""
    named = ". ".join(filter(None, [forest.began, label, forest.caption]))
    more = f" {forest.left_out} more units are in the table of answers." if forest.left_out else ""
    return Forest(
        anchor("forest", outcome, forest.began),
        f"{named}.",
        forest.note + more,
        forest.sides,
        _place(forest.null, forest.limits),
        [(_place(tick, forest.limits), words) for tick, words in forest.ticks],
        [_row(outcome, line, forest.limits) for line in forest.lines],
    )


def _place(value: float, limits: Limits) -> float:
    """Return where a value lies, as a share of the width in per cent, within the scale."""
    share = (value - limits.low) / (limits.high - limits.low)
    return round(100.0 * min(max(share, 0.0), 1.0), 2)


def _row(outcome: str, line: ForestLine, limits: Limits) -> ForestRow:
    return ForestRow(
        line.name,
        "" if line.together else f"#{anchor('unit', outcome, line.unit)}",
        line.text,
        line.verdict,
        _place(line.estimate, limits),
        _place(line.low, limits) if line.bounded else math.nan,
        _place(line.high, limits) if line.bounded else math.nan,
        line.together,
    )


def _origin(source: ReportSource) -> str:
    """Return one line about data, window, version and contact."""
    files = (PurePath(path).name for path in source.provenance.get("inputs", {}))
    program = source.provenance.get("program") or {}
    version = f"{program.get('name', 'its-eval')} {program.get('version', '')}".strip()
    contact = str(_report_settings(source).get("contact", ""))
    return origin_words(files, source.table("series")["period"], version, contact)


def _table(source: ReportSource) -> Table:
    """Return the verdicts of many outcomes in a table."""
    rows = [row[:FOUND] for row in answer_rows(source.evaluation, "verdicts", "")]
    return Table("table-verdicts", "What can be said", ANSWER_TITLES[:FOUND], rows[: 2 * MOST_UNITS])
