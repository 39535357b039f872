"""Jumps in the size of a unit beside the others: perhaps a merger, or another way of counting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.calendar import Calendar
from its_eval.data.faults import NO_PERIOD, Finding
from its_eval.data.load import IndicatorRows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Mask = NDArray[np.bool_]


#: Periods on either side of a jump that are compared, and how many of them must be known.
_SIDE, _FEWEST = 6, 3
#: A jump is at least so large, as a ratio, and so many times the usual difference of the series.
_RATIO, _TIMES = 1.15, 4.0
#: With fewer units what is common to all cannot be told from what is one unit's own.
_FEWEST_UNITS = 5
#: Standard deviation of a normal distribution over its median absolute deviation.
_NORMAL_MAD = 1.4826


def jumps(sizes: Values) -> Values:
    """Return the ratio after / before at each period in which a series jumps, NaN elsewhere.

    Parameters
    ----------
    sizes : ndarray, shape (periods, units)
        Something that grows with the unit, such as attendances or responses; NaN where not known.

    Notes
    -----
    On the logarithmic scale, the median of up to six periods from one on minus the median of up to six before
    it, at least three known on either side. What happens to all units at once (a season, a pandemic) is taken
    out as the median over units, when there are five or more. A jump is at least 15 per cent, at least four
    times the usual size of the difference in this series (1.4826 × its median absolute value), and the
    largest within six periods. It is dated to the largest change from one period to the next among those
    within six periods at which the difference is at least half of the largest.
    """
    logs = np.log(np.where(sizes > 0, sizes, np.nan))
    difference = _around(logs, _SIDE, _FEWEST)
    steps = np.abs(_around(logs, 1, 1))
    size = np.abs(np.nan_to_num(difference))
    ratios = np.full(sizes.shape, np.nan)
    for unit in np.flatnonzero((size >= np.log(_RATIO)).any(axis=0)):
        usual = _NORMAL_MAD * float(np.nanmedian(np.abs(difference[:, unit])))
        for highest in np.flatnonzero(size[:, unit] >= max(np.log(_RATIO), _TIMES * usual)):
            near = np.arange(max(0, int(highest) - _SIDE), min(int(highest) + _SIDE + 1, len(size)))
            if highest != near[np.argmax(size[near, unit])]:
                continue
            likely = near[size[near, unit] >= 0.5 * size[highest, unit]]
            start = likely[np.argmax(np.nan_to_num(steps[likely, unit]))]
            ratios[start, unit] = np.exp(difference[highest, unit])
    return ratios


def _around(logs: Values, side: int, fewest: int) -> Values:
    """Return the median after minus the median before each period, less what is common to all units."""
    difference = np.full(logs.shape, np.nan)
    for start in range(1, len(logs)):
        before, after = logs[max(0, start - side) : start], logs[start : start + side]
        usable = ((~np.isnan(before)).sum(axis=0) >= fewest) & ((~np.isnan(after)).sum(axis=0) >= fewest)
        if usable.any():
            step = np.nanmedian(after[:, usable], axis=0) - np.nanmedian(before[:, usable], axis=0)
            difference[start, usable] = step - (np.median(step) if usable.sum() >= _FEWEST_UNITS else 0.0)
    return difference


#: Columns of the coverage table.
COLUMNS = ("indicator", "stratum", "unit", "period", "status", "n_rows", "jump")
#: Statuses: a value; several rows; a row without a value (suppressed, or not given); no row though there are
#: earlier and later ones; no row yet; no row any more.
PRESENT, DUPLICATE, SUPPRESSED, MISSING, NOT_YET, ENDED = (
    *("present", "duplicate", "suppressed", "missing"),
    *("not_yet", "ended"),
)
STATUSES = (PRESENT, DUPLICATE, SUPPRESSED, MISSING, NOT_YET, ENDED)

_LISTED = 6


def coverage_table(rows: IndicatorRows, indicators: Collection[str] | None = None) -> pd.DataFrame:
    """Return one row per indicator, stratum, unit and period between the first and the last of all units.

    Parameters
    ----------
    rows : IndicatorRows
        Loaded rows; of `from_tidy` for an imported table.
    indicators : collection of str, optional
        The indicators wanted; by default all.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`: ``status`` is one of `STATUSES`, ``n_rows`` counts the rows of the table, ``jump``
        is the ratio of the size after to the size before where a series jumps, else NaN.
    """
    parts = [grid.table() for grid in _grids(rows, indicators)]
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True)


def coverage_findings(
    rows: IndicatorRows, indicators: Collection[str] | None = None, units: Collection[str] | None = None
) -> tuple[Finding, ...]:
    """Return what the coverage table says, in a sentence for each unit.

    The checks are ``empty_periods`` (of no unit in particular: perhaps a file was forgotten),
    ``suppressed_values``, ``missing_rows``, ``starts_late``, ``ends_early`` and ``jump``; all are
    information, as it depends on the question whether they matter.

    Parameters
    ----------
    rows : IndicatorRows
        Loaded rows.
    indicators, units : collection of str, optional
        Those wanted; by default all. Jumps are judged against all units in either case.
    """
    return tuple(
        finding
        for grid in _grids(rows, indicators)
        for finding in grid.findings()
        if units is None or not finding.unit or finding.unit in units
    )


def from_tidy(table: pd.DataFrame, calendar: Calendar) -> IndicatorRows:
    """Return an imported tidy table as rows, without reading it from a file again."""
    ordinals = {text: calendar.parse(text) for text in table["period"].unique()}
    return IndicatorRows(table.assign(period=table["period"].map(ordinals).astype(int)), (), calendar)


class _Grid:
    """One indicator and stratum on a regular calendar.

    Parameters
    ----------
    name, stratum : str
        Which one.
    frame : DataFrame
        Its rows.
    calendar : Calendar
        Of its periods.
    """

    def __init__(self, name: str, stratum: str, frame: pd.DataFrame, calendar: Calendar) -> None:
        self.name, self.stratum, self.calendar = name, stratum, calendar
        period = frame["period"].to_numpy(dtype=np.int64)
        self.start = int(period.min())
        self.units = sorted(set(frame["unit"].unique()))
        place = {unit: column for column, unit in enumerate(self.units)}
        shape = (int(period.max()) - self.start + 1, len(self.units))
        at = (period - self.start, frame["unit"].map(place).to_numpy(dtype=int))
        self.n_rows = np.zeros(shape, dtype=np.int64)
        np.add.at(self.n_rows, at, 1)
        value, numerator, denominator = (
            frame[column].to_numpy(dtype=np.float64) for column in ("value", "numerator", "denominator")
        )
        usable = ~np.isnan(denominator) & (denominator != 0)
        has_value = np.zeros(shape, dtype=bool)
        has_value[at] = ~np.isnan(value) | (~np.isnan(numerator) & (usable | np.isnan(denominator).all()))
        self.status = self._status(has_value)
        # the size of a unit shows in what its percentage is of, or in a count itself
        sizes = np.full(shape, np.nan)
        sizes[at] = value if np.isnan(denominator).all() else denominator
        self.jumps = jumps(sizes)

    def _status(self, has_value: Mask) -> NDArray[np.object_]:
        there = self.n_rows > 0
        begun = np.logical_or.accumulate(there, axis=0)
        lasting = np.logical_or.accumulate(there[::-1], axis=0)[::-1]
        conditions = [self.n_rows > 1, there & has_value, there, ~begun, ~lasting]
        chosen: NDArray[np.object_] = np.select(
            conditions, [DUPLICATE, PRESENT, SUPPRESSED, NOT_YET, ENDED], MISSING
        ).astype(object)
        return chosen

    def label(self, index: int) -> str:
        """Return a period as text."""
        return self.calendar.format(self.start + index)

    def table(self) -> pd.DataFrame:
        """Return the rows of the coverage table."""
        n, labels = self.status.shape[0], [self.label(index) for index in range(self.status.shape[0])]
        columns = {
            "indicator": self.name,
            "stratum": self.stratum,
            "unit": np.repeat(np.array(self.units, dtype=object), n),
            "period": labels * len(self.units),
            "status": self.status.T.ravel(),
            "n_rows": self.n_rows.T.ravel(),
            "jump": self.jumps.T.ravel(),
        }
        return pd.DataFrame(columns)[list(COLUMNS)]

    def findings(self) -> Iterator[Finding]:
        """Yield what is to be said of each unit."""
        subject = f"{self.name} ({self.stratum})" if self.stratum else self.name
        nowhere = ~(self.n_rows > 0).any(axis=1)
        if nowhere.any():
            where = np.flatnonzero(nowhere)
            message = f"{subject}: {len(where)} periods without a row of any unit: {self._listed(where)}"
            yield self._finding("", "empty_periods", int(where[0]), str(len(where)), message)
        beside = " beside the other units" if len(self.units) >= _FEWEST_UNITS else ""
        for column, unit in enumerate(self.units):
            status = self.status[:, column]
            for check, what, words in (
                ("suppressed_values", SUPPRESSED, "rows without a value (suppressed or not given)"),
                ("missing_rows", MISSING, "periods without a row"),
            ):
                where = np.flatnonzero((status == what) & ~nowhere)
                if len(where):
                    message = f"{subject}, {unit}: {len(where)} {words}: {self._listed(where)}"
                    yield self._finding(unit, check, int(where[0]), str(len(where)), message)
            there = np.flatnonzero(self.n_rows[:, column])
            first, last = int(there[0]), int(there[-1])
            if first:
                message = f"{subject}, {unit}: the code appears in {self.label(first)}"
                yield self._finding(unit, "starts_late", first, str(first), message)
            if last < len(status) - 1:
                message = f"{subject}, {unit}: the code ends after {self.label(last)}"
                yield self._finding(unit, "ends_early", last, str(len(status) - 1 - last), message)
            for index in np.flatnonzero(~np.isnan(self.jumps[:, column])):
                ratio = float(self.jumps[index, column])
                message = (
                    f"{subject}, {unit}: its size changes by {100 * (ratio - 1):+.0f} % in "
                    f"{self.label(int(index))}{beside}: a merger, or another way of counting?"
                )
                yield self._finding(unit, "jump", int(index), f"{ratio:.6g}", message)

    def _listed(self, where: Sequence[int] | NDArray[np.intp]) -> str:
        periods = ", ".join(self.label(int(index)) for index in where[:_LISTED])
        return periods + (", …" if len(where) > _LISTED else "")

    def _finding(self, unit: str, check: str, index: int, value: str, message: str) -> Finding:
        return Finding(self.name, unit, check, self.label(index), value, "info", message)


def _grids(rows: IndicatorRows, indicators: Collection[str] | None) -> Iterator[_Grid]:
    frame = rows.frame[rows.frame["period"].ne(NO_PERIOD) & rows.frame["unit"].ne("")]
    if indicators is not None:
        frame = frame[frame["indicator"].isin(list(indicators))]
    for key, part in frame.groupby(["indicator", "stratum"], sort=True):
        name, stratum = map(str, key)
        yield _Grid(name, stratum, part, rows.calendar)
