"""Loading indicator tables into rows of one shape, by stratum, collecting every fault on the way."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec import Struct
from msgspec.structs import replace

from its_eval.calendar import MONTHS, Calendar, is_calendar_quarter
from its_eval.config.faults import show
from its_eval.config.outcomes import series_name
from its_eval.data.combine import combined, daily_findings
from its_eval.data.faults import NO_PERIOD, Faults, Finding
from its_eval.data.numbers import MISSING_MARKS, number_hint, to_numbers
from its_eval.data.shapes import NUMERIC, ORIGIN, shaped
from its_eval.data.tables import NO_FILE, Reading, normalise_name, read_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from its_eval.config import DataSettings, IndicatorTable
    from its_eval.data.frames import Read


#: Delimiters with a word of their own.
_DELIMITERS = {"tab": "\t"}


class IndicatorRows(Struct, frozen=True):
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
    notes : tuple of str
        Columns and rows of the tables that are not used, and how their periods were taken.
    percentages : frozenset of str
        Indicators that are said to be percentages, by `scale` or by the per cent signs of their cells.
    """

    frame: pd.DataFrame
    findings: tuple[Finding, ...]
    calendar: Calendar
    notes: tuple[str, ...] = ()
    percentages: frozenset[str] = frozenset()


def load_indicators(
    settings: DataSettings, only_unit: str | None = None, read: Read = read_table
) -> IndicatorRows:
    """Read every indicator table that the config names.

    Parameters
    ----------
    settings : DataSettings
        The tables and their calendar.
    only_unit : str or None
        The unit of tables without a column of units; None when there may be several.
    read : callable
        Gives the table of a path.

    Raises
    ------
    DataError
        When a file cannot be read or lacks a column. Faults of single cells are findings instead.
    """
    tables: list[_Loaded] = []
    faults = Faults()
    for table in settings.indicators:
        with faults.noted():
            tables.append(_load_table(table, settings.calendar, only_unit, read))
    hints = dict.fromkeys(hint for hint in faults.hints if hint != NO_FILE)
    faults.refuse("; ".join(hints) or "check the paths and columns under data.indicators")
    rows = pd.concat([table.frame for table in tables], ignore_index=True)
    order = ["indicator", "unit", "period", "stratum", "source_file", "source_row"]
    return IndicatorRows(
        rows.sort_values(order, kind="stable").reset_index(drop=True),
        tuple(finding for table in tables for finding in table.findings),
        settings.calendar,
        tuple(note for table in tables for note in table.notes),
        frozenset().union(*(table.percentages for table in tables)),
    )


class _Loaded(Struct, frozen=True):
    """One table: its rows, what is wrong with them, and what is to be said of it."""

    frame: pd.DataFrame
    findings: list[Finding]
    notes: tuple[str, ...]
    percentages: set[str]


def _load_table(table: IndicatorTable, calendar: Calendar, only_unit: str | None, read: Read) -> _Loaded:
    how = Reading(
        table.sheet,
        table.header_row,
        _DELIMITERS.get(table.delimiter, table.delimiter),
        table.encoding,
        keyed=True,
    )
    shape = shaped(read(table.path, how), table, calendar, only_unit)
    raw = shape.frame
    findings = _blank_codes(raw)
    raw["period_text"] = raw["period"].astype(str).str.strip()
    raw["period"] = _ordinals(raw, table, calendar, findings)
    signs = False
    for name in NUMERIC:
        if name not in raw:
            raw[name] = np.nan
            continue
        cells = raw[name]
        if name == "value":
            cells, signs = _without_signs(cells)
        values, faulty = to_numbers(cells, table.decimal)
        column = shape.columns.get(name)
        findings += _cell_findings(raw, name, column, faulty, calendar, table.decimal)
        raw[name] = values
    if table.scale == "proportion":
        findings += _no_proportions(raw, signs=signs)
        raw["value"] = 100.0 * raw["value"]
    findings += _spellings(raw)
    notes = [*shape.notes, *_calendar_quarters(raw, table, calendar)]
    if table.combine is not None:
        raw, more = combined(raw, table.combine, table.dates, calendar)
        findings += more
    else:
        findings += daily_findings(raw, table.dates, calendar)
    stated = set(raw["indicator"].unique()) if signs or table.scale is not None else set()
    return _Loaded(
        raw[["indicator", "unit", "period", *NUMERIC, "stratum", *ORIGIN]], findings, tuple(notes), stated
    )


