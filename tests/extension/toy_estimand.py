"""An estimand from outside: the effect half way between the start and the end."""

import numpy as np

from its_eval.effects.estimands import Estimand


def halfway(segment):
    periods = np.flatnonzero(segment.periods)
    return segment.difference[periods[len(periods) // 2]] if len(periods) else None


HALFWAY = Estimand("effect_halfway", halfway, in_words="effect half way to the end")
