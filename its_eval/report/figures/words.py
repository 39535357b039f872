"""Phrases that figures and their alt texts share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from its_eval.report.narrative import digits_for, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from its_eval.report.figures.labels import FigureLabels

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
#: A space at which no line is broken.
_FIRM = "\N{NO-BREAK SPACE}"


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with a noun: words up to ten, digits beyond.

    Examples
    --------
    >>> counted(3, "peer"), counted(1, "peer"), counted(12, "peer")
    ('three peers', 'one peer', '12 peers')
    """
    words = _NUMBERS[number] if number < len(_NUMBERS) else f"{number:,}"
    return f"{words} {one if number == 1 else many or one + 's'}"


def sentence(words: str) -> str:
    """Return words with a capital and a full stop.

    Examples
    --------
    >>> sentence("dots are estimates")
    'Dots are estimates.'
    """
    return f"{words[:1].upper()}{words[1:]}."


def joined(parts: list[str]) -> str:
    """Return a list in words.

    Examples
    --------
    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def heading_of_effect(labels: FigureLabels) -> str:
    """Return what an effect measures, and in what: ``Change of trend, per month, percentage points``."""
    what = labels.estimand_in_words
    measured = f"{what[:1].upper()}{what[1:]}"
    return f"{measured}, {labels.difference_measure}" if labels.difference_measure else measured


def interval_text(row: Mapping[Any, Any], labels: FigureLabels) -> str:
    """Return an estimate with its interval, rounded as in the sentences of the report.

    Parameters
    ----------
    row : mapping
        With ``estimate``, ``conf_low`` and ``conf_high`` as in a table.
    labels : FigureLabels
        Words.
    """
    digits = digits_for({**row, "scale": "ratio" if labels.ratio else "response"})
    shown = [100.0 * (row[name] - 1.0) if labels.ratio else row[name] for name in _INTERVAL]
    middle, low, high = (rounded(value, digits) for value in shown)
    return f"{middle} ({low}{_FIRM}to{_FIRM}{high})"


_INTERVAL = ("estimate", "conf_low", "conf_high")
