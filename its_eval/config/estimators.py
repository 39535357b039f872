"""Settings of the estimators: names, their options, and labels that tell entries apart."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from its_eval.config.faults import Fault, custom_error, one_of, refuse, show
from its_eval.config.settings import OneOf, Settings, Text
from its_eval.estimators.catalogue import ESTIMATORS

#: The name of an estimator of the catalogue.
EstimatorName = Annotated[str, OneOf(ESTIMATORS)]


def options_of(name: str) -> tuple[str, ...]:
    """Return the options of an estimator; those of another have no meaning for it."""
    return ESTIMATORS[name].options


def is_family(name: str) -> bool:
    """Return whether an estimator is a generalised linear model: for the single design."""
    return ESTIMATORS[name].is_family


#: Whether a part of a structural model changes by itself.
Moving = Literal["fixed", "stochastic"]

#: Orders that a series of a few years can bear.
_MOST_ORDER = 5
#: Order of the longest autoregression, a year of months, and of the longest of many series at once.
_LONGEST_AUTOREGRESSION, _LONGEST_AT_ONCE = 12, 2
#: An order as it may be written.
_Order = (
    Annotated[int, Field(ge=1, le=_LONGEST_AUTOREGRESSION)] | Literal["auto", "aicc"] | tuple[int, int, int]
)


def _three_orders(value: object) -> tuple[int, int, int] | None:
    """Return three small whole numbers as such; None for anything else."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 3:
        return None
    texts = [str(part).strip() for part in value]
    if not all(text.isascii() and text.isdigit() and int(text) <= _MOST_ORDER for text in texts):
        return None
    first, second, third = map(int, texts)
    return first, second, third


def _order_entry(value: object) -> object:
    """Return an order as number, word or triple; one message for all forms instead of one each."""
    text = value.strip() if isinstance(value, str) else value
    if text in ("auto", "aicc"):
        return text
    if str(text).isascii() and str(text).isdigit() and 1 <= int(str(text)) <= _LONGEST_AUTOREGRESSION:
        return int(str(text))
    orders = _three_orders(value)
    if orders is None:
        expected = (
            f"1, 2 or auto; for gls_ar 1 to {_LONGEST_AUTOREGRESSION}; for arima [p, d, q], each 0 to "
            f"{_MOST_ORDER}, or aicc"
        )
        raise custom_error(f"{show(value)} is not an order", expected)
    return orders


def _seasonal_entry(value: object) -> object:
    orders = _three_orders(value)
    if orders is None:
        raise custom_error(f"{show(value)} is not a seasonal order", f"[P, D, Q], each 0 to {_MOST_ORDER}")
    return orders


class Estimator(Settings):
    """An estimator with its options."""

    name: EstimatorName = Field(description="Which estimator.")
    label: Text = Field(
        default_factory=str,
        description="What its rows are called; its name when left out, with the options appended where "
        "several entries share the name.",
    )
    order: Annotated[_Order, BeforeValidator(_order_entry, json_schema_input_type=_Order)] = Field(
        default="auto",
        description="reml_ar: autoregressive order, 1, 2 or auto (by the length of the series); gls_ar: the "
        f"same, up to {_LONGEST_AUTOREGRESSION}; arima: [p, d, q], [1, 0, 0] when left "
        "out, or aicc (chosen for each series by AICc on the periods before the first interruption).",
    )
    variance: Literal["constant", "by_segment"] = Field(
        default="constant", description="reml_ar: one variance, or one before and one after the start."
    )
    lags: int | None = Field(
        default=None,
        ge=0,
        description="newey_west: lags, by the usual rule when left out; a count or binomial family: "
        "Newey-West on its scores with so many lags, the model's own covariance when left out.",
    )
    rho: Literal["regress", "tscorr", "dw"] = Field(
        default="regress", description="prais_winsten: how the autocorrelation is estimated, as in Stata."
    )
    seasonal_order: Annotated[
        tuple[int, int, int], BeforeValidator(_seasonal_entry, json_schema_input_type=tuple[int, int, int])
    ] = Field(default=(0, 0, 0), description="arima: [P, D, Q]; the season is that of the frequency.")
    errors: Literal["independent", "ar1"] = Field(
        default="independent",
        description="A count or binomial family: independent periods, or autoregressive errors of the first "
        "order on the scale of the link.",
    )

    lagged_residuals: int = Field(
        default=0,
        ge=0,
        le=3,
        description="A count or binomial family: deviance residuals of a first fit, of 1 to so many "
        "periods before, as terms of the fit; intervals stay too narrow.",
    )
    level: Moving = Field(
        default="stochastic",
        description="structural: a level that changes by itself as a random walk, or a fixed one.",
    )
    trend: Moving = Field(
        default="fixed",
        description="structural: the straight line of the design, or a slope that changes by itself.",
    )
    season: Moving = Field(
        default="fixed",
        description="structural: the season of the outcome, or one of the frequency that changes by itself.",
    )

    @model_validator(mode="after")
    def _order_of_name(self) -> Self:
        if self.name == "arima":
            if self.order == "auto":
                self.settle(order=(1, 0, 0))
            elif isinstance(self.order, int):
                what = f"{show(self.order)}: the order of arima is three numbers"
                refuse("estimators", [Fault(("order",), what, "[p, d, q], e.g. [1, 0, 0], or aicc")])
        elif self.order == "aicc" and "order" in options_of(self.name):
            what = f"aicc: {self.name} does not choose its order by the data; arima alone does"
            refuse("estimators", [Fault(("order",), what, "1, 2 or auto")])
        elif isinstance(self.order, tuple):
            what = f"{show(list(self.order))}: the order of {self.name} is one number"
            refuse("estimators", [Fault(("order",), what, "one of 1, 2, auto")])
        elif self.name == "reml_ar" and isinstance(self.order, int) and self.order > _LONGEST_AT_ONCE:
            what = f"{self.order}: reml_ar has no order above {_LONGEST_AT_ONCE}"
            refuse("estimators", [Fault(("order",), what, "1, 2 or auto, or the estimator gls_ar")])
        return self

    @model_validator(mode="after")
    def _own_options(self) -> Self:
        own = options_of(self.name)
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

    @model_validator(mode="after")
    def _one_covariance(self) -> Self:
        if self.errors == "ar1" and self.lags is not None:
            what = f"{self.lags}: Newey-West is for independent errors, and these are autoregressive"
            refuse("estimators", [Fault(("lags",), what, "either errors: ar1 or lags")])
        if self.errors == "ar1" and self.lagged_residuals:
            what = f"{self.lagged_residuals}: these errors are autoregressive already"
            fault = Fault(("lagged_residuals",), what, "either errors: ar1 or lagged_residuals")
            refuse("estimators", [fault])
        return self

    @model_serializer(mode="wrap")
    def _own_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        kept = {"name", "label", *options_of(self.name)}
        return {key: value for key, value in handler(self).items() if key in kept}


def _entry(value: object) -> object:
    """Return an entry as a mapping."""
    return {"name": value} if isinstance(value, str) else value


def _options_text(estimator: Estimator, keys: Iterable[str]) -> str:
    options = [(key, getattr(estimator, key)) for key in keys]
    return ", ".join(f"{key}={_option_text(value)}" for key, value in options)


def _option_text(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + " ".join(map(str, value)) + "]"
    return "auto" if value is None else str(value)


def _default_label(estimator: Estimator, estimators: tuple[Estimator, ...]) -> str:
    alike = [other for other in estimators if other.name == estimator.name and not other.label]
    keys = options_of(estimator.name)
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
