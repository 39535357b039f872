"""Settings of the strata of an outcome: groups evaluated apart, and the gap between two of them."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from its_eval.config.faults import Fault, did_you_mean, one_of, refuse, show
from its_eval.config.settings import DISTINCT, Code, Settings


class Strata(Settings):
    """Which strata are evaluated, and which gap.

    Written in the config as a list of strata, or as a mapping with the gap and the suppression rule.
    """

    values: Annotated[tuple[Code, ...], DISTINCT, Field(min_length=1)] = Field(
        description="Strata, as they stand in the stratum column."
    )
    gap: Annotated[tuple[Code, ...], DISTINCT] = Field(
        default=(),
        description="Two strata: the first minus the second is evaluated as a series of its own.",
    )
    min_denominator: float = Field(
        default=10.0, ge=0, description="Values of a stratum with a smaller denominator are suppressed."
    )

    @model_validator(mode="after")
    def _known_gap(self) -> Self:
        faults = [
            Fault(
                ("gap", place),
                f"{show(name)} is not among the strata{did_you_mean(name, self.values)}",
                one_of(self.values),
            )
            for place, name in enumerate(self.gap)
            if name not in self.values
        ]
        if self.gap and len(self.gap) != 2:
            faults.append(Fault(("gap",), f"{show(list(self.gap))} is not a pair", "two of the strata"))
        refuse("strata", faults)
        return self


def _entry(value: object) -> object:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {"values": value}
    return value


#: None, a list of strata, or a mapping with `values`, `gap` and `min_denominator`.
StrataEntry = Annotated[
    Strata | None, BeforeValidator(_entry, json_schema_input_type=list[Code] | Strata | None)
]
