"""Sentences about several answers: the question, all units together, projects before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from its_eval.evaluation import Row, in_order_of_designs, records
from its_eval.words.narrative import (
    JUDGED_AS_A_SET,
    UNUSUAL_WORDS,
    compared_with,
    counted,
    detectable_words,
    estimand_words,
    interval_words,
    quantity,
)

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.report.source import ReportSource


#: A label in words, where it is not its own words.
LABEL_WORDS = {
    "no clear evidence": "no clear evidence of a change",
    "differs from before": "a change from before",
    "gap to peers changed": "the gap changed",
    "consistent with an effect": f"the gap changed{UNUSUAL_WORDS['consistent with an effect']}",
    JUDGED_AS_A_SET: "not judged one by one",
    "gap changed, not unusual": f"the gap changed{UNUSUAL_WORDS['gap changed, not unusual']}",
}
#: Labels of which no direction is said, as nothing is concluded.
_WITHOUT_DIRECTION = frozenset({"no clear evidence", "not estimable", JUDGED_AS_A_SET})
#: So many units are listed; of more the first, in the question by their codes.
_MOST_NAMED = 10
_QUESTIONS = {
    "single": "did the unit's own course change at that time, compared with its earlier trend",
    "difference": "did the gap between the unit and similar units, its peers, change at that time",
}


def question(source: ReportSource) -> str:
    """Return the question that a run asks, in a paragraph."""
    about = [source.about(outcome) for outcome in source.outcomes]
    starts = list(
        dict.fromkeys(f"{entry['interruption']}, from {entry['start_in_words']}" for entry in about)
    )
    units = sorted({unit for outcome in source.outcomes for unit in source.units(outcome)})
    few = len(units) <= _MOST_NAMED
    named = _listed([source.unit_name(unit) for unit in units] if few else units, "; " if few else ", ")
    better = {str(entry["label"]): str(entry.get("better") or "") for entry in about}
    labels = ", ".join(f"“{label}”{f' ({way} is better)' if way else ''}" for label, way in better.items())
    designs = [str(design) for design in source.settings["designs"]]
    asked = list(dict.fromkeys(_QUESTIONS.get(design, _QUESTIONS["difference"]) for design in designs))
    questions = (
        asked[0] if len(asked) == 1 else "; ".join(f"({place}) {text}" for place, text in enumerate(asked, 1))
    )
    return (
        f"{'; '.join(starts)}, in {counted(len(units), 'unit')} ({named}). "
        f"Of {labels} it is asked: {questions}? The answer is read from one quantity that the config "
        f"declares beforehand: {estimand_words(source.primary, about[0])}."
    )


def label_words(label: str) -> str:
    """Return a label of ``summary`` in words."""
    return LABEL_WORDS.get(label, label)


def verdict_sentences(source: ReportSource, outcome: str) -> list[str]:
    """Return, per design, in how many units what was found, changes first.

    A change comes with its estimates and intervals, and its absence with what would have been found. A unit
    that could not be estimated is counted among all and named.
    """
    about = source.about(outcome)
    failed = source.rows("not_estimated", outcome)
    everyone = source.units(outcome)
    sentences = []
    for design, rows in in_order_of_designs(source.rows("summary", outcome)).groupby("design", sort=False):
        of = f" of {len(everyone)}"
        parts = [
            f"{words} in {len(group)}{of} ({_detail(group, about)})"
            for words, group in _grouped(rows).items()
        ]
        lost = sorted({*failed.loc[failed["design"] == design, "unit"]} - {*rows["unit"]})
        parts += [f"not estimated in {len(lost)}{of} ({_listed(lost, ', ')})"] if lost else []
        against = compared_with(str(design), several=True)
        sentences.append(f"Compared with {against}: {'; '.join(parts)}.")
    return sentences


def _grouped(rows: pd.DataFrame) -> dict[str, list[Row]]:
    """Return rows by what is said of them: what changed first, then what most often is."""
    groups: dict[str, list[Row]] = {}
    for _, row in records(rows):
        groups.setdefault(conclusion_words(str(row["label"]), str(row["direction"])), []).append(row)
    return dict(
        sorted(
            groups.items(),
            key=lambda item: (str(item[1][0]["label"]) in _WITHOUT_DIRECTION, -len(item[1]), item[0]),
        )
    )


def conclusion_words(label: str, direction: str) -> str:
    """Return what is concluded of a change, with its direction; a comma ends what has one within.

    Examples
    --------
    >>> conclusion_words("gap to peers changed", "better")
    'the gap changed, for the better,'
    """
    words = label_words(label)
    if label not in _WITHOUT_DIRECTION and direction in ("better", "worse"):
        unusual = UNUSUAL_WORDS.get(label, "")
        words = f"{words.removesuffix(unusual)}, for the {direction}{unusual}"
    return f"{words}," if ", " in words else words


def _listed(items: Sequence[str], between: str) -> str:
    """Return items in a line; of many the first, and how many more the tables have."""
    if len(items) <= _MOST_NAMED:
        return between.join(items)
    return between.join([*items[:_MOST_NAMED], f"and {len(items) - _MOST_NAMED} more, which the tables have"])


def _detail(group: Sequence[Row], about: Mapping[str, Any]) -> str:
    """Return the units of a group: with intervals, or with what would have been found."""
    units = _listed([str(row["unit"]) for row in group], ", ")
    if str(group[0]["label"]) not in ("no clear evidence", "not estimable"):
        stated = [
            f"{row['unit']}: {quantity(row['estimate'], row, about)}, {interval_words(row, about)}"
            for row in group
        ]
        return _listed(stated, "; ")
    known = sorted(
        (row for row in group if math.isfinite(row["minimum_detectable"])),
        key=lambda row: float(row["minimum_detectable"]),
    )
    if str(group[0]["label"]) != "no clear evidence" or not known:
        return units
    least, most = (detectable_words(row, about) for row in (known[0], known[-1]))
    sizes = least if least == most else f"{least} to {most}"
    return f"{units}; taken alone, a change of {sizes} would be found four times in five"
