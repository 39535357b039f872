"""What figures with a time axis share: the marks of the interruption and of noted events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.scales import before_each
from its_eval.report.figures.time_marks import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from its_eval.report.figures.labels import FigureLabels


def start_marks(
    labels: FigureLabels, x: NDArray[np.float64], periods: Sequence[str], start: int
) -> list[Mark]:
    """Return the interruption and the noted events within the window.

    Parameters
    ----------
    labels : FigureLabels
        Words.
    x : ndarray
        Positions of the periods on the time axis.
    periods : sequence of str
        Their ISO texts.
    start : int
        Place of the first affected period.
    """
    edges = before_each(x)
    marks = [Mark(labels.interruption_in_words, float(edges[start]), float(edges[start]), "interruption")]
    place = {period: index for index, period in enumerate(periods)}
    for name, date in sorted(labels.events, key=lambda event: (event[1], event[0])):
        if place.get(date, 0) > 0:
            edge = float(edges[place[date]])
            marks.append(Mark(name, edge, edge, "event"))
    return marks


def last_known(values: NDArray[np.float64]) -> float:
    """Return the last number there is; 0 when there is none."""
    known = values[~np.isnan(values)]
    return float(known[-1]) if known.size else 0.0
