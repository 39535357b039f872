"""Settings of the season within the year."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_serializer

from its_eval.config.faults import custom_error, did_you_mean, show
from its_eval.config.settings import Settings

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


def _entry(value: object) -> object:
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
    Seasonality, BeforeValidator(_entry, json_schema_input_type=SeasonWord | Harmonics)
]
