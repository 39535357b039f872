"""Settings of the outcomes and their strata: kinds, seasons, covariates, defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from its_eval.calendar import Calendar
from its_eval.config.estimators import Estimators, is_family
from its_eval.config.faults import Fault, custom_error, did_you_mean, one_of, refuse, show
from its_eval.config.settings import DISTINCT, Code, FilePath, PeriodText, Settings, Text


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


def _entry_of_strata(value: object) -> object:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {"values": value}
    return value


#: None, a list of strata, or a mapping with `values`, `gap` and `min_denominator`.
StrataEntry = Annotated[
    Strata | None, BeforeValidator(_entry_of_strata, json_schema_input_type=list[Code] | Strata | None)
]


SeasonWord = Literal["none", "months", "quarters", "weeks", "auto"]

#: What a series of each frequency can have; harmonics go up to half the periods of a year.
SEASON_WORDS: Mapping[str, tuple[str, ...]] = {
    "month": ("none", "months", "auto"),
    "quarter": ("none", "quarters", "auto"),
    "week": ("none", "weeks", "auto"),
    "year": ("none", "auto"),
}
MOST_HARMONICS: Mapping[str, int] = {"month": 6, "quarter": 2, "week": 13, "year": 0}


class Harmonics(Settings):
    """Pairs of sine and cosine terms."""

    harmonics: int = Field(ge=1, description="Number of pairs of sine and cosine terms.")


class Seasonality(Settings):
    """How the season within the year is modelled.

    Written in the config as a word or as ``{harmonics: K}``, and written back the same way.
    """

    kind: Literal["none", "months", "quarters", "weeks", "harmonics", "auto"] = Field(
        default="auto", description="auto goes by the length of the series."
    )
    harmonics: int | None = Field(default=None, ge=1, description="Number of pairs, for kind harmonics.")

    @model_serializer
    def _as_written(self) -> str | dict[str, int | None]:
        return {"harmonics": self.harmonics} if self.kind == "harmonics" else self.kind


def season_choices(frequency: str) -> str:
    """Return in words what a series of this frequency can have."""
    words = ", ".join(SEASON_WORDS[frequency])
    most = MOST_HARMONICS[frequency]
    return f"one of {words}" + (f", {{harmonics: 1 to {most}}}" if most else "")


def _entry_of_seasonality(value: object) -> object:
    words = get_args(SeasonWord)
    if isinstance(value, Seasonality):
        return value
    if isinstance(value, Mapping) and set(value) == {"harmonics"}:
        return {"kind": "harmonics", **value}
    if isinstance(value, str) and value in words:
        return {"kind": value}
    what = f"{show(value)} is not a kind of season{did_you_mean(value, words)}"
    raise custom_error(what, f"one of {', '.join(words)}, {{harmonics: K}}")


SeasonalityEntry = Annotated[
    Seasonality, BeforeValidator(_entry_of_seasonality, json_schema_input_type=SeasonWord | Harmonics)
]


Kind = Literal["percentage", "rate", "count", "number"]
Missing = Literal["mask", "error", "drop_unit"]
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
    counted: Text = Field(
        default="cases",
        description="What a percentage is of, in the plural: attendances, patients, responses, staff.",
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
    trend: Literal["none", "linear", "quadratic"] = Field(
        default="linear",
        description="Course without any interruption: none (a level), linear, or quadratic (a parabola).",
    )
    start: PeriodText | None = Field(
        default=None, description="First period used; the earliest when left out."
    )
    end: PeriodText | None = Field(default=None, description="Last period used; the latest when left out.")
    missing: Missing | None = Field(
        default=None, description="What becomes of missing periods, as data.missing says when left out."
    )
    strata: StrataEntry = Field(
        default=None, description="Strata to evaluate apart, and the gap between two of them."
    )
    covariates: Covariates = Field(
        default=(), description="Time-varying covariates: indicators of the same tables."
    )
    controls: Annotated[tuple[Code, ...], DISTINCT] = Field(
        default=(),
        description="Control outcomes: indicators that the intervention should not have changed, of the kind "
        "that `outcomes` says, if it lists them.",
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

    def bounds(self, calendar: Calendar) -> tuple[int | None, int | None]:
        """Return the ordinals of the first and last period used; None for as far as the data go."""
        return (
            None if self.start is None else calendar.parse(self.start),
            None if self.end is None else calendar.parse(self.end),
        )

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


def control_outcomes(outcome: Outcome, listed: Sequence[Outcome]) -> list[Outcome]:
    """Return the control outcomes of an outcome: fitted like it, of the kind that the config lists them with.

    Parameters
    ----------
    outcome : Outcome
        Whose controls.
    listed : sequence of Outcome
        All outcomes of the config.
    """
    known = {item.indicator: item for item in listed}
    found = []
    for name in outcome.controls:
        own = known.get(name)
        kind = {"label": name} if own is None else {key: getattr(own, key) for key in _OF_KIND}
        changes = {"indicator": name, "controls": (), "covariates": (), "better": None, **kind}
        found.append(outcome.model_copy(update=changes))
    return found


#: What a control outcome has of its own where the config lists it.
_OF_KIND = ("label", "unit", "kind", "transform", "per", "counted")
MINUS = "\N{MINUS SIGN}"


class StratumOutcome(Outcome):
    """An outcome of one stratum, or the gap between two; made from a listed outcome, never written.

    Its `indicator` is the name of its own series, such as ``ae_4h [most deprived]``.
    """

    listed: str
    stratum: str = ""
    least: float = 0.0
    two: tuple[StratumOutcome, ...] = ()


def series_name(indicator: str, *strata: str) -> str:
    """Return the name of the series of a stratum, or of the gap between two; of everybody the indicator.

    Examples
    --------
    >>> series_name("ae_4h", "most deprived")
    'ae_4h [most deprived]'
    """
    named = f" {MINUS} ".join(strata)
    return f"{indicator} [{named}]" if named else indicator


def evaluated_outcomes(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return the outcomes in the order of the config, one with strata as its strata and their gap."""
    evaluated: list[Outcome] = []
    for outcome in outcomes:
        evaluated += [outcome] if outcome.strata is None else _expanded(outcome, outcome.strata)
    return tuple(evaluated)


