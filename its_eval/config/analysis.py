"""Settings of the intervention and of the analysis: estimands, checks, sensitivity, output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.config.faults import Fault, did_you_mean, one_of, refuse, show
from its_eval.config.outcomes import SeasonalityEntry
from its_eval.config.settings import (
    DIGITS,
    DISTINCT,
    Code,
    FilePath,
    OneOf,
    PeriodText,
    Settings,
    TablePath,
    Text,
    without_blanks,
)
from its_eval.design.shapes import FREE, SHAPES, SLOPE
from its_eval.effects.estimands import CHANGE, ESTIMANDS

#: The name of a comparison of the catalogue.
Design = Annotated[str, OneOf(COMPARISONS)]

#: Estimands that are a term of some shapes only, with that term.
OF_A_TERM = {"level_change": "level_change", "slope_change": "slope_change", "post_slope": "slope_change"}
_EFFECT_AT = re.compile(r"effect_at_(0|[1-9]\d*)")


class Margins(Settings):
    """What would be enough, and what would be too much, in units of the primary estimand."""

    gain: float | None = Field(default=None, gt=0, description="The least gain that would be enough.")
    loss: float | None = Field(default=None, gt=0, description="The loss that would be accepted.")

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.gain is None and self.loss is None:
            refuse("margin", [Fault(("gain",), "neither a gain nor a loss", "a number above 0 for either")])
        return self


def _margin_form(value: object) -> str:
    """Return which form `margin` has, so that only the faults of that form are told."""
    return "[two]" if isinstance(value, Mapping | Margins) else "[one]"


class Estimands(Settings):
    """What is estimated."""

    primary: Text = Field(
        default=CHANGE,
        description="What is asked. change: did anything change, level or trend, by their joint test; or one "
        "estimand.",
    )
    at: Annotated[tuple[Annotated[int, Field(ge=0)], ...], DISTINCT] = Field(
        default=(),
        description="Effects at so many periods after the first full post period, effect_at_<k>; a year and "
        "two years when left out.",
    )
    margin: (
        Annotated[
            Annotated[float, Field(gt=0), Tag("[one]")] | Annotated[Margins, Tag("[two]")],
            Discriminator(_margin_form),
        ]
        | None
    ) = Field(
        default=None,
        description="What decides, in units of the primary estimand: the least gain that would be enough and "
        "the loss that would be accepted, {gain: 2, loss: 1}; one number for both, which is the margin of "
        "equivalence too.",
    )

    @property
    def gain(self) -> float | None:
        """The least gain that would be enough."""
        return self.margin.gain if isinstance(self.margin, Margins) else self.margin

    @property
    def loss(self) -> float | None:
        """The loss that would be accepted."""
        return self.margin.loss if isinstance(self.margin, Margins) else self.margin

    @property
    def equivalence(self) -> float | None:
        """The size below which an effect of either sign would not matter."""
        return None if isinstance(self.margin, Margins) else self.margin

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all estimands that can be primary, whatever the shape."""
        # beside those of a fixed name there is one for every k
        return (CHANGE, *ESTIMANDS, *(f"effect_at_{k}" for k in self.at))

    def faults(self) -> list[Fault]:
        """Return a fault when the primary estimand is not known; `at` has to be settled."""
        if self.primary in self.names:
            return []
        if _EFFECT_AT.fullmatch(self.primary):
            what = f"{show(self.primary)} needs its number of periods in estimands.at"
        else:
            what = f"{show(self.primary)} is not an estimand{did_you_mean(self.primary, self.names)}"
        return [Fault(("primary",), what, one_of(self.names))]


class Looks(Settings):
    """Looks at the data that are declared beforehand, in periods from the start on."""

    from_: int = Field(
        alias="from", ge=1, description="The first look: so many periods from the start on have data."
    )
    until: int = Field(ge=1, description="The last look.")
    every: int = Field(default=1, ge=1, description="Periods from one look to the next.")

    @property
    def at(self) -> tuple[int, ...]:
        """How many periods from the start on have data at each look."""
        return tuple(range(self.from_, self.until + 1, self.every))

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until < self.from_:
            what = f"{self.until} comes before the first look, at {self.from_} periods"
            refuse("looks", [Fault(("until",), what, f"{self.from_} or more")])
        return self


