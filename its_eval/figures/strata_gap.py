"""Two strata of a unit above, and the gap between them with its fit below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from its_eval.figures.kinds import FigureKind, measured
from its_eval.figures.scales import EndLabel, Panel, last_known, reach
from its_eval.figures.series import (
    Series,
    SeriesLabels,
    counterfactual_label,
    draw_counterfactual,
    draw_fit,
    draw_points,
    draw_reference,
    draw_without_any,
    interruption_marks,
    series_data,
    series_labels,
    without_any_label,
)
from its_eval.figures.sheet import draw_sheet
from its_eval.figures.style import INK, UNIT
from its_eval.words.numbers import rounded
from its_eval.words.verdicts import gap_in_words, is_gap, mean_gap_before

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureTask


#: How the column of a stratum begins.
STRATUM = "stratum: "
_OF_GAP = (
    *("period", "date", "segment", "used", "used_reason", "observed", "unit_value", "deseasonalised"),
    *("season", "trend_fitted", "trend_counterfactual", "trend_low", "trend_high"),
    "trend_without_any",
)


def strata_gap_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return two strata of a unit and their gap, one row per period of the gap.

    Returns
    -------
    DataFrame
        ``period``, ``date``, ``segment``, ``used``; ``unit_value`` the gap of the unit; ``observed`` what is
        fitted, which for a controlled design is the gap minus that of the peers; ``deseasonalised`` and
        ``trend_*`` as in `series_data`; ``stratum: <name>`` for each of the two, in the order of the gap.
    """
    frame = series_data(evaluation, task)
    shown = frame[[name for name in _OF_GAP if name in frame]].copy()
    for name, stratum in evaluation.outcomes[task.outcome]["gap_of"]:
        rows = evaluation.rows_of("series", str(name), task.unit)
        values = rows.drop_duplicates("period").set_index("period")["unit_value"]
        shown[f"{STRATUM}{stratum}"] = values.reindex(shown["period"]).to_numpy(dtype="float64")
    return shown


def strata_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns of the two strata, in the order of the gap."""
    return [name for name in frame.columns if name.startswith(STRATUM)]


def strata_gap_text(frame: pd.DataFrame, labels: SeriesLabels) -> str:
    """Return the alt text: both strata before and after, and the gap."""
    before, after = (frame[frame["segment"] == segment] for segment in ("before", "after"))
    means = [
        f"{name.removeprefix(STRATUM)} {rounded(before[name].mean())} before and "
        f"{rounded(after[name].mean())} after"
        for name in strata_columns(frame)
    ]
    gap = gap_in_words(mean_gap_before(frame, log=labels.log), labels.measure, log=labels.log)
    last = frame[frame["trend_fitted"].notna() & frame["trend_counterfactual"].notna()].tail(1)
    ending = ""
    for row in last.to_dict("records"):
        fitted, line, low, high = (
            rounded(float(row[f"trend_{name}"])) for name in ("fitted", "counterfactual", "low", "high")
        )
        what = "the gap minus that of the peers" if labels.controlled else "the gap"
        ending = f" At the end the fit puts {what} at {fitted}, "
        ending += f"the earlier trend at {line} ({low} to {high})."
    return (
        f"{labels.outcome} of {labels.unit_name}: means of {'; '.join(means)} the start. "
        f"Before the start the gap was {gap}.{ending}"
    )


_UPPER, _LOWER = 3.2, 3.0
#: Colour and marker of the strata: told apart without colour as well.
_LOOKS = ((UNIT, "o", UNIT), (INK, "s", "white"))


def draw_strata_gap(frame: pd.DataFrame, labels: SeriesLabels) -> Figure:
    """Return the figure of two strata and their gap.

    Parameters
    ----------
    frame : DataFrame
        As `strata_gap_data` returns it; nothing else is drawn.
    labels : SeriesLabels
        Words of the gap.
    """
    series = Series(frame, labels)
    names = strata_columns(frame)
    levels = [series[name] for name in names]
    upper = reach(levels, from_zero=True)
    neutral = 1.0 if labels.log else 0.0
    points, fit, line = series["deseasonalised"], series["trend_fitted"], series["trend_counterfactual"]
    band, without_any = (series["trend_low"], series["trend_high"]), series["trend_without_any"]
    lower = reach([points, fit], [line, without_any], band, include=neutral)

    def draw_levels(axes: Axes) -> None:
        for values, (colour, marker, face) in zip(levels, _LOOKS, strict=True):
            look: dict[str, Any] = {
                "color": colour,
                "marker": marker,
                "markersize": 4.0,
                "markerfacecolor": face,
            }
            axes.plot(series.x, values, linewidth=1.6, zorder=3, gid="stratum", **look)

    def draw_gap(axes: Axes) -> None:
        draw_reference(axes, neutral)
        draw_without_any(axes, series.x, without_any)
        draw_counterfactual(axes, series, line, *band)
        draw_points(axes, series, points)
        draw_fit(axes, series, fit)

    ends = tuple(
        EndLabel(name.removeprefix(STRATUM), last_known(values), colour, bold=True)
        for name, values, (colour, _, _) in zip(names, levels, _LOOKS, strict=True)
    )
    fits = (
        EndLabel("fitted", last_known(fit), UNIT, bold=True),
        *counterfactual_label(series, line),
        *without_any_label(without_any),
    )
    notes = [
        f"Upper panel: {labels.unit_name}. Points in the lower panel are observations"
        + (", without their season." if series.seasonal else ".")
    ]
    notes += ["The upper scale does not start at zero."] if upper.low > 0.0 else []
    strata = " − ".join(name.removeprefix(STRATUM) for name in names)
    panels = [
        Panel(_levels_heading(labels, strata), upper, _UPPER, draw_levels, ends),
        Panel(_gap_heading(labels, strata), lower, _LOWER, draw_gap, fits),
    ]
    return draw_sheet(panels, series.span, interruption_marks(series), notes)


def _levels_heading(labels: SeriesLabels, strata: str) -> str:
    # a gap of percentages is measured in points, its strata are per cent
    measure = "%" if labels.measure == "percentage points" else labels.measure
    return measured(labels.outcome.removesuffix(f" [{strata}]"), measure)


def _gap_heading(labels: SeriesLabels, strata: str) -> str:
    """Return what the lower panel shows: a gap, or how many times the gap of the peers it is."""
    what = f"Ratio of the strata ({strata})" if labels.log else f"Gap: {strata}"
    if labels.controlled:
        what += " as a multiple of that of the peers" if labels.log else ", minus the same of the peers"
    return what if labels.log else measured(what, labels.measure)


def _rows(evaluation: Evaluation, outcome: str) -> pd.DataFrame:
    """Return the series of a gap; none of other outcomes."""
    rows = evaluation.rows_of("series", outcome)
    return rows if is_gap(evaluation.outcomes[outcome]) else rows.iloc[:0]


STRATA_GAP = FigureKind(
    name="strata_gap",
    caption="Two strata, and the gap between them against its earlier trend",
    about=("unit", "design"),
    rows=_rows,
    data=strata_gap_data,
    labels=series_labels,
    draw=draw_strata_gap,
    alt_text=strata_gap_text,
    section="units",
    wide=True,
)
