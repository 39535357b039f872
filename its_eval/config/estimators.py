"""Settings of the estimators: names, their options, and labels that tell entries apart."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from its_eval.config.availability import NOT_AVAILABLE, KeyNotYet, NotYet
from its_eval.config.faults import Fault, one_of, refuse, show
from its_eval.config.settings import DIGITS, Settings, Text

EstimatorName = Literal[
    "reml_ar",
    "reml_ar_noise",
    "ols",
    "newey_west",
    "prais_winsten",
    "arima",
    "poisson",
    "quasi_poisson",
    "negative_binomial",
    "binomial",
    "quasi_binomial",
]

#: The options of each estimator that this version has; those of another have no meaning for it.
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "reml_ar": ("order", "variance"),
    "ols": (),
    "newey_west": ("lags",),
}
_LATER = tuple(name for name in get_args(EstimatorName) if name not in OPTIONS)


class Estimator(Settings):
    """An estimator with its options."""

    name: Annotated[EstimatorName, NotYet(*_LATER)] = Field(description="Which estimator.")
    label: Text = Field(
        default_factory=str,
        description="What its rows are called; its name when left out, with the options appended where "
        "several entries share the name.",
    )
    order: Annotated[Literal[1, 2, "auto"], DIGITS] = Field(
        default="auto", description="reml_ar: autoregressive order; auto goes by the length of the series."
    )
    variance: Annotated[Literal["constant", "by_segment"], NotYet("by_segment")] = Field(
        default="constant", description="reml_ar: one innovation variance, or one before and one after."
    )
    lags: int | None = Field(
        default=None, ge=0, description="newey_west: lags; by the usual rule when left out."
    )
    seasonal_order: Annotated[Any, KeyNotYet()] = Field(default=None, description="arima: seasonal order.")

    @model_validator(mode="after")
    def _own_options(self) -> Self:
        own = OPTIONS[self.name]
        strange = self.model_fields_set - {"name", "label", *own}
        expected = one_of(own) if own else "no options"
        refuse(
            "estimators",
            (
                Fault((key,), f"{show(getattr(self, key))}: {self.name} has no such option", expected)
                for key in sorted(strange)
            ),
        )
        return self

    @model_serializer(mode="wrap")
    def _own_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        kept = {"name", "label", *OPTIONS[self.name]}
        return {key: value for key, value in handler(self).items() if key in kept}


def _entry(value: object) -> object:
    """Return an entry as a mapping.

    An estimator of a later version is refused here, before its options are looked at: they may have meanings
    that this version does not know.
    """
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and value.get("name") in _LATER:
        what = f"{show(value['name'])} {NOT_AVAILABLE}"
        refuse("estimators", [Fault(("name",), what, one_of(OPTIONS))])
    return value


def _options_text(estimator: Estimator, keys: Iterable[str]) -> str:
    shown = [(key, getattr(estimator, key)) for key in keys]
    return ", ".join(f"{key}={'auto' if value is None else value}" for key, value in shown)


def _default_label(estimator: Estimator, estimators: tuple[Estimator, ...]) -> str:
    alike = [other for other in estimators if other.name == estimator.name and not other.label]
    keys = OPTIONS[estimator.name]
    differing = [key for key in keys if len({getattr(other, key) for other in alike}) > 1]
    return f"{estimator.name}({_options_text(estimator, differing)})" if differing else estimator.name


def _labelled(estimators: tuple[Estimator, ...]) -> tuple[Estimator, ...]:
    """Return the entries with labels; two with one label are refused."""
    labels = [entry.label or _default_label(entry, estimators) for entry in estimators]
    counts = Counter(labels)
    refuse(
        "estimators",
        (
            Fault((place,), f"two entries are called {show(label)}", "different options, or a label for each")
            for place, label in enumerate(labels)
            if counts[label] > 1 and label in labels[:place]
        ),
    )
    return tuple(
        entry.model_copy(update={"label": label}) for entry, label in zip(estimators, labels, strict=True)
    )


#: A list of estimators, each a name or a mapping of name and options; the first is primary.
Estimators = Annotated[
    tuple[
        Annotated[Estimator, BeforeValidator(_entry, json_schema_input_type=EstimatorName | Estimator)], ...
    ],
    Field(min_length=1),
    AfterValidator(_labelled),
]
