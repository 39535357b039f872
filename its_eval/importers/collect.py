"""Layouts that come with the program, and importing several files: all of them, or none and every fault."""

from __future__ import annotations

import gc
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.config.layouts import Layout, load_layouts
from its_eval.data.attributes import load_units
from its_eval.data.faults import Faults, Finding
from its_eval.data.opening import likely_header
from its_eval.data.tables import code_column, nearest
from its_eval.errors import DataError, OutputError, UsageError
from its_eval.importers.extract import Extract, UnitNames, extract
from its_eval.importers.headings import NoHeaderError, choose_sheet, open_source, trimmed
from its_eval.importers.tidy import characteristics_table, tidy_table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd

    from its_eval.importers.headings import Sheet


#: Larger differences are reported; publishers round counts that were shared out.
_TOLERANCE = 0.5


def total_findings(extract: Extract) -> Iterator[Finding]:
    """Yield where a column is not the sum it should be, and where the units do not add up to the total.

    A total that does not agree shows rows that were lost, or read twice.
    """
    for name, parts in extract.layout.sums.items():
        values = extract.numbers[name]
        expected = np.sum([extract.numbers[part] for part in parts], axis=0)
        for row in np.flatnonzero(np.abs(values - expected) > _TOLERANCE):
            place = f"{extract.file} row {extract.rows[row]}"
            what = f"{name} is {values[row]:.10g}, but its parts add up to {expected[row]:.10g}"
            yield _finding(
                extract, extract.units[row], int(row), "sum_differs", values[row], f"{place}: {what}"
            )
    if not extract.totals:
        return
    sums = np.nansum(list(extract.numbers.values()), axis=1)
    for name, added in zip(extract.numbers, sums, strict=True):
        total = extract.totals[name]
        if abs(added - total) > _TOLERANCE:
            what = (
                f"the units add up to {added:.10g} in {name}, but the publisher's own total is {total:.10g}"
            )
            yield _finding(extract, "", 0, "total_differs", total, f"{extract.file}: {what}")


def _finding(extract: Extract, unit: str, row: int, check: str, value: float, message: str) -> Finding:
    period = extract.layout.calendar.format(int(extract.periods[row]))
    return Finding("", unit, check, period, f"{value:.10g}", "warning", message)


class Imported(Struct, frozen=True):
    """The result of an import.

    Attributes
    ----------
    table : DataFrame
        The tidy indicator table, or a characteristics table.
    findings : tuple of Finding
        Revisions that replaced others, and numbers that do not add up.
    notes : tuple of str
        What a layout says about itself, and what was left out.
    extracts : tuple of Extract
        What was read, file by file.
    """

    table: pd.DataFrame
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    extracts: tuple[Extract, ...]


def import_files(
    paths: Sequence[Path],
    layouts: Sequence[Layout],
    strata: Collection[str] = (),
    names: UnitNames | None = None,
) -> Imported:
    """Read publishers' files into one table.

    Parameters
    ----------
    paths : sequence of Path
        Workbooks or CSV files.
    layouts : sequence of Layout
        Those of the kind; each file has to fit one of them.
    strata : collection of str
        Strata wanted, or ``all``; by default those that the layout names.
    names : UnitNames, optional
        Codes by name, where the files name units and have no codes.

    Raises
    ------
    DataError
        With every fault of every file.
    """
    extracts: list[Extract] = []
    faults = Faults()
    with _uninterrupted():
        for path in paths:
            with faults.noted():
                extracts.append(read_extract(path, layouts, strata, names))
        if faults.problems:
            # of many files everyone is told what is wrong with each
            raise DataError(faults.problems, "; ".join(dict.fromkeys(faults.hints)) or None)
        # what a layout says of itself comes first: of many files only the first notes are shown
        notes = list(dict.fromkeys(note for extracted in extracts for note in _about(extracted.layout)))
        notes += _left_out(extracts)
        if extracts[0].layout.table == "characteristics":
            return Imported(characteristics_table(extracts), (), tuple(notes), tuple(extracts))
        findings = [finding for extracted in extracts for finding in total_findings(extracted)]
        table, revised = tidy_table(extracts)
    return Imported(table, (*findings, *revised), tuple(notes), tuple(extracts))


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put off the search for garbage: the many cells read at once are none, and looking costs a third."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _about(layout: Layout) -> list[str]:
    said = [f"{layout.title}: {layout.note}"] if layout.note else []
    if not layout.tried:
        said.append(
            f"{layout.title}: this layout was written from the published list of columns and has not been "
            "tried on a real file; compare some values with the file"
        )
    return said


