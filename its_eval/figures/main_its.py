"""The main figure: levels and, beneath them, what is compared with the counterfactual."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from its_eval.figures.kinds import FigureKind, in_words, measured, span_in_words
from its_eval.figures.scales import EndLabel, Limits, Panel, last_known, reach
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
from its_eval.figures.style import COUNTERFACTUAL, COUNTERFACTUAL_TEXT, PEER, PEER_MEAN, UNIT
from its_eval.words.numbers import counted, rounded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


_UPPER, _LOWER = 3.55, 2.55
#: Peers may stretch the scale to so many times the range of the unit and the mean; beyond, they are cut.
_MOST_FOR_PEERS = 2.5


def draw_peers(axes: Axes, series: Series) -> None:
    """Draw single peers as thin lines and their mean as a bold one, less so where it is only background."""
    width = 2.4 if series.labels.controlled else 1.8
    peers = series.peers
    if peers.shape[1] > 1:
        for column in range(peers.shape[1]):
            axes.plot(series.x, peers[:, column], color=PEER, linewidth=0.9, zorder=1)
    mean = series["peer_mean"]
    if not np.isnan(mean).all():
        axes.plot(series.x, mean, color=PEER_MEAN, linewidth=width, zorder=2, gid="peer-mean")


def difference_panels(series: Series) -> tuple[list[Panel], list[str]]:
    """Return levels above and the difference from the peers with its fit below, and notes."""
    labels = series.labels
    unit, mean = series["unit_value"], series["peer_mean"]
    upper = _levels_reach(series, [unit, mean])

    def draw_levels(axes: Axes) -> None:
        draw_peers(axes, series)
        draw_points(axes, series, unit)

    neutral = 1.0 if labels.log else 0.0
    points, fit, line = series["deseasonalised"], series["trend_fitted"], series["trend_counterfactual"]
    band, without_any = (series["trend_low"], series["trend_high"]), series["trend_without_any"]
    lower = reach([points, fit], [line, without_any], band, include=neutral, from_zero=labels.log)

    def draw_difference(axes: Axes) -> None:
        draw_reference(axes, neutral)
        draw_without_any(axes, series.x, without_any)
        draw_counterfactual(axes, series, line, *band)
        draw_points(axes, series, points)
        draw_fit(axes, series, fit)

    names = (EndLabel(labels.unit_name, last_known(unit), UNIT, bold=True), *_mean_label(series))
    fits = (
        EndLabel("fitted", last_known(fit), UNIT, bold=True),
        *counterfactual_label(series, line),
        *without_any_label(without_any),
    )
    panels = [
        Panel(measured(labels.outcome, labels.measure), upper, _UPPER, draw_levels, names),
        Panel(_difference_heading(series), lower, _LOWER, draw_difference, fits),
    ]
    notes = ["Points are observations, solid lines in the lower panel the fit."]
    return panels, [*notes, *_notes(series, upper, [(lower, band)])]


def single_panels(series: Series) -> tuple[list[Panel], list[str]]:
    """Return levels with fit and counterfactual above and the gap between them below, and notes."""
    labels = series.labels
    unit, fit, line = series["observed"], series["trend_fitted"], series["trend_counterfactual"]
    band, without_any = (series["trend_low"], series["trend_high"]), series["trend_without_any"]
    upper = _levels_reach(series, [unit, fit], [line, without_any], band)

    def draw_levels(axes: Axes) -> None:
        draw_peers(axes, series)
        draw_without_any(axes, series.x, without_any)
        draw_counterfactual(axes, series, line, *band)
        draw_points(axes, series, unit)
        draw_fit(axes, series, fit)

    gap, gap_fit, gap_band = series["gap"], series["gap_fitted"], (series["gap_low"], series["gap_high"])
    lower = reach([gap, gap_fit, np.zeros(1)], bands=gap_band)
    none = np.where(np.isnan(gap_band[0]), np.nan, 0.0)

    def draw_gap(axes: Axes) -> None:
        draw_reference(axes, 0.0)
        draw_counterfactual(axes, series, none, *gap_band)
        draw_points(axes, series, gap)
        draw_fit(axes, series, gap_fit)

    names = (
        EndLabel(labels.unit_name, last_known(fit), UNIT, bold=True),
        *_mean_label(series),
        *counterfactual_label(series, line),
        *without_any_label(without_any),
    )
    gaps = (
        EndLabel("fitted", last_known(gap_fit), UNIT, bold=True),
        EndLabel(_as_expected(series), 0.0, COUNTERFACTUAL_TEXT, line_colour=COUNTERFACTUAL),
    )
    panels = [
        Panel(measured(labels.outcome, labels.measure), upper, _UPPER, draw_levels, names),
        Panel(_gap_heading(series), lower, _LOWER, draw_gap, gaps),
    ]
    season = " without its season" if series.seasonal else ""
    notes = [f"Points are observations, solid lines the fit{season}."]
    return panels, [*notes, *_notes(series, upper, [(upper, band), (lower, gap_band)])]


def _levels_reach(
    series: Series, core: list[Values], lines: list[Values] | None = None, bands: tuple[Values, ...] = ()
) -> Limits:
    """Return the scale of levels; all peers are on it unless they would flatten the unit."""
    labels = series.labels
    core = [*core, series["peer_mean"]]
    without = reach(core)
    whole = reach([*core, series.peers])
    if whole.high - whole.low <= _MOST_FOR_PEERS * (without.high - without.low):
        core.append(series.peers)
    return reach(core, lines or (), bands, bounds=labels.bounds, from_zero=True)


def _difference_heading(series: Series) -> str:
    labels = series.labels
    from_whom = labels.whom if labels.mixture else labels.only_peer or labels.whom
    what = f"Ratio to {from_whom}" if labels.log else f"Difference from {from_whom}"
    heading = what if labels.log else measured(what, labels.points)
    return f"{heading}, season taken out" if series.seasonal else heading


def _as_expected(series: Series) -> str:
    return f"as {series.labels.without}" if series.labels.fitted else f"as the {series.labels.course}"


def _gap_heading(series: Series) -> str:
    labels = series.labels
    what = "Distance from " + ("what was expected" if labels.fitted else f"the {labels.course}")
    heading = measured(what, "per cent" if labels.log else labels.points)
    return f"{heading}, season taken out" if series.seasonal else heading


def _mean_label(series: Series) -> tuple[EndLabel, ...]:
    labels, mean = series.labels, series["peer_mean"]
    if np.isnan(mean).all():
        return ()
    if labels.mixture:
        words = f"{labels.mixture}: weighted {'geometric ' if labels.log else ''}mean of other units"
        return (EndLabel(words, last_known(mean), PEER_MEAN),)
    words = f"{'geometric mean' if labels.log else 'mean'} of {counted(labels.n_peers, 'peers', 'peers')}"
    return (EndLabel(labels.only_peer or words, last_known(mean), PEER_MEAN),)


def _notes(series: Series, upper: Limits, bands: list[tuple[Limits, tuple[Values, ...]]]) -> list[str]:
    """Return what a reader has to know about the scales and about what is not shown."""
    notes = []
    scattered = {
        reason
        for reason, used in zip(series.frame["used_reason"], series.used, strict=True)
        if not used and reason == "small denominator"
    }
    hollow = ~series.used & ~np.isnan(series["observed"])
    if hollow.any():
        notes.append(
            "Hollow points were not used" + (" (some for a small denominator)." if scattered else ".")
        )
    if upper.low > 0.0:
        notes.append("The upper scale does not start at zero.")
    if upper.cuts(series.peers):
        notes.append("Some peers lie beyond the scale.")
    cut = [band for limits, band in bands if limits.cuts(*band)]
    if cut:
        shown = [(edge > limits.low) & (edge < limits.high) for limits, band in bands for edge in band]
        fate = "runs off the scale" if np.any(shown) else "is wider than the scale"
        low, high = (rounded(float(last_known(edge))) for edge in cut[0])
        notes.append(f"The interval {fate}: in the end it reaches from {low} to {high}.")
    if series.labels.not_estimable:
        notes.append("The change is not estimable from this series.")
    return [*notes, *_bound_note(series)]


def _bound_note(series: Series) -> list[str]:
    """Return a sentence when the counterfactual of a percentage becomes impossible."""
    labels = series.labels
    stopped = ~np.isnan(series["counterfactual"]) & np.isnan(series["trend_counterfactual"])
    if labels.controlled and labels.outside_range:
        return [f"Carried on, the {labels.course} would take the unit outside 0 to 100 %."]
    if labels.bounds is None or labels.controlled or not (stopped & ~np.isnan(series["season"])).any():
        return []
    first = series.periods[int(np.flatnonzero(stopped)[0])]
    low, high = labels.bounds
    words = in_words(first, labels.frequency)
    return [f"From {words} the earlier trend would lie outside {low:g} to {high:g} and is not drawn."]


def draw_main_its(frame: pd.DataFrame, labels: SeriesLabels) -> Figure:
    """Return the main figure of one series.

    Parameters
    ----------
    frame : DataFrame
        As ``series_data`` returns it; nothing else is drawn.
    labels : SeriesLabels
        As ``series_labels`` returns it.

    Notes
    -----
    After Turner et al. (2021, doi:10.1002/jrsm.1435): every observation as a point, none joined; solid
    fitted lines, a dashed counterfactual, the interruption marked and labelled. For a single series the
    upper panel has the levels and the lower one the distance from the trend without the interruption; for
    a controlled one the lower panel has the difference from the peers with its own fit.
    """
    series = Series(frame, labels)
    panels, notes = difference_panels(series) if labels.controlled else single_panels(series)
    return draw_sheet(panels, series.span, interruption_marks(series), notes)


def main_its_text(frame: pd.DataFrame, labels: SeriesLabels) -> str:
    """Return the alt text: the span, and fit and earlier trend at the end."""
    after = "deseasonalised" if labels.predicted else "trend_fitted"
    shown = frame[frame[after].notna() & frame["trend_counterfactual"].notna()]
    span = span_in_words(frame, labels.frequency)
    what = f"the difference from {labels.whom}" if labels.controlled else "the level"
    shown_lines = f"observations, fit and the {labels.course} carried on"
    start = f"{labels.outcome} of {labels.unit_name}, {span}: {shown_lines}."
    if shown.empty:
        return start
    last = shown.iloc[-1]
    numbers = [float(last[name]) for name in (after, "trend_counterfactual", "trend_low", "trend_high")]
    fitted, line, low, high = (rounded(number) for number in numbers)
    band = f" ({labels.band} {low} to {high})"
    seen = "the observation puts" if labels.predicted else "the fit puts"
    return (
        f"{start} In {in_words(last['period'], labels.frequency)} {seen} {what}, without its season, "
        f"at {fitted}, the {labels.course} at {line}{'' if math.isnan(numbers[-1]) else band}."
    )


MAIN_ITS = FigureKind(
    name="main_its",
    caption="Every observation, the fitted lines, and what was expected",
    about=("unit", "design"),
    rows=lambda evaluation, outcome: evaluation.rows_of("series", outcome),
    data=series_data,
    labels=series_labels,
    draw=draw_main_its,
    alt_text=main_its_text,
    section="units",
    wide=True,
)
