"""The answers of a run for a terminal: the set first, then a line a unit, then what weakens the answer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from msgspec import Struct

from its_eval.columns import ALL_INTERRUPTIONS, THE_SET
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.effects.estimands import CHANGE
from its_eval.evaluation import NO_CLEAR_CHANGE, OPEN_LABELS, in_order_of_designs, records
from its_eval.words.doubts import doubts
from its_eval.words.labels import capitalised, compared_with, conclusion_words, message_words, verdict_words
from its_eval.words.looks import looks_line
from its_eval.words.magnitude import cases_of
from its_eval.words.numbers import (
    change_words,
    counted,
    detectable_words,
    null_of,
    printed,
    range_words,
    signed,
)
from its_eval.words.protocol import protocol_line
from its_eval.words.sentences import config_sentences, control_sentences
from its_eval.words.units_table import UnitsTable, is_later_effect, quantities_beside, unit_words
from its_eval.words.verdicts import (
    answers_of,
    asked_words,
    beside_words,
    difference_of_means,
    gap_sentences,
    has_number,
    headline,
    p_of,
    remarks,
    terms_words,
    why_words,
)

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation, Row

Style = Literal["title", "head", "plain", "note"]

#: Up to so many units have a line of their own; of more those that changed first, then the largest.
MOST_UNITS = 20
LARGEST = 10
#: Up to so many units have a paragraph each.
FEW_UNITS = 2
#: Reasons for doubt that are named.
NAMED_DOUBTS = 3


class Line(Struct, frozen=True):
    """A line of the screen.

    Attributes
    ----------
    text : str
    style : {"title", "head", "plain", "note"}
        How it is told apart.
    indent : int
        Blanks before it; what is too long is wrapped beneath.
    table : bool
        Whether its blanks matter: a row of a table, not wrapped.
    """

    text: str
    style: Style = "plain"
    indent: int = 0
    table: bool = False


def screen(evaluation: Evaluation, *, verbose: bool) -> Iterator[Line]:
    """Yield what a run found, in lines.

    Parameters
    ----------
    evaluation : Evaluation
        The result.
    verbose : bool
        Also each unit in every comparison, in sentences.
    """
    yield Line(evaluation.title, "title")
    for number, (outcome, about) in enumerate(evaluation.outcomes.items()):
        if number:
            yield Line("")
        yield from _outcome(evaluation, outcome, about, verbose=verbose)
    yield from (Line(said) for said in filter(None, [protocol_line(evaluation), looks_line(evaluation)]))
    yield from (Line(f"Note: {said}") for said in config_sentences(evaluation))


def _outcome(
    evaluation: Evaluation, outcome: str, about: Mapping[str, Any], *, verbose: bool
) -> Iterator[Line]:
    rows = answers_of(evaluation, outcome)
    sets = answers_of(evaluation, outcome, THE_SET)
    failed = evaluation.rows_of("not_estimated", outcome)
    units = sorted({*rows["unit"], *failed["unit"]})
    main = main_design(rows)
    unit = f", {about['unit']}" if about["unit"] else ""
    better = f" ({about['better']} is better)" if about.get("better") else ""
    yield Line(f"{about['label']}{unit}{better}; {_data(evaluation, outcome, about, units)}", "title")
    yield Line(_asked(about, main, units))
    # all of them first, then as they are fitted: the intervention before the events
    order = [ALL_INTERRUPTIONS, *about.get("shapes", ())]
    names = sorted(
        dict.fromkeys(rows["interruption"]),
        key=lambda name: order.index(name) if name in order else len(order),
    )
    for interruption in names:
        here = rows[rows["interruption"] == interruption]
        heading = "" if len(names) == 1 else f"{interruption}: "
        if len(units) > 1:
            chosen = sets[sets["interruption"] == interruption]
            everyone = "BOTH" if len(units) == 2 else f"ALL {counted(len(units), 'unit').split()[0].upper()}"
            yield from _told(evaluation, about, chosen, main, f"{heading}{everyone}")
        if interruption == ALL_INTERRUPTIONS:
            yield from (
                Line(f"{unit_words(evaluation, str(row['unit']))}: {headline(row, about)}")
                for _, row in records(here[here["design"] == main])
            )
        else:
            compared = here[here["design"] == main]
            few = len(units) <= FEW_UNITS
            if not few and not compared.empty:
                yield from _each(evaluation, outcome, about, compared, heading)
            for unit in units:
                if few or unit not in set(compared["unit"]):
                    yield from _unit(evaluation, outcome, about, here[here["unit"] == unit], main, heading)
        if verbose:
            yield from _sentences(evaluation, outcome, about, here, heading)
    yield from _failed(failed)
    yield from (Line(words) for words in control_sentences(evaluation, outcome, main))
    weak = doubts(evaluation, outcome, main)
    if weak:
        more = len(weak) - NAMED_DOUBTS
        # a sentence each: three in one are too long to read
        first, *others = weak[:NAMED_DOUBTS]
        said = [first, *map(capitalised, others), *([f"And {more} more"] if more > 0 else [])]
        yield Line(f"Weakens this: {'. '.join(said)}.")


def main_design(rows: pd.DataFrame) -> str:
    """Return the comparison that says most of a unit: a controlled one where there is one."""
    designs = list(dict.fromkeys(rows["design"]))
    controlled = [name for name in designs if COMPARISONS[name].is_controlled]
    if "difference" in controlled:
        return "difference"
    return str((controlled or designs or [""])[0])


def _asked(about: Mapping[str, Any], main: str, units: Sequence[str]) -> str:
    """Return the question of an outcome."""
    question = str(about.get("question", CHANGE))
    several = len(units) > 1
    compared = f", compared with {compared_with(main, several=several)}" if main else ""
    default = (
        "" if about.get("question_stated", True) else " (The default question; estimands.primary sets it.)"
    )
    whom = counted(len(units), "unit") if several else "the unit"
    what = f"did {asked_words(question, about)} change in {whom} from {about['start_in_words']}"
    return f"Asked: {what}{compared}?{default}"


def _data(evaluation: Evaluation, outcome: str, about: Mapping[str, Any], units: Sequence[str]) -> str:
    """Return how many periods there are on either side, and those of treated units that are not used."""
    series = evaluation.rows_of("series", outcome)
    period = str(about["frequency"])
    if series.empty:
        return "no data"
    known = [unit for unit in units if unit in set(series["unit"])]
    first = series[series["unit"] == known[0]].drop_duplicates("period")
    before, after = int(first["event_time"].lt(0).sum()), int(first["event_time"].ge(0).sum())
    lost = series[~series["used"]].drop_duplicates(["unit", "period"]).groupby("unit", sort=True).size()
    named = f"{counted(int(lost.sum()), period)} of {counted(len(lost), 'unit')} not used"
    if len(lost) <= NAMED_DOUBTS:
        named = f"not used: {', '.join(f'{count} of {unit}' for unit, count in lost.items())}"
    # of units without an estimate the table has no periods; why is said of each below
    whole = "" if len(known) == len(units) else " in units with an estimate"
    gaps = named if len(lost) else f"none missing{whole}"
    staggered = len({start for start, _ in about.get("starts", {}).values()}) > 1
    if staggered:
        return f"{len(first)} {period}s; {gaps}"
    return f"{before} {period}s before, {after} after; {gaps}"


def _told(
    evaluation: Evaluation, about: Mapping[str, Any], rows: pd.DataFrame, main: str, who: str
) -> Iterator[Line]:
    """Yield what is said of a unit or of all together: the main comparison, then the others in a line.

    Where the main comparison has no answer, another one stands for it, and says so.
    """
    first = main if main in set(rows["design"]) else main_design(rows)
    rest = [_beside(row) for _, row in records(rows[rows["design"] != first])]
    for _, row in records(rows[rows["design"] == first]):
        said = f"{verdict_words(row)}{why_words(row)}"
        if first != main:
            several = row["unit"] == THE_SET
            said = f"compared with {compared_with(first, several=several)}, {said}"
        yield Line(f"{who}: {said}{_number(row, about)}.", "head")
        beside = quantities_beside(evaluation, row)
        wanted = [item for item in beside if row["question"] == CHANGE or is_later_effect(item)]
        # of a step the effect after a year is the level itself
        shown = [item for item in wanted if item["estimate"] != row["estimate"]]
        terms = terms_words(shown, about)
        instead = difference_of_means(evaluation, row, about)
        parts = [f"{capitalised(terms)}." if terms else instead, beside_words(row).strip()]
        open_ = row["label"] == NO_CLEAR_CHANGE and math.isfinite(row["minimum_detectable"])
        more = [f"80 % power: {detectable_words(row, about)}." if open_ else "", *rest]
        # a unit has one line beneath, so that it stays a short paragraph
        for sentences in (parts, more) if row["unit"] == THE_SET else ([*parts, *more],):
            if any(sentences):
                yield Line(" ".join(filter(None, sentences)), indent=2)


def _unit(
    evaluation: Evaluation,
    outcome: str,
    about: Mapping[str, Any],
    rows: pd.DataFrame,
    main: str,
    heading: str,
) -> Iterator[Line]:
    """Yield what is said of one of few units."""
    if rows.empty:
        return
    unit = str(rows["unit"].iloc[0])
    yield from _told(evaluation, about, rows, main, f"{heading}{unit_words(evaluation, unit)}")
    for _, row in records(rows[rows["design"] == main]):
        yield from _remarks(evaluation, about, row)
    yield from (Line(words, indent=2) for words in gap_sentences(evaluation, outcome, unit)[:1])


def _remarks(evaluation: Evaluation, about: Mapping[str, Any], row: Row) -> Iterator[Line]:
    """Yield what is worth a remark of one answer, and its effect in cases."""
    children = quantities_beside(evaluation, row)
    tested = evaluation.rows_of("verdicts", str(row["outcome"]))
    n_units = tested.loc[tested["unit"].ne(THE_SET), "unit"].nunique()
    for kind, _, words in remarks(row, children, about, n_units):
        yield Line(f"{kind}: {words}." if words else f"{kind}.", indent=2)
    found = cases_of(
        evaluation, row, next((item for item in [row, *children] if is_later_effect(item)), None)
    )
    if not isinstance(found, str):
        yield Line(f"{capitalised(found.title)}: {found.text}.", indent=2)


def _number(row: Row, about: Mapping[str, Any]) -> str:
    """Return the number of an answer: of a change what it is, of one term just its size, with its p-value."""
    p = p_of(row)
    if not has_number(row):
        return f" ({p})" if p else ""
    if row["question"] == CHANGE:
        return f"{f' ({p}):' if p else ';'} {terms_words([row], about)}"
    return f", {change_words(row, about)} ({'; '.join(filter(None, [range_words(row), p]))})"


def _beside(row: Row) -> str:
    """Return what another comparison says of a unit or of the set, in one sentence."""
    words = f", {signed(row['estimate'], row)} ({range_words(row)})" if has_number(row) else ""
    if row["design"] == "single":
        others = "other sets" if row["unit"] == THE_SET else "other units"
        said = conclusion_words(str(row["label"]), str(row["direction"]), CHANGE, others)
        return f"Own earlier trend: {said}{why_words(row)}{words}."
    against = compared_with(str(row["design"]), several=row["unit"] == THE_SET)
    return f"Compared with {against}: {verdict_words(row)}{why_words(row)}{words}."


def _each(
    evaluation: Evaluation,
    outcome: str,
    about: Mapping[str, Any],
    rows: pd.DataFrame,
    heading: str,
) -> Iterator[Line]:
    """Yield a line a unit, those of one conclusion together, what changed first."""
    listed = [row for _, row in records(rows)]
    groups: dict[str, list[Row]] = {}
    for row in sorted(listed, key=lambda row: (str(row["label"]) in OPEN_LABELS, -_size(row))):
        groups.setdefault(verdict_words(row), []).append(row)
    many = len(listed) > MOST_UNITS
    shown, left = ([], LARGEST) if many else (listed, len(listed))
    table = UnitsTable(evaluation, about, listed, f"{heading}EACH UNIT")
    if not many:
        yield Line(table.header(), "head", table=True)
    for words, group in groups.items():
        yield Line(f"{capitalised(words)} ({len(group)} of {len(listed)}){_found(group, about)}", indent=1)
        for row in group[:left]:
            yield Line(table.row(row), table=True)
        left = max(left - len(group), 0)
    if many:
        yield Line(f"The {LARGEST} largest are shown; the table verdicts has all.", "note", 1)
    for note in table.notes:
        yield Line(note, "note", 1)
    said: dict[str, list[str]] = {}
    for row in shown:
        for kind, words, _ in remarks(row, quantities_beside(evaluation, row), about, len(listed)):
            said.setdefault(kind, []).append(f"{row['unit']} {words}".strip())
    for kind, found in said.items():
        yield Line(f"{kind}: {', '.join(found)}.", "note", 1)
    yield from (
        Line(words, indent=1)
        for unit in dict.fromkeys(str(row["unit"]) for row in shown)
        for words in gap_sentences(evaluation, outcome, unit)[:1]
    )


def _size(row: Row) -> float:
    """Return how large a change is beside its interval."""
    width = abs(row["conf_high"] - row["conf_low"])
    return abs(row["estimate"] - null_of(row)) / width if width > 0 else 0.0


def _found(group: Sequence[Row], about: Mapping[str, Any]) -> str:
    """Return the smallest changes that would have been found, beside what was left open."""
    known = sorted(
        (row for row in group if math.isfinite(row["minimum_detectable"])),
        key=lambda row: float(row["minimum_detectable"]),
    )
    if str(group[0]["label"]) != NO_CLEAR_CHANGE or not known:
        return ""
    least, most = (printed(row["minimum_detectable"], row) for row in (known[0], known[-1]))
    sizes = (
        detectable_words(known[0], about)
        if least == most
        else f"{least} to {detectable_words(known[-1], about)}"
    )
    return f"; 80 % power to find {sizes}"


def _sentences(
    evaluation: Evaluation, outcome: str, about: Mapping[str, Any], rows: pd.DataFrame, heading: str
) -> Iterator[Line]:
    """Yield the answers about each unit in sentences, the controlled comparison last."""
    for unit in dict.fromkeys(in_order_of_designs(rows, "unit")["unit"]):
        yield Line(f"{heading}{unit_words(evaluation, str(unit))}", "head")
        for _, row in records(rows[rows["unit"] == unit]):
            children = quantities_beside(evaluation, row)
            beside = terms_words([one for one in children if one["estimate"] != row["estimate"]], about)
            more = f"{capitalised(beside)}." if beside else difference_of_means(evaluation, row, about)
            yield Line(f"{headline(row, about)} {more}".rstrip(), indent=2)
            yield from _remarks(evaluation, about, row)
        for words in gap_sentences(evaluation, outcome, str(unit)):
            yield Line(words, indent=2)


def _failed(failed: pd.DataFrame) -> Iterator[Line]:
    """Yield what has no estimate: each reason once, with its units."""
    by_message: dict[str, dict[str, list[str]]] = {}
    for _, row in records(failed):
        message = message_words(str(row["message"]))
        by_message.setdefault(message, {}).setdefault(str(row["unit"]), []).append(str(row["design"]))
    for message, units in by_message.items():
        designs = dict.fromkeys(design for found in units.values() for design in found)
        against = " and with ".join(compared_with(design) for design in designs)
        yield Line(f"Not estimated, {', '.join(units)}, compared with {against}: {message}.")
