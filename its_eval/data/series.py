"""Series in memory on a regular calendar: which period each label of a pandas index names."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.config.faults import show
from its_eval.data.faults import shorten
from its_eval.data.numbers import LARGEST, number_hint, to_numbers
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from its_eval.calendar import Calendar

#: Frequencies of pandas whose periods are numbered within a year that may end in any month.
_WITHIN_A_YEAR = {"quarter": "Q-", "year": "Y-"}


def on_calendar(data: Any, calendar: Calendar) -> tuple[pd.DataFrame, int]:
    """Return series with a row for every period from the first to the last, and the first ordinal.

    Parameters
    ----------
    data : Series or DataFrame
        Values by period, see `period_ordinal`; a DataFrame has a series in each column.
    calendar : Calendar
        Of the result.

    Raises
    ------
    DataError
        Without values, for labels that name no period, for periods or series that stand twice, and for values
        that are no numbers.
    """
    if isinstance(data, pd.Series):
        data = data.to_frame("series" if data.name is None else data.name)
    if not isinstance(data, pd.DataFrame):
        what = f"data: a {type(data).__name__}; expected a pandas Series or DataFrame"
        raise DataError([f"{what} whose index holds periods"], "write pandas.Series(values, index=periods)")
    if data.empty:
        raise DataError(
            ["the data have no values; expected a column for each series and a row for each period"]
        )
    if data.columns.nlevels > 1:
        raise DataError([f"data: the columns have {data.columns.nlevels} levels; expected one name each"])
    names = [str(name) for name in data.columns.tolist()]
    ordinals = [period_ordinal(label, calendar, "index") for label in data.index]
    problems = [
        f"series {name!r} stands twice; expected a name for each"
        for name, count in Counter(names).items()
        if count > 1
    ]
    problems += [
        f"index: {calendar.format(ordinal)} stands {count} times; expected once"
        for ordinal, count in sorted(Counter(ordinals).items())
        if count > 1
    ]
    values = _values(data, names, [calendar.format(ordinal) for ordinal in ordinals], problems)
    if problems:
        raise DataError(shorten(problems))
    first, last = min(ordinals), max(ordinals)
    whole = pd.DataFrame(values, ordinals, data.columns).reindex(range(first, last + 1))
    whole.index = pd.Index(calendar.span(first, last))
    return whole, first


def _values(
    frame: pd.DataFrame, names: Sequence[str], periods: Sequence[str], problems: list[str]
) -> NDArray[np.float64]:
    """Return all cells as numbers, NaN where missing, and add to the problems those that are none."""
    if all(isinstance(kind, np.dtype) and kind.kind in "fiu" for kind in frame.dtypes):
        values = frame.to_numpy(dtype=np.float64)
        if not (np.abs(values) > LARGEST).any():
            return values
    from its_eval.data.frames import cells  # noqa: PLC0415  (numbers alone do without: start-up time)

    found = cells(frame)
    columns = []
    for place, name in enumerate(names):
        column = found.iloc[:, place]
        numbers, faulty = to_numbers(column)
        columns.append(numbers)
        for row in np.flatnonzero(faulty).tolist():
            text = str(column.iloc[row])
            what = f"series {name!r}, {periods[row]}: {show(text)} is not a number"
            problems.append(f"{what}; {number_hint(text)}")
    return np.column_stack(columns)


def period_ordinal(label: object, calendar: Calendar, where: str, index: pd.Index | None = None) -> int:
    """Return the ordinal of a period written as text, date, pandas period or year.

    Parameters
    ----------
    label : object
        A pandas period is read by the dates that it covers: the first quarter of 2011 in years that end in
        March (``Q-MAR``) is April to June 2010.
    calendar : Calendar
        Of the ordinals.
    where : str
        What the label is, for messages.
    index : Index, optional
        Of the data that the label is about. Where it holds pandas periods, ``2011Q1`` means the period that
        stands there under this name, also in years that do not end in December.

    Raises
    ------
    DataError
        When it names no period.
    """
    if isinstance(label, str):
        label = _of_index(label, calendar, index)
    if isinstance(label, pd.Period):
        label = label.start_time
    text = label.date().isoformat() if isinstance(label, pd.Timestamp) else str(label)
    try:
        return calendar.parse(text)
    except ValueError as error:
        raise DataError([f"{where}: {error}"]) from None


def _of_index(text: str, calendar: Calendar, index: pd.Index | None) -> str | pd.Period:
    """Return a quarter or year by number as a period of the index, where that has such; else as it is."""
    if not isinstance(index, pd.PeriodIndex) or not index.freqstr.startswith(
        _WITHIN_A_YEAR.get(calendar.frequency, "-")
    ):
        return text
    try:
        number = calendar.format(calendar.parse(text))
    except ValueError:
        return text
    # a date or month says itself when it is
    numbered = text.strip().upper().replace(" ", "").replace("-", "") == number
    return pd.Period(number, freq=index.freqstr) if numbered else text