def listed_as(outcome: Outcome) -> str:
    """Return the name by which a config speaks of an outcome, in events and given peers."""
    return outcome.listed if isinstance(outcome, StratumOutcome) else outcome.indicator


def strata_of_gap(outcome: Outcome) -> tuple[StratumOutcome, ...]:
    """Return the two strata whose gap an outcome is; none for any other outcome."""
    return outcome.two if isinstance(outcome, StratumOutcome) else ()


def source_names(outcome: Outcome) -> tuple[str, ...]:
    """Return the names of the series in the data that an outcome is made of: two for a gap."""
    return tuple(part.indicator for part in strata_of_gap(outcome)) or (outcome.indicator,)


def least_denominator(outcome: Outcome, common: float | None) -> float | None:
    """Return the denominator below which values are suppressed: the stricter of the two rules."""
    if not isinstance(outcome, StratumOutcome):
        return common
    return max(outcome.least, common or 0.0)


def gap_estimators_missing(outcome: Outcome) -> bool:
    """Return whether a gap is asked for and every estimator is one of counts, which a gap has none of."""
    asked = outcome.strata is not None and bool(outcome.strata.gap)
    return asked and all(is_family(estimator.name) for estimator in outcome.estimators)


def _expanded(outcome: Outcome, strata: Strata) -> list[StratumOutcome]:
    parts = {name: _made(outcome, (name,), strata.min_denominator) for name in strata.values}
    expanded = list(parts.values())
    if strata.gap:
        expanded.append(_gap(outcome, strata, [parts[name] for name in strata.gap]))
    return expanded


def _gap(outcome: Outcome, strata: Strata, parts: Sequence[StratumOutcome]) -> StratumOutcome:
    """Return the gap as an outcome: a difference as it is, or a ratio where the model is of logarithms.

    Which direction is better depends on which stratum is ahead, so it has none.
    """
    plain = outcome.transform == "none"
    unit = "percentage points" if outcome.kind == "percentage" else outcome.unit
    return _made(
        outcome,
        strata.gap,
        strata.min_denominator,
        kind="number",
        unit=unit if plain else "",
        transform="none" if plain else "log",
        per=None,
        better=None,
        estimators=tuple(item for item in outcome.estimators if not is_family(item.name)),
        two=tuple(parts),
    )


def _made(outcome: Outcome, names: Sequence[str], least: float, **changes: object) -> StratumOutcome:
    kept = {name: getattr(outcome, name) for name in Outcome.model_fields}
    own = {
        "indicator": series_name(outcome.indicator, *names),
        "label": series_name(outcome.label, *names),
        "strata": None,
        "listed": outcome.indicator,
        "stratum": names[0] if len(names) == 1 else "",
        "least": least,
    }
    # everything has been validated with the listed outcome
    return StratumOutcome.model_construct(**{**kept, **own, **changes})
