"""Phrases that figures and their alt texts share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from its_eval.report.narrative import digits_for, estimand_words, p_words, printed, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from its_eval.report.figures.labels import FigureLabels

_INTERVAL = ("estimate", "conf_low", "conf_high")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
#: Shares of periods that differ by no more than this are called the same.
_SAME_SHARE = 0.05
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
    scaled = {**row, "scale": "ratio" if labels.ratio else "response"}
    middle, low, high = (printed(row[name], scaled) for name in _INTERVAL)
    return f"{middle} ({low}{_FIRM}to{_FIRM}{high})"


def total_text(row: Mapping[Any, Any], labels: FigureLabels) -> str:
    """Return a cumulative effect with its interval and unit.

    Parameters
    ----------
    row : mapping
        With ``total``, ``conf_low`` and ``conf_high``.
    labels : FigureLabels
        Words.
    """
    digits = digits_for({**row, "scale": "response"})
    middle, low, high = (rounded(row[name], digits) for name in ("total", "conf_low", "conf_high"))
    unit = "people" if labels.kind == "percentage" else labels.measure
    return f"{middle} ({low}{_FIRM}to{_FIRM}{high}) {unit}".strip()


def t_text(statistic: float) -> str:
    """Return a t statistic: ``t = −2.10``."""
    return f"t{_FIRM}={_FIRM}{rounded(statistic)}"


def placebo_sentences(frame: pd.DataFrame) -> list[str]:
    """Return how unusual a unit is among placebos, in words.

    Parameters
    ----------
    frame : DataFrame
        As ``placebo_units_data`` returns it.
    """
    others = frame[~frame["treated"]]
    extreme, failed = int(others["as_extreme"].sum()), int(others["statistic"].isna().sum())
    p = p_words(float(frame.loc[frame["treated"], "p_value"].iloc[0]))
    found = [
        f"{extreme:,} of {len(others):,} lie as far from zero as the unit, or farther{f': {p}' if p else ''}."
    ]
    if failed:
        found.append(f"{failed:,} of these could not be estimated and count as far, to be on the safe side.")
    return found


def specification_sentences(frame: pd.DataFrame, *, ratio: bool) -> list[str]:
    """Return how much the answer depends on choices, in words.

    Parameters
    ----------
    frame : DataFrame
        As ``specification_curve_data`` returns it.
    ratio : bool
        Estimates are ratios, so that one stands for no effect.
    """
    own, others = frame.loc[frame["primary"], "estimate"].dropna(), frame[~frame["primary"]]
    known = others[others["estimate"].notna()]
    found = []
    if not own.empty:
        none = 1.0 if ratio else 0.0
        same = int(((known["estimate"] - none) * (float(own.iloc[0]) - none) > 0).sum())
        found.append(f"{same:,} of {len(known):,} others point the same way as the primary one.")
    clear = int(known["excludes_none"].sum())
    found.append(
        f"The interval lies to one side of no effect in {clear:,} of {len(known):,}"
        f"{'' if own.empty else ' others'}."
    )
    if len(known) < len(others):
        found.append(f"{len(others) - len(known):,} could not be estimated.")
    return found


def power_estimand(estimand: str) -> str:
    """Return an estimand of the power curve in words; a change of trend is per year there."""
    return estimand_words(estimand, {"frequency": "year"})


def split_words(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return how the periods of the power curve lie around the start; blank when in no simple way.

    Parameters
    ----------
    frame : DataFrame
        As ``power_curve_data`` returns it.
    labels : FigureLabels
        Words.
    """
    for column, where in (("n_pre", "before"), ("n_post", "from")):
        if (frame[column] == frame[column].iloc[0]).all():
            return (
                f" In each series {int(frame[column].iloc[0]):,} {labels.frequency}s lie {where} the start."
            )
    share = frame["n_pre"] / (frame["n_pre"] + frame["n_post"])
    if share.max() - share.min() <= _SAME_SHARE:
        return f" About {share.mean():.0%} of the {labels.frequency}s lie before the start."
    return ""
