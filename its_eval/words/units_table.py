"""Units in an aligned table: a line each, with the effect after a year, in cases, and who else changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from its_eval.effects.estimands import CHANGE, periods_after
from its_eval.evaluation import records
from its_eval.words.labels import short_words
from its_eval.words.magnitude import Cases, cases_of
from its_eval.words.numbers import printed, signed, units_of

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation, Row

#: Characters of a line.
WIDTH = 100
#: A name in a table is cut to so many characters.
NAME_WIDTH = 19
#: Names lose up to so many letters more where the titles then fit on one line.
LETTERS_SPARED = 3


def unit_words(evaluation: Evaluation, unit: str) -> str:
    """Return a unit by its code and name, cut where they are long."""
    name = evaluation.unit_names.get(unit, "")
    return _cut(f"{unit} {name}".strip(), NAME_WIDTH)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}."


def is_later_effect(row: Row) -> bool:
    """Return whether a quantity is an effect some time after the start: a year, or as far as data reach."""
    return periods_after(str(row["estimand"])) is not None


def quantities_beside(evaluation: Evaluation, row: Row) -> list[Row]:
    """Return the quantities beside an answer."""
    table = evaluation.rows_of("verdicts", str(row["outcome"]), str(row["unit"]))
    chosen = (
        table["label"].eq("")
        & table["design"].eq(row["design"])
        & table["interruption"].eq(row["interruption"])
        & table["estimand"].ne(row["estimand"])
    )
    return [child for _, child in records(table[chosen])]


class UnitsTable:
    """Units as aligned rows: the answer, the effect one year after the start, cases, and who else.

    Parameters
    ----------
    evaluation : Evaluation
    about : mapping
        What is known of the outcome.
    rows : sequence of mapping
        Their verdicts.
    title : str
        Of the column of units.
    """

    def __init__(
        self, evaluation: Evaluation, about: Mapping[str, Any], rows: Sequence[Row], title: str
    ) -> None:
        self.notes: list[str] = []
        self._cells: dict[str, list[str]] = {}
        year: Row | None = None
        cases: list[Cases | str] = []
        for row in rows:
            children = [item for item in quantities_beside(evaluation, row) if is_later_effect(item)]
            own = children[0] if children else row if row["question"] == CHANGE else None
            year = year or own
            found = cases_of(evaluation, row, own)
            cases.append(found)
            others: str = "" if pd.isna(row["n_as_large"]) else f"{row['n_as_large']} of {row['n_donors']}"
            self._cells[str(row["unit"])] = [
                unit_words(evaluation, str(row["unit"])),
                _with_interval(row),
                _with_interval(own) if own is not None and own is not row else "",
                found if isinstance(found, str) else found.text,
                others,
            ]
        self._notes(rows, cases)
        first = rows[0]
        self._titles = [
            title,
            _title(first, about),
            _title(year, about) if year is not None else "",
            next((item.title for item in cases if not isinstance(item, str)), ""),
            "as large",
        ]
        used = [any(cells[place] for cells in self._cells.values()) for place in range(5)]
        self._used = [place for place in range(5) if used[place]]
        self._widths = [max(len(cells[place]) for cells in self._cells.values()) for place in range(5)]

    def _notes(self, rows: Sequence[Row], cases: Sequence[Cases | str]) -> None:
        """Give a number to each reason why cases are not given."""
        reasons = dict.fromkeys(item for item in cases if isinstance(item, str) and item)
        for number, reason in enumerate(reasons, start=1):
            self.notes.append(f"[{number}] {reason}")
            for row, item in zip(rows, cases, strict=True):
                if item == reason:
                    self._cells[str(row["unit"])][3] = f"not given [{number}]"

    def header(self) -> str:
        """Return the titles, on two lines where they are long; to spare the second names are cut a little."""
        over = sum(max(self._widths[place], len(self._titles[place])) + 2 for place in self._used) - WIDTH
        if 0 < over <= LETTERS_SPARED:
            for line in self._cells.values():
                line[0] = _cut(line[0], self._widths[0] - over)
            self._widths[0] -= over
        cells, fits = [], over <= LETTERS_SPARED
        for place in self._used:
            width = max(self._widths[place], len(self._titles[place]) if fits else 8)
            words, lines = self._titles[place].split(" "), [""]
            for word in words:
                if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
                    lines.append(word)
                else:
                    lines[-1] = f"{lines[-1]} {word}".strip()
            cells.append(lines)
            self._widths[place] = max(width, *(len(line) for line in lines))
        height = max(map(len, cells))
        every = [[""] * (height - len(lines)) + lines for lines in cells]
        return "\n".join(self._joined([lines[number] for lines in every]) for number in range(height))

    def row(self, row: Row) -> str:
        """Return a unit's line."""
        return self._joined([self._cells[str(row["unit"])][place] for place in self._used])

    def _joined(self, cells: Sequence[str]) -> str:
        padded = (cell.ljust(self._widths[place]) for place, cell in zip(self._used, cells, strict=True))
        return f"  {'  '.join(padded)}".rstrip()


def _title(row: Row, about: Mapping[str, Any]) -> str:
    """Return the heading of a column of estimates."""
    words = {"level_change": "level at once", "slope_change": "trend"}.get(str(row["estimand"]))
    if words is None and row["estimand"] == f"effect_at_{about['per_year']}":
        words = "one year after"
    return f"{words or short_words(row['estimand'], about)}, {units_of(row, about)}".removesuffix(", ")


def _with_interval(row: Row) -> str:
    """Return an estimate with the interval that allows for what others do, where there is one."""
    columns = ("conf_low", "conf_high")
    if not math.isnan(row["attribution_low"]):
        columns = ("attribution_low", "attribution_high")
    if math.isnan(row[columns[0]]):
        return signed(row["estimate"], row)
    low, high = (printed(row[name], row) for name in columns)
    return f"{signed(row['estimate'], row)} ({low}, {high})"
