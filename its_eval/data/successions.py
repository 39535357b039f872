"""Organisations that merged, were renamed or were split: lists of such changes, and what they do to series.

The list of the NHS is ``successions_nhs.csv``: every change of code from 2000 to June 2018 that the
Organisation Data Service of NHS Digital recorded (Open Government Licence v3.0), a row per step, rebuilt from
a public compilation of its files.
"""

from __future__ import annotations

import datetime as dt
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.config.data import NHS
from its_eval.config.faults import one_of, show
from its_eval.data.faults import Finding, shorten
from its_eval.data.successors import COMBINED, combine_successors
from its_eval.data.tables import find_column, read_table
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from its_eval.calendar import Calendar
    from its_eval.data.faults import Severity
    from its_eval.data.load import IndicatorRows
    from its_eval.data.panel import Panel

#: Last day of the bundled list.
NHS_UNTIL = dt.date(2018, 6, 30)
#: Kinds of change after which the whole of an organisation goes on, and the one after which it does not.
WHOLE = ("merger", "name_change")
SPLIT = "split"
#: A unit whose size moves by more than this share between two halves of a year has perhaps taken over another
#: one.
LARGEST_MOVE = 0.2
#: Findings, besides those of `combine_successors` and `SPLIT`.
MEMBER_WITHOUT_ROWS, SIZE_CHANGE = "member_without_rows", "size_change"

_FILE = Path(__file__).with_name("successions_nhs.csv")


class Change(Struct, frozen=True):
    """One code that went on as another.

    Attributes
    ----------
    old, new : str
        Codes.
    period : int
        Ordinal of the period in which it happened.
    kind : str
        ``merger``, ``name_change`` or ``split``.
    """

    old: str
    new: str
    period: int
    kind: str


def load_changes(lists: Sequence[Path], calendar: Calendar) -> tuple[Change, ...]:
    """Read lists of changes, in the order in which they happened.

    Parameters
    ----------
    lists : sequence of Path
        Tables with the columns old, new, date and perhaps kind (a merger unless said otherwise), or `NHS`.
    calendar : Calendar
        Of the periods; dates are of its frequency or of a day.

    Raises
    ------
    DataError
        With every fault of every table: a column that is not there, a blank code, a date or kind that is not
        known, an organisation that goes on whole as two others.
    """
    problems: list[str] = []
    changes: dict[Change, str] = {}
    for path in lists:
        try:
            frame = read_table(_FILE if path == NHS else path)
            columns = [find_column(frame, name, str(path)) for name in ("old", "new", "date")]
        except DataError as error:
            problems += error.problems
            continue
        heading = next((name for name in frame.columns if str(name).strip().lower() == "kind"), None)
        kinds = None if heading is None else frame[heading].astype(str).str.strip()
        for place, (row, cells) in enumerate(frame[columns].astype(str).iterrows()):
            old, new, date = (text.strip() for text in cells)
            kind = WHOLE[0] if kinds is None else kinds.iloc[place] or WHOLE[0]
            where = f"{path}: row {row}"
            if not old or not new:
                problems.append(f"{where}: the code of {'old' if not old else 'new'} is blank")
            if kind not in (*WHOLE, SPLIT):
                problems.append(f"{where}: kind {show(kind)}; expected {one_of((*WHOLE, SPLIT))}")
            try:
                changes.setdefault(Change(old, new, calendar.parse(date), kind), where)
            except ValueError as error:
                problems.append(f"{where}, date: {error}")
    heirs: dict[str, str] = {}
    for change, where in changes.items():
        other = heirs.setdefault(change.old, change.new) if change.kind in WHOLE else change.new
        if other != change.new:
            what = f"{change.old} goes on as {change.new}, and elsewhere as {other}"
            problems.append(f"{where}: {what}; expected one of the two, or kind {SPLIT} for both")
    if problems:
        raise DataError(shorten(problems), "data.successions needs a row per change: old, new, date, kind")
    return tuple(sorted(changes, key=lambda change: (change.period, change.new, change.old)))


def combine_changes(
    rows: IndicatorRows,
    changes: Sequence[Change],
    kinds: Mapping[str, tuple[str, float]],
    windows: Mapping[str, tuple[int, int]],
) -> IndicatorRows:
    """Count the rows of organisations that became one as those of one unit throughout.

    A change counts for an indicator when it happened within its window, after the first period. Until then
    the members of a merger are added up, and a period in which one of them is missing is missing; an acquirer
    that kept its code is a member too. What cannot be added up (see `combine_successors`) has no values any
    more. The parts of a split are never joined.

    Parameters
    ----------
    rows : IndicatorRows
        As loaded.
    changes : sequence of Change
        In the order in which they happened.
    kinds : mapping of str to (str, float)
        As for `combine_successors`.
    windows : mapping of str to (int, int)
        First and last ordinal that are used, by indicator; of those in `kinds`.

    Returns
    -------
    IndicatorRows
        Its findings say what became of every change that concerns a unit with rows: ``combined``,
        ``combined_incomplete`` (a period), ``not_combined``, ``member_without_rows``, ``split``.
    """
    findings: list[Finding] = []
    for window, names in groupby(sorted(windows, key=windows.__getitem__), windows.__getitem__):
        first, last = window
        own = [change for change in changes if first < change.period <= last]
        heirs = last_heirs(own)
        used = {name: kinds[name] for name in names}
        for name in used:
            findings += _told(rows, name, own, heirs)
        if heirs:
            steps = tuple((item.old, item.new, item.period) for item in own)
            rows = combine_successors(rows, heirs, used, steps)
    return replace(rows, findings=(*rows.findings, *findings))


