"""What a table looks like: where its header stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.data.workbook import cell_text

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A header stands within so many rows, has so many names, and fills so much of the width of the table.
_ROWS, _FEWEST, _SHARE = 60, 2, 0.6
#: Names may repeat under several headings.
_DISTINCT = 0.5
#: Years as names of columns; other numbers are values.
_YEARS = (1800, 2200)


def likely_header(rows: Sequence[Sequence[object]]) -> int:
    """Return the row, from 1, in which the names of the columns seem to stand; 0 when there is none.

    Parameters
    ----------
    rows : sequence of sequences
        Cells from the first row on.

    Notes
    -----
    The first row that fills most of the width of the table with names (no numbers but years): titles
    above a table are narrower, and rows below its header hold numbers.
    """
    filled = [[cell for cell in row if cell_text(cell).strip()] for row in rows[:_ROWS]]
    width = max((len(row) for row in filled), default=0)
    for place, row in enumerate(filled):
        if len(row) < max(_FEWEST, _SHARE * width):
            continue
        texts = [" ".join(cell_text(cell).split()) for cell in row]
        if len(set(texts)) >= _DISTINCT * len(texts) and not any(map(_is_value, texts)):
            return place + 1
    return 0


def _is_value(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return not (number.is_integer() and _YEARS[0] <= number <= _YEARS[1])
