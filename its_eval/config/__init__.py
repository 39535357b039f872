"""Settings: frozen objects from strictly read YAML, and back."""

from its_eval.config.analysis import Checks, Design, Estimands, Multiplicity, Output, ReportSettings
from its_eval.config.before_after import BeforeAfter
from its_eval.config.data import CharacteristicsTable, DataSettings, IndicatorTable, UnitsTable
from its_eval.config.estimators import Estimator
from its_eval.config.interventions import Event, Intervention, PhaseIn
from its_eval.config.loading import load_config
from its_eval.config.models import Config
from its_eval.config.outcomes import Outcome, OutcomeDefaults
from its_eval.config.peers import KNOWN_PRESETS, PeerSettings
from its_eval.config.resolved import to_yaml
from its_eval.config.schema import json_schema
from its_eval.config.seasonality import Seasonality

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
