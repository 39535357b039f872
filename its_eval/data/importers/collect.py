"""Importing several files in one go: all of them, or none and every fault."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from its_eval.data.importers.characteristics import characteristics_table
from its_eval.data.importers.extract import Extract, extract
from its_eval.data.importers.headings import choose_sheet
from its_eval.data.importers.sheet import open_source
from its_eval.data.importers.tidy import tidy_table
from its_eval.data.importers.totals import total_findings
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import pandas as pd

    from its_eval.config.layouts import Layout
    from its_eval.data.faults import Finding


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
        notes = list(dict.fromkeys(note for found in extracts for note in _about(found.layout)))
        notes += _left_out(extracts)
        if extracts[0].layout.table == "characteristics":
            return Imported(characteristics_table(extracts), (), tuple(notes), tuple(extracts))
        findings = [finding for found in extracts for finding in total_findings(found)]
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
    for found in extracts:
        for note in found.notes:
            files.setdefault(note, []).append(found.file)
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
