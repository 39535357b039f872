"""Texts that a spreadsheet program must not run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

#: Spreadsheet programs take a cell that starts like this for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?")
_RETURN = re.compile(r"\r\n?")


def defused(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts no spreadsheet program takes for formulas; a plain number is none."""
    texts = table.select_dtypes(include=["object", "str"]).columns
    safe = table.copy()
    for name in texts:
        column = safe[name].astype(str)
        # most texts stand in many rows
        changed = {text: harmless for text in column.unique() if (harmless := _harmless(text)) != text}
        safe[name] = column.map(lambda text, known=changed: known.get(text, text)) if changed else column
    return safe


def _harmless(text: str) -> str:
    """Return a text as a cell may hold it."""
    formula = text.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text)
    # a lone carriage return is written without quotes, and readers would take it for the end of the row
    return _RETURN.sub("\n", f"'{text}" if formula else text)
