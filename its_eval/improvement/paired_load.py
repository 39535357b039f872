"""Reading a table of projects measured before and after, or a table of published t statistics."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from msgspec import Struct

from its_eval.data.numbers import read_numbers
from its_eval.data.tables import (
    Role,
    assign_columns,
    find_column,
    nearest,
    normalise_name,
    read_table,
    require_file,
)
from its_eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


#: Unit of the rows for all units together.
ALL = "all"
BETTER = ("lower", "higher")

ROLES = (
    Role("measure", ("indicator", "outcome"), required=True),
    Role("unit", ("trust", "trust_code", "organisation", "org_code", "site")),
    Role("project", ("workshop", "event", "id")),
    Role("baseline", ("before", "pre"), required=True),
    Role("projects", ("n_projects", "number_of_projects")),
    Role("better", ("better_is",)),
)
STATISTIC_ROLES = (
    Role("measure", ("indicator", "outcome"), required=True),
    Role("t", ("t_value", "t_statistic"), required=True),
    Role("df", ("degrees_of_freedom",), required=True),
    Role("n", ("pairs", "n_pairs")),
)
_FOLLOW_UP_NAMES = ("follow_up", "followup", "after", "post")
#: A follow-up after so many days: day_30, 30_days, follow_up_30, followup 90 days.
_TIMED = re.compile(r"(?:(?:follow ?up|after|days?) ?)+(\d+)(?: ?days?)?|(\d+) ?days?")


class Projects(Struct, frozen=True):
    """Projects measured before and after.

    Attributes
    ----------
    frame : DataFrame
        A row per project, measure and follow-up, in the order of the file: measure, unit, project, baseline,
        follow_up (its name), value (NaN where not measured), projects (behind the row; 1 for a project),
        better, source_row.
    follow_ups : tuple of str
        Their names in order of time.
    has_units : bool
        Whether the file says which unit a project belongs to.
    """

    frame: pd.DataFrame
    follow_ups: tuple[str, ...]
    has_units: bool


def is_statistics(path: Path, columns: Mapping[str, str]) -> bool:
    """Return whether a table holds t and its degrees of freedom instead of measurements.

    Raises
    ------
    DataError
        When the file cannot be read.
    """
    names = {normalise_name(str(name)) for name in _read(path).columns}
    return bool({"t", "df"} & set(columns)) or ({"t", "df"} <= names and not {"baseline", "before"} & names)


def load_statistics(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return published statistics: measure, t, df, n (pairs; df + 1 where the file does not say).

    Raises
    ------
    DataError
        With every fault of the file.
    """
    raw = _read(path)
    roles, problems = assign_columns(raw.columns, STATISTIC_ROLES, columns, str(path))
    _raise(problems)
    out = pd.DataFrame({"measure": raw[roles["measure"]].astype(str).str.strip()}, index=raw.index)
    for name in ("t", "df"):
        out[name] = read_numbers(raw, roles[name], path, problems, blank="needed")
    out["n"] = read_numbers(raw, roles["n"], path, problems) if "n" in roles else np.nan
    out["n"] = out["n"].fillna(out["df"] + 1.0)
    problems += [
        f"{path}: row {row}: df {df:g} and n {n:g}: expected df above 0 and at least 2 pairs"
        for row, df, n in out[["df", "n"]].itertuples(name=None)
        if df <= 0 or n < 2
    ]
    problems += _blank(out, "measure", path)
    _raise(problems)
    return out.reset_index(drop=True)


def load_projects(path: Path, columns: Mapping[str, str], follow_ups: Sequence[str] = ()) -> Projects:
    """Read a table with a row per project and measure.

    Parameters
    ----------
    path : Path
        CSV or Parquet.
    columns : mapping of str to str
        Columns by role (measure, unit, project, baseline, projects, better), where they do not have their
        usual names.
    follow_ups : sequence of str
        Columns of the follow-up measurements in order of time; when left out they are recognised by name:
        ``follow_up`` or ``after``, and ``day_30``, ``60_days``, ``follow_up_90``.

    Raises
    ------
    DataError
        With every fault of the columns, or else every fault of the cells.
    """
    raw = _read(path)
    roles, problems = assign_columns(raw.columns, ROLES, columns, str(path))
    times = _follow_up_columns(raw, path, follow_ups, set(roles.values()), problems)
    _raise(problems, "name columns with --column ROLE=NAME and --follow-up NAME")
    base = pd.DataFrame(index=raw.index)
    for role, default in (("measure", ""), ("unit", ALL), ("better", "")):
        base[role] = raw[roles[role]].astype(str).str.strip() if role in roles else default
    base["project"] = (
        raw[roles["project"]].astype(str).str.strip()
        if "project" in roles
        else [f"row {row}" for row in raw.index]
    )
    base["baseline"] = read_numbers(raw, roles["baseline"], path, problems)
    base["projects"] = read_numbers(raw, roles["projects"], path, problems) if "projects" in roles else 1.0
    values = {label: read_numbers(raw, column, path, problems) for label, column in times.items()}
    problems += _row_faults(base, roles, path)
    _raise(problems)
    base["source_row"] = base.index
    frame = pd.concat(
        [base.assign(follow_up=label, value=numbers) for label, numbers in values.items()], ignore_index=True
    )
    return Projects(frame, tuple(values), "unit" in roles)


