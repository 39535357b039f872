"""What a distance is made of, and published recipes reproduced exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from its_eval.data.tables import normalise_name

MissingRule = Literal["available", "zero", "refuse"]


class Preset(Struct, frozen=True):
    """How a published tool measures distance.

    Attributes
    ----------
    name, title, source : str
        Key for the config, words for the report, and where the recipe is published.
    unit_column : str
        Column of unit codes in the published table.
    weights : mapping of str to float
        Weight of each variable that counts; variables not named have weight 0.
    missing : str
        What a missing cell means.
    population_scaled : frozenset of str
        Variables scaled by the standard deviation with divisor n instead of n - 1.
    dated : str
        What the characteristics describe, for the warning about characteristics measured after the
        intervention.
    """

    name: str
    title: str
    source: str
    unit_column: str
    weights: Mapping[str, float]
    missing: MissingRule = "available"
    population_scaled: frozenset[str] = field(default_factory=frozenset)
    dated: str = ""


NHS_TRUST_PEER_FINDER = Preset(
    name="nhs-trust-peer-finder",
    title="NHS Trust Peer Finder",
    source="NHS Digital, Trust Peer Finder tool, Appendix A, Autumn 2019 (Open Government Licence v3.0)",
    unit_column="Procode",
    weights=dict.fromkeys(
        (
            "Absence Rate",
            "Age 0-15",
            "Age 60-74",
            "Attendances",
            "CCGs",
            "Deprivation",
            "Diagnosis",
            "DTOCs",
            "MFF payment index",
            "Non-type 1 AE department",
            "Sea distance",
            "Sites",
            "StudentStaff",
            "Urban",
        ),
        1.0,
    ),
    missing="zero",
    # The publisher scaled this one column by the divisor-n standard deviation; without that the published
    # distances differ in the third decimal.
    population_scaled=frozenset({"Age 0-15"}),
    dated="2019",
)

PRESETS: dict[str, Preset] = {NHS_TRUST_PEER_FINDER.name: NHS_TRUST_PEER_FINDER}


ScaleName = Literal["zscore", "minmax", "robust", "none"]
MetricName = Literal["euclidean", "mahalanobis"]


class DistanceRecipe(Struct, frozen=True):
    """What counts, how much, and what a missing cell means.

    Attributes
    ----------
    weights : mapping of str to float, or None
        Weight by variable; None: every numeric column with weight 1.
    missing : {"available", "zero", "refuse"}
        ``available``: the sum of squares over the known variables, times total weight over known weight;
        ``zero``: a missing cell counts as 0 before scaling, a missing category as one of its own;
        ``refuse``: an error.
    population_scaled : frozenset of str
        Variables scaled with divisor n.
    exceptions : mapping of str to float
        Weights other than 1 where every numeric column counts.
    scale : {"zscore", "minmax", "robust", "none"}
        What a variable is divided by.
    metric : {"euclidean", "mahalanobis"}
        Kind of distance.
    log : tuple of str
        Variables compared by their natural logarithm.
    """

    weights: Mapping[str, float] | None = None
    missing: MissingRule = "available"
    population_scaled: frozenset[str] = frozenset()
    exceptions: Mapping[str, float] = field(default_factory=dict)
    scale: ScaleName = "zscore"
    metric: MetricName = "euclidean"
    log: tuple[str, ...] = ()

    @classmethod
    def of_preset(cls, preset: Preset) -> DistanceRecipe:
        """Return the recipe of a published tool."""
        return cls(preset.weights, preset.missing, preset.population_scaled)


def recipe_for(
    preset: str | None,
    variables: tuple[str, ...] | None,
    weights: Mapping[str, float],
    missing: MissingRule,
    scale: ScaleName = "zscore",
    metric: MetricName = "euclidean",
    log: tuple[str, ...] = (),
) -> DistanceRecipe:
    """Return the recipe that a config or a command line asks for."""
    if preset is not None:
        return DistanceRecipe.of_preset(PRESETS[preset])
    if variables is None:
        return DistanceRecipe(None, missing, exceptions=weights, scale=scale, metric=metric, log=log)
    chosen = dict.fromkeys(variables, 1.0)
    keys = {normalise_name(name): name for name in chosen}
    for name, weight in weights.items():
        chosen[keys.get(normalise_name(name), name)] = weight
    return DistanceRecipe(chosen, missing, scale=scale, metric=metric, log=log)
