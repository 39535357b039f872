"""The main figure: levels and, beneath them, what is compared with the counterfactual."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.main_its_data import main_its_data
from its_eval.report.figures.main_its_drawing import Series
from its_eval.report.figures.main_its_labels import MainItsLabels, main_its_labels
from its_eval.report.figures.main_its_panels import difference_panels, single_panels
from its_eval.report.figures.scales import before_each
from its_eval.report.figures.sheet import draw_sheet
from its_eval.report.figures.style import house_style
from its_eval.report.figures.time_marks import Mark

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["MainItsLabels", "draw_main_its", "main_its_data", "main_its_labels"]


def draw_main_its(frame: pd.DataFrame, labels: MainItsLabels) -> Figure:
    """Return the main figure of one series.

    Parameters
    ----------
    frame : DataFrame
        As ``main_its_data`` returns it; nothing else is drawn.
    labels : MainItsLabels
        As ``main_its_labels`` returns it.

    Notes
    -----
    After Turner et al. (2021, doi:10.1002/jrsm.1435): every observation as a point, none joined; solid
    fitted lines, a dashed counterfactual, the interruption marked and labelled. For a single series the
    upper panel has the levels and the lower one the distance from the trend without the interruption; for
    a controlled one the lower panel has the difference from the peers with its own fit.
    """
    series = Series(frame, labels)
    with house_style():
        panels, notes = difference_panels(series) if labels.controlled else single_panels(series)
        span = (float(series.x[0]), float(series.x[-1]))
        return draw_sheet(panels, span, interruption_marks(series), notes)


def interruption_marks(series: Series) -> list[Mark]:
    """Return the interruption, the noted events and the periods left out, on the time axis."""
    labels = series.labels
    edges = np.append(before_each(series.x), 1.5 * series.x[-1] - 0.5 * series.x[-2])
    place = {period: index for index, period in enumerate(series.periods)}
    start = float(edges[place[labels.start]])
    marks = [Mark(f"{labels.interruption}, from {labels.start_in_words}", start, start, "interruption")]
    marks += [
        Mark(name, float(edges[place[date]]), float(edges[place[date]]), "event")
        for name, date in labels.events
    ]
    named: set[str] = set()
    for unused in labels.unused:
        words = "" if unused.words in named else unused.words
        left, right = edges[place[unused.first]], edges[place[unused.last] + 1]
        marks.append(Mark(words, float(left), float(right), "unused"))
        named.add(unused.words)
    return marks
