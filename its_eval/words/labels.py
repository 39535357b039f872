"""Names of the tables in a reader's words: labels, designs, estimands, flags, checks, estimators."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from its_eval.columns import THE_SET
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.effects.estimands import CHANGE, ESTIMANDS, estimand_of, periods_after
from its_eval.evaluation import (
    CHANGED,
    CHANGED_MORE,
    NO_CLEAR_CHANGE,
    NOT_ANSWERED,
    NOT_CLEARLY_MORE,
    NOT_RECORDED,
)
from its_eval.words.numbers import plural

if TYPE_CHECKING:
    from collections.abc import Mapping


#: What a question is about, in a sentence; what is missing is an effect or a sum.
_SUBJECTS = {
    CHANGE: "",
    "level_change": "level",
    "slope_change": "trend",
    "post_slope": "trend after the start",
    "average_effect": "average",
    "relative_average_effect": "average",
    "cumulative_effect": "total",
}
#: How a change is told: by its direction.
_VERBS = {"better": "improved", "worse": "worsened"}


def subject_words(question: str) -> str:
    """Return what a question is about: ``trend``, ``level``; blank for any change.

    Examples
    --------
    >>> subject_words("slope_change"), subject_words("change"), subject_words("effect_at_12")
    ('trend', '', 'level')
    """
    if question in _SUBJECTS or periods_after(question) is not None:
        return _SUBJECTS.get(question, "level")
    return ESTIMANDS[question].in_words.partition(", ")[0] if question in ESTIMANDS else question


def conclusion_words(
    label: str, direction: str = "unclear", question: str = CHANGE, others: str = "other units"
) -> str:
    """Return what is concluded, in words that say of what.

    Parameters
    ----------
    label, direction, question : str
        Of a verdict.
    others : str
        Who else changes by themselves.

    Examples
    --------
    >>> conclusion_words("changed, more than other units do", "better", "slope_change")
    'trend improved, more than in other units'
    >>> conclusion_words("no clear change", question="slope_change"), conclusion_words("no clear change")
    ('no clear change of trend', 'no clear change')
    """
    subject = subject_words(question)
    if label == NO_CLEAR_CHANGE:
        return f"{label} of {subject}" if subject else label
    if label in (NOT_ANSWERED, NOT_RECORDED):
        return label if label == NOT_ANSWERED else "the conclusion is not recorded"
    verb = _VERBS.get(direction, "changed")
    said = f"{subject} {verb}" if subject else verb
    beside = {
        CHANGED_MORE: f", more than in {others}",
        NOT_CLEARLY_MORE: f", but not clearly more than in {others}",
        CHANGED: "",
    }
    # a label of an older result stands for itself
    return f"{said}{beside[label]}" if label in beside else label


def verdict_words(row: Mapping[str, Any]) -> str:
    """Return what a verdict concludes."""
    others = "other sets of units" if row.get("unit") == THE_SET else "other units"
    if row.get("design") == "single":
        others += " at that date"
    question = str(row.get("question") or CHANGE)
    return conclusion_words(str(row["label"]), str(row["direction"]), question, others)


#: Controlled designs that compare with the mean of the peers need no more words.
PEERS = "its peers"


def compared_with(design: str, *, several: bool = False) -> str:
    """Return a design in words, after "compared with".

    Parameters
    ----------
    design : str
        As in the config.
    several : bool
        Whether several units are compared.

    Examples
    --------
    >>> compared_with("single"), compared_with("difference", several=True)
    ('its own earlier trend', 'their peers')
    """
    words: tuple[str, str] = COMPARISONS[design].in_words
    return words[several]


def is_controlled(design: str) -> bool:
    """Return whether a design compares a unit with others."""
    return design in COMPARISONS and bool(COMPARISONS[design].is_controlled)


def fits_gap(design: str) -> bool:
    """Return whether a design fits the gap to others, and not a unit's own level."""
    return design in COMPARISONS and bool(COMPARISONS[design].fits_gap or COMPARISONS[design].subtracts)


def gaps_first(design: str) -> tuple[bool, int]:
    """Return a key that sorts controlled designs: those that fit gaps first, as the catalogue has them."""
    return not fits_gap(design), list(COMPARISONS).index(design)


def mixture_words(design: str) -> str:
    """Return what the weighted donors of a design are called; blank where peers stand for a unit.

    Examples
    --------
    >>> mixture_words("synthetic"), mixture_words("difference")
    ('synthetic control', '')
    """
    return str(COMPARISONS[design].mixture_words) if design in COMPARISONS else ""


