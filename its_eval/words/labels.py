"""Names of the tables in a reader's words: labels, designs, estimands, flags, checks, estimators."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.effects.estimands import estimand_of
from its_eval.evaluation import (
    CONSISTENT,
    DIFFERS,
    GAP_CHANGED,
    JUDGED_AS_A_SET,
    NO_CLEAR_EVIDENCE,
    NOT_RECORDED,
    NOT_UNUSUAL,
    OPEN_LABELS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


#: A label in words, where it is not its own words.
_LABELS = {
    NO_CLEAR_EVIDENCE: "no clear evidence of a change",
    DIFFERS: "a change from before",
    GAP_CHANGED: "the gap changed",
    CONSISTENT: "the gap changed",
    NOT_UNUSUAL: "the gap changed",
    JUDGED_AS_A_SET: "not judged one by one",
    NOT_RECORDED: "the conclusion is not recorded",
}
#: What a label says of the change beside those of units that had no intervention.
UNUSUAL_WORDS = {
    CONSISTENT: ", more than is usual among other units",
    NOT_UNUSUAL: ", but no more than is usual among other units",
}
DIRECTION_WORDS = {"better": ", for the better", "worse": ", for the worse"}


def conclusion_words(label: str, direction: str = "unclear") -> str:
    """Return what is concluded of a change, with its direction; of what is left open there is none.

    Examples
    --------
    >>> conclusion_words("gap to peers changed", "better")
    'the gap changed, for the better'
    """
    words = _LABELS.get(label, label)
    if label in OPEN_LABELS:
        return words
    return f"{words}{DIRECTION_WORDS.get(direction, '')}{UNUSUAL_WORDS.get(label, '')}"


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


#: What a flag of a fit means to a reader.
FLAG_WORDS = {
    "unweighted": "a denominator is missing, so that months with few answers count as much as others",
    "at_bound": "the autocorrelation sits on the edge of what can be estimated, so no p-value is given",
    "near_unit_root": "the series drifts like a random walk; its trend is hardly determined",
    "df_floor": "too little independent information for a p-value (under 3 degrees of freedom)",
    "degenerate": "the series does not vary around the fit",
    "no_events": "no event is counted before the start, or none from it on: a rate of 0 has no logarithm",
    "precision_lost": "the series varies so little around the fit that few digits of its error are left",
    "counterfactual_outside_range": "the earlier trend, carried on, leaves 0 to 100 %",
    "residual_autocorrelation": "what the fit leaves over still depends on the periods before",
    "variance_changes": "the series varies more, or less, after the start than before",
    "not_converged": "the fit did not settle",
    "differenced": "the series was differenced, so that its level has no estimate",
    "level_not_positive": "the level expected without the change is not above zero throughout, so no effect "
    "is given in per cent",
    "overdispersed": "counts vary more than the model allows for, so its intervals are too narrow",
}


def flag_words(flags: str) -> list[str]:
    """Return the flags of a fit, as a table lists them, in words; one without words as it is."""
    listed = listed_flags(flags)
    if "no_events" in listed:
        # why a count does not vary around its fit
        listed = [flag for flag in listed if flag != "degenerate"]
    return [FLAG_WORDS.get(flag, flag) for flag in listed]


def listed_flags(flags: str) -> list[str]:
    """Return the flags that a table lists in one cell."""
    return flags.split("; ") if flags else []


#: Estimands that are about a trend; the others are about a level.
TRENDS = frozenset({"pre_slope", "slope_change", "post_slope"})


def estimand_words(estimand: str, about: Mapping[str, Any]) -> str:
    """Return an estimand in words, with its time unit."""
    return estimand_of(estimand).in_words.format(period=about["frequency"])


_CHECKS = {
    "ljung_box": "Ljung–Box",
    "arch": "ARCH",
    "crawford_howell": "Crawford–Howell",
    "floor_ceiling": "floor or ceiling",
    "pre_trend": "trend before the start",
    "joint_change": "jump and trend together",
    "lead_test": "change ahead of the start",
    "break_elsewhere": "break elsewhere",
    "influence_level_change": "influence on the jump",
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
#: What peers are alike in where they are matched on the outcome itself.
MATCHED_ON_OUTCOME = "level and trend of the outcome before the start"
#: How several units are put together, in words.
_POOLING = {
    "set": "fitted as one: their mean minus the mean of their peers",
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
    "level_change": "the jump at the start",
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
