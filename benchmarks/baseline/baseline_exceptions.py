"""What may differ from 0.1: differences that a named defect explains, and no others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from baseline_compare import Difference


@dataclass(frozen=True)
class Known:
    """Differences that a named defect explains.

    Attributes
    ----------
    run, table : tuple of str
        Patterns of which one has to fit.
    defect : str
        The defect of the old version, in words.
    columns : tuple of str
        Patterns of columns; none: whole rows and tables too.
    rows : mapping of str to str
        Patterns of key columns that a row has to fit.
    """

    run: tuple[str, ...]
    table: tuple[str, ...]
    defect: str
    columns: tuple[str, ...] = ()
    rows: Mapping[str, str] = field(default_factory=dict)

    def of_run(self, run: str) -> bool:
        """Whether a run is meant."""
        return any(fnmatchcase(run, pattern) for pattern in self.run)

    def explains(self, difference: Difference) -> bool:
        """Whether a difference is one of those meant."""
        if not self.of_run(difference.run) or not any(
            fnmatchcase(difference.table, name) for name in self.table
        ):
            return False
        if self.columns and not any(fnmatchcase(difference.column, name) for name in self.columns):
            return False
        row = dict(difference.row)
        return all(name in row and fnmatchcase(row[name], pattern) for name, pattern in self.rows.items())


_ALLOWED = {"run", "table", "defect", "columns", "rows"}


def read_exceptions(path: Path) -> list[Known]:
    """Return the exceptions of a file.

    Raises
    ------
    ValueError
        When an entry lacks its run, its table or the words of its defect, or has a key that is not known.
    """
    found = []
    for place, entry in enumerate(yaml.safe_load(path.read_text(encoding="utf-8")) or [], 1):
        wrong = sorted(set(entry) - _ALLOWED) or [
            key for key in ("run", "table", "defect") if not entry.get(key)
        ]
        if wrong:
            raise ValueError(f"{path.name}, exception {place}: {', '.join(wrong)}: missing or not known")
        rows = {str(name): str(pattern) for name, pattern in (entry.get("rows") or {}).items()}
        listed = (_listed(entry["run"]), _listed(entry["table"]))
        found.append(Known(*listed, str(entry["defect"]).strip(), _listed(entry.get("columns", [])), rows))
    return found


def _listed(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


@dataclass(frozen=True)
class Verdict:
    """What came of a comparison: differences that nothing explains, those explained, and idle exceptions."""

    unexplained: list[Difference]
    explained: Mapping[str, int]
    unused: list[Known]

    @property
    def good(self) -> bool:
        """Whether everything is as it was, or has its reason."""
        return not self.unexplained and not self.unused


def judge(differences: Iterable[Difference], exceptions: Sequence[Known], runs: Iterable[str]) -> Verdict:
    """Return which differences are explained, and which exceptions explain nothing.

    Parameters
    ----------
    differences : iterable of Difference
        What was found.
    exceptions : sequence of Known
        What may differ; the first that fits explains.
    runs : iterable of str
        The runs that were compared: an exception of others is not idle.
    """
    unexplained, explained, used = [], Counter[str](), set()
    for difference in differences:
        fitting = [place for place, known in enumerate(exceptions) if known.explains(difference)]
        used.update(fitting)
        if fitting:
            explained[exceptions[fitting[0]].defect] += 1
        else:
            unexplained.append(difference)
    compared = list(runs)
    unused = [
        known
        for place, known in enumerate(exceptions)
        if place not in used and any(known.of_run(run) for run in compared)
    ]
    return Verdict(unexplained, explained, unused)