def _left_out(extracts: Sequence[Extract]) -> list[str]:
    """Return what was left out: what is the same in several files once, with the first of them."""
    files: dict[str, list[str]] = {}
    for item in extracts:
        for note in item.notes:
            files.setdefault(note, []).append(item.file)
    return [
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {note}"
        for note, names in files.items()
    ]


def read_extract(
    path: Path, layouts: Sequence[Layout], strata: Collection[str] = (), names: UnitNames | None = None
) -> Extract:
    """Read one file by the first of the layouts that fits.

    Raises
    ------
    DataError
        When none fits; of several layouts each says why.
    """
    source = open_source(path)
    refused: list[DataError] = []
    for layout in layouts:
        try:
            sheet, header = choose_sheet(source, layout)
        except DataError as error:
            refused.append(error)
            continue
        return extract(source, sheet, header, layout, strata, names)
    # a file with the header of one layout alone is of that one, whatever else is wrong with it
    near = [error for error in refused if not isinstance(error, NoHeaderError)]
    if len(refused) == 1 or len(near) == 1:
        raise (near or refused)[0]
    reasons = [
        f"{layout.title}: {problem.removeprefix(f'{path.name}: ')}"
        for layout, error in zip(layouts, refused, strict=True)
        for problem in error.problems
    ]
    said = "; ".join(reasons)
    raise DataError([f"{path.name}: none of {len(layouts)} layouts fits ({said})"], refused[0].hint)


def read_names(path: Path) -> UnitNames:
    """Return the codes of units by name, from a table with the columns of `data.units`: unit and name.

    Raises
    ------
    DataError
        When the table cannot be read, or has no names.
    """
    column = code_column(path)
    units = load_units(path, {"unit": column})
    named = {code: name for code, name in units.names.items() if name}
    if not named:
        expected = f"{path}: there is no column 'name' beside the codes in {column!r}"
        raise DataError([expected], "a table of units has a code and a name in each row")
    return UnitNames.of(path.name, named)


SUFFIXES = (".parquet", ".csv")


def require_free_file(target: Path, *, force: bool) -> None:
    """Check that a table may be written to a file.

    Raises
    ------
    OutputError
        When the name has another ending than `SUFFIXES`, its folder is not there, or something stands there
        already and must not be replaced.
    """
    if target.suffix not in SUFFIXES:
        raise OutputError(
            f"{target}: {target.suffix!r} is no kind of table that is written",
            f"end in {' or '.join(SUFFIXES)}",
        )
    if target.is_dir():
        raise OutputError(f"{target} is a folder, not a file", "choose another --out")
    if target.exists() and not force:
        raise OutputError(f"{target} exists already", "use --force to replace it, or choose another --out")
    if not target.parent.is_dir():
        raise OutputError(f"there is no folder {target.parent}", "make it, or choose another --out")


