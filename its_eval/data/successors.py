"""Units that opened, closed, merged or were renamed: their lifetimes, and old codes counted as new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec import Struct, field
from msgspec.structs import replace

from its_eval.data.faults import NO_PERIOD, Finding
from its_eval.data.load import IndicatorRows
from its_eval.data.numbers import BLANK_MARKS, MISSING_MARKS
from its_eval.errors import DataError

if TYPE_CHECKING:
    from its_eval.calendar import Calendar
    from its_eval.data.attributes import Units

#: Kind of an indicator that is used as a covariate: its unit is not known, so its values are averaged.
COVARIATE = "covariate"
#: Findings: rows of several codes that count as one unit, and those that cannot be added up.
COMBINED, NOT_COMBINED = "combined", "not_combined"
_SERIES = ["indicator", "unit", "stratum"]
_HINT = (
    "give the numerator and denominator of each row, or set `data.units.mergers: set_aside` to leave out "
    "units that merged"
)


class Lifetimes(Struct, frozen=True):
    """When units existed, and who went on as whom.

    Attributes
    ----------
    opened, closed : mapping of str to int
        Ordinal of the first period of a unit, and of the one in which it closed; a unit that is not named
        always existed, or still does.
    successors : mapping of str to str
        Old code to the code that goes on in the end.
    """

    opened: Mapping[str, int] = field(default_factory=dict)
    closed: Mapping[str, int] = field(default_factory=dict)
    successors: Mapping[str, str] = field(default_factory=dict)


def lifetimes_of(units: Units, calendar: Calendar, where: str) -> Lifetimes:
    """Read the columns ``opened``, ``closed`` and ``successor`` of a units table, those that it has.

    Parameters
    ----------
    units : Units
        The table.
    calendar : Calendar
        Of the ordinals; dates are of its frequency or of a day.
    where : str
        Name of the table for messages.

    Raises
    ------
    DataError
        For dates that cannot be read, a unit that closes before it opens, and successors in a circle.
    """
    problems: list[str] = []
    dates: dict[str, dict[str, int]] = {"opened": {}, "closed": {}}
    for name, ordinals in dates.items():
        for unit, text in (units.column(name) or {}).items():
            if text in MISSING_MARKS:
                continue
            try:
                ordinals[unit] = calendar.parse(text)
            except ValueError as error:
                problems.append(f"{where}: unit {unit}, {name}: {error}")
    for unit, closed in dates["closed"].items():
        if closed < dates["opened"].get(unit, closed):
            problems.append(f"{where}: unit {unit} closed before it opened")
    successors, circles = _last_successors(units)
    problems += [f"{where}: unit {unit}: its successors lead round in a circle" for unit in circles]
    if problems:
        raise DataError(problems, "opened and closed are periods such as 2017-10; successor is a unit code")
    return Lifetimes(dates["opened"], dates["closed"], successors)


def _last_successors(units: Units) -> tuple[dict[str, str], list[str]]:
    """Return who goes on in the end for each unit with a successor, and the units for whom nobody does."""
    column = units.column("successor") or {}
    direct = {unit: heir for unit, heir in column.items() if heir not in BLANK_MARKS and heir != unit}
    successors: dict[str, str] = {}
    circles = []
    for unit in direct:
        passed = [unit]
        while passed[-1] in direct and len(passed) <= len(direct):
            passed.append(direct[passed[-1]])
        if passed[-1] in direct:
            circles.append(unit)
        successors[unit] = passed[-1]
    return successors, circles


def combine_successors(
    rows: IndicatorRows,
    successors: Mapping[str, str],
    kinds: Mapping[str, tuple[str, float]],
    changes: Sequence[tuple[str, str, int]] | None = None,
) -> IndicatorRows:
    """Count the rows of old codes as those of the units that go on.

    A renamed unit changes its code alone. Where several units become one, counts, numerators and denominators
    are added up period by period, and percentages and rates made anew from the sums. A period in which one of
    them is missing between its own first and last period is missing: a sum over the others would be a jump.
    Where it is known when they became one, a member with rows is missing in every period until then.

    Parameters
    ----------
    rows : IndicatorRows
        As loaded.
    successors : mapping of str to str
        Old code to the code that goes on in the end.
    kinds : mapping of str to (str, float)
        By indicator: ``percentage``, ``rate``, ``count``, ``number`` or ``covariate`` (averaged by its
        denominators), and what the ratio is multiplied by (100 for a percentage, `per` for a rate).
        Indicators not named are not used and stay as they are.
    changes : sequence of (str, str, int), optional
        Old code, new code and the period in which it happened. With them what cannot be added up has no
        values and is a finding, where it is an error otherwise.

    Returns
    -------
    IndicatorRows
        Same columns and order; a row that was added up says where its first part comes from.

    Raises
    ------
    DataError
        When percentages or rates without denominators, or plain numbers, would have to be averaged, and no
        `changes` are given.
    """
    frame = rows.frame
    used = frame["indicator"].isin(list(kinds))
    new = frame["unit"].map(dict(successors)).fillna(frame["unit"]).where(used, frame["unit"])
    moved = frame.assign(old=frame["unit"], unit=new)
    members = moved.groupby(_SERIES)["old"].transform("nunique")
    joined = used & members.gt(1) & moved["period"].ne(NO_PERIOD)
    # two rows of one unit for one period are a fault that is told elsewhere, and must not be added up
    keys = ["indicator", "unit", "stratum", "period"]
    repeated = moved.duplicated([*keys, "old"], keep=False)
    joined &= ~repeated.groupby([moved[key] for key in keys]).transform("any")
    parts = [moved[~joined].drop(columns="old")]
    problems: list[str] = []
    findings = [_renamed(finding, successors, kinds) for finding in rows.findings]
    for (indicator, unit, _), series in moved[joined].groupby(_SERIES, sort=True):
        kind, factor = kinds[str(indicator)]
        added, faults, gaps = _add_up(series, kind, factor, changes)
        parts.append(added)
        old = ", ".join(sorted(set(series["old"])))
        where = f"{indicator}: {old} counted as {unit}"
        others = ", ".join(sorted(set(series["old"]) - {unit}))
        if faults:
            periods = [rows.calendar.format(period) for period in faults]
            problem = f"{where}: {_in_words(kind)} in {_span(periods)}"
            if changes is not None:
                added[["value", "numerator", "denominator"]] = np.nan
                message = f"{problem}; it is left out"
                findings.append(
                    Finding(str(indicator), str(unit), NOT_COMBINED, "", others, "warning", message)
                )
                continue
            problems.append(problem)
        findings.append(Finding(str(indicator), str(unit), COMBINED, "", others, "info", where))
        for period in map(rows.calendar.format, gaps):
            message = f"{where}: {period} is missing, as not all of them have a value"
            findings.append(
                Finding(str(indicator), str(unit), "combined_incomplete", period, "", "warning", message)
            )
    if problems:
        raise DataError(problems, _HINT)
    order = ["indicator", "unit", "period", "stratum", "source_file", "source_row"]
    whole = pd.concat(parts, ignore_index=True)[list(frame.columns)].sort_values(order, kind="stable")
    return replace(rows, frame=whole.reset_index(drop=True), findings=tuple(findings))


def _add_up(
    series: pd.DataFrame, kind: str, factor: float, changes: Sequence[tuple[str, str, int]] | None
) -> tuple[pd.DataFrame, list[int], list[int]]:
    """Return one row a period, the periods that cannot be added up, and those with a part missing."""
    value, numerator, denominator = (
        series[name].to_numpy(dtype=np.float64) for name in ("value", "numerator", "denominator")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        made = numerator if kind == "count" else factor * numerator / denominator
    value = np.where(np.isnan(value) & (kind != COVARIATE), made, value)
    # nothing out of nothing is no value, but it is nothing to add either
    usable = np.isfinite(value) | (denominator == 0)
    series = series.assign(known=usable, part=np.where(np.isfinite(value), value, 0.0))
    lasting = series[usable].groupby("old")["period"].agg(["min", "max"])
    if changes is not None:
        lasting = _members(lasting, changes)
    added, faults, gaps = [], [], []
    for period, rows in series.groupby("period", sort=True):
        parts = rows[rows["known"]]
        expected = lasting.index[(lasting["min"] <= period) & (period <= lasting["max"])]
        row: dict[Any, Any] = (rows if parts.empty else parts).iloc[0].to_dict()
        if parts.empty or len(expected) > len(parts):
            row |= dict.fromkeys(("value", "numerator", "denominator"), np.nan)
            if len(expected) > 1:
                gaps.append(int(str(period)))
        elif len(parts) > 1:
            if kind == "number" or (kind != "count" and parts["denominator"].isna().any()):
                faults.append(int(str(period)))
            row |= _summed(parts, kind, factor)
        added.append(row)
    return pd.DataFrame(added).drop(columns=["old", "known", "part"]), faults, gaps


def _members(lasting: pd.DataFrame, changes: Sequence[tuple[str, str, int]]) -> pd.DataFrame:
    """Return from when to when each code is a member, from the first and last periods of their values.

    One that was there before anything became part of it has always been; one that began with a merger is a
    member from its own first period.
    """
    ends = {old: period for old, _, period in reversed(changes)}
    begins = {new: period for _, new, period in reversed(changes)}
    frame = lasting.copy()
    for old, first, last in lasting.itertuples():
        if first < begins.get(old, np.inf):
            frame.loc[old, "min"] = NO_PERIOD
        frame.loc[old, "max"] = max(last, ends[old] - 1) if old in ends else np.iinfo(np.int64).max
    return frame


def _summed(parts: pd.DataFrame, kind: str, factor: float) -> dict[str, float]:
    """Return the value of several units together; a sum with an unknown part is NaN."""
    total = float(parts["denominator"].sum(skipna=False))
    counted = float(parts["numerator"].sum(skipna=False))
    if kind == "count":
        value = float(parts["part"].sum())
    elif not total > 0:
        value = float("nan")
    elif np.isnan(counted) or kind == COVARIATE:
        value = float((parts["part"] * parts["denominator"]).sum()) / total
    else:
        value = factor * counted / total
    return {"value": value, "numerator": counted, "denominator": total}


def _in_words(kind: str) -> str:
    if kind == "number":
        return "numbers cannot be added up or averaged without knowing what they count"
    return f"a {kind} without its denominator cannot be averaged"


def _span(periods: list[str]) -> str:
    return periods[0] if len(periods) == 1 else f"{periods[0]} to {periods[-1]} ({len(periods)} periods)"


def _renamed(
    finding: Finding, successors: Mapping[str, str], kinds: Mapping[str, tuple[str, float]]
) -> Finding:
    """Return a finding under the code that goes on."""
    if finding.indicator not in kinds:
        return finding
    return replace(finding, unit=successors.get(finding.unit, finding.unit))