class Checks(Settings):
    """Which falsification checks are run."""

    placebo_units: bool = Field(default=True, description="Every eligible donor as if it were treated.")
    placebo_dates: bool = Field(default=True, description="Dates at which nothing happened.")
    leave_one_peer_out: bool = Field(default=True, description="Each peer left out in turn.")
    trend_bounds: bool = Field(
        default=True, description="How far the trend would have to bend to undo the finding."
    )
    one_month: bool = Field(
        default=True, description="Whether a jump rests on the two periods around the start."
    )
    anticipation: int | None = Field(
        default=None,
        ge=1,
        description="So many periods before the start are held against those before them: did anything "
        "change ahead of it? Not asked when left out.",
    )
    diagnostics: bool = Field(default=True, description="Checks of the residuals and of single periods.")
    pretrend_margin: float | None = Field(
        default=None,
        gt=0,
        description="Difference in earlier trends, per period, that would not matter; the interval of the "
        "difference is held against it.",
    )


class Multiplicity(Settings):
    """How p-values are adjusted for several questions."""

    method: Literal["holm", "bh", "none"] = Field(
        default="holm",
        description="holm: the chance of any false finding in a family; bh: the expected share of false ones "
        "among its findings (Benjamini and Hochberg), for exploratory lists; none.",
    )
    across: Annotated[
        tuple[Literal["unit", "interruption", "outcome"], ...], DISTINCT, Field(min_length=1)
    ] = Field(
        default=("unit", "interruption"),
        description="Which questions form a family: those about all units of an outcome and design; with "
        "interruption also about fitted events; with outcome about all outcomes of the design.",
    )

    @model_validator(mode="after")
    def _of_units(self) -> Self:
        if "unit" not in self.across:
            what = f"{', '.join(self.across)}: a family holds all treated units"
            refuse("multiplicity", [Fault(("across",), what, "unit among them")])
        return self


class ReportSettings(Settings):
    """Settings of the report."""

    style: FilePath | None = Field(
        default=None, description="YAML file of the house style: title, logo, colours."
    )
    answers: FilePath | None = Field(
        default=None, description="YAML file of answers to the questions that only people can answer."
    )
    status: Literal["", "draft", "final"] = Field(
        default="", description="Whether the report is a draft or final; it says so at its top."
    )
    contact: str = Field(default="", description="Whom to ask about the report: a name, a team, an address.")
    what_if: bool = Field(
        default=True, description="Whether readers of the report can try other choices in it."
    )


class Output(Settings):
    """What is written."""

    detail: Literal["full", "estimates"] = Field(
        default="full",
        description="full: everything; estimates: a batch run for very many series, the tables summary, "
        "effects, fits, not_estimated and peers of the first estimator alone, without checks, figures and "
        "report.",
    )
    which: Literal["main", "board", "all"] = Field(
        default="main",
        description="main: the tables that have rows, the main figure of each outcome and unit, and one of "
        "all units; board: also a page about each outcome for a board pack; all: every table and every "
        "figure, each figure with the numbers drawn. The report has every figure.",
    )
    tables: Annotated[
        tuple[Literal["csv", "parquet", "xlsx", "docx", "tex"], ...], DISTINCT, Field(min_length=1)
    ] = Field(
        default=("csv",),
        description="Formats of the tables; xlsx: one workbook of answers, effects and series; docx, tex: a "
        "document of answers, effects, methods and reporting items. estimates: parquet.",
    )
    figures: Annotated[tuple[Literal["svg", "png"], ...], DISTINCT] = Field(
        default=("png",), description="Formats of the figures; with `which: all` svg and png."
    )
    report: ReportSettings = Field(default_factory=ReportSettings, description="The report.")

    @model_validator(mode="after")
    def _formats_of_all(self) -> Self:
        if self.which == "all" and "figures" not in self.model_fields_set:
            self.settle(figures=("svg", "png"))
        return self

    @model_validator(mode="after")
    def _parquet_of_estimates(self) -> Self:
        if self.detail == "estimates":
            if "tables" not in self.model_fields_set:
                self.settle(tables=("parquet",))
            elif self.tables != ("parquet",):
                what = f"{', '.join(self.tables)}: a batch run writes Parquet"
                refuse("output", [Fault(("tables",), what, "[parquet], or `detail: full`")])
        return self


