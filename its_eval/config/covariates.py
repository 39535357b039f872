"""Settings of the covariates: what explains an outcome and is not changed by the intervention."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from its_eval.config.faults import Fault, refuse, show
from its_eval.config.settings import Code, Settings


class Covariate(Settings):
    """A time-varying covariate."""

    indicator: Code = Field(description="Indicator of the data, for the same units and periods.")
    lag: int = Field(default=0, ge=0, description="Periods by which it runs ahead of the outcome.")


def _entry(value: object) -> object:
    return {"indicator": value} if isinstance(value, str) else value


def _distinct(covariates: tuple[Covariate, ...]) -> tuple[Covariate, ...]:
    refuse(
        "covariates",
        (
            Fault((place,), f"{show(entry.indicator)} with lag {entry.lag} stands twice", "it once")
            for place, entry in enumerate(covariates)
            if entry in covariates[:place]
        ),
    )
    return covariates


#: A list of covariates, each the name of an indicator or a mapping of indicator and lag.
Covariates = Annotated[
    tuple[Annotated[Covariate, BeforeValidator(_entry, json_schema_input_type=Code | Covariate)], ...],
    AfterValidator(_distinct),
]