def _without_signs(cells: pd.Series) -> tuple[pd.Series, bool]:
    """Return cells without per cent signs where all have one; where only some do, these are faults."""
    if pd.api.types.is_numeric_dtype(cells):
        return cells, False
    text = cells.astype(str).str.strip()
    filled = ~text.isin(MISSING_MARKS)
    signs = bool(filled.any() and text[filled].str.endswith("%").all())
    return (text.str.rstrip("%") if signs else cells), signs


def _no_proportions(raw: pd.DataFrame, *, signs: bool) -> Iterator[Finding]:
    """Yield each value that is no proportion, where the config says that all are."""
    value = raw["value"].to_numpy(dtype=np.float64)
    for row in raw[(value < 0) | (value > 1)].itertuples():
        number = f"{float(str(row.value)):g}{' %' if signs else ''}"
        message = f"{place_of(row)}: {number} is no proportion from 0 to 1; leave `scale` out for percentages"
        yield Finding(_series(row), str(row.unit), "no_proportion", "", number, "error", message)


def _calendar_quarters(raw: pd.DataFrame, table: IndicatorTable, calendar: Calendar) -> Iterator[str]:
    """Yield once that quarters by number are those of the calendar, where financial ones would look alike."""
    if calendar.frequency != "quarter" or table.dates == "financial":
        return
    known = raw.loc[raw["period"].ne(NO_PERIOD), ["period_text", "period"]].drop_duplicates()
    for text, ordinal in known.itertuples(index=False):
        if is_calendar_quarter(text):
            first = MONTHS.containing(calendar.first_day(ordinal))
            months = f"{MONTHS.describe(first).split()[0]} to {MONTHS.describe(first + 2)}"
            said = f"{text} is {months}; `dates: financial` reads years from April"
            yield f"{table.path.name}: quarters are those of the calendar: {said}"
            return


def _spellings(raw: pd.DataFrame) -> Iterator[Finding]:
    """Yield the units that differ in case or spaces alone and follow one another: one unit, twice named.

    Units with rows in the same periods are two, whatever they are called.
    """
    codes = raw["unit"].unique()
    by_key: dict[str, list[str]] = {}
    for code in codes:
        by_key.setdefault(normalise_name(code), []).append(code)
    for spellings in by_key.values():
        if len(spellings) < 2:
            continue
        own = raw[raw["unit"].isin(spellings)]
        for (indicator, stratum), rows in own.groupby(["indicator", "stratum"], sort=True):
            periods = {code: set(part["period"]) for code, part in rows.groupby("unit", sort=True)}
            shared = set.intersection(*periods.values()) if len(periods) > 1 else {NO_PERIOD}
            if len(periods) < 2 or 2 * len(shared) > min(map(len, periods.values())):
                continue
            named = " and ".join(show(code) for code in periods)
            message = (
                f"{rows['source_file'].iloc[0]}: {indicator}: the units {named} differ in case or spaces "
                "alone, and each has its own part of the series; write one of them throughout"
            )
            series = series_name(str(indicator), str(stratum))
            for code in periods:
                yield Finding(series, str(code), "spelling_changes", "", str(code), "error", message)


def place_of(row: Any) -> str:
    """Return in words where a row of the frame comes from: file, sheet if there is one, and row."""
    sheet = f", sheet {row.source_sheet!r}" if row.source_sheet else ""
    return f"{row.source_file}{sheet} row {row.source_row}"


def _series(row: Any) -> str:
    """Return the name of the series that a row belongs to: a stratum is apart from everybody."""
    return series_name(str(row.indicator), str(row.stratum))


def _ordinals(
    raw: pd.DataFrame, table: IndicatorTable, calendar: Calendar, findings: list[Finding]
) -> pd.Series[int]:
    ordinals, faults = calendar.parse_column(raw["period_text"].unique(), table.dates)
    ordinals |= dict.fromkeys(faults, NO_PERIOD)
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
    decimal: str,
) -> Sequence[Finding]:
    """Return a finding for each faulty cell; without a `column` of the file it is that of the unit."""
    findings = []
    for row, text in zip(raw[faulty].itertuples(), raw.loc[faulty, name].astype(str), strict=True):
        ordinal = int(str(row.period))
        period = "" if ordinal == NO_PERIOD else calendar.format(ordinal)
        place = f"{place_of(row)}, column {column or str(row.unit)!r}"
        message = f"{place}: {show(text)} is not a number; {number_hint(text, decimal, keyed=True)}"
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
