"""Scales: how far they reach, where their ticks are and what they say, and rows instead of numbers."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.figures.style import LINE_HEIGHT, text_width, told_apart, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


#: Share of the range that stays free at either end.
_MARGIN = 0.06
#: How much of its own range a scale may gain to show a counterfactual, and then a band.
_FOR_LINES = 1.0
_FOR_BANDS = 0.3
#: A scale starts at zero when its lowest value is below this share of the highest.
_NEAR_ZERO = 0.5
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_TICKS = 9
_EPOCH = dt.date(1970, 1, 1)
#: Least distance between the words of two ticks, in inches.
_BETWEEN_WORDS = 0.12


class Limits(Struct, frozen=True):
    """Reach of a scale.

    Attributes
    ----------
    low, high : float
        Ends.
    """

    low: float
    high: float

    def cuts(self, *values: Values) -> bool:
        """Return whether any value lies beyond the ends."""
        joined = _finite(*values)
        return bool(((joined < self.low) | (joined > self.high)).any())

    def leaves_out(self, *values: Values) -> bool:
        """Return whether anything goes on beyond the ends, infinite values among it."""
        return any(bool(((part < self.low) | (part > self.high)).any()) for part in values)

    def ticks(self, most: int = 6) -> list[float]:
        """Return round numbers within the ends, at most so many steps apart."""
        from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  (start-up time)

        found = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        slack = 1e-9 * (self.high - self.low)
        return [float(value) for value in found if self.low - slack <= value <= self.high + slack]


def _finite(*values: Values) -> Values:
    joined = np.concatenate([np.empty(0), *(np.asarray(part, dtype=np.float64).ravel() for part in values)])
    kept: Values = joined[np.isfinite(joined)]
    return kept


def reach(
    core: Sequence[Values],
    lines: Sequence[Values] = (),
    bands: Sequence[Values] = (),
    *,
    bounds: tuple[float, float] | None = None,
    from_zero: bool = False,
    include: float | None = None,
) -> Limits:
    """Return a scale that shows the data well, and of what may run away as much as that allows.

    Parameters
    ----------
    core : sequence of ndarray
        Shown in full.
    lines : sequence of ndarray
        Extrapolations: together they may at most double the range.
    bands : sequence of ndarray
        Limits of bands: they may add three tenths more at either end.
    bounds : tuple of float, optional
        Values that the outcome cannot go beyond; the scale ends there.
    from_zero : bool
        Start at zero when that costs at most half of the scale, and never below it for a band.
    include : float, optional
        A value of reference, shown if that does not more than double the range.
    """
    data = _finite(*core)
    low, high = (float(data.min()), float(data.max())) if data.size else (0.0, 1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-300):
        half = 0.05 * max(abs(low), abs(high)) or 1.0
        low, high = low - half, high + half
    size = high - low
    extra = _finite(*lines)
    if extra.size:
        low = max(min(low, extra.min()), low - _FOR_LINES * size)
        high = min(max(high, extra.max()), high + _FOR_LINES * size)
    never_negative = from_zero and low >= 0.0
    starts_at_zero = never_negative and low <= _NEAR_ZERO * high
    extra, size = _finite(*bands), high - low
    if extra.size:
        floor = max(low - _FOR_BANDS * size, 0.0 if never_negative else -np.inf)
        low = max(min(low, extra.min()), floor)
        high = min(max(high, extra.max()), high + _FOR_BANDS * size)
    if include is not None and min(abs(include - low), abs(include - high)) <= high - low:
        low, high = min(low, include), max(high, include)
    margin = _MARGIN * (high - low)
    low, high = low - margin, high + margin
    if starts_at_zero or (never_negative and low < 0.0):
        low = 0.0
    if bounds is not None:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    return Limits(float(low), float(high))


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Return numbers with as many decimals as their distance asks for.

    Examples
    --------
    >>> tick_labels([-2.5, 0.0, 2.5])
    ['−2.5', '0.0', '2.5']
    >>> tick_labels([0.0, 1000.0])
    ['0', '1,000']
    """
    decimals = 0
    while decimals < 8 and any(abs(tick - round(tick, decimals)) > 1e-9 for tick in ticks):
        decimals += 1
    return [f"{tick + 0.0:,.{decimals}f}".replace("-", "−") for tick in ticks]


