"""What differs between two results on disk: settings, inputs, versions, answers, every table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from its_eval.errors import UsageError
from its_eval.provenance import RESOLVED, require_manifest
from its_eval.report.compare_tables import TableChange, Tolerance, compare_tables
from its_eval.report.stored_tables import read_stored

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Columns of ``summary`` that say what was concluded.
_ANSWER = ("label", "direction")
_HINT = "name two folders that its-eval wrote, e.g. results/old results/new"


@dataclass(frozen=True)
class Change:
    """One thing that is not the same; a value is None where a result does not have it."""

    what: str
    first: Any
    second: Any


@dataclass(frozen=True)
class Comparison:
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
    tables = [_tables(folder / "tables") for folder in (first, second)]
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


def _settings(path: Path) -> dict[str, Any]:
    """Return every setting by its dotted key, as text, so that results of older versions can be compared.

    Of a file only its name counts: where it lies may differ, and what it holds is compared as an input.
    """
    from its_eval.config.nodes import read_file  # noqa: PLC0415  (start-up time)

    found: dict[str, Any] = {}
    if path.is_file():
        _flatten(read_file(path).tree, "", found)
    return found


def _flatten(value: Any, key: str, found: dict[str, Any]) -> None:
    if isinstance(value, dict) and value:
        for name, entry in value.items():
            _flatten(entry, f"{key}.{name}" if key else str(name), found)
    elif isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        for place, entry in enumerate(value):
            _flatten(entry, f"{key}[{place}]", found)
    elif isinstance(value, str) and Path(value).is_absolute():
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
