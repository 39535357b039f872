"""Settings of the outcomes, and how an outcome takes what it leaves out from its defaults."""

from typing import Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from its_eval.config.covariates import Covariates
from its_eval.config.estimators import Estimators
from its_eval.config.seasonality import Seasonality, SeasonalityEntry
from its_eval.config.settings import Code, FilePath, PeriodText, Settings, Text
from its_eval.config.strata import StrataEntry

Kind = Literal["percentage", "rate", "count", "number"]
Transform = Literal["none", "log", "logit"]


class OutcomeOptions(Settings):
    """What `outcome_defaults` and a single outcome may both say."""

    unit: str = Field(
        default_factory=str, description='Unit of measurement, shown on axes; "%" for a percentage.'
    )
    kind: Kind = Field(default="number", description="What the values are.")
    better: Literal["higher", "lower"] | None = Field(
        default=None, description="Which direction is an improvement."
    )
    transform: Transform = Field(
        default="none", description="Scale of the model; log for a count, else none."
    )
    per: float | None = Field(
        default=None, gt=0, description="Rates and counts made from a denominator are per so many, e.g. 1000."
    )
    estimators: Estimators = Field(
        default_factory=tuple, description="Estimators of this outcome instead of the common ones."
    )
    seasonality: SeasonalityEntry = Field(
        default_factory=Seasonality, description="Season within the year; auto goes by the length."
    )
    start: PeriodText | None = Field(
        default=None, description="First period used; the earliest when left out."
    )
    end: PeriodText | None = Field(default=None, description="Last period used; the latest when left out.")
    strata: StrataEntry = Field(
        default=None, description="Strata to evaluate apart, and the gap between two of them."
    )
    covariates: Covariates = Field(
        default=(), description="Time-varying covariates: indicators of the same tables."
    )


class OutcomeDefaults(OutcomeOptions):
    """Values that outcomes take when they do not say otherwise; only what was given counts."""

    @model_serializer(mode="wrap")
    def _only_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        # a default spelled out here would stop those that go by `kind` for an outcome added later
        return {key: value for key, value in handler(self).items() if key in self.model_fields_set}


class Outcome(OutcomeOptions):
    """An outcome; in a loaded config everything is resolved."""

    indicator: Code = Field(description="Indicator of the data.")
    label: Text = Field(default_factory=str, description="What it is called in figures and tables.")

    @property
    def name(self) -> str:
        """Name in all tables: the indicator, of which there is one outcome only."""
        return self.indicator

    @model_serializer(mode="wrap")
    def _indicator_first(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        return {"indicator": self.indicator, "label": self.label, **handler(self)}


class OutcomesFrom(Settings):
    """A dictionary of outcomes in a file of its own."""

    from_: FilePath = Field(
        alias="from",
        description="CSV file whose columns are named as the keys of an outcome; blank: default.",
    )


def resolve_outcome(entry: Outcome, defaults: OutcomeDefaults) -> Outcome:
    """Return an outcome with everything it leaves out filled in.

    Notes
    -----
    What it says itself comes first, then `outcome_defaults`, then what goes by its kind: the unit "%" for a
    percentage and the log scale for a count.
    """
    inherited = {
        key: getattr(defaults, key) for key in defaults.model_fields_set if key not in entry.model_fields_set
    }
    merged = entry.model_copy(update=inherited)
    by_kind: dict[str, object] = {
        "label": entry.indicator,
        "unit": "%" if merged.kind == "percentage" else "",
        "transform": "log" if merged.kind == "count" else "none",
    }
    return merged.model_copy(
        update={key: value for key, value in by_kind.items() if key not in merged.model_fields_set}
    )
