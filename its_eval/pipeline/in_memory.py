"""Series in memory and the options of a fit, checked before anything is computed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from its_eval.config.estimators import FAMILIES, OPTIONS, Estimator
from its_eval.config.faults import did_you_mean, one_of, show
from its_eval.config.seasonality import MOST_HARMONICS, SEASON_WORDS, Seasonality, season_choices
from its_eval.data.periods import EXAMPLES, format_period, parse_period
from its_eval.errors import DataError, UsageError

if TYPE_CHECKING:
    from its_eval.config.estimators import EstimatorName


def known_estimator(wanted: Estimator | str) -> Estimator:
    """Return an estimator by its name, or as it is; families need more than one series of numbers."""
    known = [name for name in OPTIONS if name not in FAMILIES]
    name = wanted if isinstance(wanted, str) else wanted.name
    if name not in known:
        raise UsageError(f"estimator {show(name)}{did_you_mean(name, known)}: expected {one_of(known)}")
    return Estimator(name=cast("EstimatorName", name)) if isinstance(wanted, str) else wanted


def known_season(wanted: Seasonality | str, frequency: str) -> Seasonality:
    """Return a season that series of this frequency can have."""
    if frequency not in EXAMPLES:
        raise UsageError(
            f"frequency {show(frequency)}{did_you_mean(frequency, EXAMPLES)}: expected {one_of(EXAMPLES)}"
        )
    words = SEASON_WORDS[frequency]
    chosen = wanted.kind if isinstance(wanted, Seasonality) else wanted
    too_many = isinstance(wanted, Seasonality) and (wanted.harmonics or 0) > MOST_HARMONICS[frequency]
    if too_many or chosen not in (*words, *(["harmonics"] if isinstance(wanted, Seasonality) else [])):
        what = f"seasonality {show(str(chosen))}{did_you_mean(chosen, words)}"
        raise UsageError(f"{what}: expected {season_choices(frequency)}")
    return wanted if isinstance(wanted, Seasonality) else Seasonality(kind=cast("Any", wanted))


def ordinal_of(period: object, frequency: str, where: str) -> int:
    """Return the ordinal of a period written as text, date, pandas period or year."""
    if isinstance(period, pd.Period):
        period = period.start_time
    text = period.date().isoformat() if isinstance(period, pd.Timestamp) else str(period)
    try:
        return parse_period(text, frequency)
    except ValueError as error:
        raise DataError([f"{where}: {error}"]) from None


def on_calendar(data: pd.Series[Any] | pd.DataFrame, frequency: str) -> tuple[pd.DataFrame, int]:
    """Return the series with a row for every period from the first to the last, and the first ordinal."""
    frame = (
        data.to_frame("series" if data.name is None else data.name) if isinstance(data, pd.Series) else data
    )
    if frame.empty:
        raise DataError(
            ["the data have no values; expected a column for each series and a row for each period"]
        )
    names = [str(name) for name in frame.columns]
    ordinals = [ordinal_of(period, frequency, "index") for period in frame.index]
    problems = [
        f"series {name!r} stands twice; expected a name for each"
        for name, count in Counter(names).items()
        if count > 1
    ]
    problems += [
        f"index: {format_period(ordinal, frequency)} stands {count} times; expected once"
        for ordinal, count in sorted(Counter(ordinals).items())
        if count > 1
    ]
    problems += [
        f"series {name!r} holds {frame.iloc[:, column].dtype}; expected numbers"
        for column, name in enumerate(names)
        if not pd.api.types.is_numeric_dtype(frame.iloc[:, column])
    ]
    if problems:
        raise DataError(problems)
    first, last = min(ordinals), max(ordinals)
    whole = frame.set_axis(ordinals).reindex(range(first, last + 1)).astype("float64")
    whole.index = pd.Index([format_period(ordinal, frequency) for ordinal in whole.index])
    return whole, first
