"""Residual diagnostics: the innovations of a fit in time, among themselves, and beside the normal."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from its_eval.calendar import parse_period
from its_eval.figures.kinds import FigureKind, figure_labels, first_days, frequency_of, rows_for
from its_eval.figures.scales import Limits, dated_ticks, day_numbers, reach, round_ticks, thinned, tick_labels
from its_eval.figures.series import AFTER, BEFORE, series_of, start_index
from its_eval.figures.style import (
    EDGE,
    INK,
    LINE_HEIGHT,
    NARROW,
    QUIET,
    UNIT,
    blank_figure,
    house_style,
    text_width,
    wrap,
    write,
)
from its_eval.words.numbers import rounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from its_eval.evaluation import Evaluation
    from its_eval.figures.kinds import FigureLabels, FigureTask

    Values = NDArray[np.float64]


TIME, LAGS, NORMAL, SPREAD = "time", "lags", "normal", "spread"
#: 97.5th percentile of the normal distribution.
_Z = NormalDist().inv_cdf(0.975)


def residuals_data(evaluation: Evaluation, task: FigureTask) -> pd.DataFrame:
    """Return four views of the innovations of a fit in one table.

    Returns
    -------
    DataFrame
        ``panel``, ``label``, ``x``, ``y``, ``limit``. Panel ``time``: an innovation ``y`` per period
        (``label``; ``x`` counts periods). ``lags``: autocorrelation ``y`` at lag ``x``, with the ``limit``
        of white noise. ``normal``: ordered innovations ``y`` against the normal quantile ``x``.
        ``spread``: innovations ``y`` by segment (``label``), with their standard deviation as ``limit``.

    Raises
    ------
    KeyError
        When the tables have no innovations of this series.

    Notes
    -----
    Autocorrelations divide the sum of products of innovations a lag apart, as far as both are there, by
    the sum of all squares; lags go up to min(24, n/5). Limits are ±1.96/√n (Box & Jenkins), which is rough:
    innovations of a fit with many terms stay within them less often. Normal quantiles are at
    (i − 3/8)/(n + 1/4) (Blom 1958).
    """
    rows = rows_for(evaluation, "residuals", task).dropna(subset="innovation")
    if rows.empty:
        raise KeyError(f"the table `residuals` has no rows of {task.outcome}, {task.unit}, {task.design}")
    frequency = frequency_of(evaluation, task.outcome)
    rows = rows.sort_values("period", kind="stable")
    ordinals = np.array([parse_period(str(period), frequency) for period in rows["period"]])
    values = rows["innovation"].to_numpy(dtype=np.float64)
    series = series_of(evaluation, task)
    start = parse_period(str(series["period"].iloc[start_index(series)]), frequency)
    parts = [
        _part(
            TIME, first_days(rows["period"], frequency), (ordinals - ordinals[0]).astype(np.float64), values
        ),
        _lags(ordinals, values),
        _quantiles(values),
    ]
    for name, chosen in ((BEFORE, ordinals < start), (AFTER, ordinals >= start)):
        part = values[chosen]
        deviation = float(part.std(ddof=1)) if part.size > 1 else np.nan
        parts.append(_part(SPREAD, [name] * len(part), np.arange(len(part), dtype=np.float64), part))
        parts[-1]["limit"] = deviation
    return pd.concat([part for part in parts if not part.empty], ignore_index=True)


def _part(panel: str, labels: list[str], x: Values, y: Values) -> pd.DataFrame:
    return pd.DataFrame({"panel": panel, "label": labels, "x": x, "y": y, "limit": np.nan})


def _lags(ordinals: NDArray[np.int_], values: Values) -> pd.DataFrame:
    grid = np.full(int(ordinals[-1] - ordinals[0]) + 1, np.nan)
    grid[ordinals - ordinals[0]] = values - values.mean()
    squares = np.nansum(grid**2)
    longest = max(min(24, len(values) // 5), 1)
    lags = np.arange(1, min(longest, len(grid) - 1) + 1)
    scale = squares if squares > 0 else np.nan
    found = np.array([np.nansum(grid[lag:] * grid[:-lag]) / scale for lag in lags])
    part = _part(LAGS, [""] * len(lags), lags.astype(np.float64), found)
    part["limit"] = _Z / np.sqrt(len(values))
    return part


def _quantiles(values: Values) -> pd.DataFrame:
    n = len(values)
    normal = NormalDist()
    quantiles = np.array([normal.inv_cdf((i - 0.375) / (n + 0.25)) for i in range(1, n + 1)])
    return _part(NORMAL, [""] * n, quantiles, np.sort(values))


_BETWEEN, _HEIGHT, _FOOT = 0.4, 2.1, 0.34
_DOTTED = (0.0, (1.0, 2.0))
_DOTS: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 4.0, "color": UNIT}
_NOTES = (
    "Innovations are what the fit leaves unexplained, each period's news. Good signs: no pattern in time, "
    "autocorrelations mostly within the dotted lines, dots along the normal line, bars (a standard deviation "
    "either way) of similar length."
)


@house_style()
def draw_residuals(frame: pd.DataFrame, labels: FigureLabels) -> Figure:
    """Return four views of the innovations on one sheet.

    Parameters
    ----------
    frame : DataFrame
        As ``residuals_data`` returns it; nothing else is drawn.
    labels : FigureLabels
        Words.
    """
    parts = {name: frame[frame["panel"] == name] for name in (TIME, LAGS, NORMAL, SPREAD)}
    common = reach([parts[TIME]["y"].to_numpy(dtype=np.float64), np.zeros(1)])
    lags = parts[LAGS]
    bounds = lags["limit"].to_numpy(dtype=np.float64)
    correlations = reach([lags["y"].to_numpy(dtype=np.float64), bounds, -bounds])
    views: list[tuple[str, Limits, Callable[[Axes, float], None]]] = [
        ("In order of time", common, lambda axes, width: _in_time(axes, parts[TIME], width)),
        (
            f"Autocorrelation, by {labels.frequency}s apart",
            correlations,
            lambda axes, width: _by_lag(axes, lags, width),
        ),
        ("Against the normal distribution", common, lambda axes, width: _normal(axes, parts[NORMAL], width)),
        ("Spread before and after the start", common, lambda axes, _: _spread(axes, parts[SPREAD])),
    ]
    ticks = [limits.ticks(5) for _, limits, _ in views]
    left = EDGE + max(text_width(words) for found in ticks for words in tick_labels(found)) + 0.12
    width = (NARROW - 2.0 * left - _BETWEEN - 2.0 * EDGE) / 2.0
    heads = [wrap(words, width + left - EDGE) for words, _, _ in views]
    tops = [
        EDGE + LINE_HEIGHT * (1 + max(heads[first].count("\n"), heads[first + 1].count("\n"))) + 0.06
        for first in (0, 2)
    ]
    notes = wrap(_NOTES, NARROW - 2.0 * EDGE)
    foot = LINE_HEIGHT * (notes.count("\n") + 1) + EDGE
    total = sum(tops) + 2.0 * (_HEIGHT + _FOOT) + foot
    figure = blank_figure(NARROW, total)
    for index, (_, limits, draw) in enumerate(views):
        row, column = divmod(index, 2)
        at = left + column * (width + left + _BETWEEN)
        upper = total - sum(tops[:row]) - row * (_HEIGHT + _FOOT)
        write(figure, at - left + EDGE, upper - EDGE, heads[index])
        bottom = upper - tops[row] - _HEIGHT
        axes = figure.add_axes((at / NARROW, bottom / total, width / NARROW, _HEIGHT / total))
        axes.set_ylim(limits.low, limits.high)
        axes.set_yticks(ticks[index], tick_labels(ticks[index]))
        draw(axes, width)
    write(figure, EDGE, foot, notes)
    return figure


def _in_time(axes: Axes, part: pd.DataFrame, width: float) -> None:
    x = day_numbers([str(date) for date in part["label"]])
    ends = _padded(Limits(float(x[0]), float(x[-1])))
    axes.axhline(0.0, color=QUIET, linewidth=1.0)
    axes.plot(x, part["y"], gid="innovation", **_DOTS)
    axes.set_xlim(ends.low, ends.high)
    positions, words = dated_ticks((ends.low, ends.high))
    axes.set_xticks(positions, thinned(words, positions, width / (ends.high - ends.low)))


def _by_lag(axes: Axes, part: pd.DataFrame, width: float) -> None:
    x, y = (part[name].to_numpy(dtype=np.float64) for name in ("x", "y"))
    axes.axhline(0.0, color=QUIET, linewidth=1.0)
    for limit in part["limit"].head(1):
        for edge in (-limit, limit):
            axes.axhline(edge, color=INK, linewidth=1.2, linestyle=_DOTTED)
    axes.vlines(x, 0.0, y, color=UNIT, linewidth=2.0)
    axes.plot(x, y, gid="autocorrelation", **_DOTS)
    ends = Limits(0.0, float(x.max(initial=0.0)) + 1.0)
    axes.set_xlim(ends.low, ends.high)
    axes.set_xticks(*round_ticks(ends, width))


def _normal(axes: Axes, part: pd.DataFrame, width: float) -> None:
    x, y = (part[name].to_numpy(dtype=np.float64) for name in ("x", "y"))
    ends = _padded(Limits(float(x[0]), float(x[-1])))
    deviation = float(y.std(ddof=1)) if len(y) > 1 else 0.0
    line = np.array([ends.low, ends.high])
    axes.plot(line, y.mean() + deviation * line, color=QUIET, linewidth=1.2, gid="normal-line")
    axes.plot(x, y, gid="quantile", **_DOTS)
    axes.set_xlim(ends.low, ends.high)
    axes.set_xticks(*round_ticks(ends, width))


def _spread(axes: Axes, part: pd.DataFrame) -> None:
    axes.axhline(0.0, color=QUIET, linewidth=1.0)
    for place, name in enumerate((BEFORE, AFTER)):
        rows = part[part["label"] == name]
        y = rows["y"].to_numpy(dtype=np.float64)
        # side by side in a fixed pattern, so that dots of one height do not hide each other
        shift = 0.22 * (np.arange(len(y)) % 5 - 2.0) / 2.0
        axes.plot(place + shift, y, gid=f"spread-{name}", **_DOTS)
        if len(y) and not np.isnan(rows["limit"].iloc[0]):
            bar = float(rows["limit"].iloc[0])
            look: dict[str, Any] = {"color": INK, "linewidth": 3.0, "marker": "_", "markersize": 9.0}
            axes.plot([place + 0.36] * 2, [-bar, bar], gid="deviation", **look)
    axes.set_xlim(-0.5, 1.6)
    axes.set_xticks([0.0, 1.0], [BEFORE, AFTER])


def _padded(limits: Limits) -> Limits:
    pad = 0.03 * (limits.high - limits.low) or 0.5
    return Limits(limits.low - pad, limits.high + pad)


def residuals_text(frame: pd.DataFrame, labels: FigureLabels) -> str:
    """Return the alt text: autocorrelations outside their limits, and the spread before and after."""
    lags, spread = frame[frame["panel"] == LAGS], frame[frame["panel"] == SPREAD]
    outside = int((lags["y"].abs() > lags["limit"]).sum())
    deviations = spread.groupby("label", sort=False)["limit"].first()
    sizes = [f"{rounded(float(deviations[name]))} {name}" for name in deviations.index]
    number = int((frame["panel"] == TIME).sum())
    return (
        f"Four views of {number:,} innovations of {labels.outcome}, {labels.unit_name}: {outside:,} of "
        f"{len(lags):,} autocorrelations lie outside the limits of white noise; the standard deviation is "
        f"{' and '.join(sizes)} the start."
    )


RESIDUALS = FigureKind(
    name="residuals",
    caption="Residuals of the fit",
    about=("unit", "design"),
    rows=lambda evaluation, outcome: evaluation.rows_of("residuals", outcome).dropna(subset="innovation"),
    data=residuals_data,
    labels=figure_labels,
    draw=draw_residuals,
    alt_text=residuals_text,
    section="checks",
)
