"""Findings about data: what was seen, in which cell, how grave."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Severity = Literal["error", "warning", "info"]

#: Columns of the ``data_quality`` table.
COLUMNS = ["indicator", "unit", "check", "period", "value", "severity", "message"]

#: So many problems are shown one by one; the rest are counted.
SHOWN_PROBLEMS = 40

#: Ordinal of a row whose period could not be read.
NO_PERIOD = -(10**9)


@dataclass(frozen=True)
class Finding:
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
    """

    def __init__(self, problems: list[str]) -> None:
        more = len(problems) - SHOWN_PROBLEMS
        counted = [f"… and {more} more of this kind"] if more > 0 else []
        super().__init__([*problems[:SHOWN_PROBLEMS], *counted])
        self.total = len(problems)


def shorten(problems: list[str]) -> Shortened:
    """Return the first problems and a count of the rest."""
    return Shortened(problems)


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return findings as the sorted ``data_quality`` table."""
    rows = [{name: getattr(finding, name) for name in COLUMNS} for finding in findings]
    frame = pd.DataFrame(rows, columns=COLUMNS).astype(str)
    return frame.sort_values(COLUMNS, kind="stable").drop_duplicates().reset_index(drop=True)
