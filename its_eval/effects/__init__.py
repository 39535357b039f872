"""From fitted parameters to the quantities people ask about, each with one interval and one p-value."""

from its_eval.effects.bands import Bands, bands
from its_eval.effects.columns import (
    EffectColumns,
    Kind,
    Question,
    Reading,
    Setting,
    effect_columns,
    reading_of,
)
from its_eval.effects.estimands import ESTIMANDS, Estimand, Segment, linear_contrasts

__all__ = [
    "ESTIMANDS",
    "Bands",
    "EffectColumns",
    "Estimand",
    "Kind",
    "Question",
    "Reading",
    "Segment",
    "Setting",
    "bands",
    "effect_columns",
    "linear_contrasts",
    "reading_of",
]
