"""From fitted parameters to the quantities people ask about, each with one interval and one p-value."""

from its_eval.effects.bands import Bands, bands
from its_eval.effects.effect import Effect
from its_eval.effects.estimands import Question, Setting, effects, fieller_limits, linear_contrasts

__all__ = ["Bands", "Effect", "Question", "Setting", "bands", "effects", "fieller_limits", "linear_contrasts"]
