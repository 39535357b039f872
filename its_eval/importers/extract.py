"""The rows of a sheet that are about units, as columns of numbers."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from its_eval.data.numbers import MISSING_MARKS
from its_eval.data.tables import normalise_name
from its_eval.errors import DataError
from its_eval.importers.headings import to_number, trimmed
from its_eval.importers.metadata import check_name, file_period, read_period, require_kind, revision_date

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from its_eval.config.layouts import Layout, LayoutStratum
    from its_eval.importers.headings import Header, Sheet, Source

    Values = NDArray[np.float64]


#: Codes that stand in rows of totals.
_NO_CODE = frozenset({"", "-", "–"})
#: Wanted strata: this word means every one of them.
ALL_STRATA = "all"
_SHOWN = 5


class UnitNames(Struct, frozen=True):
    """Codes by name, for files that name units and have no codes.

    Attributes
    ----------
    file : str
        The table that says so.
    codes : mapping of str to tuple of str
        Codes by name; a name of several units is none of them.
    """

    file: str
    codes: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, file: str, names: Mapping[str, str]) -> UnitNames:
        """Return the codes of a table with names by code; names are compared ignoring case and spaces."""
        codes: dict[str, tuple[str, ...]] = {}
        for code, name in names.items():
            codes[normalise_name(name)] = (*codes.get(normalise_name(name), ()), code)
        return cls(file, codes)

    def code(self, text: str) -> str:
        """Return the code of the unit with exactly this name.

        Raises
        ------
        ValueError
            When there is none, or several; the nearest names are offered with their codes, and none is taken.
        """
        found = self.codes.get(normalise_name(text), ())
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(f"{text!r} is the name of several units of {self.file}: {', '.join(found)}")
        near = difflib.get_close_matches(normalise_name(text), list(self.codes), n=3, cutoff=0.6)
        offers = [f"{name!r} ({', '.join(self.codes[name])})" for name in near]
        offer = f"; nearest: {', '.join(offers)}" if offers else ""
        raise ValueError(f"{text!r} is no name of a unit in {self.file}{offer}")


class UnitRows:
    """The rows beneath a header, and what is wrong with them.

    Attributes
    ----------
    kept : list of int
        Positions of the rows about wanted units, counted from 0.
    units, strata : list of str
        Code and stratum of each; no strata without a column of them.
    total : int or None
        Position of the row with the publisher's own total.
    problems, notes : list of str
        Faults, and what was left out.
    """

    def __init__(
        self,
        sheet: Sheet,
        header: Header,
        layout: Layout,
        strata: Collection[str],
        names: UnitNames | None = None,
    ) -> None:
        self.sheet, self.header, self.layout, self.names = sheet, header, layout, names
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.strata: list[str] = []
        self.total: int | None = None
        self._marks = MISSING_MARKS.union(layout.missing)
        self._numbers = tuple(name for name in layout.numbers if name in header.columns)
        codes = self._about_units()
        self.kept = list(codes)
        for column, allowed in layout.keep.items():
            self._keep_only(column, allowed)
        if layout.stratum is not None:
            self._keep_strata(layout.stratum, strata)
        self.units = [codes[row] for row in self.kept]
        self._require_once()

    def cell(self, row: int, column: str) -> object:
        """Return a cell by name of its column; a line of a CSV file may end early."""
        place, cells = self.header.columns[column], self.sheet.rows[row]
        return cells[place] if place < len(cells) else ""

    def _about_units(self) -> dict[int, str]:
        """Return the code by row of every row about a unit."""
        is_code = re.compile(self.layout.unit_pattern).fullmatch
        at, rows = self.header.columns["unit"], self.sheet.rows
        named = self.header.columns.get("name", at)
        codes: dict[int, str] = {}
        untitled: list[str] = []
        for row in range(self.header.row + 1, len(rows)):
            cells = rows[row]
            if not any(cells):
                continue
            code = trimmed(cells[at]) if at < len(cells) else ""
            if self.layout.total is not None and self._is_total(row):
                continue
            if self.names is not None and code not in self._marks:
                self._add_named(self.names, row, code, codes)
            elif is_code(code) and ((named < len(cells) and cells[named]) or not self._empty(row)):
                codes[row] = code
            elif self._empty(row):
                continue  # a footnote
            elif code not in _NO_CODE and code not in self._marks:
                self.problems.append(
                    f"{self.sheet.place(row, at)}: {code!r} is no code of a unit "
                    f"({self.layout.unit_pattern}), but numbers stand beside it"
                )
            else:
                name = trimmed(self.cell(row, "name")) if "name" in self.header.columns else ""
                untitled.append(f"{name} (row {row + 1})".strip())
        if untitled:
            first = ", ".join(untitled[:_SHOWN]) + (", …" if len(untitled) > _SHOWN else "")
            self.notes.append(f"left out for want of a code: {first}")
        return codes

    def _add_named(self, names: UnitNames, row: int, name: str, codes: dict[int, str]) -> None:
        """Note the code of a unit that is named; a text without numbers beside it is a footnote."""
        try:
            codes[row] = names.code(name)
        except ValueError as error:
            if not self._empty(row):
                place = self.sheet.place(row, self.header.columns["unit"])
                self.problems.append(f"{place}: {error}")

    def _is_total(self, row: int) -> bool:
        total = self.layout.total
        if total is None or normalise_name(trimmed(self.cell(row, "name"))) != normalise_name(total):
            return False
        self.total = row
        return True

    def _empty(self, row: int) -> bool:
        return all(trimmed(self.cell(row, name)) in self._marks for name in self._numbers)

    def _keep_only(self, column: str, allowed: Collection[str]) -> None:
        keys = {normalise_name(text) for text in allowed}
        inside = [row for row in self.kept if normalise_name(trimmed(self.cell(row, column))) in keys]
        if len(inside) < len(self.kept):
            count = f"{len(self.kept) - len(inside)} of {len(self.kept)} rows left out"
            self.notes.append(f"{count}: {column} is not one of {', '.join(allowed)}")
        self.kept = inside

    def _keep_strata(self, stratum: LayoutStratum, asked: Collection[str]) -> None:
        spelled = {
            normalise_name(other): name for name, others in stratum.spellings.items() for other in others
        }
        chosen = {normalise_name(name) for name in asked or [stratum.default]}
        everything = ALL_STRATA in chosen
        inside = []
        there: set[str] = set()
        for row in self.kept:
            text = " ".join(trimmed(self.cell(row, "stratum")).split())
            name = spelled.get(normalise_name(text), text)
            there.add(name)
            if everything or normalise_name(name) in chosen:
                inside.append(row)
                self.strata.append(name)
        absent = chosen - {normalise_name(name) for name in there} - {ALL_STRATA}
        if absent:
            names = ", ".join(repr(name) for name in sorted(there))
            missing = ", ".join(repr(name) for name in sorted(absent))
            self.problems.append(f"{self.sheet.file}: there is no stratum {missing}; there are: {names}")
        self.kept = inside

    def _require_once(self) -> None:
        """Refuse a unit that stands twice with the same stratum and period."""
        if self.layout.sum_rows or len(set(self.units)) == len(self.units):
            return
        keys: list[tuple[str, ...]] = [(unit,) for unit in self.units]
        if self.layout.pivot is not None:
            kinds = [trimmed(self.cell(row, self.layout.pivot.column)) for row in self.kept]
            keys = [(*key, kind.casefold()) for key, kind in zip(keys, kinds, strict=True)]
        if self.strata:
            keys = [(*key, name.casefold()) for key, name in zip(keys, self.strata, strict=True)]
        if "period" in self.header.columns:
            periods = [trimmed(self.cell(row, "period")) for row in self.kept]
            keys = [(*key, period) for key, period in zip(keys, periods, strict=True)]
        if len(set(keys)) == len(keys):
            return
        first: dict[tuple[str, ...], int] = {}
        for key, row in zip(keys, self.kept, strict=True):
            before = first.setdefault(key, row)
            if before != row:
                what = f"{', '.join(key)} stands in row {before + 1} already"
                self.problems.append(f"{self.sheet.place(row)}: {what}")

    def texts(self, column: str) -> list[str]:
        """Return a column of text of the rows kept."""
        return [trimmed(self.cell(row, column)) for row in self.kept]

    def numbers(self, kept: Sequence[int]) -> dict[str, Values]:
        """Return the columns of numbers of some rows."""
        places = [self.header.columns[name] for name in self._numbers]
        cells = [self.sheet.rows[row] for row in kept]
        widest = max(places) + 1
        if min(map(len, cells)) < widest:
            cells = [[*row, *[""] * (widest - len(row))] for row in cells]
        chosen: Iterable[object] = chain.from_iterable(map(itemgetter(*places), cells))
        if len(places) == 1:
            chosen = map(itemgetter(*places), cells)
        flat, marks = list(chosen), self._marks
        if self.layout.blank_is_zero:
            counted = [name in self.layout.blank_is_zero for name in self._numbers]
            flat = [0.0 if cell == "" and counted[n % len(places)] else cell for n, cell in enumerate(flat)]
        if self.layout.percent:
            shares = [name in self.layout.percent for name in self._numbers]
            flat = [_share(cell) if shares[place % len(places)] else cell for place, cell in enumerate(flat)]
        try:
            values = [cell if type(cell) is float else to_number(cell, marks) for cell in flat]
        except ValueError:
            values = self._faulty(kept, places, flat)
        table = np.array(values, dtype=np.float64).reshape(len(kept), len(places))
        columns = dict(zip(self._numbers, np.ascontiguousarray(table.T), strict=True))
        zeros = np.zeros(len(kept))
        return {name: columns.get(name, zeros) for name in self.layout.numbers}

    def _faulty(self, kept: Sequence[int], places: Sequence[int], flat: Sequence[object]) -> list[float]:
        """Report every cell that holds no number."""
        for index, cell in enumerate(flat):
            row, column = divmod(index, len(places))
            try:
                to_number(cell, self._marks)
            except ValueError as error:
                self.problems.append(f"{self.sheet.place(kept[row], places[column])}: {error}")
        return [np.nan] * len(flat)

    def periods(self, source: Source) -> NDArray[np.int64]:
        """Return the period of each row, from the column of periods or from where the file says it."""
        if self.layout.table == "characteristics":
            return np.zeros(len(self.kept), dtype=np.int64)
        if "period" not in self.header.columns:
            period = file_period(source, self.sheet, self.header, self.layout)
            return np.full(len(self.kept), period, dtype=np.int64)
        ordinals: dict[object, int] = {}
        at = self.header.columns["period"]
        for row in self.kept:
            cell = self.cell(row, "period")
            if cell not in ordinals:
                try:
                    ordinals[cell] = read_period(cell, self.layout.calendar, self.layout.period)
                except ValueError as error:
                    ordinals[cell] = 0
                    self.problems.append(f"{self.sheet.place(row, at)}: the period {error}")
        if len(set(ordinals.values())) == 1 and not self.problems:
            (period,) = set(ordinals.values())
            check_name(self.sheet, period, self.layout.calendar, self.sheet.place(self.kept[0], at))
        return np.array([ordinals[self.cell(row, "period")] for row in self.kept], dtype=np.int64)


def _share(cell: object) -> object:
    """Return a cell with a per cent sign as a share; any other as it is."""
    if isinstance(cell, str) and cell.strip().endswith("%"):
        try:
            return float(cell.strip()[:-1]) / 100.0
        except ValueError:
            return cell
    return cell


#: So many faults of a file are shown one by one.
_MOST_FAULTS = 10
_OWN_LAYOUT = "mend a copy of the file, or describe it in a layout of your own (--layout)"


class Extract(Struct, frozen=True):
    """What one sheet says about units.

    Attributes
    ----------
    sheet : str
        Name of the sheet.
    file : str
        Name of the file.
    layout : Layout
        How it was read.
    units, strata : list of str
        Code and stratum of each row; no strata without a column of them.
    rows : ndarray of int, shape (n,)
        Row numbers as the publisher's file counts them, from 1.
    periods : ndarray of int, shape (n,)
        Ordinals.
    numbers : dict of str to ndarray, shape (n,)
        Columns of numbers, NaN where missing or suppressed.
    totals : dict of str to float
        The publisher's own totals of the columns.
    revision : date or None
        When the file was published or last revised.
    notes : tuple of str
        Rows that were left out, and headings that are not known.
    """

    file: str
    sheet: str
    layout: Layout
    units: list[str]
    strata: list[str]
    rows: NDArray[np.int64]
    periods: NDArray[np.int64]
    numbers: dict[str, Values]
    totals: dict[str, float] = field(default_factory=dict)
    revision: dt.date | None = None
    notes: tuple[str, ...] = ()


def extract(
    source: Source,
    sheet: Sheet,
    header: Header,
    layout: Layout,
    strata: Collection[str] = (),
    names: UnitNames | None = None,
) -> Extract:
    """Return the rows about units.

    Parameters
    ----------
    source : Source
        The file, of which another sheet may say the period.
    sheet : Sheet
        All its cells.
    header : Header
        Where the columns are.
    layout : Layout
        What they mean.
    strata : collection of str
        Strata wanted: names, or ``all``; by default that of the layout.
    names : UnitNames, optional
        What stands in the column of units are names, whose codes these are.

    Raises
    ------
    DataError
        When the period cannot be told, a code is strange, a cell holds no number, or no row is left.
    """
    require_kind(source, sheet, header, layout)
    rows = UnitRows(sheet, header, layout, strata, names)
    _require_sound(rows, _OWN_LAYOUT)
    if not rows.kept:
        what = f"no row about a unit ({layout.unit_pattern}) follows the header"
        raise DataError(
            [f"{sheet.place(header.row)}: {what}"], "look at it with `its-eval import --inspect FILE`"
        )
    numbers = rows.numbers(rows.kept)
    periods = rows.periods(source)
    totals = {}
    if rows.total is not None:
        totals = {name: float(column[0]) for name, column in rows.numbers([rows.total]).items()}
    dates = (
        "; how dates are written stands in the layout (period.dates)" if "period" in header.columns else ""
    )
    _require_sound(rows, f"leave a cell blank when its value is not known{dates}")
    notes = list(rows.notes)
    if header.unknown:
        several = "s" if len(header.unknown) > 1 else ""
        notes.append(f"unknown column{several} left out: {', '.join(header.unknown)}")
    read = Extract(
        sheet.file,
        sheet.name,
        layout,
        rows.units,
        rows.strata,
        np.array(rows.kept, dtype=np.int64) + 1,
        periods,
        numbers,
        totals,
        revision_date(sheet, header, layout),
        tuple(notes),
    )
    if layout.pivot is not None:
        return pivoted(read, rows.texts(layout.pivot.column))
    return read


def pivoted(read: Extract, texts: Sequence[str]) -> Extract:
    """Return an extract with a row a unit and period, where its file had one for each of several numbers.

    Parameters
    ----------
    read : Extract
        As the file has it.
    texts : sequence of str
        What the numbers of each row are.

    Raises
    ------
    DataError
        For a text that the layout does not know.
    """
    assert read.layout.pivot is not None  # noqa: S101
    spelled = {
        normalise_name(text): name for name, others in read.layout.pivot.names.items() for text in others
    }
    strange = sorted({text for text in texts if normalise_name(text) not in spelled})
    if strange:
        known = ", ".join(repr(text) for others in read.layout.pivot.names.values() for text in others)
        said = ", ".join(map(repr, strange))
        raise DataError([f"{read.file}: the layout does not know {said}; it knows {known}"], _OWN_LAYOUT)
    first, place = grouped(read)
    numbers = {name: np.full(len(first), np.nan) for name in read.layout.made}
    for row, text in enumerate(texts):
        for name, column in read.numbers.items():
            numbers[f"{spelled[normalise_name(text)]}_{name}"][place[row]] = column[row]
    return replace(
        read,
        units=[read.units[row] for row in first],
        strata=[read.strata[row] for row in first] if read.strata else [],
        rows=read.rows[first],
        periods=read.periods[first],
        numbers=numbers,
    )


def grouped(read: Extract) -> tuple[list[int], list[int]]:
    """Return the first row of each unit, stratum and period, and the group of every row."""
    strata = read.strata or [""] * len(read.units)
    places: dict[tuple[str, str, int], int] = {}
    first: list[int] = []
    group: list[int] = []
    for row, key in enumerate(zip(read.units, strata, read.periods.tolist(), strict=True)):
        if key not in places:
            places[key] = len(first)
            first.append(row)
        group.append(places[key])
    return first, group


def _require_sound(rows: UnitRows, hint: str) -> None:
    problems = rows.problems
    if len(problems) > _MOST_FAULTS:
        more = f"{rows.sheet.file}: … and {len(problems) - _MOST_FAULTS} more of this kind"
        problems = [*problems[:_MOST_FAULTS], more]
    if problems:
        raise DataError(problems, hint)
