"""Two strata of a unit above, and the gap between them with its fit below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.report.figures.main_its import interruption_marks
from its_eval.report.figures.main_its_drawing import (
    Series,
    draw_counterfactual,
    draw_fit,
    draw_points,
    draw_reference,
)
from its_eval.report.figures.scales import reach
from its_eval.report.figures.sheet import EndLabel, Panel, draw_sheet
from its_eval.report.figures.strata_gap_data import STRATUM, strata_columns, strata_gap_data, strata_gap_text
from its_eval.report.figures.style import COUNTERFACTUAL, COUNTERFACTUAL_TEXT, INK, UNIT, house_style
from its_eval.report.figures.time_axis import last_known

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.report.figures.main_its_labels import MainItsLabels

__all__ = ["draw_strata_gap", "strata_gap_data", "strata_gap_text"]

_UPPER, _LOWER = 3.2, 3.0
#: Colour and marker of the strata: told apart without colour as well.
_LOOKS = ((UNIT, "o", UNIT), (INK, "s", "white"))


def draw_strata_gap(frame: pd.DataFrame, labels: MainItsLabels) -> Figure:
    """Return the figure of two strata and their gap.

    Parameters
    ----------
    frame : DataFrame
        As `strata_gap_data` returns it; nothing else is drawn.
    labels : MainItsLabels
        Words of the gap.
    """
    series = Series(frame, labels)
    names = strata_columns(frame)
    levels = [series[name] for name in names]
    upper = reach(levels, from_zero=True)
    neutral = 1.0 if labels.log else 0.0
    points, fit, line = series["deseasonalised"], series["trend_fitted"], series["trend_counterfactual"]
    band = (series["trend_low"], series["trend_high"])
    lower = reach([points, fit], [line], band, include=neutral)

    def draw_levels(axes: Axes) -> None:
        for values, (colour, marker, face) in zip(levels, _LOOKS, strict=True):
            axes.plot(
                series.x,
                values,
                color=colour,
                linewidth=1.6,
                marker=marker,
                markersize=4.0,
                markerfacecolor=face,
                zorder=3,
                gid="stratum",
            )

    def draw_gap(axes: Axes) -> None:
        draw_reference(axes, neutral)
        draw_counterfactual(axes, series, line, *band)
        draw_points(axes, series, points)
        draw_fit(axes, series, fit)

    ends = tuple(
        EndLabel(name.removeprefix(STRATUM), last_known(values), colour, bold=True)
        for name, values, (colour, _, _) in zip(names, levels, _LOOKS, strict=True)
    )
    fits: tuple[EndLabel, ...] = (EndLabel("fitted", last_known(fit), UNIT, bold=True),)
    if not np.isnan(line).all():
        words = f"had the earlier trend gone on, with {100.0 * labels.confidence:g}% interval"
        fits += (EndLabel(words, last_known(line), COUNTERFACTUAL_TEXT, line_colour=COUNTERFACTUAL),)
    notes = [
        f"Upper panel: {labels.unit_name}. Points in the lower panel are observations"
        + (", without their season." if series.seasonal else ".")
    ]
    notes += ["The upper scale does not start at zero."] if upper.low > 0.0 else []
    with house_style():
        return draw_sheet(
            [
                Panel(_levels_heading(labels), upper, _UPPER, draw_levels, ends),
                Panel(_gap_heading(labels), lower, _LOWER, draw_gap, fits),
            ],
            (float(series.x[0]), float(series.x[-1])),
            interruption_marks(series),
            notes,
        )


def _levels_heading(labels: MainItsLabels) -> str:
    # a gap of percentages is measured in points, its strata are per cent
    measure = "%" if labels.measure == "percentage points" else labels.measure
    outcome = labels.outcome.rpartition(" [")[0] or labels.outcome
    return f"{outcome}, {measure}" if measure else outcome


def _gap_heading(labels: MainItsLabels) -> str:
    """Return what the lower panel shows: a gap, or how many times the gap of the peers it is."""
    strata = labels.outcome.rpartition(" [")[2].removesuffix("]")
    what = f"Ratio of the strata ({strata})" if labels.log else f"Gap: {strata}"
    if labels.controlled:
        what += " as a multiple of that of the peers" if labels.log else ", minus the same of the peers"
    return f"{what}, {labels.measure}" if labels.measure and not labels.log else what
