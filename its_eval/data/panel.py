"""One indicator on a regular calendar: units × periods, missing kept as missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from its_eval.calendar import format_period
from its_eval.data.load import NO_PERIOD, IndicatorRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from its_eval.config import Outcome

#: More periods in a row without a value of any unit are no gap but a slip in a period, and the cost of a
#: series grows with the cube of what it misses.
LONGEST_HOLE = 120


@dataclass(frozen=True)
class Panel:
    """Values of one indicator over one window.

    Attributes
    ----------
    outcome : str
        Name of the outcome.
    frequency : str
        ``month``, ``quarter``, ``year`` or ``week``.
    start : int
        Ordinal of the first period.
    units : tuple of str
        Sorted unit codes, one column each.
    values, denominators : ndarray, shape (n, units)
        NaN where missing. A count with denominators is ``per`` (1 when not said) × count / denominator.
    counts : ndarray, shape (n, units)
        Numerators: as given, else made from value and denominator; a count as it is, before it is divided.
    small_denominator : ndarray of bool, shape (n, units)
        Cells whose value was masked because the denominator is below ``min_denominator``.
    parts : tuple of Panel
        Of a gap the panels of its two strata, with the same units and periods; else empty.
    """

    outcome: str
    frequency: str
    start: int
    units: tuple[str, ...]
    values: NDArray[np.float64]
    denominators: NDArray[np.float64]
    counts: NDArray[np.float64]
    small_denominator: NDArray[np.bool_]
    parts: tuple[Panel, ...] = ()

    @property
    def n_periods(self) -> int:
        """Length of the window, gaps counted."""
        return int(self.values.shape[0])

    @property
    def periods(self) -> list[str]:
        """ISO text of each period."""
        return [format_period(self.start + index, self.frequency) for index in range(self.n_periods)]

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


def outcome_values(rows: IndicatorRows, outcome: Outcome) -> NDArray[np.float64]:
    """Return the value of each row of an outcome, rebuilt from numerator and denominator where it is blank.

    A percentage is 100 × numerator / denominator, a rate ``per`` × numerator / denominator, a count or a
    number the numerator.
    """
    frame = rows.frame
    value = frame["value"].to_numpy(dtype=np.float64)
    numerator = frame["numerator"].to_numpy(dtype=np.float64)
    denominator = frame["denominator"].to_numpy(dtype=np.float64)
    if outcome.kind in ("percentage", "rate"):
        factor = 100.0 if outcome.kind == "percentage" else (outcome.per or 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            rebuilt = factor * numerator / denominator
        rebuilt[~np.isfinite(rebuilt)] = np.nan
    else:
        rebuilt = numerator
    return np.where(np.isnan(value), rebuilt, value)


def window(
    rows: IndicatorRows, outcome: Outcome, treated: tuple[str, ...], bounds: tuple[int | None, int | None]
) -> tuple[int, int]:
    """Return first and last ordinal: those of the config, else the span of the treated units' rows.

    Raises
    ------
    ValueError
        When no row of a treated unit has a period that could be read, or none lies within the bounds.
    """
    frame = rows.frame
    chosen = frame["indicator"].eq(outcome.indicator) & frame["unit"].isin(treated)
    chosen &= frame["period"].ne(NO_PERIOD)
    periods = frame.loc[chosen, "period"]
    first, last = bounds
    if (first is None or last is None) and periods.empty:
        raise ValueError("no row of a treated unit has a period that can be read")
    if first is None:
        first = int(periods.min())
    if last is None:
        last = int(periods.max())
    if first > last:
        span = [format_period(int(ordinal), rows.frequency) for ordinal in (periods.min(), periods.max())]
        raise ValueError(
            f"the treated units have data from {span[0]} to {span[1]}, outside its start and end"
        )
    return first, last


def require_filled(periods: NDArray[np.int64], span: tuple[int, int], frequency: str) -> None:
    """Check that a window has no hole so long that a period in it must be wrong.

    Parameters
    ----------
    periods : ndarray of int
        Ordinals in which some unit has a value.
    span : tuple of int
        First and last ordinal of the window, both inclusive.
    frequency : str
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
            f"no unit has a value from {format_period(start, frequency)} to {format_period(end, frequency)}, "
            f"{end - start + 1:,} periods in a row; correct the period beside them, or set `start` and `end`"
        )


def build_panel(
    rows: IndicatorRows, outcome: Outcome, span: tuple[int, int], min_denominator: float | None
) -> Panel:
    """Lay one indicator out on a regular calendar.

    Parameters
    ----------
    rows : IndicatorRows
        All loaded rows; of duplicates the last one counts (they have been refused or reported before).
    outcome : Outcome
        Which indicator and how its value is made.
    span : tuple of int
        First and last ordinal, both inclusive.
    min_denominator : float or None
        Values with a smaller denominator are masked.
    """
    start, end = span
    frame = rows.frame.assign(value=outcome_values(rows, outcome))
    inside = frame["indicator"].eq(outcome.indicator) & frame["period"].between(start, end)
    frame = frame[inside]
    units = tuple(sorted(set(frame["unit"])))
    positions = {unit: column for column, unit in enumerate(units)}
    shape = (end - start + 1, len(units))
    values, denominators, counts = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    at = (frame["period"].to_numpy() - start, frame["unit"].map(positions).to_numpy(dtype=int))
    values[at] = frame["value"].to_numpy()
    denominators[at] = frame["denominator"].to_numpy()
    counts[at] = frame["numerator"].to_numpy()
    made = values if outcome.kind == "count" else _numerators(values, denominators, outcome)
    counts = np.where(np.isnan(counts), made, counts)
    if outcome.kind == "count" and not np.isnan(denominators).all():
        # a count is compared per so much of its denominator; without one it is not known
        exposure = np.where(denominators > 0, denominators, np.nan)
        values = (outcome.per or 1.0) * values / exposure
    small = np.zeros(shape, dtype=bool)
    if min_denominator is not None:
        small = (denominators < min_denominator) & ~np.isnan(values)
        values[small] = np.nan
        counts[small] = np.nan
    return Panel(outcome.name, rows.frequency, start, units, values, denominators, counts, small)


def _numerators(
    values: NDArray[np.float64], denominators: NDArray[np.float64], outcome: Outcome
) -> NDArray[np.float64]:
    """Return the counts that a percentage or rate was made of, rounded to whole ones."""
    factor = 100.0 if outcome.kind == "percentage" else (outcome.per or 1.0)
    return np.round(values * denominators / factor)
