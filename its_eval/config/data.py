"""Settings of the data: tables, their columns, and the calendar."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_serializer, model_validator

from its_eval.calendar import Calendar, Frequency
from its_eval.config.faults import Fault, custom_error, refuse, show
from its_eval.config.settings import (
    Code,
    OneOf,
    Settings,
    TablePath,
    Text,
    as_list,
    url_text,
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

    @field_serializer("path")
    def _posix(self, path: Path) -> str:
        return url_text(path)


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
    dates: Literal["iso", "dmy", "mdy"] = Field(
        default="iso", description="Order of day and month in dates; iso refuses slashed dates."
    )
    layout: Literal["long", "wide"] = Field(
        default="long", description="wide: a period column, then a column per unit; needs `indicator`."
    )

    @model_validator(mode="after")
    def _columns_fit_layout(self) -> Self:
        refuse("indicators", self._column_faults())
        defaults = {"period": "period"} if self.layout == "wide" else {"unit": "unit", "period": "period"}
        if self.layout == "long" and self.indicator is None:
            defaults["indicator"] = "indicator"
        self.settle(columns={**defaults, **self.columns})
        return self

    def _column_faults(self) -> list[Fault]:
        if self.layout == "wide":
            faults = [
                Fault(("columns", key), f"{show(column)}: layout wide has no {key} column", "only period")
                for key, column in self.columns.items()
                if key != "period"
            ]
            if self.indicator is None:
                what = "missing: the columns of layout wide are units, so none says which indicator it is"
                faults.append(Fault(("indicator",), what, "the name of the indicator"))
            return faults
        if self.indicator is not None and "indicator" in self.columns:
            what = f"{show(self.indicator)}: columns.indicator already says which indicator a row belongs to"
            return [Fault(("indicator",), what, "one of the two")]
        return []


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
    frequency: Frequency = Field(default="month", description="How far apart two periods are.")
    missing: Literal["mask", "error", "drop_unit"] = Field(
        default="mask",
        description="mask: a missing period is left out and its gap in time kept; error: a gap in a treated "
        "unit is an error, and a donor with a gap is not eligible; drop_unit: a unit with a gap, treated or "
        "not, is left out and reported.",
    )
    min_denominator: float | None = Field(
        default=None, gt=0, description="Values with a smaller denominator are masked."
    )

    @property
    def calendar(self) -> Calendar:
        """What the ordinals of periods count."""
        return Calendar(self.frequency)
