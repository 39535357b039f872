"""How charts are made, and the stretches of a series that share limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from its_eval.spc.limits import Limits, xmr_limits
from its_eval.spc.rules import RuleSettings, special_causes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.spc.rules import Rule, Signs

    Values = NDArray[np.float64]

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True)
class ChartSettings:
    """How charts are made; the same for every series.

    Attributes
    ----------
    frequency : str
        What ordinals of periods count.
    better : {"higher", "lower", "neither"}
        Which direction is an improvement.
    baseline_last : int, optional
        Last period of the baseline: the limits come from it and the points before, and hold from then on.
        Without it all points of a phase make its limits.
    recalculate : tuple of int
        First periods of new limits, made of all points up to the next of them.
    screen : bool
        Leave outlying moving ranges out of the limits.
    rules : RuleSettings
        Rules for special causes.
    """

    frequency: str = "month"
    better: Better = "neither"
    baseline_last: int | None = None
    recalculate: tuple[int, ...] = ()
    screen: bool = False
    rules: RuleSettings = field(default_factory=RuleSettings)


@dataclass(frozen=True)
class Phase:
    """Points that share limits.

    Attributes
    ----------
    places : slice
        Which points of the series.
    baseline : ndarray of bool
        Which of them make the limits.
    limits : Limits
        Their lines.
    found : dict
        What each rule says of each of them.
    """

    places: slice
    baseline: NDArray[np.bool_]
    limits: Limits
    found: dict[Rule, Signs]


def phases_of(values: Values, periods: NDArray[np.int64], settings: ChartSettings) -> list[Phase]:
    """Return the stretches of points with limits of their own.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Points in order of time, none missing, at least one.
    periods : ndarray of int, shape (n,)
        Their ordinals.
    settings : ChartSettings
        How charts are made.
    """
    edges = np.unique(np.searchsorted(periods, [*settings.recalculate]))
    starts = [0, *(int(edge) for edge in edges if 0 < edge < len(values))]
    phases = []
    for first, after in zip(starts, [*starts[1:], len(values)], strict=True):
        places = slice(first, after)
        baseline = np.ones(after - first, dtype=bool)
        if settings.baseline_last is not None and first == 0:
            baseline = periods[places] <= settings.baseline_last
        limits = xmr_limits(values[places][baseline], screen=settings.screen)
        phases.append(Phase(places, baseline, limits, special_causes(values[places], limits, settings.rules)))
    return phases
