"""Reading one or many series for XmR charts."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from msgspec import Struct
from msgspec.structs import replace

from its_eval.calendar import MONTHS, Calendar
from its_eval.data.numbers import read_numbers
from its_eval.data.tables import Role, assign_columns, nearest, read_table, require_file
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


ROLES = (
    Role("period", ("month", "date", "quarter", "week", "year"), required=True),
    Role("value", ("measure_value", "rate", "count"), required=True),
    Role("unit", ("trust", "trust_code", "organisation", "org_code", "site")),
    Role("indicator", ("measure", "outcome")),
    Role("stratum", ("staff_group", "age_band", "ethnicity", "quintile")),
    Role("numerator", ()),
    Role("denominator", ()),
    Role("target", ("standard", "goal")),
)
#: What a table without values has to have instead of them.
COUNTS = frozenset({"numerator", "denominator"})


class ChartSeries(Struct, frozen=True):
    """One or many series.

    Attributes
    ----------
    frame : DataFrame
        Columns indicator (a stratum is a series of its own, ``ae_4h [most deprived]``), unit, period
        (ordinal), value, target (NaN where there is none); only periods with a value; sorted by indicator,
        unit, period.
    n_missing : dict of (str, str) to int
        Rows without a value, by indicator and unit.
    """

    frame: pd.DataFrame
    n_missing: dict[tuple[str, str], int]


def load_series(
    path: Path,
    columns: Mapping[str, str],
    *,
    calendar: Calendar = MONTHS,
    dates: str = "iso",
    units: Sequence[str] = (),
    indicators: Sequence[str] = (),
    strata: Sequence[str] = (),
    per: float | None = None,
) -> ChartSeries:
    """Read a long table: a row per period, and per unit, indicator and stratum where it has such columns.

    Parameters
    ----------
    path : Path
        CSV or Parquet.
    columns : mapping of str to str
        Columns by role (period, value, unit, indicator, stratum, numerator, denominator, target), where they
        do not have their usual names.
    calendar : Calendar
        What periods are.
    dates : str
        How dates are written, as ``data.indicators.dates`` of a config says it.
    units, indicators, strata : sequence of str
        Only these; all when empty.
    per : float, optional
        A table without values gives numerators per so many of the denominator, per cent when left out.

    Raises
    ------
    DataError
        With every fault of the columns, or else every fault of the rows that are used.
    """
    require_file(path, "check the path")
    raw = read_table(path)
    roles, problems = _columns(raw, columns, path)
    if per is not None and "value" in roles:
        problems.append(f"{path}: column {roles['value']!r} holds the values: --per does not go with it")
    if per is not None and not per > 0.0:
        problems.append(f"--per {per:g}: expected a number above 0")
    if problems:
        raise DataError(problems, "name columns with --column ROLE=NAME")
    frame = pd.DataFrame(index=raw.index)
    for role, default in (("unit", ""), ("stratum", ""), ("indicator", roles.get("value", "value"))):
        frame[role] = raw[roles[role]].astype(str).str.strip() if role in roles else default
    kept = _wanted(frame, {"unit": units, "indicator": indicators, "stratum": strata}, roles, path)
    raw, frame = raw[kept], frame[kept].copy()
    named = frame["stratum"].ne("")
    # as a run calls the series of a stratum
    frame.loc[named, "indicator"] += " [" + frame.loc[named, "stratum"] + "]"
    frame["period"] = _ordinals(raw[roles["period"]], calendar, dates, path, problems)
    frame["value"] = (
        read_numbers(raw, roles["value"], path, problems)
        if "value" in roles
        else _shares(raw, roles, 100.0 if per is None else per, path, problems)
    )
    frame["target"] = read_numbers(raw, roles["target"], path, problems) if "target" in roles else np.nan
    problems += _repeated(frame, calendar, path)
    if problems:
        raise DataError(problems)
    absent = frame.loc[frame["value"].isna(), ["indicator", "unit"]].itertuples(index=False, name=None)
    n_missing = dict(Counter((str(indicator), str(unit)) for indicator, unit in absent))
    frame = frame[frame["value"].notna()].sort_values(["indicator", "unit", "period"], kind="stable")
    if frame.empty:
        raise DataError([f"{path}: no row has a value"])
    names = ["indicator", "unit", "period", "value", "target"]
    return ChartSeries(frame[names].reset_index(drop=True), n_missing)


def _columns(raw: pd.DataFrame, columns: Mapping[str, str], path: Path) -> tuple[dict[str, str], list[str]]:
    """Return the columns by role; values may be left out where numerators and denominators are there."""
    optional = [replace(role, required=False) if role.name == "value" else role for role in ROLES]
    roles, problems = assign_columns(raw.columns, optional, columns, str(path))
    if "value" not in roles and not set(roles) >= COUNTS:
        return assign_columns(raw.columns, ROLES, columns, str(path))
    return roles, problems


def _shares(
    raw: pd.DataFrame, roles: Mapping[str, str], per: float, path: Path, problems: list[str]
) -> pd.Series[float]:
    """Return numerators per so many of their denominators."""
    numerators = read_numbers(raw, roles["numerator"], path, problems)
    denominators = read_numbers(raw, roles["denominator"], path, problems)
    nobody = denominators.le(0) & numerators.notna()
    problems += [
        f"{path}: row {row}, column {roles['denominator']!r}: {size:g} is no denominator; leave both blank"
        for row, size in denominators[nobody].items()
    ]
    return per * numerators / denominators.where(denominators.gt(0))


def _wanted(
    frame: pd.DataFrame, asked: Mapping[str, Sequence[str]], roles: Mapping[str, str], path: Path
) -> pd.Series[bool]:
    """Return the rows asked for; unknown names are refused all at once."""
    kept = pd.Series(data=True, index=frame.index)
    problems = []
    for role, names in asked.items():
        if not names:
            continue
        if role not in roles:
            problems.append(f"{path}: --{role} needs a column of them, and none is recognised as {role}")
            continue
        there = sorted(set(frame[role]))
        problems += [
            f"{path}: there is no {role} {name!r}; {nearest(name, there)}"
            for name in names
            if name not in there
        ]
        kept &= frame[role].isin(list(names))
    if problems:
        raise DataError(problems)
    return kept


def _ordinals(
    column: pd.Series, calendar: Calendar, dates: str, path: Path, problems: list[str]
) -> pd.Series[int]:
    texts = column.astype(str)
    ordinals, faults = calendar.parse_column(texts, dates)
    for row, text in texts.items():
        if text in faults:
            fault = re.sub(r"set `dates: (\w+)`", r"use --dates \1", faults[text])
            fault = fault.replace("`dates: mdy`", "mdy")
            problems.append(f"{path}: row {row}: {fault}")
    return pd.Series([ordinals.get(text, 0) for text in texts], index=column.index, dtype=np.int64)


def _repeated(frame: pd.DataFrame, calendar: Calendar, path: Path) -> list[str]:
    """Return a sentence for each period that stands more than once."""
    key = ["indicator", "unit", "period"]
    # a period that could not be read has been reported
    readable = frame[frame["period"].ne(0)]
    problems = []
    for _, rows in readable[readable.duplicated(key, keep=False)].groupby(key):
        indicator, unit, period = rows.iloc[0][key]
        named = ", ".join(str(part) for part in (indicator, unit) if part)
        places = ", ".join(str(row) for row in rows.index)
        when = calendar.format(int(period))
        problems.append(f"{path}: {named}, {when} stands in rows {places}; keep one")
    return problems
