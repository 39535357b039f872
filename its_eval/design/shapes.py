"""How a series is thought to change at an interruption: by a step, a slope, both, or for a time only.

Every shape is one or two columns of the design; what it makes of a period is its profile, 1 where the change
is whole. With s periods since the first full one (before it every profile is 0) and the length L:

  step, step_and_slope   1                 for good
  pulse                  1 for s = 0       that period alone
  temporary              1 for s < L       gone after L periods
  decay                  2^(-s / L)        L is the half-life
  gradual                1 / (1 + 361^(1/2 - (s + 1/2) / L)): from 5 % at the start to 95 % after L, and on

The last is the logistic transition of Lin & Terasvirta 1994, *Journal of Econometrics* 62:211, in the middle
of each period; a linear one over m periods is the ramp of a step (`phase_in`).

``free`` has a column for each period from the first full one on. Its coefficients are the errors with which
the periods before predict the later ones, and their covariance is that of prediction (Salkever 1976, *Journal
of Econometrics* 4:393): the event study and the projection are one model. Its one term, where something has
to stand for all, is the average.

Temporary effects as in Bernal, Cummins & Gasparrini 2017, *International Journal of Epidemiology* 46:348,
figure 2; exponential decay as the first-order transfer function of Box & Tiao 1975, *JASA* 70:70.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.catalogue import Catalogue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


class Shape(Struct, frozen=True):
    """What an interruption may change.

    Attributes
    ----------
    name : str
        Its name in configs and tables.
    terms : tuple of str
        The estimands that say what it changes: ``level_change``, ``slope_change`` or both, coefficients of
        its columns; of single periods the average of theirs.
    in_words : str
        As the report describes it.
    needs : int
        Usable periods that the segment before and the one after need (methods §11.1); of single periods one
        after is enough.
    length : str
        What its length in the config means; blank for shapes that have none.
    lasts : callable
        From the length for how many periods there is an effect; infinite for good.
    fades : callable
        From periods since the first full one and the length the share of the change that is left.
    by_period : bool
        Whether every period from then on has an effect of its own: a column of the design for each.
    """

    name: str
    terms: tuple[str, ...]
    in_words: str
    needs: int
    length: str = ""
    lasts: Callable[[float], float] = lambda _: np.inf
    fades: Callable[[FloatArray, float], FloatArray] = lambda since, _: np.ones_like(since)
    by_period: bool = False

    def profile(self, since: FloatArray, length: float) -> FloatArray:
        """Return the share of the change that is there, by periods since the first full one."""
        return np.where(since < self.lasts(length), self.fades(since, length), 0.0)

    @property
    def has_level(self) -> bool:
        """Whether the level may change."""
        return "level_change" in self.terms

    @property
    def has_slope(self) -> bool:
        """Whether the trend may change."""
        return "slope_change" in self.terms

    @property
    def as_line(self) -> str:
        """The shape that describes a series in few terms: of single periods a level and a trend."""
        return "step_and_slope" if self.by_period else self.name

    @property
    def stays(self) -> bool:
        """Whether a change of level is there for good and whole: a jump."""
        return self.has_level and not self.length and bool(np.isinf(self.lasts(0.0)))


#: Usable periods that a segment needs for a line of its own, and for a level.
FOR_A_SLOPE, FOR_A_LEVEL = 8, 3

STEP = Shape("step", ("level_change",), "an immediate change in level that stays", FOR_A_LEVEL)
SLOPE = Shape("slope", ("slope_change",), "a change of trend from the start on, without a jump", FOR_A_SLOPE)
STEP_AND_SLOPE = Shape(
    "step_and_slope",
    ("level_change", "slope_change"),
    "an immediate change in level and a change of trend from then on",
    FOR_A_SLOPE,
)
PULSE = Shape(
    "pulse",
    ("level_change",),
    "a change in the first period alone",
    FOR_A_LEVEL,
    lasts=lambda _: 1.0,
)
TEMPORARY = Shape(
    "temporary",
    ("level_change",),
    "a change of level that ends after so many periods",
    FOR_A_LEVEL,
    length="periods that it lasts",
    lasts=lambda length: length,
)
DECAY = Shape(
    "decay",
    ("level_change",),
    "an immediate change in level that fades, by half in so many periods",
    FOR_A_LEVEL,
    length="periods in which it halves",
    fades=lambda since, length: np.exp2(-since / length),
)
#: Odds of 95 % over odds of 5 %: what a gradual change passes in its length.
_ODDS = 361.0
GRADUAL = Shape(
    "gradual",
    ("level_change",),
    "a change of level that comes by and by, from 5 to 95 % of it in so many periods, and stays",
    FOR_A_SLOPE,
    length="periods in which it goes from 5 to 95 %",
    fades=lambda since, length: 1.0 / (1.0 + _ODDS ** (0.5 - (since + 0.5) / length)),
)
FREE = Shape(
    "free",
    ("average_effect",),
    "an effect of its own in each period from then on",
    FOR_A_SLOPE,
    by_period=True,
)

_HOME = "its_eval.design.shapes"
SHAPES: Catalogue[Shape] = Catalogue(
    "a shape",
    {
        name: f"{_HOME}:{name.upper()}"
        for name in ("step", "slope", "step_and_slope", "pulse", "temporary", "decay", "gradual", "free")
    },
)
