"""Cells of tables and pictures among the sections: rounded numbers that carry their full precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from its_eval.columns import THE_SET
from its_eval.evaluation import Evaluation, Row, in_order_of_designs, records
from its_eval.figures.catalogue import FIGURES, in_section
from its_eval.report.blocks import (
    Cell,
    Code,
    Column,
    Folded,
    Link,
    Number,
    Picture,
    Sentence,
    Table,
    text_cell,
)
from its_eval.report.source import anchor
from its_eval.words.labels import PEERS, compared_with, estimand_words, message_words, verdict_words
from its_eval.words.numbers import detectable_words, measure, p_number, printed, rounded
from its_eval.words.screen import main_design
from its_eval.words.sentences import not_estimated
from its_eval.words.verdicts import answers_of

if TYPE_CHECKING:
    from its_eval.figures.catalogue import FigureTask
    from its_eval.report.blocks import Block, StoredFigure
    from its_eval.report.source import ReportSource


BLANK = Cell(("–",))
#: So many rows of a long table are shown in a page; the table's file has them all.
MOST_ROWS = 300


def number(table: str, place: int, row: Row, column: str, text: str) -> Number:
    """Return a printed number with the cell that it stands in."""
    return Number(text, float(row[column]), f"{table}:{place}:{column}")


def estimate_cell(table: str, place: int, row: Row) -> Cell:
    """Return an estimate with its interval beneath; the row has estimand and scale."""
    low, high = (
        number(table, place, row, name, printed(row[name], row)) for name in ("conf_low", "conf_high")
    )
    bounded = not (math.isnan(low.value) and math.isnan(high.value))
    return Cell(
        (number(table, place, row, "estimate", printed(row["estimate"], row)),),
        (low, " to ", high) if bounded else ("no interval",),
        sort=repr(float(row["estimate"])),
    )


Maker: TypeAlias = Callable[[int, Row], Cell]


def told(words: Callable[[Row], object]) -> Maker:
    """Return how a column with words is made from rows."""
    return lambda _, row: text_cell(words(row))


def text(column: str) -> Maker:
    """Return how a column is made that repeats the texts of one."""
    return lambda _, row: text_cell(row[column])


def estimate(table: str) -> Maker:
    """Return how a column of estimates with their intervals is made."""
    return lambda place, row: estimate_cell(table, place, row)


def _numbers(table: str, column: str, words: Callable[[float], str]) -> Maker:
    """Return how a column of numbers is made; an en dash where one is missing."""

    def cell(place: int, row: Row) -> Cell:
        # whole numbers may be pandas' own missing value
        value = math.nan if row[column] is pd.NA else float(row[column])
        if math.isnan(value):
            return BLANK
        return Cell((number(table, place, row, column, words(value)),), sort=repr(value))

    return cell


def p_value(table: str, column: str = "p_value") -> Maker:
    """Return how a column of p-values is made, without the letter p."""
    return _numbers(table, column, p_number)


def value(table: str, column: str, digits: int = 2) -> Maker:
    """Return how a column of numbers is made."""
    return _numbers(table, column, lambda number: rounded(number, digits))


def count(table: str, column: str) -> Maker:
    """Return how a column of whole numbers is made."""
    return _numbers(table, column, lambda number: f"{int(number):,}")


def began_column(rows: pd.DataFrame) -> dict[str, Maker]:
    """Return the column that says which of several interruptions a row is about."""
    return {"What began": text("interruption")} if len(set(rows["interruption"])) > 1 else {}


def limits(table: str, name: str) -> Maker:
    """Return what makes a cell of the lower and the upper limit of that name."""

    def cell(place: int, row: Row) -> Cell:
        if math.isnan(row[f"{name}_low"]):
            return BLANK
        low, high = (
            number(table, place, row, column, printed(row[column], row))
            for column in (f"{name}_low", f"{name}_high")
        )
        return Cell((low, " to ", high), sort=low.exact)

    return cell


#: The message of a row.
MESSAGE = told(lambda row: message_words(row["message"]))
#: With what a row compares, in words.
COMPARED = told(lambda row: compared_with(row["design"]))


def who(source: ReportSource) -> dict[str, Maker]:
    """Return the columns that say of which unit a row is, and with what it is compared."""
    return {"Unit": told(lambda row: source.unit_name(row["unit"])), "Compared with": COMPARED}


def table_of(rows: pd.DataFrame, ident: str, caption: str, makers: Mapping[str, Maker]) -> Table:
    """Return a table with a line per row.

    Parameters
    ----------
    rows : DataFrame
        With the places of its rows in their table as index.
    ident, caption : str
        Anchor, and what it shows.
    makers : mapping of str to callable
        How each column is made, by its title, which ends in ``#`` when it holds numbers.
    """
    lines = [[make(place, row) for make in makers.values()] for place, row in records(rows)]
    return Table(ident, caption, columns(*makers), lines)


def shortened(rows: pd.DataFrame, table: str) -> tuple[pd.DataFrame, str]:
    """Return the first rows of a long table, and words that say so; blank when all are there."""
    if len(rows) <= MOST_ROWS:
        return rows, ""
    return rows.head(MOST_ROWS), f" The first {MOST_ROWS} of {len(rows):,}; the table {table} has them all."


def columns(*titles: str) -> tuple[Column, ...]:
    """Return columns by title; one that ends in ``#`` holds numbers."""
    return tuple(Column(title.removesuffix("#"), numeric=title.endswith("#")) for title in titles)


