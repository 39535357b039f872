"""Reading CSV and Parquet tables as text, and finding columns by name."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

#: Cells that mean "not known": blank, or a publisher's mark for suppressed. Never read as zero.
MISSING_MARKS = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "*", "-", "..", ":"})


def normalise_name(name: str) -> str:
    """Return a column or variable name as it is compared: case and repeated spaces ignored."""
    return " ".join(str(name).split()).casefold()


def nearest(name: str, valid: Iterable[str], count: int = 3) -> str:
    """Return a phrase that offers the nearest valid names, or the first few when none is near."""
    names = list(valid)
    by_key = {normalise_name(candidate): candidate for candidate in names}
    close = difflib.get_close_matches(normalise_name(name), list(by_key), n=count, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(by_key[key]) for key in close) + "?"
    shown = ", ".join(repr(candidate) for candidate in names[:12])
    return f"there are: {shown}{', …' if len(names) > 12 else ''}" if names else "there are none"


def find_column(columns: Iterable[Hashable], wanted: str, where: str) -> str:
    """Return the column whose name matches, ignoring case and repeated spaces.

    Raises
    ------
    DataError
        When no column or more than one matches; the nearest names are offered.
    """
    names = [str(name) for name in columns]
    key = normalise_name(wanted)
    matches = [name for name in names if normalise_name(name) == key]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise DataError([f"{where}: {len(matches)} columns are called {wanted!r}; expected one"])
    raise DataError([f"{where}: there is no column {wanted!r}; {nearest(wanted, names)}"])


def read_table(path: Path) -> pd.DataFrame:
    """Read a table: text cells, blank for missing; typed numbers of a Parquet file stay numbers.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.csv.gz`` or ``.parquet`` (a file or a folder of them).

    Returns
    -------
    DataFrame
        The index is the row number of the file as a reader counts it (CSV: the header is
        line 1).

    Raises
    ------
    DataError
        When the file is absent, empty, not in UTF-8 or not a table.
    """
    if not path.exists():
        raise DataError([f"{path}: there is no such file"], "check `path`; it is relative to the config file")
    frame = _read_parquet(path) if path.suffix == ".parquet" or path.is_dir() else _read_csv(path)
    if frame.empty:
        raise DataError([f"{path}: the table has no rows"])
    return frame


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except UnicodeDecodeError as error:
        raise DataError(
            [f"{path}: not UTF-8 text (byte {error.start} of a block is 0x{error.object[error.start]:02x})"],
            "save the file as CSV UTF-8; from a Windows program it is often in the encoding cp1252",
        ) from None
    except pd.errors.EmptyDataError:
        raise DataError([f"{path}: the file is empty"]) from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, OSError, EOFError) as error:
        raise DataError([f"{path}: cannot be read as CSV: {error}"]) from None
    frame.columns = [str(name).strip() for name in frame.columns]
    frame.index = pd.RangeIndex(2, len(frame) + 2)
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa  # noqa: PLC0415  (loaded only for Parquet: start-up time)
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        frame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise DataError([f"{path}: cannot be read as Parquet: {error}"]) from None
    rows = pd.RangeIndex(1, len(frame) + 1)
    return pd.DataFrame({name: _text_or_number(frame[name]).set_axis(rows) for name in frame.columns})


def _text_or_number(column: pd.Series) -> pd.Series:
    """Keep numbers as numbers (a Parquet file knows its types); everything else becomes text."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column
    return column.astype("string").fillna("").astype(str)
