"""Settings: frozen objects from strictly read YAML, and back.

The names are loaded when they are first used: the words of faults, which all readers of tables share, need no
models.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from its_eval.config.analysis import (
        BeforeAfter,
        Checks,
        Design,
        Estimands,
        Event,
        Intervention,
        Looks,
        Multiplicity,
        Output,
        PhaseIn,
        ReportSettings,
    )
    from its_eval.config.data import CharacteristicsTable, DataSettings, IndicatorTable, UnitsTable
    from its_eval.config.estimators import Estimator
    from its_eval.config.loading import json_schema, load_config, to_yaml
    from its_eval.config.models import Config
    from its_eval.config.outcomes import Outcome, OutcomeDefaults, Seasonality
    from its_eval.config.peers import KNOWN_PRESETS, PeerSettings

__all__ = [
    "KNOWN_PRESETS",
    "BeforeAfter",
    "CharacteristicsTable",
    "Checks",
    "Config",
    "DataSettings",
    "Design",
    "Estimands",
    "Estimator",
    "Event",
    "IndicatorTable",
    "Intervention",
    "Looks",
    "Multiplicity",
    "Outcome",
    "OutcomeDefaults",
    "Output",
    "PeerSettings",
    "PhaseIn",
    "ReportSettings",
    "Seasonality",
    "UnitsTable",
    "json_schema",
    "load_config",
    "to_yaml",
]

_NAMES = {
    "analysis": (
        *("BeforeAfter", "Checks", "Design", "Estimands", "Event", "Intervention", "Looks", "Multiplicity"),
        *("Output", "PhaseIn", "ReportSettings"),
    ),
    "data": ("CharacteristicsTable", "DataSettings", "IndicatorTable", "UnitsTable"),
    "estimators": ("Estimator",),
    "loading": ("json_schema", "load_config", "to_yaml"),
    "models": ("Config",),
    "outcomes": ("Outcome", "OutcomeDefaults", "Seasonality"),
    "peers": ("KNOWN_PRESETS", "PeerSettings"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Return a name, loading its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
