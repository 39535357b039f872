"""Sentences about several rows of ``summary``: the question, and what can be said of all units together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from its_eval.report.blocks import Sentence
from its_eval.report.narrative import (
    JUDGED_AS_A_SET,
    UNUSUAL_WORDS,
    detectable_words,
    estimand_words,
    interval_words,
    p_words,
    quantity,
)
from its_eval.report.sections.cells import Row, records
from its_eval.report.source import compared_with, in_order_of_designs

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
#: Checks that are about the treated units as a set.
_OF_THE_SET = ("joint_placebo", "set_conclusion")
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
    labels = ", ".join(f"“{entry['label']}”" for entry in about)
    designs = [str(design) for design in source.settings["designs"]]
    asked = list(dict.fromkeys(_QUESTIONS.get(design, _QUESTIONS["difference"]) for design in designs))
    questions = (
        asked[0] if len(asked) == 1 else "; ".join(f"({place}) {text}" for place, text in enumerate(asked, 1))
    )
    return (
        f"{'; '.join(starts)}, in {len(units)} unit{'s' if len(units) > 1 else ''} ({', '.join(units)}). "
        f"Of {labels} it is asked: {questions}? The answer is read from one quantity that the config "
        f"declares beforehand: {estimand_words(source.primary, about[0])}."
    )


def set_sentences(source: ReportSource, outcome: str) -> list[Sentence]:
    """Return what is found of all treated units together: the estimate, and its place among placebo sets."""
    about = source.about(outcome)
    pooled = source.rows("pooled", outcome)
    checks = source.rows("checks", outcome, "")
    found = []
    together = in_order_of_designs(pooled[pooled["method"] == "set"].assign(scale=source.scale(outcome)))
    for place, row in records(together):
        what = estimand_words(str(row["estimand"]), about)
        p_value = p_words(float(row["p_value"]))
        statistics = "; ".join(filter(None, [interval_words(row, about), p_value]))
        own = checks[(checks["design"] == row["design"]) & checks["check"].isin(_OF_THE_SET)]
        said = "".join(f" {message}" for message in own["message"])
        words = (
            f"All {int(row['n_units'])} units together, compared with {_plural(str(row['design']))}: {what} "
            f"{quantity(row['estimate'], row, about)} ({statistics}).{said}"
        )
        found.append(Sentence((words,), f"pooled:{place}", "answer"))
    return found


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
        parts += [f"not estimated in {len(lost)}{of} ({', '.join(lost)})"] if lost else []
        sentences.append(f"Compared with {_plural(str(design))}: {'; '.join(parts)}.")
    return sentences


def _grouped(rows: pd.DataFrame) -> dict[str, list[Row]]:
    """Return rows by what is said of them: what changed first, then what most often is."""
    groups: dict[str, list[Row]] = {}
    for _, row in records(rows):
        groups.setdefault(_said(row), []).append(row)
    return dict(
        sorted(
            groups.items(),
            key=lambda item: (str(item[1][0]["label"]) in _WITHOUT_DIRECTION, -len(item[1]), item[0]),
        )
    )


def _said(row: Row) -> str:
    label, words = str(row["label"]), label_words(str(row["label"]))
    if label in _WITHOUT_DIRECTION or row["direction"] not in ("better", "worse"):
        return words
    unusual = UNUSUAL_WORDS.get(label, "")
    return f"{words.removesuffix(unusual)}, for the {row['direction']}{unusual},"


def _detail(group: Sequence[Row], about: Mapping[str, Any]) -> str:
    """Return the units of a group: with intervals, or with what would have been found."""
    units = ", ".join(str(row["unit"]) for row in group)
    if str(group[0]["label"]) not in ("no clear evidence", "not estimable"):
        return "; ".join(
            f"{row['unit']}: {quantity(row['estimate'], row, about)}, {interval_words(row, about)}"
            for row in group
        )
    known = sorted(
        (row for row in group if math.isfinite(row["minimum_detectable"])),
        key=lambda row: float(row["minimum_detectable"]),
    )
    if str(group[0]["label"]) != "no clear evidence" or not known:
        return units
    least, most = (detectable_words(row, about) for row in (known[0], known[-1]))
    sizes = least if least == most else f"{least} to {most}"
    return f"{units}; taken alone, a change of {sizes} would be found four times in five"


def _plural(design: str) -> str:
    words = compared_with(design)
    return words.replace("its own", "their own") if design == "single" else "their peers"
