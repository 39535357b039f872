"""Importing several files, checked against their own totals: all of them, or none and every fault."""

from __future__ import annotations

import gc
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.faults import Finding
from its_eval.errors import DataError, OutputError
from its_eval.importers.extract import Extract, extract
from its_eval.importers.headings import choose_sheet
from its_eval.importers.sheet import open_source
from its_eval.importers.tidy import characteristics_table, tidy_table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import pandas as pd

    from its_eval.config.layouts import Layout


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


@dataclass(frozen=True)
class Imported:
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


def import_files(paths: Sequence[Path], layouts: Sequence[Layout], strata: Collection[str] = ()) -> Imported:
    """Read publishers' files into one table.

    Parameters
    ----------
    paths : sequence of Path
        Workbooks or CSV files.
    layouts : sequence of Layout
        Those of the kind; each file has to fit one of them.
    strata : collection of str
        Strata wanted, or ``all``; by default those that the layout names.

    Raises
    ------
    DataError
        With every fault of every file.
    """
    extracts: list[Extract] = []
    problems: list[str] = []
    hints: list[str] = []
    with _uninterrupted():
        for path in paths:
            try:
                extracts.append(read_extract(path, layouts, strata))
            except DataError as error:
                problems += error.problems
                hints += [error.hint] if error.hint else []
        if problems:
            raise DataError(problems, "; ".join(dict.fromkeys(hints)) or None)
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


def read_extract(path: Path, layouts: Sequence[Layout], strata: Collection[str] = ()) -> Extract:
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
        return extract(sheet, header, layout, strata)
    if len(refused) == 1:
        raise refused[0]
    reasons = [
        f"{layout.title}: {problem.removeprefix(f'{path.name}: ')}"
        for layout, error in zip(layouts, refused, strict=True)
        for problem in error.problems
    ]
    said = "; ".join(reasons)
    raise DataError([f"{path.name}: none of {len(layouts)} layouts fits ({said})"], refused[0].hint)


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