_Count = Annotated[int, Field(ge=1)]
_Order = Annotated[Literal[1, 2, "reml_ar_noise", "reml_local_level", "reml_ar_sampling"], DIGITS]


class Sensitivity(Settings):
    """Other choices to try, a list for each dimension.

    Each choice is tried alone, all else as in the config; with `cross` every combination is.
    """

    k: Annotated[tuple[_Count, ...], DISTINCT] = Field(default=(), description="Numbers of peers.")
    metric: Annotated[tuple[Literal["euclidean", "mahalanobis"], ...], DISTINCT] = Field(
        default=(), description="Distances."
    )
    scale: Annotated[tuple[Literal["zscore", "minmax", "robust", "none"], ...], DISTINCT] = Field(
        default=(), description="Scalings of the characteristics."
    )
    drop_characteristic: bool = Field(
        default=False, description="The peers chosen without each characteristic in turn."
    )
    random_donors: int = Field(
        default=0, ge=0, description="So many times k donors drawn at random instead of the nearest."
    )
    order: Annotated[tuple[_Order, ...], DISTINCT] = Field(
        default=(), description="Error models: 1, 2, reml_ar_noise, reml_local_level or reml_ar_sampling."
    )
    variance: Annotated[tuple[Literal["constant", "by_segment"], ...], DISTINCT] = Field(
        default=(), description="Error variance constant, or one before and one after."
    )
    season: tuple[SeasonalityEntry, ...] = Field(default=(), description="Seasonal forms.")
    pre_window: Annotated[tuple[_Count, ...], DISTINCT] = Field(
        default=(), description="Periods used before the start: the last so many."
    )
    transition: Annotated[tuple[Annotated[int, Field(ge=0)], ...], DISTINCT] = Field(
        default=(), description="Periods of phase-in left out."
    )
    length: Annotated[tuple[Annotated[float, Field(gt=0)], ...], DISTINCT] = Field(
        default=(), description="Lengths of the intervention's shape, where it has one."
    )
    end: Annotated[tuple[PeriodText, ...], DISTINCT] = Field(default=(), description="Last periods used.")
    weighting: Annotated[tuple[Literal["sampling_variance", "none"], ...], DISTINCT] = Field(
        default=(), description="Weights of percentages with denominators."
    )
    transform: Annotated[tuple[Literal["none", "log", "logit"], ...], DISTINCT] = Field(
        default=(), description="Scales of the model."
    )
    missing: Annotated[tuple[Literal["interpolation"], ...], DISTINCT] = Field(
        default=(),
        description="interpolation: missing periods between others filled in on a straight line, in outcome "
        "units, as if they had been observed; it makes intervals too narrow.",
    )
    trend: Annotated[tuple[Literal["quadratic"], ...], DISTINCT] = Field(
        default=(), description="Forms of the trend other than a straight line."
    )
    standard: bool = Field(
        default=True,
        description="Where reml_ar is the answer, also the other order, a drifting level (for weighted "
        "percentages sampling noise), a variance for each segment and a quadratic trend, each alone.",
    )
    cross: bool = Field(default=False, description="Every combination of the choices, instead of each alone.")

    @property
    def asked(self) -> bool:
        """Whether any choice of the config's own is to be tried."""
        own = set(type(self).model_fields) - {"standard", "cross"}
        return any(getattr(self, name) for name in own)


Role = Literal["measure", "unit", "project", "baseline", "projects", "better", "t", "df", "n"]


class BeforeAfter(Settings):
    """A row per project and measure, or published t statistics with their degrees of freedom."""

    path: TablePath = Field(description="The table: measure, baseline, follow_up; or measure, t, df.")
    columns: Annotated[Mapping[Role, Text], BeforeValidator(without_blanks)] = Field(
        default={}, description="Column of a role, where it does not have its usual name."
    )
    follow_ups: Annotated[tuple[Text, ...], DISTINCT] = Field(
        default=(), description="Columns of the follow-ups in order of time; recognised when left out."
    )


#: The name of a shape of the catalogue.
ShapeName = Annotated[str, OneOf(SHAPES)]
EventAs = Literal["note", "mask", "step", "slope", "step_and_slope"]


