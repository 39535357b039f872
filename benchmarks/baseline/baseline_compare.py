"""Comparison of two sets of runs, table by table and cell by cell.

Rows belong together by the columns that say what they are about, so that neither a new row nor another order
moves all others. Numbers agree when they differ by no more than 1e-9 of the larger one, or of 1; everything
else has to be the same text.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

TOLERANCE = 1e-9
_ANSWER = ("outcome", "unit", "design", "estimator")
#: Columns that say what a row is about, of the tables that have numbers or changing words among their texts.
KEYS: Mapping[str, tuple[str, ...]] = {
    "summary": ("outcome", "unit", "design"),
    "effects": (*_ANSWER, "interruption_period", "interruption", "estimand", "scale"),
    "coefficients": (*_ANSWER, "term"),
    "fits": _ANSWER,
    "not_estimated": (*_ANSWER, "reason"),
    "peers": ("outcome", "unit", "rank"),
    # those that are counted have no candidate
    "peer_exclusions": ("outcome", "unit", "candidate", "reason"),
    "peer_contributions": ("outcome", "unit", "peer", "variable"),
    "balance": ("outcome", "unit", "variable"),
    "series": ("outcome", "unit", "design", "period"),
    "checks": ("outcome", "unit", "design", "check"),
    "placebo_units": ("outcome", "unit", "design", "estimand", "placebo"),
    "placebo_dates": ("outcome", "unit", "design", "estimand", "placebo"),
    "sensitivity": ("outcome", "unit", "design", "dimension", "choice", "estimand"),
    "pooled": ("outcome", "design", "estimand", "method", "event_time"),
    "power": ("outcome", "unit", "design", "estimand"),
    "residuals": ("outcome", "unit", "design", "period"),
    "data_quality": ("indicator", "unit", "check", "period", "value"),
}
#: What `fit` calls a unit; in the tables of a run no column has this name.
SERIES = "series"


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was.

    Attributes
    ----------
    run, table : str
        Where. What a run printed, its exit code and its settings count as tables too.
    kind : str
        What is different: number, text, row missing, row added, and so on.
    column : str
        The column, or the path of a key in JSON and YAML; blank where a whole row or table differs.
    row : tuple of pair
        Key columns and values of the row.
    before, after : str
        What it was and what it is.
    """

    run: str
    table: str
    kind: str
    column: str = ""
    row: tuple[tuple[str, str], ...] = ()
    before: str = ""
    after: str = ""

    @property
    def size(self) -> float:
        """How far apart two numbers are, as the tolerance counts it; infinite for all else."""
        if self.kind != "number":
            return math.inf
        before, after = float(self.before), float(self.after)
        apart = abs(before - after) / max(1.0, abs(before), abs(after))
        return apart if math.isfinite(apart) else math.inf


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def same_cell(before: str, after: str) -> bool:
    """Return whether two cells agree; NaN is NaN, and infinity is the infinity of the same sign."""
    if before == after:
        return True
    first, second = _number(before), _number(after)
    if first is None or second is None:
        return False
    if math.isnan(first) or math.isnan(second):
        return math.isnan(first) and math.isnan(second)
    if math.isinf(first) or math.isinf(second):
        return first == second
    return abs(first - second) <= TOLERANCE * max(1.0, abs(first), abs(second))


def _cell_kind(before: str, after: str) -> str:
    return "text" if _number(before) is None or _number(after) is None else "number"


def read_table(path: Path) -> pd.DataFrame:
    """Return a table with every cell as text, missing ones blank."""
    if path.suffix == ".csv":
        try:
            return pd.read_csv(path, dtype=str, keep_default_na=False)
        except pd.errors.EmptyDataError:
            return pd.DataFrame()
    frame = pd.read_parquet(path)
    return pd.DataFrame(
        {name: [_text(cell) for cell in frame[name].tolist()] for name in frame.columns}, dtype=str
    )


def _text(cell: Any) -> str:
    return (
        "" if cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell)) else str(cell)
    )


def key_columns(table: str, frame: pd.DataFrame) -> list[str]:
    """Return the columns that say what a row is about: for a table not known, all that hold no numbers."""
    found = [name for name in (*KEYS.get(table, ()), SERIES) if name in frame.columns]
    if table in KEYS and found:
        return found
    return [
        name for name in frame.columns if not all(_number(cell) is not None for cell in frame[name] if cell)
    ]


def _rows(frame: pd.DataFrame, keys: Sequence[str]) -> dict[tuple[str, ...], int]:
    """Return the place of each row by its key; rows of one key are told apart by their order."""
    seen: Counter[tuple[str, ...]] = Counter()
    places = {}
    for place, key in enumerate(
        zip(*(frame[name] for name in keys), strict=True) if keys else [()] * len(frame)
    ):
        places[*key, str(seen[key])] = place
        seen[key] += 1
    return places


