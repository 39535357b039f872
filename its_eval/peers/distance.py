"""Weighted Euclidean distances on standardised characteristics, and what each variable adds to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.tables import find_column, normalise_name
from its_eval.errors import DataError
from its_eval.peers.presets import PRESETS, MissingRule, Preset

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.data.attributes import Characteristics

#: A pair of units is comparable when variables with this share of the total weight are known for both.
MINIMUM_SHARED_WEIGHT = 0.7


@dataclass(frozen=True)
class DistanceRecipe:
    """What counts, how much, and what a missing cell means.

    Attributes
    ----------
    weights : mapping of str to float, or None
        Weight by variable; None: every numeric column with weight 1.
    exceptions : mapping of str to float
        Weights other than 1 where every numeric column counts.
    missing : {"available", "zero", "refuse"}
        ``available``: the sum of squares over the known variables, times total weight over known weight;
        ``zero``: a missing cell counts as 0 before scaling; ``refuse``: an error.
    population_scaled : frozenset of str
        Variables scaled with divisor n.
    """

    weights: Mapping[str, float] | None = None
    missing: MissingRule = "available"
    population_scaled: frozenset[str] = frozenset()
    exceptions: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_preset(cls, preset: Preset) -> DistanceRecipe:
        """Return the recipe of a published tool."""
        return cls(preset.weights, preset.missing, preset.population_scaled)


@dataclass(frozen=True)
class Scaled:
    """Characteristics divided by their spread over all rows of the table.

    Attributes
    ----------
    units, variables : tuple of str
        Labels of rows and columns.
    raw, scaled : ndarray, shape (units, variables)
        Values as read (or zero for missing under that rule) and divided by the scale; NaN where missing.
    weights : ndarray, shape (variables,)
        Weight of each variable.
    """

    units: tuple[str, ...]
    variables: tuple[str, ...]
    raw: NDArray[np.float64]
    scaled: NDArray[np.float64]
    weights: NDArray[np.float64]

    def without(self, variable: str) -> Scaled:
        """Return the same without one variable."""
        kept = [place for place, name in enumerate(self.variables) if name != variable]
        return Scaled(
            self.units,
            tuple(self.variables[place] for place in kept),
            self.raw[:, kept],
            self.scaled[:, kept],
            self.weights[kept],
        )

    def row(self, unit: str) -> int:
        """Return the row of a unit."""
        return self.units.index(unit)

    def contributions(self, unit: str) -> NDArray[np.float64]:
        """Return what each variable adds to the squared distances from one unit.

        Returns
        -------
        ndarray, shape (units, variables)
            ``w_f ((x_if - x_jf) / s_f)^2``, re-weighted for missing cells so that each row sums to the
            squared distance; NaN rows where too little is known of the pair.
        """
        difference = self.scaled - self.scaled[self.row(unit)]
        known = ~np.isnan(difference)
        total = self.weights.sum()
        shared = known @ self.weights
        with np.errstate(divide="ignore", invalid="ignore"):
            enough = shared >= MINIMUM_SHARED_WEIGHT * total * (1.0 - 1e-12)
            correction = np.where(enough, total / shared, np.nan)
        squares = np.where(known, self.weights * np.where(known, difference, 0.0) ** 2, 0.0)
        return np.asarray(squares * correction[:, None], dtype=np.float64)

    def distances(self, unit: str) -> NDArray[np.float64]:
        """Return the distance of every unit from one unit, shape (units,); NaN where not comparable."""
        return np.asarray(np.sqrt(self.contributions(unit).sum(axis=1)), dtype=np.float64)


def recipe_for(
    preset: str | None,
    variables: tuple[str, ...] | None,
    weights: Mapping[str, float],
    missing: MissingRule,
) -> DistanceRecipe:
    """Return the recipe that a config or a command line asks for."""
    if preset is not None:
        return DistanceRecipe.of_preset(PRESETS[preset])
    if variables is None:
        return DistanceRecipe(None, missing, exceptions=weights)
    chosen = dict.fromkeys(variables, 1.0)
    keys = {normalise_name(name): name for name in chosen}
    for name, weight in weights.items():
        chosen[keys.get(normalise_name(name), name)] = weight
    return DistanceRecipe(chosen, missing)


def scale_characteristics(table: Characteristics, recipe: DistanceRecipe, where: str) -> Scaled:
    """Standardise the chosen variables over all rows of the table.

    A variable that is the same for every unit has no spread and drops out: it could not tell units apart.

    Parameters
    ----------
    table : Characteristics
        All units.
    recipe : DistanceRecipe
        What counts and how.
    where : str
        Name of the table for messages.

    Raises
    ------
    DataError
        For a variable that is not there, or a missing cell under ``refuse``.
    """
    problems: list[str] = []
    names, weights, columns = [], [], []
    population = {normalise_name(name) for name in recipe.population_scaled}
    asked = dict(recipe.weights or dict.fromkeys(table.variables, 1.0))
    for wanted, weight in recipe.exceptions.items():
        known = {normalise_name(name): name for name in asked}
        asked[known.get(normalise_name(wanted), wanted)] = weight
    for wanted, weight in asked.items():
        try:
            name = find_column(table.variables, wanted, where)
        except DataError as error:
            problems += error.problems
            continue
        if name in names:
            problems.append(f"{where}: the variable {name!r} is named twice")
            continue
        names.append(name)
        weights.append(weight)
        columns.append(table.values[:, table.variables.index(name)])
    if problems:
        raise DataError(
            problems, "these variables are asked for by peers.variables, peers.weights or the preset"
        )
    raw = np.column_stack(columns)
    missing = np.isnan(raw)
    if recipe.missing == "refuse" and missing.any():
        cells = [
            f"{where}: unit {table.units[row]}, {names[column]!r} is missing"
            for row, column in np.argwhere(missing)
        ]
        raise DataError(cells, "`peers.missing: available` compares on what is known")
    if recipe.missing == "zero":
        raw = np.where(missing, 0.0, raw)
    scale = np.array(
        [_spread(raw[:, column], normalise_name(name) in population) for column, name in enumerate(names)]
    )
    useful = (scale > 0) & (np.array(weights) > 0)
    if not useful.any():
        raise DataError([f"{where}: none of the chosen variables differs between units"])
    kept = np.flatnonzero(useful)
    return Scaled(
        table.units,
        tuple(names[index] for index in kept),
        raw[:, kept],
        raw[:, kept] / scale[kept],
        np.array(weights, dtype=np.float64)[kept],
    )


def _spread(values: NDArray[np.float64], population: bool) -> float:
    known = values[~np.isnan(values)]
    # max - min and not the deviation decides: rounding can leave a tiny deviation for a constant column
    if len(known) < 2 or known.max() == known.min():
        return 0.0
    return float(known.std(ddof=0 if population else 1))
