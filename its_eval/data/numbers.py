"""Turning cells into numbers, with a hint for each common way of writing one that is not a number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from its_eval.data.tables import MISSING_MARKS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")
#: Larger numbers are no measurements, and their squares leave the range of double precision.
LARGEST = 1e50
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+$")
#: Longer cells are no slip of a number; hints that repeat them would be as long.
_LONGEST_NUMBER = 60
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def number_hint(text: str) -> str:
    """Return what to change so that a text becomes a number.

    Examples
    --------
    >>> number_hint("35,744")
    "write 35744: thousands separators are not read"
    """
    stripped = text.strip()
    short = len(stripped) <= _LONGEST_NUMBER
    if short and stripped.endswith("%"):
        return f"write {stripped[:-1].strip()}: leave out the per cent sign"
    if short and _THOUSANDS.match(stripped):
        return f"write {stripped.replace(',', '')}: thousands separators are not read"
    if short and _DECIMAL_COMMA.match(stripped):
        return f"write {stripped.replace(',', '.')}: the decimal mark is a point"
    if re.fullmatch(r"[+-]?(inf|infinity)", stripped, re.IGNORECASE):
        return "an infinite value cannot be used; leave the cell blank when it is not known"
    if _NUMBER.fullmatch(stripped):
        return f"a number beyond {LARGEST:g} cannot be used; leave the cell blank when it is not known"
    return "write digits with a decimal point, or leave the cell blank when it is not known"


def to_numbers(column: pd.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Convert a column to floats.

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
    values = np.array(pd.to_numeric(text.where(~missing, "nan"), errors="coerce"), dtype=np.float64)
    faulty = ~missing & ~(np.abs(values) <= LARGEST)
    values[faulty | missing] = np.nan
    return values, faulty
