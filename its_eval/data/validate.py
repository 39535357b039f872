"""Judging the loaded rows: which findings concern this run, and which of them stop it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.config.outcomes import listed_as
from its_eval.data.faults import NO_PERIOD, Finding, Severity
from its_eval.data.load import IndicatorRows, place_of
from its_eval.data.panel import factor_of, indicator_arrays

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from its_eval.calendar import Calendar
    from its_eval.config import Outcome
    from its_eval.data.panel import IndicatorArrays, Panel

#: A span that holds every period as ISO text, for `concerns_run`.
ALL_PERIODS = ("", "~")
#: What rounding of double precision may add to a number, with room.
_RELATIVE = 1e-12
#: Fewer values of a series do not show how far apart they are.
_FEWEST_SPARSE = 5
#: Coarser frequencies by frequency: every how many periods, in words, and the name.
_COARSER = {
    "month": ((12, "twelfth month", "year"), (3, "third month", "quarter")),
    "quarter": ((4, "fourth quarter", "year"),),
}
#: So many rows of one unit and period are named; a table may repeat a row a million times.
SHOWN_DUPLICATES = 5


def row_findings(rows: IndicatorRows, outcome: Outcome) -> list[Finding]:
    """Return duplicates and impossible values of one indicator, and series of another frequency or scale."""
    own = partial(_finding, outcome)
    frame = rows.frame
    frame = frame[frame["indicator"].eq(outcome.indicator) & frame["period"].ne(NO_PERIOD)]
    arrays, units = indicator_arrays(frame)
    findings = [
        own(fault.check, fault.unit, "", fault.found, "error", fault.message)
        for fault in impossible_series(arrays, units, outcome, rows.calendar, rows.percentages)
    ]
    frame = frame.assign(value=arrays.values(outcome))
    # said of such a series already
    daily = {
        item.unit for item in rows.findings if item.check == "several_days" and item.indicator == outcome.name
    }
    duplicated = frame.duplicated(["unit", "period", "stratum"], keep=False) & ~frame["unit"].isin(daily)
    for key, group in frame[duplicated].groupby(["unit", "period"], sort=True):
        unit, ordinal = map(str, key)
        few = group.head(SHOWN_DUPLICATES)
        more = f", … {len(group) - len(few)} more" if len(group) > len(few) else ""
        places = ", ".join(place_of(row) for row in few.itertuples()) + more
        period = rows.calendar.format(int(ordinal))
        values = "; ".join(str(value) for value in few["value"]) + ("; …" if more else "")
        message = f"{outcome.indicator}, {unit}, {period} stands {len(group)} times ({places})"
        numbers = group[["value", "numerator", "denominator"]]
        if len(numbers.drop_duplicates()) == 1:
            message += ": duplicated rows; keep one row"
        else:
            message += " with different values; keep one row, or set `combine: sum` or `mean`"
        findings.append(own("duplicate_period", unit, period, values, "error", message))
    faults = list(impossible_values(arrays, outcome))
    for fault, row in zip(faults, frame.iloc[[fault.row for fault in faults]].itertuples(), strict=True):
        unit, period = str(row.unit), rows.calendar.format(int(str(row.period)))
        message = f"{place_of(row)}: {fault.message(outcome.indicator, unit, period)}"
        findings.append(own(fault.check, unit, period, fault.found, "error", message))
    return findings


def _finding(
    outcome: Outcome, check: str, unit: str, period: str, value: str, severity: Severity, message: str
) -> Finding:
    return Finding(outcome.indicator, unit, check, period, value, severity, message)


def unused_denominators(rows: IndicatorRows, outcome: Outcome) -> str:
    """Return that numerators are analysed as they stand, where they have denominators; nothing else."""
    frame = rows.frame[rows.frame["indicator"].eq(outcome.indicator)]
    parts = frame["value"].isna() & frame["numerator"].notna() & frame["denominator"].notna()
    if outcome.kind != "number" or not parts.any():
        return ""
    return (
        f"{outcome.indicator}: there are no values, so numerators are analysed and denominators not used; "
        "`kind: percentage`, or `kind: rate` with `per`, divides them"
    )


class ImpossibleSeries(Struct, frozen=True):
    """A series that is no such outcome, or has other periods.

    Attributes
    ----------
    unit, check, found : str
        Of whom, what is wrong as a fixed word, and what it was told by.
    message : str
        What is wrong, and what to do.
    """

    unit: str
    check: str
    found: str
    message: str


def impossible_series(
    rows: IndicatorArrays,
    units: Sequence[str],
    outcome: Outcome,
    calendar: Calendar,
    percentages: Collection[str],
) -> Iterator[ImpossibleSeries]:
    """Yield the series with a value in every third or twelfth month alone, and those that are proportions.

    Parameters
    ----------
    rows : IndicatorArrays
        Of one indicator.
    units : sequence of str
        By place.
    outcome : Outcome
        What its values are said to be.
    calendar : Calendar
        Of the ordinals.
    percentages : collection of str
        Indicators that are said to be percentages.
    """
    yield from _sparse(rows, units, outcome, calendar)
    if outcome.kind != "percentage" or rows.value is None:
        return
    written = rows.value
    if rows.numerator is not None and rows.denominator is not None:
        # values that their parts confirm are what they are
        written = np.where(np.isnan(rows.numerator) | np.isnan(rows.denominator), written, np.nan)
    largest = np.fmax.reduce(written, initial=np.nan)
    if not 0 < largest <= 1 or {listed_as(outcome), outcome.name} & set(percentages):
        return
    message = (
        f"{outcome.indicator}: no value is above 1: these look like proportions; "
        "set `scale: proportion`, or multiply by 100 "
        "(`scale: percent` where they are percentages as they stand)"
    )
    for place in np.unique(rows.unit).tolist():
        yield ImpossibleSeries(units[place], "looks_like_proportions", "", message)


def _sparse(
    rows: IndicatorArrays, units: Sequence[str], outcome: Outcome, calendar: Calendar
) -> Iterator[ImpossibleSeries]:
    """Yield the units that have a value in every third or twelfth month, or every fourth quarter, alone."""
    known = ~np.isnan(rows.values(outcome))
    unit_of, period = rows.unit[known], rows.period[known]
    order = np.lexsort((period, unit_of))
    unit_of, period = unit_of[order], period[order]
    starts = np.flatnonzero(np.diff(unit_of, prepend=-1))
    if not len(starts):
        return
    # the greatest common divisor with 0, at the first period of a unit, is the other number
    apart = np.diff(period, prepend=0)
    apart[starts] = 0
    steps, counts = np.gcd.reduceat(apart, starts), np.diff(starts, append=len(period))
    for place in np.flatnonzero((steps > 1) & (counts >= _FEWEST_SPARSE)).tolist():
        unit, step = units[unit_of[starts[place]]], int(steps[place])
        for every, word, frequency in _COARSER.get(calendar.frequency, ()):
            if step % every == 0:
                message = (
                    f"{outcome.indicator}, {unit} has a value every {word}: set `frequency: {frequency}`"
                )
                yield ImpossibleSeries(unit, "coarser_frequency", str(step), message)
                break


class ImpossibleValue(Struct, frozen=True):
    """A number that no such outcome can have, or that its own parts contradict.

    Attributes
    ----------
    row : int
        Its row, counted from 0.
    check, found, said : str
        What is wrong, as a fixed word; what stands there; and what is wrong in words.
    """

    row: int
    check: str
    found: str
    said: str

    def message(self, indicator: str, unit: str, period: str) -> str:
        """Return what is wrong, with the series and the period."""
        return f"{indicator}, {unit}, {period}: {self.said}"


def impossible_values(rows: IndicatorArrays, outcome: Outcome) -> Iterator[ImpossibleValue]:
    """Yield every number of some rows that such an outcome cannot have, check by check."""
    value, denominator = rows.values(outcome), rows.denominator
    checks = []
    if outcome.kind == "percentage":
        reason = "a percentage lies between 0 and 100"
        checks.append(("impossible_percentage", (value < 0) | (value > 100.0), "value", value, reason))
    if outcome.kind in ("count", "rate"):
        reason = f"a {outcome.kind} cannot be negative"
        checks.append(("negative_value", value < 0, "value", value, reason))
    if denominator is not None:
        reason = "it cannot be negative"
        checks.append(("negative_denominator", denominator < 0, "denominator", denominator, reason))
        # a count of nobody is missing; a share of nobody is a slip
        nobody = (denominator == 0) & ~np.isnan(value) & (outcome.kind in ("percentage", "rate"))
        reason = "a value of nobody; leave the value blank where there was nobody to count"
        checks.append(("zero_denominator", nobody, "denominator", denominator, reason))
    for check, faulty, column, numbers, reason in checks:
        for row in np.flatnonzero(faulty).tolist():
            number = float(numbers[row])
            yield ImpossibleValue(row, check, str(number), f"{column} {number}: {reason}")
    yield from _contradictions(rows, outcome)


def _contradictions(rows: IndicatorArrays, outcome: Outcome) -> Iterator[ImpossibleValue]:
    """Yield each value that is not what its numerator and denominator make.

    A value may be rounded to the decimals with which the column is written, and its parts to multiples of 5
    where all are.
    """
    if outcome.kind not in ("percentage", "rate"):
        return
    if rows.value is None or rows.numerator is None or rows.denominator is None:
        return
    value, made = rows.value, replace(rows, value=None).values(outcome)
    known = ~np.isnan(value) & ~np.isnan(made)
    if not known.any():
        return
    parts = np.concatenate([rows.numerator[known], rows.denominator[known]])
    rounded = 2.5 if (parts % 5 == 0).all() else 0.0
    factor = factor_of(outcome)
    with np.errstate(divide="ignore", invalid="ignore"):
        slack = factor * rounded * (1 + made / factor) / rows.denominator
    slack += 10.0 ** -_decimals(value[known]) + _RELATIVE * np.abs(made)
    for row in np.flatnonzero(known & (np.abs(value - made) > slack)).tolist():
        found = f"{value[row]:.10g}"
        said = (
            f"value {found} is not what numerator and denominator make, {made[row]:.4g}; "
            "correct them, or leave one of the two out"
        )
        yield ImpossibleValue(row, "contradicts_parts", found, said)


def _decimals(values: NDArray[np.float64]) -> int:
    """Return with how many decimals numbers are written, at most 9."""
    return next((n for n in range(9) if np.allclose(np.round(values, n), values, rtol=0, atol=1e-12)), 9)


def missing_findings(
    panel: Panel,
    outcome: Outcome,
    units: Collection[str],
    *,
    gaps_are_errors: bool,
    treated: Collection[str],
    unused: Mapping[str, Collection[int]],
) -> list[Finding]:
    """Return the gaps of the units that the run may use, one finding a unit.

    Under ``missing: error`` a gap in a treated unit is an error; a donor with a gap is only not eligible, and
    a gap where nothing is used (`unused`: periods by unit, counted from 0) harms nobody.
    """
    own = partial(_finding, outcome)
    findings = []
    labels = panel.periods
    for unit in sorted(set(units) & set(panel.units)):
        series, column = f"{outcome.indicator}, {unit}", panel.column(unit)
        small = panel.small_denominator[:, column]
        gaps = np.flatnonzero(np.isnan(panel.values[:, column]) & ~small)
        if len(gaps):
            periods = ", ".join(labels[index] for index in gaps[:6]) + (", …" if len(gaps) > 6 else "")
            fatal = gaps_are_errors and unit in treated and not set(gaps) <= set(unused.get(unit, ()))
            message = f"{series}: {len(gaps)} of {panel.n_periods} periods missing: {periods}"
            if fatal:
                message += "; `missing: mask` would leave them out and keep the time gap"
            severity: Severity = "error" if fatal else "info"
            count = str(len(gaps))
            findings.append(own("missing_periods", unit, labels[gaps[0]], count, severity, message))
        if small.any():
            message = f"{series}: {small.sum()} values masked: denominator below the minimum"
            first, count = labels[int(np.flatnonzero(small)[0])], str(int(small.sum()))
            findings.append(own("small_denominator", unit, first, count, "info", message))
    return findings


def concerns_run(finding: Finding, units: Collection[str], span: tuple[str, str], indicator: str) -> bool:
    """Return whether a finding stands in a row that the run uses.

    A row with an unreadable period may belong anywhere in the window, and counts as used.
    """
    if finding.indicator != indicator or finding.unit not in units:
        return False
    return not finding.period or span[0] <= finding.period <= span[1]
