"""Settings of the intervention and of other events in the series."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from its_eval.config.faults import Fault, refuse, show
from its_eval.config.settings import DISTINCT, Code, PeriodText, Settings, Text

Shape = Literal["step", "slope", "step_and_slope"]
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
    shape: Shape = Field(
        default="step_and_slope", description="What may change at the date: level, slope or both."
    )
    phase_in: PhaseIn = Field(default_factory=PhaseIn, description="Time it took to come into force.")


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
