"""Messages of checks, of data and of series without an estimate, as a reader is to see them.

The tables hold them with the names of columns and the minus signs of programs. Once they are written for
readers where they are made, this module goes.
"""

from __future__ import annotations

import re

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
