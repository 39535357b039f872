"""Why the limits of a series should not be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.periods import PERIODS_PER_YEAR, season_position
from its_eval.spc.independence import autocorrelation, limit_share, season_p
from its_eval.spc.limits import FEWEST_POINTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from its_eval.spc.phases import Phase

    Values = NDArray[np.float64]

#: Autocorrelation or season counts as found below this p-value.
ALPHA = 0.05
#: Said where a target is judged by limits that no longer describe the process.
LEFT_BASELINE = (
    "The target is judged by the limits of the baseline, which the latest points have left; "
    "--recalculate gives later points limits of their own."
)


def independence(
    values: Values, periods: NDArray[np.int64], phases: Sequence[Phase], frequency: str
) -> tuple[float, float, float]:
    """Return autocorrelation, its p-value and that of the season.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Points in order of time.
    periods : ndarray of int, shape (n,)
        Their ordinals.
    phases : sequence of Phase
        Their stretches.
    frequency : str
        What ordinals count.

    Notes
    -----
    The autocorrelation is that of the points which make the limits: a change after the baseline is what the
    chart is to show, and no fault of it. The season is sought in all points, less the mean of their part.
    """
    parts = []
    for phase in phases:
        own = values[phase.places]
        parts += [own[chosen] for chosen in (phase.baseline, ~phase.baseline) if chosen.any()]
    left = np.concatenate([part - part.mean() for part in parts])
    baseline = np.concatenate([phase.baseline for phase in phases])
    r, r_p = autocorrelation(left[baseline])
    places = np.array([season_position(int(period), frequency) for period in periods])
    return r, r_p, season_p(left, places, PERIODS_PER_YEAR[frequency])


def caveats(r: float, r_p: float, season: float, phases: Sequence[Phase]) -> list[str]:
    """Return why the limits of a series should not be trusted, a sentence each.

    Parameters
    ----------
    r, r_p, season : float
        As ``independence`` returns them.
    phases : sequence of Phase
        Stretches of the series.
    """
    found = []
    if r_p < ALPHA and r > 0:
        found.append(
            f"Neighbouring points resemble each other (r = {r:.2f}), by nature or because the level moved: "
            f"the limits reach about {100 * limit_share(r):.0f} % as far as they should, and rules fire "
            "without a cause; use its-eval run."
        )
    elif r_p < ALPHA:
        found.append(
            f"Neighbouring points alternate (r = \N{MINUS SIGN}{-r:.2f}): the limits reach too far, and "
            "causes are missed; use its-eval run."
        )
    if season < ALPHA:
        found.append(
            f"There is a season (p = {season:.2g}): a chart takes the usual winter or summer for a special "
            "cause; use its-eval run with seasonality."
        )
    shortest = min(phase.limits.n for phase in phases)
    if shortest < 2:
        found.append("There are no limits: the baseline has fewer than two points.")
    elif shortest < FEWEST_POINTS:
        found.append(
            f"Limits from {shortest} points are provisional; they settle from {FEWEST_POINTS} points on."
        )
    return found
