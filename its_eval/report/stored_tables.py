"""Reading one table of a result back from its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from its_eval.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def read_stored(path: Path, **options: Any) -> pd.DataFrame:
    """Return a table of a result.

    Parameters
    ----------
    path : Path
        CSV or Parquet.
    options
        For ``pandas.read_csv``.

    Raises
    ------
    UsageError
        When the file is damaged.
    """
    table: pd.DataFrame
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        table = pd.read_csv(path, encoding="utf-8", **options)
    except (ValueError, OSError) as error:
        # the errors of pandas and Arrow about contents are all of these
        reason = " ".join(str(error).split())
        raise UsageError(
            f"{path}: cannot be read: {reason}", "`its-eval verify` shows what has changed since the run"
        ) from error
    return table
