"""Everything a run reads, loaded once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from its_eval.data.attributes import Units, load_characteristics, load_units
from its_eval.data.load import IndicatorRows, load_indicators
from its_eval.errors import DataError
from its_eval.peers.distance import Scaled, recipe_for, scale_characteristics
from its_eval.peers.presets import PRESETS

if TYPE_CHECKING:
    from pathlib import Path

    from its_eval.config import Config


@dataclass(frozen=True)
class Sources:
    """Loaded inputs.

    Attributes
    ----------
    rows : IndicatorRows
        All indicator tables.
    scaled : Scaled or None
        Standardised characteristics; None without a characteristics table.
    units : Units
        Names and types; empty without a units table.
    """

    rows: IndicatorRows
    scaled: Scaled | None
    units: Units

    def rescaled(self, config: Config, **changes: object) -> Scaled:
        """Return the characteristics under another scale or metric, for a specification curve."""
        if config.peers is None:
            raise ValueError("there are no peers whose distances could be measured otherwise")
        settings = config.peers.model_copy(update={"preset": None, **changes})
        scaled = _scaled_characteristics(config.model_copy(update={"peers": settings}))
        if scaled is None:
            raise ValueError("there are no characteristics")
        return scaled


def input_files(config: Config) -> list[Path]:
    """Return every file that the config reads, in a fixed order; a folder stands for the files in it."""
    paths = [table.path for table in config.data.indicators]
    if config.data.characteristics is not None:
        paths.append(config.data.characteristics.path)
    if config.data.units is not None:
        paths.append(config.data.units.path)
    files: list[Path] = []
    for path in paths:
        files += sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]
    return list(dict.fromkeys(files))


def load_sources(config: Config) -> Sources:
    """Read every input, and report the faults of all files together.

    Raises
    ------
    DataError
        With every problem of every file.
    """
    problems: list[str] = []
    hint: str | None = None
    rows: IndicatorRows | None = None
    scaled: Scaled | None = None
    units = Units()
    try:
        rows = load_indicators(config.data)
    except DataError as error:
        problems += error.problems
        hint = error.hint
    try:
        if config.data.units is not None:
            units = load_units(config.data.units.path, config.data.units.columns)
    except DataError as error:
        problems += error.problems
    try:
        scaled = _scaled_characteristics(config)
    except DataError as error:
        problems += error.problems
        hint = hint or error.hint
    if problems or rows is None:
        raise DataError(problems, hint)
    return Sources(rows, scaled, units)


def _scaled_characteristics(config: Config) -> Scaled | None:
    table, peers = config.data.characteristics, config.peers
    if table is None or peers is None:
        return None
    preset = PRESETS[peers.preset] if peers.preset is not None else None
    recipe = recipe_for(peers.preset, peers.variables, peers.weights, peers.missing)
    unit_column = table.columns.get("unit", preset.unit_column if preset else "unit")
    wanted = None if recipe.weights is None else list(recipe.weights)
    characteristics = load_characteristics(table.path, unit_column, wanted)
    return scale_characteristics(characteristics, recipe, str(table.path))