def not_asked(source: ReportSource, *path: str) -> Sentence:
    """Return one line for a section whose tables are empty: not asked for, or asked for in vain."""
    setting: Any = source.settings
    for key in path:
        setting = setting.get(key) if isinstance(setting, Mapping) else None
    key = ".".join(path)
    if _is_asked(setting):
        after = " in the config, but these data gave none; the checks say why."
        return Sentence(("Asked for by ", Code(key), after), tone="quiet")
    return Sentence(("Not asked for: ", Code(key), " in the config is off."), tone="quiet")


def _is_asked(setting: Any) -> bool:
    """Return whether a setting asks for something: a switch that is on, a list that is not empty."""
    if isinstance(setting, Mapping):
        return any(_is_asked(value) for value in setting.values())
    return bool(setting)


#: Of a row per answer, as `answer_rows` gives them.
ANSWER_TITLES = columns(
    *("Unit", "Outcome", "Compared with", "What can be said", "Estimate#", "Of"),
    *("Adjusted p#", "p beside others#", "Smallest detectable change"),
)


#: So many of them say what was found; the rest of a report has the others.
FOUND = 6


def shown_answers(evaluation: Evaluation, *, together: bool) -> pd.DataFrame:
    """Return the rows of ``verdicts`` with an answer about all units as a set, or about each, as shown."""
    table = evaluation.tables["verdicts"]
    chosen = table["unit"].eq(THE_SET) == together
    answers = table[table["label"].ne("") & chosen & table["estimand"].ne("")]
    return in_order_of_designs(answers, "outcome", "unit")


def answer_rows(
    evaluation: Evaluation, source: str, address: str | None, *, together: bool = False
) -> list[list[Cell]]:
    """Return a row of cells per answer and per series that has none, in the order of `ANSWER_TITLES`.

    Parameters
    ----------
    evaluation : Evaluation
        With every table.
    source : str
        What numbers say they were read from, before the place and the column.
    address : str or None
        The page that units are linked to; blank for the own page, None for no links.
    together : bool
        The answers about all units as a set, instead of those about each.
    """
    lines = []
    answers = shown_answers(evaluation, together=together)
    several = answers.groupby("outcome")["interruption"].nunique().gt(1).to_dict()
    for place, row in records(answers):
        about = evaluation.outcomes[str(row["outcome"])]
        measured = measure(row, about)
        what = estimand_words(row["estimand"], about)
        said = verdict_words(row)
        smallest = detectable_words(row, about) if math.isfinite(row["minimum_detectable"]) else ""
        lines.append(
            [
                _linked(evaluation, row, address),
                _outcome(str(about["label"]), row["interruption"] if several[row["outcome"]] else ""),
                text_cell(compared_with(row["design"], several=together)),
                text_cell(said),
                estimate_cell(source, place, row),
                text_cell(f"{what}{f', {measured}' if measured else ''}"),
                p_value(source, "p_adjusted")(place, row),
                p_value(source, "p_attribution")(place, row),
                Cell((smallest,), sort=repr(float(row["minimum_detectable"]))) if smallest else BLANK,
            ]
        )
    failed = evaluation.tables["not_estimated"]
    for _, row in records(failed[failed["estimator"].eq("") & (not together)]):
        about = evaluation.outcomes.get(str(row["outcome"]), {})
        words = [str(about.get("label", row["outcome"])), compared_with(row["design"])]
        cells = [*map(text_cell, (*words, not_estimated(row))), *[BLANK] * 5]
        lines.append([_linked(evaluation, row, address), *cells])
    return lines


