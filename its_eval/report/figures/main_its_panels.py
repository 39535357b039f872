"""The panels of the main figure: how far the scales reach and what is said beside and beneath them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.data.periods import describe_period, parse_period
from its_eval.report.figures.main_its_drawing import (
    Series,
    draw_counterfactual,
    draw_fit,
    draw_peers,
    draw_points,
    draw_reference,
)
from its_eval.report.figures.scales import Limits, reach
from its_eval.report.figures.sheet import EndLabel, Panel
from its_eval.report.figures.style import COUNTERFACTUAL, COUNTERFACTUAL_TEXT, PEER_MEAN, UNIT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from its_eval.report.figures.main_its_labels import MainItsLabels

    Values = NDArray[np.float64]

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
