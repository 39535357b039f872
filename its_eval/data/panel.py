"""One indicator on a regular calendar: units × periods, missing kept as missing."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.data.faults import NO_PERIOD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from its_eval.calendar import Calendar
    from its_eval.config import Outcome
    from its_eval.data.load import IndicatorRows

#: More periods in a row without a value of any unit are no gap but a slip in a period, and the cost of a
#: series grows with the cube of what it misses.
LONGEST_HOLE = 120


class Panel(Struct, frozen=True, dict=True):
    """Values of one indicator over one window.

    Attributes
    ----------
    outcome : str
        Name of the outcome.
    calendar : Calendar
        What the ordinals count.
    start : int
        Ordinal of the first period.
    units : tuple of str
        Sorted unit codes, one column each.
    values, denominators : ndarray, shape (n, units)
        NaN where missing or masked. A count with denominators is ``per`` (1 when not said) × count / its
        denominator.
    counts : ndarray, shape (n, units)
        Numerators: as given, else made from value and denominator; a count as it is, before it is divided.
    small_denominator : ndarray of bool, shape (n, units)
        Cells whose value was masked because the denominator is below ``min_denominator``.
    parts : tuple of Panel
        Of a gap the panels of its two strata, with the same units and periods; else empty.
    """

    outcome: str
    calendar: Calendar
    start: int
    units: tuple[str, ...]
    values: NDArray[np.float64]
    denominators: NDArray[np.float64]
    counts: NDArray[np.float64]
    small_denominator: NDArray[np.bool_]
    parts: tuple[Panel, ...] = ()

    @property
    def frequency(self) -> str:
        """How far apart two periods are."""
        return self.calendar.frequency

    @property
    def n_periods(self) -> int:
        """Length of the window, gaps counted."""
        return int(self.values.shape[0])

    @property
    def periods(self) -> list[str]:
        """ISO text of each period."""
        return self.calendar.span(self.start, self.start + self.n_periods - 1)

    def index_of(self, ordinal: int) -> int:
        """Return the position of a period, counted from 0 at the start of the window (may lie outside)."""
        return ordinal - self.start

    @cached_property
    def places(self) -> dict[str, int]:
        """The column of each unit."""
        return {unit: column for column, unit in enumerate(self.units)}

    def column(self, unit: str) -> int:
        """Return the column of a unit."""
        return self.places[unit]

    def columns(self, units: Sequence[str]) -> NDArray[np.intp]:
        """Return the columns of some units."""
        places = self.places
        return np.array([places[unit] for unit in units], dtype=np.intp)

    def windowed(self, first: int, end: int) -> Panel:
        """Return the panel on the periods from `first` up to but not including `end`."""
        kept = slice(first, end)
        return replace(
            self,
            start=self.start + first,
            values=self.values[kept],
            denominators=self.denominators[kept],
            counts=self.counts[kept],
            small_denominator=self.small_denominator[kept],
            parts=tuple(part.windowed(first, end) for part in self.parts),
        )

    def without(self, masks: Mapping[str, Sequence[int]]) -> Panel:
        """Return the panel with some periods of some units taken out."""
        values, counts = self.values.copy(), self.counts.copy()
        for unit, periods in masks.items():
            values[list(periods), self.column(unit)] = np.nan
            counts[list(periods), self.column(unit)] = np.nan
        parts = tuple(part.without(masks) for part in self.parts)
        return replace(self, values=values, counts=counts, parts=parts)


def empty_panel(outcome: str, calendar: Calendar, start: int, n_periods: int, units: Sequence[str]) -> Panel:
    """Return a panel of a window without values, of data that do not exist yet."""
    nothing = np.full((n_periods, len(units)), np.nan)
    missing = np.zeros(nothing.shape, dtype=np.bool_)
    return Panel(outcome, calendar, start, tuple(units), nothing, nothing, nothing, missing)


class IndicatorArrays(Struct, frozen=True):
    """Rows of one indicator.

    Attributes
    ----------
    unit, period : ndarray of int, shape (rows,)
        Places in the sorted codes of units, and ordinals.
    value, numerator, denominator : ndarray, shape (rows,), or None
        NaN where missing; None where no table has such a column.
    """

    unit: NDArray[np.int64]
    period: NDArray[np.int64]
    value: NDArray[np.float64] | None
    numerator: NDArray[np.float64] | None
    denominator: NDArray[np.float64] | None

    def values(self, outcome: Outcome) -> NDArray[np.float64]:
        """Return the value of each row, rebuilt from numerator and denominator where it is blank.

        A percentage is 100 × numerator / denominator, a rate ``per`` × numerator / denominator, a count or a
        number the numerator.
        """
        return _values(outcome, self.value, self.numerator, self.denominator)


def _values(
    outcome: Outcome,
    value: NDArray[np.float64] | None,
    numerator: NDArray[np.float64] | None,
    denominator: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    if numerator is None:
        # a table has values, or else both parts of a fraction
        assert value is not None  # noqa: S101
        return _at_most_all(outcome, value)
    rebuilt = numerator
    if outcome.kind in ("percentage", "rate"):
        sizes = np.full(len(numerator), np.nan) if denominator is None else denominator
        with np.errstate(divide="ignore", invalid="ignore"):
            rebuilt = factor_of(outcome) * numerator / sizes
        rebuilt[~np.isfinite(rebuilt)] = np.nan
    return _at_most_all(outcome, rebuilt if value is None else np.where(np.isnan(value), rebuilt, value))


def _at_most_all(outcome: Outcome, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return percentages that exceed 100 by rounding alone, as 100 × n / n may, as 100."""
    if outcome.kind != "percentage":
        return values
    return np.where((values > 100.0) & (values <= 100.0 * (1 + 1e-12)), 100.0, values)


