"""Sentences about answers: the question, one unit, all units together; each read off one verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.columns import ALL_INTERRUPTIONS, THE_SET
from its_eval.design.shapes import SHAPES
from its_eval.effects.estimands import CHANGE, periods_after, terms_of
from its_eval.evaluation import (
    BETTER_BY,
    CHANGED_MORE,
    NO_CLEAR_CHANGE,
    NO_WORSE,
    NOT_ANSWERED,
    NOT_CLEARLY_MORE,
    OPEN_LABELS,
    UNDECIDED,
    WORSE_BY,
    in_order_of_designs,
    records,
)
from its_eval.words.labels import (
    compared_with,
    flag_words,
    listed_flags,
    short_words,
    subject_words,
    verdict_words,
)
from its_eval.words.numbers import (
    change_words,
    counted,
    detectable_words,
    interval_words,
    null_of,
    p_words,
    quantity,
    range_words,
    rounded,
    signed,
    units_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from its_eval.evaluation import Evaluation, Row


#: So many units are listed; of more the first, in the question by their codes.
_MOST_NAMED = 10
_ADJECTIVES = {"month": "monthly", "quarter": "quarterly", "year": "yearly", "week": "weekly"}


def asked_words(question: str, about: Mapping[str, Any]) -> str:
    """Return what is asked about, as the subject of a sentence.

    Examples
    --------
    >>> asked_words("slope_change", {"frequency": "month"}), asked_words("change", {"frequency": "month"})
    ('the monthly trend', 'level or trend')
    """
    if question == CHANGE and may_change(str(about.get("interruption")), about) == CHANGE:
        return "level or trend"
    words = subject_words(question if question != CHANGE else may_change(str(about["interruption"]), about))
    return f"the {_ADJECTIVES[str(about['frequency'])]} {words}" if words == "trend" else f"the {words}"


def effects_by_period(about: Mapping[str, Any], interruption: str = "") -> bool:
    """Return whether each period from an interruption on has an effect of its own; blank: the main one."""
    shapes = about.get("shapes", {})
    return SHAPES[shapes.get(interruption or str(about.get("interruption")), "step_and_slope")].by_period


def may_change(interruption: str, about: Mapping[str, Any]) -> str:
    """Return the only term that an interruption may change, or ``change`` where it may be either."""
    terms = terms_of(CHANGE, about.get("shapes", {}).get(interruption, "step_and_slope"))
    if effects_by_period(about, interruption):
        return "level_change"
    return terms[0] if len(terms) == 1 else CHANGE


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
        The primary one, or ``change``.
    """
    starts = dict.fromkeys(f"{about['interruption']}, from {about['start_in_words']}" for about in outcomes)
    few = len(units) <= _MOST_NAMED
    named = _listed([*units.values()] if few else [*units], "; " if few else ", ")
    better = {str(about["label"]): str(about.get("better") or "") for about in outcomes}
    labels = ", ".join(f"{label}{f' ({way} is better)' if way else ''}" for label, way in better.items())
    against = [compared_with(design, several=len(units) > 1) for design in designs]
    compared = " and with ".join(dict.fromkeys(against))
    return (
        f"{'; '.join(starts)}, in {counted(len(units), 'unit')} ({named}). "
        f"Did {asked_words(estimand, outcomes[0])} change at that time, compared with {compared}? "
        f"Outcomes: {labels}."
    )


