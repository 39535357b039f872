"""Settings of made-up series: their level and season, the effect that is planted, and their errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from its_eval.config.faults import Fault, one_of
from its_eval.config.settings import OneOf, Settings
from its_eval.design.shapes import SHAPES

#: How errors depend on each other, by the name in the config, with the world of
#: `its_eval.pipeline.truths` that draws them.
WORLDS: Mapping[str, str] = {
    "autoregressive": "as fitted",
    "second_order": "AR(2) .3 .3",
    "with_noise": "AR(1) .7 with as much noise",
    "variance_doubles": "variance doubles at the start",
    "local_level": "local level, ratio .01",
    "drift": "AR(1) .4 on a drift",
    "own_break": "a break of its own elsewhere",
    "bend": "the trend bends by one sd",
}


class PlantedEffect(Settings):
    """The effect of the intervention on every treated unit, on the scale of the model."""

    level_change: float = Field(default=0.0, description="Change of level at the first full period.")
    slope_change: float = Field(default=0.0, description="Change of trend per period from then on.")


class Simulation(Settings):
    """Series that `its-eval simulate` makes up; a run ignores them."""

    donors: int = Field(
        default=20, ge=0, description="Untreated units, donor_001 and so on, beside those of peers.given."
    )
    level: float = Field(
        default=100.0, description="Expected value at the start of the intervention, in outcome units."
    )
    between: float = Field(
        default=0.0, ge=0, description="Standard deviation of the units' levels, on the scale of the model."
    )
    trend: float = Field(default=0.0, description="Trend per period, on the scale of the model.")
    season: float = Field(
        default=0.0, description="Amplitude of the yearly cycle, a cosine, on the scale of the model."
    )
    sd: float = Field(
        default=1.0, ge=0, description="Standard deviation of the errors, on the scale of the model."
    )
    errors: Annotated[str, OneOf(WORLDS)] = Field(
        default="autoregressive",
        description="autoregressive: by `autocorrelation`; second_order: AR(2) of 0.3 and 0.3; with_noise: "
        "half AR(1) of 0.7, half white noise; variance_doubles: from the start on; local_level, drift: on a "
        "random walk; own_break: each unit has a break at another time; bend: the trend is curved.",
    )
    autocorrelation: float = Field(
        default=0.0, gt=-1, lt=1, description="Correlation of errors from one period to the next."
    )
    shared: float = Field(
        default=0.0, ge=0, le=1, description="Share of the errors' variance that all units have in common."
    )
    denominator: int | None = Field(
        default=None,
        ge=1,
        description="Of every period: percentages are drawn as binomial counts of it, counts as Poisson "
        "counts for so many.",
    )
    effect: PlantedEffect = Field(default_factory=PlantedEffect, description="The effect that is planted.")

    def faults(self, shape: str) -> list[Fault]:
        """Return a fault for each planted change that a shape does not have."""
        has = SHAPES[SHAPES[shape].as_line].terms
        expected = f"{one_of(has)}, or another shape"
        return [
            Fault(("effect", name), f"{change:g}: shape {shape} has none", expected)
            for name, change in self.effect
            if change and name not in has
        ]
