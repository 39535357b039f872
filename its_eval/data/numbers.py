"""Cells as numbers: marks for what is missing, and what to write for what is no number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Cells that mean "nothing is written here"; in a column of codes, where a letter is a code, no others do.
BLANK_MARKS = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None"})
#: Cells that mean "not known": blank, or a publisher's mark for suppressed. Never read as zero.
MISSING_MARKS = BLANK_MARKS | {
    # of British official statistics: suppressed, not available, not applicable
    *("*", "-", "..", ":", "c", "z", "[c]", "[x]", "[z]"),
}

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")
#: Larger numbers are no measurements, and their squares leave the range of double precision.
LARGEST = 1e50
#: Before 3.1, pandas reads a number in three of ten cases with another last digit than it is written with.
PANDAS_ROUNDS = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+$")
#: Longer cells are no slip of a number; hints that repeat them would be as long.
_LONGEST_NUMBER = 60
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def number_hint(text: str, decimal: str = ".", *, keyed: bool = False) -> str:
    """Return what to change so that a text becomes a number.

    Parameters
    ----------
    text : str
        What stands in the cell.
    decimal : str
        The decimal mark.
    keyed : bool
        Whether a config can say what the decimal mark is.

    Examples
    --------
    >>> number_hint("35,744")
    'write 35744: thousands separators are not read'
    """
    stripped = text.strip()
    short = len(stripped) <= _LONGEST_NUMBER
    if re.fullmatch(r"[+-]?(inf|infinity)", stripped, re.IGNORECASE):
        return "an infinite value cannot be used; leave the cell blank when it is not known"
    if short and (written := _as_written(stripped, decimal, keyed=keyed)):
        return written
    if _NUMBER.fullmatch(stripped):
        return f"a number beyond {LARGEST:g} cannot be used; leave the cell blank when it is not known"
    return "write digits with a decimal point, or leave the cell blank when it is not known"


def _as_written(stripped: str, decimal: str, *, keyed: bool) -> str:
    """Return how to write a number that is written in another way."""
    if decimal == "," and "." in stripped and _NUMBER.fullmatch(stripped):
        return f"write {stripped.replace('.', ',')}: the decimal mark is a comma"
    if stripped.endswith("%"):
        return f"write {stripped[:-1].strip()}: leave out the per cent sign"
    if _THOUSANDS.match(stripped):
        return f"write {stripped.replace(',', '')}: thousands separators are not read"
    if _DECIMAL_COMMA.match(stripped):
        key = ", or set `decimal: ','`" if keyed else ""
        return f"write {stripped.replace(',', '.')}: the decimal mark is a point{key}"
    return ""


def to_numbers(column: pd.Series, decimal: str = ".") -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Convert a column to floats.

    Parameters
    ----------
    column : Series
        Cells: text, or numbers.
    decimal : str
        The decimal mark of text.

    Returns
    -------
    values : ndarray of float
        NaN where missing or not a number.
    faulty : ndarray of bool
        True where the cell holds something that is neither a number of at most `LARGEST` nor a mark for
        missing.
    """
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        # a missing value compares as false
        useless = np.abs(values) > LARGEST
        return np.where(useless, np.nan, values), useless
    text = column.str.strip()
    missing = text.isin(MISSING_MARKS).to_numpy()
    if decimal == ",":
        # a point would be read as a decimal mark, and in such tables it parts thousands
        text = text.where(~text.str.contains(".", regex=False), "?").str.replace(",", ".", regex=False)
    values = np.array(pd.to_numeric(text.where(~missing, "nan"), errors="coerce"), dtype=np.float64)
    if PANDAS_ROUNDS:
        written = np.isfinite(values) & text.str.fullmatch(_NUMBER).to_numpy()
        values[written] = text[written].map(float)
    faulty = ~missing & ~(np.abs(values) <= LARGEST)
    values[faulty | missing] = np.nan
    return values, faulty


def read_numbers(
    raw: pd.DataFrame, column: str, where: object, problems: list[str], blank: str = ""
) -> pd.Series[float]:
    """Return a column as numbers, and add a sentence to the problems for every cell that is none.

    Parameters
    ----------
    raw : DataFrame
        Cells, the rows numbered as a reader counts them.
    column : str
        Which column.
    where : object
        The file, for messages.
    problems : list of str
        What was wrong so far.
    blank : str
        Why a blank cell is a fault too; none by default.
    """
    values, faulty = to_numbers(raw[column])
    problems += [
        f"{where}: row {row}, column {column!r}: {text!r} is not a number; {number_hint(str(text))}"
        for row, text in raw.loc[faulty, column].items()
    ]
    if blank:
        absent = raw.index[np.isnan(values) & ~faulty]
        problems += [f"{where}: row {row}, column {column!r}: {blank}, but blank" for row in absent]
    return pd.Series(values, index=raw.index)
