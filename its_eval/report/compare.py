"""What differs between two results on disk: settings, inputs, versions, answers, every table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec import Struct, field

from its_eval.columns import COLUMNS, SORT_KEYS, make_table
from its_eval.errors import UsageError
from its_eval.provenance import RESOLVED, require_manifest
from its_eval.report.source import read_stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


#: Columns that say with the sort keys which row is meant.
_ALSO_KEYS = {"coefficients": ("term",), "error_model": ("term",), "effects": ("role",), "pooled": ()}
#: Texts of a table without keys of its own that say which row is meant.
_SINGLE = "row"


class Tolerance(Struct, frozen=True):
    """How far apart two numbers may be: ``|a - b| <= absolute + relative * max(|a|, |b|)``.

    Attributes
    ----------
    relative, absolute : float
        At least 0.
    """

    relative: float = 1e-6
    absolute: float = 0.0


class ColumnChange(Struct, frozen=True):
    """One column whose cells differ.

    Attributes
    ----------
    column : str
        Its name.
    cells : int
        How many cells differ.
    where, first, second :
        The row with the largest difference, in words, and both values there.
    """

    column: str
    cells: int
    where: str
    first: Any
    second: Any


class TableChange(Struct, frozen=True):
    """What differs between two tables.

    Attributes
    ----------
    table : str
        Name.
    rows : int
        Rows that both have.
    only_first, only_second : tuple of str
        Rows that one has alone, in words.
    columns_first, columns_second : tuple of str
        Columns that one has alone.
    changes : tuple of ColumnChange
        Columns whose cells differ.
    """

    table: str
    rows: int
    only_first: tuple[str, ...] = ()
    only_second: tuple[str, ...] = ()
    columns_first: tuple[str, ...] = ()
    columns_second: tuple[str, ...] = ()
    changes: tuple[ColumnChange, ...] = field(default=())

    @property
    def same(self) -> bool:
        """Whether the tables say the same."""
        return not (
            self.only_first or self.only_second or self.columns_first or self.columns_second or self.changes
        )


def compare_tables(name: str, first: pd.DataFrame, second: pd.DataFrame, tolerance: Tolerance) -> TableChange:
    """Compare two tables row by row; rows belong together by the columns that say what they are about.

    Parameters
    ----------
    name : str
        Name of the table.
    first, second : DataFrame
        The tables.
    tolerance : Tolerance
        For numbers; texts have to be equal.
    """
    shared = [column for column in first.columns if column in set(second.columns)]
    keys = _keys(name, shared, first)
    left, right = _by_key(first, keys), _by_key(second, keys)
    both = left.index.intersection(right.index, sort=False)
    one, other = left.loc[both], right.loc[both]
    changes = (
        _column_change(column, one[column], other[column], tolerance)
        for column in shared
        if column not in keys
    )
    return TableChange(
        name,
        len(both),
        _in_words(left.index.difference(right.index, sort=False)),
        _in_words(right.index.difference(left.index, sort=False)),
        tuple(column for column in first.columns if column not in shared),
        tuple(column for column in second.columns if column not in shared),
        tuple(change for change in changes if change is not None),
    )


def _keys(name: str, shared: list[str], frame: pd.DataFrame) -> list[str]:
    """Return the columns that say what a row is about: those of the contract, else all texts."""
    wanted = (*SORT_KEYS.get(name, ()), *_ALSO_KEYS.get(name, ()))
    if not wanted:
        wanted = tuple(str(column) for column in frame.select_dtypes(["object", "string"]).columns)
    # a number is what may differ, unless it is all that tells rows apart
    numbers = {"distance"}
    return [column for column in wanted if column in shared and column not in numbers]


def _by_key(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return a table with what its rows are about as index; equal ones are counted."""
    texts = frame[keys].astype(object).where(frame[keys].notna(), "").astype(str)
    labels = texts.agg(", ".join, axis=1) if keys and len(frame) else pd.Series("", index=frame.index)
    repeat = labels.groupby(labels, sort=False).cumcount()
    numbered = labels.where(repeat == 0, labels + " (" + (repeat + 1).astype(str) + ")")
    return frame.set_axis(pd.Index(numbered, dtype=object), axis=0)


