"""What a table of one's own holds: its layout, columns, frequency and kind, with the reasons."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.calendar import EXAMPLES, Calendar
from its_eval.data.numbers import MISSING_MARKS, to_numbers
from its_eval.data.opening import Asked, Recognised, opened
from its_eval.data.tables import nearest, normalise_name, read_table, require_distinct, require_file
from its_eval.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

#: A column with fewer texts holds no periods.
_FEWEST = 2
#: Usual names of columns; those of the tidy table come first.
_USUAL = {
    "unit": (
        *("unit", "trust_code", "org_code", "organisation_code", "provider_code", "code", "trust"),
        *("organisation", "provider", "site", "hospital", "county", "region", "state", "name"),
    ),
    "period": ("period", "month", "date", "quarter", "week", "year", "time"),
    "indicator": ("indicator", "measure", "metric"),
    "value": ("value", "measure_value", "rate", "percentage", "percent", "count", "number"),
    "numerator": ("numerator", "num"),
    "denominator": ("denominator", "denom"),
    "stratum": ("stratum",),
}
_PERCENT = re.compile(r"%|per ?cent|proportion|share of", re.IGNORECASE)
#: More names of columns than these are periods in a table that has months across.
_FEWEST_ACROSS = 3


def recognise(path: Path, asked: Asked) -> Recognised:
    """Return what a table looks like.

    Parameters
    ----------
    path : Path
        A text file, workbook or Parquet file.
    asked : Asked
        What the caller says of it, which rules.

    Raises
    ------
    DataError
        When the file cannot be read.
    UsageError
        When something cannot be told, or is not in the table: all of it at once.
    """
    require_file(path, "check the path")
    found, above = opened(path, asked)
    frame = read_table(path, found.reading)
    require_distinct(filter(None, frame.columns), str(path))
    problems: list[str] = []
    if not _across(frame, asked, found):
        _down(frame, asked, found, problems)
    if not problems:
        _units(frame, asked, found, path, problems)
        _dates_asked(frame, asked, found, problems)
    if not problems:
        _kind(frame, asked, found, " ".join((*above, path.stem, found.indicator)))
    if problems:
        raise UsageError("\n".join(f"{path}: {problem}" for problem in problems))
    return found


def _texts(column: pd.Series) -> pd.Series[str]:
    """Return the cells of a column as trimmed texts."""
    return column.astype(str).str.strip()


def _across(frame: pd.DataFrame, asked: Asked, found: Recognised) -> bool:
    """Note a table with a row a unit and a column a period, and return whether it is one."""
    names = [str(name) for name in frame.columns if name]
    best: dict[str, int] = {}
    for frequency in EXAMPLES:
        periods, _ = Calendar(frequency).parse_column(names)
        if len(periods) > len(best):
            best, found.frequency = periods, _spaced(set(periods.values()), frequency)
    if len(best) < _FEWEST_ACROSS or 2 * len(best) < len(names):
        found.frequency = "month"
        return False
    found.layout = "across"
    others = [name for name in names if name not in best]
    unit = _unit_column(frame, others, asked.units) or next(iter(others), "")
    found.columns = {"unit": unit}
    found.indicator = asked.indicator or ""
    found.reasons["layout"] = f"the names of {len(best)} columns are {found.frequency}s"
    return True


def _spaced(ordinals: Iterable[int], frequency: str) -> str:
    """Return the frequency of periods: of months that are three or twelve apart, quarter or year."""
    distinct = np.unique(list(ordinals))
    step = int(np.gcd.reduce(np.diff(distinct))) if len(distinct) > 2 else 0
    if frequency == "month" and step:
        return "year" if step % 12 == 0 else "quarter" if step % 3 == 0 else "month"
    return frequency


def _unit_column(frame: pd.DataFrame, names: Sequence[str], units: Sequence[str]) -> str:
    """Return the column that holds the units asked for, else the one with a usual name; none: empty."""
    if units:
        holding = [name for name in names if set(units) <= set(_texts(frame[name]))]
        if holding:
            return holding[0]
    return _usual(names, "unit")


def _usual(names: Sequence[str], role: str) -> str:
    by_key = {normalise_name(name.replace("_", " ")): name for name in names}
    keys = (normalise_name(alias.replace("_", " ")) for alias in _USUAL[role])
    return next((by_key[key] for key in keys if key in by_key), "")


def _down(frame: pd.DataFrame, asked: Asked, found: Recognised, problems: list[str]) -> None:
    """Note the columns of a table with periods down its rows."""
    names = [str(name) for name in frame.columns if name]
    period = _period_column(frame, names, found, problems)
    if not period:
        return
    found.columns["period"] = period
    left = [name for name in names if name != period]
    numeric = [name for name in left if _mostly_numbers(frame[name], found.decimal)]
    if asked.units and set(asked.units) <= set(numeric) and not _usual(left, "value"):
        found.layout, found.indicator = "wide", asked.indicator or ""
        found.reasons["layout"] = f"there is a column for {asked.units[0]}"
        return
    texts = [name for name in left if name not in numeric]
    unit = _unit_column(
        frame, [name for name in left if name in texts or name == _usual(left, "unit")], asked.units
    )
    if unit:
        found.columns["unit"] = unit
    _values(frame, numeric, [name for name in texts if name != unit], asked, found, problems)


def _mostly_numbers(column: pd.Series, decimal: str) -> bool:
    cells = _texts(column).str.removesuffix("%")
    filled = ~cells.isin(MISSING_MARKS)
    _, faulty = to_numbers(cells, decimal)
    return bool(filled.any() and faulty.sum() * 10 <= filled.sum())


class _Periods(Struct, frozen=True):
    """A column read as periods of one frequency."""

    name: str
    frequency: str
    dates: str
    ordinals: dict[str, int]
    usual: bool
    place: int

    @property
    def rank(self) -> tuple[int, bool, int, int]:
        """Most distinct periods first, then usual names, then the first column and frequency."""
        frequency = list(EXAMPLES).index(self.frequency)
        return -len(set(self.ordinals.values())), not self.usual, self.place, frequency


def _period_column(frame: pd.DataFrame, names: Sequence[str], found: Recognised, problems: list[str]) -> str:
    """Note the column of periods, its frequency and how its dates are written; dates before numbers."""
    candidates: list[_Periods] = []
    unclear: list[str] = []
    for place, name in enumerate(names):
        texts = [text for text in _texts(frame[name]).unique() if text not in MISSING_MARKS]
        usual = any(word in _USUAL["period"] for word in normalise_name(name.replace("_", " ")).split())
        if len(texts) < _FEWEST:
            continue
        for frequency in EXAMPLES:
            if frequency == "year" and not usual:
                continue  # any number of four digits would be one
            dates, ordinals = _read_as(texts, frequency)
            if dates == "unclear":
                unclear.append(name)
            elif dates:
                candidates.append(_Periods(name, frequency, dates, ordinals, usual, place))
    if not candidates:
        problems += _no_periods(frame, names, unclear)
        return ""
    best = min(candidates, key=lambda item: item.rank)
    found.dates = best.dates
    if best.dates != "iso":
        order = "no other order of day and month fits all dates"
        found.reasons["dates"] = "the years begin in April" if best.dates == "financial" else order
    found.frequency = _spaced(best.ordinals.values(), best.frequency)
    if best.frequency in ("month", "week"):
        _days_or_weeks(list(best.ordinals), found)
    return best.name


def _read_as(texts: Sequence[str], frequency: str) -> tuple[str, dict[str, int]]:
    """Return how the dates of a column are written, and its periods; empty when it has none.

    A few cells may be no periods, such as footnotes.
    """
    for dates in ("iso", "financial", "dmy", "mdy"):
        ordinals, faults = Calendar(frequency).parse_column(texts, dates)
        if len(faults) * 10 > len(texts):
            continue
        settled = dates in ("iso", "financial") or _one_order(texts, frequency, dates)
        return (dates if settled else "unclear"), ordinals
    return "", {}


def _no_periods(frame: pd.DataFrame, names: Sequence[str], unclear: Sequence[str]) -> list[str]:
    if not unclear:
        said = ", ".join(map(repr, names[:12]))
        return [f"no column holds periods such as {EXAMPLES['month']}; there are: {said}"]
    return [
        f"dates such as {frame[name].iloc[0]!r} in column {name!r} may begin with the day or the month: "
        "write 2015-07-01, or a config of your own with `dates: dmy` or `dates: mdy`"
        for name in dict.fromkeys(unclear)
    ]


def _one_order(texts: Sequence[str], frequency: str, dates: str) -> bool:
    """Return whether the other order of day and month would not do: refused, or no regular periods."""
    other = "mdy" if dates == "dmy" else "dmy"
    ordinals, faults = Calendar(frequency).parse_column(texts, other)
    if faults:
        return True
    mine, _ = Calendar(frequency).parse_column(texts, dates)
    return frequency == "month" and _regular(mine) and not _regular(ordinals)


def _regular(ordinals: Mapping[str, int]) -> bool:
    """Return whether each text is a period of its own and none between is missing."""
    values = sorted(ordinals.values())
    return len(set(values)) == len(values) and values[-1] - values[0] == len(values) - 1


def _days_or_weeks(texts: list[str], found: Recognised) -> None:
    """Note weeks that are written as days, and days that have to be combined."""
    days = [Calendar.day_named(text, found.dates) for text in texts]
    known = sorted({day for day in days if day is not None})
    if len(known) != len(texts) or len(known) < _FEWEST_ACROSS:
        return
    steps = np.diff([day.toordinal() for day in known])
    if steps.min() == 1 and np.median(steps) <= 3:
        found.frequency, found.combine = "month", "mean"
        found.reasons["combine"] = "the dates are days"
    elif np.gcd.reduce(steps) % 7 == 0 and np.median(steps) < 28:
        found.frequency = "week"
        found.reasons["frequency"] = "the dates are seven days apart"


def _values(
    frame: pd.DataFrame,
    numeric: list[str],
    texts: list[str],
    asked: Asked,
    found: Recognised,
    problems: list[str],
) -> None:
    """Note the columns of indicators and numbers."""
    _indicators(frame, texts, asked, found, problems)
    if stratum := _usual(texts, "stratum"):
        found.columns["stratum"] = stratum
    for role in ("numerator", "denominator"):
        if name := _usual(numeric, role):
            found.columns[role] = name
    parts = {"numerator", "denominator"} <= set(found.columns)
    free = [name for name in numeric if name not in found.columns.values()]
    named = next((name for name in free if normalise_name(name) == normalise_name(asked.indicator or "")), "")
    value = named or _usual(free, "value") or (free[0] if len(free) == 1 and not parts else "")
    if value:
        found.columns["value"] = value
    elif not parts:
        said = ", ".join(map(repr, free)) or "no column of numbers"
        problems.append(f"--indicator: which column holds the values? There are: {said}")
    if not found.has_indicators:
        found.indicator = asked.indicator or (value if normalise_name(value) != "value" else "")


def _indicators(
    frame: pd.DataFrame, texts: Sequence[str], asked: Asked, found: Recognised, problems: list[str]
) -> None:
    """Note the column that says which indicator a row belongs to, and the one asked for."""
    column = _usual(texts, "indicator")
    if not column:
        return
    found.columns["indicator"], found.has_indicators = column, True
    there = sorted(set(_texts(frame[column])) - {""})
    if asked.indicator is None and len(there) > 1:
        problems.append(f"--indicator: which one of {', '.join(map(repr, there[:12]))}?")
    elif asked.indicator is not None and asked.indicator not in there:
        near = nearest(asked.indicator, there)
        problems.append(f"--indicator {asked.indicator!r}: it holds no such indicator; {near}")
    else:
        found.indicator = asked.indicator or there[0]


def _units(frame: pd.DataFrame, asked: Asked, found: Recognised, path: Path, problems: list[str]) -> None:
    """Note the treated units; those that are not there are refused with the nearest that are."""
    if not found.indicator:
        found.indicator = re.sub(r"\W+", "_", path.stem).strip("_").lower() or "indicator"
        found.reasons["indicator"] = "named after the file; --indicator names it otherwise"
    if found.layout == "wide":
        found.units, found.others = asked.units, len(frame.columns) > 1 + len(asked.units)
        return
    column = found.columns.get("unit", "")
    if not column:
        found.units = asked.units or (re.sub(r"\W+", "_", path.stem).strip("_") or "series",)
        if len(found.units) > 1:
            problems.append("no column of units is recognised, and several --unit are asked for")
        found.reasons["treated"] = (
            f"there is no column of units: all of the table is one series, called {found.units[0]!r} here"
        )
        return
    there = sorted(set(_texts(frame[column])) - {""})
    missing = [unit for unit in asked.units if unit not in there]
    problems += [f"--unit {unit!r}: it holds no such unit; {nearest(unit, there)}" for unit in missing]
    if not asked.units and len(there) > 1:
        problems.append(f"--unit: which of its {len(there)} units was treated? {nearest('', there)}")
    found.units = asked.units or tuple(there[:1])
    found.others = len(there) > len(found.units)


def _dates_asked(frame: pd.DataFrame, asked: Asked, found: Recognised, problems: list[str]) -> None:
    """Refuse dates that are no periods of the table's frequency, or lie outside it."""
    calendar, across = Calendar(found.frequency), found.layout == "across"
    cells = map(str, frame.columns) if across else _texts(frame[found.columns["period"]]).unique()
    periods, _ = calendar.parse_column(cells, found.dates)
    if not periods:
        # months that are twelve apart: no month names a year, which may be a financial one
        apart = "its periods are twelve months apart; write the years alone, such as 2015"
        problems.append(f"{apart}, or whole dates, such as 2015-04-01")
        return
    first, last = min(periods.values()), max(periods.values())
    span = f"{calendar.format(first)} to {calendar.format(last)}"
    if not asked.dates:
        problems.append(f"--date: the first affected {found.frequency} is missing; the table has {span}")
    for date in asked.dates:
        try:
            ordinal = calendar.parse(date)
        except ValueError as error:
            problems.append(f"--date: {error} (the table has {found.frequency}s, {span})")
            continue
        if not first < ordinal <= last:
            problems.append(f"--date {date!r} leaves nothing before or from it on: the table has {span}")


