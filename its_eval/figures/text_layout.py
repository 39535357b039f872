"""Text of figures: shared phrases, labels, and measuring, wrapping and spreading without overlap."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

from its_eval.figures.style import FONT_SIZE, INK, LINE_HEIGHT
from its_eval.words.labels import estimand_words
from its_eval.words.numbers import digits_for, p_words, printed, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.figure import Figure

    from its_eval.figures.labels import FigureLabels


#: Letters differ a little in width between resolutions.
_SLACK = 1.02
#: Height of the base of letters above the lower edge of their line, in inches.
_BASE = 0.05
_DPI = 100.0


@cache
def _renderer() -> RendererAgg:
    return RendererAgg(8, 8, _DPI)  # type: ignore[no-untyped-call]


@lru_cache(maxsize=10_000)
def _word_width(word: str, weight: str) -> float:
    font = FontProperties(size=FONT_SIZE, weight=weight)
    pixels = _renderer().get_text_width_height_descent(word, font, ismath=False)[0]  # type: ignore[no-untyped-call]
    return _SLACK * float(pixels) / _DPI


def text_width(text: str, *, bold: bool = False) -> float:
    """Return the width of one line of text, in inches."""
    weight = "bold" if bold else "normal"
    words = text.split(" ")
    space = _word_width("a a", weight) - _word_width("aa", weight)
    return sum(_word_width(word, weight) for word in words) + space * max(len(words) - 1, 0)


def wrap(text: str, width: float, *, bold: bool = False, most: int | None = None) -> str:
    """Return text broken into lines.

    Parameters
    ----------
    text : str
        Words; line breaks count as spaces, and no line is broken at a no-break space.
    width : float
        Greatest width in inches; a word that alone is wider is broken.
    bold : bool
        Weight of the font.
    most : int, optional
        Greatest number of lines; the last one then ends in an ellipsis.
    """
    lines = [""]
    for word in _pieces(text, width, bold=bold):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, bold=bold) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    if most is not None and len(lines) > most:
        lines = lines[:most]
        while lines[-1] and text_width(f"{lines[-1]}…", bold=bold) > width:
            lines[-1] = lines[-1][:-1]
        lines[-1] = f"{lines[-1].rstrip()}…"
    return "\n".join(lines)


def told_apart(names: Sequence[str], codes: Sequence[str], width: float, most: int) -> list[str]:
    """Return names, those with their codes in front that would look the same once they are cut off.

    Parameters
    ----------
    names, codes : sequence of str
        Of the same length; a blank code is not used.
    width : float
        Greatest width in inches.
    most : int
        Greatest number of lines.
    """
    shown = [wrap(name, width, most=most) for name in names]
    return [
        f"{code} {name}" if code and shown.count(text) > 1 else name
        for name, code, text in zip(names, codes, shown, strict=True)
    ]


def _pieces(text: str, width: float, *, bold: bool) -> list[str]:
    """Return the words, those too wide for a line in parts."""
    pieces = []
    for whole in text.replace("\n", " ").split(" "):
        word = whole
        while text_width(word, bold=bold) > width and len(word) > 1:
            end = len(word) - 1
            while end > 1 and text_width(word[:end], bold=bold) > width:
                end -= 1
            pieces.append(word[:end])
            word = word[end:]
        pieces.append(word)
    return [piece for piece in pieces if piece]


def write(
    figure: Figure,
    left: float,
    top: float,
    text: str,
    *,
    colour: str = INK,
    bold: bool = False,
    gid: str = "",
) -> None:
    """Write lines of text at equal distances.

    Parameters
    ----------
    figure : Figure
        Of its final size.
    left, top : float
        Upper left corner, in inches from the lower left corner of the figure.
    text : str
        Lines.
    colour : str
        Colour of the letters.
    bold : bool
        Weight of the letters.
    gid : str
        Name of the element in an SVG file.
    """
    width, height = figure.get_size_inches()
    for row, line in enumerate(text.split("\n"), start=1):
        base = top - row * LINE_HEIGHT + _BASE
        letters = figure.text(left / width, base / height, line, va="baseline", color=colour)
        letters.set_fontweight("bold" if bold else "normal")
        letters.set_gid(gid or None)


def spread(wanted: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Return centres near the wanted ones at which boxes do not overlap.

    Parameters
    ----------
    wanted : sequence of float
        Where each box would best be centred; the order along the axis is kept.
    heights : sequence of float
        Height of each box.
    low, high : float
        Room for all boxes. When they do not fit, they are stacked from `high` down.

    Notes
    -----
    Least squares under the constraints: boxes in the way of each other become one stack, centred where its
    members would on average want it (pool adjacent violators).

    Examples
    --------
    >>> spread([1.0, 1.2], [1.0, 1.0], 0.0, 10.0)
    [0.6, 1.6]
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    # a stack: its members, its height, and the sum of where its lower edge would be for each of them
    stacks: list[tuple[list[int], float, float]] = []

    def bottom(stack: tuple[list[int], float, float]) -> float:
        members, height, total = stack
        return max(low, min(total / len(members), high - height))

    for index in order:
        stack = ([index], heights[index], wanted[index] - heights[index] / 2.0)
        while stacks and bottom(stacks[-1]) + stacks[-1][1] > bottom(stack):
            members, height, total = stacks.pop()
            stack = (members + stack[0], height + stack[1], total + stack[2] - len(stack[0]) * height)
        stacks.append(stack)
    centres = np.zeros(len(wanted))
    for stack in stacks:
        edge = bottom(stack) if stack[1] <= high - low else high - stack[1]
        for index in stack[0]:
            centres[index] = edge + heights[index] / 2.0
            edge += heights[index]
    return [float(centre) for centre in centres]


_INTERVAL = ("estimate", "conf_low", "conf_high")
#: Shares of periods that differ by no more than this are called the same.
_SAME_SHARE = 0.05
#: A space at which no line is broken.
_FIRM = "\N{NO-BREAK SPACE}"


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
