"""From an extract to a characteristics table: a row per unit, a column per variable, and the origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from its_eval.data.importers.extract import Extract

#: Column with file, sheet and row, as text so that it never passes for a variable.
SOURCE = "source"


def characteristics_table(extracts: Sequence[Extract]) -> pd.DataFrame:
    """Return the table, sorted by unit.

    Raises
    ------
    DataError
        When there are several files: characteristics have no period to tell them apart.
    """
    if len(extracts) > 1:
        names = ", ".join(extract.file for extract in extracts)
        raise DataError([f"{len(extracts)} files of characteristics: {names}; expected one"])
    (extract,) = extracts
    origin = f"{extract.file}, sheet {extract.sheet}" if extract.sheet else extract.file
    columns = {
        extract.layout.columns["unit"][0].name: extract.units,
        **extract.numbers,
        SOURCE: [f"{origin}, row {row}" for row in extract.rows],
    }
    table = pd.DataFrame(columns)
    return table.sort_values(table.columns[0], kind="stable").reset_index(drop=True)
