"""``--column ROLE=NAME``: which column of a file plays which role."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def column_mapping(texts: Sequence[str]) -> dict[str, str]:
    """Return columns by role.

    Parameters
    ----------
    texts : sequence of str
        As given on the command line.

    Raises
    ------
    UsageError
        Naming every text that is not ``ROLE=NAME``, and every role given twice.
    """
    from its_eval.errors import UsageError  # noqa: PLC0415

    columns: dict[str, str] = {}
    problems = []
    for text in texts:
        role, separator, name = (part.strip() for part in text.partition("="))
        if not separator or not role or not name:
            problems.append(f"--column {text!r}: expected ROLE=NAME, e.g. --column baseline=Before")
        elif columns.get(role, name) != name:
            problems.append(f"--column {role}={name}: {role} is already {columns[role]!r}")
        else:
            columns[role] = name
    if problems:
        raise UsageError("\n".join(problems))
    return columns