def compare_frames(run: str, table: str, old: pd.DataFrame, new: pd.DataFrame) -> Iterator[Difference]:
    """Yield every difference of two tables whose cells are text."""
    shared = [name for name in old.columns if name in new.columns]
    yield from (
        Difference(run, table, "column missing", name) for name in old.columns if name not in new.columns
    )
    yield from (
        Difference(run, table, "column added", name) for name in new.columns if name not in old.columns
    )
    if list(new.columns[: len(shared)]) != shared:
        yield Difference(run, table, "order of columns", "", (), ", ".join(shared), ", ".join(new.columns))
    keys = [name for name in key_columns(table, old) if name in shared]
    old_rows, new_rows = _rows(old, keys), _rows(new, keys)

    def about(key: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        return tuple(zip(keys, key, strict=False))

    yield from (
        Difference(run, table, "row missing", "", about(key)) for key in old_rows if key not in new_rows
    )
    yield from (
        Difference(run, table, "row added", "", about(key)) for key in new_rows if key not in old_rows
    )
    both = [key for key in old_rows if key in new_rows]
    old_places, new_places = [old_rows[key] for key in both], [new_rows[key] for key in both]
    for name in shared:
        before = old[name].to_numpy(dtype=object)[old_places]
        after = new[name].to_numpy(dtype=object)[new_places]
        for place in np.flatnonzero(before != after):
            first, second = before[place], after[place]
            if not same_cell(first, second):
                yield Difference(
                    run, table, _cell_kind(first, second), name, about(both[place]), first, second
                )


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and text of every value of nested lists and mappings."""
    if isinstance(value, Mapping) and value:
        for key, own in value.items():
            yield from _leaves(own, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for place, own in enumerate(value):
            yield from _leaves(own, f"{path}[{place}]")
    else:
        yield path, "" if value is None else str(value)


def _compare_trees(run: str, table: str, old: object, new: object) -> Iterator[Difference]:
    before, after = dict(_leaves(old)), dict(_leaves(new))
    for path in [*before, *(path for path in after if path not in before)]:
        if path not in after:
            yield Difference(run, table, "key missing", path, (), before[path])
        elif path not in before:
            yield Difference(run, table, "key added", path, (), "", after[path])
        elif not same_cell(before[path], after[path]):
            kind = _cell_kind(before[path], after[path])
            yield Difference(run, table, kind, path, (), before[path], after[path])


def _parsed(path: Path) -> object:
    text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text) if path.suffix == ".json" else yaml.load(text, yaml.BaseLoader)  # noqa: S506
    except ValueError:
        return text


def _compare_texts(run: str, table: str, old: str, new: str) -> Iterator[Difference]:
    """Yield one difference, at the first line that is another."""
    if old != new:
        lines = [*old.splitlines(), "(end)"], [*new.splitlines(), "(end)"]
        differing = [pair for pair in zip(*lines, strict=False) if pair[0] != pair[1]]
        before, after = differing[0] if differing else ("the same lines", "other ends of lines")
        yield Difference(run, table, "printed", "", (), before, after)


def compare_files(run: str, table: str, old: Path, new: Path) -> Iterator[Difference]:
    """Yield every difference of two files, by what they hold."""
    if not old.exists() or not new.exists():
        yield Difference(run, table, f"{'table' if old.suffix in _TABLES else 'file'} "
                         f"{'added' if not old.exists() else 'missing'}")  # fmt: skip
    elif old.suffix in _TABLES:
        if old.is_dir() or new.is_dir() or old.read_bytes() != new.read_bytes():
            yield from compare_frames(run, table, read_table(old), read_table(new))
    elif old.suffix in {".json", ".yaml"}:
        yield from _compare_trees(run, table, _parsed(old), _parsed(new))
    else:
        yield from _compare_texts(
            run, table, old.read_text(encoding="utf-8"), new.read_text(encoding="utf-8")
        )


_TABLES = (".csv", ".parquet")


def _compared(folder: Path) -> dict[str, str]:
    """Return what is compared of a run: by path the name of the table. A batch has folders for tables."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix not in {*_TABLES, ".json", ".txt", ".yaml"} or path.name == "manifest.json":
            continue
        if path.parent.suffix not in _TABLES:
            found[path.relative_to(folder).as_posix()] = path.stem
    return found


def compare_run(old: Path, new: Path) -> list[Difference]:
    """Return every difference of two runs of one name."""
    run = old.name
    if not new.exists() or not old.exists():
        return [Difference(run, "", "run missing" if old.exists() else "run added")]
    found: list[Difference] = []
    for path, table in {**_compared(old), **_compared(new)}.items():
        if not _written_otherwise(old / path, new / path):
            found += compare_files(run, table, old / path, new / path)
    return found


def _written_otherwise(old: Path, new: Path) -> bool:
    """Return whether a table is only not written: it has no rows, or stands there in the other format."""
    if old.suffix not in _TABLES or not old.is_file() or new.exists():
        return False
    return new.with_suffix(".csv").is_file() or read_table(old).empty
