"""Findings about data: what was seen, in which cell, how grave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

import pandas as pd
from msgspec import Struct

from its_eval.errors import DataError

T = TypeVar("T")

Severity = Literal["error", "warning", "info"]

#: Columns of the ``data_quality`` table.
COLUMNS = ["indicator", "unit", "check", "period", "value", "severity", "message"]

#: So many problems are shown one by one; the rest are counted.
SHOWN_PROBLEMS = 40

#: Ordinal of a row whose period could not be read.
NO_PERIOD = -(10**9)


class Finding(Struct, frozen=True):
    """One observation about the data.

    Attributes
    ----------
    indicator, unit, period : str
        Which series and when; empty when unknown.
    check : str
        A fixed word for the kind of finding, e.g. ``not_a_number``.
    value : str
        The text that stood in the cell.
    severity : {"error", "warning", "info"}
        An error in a row that the run uses stops the run; all else is only reported.
    message : str
        One sentence with the place, what was expected and what to do.
    """

    indicator: str
    unit: str
    check: str
    period: str
    value: str
    severity: Severity
    message: str


class Shortened(list[str]):
    """Problems of which the last are only counted.

    Parameters
    ----------
    problems : list of str
        All of them.

    Attributes
    ----------
    every : list of str
        All of them, for those who gather the problems of several errors.
    """

    def __init__(self, problems: list[str]) -> None:
        more = len(problems) - SHOWN_PROBLEMS
        counted = [f"… and {more} more of this kind"] if more > 0 else []
        super().__init__([*problems[:SHOWN_PROBLEMS], *counted])
        self.every = problems
        self.total = len(problems)


def shorten(problems: list[str]) -> Shortened:
    """Return the first problems and a count of the rest."""
    return Shortened(problems)


class Faults:
    """Problems of several files, columns or outcomes, told together.

    Attributes
    ----------
    problems, hints : list of str
        What was wrong, and what each error said to do.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.hints: list[str] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note the problems of an error within; what follows the block goes on."""
        try:
            yield
        except DataError as error:
            self._note(error)

    def of(self, read: Callable[[], T]) -> T | None:
        """Return what is read; None, and its problems noted, when it cannot be."""
        try:
            return read()
        except DataError as error:
            self._note(error)
            return None

    def _note(self, error: DataError) -> None:
        self.problems += getattr(error.problems, "every", error.problems)
        self.hints += [error.hint] if error.hint else []

    def refuse(self, hint: str | None = None) -> None:
        """Raise one error with all problems; nothing when there are none.

        Parameters
        ----------
        hint : str, optional
            What to do about all of them; by default what the first error said.

        Raises
        ------
        DataError
            With every problem noted.
        """
        if self.problems:
            raise DataError(Shortened(self.problems), hint or next(iter(self.hints), None))


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return findings as the sorted ``data_quality`` table."""
    rows = [{name: getattr(finding, name) for name in COLUMNS} for finding in findings]
    frame = pd.DataFrame(rows, columns=COLUMNS).astype(str)
    return frame.sort_values(COLUMNS, kind="stable").drop_duplicates().reset_index(drop=True)