def numbers_words(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the estimate of a verdict with its interval and p-value: of a change the effect after a year."""
    inside = [interval_words(row, about)]
    if row["question"] != CHANGE:
        inside.append(p_of(row))
    return f"{_named_change(row, about)} ({'; '.join(filter(None, inside))})"


def _named_change(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return a quantity in words with its size."""
    return f"{short_words(row['estimand'], about)} {change_words(row, about)}"


def p_of(row: Mapping[str, Any]) -> str:
    """Return the p-value by which a row was judged: the adjusted one where it differs."""
    own, adjusted = p_words(row["p_value"]), p_words(row["p_adjusted"])
    if not adjusted or adjusted == own:
        return own
    return f"{own}, adjusted {adjusted}"


def headline(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the sentence about one verdict.

    Parameters
    ----------
    row : mapping
        A row of ``verdicts`` with a label.
    about : mapping
        What the evaluation knows of the outcome.
    """
    against = f"Compared with {compared_with(str(row['design']), several=row['unit'] == THE_SET)}"
    said = verdict_words(row)
    if row["label"] == NOT_ANSWERED:
        return f"{against}: {said}{why_words(row)}{_after(row, about)}."
    together = " for level and trend together" if may_change(row["interruption"], about) == CHANGE else ""
    joint = f" ({p_of(row)}{together})" if row["question"] == CHANGE else ""
    if row["interruption"] == ALL_INTERRUPTIONS:
        return f"{against}, all interruptions together: {said} ({p_of(row)})."
    return f"{against}: {said}{joint}{_after(row, about)}.{beside_words(row)}{smallest_words(row, about)}"


def has_number(row: Mapping[str, Any]) -> bool:
    """Return whether an estimate is worth telling: that of a series without variation may be rounding."""
    return bool(math.isfinite(row["estimate"]) and row["conf_low"] != row["conf_high"])


def _after(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the numbers of a verdict after what it concludes; nothing without any."""
    return f"; {numbers_words(row, about)}" if has_number(row) else ""


#: Flags of a fit that has no answer.
_NO_ANSWER = (
    *("must_pass", "no_events", "no_events_before", "no_events_after", "degenerate", "not_converged"),
    *("precision_lost", "followed_exactly", "not_ranked"),
)


def why_words(row: Mapping[str, Any]) -> str:
    """Return why a question has no answer: the fit has none, or too few others can have a small p-value."""
    if row["label"] != NOT_ANSWERED:
        return ""
    flags = listed_flags(str(row["flags"]))
    reasons = flag_words("; ".join(flag for flag in flags if flag in _NO_ANSWER))
    if row["estimate"] == row["conf_low"] == row["conf_high"] == null_of(row):
        reasons.append("the change is 0 by construction")
    if not reasons and "few_donors" in flags and math.isfinite(row["p_rank"]):
        n_others = int(row["n_donors"])
        reasons = [f"with {n_others} others the smallest possible p-value is {1.0 / (n_others + 1):.2g}"]
    return f": {'; '.join(reasons)}" if reasons else ""


def difference_of_means(evaluation: Evaluation, row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return what is said of counts of which one segment has no events: a model has no estimate of them."""
    effects = evaluation.rows_of("effects", str(row["outcome"]), str(row["unit"]))
    chosen = effects["inference_scale"].eq("means") & effects["role"].ne("sensitivity")
    chosen &= effects["design"].eq(row["design"]) & effects["interruption"].eq(row["interruption"])
    found = {str(item["estimand"]): item for _, item in records(effects[chosen])}
    if not found:
        return ""
    item = found["average_effect"]
    words = (
        f"Mean from the start on less the mean before: {change_words(item, about)} ({range_words(item)}; "
        f"{p_words(item['p_value'])}); trend, season and autocorrelation are not allowed for."
    )
    if "no_events_after" in listed_flags(str(row["flags"])):
        expected = rounded(-found["cumulative_effect"]["estimate"])
        words += f" At the mean before, {expected} events would be expected from the start on."
    return words


def beside_words(row: Mapping[str, Any]) -> str:
    """Return how many other units changed as much, and the p-value of being unusual among them."""
    if row["unit"] == THE_SET:
        share = row["set_p_placebo"]
        if math.isnan(share):
            return ""
        # of all units: sets that hold some of the treated, and the observed one itself, are among them
        many = f"{100.0 * share:.0f}" if share >= 0.01 else "Fewer than 1"
        return f" {many} % of all sets of units changed as much."
    if pd.isna(row["n_as_large"]) or pd.isna(row["n_donors"]):
        return ""
    judged = row["label"] in (CHANGED_MORE, NOT_CLEARLY_MORE)
    attributed = p_words(row["p_attribution"]) if judged else ""
    among = f"; {attributed} among them" if attributed else ""
    return f" {int(row['n_as_large'])} of {int(row['n_donors'])} other units changed as much{among}."


def smallest_words(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the smallest change that would have been found, after a result that leaves the question open."""
    if row["label"] != NO_CLEAR_CHANGE or not math.isfinite(row["minimum_detectable"]):
        return ""
    return f" The smallest change found with 80 % power is {detectable_words(row, about)}."


def terms_words(rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> str:
    """Return the quantities beside an answer, each with its interval."""
    parts = [f"{_named_change(row, about)} ({range_words(row)})" for row in rows if has_number(row)]
    return "; ".join(parts)


def remarks(
    row: Mapping[str, Any], beside: Sequence[Mapping[str, Any]], about: Mapping[str, Any], n_units: int
) -> list[tuple[str, str, str]]:
    """Return what a reader would otherwise take for a contradiction, or miss, of one answer.

    Parameters
    ----------
    row : mapping
        The verdict.
    beside : sequence of mapping
        The quantities beside it.
    about : mapping
        What the evaluation knows of the outcome.
    n_units : int
        Units that were tested.

    Returns
    -------
    list of (str, str, str)
        What kind of remark, the same for several units, and the numbers of this one, in few words and in all.
    """
    found = [] if not row.get("decision") else [(f"Decision: {decision_words(row, about)}", "", "")]
    alpha = 1.0 - float(about["confidence"])
    if row["label"] == NO_CLEAR_CHANGE and row["level_used"] < row["p_value"] <= alpha < row["p_adjusted"]:
        found.append(("A change at this look alone, but not over all declared looks", "", ""))
    elif row["label"] == NO_CLEAR_CHANGE and _excludes(row) and row["p_value"] <= alpha < row["p_adjusted"]:
        kind = f"A change on its own, but not with {n_units} units tested"
        adjusted = f"adjusted {p_words(row['p_adjusted'])}"
        found.append((kind, f"({adjusted})", adjusted))
    if row["question"] == CHANGE:
        if row["label"] not in OPEN_LABELS and not any(_excludes(item) for item in (row, *beside)):
            found.append(("Something changed; whether level or trend cannot be told", "", ""))
        return found
    for item in beside:
        if periods_after(str(item["estimand"])) is not None or not item["p_value"] <= alpha:
            continue
        kind = f"Not the declared question, {short_words(item['estimand'], about)}"
        few = f"{signed(item['estimate'], item)} (adjusted {p_words(item['p_adjusted'])})"
        found.append((kind, few, f"{change_words(item, about)} ({range_words(item)}; {p_of(item)})"))
    return found


def decision_words(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return what the stated gain and loss decide: ``better by at least 2 points``."""
    unit = "on the scale of the model" if row["scale"] == "ratio" else units_of(row, about)
    margin = f"{float(row['margin']):g} {unit}".strip()
    if row["decision"] == UNDECIDED:
        return f"undecided: the interval reaches across the margin of {margin}"
    words = {BETTER_BY: "better by at least", WORSE_BY: "worse by at least", NO_WORSE: "no worse than by"}
    return f"{words[str(row['decision'])]} {margin}"


def _excludes(row: Mapping[str, Any]) -> bool:
    """Return whether an interval excludes no change."""
    return bool(row["conf_low"] > null_of(row) or row["conf_high"] < null_of(row))


def set_sentence(row: Mapping[str, Any], about: Mapping[str, Any], n_units: int) -> tuple[str, str, str]:
    """Return what is concluded of all treated units as a set: before it, the conclusion itself, after it.

    Parameters
    ----------
    row : mapping
        The verdict of the set.
    about : mapping
        What the evaluation knows of the outcome.
    n_units : int
        How many units the set has.
    """
    everyone = "Both units" if n_units == 2 else f"All {counted(n_units, 'unit')}"
    against = compared_with(str(row["design"]), several=True)
    return (
        f"{everyone} together, compared with {against}: ",
        verdict_words(row),
        f"{_after(row, about)}.{beside_words(row)}{smallest_words(row, about)}",
    )


def answers_of(evaluation: Evaluation, outcome: str, unit: str | None = None) -> pd.DataFrame:
    """Return the verdicts with a label on the units of an outcome, or on one; the set has its own."""
    rows = evaluation.rows_of("verdicts", outcome, unit)
    return in_order_of_designs(rows[rows["label"].ne("") & (rows["unit"].ne(THE_SET) | (unit == THE_SET))])


def interruption_words(rows: pd.DataFrame, row: Mapping[str, Any]) -> str:
    """Return which interruption an answer is about, before its sentence; blank where there is only one.

    Parameters
    ----------
    rows : DataFrame
        All answers beside it.
    row : mapping
        The answer; of all interruptions together the sentence says so itself.
    """
    began = row.get("interruption", "")
    several = len(set(rows["interruption"])) > 1 and began != ALL_INTERRUPTIONS
    return f"{began}. " if several else ""


def verdict_sentences(evaluation: Evaluation, outcome: str, units: Sequence[str]) -> list[str]:
    """Return, per design, in how many units what was found, changes first.

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
    rows = answers_of(evaluation, outcome)
    of = f" of {len(units)}"
    sentences = []
    for (design, interruption), group in rows.groupby(["design", "interruption"], sort=False):
        parts = [
            f"{words} in {len(some)}{of} ({_detail(some, about)})" for words, some in _grouped(group).items()
        ]
        lost = sorted({*failed.loc[failed["design"] == design, "unit"]} - {*group["unit"]})
        parts += [f"not estimated in {len(lost)}{of} ({_listed(lost, ', ')})"] if lost else []
        against = compared_with(str(design), several=True)
        which = f", {interruption}" if len(set(rows["interruption"])) > 1 else ""
        sentences.append(f"Compared with {against}{which}: {'; '.join(parts)}.")
    return sentences


def _grouped(rows: pd.DataFrame) -> dict[str, list[Row]]:
    """Return rows by what is said of them: what changed first, then what most often is."""
    groups: dict[str, list[Row]] = {}
    for _, row in records(rows):
        words = verdict_words(row)
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
    """Return the units of a group: with intervals where something changed."""
    if str(group[0]["label"]) in OPEN_LABELS:
        return _listed([str(row["unit"]) for row in group], ", ")
    stated = [
        f"{row['unit']}: {signed(row['estimate'], row)} ({range_words(row)}) {units_of(row, about)}".strip()
        for row in group
    ]
    return _listed(stated, "; ")


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
    numbers = (
        f"{short_words(row['estimand'], about)} {quantity(row['estimate'], row, about)} "
        f"({'; '.join(filter(None, [interval_words(row, about), p_words(row['p_value'])]))})"
    )
    stood = f"it stood at {gap_in_words(before, str(about['unit']), log=log)} before the start"
    if row["label"] == NOT_ANSWERED:
        found = NOT_ANSWERED
    elif row["label"] in OPEN_LABELS or not math.isfinite(size):
        found = "no clear evidence that it narrowed or widened"
    elif estimate * size < 0:
        # a jump of more than twice the gap leaves a larger one, the other way round
        turned = "slope" not in str(row["estimand"]) and abs(estimate) > 2.0 * abs(size)
        found = "it turned round, and is wider than before" if turned else "it narrowed"
    else:
        found = "it widened"
    return f"Did the gap narrow? {row['unit']}, compared with {against}: {found}; {stood}; {numbers}."


def gap_sentences(evaluation: Evaluation, outcome: str, unit: str) -> list[str]:
    """Return a sentence per design on whether the gap of a unit narrowed; none for any other outcome."""
    if not is_gap(evaluation.outcomes.get(outcome, {})):
        return []
    rows = evaluation.rows_of("summary", outcome, unit).sort_values("design", ascending=False)
    return [gap_sentence(evaluation, outcome, row) for _, row in records(rows)]