def _kind(frame: pd.DataFrame, asked: Asked, found: Recognised, said: str) -> None:
    """Note what the values are: a percentage, a count or a number, and as proportions where they are such."""
    if asked.kind is not None:
        found.kind = asked.kind
    values, signs = _numbers_of(frame, found)
    given = values[~np.isnan(values)]
    if "value" not in found.columns and found.layout == "long":
        parts = (frame[found.columns[role]] for role in ("numerator", "denominator"))
        top, base = (to_numbers(cells, found.decimal)[0] for cells in parts)
        fits = bool(np.nanmax(top / np.where(base > 0, base, np.nan)) <= 1)
        if asked.kind is None and fits:
            found.kind, found.reasons["kind"] = "percentage", "numerators are part of their denominators"
        elif asked.kind is None:
            found.reasons["kind"] = (
                "numerators exceed their denominators: say --kind rate with `per`, or count"
            )
        return
    named = bool(_PERCENT.search(said)) or any(_PERCENT.search(name) for name in found.columns.values())
    shares = bool(len(given)) and given.min() >= 0 and given.max() <= 1 and (given % 1 != 0).any()
    if asked.kind is None:
        found.kind, found.reasons["kind"] = _guessed(given, named=named, signs=signs)
    if found.kind == "percentage" and shares and not signs:
        found.scale = "proportion"
        found.reasons["scale"] = "every value lies between 0 and 1: proportions, multiplied by 100"
    elif shares and asked.kind is None:
        found.reasons["kind"] = (
            "every value lies between 0 and 1; for proportions write `kind: percentage` here and "
            "`scale: proportion` with the table"
        )
    if found.kind == "count" and (given <= 0).any():
        found.transform = "none"
        found.reasons["transform"] = (
            "zeros have no logarithm; `estimators: [negative_binomial]` takes counts as they are"
        )
    if found.combine and found.kind == "count":
        found.combine = "sum"