def _in_words(labels: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(label) or _SINGLE for label in labels)


def _column_change(
    column: str, one: pd.Series, other: pd.Series, tolerance: Tolerance
) -> ColumnChange | None:
    """Return how a column differs between rows that belong together; None when it does not."""
    if _is_number(one) and _is_number(other):
        a = one.to_numpy(dtype=np.float64, na_value=np.nan)
        b = other.to_numpy(dtype=np.float64, na_value=np.nan)
        size = _differences(a, b, tolerance)
    else:
        left, right = _as_text(one), _as_text(other)
        size = np.asarray(left.to_numpy() != right.to_numpy(), dtype=np.float64)
    cells = int(np.count_nonzero(size))
    if not cells:
        return None
    worst = int(np.argmax(size))
    return ColumnChange(
        column,
        cells,
        str(one.index[worst]) or _SINGLE,
        _plain(one.iloc[worst]),
        _plain(other.iloc[worst]),
    )


def _differences(a: np.ndarray, b: np.ndarray, tolerance: Tolerance) -> np.ndarray:
    """Return how many tolerances apart numbers are, 0 where within; infinite where only one is missing."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    finite = np.isfinite(a) & np.isfinite(b)
    first, second = np.where(finite, a, 0.0), np.where(finite, b, 0.0)
    apart = np.abs(first - second)
    allowed = tolerance.absolute + tolerance.relative * np.maximum(np.abs(first), np.abs(second))
    ratio = np.divide(apart, allowed, out=np.full(apart.shape, np.inf), where=allowed > 0.0)
    return np.where(same, 0.0, np.where(finite, np.where(apart > allowed, ratio, 0.0), np.inf))


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _as_text(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "").astype(str)


def _plain(value: Any) -> Any:
    """Return a cell as a value that JSON can hold."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and np.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value if isinstance(value, (bool, int, float)) else str(value)


#: Columns of ``summary`` that say what was concluded.
_ANSWER = ("label", "direction")
_HINT = "name two folders that its-eval wrote, e.g. results/old results/new"


class Change(Struct, frozen=True):
    """One thing that is not the same; a value is None where a result does not have it."""

    what: str
    first: Any
    second: Any


class Comparison(Struct, frozen=True):
    """What differs between two results.

    Attributes
    ----------
    settings, inputs, versions, answers : tuple of Change
        Keys of the config with every default (files aside), files by name (values are hashes), program and
        libraries, conclusions by outcome, unit and design.
    tables : tuple of TableChange
        Every table of both, sorted by name.
    tables_first, tables_second : tuple of str
        Tables that one has alone.
    """

    settings: tuple[Change, ...]
    inputs: tuple[Change, ...]
    versions: tuple[Change, ...]
    answers: tuple[Change, ...]
    tables: tuple[TableChange, ...]
    tables_first: tuple[str, ...]
    tables_second: tuple[str, ...]

    @property
    def changed_tables(self) -> tuple[TableChange, ...]:
        """Tables that differ."""
        return tuple(table for table in self.tables if not table.same)

    @property
    def same(self) -> bool:
        """Whether settings, inputs and tables are the same; another version alone is no difference."""
        return not (
            self.settings or self.inputs or self.changed_tables or self.tables_first or self.tables_second
        )


def compare_runs(first: Path, second: Path, tolerance: Tolerance) -> Comparison:
    """Compare two results.

    Parameters
    ----------
    first, second : Path
        Folders that this program wrote.
    tolerance : Tolerance
        For the numbers in tables.

    Raises
    ------
    UsageError
        When one of them is none, or has no tables.
    """
    manifests = [require_manifest(folder, _HINT) for folder in (first, second)]
    tables = [
        _tables(folder / "tables") | _without_rows(known)
        for folder, known in zip((first, second), manifests, strict=True)
    ]
    shared = sorted(tables[0].keys() & tables[1].keys())
    changes = tuple(compare_tables(name, tables[0][name], tables[1][name], tolerance) for name in shared)
    return Comparison(
        settings=_changes(*(_settings(folder / RESOLVED) for folder in (first, second))),
        inputs=_changes(*_matched_inputs(*map(_inputs, manifests))),
        versions=_changes(*map(_versions, manifests)),
        answers=_answers(*(each.get("summary") for each in tables)),
        tables=changes,
        tables_first=tuple(sorted(tables[0].keys() - tables[1].keys())),
        tables_second=tuple(sorted(tables[1].keys() - tables[0].keys())),
    )