def course_words(*designs: str) -> str:
    """Return what would have gone on without the interruption, in some designs.

    Examples
    --------
    >>> course_words("single"), course_words("difference", "sdid")
    ('earlier trend', 'earlier trend or earlier difference')
    """
    known = (str(COMPARISONS[design].course) for design in designs if design in COMPARISONS)
    return " or ".join(dict.fromkeys(known)) or "earlier trend"


#: What a flag of a fit means to a reader.
FLAG_WORDS = {
    "unweighted": "a denominator is missing, so that months with few answers count as much as others",
    "at_bound": "the series drifts; its changes from period to period are analysed instead of its level",
    "independent_errors": "no drift is seen beyond sampling error, so that periods count as independent",
    "near_unit_root": "uncertain: the series drifts, so its own history says little about its trend",
    "df_floor": "very uncertain: there is little information (under 3 degrees of freedom)",
    "degenerate": "the series does not vary around the fit",
    "followed_exactly": "other units follow it exactly before the start, so that there is no error to hold "
    "a change against",
    "not_ranked": "only its place among other units could tell, and there is none",
    "no_events": "no event, or nobody without one, is counted before the start or from it on: such a rate "
    "has no logarithm",
    "no_events_before": "no event is counted before the start, so that a relative change is infinite",
    "no_events_after": "no event is counted from the start on: a rate of 0 has no logarithm",
    "precision_lost": "the series varies so little around the fit that few digits of its error are left",
    "counterfactual_outside_range": "the earlier trend, carried on, leaves 0 to 100 %",
    "residual_autocorrelation": "residual autocorrelation remains",
    "variance_changes": "the series varies more, or less, after the start than before",
    "not_converged": "the fit did not settle",
    "differenced": "the series was differenced, so that its level has no estimate",
    "no_level": "the level changes by itself, so that it has no single estimate",
    "variance_zero": "a variance was estimated as 0, and counts as known",
    "short_segment": "a segment is shorter than its trend needs, and was fitted on purpose",
    "level_not_positive": "the level expected without the change is not above zero throughout, so that "
    "there is no effect in per cent",
    "overdispersed": "counts vary more than the model allows for, so its intervals are too narrow",
    "rank_differs": "the interval among other units and the rank among them lead to different conclusions",
    "donors_moved": "other units changed at that date too, on average",
    "unlike_donors": "before the start the unit was unlike most other units, by which its change is judged",
    "matched_on_outcome": "its peers were chosen by the outcome itself, so that its own interval does not "
    "keep its level and only the place among other units tells",
    "few_donors": "there are too few other units to say whether the change is more than they change",
    "attribution_only": "the change is unusual among other units, but not clear in the unit's own series",
    "protected_counts": "estimated on protected counts, which are not the true ones",
    "must_pass": "a check that the protocol requires asks for attention",
    "some_units_missing": "a treated unit has no estimate and is not part of the mean",
}


def flag_words(flags: str) -> list[str]:
    """Return the flags of a fit, as a table lists them, in words; one without words as it is."""
    listed = listed_flags(flags)
    # why a count does not vary around its fit, and which segment is the one
    hidden = {"degenerate"} if "no_events" in listed else set()
    hidden |= {"no_events"} if {"no_events_before", "no_events_after"} & set(listed) else set()
    return [FLAG_WORDS.get(flag, flag) for flag in listed if flag not in hidden]


def listed_flags(flags: str) -> list[str]:
    """Return the flags that a table lists in one cell."""
    return flags.split("; ") if flags else []


def short_words(estimand: str, about: Mapping[str, Any]) -> str:
    """Return an estimand in few words, for a line that gives its unit too.

    Examples
    --------
    >>> about = {"frequency": "month", "per_year": 12}
    >>> short_words("effect_at_12", about), short_words("slope_change", about)
    ('one year after the start', 'change of trend')
    """
    after = periods_after(estimand)
    if after is None:
        return estimand_words(estimand, about).partition(", per ")[0]
    if after == about.get("per_year"):
        return "one year after the start"
    return f"{plural(after, about['frequency'])} after the start"


def capitalised(words: str) -> str:
    """Return words with a capital at the start, the others as they are."""
    return f"{words[:1].upper()}{words[1:]}"


def estimand_words(estimand: str, about: Mapping[str, Any]) -> str:
    """Return an estimand in words, with its time unit."""
    if estimand == CHANGE:
        return "any change of level or trend"
    return estimand_of(estimand).in_words.format(period=about["frequency"])


