"""How characteristics in different units of measurement are made comparable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from its_eval.data.faults import Faults, shorten
from its_eval.data.tables import find_column, normalise_name
from its_eval.errors import DataError
from its_eval.peers.distance import Scaled, Unscaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.data.attributes import Characteristics
    from its_eval.peers.recipes import DistanceRecipe, MetricName, ScaleName

#: Values nearer than this, relative to the largest, are one and the same, rounded in two ways.
_RELATIVE = 1e-9
#: What one unit of a scaled difference is, in words for a table.
SCALE_UNITS: dict[str, str] = {
    "zscore": "in SD",
    "minmax": "in ranges",
    "robust": "in IQR",
    "none": "as measured",
}


def scale_characteristics(table: Characteristics, recipe: DistanceRecipe, where: str) -> Scaled:
    """Make the chosen variables comparable over all rows of the table.

    A variable that is the same for every unit, up to rounding, has no spread and drops out: it could not tell
    units apart.

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
        For a variable that is not there, a missing cell under ``refuse``, or a logarithm that does not exist.
    """
    chosen = _chosen(table, recipe, where)
    names, weights = list(chosen), np.array(list(chosen.values()), dtype=np.float64)
    raw = np.column_stack([table.values[:, table.variables.index(name)] for name in names])
    missing = np.isnan(raw)
    if recipe.missing == "refuse" and missing.any():
        cells = [
            f"{where}: unit {table.units[row]}, {names[column]!r} is missing"
            for row, column in np.argwhere(missing)
        ]
        raise DataError(shorten(cells), "`peers.missing: available` compares on what is known")
    categories = {name: table.categories[name] for name in names if name in table.categories}
    if recipe.missing == "zero":
        # a text that is not known is no 0 but a category of its own
        blank = [float(len(categories[name])) if name in categories else 0.0 for name in names]
        raw = np.where(missing, blank, raw)
        categories = {name: (*texts, "") for name, texts in categories.items()}
    different = np.array([varies(column) for column in raw.T])
    kept = np.flatnonzero((weights > 0) & different)
    if not kept.size:
        none = "differs between units" if weights.any() else "has a weight above 0"
        raise DataError([f"{where}: none of the chosen variables {none}"])
    constant = tuple(
        f"{Path(where).name}: {names[place]!r} is the same for every unit, so it is not compared."
        for place in np.flatnonzero((weights > 0) & ~different)
    )
    values = _logarithms(raw, names, table.units, recipe, where)[:, kept]
    kept_names = tuple(names[place] for place in kept)
    population = {normalise_name(name) for name in recipe.population_scaled}
    own = np.array([normalise_name(name) in population for name in kept_names], dtype=bool)
    number = np.array([name not in categories for name in kept_names], dtype=bool)
    scale, replaced = np.ones(len(kept)), np.zeros(len(kept), dtype=bool)
    if number.any():
        scale[number], replaced[number] = spreads(values[:, number], recipe.scale, own[number])
    rescaled = tuple(
        f"{Path(where).name}: the middle half of {kept_names[place]!r} is a single value, so it is scaled by "
        "its standard deviation instead of its interquartile range."
        for place in np.flatnonzero(replaced)
    )
    return Scaled(
        table.units,
        kept_names,
        raw[:, kept],
        values / scale,
        weights[kept],
        Unscaled(table, recipe, where),
        recipe.metric,
        {name: texts for name, texts in categories.items() if name in kept_names},
        recipe.scale,
        (*table.notes, *rescaled),
        constant,
    )


def rescaled(scaled: Scaled, *, metric: MetricName | None = None, scale: ScaleName | None = None) -> Scaled:
    """Return the same characteristics under another metric or scale, all else as it was.

    Raises
    ------
    DataError
        As `scale_characteristics`.
    """
    recipe = scaled.made_of.recipe
    changed = replace(recipe, metric=metric or recipe.metric, scale=scale or recipe.scale)
    return scale_characteristics(scaled.made_of.table, changed, scaled.made_of.where)


def _chosen(table: Characteristics, recipe: DistanceRecipe, where: str) -> dict[str, float]:
    """Return the weight of each chosen column of the table."""
    faults = Faults()
    asked = dict(recipe.weights or dict.fromkeys(table.variables, 1.0))
    for variable, weight in recipe.exceptions.items():
        names = {normalise_name(name): name for name in asked}
        asked[names.get(normalise_name(variable), variable)] = weight
    chosen: dict[str, float] = {}
    for variable, weight in asked.items():
        with faults.noted():
            name = find_column(table.variables, variable, where)
            if name in chosen:
                raise DataError([f"{where}: the variable {name!r} is named twice"])
            chosen[name] = weight
    faults.refuse("these variables are asked for by peers.variables, peers.weights or the preset")
    return chosen


def _logarithms(
    raw: NDArray[np.float64],
    names: list[str],
    units: tuple[str, ...],
    recipe: DistanceRecipe,
    where: str,
) -> NDArray[np.float64]:
    """Return the values with the natural logarithm of the variables that are to have one."""
    values = raw.copy()
    faults = Faults()
    for variable in recipe.log:
        with faults.noted():
            column = names.index(find_column(names, variable, where))
            faults.problems += [
                f"{where}: unit {units[row]}, {names[column]!r} is {raw[row, column]:g}, "
                "which has no logarithm"
                for row in np.flatnonzero(raw[:, column] <= 0)
            ]
            with np.errstate(divide="ignore", invalid="ignore"):
                values[:, column] = np.log(raw[:, column])
    faults.refuse("name under peers.log only variables that are above 0 for every unit")
    return values


def varies(values: NDArray[np.float64]) -> bool:
    """Return whether the known values of a variable differ by more than rounding.

    Smallest and largest value decide and not the deviation: rounding can leave a tiny deviation for a column
    that is constant.
    """
    observed = values[~np.isnan(values)]
    return bool(observed.size > 1 and np.ptp(observed) > _RELATIVE * np.abs(observed).max())


def spreads(
    values: NDArray[np.float64], scale: ScaleName, population: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return what each variable is divided by, over the units for which it is known.

    Parameters
    ----------
    values : ndarray, shape (units, variables)
        NaN where missing; every column varies.
    scale : {"zscore", "minmax", "robust", "none"}
        Standard deviation; range; interquartile range; or 1.
    population : ndarray of bool, shape (variables,)
        Variables whose standard deviation has the divisor n instead of n - 1.

    Returns
    -------
    spread : ndarray, shape (variables,)
        Above 0.
    replaced : ndarray of bool, shape (variables,)
        Variables whose interquartile range is 0 though they vary: these take the standard deviation, as they
        would otherwise have no scale at all.
    """
    replaced = np.zeros(values.shape[1], dtype=bool)
    if scale == "none":
        return np.ones(values.shape[1]), replaced
    deviations = np.array(
        [_deviation(column, own) for column, own in zip(values.T, population, strict=True)], dtype=np.float64
    )
    if scale == "zscore":
        return deviations, replaced
    from sklearn.preprocessing import MinMaxScaler, RobustScaler  # noqa: PLC0415  (start-up time)

    if scale == "minmax":
        return np.asarray(MinMaxScaler().fit(values).data_range_, dtype=np.float64), replaced
    quartiles = np.nanquantile(values, [0.25, 0.75], axis=0)
    replaced = quartiles[0] == quartiles[1]
    ranges = np.asarray(RobustScaler(with_centering=False).fit(values).scale_, dtype=np.float64)
    return np.where(replaced, deviations, ranges), replaced


def _deviation(values: NDArray[np.float64], population: bool) -> float:
    # plain indexing and not nanstd: its order of summation is that of the published tool
    return float(values[~np.isnan(values)].std(ddof=0 if population else 1))