class PhaseIn(Settings):
    """The time the intervention took to come into force."""

    periods: int = Field(default=0, ge=0, description="Periods from the date on that count as phase-in.")
    as_: Literal["exclude", "ramp"] = Field(
        default="exclude",
        alias="as",
        description="exclude: the periods are left out; ramp: the step grows evenly over them.",
    )


class Intervention(Settings):
    """The intervention under evaluation."""

    name: Text = Field(default="Intervention", description="What it is called in figures and the report.")
    date: PeriodText | None = Field(
        default=None,
        description="First affected period, e.g. 2015-07; left out when every treated unit has its own.",
    )
    shape: ShapeName = Field(
        default="step_and_slope",
        description="What may change at the date. step, slope, step_and_slope: level, trend or both, for "
        "good; pulse: the first period alone; temporary: the level, for `length` periods; decay: the level, "
        "fading by half in `length` periods; gradual: the level, from 5 to 95 % of the change in `length` "
        "periods; free: an effect of its own in each period from then on.",
    )
    length: float | None = Field(
        default=None,
        gt=0,
        description="In periods: how long shape temporary lasts, in how many decay halves, or in how many "
        "gradual goes from 5 to 95 %.",
    )
    fit: Literal["whole", "before"] = Field(
        default="whole",
        description="Periods that the model is fitted to. before: those before the date alone; later ones "
        "are predicted, and each is held against its prediction (shape free).",
    )
    phase_in: PhaseIn = Field(default_factory=PhaseIn, description="Time it took to come into force.")
    chosen: str = Field(
        default_factory=str,
        description="How the units were chosen, in your words: units chosen for poor results recover by "
        "themselves.",
    )
    delivered: str = Field(
        default_factory=str, description="What was delivered, when and to whom, in your words."
    )

    @model_validator(mode="after")
    def _shape_of_fit(self) -> Self:
        if self.fit == "before":
            if "shape" not in self.model_fields_set:
                self.settle(shape=FREE.name)
            elif self.shape != FREE.name:
                what = f"{show(self.shape)}: `fit: before` assumes no shape"
                refuse("intervention", [Fault(("shape",), what, f"this key left out, or {FREE.name}")])
        return self

    @model_validator(mode="after")
    def _length_of_shape(self) -> Self:
        form = SHAPES[self.shape]
        meaning = form.length
        if meaning and self.length is None:
            refuse(
                "intervention", [Fault(("length",), f"shape {self.shape} has no length", f"the {meaning}")]
            )
        if not meaning and self.length is not None:
            what = f"{show(self.length)}: shape {self.shape} has no length"
            having = [name for name, shape in SHAPES.items() if shape.length]
            refuse(
                "intervention", [Fault(("length",), what, f"this key left out, or shape {one_of(having)}")]
            )
        ramps = self.phase_in.as_ == "ramp" and self.phase_in.periods > 0
        if ramps and not form.stays and form.name != SLOPE.name:
            what = f"a ramp to shape {self.shape}, which is no step"
            refuse("intervention", [Fault(("phase_in", "as"), what, "exclude, or another shape")])
        return self


class Event(Settings):
    """Something else that happened."""

    name: Text = Field(description="What happened.")
    date: PeriodText = Field(description="First affected period.")
    until: PeriodText | None = Field(
        default=None, description="Last affected period (inclusive), for `mask`."
    )
    as_: EventAs = Field(
        default="note",
        alias="as",
        description="note: shown, not fitted; mask: the periods are left out; step, slope, step_and_slope: "
        "fitted as an interruption of its own.",
    )
    outcomes: Annotated[tuple[Code, ...], DISTINCT] = Field(
        default=(), description="Indicators it concerns; all when empty."
    )
    units: Annotated[tuple[Code, ...], DISTINCT] = Field(
        default=(), description="Units it concerns; all when empty."
    )

    @model_validator(mode="after")
    def _until_is_for_masks(self) -> Self:
        if self.until is not None and self.as_ != "mask":
            what = f"{show(self.until)}: an event of kind {self.as_} has no end"
            refuse("events", [Fault(("until",), what, "this key left out, or `as: mask`")])
        return self