def _outcome(label: str, interruption: str) -> Cell:
    """Return what an outcome is called, and beneath which of several interruptions a row is about."""
    return Cell((label,), (interruption,) if interruption else (), sort=label)


def _linked(evaluation: Evaluation, row: Row, address: str | None) -> Cell:
    """Return a unit and its name, or the title of a run, with a link to its place in a report."""
    unit, name = str(row["unit"]), evaluation.unit_names.get(str(row["unit"]), "")
    if unit == THE_SET:
        everyone = evaluation.title
        return Cell((everyone if address is None else Link(everyone, f"{address}#answer"),), sort=everyone)
    target = f"{address}#{anchor('unit', str(row['outcome']), unit)}"
    return Cell((unit if address is None else Link(unit, target),), (name,) if name else (), sort=unit)


def caption(source: ReportSource, task: FigureTask) -> str:
    """Return the words under a figure: what it shows, of what, compared with what."""
    of = [source.label(task.outcome)]
    of += [source.unit_name(task.unit)] if task.unit else []
    of += [f"compared with {compared_with(task.design)}"] if task.design else []
    return f"{FIGURES[task.kind].caption}: {', '.join(of)}."


def picture(source: ReportSource, figure: StoredFigure) -> Picture:
    """Return a figure as a block."""
    words, wide = caption(source, figure.task), FIGURES[figure.task.kind].wide
    return Picture(anchor("figure", figure.stem), figure, source.described, words, wide)


def pictures(source: ReportSource, section: str, outcome: str, unit: str = "") -> list[Block]:
    """Return the figures of a section about an outcome as a whole, or about one of its units."""
    kinds = in_section(section)
    found = [figure for kind in kinds for figure in source.figures_of(kind.name, outcome, unit)]
    return [picture(source, figure) for figure in found]


def answering_picture(source: ReportSource, outcome: str) -> Picture | None:
    """Return the figure of all units that shows the answer about an outcome, in the design that answers."""
    design = main_design(answers_of(source.evaluation, outcome))
    drawn = (figure for figure in source.figures_of("together", outcome) if figure.task.design == design)
    return next((picture(source, figure) for figure in drawn), None)


def folded_pictures(source: ReportSource, section: str, outcome: str, title: str) -> list[Block]:
    """Return the figures of all units of an outcome in a section, to be opened."""
    drawn = [block for unit in source.units(outcome) for block in pictures(source, section, outcome, unit)]
    return [Folded(title, drawn)] if drawn else []


def main_figures(source: ReportSource, outcome: str, unit: str) -> list[Block]:
    """Return the figure that answers best in the open, and the other views of a unit to be opened."""
    drawn = pictures(source, "units", outcome, unit)
    kinds = [block.figure.task.kind for block in drawn if isinstance(block, Picture)]
    # the first wide one: a gap is shown between the strata that it is made of
    best = next((kind for kind in kinds if FIGURES[kind].wide), "")
    answering = [block for block in drawn if isinstance(block, Picture) and block.figure.task.kind == best]
    controlled = [block for block in answering if block.figure.task.design != "single"]
    shown: list[Block] = [*(controlled or answering)[:1]]
    rest = [block for block in drawn if block not in shown]
    if not rest:
        return shown
    alone = bool(controlled) and all(
        isinstance(block, Picture) and block.figure.task.design == "single" for block in rest
    )
    title = f"The same unit compared with {compared_with('single')}, without {PEERS}"
    return [*shown, Folded(title if alone else "Other views of the same unit", rest)]
