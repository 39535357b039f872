"""Layouts: descriptions of publishers' files in YAML, so that a new one needs no new code."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from its_eval.calendar import Calendar, Frequency
from its_eval.config.data import dates_text
from its_eval.config.faults import Fault, custom_error, did_you_mean, one_of, refuse, show
from its_eval.config.reading import Problem, decode, problems_of, read_yaml
from its_eval.config.settings import DIGITS, DISTINCT, Code, Settings, Text, as_list
from its_eval.errors import ConfigError

#: Columns of a layout that hold text; all others hold numbers.
TEXT_COLUMNS = ("unit", "name", "period", "stratum")
_HINT = "docs/importing.md describes every key of a layout; `its-eval import --inspect FILE` shows the file"


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | Mapping) else value


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise custom_error(f"{show(text)} is no regular expression: {error}", "e.g. [A-Z0-9]{3,6}") from None
    return text


Names = Annotated[tuple[Text, ...], BeforeValidator(_listed), DISTINCT]


class ColumnHeading(Settings):
    """What stands above a column."""

    name: Text = Field(description="Heading of the column, compared ignoring case and repeated spaces.")
    under: Text | None = Field(
        default=None, description="Heading over several columns, where the heading alone is not unique."
    )


#: One heading, or several that the publisher has used for the same column.
Headings = Annotated[
    tuple[Annotated[ColumnHeading, BeforeValidator(_named)], ...],
    Field(min_length=1),
    BeforeValidator(_listed),
]


class HeaderRow(Settings):
    """How the header is found."""

    marks: Annotated[tuple[Names, ...], BeforeValidator(_listed)] = Field(
        min_length=1,
        description="Headings by which the header is recognised: all stand in it; a list in the list gives "
        "those that the publisher has used for the same column.",
    )
    rows: tuple[Annotated[int, DIGITS], Annotated[int, DIGITS]] = Field(
        default=(1, 40), description="First and last row in which the header may stand."
    )
    height: Annotated[int, DIGITS, Field(ge=1, le=4)] = Field(
        default=1,
        description="Rows that the header may take: the name of a column is the lowest text of its own, and "
        "a text above it reaches over the columns to its right.",
    )
    over: bool = Field(default=False, description="true: the row above holds headings over several columns.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 1 <= self.rows[0] <= self.rows[1]:
            expected = "two row numbers from 1, the smaller one first"
            refuse("header", [Fault(("rows",), f"found {list(self.rows)}", expected)])
        return self


class PeriodPlace(Settings):
    """Where the file says which period it is about."""

    label: Text | None = Field(
        default=None, description="Text of a cell above the header; the period stands to its right."
    )
    anywhere: bool = Field(
        default=False, description="true: the one month and year named in the cells above the header."
    )
    sheet: Names = Field(
        default=(), description="Another sheet, or several it may be: the first cell with a month and year."
    )
    file: bool = Field(default=False, description="true: the month and year in the name of the file.")
    within: Annotated[Text, AfterValidator(_pattern)] | None = Field(
        default=None,
        description="A regular expression: what it finds, or its group, is the period, and cells in which it "
        "finds nothing are passed over.",
    )
    span: Annotated[int, DIGITS, Field(ge=1)] | None = Field(
        default=None,
        description="The period is written as `202510 to 202511`, so many periods apart; the later counts.",
    )
    dates: Annotated[str, AfterValidator(dates_text)] = Field(
        default="iso", description="How dates are written, as data.indicators.dates says it."
    )


class Parts(Settings):
    """A number made of one or more columns: their sum, their mean or their product."""

    sum: Names = Field(default=(), description="Columns that are added up.")
    minus: Names = Field(default=(), description="Columns that are taken away from the sum.")
    mean: Names = Field(default=(), description="Columns of which the mean is taken.")
    product: Names = Field(
        default=(), description="Columns that are multiplied, such as a share and its base."
    )

    @model_validator(mode="after")
    def _one_of_all(self) -> Self:
        if sum(map(bool, (self.sum, self.mean, self.product))) != 1:
            refuse("parts", [Fault((), "none or several of sum, mean and product", "one of the three")])
        if self.minus and not self.sum:
            refuse("parts", [Fault(("minus",), "stands alone", "`sum`, from which it is taken")])
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return (*self.sum, *self.minus) or self.mean or self.product


PartsEntry = Annotated[
    Parts, BeforeValidator(lambda value: {"sum": [value]} if isinstance(value, str) else value)
]


class LayoutIndicator(Settings):
    """An indicator of the tidy table."""

    name: Code = Field(description="Name of the indicator.")
    label: Text = Field(description="What it is, in words.")
    kind: Literal["percentage", "count"] = Field(
        description="percentage: 100 × numerator / denominator; count: the numerator."
    )
    numerator: PartsEntry = Field(description="A column, {sum: [...]} or {mean: [...]}.")
    denominator: PartsEntry | None = Field(
        default=None, description="The same; a percentage needs one, for a count it is the exposure."
    )

    @model_validator(mode="after")
    def _percentage_of_something(self) -> Self:
        if self.kind == "percentage" and self.denominator is None:
            refuse("indicator", [Fault(("denominator",), "missing", "what the percentage is of")])
        return self


class Pivot(Settings):
    """A long file that has a row for each of several numbers: what a column says it is."""

    column: Text = Field(description="The column, one of `columns`, that says what the numbers of a row are.")
    names: Mapping[Text, Names] = Field(
        min_length=1,
        description="New name by text of that column; each number of `columns` becomes NAME_NUMBER. A row "
        "that is not there is missing.",
    )


class LayoutStratum(Settings):
    """Groups within units, such as staff groups."""

    default: Text = Field(description="The group that is imported when no other is asked for.")
    spellings: Mapping[Text, Names] = Field(
        default={}, description="Other names that the publisher has used for a group."
    )


class Layout(Settings):
    """A publisher's file: where its table stands and what its columns mean."""

    version: Annotated[Literal[1], DIGITS] = Field(description="Version of the layout language: 1.")
    kind: Code = Field(description="What the import command calls this kind of file.")
    title: Text = Field(description="Publisher and publication.")
    tried: bool = Field(description="false: written from a list of columns, not yet tried on a real file.")
    note: str = Field(default="", description="What a user has to know; shown after an import.")
    table: Literal["indicators", "characteristics"] = Field(
        default="indicators",
        description="indicators: rows per period; characteristics: a row per unit, for choosing peers.",
    )
    sheet: Names = Field(
        default=(), description="Name of the sheet, or several; left out: the one with the header."
    )
    header: HeaderRow = Field(description="How the header is found.")
    period: PeriodPlace = Field(
        default_factory=PeriodPlace,
        description="Where the period stands; left out: in the column `period`.",
    )
    frequency: Frequency = Field(default="month", description="How far apart two periods are.")
    says: Annotated[Text, AfterValidator(_pattern)] | None = Field(
        default=None,
        description="A regular expression that the name of the file, of a sheet, or a cell above the header "
        "or on the sheet of the period has to fit, where files of another kind look alike.",
    )
    revision: Names = Field(
        default=(), description="Labels of the dates of publication and revision, above the header."
    )
    unit_pattern: Annotated[Text, AfterValidator(_pattern)] = Field(
        default=r"[A-Z0-9]{3,6}", description="What a unit code looks like: a regular expression."
    )
    columns: Mapping[Text, Headings] = Field(
        description="Headings by column: unit, name, period, stratum, and numbers under names of your own."
    )
    optional: Names = Field(default=(), description="Columns of numbers that a file may lack: all zero then.")
    blank_is_zero: Names = Field(
        default=(),
        description="Columns of counts that the publisher leaves blank where nobody is counted: 0 there.",
    )
    percent: Names = Field(
        default=(), description="Columns of shares, written 12.3% or as a number from 0 to 1."
    )
    pivot: Pivot | None = Field(default=None, description="A row for each of several numbers.")
    sum_rows: bool = Field(
        default=False, description="true: rows of one unit and period are added up, such as sites of a trust."
    )
    other_columns: tuple[Annotated[ColumnHeading, BeforeValidator(_named)], ...] = Field(
        default=(), description="Headings that are known and not used."
    )
    unknown_columns: Literal["refuse", "note"] = Field(
        default="refuse", description="What happens when there are other headings."
    )
    keep: Mapping[Text, Names] = Field(
        default={}, description="Rows that are kept: allowed texts by column, e.g. types of provider."
    )
    missing: Names = Field(default=(), description="Marks for suppressed, besides the common ones.")
    stratum: LayoutStratum | None = Field(default=None, description="Groups within units.")
    total: Text | None = Field(
        default=None, description="Text in the column `name` of the row with the publisher's own total."
    )
    sums: Mapping[Text, Names] = Field(
        default={}, description="Columns that are the sum of others; differences are reported."
    )
    indicators: Annotated[
        tuple[LayoutIndicator, ...], BeforeValidator(as_list, json_schema_input_type=list[LayoutIndicator])
    ] = Field(default=(), description="What is made of the columns.")

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        refuse("layout", [*self._needs(), *self._unknown_names()])
        return self

    @property
    def calendar(self) -> Calendar:
        """What the ordinals of periods count."""
        return Calendar(self.frequency)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns of numbers, in order."""
        text = (*TEXT_COLUMNS, *self.keep, *([self.pivot.column] if self.pivot is not None else []))
        return tuple(name for name in self.columns if name not in text)

    @property
    def made(self) -> tuple[str, ...]:
        """The numbers of a unit and period: the columns, or what a pivot makes of them."""
        if self.pivot is None:
            return self.numbers
        return tuple(f"{name}_{number}" for name in self.pivot.names for number in self.numbers)

    def _needs(self) -> Iterator[Fault]:
        if "unit" not in self.columns:
            yield Fault(("columns",), "no column `unit`", "the heading of the unit codes under `unit`")
        if self.table == "characteristics":
            if self.indicators:
                yield Fault(("indicators",), "a table of characteristics has none", "table: indicators")
            return
        if not self.indicators:
            yield Fault(("indicators",), "no indicator", "at least one")
        place = self.period
        places = [place.label is not None, place.anywhere, bool(place.sheet), place.file]
        if any(places) == ("period" in self.columns):
            what = "several places of the period" if any(places) else "no place of the period"
            expected = "columns.period, or period.label, anywhere, sheet or file"
            yield Fault(("period",), what, expected)
        if (self.stratum is None) == ("stratum" in self.columns):
            yield Fault(("stratum",), "stands alone", "both `stratum` and columns.stratum, or neither")
        if self.total is not None and "name" not in self.columns:
            yield Fault(("total",), "there is no column `name`", "columns.name, in which it stands")

    def _unknown_names(self) -> Iterator[Fault]:
        used: list[tuple[tuple[str | int, ...], Iterable[str], Iterable[str]]] = [
            (("keep",), self.keep, self.columns),
            (("sums",), self.sums, self.made),
            (("optional",), self.optional, self.numbers),
            (("percent",), self.percent, self.numbers),
            (("blank_is_zero",), self.blank_is_zero, self.numbers),
        ]
        if self.pivot is not None:
            used.append((("pivot", "column"), [self.pivot.column], self.columns))
        used += [(("sums", name), parts, self.made) for name, parts in self.sums.items()]
        for place, entry in enumerate(self.indicators):
            at = ("indicators", place)
            used.append(((*at, "numerator"), entry.numerator.columns, self.made))
            if entry.denominator is not None:
                used.append(((*at, "denominator"), entry.denominator.columns, self.made))
        for path, names, valid in used:
            names_there = tuple(valid)
            for name in names:
                if name not in names_there:
                    of = "" if path[0] in ("keep", "pivot") else " of numbers"
                    what = f"no column{of} is called {show(name)}{did_you_mean(name, names_there)}"
                    yield Fault(path, what, one_of(names_there))


def load_layouts(path: Path) -> tuple[Layout, ...]:
    """Return the layouts that a YAML file describes, one a document.

    Raises
    ------
    ConfigError
        With every fault of the file, each with its line.
    """
    try:
        text = decode(path.read_bytes(), str(path))
    except OSError as error:
        what = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise ConfigError([f"{path}: {what}; expected a layout in YAML"], _HINT) from None
    layouts: list[Layout] = []
    problems: list[Problem] = []
    lines = 0
    for part in re.split(r"(?m)^---[ \t]*$", text):
        # blank lines keep the numbers of lines those of the file
        padded, lines = "\n" * lines + part, lines + part.count("\n")
        if not part.strip():
            continue
        document = read_yaml(padded, str(path))
        problems += document.problems
        try:
            layouts.append(Layout.model_validate(document.tree))
        except ValidationError as error:
            problems += problems_of(error, document, Layout)
    if not layouts and not problems:
        raise ConfigError([f"{path}: the file is empty; expected a layout"], _HINT)
    if problems:
        raise ConfigError([str(problem) for problem in problems], _HINT)
    return tuple(layouts)
