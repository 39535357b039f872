"""The main figure: levels and, beneath them, what is compared with the counterfactual."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from its_eval.calendar import describe_period, parse_period
from its_eval.figures.main_its import (
    AFTER,
    BEFORE,
    COPIED,
    GAP,
    PEER_COLUMN,
    TREND,
    MainItsLabels,
)
from its_eval.figures.scales import EndLabel, Limits, Panel, before_each, day_numbers, reach
from its_eval.figures.sheet import Mark, draw_sheet
from its_eval.figures.style import (
    BAND,
    COUNTERFACTUAL,
    COUNTERFACTUAL_TEXT,
    DASHES,
    PEER,
    PEER_MEAN,
    QUIET,
    UNIT,
    house_style,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


_NOT_PEERS = {"period", "date", "segment", *COPIED, *TREND, *GAP}
#: Diameter of a point, in points, for up to so many periods.
_POINT_SIZES = ((100, 5.5), (200, 4.5), (400, 3.5))


class Series:
    """Numbers and words of one series, ready to be drawn.

    Parameters
    ----------
    frame : DataFrame
        As ``main_its_data`` returns it.
    labels : MainItsLabels
        Words.
    """

    def __init__(self, frame: pd.DataFrame, labels: MainItsLabels) -> None:
        self.frame, self.labels = frame, labels
        self.x = day_numbers([str(date) for date in frame["date"]])
        self.periods = [str(period) for period in frame["period"]]

    def __getitem__(self, column: str) -> Values:
        """Return a column as numbers."""
        return self.frame[column].to_numpy(dtype=np.float64)

    @cached_property
    def used(self) -> NDArray[np.bool_]:
        """Periods that entered the fit."""
        return self.frame["used"].to_numpy(dtype=bool)

    @cached_property
    def peers(self) -> Values:
        """Values of single peers, one column each."""
        names = [
            name for name in self.frame.columns if name.startswith(PEER_COLUMN) and name not in _NOT_PEERS
        ]
        return self.frame[names].to_numpy(dtype=np.float64)

    @cached_property
    def seasonal(self) -> bool:
        """Whether the fit has a season."""
        away = np.abs(self["season"] - (1.0 if self.labels.log else 0.0))
        return bool(np.nanmax(away, initial=0.0) > 1e-9)

    def segment(self, name: str) -> NDArray[np.bool_]:
        """Return the periods of a segment."""
        return (self.frame["segment"] == name).to_numpy(dtype=bool)


def draw_points(axes: Axes, series: Series, values: Values) -> None:
    """Draw observations, unjoined; those that were not used are hollow."""
    n = len(series.x)
    size = next((size for most, size in _POINT_SIZES if n <= most), 2.5)
    used = series.used
    axes.plot(
        series.x[used],
        values[used],
        linestyle="none",
        marker="o",
        markersize=size,
        markerfacecolor=UNIT,
        markeredgecolor="white",
        markeredgewidth=0.5,
        zorder=3,
        clip_on=False,
        gid="used",
    )
    hollow = ~used & ~np.isnan(values)
    if hollow.any():
        axes.plot(
            series.x[hollow],
            values[hollow],
            linestyle="none",
            marker="o",
            markersize=size,
            markerfacecolor="white",
            markeredgecolor=QUIET,
            markeredgewidth=1.2,
            zorder=3,
            clip_on=False,
            gid="not-used",
        )


def draw_fit(axes: Axes, series: Series, values: Values) -> None:
    """Draw the fit as a solid line before and another one after the interruption."""
    for name in (BEFORE, AFTER):
        part = series.segment(name)
        if not np.isnan(values[part]).all():
            axes.plot(series.x[part], values[part], color=UNIT, linewidth=3.2, zorder=4, gid=f"fit-{name}")


def draw_counterfactual(axes: Axes, series: Series, line: Values, low: Values, high: Values) -> None:
    """Draw what was expected without the interruption, dashed, with its interval cut off by the scale."""
    bottom, top = axes.get_ylim()
    shown = ~np.isnan(low)
    edges = (np.clip(low, bottom, top), np.clip(high, bottom, top))
    axes.fill_between(
        series.x, *edges, where=shown.tolist(), facecolor=BAND, edgecolor="none", zorder=0.3, gid="band"
    )
    for edge in (low, high):
        axes.plot(series.x, edge, color=COUNTERFACTUAL, linewidth=0.8, zorder=0.7)
    axes.plot(
        series.x, line, color=COUNTERFACTUAL, linewidth=2.6, linestyle=DASHES, zorder=5, gid="counterfactual"
    )


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


def draw_reference(axes: Axes, value: float) -> None:
    """Draw a value that stands for no difference."""
    axes.axhline(value, color=QUIET, linewidth=1.0, zorder=0.8)


_UPPER, _LOWER = 3.55, 2.55
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
#: Peers may stretch the scale to so many times the range of the unit and the mean; beyond, they are cut.
_MOST_FOR_PEERS = 2.5


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
    band = (series["trend_low"], series["trend_high"])
    lower = reach([points, fit], [line], band, include=neutral, from_zero=labels.log)

    def draw_difference(axes: Axes) -> None:
        draw_reference(axes, neutral)
        draw_counterfactual(axes, series, line, *band)
        draw_points(axes, series, points)
        draw_fit(axes, series, fit)

    names = (EndLabel(labels.unit_name, _last(unit), UNIT, bold=True), *_mean_label(series))
    fits = (EndLabel("fitted", _last(fit), UNIT, bold=True), *_counterfactual_label(series, line))
    panels = [
        Panel(_measured(labels.outcome, labels.measure), upper, _UPPER, draw_levels, names),
        Panel(_difference_heading(series), lower, _LOWER, draw_difference, fits),
    ]
    notes = ["Points are observations, solid lines in the lower panel the fit."]
    return panels, [*notes, *_notes(series, upper, [(lower, band)])]


def single_panels(series: Series) -> tuple[list[Panel], list[str]]:
    """Return levels with fit and counterfactual above and the gap between them below, and notes."""
    labels = series.labels
    unit, fit, line = series["observed"], series["trend_fitted"], series["trend_counterfactual"]
    band = (series["trend_low"], series["trend_high"])
    upper = _levels_reach(series, [unit, fit], [line], band)

    def draw_levels(axes: Axes) -> None:
        draw_peers(axes, series)
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
        EndLabel(labels.unit_name, _last(fit), UNIT, bold=True),
        *_mean_label(series),
        *_counterfactual_label(series, line),
    )
    gaps = (
        EndLabel("fitted", _last(gap_fit), UNIT, bold=True),
        EndLabel("as the earlier trend", 0.0, COUNTERFACTUAL_TEXT, line_colour=COUNTERFACTUAL),
    )
    panels = [
        Panel(_measured(labels.outcome, labels.measure), upper, _UPPER, draw_levels, names),
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


def _last(values: Values) -> float:
    """Return the last number there is."""
    known = values[~np.isnan(values)]
    return float(known[-1]) if known.size else 0.0


def _measured(what: str, measure: str) -> str:
    return f"{what}, {measure}" if measure else what


def _points_of(labels: MainItsLabels) -> str:
    """Return the unit of measurement of a difference."""
    return "percentage points" if labels.measure == "%" else labels.measure


def _difference_heading(series: Series) -> str:
    labels = series.labels
    from_whom = "the synthetic control" if labels.synthetic else labels.only_peer or "peers"
    what = f"Ratio to {from_whom}" if labels.log else f"Difference from {from_whom}"
    measured = what if labels.log else _measured(what, _points_of(labels))
    return f"{measured}, season taken out" if series.seasonal else measured


def _gap_heading(series: Series) -> str:
    labels = series.labels
    what = "Distance from the earlier trend"
    measured = _measured(what, "per cent" if labels.log else _points_of(labels))
    return f"{measured}, season taken out" if series.seasonal else measured


def _mean_label(series: Series) -> tuple[EndLabel, ...]:
    labels, mean = series.labels, series["peer_mean"]
    if np.isnan(mean).all():
        return ()
    if labels.synthetic:
        words = f"synthetic control: weighted {'geometric ' if labels.log else ''}mean of other units"
        return (EndLabel(words, _last(mean), PEER_MEAN),)
    count = _WORDS[labels.n_peers] if labels.n_peers < len(_WORDS) else str(labels.n_peers)
    words = f"{'geometric mean' if labels.log else 'mean'} of {count} peers"
    return (EndLabel(labels.only_peer or words, _last(mean), PEER_MEAN),)


def _counterfactual_label(series: Series, line: Values) -> tuple[EndLabel, ...]:
    if np.isnan(line).all():
        return ()
    words = "had the earlier trend gone on"
    if not np.isnan(series["trend_low"]).all():
        words += f", with {100.0 * series.labels.confidence:g}% interval"
    tied = not np.isnan(line[-1])
    return (EndLabel(words, _last(line), COUNTERFACTUAL_TEXT, line_colour=COUNTERFACTUAL, tied=tied),)


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
    if any(limits.cuts(*band) for limits, band in bands):
        shown = [(edge > limits.low) & (edge < limits.high) for limits, band in bands for edge in band]
        fate = "runs off the scale" if np.any(shown) else "is wider than the scale"
        notes.append(f"The interval {fate}.")
    if series.labels.not_estimable:
        notes.append("The change is not estimable from this series.")
    return [*notes, *_bound_note(series)]


def _bound_note(series: Series) -> list[str]:
    """Return a sentence when the counterfactual of a percentage becomes impossible."""
    labels = series.labels
    stopped = ~np.isnan(series["counterfactual"]) & np.isnan(series["trend_counterfactual"])
    if labels.controlled and labels.outside_range:
        return ["Carried on, the earlier trend would take the unit outside 0 to 100 %."]
    if labels.bounds is None or labels.controlled or not (stopped & ~np.isnan(series["season"])).any():
        return []
    first = series.periods[int(np.flatnonzero(stopped)[0])]
    low, high = labels.bounds
    words = describe_period(parse_period(first, labels.frequency), labels.frequency)
    return [f"From {words} the earlier trend would lie outside {low:g} to {high:g} and is not drawn."]


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
