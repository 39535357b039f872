"""The first screen: the question, the answer, a picture, one interval a unit, and what weakens it."""

from __future__ import annotations

import math
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from its_eval.evaluation import (
    CHANGED,
    CHANGED_MORE,
    NOT_CLEARLY_MORE,
    THE_SET,
    interval_level,
    records,
)
from its_eval.figures.scales import interval_reach, tick_labels
from its_eval.report.blocks import FirstScreen, Forest, ForestRow, Section, Table, plain
from its_eval.report.cells import ANSWER_TITLES, FOUND, answer_rows, answering_picture
from its_eval.report.source import anchor
from its_eval.words.blind import unblinded_sentences
from its_eval.words.board import board_answer, board_question, interruptions, interval_of, most_changed_first
from its_eval.words.doubts import doubts
from its_eval.words.labels import capitalised, compared_with, estimand_words
from its_eval.words.numbers import answer_confidence, null_of, printed, signed, units_of
from its_eval.words.protocol import departures_sentences
from its_eval.words.screen import MOST_UNITS, NAMED_DOUBTS, main_design
from its_eval.words.sentences import selection_sentences
from its_eval.words.verdicts import answers_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from its_eval.evaluation import Row
    from its_eval.figures.scales import Limits
    from its_eval.report.blocks import Block
    from its_eval.report.source import ReportSource


#: Of so many outcomes each has sentences and a forest of its own; of more there is a table.
MOST_OUTCOMES = 3
#: So many sentences of an answer say what it is and how large.
_LEADING = 2
#: Numbers beneath a small forest.
_MOST_TICKS = 4


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
    weak = _weak(source, designs)
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
        blocks.append(plain(" ".join(said[:_LEADING]), "lead"))
        blocks += [plain(" ".join(said[_LEADING:]), "sub")] if said[_LEADING:] else []
    answering = answering_picture(source, outcome) if pictured else None
    blocks += [answering] if answering else []
    return [*blocks, *_forests(source, outcome, design)]


def _forests(source: ReportSource, outcome: str, design: str) -> list[Forest]:
    """Return one interval a unit, for each interruption; none of a single answer."""
    rows = answers_of(source.evaluation, outcome)
    sets = answers_of(source.evaluation, outcome, THE_SET)
    every = interruptions(rows, str(source.about(outcome)["interruption"]))
    found = []
    for began in every:
        parts = [
            [row for _, row in records(part[part["design"].eq(design) & part["interruption"].eq(began)])]
            for part in (sets, rows)
        ]
        together, units = ([row for row in part if math.isfinite(row["estimate"])] for part in parts)
        if len(units) > 1:
            heading = began if len(every) > 1 else ""
            found.append(_forest(source, outcome, together, most_changed_first(units), heading))
    return found


