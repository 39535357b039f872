"""Texts that a spreadsheet program must not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

#: Spreadsheet programs take a cell that starts like this for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?"


def defused(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts no spreadsheet program takes for formulas; a plain number is none."""
    texts = table.select_dtypes(include=["object", "str"]).columns
    safe = table.copy()
    for name in texts:
        column = safe[name].astype(str)
        formula = column.str.startswith(_FORMULA_STARTS) & ~column.str.fullmatch(_NUMBER)
        # a lone carriage return is written without quotes, and readers would take it for the end of the row
        safe[name] = column.where(~formula, "'" + column).str.replace(r"\r\n?", "\n", regex=True)
    return safe