def thinned(words: Sequence[str], positions: Sequence[float], inches: float) -> list[str]:
    """Return the words of ticks, as many of them blank as others need not to touch.

    Parameters
    ----------
    words : sequence of str
        Of all ticks.
    positions : sequence of float
        Where they stand.
    inches : float
        Length of a unit of the scale.
    """
    widths = [text_width(text) + _BETWEEN_WORDS for text in words]
    for step in range(1, len(words) + 1):
        kept = range(0, len(words), step)
        room = [
            (positions[right] - positions[left]) * inches - (widths[left] + widths[right]) / 2.0
            for left, right in pairwise(kept)
        ]
        if min(room, default=0.0) >= 0.0:
            break
    return [text if index % step == 0 else "" for index, text in enumerate(words)]


def round_ticks(limits: Limits, width: float) -> tuple[list[float], list[str]]:
    """Return as many round numbers on a horizontal scale as there is room for, with their words.

    Parameters
    ----------
    limits : Limits
        Reach of the scale.
    width : float
        In inches.
    """
    inches = width / (limits.high - limits.low)
    for most in (6, 5, 4, 3, 2):
        found = limits.ticks(most)
        words = tick_labels(found)
        if thinned(words, found, inches) == words:
            break
    return found, thinned(words, found, inches)


def day_numbers(dates: Sequence[str]) -> Values:
    """Return ISO dates as positions on a time axis: days since 1970, as Matplotlib counts them."""
    return np.asarray(dates, dtype="datetime64[D]").astype(np.float64)


def date_at(position: float) -> dt.date:
    """Return the date at a position on a time axis."""
    return _EPOCH + dt.timedelta(days=math.floor(position))


def before_each(positions: Values) -> Values:
    """Return the places half-way between each period and the one before it."""
    if len(positions) == 1:
        return positions - 0.5
    steps = np.diff(positions)
    return positions - 0.5 * np.concatenate([steps[:1], steps])


def time_ticks(first: dt.date, last: dt.date) -> tuple[list[dt.date], list[str]]:
    """Return ticks at real dates: first days of years, or of months for a window of up to two years.

    Parameters
    ----------
    first, last : date
        Ends of the axis.
    """
    years = range(first.year, last.year + 2)
    if (last - first).days > 731:
        step = next(
            step for step in (1, 2, 5, 10, 20, 50, 100) if len(years) / step <= _MOST_TICKS or step == 100
        )
        days = [dt.date(year, 1, 1) for year in years if year % step == 0]
        words = [str(day.year) for day in days]
    else:
        step = 3 if (last - first).days > 270 else 1
        days = [dt.date(year, month, 1) for year in years for month in range(1, 13, step)]
        words = [f"{_MONTHS[day.month - 1]} {day.year}" for day in days]
    kept = [index for index, day in enumerate(days) if first <= day <= last]
    return [days[index] for index in kept], [words[index] for index in kept]


def dated_ticks(ends: tuple[float, float]) -> tuple[list[float], list[str]]:
    """Return positions and words of ticks at real dates between the ends of a time axis."""
    days, words = time_ticks(date_at(ends[0]), date_at(ends[1]))
    return [float(place) for place in day_numbers([day.isoformat() for day in days])], words


def last_known(values: Values) -> float:
    """Return the last number there is; 0 when there is none."""
    known = values[~np.isnan(values)]
    return float(known[-1]) if known.size else 0.0


class EndLabel(Struct, frozen=True):
    """A label at the end of a line.

    Attributes
    ----------
    words : str
        What it says.
    y : float
        Where the line ends.
    colour : str
        Colour of the words.
    bold : bool
        For the unit itself.
    line_colour : str
        Colour of the line, for the thread to a label that had to move; default the colour of the words.
    tied : bool
        The line reaches the right margin, so that a thread may go on from its end.
    """

    words: str
    y: float
    colour: str
    bold: bool = False
    line_colour: str = ""
    tied: bool = True


class Tick(Struct, frozen=True):
    """A place on a scale with words.

    Attributes
    ----------
    position : float
        On the scale.
    words : str
        Lines of text, already broken.
    bold : bool
        Weight of the letters.
    """

    position: float
    words: str
    bold: bool = False


