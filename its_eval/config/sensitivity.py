"""Settings of the specification curve: which other choices are tried."""

from typing import Annotated, Literal

from pydantic import Field

from its_eval.config.seasonality import SeasonalityEntry
from its_eval.config.settings import DIGITS, DISTINCT, PeriodText, Settings

_Count = Annotated[int, Field(ge=1)]
_Order = Annotated[Literal[1, 2, "reml_ar_noise"], DIGITS]


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
        default=(), description="Error models: 1, 2 or reml_ar_noise."
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
    end: Annotated[tuple[PeriodText, ...], DISTINCT] = Field(default=(), description="Last periods used.")
    weighting: Annotated[tuple[Literal["sampling_variance", "none"], ...], DISTINCT] = Field(
        default=(), description="Weights of percentages with denominators."
    )
    transform: Annotated[tuple[Literal["none", "log", "logit"], ...], DISTINCT] = Field(
        default=(), description="Scales of the model."
    )
    standard: bool = Field(
        default=True,
        description="Where reml_ar is the answer, also the other order, added noise and a variance for each "
        "segment, each alone.",
    )
    cross: bool = Field(default=False, description="Every combination of the choices, instead of each alone.")

    @property
    def asked(self) -> bool:
        """Whether any choice of the config's own is to be tried."""
        own = set(type(self).model_fields) - {"standard", "cross"}
        return any(getattr(self, name) for name in own)
