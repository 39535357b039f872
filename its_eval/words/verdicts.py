"""Sentences about answers: the question, one unit, all units together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.evaluation import (
    JUDGED_AS_A_SET,
    NO_CLEAR_EVIDENCE,
    NOT_ESTIMABLE,
    OPEN_LABELS,
    in_order_of_designs,
    records,
)
from its_eval.words.labels import (
    DIRECTION_WORDS,
    TRENDS,
    UNUSUAL_WORDS,
    compared_with,
    conclusion_words,
    estimand_words,
)
from its_eval.words.numbers import counted, detectable_words, interval_words, p_words, quantity, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from its_eval.evaluation import Evaluation, Row, Verdict


#: So many units are listed; of more the first, in the question by their codes.
_MOST_NAMED = 10
_QUESTIONS = {
    "single": "did the unit's own course change at that time, compared with its earlier trend",
    "difference": "did the gap between the unit and similar units, its peers, change at that time",
}


def question(
    outcomes: Sequence[Mapping[str, Any]],
    units: Mapping[str, str],
    designs: Sequence[str],
    estimand: str,
) -> str:
    """Return the question that a run asks, in a paragraph.

    Parameters
    ----------
    outcomes : sequence of mapping
        What the evaluation knows of each outcome.
    units : mapping of str to str
        The treated units by code, sorted, each with code and name.
    designs : sequence of str
        With what they are compared.
    estimand : str
        The primary one.
    """
    starts = dict.fromkeys(f"{about['interruption']}, from {about['start_in_words']}" for about in outcomes)
    few = len(units) <= _MOST_NAMED
    named = _listed([*units.values()] if few else [*units], "; " if few else ", ")
    better = {str(about["label"]): str(about.get("better") or "") for about in outcomes}
    labels = ", ".join(f"“{label}”{f' ({way} is better)' if way else ''}" for label, way in better.items())
    asked = list(dict.fromkeys(_QUESTIONS.get(design, _QUESTIONS["difference"]) for design in designs))
    questions = (
        asked[0] if len(asked) == 1 else "; ".join(f"({place}) {text}" for place, text in enumerate(asked, 1))
    )
    return (
        f"{'; '.join(starts)}, in {counted(len(units), 'unit')} ({named}). "
        f"Of {labels} it is asked: {questions}? The answer is read from one quantity that the config "
        f"declares beforehand: {estimand_words(estimand, outcomes[0])}."
    )


def headline(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return one sentence for one line of ``summary``.

    Parameters
    ----------
    row : mapping
        A row of ``summary``.
    about : mapping
        What the evaluation knows of the outcome.
    """
    alone = row["design"] == "single"
    subject = compared_with(str(row["design"]))
    what = estimand_words(row["estimand"], about)
    value, interval = quantity(row["estimate"], row, about), interval_words(row, about)
    if row["label"] == NOT_ESTIMABLE:
        others = _p_list(row, ("p_placebo",))
        placebo = f" of its own ({others})" if others else ""
        return f"Compared with {subject}: {what} {value} ({interval}); not estimable, so no p-value{placebo}."
    p_values = _p_list(row, ("p_value", "p_adjusted", "p_placebo"))
    statistics = f"{interval}; {p_values}" if p_values else interval
    if row["label"] in (NO_CLEAR_EVIDENCE, JUDGED_AS_A_SET):
        judged = "no clear evidence of a change; "
        after = ""
        if row["label"] == JUDGED_AS_A_SET:
            judged, after = (
                "",
                " Other units are too few to judge this one by itself; see the units together.",
            )
        return (
            f"Compared with {subject}: {judged}{what} {value} ({statistics}).{_detectable(row, about)}{after}"
        )
    verdict = DIRECTION_WORDS.get(row["direction"], "")
    if alone:
        subject_changed = "trend" if row["estimand"] in TRENDS else "level"
        changed = f"the {subject_changed} differs from before"
    else:
        changed, verdict = "the gap changed", verdict + UNUSUAL_WORDS.get(row["label"], "")
    return f"Compared with {subject}: {changed}{verdict}; {what} {value} ({statistics})."