def factor_of(outcome: Outcome) -> float:
    """Return what a share is multiplied by."""
    return 100.0 if outcome.kind == "percentage" else (outcome.per or 1.0)


def indicator_arrays(frame: pd.DataFrame) -> tuple[IndicatorArrays, tuple[str, ...]]:
    """Return rows of a frame of `IndicatorRows` as arrays, and the sorted codes of their units."""
    numbers, codes = frame["unit"].factorize()
    units = tuple(sorted(codes))
    places = {unit: place for place, unit in enumerate(units)}
    unit = np.array([places[code] for code in codes], dtype=np.int64)[numbers]
    return IndicatorArrays(unit, frame["period"].to_numpy(dtype=np.int64), *_numbers(frame)), units


def _numbers(frame: pd.DataFrame) -> Iterator[NDArray[np.float64]]:
    return (frame[name].to_numpy(dtype=np.float64) for name in ("value", "numerator", "denominator"))


def outcome_values(rows: IndicatorRows, outcome: Outcome) -> NDArray[np.float64]:
    """Return the value of each row of an outcome; see `IndicatorArrays.values`."""
    return _values(outcome, *_numbers(rows.frame))


def window(
    rows: IndicatorRows, outcome: Outcome, treated: tuple[str, ...], bounds: tuple[int | None, int | None]
) -> tuple[int, int]:
    """Return first and last ordinal: those of the config, else the span of the treated units' rows.

    Raises
    ------
    ValueError
        As `bounded`.
    """
    frame = rows.frame
    chosen = frame["indicator"].eq(outcome.indicator) & frame["unit"].isin(treated)
    chosen &= frame["period"].ne(NO_PERIOD)
    return bounded(frame.loc[chosen, "period"].to_numpy(dtype=np.int64), bounds, rows.calendar)


def bounded(
    periods: NDArray[np.int64], bounds: tuple[int | None, int | None], calendar: Calendar
) -> tuple[int, int]:
    """Return first and last ordinal: those of the config, else those of the treated units' rows.

    Parameters
    ----------
    periods : ndarray of int
        Periods of the treated units' rows.
    bounds : tuple of int or None
        What the config says.
    calendar : Calendar
        Of the ordinals.

    Raises
    ------
    ValueError
        When no row of a treated unit has a period that could be read, or none lies within the bounds.
    """
    first, last = bounds
    if (first is None or last is None) and not len(periods):
        raise ValueError("no row of a treated unit has a period that can be read")
    if first is None:
        first = int(periods.min())
    if last is None:
        last = int(periods.max())
    if first > last:
        earliest, latest = (calendar.format(int(ordinal)) for ordinal in (periods.min(), periods.max()))
        raise ValueError(
            f"the treated units have data from {earliest} to {latest}, outside its start and end"
        )
    return first, last


