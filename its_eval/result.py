"""What every result offers in Python: its tables, its answer as text and in a cell, and how it is written."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Draws, tells and writes a result; it is loaded when first asked, with what it needs for that.
_DOOR = "its_eval.notebook"


class Result(ABC):
    """What was found: tables by name, and the answer in a cell, as a figure, a report or a folder.

    Attributes
    ----------
    title : str
        What it is about.
    tables : mapping of str to DataFrame
        Every table by name.
    """

    title: str
    tables: Mapping[str, pd.DataFrame]

    @abstractmethod
    def evaluated(self, unit: str | None = None) -> Any:
        """Return the evaluation that is shown and written; where `unit` is enough, that of it alone."""

    def first_unit(self) -> str | None:
        """Return the unit of which a figure is shown where none is named; None for the first of a run."""
        return None

    @abstractmethod
    def summary(self) -> str:
        """Return the answers as text."""

    @property
    def verdicts(self) -> pd.DataFrame:
        """What is concluded of every unit."""
        table: pd.DataFrame = self.evaluated().tidy("verdicts")
        return table

    @property
    def effects(self) -> pd.DataFrame:
        """Every estimand of every series, with interval and p-value."""
        return self.tables["effects"]

    @property
    def fits(self) -> pd.DataFrame:
        """How each series was fitted."""
        return self.tables["fits"]

    @property
    def series(self) -> pd.DataFrame:
        """Observed, fitted and counterfactual values by period."""
        return self.tables["series"]

    @property
    def not_estimated(self) -> pd.DataFrame:
        """What could not be estimated, and why."""
        return self.tables["not_estimated"]

    def tidy(self, table: str = "effects") -> pd.DataFrame:
        """Return one table."""
        return self.tables[table]

    def to_dict(self) -> dict[str, Any]:
        """Return the tables as lists of rows, ready for JSON: missing and infinite numbers are None."""
        return {"title": self.title, "tables": jsonable_tables(self.tables)}

    def plot(
        self,
        unit: str | None = None,
        kind: str = "its",
        *,
        outcome: str | None = None,
        design: str | None = None,
    ) -> Figure:
        """Return a figure; no window opens, and no setting of Matplotlib changes.

        Parameters
        ----------
        unit : str, optional
            Of whom; the first treated one when left out.
        kind : str
            ``its``, the main figure of a series, or another of a run: ``small_multiples``, ``placebo_units``,
            ``forest`` and so on.
        outcome, design : str, optional
            Of which; the first outcome, and a comparison rather than the unit alone, when left out.

        Raises
        ------
        UsageError
            When there is no such figure, with those that there are.
        """
        evaluation = self.evaluated(unit or self.first_unit())
        figure: Figure = import_module(_DOOR).plot(evaluation, unit, kind, outcome, design)
        return figure

    def report(self, path: str | Path) -> Path:
        """Write the report that a run writes to one HTML file, and return its path.

        Raises
        ------
        OutputError
            When it cannot be written there.
        """
        written: Path = import_module(_DOOR).report(self.evaluated(), Path(path))
        return written

    def save(self, folder: str | Path, *, force: bool = False) -> Path:
        """Write the folder that a run writes, and return its path.

        Tables that were in memory are written too, and ``config.resolved.yaml`` reads them from there: it can
        be run again.

        Parameters
        ----------
        folder : str or Path
            The result folder; it appears at the end, whole.
        force : bool
            Replace an existing result.

        Raises
        ------
        OutputError
            When it cannot be written there.
        """
        written: Path = import_module(_DOOR).save(self.evaluated(), Path(folder), force=force)
        return written

    def _told(self, *, broken: bool) -> str:
        """Return the answer on one screen, its lines broken or whole."""
        text: str = import_module(_DOOR).told(self, broken=broken)
        return text

    def __repr__(self) -> str:
        return self._told(broken=True)

    def _repr_html_(self) -> str:
        """Return the answer and the main figure, for a cell of a notebook."""
        page: str = import_module(_DOOR).cell(self, self._told(broken=False))
        return page


def jsonable_tables(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[dict[str, Any]]]:
    """Return tables as lists of rows, ready for JSON: missing and infinite numbers are None."""
    return {
        name: [{str(key): _jsonable(value) for key, value in row.items()} for row in table.to_dict("records")]
        for name, table in tables.items()
    }


def _jsonable(value: Any) -> Any:
    """Return a cell as JSON can hold it, which has no words for NaN and infinity."""
    if pd.isna(value) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


#: Spreadsheet programs take a cell that starts like this for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?")
_RETURN = re.compile(r"\r\n?")


def defused(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts no spreadsheet program takes for formulas; a plain number is none."""
    texts = table.select_dtypes(include=["object", "string"]).columns
    safe = table.copy()
    for name in texts:
        column = safe[name].astype(str)
        # most texts stand in many rows
        changed = {text: harmless for text in column.unique() if (harmless := _harmless(text)) != text}
        safe[name] = column.map(lambda text, known=changed: known.get(text, text)) if changed else column
    return safe


def _harmless(text: str) -> str:
    """Return a text as a cell may hold it."""
    formula = text.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text)
    # a lone carriage return is written without quotes, and readers would take it for the end of the row
    return _RETURN.sub("\n", f"'{text}" if formula else text)
