"""Series in memory on a regular calendar: which period each label of a pandas index names."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd

from its_eval.errors import DataError

if TYPE_CHECKING:
    from its_eval.calendar import Calendar

#: Frequencies of pandas whose periods are numbered within a year that may end in any month.
_WITHIN_A_YEAR = {"quarter": "Q-", "year": "Y-"}


def on_calendar(data: pd.Series[Any] | pd.DataFrame, calendar: Calendar) -> tuple[pd.DataFrame, int]:
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
    frame = (
        data.to_frame("series" if data.name is None else data.name) if isinstance(data, pd.Series) else data
    )
    if frame.empty:
        raise DataError(
            ["the data have no values; expected a column for each series and a row for each period"]
        )
    names = [str(name) for name in frame.columns]
    ordinals = [period_ordinal(label, calendar, "index") for label in frame.index]
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
    no_numbers = {kind for kind in set(frame.dtypes) if not pd.api.types.is_numeric_dtype(kind)}
    problems += [
        f"series {name!r} holds {kind}; expected numbers"
        for name, kind in zip(names, frame.dtypes, strict=True)
        if kind in no_numbers
    ]
    if problems:
        raise DataError(problems)
    first, last = min(ordinals), max(ordinals)
    whole = frame.set_axis(ordinals).reindex(range(first, last + 1)).astype("float64")
    whole.index = pd.Index(calendar.span(first, last))
    return whole, first


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
