"""Several rows of one unit and period: days that are added up or averaged, or that nobody expected."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.config.outcomes import series_name
from its_eval.data.faults import Finding
from its_eval.data.shapes import NUMERIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from its_eval.calendar import Calendar

_KEY = ["indicator", "unit", "stratum", "period"]


def days_of(texts: pd.Series, dates: str, calendar: Calendar) -> dict[str, dt.date]:
    """Return the days that texts name, by text; a text that names a longer period is left out."""
    days = {}
    for text in texts.unique():
        day = calendar.day_named(str(text), dates)
        if day is not None:
            days[str(text)] = day
    return days


def daily_findings(raw: pd.DataFrame, dates: str, calendar: Calendar) -> Iterator[Finding]:
    """Yield each series that has several days in its periods, and which key makes one value of them."""
    repeated = raw[raw.duplicated(_KEY, keep=False) & ~raw.duplicated([*_KEY, "period_text"], keep=False)]
    if repeated.empty:
        return
    days = days_of(repeated["period_text"], dates, calendar)
    repeated = repeated[repeated["period_text"].isin(list(days))]
    for (indicator, unit, stratum), rows in repeated.groupby(["indicator", "unit", "stratum"], sort=True):
        if not rows.duplicated("period").any():
            continue
        series = series_name(str(indicator), str(stratum))
        several = rows.loc[rows.duplicated("period", keep=False), "period"].nunique()
        shown = ", ".join(rows["period_text"].head(2))
        message = (
            f"{rows['source_file'].iloc[0]}: {series}, {unit}: {several} {calendar.frequency}s hold several "
            f"days ({shown}, …); set `combine: sum` to add them up (counts), or `combine: mean`"
        )
        yield Finding(series, str(unit), "several_days", "", shown, "error", message)


def combined(
    raw: pd.DataFrame, how: str, dates: str, calendar: Calendar
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return one row for each unit and period.

    Parameters
    ----------
    raw : DataFrame
        Rows with `period_text` and the numbers.
    how : {"sum", "mean"}
        A sum with a missing part is missing. Of days, a period has no sum that lacks a day of the week on
        which the series has others. A mean is that of the values there are.
    dates : str
        How days are written.
    calendar : Calendar
        Of the periods.

    Returns
    -------
    rows : DataFrame
        As they came, in order; of several the first, with numbers of all.
    findings : list of Finding
        Periods whose days are incomplete.
    """
    groups = raw.groupby(_KEY, sort=False)
    numbers = groups[list(NUMERIC)].agg(how)
    findings: list[Finding] = []
    if how == "sum":
        missing = raw[list(NUMERIC)].isna().groupby([raw[name] for name in _KEY], sort=False).any()
        numbers = numbers.mask(missing)
        # a value made of parts is made of their sums
        numbers["value"] = numbers["value"].mask(
            numbers["numerator"].notna() & numbers["denominator"].notna()
        )
        incomplete = _incomplete(raw, days_of(raw["period_text"], dates, calendar), calendar)
        numbers[numbers.index.isin(list(incomplete))] = np.nan
        for (indicator, unit, stratum, period), count in incomplete.items():
            series = series_name(indicator, stratum)
            label = calendar.format(period)
            message = f"{series}, {unit}, {label}: {count} days are missing, so it has no sum"
            findings.append(Finding(series, unit, "incomplete_period", label, str(count), "info", message))
    first = groups.head(1).drop(columns=list(NUMERIC))
    return first.merge(numbers.reset_index(), on=_KEY, how="left"), findings


def _incomplete(
    raw: pd.DataFrame, days: dict[str, dt.date], calendar: Calendar
) -> dict[tuple[str, str, str, int], int]:
    """Return by series and period how many days are missing, of the days of the week that the series has."""
    own = raw[raw["period_text"].isin(list(days))]
    counts: dict[tuple[str, str, str, int], int] = {}
    for (indicator, unit, stratum), rows in own.groupby(["indicator", "unit", "stratum"], sort=True):
        if rows.groupby("period")["period_text"].nunique().median() < 2:
            continue  # a day stands for its period, which may have several rows of other kinds
        there = {days[text] for text in rows["period_text"]}
        weekdays = {day.weekday() for day in there}
        for period in rows["period"].unique():
            first, end = calendar.first_day(int(period)), calendar.first_day(int(period) + 1)
            every = (first + dt.timedelta(days=step) for step in range((end - first).days))
            absent = sum(day.weekday() in weekdays and day not in there for day in every)
            if absent:
                counts[str(indicator), str(unit), str(stratum), int(period)] = absent
    return counts
