"""The rows of one sheet that are about units, as columns of numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.importers.metadata import revision_date
from its_eval.data.importers.rows import Rows
from its_eval.errors import DataError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection

    from numpy.typing import NDArray

    from its_eval.config.layouts import Layout
    from its_eval.data.importers.headings import Header
    from its_eval.data.importers.sheet import Sheet

    Values = NDArray[np.float64]

#: So many faults of a file are shown one by one.
_MOST_FAULTS = 10


@dataclass(frozen=True)
class Extract:
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


def extract(sheet: Sheet, header: Header, layout: Layout, strata: Collection[str] = ()) -> Extract:
    """Return the rows about units.

    Parameters
    ----------
    sheet : Sheet
        All its cells.
    header : Header
        Where the columns are.
    layout : Layout
        What they mean.
    strata : collection of str
        Strata wanted: names, or ``all``; by default that of the layout.

    Raises
    ------
    DataError
        When the period cannot be told, a code is strange, a cell holds no number, or no row is left.
    """
    rows = Rows(sheet, header, layout, strata)
    _require_sound(rows, "mend a copy of the file, or describe it in a layout of your own (--layout)")
    if not rows.kept:
        what = f"no row about a unit ({layout.unit_pattern}) follows the header"
        raise DataError(
            [f"{sheet.place(header.row)}: {what}"], "look at it with `its-eval import --inspect FILE`"
        )
    numbers = rows.numbers(rows.kept)
    periods = rows.periods()
    totals = {}
    if rows.total is not None:
        totals = {name: float(column[0]) for name, column in rows.numbers([rows.total]).items()}
    dates = (
        "; how dates are written stands in the layout (period.dates)" if "period" in header.columns else ""
    )
    _require_sound(rows, f"leave a cell blank when its value is not known{dates}")
    return Extract(
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
        (*rows.notes, *(f"unknown column left out: {name}" for name in header.unknown)),
    )


def _require_sound(rows: Rows, hint: str) -> None:
    problems = rows.problems
    if len(problems) > _MOST_FAULTS:
        more = f"{rows.sheet.file}: … and {len(problems) - _MOST_FAULTS} more of this kind"
        problems = [*problems[:_MOST_FAULTS], more]
    if problems:
        raise DataError(problems, hint)