def _guessed(given: NDArray[np.float64], *, named: bool, signs: bool) -> tuple[str, str]:
    """Return what values seem to be, and why."""
    if signs:
        return "percentage", "the cells have per cent signs"
    if named and len(given) and given.min() >= 0 and given.max() <= 100:
        return "percentage", "a title or name says per cent, and all values lie between 0 and 100"
    if len(given) and (given % 1 == 0).all() and given.min() >= 0:
        return "count", "all values are whole numbers"
    return "number", "values are neither whole nor said to be percentages"


def _numbers_of(frame: pd.DataFrame, found: Recognised) -> tuple[NDArray[np.float64], bool]:
    """Return the values of the treated units, and whether their cells have per cent signs."""
    if found.layout == "across":
        columns = list(Calendar(found.frequency).parse_column(map(str, frame.columns))[0])
    elif found.layout == "wide":
        columns = list(found.units)
    else:
        columns = [found.columns["value"]] if "value" in found.columns else []
    rows = frame
    for role, wanted in (("unit", found.units), ("indicator", (found.indicator,))):
        if role in found.columns:
            rows = rows[_texts(rows[found.columns[role]]).isin(wanted)]
    import pandas as pd  # noqa: PLC0415  (start-up time)

    text = pd.Series(rows[columns].astype(str).to_numpy().ravel(), dtype=str).str.strip()
    filled = text[~text.isin(MISSING_MARKS)]
    signs = bool(len(filled) and filled.str.endswith("%").all())
    values, _ = to_numbers(text.str.removesuffix("%"), found.decimal)
    return values, signs