def write_table(table: pd.DataFrame, target: Path, *, force: bool = False) -> None:
    """Write a table as Parquet or CSV (UTF-8, full precision), by the ending of the file name.

    It is written beside its place first and renamed at the end: a failure leaves nothing behind, and an old
    file as it was.

    Raises
    ------
    OutputError
        When it may not be written there, or the disk refuses.
    """
    require_free_file(target, force=force)
    temporary = target.parent / f".{target.name}.{secrets.token_hex(4)}.tmp"
    try:
        with temporary.open("wb") as stream:
            if target.suffix == ".csv":
                table.to_csv(stream, index=False, lineterminator="\n", encoding="utf-8")
            else:
                # nobody searches a table of this size by its statistics, and making them takes a third
                table.to_parquet(stream, index=False, write_statistics=False)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError as error:
        raise OutputError(
            f"cannot write {target}: {error.strerror or error}", "choose another --out"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


_FOLDER = Path(__file__).parent / "layouts"


@cache
def bundled_layouts() -> tuple[Layout, ...]:
    """Return the layouts that come with the program, sorted by file name."""
    return tuple(layout for path in sorted(_FOLDER.glob("*.yaml")) for layout in load_layouts(path))


def kinds() -> tuple[str, ...]:
    """Return the kinds of file that can be imported, sorted."""
    return tuple(sorted({layout.kind for layout in bundled_layouts()}))


def layout_texts(kind: str) -> list[str]:
    """Return the layouts of one kind as they are written, to begin one's own with.

    Raises
    ------
    UsageError
        When there is no such kind.
    """
    of_kind = layouts_of(kind)
    texts = [path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.yaml"))]
    return [text for text, layout in zip(texts, bundled_layouts(), strict=True) if layout in of_kind]


def layouts_of(kind: str, own: Path | None = None) -> tuple[Layout, ...]:
    """Return the layouts of one kind, or the user's own one, which takes their place.

    Raises
    ------
    UsageError
        When there is no such kind, or the user's layout is of another one.
    """
    if own is not None:
        layouts = load_layouts(own)
        if others := [layout.kind for layout in layouts if layout.kind != kind]:
            raise UsageError(
                f"the layout {own} is of kind {others[0]!r}, and the command says {kind!r}",
                f"its-eval import {others[0]} … --layout {own}",
            )
        return layouts
    layouts = tuple(layout for layout in bundled_layouts() if layout.kind == kind)
    if not layouts:
        raise UsageError(
            f"there is no kind of file {kind!r}; {nearest(kind, kinds())}",
            f"the kinds are {', '.join(kinds())}; another one needs a layout of your own (--layout)",
        )
    return layouts


class SheetSummary(Struct, frozen=True):
    """One sheet.

    Attributes
    ----------
    name : str
        Its name, empty for a CSV file.
    visible : bool
        Whether it is shown.
    shape : tuple of int
        Rows and columns.
    header_row : int
        Row of the likely header, from 1; 0 when there is none.
    headings : tuple of str
        Its texts.
    """

    name: str
    visible: bool
    shape: tuple[int, int]
    header_row: int
    headings: tuple[str, ...]


class LayoutFit(Struct, frozen=True):
    """One layout, tried on the file.

    Attributes
    ----------
    layout : Layout
        Which one.
    sheet : str or None
        The sheet that it fits; None when it does not.
    reason : str
        Why it does not.
    read : str
        What an import would read.
    """

    layout: Layout
    sheet: str | None
    reason: str = ""
    read: str = ""


def inspect_file(path: Path, layouts: Sequence[Layout]) -> tuple[list[SheetSummary], list[LayoutFit]]:
    """Return the sheets of a file and what an import by each layout would give.

    Raises
    ------
    DataError
        When the file cannot be read.
    """
    source = open_source(path)
    sheets = [_summary(source.sheet(name), visible=name in source.visible) for name in source.sheets]
    fits = []
    for layout in layouts:
        try:
            sheet, header = choose_sheet(source, layout)
            read = extract(source, sheet, header, layout)
        except DataError as error:
            reason = error.problems[0].removeprefix(f"{path.name}: ").removeprefix(f"{path.name}, ")
            fits.append(LayoutFit(layout, None, reason))
        else:
            fits.append(LayoutFit(layout, sheet.name, read=_contents(read)))
    return sheets, fits


def _contents(read: Extract) -> str:
    """Return how many units and which periods a file has."""
    count = len(set(read.units))
    units = f"{count} unit{'s' if count > 1 else ''}"
    if read.layout.table == "characteristics":
        return units
    first, last = (read.layout.calendar.format(int(end)) for end in (read.periods.min(), read.periods.max()))
    return f"{units}, {first}" + (f" to {last}" if last != first else "")


def _summary(sheet: Sheet, *, visible: bool) -> SheetSummary:
    """Return a sheet with its likely header."""
    shape = (len(sheet.rows), max((len(row) for row in sheet.rows), default=0))
    row = likely_header(sheet.rows)
    headings = (
        tuple(" ".join(text.split()) for text in map(trimmed, sheet.rows[row - 1]) if text) if row else ()
    )
    return SheetSummary(sheet.name, visible, shape, row, headings)
