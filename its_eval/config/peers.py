"""Settings of the peer search."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from its_eval.config.availability import KeyNotYet, NotYet
from its_eval.config.faults import Fault, custom_error, did_you_mean, one_of, refuse, show
from its_eval.config.settings import DISTINCT, Code, Settings, Text

PresetName = Literal["nhs-trust-peer-finder"]
#: Presets that `peers.preset` can name.
KNOWN_PRESETS: tuple[str, ...] = get_args(PresetName)

_OF_PRESET = ("variables", "weights", "scale", "metric", "missing")


def _count(value: object) -> object:
    """Return the number of peers; one message for both forms instead of one each."""
    if value == "all":
        return value
    try:
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        number = 0
    if number < 1 or isinstance(value, bool | float):
        raise custom_error(f"{show(value)} is not a number of peers", "a whole number of at least 1, or all")
    return number


def comparable(name: str) -> str:
    """Return a column or variable name as it is compared: case and repeated spaces ignored."""
    return " ".join(name.split()).casefold()


class PeerSettings(Settings):
    """How the peers of a treated unit are chosen.

    With a preset, `variables`, `weights`, `scale`, `metric` and `missing` are the preset's own and those here
    have no meaning.
    """

    preset: PresetName | None = Field(
        default=None, description="A published choice of variables, weights, scale, metric and missing."
    )
    variables: Annotated[tuple[Text, ...], DISTINCT, Field(min_length=1)] | None = Field(
        default=None, description="Characteristics to compare; all numeric columns when left out."
    )
    weights: Mapping[Text, Annotated[float, Field(ge=0)]] = Field(
        default={}, description="Weight of a variable; 1 for those not named."
    )
    scale: Annotated[Literal["zscore", "minmax", "robust", "none"], NotYet("minmax", "robust", "none")] = (
        Field(default="zscore", description="How variables are made comparable.")
    )
    metric: Annotated[Literal["euclidean", "mahalanobis"], NotYet("mahalanobis")] = Field(
        default="euclidean", description="Distance between two units."
    )
    missing: Literal["available", "zero", "refuse"] = Field(
        default="available",
        description="A missing characteristic: available scales up the rest, zero counts it as 0 "
        "before scaling, refuse is an error.",
    )
    k: Annotated[
        int | Literal["all"], BeforeValidator(_count, json_schema_input_type=int | Literal["all"])
    ] = Field(default=10, description="Number of peers, or all.")
    within: Annotated[tuple[Text, ...], DISTINCT] = Field(
        default=(), description="Columns on which a peer must agree, e.g. units.type."
    )
    exclude: Annotated[tuple[Code, ...], DISTINCT] = Field(
        default=(), description="Units that may not be peers."
    )
    caliper: Annotated[Any, KeyNotYet()] = Field(default=None, description="Largest distance of a peer.")
    min_coverage: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Share of the periods of each segment for which a peer needs data.",
    )
    given: Mapping[Code, Annotated[tuple[Code, ...], DISTINCT, Field(min_length=1)]] = Field(
        default={}, description="Peers of a unit, instead of a search."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse("peers", [*self._preset_faults(), *self._weight_faults(), *self._given_faults()])
        return self

    @model_serializer(mode="wrap")
    def _without_preset_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        left_out = () if self.preset is None else _OF_PRESET
        return {key: value for key, value in handler(self).items() if key not in left_out}

    def _preset_faults(self) -> list[Fault]:
        if self.preset is None:
            return []
        return [
            Fault(
                (key,), f"{show(getattr(self, key))}: the preset {self.preset} decides this", "one of the two"
            )
            for key in _OF_PRESET
            if key in self.model_fields_set
        ]

    def _weight_faults(self) -> list[Fault]:
        faults = []
        if self.variables is not None:
            known = {comparable(name) for name in self.variables}
            for name in self.weights:
                if comparable(name) not in known:
                    guess = did_you_mean(name, self.variables)
                    what = f"{show(name)} is not among the variables{guess}"
                    faults.append(Fault(("weights", name), what, one_of(self.variables)))
            weights = {comparable(name): weight for name, weight in self.weights.items()}
            if all(weights.get(name, 1) == 0 for name in known):
                faults.append(Fault(("weights",), "every variable has weight 0", "a weight above 0"))
        return faults

    def _given_faults(self) -> list[Fault]:
        return [
            Fault(("given", unit, place), f"{show(peer)} is excluded too", "one of the two")
            for unit, peers in self.given.items()
            for place, peer in enumerate(peers)
            if peer in self.exclude
        ]
