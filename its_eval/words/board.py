"""The first screen of a report: the question and the answer in sentences for people who decide."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from its_eval.columns import ALL_INTERRUPTIONS, THE_SET
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.effects.estimands import AVERAGE_EFFECT
from its_eval.evaluation import (
    CHANGED,
    CHANGED_MORE,
    NO_CLEAR_CHANGE,
    NOT_ANSWERED,
    NOT_CLEARLY_MORE,
    OPEN_LABELS,
    interval_level,
    records,
)
from its_eval.words.blind import unblinded_sentences
from its_eval.words.doubts import doubts
from its_eval.words.labels import capitalised, compared_with, estimand_words, short_words, subject_words
from its_eval.words.numbers import (
    answer_confidence,
    counted,
    detectable_words,
    null_of,
    printed,
    signed,
    units_of,
)
from its_eval.words.protocol import departures_sentences
from its_eval.words.sentences import selection_sentences
from its_eval.words.units_table import is_later_effect, quantities_beside
from its_eval.words.verdicts import (
    answers_of,
    asked_words,
    difference_of_means,
    effects_by_period,
    has_number,
    why_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from its_eval.evaluation import Evaluation, Row


#: So many sentences of an answer say what it is and how large.
LEADING = 2


def whom_words(evaluation: Evaluation, units: Sequence[str]) -> str:
    """Return the treated units, by name where there is one: ``the five units``."""
    if len(units) == 1:
        return evaluation.unit_names.get(units[0]) or units[0]
    return f"the {counted(len(units), 'unit')}"


def board_question(
    evaluation: Evaluation, outcomes: Sequence[Mapping[str, Any]], units: Sequence[str], design: str
) -> str:
    """Return the question of a run in one sentence.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcomes : sequence of mapping
        What is known of each outcome.
    units : sequence of str
        The treated units.
    design : str
        The comparison that answers.
    """
    about = outcomes[0]
    names = [str(name) for name in interruptions(evaluation.tables["verdicts"], str(about["interruption"]))]
    what = asked_words(str(about.get("question", "change")), about)
    labels = [f"“{each['label']}”" for each in outcomes]
    of = _and(labels) if len(labels) <= 2 else f"{counted(len(labels), 'outcome')}"
    began = f"{_and(names or [str(about['interruption'])])} began"
    if len(names) < 2 and about["start_in_words"]:
        began += f" in {about['start_in_words']}"
    against = compared_with(design, several=len(units) > 1) if design else ""
    compared = f", compared with {against}" if against else ""
    return f"Did {what} of {of} change in {whom_words(evaluation, units)} when {began}{compared}?"


def _and(items: Sequence[str]) -> str:
    """Return items in a list for a sentence.

    Examples
    --------
    >>> _and(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def interruptions(rows: pd.DataFrame, first: str) -> list[str]:
    """Return what began, the one in question first; the other names as they sort."""
    names = {str(name) for name in rows["interruption"]} - {ALL_INTERRUPTIONS, ""}
    return sorted(names, key=lambda name: (name != first, name))


def answering_row(rows: pd.DataFrame, sets: pd.DataFrame, design: str, interruption: str) -> Row | None:
    """Return the verdict that answers: of the set, or of the unit where there is only one; None without."""
    chosen = sets if not sets.empty or len(set(rows["unit"])) > 1 else rows
    chosen = chosen[chosen["design"].eq(design) & chosen["interruption"].eq(interruption)]
    return next((row for _, row in records(chosen)), None)


def board_answer(evaluation: Evaluation, outcome: str, design: str) -> list[list[str]]:
    """Return the answers about an outcome, one for each interruption, in short sentences.

    They say what was found, how large it is, how sure that is, and what may not be concluded.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome : str
        Which outcome.
    design : str
        The comparison that answers.
    """
    about = evaluation.outcomes[outcome]
    rows, sets = answers_of(evaluation, outcome), answers_of(evaluation, outcome, THE_SET)
    units = sorted({*rows["unit"], *evaluation.rows_of("not_estimated", outcome)["unit"]})
    names = interruptions(rows, str(about["interruption"]))
    said = []
    for name in names:
        row = answering_row(rows, sets, design, name)
        heading = f"{name}. " if len(names) > 1 else ""
        here = rows[rows["design"].eq(design) & rows["interruption"].eq(name)]
        one_by_one = _one_by_one(here)
        sentences = one_by_one
        if row is not None:
            sentences = answer_sentences(evaluation, row, whom_words(evaluation, units))
            sentences = [*sentences, *one_by_one, *_limits_of_it(about, row)]
        said += [[f"{heading}{sentences[0]}", *sentences[1:]]] if sentences else []
    return said or [["These data cannot answer the question: nothing could be estimated."]]


def answer_sentences(evaluation: Evaluation, row: Row, whom: str) -> list[str]:
    """Return what a verdict concludes, how large the effect is, and how sure that is.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    row : mapping
        A verdict with a label.
    whom : str
        Of whom it is told.
    """
    about = evaluation.outcomes[str(row["outcome"])]
    subject = subject_words(str(row["question"]))
    others = "other sets of units" if row["unit"] == THE_SET else "other units"
    what = f"the {subject}" if subject else "it"
    verb = {"better": "improved", "worse": "worsened"}.get(str(row["direction"]), "changed")
    averaged = row["estimand"] == AVERAGE_EFFECT.name and effects_by_period(about)
    beside = filter(is_later_effect, [row, *quantities_beside(evaluation, row)])
    later = row if averaged else next(beside, None)
    trend = row["estimand"] == "slope_change" and math.isfinite(row["estimate"])
    amount = f"{signed(row['estimate'], row)} {units_of(row, about)}" if trend else ""
    size = f", by {amount}" if trend else ""
    label = str(row["label"])
    if label == NOT_ANSWERED:
        instead = difference_of_means(evaluation, row, about)
        return [f"These data cannot answer the question{why_words(row)}.", *filter(None, [instead])]
    first = {
        NO_CLEAR_CHANGE: " ".join(
            filter(None, ["We found no clear change", subject and f"of {subject}", amount and f"({amount})"])
        )
        + ".",
        CHANGED_MORE: f"Yes: {what} {verb}{size}, and by more than {others} change by themselves.",
        NOT_CLEARLY_MORE: f"Not clearly: {what} {verb}{size}, but not clearly more than {others} do.",
        CHANGED: f"Yes: {what} {verb}{size}.",
    }.get(label, f"{capitalised(label)}.")
    return [first, *_size(about, row, later, whom)]


def _size(about: Mapping[str, Any], row: Row, later: Row | None, whom: str) -> list[str]:
    """Return how large the effect is some time after the start, and between which limits it could lie."""
    if later is None or not has_number(later):
        return []
    several = row["unit"] == THE_SET
    against = compared_with(str(row["design"]), several=several)
    was = "were on average" if several else "was"
    averaged = later["estimand"] == AVERAGE_EFFECT.name
    when = (
        "On average from the start on"
        if averaged
        else capitalised(short_words(str(later["estimand"]), about))
    )
    both = ", level and trend together" if row["question"] == "slope_change" else ""
    found = [
        f"{when}{both}, {whom} {was} {_apart(later['estimate'], later, about)} than {against} would suggest."
    ]
    low, high = interval_of(later)
    if math.isfinite(low) and math.isfinite(high):
        level = interval_level(answer_confidence(about))
        found.append(f"The true difference could lie between {_between(low, high, later, about)} ({level}).")
        clear = low > null_of(later) or high < null_of(later)
        if both and clear and row["label"] in OPEN_LABELS:
            found.append("That difference was not the declared question.")
    return found


def interval_of(row: Mapping[str, Any]) -> tuple[float, float]:
    """Return the limits that allow for what other units do by themselves; without such its own."""
    if math.isfinite(row["attribution_low"]):
        return float(row["attribution_low"]), float(row["attribution_high"])
    return float(row["conf_low"]), float(row["conf_high"])


def _apart(value: float, row: Row, about: Mapping[str, Any], *, unit: bool = True) -> str:
    """Return how far a value is from no difference, and to which side: ``0.70 points lower``."""
    size = printed(value, row).removeprefix("−")
    if size == "0":
        return "no different"
    side = "higher" if value > null_of(row) else "lower"
    return f"{size} {f'{units_of(row, about)} ' if unit else ''}{side}"


def _between(low: float, high: float, row: Row, about: Mapping[str, Any]) -> str:
    """Return two limits: the side is said once where it is the same."""
    null = null_of(row)
    if (low - null) * (high - null) > 0.0:
        near, far = sorted((low, high), key=lambda value: abs(value - null))
        return f"{printed(near, row).removeprefix('−')} and {_apart(far, row, about)}"
    return f"{_apart(low, row, about)} and {_apart(high, row, about, unit=False)}"


def _limits_of_it(about: Mapping[str, Any], row: Row) -> list[str]:
    """Return what may not be concluded."""
    if row["label"] == NO_CLEAR_CHANGE:
        if not math.isfinite(row["minimum_detectable"]):
            return ["This does not show that nothing happened."]
        subject = subject_words(str(row["question"]))
        of = f" of {subject}" if subject else ""
        smallest = detectable_words(row, about)
        return [f"This does not show that nothing happened: a change{of} under {smallest} could be missed."]
    if row["label"] in OPEN_LABELS:
        return []
    alone = " to these units alone" if COMPARISONS[str(row["design"])].is_controlled else ""
    return [
        f"This does not show the cause: anything else that happened{alone} at that time would look the same."
    ]


def _one_by_one(rows: pd.DataFrame) -> list[str]:
    """Return in how many units something changed; nothing for a single unit."""
    n_units = len(set(rows["unit"]))
    if n_units < 2:
        return []
    subject = subject_words(str(rows["question"].iloc[0]))
    changed = rows[~rows["label"].isin(OPEN_LABELS)]
    beyond = changed[changed["label"].eq(CHANGED_MORE)]
    used, more = (beyond, ", more than in other units") if len(beyond) else (changed, "")
    if not len(beyond) and changed["label"].eq(NOT_CLEARLY_MORE).all():
        more = ", but not clearly more than in other units"
    counts = (
        used["direction"].map({"better": "improved", "worse": "worsened"}).fillna("changed").value_counts()
    )
    parts = [f"{verb} in {counted(int(counts[verb]), '', ' ').strip()}" for verb in sorted(counts.index)]
    what = f"the {subject}" if subject else "it"
    if not parts:
        return [f"One by one, none of the {counted(n_units, 'unit')} shows a clear change."]
    return [f"One by one, {what} {_and(parts)} of the {counted(n_units, 'unit')}{more}."]


def most_changed_first(rows: Sequence[Row]) -> list[Row]:
    """Return verdicts in the order in which a reader wants them: what changed first, then the largest."""

    def size(row: Row) -> float:
        width = abs(row["conf_high"] - row["conf_low"])
        return abs(row["estimate"] - null_of(row)) / width if width > 0 else 0.0

    return sorted(rows, key=lambda row: (str(row["label"]) in OPEN_LABELS, -size(row)))


def interval_caption(row: Row, about: Mapping[str, Any], *, several: bool) -> str:
    """Return what the intervals of one or several units measure: ``Change of trend, compared with …``."""
    what = capitalised(estimand_words(str(row["estimand"]), about).partition(", per ")[0])
    against = compared_with(str(row["design"]), several=several)
    return ", ".join(filter(None, [what, f"compared with {against}", units_of(row, about)]))


def interval_note(about: Mapping[str, Any], units: Sequence[Row]) -> str:
    """Return what to know about the intervals of units: which kind they are."""
    level = f"{interval_level(answer_confidence(about))}s"
    compared = [math.isfinite(row["attribution_low"]) for row in units]
    if all(compared):
        return f"Lines are {level}. Those of units allow for how much other units change by themselves."
    if not any(compared):
        return f"Lines are {level} of the change itself: too few other units show how much they change."
    return f"Lines are {level}; where ten others can be compared, they allow for how much those change."


def side_words(about: Mapping[str, Any]) -> tuple[str, str]:
    """Return what lies to the left and right of no change."""
    return {"higher": ("worse", "better"), "lower": ("better", "worse")}.get(
        str(about.get("better")), ("lower", "higher")
    )


def short_verdict(row: Row) -> str:
    """Return a verdict in few words."""
    verb = {"better": "improved", "worse": "worsened"}.get(str(row["direction"]), "changed")
    beside = {
        CHANGED: verb,
        CHANGED_MORE: f"{verb}, more than others",
        NOT_CLEARLY_MORE: f"{verb}, perhaps as others",
    }
    return beside.get(str(row["label"]), str(row["label"]))


def weak_words(evaluation: Evaluation, designs: Mapping[str, str]) -> list[str]:
    """Return what weakens the answers, each said once, with the outcome where it is not about all.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    designs : mapping of str to str
        The comparison that answers, by outcome; outcomes without any data are passed over.
    """
    found: dict[str, list[str]] = {}
    answered = {name: design for name, design in designs.items() if name in evaluation.outcomes}
    names = evaluation.unit_names
    for outcome, design in answered.items():
        for words in doubts(evaluation, outcome, design, lambda unit: names.get(unit, unit)):
            found.setdefault(words, []).append(str(evaluation.outcomes[outcome]["label"]))
    said = [
        f"{capitalised(words)}{f' ({labels[0]})' if len(labels) < len(answered) else ''}."
        for words, labels in found.items()
    ]
    said = [*unblinded_sentences(evaluation), *departures_sentences(evaluation), *said]
    stated = any(evaluation.outcomes[outcome].get("chosen") for outcome in answered)
    return said if stated else [*said, *selection_sentences(evaluation)[:1]]


#: Files that are named in the line of the origin.
_MOST_FILES = 2


def origin_words(files: Iterable[str], periods: pd.Series, program: str, contact: str) -> str:
    """Return one line about data, window, version and contact.

    Parameters
    ----------
    files : iterable of str
        Names of the files read.
    periods : Series
        Periods of the series, as ISO texts.
    program, contact : str
        Program with its version; whom to ask, blank where that is not stated.
    """
    names = sorted(set(files))
    more = len(names) - _MOST_FILES
    data = ", ".join(names[:_MOST_FILES]) + (f" and {more} more" if more > 0 else "")
    window = f"{periods.min()} to {periods.max()}" if len(periods) else ""
    parts = [f"Data: {data}" if data else "", window, program, f"contact: {contact or 'not stated'}"]
    return " · ".join(filter(None, parts))
