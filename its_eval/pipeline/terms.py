"""How the questions of one outcome and comparison are judged: level, family, declared looks and margins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Config
    from its_eval.effects.several_units import Method
    from its_eval.pipeline.history import LookPlace
    from its_eval.pipeline.plan import Plan

    FloatArray = NDArray[np.float64]


class Terms(Struct, frozen=True):
    """How the questions of one outcome and comparison are judged.

    Attributes
    ----------
    confidence : float
        Level of the intervals.
    method : {"holm", "bh", "none"}
        Adjustment over units and interruptions.
    n_units : int
        Treated units as configured: one that is not answered still counts.
    better : {"higher", "lower"} or None
        Which way is better.
    each_interruption : bool
        Whether every interruption has a family of its own.
    elsewhere : int
        Questions about other outcomes in the family.
    gain, loss : float or None
        The least gain that would be enough, and the loss that would be accepted.
    place : LookPlace or None
        Where the run stands among declared looks.
    """

    confidence: float
    method: Method
    n_units: int
    better: str | None
    each_interruption: bool = False
    elsewhere: int = 0
    gain: float | None = None
    loss: float | None = None
    place: LookPlace | None = None

    @classmethod
    def of(cls, config: Config, better: str | None, n_units: int, elsewhere: int = 0) -> Terms:
        """Return what a config says; units that are evaluated in turn are no family."""
        method = "none" if config.each else config.multiplicity.method
        across = config.multiplicity.across
        others = elsewhere if "outcome" in across else 0
        each, margins = "interruption" not in across, config.estimands
        return cls(config.confidence, method, n_units, better, each, others, margins.gain, margins.loss)

    @classmethod
    def of_plan(cls, config: Config, plan: Plan) -> dict[str, Terms]:
        """Return those of every outcome by name: what is asked of the others may be of its family."""
        each = "interruption" not in config.multiplicity.across
        asked = {}
        for item in plan.outcomes:
            fitted = {one.name for found in item.interruptions.values() for one in found}
            asked[item.outcome.name] = item.n_asked * (1 if each else len(fitted))
        every = sum(asked.values()) + len(plan.absent) * len(plan.treated)
        return {
            item.outcome.name: cls.of(
                config, item.outcome.better, item.n_asked, every - asked[item.outcome.name]
            )
            for item in plan.outcomes
        }

    @property
    def alpha(self) -> float:
        """Level of the tests."""
        return round(1.0 - self.confidence, 12)

    @property
    def look(self) -> int | None:
        """Which of the declared looks a run is."""
        return None if self.place is None else self.place.number

    def over_looks(self, key: str, p_values: FloatArray) -> FloatArray:
        """Return p-values of an interruption as they hold over all declared looks: G(p)."""
        return p_values if self.place is None else self.place.over_looks(key, p_values)

    def level(self, key: str, size: int = 1) -> float:
        """Return the level at which one of a family of questions about an interruption is tested now."""
        alpha = self.alpha / size
        return alpha if self.place is None else self.place.level(key, alpha)

    def size(self, n_interruptions: int) -> int:
        """Return the size of the family with so many interruptions; without adjustment each is one alone."""
        count = 1 if self.each_interruption else max(n_interruptions, 1)
        return 1 if self.method == "none" else self.n_units * count + self.elsewhere
