"""Settings of the data: tables, their columns, and the calendar."""

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializationInfo,
    ValidationInfo,
    WithJsonSchema,
    field_serializer,
    model_validator,
)

from its_eval.calendar import Calendar, Frequency
from its_eval.config.faults import Fault, custom_error, did_you_mean, one_of, refuse, show
from its_eval.config.settings import (
    DISTINCT,
    Code,
    OneOf,
    Settings,
    TablePath,
    Text,
    as_list,
    as_written,
    table_path,
    without_blanks,
)

#: Columns of the tidy indicator table that `columns` can map.
INDICATOR_COLUMNS = ("unit", "period", "indicator", "value", "numerator", "denominator", "stratum")


class _Table(Settings):
    """A file with rows."""

    path: TablePath = Field(
        description="File, relative to the config: .csv, .csv.gz, .xlsx or .parquet (a file or a folder); "
        "for indicators of a batch run also a URL, e.g. s3://bucket/monitor.parquet."
    )


#: Orders of day and month, and years from April; anything else with a % is a pattern.
DATES = ("iso", "dmy", "mdy", "financial")
#: What only a text file or only a workbook has.
_OF_TEXT: tuple[str, ...] = ("delimiter", "decimal", "encoding")
_OF_WORKBOOK: tuple[str, ...] = ("sheet",)


def dates_text(text: str) -> str:
    """Return how dates are written: a word of `DATES`, or a pattern of strptime."""
    if text not in DATES and "%" not in text:
        expected = f"{one_of(DATES)}, or a pattern such as %d/%m/%Y"
        raise custom_error(f"{show(text)} is no way to write dates{did_you_mean(text, DATES)}", expected)
    return text


def _encoding(text: str) -> str:
    try:
        codecs.lookup(text)
    except LookupError:
        raise custom_error(f"{show(text)} is no encoding", "e.g. cp1252, utf-16 or utf-8") from None
    return text


def _delimiter(text: object) -> object:
    # blanks around a text are taken off, a tabulator among them: it has a word
    if text in ("tab", "\t", "\\t"):
        return "tab"
    if not isinstance(text, str) or len(text.strip()) != 1:
        raise custom_error(f"{show(text)} is no delimiter", "one character, e.g. ';', or tab")
    return text


#: The column that a layout does not have: it is spread over the names of the columns.
_LACKING = {"wide": ("unit",), "across": ("period",)}