def _forest(
    source: ReportSource, outcome: str, together: Sequence[Row], units: Sequence[Row], heading: str
) -> Forest:
    """Return a forest of the set and of units in the order given, of which the first are shown."""
    about, first = source.about(outcome), units[0]
    shown = [*together, *units[:MOST_UNITS]]
    estimate, low, high = (np.array(values) for values in zip(*((_shown(row)) for row in shown), strict=True))
    null = null_of(first)
    limits = interval_reach(estimate, low, high, include=null)
    every = [tick for tick in limits.ticks() if limits.low <= tick <= limits.high]
    # no change stays among them
    step, start = (
        -(-len(every) // _MOST_TICKS),
        min(range(len(every)), key=lambda place: abs(every[place] - null)),
    )
    ticks = every[start % step :: step]
    ratio = first["scale"] == "ratio"
    words = tick_labels([100.0 * (tick - 1.0) if ratio else tick for tick in ticks])
    places = [_place(tick, limits) for tick in ticks]
    what = capitalised(estimand_words(str(first["estimand"]), about).partition(", per ")[0])
    against = compared_with(str(first["design"]), several=True)
    unit = units_of(first, about)
    caption = f"{what}, compared with {against}{f', {unit}' if unit else ''}"
    label = source.label(outcome) if len(source.outcomes) > 1 else ""
    named = ". ".join(filter(None, [heading, label, caption]))
    more = len(units) - MOST_UNITS
    return Forest(
        anchor("forest", outcome, heading),
        f"{named}.",
        _interval_note(about, units)
        + (f" {more} more units are in the table of answers." if more > 0 else ""),
        _sides(about),
        _place(null, limits),
        list(zip(places, words, strict=True)),
        [
            _row(source, outcome, row, limits, (a, b, c))
            for row, a, b, c in zip(shown, estimate, low, high, strict=True)
        ],
    )


def _shown(row: Row) -> tuple[float, float, float]:
    return float(row["estimate"]), *interval_of(row)


def _sides(about: Mapping[str, Any]) -> tuple[str, str]:
    """Return what lies to the left and right of no change; blank where no way is better."""
    return {"higher": ("worse", "better"), "lower": ("better", "worse")}.get(
        str(about.get("better")), ("lower", "higher")
    )


def _place(value: float, limits: Limits) -> float:
    """Return where a value lies, as a share of the width in per cent, within the scale."""
    share = (value - limits.low) / (limits.high - limits.low)
    return round(100.0 * min(max(share, 0.0), 1.0), 2)


def _interval_note(about: Mapping[str, Any], units: Sequence[Row]) -> str:
    level = f"{interval_level(answer_confidence(about))}s"
    compared = [math.isfinite(row["attribution_low"]) for row in units]
    if all(compared):
        return f"Lines are {level}. Those of units allow for how much other units change by themselves."
    if not any(compared):
        return f"Lines are {level} of the change itself: too few other units show how much they change."
    return f"Lines are {level}; where ten others can be compared, they allow for how much those change."


def _row(
    source: ReportSource, outcome: str, row: Row, limits: Limits, shown: tuple[float, float, float]
) -> ForestRow:
    unit, everyone = str(row["unit"]), row["unit"] == THE_SET
    estimate, low, high = shown
    bounded = math.isfinite(low) and math.isfinite(high)
    about = source.about(outcome)
    text = f"{signed(estimate, row)} {units_of(row, about)}".strip()
    text += f", from {printed(low, row)} to {printed(high, row)}" if bounded else ", no interval"
    return ForestRow(
        "All together" if everyone else source.evaluation.unit_names.get(unit, "") or unit,
        "" if everyone else f"#{anchor('unit', outcome, unit)}",
        text,
        _short_verdict(row),
        _place(estimate, limits),
        _place(low, limits) if bounded else math.nan,
        _place(high, limits) if bounded else math.nan,
        everyone,
    )


def _short_verdict(row: Row) -> str:
    """Return a verdict in few words."""
    verb = {"better": "improved", "worse": "worsened"}.get(str(row["direction"]), "changed")
    beside = {
        CHANGED: verb,
        CHANGED_MORE: f"{verb}, more than others",
        NOT_CLEARLY_MORE: f"{verb}, perhaps as others",
    }
    return beside.get(str(row["label"]), str(row["label"]))


def _weak(source: ReportSource, designs: Mapping[str, str]) -> list[str]:
    """Return what weakens the answers, each said once, with the outcome where it is not about all."""
    found: dict[str, list[str]] = {}
    answered = [outcome for outcome in source.outcomes if outcome in source.evaluation.outcomes]
    names = source.evaluation.unit_names
    for outcome in answered:
        for words in doubts(source.evaluation, outcome, designs[outcome], lambda unit: names.get(unit, unit)):
            found.setdefault(words, []).append(source.label(outcome))
    of_run = departures_sentences(source.evaluation)
    said = [
        f"{capitalised(words)}{f' ({labels[0]})' if len(labels) < len(answered) else ''}."
        for words, labels in found.items()
    ]
    said = [*unblinded_sentences(source.evaluation), *of_run, *said]
    stated = any(source.about(outcome).get("chosen") for outcome in source.outcomes)
    return said if stated else [*said, *selection_sentences(source.evaluation)[:1]]


def _origin(source: ReportSource) -> str:
    """Return one line about data, window, version and contact."""
    series = source.table("series")
    periods = series["period"]
    window = f"{periods.min()} to {periods.max()}" if len(periods) else ""
    files = sorted({PurePath(path).name for path in source.provenance.get("inputs", {})})
    data = ", ".join(files[:2]) + (f" and {len(files) - 2} more" if len(files) > 2 else "")
    program = source.provenance.get("program") or {}
    version = f"{program.get('name', 'its-eval')} {program.get('version', '')}".strip()
    contact = str(_report_settings(source).get("contact", "")) or "not stated"
    parts = [f"Data: {data}" if data else "", window, version, f"contact: {contact}"]
    return " · ".join(filter(None, parts))


def _table(source: ReportSource) -> Table:
    """Return the verdicts of many outcomes in a table."""
    rows = [row[:FOUND] for row in answer_rows(source.evaluation, "verdicts", "")]
    return Table("table-verdicts", "What can be said", ANSWER_TITLES[:FOUND], rows[: 2 * MOST_UNITS])
