"""A study whose tables are in memory: data frames in the places where its config names files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from its_eval.config import Config, load_config
from its_eval.config.data import CharacteristicsTable, IndicatorTable
from its_eval.data.faults import Faults
from its_eval.data.frames import Frames, alike_labels, characteristics_table, indicator_table
from its_eval.errors import DataError
from its_eval.peers.recipes import PRESETS

if TYPE_CHECKING:
    import pandas as pd

    from its_eval.data.frames import Indicators

#: A config as it may be given: its file, what would stand in it, or settings already read.
Source = str | Path | Mapping[Any, Any] | Config

#: Folder of a result with the tables that were in memory.
INPUTS = "inputs"
_INDICATORS, _CHARACTERISTICS = "indicators", "characteristics"


def settled(
    source: Source, indicators: Indicators | None = None, characteristics: pd.DataFrame | None = None
) -> tuple[Config, Frames]:
    """Return the settings of a study, and its tables in memory.

    Parameters
    ----------
    source : str, Path, mapping or Config
        The config.
    indicators : DataFrame or mapping of str to DataFrame, optional
        In the place of all indicator tables: one table, or one for each indicator.
    characteristics : DataFrame, optional
        In the place of the table of characteristics.

    Raises
    ------
    ConfigError
        With every fault of the config.
    DataError
        With every frame of which it cannot be seen what it holds.
    """
    given = {_INDICATORS: indicators, _CHARACTERISTICS: characteristics}
    in_memory = [name for name, value in given.items() if value is not None]
    config = source if isinstance(source, Config) else load_config(source, in_memory=in_memory)
    tables: dict[Path, pd.DataFrame] = {}
    changes: dict[str, Any] = {}
    faults = Faults()
    if indicators is not None:
        placed = []
        for table, frame, only in _indicator_tables(config, indicators):
            with faults.noted():
                tables[table.path], settings = indicator_table(frame, table, only)
                placed.append(settings)
        changes[_INDICATORS] = tuple(placed)
    if characteristics is not None:
        path = Path(_CHARACTERISTICS)
        known = config.data.characteristics
        own = CharacteristicsTable(path=Path("c.csv")) if known is None else known
        preset = None if config.peers is None or config.peers.preset is None else PRESETS[config.peers.preset]
        column = own.columns.get("unit", preset.unit_column if preset is not None else "unit")
        with faults.noted():
            tables[path], changes[_CHARACTERISTICS] = characteristics_table(
                characteristics, own.model_copy(update={"path": path}), column
            )
    faults.refuse()
    if not changes:
        return config, Frames({})
    data = config.data.model_copy(update=changes)
    return config.model_copy(update={"data": data}), Frames(alike_labels(tables))


def written_frames(config: Config, frames: Frames, folder: Path, target: Path) -> tuple[Config, set[Path]]:
    """Write tables in memory as CSV, and return the settings that read them there, and the paths.

    Parameters
    ----------
    config : Config
        Settings, with names in the place of paths.
    frames : Frames
        The tables by these names.
    folder, target : Path
        Where a result is made, and where it will stand.
    """
    if not frames.tables:
        return config, set()
    data = config.data
    decimals = {table.path: table.decimal for table in data.indicators}
    places: dict[Path, Path] = {}
    (folder / INPUTS).mkdir()
    for number, (path, cells) in enumerate(frames.tables.items()):
        plain = path.name in (_INDICATORS, _CHARACTERISTICS)
        name = f"{path.name}.csv" if plain else f"{_INDICATORS}_{number + 1}.csv"
        decimal = decimals.get(path, ".")
        cells.to_csv(folder / INPUTS / name, index=False, lineterminator="\n", decimal=decimal)
        places[path] = target.resolve() / INPUTS / name
    changes: dict[str, Any] = {}
    if data.indicators[0].path in places:
        of_file = {"sheet": None, "header_row": 1, "delimiter": ",", "encoding": "utf-8"}
        changes[_INDICATORS] = tuple(
            table.model_copy(update={"path": places[table.path], **of_file}) for table in data.indicators
        )
    if data.characteristics is not None and data.characteristics.path in places:
        path = places[data.characteristics.path]
        changes[_CHARACTERISTICS] = data.characteristics.model_copy(update={"path": path})
    return config.model_copy(update={"data": data.model_copy(update=changes)}), set(places.values())


def _indicator_tables(
    config: Config, indicators: Indicators
) -> list[tuple[IndicatorTable, pd.DataFrame, str | None]]:
    """Return each frame with what the config says of its table, and the indicator that it can only be."""
    known = config.data.indicators
    # what a config says of several files is not true of the one table in their place
    usual = known[0] if len(known) == 1 else IndicatorTable(path=Path("i.csv"))
    if isinstance(indicators, Mapping):
        if not indicators:
            raise DataError(["indicators: no table; expected a DataFrame for each indicator, by its name"])
        by_name = {table.indicator: table for table in known}
        found: list[tuple[IndicatorTable, pd.DataFrame, str | None]] = []
        for name, frame in indicators.items():
            table = by_name.get(name, usual)
            # a long frame may say itself which indicator its rows are about
            named = table.columns.get("indicator") in getattr(frame, "columns", ())
            columns = table.columns if named else {k: v for k, v in table.columns.items() if k != "indicator"}
            # a name with a slash would be a folder and a file
            path = Path(f"{_INDICATORS}[{name!r}]".replace("/", "\N{DIVISION SLASH}"))
            changes = {"path": path, "columns": columns, **({} if named else {"indicator": name})}
            found.append((table.model_copy(update=changes), frame, name))
        return found
    names = {outcome.indicator for outcome in config.outcomes}
    names |= {one.indicator for outcome in config.outcomes for one in outcome.covariates}
    names |= {name for outcome in config.outcomes for name in outcome.controls}
    only = next(iter(names)) if len(names) == 1 else None
    return [(usual.model_copy(update={"path": Path(_INDICATORS)}), indicators, only)]