def last_heirs(changes: Iterable[Change]) -> dict[str, str]:
    """Return who goes on in the end, by old code; splits have no heir."""
    heirs: dict[str, str] = {}
    for change in changes:
        if change.kind in WHOLE:
            heirs |= {old: change.new for old, heir in heirs.items() if heir == change.old}
            heirs[change.old] = change.new
    # a code that came back is its own heir
    return {old: heir for old, heir in heirs.items() if old != heir}


def _told(
    rows: IndicatorRows, indicator: str, changes: Sequence[Change], heirs: Mapping[str, str]
) -> list[Finding]:
    """Return what the sums themselves do not say: renamed units, members without rows, and splits."""
    frame = rows.frame[rows.frame["indicator"].eq(indicator).to_numpy()]
    begun = frame.groupby("unit")["period"].min()
    there = set(begun.index)
    findings = []
    for heir in sorted(set(heirs.values())):
        members = {old for old, new in heirs.items() if new == heir}
        when = min(change.period for change in changes if change.old in members)
        present, lacking = sorted(members & there), sorted(members - there)
        if len(present) == 1 and heir not in there:
            message = f"{indicator}: {present[0]} counted as {heir}"
            findings.append(_finding(indicator, heir, COMBINED, "info", message, present[0]))
        if lacking and (present or heir in there):
            # a code that begins with the merger has no values of other membership
            codes = ", ".join(lacking)
            early = bool(present) or begun[heir] < when
            message = (
                f"{indicator}: {codes} became part of {heir} in {rows.calendar.format(when)} and "
                f"{'has' if len(lacking) == 1 else 'have'} no rows: {heir} is without them until then, "
                "unless the table has counted them as one already"
                if early
                else f"{indicator}: {heir} began with {codes} in {rows.calendar.format(when)}, "
                "and nothing before it can be added up"
            )
            severity: Severity = "warning" if early else "info"
            findings.append(_finding(indicator, heir, MEMBER_WITHOUT_ROWS, severity, message))
    splits = sorted({change.old for change in changes if change.kind == SPLIT})
    for old in splits:
        parts = [change for change in changes if change.kind == SPLIT and change.old == old]
        if there.intersection({old, *(part.new for part in parts)}):
            names = ", ".join(part.new for part in parts)
            message = (
                f"{indicator}: {old} was split in {rows.calendar.format(parts[0].period)} "
                f"and went to {names}; they are not joined"
            )
            findings.append(_finding(indicator, old, SPLIT, "warning", message))
    return findings


def size_changes(panel: Panel, units: Collection[str]) -> list[Finding]:
    """Return units whose denominator moves by more than `LARGEST_MOVE` between two halves of a year.

    Perhaps they took over another organisation that no list names. The mean of the six months before a month
    is compared with that of the six from it on (other frequencies: half a year), for every month with both;
    of a unit the largest move counts.

    Parameters
    ----------
    panel : Panel
        Of one indicator.
    units : collection of str
        Those that the run may use.
    """
    half = max(panel.calendar.per_year // 2, 1)
    if panel.n_periods < 2 * half:
        return []
    columns = [place for place, unit in enumerate(panel.units) if unit in units]
    windows = np.lib.stride_tricks.sliding_window_view(panel.denominators[:, columns], half, axis=0)
    # a window with a gap says nothing: of what is left, another season may be the cause
    means = windows.mean(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = means[half:] / means[:-half] - 1.0
        sizes = np.where(np.isfinite(moves), np.abs(np.log1p(moves)), 0.0)
    findings = []
    for place, column in enumerate(columns):
        at = int(np.argmax(sizes[:, place]))
        move = float(moves[at, place])
        if not abs(move) > LARGEST_MOVE:
            continue
        unit, period = panel.units[column], panel.calendar.format(panel.start + half + at)
        span = f"{half} periods" if half > 1 else "period"
        message = (
            f"{panel.outcome}: the denominator of {unit} is {move:+.0%} in the {span} from {period} on, "
            f"against the {span} before; did it take over or lose a part?"
        )
        findings.append(Finding(panel.outcome, unit, SIZE_CHANGE, period, f"{move:.3f}", "warning", message))
    return findings


def _finding(
    indicator: str, unit: str, check: str, severity: Severity, message: str, codes: str = ""
) -> Finding:
    return Finding(indicator, unit, check, "", codes, severity, message)