_CHECKS = {
    "ljung_box": "Ljung–Box",
    "arch": "ARCH",
    "crawford_howell": "Crawford–Howell",
    "floor_ceiling": "floor or ceiling",
    "pre_trend": "trend before the start",
    "joint_change": "level and trend together",
    "negative_control": "control outcomes",
    "trend_bounds": "how far the trend may bend",
    "one_month": "change made by one month",
    "period_weights": "weights of periods before the start",
    "lead_test": "change ahead of the start",
    "anticipation": "periods ahead of the start",
    "lengths": "whichever length is the true one",
    "break_elsewhere": "break elsewhere",
    "influence_level_change": "influence on the change in level",
    "influence_slope_change": "influence on the change of trend",
}


def check_words(check: str) -> str:
    """Return a check by name.

    Examples
    --------
    >>> check_words("ljung_box"), check_words("variance_ratio")
    ('Ljung–Box', 'variance ratio')
    """
    return _CHECKS.get(check, check.replace("_", " "))


_SEASONS = {"month": "a term for each calendar month", "quarter": "a term for each quarter"}


def season_words(season: str, frequency: str) -> str:
    """Return what a fit does about the season.

    Examples
    --------
    >>> season_words("a term for each season", "month")
    'a term for each calendar month'
    """
    return _SEASONS.get(frequency, season) if season == "a term for each season" else season


#: How p-values of several units are adjusted.
ADJUSTMENTS = {
    "holm": "by Holm's method",
    "bh": "by the method of Benjamini and Hochberg, which is for exploring",
    "none": "not at all",
}


def family_words(settings: Mapping[str, Any]) -> str:
    """Return which p-values are adjusted together and how, as a sentence about a config.

    Examples
    --------
    >>> family_words({"multiplicity": {"method": "holm", "across": ["unit", "outcome"]}})
    "p-values of the treated units of all outcomes of a design are adjusted by Holm's method."
    """
    method, across = settings["multiplicity"]["method"], settings["multiplicity"]["across"]
    whose = "all outcomes of a design" if "outcome" in across else "one outcome and design"
    fitted = [event for event in settings.get("events", ()) if event["as"] not in ("note", "mask")]
    events = ", and of its fitted events," if fitted and "interruption" in across else ""
    return f"p-values of the treated units of {whose}{events} are adjusted {ADJUSTMENTS[method]}."


#: What peers are alike in where they are matched on the outcome itself.
MATCHED_ON_OUTCOME = "level and trend of the outcome before the start"
CORRELATED_OUTCOMES = "the correlation of their outcomes before the start"
#: How several units are put together, in words.
_POOLING = {
    "set": "the mean of their estimates, with the errors that they share",
    "set_union_of_peers": "fitted as one: their mean minus the mean of all their peers",
    "paule_mandel_mkh": "random effects: Paule–Mandel, modified Hartung–Knapp",
    "paule_mandel_hk": "random effects: Paule–Mandel, Hartung–Knapp",
    "fixed_effect": "fixed effect",
    "unweighted_mean": "unweighted mean",
}


def pooling_words(method: str) -> str:
    """Return a way of pooling in words, and which unit it leaves out."""
    name, without, unit = method.partition(" without ")
    words = _POOLING.get(name, name.replace("_", " "))
    return f"{words}, without {unit}" if without else words


_ESTIMANDS = {
    "level_change": "the immediate change in level",
    "slope_change": "the change of trend",
    "pre_slope": "the trend before",
    "post_slope": "the trend after",
    "average_effect": "the average effect",
    "cumulative_effect": "the cumulative effect",
    "relative_average_effect": "the relative average effect",
}
_ESTIMAND = re.compile(rf"\b({'|'.join(_ESTIMANDS)})\b")
#: A hyphen before a number that is a sign, and not a dash within a date or a name.
_SIGN = re.compile(r"(?<![\w.)])-(?=\d)")
_LONE = re.compile(r"(?<![\d.,])1 (period|date|month|quarter|week|year|fit|check|outcome|finding|note)s\b")


def message_words(message: str) -> str:
    """Return a message of a table without names of columns, with true minus signs and right plurals.

    Examples
    --------
    >>> message_words("keeps slope_change between -0.28 and 0.08, beside `ols` of 2013-04, in 1 periods")
    'keeps the change of trend between −0.28 and 0.08, beside ols of 2013-04, in 1 period'
    """
    words = _ESTIMAND.sub(lambda found: _ESTIMANDS[found[1]], message.replace("`", ""))
    return _LONE.sub(r"1 \1", _SIGN.sub("−", words))
