"""Terms of the tables in a reader's words: checks, seasons, comparisons."""

from __future__ import annotations

import re
from typing import Any

from its_eval.words.narrative import rounded

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
_SEASONS = {"month": "a term for each calendar month", "quarter": "a term for each quarter"}


def check_words(check: str) -> str:
    """Return a check by name.

    Examples
    --------
    >>> check_words("ljung_box"), check_words("variance_ratio")
    ('Ljung–Box', 'variance ratio')
    """
    return _CHECKS.get(check, check.replace("_", " "))


def message_words(message: str) -> str:
    """Return a message of a table without names of columns, with true minus signs and right plurals.

    Examples
    --------
    >>> message_words("keeps slope_change between -0.28 and 0.08, beside `ols` of 2013-04, in 1 periods")
    'keeps the change of trend between −0.28 and 0.08, beside ols of 2013-04, in 1 period'
    """
    words = _ESTIMAND.sub(lambda found: _ESTIMANDS[found[1]], message.replace("`", ""))
    return singular(_SIGN.sub("−", words))


def singular(words: str) -> str:
    """Return words in which one of a kind is not a plural.

    Examples
    --------
    >>> singular("1 checks of 21 checks")
    '1 check of 21 checks'
    """
    return _LONE.sub(r"1 \1", words)


def season_words(season: str, frequency: str) -> str:
    """Return what a fit does about the season.

    Examples
    --------
    >>> season_words("a term for each season", "month")
    'a term for each calendar month'
    """
    return _SEASONS.get(frequency, season) if season == "a term for each season" else season


def span_words(low: Any, high: Any) -> str:
    """Return from where to where numbers go; one number when they print alike.

    Examples
    --------
    >>> span_words(-0.25, 0.5), span_words(0.991, 0.992)
    ('−0.25 to 0.50', '0.99')
    """
    ends = rounded(float(low)), rounded(float(high))
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)