class IndicatorTable(_Table):
    """A table of indicator values; long unless said otherwise: a row per unit, period and indicator."""

    columns: Annotated[
        Mapping[Annotated[str, OneOf(INDICATOR_COLUMNS)], Text],
        BeforeValidator(without_blanks),
    ] = Field(
        default={},
        description="Which column holds what; a key left out means the column of that very name. A mapped "
        "column has to be there, an unmapped value, numerator or denominator is used when it is.",
    )
    indicator: Code | None = Field(
        default=None,
        description="Name of the indicator, for a table with one indicator and no indicator column.",
    )
    dates: Annotated[
        str,
        AfterValidator(dates_text),
        WithJsonSchema({"anyOf": [{"enum": list(DATES)}, {"type": "string", "pattern": "%"}]}),
    ] = Field(
        default="iso",
        description="iso: what can mean one thing only, such as 2015-07 or July 2015; dmy, mdy: order of day "
        "and month in slashed dates; financial: years from April and their quarters, 2014/15 Q4; or a "
        "pattern of strptime, %d/%m/%Y.",
    )
    layout: Literal["long", "wide", "across"] = Field(
        default="long",
        description="wide: a period column, then a column per unit; across: a row per unit, then a column "
        "per period. Both need `indicator`.",
    )
    sheet: Text | None = Field(
        default=None, description="Sheet of a workbook; left out: the only visible one with anything on it."
    )
    header_row: Annotated[int, Field(ge=1)] = Field(
        default=1, description="Row in which the names of the columns stand, counted from 1."
    )
    delimiter: Annotated[str, BeforeValidator(_delimiter)] = Field(
        default=",", description="What separates the cells of a text file; `tab` for a tabulator."
    )
    decimal: Literal[".", ","] = Field(default=".", description="Decimal mark of numbers that are text.")
    encoding: Annotated[Text, AfterValidator(_encoding)] = Field(
        default="utf-8", description="Encoding of a text file, e.g. cp1252 or utf-16."
    )
    scale: Literal["proportion", "percent"] | None = Field(
        default=None,
        description="proportion: values such as 0.952, multiplied by 100; percent: they are percentages, "
        "though none is above 1.",
    )
    combine: Literal["sum", "mean"] | None = Field(
        default=None,
        description="What becomes of several rows of one unit and period, such as days: added up or "
        "averaged; left out: an error. Of days, a period that lacks one has no sum.",
    )

    @model_validator(mode="after")
    def _columns_fit_layout(self) -> Self:
        refuse("indicators", self._column_faults())
        defaults = {name: name for name in ("unit", "period") if name not in _LACKING.get(self.layout, ())}
        if self.layout == "long" and self.indicator is None:
            defaults["indicator"] = "indicator"
        self.settle(columns={**defaults, **self.columns})
        return self

    def _column_faults(self) -> list[Fault]:
        faults = self._file_faults()
        if self.layout != "long":
            kept, heads = ("period", "units") if self.layout == "wide" else ("unit", "periods")
            faults += [
                Fault(
                    ("columns", key),
                    f"{show(column)}: layout {self.layout} has no {key} column",
                    f"only {kept}",
                )
                for key, column in self.columns.items()
                if key != kept
            ]
            if self.indicator is None:
                what = f"missing: the columns of layout {self.layout} are {heads}, "
                what += "so none says which indicator it is"
                faults.append(Fault(("indicator",), what, "the name of the indicator"))
            return faults
        if self.indicator is not None and "indicator" in self.columns:
            what = f"{show(self.indicator)}: columns.indicator already says which indicator a row belongs to"
            faults.append(Fault(("indicator",), what, "one of the two"))
        return faults

    def _file_faults(self) -> list[Fault]:
        """Return the keys that a file of this kind does not have."""
        name = self.path.name.lower()
        kind, others = "a text file", _OF_WORKBOOK
        if name.endswith(".parquet"):
            kind, others = "a Parquet file", (*_OF_TEXT, *_OF_WORKBOOK, "header_row")
        elif not name.endswith((".csv", ".csv.gz")):
            kind, others = "a workbook", ("delimiter", "encoding")
        return [
            Fault((key,), f"{kind} has no {key}", "this key left out")
            for key in others
            if getattr(self, key) != type(self).model_fields[key].default
        ]


def _dated(value: object) -> object:
    text = str(value).strip()
    for frequency in ("year", "month"):
        try:
            Calendar(frequency).parse(text)
        except ValueError:
            continue
        return text
    raise custom_error(f"{show(value)} is not a year or month", "e.g. 2014 or 2014-09")


class CharacteristicsTable(_Table):
    """A table of what units are like, from which peers are chosen: a row per unit."""

    columns: Annotated[Mapping[Annotated[str, OneOf(("unit",))], Text], BeforeValidator(without_blanks)] = (
        Field(
            default={},
            description="`unit`: the column of unit codes; when left out the preset's, else `unit`.",
        )
    )
    dated: Annotated[str, BeforeValidator(_dated, json_schema_input_type=str | int)] | None = Field(
        default=None,
        description="Year or month that the characteristics describe, for the warning about values that the "
        "intervention may have changed.",
    )


class UnitsTable(_Table):
    """A table of the units themselves: names, types and any other column to agree on."""

    columns: Annotated[Mapping[str, Text], BeforeValidator(without_blanks)] = Field(
        default={},
        description="Which column holds unit, name, type and any other fact to be used in `peers.within`; "
        "also opened and closed (first period of a unit, and the first without it) and successor (the code "
        "that goes on).",
    )
    mergers: Literal["set_aside", "combine"] = Field(
        default="set_aside",
        description="set_aside: a unit that opened, closed, merged or was renamed within the window is no "
        "peer; combine: the rows of a unit with a successor count as the successor's, with counts summed and "
        "rates made anew.",
    )

    @model_validator(mode="after")
    def _unit_column(self) -> Self:
        self.settle(columns={"unit": "unit", **self.columns})
        return self


