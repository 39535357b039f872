"""Loading indicator tables into rows of one shape, by stratum, collecting every fault on the way."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.calendar import Calendar
from its_eval.config.faults import show
from its_eval.config.outcomes import series_name
from its_eval.data.faults import Finding
from its_eval.data.tables import (
    find_column,
    normalise_name,
    number_hint,
    read_table,
    require_distinct,
    to_numbers,
)
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from its_eval.config import DataSettings, IndicatorTable


#: Ordinal of a row whose period could not be read.
NO_PERIOD = -(10**9)
_NUMERIC = ("value", "numerator", "denominator")
#: Columns that say where a row comes from.
ORIGIN = ("source_file", "source_sheet", "source_row")


@dataclass(frozen=True)
class IndicatorRows:
    """All rows of all indicator tables.

    Attributes
    ----------
    frame : DataFrame
        Columns indicator, unit (text), period (ordinal, `NO_PERIOD` when unreadable), value, numerator,
        denominator (float, NaN when missing), stratum (text, empty without strata), source_file,
        source_sheet (empty when not known), source_row; sorted by indicator, unit, period, stratum. A table
        that was imported says itself where its values come from: then these are the publisher's file, sheet
        and row.
    findings : tuple of Finding
        What was wrong in single cells.
    calendar : Calendar
        What the ordinals count.
    """

    frame: pd.DataFrame
    findings: tuple[Finding, ...]
    calendar: Calendar


def load_indicators(settings: DataSettings) -> IndicatorRows:
    """Read every indicator table that the config names.

    Raises
    ------
    DataError
        When a file cannot be read or lacks a column. Faults of single cells are findings instead.
    """
    frames: list[pd.DataFrame] = []
    findings: list[Finding] = []
    problems: list[str] = []
    for table in settings.indicators:
        try:
            frame, faults_of_cells = _load_table(table, settings.calendar)
        except DataError as error:
            problems += error.problems
            continue
        frames.append(frame)
        findings += faults_of_cells
    if problems:
        raise DataError(problems, "check the paths and columns under data.indicators")
    rows = pd.concat(frames, ignore_index=True)
    order = ["indicator", "unit", "period", "stratum", "source_file", "source_row"]
    rows = rows.sort_values(order, kind="stable")
    return IndicatorRows(rows.reset_index(drop=True), tuple(findings), settings.calendar)


def _load_table(table: IndicatorTable, calendar: Calendar) -> tuple[pd.DataFrame, list[Finding]]:
    raw = read_table(table.path)
    raw = _melted(raw, table) if table.layout == "wide" else _long(raw, table)
    findings = _blank_codes(raw)
    raw["period_text"] = raw["period"].astype(str).str.strip()
    raw["period"] = _ordinals(raw, table, calendar, findings)
    for name in _NUMERIC:
        if name not in raw:
            raw[name] = np.nan
            continue
        values, faulty = to_numbers(raw[name])
        column = table.columns.get(name, name) if table.layout == "long" else None
        findings += _cell_findings(raw, name, column, faulty, calendar)
        raw[name] = values
    return raw[["indicator", "unit", "period", *_NUMERIC, "stratum", *ORIGIN]], findings


def place_of(row: Any) -> str:
    """Return in words where a row of the frame comes from: file, sheet if there is one, and row."""
    sheet = f", sheet {row.source_sheet!r}" if row.source_sheet else ""
    return f"{row.source_file}{sheet} row {row.source_row}"


def _series(row: Any) -> str:
    """Return the name of the series that a row belongs to: a stratum is apart from everybody."""
    return series_name(str(row.indicator), *filter(None, [str(row.stratum)]))


def _long(raw: pd.DataFrame, table: IndicatorTable) -> pd.DataFrame:
    columns = table.columns
    present = {normalise_name(str(name)) for name in raw.columns}
    names = ["unit", "period", *([] if table.indicator is not None else ["indicator"])]
    # an unmapped tidy column is used when it is there; a mapped one has to be
    optional = (*_NUMERIC, "stratum")
    names += [name for name in optional if name in columns or name in present]
    if "value" not in names and not {"numerator", "denominator"} <= set(names):
        names.append("value")
    columns_there = _found_columns(raw, {name: columns.get(name, name) for name in names}, str(table.path))
    out = pd.DataFrame({name: raw[column] for name, column in columns_there.items()}, index=raw.index)
    if table.indicator is not None:
        out["indicator"] = table.indicator
    if "stratum" not in out:
        out["stratum"] = ""
    for name in ("unit", "indicator", "stratum"):
        out[name] = out[name].astype(str).str.strip()
    return out.assign(**_origin(raw, table))


def _found_columns(raw: pd.DataFrame, named: dict[str, str], where: str) -> dict[str, str]:
    """Return the columns by what they are for; all that are not there are refused at once."""
    matched: dict[str, str] = {}
    problems: list[str] = []
    for name, column in named.items():
        try:
            matched[name] = find_column(raw, column, where)
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(problems)
    return matched


def _origin(raw: pd.DataFrame, table: IndicatorTable) -> dict[str, pd.Series]:
    """Return where each row comes from: what the table itself says, else its own file and row."""
    own = {
        "source_file": pd.Series(table.path.name, index=raw.index),
        "source_sheet": pd.Series("", index=raw.index),
        "source_row": pd.Series(raw.index, index=raw.index),
    }
    if not set(ORIGIN) <= set(map(str, raw.columns)):
        return own
    rows, _ = to_numbers(raw["source_row"])
    said = raw["source_file"].ne("") & ~np.isnan(rows)
    given = {**{name: raw[name] for name in ORIGIN[:2]}, "source_row": pd.Series(rows, index=raw.index)}
    return {name: given[name].where(said, own[name]) for name in ORIGIN[:2]} | {
        "source_row": given["source_row"].where(said, own["source_row"]).astype(int)
    }


def _melted(raw: pd.DataFrame, table: IndicatorTable) -> pd.DataFrame:
    """Return a wide table (a period column, then a column a unit) as rows."""
    period = find_column(raw, table.columns.get("period", "period"), str(table.path))
    require_distinct(raw.columns, str(table.path))
    units = [name for name in raw.columns if name != period]
    long = raw.reset_index(names="source_row").melt(
        id_vars=["source_row", period], value_vars=units, var_name="unit", value_name="value"
    )
    long = long.rename(columns={period: "period"})
    long["unit"] = long["unit"].astype(str).str.strip()
    long["indicator"] = table.indicator
    return long.assign(stratum="", source_file=table.path.name, source_sheet="")


def _ordinals(
    raw: pd.DataFrame, table: IndicatorTable, calendar: Calendar, findings: list[Finding]
) -> pd.Series[int]:
    ordinals: dict[str, int] = {}
    faults: dict[str, str] = {}
    for text in raw["period_text"].unique():
        try:
            ordinals[text] = calendar.parse(text, table.dates)
        except ValueError as error:
            ordinals[text] = NO_PERIOD
            faults[text] = str(error)
    faulty = raw[raw["period_text"].isin(list(faults))]
    for row in faulty.itertuples():
        message = f"{place_of(row)}: {faults[str(row.period_text)]}"
        unit, text = str(row.unit), str(row.period_text)
        findings.append(Finding(_series(row), unit, "unreadable_period", "", text, "error", message))
    return raw["period_text"].map(ordinals).astype(int)


def _blank_codes(raw: pd.DataFrame) -> list[Finding]:
    """Return the rows that say nothing about which unit or indicator they belong to; no run can use them."""
    findings = []
    for name in ("unit", "indicator"):
        for row in raw[raw[name].eq("")].itertuples():
            message = f"{place_of(row)}: the {name} is blank; the row is not used"
            findings.append(Finding(_series(row), str(row.unit), f"blank_{name}", "", "", "warning", message))
    return findings


def _cell_findings(
    raw: pd.DataFrame,
    name: str,
    column: str | None,
    faulty: np.ndarray[tuple[int], np.dtype[np.bool_]],
    calendar: Calendar,
) -> Sequence[Finding]:
    """Return a finding for each faulty cell; without a `column` of the file it is that of the unit."""
    findings = []
    for row, text in zip(raw[faulty].itertuples(), raw.loc[faulty, name].astype(str), strict=True):
        ordinal = int(str(row.period))
        period = "" if ordinal == NO_PERIOD else calendar.format(ordinal)
        place = f"{place_of(row)}, column {column or str(row.unit)!r}"
        message = f"{place}: {show(text)} is not a number; {number_hint(text)}"
        findings.append(Finding(_series(row), str(row.unit), "not_a_number", period, text, "error", message))
    return findings


def by_stratum(rows: IndicatorRows, stratified: Collection[str]) -> IndicatorRows:
    """Return the rows with every stratum under a name of its own and the column ``stratum`` blank.

    Parameters
    ----------
    rows : IndicatorRows
        As loaded.
    stratified : collection of str
        Indicators of which the config names strata.

    Notes
    -----
    Rows without a stratum are those of everybody. An indicator all of whose rows are in one and the same
    stratum keeps its name unless the config names strata of it: a table cut down to one group, such as a
    publisher's "all staff", is about that group.
    """
    frame = rows.frame
    if frame["stratum"].eq("").all():
        return rows
    pairs = frame[["indicator", "stratum"]].drop_duplicates()
    alone = pairs.groupby("indicator")["stratum"].size().eq(1)
    names = {
        (indicator, stratum): indicator
        if alone[indicator] and indicator not in stratified
        else series_name(indicator, stratum)
        for indicator, stratum in pairs.itertuples(index=False, name=None)
    }
    keys = zip(frame["indicator"], frame["stratum"], strict=True)
    renamed = frame.assign(indicator=[names[key] for key in keys], stratum="")
    order = ["indicator", "unit", "period", "source_file", "source_row"]
    kept = {series_name(*pair): name for pair, name in names.items()}
    findings = tuple(
        replace(finding, indicator=kept.get(finding.indicator, finding.indicator))
        for finding in rows.findings
    )
    return replace(
        rows, frame=renamed.sort_values(order, kind="stable").reset_index(drop=True), findings=findings
    )


def strata_hint(rows: IndicatorRows, indicator: str) -> str:
    """Return what to do about an indicator that has rows of strata and none of everybody; blank else."""
    start = f"{indicator} ["
    series = sorted({name for name in rows.frame["indicator"] if name.startswith(start)})
    if not series:
        return ""
    strata = ", ".join(name.removeprefix(start).removesuffix("]") for name in series)
    return f"it has no rows of all strata together; name some of its strata ({strata}) under `strata`"