def _tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of a result by name, from Parquet where it is there."""
    tables = {path.stem: read_stored(path) for path in sorted(folder.glob("*.csv"))}
    tables |= {path.stem: read_stored(path) for path in sorted(folder.glob("*.parquet"))}
    if not tables:
        raise UsageError(
            f"{folder}: no table in CSV or Parquet", "run the config again with one of them in output.tables"
        )
    return tables


def _without_rows(known: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the tables that were not written, for they have no rows."""
    rows = known.get("tables") or {}
    return {name: make_table(name, []) for name, count in rows.items() if not count and name in COLUMNS}


def _settings(path: Path) -> dict[str, Any]:
    """Return every setting by its dotted key, as text, so that results of older versions can be compared.

    Of a file only its name counts: where it lies may differ, and what it holds is compared as an input.
    """
    from its_eval.config.reading import read_file  # noqa: PLC0415  (start-up time)

    found: dict[str, Any] = {}
    if path.is_file():
        _flatten(read_file(path).tree, "", found)
    return found


#: Keys of the config whose value is a file.
_FILES = frozenset({"path", "style", "answers"})


def _flatten(value: Any, key: str, found: dict[str, Any]) -> None:
    if isinstance(value, dict) and value:
        for name, entry in value.items():
            _flatten(entry, f"{key}.{name}" if key else str(name), found)
    elif isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        for place, entry in enumerate(value):
            _flatten(entry, f"{key}[{place}]", found)
    elif isinstance(value, str) and (Path(value).is_absolute() or key.rpartition(".")[2] in _FILES):
        found[key] = Path(value).name
    else:
        found[key] = value


def _inputs(known: Mapping[str, Any]) -> dict[str, str]:
    """Return the hash of every input by its path from the config, which is the same in every checkout."""
    config = known.get("config")
    folder = Path(config["path"]).parent if config else None
    return {
        Path(path).as_posix() if folder is None else Path(os.path.relpath(path, folder)).as_posix(): digest
        for path, digest in (known.get("inputs") or {}).items()
    }


def _matched_inputs(one: dict[str, str], other: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the inputs without those that only moved: the same name and the same bytes elsewhere."""
    alone = [
        {path: each[path] for path in each.keys() - rest.keys()}
        for each, rest in ((one, other), (other, one))
    ]
    names = [{(Path(path).name, digest) for path, digest in each.items()} for each in alone]
    moved = names[0] & names[1]
    kept = [
        {
            path: digest
            for path, digest in each.items()
            if path not in lone or (Path(path).name, digest) not in moved
        }
        for each, lone in zip((one, other), alone, strict=True)
    ]
    return kept[0], kept[1]


def _versions(known: Mapping[str, Any]) -> dict[str, Any]:
    program = known["program"]
    return {
        str(program["name"]): program["version"],
        "Python": known.get("python"),
        "platform": known.get("platform"),
        **(known.get("libraries") or {}),
    }


def _changes(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the keys whose values differ, in the order of the first, then of the second."""
    keys = [*first, *(key for key in second if key not in first)]
    return tuple(
        Change(key, first.get(key), second.get(key)) for key in keys if first.get(key) != second.get(key)
    )


def _answers(first: pd.DataFrame | None, second: pd.DataFrame | None) -> tuple[Change, ...]:
    """Return the conclusions that are no longer the same."""
    wanted = {"outcome", "unit", "design", *_ANSWER}
    if first is None or second is None or not (wanted <= set(first) and wanted <= set(second)):
        return ()
    return _changes(_conclusions(first), _conclusions(second))


def _conclusions(summary: pd.DataFrame) -> dict[str, str]:
    rows: Sequence[Mapping[Any, Any]] = summary.to_dict("records")
    return {
        ", ".join(str(row[key]) for key in ("outcome", "unit", "design")): ", ".join(
            str(row[key]) for key in _ANSWER if isinstance(row[key], str) and row[key]
        )
        for row in rows
    }