def _read(path: Path) -> pd.DataFrame:
    require_file(path, "check the path")
    return read_table(path)


def _raise(problems: list[str], hint: str | None = None) -> None:
    if problems:
        raise DataError(problems, hint)


def _follow_up_columns(
    raw: pd.DataFrame, path: Path, named: Sequence[str], taken: set[str], problems: list[str]
) -> dict[str, str]:
    """Return the columns of the follow-ups by label, in order of time."""
    names = [str(name) for name in raw.columns]
    if named:
        by_label: dict[str, str] = {}
        for name in named:
            try:
                column = find_column(names, name, str(path))
            except DataError as error:
                problems += error.problems
                continue
            if column in taken:
                problems.append(f"{path}: column {column!r} cannot be a follow-up; it has another role")
            by_label[_label(column)] = column
        return by_label
    free = [name for name in names if name not in taken]
    timed = sorted((days, name) for name in free if (days := _days(name)) is not None)
    by_label = {f"{days} days": name for days, name in timed}
    plain = [name for name in free if _label(name) == "follow-up"]
    by_label |= dict.fromkeys(["follow-up"][: len(plain)], plain[0] if plain else "")
    if len(by_label) < len(timed) + len(plain):
        columns = ", ".join(repr(name) for name in [*(name for _, name in timed), *plain])
        problems.append(f"{path}: two of the columns {columns} hold the same follow-up; name those meant")
    if not by_label:
        problems.append(
            f"{path}: no column is recognised as a follow-up (usual names: 'follow_up', 'after', 'day_30', "
            f"'60_days'); {nearest('follow_up', free)}"
        )
    return by_label


def _plain(name: str) -> str:
    return normalise_name(name.replace("_", " ").replace("-", " "))


def _days(name: str) -> int | None:
    match = _TIMED.fullmatch(_plain(name))
    return int(match[1] or match[2]) if match else None


def _label(column: str) -> str:
    days = _days(column)
    if days is not None:
        return f"{days} days"
    return "follow-up" if _plain(column) in {_plain(name) for name in _FOLLOW_UP_NAMES} else column


def _blank(frame: pd.DataFrame, column: str, path: Path) -> list[str]:
    return [f"{path}: row {row}: the {column} is blank" for row in frame.index[frame[column].eq("")]]


def _row_faults(base: pd.DataFrame, roles: Mapping[str, str], path: Path) -> list[str]:
    """Return what is wrong with whole rows."""
    problems = _blank(base, "measure", path)
    if "unit" in roles:
        problems += _blank(base, "unit", path)
        problems += [
            f"{path}: row {row}: a unit cannot be called {ALL!r}, which stands for all units together"
            for row in base.index[base["unit"].str.casefold().eq(ALL)]
        ]
    problems += [
        f"{path}: row {row}: projects {count:g}: expected a whole number of 1 or more"
        for row, count in base["projects"].items()
        if not (count >= 1 and count == round(count))
    ]
    problems += [
        f"{path}: row {row}: better {word!r}: expected {' or '.join(BETTER)}, or blank"
        for row, word in base["better"].items()
        if word not in ("", *BETTER)
    ]
    said = base[base["better"].ne("")].groupby("measure")["better"].nunique()
    problems += [
        f"{path}: measure {name!r}: better is lower in some rows and higher in others"
        for name in said.index[said > 1]
    ]
    for key, rows in base.groupby(["measure", "unit", "project"], sort=True):
        if len(rows) > 1:
            named = ", ".join(str(part) for part in key)
            places = ", ".join(str(row) for row in rows.index)
            problems.append(f"{path}: {named} stands in rows {places}; keep one")
    return problems
