"""What a distance is made of: which variables count, how much, and how they are made comparable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from its_eval.data.tables import normalise_name
from its_eval.peers.presets import PRESETS, MissingRule, Preset

ScaleName = Literal["zscore", "minmax", "robust", "none"]
MetricName = Literal["euclidean", "mahalanobis"]


@dataclass(frozen=True)
class DistanceRecipe:
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