def require_filled(periods: NDArray[np.int64], span: tuple[int, int], calendar: Calendar) -> None:
    """Check that a window has no hole so long that a period in it must be wrong.

    Parameters
    ----------
    periods : ndarray of int
        Ordinals in which some unit has a value.
    span : tuple of int
        First and last ordinal of the window, both inclusive.
    calendar : Calendar
        Of the ordinals.

    Raises
    ------
    ValueError
        Naming the longest hole.
    """
    first, last = span
    inside = np.unique(periods[(periods >= first) & (periods <= last)])
    edges = np.concatenate([[first - 1], inside, [last + 1]])
    place = int(np.argmax(np.diff(edges)))
    start, end = int(edges[place]) + 1, int(edges[place + 1]) - 1
    if end - start + 1 > LONGEST_HOLE:
        raise ValueError(
            f"no unit has a value from {calendar.format(start)} to {calendar.format(end)}, "
            f"{end - start + 1:,} periods in a row; correct the period beside them, or set `start` and `end`"
        )


def build_panel(
    rows: IndicatorRows, outcome: Outcome, span: tuple[int, int], min_denominator: float | None
) -> Panel:
    """Lay one indicator out on a regular calendar; all parameters but the rows are those of `lay_out`."""
    arrays, units = indicator_arrays(rows.frame[rows.frame["indicator"].eq(outcome.indicator)])
    return lay_out(arrays, units, outcome, span, min_denominator, rows.calendar)


def lay_out(
    rows: IndicatorArrays,
    units: Sequence[str],
    outcome: Outcome,
    span: tuple[int, int],
    min_denominator: float | None,
    calendar: Calendar,
) -> Panel:
    """Lay one indicator out on a regular calendar.

    Parameters
    ----------
    rows : IndicatorArrays
        Its rows; of duplicates the last one counts (they have been refused or reported before).
    units : sequence of str
        Sorted codes, by place.
    outcome : Outcome
        How its value is made.
    span : tuple of int
        First and last ordinal, both inclusive.
    min_denominator : float or None
        Values with a smaller denominator are masked.
    calendar : Calendar
        Of the ordinals.
    """
    start, end = span
    inside = (rows.period >= start) & (rows.period <= end)
    unit = rows.unit[inside]
    present = np.bincount(unit, minlength=len(units)) > 0
    at = (rows.period[inside] - start, (np.cumsum(present) - 1)[unit])
    nothing = np.full((end - start + 1, int(present.sum())), np.nan)

    def grid(numbers: NDArray[np.float64] | None) -> NDArray[np.float64]:
        if numbers is None:
            return nothing
        laid = nothing.copy()
        laid[at] = numbers[inside]
        return laid

    values, denominators, counts = grid(rows.values(outcome)), grid(rows.denominator), grid(rows.numerator)
    if outcome.kind == "count":
        counts = np.where(np.isnan(counts), values, counts)
        if not np.isnan(denominators).all():
            # a count is compared per so much of its denominator; without one it is not known
            values = (outcome.per or 1.0) * values / np.where(denominators > 0, denominators, np.nan)
    elif rows.denominator is not None:
        # the counts that a percentage or rate was made of, rounded to whole ones
        made = np.round(values * denominators / factor_of(outcome))
        counts = np.where(np.isnan(counts), made, counts)
    small = np.zeros(nothing.shape, dtype=bool)
    if min_denominator is not None:
        few = denominators < min_denominator
        small = few & ~np.isnan(values)
        # its size stays out of every table, and so does what would say it
        for numbers in (values, counts, denominators):
            numbers[few] = np.nan
    codes = tuple(units[int(place)] for place in np.flatnonzero(present))
    return Panel(outcome.name, calendar, start, codes, values, denominators, counts, small)
