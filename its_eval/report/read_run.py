"""A result read back from its folder, so that it can be reported again without fitting again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from its_eval.errors import UsageError
from its_eval.evaluation import BESIDE, COLUMNS, Evaluation, make_table
from its_eval.provenance import RESOLVED, require_manifest
from its_eval.report.stored_tables import read_stored

if TYPE_CHECKING:
    from its_eval.config import Config

#: The apostrophe of `its_eval.report.spreadsheet.defused`.
_DEFUSED = re.compile(r"^'(?=[=+\-@\t\r])")
#: Columns of texts in the tables that stand beside those of the series.
_BESIDE_TEXTS = frozenset({"measure", "unit", "follow_up", "better", "direction", "project", "reason"})
_HINT = "name the folder that `its-eval run` wrote, e.g. results/sample"


@dataclass(frozen=True)
class StoredRun:
    """A result on disk.

    Attributes
    ----------
    folder : Path
        Where it is.
    evaluation : Evaluation
        Its tables, and what they cannot say about themselves.
    config : Config
        Its config with every default.
    manifest : mapping
        Its manifest.
    """

    folder: Path
    evaluation: Evaluation
    config: Config
    manifest: Mapping[str, Any]

    @property
    def settings(self) -> Mapping[str, Any]:
        """The config as plain values."""
        return self.config.model_dump(mode="json", by_alias=True)

    @property
    def figures(self) -> Path:
        """Where its figures are, if any were drawn."""
        return self.folder / "figures"


def read_run(folder: Path) -> StoredRun:
    """Return the result in a folder.

    Parameters
    ----------
    folder : Path
        As ``its-eval run`` wrote it.

    Raises
    ------
    UsageError
        When the folder holds no whole result, or none that this version can read.
    ConfigError
        When this version cannot read the config of the result.

    Notes
    -----
    Parquet is read where it is there, CSV otherwise; both hold the numbers in full precision.
    """
    from its_eval.config import load_config  # noqa: PLC0415  (start-up time)

    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", _HINT)
    known = require_manifest(folder, _HINT)
    if "batch" in known:
        raise UsageError(
            f"{folder} is the result of a batch run, which has no report",
            "set `output.detail: full` in its config, and run that",
        )
    about = known.get("outcomes")
    if about is None:
        raise UsageError(
            f"{folder}: the manifest does not say what the outcomes are; it is of an older version",
            "run the config again",
        )
    if not (folder / RESOLVED).is_file():
        raise UsageError(f"{folder}: {RESOLVED} is missing", "run the config again")
    config = load_config(folder / RESOLVED)
    evaluation = Evaluation(
        config.title,
        _tables(folder / "tables"),
        tuple(known["notes"]),
        {name: _as_tuples(entry) for name, entry in about.items()},
        dict(known.get("unit_names") or {}),
    )
    return StoredRun(folder, evaluation, config, known)


def _as_tuples(value: Any) -> Any:
    """Return lists as the tuples that they were before they became JSON."""
    if isinstance(value, dict):
        return {key: _as_tuples(item) for key, item in value.items()}
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value


def _tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of a result; one that an older version did not write is empty."""
    tables = {}
    for name in COLUMNS:
        parquet, csv = folder / f"{name}.parquet", folder / f"{name}.csv"
        if parquet.is_file():
            tables[name] = read_stored(parquet)
        elif csv.is_file():
            tables[name] = _from_csv(csv, name)
        else:
            tables[name] = make_table(name, [])
    tables |= _beside(folder)
    if all(table.empty for table in tables.values()):
        raise UsageError(
            f"{folder}: no table in CSV or Parquet; a result is read back from these",
            "run the config again with csv or parquet in output.tables",
        )
    return tables


def _beside(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables about projects measured before and after; none in a run without them."""
    found = {}
    for name in BESIDE:
        parquet, csv = folder / f"{name}.parquet", folder / f"{name}.csv"
        if parquet.is_file():
            found[name] = read_stored(parquet)
        elif csv.is_file():
            texts = dict.fromkeys(_BESIDE_TEXTS, str)
            blanks: dict[str, list[str]] = {column: [] for column in _BESIDE_TEXTS}
            table = read_stored(csv, dtype=texts, na_values=blanks, keep_default_na=True)
            for column in _BESIDE_TEXTS & set(table.columns):
                table[column] = table[column].fillna("").str.replace(_DEFUSED, "", regex=True)
            found[name] = table
    return found


def _from_csv(path: Path, name: str) -> pd.DataFrame:
    """Return a table from CSV with the types of the contract; every cell is read as text first."""
    texts = read_stored(path, dtype=str, keep_default_na=False)
    for column in texts.columns:
        # the CSV files have an apostrophe before texts that a spreadsheet program would take for formulas
        texts[column] = texts[column].str.replace(_DEFUSED, "", regex=True)
    rows = (
        {str(key): _value(str(key), cell) for key, cell in row.items()} for row in texts.to_dict("records")
    )
    return make_table(name, rows)


def _value(column: str, cell: str) -> Any:
    if column == "used":
        return cell == "True"
    return cell or None