class Disclosure(Settings):
    """How small counts are protected in everything that a run writes."""

    suppress: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = Field(
        default=(1, 7), description="Counts from the first to the second are not shown; 0 is."
    )
    round: Annotated[int, Field(ge=2)] = Field(
        default=5, description="All other counts are rounded to a multiple of this, percentages made of them."
    )
    at: Literal["output", "input"] = Field(
        default="output",
        description="output: estimated on the true counts, and rounded so that no count comes back; all else "
        "is made of protected counts. input: everything is, and counts not shown are missing.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        first, last = self.suppress
        if first > last:
            refuse("disclosure", [Fault(("suppress",), f"{first} is above {last}", "the smaller one first")])
        return self


#: The word for the bundled list of changes among organisations of the NHS.
NHS = Path("nhs")


def _list_path(path: Path, info: ValidationInfo) -> Path:
    return path if path == NHS else table_path(path, info)


def _lists(value: object) -> object:
    if value == "none":
        return ()
    return value if isinstance(value, list | tuple) else [value]


class DataSettings(Settings):
    """Where the data are and how they are read."""

    indicators: Annotated[
        tuple[IndicatorTable, ...],
        BeforeValidator(as_list, json_schema_input_type=IndicatorTable | list[IndicatorTable]),
    ] = Field(min_length=1, description="One indicator table or a list of them.")
    characteristics: CharacteristicsTable | None = Field(
        default=None, description="Table of unit characteristics, for choosing peers."
    )
    units: UnitsTable | None = Field(default=None, description="Table of unit names and types.")
    successions: Annotated[
        tuple[Annotated[Path, AfterValidator(_list_path)], ...],
        DISTINCT,
        BeforeValidator(_lists, json_schema_input_type=str | list[str]),
    ] = Field(
        default=(),
        description="Organisations that merged, were renamed or split: none; nhs (a bundled list that ends "
        "in June 2018); a table with the columns old, new, date and kind (merger, name_change, split); or a "
        "list of these. Mergers and renamings within a window are counted as one unit throughout.",
    )
    frequency: Frequency = Field(default="month", description="How far apart two periods are.")
    missing: Literal["mask", "error", "drop_unit"] = Field(
        default="mask",
        description="mask: a missing period is left out and its gap in time kept; error: a gap in a treated "
        "unit is an error, and a donor with a gap is not eligible; drop_unit: a unit with a gap, treated or "
        "not, is left out and reported.",
    )
    min_denominator: float | None = Field(
        default=None,
        gt=0,
        description="Values with a smaller denominator are masked, and the denominator is shown nowhere.",
    )
    disclosure: Disclosure | None = Field(
        default=None, description="Protection of small counts in everything that is written; left out: none."
    )

    @field_serializer("successions")
    def _words(self, successions: tuple[Path, ...], info: SerializationInfo) -> str | list[str]:
        return [as_written(path, info) for path in successions] or "none"

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        faults = []
        if self.successions and self.units is not None and self.units.mergers == "combine":
            what = "'combine': data.successions already says which units are counted as one"
            faults.append(Fault(("units", "mergers"), what, "set_aside, or this key left out"))
        for place, table in enumerate(self.indicators):
            fault = self.calendar.pattern_fault(table.dates) if "%" in table.dates else ""
            if table.dates == "financial" and self.frequency == "week":
                fault = "a week belongs to no financial year"
            if fault:
                expected = f"what names a {self.frequency}"
                faults.append(
                    Fault(("indicators", place, "dates"), f"{show(table.dates)}: {fault}", expected)
                )
        refuse("data", faults)
        return self

    @property
    def calendar(self) -> Calendar:
        """What the ordinals of periods count."""
        return Calendar(self.frequency)
