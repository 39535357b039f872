"""Which column of a table plays which role: named by the caller, or recognised by its usual name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from its_eval.data.tables import nearest, normalise_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Role:
    """What a column can be for.

    Attributes
    ----------
    name : str
        Name of the role.
    aliases : tuple of str
        Column names by which it is recognised, besides its own, in order of preference.
    required : bool
        Whether a table without it cannot be used.
    """

    name: str
    aliases: tuple[str, ...] = ()
    required: bool = False


def assign_columns(
    columns: Iterable[object], roles: Sequence[Role], given: Mapping[str, str], where: str
) -> tuple[dict[str, str], list[str]]:
    """Return the column of every role that the table has, and all that is wrong with the columns.

    Parameters
    ----------
    columns : iterable
        Column names of the table.
    roles : sequence of Role
        Roles wanted.
    given : mapping of str to str
        Columns that the caller names, by role; each has to be there.
    where : str
        The file, for messages.

    Returns
    -------
    found : dict of str to str
        Column by role.
    problems : list of str
        A sentence each; columns are compared ignoring case, repeated spaces, and ``_`` for a space.
    """
    names = [str(name) for name in columns]
    known = {role.name: role for role in roles}
    problems = [
        f"{where}: there is no role {name!r} for a column; {nearest(name, known)}"
        for name in given
        if name not in known
    ]
    found: dict[str, str] = {}
    for role in roles:
        matches = _matches(names, role, given)
        wanted = given.get(role.name)
        if len(matches) == 1:
            found[role.name] = matches[0]
        elif matches:
            problems.append(f"{where}: {len(matches)} columns are called {matches[0]!r}; expected one")
        elif wanted is not None:
            problems.append(f"{where}: there is no column {wanted!r}; {nearest(wanted, names)}")
        elif role.required:
            usual = ", ".join(repr(alias) for alias in (role.name, *role.aliases))
            near = nearest(role.name, names)
            problems.append(f"{where}: no column is recognised as {role.name} (usual names: {usual}); {near}")
    problems += _shared(found, where)
    return found, problems


def _matches(names: Sequence[str], role: Role, given: Mapping[str, str]) -> list[str]:
    """Return the columns with the name wanted, or with the first usual name that the table has."""
    wanted = [given[role.name]] if role.name in given else [role.name, *role.aliases]
    for candidate in wanted:
        matches = [name for name in names if _key(name) == _key(candidate)]
        if matches:
            return matches
    return []


def _key(name: str) -> str:
    return normalise_name(name.replace("_", " "))


def _shared(found: Mapping[str, str], where: str) -> list[str]:
    """Return a sentence for every column that would have to play two roles."""
    by_column: dict[str, list[str]] = {}
    for role, column in found.items():
        by_column.setdefault(column, []).append(role)
    return [
        f"{where}: column {column!r} is taken for {' and '.join(players)}; expected a column for each"
        for column, players in by_column.items()
        if len(players) > 1
    ]