def _detectable(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return what would have been found, after a result that leaves open whether anything changed."""
    null = 1.0 if row["scale"] == "ratio" else 0.0
    clear = row["conf_low"] > null or row["conf_high"] < null
    if not math.isfinite(row["minimum_detectable"]) or (row["label"] == JUDGED_AS_A_SET and clear):
        return ""
    return f" Taken alone, a change of {detectable_words(row, about)} would be found four times in five."


def _p_list(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the p-values that a row has, each with its kind."""
    kinds = {"p_adjusted": "adjusted ", "p_placebo": "placebo ", "set_p_placebo": "placebo "}
    listed = ((kinds.get(name, ""), p_words(row.get(name, math.nan))) for name in names)
    return ", ".join(f"{kind}{words}" for kind, words in listed if words)


def set_sentence(verdict: Verdict, about: Mapping[str, Any], n_units: int) -> tuple[str, str, str]:
    """Return what is concluded of all treated units as a set: before it, the conclusion itself, after it.

    Parameters
    ----------
    verdict : Verdict
        That of the set.
    about : mapping
        What the evaluation knows of the outcome.
    n_units : int
        How many units the set has.
    """
    row = vars(verdict)
    everyone = "Both units" if n_units == 2 else f"All {counted(n_units, 'unit')}"
    p_values = _p_list(row, ("p_value", "set_p_placebo"))
    statistics = "; ".join(filter(None, [interval_words(row, about), p_values]))
    detectable = ""
    if verdict.label == NO_CLEAR_EVIDENCE and math.isfinite(verdict.minimum_detectable):
        detectable = f" A change of {detectable_words(row, about)} would be found four times in five."
    against = compared_with(verdict.design, several=True)
    what = f"{estimand_words(verdict.estimand, about)} {quantity(verdict.estimate, row, about)}"
    return (
        f"{everyone} together, compared with {against}: ",
        conclusion_words(verdict.label, verdict.direction),
        f"; {what} ({statistics}).{detectable}",
    )


def verdict_sentences(evaluation: Evaluation, outcome: str, units: Sequence[str]) -> list[str]:
    """Return, per design, in how many units what was found, changes first.

    A change comes with its estimates and intervals, and its absence with what would have been found. A unit
    that could not be estimated is counted among all and named.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome : str
        One with an estimate or without.
    units : sequence of str
        All treated units.
    """
    about = evaluation.outcomes.get(outcome, {})
    failed = evaluation.rows_of("not_estimated", outcome)
    summary = in_order_of_designs(evaluation.rows_of("summary", outcome))
    of = f" of {len(units)}"
    sentences = []
    for design, rows in summary.groupby("design", sort=False):
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
        words = conclusion_words(str(row["label"]), str(row["direction"]))
        # "in 2 of 3" follows: a comma ends what has one within
        groups.setdefault(f"{words}," if ", " in words else words, []).append(row)
    return dict(
        sorted(
            groups.items(),
            key=lambda item: (str(item[1][0]["label"]) in OPEN_LABELS, -len(item[1]), item[0]),
        )
    )


def _listed(items: Sequence[str], between: str) -> str:
    """Return items in a line; of many the first, and how many more the tables have."""
    if len(items) <= _MOST_NAMED:
        return between.join(items)
    return between.join([*items[:_MOST_NAMED], f"and {len(items) - _MOST_NAMED} more, which the tables have"])


def _detail(group: Sequence[Row], about: Mapping[str, Any]) -> str:
    """Return the units of a group: with intervals, or with what would have been found."""
    units = _listed([str(row["unit"]) for row in group], ", ")
    if str(group[0]["label"]) not in (NO_CLEAR_EVIDENCE, NOT_ESTIMABLE):
        stated = [
            f"{row['unit']}: {quantity(row['estimate'], row, about)}, {interval_words(row, about)}"
            for row in group
        ]
        return _listed(stated, "; ")
    known = sorted(
        (row for row in group if math.isfinite(row["minimum_detectable"])),
        key=lambda row: float(row["minimum_detectable"]),
    )
    if str(group[0]["label"]) != NO_CLEAR_EVIDENCE or not known:
        return units
    least, most = (detectable_words(row, about) for row in (known[0], known[-1]))
    sizes = least if least == most else f"{least} to {most}"
    return f"{units}; taken alone, a change of {sizes} would be found four times in five"


def is_gap(about: Mapping[str, Any]) -> bool:
    """Return whether an outcome is the gap between two strata."""
    return bool(about.get("gap_of"))


def mean_gap_before(rows: pd.DataFrame, *, log: bool) -> float:
    """Return the mean gap of a unit before the start: of ratios the geometric mean; NaN without any.

    Parameters
    ----------
    rows : DataFrame
        With ``unit_value``, ``used``, and ``segment`` or ``event_time``.
    log : bool
        Whether gaps are ratios.
    """
    before = rows["segment"].eq("before") if "segment" in rows else rows["event_time"].lt(0)
    values = rows.loc[before & rows["used"].astype(bool), "unit_value"].dropna().to_numpy(dtype=np.float64)
    if values.size == 0:
        return math.nan
    return float(np.exp(np.log(values).mean()) if log else values.mean())


def gap_in_words(gap: float, unit: str, *, log: bool) -> str:
    """Return a gap with its unit, a ratio as one."""
    return f"a ratio of {rounded(gap, 3)}" if log else f"{rounded(gap)} {unit}".strip()


def gap_sentence(evaluation: Evaluation, outcome: str, row: Mapping[str, Any]) -> str:
    """Return whether a gap narrowed, in one sentence.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome : str
        A gap.
    row : mapping
        Its row of ``summary``.

    Notes
    -----
    A gap narrows when its change points against the mean gap of the unit before the start, whichever stratum
    was ahead; one that changed by more than twice its size is the other way round and wider. Whether it
    changed at all is the label's to say.
    """
    about = evaluation.outcomes[outcome]
    log = about["transform"] == "log"
    series = evaluation.rows_of("series", outcome, str(row["unit"]))
    before = mean_gap_before(series[series["design"] == row["design"]], log=log)
    estimate = math.log(row["estimate"]) if row["scale"] == "ratio" else float(row["estimate"])
    size = math.log(before) if log else before
    against = compared_with(str(row["design"]))
    p_values = [f"{kind}{p_words(row[name])}" for kind, name in _P_VALUES if p_words(row[name])]
    numbers = (
        f"{estimand_words(row['estimand'], about)} {quantity(row['estimate'], row, about)} "
        f"({'; '.join([interval_words(row, about), *p_values])})"
    )
    stood = f"it stood at {gap_in_words(before, str(about['unit']), log=log)} before the start"
    if row["label"] == NOT_ESTIMABLE:
        found = "not estimable"
    elif row["label"] in OPEN_LABELS or not math.isfinite(size):
        found = "no clear evidence that it narrowed or widened"
    elif estimate * size < 0:
        # a jump of more than twice the gap leaves a larger one, the other way round
        turned = "slope" not in str(row["estimand"]) and abs(estimate) > 2.0 * abs(size)
        found = "it turned round, and is wider than before" if turned else "it narrowed"
    else:
        found = "it widened"
    return f"Did the gap narrow? {row['unit']}, compared with {against}: {found}; {stood}; {numbers}."


_P_VALUES = (("", "p_value"), ("placebo ", "p_placebo"))


def gap_sentences(evaluation: Evaluation, outcome: str, unit: str) -> list[str]:
    """Return a sentence per design on whether the gap of a unit narrowed; none for any other outcome."""
    if not is_gap(evaluation.outcomes.get(outcome, {})):
        return []
    rows = evaluation.rows_of("summary", outcome, unit).sort_values("design", ascending=False)
    return [gap_sentence(evaluation, outcome, row) for _, row in records(rows)]