class Panel(Struct, frozen=True):
    """One set of axes on the sheet.

    Attributes
    ----------
    heading : str
        What is measured, and in what.
    limits : Limits
        Reach of the vertical scale.
    height : float
        In inches.
    draw : callable
        Draws the data on the axes.
    labels : tuple of EndLabel
        For the right margin.
    ticks : tuple of Tick, optional
        Words beside the vertical scale, such as the names of rows; default round numbers.
    """

    heading: str
    limits: Limits
    height: float
    draw: Callable[[Axes], None]
    labels: tuple[EndLabel, ...]
    ticks: tuple[Tick, ...] | None = None


class Across(Struct, frozen=True):
    """A horizontal scale of something other than time.

    Attributes
    ----------
    footing : str
        What it measures, written beneath its numbers; may be blank.
    ticks : tuple of Tick, optional
        Default: as many round numbers as there is room for.
    lines : bool
        Pale vertical lines at the ticks in place of horizontal ones.
    """

    footing: str = ""
    ticks: tuple[Tick, ...] | None = None
    lines: bool = False


#: Greatest width of a name, in inches, and its greatest number of lines.
_NAME_WIDTH, _NAME_LINES = 2.3, 3
#: Free space of a row, beyond its text, in inches.
AIR = 0.12
#: An interval may reach so many times its median half-width beyond the estimates before it is cut.
_MOST_HALF_WIDTHS = 4.0


class Rows(Struct, frozen=True):
    """Places of rows beneath each other.

    Attributes
    ----------
    ticks : tuple of Tick
        Names at their rows.
    centres : ndarray
        Positions of the rows: inches beneath the upper edge, negative.
    limits : Limits
        Of the vertical scale.
    """

    ticks: tuple[Tick, ...]
    centres: Values
    limits: Limits

    @property
    def height(self) -> float:
        """Height of all rows in inches."""
        return self.limits.high - self.limits.low


def stack_rows(
    names: Sequence[str],
    values: Sequence[str] = (),
    value_width: float = 0.0,
    *,
    codes: Sequence[str] = (),
    bold: Sequence[bool] = (),
    gap_before: int | None = None,
    air: float = AIR,
) -> Rows:
    """Return places for rows, each as high as its text.

    Parameters
    ----------
    names : sequence of str
        To the left.
    values : sequence of str
        To the right, wrapped to `value_width` inches.
    value_width : float
        Width of the column of values.
    codes : sequence of str
        Put in front of names that could not be told apart otherwise; blank for none.
    bold : sequence of bool
        Which names are bold; default none.
    gap_before : int, optional
        A row that stands a little apart from the one above.
    air : float
        Free space of a row beyond its text, in inches.
    """
    if codes:
        names = told_apart(names, codes, _NAME_WIDTH, _NAME_LINES)
    texts = [
        wrap(name, _NAME_WIDTH, bold=heavy, most=_NAME_LINES)
        for name, heavy in zip(names, bold or [False] * len(names), strict=True)
    ]
    lines = np.array([text.count("\n") + 1 for text in texts])
    if values:
        right = [wrap(value, value_width, most=_NAME_LINES).count("\n") + 1 for value in values]
        lines = np.maximum(lines, right)
    heights = LINE_HEIGHT * lines + air
    gaps = np.zeros(len(names))
    if gap_before is not None and 0 < gap_before < len(names):
        gaps[gap_before] = LINE_HEIGHT
    centres = -(np.cumsum(heights + gaps) - heights / 2.0)
    ticks = tuple(
        Tick(float(centre), text, heavy)
        for centre, text, heavy in zip(centres, texts, bold or [False] * len(names), strict=True)
    )
    return Rows(ticks, centres, Limits(-float((heights + gaps).sum()), 0.0))


def interval_reach(estimates: Values, low: Values, high: Values, include: float = 0.0) -> Limits:
    """Return a scale for estimates with intervals, on which a few very wide ones are cut off.

    Parameters
    ----------
    estimates, low, high : ndarray
        Estimates and their limits; any may be missing or infinite.
    include : float
        The value that stands for no effect, always shown.
    """
    half = (high - low) / 2.0
    half = half[np.isfinite(half)]
    known = estimates[np.isfinite(estimates)]
    if known.size == 0 or half.size == 0:
        return reach([known, np.array([include])])
    most = _MOST_HALF_WIDTHS * float(np.median(half))
    lowest, highest = float(known.min()) - most, float(known.max()) + most
    ends = np.concatenate([low[np.isfinite(low)], high[np.isfinite(high)]])
    return reach([known, np.clip(ends, lowest, highest), np.array([include])])
